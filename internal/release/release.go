package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"writ/internal/proof"
	"writ/internal/release/archive"
)

// The files of a release beside its source and its programs.
const (
	StatementFile  = "release.json"         // body of the release statement
	ReceiptFile    = "receipt.json"         // its receipt, which the log gives
	SBOMFile       = "sbom.cdx.json"        // CycloneDX 1.6
	ProvenanceFile = "provenance.dsse.json" // in-toto statement, SLSA provenance v1, in DSSE
	DataMapFile    = "datamap.json"         // which code sees what in plain
	DataMapText    = "datamap.md"           // the same, to read
	SumsFile       = "SHA256SUMS"           // for sha256sum --check
)

const (
	// MaxDocument is the most bytes of a file of a release that is neither its
	// source nor a program.
	MaxDocument = 8 << 20
	// MaxBinary is the most bytes of a program.
	MaxBinary = 512 << 20
)

// ErrForm: this is not a release as docs/releases.md describes it.
var ErrForm = errors.New("not a release of writ")

// ErrDiffers: a file is not the one that the release names.
var ErrDiffers = errors.New("not the file that the release names")

var (
	targetForm = regexp.MustCompile(`^[a-z0-9]{1,16}/[a-z0-9]{1,16}$`)
	goForm     = regexp.MustCompile(`^go1\.[0-9]{1,3}(\.[0-9]{1,3}|rc[0-9]{1,2})?$`)
)

// BinaryName is the file name of the program for a target, such as linux/amd64.
func BinaryName(version, target string) string {
	name := "writ-" + version + "-" + strings.ReplaceAll(target, "/", "-")
	if strings.HasPrefix(target, "windows/") {
		name += ".exe"
	}
	return name
}

// Encode is the release.json of a release: compact JSON and a newline. Errors:
// [ErrForm].
func Encode(r proof.Release) ([]byte, error) {
	if err := check(r); err != nil {
		return nil, err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the release: %w", err)
	}
	return append(b, '\n'), nil
}

// Parse reads the body of a release statement, or release.json, strictly.
// Errors: [ErrForm], [proof.ErrForm].
func Parse(body []byte) (proof.Release, error) {
	var r proof.Release
	if len(body) > proof.MaxStatement {
		return r, fmt.Errorf("%w: %s has at most %d bytes", ErrForm, StatementFile, proof.MaxStatement)
	}
	if err := proof.Unmarshal(body, &r); err != nil {
		return r, err
	}
	return r, check(r)
}

func check(r proof.Release) error {
	if err := archive.CheckVersion(r.Version); err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	if r.Source.Name != archive.Name(r.Version) || !hash(r.Source.SHA256) || r.Source.Size < 1 || r.Source.Size > archive.MaxArchive {
		return fmt.Errorf("%w: its source is not %s with hash and size", ErrForm, archive.Name(r.Version))
	}
	if len(r.Binaries) == 0 {
		return fmt.Errorf("%w: it has no program", ErrForm)
	}
	seen := map[string]bool{}
	for _, b := range r.Binaries {
		if !targetForm.MatchString(b.Target) || seen[b.Target] || !hash(b.SHA256) || b.Size < 1 || b.Size > MaxBinary {
			return fmt.Errorf("%w: the program for %.40q is not named once, with hash and size", ErrForm, b.Target)
		}
		seen[b.Target] = true
	}
	if !hash(r.SBOM) || !hash(r.Provenance) || r.DataMap != "" && !hash(r.DataMap) {
		return fmt.Errorf("%w: the hash of a document is missing", ErrForm)
	}
	if !goForm.MatchString(r.Go) {
		return fmt.Errorf("%w: %.40q is no version of Go", ErrForm, r.Go)
	}
	return nil
}

func hash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size && s == strings.ToLower(s)
}

// Artifact is a file that a release names.
type Artifact struct {
	Name   string
	SHA256 string
	Size   int64  // exact for the source and programs; -1 where the release doesn't say
	Target string // of a program
}

// Artifacts lists what a release names, the source first.
func Artifacts(r proof.Release) []Artifact {
	all := []Artifact{
		{Name: r.Source.Name, SHA256: r.Source.SHA256, Size: r.Source.Size},
		{Name: SBOMFile, SHA256: r.SBOM, Size: -1},
		{Name: ProvenanceFile, SHA256: r.Provenance, Size: -1},
	}
	if r.DataMap != "" {
		all = append(all, Artifact{Name: DataMapFile, SHA256: r.DataMap, Size: -1})
	}
	for _, b := range r.Binaries {
		all = append(all, Artifact{Name: BinaryName(r.Version, b.Target), SHA256: b.SHA256, Size: b.Size, Target: b.Target})
	}
	return all
}

// Most is the most bytes that the file may have.
func (a Artifact) Most() int64 {
	if a.Size >= 0 {
		return a.Size
	}
	return MaxDocument
}

// Check holds a file against what the release names. Errors: [ErrDiffers], and
// those of the file system.
func (a Artifact) Check(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("couldn't read: %w", err)
	}
	if !info.Mode().IsRegular() { // a pipe would be waited for
		return fmt.Errorf("%w: %s is no regular file", ErrDiffers, a.Name)
	}
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("couldn't read: %w", err)
	}
	defer f.Close()
	sum, n, err := Sum(f, a.Most())
	switch {
	case err != nil:
		return fmt.Errorf("couldn't read %s: %w", a.Name, err)
	case n > a.Most() || a.Size >= 0 && n != a.Size:
		return fmt.Errorf("%w: %s has another size", ErrDiffers, a.Name)
	case sum != a.SHA256:
		return fmt.Errorf("%w: %s has the hash %s, not %s", ErrDiffers, a.Name, sum, a.SHA256)
	}
	return nil
}

// Sum is the SHA-256 of a file, in lower-case hex, and its size. It stops one
// byte after the most that it may have.
func Sum(r io.Reader, most int64) (sum string, size int64, err error) {
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r, most+1))
	return hex.EncodeToString(h.Sum(nil)), n, err
}
