package customer

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"path"
	"strings"
	"unicode/utf8"

	"writ/internal/api"
	"writ/internal/console/page"
)

// most is the largest name or choice of a form that is read piece by piece, in
// bytes.
const most = 1024

// upload stores one file. Its bytes go to the vault as they come.
func (p *pages) upload(v *page.Visit) error {
	tooLarge := refusal(http.StatusRequestEntityTooLarge, "too-large", "a browser's form takes files of up to 64 MiB; nothing was kept", "send larger ones by S3, in parts")
	if v.R.ContentLength > page.UploadBody {
		return tooLarge
	}
	d, err := p.listing(v)
	if err != nil {
		return err
	}
	folder := d.Prefix[:strings.LastIndexByte(d.Prefix, '/')+1]
	body := &bounded{r: v.R.Body}
	v.R.Body = body
	form, err := v.R.MultipartReader()
	if err != nil {
		return refusal(http.StatusBadRequest, "form", page.ErrForm.Error(), "send it from the bucket's page")
	}
	name := ""
	for {
		part, err := form.NextPart()
		switch {
		case body.large:
			return tooLarge
		case errors.Is(err, io.EOF):
			return v.Again("bucket", d, refusal(http.StatusUnprocessableEntity, "no-file", "no file was chosen", "choose one"))
		case err != nil:
			return refusal(http.StatusBadRequest, "form", page.ErrForm.Error(), "send it again; nothing was kept")
		}
		switch part.FormName() {
		case "name":
			name, err = field(part)
		case "replace":
			d.Replace, err = true, nil
		case "file":
			if part.FileName() == "" {
				continue // what a browser sends for no file
			}
			if name == "" {
				name = path.Base("/" + strings.ReplaceAll(part.FileName(), "\\", "/"))
			}
			_, err = p.Own(v).Upload(v.Context(), api.Upload{Bucket: string(d.Bucket.Name), Key: folder + name, ContentType: mediaOf(part), New: !d.Replace, Body: part, Size: -1})
			switch {
			case body.large:
				return tooLarge
			case isCode(err, "precondition"):
				return v.Again("bucket", d, refusal(http.StatusConflict, "object-there", "there is an object of this name already; nothing was changed", "give another name, or choose to replace it"))
			case err != nil:
				return v.Again("bucket", d, err)
			}
			return v.See(inBucket(string(d.Bucket.Name), "", "prefix", folder), "my-object-stored")
		}
		if err != nil {
			return v.Again("bucket", d, err)
		}
	}
}

// mediaOf is what the browser says that a file is, if it can be written down.
func mediaOf(part *multipart.Part) string {
	if media := part.Header.Get("Content-Type"); len(media) <= 255 && utf8.ValidString(media) {
		return media
	}
	return ""
}

// field is a short field of a form.
func field(part io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(part, most+1))
	switch {
	case err != nil:
		return "", refusal(http.StatusBadRequest, "form", page.ErrForm.Error(), "send it again; nothing was kept")
	case len(b) > most || !utf8.Valid(b):
		return "", refusal(http.StatusUnprocessableEntity, "too-long", "a name has at most 1,024 bytes", "choose a shorter one")
	}
	return strings.TrimSpace(string(b)), nil
}

// bounded remembers that a body was longer than the route takes.
type bounded struct {
	r     io.ReadCloser
	large bool
}

// Read implements [io.Reader].
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	var large *http.MaxBytesError
	b.large = b.large || errors.As(err, &large)
	return n, err
}

// Close implements [io.Closer].
func (b *bounded) Close() error { return b.r.Close() }
