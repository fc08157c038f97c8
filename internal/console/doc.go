// Package console serves Writ in a browser: to the public, to customers, to
// counsel, custodians, agencies and operators, each with the pages of their work.
//
// Nothing exists here only: pages ask the JSON interface ([writ/internal/api]) in
// this process, as who has signed in, so that powers, refusals and the audit trail
// are the interface's own. A room (a package below this one) has one person's
// pages; package page has what all of them share.
//
// # Who may
//
// Every route has an audience, and the table of all of them is a golden file
// (testdata/routes.txt): a new route without its line fails the build's tests.
// [Guard] says who somebody is; who is not in the audience is refused before the
// route's function is called, and the refusal is in the operator's audit trail. A
// page that somebody may not see answers as one that is not there if they are not
// signed in at all they are asked to sign in.
//
// # What pages may do
//
// The Content-Security-Policy allows this server's own scripts, styles, pictures
// and frames, and nothing inline; nothing is fetched from another host. Forms are
// taken from this origin alone ([net/http.CrossOriginProtection], and cookies are
// SameSite). Bodies are bounded, and a body that stands still is given up.
package console
