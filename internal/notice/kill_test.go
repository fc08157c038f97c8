//go:build unix

package notice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"writ/internal/records"
	"writ/internal/seal"
)

const childConfig = "WRIT_TEST_NOTICE"

// TestMain is also the process that TestKill kills.
func TestMain(m *testing.M) {
	if c := os.Getenv(childConfig); c != "" {
		if err := child([]byte(c)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// childSetup is what that process is told: where all is, the one message that
// it adds, and at which of its transactions it ends itself.
type childSetup struct {
	Dir, CAFile, Hook, ID string
	Port                  int
	KillAt                int
	Before                bool // the transaction commits
}

func (c childSetup) open() (records.Store, error) {
	k, err := seal.KeyFromBytes(bytes.Repeat([]byte{5}, seal.KeySize))
	if err != nil {
		return nil, err
	}
	return records.Open(filepath.Join(c.Dir, "records"), k, records.Options{})
}

// fatal is a store that kills its process at one transaction.
type fatal struct {
	records.Store
	setup childSetup
	count atomic.Int32
}

func (f *fatal) Update(ctx context.Context, fn func(records.Tx) error) error {
	mine := int(f.count.Add(1)) == f.setup.KillAt
	err := f.Store.Update(ctx, func(tx records.Tx) error {
		err := fn(tx)
		if mine && f.setup.Before {
			die()
		}
		return err
	})
	if mine {
		die()
	}
	return err
}

func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func (c childSetup) queue(store records.Store) (*Queue, error) {
	m, err := NewMail(MailConfig{Host: "127.0.0.1", Port: c.Port, CAFile: c.CAFile, From: "notices@fjordhost.example"})
	if err != nil {
		return nil, err
	}
	told := &rig{told: &told{}}
	return New(context.Background(), Config{Records: store, Mail: m, Alarm: told.hook("alarm"), Accepted: told.hook("accepted"),
		Operator: "Fjordhost", Webhooks: WebhookConfig{PlainLoopback: true}})
}

// child adds a message together with an event of the docket's, and runs until
// all there are have been accepted and reported.
func child(setup []byte) error {
	var c childSetup
	if err := json.Unmarshal(setup, &c); err != nil {
		return err
	}
	disk, err := c.open()
	if err != nil {
		return err
	}
	ctx := context.Background()
	store := &fatal{Store: disk, setup: c}
	q, err := c.queue(store)
	if err != nil {
		return err
	}
	err = records.Retry(ctx, store, func(tx records.Tx) error {
		tx.Put([]byte("T event "+c.ID), nil)
		return q.AddTx(ctx, tx, note(c.ID, mailTo("notices@harbour-clinic.example"), hookTo(c.Hook), Contact{Kind: ByInbox}))
	})
	if err != nil {
		return err
	}
	go q.Run(ctx)
	for ; ; time.Sleep(2 * time.Millisecond) {
		all, _, err := q.List(ctx, Filter{Limit: 1000})
		if err != nil {
			return err
		}
		done := true
		for _, s := range all {
			for _, d := range s.Deliveries {
				done = done && d.State == Accepted && d.Reported
			}
		}
		if done {
			return disk.Close()
		}
	}
}

// victim is the process while it runs, to be killed by what it talks to.
type victim struct {
	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{}
	step  string // where it is to be killed
	hit   bool
}

// at kills the process at its step, and returns when it is gone.
func (v *victim) at(step string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if step == v.step && !v.hit {
		v.hit = true
		v.cmd.Process.Kill()
		<-v.ended
	}
}

// run runs the process to its end, and tells whether it was killed.
func (v *victim) run(t *testing.T, c childSetup, step string) (killed bool) {
	t.Helper()
	setup, err := json.Marshal(c)
	must(t, err)
	said := &bytes.Buffer{}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childConfig+"="+string(setup))
	cmd.Stderr = said
	v.mu.Lock()
	v.cmd, v.ended, v.step, v.hit = cmd, make(chan struct{}), step, false
	must(t, cmd.Start())
	v.mu.Unlock()
	err = cmd.Wait()
	close(v.ended)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		t.Fatalf("the process ended by itself: %v\n%s", err, said)
	}
	return err != nil
}

// TestKill kills the process at every step of a delivery and at every
// transaction, before it commits or after. Whatever the docket has an event of
// is accepted in the end, once by a receiver that drops what it has seen, once
// in the inbox, and reported once; and what may be a repeat says so.
func TestKill(t *testing.T) {
	v := &victim{}
	smtp := startSMTP(t, testCert(t), func(s *smtpd) {
		s.at = func(step string) string { v.at(step); return "" }
	})
	hook := newReceiver(t, false)
	hook.clock = time.Now
	inner := hook.Config.Handler
	hook.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v.at("hook-head")
		inner.ServeHTTP(w, r)
		v.at("hook-taken")
		w.(http.Flusher).Flush()
		v.at("hook-answered")
	})
	c := childSetup{Dir: t.TempDir(), CAFile: smtp.cert.certFile, Hook: hook.URL, Port: smtp.port()}
	store, err := c.open()
	must(t, err)
	q, err := c.queue(store)
	must(t, err)
	secrets, err := q.SetContacts(t.Context(), clinic, []Contact{hookTo(hook.URL)})
	must(t, err)
	hook.secrets = []string{secrets[hook.URL]}
	must(t, store.Close())

	kills := 0
	round := func(step string) bool {
		c.ID = fmt.Sprintf("n-%s-%d-%v", step, c.KillAt, c.Before)
		killed := v.run(t, c, step)
		if killed {
			kills++
		}
		return killed
	}
	for _, step := range []string{"EHLO", "TLS", "MAIL", "RCPT", "DATA", "middle", "dot", "done", "hook-head", "hook-taken", "hook-answered"} {
		if !round(step) && step != "done" && step != "hook-answered" { // it may be quicker
			t.Errorf("nothing was killed at %s", step)
		}
	}
	// Every transaction, in turn before and after its commit; which begins is
	// chance, so that all come in time.
	phase := rand.IntN(2)
	for killed := true; killed; {
		c.KillAt++
		c.Before = c.KillAt%2 == phase
		killed = round("tx")
	}
	c.KillAt = 0
	if round("end") {
		t.Fatal("it was killed at the end")
	}
	t.Logf("%d kills", kills)

	if store, err = c.open(); err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if q, err = c.queue(store); err != nil {
		t.Fatal(err)
	}
	r := &rig{Queue: q, t: t, ctx: t.Context()}
	events := r.dump([]byte("T event "))
	if all, _, err := r.List(r.ctx, Filter{Limit: 1000}); err != nil || len(all) != len(events) {
		t.Errorf("%d events, %d messages, %v", len(events), len(all), err)
	}
	for k := range events {
		id := strings.TrimPrefix(k, "T event ")
		st := r.status(id)
		for n, d := range st.Deliveries {
			if d.State != Accepted || r.tally("accepted", id, n) != 1 || r.tally("alarm", id, n) != 0 {
				t.Errorf("%s %d: %+v, reported %d times", id, n, d, r.tally("accepted", id, n))
			}
		}
		if smtp.kept["<"+st.Deliveries[0].Name+"@fjordhost.example>"] == "" {
			t.Errorf("%s never came by mail", id)
		}
		if _, there := hook.kept["msg_"+st.Deliveries[1].Name]; !there {
			t.Errorf("%s never came by webhook", id)
		}
	}
	page, _, err := r.Inbox(r.ctx, clinic, "", 1000)
	if err != nil || len(page) != len(events) || len(smtp.kept) != len(events) || len(hook.kept) != len(events) {
		t.Errorf("%d events, %d in the inbox, %d by mail, %d by webhook, %v", len(events), len(page), len(smtp.kept), len(hook.kept), err)
	}
	copies, _ := smtp.seen()
	if copies > len(events)+kills || hook.copies > len(events)+kills {
		t.Errorf("%d copies by mail and %d by webhook of %d after %d kills", copies, hook.copies, len(events), kills)
	}
	seen := map[string]bool{}
	for _, raw := range smtp.received {
		m, err := mail.ReadMessage(strings.NewReader(raw))
		must(t, err)
		if id := m.Header.Get("Message-ID"); seen[id] && m.Header.Get("Writ-Repeat") == "" {
			t.Errorf("a repeat doesn't say that it may be one:\n%s", raw)
		} else {
			seen[id] = true
		}
	}
	for _, h := range hook.headers {
		if id := h.Get("Webhook-Id"); seen[id] && h.Get("Writ-Repeat") == "" {
			t.Error("a webhook's repeat doesn't say that it may be one")
		} else {
			seen[id] = true
		}
	}
	r.consistent()
}
