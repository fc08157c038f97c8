package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/vault"
)

// MaxUpload is the most bytes of an object that comes in one piece. Larger ones
// come in parts, by S3.
const MaxUpload = 5 << 30

func (h mine) content(a huma.API) {
	huma.Register(a, huma.Operation{
		OperationID: "my-download", Method: http.MethodGet, Path: "/v1/my/buckets/{bucket}/content", Summary: "The content of a version, or a range of it",
		Description: "It is a file to keep, and never a page of ours. A file that ends early is cut.",
		Responses: map[string]*huma.Response{"200": {Description: "the content", Content: map[string]*huma.MediaType{
			"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}},
	}, func(ctx context.Context, in *struct {
		KeyQuery
		Range string `header:"Range" maxLength:"100" doc:"bytes=FIRST-LAST, one range"`
	}) (*huma.StreamResponse, error) {
		if _, err := h.bucket(ctx, in.Bucket); err != nil {
			return nil, h.fail(ctx, err)
		}
		ask := vault.GetInput{ObjectRef: in.ref()}
		if in.Range != "" {
			ask.Range = func(size int64) (off, n int64, err error) { return oneRange(in.Range, size) }
		}
		o, err := h.Vault.Get(ctx, ownerOf(ctx).session(), ask)
		if err != nil {
			return nil, h.fail(ctx, err)
		}
		return downloaded(in.Key, o, in.Range != ""), nil
	})
	huma.Register(a, huma.Operation{
		OperationID: "my-upload", Method: http.MethodPut, Path: "/v1/my/buckets/{bucket}/content", Summary: "Store an object: its bytes are the body",
		DefaultStatus: http.StatusCreated, RequestBody: streamBody("application/octet-stream"), MaxBodyBytes: MaxUpload + 1,
	}, func(ctx context.Context, in *struct {
		BucketPath
		Key         string `query:"key" required:"true" maxLength:"1024"`
		ContentType string `header:"Content-Type" maxLength:"255"`
		IfNoneMatch string `header:"If-None-Match" enum:"*" doc:"* for a key that must not be there yet"`
		Length      string `header:"Content-Length"`
		Input       stream
	}) (*output[MyObject], error) {
		if _, err := h.bucket(ctx, in.Bucket); err != nil {
			return nil, h.fail(ctx, err)
		}
		size, err := strconv.ParseInt(in.Length, 10, 64)
		if err != nil || size < 0 {
			size = -1
		}
		put := vault.PutInput{
			Bucket: writ.BucketName(in.Bucket), Key: writ.ObjectKey(in.Key), Size: size, IfNoneMatch: in.IfNoneMatch,
			Body: &upTo{r: in.Input.body, left: MaxUpload}, Draft: vault.Draft{Meta: vault.Meta{ContentType: in.ContentType}},
		}
		v, err := h.Vault.Put(ctx, ownerOf(ctx).session(), put)
		if errors.Is(err, errBody) {
			return nil, &Problem{Status: http.StatusBadRequest, Title: "Bad Request", Code: "incomplete", Detail: "the content did not arrive whole; nothing was kept", Hint: "send it again"}
		}
		return own(h, ctx, myObject(v), err)
	})
}

// errBody: a body did not arrive as it was announced or signed.
var errBody = errors.New("the body did not arrive whole")

// upTo reads so many bytes at most, and says of an error that it is the body's.
type upTo struct {
	r    io.Reader
	left int64
}

func (u *upTo) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if u.left -= int64(n); u.left < 0 {
		return 0, vault.ErrTooLarge
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", errBody, err)
	}
	return n, err
}

// downloaded answers with an opened version.
func downloaded(key string, o vault.Object, ranged bool) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer o.Body.Close()
		hc.SetHeader("Content-Type", "application/octet-stream")
		hc.SetHeader("Content-Disposition", attachment(path.Base("/"+key)))
		hc.SetHeader("Content-Length", strconv.FormatInt(o.Length, 10))
		hc.SetHeader("Accept-Ranges", "bytes")
		hc.SetHeader("ETag", `"`+o.ETag+`"`)
		hc.SetHeader("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
		if ranged {
			hc.SetHeader("Content-Range", fmt.Sprintf("bytes %d-%d/%d", o.Offset, o.Offset+o.Length-1, o.Size))
			hc.SetStatus(http.StatusPartialContent)
		} else {
			hc.SetStatus(http.StatusOK)
		}
		if _, err := io.Copy(hc.BodyWriter(), o.Body); err != nil {
			panic(http.ErrAbortHandler) // half a file must not look like one
		}
	}}
}

// oneRange reads a Range of bytes (RFC 9110, section 14.1.2): one, or the last so
// many.
func oneRange(text string, size int64) (off, n int64, err error) {
	first, last, ok := strings.Cut(strings.TrimPrefix(text, "bytes="), "-")
	if !ok || !strings.HasPrefix(text, "bytes=") || strings.Contains(last, ",") {
		return 0, 0, vault.ErrRange
	}
	if first == "" {
		n, err := strconv.ParseUint(last, 10, 62)
		if err != nil || n == 0 || size == 0 {
			return 0, 0, vault.ErrRange
		}
		n = min(n, uint64(size))
		return size - int64(n), int64(n), nil
	}
	from, err := strconv.ParseUint(first, 10, 62)
	if err != nil || int64(from) >= size {
		return 0, 0, vault.ErrRange
	}
	to := uint64(size - 1)
	if last != "" {
		if to, err = strconv.ParseUint(last, 10, 62); err != nil || to < from {
			return 0, 0, vault.ErrRange
		}
		to = min(to, uint64(size-1))
	}
	return int64(from), int64(to - from + 1), nil
}
