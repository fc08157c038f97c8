package journal

import (
	"crypto/sha256"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/access"
	"writ/internal/seal"
)

// sealedCustomer adds a customer whose journal is sealed to a key of its own.
func (r *room) sealedCustomer() (writ.CustomerID, *seal.Identity) {
	r.t.Helper()
	id, err := seal.NewIdentity()
	if err != nil {
		r.t.Fatal(err)
	}
	c := r.customer()
	if err := r.keys.SetRecipient(c, sha256.Sum256(id.Recipient().Bytes())); err != nil {
		r.t.Fatal(err)
	}
	if err := r.SetRecipient(c, id.Recipient()); err != nil {
		r.t.Fatal(err)
	}
	return c, id
}

// wholeSealed checks that the customer finds entries 1 to n, each in a sealed
// segment or in what the server reads, on one unbroken chain, and returns how
// many the server reads.
func (r *room) wholeSealed(c writ.CustomerID, id *seal.Identity, n int) (open int) {
	r.t.Helper()
	at := access.Genesis(c)
	for e, err := range r.Read(ctx, c, Query{}) {
		var sealed *Sealed
		switch {
		case errors.As(err, &sealed):
			segment, err := sealed.Segment()
			if err != nil {
				r.t.Fatal(err)
			}
			err = access.OpenSealed(id, c, segment, func(b []byte) error {
				_, err := at.Follow(b)
				return err
			})
			if err != nil || at.Seq != sealed.To {
				r.t.Fatalf("sealed entries %d to %d, read to %d: %v", sealed.From, sealed.To, at.Seq, err)
			}
		case err != nil:
			r.t.Fatal(err)
		default:
			open++
			if _, err := at.Follow(e.Append(nil)); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	if head, err := r.Head(c); err != nil || head != at || at.Seq != uint64(n) {
		r.t.Fatalf("the customer follows its journal to %d of %d, the head is %d, %v", at.Seq, n, head.Seq, err)
	}
	return open
}

// TestSealedToTheCustomer: what is closed opens for the customer only, after
// restarts, rotations and ageing too.
func TestSealedToTheCustomer(t *testing.T) {
	now := time.Now()
	r := newRoom(t, Options{SegmentBytes: 1500, Now: func() time.Time { return now }})
	c, id := r.sealedCustomer()
	r.fill(c, 20)
	if err := r.closeEnded(c); err != nil { // at once: it happens in the background
		t.Fatal(err)
	}
	if open := r.wholeSealed(c, id, 20); open == 0 || open >= 20 {
		t.Errorf("the server reads %d entries of 20", open)
	}
	if _, err := r.keys.Rotate(c); err != nil {
		t.Fatal(err)
	}
	if err := r.Rewrap(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := r.keys.Retire(c, 2); err != nil {
		t.Fatal(err)
	}
	if open := r.wholeSealed(c, id, 20); open != 0 {
		t.Errorf("after the tail was closed the server reads %d entries", open)
	}
	r.reopen()
	r.fill(c, 1)
	if open := r.wholeSealed(c, id, 21); open != 1 {
		t.Errorf("after one entry more the server reads %d", open)
	}
	now = now.Add(sealedAge + time.Second) // an hour, where others' lasts a week
	r.fill(c, 1)
	if err := r.closeEnded(c); err != nil {
		t.Fatal(err)
	}
	if open := r.wholeSealed(c, id, 22); open != 1 {
		t.Errorf("an hour later the server reads %d entries", open)
	}

	stranger, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range r.Read(ctx, c, Query{}) {
		var sealed *Sealed
		if !errors.As(err, &sealed) {
			continue
		}
		segment, err := sealed.Segment()
		if err != nil {
			t.Fatal(err)
		}
		ignore := func([]byte) error { return nil }
		if err := access.OpenSealed(stranger, c, segment, ignore); !errors.Is(err, access.ErrSegment) {
			t.Errorf("another's key opens the segment: %v", err)
		}
		if err := access.OpenSealed(id, writ.NewCustomerID(), segment, ignore); !errors.Is(err, access.ErrSegment) {
			t.Errorf("it opens as another customer's: %v", err)
		}
		for _, at := range []int{0, 10, 30, 900, len(segment) / 2, len(segment) - 1} {
			segment[at] ^= 1
			if err := access.OpenSealed(id, c, segment, ignore); !errors.Is(err, access.ErrSegment) {
				t.Errorf("byte %d changed: %v", at, err)
			}
			segment[at] ^= 1
		}
		break
	}
}

// TestSealedKilledWhileClosing: the tail is there until the sealed segment is
// recorded, so that a crash between any two steps loses nothing.
func TestSealedKilledWhileClosing(t *testing.T) {
	for _, at := range []string{"closed segment written", "closed segment in place", "closing recorded"} {
		r := newRoom(t, Options{})
		c, id := r.sealedCustomer()
		r.fill(c, 7)
		func() {
			defer func() {
				step = func(string) {}
				recover()
			}()
			step = func(s string) {
				if s == at {
					panic(s)
				}
			}
			if err := r.Finish(c); err != nil {
				t.Error(err)
			}
			t.Errorf("it never came to %q", at)
		}()
		r.open() // as after a crash: the old one is not closed
		r.fill(c, 3)
		r.wholeSealed(c, id, 10)
		if files := r.files(c); strings.Count(files, tailEnd) != 1 {
			t.Errorf("killed at %q: files are %s", at, files)
		}
	}
}

// TestForeignRecipient: a public key that somebody put in the customer's
// place is refused; nothing is sealed to it.
func TestForeignRecipient(t *testing.T) {
	r := newRoom(t, Options{})
	c, _ := r.sealedCustomer()
	foreign, err := seal.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func() error{
		"replaced": func() error { return os.WriteFile(r.path(c, recipientName), foreign.Recipient().Bytes(), 0o600) },
		"gone":     func() error { return os.Remove(r.path(c, recipientName)) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		r.reopen()
		if _, err := r.Append(ctx, c, get(), false); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := r.keys.SetRecipient(c, [32]byte{1}); err == nil {
		t.Error("a journal key was changed")
	}
}
