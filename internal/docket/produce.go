package docket

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"slices"

	"writ"
	"writ/internal/bag"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/proof"
	"writ/internal/records"
)

// listStep is how many items of an exact list lie in one record.
const listStep = 500

// Progress is told how far a production is.
type Progress func(stage string, done, total int64)

// ProduceInput is what a production needs beside the case.
type ProduceInput struct {
	Recipients []string // of the package: age recipients, or certificates in PEM; empty for those of the directory
	MaxBytes   int64    // of the disk that the package may take; 0 for what is free
	Progress   Progress
}

// Produce opens exactly what the writ covers and packs it, sealed to the
// authority. It may be called again after whatever interrupted it: the list is
// fixed and committed to before anything opens, and the package goes on behind
// its last whole volume.
func (d *Docket) Produce(ctx context.Context, who Actor, id writ.CaseID, in ProduceInput) (*Case, error) {
	unlock, err := d.producing.lock(ctx, id)
	if err != nil {
		return nil, err
	}
	defer unlock()
	c, err := d.producible(ctx, who, id)
	if err != nil {
		return nil, err
	}
	recipients, err := d.recipients(ctx, c, in.Recipients)
	if err != nil {
		return nil, err
	}
	if c.Opening == nil {
		if c, err = d.commitList(ctx, who, c); err != nil {
			return nil, err
		}
	}
	list, err := d.list(ctx, c)
	if err != nil {
		return nil, err
	}
	evidence, err := d.evidence(ctx, c, in.Progress)
	if err != nil {
		return nil, err
	}
	opening, err := d.Gate.Begin(ctx, c.ID, evidence, list)
	if err != nil {
		d.refused(ctx, &who, id, err)
		return nil, fmt.Errorf("the gate refuses: %w", err)
	}
	defer opening.Close()
	if c, err = d.ownRecords(ctx, c, opening); err != nil {
		return nil, err
	}
	made, err := d.pack(ctx, c, opening, list, recipients, in)
	if err != nil {
		return nil, err
	}
	return d.produced(ctx, who, c, made, recipients)
}

// producible says whether the person may produce in the case now.
func (d *Docket) producible(ctx context.Context, who Actor, id writ.CaseID) (*Case, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	if _, err = who.as(c, Produced); err == nil {
		switch {
		case c.Mark != "":
			err = refuse(ErrHistoric, "a case marked %s opens nothing", c.Mark)
		case c.Closing != nil:
			err = refuse(ErrState, "the case is closed")
		case c.Writ == nil:
			err = refuse(ErrState, "there is no writ yet")
		case c.Production != nil:
			err = refuse(ErrState, "the package is there already")
		case len(c.Preservations) == 0 && c.Writ.Authority.Scope.Opens():
			err = refuse(ErrState, "nothing is preserved in this case, and only what is preserved opens under a writ: writ case preserve %s", id)
		default:
			err = c.approvable()
		}
	}
	if err != nil {
		d.refused(ctx, &who, id, err)
		return nil, err
	}
	return c, nil
}

// commitList fixes the exact list of what is opened: what is preserved and in
// the writ's scope. It is committed to before any key is released.
func (d *Docket) commitList(ctx context.Context, who Actor, c *Case) (*Case, error) {
	list, err := d.openable(ctx, c, c.Writ.Authority.Scope)
	if err != nil {
		return nil, err
	}
	scope := c.Writ.Authority.Scope
	own := !scope.Elsewhere && (scope.Has(writ.ClassSubscriber) || scope.Has(writ.ClassIdentification) || scope.Has(writ.ClassTraffic))
	switch {
	case scope.Opens() && len(list) == 0:
		return nil, refuse(ErrState, "nothing that is preserved is in the writ's scope: answer that there are no data")
	case !scope.Opens() && !own && len(c.Exports) == 0:
		return nil, refuse(ErrState, "the writ opens no object, and nothing of another system is attached: writ case attach %s --kind export", c.ID)
	}
	commit := policy.CommitOpening(c.ID, [32]byte(c.Writ.Digest), list)
	bytes := commit.Body.Bytes
	if limits := c.Writ.Authority.Limits; int64(len(list)) > limits.Objects || bytes > limits.Bytes {
		return nil, refuse(ErrBounds, "%d objects of %d bytes are in scope, and the writ allows %d of %d: approve anew, with other limits or a narrower scope", len(list), bytes, limits.Objects, limits.Bytes)
	}
	pieces, err := d.keepList(ctx, c.ID, list)
	if err != nil {
		return nil, err
	}
	return d.move(ctx, who, c.ID, func(tx records.Tx, c *Case) ([]draft, error) {
		if c.Opening != nil {
			return nil, nil
		}
		if c.Writ == nil {
			return nil, refuse(ErrState, "there is no writ")
		}
		if err := d.Book.CommitTx(ctx, tx, commit.ID, commit.Kind, commit.Body); err != nil {
			return nil, fmt.Errorf("couldn't commit to the opening: %w", err)
		}
		return []draft{{kind: Opened, body: Opening{List: commit.Body.List, Objects: commit.Body.Objects, Bytes: bytes, Pieces: pieces, Statement: commit.ID}}}, nil
	})
}

// openable is what a writ with a scope opens: what is preserved, and in scope.
func (d *Docket) openable(ctx context.Context, c *Case, scope policy.Scope) (list []policy.Item, err error) {
	if !scope.Opens() {
		return nil, nil
	}
	have := map[writ.BlobID]bool{}
	for _, p := range c.Preservations {
		err := d.preserved(ctx, p.ID, func(i policy.Item) error {
			if scope.Covers(i) && !have[i.Blob] {
				have[i.Blob] = true
				list = append(list, i)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// preserved goes through what a preservation holds.
func (d *Docket) preserved(ctx context.Context, name string, fn func(policy.Item) error) error {
	for after := ""; ; {
		page, err := d.Vault.Preserved(ctx, name, after, 1000)
		if err != nil {
			return err
		}
		for _, v := range page.Items {
			if err := fn(v.Item); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}

// keepList writes an exact list down, before the event that commits to it.
func (d *Docket) keepList(ctx context.Context, id writ.CaseID, list []policy.Item) (pieces uint32, err error) {
	for rest := list; len(rest) > 0; pieces++ {
		n := min(listStep, len(rest))
		value, err := json.Marshal(rest[:n])
		if err != nil {
			return 0, fmt.Errorf("couldn't keep the list: %w", err)
		}
		var b records.Batch
		b.Put(listKey(id, pieces), value)
		if err := d.Records.Apply(ctx, &b); err != nil {
			return 0, fmt.Errorf("couldn't keep the list: %w", err)
		}
		rest = rest[n:]
	}
	return pieces, nil
}

// list reads the exact list of a case's opening, and checks that it is the one
// that was committed to.
func (d *Docket) list(ctx context.Context, c *Case) (list []policy.Item, err error) {
	for n := range c.Opening.Pieces {
		value, err := d.Records.Get(ctx, listKey(c.ID, n))
		if err != nil {
			return nil, fmt.Errorf("couldn't read the list: %w", err)
		}
		var piece []policy.Item
		if err := json.Unmarshal(value, &piece); err != nil {
			return nil, fmt.Errorf("%w: the list of what is opened cannot be read", ErrDamaged)
		}
		list = append(list, piece...)
	}
	if digest := policy.ListDigest(list); !slices.Equal(digest[:], c.Opening.List) {
		return nil, fmt.Errorf("%w: the list of what is opened is not the one that was committed to", ErrDamaged)
	}
	return list, nil
}

// evidence waits until the commitments are published and witnessed, or takes
// the waiver that two persons signed.
func (d *Docket) evidence(ctx context.Context, c *Case, progress Progress) (gate.Evidence, error) {
	ev := gate.Evidence{Envelope: c.Writ.Envelope}
	if c.Waiver != nil {
		ev.Waiver = c.Waiver
		return ev, nil
	}
	if progress != nil {
		progress("waiting for the public log", 0, 0)
	}
	var err error
	if ev.Writ, err = d.receipt(ctx, c.Writ.Statement); err != nil {
		return ev, err
	}
	ev.Opening, err = d.receipt(ctx, c.Opening.Statement)
	return ev, err
}

func (d *Docket) receipt(ctx context.Context, statement string) (*proof.Receipt, error) {
	r, err := d.Book.Await(ctx, statement)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWaiting, err)
	}
	return r, nil
}

// recipients are whom the package is sealed to.
func (d *Docket) recipients(ctx context.Context, c *Case, texts []string) (out []bag.Recipient, err error) {
	if len(texts) == 0 && c.Demand.Issuer.Authority != "" {
		a, err := d.Staff.Authority(ctx, c.Demand.Issuer.Authority)
		if err != nil {
			return nil, err
		}
		for _, k := range a.Keys {
			if k.Text != "" && k.Usable(d.now()) {
				texts = append(texts, k.Text)
			}
		}
	}
	if len(texts) == 0 {
		return nil, refuse(ErrState, "nobody said to whom the package is sealed: name the authority's age recipient or certificate")
	}
	for _, text := range texts {
		r, err := bag.ParseRecipient(text, d.now())
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// folder is where a case's package lies.
func (d *Docket) folder(id writ.CaseID) string { return filepath.Join(d.Packages, string(id)) }

// reserve is how many bytes of the disk a package leaves free: more than the
// store's own reserve, so that the server goes on.
const reserve = 128 << 20

// pack streams everything into the sealed package.
func (d *Docket) pack(ctx context.Context, c *Case, o *gate.Opening, list []policy.Item, to []bag.Recipient, in ProduceInput) (bag.Package, error) {
	var done func(done, total int64)
	if in.Progress != nil {
		done = func(done, total int64) { in.Progress("packing", done, total) }
	}
	state := d.Key.Derive([]byte(c.ID), "package")
	defer state.Erase()
	return bag.Write(ctx, bag.Input{
		Dir: d.folder(c.ID), Case: c.ID, Info: d.info(c), Recipients: to,
		Objects:  d.objects(ctx, c, o, list),
		Extra:    func(s bag.Summary) ([]bag.File, error) { return d.custody(ctx, c, s) },
		StateKey: state, Reserve: reserve, MaxBytes: in.MaxBytes, Progress: done, Now: d.now(),
	})
}

// objects are what is opened, one after the other: each is read through the
// gate when its turn comes.
func (d *Docket) objects(ctx context.Context, c *Case, o *gate.Opening, list []policy.Item) iter.Seq2[bag.Object, error] {
	return func(yield func(bag.Object, error) bool) {
		for _, doc := range c.Documents {
			if doc.Kind == kindRecord && !yield(d.document(c.ID, doc, recordFolder), nil) {
				return
			}
		}
		for n, i := range list {
			object := bag.Object{Bucket: i.Bucket, Key: i.Key, Version: i.Version, Made: i.Made, Size: i.Size, Open: func(ctx context.Context) (io.ReadCloser, error) {
				r, w := io.Pipe()
				go func() {
					_, err := d.Vault.Produce(ctx, o, n, i, w)
					w.CloseWithError(err)
				}()
				return r, nil
			}}
			if !yield(object, nil) {
				return
			}
		}
		for _, e := range c.Exports {
			if !yield(d.document(c.ID, c.document(e.Document), exportFolder), nil) {
				return
			}
		}
	}
}
