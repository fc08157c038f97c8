package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Read reads an archive into memory, at most [MaxTotal] and what it takes to
// say where the bytes are. Errors: [ErrForm], and those of the reader.
func Read(r io.Reader) (*Tree, error) {
	compressed := &io.LimitedReader{R: r, N: MaxArchive + 1}
	in := &counted{Reader: compressed}
	buffered := bufio.NewReader(in)
	zr, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, broken(in, err)
	}
	if zr.Name != "" || zr.Comment != "" || zr.Extra != nil || !zr.ModTime.IsZero() {
		return nil, fmt.Errorf("%w: gzip's header is not empty", ErrForm)
	}
	zr.Multistream(false)
	// One header and its padding a file, and the end: no tar is larger.
	plain := &io.LimitedReader{R: zr, N: MaxTotal + MaxFiles*1024 + 1024}
	t, err := readTar(plain)
	if err != nil {
		return nil, broken(in, err)
	}
	// Through to the end, so that gzip's checksum is checked, and nothing hides
	// behind: tar is padded with zeros to 1,024 bytes, no further.
	if n, err := io.Copy(io.Discard, plain); err != nil {
		return nil, broken(in, err)
	} else if _, err := buffered.Peek(1); n > 0 || err == nil {
		return nil, fmt.Errorf("%w: something follows its end", ErrForm)
	}
	if compressed.N <= 0 {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrForm, MaxArchive)
	}
	return t, t.check()
}

// counted keeps a reader's own error apart from what a decoder makes of it.
type counted struct {
	io.Reader
	err error
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// broken is the error of an archive that could not be decoded.
func broken(in *counted, err error) error {
	switch {
	case in.err != nil:
		return fmt.Errorf("couldn't read the archive: %w", in.err)
	case errors.Is(err, ErrForm):
		return err
	}
	return fmt.Errorf("%w: %w", ErrForm, err)
}

func readTar(r io.Reader) (*Tree, error) {
	t := new(Tree)
	tr := tar.NewReader(r)
	total := 0
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			if t.Version == "" {
				return nil, fmt.Errorf("%w: it is empty", ErrForm)
			}
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		if len(t.files) == 0 {
			top, _, _ := strings.Cut(h.Name, "/")
			t.Version = strings.TrimPrefix(top, "writ-")
			if err := CheckVersion(t.Version); err != nil {
				return nil, fmt.Errorf("%w: it begins with %.100q", ErrForm, h.Name)
			}
		}
		f, err := t.entry(h)
		if err != nil {
			return nil, err
		}
		if total += int(h.Size); total > MaxTotal || len(t.files) >= MaxFiles {
			return nil, fmt.Errorf("%w: it holds more than it may", ErrForm)
		}
		if f.Body, err = io.ReadAll(io.LimitReader(tr, h.Size)); err != nil {
			return nil, err
		}
		t.files = append(t.files, f)
	}
}

// entry takes a header only if it is the one that Write would write.
func (t *Tree) entry(h *tar.Header) (File, error) {
	name, below := strings.CutPrefix(h.Name, t.top())
	if h.Typeflag != tar.TypeReg {
		return File{}, fmt.Errorf("%w: %.100q is no regular file", ErrForm, h.Name)
	}
	if !below {
		return File{}, fmt.Errorf("%w: %.100q is not below %s", ErrForm, h.Name, t.top())
	}
	if err := checkName(name); err != nil {
		return File{}, err
	}
	if h.Size < 0 || h.Size > MaxFile {
		return File{}, fmt.Errorf("%w: %q has %d bytes", ErrForm, name, h.Size)
	}
	f := File{Name: name, Exec: h.Mode == 0o755}
	if h.Mode != 0o755 && h.Mode != 0o644 || !h.ModTime.Equal(stamp) || h.Uid != 0 || h.Gid != 0 ||
		h.Uname != "" || h.Gname != "" || h.Linkname != "" || len(h.PAXRecords) > 0 || h.Devmajor != 0 || h.Devminor != 0 || h.Format != tar.FormatUSTAR {
		return File{}, fmt.Errorf("%w: the header of %q says more than a name and a size", ErrForm, name)
	}
	return f, nil
}

// Extract writes the files below a folder, which must be there. It follows no
// link and writes over nothing.
func (t *Tree) Extract(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("couldn't unpack the source: %w", err)
	}
	defer root.Close()
	for _, f := range t.files {
		mode := os.FileMode(0o644)
		if f.Exec {
			mode = 0o755
		}
		if err := extract(root, f, mode); err != nil {
			return fmt.Errorf("couldn't unpack the source: %w", err)
		}
	}
	return nil
}

func extract(root *os.Root, f File, mode os.FileMode) error {
	if err := root.MkdirAll(path.Dir(f.Name), 0o755); err != nil {
		return err
	}
	out, err := root.OpenFile(f.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, bytes.NewReader(f.Body))
	if e := out.Close(); err == nil {
		err = e
	}
	return err
}
