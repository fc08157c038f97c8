package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
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
	"writ/internal/api/apitest"
)

// house is an office with what only these tests ask of it.
type house struct{ *apitest.House }

func newHouse(t *testing.T) *house {
	t.Helper()
	return &house{apitest.NewHouse(t)}
}

func sum(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

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
	h.Put("letters/1.txt", "Ines Calder, ward seven: discharged")
	h.Put("diary/1.txt", "not asked for")
	c := h.Produced("7 Gs 412/26")
	id := string(c.Case)
	if c.Production == nil || c.Production.Objects != 1 {
		t.Fatalf("%+v", c.Production)
	}
	handed, err := h.Desk("sam").Deliver(h.Ctx, id, api.DeliverInput{Means: "download", Times: 1})
	h.Must(err)
	list := h.fetch(nil, handed.Code, http.MethodGet, "/delivery/"+id)
	if list.Status != 200 || !strings.Contains(list.Body, c.Production.Volumes[0].Name) {
		t.Fatalf("the list: %+v", list)
	}
	folder := t.TempDir()
	names := []string{"package.json", "SHA256SUMS"}
	for _, v := range c.Production.Volumes {
		names = append(names, v.Name)
	}
	for _, name := range names {
		r := h.fetch(nil, handed.Code, http.MethodGet, "/delivery/"+id+"/"+name)
		if r.Status != 200 {
			t.Fatalf("%s: %+v", name, r)
		}
		h.Must(os.WriteFile(filepath.Join(folder, name), []byte(r.Body), 0o600))
	}
	if got := h.Opened(folder); !slices.Equal(got, []string{"Ines Calder, ward seven: discharged"}) {
		t.Errorf("the package holds %q", got)
	}
	if r := h.fetch(nil, handed.Code, http.MethodPost, "/delivery/"+id+"/receipt"); r.Status != 204 {
		t.Errorf("the receipt: %+v", r)
	}
	before, err := h.Desk("mira").Events(h.Ctx, id)
	h.Must(err)
	for range 3 {
		h.fetch(nil, handed.Code, http.MethodPost, "/delivery/"+id+"/receipt")
	}
	if after, err := h.Desk("mira").Events(h.Ctx, id); err != nil || len(after) != len(before) {
		t.Errorf("a repeated receipt is an event: %d, %d, %v", len(before), len(after), err)
	}
	now, err := h.Desk("mira").Case(h.Ctx, id)
	h.Must(err)
	if now.Confirmed.IsZero() || now.Deliveries[0].Fetched != len(c.Production.Volumes) {
		t.Errorf("confirmed %v, fetched %+v", now.Confirmed, now.Deliveries)
	}
	// What went out by the national system is copied out by who packs.
	body, err := h.Desk("sam").Package(h.Ctx, id, "package.json")
	h.Must(err)
	body.Close()
	if _, err := h.Desk("mira").Move(h.Ctx, id, "close", api.CloseInput{Affected: 1}); err != nil {
		t.Error(err)
	}
}

// fetch asks the delivery, by a code or by a certificate.
func (h *house) fetch(c *http.Client, code, method, path string, headers ...string) apitest.Reply {
	h.T.Helper()
	if c == nil {
		c = h.Client()
	}
	req, err := http.NewRequestWithContext(h.Ctx, method, h.TLS.URL+path, nil)
	h.Must(err)
	if code != "" {
		req.Header.Set("Authorization", "Bearer "+code)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return h.Send(c, req)
}

// TestManual: the demand that docs/office.md enters with curl is taken as it
// stands there, and every path that it names is there.
func TestManual(t *testing.T) {
	h := newHouse(t)
	b, err := os.ReadFile("../../docs/office.md")
	h.Must(err)
	manual := string(b)
	_, rest, found := strings.Cut(manual, "$S/cases -d '")
	body, _, ended := strings.Cut(rest, "'")
	if !found || !ended {
		t.Fatal("the manual enters no demand")
	}
	if r := h.Ask("noor", "POST", "/api/v1/cases", strings.NewReader(body), "application/json"); r.Status != 201 {
		t.Errorf("%d %s", r.Status, r.Body)
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

func isCode(t *testing.T, err error, status int, code string) {
	t.Helper()
	var p *api.Problem
	if !errors.As(err, &p) || p.Status != status || p.Code != code {
		t.Errorf("got %v (%+v), want %d %s", err, p, status, code)
	}
}

func digest(c tls.Certificate) string {
	leaf, _ := x509.ParseCertificate(c.Certificate[0])
	return hex.EncodeToString(sum(leaf.Raw))
}
