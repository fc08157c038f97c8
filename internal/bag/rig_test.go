package bag_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"iter"
	"math/big"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"writ"
	"writ/internal/bag"
	"writ/internal/seal"
)

const caseID writ.CaseID = "2026-7KQM-4ZT0"

var now = time.Date(2026, 9, 3, 10, 30, 0, 0, time.UTC)

// party is a recipient with its private key.
type party struct {
	name      string
	public    string
	private   string
	recipient bag.Recipient
}

func (p party) identity(t testing.TB) bag.Identity {
	t.Helper()
	id, err := bag.ParseIdentity([]byte(p.private))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func newParty(t testing.TB, name, public, private string) party {
	t.Helper()
	r, err := bag.ParseRecipient(public, now)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return party{name, public, private, r}
}

func ageParty(t testing.TB) party {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return newParty(t, "age", id.Recipient().String(), id.String()+"\n")
}

func pqParty(t testing.TB) party {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return newParty(t, "age post-quantum", id.Recipient().String(), id.String()+"\n")
}

func rsaParty(t testing.TB) party {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return newParty(t, "rsa", certificate(t, key, nil), privatePEM(t, key))
}

func ecParty(t testing.TB, curve elliptic.Curve) party {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return newParty(t, curve.Params().Name, certificate(t, key, nil), privatePEM(t, key))
}

// somebody is the recipient of a test that is about something else: of the
// kind that works in every mode.
func somebody(t testing.TB) party {
	if fips140.Enabled() {
		return ecParty(t, elliptic.P256())
	}
	return ageParty(t)
}

func privatePEM(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func certificate(t testing.TB, key crypto.Signer, change func(*x509.Certificate)) string {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Landgericht Falkenmoor", Country: []string{"DE"}},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
		KeyUsage:     x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement,
	}
	if change != nil {
		change(c)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// thing is an object of a test, with the bytes that it should give.
type thing struct {
	key  string
	body []byte
	size int64 // if not that of body
	fail error // at the end of body
}

func randomBytes(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1], key[2], key[3] = byte(seed), byte(seed>>8), byte(seed>>16), byte(seed>>24)
	b := make([]byte, n)
	mrand.NewChaCha8(key).Read(b)
	return b
}

func (o thing) object() bag.Object {
	size := int64(len(o.body))
	if o.size != 0 {
		size = o.size
	}
	return bag.Object{Bucket: "ward-seven", Key: writ.ObjectKey(o.key), Version: writ.NullVersion, Made: now.Add(-time.Hour), Size: size,
		Meta: map[string]string{"content-type": "text/plain"},
		Open: func(context.Context) (io.ReadCloser, error) {
			r := io.Reader(bytes.NewReader(o.body))
			if o.fail != nil {
				r = io.MultiReader(r, errorReader{o.fail})
			}
			return io.NopCloser(r), nil
		}}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func objects(things []thing) iter.Seq2[bag.Object, error] {
	return func(yield func(bag.Object, error) bool) {
		for _, o := range things {
			if !yield(o.object(), nil) {
				return
			}
		}
	}
}

var stateKey = func() *seal.Key {
	k, err := seal.KeyFromBytes(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		panic(err)
	}
	return k
}()

func input(dir string, things []thing, to ...party) bag.Input {
	in := bag.Input{Dir: dir, Case: caseID, Objects: objects(things), StateKey: stateKey, Now: now, VolumeBytes: bag.MinVolume,
		Info: [][2]string{{"Source-Organization", "Fjordhost"}},
		Extra: func(s bag.Summary) ([]bag.File, error) {
			return []bag.File{{Name: "custody.json", Body: fmt.Appendf(nil, "{\"objects\":%d}\n", s.Objects)}, {Name: "empty.txt"}}, nil
		}}
	for _, p := range to {
		in.Recipients = append(in.Recipients, p.recipient)
	}
	return in
}

func mustWrite(t testing.TB, in bag.Input) bag.Package {
	t.Helper()
	p, err := bag.Write(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// mustOpen opens a package and sees that its bag is valid.
func mustOpen(t testing.TB, dir string, by party) string {
	t.Helper()
	into := filepath.Join(t.TempDir(), "bag")
	report, err := bag.Open(t.Context(), bag.OpenInput{Package: dir, Into: into, Identity: by.identity(t)})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Valid() {
		t.Fatalf("the bag isn't valid: %q", report.Problems)
	}
	return into
}

// mustHold sees that a bag holds exactly the things, by its manifest.
func mustHold(t testing.TB, dir string, things []thing) {
	t.Helper()
	var want strings.Builder
	for _, o := range produced(t, dir) {
		i := int(o.N) - 1
		if i >= len(things) || string(o.Key) != things[i].key || o.Size != int64(len(things[i].body)) {
			t.Fatalf("object %d isn't the one that was packed", o.N)
		}
		body, err := os.ReadFile(filepath.Join(dir, o.Path))
		if err != nil || !bytes.Equal(body, things[i].body) {
			t.Fatalf("object %d: other bytes, %v", o.N, err)
		}
		sum := sha256.Sum256(body)
		if o.SHA256 != hex.EncodeToString(sum[:]) {
			t.Fatalf("object %d: another hash", o.N)
		}
		fmt.Fprintf(&want, "%s  %s\n", o.SHA256, o.Path)
	}
	if n := strings.Count(want.String(), "\n"); n != len(things) {
		t.Fatalf("%d objects, not %d", n, len(things))
	}
	if got := readFile(t, filepath.Join(dir, "manifest-sha256.txt")); got != want.String() {
		t.Fatalf("the manifest is %q, not %q", got, want.String())
	}
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// folder is every file of a folder with its bytes.
func folder(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	for _, e := range entries {
		out[e.Name()] = readFile(t, filepath.Join(dir, e.Name()))
	}
	return out
}
