package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"writ/internal/proof"
)

func sum(b string) string { s := sha256.Sum256([]byte(b)); return hex.EncodeToString(s[:]) }

// folder writes a release of files that say what they are.
func folder(t *testing.T) (string, proof.Release) {
	t.Helper()
	r := proof.Release{
		Version: "1.2.3", Source: proof.Artifact{Name: "writ-1.2.3.tar.gz", SHA256: sum("source"), Size: 6},
		Binaries: []proof.Binary{{Target: "linux/amd64", SHA256: sum("linux"), Size: 5}, {Target: "windows/amd64", SHA256: sum("win"), Size: 3}},
		SBOM:     sum("sbom"), Provenance: sum("provenance"), DataMap: sum("map"), Go: "go1.26.8",
	}
	dir := t.TempDir()
	for name, body := range map[string]string{
		"writ-1.2.3.tar.gz": "source", "writ-1.2.3-linux-amd64": "linux", "writ-1.2.3-windows-amd64.exe": "win",
		SBOMFile: "sbom", ProvenanceFile: "provenance", DataMapFile: "map",
	} {
		write(t, dir, name, body)
	}
	b, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, StatementFile, string(b))
	return dir, r
}

func write(t *testing.T, dir, name, body string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestBodyIsTheStatement: what a server publishes is release.json, byte for
// byte, so that strangers can compare.
func TestBodyIsTheStatement(t *testing.T) {
	dir, _ := folder(t)
	f, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Present()) != 6 {
		t.Errorf("%d files are there", len(f.Present()))
	}
	leaf, err := proof.Encode(proof.KindRelease, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), f.Body())
	if err != nil {
		t.Fatal(err)
	}
	s, err := proof.Decode(leaf)
	if err != nil || !bytes.Equal(s.Body, f.Body()) {
		t.Errorf("the statement says %s, %v", s.Body, err)
	}
}

// TestLoadRefuses: a file that is not what the release names is never taken.
func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string, r proof.Release)
		want   error
	}{
		"source changed":   {func(dir string, _ proof.Release) { write(t, dir, "writ-1.2.3.tar.gz", "sourcf") }, ErrDiffers},
		"source longer":    {func(dir string, _ proof.Release) { write(t, dir, "writ-1.2.3.tar.gz", "source+") }, ErrDiffers},
		"source missing":   {func(dir string, _ proof.Release) { os.Remove(filepath.Join(dir, "writ-1.2.3.tar.gz")) }, os.ErrNotExist},
		"program swapped":  {func(dir string, _ proof.Release) { write(t, dir, "writ-1.2.3-linux-amd64", "win") }, ErrDiffers},
		"sbom changed":     {func(dir string, _ proof.Release) { write(t, dir, SBOMFile, "sbo") }, ErrDiffers},
		"map changed":      {func(dir string, _ proof.Release) { write(t, dir, DataMapFile, "") }, ErrDiffers},
		"statement gone":   {func(dir string, _ proof.Release) { os.Remove(filepath.Join(dir, StatementFile)) }, os.ErrNotExist},
		"statement is big": {func(dir string, _ proof.Release) { write(t, dir, StatementFile, strings.Repeat(" ", 5000)) }, ErrForm},
	} {
		dir, r := folder(t)
		c.change(dir, r)
		if _, err := Load(dir); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir, _ := folder(t)
	os.Remove(filepath.Join(dir, "writ-1.2.3-windows-amd64.exe"))
	os.Remove(filepath.Join(dir, SBOMFile))
	if f, err := Load(dir); err != nil || len(f.Present()) != 4 {
		t.Errorf("a server needs every program: %v", err)
	}
}

// TestParseRefuses: a release statement says what the form knows, and no more.
func TestParseRefuses(t *testing.T) {
	_, r := folder(t)
	good, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Parse(good); err != nil || got.Version != r.Version {
		t.Fatalf("%v", err)
	}
	for name, c := range map[string][2]string{
		"extra field":        {`"version":`, `"note":"","version":`},
		"field twice":        {`"version":`, `"Version":"1.2.3","version":`},
		"path in a name":     {`"writ-1.2.3.tar.gz"`, `"../writ-1.2.3.tar.gz"`},
		"path in a version":  {`"version":"1.2.3"`, `"version":"../1.2.3"`},
		"path in a target":   {`"linux/amd64"`, `"linux/../../amd64"`},
		"commit for version": {`"version":"1.2.3"`, `"version":"f24217a"`},
		"target twice":       {`"windows/amd64"`, `"linux/amd64"`},
		"upper-case hash":    {sum("sbom"), strings.ToUpper(sum("sbom"))},
		"short hash":         {sum("map"), sum("map")[2:]},
		"no provenance":      {sum("provenance"), ""},
		"size of nothing":    {`"size":5`, `"size":0`},
		"huge size":          {`"size":6`, `"size":9007199254740993`},
		"other compiler":     {`"go1.26.8"`, `"go1.26.8 X:extra"`},
	} {
		changed := strings.Replace(string(good), c[0], c[1], 1)
		if changed == string(good) {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := Parse([]byte(changed)); !errors.Is(err, ErrForm) && !errors.Is(err, proof.ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDecide: a release that its log doesn't name never starts unsaid.
func TestDecide(t *testing.T) {
	_, r := folder(t)
	old := r
	old.Version, old.Binaries = "1.2.2", []proof.Binary{{Target: "linux/amd64", SHA256: sum("old"), Size: 3}}
	log := []proof.Release{old, r}
	for name, c := range map[string]struct {
		self     Running
		unlogged bool
		want     Standing
		version  string
	}{
		"the newest":                   {Running{"1.2.3", "linux/amd64", sum("linux")}, false, Logged, "1.2.3"},
		"an older one":                 {Running{"1.2.2", "linux/amd64", sum("old")}, false, Logged, "1.2.2"},
		"logged and told":              {Running{"1.2.3", "linux/amd64", sum("linux")}, true, Logged, "1.2.3"},
		"not in the log":               {Running{"1.2.4", "linux/amd64", sum("new")}, false, "", ""},
		"not in the log, told":         {Running{"1.2.4", "linux/amd64", sum("new")}, true, Unlogged, ""},
		"altered":                      {Running{"1.2.3", "linux/amd64", sum("evil")}, false, "", ""},
		"altered, told":                {Running{"1.2.3", "linux/amd64", sum("evil")}, true, Unlogged, ""},
		"the program of another":       {Running{"1.2.3", "linux/amd64", sum("win")}, false, "", ""},
		"another version's":            {Running{"1.2.2", "linux/amd64", sum("linux")}, false, "", ""},
		"a commit":                     {Running{"f24217a", "linux/amd64", sum("dev")}, false, Development, ""},
		"a commit, told":               {Running{"f24217a", "linux/amd64", sum("dev")}, true, Development, ""},
		"after a tag":                  {Running{"v1.2.3-4-gf24217a", "linux/amd64", sum("dev")}, false, Development, ""},
		"unknown":                      {Running{"unknown", "linux/amd64", sum("dev")}, false, Development, ""},
		"release candidate not in log": {Running{"1.3.0-rc.1", "linux/amd64", sum("rc")}, false, "", ""},
	} {
		got, which, err := Decide(c.self, log, c.unlogged)
		if got != c.want || (err == nil) != (c.want != "") || err != nil && !errors.Is(err, ErrUnlogged) {
			t.Errorf("%s: %q %v", name, got, err)
		}
		if (which != nil) != (c.version != "") || which != nil && which.Version != c.version {
			t.Errorf("%s: release %v", name, which)
		}
		if err == nil && got.Public() != (got != Logged) {
			t.Errorf("%s: public %v", name, got.Public())
		}
	}
	if _, _, err := Decide(Running{"1.2.3", "linux/amd64", sum("linux")}, nil, false); !errors.Is(err, ErrUnlogged) {
		t.Errorf("an empty log names it: %v", err)
	}
}

// TestSelf: a process hashes what it runs from, also when another program was
// put in its place meanwhile.
func TestSelf(t *testing.T) {
	if os.Getenv("WRIT_TEST_SELF") != "" {
		name, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Dir(name), filepath.Base(name), "another")
		self, err := Self("1.2.3")
		if err != nil || self.SHA256 != os.Getenv("WRIT_TEST_SELF") || self.Target != runtime.GOOS+"/"+runtime.GOARCH {
			t.Fatalf("%+v %v", self, err)
		}
		return
	}
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(me)
	if err != nil {
		t.Fatal(err)
	}
	self, err := Self("1.2.3")
	if err != nil || self.SHA256 != sum(string(body)) || self.Version != "1.2.3" {
		t.Fatalf("%+v %v", self, err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	copied := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(copied, body, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied, "-test.run", "^TestSelf$")
	cmd.Env = append(os.Environ(), "WRIT_TEST_SELF="+self.SHA256)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
