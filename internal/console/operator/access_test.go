package operator_test

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"writ/internal/api/apitest"
	"writ/internal/signin"
	"writ/internal/signin/signintest"
)

var invitation = regexp.MustCompile(`<p><code>([^<]+)</code></p><p class="quiet">It is told once`)

// enrolled uses an invitation, as its person does at their browser.
func (r *rig) enrolled(secret string, account signin.Account) signin.Passkey {
	r.T.Helper()
	at := netip.MustParseAddr("192.0.2.7")
	options, id, err := r.Signin.BeginEnrol(r.Ctx, secret, `laptop <b>`, at)
	r.Must(err)
	response, err := signintest.New(apitest.Origin).Create(options)
	r.Must(err)
	_, _, err = r.Signin.FinishEnrol(r.Ctx, id, response, at, "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
	var waits *signin.Waits
	if !errors.As(err, &waits) {
		r.Must(err)
	}
	all, err := r.Signin.Passkeys(r.Ctx, account)
	r.Must(err)
	return all[len(all)-1]
}

// TestAccess: an operator invites, another confirms by the fingerprint that the
// owner reads out, and sessions and passkeys are ended.
func TestAccess(t *testing.T) {
	r := newRig(t)
	at := "/operator/people/mira.lindqvist"
	got := r.Post(jun, at+"/invite", url.Values{"ceremony": {"x"}, "response": {"x"}})
	secret := invitation.FindStringSubmatch(got.Body)
	if got.Status != 200 || secret == nil || got.Head.Get("Content-Encoding") != "" || !strings.Contains(got.Body, "Another person then confirms") {
		t.Fatalf("%d %s", got.Status, trouble(got.Body))
	}
	if strings.Contains(r.shown(jun, at), secret[1]) {
		t.Error("the invitation is shown again")
	}
	mira := signin.StaffAccount("mira.lindqvist")
	done := r.enrolled(secret[1], mira)
	p := "/operator/passkeys/" + done.ID
	if body := r.shown(jun, "/operator/people"); strings.Contains(body, p+"/confirm") || !strings.Contains(body, "You invited its owner") {
		t.Error("who invited may confirm")
	}
	r.refused(jun, p+"/confirm", url.Values{"fingerprint": {done.Fingerprint}}, 403, "")
	body := r.shown(lena, "/operator/people")
	if !strings.Contains(body, p+"/confirm") || strings.Contains(body, done.Fingerprint) || !strings.Contains(body, "staff/mira.lindqvist") {
		t.Error("another operator can't confirm, or needn't ask")
	}
	r.refused(lena, p+"/confirm", url.Values{"fingerprint": {"wrong-wrong"}}, 409, "read it out again")
	r.done(lena, p+"/confirm", url.Values{"fingerprint": {done.Fingerprint}, "ceremony": {"x"}, "response": {"x"}})
	if body := r.shown(jun, at); strings.Contains(body, "<b>") || !strings.Contains(body, "laptop &lt;b&gt;") {
		t.Error("the passkey is not shown, or its label is obeyed")
	}
	r.done(jun, at+"/passkeys/"+done.ID+"/remove", nil)

	// Another invitation, that is declined.
	got = r.Post(jun, at+"/invite", nil)
	done = r.enrolled(invitation.FindStringSubmatch(got.Body)[1], mira)
	r.done(lena, "/operator/passkeys/"+done.ID+"/decline", nil)

	// Who invites themselves sits at a browser at once; their sessions can be ended.
	inv, err := r.Signin.Invite(r.Ctx, signin.Person(r.Identity("noor")), signin.StaffAccount("noor.adeyemi"), false)
	r.Must(err)
	r.enrolled(inv.Secret, signin.StaffAccount("noor.adeyemi"))
	noor := "/operator/people/noor.adeyemi"
	if body := r.shown(jun, noor); !strings.Contains(body, "Firefox on Linux") {
		t.Fatal("the session is not shown")
	}
	r.done(jun, noor+"/sessions", nil)
	if body := r.shown(jun, noor); strings.Contains(body, "Firefox on Linux") {
		t.Error("the session goes on")
	}
	if got := r.Post(jun, noor+"/sessions/nothing/revoke", nil); got.Status != 404 {
		t.Errorf("a session that is not there: %d", got.Status)
	}
}
