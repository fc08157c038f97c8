package server

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"writ/internal/api"
	"writ/internal/vault"
)

// remote is a customer's account by a credential, over the S3 port.
func remote(t *testing.T, s *Server, c vault.Credential) *api.Own {
	t.Helper()
	cas, err := os.ReadFile(s.Status().CAFile)
	if err != nil {
		t.Fatal(err)
	}
	o, err := api.OwnRemote("https://"+s.Status().S3, api.Credentials{AccessKey: string(c.ID), SecretKey: c.Secret}, cas)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestMyAccountOnThePort: a customer's account on a running server, with nothing
// but an access key: a large object each way, the journal that names the key, the
// bundle, and nothing of anybody else's.
func TestMyAccountOnThePort(t *testing.T) {
	s := start(t, configure(t))
	ctx, v := t.Context(), s.rooms.Vault
	clinic, err := v.AddCustomer(ctx, "harbour-clinic")
	if err != nil {
		t.Fatal(err)
	}
	press, err := v.AddCustomer(ctx, "tidewater-press")
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.AddCredential(ctx, clinic.ID)
	if err != nil {
		t.Fatal(err)
	}
	other, err := v.AddCredential(ctx, press.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.CreateBucket(ctx, vault.Session{Customer: clinic.ID, Credential: key.ID}, vault.BucketOptions{Name: "ward-seven"}); err != nil {
		t.Fatal(err)
	}
	o := remote(t, s, key)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<20) // 16 MiB
	name := "letters/naïve name+1 & more?.pdf"
	if _, err := o.Upload(ctx, api.Upload{Bucket: "ward-seven", Key: name, ContentType: "application/pdf", Body: bytes.NewReader(body), Size: int64(len(body))}); err != nil {
		t.Fatal(err)
	}
	resp, err := o.Download(ctx, "ward-seven", name, "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, body) || resp.ContentLength != int64(len(body)) {
		t.Errorf("%d bytes came back of %d said, %v", len(got), resp.ContentLength, err)
	}
	resp, err = o.Download(ctx, "ward-seven", name, "", "bytes=16-31")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "0123456789abcdef" || resp.StatusCode != 206 {
		t.Errorf("a stretch is %q, %v", got, err)
	}
	journal, err := o.Journal(ctx, api.MyJournalQuery{Bucket: "ward-seven"})
	if err != nil || len(journal.Entries) != 3 {
		t.Fatalf("the journal has %+v, %v", journal, err)
	}
	for _, e := range journal.Entries {
		if e.Credential != key.ID || e.Addr != "127.0.0.1" || e.Request == "" || string(e.Key) != name {
			t.Errorf("the journal says %+v", e)
		}
	}
	bundle, err := o.JournalBundle(ctx, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer bundle.Close()
	if b, err := io.ReadAll(bundle); err != nil || !strings.Contains(string(b), string(clinic.ID)) || !strings.Contains(string(b), `"end"`) {
		t.Errorf("the bundle is %.200q, %v", b, err)
	}
	status, err := o.Status(ctx)
	if err != nil || status.By != "credential "+string(key.ID) || status.Bytes != int64(len(body)) || status.Endpoint == "" {
		t.Errorf("the account is %+v, %v", status, err)
	}
	var p *api.Problem
	if _, err := remote(t, s, other).Object(ctx, "ward-seven", name, ""); !errors.As(err, &p) || p.Code != "no-bucket" {
		t.Errorf("another customer gets %v", err)
	}
	if _, err := o.SetContacts(ctx, []api.CustomerContact{{Kind: "inbox", Language: "fr"}}); err != nil {
		t.Errorf("a signed body of JSON: %v", err)
	}
	if err := v.RemoveCredential(ctx, key.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := o.Status(ctx); !errors.As(err, &p) || p.Status != 403 {
		t.Errorf("a credential that was removed gets %v", err)
	}
	for _, bad := range []string{"http://192.0.2.1:80", "ftp://127.0.0.1", "https://", "https://127.0.0.1/path", "https://ines@127.0.0.1"} {
		if _, err := api.OwnRemote(bad, api.Credentials{}, nil); err == nil {
			t.Errorf("%s is asked", bad)
		}
	}
}
