package notice

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"writ/internal/records"
)

// receiver is a webhook's other side. It believes only what is signed by its
// secret, and drops what it has seen by its id.
type receiver struct {
	*httptest.Server
	// answer is what it does with a verified message; nil takes it.
	answer func(w http.ResponseWriter, r *http.Request)

	mu      sync.Mutex
	secrets []string
	kept    map[string]webhookBody // by webhook-id
	copies  int
	refused []string // why messages were not believed
	headers []http.Header
	clock   func() time.Time
}

func newReceiver(t testing.TB, secure bool) *receiver {
	t.Helper()
	h := &receiver{kept: map[string]webhookBody{}, clock: func() time.Time { return epoch }}
	if secure {
		h.Server = httptest.NewTLSServer(h)
	} else {
		h.Server = httptest.NewServer(h)
	}
	t.Cleanup(h.Close)
	return h
}

// ServeHTTP verifies as the specification of Standard Webhooks says.
func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = h.verify(r.Header, body)
	}
	if err != nil {
		h.mu.Lock()
		h.refused = append(h.refused, err.Error())
		h.mu.Unlock()
		http.Error(w, "not believed", http.StatusUnauthorized)
		return
	}
	h.mu.Lock()
	answer := h.answer
	h.mu.Unlock()
	if answer != nil {
		var b webhookBody
		if json.Unmarshal(body, &b) == nil {
			r.Header.Set(subjectHeader, b.Data.Subject)
		}
		answer(w, r)
		return
	}
	h.take(r.Header, body)
}

func (h *receiver) take(header http.Header, body []byte) {
	var b webhookBody
	if json.Unmarshal(body, &b) != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.copies++
	h.kept[header.Get("webhook-id")] = b
	h.headers = append(h.headers, header)
}

func (h *receiver) verify(header http.Header, body []byte) error {
	seconds, err := strconv.ParseInt(header.Get("webhook-timestamp"), 10, 64)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if off := h.clock().Sub(time.Unix(seconds, 0)).Abs(); off > 5*time.Minute {
		return errors.New("too old")
	}
	for _, text := range h.secrets {
		secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
		if err != nil {
			return err
		}
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%d.", header.Get("webhook-id"), seconds)
		mac.Write(body)
		for _, sig := range strings.Fields(header.Get("webhook-signature")) {
			got, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sig, "v1,"))
			if err == nil && hmac.Equal(got, mac.Sum(nil)) {
				return nil
			}
		}
	}
	return errors.New("no signature fits")
}

func hookTo(url string) Contact { return Contact{Kind: ByWebhook, Address: url} }

// hookRig is a rig whose clinic has one webhook.
func hookRig(t testing.TB, secure bool, edit func(*Config)) (*rig, *receiver) {
	t.Helper()
	h := newReceiver(t, secure)
	r := newRig(t, func(c *Config) {
		if secure {
			c.Webhooks.Roots = h.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		}
		if edit != nil {
			edit(c)
		}
	})
	h.clock = r.clock.Now
	secrets, err := r.SetContacts(r.ctx, clinic, []Contact{hookTo(h.URL + "/notices?token=s3cret")})
	must(t, err)
	h.secrets = []string{secrets[h.URL+"/notices?token=s3cret"]}
	return r, h
}

func TestWebhook(t *testing.T) {
	for _, secure := range []bool{false, true} {
		r, h := hookRig(t, secure, nil)
		m := note("n1")
		m.Attachments = []Attachment{{"demand.pdf", "application/pdf", []byte("%PDF\x00")}}
		r.add(m)
		r.turn()
		d := r.is("n1", Accepted)
		got, ok := h.kept["msg_"+d.Name]
		if !ok || h.copies != 1 || len(h.refused) > 0 {
			t.Fatalf("kept %v, %d copies, refused %v", h.kept, h.copies, h.refused)
		}
		if got.Type != KindNotice || got.Timestamp != "2026-11-24T09:00:00Z" || got.Data.Case != aCase || got.Data.Subject != m.Subject ||
			got.Data.Text != m.Text || len(got.Data.Attachments) != 1 || !bytes.Equal(got.Data.Attachments[0].Content, []byte("%PDF\x00")) {
			t.Errorf("%+v", got)
		}
		if h.headers[0].Get("Writ-Repeat") != "" || strings.Contains(r.log.String(), "s3cret") {
			t.Errorf("%v\n%s", h.headers[0], r.log)
		}
	}
}

func TestWebhookSecrets(t *testing.T) {
	r, h := hookRig(t, false, nil)
	address := h.URL + "/notices?token=s3cret"
	again, err := r.SetContacts(r.ctx, clinic, []Contact{hookTo(address), {Kind: ByInbox}})
	must(t, err)
	if len(again) != 0 || !strings.HasPrefix(h.secrets[0], "whsec_") {
		t.Errorf("a secret was shown twice: %v", again)
	}
	// What was added before the contact went still goes, and is signed.
	r.add(note("before", hookTo(address)))
	_, err = r.SetContacts(r.ctx, clinic, nil)
	must(t, err)
	r.turn()
	r.is("before", Accepted)
	_, err = r.RotateSecret(r.ctx, clinic, address)
	wants(t, err, ErrUnknown)
	back, err := r.SetContacts(r.ctx, clinic, []Contact{hookTo(address)})
	must(t, err)
	if back[address] == "" || back[address] == h.secrets[0] {
		t.Error("a contact that comes back needs a secret that its owner sees")
	}
	old := h.secrets
	h.secrets = []string{back[address]}
	r.add(note("after"))
	r.turn()
	r.is("after", Accepted)

	// For a day both sign, then only the new one.
	fresh, err := r.RotateSecret(r.ctx, clinic, address)
	must(t, err)
	for id, secrets := range map[string][]string{"r-old": {back[address]}, "r-new": {fresh}} {
		h.secrets = secrets
		r.add(note(id))
		r.turn()
		r.is(id, Accepted)
	}
	r.clock.add(overlap)
	h.secrets = append(old, back[address])
	r.add(note("late"))
	r.turn()
	if d := r.is("late", Waiting); d.Code != http.StatusUnauthorized {
		t.Errorf("%+v", d)
	}

	// A stranger's webhook is sent nothing, and staff have theirs.
	page := Message{ID: "p1", Kind: KindPage, Priority: Urgent, To: []Contact{hookTo(h.URL + "/pager")}, Subject: "A clock runs", Text: "Eight hours, four are over."}
	wants(t, r.Add(r.ctx, page), ErrContact)
	secret, err := r.StaffWebhook(r.ctx, h.URL+"/pager")
	must(t, err)
	h.secrets = []string{secret}
	if again, err := r.StaffWebhook(r.ctx, h.URL+"/pager"); err != nil || again != "" {
		t.Errorf("shown twice: %q %v", again, err)
	}
	r.add(page)
	r.turn()
	r.is("p1", Accepted)
	for _, v := range []any{r.status("p1"), r.status("late")} {
		if strings.Contains(fmt.Sprint(v), "whsec_") {
			t.Error("a status shows a secret")
		}
	}
}

func TestWebhookAnswers(t *testing.T) {
	elsewhere := newReceiver(t, false)
	for name, test := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		class  Class
		state  State
		wait   time.Duration // exactly, if set
		doubt  int
	}{
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, Redirected, Waiting, time.Minute, 0},
		"gone":           {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusGone) }, Refused, Undeliverable, 0, 0},
		"error":          {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, Later, Waiting, time.Minute, 0},
		"not found":      {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotFound) }, Later, Waiting, time.Minute, 0},
		"retry after":    {after("7200"), Later, Waiting, 2 * time.Hour, 0},
		"retry at":       {after(epoch.Add(time.Hour).Format(http.TimeFormat)), Later, Waiting, time.Hour, 0},
		"retry never":    {after("2000000000"), Later, Waiting, 6 * time.Hour, 0},
		"retry at once":  {after("0"), Later, Waiting, time.Minute, 0},
		"retry nonsense": {after("-5; soon"), Later, Waiting, time.Minute, 0},
		"endless headers": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Big", strings.Repeat("x", 64<<10))
		}, NoAnswer, Waiting, time.Minute, 1},
		"cut off": {func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, NoAnswer, Waiting, time.Minute, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r, h := hookRig(t, false, nil)
			h.answer = test.answer
			r.add(note("n1"))
			r.turn()
			d := r.is("n1", test.state)
			if d.Class != test.class || d.Doubts != test.doubt || test.wait != 0 && d.Next.Sub(epoch) != test.wait {
				t.Errorf("%+v, tried again in %v", d, d.Next.Sub(epoch))
			}
			if strings.Contains(d.Detail, "s3cret") || strings.Contains(r.log.String(), "s3cret") {
				t.Errorf("the token of the URL is in %q or the log", d.Detail)
			}
			if elsewhere.copies > 0 {
				t.Error("a redirect was followed")
			}
			h.mu.Lock()
			h.answer = nil
			h.mu.Unlock()
			r.clock.add(d.Next.Sub(epoch))
			r.turn()
			r.is("n1", Accepted)
			if repeat := h.headers[0].Get("Writ-Repeat"); (repeat != "") != (test.doubt > 0) {
				t.Errorf("Writ-Repeat %q after %d doubts", repeat, test.doubt)
			}
		})
	}
}

func after(value string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", value)
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// TestWebhookHangs: one that never answers is left in the end, in doubt; one
// that answers without end is not read to its end.
func TestWebhookHangs(t *testing.T) {
	r, h := hookRig(t, false, func(c *Config) { c.Webhooks.Timeout = 200 * time.Millisecond })
	h.answer = func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	r.add(note("n1"))
	r.turn()
	if d := r.is("n1", Waiting); d.Class != NoAnswer || d.Doubts != 1 {
		t.Errorf("%+v", d)
	}
	r, h = hookRig(t, false, nil)
	h.answer = func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	}
	r.add(note("n2"))
	r.turn()
	r.is("n2", Accepted)
}

// TestWebhookTLS: a certificate that doesn't verify gets nothing.
func TestWebhookTLS(t *testing.T) {
	h := newReceiver(t, true)
	plain := newReceiver(t, false)
	r := newRig(t, nil)
	for id, url := range map[string]string{"untrusted": h.URL, "plain": strings.Replace(plain.URL, "http:", "https:", 1)} {
		_, err := r.SetContacts(r.ctx, clinic, []Contact{hookTo(url)})
		must(t, err)
		r.add(note(id))
		r.turn()
		if d := r.is(id, Waiting); d.Class != NoTLS || d.Doubts != 0 {
			t.Errorf("%s: %+v", id, d)
		}
	}
	if h.copies+plain.copies+len(h.refused)+len(plain.refused) > 0 {
		t.Error("something was sent")
	}
}

// TestWebhookGuard: a webhook reaches no address of ours, whatever its name
// resolves to, unless the operator allows the network.
func TestWebhookGuard(t *testing.T) {
	h := newReceiver(t, true)
	_, port, err := net.SplitHostPort(h.Listener.Addr().String())
	must(t, err)
	store := records.NewMemory()
	r := newRig(t, func(c *Config) { c.Records, c.Webhooks.PlainLoopback = store, false })
	for id, url := range map[string]string{"by-name": "https://localhost:" + port, "by-address": "https://127.0.0.1:" + port, "mapped": "https://[::ffff:127.0.0.1]:" + port, "decimal": "https://2130706433:" + port} {
		_, err := r.SetContacts(r.ctx, clinic, []Contact{hookTo(url)})
		must(t, err)
		r.add(note(id))
		r.turn()
		if d := r.is(id, Waiting); d.Class != NotPublic && id != "decimal" { // whether that is an address is the resolver's affair
			t.Errorf("%s: %+v", id, d)
		}
	}
	if h.copies+len(h.refused) > 0 {
		t.Error("the guard was passed")
	}
	allowing := newRig(t, func(c *Config) {
		c.Records, c.Webhooks.PlainLoopback = store, false
		c.Webhooks.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Webhooks.Roots = h.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	})
	allowing.clock.add(time.Hour)
	allowing.turn()
	if len(h.refused) == 0 { // it has another secret, but was reached
		t.Error("the operator's own network was not reached")
	}
	for _, address := range []string{"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
		"224.0.0.1", "255.255.255.255", "192.0.0.192", "198.18.0.1", "::1", "::", "::ffff:10.0.0.1", "::10.0.0.1", "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "ff02::1",
		"64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::", "2001::1", "fec0::1", "2001:db8::1"} {
		if err := r.hooks.control("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 443).String(), nil); !errors.Is(err, errNotPublic) {
			t.Errorf("%s may be reached", address)
		}
	}
	for _, address := range []string{"9.9.9.9", "2620:fe::fe", "193.0.6.139", "::ffff:9.9.9.9"} {
		if err := r.hooks.control("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), 443).String(), nil); err != nil {
			t.Errorf("%s may not be reached", address)
		}
	}
	if err := r.hooks.control("tcp", "nonsense", nil); err == nil {
		t.Error("an address that can't be read may be reached")
	}
}

func TestSealedWebhook(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	must(t, err)
	r, h := hookRig(t, false, nil)
	c := hookTo(h.URL + "/notices?token=s3cret")
	c.Key = id.Recipient().String()
	r.add(note("n1", c))
	r.turn()
	d := r.is("n1", Accepted)
	got := h.kept["msg_"+d.Name]
	raw, err := json.Marshal(got)
	must(t, err)
	if !got.Data.Sealed || got.Data.Case != "" || bytes.Contains(raw, []byte("Falkenmoor")) || bytes.Contains(raw, []byte("demand")) {
		t.Errorf("%s", raw)
	}
	if inner := openAge(t, id, got.Data.Attachments[0].Content); !bytes.Contains(inner, []byte("ward-seven")) {
		t.Errorf("inside: %s", inner)
	}
}
