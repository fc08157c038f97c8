// Package releasetest makes small but real releases for tests: a program of a
// few lines and one module, built by the Go command that is here, and a log with
// a witness that names it.
package releasetest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/sumdb/note"

	"writ/internal/ledger"
	"writ/internal/proof"
	"writ/internal/release"
	"writ/internal/release/archive"
	"writ/internal/release/build"
	"writ/internal/release/making"
)

const program = `package main

import (
	"fmt"

	"golang.org/x/mod/semver"
)

var version string

func main() { fmt.Println("writ", version, semver.IsValid(version), "harbour") }
`

// Root is the folder of this module.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	must(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("the tests don't run inside of the module")
		}
		dir = filepath.Dir(dir)
	}
}

// Source is the source of a small program named writ, with changes: contents by
// file name.
func Source(t testing.TB, version string, changes map[string]string) *archive.Tree {
	t.Helper()
	const dep = "golang.org/x/mod"
	gomod, err := os.ReadFile(filepath.Join(Root(t), "go.mod"))
	must(t, err)
	parsed, err := modfile.Parse("go.mod", gomod, nil)
	must(t, err)
	at := ""
	for _, r := range parsed.Require {
		if r.Mod.Path == dep {
			at = r.Mod.Version
		}
	}
	gosum, err := os.ReadFile(filepath.Join(Root(t), "go.sum"))
	must(t, err)
	var sums strings.Builder
	for line := range strings.Lines(string(gosum)) {
		if strings.HasPrefix(line, dep+" "+at) {
			sums.WriteString(line)
		}
	}
	all := map[string]string{
		"go.mod":           fmt.Sprintf("module writ\n\ngo 1.26.0\n\ntoolchain %s\n\nrequire %s %s\n", runtime.Version(), dep, at),
		"go.sum":           sums.String(),
		"cmd/writ/main.go": program,
		"README.md":        "# Writ\n\nA <small> one.\n",
		"scripts/test":     "#!/bin/sh\ngo test ./...\n",
	}
	for name, body := range changes {
		all[name] = body
	}
	var files []archive.File
	for name, body := range all {
		files = append(files, archive.File{Name: name, Body: []byte(body), Exec: strings.HasPrefix(name, "scripts/")})
	}
	tree, err := archive.New(version, files)
	must(t, err)
	return tree
}

// Target is for what [Make] builds first: this machine.
func Target() string { return runtime.GOOS + "/" + runtime.GOARCH }

// Make makes a release of a source for this machine and one other target, and
// returns its folder. A nil key leaves it unsigned.
func Make(t testing.TB, source *archive.Tree, key ed25519.PrivateKey) string {
	t.Helper()
	g, err := build.Find(t.Context(), "")
	must(t, err)
	dir, err := making.Make(t.Context(), making.Options{
		Source: source, Out: t.TempDir(), Targets: []string{Target(), "windows/amd64"}, Go: g, Key: key,
		Builder: "urn:writ:builder:quayside", Say: func(string) {},
	})
	must(t, err)
	return dir
}

// Key makes a release key and returns it with its public half in PEM.
func Key(t testing.TB) (ed25519.PrivateKey, []byte) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(public)
	must(t, err)
	return private, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// Log is a log in memory with one witness.
type Log struct {
	Key, Policy string // to pin
	log         *ledger.Memory
	verifier    note.Verifier
	witness     note.Signer
}

// NewLog makes an empty log.
func NewLog(t testing.TB) *Log {
	t.Helper()
	secret, vkey, err := note.GenerateKey(rand.Reader, "ledger.quayside.example")
	must(t, err)
	signer, err := note.NewSigner(secret)
	must(t, err)
	l := &Log{Key: vkey}
	l.verifier, err = note.NewVerifier(vkey)
	must(t, err)
	l.log, err = ledger.NewMemory(signer)
	must(t, err)
	secret, plain, err := note.GenerateKey(rand.Reader, "witness.fernhill.example")
	must(t, err)
	l.witness, err = tnote.NewSignerForCosignatureV1(secret)
	must(t, err)
	wkey, err := tnote.VKeyToCosignatureV1(plain)
	must(t, err)
	l.Policy = fmt.Sprintf("log %s\nwitness w %s https://witness.fernhill.example\nquorum w\n", vkey, wkey)
	return l
}

// Verifier has the log and its witness pinned.
func (l *Log) Verifier(t testing.TB) *proof.Verifier {
	t.Helper()
	v, err := proof.NewVerifier(proof.Trust{LogKey: l.Key, Policy: l.Policy})
	must(t, err)
	return v
}

// Publish puts a statement into the log and returns its receipt.
func (l *Log) Publish(t testing.TB, kind string, body any) []byte {
	t.Helper()
	leaf, err := proof.Encode(kind, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), body)
	must(t, err)
	index, checkpoint, err := l.log.Append(t.Context(), leaf)
	must(t, err)
	path, err := l.log.Prove(t.Context(), index, index+1)
	must(t, err)
	opened, err := note.Open(checkpoint, note.VerifierList(l.verifier))
	must(t, err)
	cosigned, err := note.Sign(opened, l.witness)
	must(t, err)
	r, err := proof.NewReceipt(leaf, index, path, cosigned)
	must(t, err)
	file, err := r.Marshal()
	must(t, err)
	return file
}

// Log publishes the release of a folder and puts the receipt into it.
func (l *Log) Log(t testing.TB, dir string) {
	t.Helper()
	f, err := release.Load(dir)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, release.ReceiptFile), l.Publish(t, proof.KindRelease, f.Body()), 0o644))
}

// Copy is a copy of a release's folder, to be changed.
func Copy(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	must(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

// Change replaces a text in a file, which must be there.
func Change(t testing.TB, file, from, to string) {
	t.Helper()
	body, err := os.ReadFile(file)
	must(t, err)
	if !bytes.Contains(body, []byte(from)) {
		t.Fatalf("%s holds no %q", file, from)
	}
	must(t, os.WriteFile(file, bytes.Replace(body, []byte(from), []byte(to), 1), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
