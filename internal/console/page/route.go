package page

import (
	"net/http"
	"slices"
	"strings"

	"writ"
)

// Kind is what somebody is who is signed in.
type Kind string

// The kinds of visitors.
const (
	Nobody   Kind = ""         // not signed in
	Staff    Kind = "staff"    // a person of the operator's, or one who acts for it
	Customer Kind = "customer" // a user of one customer
	Officer  Kind = "officer"  // a person of one authority
)

// Audience says who may use a route.
type Audience struct {
	Anybody  bool // also who is not signed in
	SignedIn bool // everybody who is, of whatever kind
	Kind     Kind
	Roles    []writ.Role // of staff: one of these; none: any of the staff
}

// Audiences that most routes have.
var (
	Public    = Audience{Anybody: true}
	Known     = Audience{SignedIn: true}
	Customers = Audience{Kind: Customer}
	Officers  = Audience{Kind: Officer}
	AllStaff  = Audience{Kind: Staff}
)

// Holders are staff who hold one of the roles.
func Holders(roles ...writ.Role) Audience { return Audience{Kind: Staff, Roles: roles} }

// Admits says whether a visitor may.
func (a Audience) Admits(v Visitor) bool {
	if a.Anybody {
		return true
	}
	if v.Kind == Nobody || !a.SignedIn && v.Kind != a.Kind {
		return false
	}
	return len(a.Roles) == 0 || slices.ContainsFunc(a.Roles, v.Has)
}

// String is the audience in one line, as the table of routes has it.
func (a Audience) String() string {
	switch {
	case a.Anybody:
		return "anybody"
	case a.SignedIn:
		return "who is signed in"
	case a.Kind != Staff:
		return string(a.Kind)
	case len(a.Roles) == 0:
		return "any staff"
	}
	names := make([]string, len(a.Roles))
	for i, r := range a.Roles {
		names[i] = string(r)
	}
	return strings.Join(names, " ")
}

// Route is one address of the console.
type Route struct {
	Method string // GET, POST
	Path   string // as net/http's ServeMux has it: /docket/{case}
	Name   string // unique, lower-case, with "-": the audit trail has it
	For    Audience
	Body   int64 // most bytes of a request's body; 0 is [DefaultBody]
	Fresh  bool  // a form of it may carry the ceremony of a passkey, which is ended first
	Stream bool  // the answer may take as long as it takes: downloads, live parts
	Do     func(*Visit) error
}

// Get is a route that is read.
func Get(path, name string, who Audience, do func(*Visit) error) Route {
	return Route{Method: http.MethodGet, Path: path, Name: name, For: who, Do: do}
}

// Post is a route that takes a form.
func Post(path, name string, who Audience, do func(*Visit) error) Route {
	return Route{Method: http.MethodPost, Path: path, Name: name, For: who, Do: do}
}

// Verified is the route with the passkey again: its form may carry a ceremony.
func (r Route) Verified() Route { r.Fresh = true; return r }

// Sized is the route with another bound of what it takes, in bytes.
func (r Route) Sized(body int64) Route { r.Body = body; return r }

// Streamed is the route whose answer takes as long as it takes.
func (r Route) Streamed() Route { r.Stream = true; return r }

// Bounds of what a request brings, in bytes.
const (
	DefaultBody = 256 << 10
	UploadBody  = 64 << 20
)

// Entry is one line of the navigation.
type Entry struct {
	Path, Message string // message key of its text
	For           Audience
}

// Room is a part of the console: one person's, or the public's.
type Room struct {
	Name   string // folder of the room
	Files  Files
	Assets Files // scripts and styles of its own, served under the room's name; nil for none
	Routes []Route
	Menu   []Entry
}
