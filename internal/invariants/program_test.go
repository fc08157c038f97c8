package invariants

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"writ/internal/codemap"
)

// program is the module's packages, with the checks of this room.
type program struct{ *codemap.Program }

// whole is the whole program, loaded once for all tests.
var whole = sync.OnceValues(func() (*codemap.Program, error) {
	root, err := codemap.Root(".")
	if err != nil {
		return nil, err
	}
	return codemap.Load(root, "./...", "text/template")
})

func load(t *testing.T) *program {
	t.Helper()
	p, err := whole()
	if err != nil {
		t.Fatalf("nothing is proved: %v", err)
	}
	return &program{p}
}

// plant adds files to the program; broken is why it doesn't compile then.
func plant(t *testing.T, files map[string]string, rooms ...string) (p *program, broken codemap.Broken) {
	t.Helper()
	with, err := load(t).Plant(files, rooms...)
	if errors.As(err, &broken) {
		return nil, broken
	}
	if err != nil {
		t.Fatal(err)
	}
	return &program{with}, nil
}

// lines reads a file of testdata, without comments and empty lines.
func lines(t *testing.T, name string) (all []string) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" && line[0] != '#' {
			all = append(all, line)
		}
	}
	return all
}

// text reads a file whole.
func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// glob lists files of testdata, of which there must be some.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) < 2 {
		t.Fatalf("%s: %d files, %v", pattern, len(names), err)
	}
	return names
}
