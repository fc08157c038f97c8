//go:build unix

package main

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"writ/internal/release"
	rt "writ/internal/release/releasetest"
)

// TestReleaseStories tells testdata/release on a release that was made, logged
// and served for it.
func TestReleaseStories(t *testing.T) {
	key, public := rt.Key(t)
	dir, log, pins := rt.Make(t, rt.Source(t, "v1.2.3", nil), key), rt.NewLog(t), t.TempDir()
	log.Log(t, dir)
	f, err := release.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := os.ReadFile(filepath.Join(dir, release.ReceiptFile))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(f.Handler(func() []byte { return receipt }))
	t.Cleanup(server.Close)
	_, other := rt.Key(t)
	for name, body := range map[string][]byte{
		"log.vkey": []byte(log.Key + "\n"), "policy.txt": []byte(log.Policy), "release.pem": public, "other.pem": other,
		"ca.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	} {
		if err := os.WriteFile(filepath.Join(pins, name), body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/release",
		Setup: func(e *testscript.Env) error {
			e.Setenv("RELEASE", dir)
			e.Setenv("PINS", pins)
			e.Setenv("URL", server.URL+release.ServePrefix)
			e.Setenv("TARGET", rt.Target())
			e.Setenv("PROGRAM", release.BinaryName("v1.2.3", rt.Target()))
			out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB").Output()
			if err != nil {
				return err
			}
			values := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			for i, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB"} {
				e.Setenv(name, values[i])
			}
			return nil
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// TestClient: the program for Windows has none of a server's rooms in it, and
// everything of ours that it has compiles there.
func TestClient(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{.ImportPath}}", ".")
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for path := range strings.Lines(string(out)) {
		if path = strings.TrimSpace(path); strings.HasPrefix(path, "writ/") {
			got[path] = true
		}
	}
	for _, room := range []string{"server", "s3", "api", "vault", "gate", "records", "blob", "ledger", "witness", "certs", "config"} {
		if got["writ/internal/"+room] {
			t.Errorf("the client brings internal/%s along", room)
		}
	}
	if !got["writ/internal/proof"] || !got["writ/internal/release/check"] {
		t.Errorf("the client checks nothing: %v", got)
	}
}
