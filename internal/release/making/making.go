// Package making makes a release from a source archive: it packs the source,
// unpacks what it packed, builds every program from that and from nothing else,
// and describes what it made. The same source, Go and key make the same files.
package making

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"writ/internal/proof"
	"writ/internal/release"
	"writ/internal/release/archive"
	"writ/internal/release/build"
	"writ/internal/release/provenance"
	"writ/internal/release/sbom"
)

// dataMapTool is the program of the source that draws the data map. A source
// that has none makes a release without one.
const dataMapTool = "internal/tools/datamap"

// ErrExists: a release of that version lies there already.
var ErrExists = errors.New("a release of that version is there already")

// Options say what to make.
type Options struct {
	Source  *archive.Tree
	Out     string // the release is the folder of its version in here
	Targets []string
	Go      *build.Go
	Key     ed25519.PrivateKey // nil leaves the provenance unsigned
	Builder string             // URI of who builds
	Say     func(string)       // told what is being done
}

// Make makes a release and returns its folder, which is there only if all of it
// was made. Errors: [ErrExists], those of package build.
func Make(ctx context.Context, o Options) (string, error) {
	final := filepath.Join(o.Out, o.Source.Version)
	if _, err := os.Lstat(final); err == nil {
		return "", fmt.Errorf("%w: %s", ErrExists, final)
	}
	gomod, _ := o.Source.Open("go.mod")
	pinned, err := build.Pinned(gomod)
	if err != nil {
		return "", err
	}
	if pinned != o.Go.Version || pinned != runtime.Version() {
		return "", fmt.Errorf("%w: the source is released with %s, and this is %s", build.ErrNoGo, pinned, o.Go.Version)
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return "", fmt.Errorf("couldn't make the release's folder: %w", err)
	}
	dir, err := os.MkdirTemp(o.Out, ".new-")
	if err != nil {
		return "", fmt.Errorf("couldn't make the release's folder: %w", err)
	}
	defer os.RemoveAll(dir)
	m := &maker{Options: o, dir: dir, sums: map[string]string{}}
	m.release = proof.Release{Version: o.Source.Version, Go: pinned}
	for _, step := range []func(context.Context) error{m.source, m.programs, m.dataMap, m.provenance, m.statement} {
		if err := step(ctx); err != nil {
			return "", err
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", fmt.Errorf("couldn't put the release in its place: %w", err)
	}
	if err := os.Rename(dir, final); err != nil {
		return "", fmt.Errorf("couldn't put the release in its place: %w", err)
	}
	return final, nil
}

type maker struct {
	Options
	dir     string
	tree    string // the unpacked source
	release proof.Release
	sums    map[string]string // of every file so far, by name
}

// write writes a file of the release.
func (m *maker) write(name string, body []byte) (string, error) {
	if err := os.WriteFile(filepath.Join(m.dir, name), body, 0o644); err != nil {
		return "", fmt.Errorf("couldn't write the release: %w", err)
	}
	sum, _, err := release.Sum(bytes.NewReader(body), int64(len(body)))
	m.sums[name] = sum
	return sum, err
}

// source packs the source, and unpacks what was packed: what is built is what
// strangers will have.
func (m *maker) source(context.Context) error {
	m.Say("packing the source")
	packed, err := m.Source.Bytes()
	if err != nil {
		return err
	}
	name := archive.Name(m.release.Version)
	sum, err := m.write(name, packed)
	if err != nil {
		return err
	}
	m.release.Source = proof.Artifact{Name: name, SHA256: sum, Size: int64(len(packed))}
	read, err := archive.Read(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	m.tree = filepath.Join(m.dir, "source")
	if err := os.Mkdir(m.tree, 0o755); err != nil {
		return fmt.Errorf("couldn't unpack the source: %w", err)
	}
	return read.Extract(m.tree)
}

// programs builds the programs and lists what is in them.
func (m *maker) programs(ctx context.Context) error {
	var listed []sbom.Program
	for _, target := range m.Targets {
		m.Say("building for " + target)
		name := release.BinaryName(m.release.Version, target)
		file := filepath.Join(m.dir, name)
		if err := m.Go.Build(ctx, m.tree, m.release.Version, target, file); err != nil {
			return err
		}
		info, err := build.Info(file)
		if err != nil {
			return err
		}
		sum, size, err := sumOf(file)
		if err != nil {
			return err
		}
		m.sums[name] = sum
		m.release.Binaries = append(m.release.Binaries, proof.Binary{Target: target, SHA256: sum, Size: size})
		listed = append(listed, sbom.Program{Target: target, Name: name, SHA256: sum, Info: info})
	}
	document, err := sbom.Make(m.release.Version, listed)
	if err != nil {
		return err
	}
	m.release.SBOM, err = m.write(release.SBOMFile, document)
	return err
}

func sumOf(file string) (string, int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", 0, fmt.Errorf("couldn't read what was built: %w", err)
	}
	defer f.Close()
	sum, n, err := release.Sum(f, release.MaxBinary)
	if err == nil && n > release.MaxBinary {
		err = fmt.Errorf("%s has more than %d bytes", filepath.Base(file), release.MaxBinary)
	}
	return sum, n, err
}

// dataMap has the source's own tool draw the map of its data.
func (m *maker) dataMap(ctx context.Context) error {
	if !slices.ContainsFunc(m.Source.Files(), func(f archive.File) bool { return strings.HasPrefix(f.Name, dataMapTool+"/") }) {
		return nil
	}
	m.Say("drawing the data map")
	out, err := filepath.Abs(m.dir)
	if err != nil {
		return err
	}
	if err := m.Go.Run(ctx, m.tree, "./"+dataMapTool, "-out", out); err != nil {
		return err
	}
	for _, name := range []string{release.DataMapFile, release.DataMapText} {
		if m.sums[name], _, err = sumOf(filepath.Join(m.dir, name)); err != nil {
			return err
		}
	}
	m.release.DataMap = m.sums[release.DataMapFile]
	return nil
}

func (m *maker) provenance(context.Context) error {
	envelope, err := provenance.Make(provenance.Build{
		Version: m.release.Version, Source: m.release.Source, Targets: m.Targets, Go: m.release.Go,
		Settings: build.Settings(), Flags: build.Flags(m.release.Version), Builder: m.Builder, Files: m.sums,
	}, m.Key)
	if err != nil {
		return err
	}
	m.release.Provenance, err = m.write(release.ProvenanceFile, envelope)
	return err
}

// statement writes release.json, which must fit into a statement of the
// ledger, and the sums of all files for who has nothing but sha256sum.
func (m *maker) statement(context.Context) error {
	if err := os.RemoveAll(m.tree); err != nil {
		return fmt.Errorf("couldn't remove the unpacked source: %w", err)
	}
	body, err := release.Encode(m.release)
	if err != nil {
		return err
	}
	if _, err := m.write(release.StatementFile, body); err != nil {
		return err
	}
	_, err = m.write(release.SumsFile, Sums(m.sums))
	return err
}

// Sums is SHA256SUMS: a line a file, as sha256sum writes it.
func Sums(sums map[string]string) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&b, "%s  %s\n", sums[name], name)
	}
	return b.Bytes()
}
