// Package archive makes, reads and unpacks source archives: tar files under
// gzip that are the same bytes whoever makes them from the same files.
//
// An archive of version V is named writ-V.tar.gz, holds regular files below
// writ-V/ only, in the order of their names, in USTAR headers with owner 0, mode
// 0644 or 0755 and one fixed time; gzip's header has neither name nor time. One
// of its files, VERSION, is V and a newline, so that who has the archive needs
// no git to build it. [Read] takes nothing else: no links, no devices, no
// folders, no names that mean something outside, nothing behind the end.
//
// What gzip makes of the tar depends on the compressor, so an archive is made
// again bit for bit by the same version of Go.
package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/mod/semver"
)

const (
	// MaxFile is the most bytes of one file.
	MaxFile = 8 << 20
	// MaxTotal is the most bytes of all files together.
	MaxTotal = 64 << 20
	// MaxFiles is how many files there may be.
	MaxFiles = 20_000
	// MaxArchive is the most bytes of an archive.
	MaxArchive = 64 << 20

	maxName     = 200
	versionFile = "VERSION"
)

// ErrForm: this is not a source archive as this package writes them.
var ErrForm = errors.New("not a source archive of writ")

// stamp is the time of every file: no clock gets into an archive.
var stamp = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// File is one file of the source.
type File struct {
	Name string // slash-separated, below the root
	Exec bool
	Body []byte
}

// Tree is the source of one version. It is not changed after it was made.
type Tree struct {
	Version string
	files   []File // in the order of their names
}

// Name is the archive's file name for a version.
func Name(version string) string { return "writ-" + version + ".tar.gz" }

// CheckVersion says whether a text can name a release: a semantic version,
// with or without a leading v, that git describe did not make up from a commit.
func CheckVersion(version string) error {
	v := "v" + strings.TrimPrefix(version, "v")
	if semver.Canonical(v) != v || len(version) > 64 || described(version) {
		return fmt.Errorf("%.100q is not the version of a release, such as v1.2.3", version)
	}
	return nil
}

// described says whether git describe named a commit after a tag, or a tree
// with changes.
func described(version string) bool {
	version, dirty := strings.CutSuffix(version, "-dirty")
	parts := strings.Split(version, "-")
	if n := len(parts); n >= 3 {
		hash, isHash := strings.CutPrefix(parts[n-1], "g")
		return dirty || isHash && len(hash) >= 7 && only(hash, "0123456789abcdef") && only(parts[n-2], "0123456789")
	}
	return dirty
}

func only(text, chars string) bool { return text != "" && strings.Trim(text, chars) == "" }

// New makes the tree of a version from its files; VERSION is added. Errors:
// [ErrForm], where a name, a size or the version could not be in an archive.
func New(version string, files []File) (*Tree, error) {
	if err := CheckVersion(version); err != nil {
		return nil, err
	}
	all := append(slices.Clone(files), File{Name: versionFile, Body: []byte(version + "\n")})
	slices.SortFunc(all, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	t := &Tree{Version: version, files: all}
	return t, t.check()
}

// check holds the files against what an archive may hold.
func (t *Tree) check() error {
	if len(t.files) > MaxFiles {
		return fmt.Errorf("%w: more than %d files", ErrForm, MaxFiles)
	}
	total, last := 0, ""
	seen := map[string]place{}
	for _, f := range t.files {
		if err := checkName(f.Name); err != nil {
			return err
		}
		if f.Name <= last {
			return fmt.Errorf("%w: %q is there twice, or out of order", ErrForm, f.Name)
		}
		last = f.Name
		for name := f.Name; name != "."; name = path.Dir(name) {
			here := place{name, name == f.Name}
			if other, ok := seen[strings.ToLower(name)]; ok && (other != here || here.file) {
				return fmt.Errorf("%w: %q and %q are one place on some systems", ErrForm, other.name, f.Name)
			}
			seen[strings.ToLower(name)] = here
		}
		if total += len(f.Body); len(f.Body) > MaxFile || total > MaxTotal {
			return fmt.Errorf("%w: %q makes it larger than it may be", ErrForm, f.Name)
		}
	}
	if version, ok := t.Open(versionFile); !ok || string(version) != t.Version+"\n" {
		return fmt.Errorf("%w: its %s doesn't say %q", ErrForm, versionFile, t.Version)
	}
	return nil
}

// place is a file or a folder, as a file system that knows no case sees it.
type place struct {
	name string
	file bool
}

// checkName refuses names that could mean something outside of the archive, on
// any system.
func checkName(name string) error {
	switch {
	case len(name) > maxName, !utf8.ValidString(name), strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }):
		return fmt.Errorf("%w: the name %.100q", ErrForm, name)
	case strings.ContainsAny(name, `\:*?"<>|`), path.Clean(name) != name, !filepath.IsLocal(filepath.FromSlash(name)), path.IsAbs(name), name == ".":
		return fmt.Errorf("%w: the name %.100q", ErrForm, name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.EqualFold(part, ".git") || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") {
			return fmt.Errorf("%w: the name %.100q", ErrForm, name)
		}
	}
	return nil
}

// Files returns the files in the order of their names. They are the tree's own.
func (t *Tree) Files() []File { return t.files }

// Open returns the contents of a file.
func (t *Tree) Open(name string) ([]byte, bool) {
	i, ok := slices.BinarySearchFunc(t.files, name, func(f File, name string) int { return strings.Compare(f.Name, name) })
	if !ok {
		return nil, false
	}
	return t.files[i].Body, true
}

// Write writes the archive.
func (t *Tree) Write(w io.Writer) error {
	zw, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("couldn't write the archive: %w", err)
	}
	tw := tar.NewWriter(zw)
	for _, f := range t.files {
		if err = tw.WriteHeader(t.header(f)); err == nil {
			_, err = tw.Write(f.Body)
		}
		if err != nil {
			return fmt.Errorf("couldn't write %s into the archive: %w", f.Name, err)
		}
	}
	if err = tw.Close(); err == nil {
		err = zw.Close()
	}
	if err != nil {
		return fmt.Errorf("couldn't write the archive: %w", err)
	}
	return nil
}

// Bytes returns the archive.
func (t *Tree) Bytes() ([]byte, error) {
	var b bytes.Buffer
	err := t.Write(&b)
	return b.Bytes(), err
}

func (t *Tree) top() string { return "writ-" + t.Version + "/" }

func (t *Tree) header(f File) *tar.Header {
	mode := int64(0o644)
	if f.Exec {
		mode = 0o755
	}
	return &tar.Header{Typeflag: tar.TypeReg, Name: t.top() + f.Name, Size: int64(len(f.Body)), Mode: mode, ModTime: stamp, Format: tar.FormatUSTAR}
}
