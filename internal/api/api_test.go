package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"writ/internal/api"
	"writ/internal/blob"
	"writ/internal/folder"
	"writ/internal/gate"
	"writ/internal/records"
	"writ/internal/vault"
)

// rooms opens a gate on a scratch folder and everything else in memory.
func rooms(t *testing.T) api.Rooms {
	t.Helper()
	dir := t.TempDir()
	data := folder.Folder(filepath.Join(dir, "data"))
	if err := data.Prepare(); err != nil {
		t.Fatal(err)
	}
	g, err := gate.Open(gate.Config{Dir: string(data), Unseal: gate.KeyFile(filepath.Join(dir, "root.key"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	r := api.Rooms{Gate: g, Folder: data, Version: "test", Now: time.Now}
	r.Server = func() api.Server {
		return api.Server{Endpoint: "https://s3.fernhill.example", CAFile: data.CA(), Region: "north-1"}
	}
	r.Vault, err = vault.New(vault.Config{Gate: g, Records: records.NewMemory(), Blobs: blob.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// served returns a client through a real socket.
func served(t *testing.T, r api.Rooms) *api.Client {
	t.Helper()
	l, err := api.Serve(r.Folder, api.Handler(r))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Shutdown(context.Background()) })
	c, err := api.Dial(t.Context(), r.Folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestBothWays does the same over a socket and in process.
func TestBothWays(t *testing.T) {
	for name, connect := range map[string]func(*testing.T, api.Rooms) *api.Client{
		"socket": served,
		"in process": func(t *testing.T, r api.Rooms) *api.Client {
			c := api.InProcess(api.Handler(r))
			t.Cleanup(c.Close)
			return c
		},
	} {
		t.Run(name, func(t *testing.T) { administer(t, connect(t, rooms(t))) })
	}
}

func administer(t *testing.T, c *api.Client) {
	ctx := t.Context()
	made, err := c.AddCustomer(ctx, "harbour-clinic / ward 7")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := c.Customer(ctx, "harbour-clinic / ward 7"); err != nil || found.ID != made.ID || found.KeyVersion != 1 || found.Journal == nil || found.Journal.Seq == 0 {
		t.Errorf("by name: %+v %v", found, err)
	}
	if all, err := c.Customers(ctx); err != nil || len(all) != 1 {
		t.Errorf("list: %d %v", len(all), err)
	}
	cred, err := c.AddCredential(ctx, string(made.ID))
	if err != nil || cred.SecretKey == "" || cred.Endpoint != "https://s3.fernhill.example" || cred.Region != "north-1" || !strings.HasSuffix(cred.CAFile, "ca.pem") {
		t.Errorf("credential: endpoint %q region %q ca %q: %v", cred.Endpoint, cred.Region, cred.CAFile, err)
	}
	if list, err := c.Credentials(ctx, made.Name); err != nil || len(list) != 1 || list[0].SecretKey != "" || list[0].AccessKey != cred.AccessKey {
		t.Errorf("credentials: %d %v", len(list), err)
	}
	if err := c.RemoveCredential(ctx, string(cred.AccessKey)); err != nil {
		t.Error(err)
	}
	if q, err := c.SetQuota(ctx, made.Name, api.Quota{Bytes: 1 << 30}); err != nil || q.Quota.Bytes != 1<<30 {
		t.Errorf("quota: %+v %v", q.Quota, err)
	}
	if j, err := c.SetJournalSync(ctx, made.Name, true); err != nil || !j.JournalSync {
		t.Errorf("journal sync: %v", err)
	}
	if r, err := c.Rotate(ctx, made.Name, false, nil); err != nil || r.KeyVersion != 2 {
		t.Errorf("rotate: %+v %v", r, err)
	}
	if r, err := c.Fsck(ctx, api.CheckOptions{}, nil); err != nil || !r.Clean {
		t.Errorf("fsck: %+v %v", r, err)
	}
	if _, err := c.Reclaim(ctx, nil); err != nil {
		t.Errorf("reclaim: %v", err)
	}
	if b, err := c.Buckets(ctx, ""); err != nil || b == nil || len(b) != 0 {
		t.Errorf("buckets: %v %v", b, err)
	}
	var ops []string
	end, err := c.Journal(ctx, made.Name, api.JournalQuery{}, func(e api.Entry) error { ops = append(ops, e.Op); return nil })
	if err != nil || end.Entries != int64(len(ops)) || !strings.Contains(strings.Join(ops, " "), "rotate") {
		t.Errorf("journal: %v %v %v", ops, end, err)
	}
	after, err := c.Journal(ctx, made.Name, api.JournalQuery{After: 2}, func(api.Entry) error { return nil })
	if err != nil || after.Entries != end.Entries-2+1 { // and the reading before
		t.Errorf("journal after 2: %v %v", after, err)
	}
	if _, err := c.Shred(ctx, made.Name, "another name"); code(err) != "not-confirmed" {
		t.Errorf("unconfirmed: %v", err)
	}
	if gone, err := c.Shred(ctx, made.Name, made.Name); err != nil || gone.Shredded == nil || gone.KeyVersion != 0 {
		t.Errorf("shred: %+v %v", gone, err)
	}
	if _, err := c.Journal(ctx, made.Name, api.JournalQuery{}, func(api.Entry) error { return nil }); code(err) != "shredded" {
		t.Errorf("journal of a shredded customer: %v", err)
	}
}

// code is the kind of a problem, with what it must have besides.
func code(err error) string {
	var p *api.Problem
	if !errors.As(err, &p) || p.Detail == "" {
		return ""
	}
	return p.Code
}

func TestProblems(t *testing.T) {
	c := served(t, rooms(t))
	ctx := t.Context()
	if _, err := c.AddCustomer(ctx, "harbour-clinic"); err != nil {
		t.Fatal(err)
	}
	_, twice := c.AddCustomer(ctx, "harbour-clinic")
	_, nobody := c.Customer(ctx, "nobody")
	_, bucket := c.Bucket(ctx, "no-such-bucket")
	_, relative := c.Backup(ctx, api.BackupInput{Dir: "here"}, nil)
	_, rotate := c.Rotate(ctx, "nobody", false, nil)
	for want, err := range map[string]error{
		"customer-exists": twice, "no-bucket": bucket, "relative-path": relative,
		"no-credential": c.RemoveCredential(ctx, "NOSUCHKEY"),
	} {
		if code(err) != want {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	if code(nobody) != "no-customer" || code(rotate) != "no-customer" {
		t.Errorf("nobody: %v, %v", nobody, rotate)
	}
	if _, err := c.SetQuota(ctx, "harbour-clinic", api.Quota{Bytes: -1}); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("a negative quota: %v", err)
	}
	if err := c.Reseal(ctx, api.RootSecret{}); err == nil {
		t.Error("a root key sealed by nothing")
	}
}

// TestSocketIsTheOperatorsOwn: nobody else opens it, and it goes with the
// server.
func TestSocketIsTheOperatorsOwn(t *testing.T) {
	r := rooms(t)
	if err := os.WriteFile(r.Folder.Socket(), nil, 0o644); err != nil { // what a killed server leaves
		t.Fatal(err)
	}
	l, err := api.Serve(r.Folder, api.Handler(r))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(r.Folder.Socket())
	if err != nil || info.Mode().Perm() != 0o600 || info.Mode().Type() != os.ModeSocket {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := l.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.Folder.Socket()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	if _, err := api.Dial(t.Context(), r.Folder); !errors.Is(err, api.ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

// TestLongPath: a data folder deep down has a socket too.
func TestLongPath(t *testing.T) {
	r := rooms(t)
	deep := filepath.Join(t.TempDir(), strings.Repeat("d", 100), strings.Repeat("e", 100))
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	r.Folder = folder.Folder(deep)
	if _, err := served(t, r).Customers(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestDescription: the interface describes itself, and loads nothing from
// elsewhere.
func TestDescription(t *testing.T) {
	r := rooms(t)
	served(t, r)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", r.Folder.Socket())
	}}}
	resp, err := client.Get("http://writ/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var doc struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(body, &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("%s %v", doc.OpenAPI, err)
	}
	for _, path := range []string{"/v1/customers", "/v1/customers/{customer}/journal", "/v1/backup", "/v1/fsck", "/v1/server"} {
		if doc.Paths[path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
	if page, err := client.Get("http://writ/docs"); err != nil || page.StatusCode != http.StatusNotFound {
		t.Errorf("a page of documentation is served: %v", err)
	}
}

// TestNamesOfDots: a name means itself, whatever a path would make of it.
func TestNamesOfDots(t *testing.T) {
	c := served(t, rooms(t))
	ctx := t.Context()
	for _, name := range []string{".", "..", "...", "../buckets", "%2e%2e", "a/b", "harbour-clinic?x=1", "harbour-clinic#y", "harbour clinic"} {
		added, err := c.AddCustomer(ctx, name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if got, err := c.Customer(ctx, name); err != nil || got.ID != added.ID || got.Name != name {
			t.Errorf("%q is shown as %+v, %v", name, got, err)
		}
		if _, err := c.SetQuota(ctx, name, api.Quota{Objects: 7}); err != nil {
			t.Errorf("quota of %q: %v", name, err)
		}
		if _, err := c.Bucket(ctx, name); code(err) != "no-bucket" {
			t.Errorf("bucket %q: %v", name, err)
		}
		if err := c.RemoveCredential(ctx, name); code(err) != "no-credential" {
			t.Errorf("credential %q: %v", name, err)
		}
	}
}
