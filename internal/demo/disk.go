package demo

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// disk looks at the bytes that lie in the data folder.
func (s *story) disk(context.Context) error {
	sealed, err := s.largest()
	if err != nil {
		return err
	}
	rel, _ := filepath.Rel(s.scratch, sealed)
	head := make([]byte, 64)
	if err := readAt(sealed, head, 96); err != nil {
		return err
	}
	s.say("A look at the disk",
		"of "+s.kept[len(s.kept)-1].path, "the first bytes are")
	s.say("", indent(hex.Dump([]byte(sentence)[:64]))...)
	s.say("", "and in "+rel+", where it lies, behind the header,")
	s.say("", indent(hex.Dump(head))...)
	needles := map[string]string{
		"a sentence of the files": sentence,
		"an object's name":        s.kept[0].key,
		"the bucket's name":       s.clinic.bucket,
		"the customer's name":     s.clinic.name,
		"the secret key":          s.clinic.credential.SecretKey,
	}
	files, size, found, err := search(string(s.data), needles)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("the data folder shows %s", strings.Join(found, ", "))
	}
	_, _, control, err := search(filepath.Join(s.scratch, "files"), needles)
	if err != nil {
		return err
	}
	if len(control) == 0 {
		return errors.New("the search finds nothing where there is something")
	}
	s.say("", fmt.Sprintf("searched all %d files of the data folder, %d bytes, file names too, for", files, size),
		"  a sentence of the files, an object's name, the bucket's name, the customer's name, the secret key",
		"found: 0 (the same search over the files that were put finds "+control[0]+", so it does look)",
		"look yourself: grep -r Calder "+string(s.data))
	return nil
}

func indent(dump string) []string {
	lines := strings.Split(strings.TrimRight(dump, "\n"), "\n")
	for i := range lines {
		lines[i] = "  " + lines[i]
	}
	return lines
}

// largest is the largest file of the blobs: the archive's.
func (s *story) largest() (name string, err error) {
	var most int64
	err = filepath.WalkDir(s.data.Blobs(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > most && !strings.Contains(path, "segment") {
			name, most = path, info.Size()
		}
		return err
	})
	if err == nil && name == "" {
		err = errors.New("no blob lies in the data folder")
	}
	return name, err
}

func readAt(name string, b []byte, off int64) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("couldn't open a sealed file: %w", err)
	}
	defer f.Close()
	if _, err := f.ReadAt(b, off); err != nil {
		return fmt.Errorf("couldn't read a sealed file: %w", err)
	}
	return nil
}

// search looks for texts in every file of a folder, and in the files' names.
func search(dir string, needles map[string]string) (files int, size int64, found []string, err error) {
	hits := map[string]bool{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
			return nil // a socket, or gone meanwhile
		}
		if err != nil {
			return err
		}
		body, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("couldn't search a file: %w", err)
		}
		files++
		size += int64(len(body))
		rel, _ := filepath.Rel(dir, path)
		for what, needle := range needles {
			if bytes.Contains(body, []byte(needle)) || strings.Contains(rel, needle) {
				hits[what] = true
			}
		}
		return nil
	})
	for what := range hits {
		found = append(found, what)
	}
	return files, size, found, err
}

// tamper flips one byte of a sealed file, asks for the object, and puts the
// byte back.
func (s *story) tamper(ctx context.Context) error {
	sealed, err := s.largest()
	if err != nil {
		return err
	}
	const at = 2_000_000
	whole := s.kept[len(s.kept)-1]
	if err := flip(sealed, at); err != nil {
		return err
	}
	_, n, refused := s.clinic.get(ctx, s.clinic.bucket, whole.key)
	if refused == nil {
		return errors.New("altered bytes were served")
	}
	if err := flip(sealed, at); err != nil {
		return err
	}
	if err := s.same(ctx, s.clinic, whole); err != nil {
		return err
	}
	rel, _ := filepath.Rel(s.scratch, sealed)
	s.say("Somebody changes one bit on the disk",
		fmt.Sprintf("byte %d of %s, xor 1; then GET %s", at, rel, whole.key),
		fmt.Sprintf("the transfer broke off after %d of %d bytes: %s", n, whole.size, s3Error(refused)),
	)
	for _, line := range s.log.take() {
		if _, message, found := strings.Cut(line, " msg="); found {
			s.say("", "the server's log, without a name in it: "+message)
		}
	}
	s.say("", "a wrong byte was never served; with the bit put back the object is whole again")
	return nil
}

func flip(name string, at int64) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("couldn't open a sealed file: %w", err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return fmt.Errorf("couldn't read a sealed file: %w", err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], at); err != nil {
		return fmt.Errorf("couldn't write a sealed file: %w", err)
	}
	return nil
}
