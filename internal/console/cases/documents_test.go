package cases

import (
	"net/http"
	"strings"
	"testing"
)

// TestDocumentsAreShownSafely: a file is shown by what its bytes are, in a frame
// that runs nothing, or it is kept.
func TestDocumentsAreShownSafely(t *testing.T) {
	r := newRig(t)
	id := r.received("7 Gs 412/26")
	for _, c := range []struct {
		name, body, media string
		inline            bool
	}{
		{"a.pdf", string(pdf), "application/pdf", true},
		{"a.png", png, "image/png", true},
		{"a.jpg", "\xff\xd8\xff\xe0\x00\x10JFIF\x00 and so on", "image/jpeg", true},
		{"a.txt", "one\ntwo \u202eturned\n", "text/plain; charset=utf-8", true},
		{"page.pdf", "<html><script>alert(1)</script></html>", "application/octet-stream", false},
		{"a.png.svg", `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, "application/octet-stream", false},
		{"a.xml", `<?xml version="1.0"?><x/>`, "application/octet-stream", false},
		{"late.pdf", " \n%PDF-1.7 not at its beginning <script>", "text/plain; charset=utf-8", true},
		{"a.gif", "GIF89a<script>", "application/octet-stream", false},
		{"a.zip", "PK\x03\x04 a package", "application/octet-stream", false},
		{"zero.txt", "text\x00<script>", "application/octet-stream", false},
		{"latin.txt", "Gr\xf6\xdfe", "application/octet-stream", false},
	} {
		if status, body := r.upload("noor", id, "correspondence", c.name, []byte(c.body)); status != 303 {
			t.Fatal(c.name, status, note(body))
		}
		docs := r.state(id).Documents
		at := "/docket/" + id + "/documents/" + docs[len(docs)-1].ID.String()
		got := r.Get("mira", at+"/view")
		if got.Status != 200 || got.Head.Get("Content-Type") != c.media {
			t.Errorf("%s: %d, type %q", c.name, got.Status, got.Head.Get("Content-Type"))
		}
		policy := got.Head.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || c.media != "application/pdf" && !strings.HasPrefix(policy, "sandbox;") {
			t.Errorf("%s: policy %q", c.name, policy)
		}
		if got.Head.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be taken for something else", c.name)
		}
		if kept := strings.HasPrefix(got.Head.Get("Content-Disposition"), "attachment"); kept == c.inline {
			t.Errorf("%s: disposition %q", c.name, got.Head.Get("Content-Disposition"))
		}
		if strings.Contains(got.Body, "\u202e") {
			t.Errorf("%s is turned round", c.name)
		}
		page := r.Get("mira", at)
		if framed := strings.Contains(page.Body, "<iframe"); framed && !strings.Contains(page.Body, `sandbox=""`) && c.media != "application/pdf" {
			t.Errorf("%s stands in a frame without a sandbox", c.name)
		}
		file := r.Get("mira", at+"/file")
		if file.Body != c.body || !strings.HasPrefix(file.Head.Get("Content-Disposition"), "attachment; filename*=UTF-8''"+c.name) {
			t.Errorf("%s as a file: %q", c.name, file.Head.Get("Content-Disposition"))
		}
	}
	if got := r.Get("mira", "/docket/"+id+"/documents/"+strings.Repeat("0", 32)); got.Status != http.StatusNotFound {
		t.Errorf("a document that isn't there: %d", got.Status)
	}
	if got := r.Get("mira", "/docket/"+id+"/documents/nothing/view"); got.Status != http.StatusNotFound {
		t.Errorf("no document: %d", got.Status)
	}
	// A document of one case is none of another.
	other := r.received("8 Gs 1/26")
	if got := r.Get("mira", "/docket/"+other+"/documents/"+r.state(id).Documents[0].ID.String()+"/view"); got.Status != http.StatusNotFound {
		t.Errorf("another case's document: %d", got.Status)
	}
}

// TestKinds: what is nearly of a kind is not of it.
func TestKinds(t *testing.T) {
	for head, want := range map[string]string{
		"%PDF-1.7": "pdf", "%PDF": "text", "\x89PNG\r\n\x1a\n": "image", "\x89PNG": "", "\xff\xd8\xff": "image", "\xff\xd8": "",
		"plain": "text", "": "text", "<!DOCTYPE html>": "", "caf\xc3": "text", "\xc3\x28": "", "a\x1b[2J": "text", " <svg": "",
	} {
		if got, _ := kindOf([]byte(head)); got != want {
			t.Errorf("%q is %q, want %q", head, got, want)
		}
	}
}
