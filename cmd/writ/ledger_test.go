package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"writ/internal/access"
	"writ/internal/bundle"
	"writ/internal/monitor"
	"writ/internal/monitor/monitortest"
	"writ/internal/proof"
)

// makeLedger is a program for stories: ledger DIR makes there
//
//	log.vkey, policy.txt   what is pinned; all.txt asks for all three witnesses
//	monday, tuesday        a log on two days
//	forked                 the log's other history since monday
//	broken                 tuesday, with a batch left out and so signed
//	*.bundle               journals: of the clinic on both days and as forged, of the press
//	*.json                 what a server would say of itself, and receipts
func makeLedger(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: ledger DIR")
		return 2
	}
	if err := writeLedger(args[0]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func writeLedger(dir string) error {
	l, err := monitortest.New(time.Now().Add(-time.Hour))
	if err != nil {
		return err
	}
	w := &ledgerWriter{dir: dir}
	clinic, press := l.Customer(), l.Customer()
	w.text("log.vkey", l.Key+"\n")
	w.text("policy.txt", l.Witnesses)
	w.text("all.txt", string(bytes.Replace([]byte(l.Witnesses), []byte("most 2"), []byte("most 3"), 1)))
	w.text("clinic.id", string(clinic.ID))

	w.index(l.Policy(nil))
	release := w.index(l.Say(proof.KindRelease, proof.Release{Version: "1.4.0", Source: proof.Artifact{Name: "writ-1.4.0.tar.gz", SHA256: "5e"}, Binaries: []proof.Binary{}}))
	for i := range 300 {
		if i%50 == 0 {
			w.err(clinic.Use(1))
			w.err(press.Use(2))
		}
		w.index(l.Batch(nil))
	}
	w.receipt(l, "release.json", release)
	w.err(l.Publish(filepath.Join(dir, "monday")))
	w.bundle("clinic-monday.bundle", clinic, 0, 0, 0)
	w.bundle("press.bundle", press, 0, 0, 0)

	forked, broken := l.Clone(), l.Clone()
	w.index(forked.Say(proof.KindReport, struct{}{}))
	w.err(forked.Publish(filepath.Join(dir, "forked")))

	w.err(clinic.Use(2))
	w.index(l.Policy(func(p *proof.Policy) { p.Interval, p.TLSMin, p.Unlogged = "30s", "1.3", true }))
	w.index(l.Batch(nil))
	w.index(l.Batch(func(b *proof.Batch) { b.Late, b.Unwitnessed = true, true }))
	w.err(clinic.Use(1))
	w.err(l.Publish(filepath.Join(dir, "tuesday")))
	w.bundle("clinic-tuesday.bundle", clinic, 0, 0, 0)
	w.bundle("clinic-since.bundle", clinic, 6, 301, 0)
	w.bundle("clinic-expired.bundle", clinic, 0, 0, 4)
	w.forged("clinic-forged.bundle", clinic)
	w.receipt(l, "policy.json", 0)

	w.index(broken.Batch(func(b *proof.Batch) { b.N++ }))
	w.err(broken.Publish(filepath.Join(dir, "broken")))

	says := monitor.WellKnown{V: 1, Origin: monitortest.Origin, LogKey: l.Key, Policy: l.Witnesses, Log: "/log/", Release: "/release.json"}
	w.json("writ.json", says)
	says.Release = monitor.Unlogged
	w.json("unlogged.json", says)
	other, err := monitortest.New(time.Now())
	if err != nil {
		return err
	}
	says.LogKey = other.Key
	w.json("otherkey.json", says)
	w.text("other.vkey", other.Key+"\n")
	return w.failed
}

// ledgerWriter writes until something fails.
type ledgerWriter struct {
	dir    string
	failed error
}

func (w *ledgerWriter) err(err error) {
	if w.failed == nil {
		w.failed = err
	}
}

func (w *ledgerWriter) index(i uint64, err error) uint64 {
	w.err(err)
	return i
}

func (w *ledgerWriter) text(name, text string) {
	w.err(os.MkdirAll(w.dir, 0o755))
	w.err(os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o644))
}

func (w *ledgerWriter) json(name string, v any) {
	b, err := json.Marshal(v)
	w.err(err)
	w.text(name, string(b))
}

func (w *ledgerWriter) receipt(l *monitortest.Ledger, name string, index uint64) {
	b, err := l.Receipt(index)
	w.err(err)
	w.text(name, string(b))
}

func (w *ledgerWriter) bundle(name string, c *monitortest.Customer, after, batch, kept uint64) {
	var b bytes.Buffer
	w.err(c.Bundle(&b, after, batch, kept))
	w.text(name, b.String())
}

// forged is a bundle in which an entry says something else, and all that
// follows is made anew.
func (w *ledgerWriter) forged(name string, c *monitortest.Customer) {
	entries, heads := slices.Clone(c.Entries), []access.Head{c.Head(0)}
	for i := range entries {
		h := heads[i]
		if i == 2 {
			entries[i].Key = "harmless.txt"
		}
		entries[i].Previous = h.Hash
		_, err := h.Follow(entries[i].Append(nil))
		w.err(err)
		heads = append(heads, h)
	}
	var b bytes.Buffer
	w.err(bundle.Write(&b, c.Header(0, 1), heads[len(entries)], func(yield func(access.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}, func(yield func(bundle.Batch, error) bool) {
		for _, one := range c.Batches {
			one.Head = heads[one.Seq].Hash[:]
			if !yield(one, nil) {
				return
			}
		}
	}))
	w.text(name, b.String())
}

// website is a program for stories: website DIR CA READY serves the files of a
// folder by HTTPS, writes its certificate into the file CA and its URL into READY.
// DIR/journal.bundle is the journal of who signs with the clinic's credential.
func website(args []string) int {
	if len(args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: website DIR CA READY")
		return 2
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(args[0])))
	mux.HandleFunc("GET /.writ/journal", func(w http.ResponseWriter, r *http.Request) {
		if !signedByClinic(r) {
			http.Error(w, "AccessDenied", http.StatusForbidden)
			return
		}
		name := "journal.bundle"
		if r.URL.Query().Get("after") != "0" {
			name = "journal-after-" + r.URL.Query().Get("after") + "-from-" + r.URL.Query().Get("from-batch") + ".bundle"
		}
		http.ServeFile(w, r, filepath.Join(args[0], name))
	})
	s := httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if os.WriteFile(args[1], ca, 0o644) != nil || os.WriteFile(args[2], []byte("SITE="+s.URL), 0o644) != nil {
		return 1
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
	return 0
}

// signedByClinic checks a request's SigV4 with others' code: it signs the same
// request and compares.
func signedByClinic(r *http.Request) bool {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > 15*time.Minute {
		return false
	}
	again, err := http.NewRequest(r.Method, "https://"+r.Host+r.URL.RequestURI(), nil)
	if err != nil {
		return false
	}
	hash := r.Header.Get("X-Amz-Content-Sha256")
	again.Header.Set("X-Amz-Content-Sha256", hash)
	err = v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: "HARBOURCLINIC0000001", SecretAccessKey: "a secret of the clinic's"}, again, hash, "s3", "eu-north-9", at,
		func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	sign := func(r *http.Request) string {
		_, s, _ := bytes.Cut([]byte(r.Header.Get("Authorization")), []byte("Signature="))
		return string(s)
	}
	return err == nil && sign(r) != "" && sign(r) == sign(again)
}
