package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"

	"writ"
)

// Own is the other side of [MineHandler]: a customer, over HTTP by one of its
// credentials, or in process.
type Own struct {
	http *http.Client
	base string // to which a path below /v1/my/ is added
}

// Credentials sign a customer's requests.
type Credentials struct {
	AccessKey, SecretKey, SessionToken string
	Region                             string // "" means us-east-1
}

// OwnInProcess asks the handler of this process on behalf of an owner.
func OwnInProcess(h http.Handler, o Owner) *Own {
	return &Own{http: &http.Client{Transport: asOwner{Direct{h}, o}, CheckRedirect: noRedirect}, base: "http://writ" + MinePath}
}

// asOwner adds who asks to each request.
type asOwner struct {
	Direct
	owner Owner
}

func (a asOwner) RoundTrip(r *http.Request) (*http.Response, error) {
	return a.Direct.RoundTrip(r.WithContext(AsOwner(r.Context(), a.owner)))
}

// ownPath is below what customers' operations lie on the S3 port.
const ownPath = "/.writ" + MinePath

// OwnRemote asks a server at its S3 address. CAs, if not nil, are the authorities
// to trust, in PEM. Without TLS it asks a server of this machine only.
func OwnRemote(endpoint string, c Credentials, cas []byte) (*Own, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path != "" && u.Path != "/" || u.User != nil {
		return nil, fmt.Errorf("%q is not the address of a server (https://HOST:PORT)", endpoint)
	}
	if u.Scheme == "http" && !loopbackHost(u.Hostname()) {
		return nil, fmt.Errorf("%q is no address of this machine: without TLS nothing is sent elsewhere", endpoint)
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	t, err := trusting(cas)
	if err != nil {
		return nil, err
	}
	return &Own{http: &http.Client{Transport: signing{t, c}, CheckRedirect: noRedirect}, base: u.Scheme + "://" + u.Host + ownPath}, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func loopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// hashHeader holds the SHA-256 of a request's body, or says that it has none.
const hashHeader = "X-Amz-Content-Sha256"

// unsigned stands in [hashHeader] for the content of an object, which streams.
const unsigned = "UNSIGNED-PAYLOAD"

// signing signs requests.
type signing struct {
	next http.RoundTripper
	c    Credentials
}

// RoundTrip implements [http.RoundTripper].
func (s signing) RoundTrip(r *http.Request) (*http.Response, error) {
	return s.next.RoundTrip(signer.SignV4(*r.Clone(r.Context()), s.c.AccessKey, s.c.SecretKey, s.c.SessionToken, s.c.Region))
}

// ask sends one request. A body that is not nil is signed, unless it is an
// object's content, of which size is said.
func (o *Own) ask(ctx context.Context, method, path string, head http.Header, body []byte, content io.Reader, size int64) (*http.Response, error) {
	var in io.Reader
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	switch {
	case content != nil:
		in, hash = content, unsigned
	case body != nil:
		in = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, o.base+path, in)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the request: %w", err)
	}
	for name, values := range head {
		r.Header[name] = values
	}
	if content != nil && size < 0 {
		r.ContentLength = -1
	} else if content != nil {
		r.ContentLength = size
		if size == 0 {
			r.Body = http.NoBody
		}
		r.Header.Set("Content-Length", strconv.FormatInt(size, 10)) // for a handler of this process
	}
	r.Header.Set(hashHeader, hash)
	resp, err := o.http.Do(r)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err // without the address, which names an object
		}
		return nil, fmt.Errorf("couldn't ask the server: %w", err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readProblem(resp)
}

// do sends one request and decodes its answer into out, if that is not nil.
func (o *Own) do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	head := http.Header{}
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("couldn't write the request: %w", err)
		}
		head.Set("Content-Type", "application/json")
	}
	resp, err := o.ask(ctx, method, path, head, body, nil, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("couldn't read the server's answer: %w", err)
	}
	return nil
}

// file sends one request for a file.
func (o *Own) file(ctx context.Context, path string, head http.Header) (*http.Response, error) {
	return o.ask(ctx, http.MethodGet, path, head, nil, nil, 0)
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Status tells who asks and how the account stands.
func (o *Own) Status(ctx context.Context) (out MyStatus, err error) {
	err = o.do(ctx, http.MethodGet, "status", nil, &out)
	return out, err
}

// Buckets are a page of the customer's, after a name.
func (o *Own) Buckets(ctx context.Context, prefix, after string, limit int) (out MyBuckets, err error) {
	err = o.do(ctx, http.MethodGet, Asked("buckets", "prefix", prefix, "after", after, "limit", number(limit)), nil, &out)
	return out, err
}

// ListObjects chooses objects of a bucket.
type ListObjects struct {
	Prefix, Delimiter, After string
	Limit                    int
}

// Objects are a page of a bucket's current versions.
func (o *Own) Objects(ctx context.Context, bucket string, q ListObjects) (out MyObjects, err error) {
	err = o.do(ctx, http.MethodGet, Asked("buckets/"+segment(bucket)+"/objects", "prefix", q.Prefix, "delimiter", q.Delimiter, "after", q.After, "limit", number(q.Limit)), nil, &out)
	return out, err
}

// Versions are a page of an object's, behind one of them.
func (o *Own) Versions(ctx context.Context, bucket, key, after string, limit int) (out MyVersions, err error) {
	err = o.do(ctx, http.MethodGet, Asked("buckets/"+segment(bucket)+"/versions", "key", key, "after", after, "limit", number(limit)), nil, &out)
	return out, err
}

// Object tells all that is known of a version; the current one if it is "".
func (o *Own) Object(ctx context.Context, bucket, key, version string) (out MyHead, err error) {
	err = o.do(ctx, http.MethodGet, Asked("buckets/"+segment(bucket)+"/object", "key", key, "version", version), nil, &out)
	return out, err
}

// Download streams a version, or with a span ("bytes=0-99") a stretch of it. The
// answer's headers say how much, of what; its body is to be closed, and fails if
// it is cut.
func (o *Own) Download(ctx context.Context, bucket, key, version, span string) (*http.Response, error) {
	head := http.Header{}
	if span != "" {
		head.Set("Range", span)
	}
	return o.file(ctx, Asked("buckets/"+segment(bucket)+"/content", "key", key, "version", version), head)
}

// Upload is an object that is to be stored.
type Upload struct {
	Bucket, Key string
	ContentType string
	New         bool      // fail if the key is there
	Body        io.Reader // of Size bytes
	Size        int64     // -1 if it is not known
}

// Upload stores an object.
func (o *Own) Upload(ctx context.Context, u Upload) (out MyObject, err error) {
	head := http.Header{}
	head.Set("Content-Type", "application/octet-stream")
	if u.ContentType != "" {
		head.Set("Content-Type", u.ContentType)
	}
	if u.New {
		head.Set("If-None-Match", "*")
	}
	content := u.Body
	if u.Size >= 0 {
		content = io.LimitReader(u.Body, u.Size)
	}
	resp, err := o.ask(ctx, http.MethodPut, Asked("buckets/"+segment(u.Bucket)+"/content", "key", u.Key), head, nil, content, u.Size)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("couldn't read the server's answer: %w", err)
	}
	return out, nil
}

// Delete deletes an object, or one version of it for ever.
func (o *Own) Delete(ctx context.Context, bucket, key, version string) (out MyDeleted, err error) {
	err = o.do(ctx, http.MethodDelete, Asked("buckets/"+segment(bucket)+"/object", "key", key, "version", version), nil, &out)
	return out, err
}

// Credentials are the customer's, without secrets.
func (o *Own) Credentials(ctx context.Context) (out []MyCredential, err error) {
	err = o.do(ctx, http.MethodGet, "credentials", nil, &out)
	return out, err
}

// AddCredential makes one; its secret is told this once.
func (o *Own) AddCredential(ctx context.Context) (out MyCredential, err error) {
	err = o.do(ctx, http.MethodPost, "credentials", nil, &out)
	return out, err
}

// RemoveCredential ends one.
func (o *Own) RemoveCredential(ctx context.Context, id writ.CredentialID) error {
	return o.do(ctx, http.MethodDelete, "credentials/"+segment(string(id)), nil, nil)
}

// Keys tells of the customer's keys.
func (o *Own) Keys(ctx context.Context) (out MyKeys, err error) {
	err = o.do(ctx, http.MethodGet, "keys", nil, &out)
	return out, err
}

// Rotate makes a new key-encryption key and wraps every data key under it.
func (o *Own) Rotate(ctx context.Context, progress func(Progress)) (out Rotated, err error) {
	resp, err := o.ask(ctx, http.MethodPost, "keys/rotate", nil, nil, nil, 0)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	return out, follow(resp.Body, &out, progress, nil)
}

// Journal is a page of the customer's journal, newest entry first.
func (o *Own) Journal(ctx context.Context, q MyJournalQuery) (out MyJournal, err error) {
	before := ""
	if q.Before > 0 {
		before = strconv.FormatUint(q.Before, 10)
	}
	err = o.do(ctx, http.MethodGet, Asked("journal", "before", before, "limit", number(q.Limit), "from", moment(q.From), "until", moment(q.Until),
		"right", q.Right, "bucket", q.Bucket, "prefix", q.Prefix), nil, &out)
	return out, err
}

// JournalSummary counts uses of keys over the last days.
func (o *Own) JournalSummary(ctx context.Context, days int) (out MySummary, err error) {
	err = o.do(ctx, http.MethodGet, Asked("journal/summary", "days", number(days)), nil, &out)
	return out, err
}

// JournalRaw streams the whole journal, an [Entry] a line. A body that fails was
// cut.
func (o *Own) JournalRaw(ctx context.Context) (io.ReadCloser, error) {
	return body(o.file(ctx, "journal.ndjson", nil))
}

// JournalBundle streams the journal with what shows that it is whole.
func (o *Own) JournalBundle(ctx context.Context, after, fromBatch uint64) (io.ReadCloser, error) {
	return body(o.file(ctx, Asked("journal/bundle", "after", strconv.FormatUint(after, 10), "from-batch", strconv.FormatUint(fromBatch, 10)), nil))
}

func body(resp *http.Response, err error) (io.ReadCloser, error) {
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Notices are a page of what the customer was told, oldest first.
func (o *Own) Notices(ctx context.Context, after string, limit int) (out MyNotices, err error) {
	err = o.do(ctx, http.MethodGet, Asked("notices", "after", after, "limit", number(limit)), nil, &out)
	return out, err
}

// Notice is one with its text.
func (o *Own) Notice(ctx context.Context, id string) (out MyNotice, err error) {
	err = o.do(ctx, http.MethodGet, Asked("notices/message", "id", id), nil, &out)
	return out, err
}

// NoticeFile is a file that came with a notice.
func (o *Own) NoticeFile(ctx context.Context, id, name string) (io.ReadCloser, error) {
	return body(o.file(ctx, Asked("notices/file", "id", id, "name", name), nil))
}

// Proofs are the files of receipts that came with notices.
func (o *Own) Proofs(ctx context.Context) (out []MyProof, err error) {
	err = o.do(ctx, http.MethodGet, "proofs", nil, &out)
	return out, err
}

// Demands are those that the customer was told of.
func (o *Own) Demands(ctx context.Context) (out []MyDemand, err error) {
	err = o.do(ctx, http.MethodGet, "demands", nil, &out)
	return out, err
}

// Demand is one with its notices and the customer's objections.
func (o *Own) Demand(ctx context.Context, id writ.CaseID) (out MyDemand, err error) {
	err = o.do(ctx, http.MethodGet, "demands/"+segment(string(id)), nil, &out)
	return out, err
}

// ObjectionFile is a file that goes with an objection.
type ObjectionFile struct {
	Name string
	Body []byte
}

// ObjectTo objects to a demand that the customer was told of.
func (o *Own) ObjectTo(ctx context.Context, id writ.CaseID, text string, files []ObjectionFile) (out MyObjection, err error) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	if err := w.WriteField("text", text); err != nil {
		return out, err
	}
	for _, f := range files {
		part, err := w.CreateFormFile("file", f.Name)
		if err == nil {
			_, err = part.Write(f.Body)
		}
		if err != nil {
			return out, err
		}
	}
	if err := w.Close(); err != nil {
		return out, err
	}
	resp, err := o.ask(ctx, http.MethodPost, "demands/"+segment(string(id))+"/objections", http.Header{"Content-Type": {w.FormDataContentType()}}, form.Bytes(), nil, 0)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("couldn't read the server's answer: %w", err)
	}
	return out, nil
}

// Contacts are how the customer is told.
func (o *Own) Contacts(ctx context.Context) (out MyContacts, err error) {
	err = o.do(ctx, http.MethodGet, "contacts", nil, &out)
	return out, err
}

// SetContacts sets them, all anew. The secrets of new webhooks are in the answer,
// this once.
func (o *Own) SetContacts(ctx context.Context, list []CustomerContact) (out MyContacts, err error) {
	if list == nil {
		list = []CustomerContact{}
	}
	err = o.do(ctx, http.MethodPut, "contacts", MyContacts{Contacts: list}, &out)
	return out, err
}
