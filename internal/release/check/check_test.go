package check

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"writ/internal/proof"
	"writ/internal/release"
	"writ/internal/release/archive"
	"writ/internal/release/provenance"
	rt "writ/internal/release/releasetest"
)

// story is a release that holds, made once for all attacks on copies of it.
type story struct {
	dir     string
	log     *rt.Log
	key     ed25519.PublicKey
	private ed25519.PrivateKey
}

func begin(t *testing.T) *story {
	t.Helper()
	s := &story{log: rt.NewLog(t)}
	var public []byte
	s.private, public = rt.Key(t)
	var err error
	if s.key, err = provenance.ParsePublicKey(public); err != nil {
		t.Fatal(err)
	}
	s.dir = rt.Make(t, rt.Source(t, "v1.2.3", nil), s.private)
	s.log.Log(t, s.dir)
	return s
}

func (s *story) options(t *testing.T) Options {
	return Options{Ledger: s.log.Verifier(t), Key: s.key, Say: func(string) {}}
}

func folder(t *testing.T, dir string, o Options) *Report {
	t.Helper()
	r, err := Folder(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// say is a report as text, to search in.
func say(r *Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		b.WriteString(f.Subject + ": " + string(f.Outcome) + ": " + strings.Join(f.Detail, "; ") + "\n")
	}
	return b.String()
}

// refused demands that a report doesn't hold, and says why.
func refused(t *testing.T, r *Report, want string) {
	t.Helper()
	if r.Holds() {
		t.Errorf("it holds:\n%s", say(r))
	}
	if !strings.Contains(say(r), want) {
		t.Errorf("nothing says %q:\n%s", want, say(r))
	}
}

func write(t *testing.T, file, body string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestRelease makes one release and attacks copies of it.
func TestRelease(t *testing.T) {
	s := begin(t)
	binary := release.BinaryName("v1.2.3", rt.Target())
	t.Run("holds", func(t *testing.T) {
		r := folder(t, s.dir, s.options(t))
		if !r.Holds() {
			t.Fatalf("it doesn't hold:\n%s", say(r))
		}
		for _, want := range []string{"cosigned by witness.fernhill.example", "rebuild for " + rt.Target() + ": holds", "rebuild for windows/amd64: holds", "signature: holds", "modules: holds: those in 2 of 2"} {
			if !strings.Contains(say(r), want) {
				t.Errorf("nothing says %q:\n%s", want, say(r))
			}
		}
	})
	t.Run("without programs", func(t *testing.T) {
		dir := rt.Copy(t, s.dir)
		os.Remove(filepath.Join(dir, binary))
		os.Remove(filepath.Join(dir, release.BinaryName("v1.2.3", "windows/amd64")))
		if r := folder(t, dir, s.options(t)); !r.Holds() || !strings.Contains(say(r), "modules: holds: those in 2 of 2") {
			t.Errorf("the source doesn't suffice:\n%s", say(r))
		}
	})
	t.Run("source alone", func(t *testing.T) { s.sources(t) })
	t.Run("files", func(t *testing.T) { s.files(t, binary) })
	t.Run("receipts", func(t *testing.T) { s.receipts(t) })
	t.Run("waived", func(t *testing.T) { s.waived(t) })
	t.Run("fetched", func(t *testing.T) { s.fetched(t, binary) })
}

// sources checks an archive, and folders, by themselves.
func (s *story) sources(t *testing.T) {
	packed := filepath.Join(s.dir, archive.Name("v1.2.3"))
	o := s.options(t)
	o.Receipt = filepath.Join(s.dir, release.ReceiptFile)
	o.Targets = []string{rt.Target()}
	source := func(path string) *Report {
		t.Helper()
		r, err := Source(t.Context(), path, o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := source(packed); !r.Holds() || !strings.Contains(say(r), "rebuild for windows/amd64: waived") {
		t.Errorf("an archive:\n%s", say(r))
	}
	unpacked := t.TempDir()
	if err := rt.Source(t, "v1.2.3", nil).Extract(unpacked); err != nil {
		t.Fatal(err)
	}
	if r := source(unpacked); !r.Holds() {
		t.Errorf("a folder:\n%s", say(r))
	}
	rt.Change(t, filepath.Join(unpacked, "cmd/writ/main.go"), "harbour", "harbous")
	refused(t, source(unpacked), "not the file that the release names: the archive has the hash")
	rt.Change(t, filepath.Join(unpacked, "cmd/writ/main.go"), "harbous", "harbour")
	write(t, filepath.Join(unpacked, "cmd/writ/more.go"), "package main\n")
	refused(t, source(unpacked), "the archive has the hash")
	o.Targets = []string{"plan9/386"}
	refused(t, source(packed), "the release has no such program")
}

// files changes one file each.
func (s *story) files(t *testing.T, binary string) {
	windows := release.BinaryName("v1.2.3", "windows/amd64")
	for name, c := range map[string]struct {
		change func(dir string)
		want   string
	}{
		"archive tampered": {func(dir string) { flip(t, filepath.Join(dir, archive.Name("v1.2.3"))) }, "rebuild: not checked: the source is not the release's"},
		"archive replaced": {func(dir string) {
			b, err := rt.Source(t, "v1.2.3", map[string]string{"evil.go": "package evil\n"}).Bytes()
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, archive.Name("v1.2.3")), string(b))
		}, archive.Name("v1.2.3") + ": fails: not the file that the release names"},
		"archive gone": {func(dir string) { os.Remove(filepath.Join(dir, archive.Name("v1.2.3"))) }, "no such file"},
		"file added":   {func(dir string) { write(t, filepath.Join(dir, "writ-v1.2.3-linux-riscv64"), "evil") }, "it is in the folder and not in the release"},
		"program of another target": {func(dir string) {
			b, err := os.ReadFile(filepath.Join(dir, windows))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, binary), string(b))
		}, binary + ": fails: not the file that the release names"},
		"byte of a program": {func(dir string) { rt.Change(t, filepath.Join(dir, binary), "harbour", "harbous") }, "1 of "},
		"program of another version": {func(dir string) {
			other := rt.Make(t, rt.Source(t, "v1.2.4", nil), s.private)
			b, err := os.ReadFile(filepath.Join(other, release.BinaryName("v1.2.4", rt.Target())))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, binary), string(b))
		}, "bytes differ, the first at"},
		"modules edited": {func(dir string) {
			rt.Change(t, filepath.Join(dir, release.SBOMFile), "golang.org/x/mod", "golang.org/x/mud")
		}, release.SBOMFile + ": fails"},
		"modules gone":      {func(dir string) { os.Remove(filepath.Join(dir, release.SBOMFile)) }, release.SBOMFile + ": fails"},
		"provenance edited": {func(dir string) { rt.Change(t, filepath.Join(dir, release.ProvenanceFile), "sig", "gis") }, release.ProvenanceFile + ": fails"},
		"provenance gone":   {func(dir string) { os.Remove(filepath.Join(dir, release.ProvenanceFile)) }, release.ProvenanceFile + ": fails"},
		"statement with a field": {func(dir string) {
			rt.Change(t, filepath.Join(dir, release.StatementFile), `{"version"`, `{"note":"","version"`)
		}, "release.json: fails: it is not what the log says"},
		"statement gone": {func(dir string) { os.Remove(filepath.Join(dir, release.StatementFile)) }, "release.json: fails"},
		"sums":           {func(dir string) { rt.Change(t, filepath.Join(dir, release.SumsFile), "  "+binary, "0  "+binary) }, "it has another hash of"},
		"link for a program": {func(dir string) {
			os.Remove(filepath.Join(dir, binary))
			if err := os.Symlink("/dev/zero", filepath.Join(dir, binary)); err != nil {
				t.Fatal(err)
			}
		}, binary + ": fails"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := rt.Copy(t, s.dir)
			c.change(dir)
			o := s.options(t)
			o.Targets = []string{rt.Target()}
			refused(t, folder(t, dir, o), c.want)
		})
	}
}

// flip changes a bit in the middle of a file.
func flip(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	write(t, file, string(b))
}

// receipts puts others in the place of the receipt.
func (s *story) receipts(t *testing.T) {
	with := func(receipt []byte) *Report {
		t.Helper()
		dir := rt.Copy(t, s.dir)
		write(t, filepath.Join(dir, release.ReceiptFile), string(receipt))
		o := s.options(t)
		o.NoBuild = true
		return folder(t, dir, o)
	}
	f, err := release.Load(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	other := rt.Make(t, rt.Source(t, "v1.2.4", nil), s.private)
	g, err := release.Load(other)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, with(s.log.Publish(t, proof.KindRelease, g.Body())), "release.json: fails: it is not what the log says")
	refused(t, with(s.log.Publish(t, proof.KindReport, f.Body())), "the receipt is of a report")
	refused(t, with(rt.NewLog(t).Publish(t, proof.KindRelease, f.Body())), "the checkpoint is not signed by the pinned log")
	refused(t, with(nil), "receipt: fails")
	var extra map[string]any
	if err := json.Unmarshal(f.Body(), &extra); err != nil {
		t.Fatal(err)
	}
	extra["note"] = "trust me"
	refused(t, with(s.log.Publish(t, proof.KindRelease, extra)), "receipt: fails: not of the ledger's form")
	dir := rt.Copy(t, s.dir)
	os.Remove(filepath.Join(dir, release.ReceiptFile))
	refused(t, folder(t, dir, s.options(t)), "receipt: fails: couldn't read")
}

// waived asks for less, and for what isn't there.
func (s *story) waived(t *testing.T) {
	o := s.options(t)
	o.NoBuild, o.Key = true, nil
	refused(t, folder(t, s.dir, o), "signature: not checked: no release key is pinned")
	o.NoKey = true
	if r := folder(t, s.dir, o); !r.Holds() || !strings.Contains(say(r), "rebuild: waived") || !strings.Contains(say(r), "signature: waived") {
		t.Errorf("what is waived is not told:\n%s", say(r))
	}
	o = s.options(t)
	o.Go = filepath.Join(t.TempDir(), "go")
	refused(t, folder(t, s.dir, o), "rebuild: not checked: no Go of the right version")
	write(t, o.Go, "#!/bin/sh\necho '{\"GOVERSION\":\"go1.2.3\"}'\n")
	if err := os.Chmod(o.Go, 0o755); err != nil {
		t.Fatal(err)
	}
	refused(t, folder(t, s.dir, o), "and this is go1.2.3")
	o = s.options(t)
	o.NoBuild = true
	_, public := rt.Key(t)
	key, err := provenance.ParsePublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	o.Key = key
	refused(t, folder(t, s.dir, o), "signature: fails: the provenance is not signed by the pinned release key")
}

// fetched gets the release from a server, an honest one and others.
func (s *story) fetched(t *testing.T, binary string) {
	files := http.FileServer(http.Dir(s.dir))
	fetch := func(h http.Handler) (string, error) {
		server := httptest.NewTLSServer(h)
		defer server.Close()
		dir := t.TempDir()
		return dir, Fetch(t.Context(), server.Client(), server.URL+"/release/", dir, s.options(t))
	}
	honest := http.StripPrefix("/release", files)
	dir, err := fetch(honest)
	if err != nil {
		t.Fatal(err)
	}
	o := s.options(t)
	o.Targets = []string{rt.Target()}
	if r := folder(t, dir, o); !r.Holds() {
		t.Errorf("what was fetched doesn't hold:\n%s", say(r))
	}
	instead := func(name string, answer http.HandlerFunc) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/"+name) {
				answer(w, r)
				return
			}
			honest.ServeHTTP(w, r)
		})
	}
	endless := func(w http.ResponseWriter, _ *http.Request) {
		for b := make([]byte, 1<<16); ; {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		h    http.Handler
		want string
	}{
		"endless program":   {instead(binary, endless), binary + " has more than"},
		"endless receipt":   {instead(release.ReceiptFile, endless), "receipt.json has more than"},
		"endless list":      {instead(release.SBOMFile, endless), release.SBOMFile + " has more than"},
		"no source":         {instead(archive.Name("v1.2.3"), http.NotFound), "the server has no such file"},
		"error":             {instead(release.StatementFile, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }), "500 Internal Server Error"},
		"sent to plaintext": {instead(release.StatementFile, http.RedirectHandler("http://quayside.example/", http.StatusFound).ServeHTTP), "302 Found"},
		"no receipt":        {http.NotFoundHandler(), "the server has no such file"},
	} {
		if _, err := fetch(c.h); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if dir, err := fetch(instead(binary, http.NotFound)); err != nil {
		t.Errorf("a missing program is an error: %v", err)
	} else if _, err := os.Stat(filepath.Join(dir, binary)); !os.IsNotExist(err) {
		t.Error(err)
	}
	for _, bad := range []string{"http://quayside.example/release/", "ftp://127.0.0.1/", "https://name:word@quayside.example/", "://"} {
		if err := Fetch(context.Background(), http.DefaultClient, bad, t.TempDir(), s.options(t)); err == nil || !strings.Contains(err.Error(), "fetched by https") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
