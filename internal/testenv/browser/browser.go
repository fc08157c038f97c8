//go:build linux

// Package browser drives a real Chromium in tests of web pages, and watches what
// a page must never do. It is for tests only.
//
//	b := browser.New(t, server.Certificate())
//	b.Open(server.URL + "/check")
//	b.Do(chromedp.Click(chromedp.CSS("button")))
//	if got := browser.Eval[string](b, "document.title"); …
//
// # What is watched
//
// A test fails at its end for each message of level error on the page's console,
// exception that nobody caught, breach of the Content-Security-Policy, and request
// to a host that the test has not opened or let in with [Browser.Allow]. A test
// that provokes one takes it with [Browser.Problems], and says so by that.
//
// Nothing leaves the machine: every host's name leads to the loopback address.
//
// # Trust
//
// The browser takes the certificates that it is given for good under any name,
// and no others of a test's: pages are as secure to it as with a real authority,
// so that passkeys work ([Browser.Authenticator]) under a domain's name. No passkey
// works under an address: open "https://localhost:…", or any name.
//
// A machine without Chromium skips the test ([testenv.Skip]).
package browser

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/chromedp"

	"writ/internal/testenv"
)

const (
	// startTimeout is for a machine that many tests share.
	startTimeout = time.Minute
	// stepTimeout bounds what a test waits for: a selector that is not there is
	// waited for as long.
	stepTimeout = 30 * time.Second
)

// Browser is a tab of a Chromium whose cookies and storage nobody shares. It is
// used from one goroutine.
type Browser struct {
	// Ctx is chromedp's, for what this package has no method for.
	Ctx context.Context

	t     testing.TB
	watch *watch
}

// New starts a Chromium, which stops with the test.
func New(t testing.TB, trusted ...*x509.Certificate) *Browser {
	t.Helper()
	dir, err := os.MkdirTemp("", "writ-browser-")
	if err != nil {
		t.Fatal(err)
	}
	flags := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program(t)), chromedp.UserDataDir(dir), chromedp.Env("HOME=" + dir),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.WSURLReadTimeout(startTimeout),
		chromedp.Flag("host-resolver-rules", "MAP * 127.0.0.1"),
	}
	for _, off := range []string{"quic", "background-networking", "component-update", "sync", "default-apps", "extensions", "breakpad", "dev-shm-usage", "backgrounding-occluded-windows", "renderer-backgrounding"} {
		flags = append(flags, chromedp.Flag("disable-"+off, true))
	}
	if pins := pins(trusted); pins != "" {
		flags = append(flags, chromedp.Flag("ignore-certificate-errors-spki-list", pins))
	}
	// The browser outlives t.Context, which ends before what cleans up.
	allocator, free := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), flags...)
	t.Cleanup(func() {
		free()
		remove(dir)
	})
	return open(t, allocator)
}

// Another is another person at another browser: a tab that shares nothing with
// this one but the process.
func (b *Browser) Another() *Browser {
	b.t.Helper()
	other := open(b.t, b.Ctx, chromedp.WithNewBrowserContext())
	other.watch.allow(b.watch.hosts()...)
	return other
}

func open(t testing.TB, parent context.Context, options ...chromedp.ContextOption) *Browser {
	t.Helper()
	b := &Browser{t: t, watch: newWatch()}
	ctx, cancel := chromedp.NewContext(parent, append(options, chromedp.WithListener(b.watch.event))...)
	b.Ctx = ctx
	t.Cleanup(func() {
		bounded, stop := context.WithTimeout(ctx, 10*time.Second)
		_ = chromedp.Cancel(bounded) // a browser that does not end is ended
		stop()
		cancel()
		for _, p := range b.watch.take() {
			t.Errorf("in the browser: %s", p)
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("couldn't start the browser: %v", err)
	}
	call(b, audits.Enable, struct{}{})
	return b
}

// program finds Chromium by the names that it has on various systems.
func program(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	testenv.Skip(t, "no Chromium here (Debian package chromium)")
	return ""
}

// pins are the certificates' keys as Chromium takes them.
func pins(trusted []*x509.Certificate) string {
	var all []string
	for _, c := range trusted {
		sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
		all = append(all, base64.StdEncoding.EncodeToString(sum[:]))
	}
	return strings.Join(all, ",")
}

// remove takes the profile away. A process of the browser's may still write
// there for a moment.
func remove(dir string) {
	for range 20 {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Open loads a page and waits until it is loaded. Its host is one that pages may
// ask from then on.
func (b *Browser) Open(address string) {
	b.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Allow(u.Host)
	b.Do(chromedp.Navigate(address))
}

// Allow lets pages ask these hosts, each with its port if it has one.
func (b *Browser) Allow(hosts ...string) { b.watch.allow(hosts...) }

// Do takes steps, in order. What takes longer than half a minute fails the test.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.Ctx, stepTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("in the browser: %v%s", err, b.sofar())
	}
}

// Take takes one step and returns what it yields.
func Take[T any](b *Browser, step chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.Ctx, stepTimeout)
	defer cancel()
	v, err := chromedp.Run(ctx, step)
	if err != nil {
		b.t.Fatalf("in the browser: %v%s", err, b.sofar())
	}
	return v
}

// Eval returns what an expression is in the page; a promise is waited for.
func Eval[T any](b *Browser, expression string) T {
	b.t.Helper()
	return Take(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Problems returns what the pages did wrong since it was last asked, and lets it
// pass.
func (b *Browser) Problems() []string {
	// A round trip: what the page did before this is reported before the answer.
	_, _ = chromedp.Run(b.Ctx, chromedp.Evaluate[int]("0"))
	return b.watch.take()
}

// sofar tells with a failure what was seen before it, which may be why.
func (b *Browser) sofar() string {
	var s strings.Builder
	for _, p := range b.watch.take() {
		s.WriteString("\n  before that: " + p)
	}
	return s.String()
}
