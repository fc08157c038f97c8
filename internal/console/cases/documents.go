package cases

import (
	"bytes"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/docket"
	"writ/internal/printable"
)

// framePolicy is what a file of somebody else's may do in its frame: nothing.
const framePolicy = "sandbox; default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"

// pdfPolicy is the same without the sandbox. Browsers show PDF by a viewer of
// their own, in a process of its own, and refuse to start it in a sandbox. The
// type is fixed to application/pdf by the bytes, and nosniff keeps it so: there
// is no page that a script could be in.
const pdfPolicy = "default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"

// kindOf is how a file may be shown, by its first bytes: "pdf", "image", "text"
// or "" for not at all. The sender's word and the file's name count for nothing.
func kindOf(head []byte) (kind, media string) {
	switch {
	case bytes.HasPrefix(head, []byte("%PDF-")):
		return "pdf", "application/pdf"
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return "image", "image/png"
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "image", "image/jpeg"
	case isText(head):
		return "text", "text/plain; charset=utf-8"
	}
	return "", ""
}

// isText says that bytes are a text in UTF-8, but for a character that was cut
// off at the end. What looks like markup is none.
func isText(b []byte) bool {
	if strings.HasPrefix(strings.TrimLeft(string(b), " \t\r\n\ufeff"), "<") || bytes.ContainsRune(b, 0) || !strings.HasPrefix(http.DetectContentType(b), "text/plain") {
		return false
	}
	for i := len(b) - 1; i >= max(0, len(b)-utf8.UTFMax); i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				b = b[:i]
			}
			break
		}
	}
	return utf8.Valid(b)
}

// documentPage is a document in a frame.
type documentPage struct {
	*casePage
	Document docket.Document
	Digest   string
	Shown    string // pdf, image, text; "" for a file that is only kept
}

// document shows a document's page: the bytes themselves are another address.
func (h *room) document(v *page.Visit) error {
	c, err := h.Desk.Case(v.Context(), v.Path("case"))
	if err != nil {
		return err
	}
	p, err := h.casePage(v, &c)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(p.Case.Documents, func(d docket.Document) bool { return d.ID.String() == v.Path("document") })
	if i < 0 {
		return &api.Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "not-found", Detail: "the case has no such document"}
	}
	out := documentPage{casePage: p, Document: p.Case.Documents[i]}
	out.Digest = hex.EncodeToString(out.Document.SHA256)
	p.Part = "documents"
	// The docket looked at the bytes when it was attached. Whether they are
	// shown is decided by the bytes themselves, once more.
	switch media, _, _ := strings.Cut(out.Document.Media, ";"); media {
	case "application/pdf":
		out.Shown = "pdf"
	case "image/png", "image/jpeg":
		out.Shown = "image"
	case "text/plain":
		out.Shown = "text"
	}
	return v.Render("document", out)
}

// view serves a document's bytes for a frame of this console, or for keeping if
// they are of no kind that is shown.
func (h *room) view(v *page.Visit) error {
	body, err := h.Desk.Document(v.Context(), v.Path("case"), v.Path("document"))
	if err != nil {
		return err
	}
	defer body.Close()
	head := make([]byte, 4096)
	n, err := io.ReadFull(body, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return err
	}
	head = head[:n]
	kind, media := kindOf(head)
	to := v.W.Header()
	to.Set("Cache-Control", "no-store")
	to.Set("X-Frame-Options", "SAMEORIGIN")
	to.Set("Content-Security-Policy", framePolicy)
	switch kind {
	case "":
		return keep(v, "document", io.MultiReader(bytes.NewReader(head), body))
	case "pdf":
		to.Set("Content-Security-Policy", pdfPolicy)
	case "text":
		// All of it, so that controls are shown and not obeyed.
		rest, err := io.ReadAll(io.LimitReader(body, docket.MaxDocument))
		if err != nil {
			return err
		}
		shown := printable.Text(strings.ToValidUTF8(strings.ReplaceAll(string(append(head, rest...)), "\r\n", "\n"), "\ufffd"))
		to.Set("Content-Type", media)
		to.Set("Content-Length", strconv.Itoa(len(shown)))
		io.WriteString(v.W, shown) // whoever is gone is gone
		return nil
	}
	to.Set("Content-Type", media)
	to.Set("Content-Disposition", "inline")
	return pour(v, io.MultiReader(bytes.NewReader(head), body))
}

// download serves a document's bytes to be kept.
func (h *room) download(v *page.Visit) error {
	c, err := h.Desk.Case(v.Context(), v.Path("case"))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(c.Documents, func(d docket.Document) bool { return d.ID.String() == v.Path("document") })
	if i < 0 {
		return &api.Problem{Status: http.StatusNotFound, Title: "Not Found", Code: "not-found", Detail: "the case has no such document"}
	}
	body, err := h.Desk.Document(v.Context(), v.Path("case"), v.Path("document"))
	if err != nil {
		return err
	}
	defer body.Close()
	return keep(v, c.Documents[i].Name, body)
}

// packed serves a file of the package.
func (h *room) packed(v *page.Visit) error {
	body, err := h.Desk.Package(v.Context(), v.Path("case"), v.Path("file"))
	if err != nil {
		return err
	}
	defer body.Close()
	return keep(v, v.Path("file"), body)
}

// keep answers with a file that is kept and never shown (RFC 6266, RFC 8187).
func keep(v *page.Visit, name string, body io.Reader) error {
	to := v.W.Header()
	to.Set("Cache-Control", "no-store")
	to.Set("Content-Type", "application/octet-stream")
	to.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	to.Set("Content-Disposition", "attachment; filename*=UTF-8''"+strings.ReplaceAll(url.QueryEscape(name), "+", "%20"))
	return pour(v, body)
}

// pour sends bytes as they come. Half a file must not look like one: the
// connection is cut.
func pour(v *page.Visit, body io.Reader) error {
	if _, err := io.Copy(v.W, body); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// attach adds files to a case, each by itself.
func (h *room) attach(v *page.Visit) error {
	m, _ := moveOf("attach")
	id := v.Path("case")
	kind, err := v.Text("kind", 40)
	if err != nil {
		return err
	}
	f := h.fields(v)
	system, note := f.text("system", maxLine), f.text("note", maxNote)
	uploads, err := v.Uploads("file")
	if err == nil {
		err = f.err
	}
	if err == nil && len(uploads) == 0 {
		err = wrong("choose a file")
	}
	if err != nil {
		return h.again(v, m, err)
	}
	for _, u := range uploads {
		file, err := u.Open()
		if err != nil {
			return err
		}
		body, err := io.ReadAll(io.LimitReader(file, docket.MaxDocument+1))
		file.Close()
		if err != nil {
			return err
		}
		if _, err := h.Desk.Attach(v.Context(), id, kind, u.Filename, system, note, body); err != nil {
			return h.again(v, m, err)
		}
	}
	return v.See("/docket/"+url.PathEscape(id)+"?part=documents", "cases-attach")
}
