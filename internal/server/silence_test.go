package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
	"github.com/minio/minio-go/v7/pkg/signer"
	"github.com/minio/minio-go/v7/pkg/tags"

	"writ"
	"writ/internal/api"
	"writ/internal/folder"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/vault"
)

// An observed server is one whose every answer is written down: those of S3
// with all headers, those of the administration, its metrics and its log.
type observed struct {
	t     *testing.T
	s     *Server
	admin *http.Client
	plain http.RoundTripper
	log   bytes.Buffer
	logMu sync.Mutex

	seen      []string
	names     map[string]string // what is random by nature, by when it was first seen
	quiet     bool              // what is asked now is not written down
	client    *minio.Client
	access    api.Credential    // of the client
	described map[string]string // what its account shows: operations by their paths
}

// Write implements [io.Writer] for the server's log.
func (w *observed) Write(p []byte) (int, error) {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	return w.log.Write(p)
}

func newObserved(t *testing.T) *observed {
	w := &observed{t: t, names: map[string]string{}}
	cfg := configure(t, "WRIT_LEDGER_INTERVAL=1h") // no batch comes in one run and not in the other
	o := options(t, cfg)
	o.Log = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop() })
	w.s = s
	w.plain = trusting(t, s).Transport
	socket := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", folder.Folder(cfg.Data).Socket())
	}}
	t.Cleanup(socket.CloseIdleConnections)
	w.admin = &http.Client{Transport: socket}
	return w
}

// RoundTrip implements [http.RoundTripper]: it writes down what S3 answers.
func (w *observed) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.plain.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	account := strings.HasPrefix(r.URL.Path, "/.writ/") && strings.Contains(resp.Header.Get("Content-Type"), "json")
	var head []string
	for name, values := range resp.Header {
		if name == "Content-Length" && account {
			continue // the text of a time is shorter when it ends in zeros
		}
		head = append(head, name+": "+strings.Join(values, ", "))
	}
	slices.Sort(head)
	shown := string(body)
	if len(shown) > 20_000 && !account {
		shown = fmt.Sprint(len(shown), " bytes")
	}
	w.saw("%s %s %d\n%s\n%s", r.Method, r.URL.RequestURI(), resp.StatusCode, strings.Join(head, "\n"), shown)
	return resp, nil
}

// What differs between two runs whatever is preserved.
var (
	moments = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT`)
	places  = regexp.MustCompile(`127\.0\.0\.1:\d+|/tmp/[^"\s]*|X-Amz-Id-2: .*|<HostId>[^<]*`)
	randoms = regexp.MustCompile(`\b([0-7][0-9A-HJKMNP-TV-Z]{25}|WRIT[0-9A-Z]{16}|[0-9A-Z]{16}|[0-9a-f]{16,}|[A-Za-z0-9_-]{27,})\b`)
)

// saw writes down what was seen, with what is random by nature under a name.
func (w *observed) saw(format string, args ...any) {
	if w.quiet {
		return
	}
	text := moments.ReplaceAllString(fmt.Sprintf(format, args...), "<time>")
	text = places.ReplaceAllString(text, "<place>")
	w.seen = append(w.seen, randoms.ReplaceAllStringFunc(text, func(s string) string {
		if w.names[s] == "" {
			w.names[s] = fmt.Sprintf("<#%d>", len(w.names)+1)
		}
		return w.names[s]
	}))
}

func (w *observed) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// ask calls the administration and writes the answer down. Figures of what
// goes on by the clock are left out where that is said.
func (w *observed) ask(method, path string, body any, figures bool) []byte {
	w.t.Helper()
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		w.must(err)
		in = bytes.NewReader(text)
	}
	r, err := http.NewRequest(method, "http://writ"+path, in)
	w.must(err)
	r.Header.Set("Content-Type", "application/json")
	resp, err := w.admin.Do(r)
	w.must(err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	w.must(err)
	shown := string(got)
	if !figures {
		shown = forms(got)
	}
	w.saw("%s %s %d\n%s", method, path, resp.StatusCode, shown)
	return got
}

// forms are the names and kinds of what is in lines of JSON, but for how far
// the work is.
func forms(lines []byte) string {
	all := map[string]bool{}
	var walk func(at string, value any)
	walk = func(at string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, one := range v {
				walk(at+"."+name, one)
			}
		case []any:
			for _, one := range v {
				walk(at+"[]", one)
			}
		default:
			all[fmt.Sprintf("%s %T", at, v)] = true
		}
	}
	for line := range bytes.Lines(lines) {
		var value any
		if json.Unmarshal(line, &value) != nil {
			value = "no JSON"
		}
		walk("", value)
	}
	maps.DeleteFunc(all, func(form string, _ bool) bool { return strings.HasPrefix(form, ".progress") })
	return strings.Join(slices.Sorted(maps.Keys(all)), "\n")
}

// byTheClock are the operations whose figures depend on how long the server
// has run: of those only the form of the answer is compared.
var byTheClock = []string{"server", "ledger", "receipts"}

// screens asks for everything that the administration shows: every operation
// of its description that only reads, with every customer and bucket.
func (w *observed) screens() {
	w.t.Helper()
	quiet := w.quiet
	w.quiet = true
	var description struct {
		Paths map[string]map[string]struct{ OperationID string }
	}
	w.must(json.Unmarshal(w.ask("GET", "/openapi.json", nil, true), &description))
	w.quiet = quiet
	fill := map[string][]string{
		"{customer}": {"harbour-clinic", "mill-street-books"},
		"{bucket}":   {"ward-seven", "ward-eight", "ward-locked"},
	}
	var paths []string
	for path, methods := range description.Paths {
		operation, reads := methods["get"]
		if !reads {
			continue
		}
		all := []string{path}
		for name, values := range fill {
			for _, path := range slices.Clone(all) {
				if strings.Contains(path, name) {
					all = slices.DeleteFunc(all, func(s string) bool { return s == path })
					for _, value := range values {
						all = append(all, strings.ReplaceAll(path, name, value))
					}
				}
			}
		}
		for _, path := range all {
			if strings.Contains(path, "{") {
				w.t.Fatalf("the screen %s is not compared: say here what to ask it for", path)
			}
			paths = append(paths, path+"\x00"+operation.OperationID)
		}
	}
	if len(paths) < 10 {
		w.t.Fatalf("only %d screens: %q", len(paths), paths)
	}
	slices.Sort(paths)
	for _, one := range paths {
		path, operation, _ := strings.Cut(one, "\x00")
		w.ask("GET", path, nil, !slices.Contains(byTheClock, operation))
	}
	w.account()
	w.figures()
}

// accountAsks is what each operation of a customer's own account is asked for,
// where that is something.
var accountAsks = map[string][]string{
	"my-buckets": {""}, "my-status": {""}, "my-credentials": {""}, "my-keys": {""}, "my-contacts": {""},
	"my-objects":  {"", "?prefix=letters%2F", "?delimiter=%2F", "?limit=1"},
	"my-versions": {"?key=letters%2Flarge", "?key=letters%2Fnone"}, "my-object": {"?key=letters%2Fcopy", "?key=letters%2Fnone", "?key=letters%2Flarge"},
	"my-download": {"?key=letters%2Fcopy", "?key=letters%2Flarge"},
	"my-journal":  {"", "?limit=1000", "?right=upkeep", "?right=writ", "?bucket=ward-seven&prefix=letters%2F"}, "my-journal-summary": {"?days=2"}, "my-journal-raw": {""},
	"my-journal-bundle": {""},
	"my-notices":        {""}, "my-notice": {"?id=notice%2F2026-0000-0000%2Fbefore"}, "my-notice-file": {"?id=notice%2F2026-0000-0000%2Fbefore&name=demand.pdf"},
	"my-proofs": {""}, "my-demands": {""}, "my-demand": {""},
}

// account asks for everything that a customer's own account shows, and changes
// what it lets change: each operation of its description.
func (w *observed) account() {
	w.t.Helper()
	quiet := w.quiet
	if w.described == nil { // once: when the keys are shredded no credential is left
		w.quiet = true
		status, text := w.signed("GET", "openapi.json", "", "")
		w.quiet = quiet
		var description struct {
			Paths map[string]map[string]struct{ OperationID string }
		}
		if err := json.Unmarshal([]byte(text), &description); err != nil || status != 200 || len(description.Paths) < 20 {
			w.t.Fatalf("the account's description: %d %s %v", status, text, err)
		}
		w.described = map[string]string{}
		for path, methods := range description.Paths {
			if operation, reads := methods["get"]; reads {
				w.described[path] = operation.OperationID
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(w.described)) {
		operation := w.described[path]
		asks, known := accountAsks[operation]
		if !known {
			w.t.Fatalf("%s is not compared: say here what to ask it for", operation)
		}
		for _, ask := range asks {
			path = strings.NewReplacer("{case}", "2026-0000-0000", "/v1/my/", "").Replace(path)
			for _, bucket := range []string{"ward-seven", "ward-eight", "ward-locked"} {
				if w.quiet = operation == "my-journal-bundle"; !w.quiet {
					w.signed("GET", strings.ReplaceAll(path, "{bucket}", bucket)+ask, "", "")
				} else {
					_, text := w.signed("GET", path+ask, "", "") // the log's own numbers are by the clock
					w.quiet = quiet
					w.saw("the bundle: %s", forms([]byte(text)))
				}
				if !strings.Contains(path, "{bucket}") {
					break
				}
			}
			w.quiet = quiet
		}
	}
	w.signed("PUT", "buckets/ward-seven/content?key=letters%2Fconsole", "text/plain", "stored by way of the account")
	w.signed("PUT", "buckets/ward-seven/content?key=letters%2Fconsole", "text/plain", "and stored again")
	w.signed("GET", "buckets/ward-seven/content?key=letters%2Fconsole", "", "")
	w.signed("DELETE", "buckets/ward-seven/object?key=letters%2Fconsole", "", "")
	w.signed("DELETE", "credentials/WRIT0000000000000000", "", "")
	w.signed("POST", "demands/2026-0000-0000/objections", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nNot so.\r\n--x--\r\n")
}

// signed asks the customer's own account on the S3 port.
func (w *observed) signed(method, target, media, body string) (status int, text string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.access.Endpoint+"/.writ/v1/my/"+target, strings.NewReader(body))
	w.must(err)
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	sum := sha256.Sum256([]byte(body))
	r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	resp, err := w.RoundTrip(signer.SignV4(*r, string(w.access.AccessKey), w.access.SecretKey, "", w.access.Region))
	w.must(err)
	b, err := io.ReadAll(resp.Body)
	w.must(err)
	return resp.StatusCode, string(b)
}

// machine are the metrics that are of the machine and the clock. All others of
// the program's own are compared, figures and all.
var machine = []string{
	"writ_s3_request_seconds_bucket", "writ_s3_request_seconds_sum", "writ_records_log_bytes", "writ_records_memory_bytes", "writ_ledger_",
}

// figures writes down the metrics: all of their names, and the figures.
func (w *observed) figures() {
	w.t.Helper()
	resp, err := http.Get("http://" + w.s.Status().Metrics + "/metrics")
	w.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	w.must(err)
	for line := range strings.Lines(string(body)) {
		name, _, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "#"):
			w.saw("%s", line)
		case !strings.HasPrefix(name, "writ_"):
		case slices.ContainsFunc(machine, func(m string) bool { return strings.HasPrefix(name, m) }):
			w.saw("%s", regexp.MustCompile(`^[a-z0-9_]+`).FindString(name))
		default:
			w.saw("%s", line)
		}
	}
}

// history does everything that S3 lets a customer do, as harbour-clinic.
func (w *observed) history(round string) {
	w.t.Helper()
	ctx, c := w.t.Context(), w.client
	note := func(what string, err error) { w.saw("%s: %v", what, err) }
	put := func(bucket, key string, size int, o minio.PutObjectOptions) minio.UploadInfo {
		o.DisableMultipart = true
		info, err := c.PutObject(ctx, bucket, key, bytes.NewReader(bytes.Repeat([]byte("x"), size)), int64(size), o)
		note("put", err)
		return info
	}
	for _, bucket := range []string{"ward-seven", "ward-eight"} {
		first := put(bucket, "letters/"+round, 100, minio.PutObjectOptions{UserMetadata: map[string]string{"ward": "7"}})
		put(bucket, "letters/"+round, 50_000, minio.PutObjectOptions{UserTags: map[string]string{"patient": "calder"}})
		put(bucket, "letters/large", 2<<20, minio.PutObjectOptions{})
		put(bucket, "letters/empty", 0, minio.PutObjectOptions{})
		put(bucket, "other/"+round, 3000, minio.PutObjectOptions{})

		core := minio.Core{Client: c}
		upload, err := core.NewMultipartUpload(ctx, bucket, "letters/parts", minio.PutObjectOptions{})
		note("begin", err)
		var parts []minio.CompletePart
		for i, size := range []int{5 << 20, 70_000} {
			part, err := core.PutObjectPart(ctx, bucket, "letters/parts", upload, i+1, bytes.NewReader(make([]byte, size)), int64(size), minio.PutObjectPartOptions{})
			note("part", err)
			parts = append(parts, minio.CompletePart{PartNumber: part.PartNumber, ETag: part.ETag})
		}
		_, err = core.CompleteMultipartUpload(ctx, bucket, "letters/parts", upload, parts, minio.PutObjectOptions{})
		note("complete", err)
		aborted, err := core.NewMultipartUpload(ctx, bucket, "letters/aborted", minio.PutObjectOptions{})
		note("begin", err)
		_, err = core.ListMultipartUploads(ctx, bucket, "", "", "", "", 100)
		note("uploads", err)
		note("abort", core.AbortMultipartUpload(ctx, bucket, "letters/aborted", aborted))

		_, err = c.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "letters/copy"}, minio.CopySrcOptions{Bucket: bucket, Object: "letters/large"})
		note("copy", err)
		_, err = c.StatObject(ctx, bucket, "letters/"+round, minio.StatObjectOptions{})
		note("head", err)
		for _, key := range []string{"letters/" + round, "letters/large", "letters/parts", "letters/none"} {
			object, err := c.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
			w.must(err)
			_, err = io.Copy(io.Discard, object)
			note("get", err)
		}
		tagging, err := tags.NewTags(map[string]string{"patient": "nobody"}, true)
		w.must(err)
		note("tag", c.PutObjectTagging(ctx, bucket, "letters/"+round, tagging, minio.PutObjectTaggingOptions{}))
		_, err = c.GetObjectTagging(ctx, bucket, "letters/"+round, minio.GetObjectTaggingOptions{})
		note("tags", err)
		note("untag", c.RemoveObjectTagging(ctx, bucket, "letters/"+round, minio.RemoveObjectTaggingOptions{}))
		w.list(bucket)
		note("delete", c.RemoveObject(ctx, bucket, "letters/"+round, minio.RemoveObjectOptions{}))
		note("delete", c.RemoveObject(ctx, bucket, "letters/large", minio.RemoveObjectOptions{}))
		note("delete a version", c.RemoveObject(ctx, bucket, "letters/"+round, minio.RemoveObjectOptions{VersionID: first.VersionID}))
		put(bucket, "letters/copy", 10, minio.PutObjectOptions{})
		many := make(chan minio.ObjectInfo, 3)
		for _, key := range []string{"letters/parts", "letters/empty", "letters/none"} {
			many <- minio.ObjectInfo{Key: key}
		}
		close(many)
		for failed := range c.RemoveObjects(ctx, bucket, many, minio.RemoveObjectsOptions{}) {
			note("delete many", failed.Err)
		}
		w.list(bucket)
	}
	w.locked(round)
	w.screens()
}

// list lists a bucket in both ways.
func (w *observed) list(bucket string) {
	for _, versions := range []bool{false, true} {
		for o := range w.client.ListObjects(w.t.Context(), bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: versions}) {
			w.saw("listed %s %d %v", o.Key, o.Size, o.Err)
		}
	}
}

// locked is what a bucket with object lock lets its owner do, and what not.
func (w *observed) locked(round string) {
	ctx, c := w.t.Context(), w.client
	info, err := c.PutObject(ctx, "ward-locked", "held/"+round, strings.NewReader("under a hold"), 12, minio.PutObjectOptions{LegalHold: minio.LegalHoldEnabled, SendContentMd5: true})
	w.saw("put: %v", err)
	version := minio.RemoveObjectOptions{VersionID: info.VersionID}
	w.saw("delete: %v", c.RemoveObject(ctx, "ward-locked", "held/"+round, version))
	_, err = c.GetObjectLegalHold(ctx, "ward-locked", "held/"+round, minio.GetObjectLegalHoldOptions{VersionID: info.VersionID})
	w.saw("hold: %v", err)
	off, governance, until := minio.LegalHoldDisabled, minio.Governance, time.Now().Add(time.Hour).UTC()
	w.saw("unhold: %v", c.PutObjectLegalHold(ctx, "ward-locked", "held/"+round, minio.PutObjectLegalHoldOptions{VersionID: info.VersionID, Status: &off}))
	w.saw("retain: %v", c.PutObjectRetention(ctx, "ward-locked", "held/"+round, minio.PutObjectRetentionOptions{VersionID: info.VersionID, Mode: &governance, RetainUntilDate: &until}))
	w.saw("delete: %v", c.RemoveObject(ctx, "ward-locked", "held/"+round, version))
	version.GovernanceBypass = true
	w.saw("delete: %v", c.RemoveObject(ctx, "ward-locked", "held/"+round, version))
}

// upkeep does what the server does by itself, and what its operator may ask.
func (w *observed) upkeep() {
	w.t.Helper()
	ctx := w.t.Context()
	rules := lifecycle.NewConfiguration()
	rules.Rules = []lifecycle.Rule{{
		ID: "all", Status: "Enabled", RuleFilter: lifecycle.Filter{Prefix: ""},
		Expiration:                  lifecycle.Expiration{Days: 1},
		NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: 1},
	}}
	w.saw("rules: %v", w.client.SetBucketLifecycle(ctx, "ward-eight", rules))
	for _, days := range []int{3, 6} {
		run, err := w.s.rooms.Vault.RunLifecycle(ctx, time.Now().Add(time.Duration(days)*24*time.Hour))
		w.saw("lifecycle: %+v %v", run, err)
	}
	w.list("ward-eight")
	w.saw("delete bucket: %v", w.client.RemoveBucket(ctx, "ward-eight"))
	w.saw("make bucket: %v", w.client.MakeBucket(ctx, "ward-eight", minio.MakeBucketOptions{}))
	w.ask("POST", "/v1/customers/harbour-clinic/rotate?retire=true", nil, true)
	w.ask("POST", "/v1/fsck", nil, true)
	w.ask("POST", "/v1/reclaim", nil, true)
	w.ask("POST", "/v1/fsck?repair=true", nil, true)
	w.screens()
}

// quota lowers the quota below what is used and writes.
func (w *observed) quota() {
	w.t.Helper()
	for _, q := range []api.Quota{{Objects: 1}, {Bytes: 1}, {Bytes: 60_000}, {}} {
		w.ask("PUT", "/v1/customers/harbour-clinic/quota", q, true)
		_, err := w.client.PutObject(w.t.Context(), "ward-eight", "quota", bytes.NewReader(make([]byte, 50_000)), 50_000, minio.PutObjectOptions{DisableMultipart: true})
		w.saw("put: %v", err)
	}
}

// restored backs up, restores elsewhere, and lists what is there.
func (w *observed) restored() {
	w.t.Helper()
	dir := w.t.TempDir()
	in := api.BackupInput{Dir: filepath.Join(dir, "backup"), Keys: filepath.Join(dir, "keys"), KeysExpire: time.Now().Add(time.Hour)}
	w.ask("POST", "/v1/backup", in, false)
	ctx := w.t.Context()
	cfg := *w.s.cfg
	cfg.Data = filepath.Join(dir, "data")
	if _, err := vault.Restore(ctx, vault.RestoreOptions{From: in.Dir, Keys: in.Keys, To: cfg.Data}); err != nil {
		w.t.Fatal(err)
	}
	rooms, err := OpenRooms(&cfg, gate.KeyFile(cfg.KeyFile), false, slog.New(slog.DiscardHandler))
	w.must(err)
	defer rooms.Close()
	for _, bucket := range []writ.BucketName{"ward-seven", "ward-eight", "ward-locked"} {
		page, err := rooms.Vault.ListVersions(ctx, vault.Session{}, vault.ListVersionsInput{Bucket: bucket})
		w.must(err)
		for _, v := range page.Versions {
			w.saw("restored %s %s %s %d %v", v.Key, v.ObjectRef.Version, v.ETag, v.Size, v.Marker)
		}
	}
}

// shredded destroys the customer's keys and waits until its data are gone.
func (w *observed) shredded() {
	w.t.Helper()
	w.ask("POST", "/v1/customers/harbour-clinic/shred", map[string]string{"confirm": "harbour-clinic"}, true)
	w.must(w.s.rooms.Vault.ResumeRemovals(w.t.Context()))
	_, err := w.client.StatObject(w.t.Context(), "ward-seven", "letters/first", minio.StatObjectOptions{})
	w.saw("head: %v", err)
	w.ask("POST", "/v1/fsck", nil, true)
	w.ask("POST", "/v1/reclaim", nil, true)
	w.ask("POST", "/v1/fsck", nil, true)
	w.screens()
}

// begin makes the customers and buckets.
func (w *observed) begin() writ.CustomerID {
	w.t.Helper()
	var clinic api.Customer
	w.must(json.Unmarshal(w.ask("POST", "/v1/customers", map[string]string{"name": "harbour-clinic"}, true), &clinic))
	w.ask("POST", "/v1/customers", map[string]string{"name": "mill-street-books"}, true)
	w.quiet = true
	var cred api.Credential
	w.must(json.Unmarshal(w.ask("POST", "/v1/customers/harbour-clinic/credentials", struct{}{}, true), &cred))
	w.quiet = false
	w.access = cred
	endpoint, err := url.Parse(cred.Endpoint)
	w.must(err)
	w.client, err = minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(string(cred.AccessKey), cred.SecretKey, ""),
		Secure: true, Region: cred.Region, Transport: w, MaxRetries: 1,
	})
	w.must(err)
	ctx := w.t.Context()
	w.must(w.client.MakeBucket(ctx, "ward-seven", minio.MakeBucketOptions{}))
	w.must(w.client.MakeBucket(ctx, "ward-eight", minio.MakeBucketOptions{}))
	w.must(w.client.EnableVersioning(ctx, "ward-eight"))
	w.must(w.client.MakeBucket(ctx, "ward-locked", minio.MakeBucketOptions{ObjectLocking: true}))
	return clinic.ID
}

// TestPreservationIsSilent runs one history on two servers, one of which
// preserves what it is about, and compares all that a customer and an operator
// get to see: every answer of S3 with its headers, every screen of the
// administration that there is (a new one is compared without further ado),
// the results of upkeep, the journal, the metrics and the log.
func TestPreservationIsSilent(t *testing.T) {
	run := func(preserve bool) *observed {
		w := newObserved(t)
		clinic := w.begin()
		v, ctx := w.s.rooms.Vault, t.Context()
		content := []writ.DataClass{writ.ClassContent}
		set := func(id string, b ...policy.BucketScope) {
			if preserve {
				if _, err := v.Preserve(ctx, id, clinic, policy.Scope{Buckets: b, Classes: content}); err != nil {
					t.Fatal(err)
				}
			}
		}
		look := func(id string, least int64) {
			if preserve {
				totals, err := v.PreservedTotals(ctx, id)
				if err != nil || totals.Gone < least {
					t.Fatalf("%s keeps %+v (%v)", id, totals, err)
				}
			}
		}
		w.history("before")
		set("whole", policy.BucketScope{Bucket: "ward-seven"}, policy.BucketScope{Bucket: "ward-locked"})
		set("tagged", policy.BucketScope{Bucket: "ward-eight", Tags: map[string]string{"patient": "calder"}})
		w.history("first")
		look("whole", 6)
		look("tagged", 0)
		set("late", policy.BucketScope{Bucket: "ward-eight", Prefixes: []string{"letters/"}})
		w.history("second")
		w.upkeep()
		look("late", 10)
		w.quota()
		if preserve {
			if err := v.Release(ctx, "tagged"); err != nil {
				t.Fatal(err)
			}
		}
		w.history("third")
		w.restored()
		w.shredded()
		look("whole", 10)
		return w
	}
	without, with := run(false), run(true)
	for i := range max(len(without.seen), len(with.seen)) {
		if i >= len(without.seen) || i >= len(with.seen) || without.seen[i] != with.seen[i] {
			at := func(w *observed) string {
				if i >= len(w.seen) {
					return "nothing"
				}
				return w.seen[i]
			}
			t.Fatalf("answer %d of %d differs:\n\nwithout: %s\n\nwith: %s", i, len(without.seen), at(without), at(with))
		}
	}
	if len(with.seen) < 500 {
		t.Errorf("only %d answers were compared", len(with.seen))
	}
	if a, b := without.lines(), with.lines(); !slices.Equal(a, b) {
		t.Errorf("the logs differ:\n%s\n\nand with a preservation:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}

// lines are those of the server's log, in order of text.
func (w *observed) lines() []string {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	text := places.ReplaceAllString(moments.ReplaceAllString(w.log.String(), ""), "")
	lines := strings.Split(randoms.ReplaceAllString(text, ""), "\n")
	slices.Sort(lines)
	return lines
}
