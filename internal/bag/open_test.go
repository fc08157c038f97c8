package bag_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/elliptic"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"writ/internal/bag"
)

// forge makes a package of any stream, with a package.json that fits it.
func forge(t *testing.T, p party, stream []byte) string {
	t.Helper()
	to, err := age.ParseX25519Recipient(p.public)
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(stream)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dir, name := t.TempDir(), string(caseID)+".000001.tar.age"
	if err := os.WriteFile(filepath.Join(dir, name), sealed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"writ_package":1,"case":%q,"sealing":"age","recipients":[],"tagmanifest_sha256":%q,"volumes":[{"name":%q,"size":%d,"sha256":%q}]}`,
		caseID, sum256(""), name, sealed.Len(), sum256(sealed.String()))
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func entries(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		h.Mode = 0o777
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		w.Write(make([]byte, h.Size))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestHostilePackages opens what a stranger could send: nothing appears
// outside of the folder, nor the folder itself.
func TestHostilePackages(t *testing.T) {
	p := ageParty(t)
	in := string(caseID) + "/"
	file := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 3} }
	for name, stream := range map[string][]byte{
		"climbs":       entries(t, file(in+"../../escaped")),
		"absolute":     entries(t, file("/tmp/escaped")),
		"other folder": entries(t, file("2026-AAAA-BBBB/data/x")),
		"no folder":    entries(t, file("escaped")),
		"backslash":    entries(t, file(in+`data\..\..\escaped`)),
		"drive":        entries(t, file(in+`C:escaped`)),
		"the folder":   entries(t, tar.Header{Typeflag: tar.TypeDir, Name: in}),
		"link":         entries(t, tar.Header{Typeflag: tar.TypeSymlink, Name: in + "data", Linkname: "/tmp"}, file(in+"data/escaped")),
		"hard link":    entries(t, tar.Header{Typeflag: tar.TypeLink, Name: in + "x", Linkname: "/etc/passwd"}),
		"device":       entries(t, tar.Header{Typeflag: tar.TypeChar, Name: in + "x"}),
		"pipe":         entries(t, tar.Header{Typeflag: tar.TypeFifo, Name: in + "x"}),
		"twice":        entries(t, file(in+"x"), file(in+"x")),
		"file, folder": entries(t, file(in+"x"), file(in+"x/y")),
		"too large":    entries(t, tar.Header{Typeflag: tar.TypeReg, Name: in + "x", Size: 3 << 20}),
		"bytes behind": append(entries(t, file(in+"x")), "more"...),
		"torn":         entries(t, file(in+"x"))[:514],
		"no tar":       bytes.Repeat([]byte("no tar"), 1000),
	} {
		t.Run(name, func(t *testing.T) {
			dir, parent := forge(t, p, stream), t.TempDir()
			_, err := bag.Open(t.Context(), bag.OpenInput{Package: dir, Into: filepath.Join(parent, "bag"), Identity: p.identity(t), MaxBytes: 1 << 20})
			if err == nil {
				t.Error("it was opened")
			}
			if left, _ := os.ReadDir(parent); len(left) != 0 {
				t.Errorf("%v is left", left)
			}
		})
	}
	for _, name := range []string{"/tmp/escaped", "escaped"} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestForgedBag: a stream that unpacks and is no valid bag is reported.
func TestForgedBag(t *testing.T) {
	p := ageParty(t)
	in := string(caseID) + "/"
	dir := forge(t, p, entries(t, tar.Header{Typeflag: tar.TypeReg, Name: in + "data/x", Size: 3}))
	into := filepath.Join(t.TempDir(), "bag")
	report, err := bag.Open(t.Context(), bag.OpenInput{Package: dir, Into: into, Identity: p.identity(t)})
	if err != nil || report.Valid() {
		t.Errorf("%+v, %v", report, err)
	}
	info, err := os.Stat(filepath.Join(into, "data/x"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := bag.Open(t.Context(), bag.OpenInput{Package: dir, Into: into, Identity: p.identity(t)}); !errors.Is(err, bag.ErrOther) {
		t.Errorf("into a folder that is there: %v", err)
	}
}

// TestEditedPackage edits package.json of a good package.
func TestEditedPackage(t *testing.T) {
	p, dir := somebody(t), t.TempDir()
	mustWrite(t, input(dir, several(), p))
	good := readFile(t, filepath.Join(dir, "package.json"))
	type doc = map[string]any
	volumes := func(d doc) []any { return d["volumes"].([]any) }
	for name, change := range map[string]func(doc){
		"last volume dropped": func(d doc) { d["volumes"] = volumes(d)[:len(volumes(d))-1] },
		"none":                func(d doc) { d["volumes"] = []any{} },
		"swapped":             func(d doc) { v := volumes(d); v[0], v[1] = v[1], v[0] },
		"swapped, renamed": func(d doc) {
			a, b := volumes(d)[0].(doc), volumes(d)[1].(doc)
			a["size"], b["size"], a["sha256"], b["sha256"] = b["size"], a["size"], b["sha256"], a["sha256"]
		},
		"climbs":         func(d doc) { volumes(d)[0].(doc)["name"] = "../../etc/passwd" },
		"case climbs":    func(d doc) { d["case"] = "../../../etc" },
		"size":           func(d doc) { volumes(d)[0].(doc)["size"] = -1 },
		"version":        func(d doc) { d["writ_package"] = 2 },
		"sealing":        func(d doc) { d["sealing"] = "none" },
		"another bag's":  func(d doc) { d["tagmanifest_sha256"] = sum256("x") },
		"hash with html": func(d doc) { d["tagmanifest_sha256"] = "<script>" },
	} {
		var d doc
		if err := json.Unmarshal([]byte(good), &d); err != nil {
			t.Fatal(err)
		}
		change(d)
		body, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "package.json"), body, 0o600); err != nil {
			t.Fatal(err)
		}
		report, err := bag.Open(t.Context(), bag.OpenInput{Package: dir, Into: filepath.Join(t.TempDir(), "bag"), Identity: p.identity(t)})
		if err == nil && report.Valid() {
			t.Errorf("%s: it was opened, and found valid", name)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bag.Check(dir); !errors.Is(err, bag.ErrDamaged) {
		t.Errorf("no JSON: %v", err)
	}
	if _, err := bag.Check(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no package: %v", err)
	}
}

func TestOpenStops(t *testing.T) {
	p, dir, parent := somebody(t), t.TempDir(), t.TempDir()
	mustWrite(t, input(dir, several(), p))
	ctx, cancel := context.WithCancel(t.Context())
	in := bag.OpenInput{Package: dir, Into: filepath.Join(parent, "bag"), Identity: p.identity(t), Progress: func(int64, int64) { cancel() }}
	if _, err := bag.Open(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	in.Progress, in.MaxBytes = nil, 100_000
	if _, err := bag.Open(t.Context(), in); !errors.Is(err, bag.ErrRoom) {
		t.Errorf("limited: %v", err)
	}
	in.Identity = rsaParty(t).identity(t)
	if _, err := bag.Open(t.Context(), in); !errors.Is(err, bag.ErrIdentity) {
		t.Errorf("a key of the other kind: %v", err)
	}
	if left, _ := os.ReadDir(parent); len(left) != 0 {
		t.Errorf("plaintext is left: %v", left)
	}
}

// message is one CMS volume, with the key that opens it.
func message(t testing.TB, p party) []byte {
	t.Helper()
	dir := t.TempDir()
	got := mustWrite(t, input(dir, nil, p))
	return []byte(readFile(t, filepath.Join(dir, got.Volumes[0].Name)))
}

// TestCMSTampering flips bits all over a message, and cuts it: an error every time.
func TestCMSTampering(t *testing.T) {
	for _, p := range []party{rsaParty(t), ecParty(t, elliptic.P256())} {
		good, id := message(t, p), p.identity(t)
		want, err := bag.OpenMessage(id, bytes.Clone(good))
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(5, 6))
		for i := range 400 {
			at := r.IntN(len(good))
			if i%2 == 0 {
				at = r.IntN(800) // the headers
			}
			bad := bytes.Clone(good)
			bad[at] ^= 1 << r.IntN(8)
			// Names of recipients and of algorithms that were read already
			// are not covered, and decide nothing.
			if got, err := bag.OpenMessage(id, bad); err == nil && !bytes.Equal(got, want) {
				t.Fatalf("bit at %d of %d: opened as something else", at, len(good))
			} else if err == nil && at > 800 {
				t.Fatalf("bit at %d of %d: opened", at, len(good))
			}
			if _, err := bag.OpenMessage(id, bytes.Clone(good[:at])); err == nil {
				t.Fatalf("cut at %d: opened", at)
			}
		}
	}
}

func FuzzOpenMessage(f *testing.F) {
	p, q := rsaParty(f), ecParty(f, elliptic.P256())
	ids := []bag.Identity{p.identity(f), q.identity(f)}
	f.Add(message(f, p))
	f.Add(message(f, q))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, id := range ids {
			bag.OpenMessage(id, bytes.Clone(b))
		}
	})
}

// TestKeyWrap is the vector of RFC 3394, 4.6: 256 bits under 256 bits.
func TestKeyWrap(t *testing.T) {
	kek := unhex(t, "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F")
	key := unhex(t, "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
	want := unhex(t, "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21")
	got, err := bag.WrapKey(kek, key)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%X, %v", got, err)
	}
	if back, err := bag.UnwrapKey(kek, got); err != nil || !bytes.Equal(back, key) {
		t.Fatalf("%X, %v", back, err)
	}
	got[9] ^= 1
	if _, err := bag.UnwrapKey(kek, got); err == nil {
		t.Error("a changed key is unwrapped")
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ToLower(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
