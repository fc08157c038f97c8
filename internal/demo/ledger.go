package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"writ/client"
	"writ/internal/api"
	"writ/internal/monitor"
	"writ/internal/proof"
	"writ/internal/witness"
)

const (
	logName     = "ledger.quayside.example"
	witnessName = "witness.fernhill.example"
	interval    = time.Second // of batches
)

// witnessed is the witness of the demo. A witness of the operator's own proves
// nothing; this one stands for somebody else's.
type witnessed struct {
	policy string // file with the witness policy
	w      *witness.Witness
	server *http.Server
	done   chan struct{}
}

// newWitness starts a witness for a log, in a folder of its own.
func newWitness(dir, vkey string) (*witnessed, error) {
	layout := witness.In(dir)
	if err := witness.Init(layout, witnessName); err != nil {
		return nil, err
	}
	if err := os.WriteFile(layout.Logs(), []byte(vkey+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("couldn't tell the witness of the log: %w", err)
	}
	logs, err := witness.ReadLogs(layout.Logs())
	if err != nil {
		return nil, err
	}
	out := &witnessed{policy: filepath.Join(dir, "policy"), done: make(chan struct{})}
	if out.w, err = witness.Open(witness.Options{Layout: layout, Logs: logs, Rate: 100}); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		out.w.Close()
		return nil, fmt.Errorf("couldn't listen: %w", err)
	}
	out.server = &http.Server{Handler: out.w.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(out.done)
		out.server.Serve(l)
	}()
	policy := fmt.Sprintf("witness fernhill %s http://%s\nquorum fernhill\n", out.w.VerifierKey(), l.Addr())
	if err := os.WriteFile(out.policy, []byte(policy), 0o600); err != nil {
		out.stop()
		return nil, fmt.Errorf("couldn't write the witness policy: %w", err)
	}
	return out, nil
}

func (w *witnessed) stop() {
	w.server.Close()
	<-w.done
	w.w.Close()
}

// patience is how long the demo waits for what comes in a second.
const patience = time.Minute

// until waits until the log stands as it should.
func (s *story) until(ctx context.Context, what string, ok func(api.Ledger) bool) (api.Ledger, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		l, err := s.admin.Ledger(ctx)
		if err != nil {
			return l, fmt.Errorf("couldn't look at the log: %w", err)
		}
		if ok(l) {
			return l, nil
		}
		select {
		case <-ctx.Done():
			return l, fmt.Errorf("the public log does not get as far as %s: %w", what, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// more waits for so many batches.
func (s *story) more(ctx context.Context, n uint64) (api.Ledger, error) {
	first := uint64(0)
	return s.until(ctx, fmt.Sprintf("%d batches more", n), func(l api.Ledger) bool {
		if first == 0 {
			first = l.Batch + n
		}
		return l.Batch >= first
	})
}

// pin is a file of the scratch folder.
func (s *story) pin(name string) string { return filepath.Join(s.scratch, name) }

func (s *story) web() string { return "https://" + s.at.Web }

// ledger gives the log a witness, and the customer its receipt.
func (s *story) ledger(ctx context.Context) error {
	l, err := s.admin.Ledger(ctx)
	if err != nil {
		return fmt.Errorf("couldn't look at the log: %w", err)
	}
	if s.witness, err = newWitness(s.pin("witness"), l.Key); err != nil {
		return err
	}
	if err := s.restart(ctx); err != nil {
		return err
	}
	if l, err = s.more(ctx, 2); err != nil {
		return err
	}
	for name, text := range map[string]string{"log.vkey": l.Key, "policy.txt": l.Policy} {
		if err := os.WriteFile(s.pin(name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("couldn't write a file: %w", err)
		}
	}
	seen, err := s.look(ctx)
	if err != nil {
		return err
	}
	s.say("The public log: what the server commits to, and somebody else remembers",
		fmt.Sprintf("%d batches so far, one each second here (a minute otherwise), each of %d slots, whatever goes on:", l.Batch, l.Slots),
		"where every journal stands, and each change of a customer's keys; a stranger sees neither names nor how much",
		"its key          "+s.pin("log.vkey")+" (customers have it from a contract, not from the server)",
		fmt.Sprintf("its head         %d statements, root %x", seen.Checkpoint.Size, seen.Checkpoint.Root),
		"cosigned by      "+witnessName+", which in this demo is a part of it; in life it is somebody else's",
	)
	return s.receipt(ctx)
}

// restart stops the server and starts it again.
func (s *story) restart(ctx context.Context) error {
	if err := s.close(); err != nil {
		return err
	}
	return s.open(ctx)
}

// receipt writes a receipt of the customer's key and verifies it.
func (s *story) receipt(ctx context.Context) error {
	all, err := s.admin.Receipts(ctx, s.clinic.name)
	if err != nil {
		return fmt.Errorf("couldn't get the receipts: %w", err)
	}
	verifier, err := s.verifier()
	if err != nil {
		return err
	}
	for _, r := range all {
		if !strings.HasPrefix(r.ID, "key/") {
			continue
		}
		file := s.pin("key.receipt.json")
		if err := os.WriteFile(file, r.Receipt, 0o600); err != nil {
			return fmt.Errorf("couldn't write the receipt: %w", err)
		}
		parsed, err := proof.ParseReceipt(r.Receipt)
		if err != nil {
			return err
		}
		got, err := verifier.Receipt(parsed)
		if err != nil {
			return err
		}
		lines := []string{
			fmt.Sprintf("a receipt        %s: slot %d of batch %d, and nobody but its owner can tell what that is", file, got.Slot, got.Batch.N),
			"it says          " + string(got.Hidden.Body),
			"it verifies      offline, with the key and the witness's",
		}
		if s.Stay { // else the files are gone before somebody could
			lines = append(lines, fmt.Sprintf("                 %s verify receipt %s --log-key %s --policy %s", s.Program, file, s.pin("log.vkey"), s.pin("policy.txt")))
		}
		s.say("", lines...)
		return nil
	}
	return errors.New("the log has no receipt of the customer's key")
}

// verifier checks by what was pinned.
func (s *story) verifier() (*proof.Verifier, error) {
	key, err := os.ReadFile(s.pin("log.vkey"))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the pinned key: %w", err)
	}
	policy, err := os.ReadFile(s.pin("policy.txt"))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the pinned policy: %w", err)
	}
	return proof.NewVerifier(proof.Trust{LogKey: string(key), Policy: string(policy)})
}

// published is the log as anybody reads it.
func (s *story) published() (monitor.Source, error) {
	trust, err := s.trust()
	if err != nil {
		return nil, err
	}
	site, err := monitor.NewSite(s.web(), monitor.SiteOptions{Roots: trust.RootCAs})
	if err != nil {
		return nil, err
	}
	return site.At("/log/"), nil
}

// look visits the log as somebody who remembers what it saw.
func (s *story) look(ctx context.Context) (*monitor.Log, error) {
	verifier, err := s.verifier()
	if err != nil {
		return nil, err
	}
	source, err := s.published()
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(s.pin("log.vkey"))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the pinned key: %w", err)
	}
	state, err := monitor.LoadState(s.pin("log.state"))
	if err != nil {
		return nil, err
	}
	v := monitor.Visitor{Source: source, Verifier: verifier, LogKey: string(key), State: state, File: s.pin("log.state"), Now: time.Now()}
	log, err := v.Visit(ctx)
	if err != nil {
		return nil, err
	}
	return log, state.Save(v.File)
}

// refuse asks through a client that verifies first.
func (s *story) refuse(ctx context.Context) error {
	ask := func(allow bool) error {
		key, err := os.ReadFile(s.pin("log.vkey"))
		if err != nil {
			return fmt.Errorf("couldn't read the pinned key: %w", err)
		}
		policy, err := os.ReadFile(s.pin("policy.txt"))
		if err != nil {
			return fmt.Errorf("couldn't read the pinned policy: %w", err)
		}
		trust, err := s.trust()
		if err != nil {
			return err
		}
		transport, err := client.New(client.Pins{Site: s.web(), LogKey: string(key), Policy: string(policy), Roots: trust.RootCAs, AllowUnlogged: allow}, nil)
		if err != nil {
			return err
		}
		resp, err := (&http.Client{Transport: transport}).Get(s.at.Endpoint + "/" + s.clinic.bucket)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	refused := ask(false)
	if !errors.Is(refused, client.ErrRefused) {
		return fmt.Errorf("the client that verifies first wasn't refused: %w", refused)
	}
	if err := ask(true); err != nil {
		return fmt.Errorf("the client that accepts this build is refused too: %w", err)
	}
	_, sentence, _ := strings.Cut(refused.Error(), client.ErrRefused.Error()+": ")
	s.say("A client that verifies before it sends (the Go package writ/client)",
		"asked for "+s.at.Endpoint+"/"+s.clinic.bucket+", and sent nothing:",
		"   "+sentence,
		"so it is: this program is in no release of that log; one that is has its hash there, and its source's",
		"told to accept that (AllowUnlogged), the same client sends its request",
	)
	return nil
}

// rollBack puts an older copy of the data folder in place, and shows who notices.
func (s *story) rollBack(ctx context.Context) error {
	old, today := s.pin("older"), s.pin("today")
	if err := s.close(); err != nil {
		return err
	}
	if err := os.CopyFS(old, os.DirFS(string(s.data))); err != nil {
		return fmt.Errorf("couldn't copy the data folder: %w", err)
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	if _, err := s.more(ctx, 2); err != nil {
		return err
	}
	seen, err := s.look(ctx)
	if err != nil {
		return err
	}
	if err := s.swap(today, old); err != nil {
		return err
	}
	s.log.take()
	if err := s.open(ctx); err != nil {
		return err
	}
	l, err := s.until(ctx, "its witness", func(l api.Ledger) bool { return l.Stopped != "" })
	if err != nil {
		return err
	}
	if !strings.Contains(l.Stopped, "witness fernhill") {
		return fmt.Errorf("the log stopped for another reason: %s", l.Stopped)
	}
	if err := s.still(ctx); err != nil {
		return err
	}
	_, refused := s.look(ctx)
	if !errors.Is(refused, monitor.ErrRollback) {
		return fmt.Errorf("a log that was rolled back was believed: %w", refused)
	}
	s.log.take() // it complains, rightly
	if err := s.swap(old, today); err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	if _, err := s.more(ctx, 1); err != nil {
		return err
	}
	if _, err := s.look(ctx); err != nil {
		return err
	}
	s.say("Somebody rolls the log back: an older copy of the data folder is put in place",
		fmt.Sprintf("a verifier has seen %d statements; then the server comes up with fewer", seen.Checkpoint.Size),
		"the witness     refuses it, and the server publishes nothing more:",
		"                "+l.Stopped,
		"the verifier    "+refused.Error(),
		"the true folder is back, and both go on with it; writ ledger recover is for when it is lost",
	)
	return nil
}

// still checks that the server publishes nothing while two batches are due.
func (s *story) still(ctx context.Context) error {
	source, err := s.published()
	if err != nil {
		return err
	}
	before, err := source.Read(ctx, "checkpoint", 1<<20)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * interval):
	}
	after, err := source.Read(ctx, "checkpoint", 1<<20)
	if err == nil && !bytes.Equal(before, after) {
		err = errors.New("a log that its witness refuses was published")
	}
	return err
}

// swap puts the data folder aside and another in its place; the server is
// stopped.
func (s *story) swap(aside, instead string) error {
	if err := s.close(); err != nil {
		return err
	}
	if err := os.Rename(string(s.data), aside); err != nil {
		return fmt.Errorf("couldn't put the data folder aside: %w", err)
	}
	if err := os.Rename(instead, string(s.data)); err != nil {
		return fmt.Errorf("couldn't put a data folder in place: %w", err)
	}
	return nil
}
