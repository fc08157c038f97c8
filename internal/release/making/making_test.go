package making_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"writ/internal/proof"
	"writ/internal/release"
	"writ/internal/release/archive"
	"writ/internal/release/build"
	"writ/internal/release/making"
	rt "writ/internal/release/releasetest"
)

const mapTool = `package main

import (
	"flag"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", "", "")
	flag.Parse()
	for _, name := range []string{"datamap.json", "datamap.md"} {
		if err := os.WriteFile(filepath.Join(*out, name), []byte("{}\n"), 0o644); err != nil {
			panic(err)
		}
	}
}
`

// TestSameRelease: the same source and key make the same files, every one; and
// what was made is a release, small enough for the ledger.
func TestSameRelease(t *testing.T) {
	source := rt.Source(t, "v1.2.3", map[string]string{"internal/tools/datamap/main.go": mapTool})
	key, _ := rt.Key(t)
	one, other := rt.Make(t, source, key), rt.Make(t, source, key)
	entries, err := os.ReadDir(one)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		a, err := os.ReadFile(filepath.Join(one, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(other, e.Name()))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs (%v)", e.Name(), err)
		}
		names = append(names, e.Name())
	}
	want := []string{
		release.SumsFile, release.DataMapFile, release.DataMapText, release.ProvenanceFile, release.StatementFile, release.SBOMFile,
		release.BinaryName("v1.2.3", rt.Target()), release.BinaryName("v1.2.3", "windows/amd64"), archive.Name("v1.2.3"),
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("the release holds %q", names)
	}
	f, err := release.Load(one)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Present()) != 6 || f.Release.DataMap == "" || f.Release.Go != runtime.Version() {
		t.Errorf("%+v", f.Release)
	}
}

// TestFourTargetsFit: a statement holds what a real release has.
func TestFourTargetsFit(t *testing.T) {
	sum := strings.Repeat("0123456789abcdef", 4)
	r := proof.Release{
		Version: "v10.20.30-rc.100", Source: proof.Artifact{Name: archive.Name("v10.20.30-rc.100"), SHA256: sum, Size: 60 << 20},
		SBOM: sum, Provenance: sum, DataMap: sum, Go: "go1.26.8",
	}
	for _, target := range build.Targets() {
		r.Binaries = append(r.Binaries, proof.Binary{Target: target, SHA256: sum, Size: 500 << 20})
	}
	body, err := release.Encode(r)
	if err != nil || len(body) > proof.MaxStatement/2 {
		t.Errorf("%d bytes, %v", len(body), err)
	}
}

// TestRefuses: a release is made whole and once, by the pinned Go, or not.
func TestRefuses(t *testing.T) {
	g, err := build.Find(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	o := making.Options{Source: rt.Source(t, "v1.2.3", nil), Out: out, Targets: []string{rt.Target()}, Go: g, Say: func(string) {}}
	if _, err := making.Make(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := making.Make(t.Context(), o); !errors.Is(err, making.ErrExists) {
		t.Errorf("a release is written over: %v", err)
	}
	gomod, _ := o.Source.Open("go.mod")
	other := o
	other.Source = rt.Source(t, "v1.2.4", map[string]string{"go.mod": strings.Replace(string(gomod), runtime.Version(), "go1.26.0", 1)})
	if _, err := making.Make(t.Context(), other); !errors.Is(err, build.ErrNoGo) {
		t.Errorf("another Go makes it: %v", err)
	}
	other.Source = rt.Source(t, "v1.2.4", map[string]string{"cmd/writ/main.go": "package main\n\nfunc main() { evil() }\n"})
	if _, err := making.Make(t.Context(), other); !errors.Is(err, build.ErrBuild) || !strings.Contains(err.Error(), "undefined: evil") {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(out); err != nil || len(left) != 1 {
		t.Errorf("a release that was not made leaves %v, %v", left, err)
	}
}
