package s3

import (
	"crypto/fips140"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
)

// maxDocument is the longest body that is not an object's, in bytes: a list
// of 10,000 parts with checksums, or of 1,000 keys to delete, is well below.
// Such a body is held in memory.
const maxDocument = 8 << 20

// handlingKey names what fiber hands to handlers, in a request that copies.
const handlingKey = "writ-handling"

// encryptionHeader is what every answer about an object's bytes carries.
const encryptionHeader = "X-Amz-Server-Side-Encryption"

// screen looks at every request before versitygw does, and at its answer.
func (b *adapter) screen(told func(method string, status int, took time.Duration)) fiber.Handler {
	return func(ctx fiber.Ctx) error {
		start := time.Now()
		if err := refused(ctx.RequestCtx()); err != nil {
			requestID, hostID := utils.EnsureRequestIDs(ctx)
			ctx.Response().Header.SetContentType(fiber.MIMEApplicationXML)
			err := ctx.Status(err.StatusCode()).Send(err.XMLBody(requestID, hostID))
			if told != nil {
				told(ctx.Method(), ctx.Response().StatusCode(), time.Since(start))
			}
			return err
		}
		if len(ctx.Request().Header.Peek("X-Amz-Copy-Source")) > 0 {
			ctx.Locals(handlingKey, ctx)
		}
		err := ctx.Next()
		if err == nil {
			err = writeListing(ctx.RequestCtx())
		}
		sealed(ctx.RequestCtx())
		if told != nil {
			told(ctx.Method(), ctx.Response().StatusCode(), time.Since(start))
		}
		return err
	}
}

// refused returns why a request is not answered, nil if it is.
func refused(r *fasthttp.RequestCtx) s3err.S3Error {
	if customerKeys(r) {
		return errCustomerKeys
	}
	if err := encryptionAsked(string(r.Request.Header.Peek(encryptionHeader)),
		len(r.Request.Header.Peek("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")) > 0); err != nil {
		return err
	}
	if fips140.Enforced() {
		if err := fipsHeaders(&r.Request.Header); err != nil {
			return err
		}
	}
	return documentSize(r)
}

// customerKeys reports whether a request has anything of SSE-C: in a header,
// or in the query, where presigned URLs have it.
func customerKeys(r *fasthttp.RequestCtx) bool {
	const object, source = "x-amz-server-side-encryption-customer-", "x-amz-copy-source-server-side-encryption-customer-"
	is := func(name []byte) bool {
		return hasPrefixFold(name, object) || hasPrefixFold(name, source)
	}
	for name := range r.Request.Header.All() {
		if is(name) {
			return true
		}
	}
	for name := range r.QueryArgs().All() {
		if is(name) {
			return true
		}
	}
	return false
}

func hasPrefixFold(name []byte, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(string(name[:len(prefix)]), prefix)
}

// encryptionAsked judges the encryption that a request asks for: what always
// happens, by one of the names that it has, or nothing.
func encryptionAsked(method string, keyID bool) s3err.S3Error {
	switch types.ServerSideEncryption(method) {
	case "", types.ServerSideEncryptionAes256, types.ServerSideEncryptionAwsKms:
	default:
		return errEncryption
	}
	if keyID {
		return errKeyID
	}
	return nil
}

// screenForm is refused for the fields of a POST form, which stand for
// headers.
func screenForm(form map[string]string) error {
	keyID := false
	for name := range form {
		if hasPrefixFold([]byte(name), "x-amz-server-side-encryption-customer-") {
			return errCustomerKeys
		}
		keyID = keyID || strings.EqualFold(name, "x-amz-server-side-encryption-aws-kms-key-id")
	}
	if err := encryptionAsked(form["x-amz-server-side-encryption"], keyID); err != nil {
		return err
	}
	return nil
}

// fipsHeaders refuses what would need MD5 or SHA-1 in FIPS 140 mode.
func fipsHeaders(h *fasthttp.RequestHeader) s3err.S3Error {
	for name, algorithm := range map[string]string{
		"Content-Md5": "MD5", "X-Amz-Checksum-Md5": "MD5", "X-Amz-Checksum-Sha1": "SHA-1",
	} {
		if len(h.Peek(name)) > 0 {
			return fipsError(algorithm)
		}
	}
	for _, name := range []string{"X-Amz-Trailer", "X-Amz-Sdk-Checksum-Algorithm", "X-Amz-Checksum-Algorithm"} {
		switch value := strings.ToLower(string(h.Peek(name))); strings.TrimPrefix(value, "x-amz-checksum-") {
		case "md5":
			return fipsError("MD5")
		case "sha1":
			return fipsError("SHA-1")
		}
	}
	return nil
}

// documentSize refuses a body that is not an object's and longer than any
// document, or of a length that is not said.
func documentSize(r *fasthttp.RequestCtx) s3err.S3Error {
	length := r.Request.Header.ContentLength()
	switch {
	case length == -1 && !streamed(r):
		return s3err.GetAPIError(s3err.ErrMissingContentLength)
	case length > maxDocument && !streamed(r):
		return s3err.GetMaxMessageLengthExceeded(maxDocument)
	}
	return nil
}

// subresources are the queries with which a PUT or POST has a document for
// its body.
var subresources = []string{"tagging", "retention", "legal-hold", "acl", "restore", "select", "delete", "uploads"}

// streamed reports whether the body of a request is an object, a part, or a
// form with an object in it.
func streamed(r *fasthttp.RequestCtx) bool {
	q := r.QueryArgs()
	for _, name := range subresources {
		if q.Has(name) {
			return false
		}
	}
	path := string(r.Request.URI().PathOriginal())
	bucket, object, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case strings.HasPrefix(path, MyPath):
		return true // each operation there has bounds of its own
	case bucket == "":
		return false
	case r.IsPut():
		return object != "" && len(r.Request.Header.Peek("X-Amz-Copy-Source")) == 0
	case r.IsPost():
		return object == "" && q.Len() == 0
	}
	return false
}

// sealed marks the answer to a request that wrote or read an object.
func sealed(r *fasthttp.RequestCtx) {
	if status := r.Response.StatusCode(); status != http.StatusOK && status != http.StatusPartialContent &&
		status != http.StatusCreated && status != http.StatusNoContent || r.IsDelete() || r.IsOptions() {
		return
	}
	bucket, object, _ := strings.Cut(strings.TrimPrefix(string(r.Request.URI().PathOriginal()), "/"), "/")
	q := r.QueryArgs()
	if bucket == "" || object == "" && !(r.IsPost() && q.Len() == 0) {
		return
	}
	for _, name := range []string{"tagging", "retention", "legal-hold", "acl", "attributes", "restore", "select"} {
		if q.Has(name) {
			return
		}
	}
	if q.Has("uploadId") && (r.IsGet() || r.IsHead()) {
		return
	}
	r.Response.Header.Set(encryptionHeader, string(types.ServerSideEncryptionAes256))
}
