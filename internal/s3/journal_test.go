package s3_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"

	"writ/internal/s3"
	"writ/internal/vault"
)

// TestJournalRoute: a customer reads its own journal by its own signature in
// the header, and nobody reads another's, anonymously or by a URL.
func TestJournalRoute(t *testing.T) {
	r := newRig(t)
	front, err := s3.New(s3.Config{Vault: r.vault, Journal: func(ctx context.Context, s vault.Session, ask s3.JournalAsk) (func(io.Writer) error, error) {
		switch ask.After {
		case 98:
			return nil, s3.ErrNotKept
		case 99:
			return nil, vault.ErrUnavailable
		}
		return func(w io.Writer) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			_, err := fmt.Fprintf(w, "%s %s %d %d", s.Customer, s.Credential, ask.After, ask.FromBatch)
			if ask.After == 7 {
				return io.ErrUnexpectedEOF
			}
			return err
		}, nil
	}})
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
	for _, p := range []person{r.clinic, r.press, r.credential(r.clinic.Customer)} {
		answer, body := r.do(p, http.MethodGet, s3.JournalPath+"?after=3&from-batch=12", "")
		if want := fmt.Sprintf("%s %s 3 12", p.Customer, p.ID); answer.StatusCode != http.StatusOK || body != want {
			t.Errorf("%d %q, want %q", answer.StatusCode, body, want)
		}
	}
	if _, body := r.do(r.clinic, http.MethodGet, s3.JournalPath, ""); !strings.HasSuffix(body, " 0 0") {
		t.Errorf("without arguments: %q", body)
	}
	wrong := r.clinic
	wrong.Secret = r.press.Secret
	for what, p := range map[string]person{"anonymous": {}, "wrong signature": wrong} {
		if answer, body := r.do(p, http.MethodGet, s3.JournalPath, ""); answer.StatusCode != http.StatusForbidden || strings.Contains(body, string(r.clinic.Customer)) {
			t.Errorf("%s: %d %q", what, answer.StatusCode, body)
		}
	}
	req, err := http.NewRequest(http.MethodGet, "https://"+r.addr+s3.JournalPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	url := signer.PreSignV4(*req, string(r.clinic.ID), r.clinic.Secret, "", "us-east-1", 600)
	if answer, body := r.send(url); answer.StatusCode != http.StatusForbidden {
		t.Errorf("a presigned URL: %d %q", answer.StatusCode, body)
	}
	for _, args := range []string{"after=-1", "after=x", "from-batch=99999999999999999999", "after="} {
		if answer, body := r.do(r.clinic, http.MethodGet, s3.JournalPath+"?"+args, ""); answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %q", args, answer.StatusCode, body)
		}
	}
	if answer, body := r.do(r.clinic, http.MethodGet, s3.JournalPath+"?after=99", ""); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("unavailable: %d %q", answer.StatusCode, body)
	}
	if answer, body := r.do(r.clinic, http.MethodGet, s3.JournalPath+"?after=98", ""); answer.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("not kept: %d %q", answer.StatusCode, body)
	}
	for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete} {
		if answer, body := r.do(r.clinic, method, s3.JournalPath, ""); answer.StatusCode < 400 {
			t.Errorf("%s: %d %q", method, answer.StatusCode, body)
		}
	}
	if answer, _ := r.do(r.clinic, http.MethodGet, "/.writ/other", ""); answer.StatusCode < 400 {
		t.Errorf("another path: %d", answer.StatusCode)
	}
}
