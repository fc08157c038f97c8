package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"

	"writ/internal/s3"
	"writ/internal/vault"
)

// mySmall and myLarge are answers below and above what is held in memory.
var (
	mySmall = []byte("small")
	myLarge = bytes.Repeat([]byte("large\n"), 300_000)
)

// answersMy is what a room behind the front does: it says who asked, reads the
// body to its end, and streams.
func answersMy(ran *atomic.Int64) s3.My {
	return func(_ context.Context, s vault.Session, r *http.Request) (*http.Response, error) {
		ran.Add(1)
		answer := func(status int, body io.ReadCloser) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"text/plain"}, "Writ-Test": {r.URL.RequestURI()}}, Body: body, ContentLength: -1}, nil
		}
		text := func(status int, format string, args ...any) (*http.Response, error) {
			return answer(status, io.NopCloser(strings.NewReader(fmt.Sprintf(format, args...))))
		}
		switch r.URL.Path {
		case "/v1/my/large":
			return answer(200, io.NopCloser(bytes.NewReader(myLarge)))
		case "/v1/my/cut":
			return answer(200, io.NopCloser(io.MultiReader(bytes.NewReader(myLarge), breaks{})))
		case "/v1/my/broken":
			return nil, errors.New("a secret of the server")
		case "/v1/my/early":
			return text(409, "not read")
		}
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		if err != nil {
			return text(400, "did not arrive whole")
		}
		for _, name := range []string{"Authorization", "X-Amz-Date", "Cookie", "X-Amz-Content-Sha256"} {
			if r.Header.Get(name) != "" {
				return text(500, "%s is handed on", name)
			}
		}
		return text(200, "%s %s %s %d %x", s.Customer, s.Credential, r.Header.Get("Content-Type"), n, sum.Sum(nil))
	}
}

// breaks is a body whose disk broke.
type breaks struct{}

func (breaks) Read([]byte) (int, error) { return 0, errors.New("the disk broke") }

func newMyRig(t *testing.T) (*rig, *atomic.Int64) {
	r := newRig(t)
	ran := new(atomic.Int64)
	front, err := s3.New(s3.Config{Vault: r.vault, My: answersMy(ran)})
	if err != nil {
		t.Fatal(err)
	}
	addr, wait := listen(t, front)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		front.Shutdown(ctx)
		wait()
	})
	r.addr = addr
	return r, ran
}

// signed sends a request whose body is signed by its hash, or by what is said.
func (r *rig) signed(p person, method, target, media string, body []byte, hash string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.ctx, method, "https://"+r.addr+target, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if hash == "" {
		sum := sha256.Sum256(body)
		hash = hex.EncodeToString(sum[:])
	}
	req.Header.Set("X-Amz-Content-Sha256", hash)
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	req.Header.Set("Cookie", "writ=forged")
	return r.send(signer.SignV4(*req, string(p.ID), p.Secret, "", "us-east-1"))
}

// TestMyRoute: a customer asks of its own account by its own signature in the
// header, of any of its credentials; and its body is signed too.
func TestMyRoute(t *testing.T) {
	r, ran := newMyRig(t)
	body := bytes.Repeat([]byte(`{"text":"not so"}`), 700_000) // 12 MB: more than any document of S3
	sum := sha256.Sum256(body)
	for _, p := range []person{r.clinic, r.press, r.credential(r.clinic.Customer)} {
		for _, media := range []string{"application/json", "multipart/form-data; boundary=x"} {
			answer, text := r.signed(p, http.MethodPost, s3.MyPath+"demands/x?a=b%2Fc", media, body, "")
			if want := fmt.Sprintf("%s %s %s %d %x", p.Customer, p.ID, media, len(body), sum); answer.StatusCode != 200 || text != want || answer.Header.Get("Writ-Test") != "/v1/my/demands/x?a=b%2Fc" {
				t.Errorf("%d %.300q (%s), want %q", answer.StatusCode, text, answer.Header.Get("Writ-Test"), want)
			}
		}
		for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPost, http.MethodPut} {
			if answer, text := r.signed(p, method, s3.MyPath+"status", "", nil, ""); answer.StatusCode != 200 || !strings.HasPrefix(text, string(p.Customer)) {
				t.Errorf("%s: %d %q", method, answer.StatusCode, text)
			}
		}
	}
	if answer, text := r.signed(r.clinic, http.MethodGet, s3.MyPath+"large", "", nil, ""); answer.StatusCode != 200 || text != string(myLarge) || answer.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("a large answer: %d, %d bytes", answer.StatusCode, len(text))
	}
	if answer, text := r.signed(r.clinic, http.MethodPost, s3.MyPath+"early", "application/json", body, ""); answer.StatusCode != 409 || text != "not read" {
		t.Errorf("an answer before the body was read: %d %q", answer.StatusCode, text)
	}
	// The content of an object streams without a hash of the whole, and nothing else.
	if answer, text := r.signed(r.clinic, http.MethodPut, s3.MyPath+"buckets/ward/content?key=a", "", body, "UNSIGNED-PAYLOAD"); answer.StatusCode != 200 {
		t.Errorf("content that is not signed: %d %q", answer.StatusCode, text)
	}
	was := ran.Load()
	for what, try := range map[string][3]string{
		"a form": {http.MethodPost, "demands/x/content", "UNSIGNED-PAYLOAD"}, "JSON": {http.MethodPut, "contacts", "UNSIGNED-PAYLOAD"},
		"chunks": {http.MethodPut, "buckets/ward/content?key=a", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "no hash": {http.MethodPut, "contacts", "x"},
	} {
		if answer, text := r.signed(r.clinic, try[0], s3.MyPath+try[1], "application/json", mySmall, try[2]); answer.StatusCode != 400 && answer.StatusCode != 411 || answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s that is not signed: %d %q", what, answer.StatusCode, text)
		}
	}
	if ran.Load() != was {
		t.Error("what is not signed was looked at")
	}
	other := sha256.Sum256([]byte("another body"))
	if answer, text := r.signed(r.clinic, http.MethodPut, s3.MyPath+"contacts", "application/json", body, hex.EncodeToString(other[:])); answer.StatusCode != 400 || text != "did not arrive whole" {
		t.Errorf("a body that is not the signed one: %d %q", answer.StatusCode, text)
	}
}

// TestMyRouteRefuses: nobody else gets in, and no error says more than it must.
func TestMyRouteRefuses(t *testing.T) {
	r, ran := newMyRig(t)
	target := s3.MyPath + "status"
	wrong := r.clinic
	wrong.Secret = r.press.Secret
	stranger := r.clinic
	stranger.ID = "WRIT0000000000000000"
	for what, p := range map[string]person{"a wrong signature": wrong, "no such key": stranger} {
		answer, text := r.signed(p, http.MethodGet, target, "", nil, "")
		var problem struct {
			Status       int
			Code, Detail string
		}
		if err := json.Unmarshal([]byte(text), &problem); answer.StatusCode != 403 || err != nil || problem.Status != 403 || problem.Code == "" {
			t.Errorf("%s: %d %q", what, answer.StatusCode, text)
		}
		if strings.Contains(text, string(r.clinic.Customer)) || strings.Contains(text, "AWS4-HMAC") || strings.Contains(text, p.Secret) {
			t.Errorf("%s: the answer says %q", what, text)
		}
	}
	if answer, text := r.do(person{}, http.MethodGet, target, ""); answer.StatusCode < 400 {
		t.Errorf("nobody: %d %q", answer.StatusCode, text)
	}
	req, err := http.NewRequest(http.MethodGet, "https://"+r.addr+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if answer, text := r.send(signer.PreSignV4(*req, string(r.clinic.ID), r.clinic.Secret, "", "us-east-1", 600)); answer.StatusCode < 400 {
		t.Errorf("a presigned URL: %d %q", answer.StatusCode, text)
	}
	if ran.Load() != 0 {
		t.Error("somebody was let in")
	}
	if answer, text := r.signed(r.clinic, http.MethodGet, s3.MyPath+"broken", "", nil, ""); answer.StatusCode != 500 || strings.Contains(text, "secret") {
		t.Errorf("a failure: %d %q", answer.StatusCode, text)
	}
	// Half an answer does not look like one.
	req, err = http.NewRequest(http.MethodGet, "https://"+r.addr+s3.MyPath+"cut", nil)
	if err != nil {
		t.Fatal(err)
	}
	empty := sha256.Sum256(nil)
	req.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(empty[:]))
	answer, err := r.http.Do(signer.SignV4(*req, string(r.clinic.ID), r.clinic.Secret, "", "us-east-1"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err == nil {
		t.Error("an answer that broke off looks whole")
	}
	// A path that leaves is none of ours.
	for _, path := range []string{"/.writ/v1/my/../../journal", "/.writ/v1/other", "/.writ/v1/my"} {
		if answer, _ := r.signed(r.clinic, http.MethodGet, path, "", nil, ""); answer.StatusCode < 400 && answer.Header.Get("Writ-Test") == "" {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}
