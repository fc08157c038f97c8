package keyring

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"writ/internal/passphrase"
)

// fipsDir tells the test binary that it runs in FIPS mode on this folder.
const fipsDir = "WRIT_KEYRING_FIPS_DIR"

// TestFIPSChild runs in a process of its own, in FIPS mode.
func TestFIPSChild(t *testing.T) {
	top := os.Getenv(fipsDir)
	if top == "" {
		return // it is run by TestFIPSMode
	}
	phrase := Passphrase("correct horse battery")
	only := strings.Contains(os.Getenv("GODEBUG"), "only")
	fresh := filepath.Join(top, "fresh-"+os.Getenv("GODEBUG"))
	k := create(t, fresh, phrase)
	s := generate(t, k, add(t, k))
	if err := k.Shred(add(t, k)); err != nil {
		t.Fatal(err)
	}
	k.Close()
	s.opens(t, reopen(t, fresh, phrase))
	b, err := os.ReadFile(filepath.Join(fresh, rootName))
	if err != nil {
		t.Fatal(err)
	}
	if d := parseDerivation(b[len(rootMagic)+1:]); d.Method != passphrase.PBKDF2 {
		t.Errorf("a new root key is sealed by method %d", d.Method)
	}
	old := filepath.Join(top, "old")
	k, err = Open(old, phrase, Options{})
	if only {
		if !errors.Is(err, ErrFIPS) {
			t.Fatalf("argon2id under fips140=only: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := k.ChangePassphrase(phrase); err != nil { // moves it to PBKDF2
		t.Fatal(err)
	}
}

// TestFIPSMode makes and opens keys with fips140=on and fips140=only; a root
// key sealed with argon2id moves over by a change of passphrase.
func TestFIPSMode(t *testing.T) {
	top := t.TempDir()
	phrase := Passphrase("correct horse battery")
	old := filepath.Join(top, "old")
	create(t, old, phrase).Close()
	run := func(mode string) {
		t.Helper()
		child := exec.Command(os.Args[0], "-test.run=^TestFIPSChild$")
		child.Env = append(os.Environ(), fipsDir+"="+top, "GODEBUG=fips140="+mode)
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("fips140=%s: %v\n%s", mode, err, out)
		}
	}
	run("only")
	run("on")
	b, err := os.ReadFile(filepath.Join(old, rootName))
	if err != nil {
		t.Fatal(err)
	}
	if d := parseDerivation(b[len(rootMagic)+1:]); d.Method != passphrase.PBKDF2 {
		t.Errorf("the old root key is sealed by method %d still", d.Method)
	}
	reopen(t, old, phrase)
}
