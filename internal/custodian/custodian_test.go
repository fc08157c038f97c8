package custodian

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/passphrase"
	"writ/internal/policy"
)

func TestMain(m *testing.M) {
	fresh = func(secret string) (passphrase.Derivation, error) { // the least that is accepted
		d, err := passphrase.Fresh(secret)
		if d.A, d.B, d.C = 1, 8<<10, 1; d.Method == passphrase.PBKDF2 {
			d.A, d.B, d.C = 100_000, 0, 0
		}
		return d, err
	}
	os.Exit(m.Run())
}

const secret = "correct horse battery"

func generate(t testing.TB) (file string, p Public) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "ada.key")
	p, err := Generate(file, "ada.okafor", secret)
	if err != nil {
		t.Fatal(err)
	}
	return file, p
}

func open(t testing.TB, file, secret string) *Key {
	t.Helper()
	k, err := Open(file, secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Erase)
	return k
}

var waiver = policy.Waiver{
	V: 1, Case: "2026-7KQM-4ZT0", Writ: bytes.Repeat([]byte{6}, 32), Reason: "Both witnesses are away",
	Deadline: time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC), At: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC), NotAfter: time.Date(2026, 11, 24, 17, 0, 0, 0, time.UTC),
}

func payload(t testing.TB) []byte {
	t.Helper()
	b, err := waiver.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSign(t *testing.T) {
	file, p := generate(t)
	if p.Person != "ada.okafor" {
		t.Errorf("the key is of %s", p.Person)
	}
	if again, err := ReadPublic(file); err != nil || again.Person != p.Person || !again.Key.Equal(p.Key) {
		t.Errorf("%+v, %v", again, err)
	}
	k := open(t, file, secret)
	e := policy.NewEnvelope(policy.TypeWaiver, payload(t))
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice is once
		if b, err = k.AddSignature(b); err != nil {
			t.Fatal(err)
		}
	}
	if e, err = policy.ParseEnvelope(b); err != nil || len(e.Signatures) != 1 {
		t.Fatalf("%d signatures, %v", len(e.Signatures), err)
	}
	set := policy.Set{Members: []policy.Member{{Person: p.Person, Role: writ.RoleCustodian, Key: p.Key}}}
	if len(set.Signed(e)) != 1 {
		t.Error("the signature doesn't verify")
	}
	k.Erase()
	if _, err := k.Sign(policy.TypeWaiver, payload(t)); !errors.Is(err, ErrErased) {
		t.Errorf("an erased key: %v", err)
	}
}

// TestSignsNothingElse: what is not one of three documents, in order, is not
// signed.
func TestSignsNothingElse(t *testing.T) {
	file, _ := generate(t)
	k := open(t, file, secret)
	for name, c := range map[string]struct {
		payloadType string
		payload     []byte
		want        error
	}{
		"another type":        {"application/vnd.in-toto+json", payload(t), ErrUnknown},
		"no type":             {"", payload(t), ErrUnknown},
		"a waiver as a set":   {policy.TypeSet, payload(t), policy.ErrForm},
		"a waiver as a writ":  {policy.TypeAuthorisation, payload(t), policy.ErrForm},
		"spelled differently": {policy.TypeWaiver, append(payload(t), '\n'), policy.ErrForm},
		"nothing":             {policy.TypeWaiver, nil, policy.ErrForm},
	} {
		if s, err := k.Sign(c.payloadType, c.payload); !errors.Is(err, c.want) || s.Sig != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := k.AddSignature([]byte("{}")); !errors.Is(err, policy.ErrForm) {
		t.Errorf("an empty envelope: %v", err)
	}
}

func TestGenerateNeverOverwrites(t *testing.T) {
	file, p := generate(t)
	if _, err := Generate(file, "jun.park", secret); !errors.Is(err, ErrExists) {
		t.Errorf("over a key: %v", err)
	}
	if again, _ := ReadPublic(file); !again.Key.Equal(p.Key) {
		t.Error("the key is gone")
	}
	other := filepath.Join(t.TempDir(), "x")
	if _, err := Generate(other, "Jun Park", secret); err == nil {
		t.Error("a name that is no person's")
	}
	if _, err := Generate(other, "jun.park", "short"); !errors.Is(err, passphrase.ErrShort) {
		t.Errorf("a short passphrase: %v", err)
	}
	if _, err := os.Stat(other); err == nil {
		t.Error("a refusal made a file")
	}
}

func TestModes(t *testing.T) {
	file, _ := generate(t)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o700, 0o400} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file, secret); !errors.Is(err, ErrMode) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if _, err := Open(filepath.Dir(file), secret); !errors.Is(err, ErrMode) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Open(file+".gone", secret); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestEveryByteCounts: a file that was altered in any byte doesn't open, nor by
// another passphrase.
func TestEveryByteCounts(t *testing.T) {
	file, _ := generate(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, b []byte, secret string) {
		t.Helper()
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if k, err := Open(file, secret); err == nil {
			k.Erase()
			t.Errorf("%s: it opens", what)
		} else if !errors.Is(err, ErrForm) && !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1
		try(fmt.Sprintf("byte %d", i), b, secret)
	}
	try("another passphrase", whole, secret+"x")
	try("no passphrase", whole, "")
	try("cut", whole[:len(whole)-1], secret)
	try("longer", append(bytes.Clone(whole), '\n'), secret)
	try("empty", nil, secret)
	try("large", bytes.Repeat([]byte("a"), maxFile+1), secret)
	try("another person's", bytes.Replace(whole, []byte("ada.okafor"), []byte("jun.park"), 1), secret)
	// Another's public key, to be enrolled in place of one's own.
	public, _, _ := ed25519.GenerateKey(nil)
	lines := strings.Split(string(whole), "\n")
	lines[2] = "public " + base64.StdEncoding.EncodeToString(public)
	try("another public key", []byte(strings.Join(lines, "\n")), secret)
}

func TestChangePassphrase(t *testing.T) {
	file, p := generate(t)
	if err := ChangePassphrase(file, "wrong horse", "new battery"); !errors.Is(err, ErrPassphrase) {
		t.Errorf("with a wrong passphrase: %v", err)
	}
	if err := ChangePassphrase(file, secret, "short"); !errors.Is(err, passphrase.ErrShort) {
		t.Errorf("to a short one: %v", err)
	}
	if err := ChangePassphrase(file, secret, "new battery"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, secret); !errors.Is(err, ErrPassphrase) {
		t.Errorf("the old passphrase: %v", err)
	}
	if k := open(t, file, "new battery"); !k.Public().Key.Equal(p.Key) {
		t.Error("it is another key")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestNothingSecretIsPrinted looks for the seed, in every way of printing.
func TestNothingSecretIsPrinted(t *testing.T) {
	file, _ := generate(t)
	k := open(t, file, secret)
	seed := k.private.Seed()
	text := fmt.Sprintf("%v %+v %#v %s %x %d %q", k, k, k, k, k, k, k) + fmt.Sprintf("%+v %#v", struct{ K *Key }{k}, []*Key{k})
	asJSON, _ := json.Marshal(map[string]any{"key": k})
	text += string(asJSON)
	for _, form := range []string{string(seed), fmt.Sprintf("%x", seed), base64.StdEncoding.EncodeToString(seed), fmt.Sprint(seed[:8])} {
		if strings.Contains(text, strings.Trim(form, "[]")) {
			t.Errorf("the key is printed: %s", text)
		}
	}
	whole, _ := os.ReadFile(file)
	if bytes.Contains(whole, seed) || bytes.Contains(whole, []byte(base64.StdEncoding.EncodeToString(seed))) {
		t.Error("the seed lies in the file")
	}
}

// TestFIPS runs the package's tests again in FIPS mode; a file that argon2id
// sealed moves over by a change of passphrase.
func TestFIPS(t *testing.T) {
	const folder = "WRIT_CUSTODIAN_FIPS"
	if dir := os.Getenv(folder); dir != "" {
		old := filepath.Join(dir, "old")
		if strings.Contains(os.Getenv("GODEBUG"), "only") {
			if _, err := Open(old, secret); !errors.Is(err, passphrase.ErrFIPS) {
				t.Errorf("argon2id under fips140=only: %v", err)
			}
			return
		}
		if err := ChangePassphrase(old, secret, secret); err != nil {
			t.Error(err)
		}
		return
	}
	dir := t.TempDir()
	if _, err := Generate(filepath.Join(dir, "old"), "ada.okafor", secret); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"only", "on"} {
		cmd := exec.Command(os.Args[0], "-test.count=1", "-test.run=^(TestFIPS|TestSign|TestChangePassphrase)$")
		cmd.Env = append(os.Environ(), folder+"="+dir, "GODEBUG=fips140="+mode)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("fips140=%s: %v\n%s", mode, err, out)
		}
	}
	_, sealed, err := readFile(filepath.Join(dir, "old"))
	if err != nil || passphrase.Parse(sealed).Method != passphrase.PBKDF2 {
		t.Errorf("the old file did not move over: %v", err)
	}
}

func FuzzFile(f *testing.F) {
	file, _ := generate(f)
	whole, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte(head + "\nperson a\npublic \nsealed \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, sealed, err := parse(b)
		if err == nil && (lines(p)+"sealed "+base64.StdEncoding.EncodeToString(sealed)+"\n") != string(b) {
			t.Errorf("%q can be spelled in another way", b)
		}
	})
}
