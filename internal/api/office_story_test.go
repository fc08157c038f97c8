package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io/fs"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"writ/internal/api"
)

func sum(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

// files are the bodies of the files below a folder whose paths hold a text.
func files(t *testing.T, dir, part string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(path, part) {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(all, string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// certificate makes a client's certificate that no authority signed: an agency
// is known by its digest alone.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Tribunal de Valbrume"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestFromReceiptToReceipt takes an order from its receipt to the court's word
// that it has the data, with nothing but the interface.
func TestFromReceiptToReceipt(t *testing.T) {
	h := newHouse(t)
	h.put("letters/1.txt", "Ines Calder, ward seven: discharged")
	h.put("diary/1.txt", "not asked for")
	c := h.produced("7 Gs 412/26")
	id := string(c.Case)
	if c.Production == nil || c.Production.Objects != 1 {
		t.Fatalf("%+v", c.Production)
	}
	handed, err := h.desk("sam").Deliver(h.ctx, id, api.DeliverInput{Means: "download", Times: 1})
	h.must(err)
	list := h.fetch(nil, handed.Code, http.MethodGet, "/delivery/"+id)
	if list.status != 200 || !strings.Contains(list.body, c.Production.Volumes[0].Name) {
		t.Fatalf("the list: %+v", list)
	}
	folder := t.TempDir()
	names := []string{"package.json", "SHA256SUMS"}
	for _, v := range c.Production.Volumes {
		names = append(names, v.Name)
	}
	for _, name := range names {
		r := h.fetch(nil, handed.Code, http.MethodGet, "/delivery/"+id+"/"+name)
		if r.status != 200 {
			t.Fatalf("%s: %+v", name, r)
		}
		h.must(os.WriteFile(filepath.Join(folder, name), []byte(r.body), 0o600))
	}
	if got := h.opened(folder); !slices.Equal(got, []string{"Ines Calder, ward seven: discharged"}) {
		t.Errorf("the package holds %q", got)
	}
	if r := h.fetch(nil, handed.Code, http.MethodPost, "/delivery/"+id+"/receipt"); r.status != 204 {
		t.Errorf("the receipt: %+v", r)
	}
	before, err := h.desk("mira").Events(h.ctx, id)
	h.must(err)
	for range 3 {
		h.fetch(nil, handed.Code, http.MethodPost, "/delivery/"+id+"/receipt")
	}
	if after, err := h.desk("mira").Events(h.ctx, id); err != nil || len(after) != len(before) {
		t.Errorf("a repeated receipt is an event: %d, %d, %v", len(before), len(after), err)
	}
	now, err := h.desk("mira").Case(h.ctx, id)
	h.must(err)
	if now.Confirmed.IsZero() || now.Deliveries[0].Fetched != len(c.Production.Volumes) {
		t.Errorf("confirmed %v, fetched %+v", now.Confirmed, now.Deliveries)
	}
	// What went out by the national system is copied out by who packs.
	body, err := h.desk("sam").Package(h.ctx, id, "package.json")
	h.must(err)
	body.Close()
	if _, err := h.desk("mira").Move(h.ctx, id, "close", api.CloseInput{Affected: 1}); err != nil {
		t.Error(err)
	}
}

// fetch asks the delivery, by a code or by a certificate.
func (h *house) fetch(c *http.Client, code, method, path string, headers ...string) reply {
	h.t.Helper()
	if c == nil {
		c = h.client()
	}
	req, err := http.NewRequestWithContext(h.ctx, method, h.tls.URL+path, nil)
	h.must(err)
	if code != "" {
		req.Header.Set("Authorization", "Bearer "+code)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return h.send(c, req)
}

// TestManual: the demand that docs/office.md enters with curl is taken as it
// stands there, and every path that it names is there.
func TestManual(t *testing.T) {
	h := newHouse(t)
	b, err := os.ReadFile("../../docs/office.md")
	h.must(err)
	manual := string(b)
	_, rest, found := strings.Cut(manual, "$S/cases -d '")
	body, _, ended := strings.Cut(rest, "'")
	if !found || !ended {
		t.Fatal("the manual enters no demand")
	}
	if r := h.ask("noor", "POST", "/api/v1/cases", strings.NewReader(body), "application/json"); r.status != 201 {
		t.Errorf("%d %s", r.status, r.body)
	}
	var paths []string
	for _, op := range h.described() {
		paths = append(paths, op.Method+" "+op.Path)
	}
	named := regexp.MustCompile("`(GET|POST|PUT|DELETE) (…|/api/v1)(/[a-z/{}-]+)")
	all := named.FindAllStringSubmatch(manual, -1)
	if len(all) < 20 {
		t.Errorf("only %d paths are named", len(all))
	}
	for _, m := range all {
		found := slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, m[1]+" ") && strings.HasSuffix(p, m[3]) })
		if !found {
			t.Errorf("there is no %s", m[0])
		}
	}
}
