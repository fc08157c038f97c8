package build_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"writ/internal/release/archive"
	"writ/internal/release/build"
	rt "writ/internal/release/releasetest"
)

// tree is this very source as it lies here, committed or not, as a release.
// It pins the Go that runs the test: what is proven is proven of any one.
func tree(t *testing.T) *archive.Tree {
	t.Helper()
	root := rt.Root(t)
	if _, err := os.Stat(filepath.Join(root, "VERSION")); err == nil {
		unpacked, err := archive.FromFolder(root)
		must(t, err)
		return repin(t, unpacked.Files())
	}
	cmd := exec.Command("git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z")
	list, err := cmd.Output()
	must(t, err)
	var files []archive.File
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		body, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // removed, and not yet committed
		}
		must(t, err)
		if len(body) <= archive.MaxFile { // what somebody left lying here is no source
			files = append(files, archive.File{Name: name, Body: body})
		}
	}
	return repin(t, files)
}

func repin(t *testing.T, files []archive.File) *archive.Tree {
	t.Helper()
	files = slices.DeleteFunc(slices.Clone(files), func(f archive.File) bool { return f.Name == "VERSION" })
	i := slices.IndexFunc(files, func(f archive.File) bool { return f.Name == "go.mod" })
	files[i].Body = regexp.MustCompile(`(?m)^toolchain .*$`).ReplaceAll(files[i].Body, []byte("toolchain "+runtime.Version()))
	tree, err := archive.New("v1.2.3", files)
	must(t, err)
	return tree
}

// unpack packs the source, reads the archive, and unpacks it into a folder.
func unpack(t *testing.T, tree *archive.Tree, dir string) string {
	t.Helper()
	packed, err := tree.Bytes()
	must(t, err)
	read, err := archive.Read(bytes.NewReader(packed))
	must(t, err)
	must(t, os.MkdirAll(dir, 0o755))
	must(t, read.Extract(dir))
	return dir
}

// TestSameBytes builds a target of a release twice: from the archive, unpacked
// in two folders with names of other lengths, with two compilers' caches that
// are both empty at the beginning, so that each build compiles every package,
// the standard library's too, and nothing of one gets into the other. Both must
// be the same bytes. Then one byte of the source is changed, and they must not
// be: this one builds on what the second has compiled, since a cache that
// missed the change would fail the test.
//
// The target is the smallest, the client for Windows: a third of the compiling
// of a server. WRIT_SOAK_RELEASE=1 (make soak) does it for all targets.
func TestSameBytes(t *testing.T) {
	targets := []string{"windows/amd64"}
	if os.Getenv("WRIT_SOAK_RELEASE") != "" {
		targets = build.Targets()
	}
	source := tree(t)
	g, err := build.Find(t.Context(), "")
	must(t, err)
	for _, target := range targets {
		dir := t.TempDir()
		one := unpack(t, source, filepath.Join(dir, "a"))
		other := unpack(t, source, filepath.Join(dir, "another", "folder", "deeper"))
		first, second, changed := filepath.Join(dir, "first"), filepath.Join(dir, "second"), filepath.Join(dir, "changed")
		must(t, g.WithCache(filepath.Join(dir, "cache1")).Build(t.Context(), one, "v1.2.3", target, first))
		must(t, os.RemoveAll(filepath.Join(dir, "cache1")))
		again := g.WithCache(filepath.Join(dir, "cache2"))
		must(t, again.Build(t.Context(), other, "v1.2.3", target, second))
		same(t, target, first, second)

		rt.Change(t, filepath.Join(other, "cmd", "writ", "root.go"), "A store whose keys", "A store whose keyz")
		must(t, again.Build(t.Context(), other, "v1.2.3", target, changed))
		if said, err := build.Differences(first, changed); err != nil || len(said) == 0 {
			t.Errorf("%s: a changed byte of the source makes the same program (%v)", target, err)
		}
		must(t, os.RemoveAll(dir))
	}
}

func same(t *testing.T, target, first, second string) {
	t.Helper()
	said, err := build.Differences(first, second)
	must(t, err)
	if len(said) > 0 {
		t.Errorf("%s: two builds differ: %s", target, strings.Join(said, "; "))
	}
	for _, file := range []string{first, second} {
		body, err := os.ReadFile(file)
		must(t, err)
		if bytes.Contains(body, []byte(filepath.Dir(file))) {
			t.Errorf("%s: the program holds the path of the folder", target)
		}
	}
}

// toy builds a small program after changes to its source, and returns the file.
func toy(t *testing.T, target string, changes map[string]string) (string, error) {
	t.Helper()
	dir := t.TempDir()
	source := unpack(t, rt.Source(t, "v1.2.3", changes), filepath.Join(dir, "source"))
	g, err := build.Find(t.Context(), "")
	must(t, err)
	out := filepath.Join(dir, "program")
	return out, g.Build(t.Context(), source, "v1.2.3", target, out)
}

// TestCallersSettings: nothing that the caller has set changes what is built.
func TestCallersSettings(t *testing.T) {
	want, err := toy(t, rt.Target(), nil)
	must(t, err)
	for name, value := range map[string]string{
		"CGO_ENABLED": "1", "GOFLAGS": "-tags=netgo -gcflags=-N", "GOEXPERIMENT": "nodwarf5", "GOAMD64": "v3", "GOARM64": "v8.1",
		"GODEBUG": "http2client=0", "GOFIPS140": "latest", "GOWORK": filepath.Join(t.TempDir(), "go.work"), "GOOS": "plan9",
	} {
		t.Setenv(name, value)
	}
	got, err := toy(t, rt.Target(), nil)
	must(t, err)
	if said, err := build.Differences(want, got); err != nil || len(said) > 0 {
		t.Errorf("%v %v", said, err)
	}
}

// TestNothingOfTheSourceRuns: a hostile source gets nothing run, and nothing
// from beside it built in.
func TestNothingOfTheSourceRuns(t *testing.T) {
	gomod, _ := rt.Source(t, "v1.2.3", nil).Open("go.mod")
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "go.mod"), []byte("module golang.org/x/mod\n"), 0o644))
	main := "package main\n\nvar version string\n\n"
	for name, c := range map[string]struct {
		changes map[string]string
		want    error
	}{
		"toolchain of its choice": {map[string]string{"go.mod": strings.Replace(string(gomod), runtime.Version(), "go1.99.0-evil", 1)}, build.ErrNoGo},
		"no toolchain":            {map[string]string{"go.mod": strings.Replace(string(gomod), "toolchain "+runtime.Version(), "", 1)}, build.ErrSource},
		"module in a folder":      {map[string]string{"go.mod": string(gomod) + "\nreplace golang.org/x/mod => " + outside + "\n"}, build.ErrSource},
		"go.mod is none":          {map[string]string{"go.mod": "evil"}, build.ErrSource},
		"module of another sum":   {map[string]string{"go.sum": "golang.org/x/mod v0.0.1 h1:AAAA\n"}, build.ErrBuild},
		"workspace":               {map[string]string{"go.work": "go 1.26.0\nuse " + outside + "\n"}, nil},
		"vendored":                {map[string]string{"vendor/modules.txt": "# golang.org/x/mod v0.0.1\n", "vendor/golang.org/x/mod/semver/x.go": "package semver\n\nfunc IsValid(string) bool { panic(1) }\n"}, nil},
		"generator":               {map[string]string{"cmd/writ/gen.go": "package main\n\n//go:generate touch /tmp/evil\n"}, nil},
		"cgo":                     {map[string]string{"cmd/writ/main.go": main + "import \"C\"\n\nfunc main() {}\n"}, build.ErrBuild},
		"embeds what is outside":  {map[string]string{"cmd/writ/main.go": "package main\n\nimport _ \"embed\"\n\n//go:embed ../../../../etc/passwd\nvar version string\n\nfunc main() {}\n"}, build.ErrBuild},
		"asks for linker flags":   {map[string]string{"cmd/writ/main.go": "package main\n\n//go:cgo_ldflag \"-evil\"\n\nvar version string\n\nfunc main() {}\n"}, build.ErrBuild},
	} {
		if _, err := toy(t, rt.Target(), c.changes); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestGivenUp: a build that is given up ends, and leaves nothing running that
// would keep it from ending.
func TestGivenUp(t *testing.T) {
	dir := t.TempDir()
	source := unpack(t, rt.Source(t, "v1.2.3", nil), filepath.Join(dir, "source"))
	g, err := build.Find(t.Context(), "")
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cache := filepath.Join(dir, "cache") // empty: there is much to compile
	go func() {
		for ctx.Err() == nil { // until the build has begun
			if made, _ := filepath.Glob(filepath.Join(cache, "*")); len(made) > 10 {
				cancel()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if err := g.WithCache(cache).Build(ctx, source, "v1.2.3", rt.Target(), filepath.Join(dir, "out")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestDifferences: how two programs differ is said in words.
func TestDifferences(t *testing.T) {
	base, err := toy(t, "linux/amd64", nil)
	must(t, err)
	word, err := toy(t, "linux/amd64", map[string]string{"cmd/writ/main.go": mainWith("harbous")})
	must(t, err)
	lonely, err := toy(t, "linux/amd64", map[string]string{"cmd/writ/main.go": "package main\n\nvar version string\n\nfunc main() { println(version) }\n"})
	must(t, err)
	windows, err := toy(t, "windows/amd64", nil)
	must(t, err)
	garbage := filepath.Join(t.TempDir(), "garbage")
	must(t, os.WriteFile(garbage, []byte("\x7fELF garbage"), 0o644))
	for name, c := range map[string]struct{ theirs, ours, want string }{
		"a word":      {base, word, "section .rodata: 1 of "},
		"a module":    {base, lonely, `only theirs has the module "golang.org/x/mod"`},
		"our module":  {lonely, base, `only ours has the module "golang.org/x/mod"`},
		"a target":    {base, windows, `setting "GOOS" is "linux" in theirs and "windows" in ours`},
		"a system":    {windows, base, `only theirs has a section ".rdata"`},
		"no program":  {garbage, base, "it is no program of Go's, or damaged"},
		"other sizes": {garbage, base, "theirs has 12 bytes, ours "},
	} {
		said, err := build.Differences(c.theirs, c.ours)
		if err != nil || !strings.Contains(strings.Join(said, "\n"), c.want) {
			t.Errorf("%s: nothing says %q: %q %v", name, c.want, said, err)
		}
		if len(said) > 80 {
			t.Errorf("%s: %d sentences", name, len(said))
		}
	}
	if said, err := build.Differences(base, base); err != nil || said != nil {
		t.Errorf("%v %v", said, err)
	}
}

func mainWith(word string) string {
	return "package main\n\nimport (\n\t\"fmt\"\n\n\t\"golang.org/x/mod/semver\"\n)\n\nvar version string\n\nfunc main() { fmt.Println(\"writ\", version, semver.IsValid(version), \"" + word + "\") }\n"
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
