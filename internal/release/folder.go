package release

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"writ/internal/proof"
)

// Folder is a release on the disk, whose files were what release.json names
// when it was loaded.
type Folder struct {
	Dir     string
	Release proof.Release
	raw     []byte
	present []Artifact
}

// Load reads a release's folder and checks the hash of every file in it that
// the release names. Its source must be there; programs and documents may be
// missing, since a server needs but one of them. It doesn't look at the receipt:
// who publishes a release makes that. Errors: [ErrForm], [ErrDiffers], and those
// of the file system.
func Load(dir string) (*Folder, error) {
	raw, err := readBounded(filepath.Join(dir, StatementFile), proof.MaxStatement)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the release: %w", err)
	}
	f := &Folder{Dir: dir, raw: bytes.TrimSuffix(raw, []byte("\n"))}
	if f.Release, err = Parse(f.raw); err != nil {
		return nil, fmt.Errorf("couldn't read the release: %w", err)
	}
	for i, a := range Artifacts(f.Release) {
		err := a.Check(filepath.Join(dir, a.Name))
		if errors.Is(err, fs.ErrNotExist) && i > 0 {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't take the release: %w", err)
		}
		f.present = append(f.present, a)
	}
	return f, nil
}

// Body is what the release statement must say, byte for byte: release.json
// without its newline.
func (f *Folder) Body() json.RawMessage { return bytes.Clone(f.raw) }

// SourceFile is the path of the source archive.
func (f *Folder) SourceFile() string { return filepath.Join(f.Dir, f.Release.Source.Name) }

// Present lists the files of the folder that the release names.
func (f *Folder) Present() []Artifact { return f.present }

// readBounded reads a file of at most so many bytes.
func readBounded(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%w: %s has more than %d bytes", ErrForm, filepath.Base(name), most)
	}
	return b, err
}
