// Package check is what a stranger runs on a release: does the log name it, are
// these the files that it names, who signed for the build, what is in the
// programs, and does the source make them again, bit for bit.
//
// Only the receipt is believed, and that only under the keys that the caller has
// pinned; everything else must follow from it. A report holds only if all that
// was asked for was checked and held.
package check

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"writ/internal/proof"
	"writ/internal/release"
	"writ/internal/release/archive"
	"writ/internal/release/build"
)

// Outcome is what became of one check.
type Outcome string

const (
	Holds     Outcome = "holds"
	Fails     Outcome = "fails"
	Unchecked Outcome = "not checked" // and it should have been: the report doesn't hold
	Waived    Outcome = "waived"      // the caller asked for less
	Absent    Outcome = "not here"    // a program that may be missing
)

// Finding is one check and what became of it.
type Finding struct {
	Subject string   `json:"subject"`
	Outcome Outcome  `json:"outcome"`
	Detail  []string `json:"detail,omitempty"`
}

// Report is what was found.
type Report struct {
	Release  proof.Release  `json:"release"`
	Entry    proof.Verified `json:"entry"` // of the log
	Findings []Finding      `json:"findings"`
}

// Holds says whether all that was asked for was checked and holds.
func (r *Report) Holds() bool {
	return len(r.Findings) > 0 && !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Outcome == Fails || f.Outcome == Unchecked })
}

func (r *Report) add(subject string, outcome Outcome, detail ...string) {
	r.Findings = append(r.Findings, Finding{subject, outcome, detail})
}

// result adds a check that holds if there is no error.
func (r *Report) result(subject string, err error, detail ...string) bool {
	if err != nil {
		r.add(subject, Fails, err.Error())
		return false
	}
	r.add(subject, Holds, detail...)
	return true
}

// Options say by what to check, and how far.
type Options struct {
	Ledger  *proof.Verifier   // the pinned log, and its witnesses
	Key     ed25519.PublicKey // the pinned release key
	NoKey   bool              // waives the provenance's signature
	NoBuild bool              // waives building the source
	Targets []string          // what to build; nil is all that the release names
	Go      string            // Go command; "" is the one on the PATH
	Receipt string            // file of the receipt; "" is the one in the folder
	Say     func(string)      // told what takes long
}

// checker is one check under way.
type checker struct {
	Options
	Report
	tree  *archive.Tree     // the source, once it is known to be the release's
	files map[string]string // paths of files that are what the release names
	wrong map[string]string // and of programs that are not
	tmp   string
}

// run runs checks with a folder for what they make.
func run(ctx context.Context, o Options, checks ...func(*checker, context.Context) error) (*Report, error) {
	tmp, err := os.MkdirTemp("", "writ-verify-")
	if err != nil {
		return nil, fmt.Errorf("couldn't make a folder to work in: %w", err)
	}
	defer os.RemoveAll(tmp)
	c := &checker{Options: o, files: map[string]string{}, wrong: map[string]string{}, tmp: tmp}
	for _, check := range checks {
		if err := check(c, ctx); err != nil {
			if errors.Is(err, errStop) {
				break
			}
			return nil, err
		}
	}
	return &c.Report, nil
}

// errStop ends the checks: after what was found the others mean nothing.
var errStop = errors.New("stop")

// Folder checks a release's folder. An error means that it could not be
// checked, not that it doesn't hold.
func Folder(ctx context.Context, dir string, o Options) (*Report, error) {
	if o.Receipt == "" {
		o.Receipt = filepath.Join(dir, release.ReceiptFile)
	}
	at := func(check func(*checker, string) error) func(*checker, context.Context) error {
		return func(c *checker, _ context.Context) error { return check(c, dir) }
	}
	return run(ctx, o, (*checker).receipt, at((*checker).statement), at((*checker).artifacts), at((*checker).others),
		at((*checker).archive), (*checker).provenance, (*checker).rebuild, (*checker).sbom)
}

// Source checks a source archive, or a folder with the source: one into which
// the archive was unpacked, or a git repository, whose HEAD is taken.
func Source(ctx context.Context, path string, o Options) (*Report, error) {
	read := func(c *checker, ctx context.Context) error { return c.source(ctx, path) }
	return run(ctx, o, (*checker).receipt, read, (*checker).rebuild)
}

// Receipt verifies a release's receipt. Errors: those of [proof.Verifier], and
// [release.ErrForm].
func Receipt(file []byte, ledger *proof.Verifier) (proof.Verified, proof.Release, error) {
	receipt, err := proof.ParseReceipt(file)
	if err != nil {
		return proof.Verified{}, proof.Release{}, err
	}
	entry, err := ledger.Receipt(receipt)
	if err != nil {
		return entry, proof.Release{}, err
	}
	if entry.Statement.Kind != proof.KindRelease {
		return entry, proof.Release{}, fmt.Errorf("%w: the receipt is of a %s", release.ErrForm, entry.Statement.Kind)
	}
	r, err := release.Parse(entry.Statement.Body)
	return entry, r, err
}

// receipt finds what the log says. Without it nothing else means anything.
func (c *checker) receipt(context.Context) error {
	file, err := read(c.Options.Receipt, proof.MaxReceipt)
	if err == nil {
		c.Entry, c.Release, err = Receipt(file, c.Ledger)
	}
	if err != nil {
		c.add("receipt", Fails, err.Error())
		return errStop
	}
	var by []string
	for _, w := range c.Entry.Checkpoint.Witnesses {
		by = append(by, w.Witness)
	}
	said := fmt.Sprintf("entry %d of %d of %s, of %s", c.Entry.Index, c.Entry.Checkpoint.Size, c.Entry.Checkpoint.Origin, c.Entry.Statement.At.UTC().Format(time.RFC3339))
	if by == nil {
		c.add("receipt", Holds, said, "no witness cosigned it: the log could have shown somebody else another history")
	} else {
		c.add("receipt", Holds, said, "cosigned by "+strings.Join(by, ", "))
	}
	return nil
}

// statement holds release.json against what is in the log.
func (c *checker) statement(dir string) error {
	file, err := read(filepath.Join(dir, release.StatementFile), proof.MaxStatement)
	if err == nil && !bytes.Equal(bytes.TrimSuffix(file, []byte("\n")), c.Entry.Statement.Body) {
		err = errors.New("it is not what the log says")
	}
	c.result(release.StatementFile, err)
	return nil
}

// artifacts holds the files against their hashes. Programs may be missing.
func (c *checker) artifacts(dir string) error {
	for _, a := range release.Artifacts(c.Release) {
		file := filepath.Join(dir, a.Name)
		err := a.Check(file)
		if a.Target != "" && errors.Is(err, fs.ErrNotExist) {
			c.add(a.Name, Absent)
			continue
		}
		if c.result(a.Name, err) {
			c.files[a.Name] = file
		} else if a.Target != "" {
			c.wrong[a.Name] = file
		}
	}
	return nil
}

// others refuses files that the release doesn't name: somebody would take them
// for checked.
func (c *checker) others(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("couldn't read the folder: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case name == release.StatementFile || name == release.ReceiptFile || filepath.Join(dir, name) == c.Options.Receipt:
		case slices.ContainsFunc(release.Artifacts(c.Release), func(a release.Artifact) bool { return a.Name == name }):
		case name == release.SumsFile:
			c.result(name, c.sums(dir))
		case name == release.DataMapText && c.Release.DataMap != "": // the provenance names it
			c.files[name] = filepath.Join(dir, name)
		default:
			c.add(fmt.Sprintf("%.100q", name), Fails, "it is in the folder and not in the release")
		}
	}
	return nil
}

// sums checks SHA256SUMS, so far as it names what is known.
func (c *checker) sums(dir string) error {
	file, err := read(filepath.Join(dir, release.SumsFile), release.MaxDocument)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(file)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok {
			return errors.New("it has a line that is not a hash and a name")
		}
		for _, a := range release.Artifacts(c.Release) {
			if a.Name == name && a.SHA256 != sum {
				return fmt.Errorf("it has another hash of %s than the release", name)
			}
		}
	}
	return nil
}

// read reads a file of at most so many bytes.
func read(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("couldn't read: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", filepath.Base(name), err)
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes", filepath.Base(name), most)
	}
	return b, nil
}

// goodSource holds a tree against what the release says of its source.
func (c *checker) goodSource(t *archive.Tree) error {
	if t.Version != c.Release.Version {
		return fmt.Errorf("the source is of version %s", t.Version)
	}
	gomod, _ := t.Open("go.mod")
	pinned, err := build.Pinned(gomod)
	if err == nil && pinned != c.Release.Go {
		err = fmt.Errorf("the source is built with %s, and the release says %s", pinned, c.Release.Go)
	}
	return err
}
