package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// save writes a new file, durably; a part of it is removed again.
func save(name string, body io.Reader, mode fs.FileMode) (n int64, err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, os.ErrExist) {
		return 0, withHint(fmt.Errorf("%s is there already", name), "name a file that is not")
	}
	if err != nil {
		return 0, fmt.Errorf("couldn't make the file: %w", err)
	}
	n, err = io.Copy(f, body)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		os.Remove(name)
		return n, fmt.Errorf("couldn't write %s: %w", name, err)
	}
	return n, nil
}

// saveBytes is save of what is in memory.
func saveBytes(name string, body []byte, mode fs.FileMode) error {
	_, err := save(name, bytes.NewReader(body), mode)
	return err
}

// readJSON reads a bounded file of JSON that has no field but the known ones.
func readJSON(name string, most int64, into any) error {
	b, err := readBounded(name, most)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if dec.More() {
		return fmt.Errorf("%s holds more than one value", name)
	}
	return nil
}
