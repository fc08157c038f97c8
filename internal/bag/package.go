package bag

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"writ"
	"writ/internal/durable"
	"writ/internal/seal"
)

const (
	packageName = "package.json"
	sumsName    = "SHA256SUMS"
	version     = 1
	// maxPackageJSON bounds package.json; each volume takes some 150 bytes.
	maxPackageJSON = 32 << 20
)

// packageFile is package.json.
type packageFile struct {
	Version    int         `json:"writ_package"`
	Case       writ.CaseID `json:"case"`
	Sealing    string      `json:"sealing"`
	Recipients []string    `json:"recipients"`
	Objects    int64       `json:"objects"`
	Bytes      int64       `json:"bytes"`
	Manifest   string      `json:"tagmanifest_sha256"`
	Volumes    []Volume    `json:"volumes"`
	// List is for the provider: the digest of the list of objects, sealed under
	// the key of the state, so that a package is never taken for another's.
	List []byte `json:"provider"`
}

// write puts SHA256SUMS and then package.json in place, durably.
func (p Package) write(dir string, list []byte, room *room) error {
	body, err := json.MarshalIndent(packageFile{version, p.Case, p.Sealing, p.Recipients, p.Objects, p.Bytes, p.Manifest, p.Volumes, list}, "", "  ")
	if err != nil {
		return fmt.Errorf("couldn't encode package.json: %w", err)
	}
	body = append(body, '\n')
	if err := room.take(int64(len(body) + len(p.sums()))); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(dir, sumsName), p.sums(), 0o600); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, packageName), body, 0o600)
}

// sums is what sha256sum -c reads.
func (p Package) sums() []byte {
	var b bytes.Buffer
	for _, v := range p.Volumes {
		fmt.Fprintf(&b, "%s  %s\n", v.SHA256, v.Name)
	}
	return b.Bytes()
}

// Check is the courier's check: it reads package.json and compares every
// volume with it. It needs no key. [ErrDamaged] says which volume is missing
// or changed. Where there is no package.json, the error is that of the file
// system (fs.ErrNotExist).
func Check(dir string) (Package, error) {
	file, err := readPackage(dir)
	if err != nil {
		return Package{}, err
	}
	p := file.pack()
	return p, p.checkVolumes(dir)
}

func (p Package) checkVolumes(dir string) error {
	for i, v := range p.Volumes {
		if err := checkVolume(dir, v); err != nil {
			return fmt.Errorf("couldn't check volume %d of %d: %w", i+1, len(p.Volumes), err)
		}
	}
	return nil
}

func readPackage(dir string) (packageFile, error) {
	f, err := os.Open(filepath.Join(dir, packageName))
	if err != nil {
		return packageFile{}, fmt.Errorf("couldn't open package.json: %w", err)
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxPackageJSON+1))
	if err != nil {
		return packageFile{}, fmt.Errorf("couldn't read package.json: %w", err)
	}
	var file packageFile
	if len(body) > maxPackageJSON || json.Unmarshal(body, &file) != nil {
		return packageFile{}, fmt.Errorf("%w: package.json can't be read", ErrDamaged)
	}
	if file.Version != version {
		return packageFile{}, fmt.Errorf("%w: package.json is of version %d, this program reads version %d", ErrDamaged, file.Version, version)
	}
	return file, file.pack().check()
}

func (f packageFile) pack() Package {
	return Package{f.Case, f.Sealing, f.Recipients, f.Objects, f.Bytes, f.Manifest, f.Volumes}
}

// check is for a package.json that anyone may have written.
func (p Package) check() error {
	if _, err := writ.ParseCaseID(string(p.Case)); err != nil {
		return fmt.Errorf("%w: package.json names no case", ErrDamaged)
	}
	ext := extension(p.Sealing)
	if ext == "" || len(p.Volumes) == 0 || !isSum(p.Manifest) {
		return fmt.Errorf("%w: package.json isn't one of a package", ErrDamaged)
	}
	for i, v := range p.Volumes {
		if v.Name != volumeName(p.Case, i+1, ext) || v.Size <= 0 || !isSum(v.SHA256) {
			return fmt.Errorf("%w: package.json says something impossible of volume %d", ErrDamaged, i+1)
		}
	}
	return nil
}

func extension(sealing string) string {
	switch sealing {
	case sealAge:
		return ageSealing{}.ext()
	case sealCMS:
		return (*cmsSealing)(nil).ext()
	}
	return ""
}

func isSum(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size && strings.ToLower(s) == s
}

func checkVolume(dir string, v Volume) error {
	f, err := os.Open(filepath.Join(dir, v.Name))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: it is missing", ErrDamaged)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, v.Size+1))
	if err != nil {
		return err
	}
	if n != v.Size || hex.EncodeToString(h.Sum(nil)) != v.SHA256 {
		return fmt.Errorf("%w: it isn't what was written", ErrDamaged)
	}
	return nil
}

// finished returns the package that an earlier call of the same input
// finished, or nil.
func finished(in Input, plan begin) (*Package, error) {
	file, err := readPackage(in.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list, err := seal.NewBox(in.StateKey).Open(nil, file.List, listLabel(in.Case))
	if err != nil || string(list) != plan.List || !slices.Equal(file.Recipients, plan.Recipients) {
		return nil, fmt.Errorf("%w: it holds a finished package of another case or list, or for other recipients", ErrOther)
	}
	p := file.pack()
	if err := p.checkVolumes(in.Dir); err != nil {
		return nil, err
	}
	return &p, removeState(in.Dir)
}

// sealedList is what a later call knows its own package by.
func sealedList(in Input, plan begin) []byte {
	return seal.NewBox(in.StateKey).Seal(nil, []byte(plan.List), listLabel(in.Case))
}

func listLabel(id writ.CaseID) []byte { return []byte("writ/package/list/v1\n" + string(id)) }

// removeState removes what a finished package needs no more.
func removeState(dir string) error {
	for _, name := range []string{stateName, unfinished} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("couldn't remove the state of the production: %w", err)
		}
	}
	return durable.SyncDir(dir)
}

// ours reports whether a file is one that a production of the case makes
// besides volumes that count.
func ours(name string, id writ.CaseID) bool {
	switch strings.TrimSuffix(name, ".new") {
	case stateName, unfinished, sumsName, packageName:
		return true
	}
	for _, s := range []string{sealAge, sealCMS} {
		if strings.HasPrefix(name, string(id)+".") && strings.HasSuffix(name, extension(s)) {
			return true
		}
	}
	return false
}

// tidy makes the folder what the state says: volumes that count are whole, one
// that was renamed and not yet counted is removed, and nothing else is there.
func tidy(dir string, id writ.CaseID, ext string, volumes []Volume, begun bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("couldn't list the package's folder: %w", err)
	}
	counted := make(map[string]bool)
	for i, v := range volumes {
		if err := checkVolume(dir, v); err != nil {
			return fmt.Errorf("couldn't go on behind volume %d, discard the production and begin again: %w", i+1, err)
		}
		counted[v.Name] = true
	}
	next := volumeName(id, len(volumes)+1, ext)
	for _, e := range entries {
		name := e.Name()
		switch {
		case counted[name], name == stateName:
		case name == next && begun, strings.TrimSuffix(name, ".new") == unfinished, strings.HasSuffix(name, ".new") && ours(name, id), name == sumsName:
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return fmt.Errorf("couldn't remove what isn't finished: %w", err)
			}
		default:
			return fmt.Errorf("%w: it holds files that aren't of this production; choose an empty folder", ErrOther)
		}
	}
	return nil
}

// Discard removes a package of the case from its folder, finished or not, and
// the folder if nothing else is in it.
func Discard(dir string, id writ.CaseID) error {
	if _, err := writ.ParseCaseID(string(id)); err != nil {
		return fmt.Errorf("%w: %w", ErrInput, err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("couldn't list the package's folder: %w", err)
	}
	left := len(entries)
	for _, e := range entries {
		if !ours(e.Name(), id) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("couldn't remove a file of the package: %w", err)
		}
		left--
	}
	if left > 0 {
		return durable.SyncDir(dir)
	}
	if err := os.Remove(dir); err != nil {
		return fmt.Errorf("couldn't remove the package's folder: %w", err)
	}
	return durable.SyncDir(filepath.Dir(dir))
}
