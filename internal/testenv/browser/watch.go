//go:build linux

package browser

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// watch keeps what a tab did wrong. Events come on the browser's own goroutine.
type watch struct {
	mu      sync.Mutex
	allowed []string // hosts
	seen    []string
}

func newWatch() *watch { return new(watch) }

func (w *watch) allow(hosts ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.allowed = append(w.allowed, hosts...)
}

func (w *watch) hosts() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.allowed)
}

func (w *watch) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return seen
}

func (w *watch) event(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.problem(event); p != "" && !slices.Contains(w.seen, p) {
		w.seen = append(w.seen, p)
	}
}

// problem is what is wrong with an event, or nothing.
func (w *watch) problem(event any) string {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeAssert {
			return "the page logged an error: " + spoken(e.Args)
		}
	case *runtime.EventExceptionThrown:
		return "nobody caught: " + thrown(e.ExceptionDetails)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			return fmt.Sprintf("the browser logged an error: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details; d != nil && d.ContentSecurityPolicyIssueDetails != nil {
			c := d.ContentSecurityPolicyIssueDetails
			return fmt.Sprintf("the Content-Security-Policy forbids: %s %s (%s)", c.ViolatedDirective, c.BlockedURL, c.ContentSecurityPolicyViolationType)
		}
	case *network.EventRequestWillBeSent:
		return w.foreign(e.Request.URL)
	case *network.EventWebSocketCreated:
		return w.foreign(e.URL)
	}
	return ""
}

// pdfViewer is Chromium's own, a part of the program that calls itself an extension.
const pdfViewer = "mhjfbmdgcfjbbpaeojofohoefgiehjai"

// foreign tells of a request to a host that is not allowed. What has no host,
// such as blob: and data:, goes nowhere.
func (w *watch) foreign(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Sprintf("the page asked for %.200q", address)
	}
	if u.Host == "" || slices.Contains(w.allowed, u.Host) || u.Scheme == "chrome-extension" && u.Host == pdfViewer {
		return ""
	}
	return fmt.Sprintf("the page asked another host: %.200s", address)
}

func thrown(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}

func spoken(args []*runtime.RemoteObject) string {
	var words []string
	for _, a := range args {
		var s string
		switch {
		case json.Unmarshal(a.Value, &s) == nil:
		case a.Description != "":
			s = a.Description
		default:
			s = string(a.Value)
		}
		words = append(words, s)
	}
	return strings.Join(words, " ")
}
