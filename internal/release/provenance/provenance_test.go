package provenance

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"writ/internal/proof"
)

func sum(b string) string { s := sha256.Sum256([]byte(b)); return hex.EncodeToString(s[:]) }

func about() Build {
	return Build{
		Version: "1.2.3", Source: proof.Artifact{Name: "writ-1.2.3.tar.gz", SHA256: sum("source"), Size: 6},
		Targets: []string{"linux/amd64"}, Go: "go1.26.8", Settings: []string{"CGO_ENABLED=0"}, Flags: []string{"-trimpath"},
		Builder: "urn:writ:builder:quayside",
		Files:   map[string]string{"writ-1.2.3.tar.gz": sum("source"), "writ-1.2.3-linux-amd64": sum("linux"), "sbom.cdx.json": sum("sbom")},
	}
}

func keys(t *testing.T) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return public, private
}

// TestSigned: what is signed is in-toto's and SLSA's, and any DSSE verifier
// takes it: this one is made of the standard library alone.
func TestSigned(t *testing.T) {
	public, private := keys(t)
	file, err := Make(about(), private)
	must(t, err)
	again, err := Make(about(), private)
	must(t, err)
	if !bytes.Equal(file, again) {
		t.Error("two envelopes of the same build differ")
	}
	must(t, Verify(file, public))
	var plain struct {
		PayloadType, Payload string
		Signatures           []struct{ KeyID, Sig string }
	}
	must(t, json.Unmarshal(file, &plain))
	payload, err := base64.StdEncoding.DecodeString(plain.Payload)
	must(t, err)
	sig, err := base64.StdEncoding.DecodeString(plain.Signatures[0].Sig)
	must(t, err)
	pae := fmt.Sprintf("DSSEv1 %d %s %d %s", len(plain.PayloadType), plain.PayloadType, len(payload), payload)
	if !ed25519.Verify(public, []byte(pae), sig) {
		t.Error("the signature is not DSSE's")
	}
	for _, want := range []string{`"_type":"https://in-toto.io/Statement/v1"`, `"predicateType":"https://slsa.dev/provenance/v1"`, `"buildType":"urn:writ:build:go:v1"`} {
		if !strings.Contains(string(payload), want) {
			t.Errorf("the statement lacks %s", want)
		}
	}
}

// TestRefused: another key, no key, a changed payload, another form.
func TestRefused(t *testing.T) {
	public, private := keys(t)
	other, _ := keys(t)
	file, err := Make(about(), private)
	must(t, err)
	if err := Verify(file, other); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	unsigned, err := Make(about(), nil)
	must(t, err)
	if err := Verify(unsigned, public); !errors.Is(err, ErrUnsigned) {
		t.Errorf("no signature: %v", err)
	}
	changed := about()
	changed.Files["writ-1.2.3-linux-amd64"] = sum("evil")
	evil, err := Make(changed, nil)
	must(t, err)
	var good, bad map[string]any
	must(t, json.Unmarshal(file, &good))
	must(t, json.Unmarshal(evil, &bad))
	good["payload"] = bad["payload"]
	spliced, err := json.Marshal(good)
	must(t, err)
	if err := Verify(spliced, public); !errors.Is(err, ErrSignature) {
		t.Errorf("a changed payload: %v", err)
	}
	for name, c := range map[string][2]string{
		"extra field":  {`"payload"`, `"note": "", "payload"`},
		"another type": {payloadType, "application/json"},
		"not base64":   {`"payload": "`, `"payload": "!`},
		"cut":          {"}\n", ""},
	} {
		if _, _, err := Read([]byte(strings.Replace(string(file), c[0], c[1], 1))); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDescribes: a true signature under a statement about other files proves
// nothing of these.
func TestDescribes(t *testing.T) {
	file, err := Make(about(), nil)
	must(t, err)
	_, s, err := Read(file)
	must(t, err)
	b := about()
	must(t, s.Describes(b.Version, b.Go, b.Source, b.Files))
	source := b.Source
	source.SHA256 = sum("other")
	with := func(name, hash string) map[string]string {
		files := about().Files
		files[name] = hash
		return files
	}
	twice := s
	twice.Subject = append(twice.Subject, Resource{Name: "sbom.cdx.json", Digest: digest(sum("sbom"))})
	for name, err := range map[string]error{
		"version":      s.Describes("1.2.4", b.Go, b.Source, b.Files),
		"compiler":     s.Describes(b.Version, "go1.26.7", b.Source, b.Files),
		"source":       s.Describes(b.Version, b.Go, source, b.Files),
		"hash":         s.Describes(b.Version, b.Go, b.Source, with("writ-1.2.3-linux-amd64", sum("evil"))),
		"missing file": s.Describes(b.Version, b.Go, b.Source, with("datamap.json", sum("map"))),
		"file twice":   twice.Describes(b.Version, b.Go, b.Source, b.Files),
	} {
		if !errors.Is(err, ErrDiffers) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeys: keys are files as openssl writes them; one that others may read is
// refused, and no error shows what is in it.
func TestKeys(t *testing.T) {
	public, private := keys(t)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	file := filepath.Join(t.TempDir(), "release.key")
	must(t, os.WriteFile(file, text, 0o600))
	got, err := ReadKey(file)
	if err != nil || !got.Equal(private) {
		t.Fatalf("%v", err)
	}
	must(t, os.Chmod(file, 0o640))
	if _, err := ReadKey(file); !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), "mode 0640") {
		t.Errorf("%v", err)
	}
	must(t, os.Chmod(file, 0o600))
	secret := string(text[40:60])
	for name, body := range map[string]string{
		"cut": string(text[:len(text)-40]), "none": "x", "public": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"other": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der[:20]})),
	} {
		must(t, os.WriteFile(file, []byte(body), 0o600))
		if _, err := ReadKey(file); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	der, err = x509.MarshalPKIXPublicKey(public)
	must(t, err)
	read, err := ParsePublicKey(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if err != nil || !read.Equal(public) {
		t.Errorf("%v", err)
	}
	for _, body := range []string{"", string(text), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der[1:]}))} {
		if _, err := ParsePublicKey([]byte(body)); !errors.Is(err, ErrKey) {
			t.Errorf("%.20q: %v", body, err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
