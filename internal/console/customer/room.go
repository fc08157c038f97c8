// Package customer has the pages of customers: each sees and does what is its own.
//
// Every page asks the customer's own interface ([writ/internal/api.Own]) as who has
// signed in, so that each use of a key is in the customer's journal under that
// user's name and session; the pages that show the journal say that looking at it
// is an entry too. What another customer has, and what secrecy defers, is answered
// by the interface as what is not there: no page here knows of it.
//
// An opening by any right but the owner's stands out, by a word and not by its
// colour alone. Keys and texts are others' data: what turns the direction of
// writing is shown instead of obeyed ([printable]). Objects are named in the query
// of an address and never in a form's field, where a browser would change line
// feeds.
//
// # Bodies
//
// What a browser sends of objects and objections is never on this machine's disk
// in plain: uploads stream to the interface ([pages.upload]), and an objection is
// held in memory, a few at once ([maxForms]). So both forms are read piece by piece,
// with their fields before their files.
package customer

import (
	"embed"
	"net/http"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
)

//go:embed all:templates messages
var files embed.FS

// Rooms is what the pages are made from.
type Rooms struct {
	// Own is the interface as the visitor asks it, with the session and when it
	// was verified.
	Own  func(*page.Visit) *api.Own
	Zone *time.Location // in which days of a filter begin; nil is UTC
}

// pages are the pages' functions.
type pages struct {
	Rooms
	forms chan struct{} // holds a token for each objection that is in memory
}

// maxForms is how many objections are held in memory at once.
const maxForms = 4

// Room makes the pages.
func Room(r Rooms) page.Room {
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	p := &pages{Rooms: r, forms: make(chan struct{}, maxForms)}
	get := func(path, name string, do func(*page.Visit) error) page.Route {
		return page.Get(path, name, page.Customers, do)
	}
	post := func(path, name string, do func(*page.Visit) error) page.Route {
		return page.Post(path, name, page.Customers, do)
	}
	entry := func(path, message string) page.Entry {
		return page.Entry{Path: path, Message: message, For: page.Customers}
	}
	return page.Room{
		Name: "customer", Files: files,
		Routes: []page.Route{
			get("/my", "my-overview", p.overview),
			get("/my/buckets", "my-buckets", p.buckets),
			get("/my/buckets/{bucket}", "my-bucket", p.bucket),
			post("/my/buckets/{bucket}/upload", "my-upload", p.upload).Sized(page.UploadBody),
			get("/my/buckets/{bucket}/object", "my-object", p.object),
			get("/my/buckets/{bucket}/download", "my-download", p.download).Streamed(),
			get("/my/buckets/{bucket}/delete", "my-delete-ask", p.askDelete),
			post("/my/buckets/{bucket}/delete", "my-delete", p.delete),
			get("/my/journal", "my-journal", p.journal),
			get("/my/journal/days", "my-journal-days", p.days),
			get("/my/journal/journal.ndjson", "my-journal-raw", p.journalRaw).Streamed(),
			get("/my/journal/journal.bundle", "my-journal-bundle", p.journalBundle).Streamed(),
			get("/my/notices", "my-notices", p.notices),
			get("/my/notices/{id}", "my-notice", p.notice),
			get("/my/notices/{id}/files/{name}", "my-notice-file", p.noticeFile).Streamed(),
			get("/my/demands", "my-demands", p.demands),
			get("/my/demands/{case}", "my-demand", p.demand),
			post("/my/demands/{case}/object", "my-object-to", p.objectTo).Sized(maxObjection),
			get("/my/proofs", "my-proofs", p.proofs),
			get("/my/credentials", "my-credentials", p.credentials),
			post("/my/credentials", "my-credential-add", p.addCredential).Verified(),
			get("/my/credentials/{id}/remove", "my-credential-ask", p.askRemove),
			post("/my/credentials/{id}/remove", "my-credential-remove", p.removeCredential).Verified(),
			get("/my/keys", "my-keys", p.keys),
			post("/my/keys/rotate", "my-rotate", p.rotate).Verified().Streamed(), // wraps every data key anew
			get("/my/contacts", "my-contacts", p.contacts),
			post("/my/contacts", "my-contacts-set", p.setContacts).Verified(),
		},
		Menu: []page.Entry{
			entry("/my", "customer.menu.overview"), entry("/my/buckets", "customer.menu.buckets"), entry("/my/journal", "customer.menu.journal"),
			entry("/my/notices", "customer.menu.notices"), entry("/my/demands", "customer.menu.demands"), entry("/my/proofs", "customer.menu.proofs"),
			entry("/my/credentials", "customer.menu.credentials"), entry("/my/keys", "customer.menu.keys"), entry("/my/contacts", "customer.menu.contacts"),
		},
	}
}

// refusal is a problem of the form that somebody sent, or of the address.
func refusal(status int, code, detail, hint string) *api.Problem {
	return &api.Problem{Status: status, Title: http.StatusText(status), Code: code, Detail: detail, Hint: hint}
}
