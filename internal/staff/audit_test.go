package staff

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/records"
)

// trail is a staff with an audit trail of so many entries.
func trail(t test, n int) *rig {
	r := newRig(t)
	for i := range n {
		e := Entry{Who: noor, By: "token abc", Act: "case.open", Object: fmt.Sprintf("2026-%04d", i%3), Addr: home}
		if i%2 == 1 {
			e.Outcome, e.Why = Refused, "your roles don't allow this"
		}
		r.clock.add(time.Second)
		r.must(r.Append(r.ctx, e))
	}
	return r
}

func (r *rig) frame(seq uint64) (f auditFrame) {
	r.Helper()
	r.must(get(r.ctx, r.store, entryKey(seq), "entry", &f))
	return f
}

func (r *rig) write(fn func(b *records.Batch)) {
	r.Helper()
	var b records.Batch
	fn(&b)
	r.must(r.store.Apply(r.ctx, &b))
}

// rewrite makes the chain anew from an entry on, as somebody would who has all
// the records and the source.
func (r *rig) rewrite(from uint64, edit func(*auditBody)) {
	r.Helper()
	var head auditHead
	r.must(get(r.ctx, r.store, key(tagHead), "head", &head))
	last := head.Seq
	previous := r.frame(from).Previous
	for seq := from; seq <= last; seq++ {
		f := r.frame(seq)
		if seq == from {
			var b auditBody
			r.must(decodeRecord(f.Body, &b))
			edit(&b)
			f.Body = encodeRecord(b)
			f.BodyHash = bodyHash(f.Salt, f.Body)
		}
		f.Previous = previous
		previous = f.hash()
		r.write(func(b *records.Batch) { b.Put(entryKey(seq), encodeRecord(f)) })
		head = auditHead{Seq: seq, Hash: previous, At: f.At}
	}
	r.write(func(b *records.Batch) { b.Put(key(tagHead), encodeRecord(head)) })
}

// TestCorruptedTrail: whatever is done to the records, Verify finds it.
func TestCorruptedTrail(t *testing.T) {
	for what, c := range map[string]struct {
		corrupt func(r *rig)
		outside bool // found only with a head that was kept elsewhere
	}{
		"a text edited": {corrupt: func(r *rig) {
			f := r.frame(4)
			f.Body = []byte(strings.Replace(string(f.Body), string(noor), "mira.adeyemi", 1))
			r.write(func(b *records.Batch) { b.Put(entryKey(4), encodeRecord(f)) })
		}},
		"a text and its hash edited": {corrupt: func(r *rig) {
			f := r.frame(4)
			f.Body = encodeRecord(auditBody{Act: "case.close", Outcome: Done})
			f.BodyHash = bodyHash(f.Salt, f.Body)
			r.write(func(b *records.Batch) { b.Put(entryKey(4), encodeRecord(f)) })
		}},
		"the last text and its hash edited": {corrupt: func(r *rig) {
			f := r.frame(9)
			f.Body = encodeRecord(auditBody{Act: "case.close", Outcome: Done})
			f.BodyHash = bodyHash(f.Salt, f.Body)
			r.write(func(b *records.Batch) { b.Put(entryKey(9), encodeRecord(f)) })
		}},
		"a time edited": {corrupt: func(r *rig) {
			f := r.frame(4)
			f.At++
			r.write(func(b *records.Batch) { b.Put(entryKey(4), encodeRecord(f)) })
		}},
		"a class edited": {corrupt: func(r *rig) {
			f := r.frame(4)
			f.Class = ClassAct
			r.write(func(b *records.Batch) { b.Put(entryKey(4), encodeRecord(f)) })
		}},
		"dropped in the middle": {corrupt: func(r *rig) { r.write(func(b *records.Batch) { b.Delete(entryKey(5)) }) }},
		"the first dropped":     {corrupt: func(r *rig) { r.write(func(b *records.Batch) { b.Delete(entryKey(1)) }) }},
		"the last dropped":      {corrupt: func(r *rig) { r.write(func(b *records.Batch) { b.Delete(entryKey(9)) }) }},
		"all dropped": {corrupt: func(r *rig) {
			r.write(func(b *records.Batch) {
				for i := range 9 {
					b.Delete(entryKey(uint64(i + 1)))
				}
			})
		}},
		"two swapped": {corrupt: func(r *rig) {
			a, z := r.frame(3), r.frame(6)
			r.write(func(b *records.Batch) { b.Put(entryKey(3), encodeRecord(z)); b.Put(entryKey(6), encodeRecord(a)) })
		}},
		"two swapped and numbered": {corrupt: func(r *rig) {
			a, z := r.frame(3), r.frame(6)
			a.Seq, z.Seq = 6, 3
			r.write(func(b *records.Batch) { b.Put(entryKey(3), encodeRecord(z)); b.Put(entryKey(6), encodeRecord(a)) })
		}},
		"the head dropped": {corrupt: func(r *rig) { r.write(func(b *records.Batch) { b.Delete(key(tagHead)) }) }},
		"the head put back": {corrupt: func(r *rig) {
			f := r.frame(8)
			r.write(func(b *records.Batch) {
				b.Put(key(tagHead), encodeRecord(auditHead{Seq: 8, Hash: f.hash(), At: f.At}))
			})
		}},
		"a text dropped, as if it were erased": {corrupt: func(r *rig) {
			f := r.frame(4)
			f.Salt, f.Body = nil, nil
			r.write(func(b *records.Batch) { b.Put(entryKey(4), encodeRecord(f)) })
		}},
		"hidden from the search by person": {corrupt: func(r *rig) { r.write(func(b *records.Batch) { b.Delete(indexKey(indexWho, string(noor), 4)) }) }},
		"noise":                            {corrupt: func(r *rig) { r.write(func(b *records.Batch) { b.Put(entryKey(4), []byte("noise")) }) }},
		"cut, with its head": {outside: true, corrupt: func(r *rig) {
			f := r.frame(7)
			r.write(func(b *records.Batch) {
				b.Put(key(tagHead), encodeRecord(auditHead{Seq: 7, Hash: f.hash(), At: f.At}))
				b.Delete(entryKey(8))
				b.Delete(entryKey(9))
			})
		}},
		"cut whole": {outside: true, corrupt: func(r *rig) {
			r.write(func(b *records.Batch) {
				for i := range 9 {
					b.Delete(entryKey(uint64(i + 1)))
				}
				b.Delete(key(tagHead))
			})
		}},
		"written anew": {outside: true, corrupt: func(r *rig) {
			r.rewrite(4, func(b *auditBody) { b.Why = "nothing happened" })
		}},
	} {
		t.Run(what, func(t *testing.T) {
			r := trail(t, 9)
			head, err := r.Verify(r.ctx)
			r.must(err)
			if head.Seq != 9 {
				t.Fatalf("the head is %d", head.Seq)
			}
			c.corrupt(r)
			if _, err := r.Verify(r.ctx, head); !errors.Is(err, ErrChain) {
				t.Errorf("with the head: %v", err)
			}
			if _, err := r.Verify(r.ctx); errors.Is(err, ErrChain) == c.outside {
				t.Errorf("without: %v", err)
			}
			// What comes behind it doesn't mend it.
			_ = r.Append(r.ctx, Entry{Act: "case.close"})
			if _, err := r.Verify(r.ctx, head); !errors.Is(err, ErrChain) {
				t.Errorf("with the head, later: %v", err)
			}
		})
	}
}

// TestAnyFlippedBit: no bit of an entry can be changed unseen.
func TestAnyFlippedBit(t *testing.T) {
	r := trail(t, 3)
	head, err := r.Head(r.ctx)
	r.must(err)
	whole, err := r.store.Get(r.ctx, entryKey(2))
	r.must(err)
	for bit := range 8 * len(whole) {
		flipped := append([]byte(nil), whole...)
		flipped[bit/8] ^= 1 << (bit % 8)
		r.write(func(b *records.Batch) { b.Put(entryKey(2), flipped) })
		if _, err := r.Verify(r.ctx, head); err == nil {
			t.Errorf("bit %d of %x", bit, whole)
		}
	}
	r.write(func(b *records.Batch) { b.Put(entryKey(2), whole) })
	if _, err := r.Verify(r.ctx, head); err != nil {
		t.Error(err)
	}
}

// TestManyWriters: a hundred at once, in transactions of their own and without,
// lose nothing and never conflict with each other.
func TestManyWriters(t *testing.T) {
	r := newRig(t)
	const writers, each = 100, 5
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				e := Entry{Who: noor, Act: "case.open", Object: fmt.Sprintf("%d-%d", w, i)}
				if w%2 == 0 {
					if err := r.Append(r.ctx, e); err != nil {
						t.Error(err)
					}
					continue
				}
				// Once, without a retry: it must not conflict.
				err := r.store.Update(r.ctx, func(tx records.Tx) error {
					tx.Put([]byte("of the caller "+e.Object), nil)
					return r.AppendTx(r.ctx, tx, e)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	head, err := r.Verify(r.ctx)
	r.must(err)
	if head.Seq != writers*each {
		t.Errorf("%d entries", head.Seq)
	}
	seen := map[string]bool{}
	for _, e := range r.entries(AuditFilter{Act: "case.open"}) {
		seen[e.Object] = true
	}
	if len(seen) != writers*each {
		t.Errorf("%d different entries", len(seen))
	}
	if err := r.store.Update(r.ctx, func(tx records.Tx) error {
		r.must(r.AppendTx(r.ctx, tx, Entry{Act: "case.open"}))
		return errors.New("the caller's own")
	}); err == nil {
		t.Error("no error")
	}
	if h, _ := r.Head(r.ctx); h != head {
		t.Error("an act that didn't happen is in the trail")
	}
}

// TestTwoProcesses: two staffs on the same records share one chain.
func TestTwoProcesses(t *testing.T) {
	r := newRig(t)
	other, err := New(r.store, r.clock.now)
	r.must(err)
	var all sync.WaitGroup
	for i, s := range []*Staff{r.Staff, other, r.Staff, other} {
		all.Go(func() {
			for j := range 20 {
				if err := s.Append(r.ctx, Entry{Act: "case.open", Object: fmt.Sprint(i, j)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if head, err := r.Verify(r.ctx); err != nil || head.Seq != 80 {
		t.Errorf("%d entries: %v", head.Seq, err)
	}
}

// TestCrashBeforeTheChain: what was written down and not chained is, later.
func TestCrashBeforeTheChain(t *testing.T) {
	r := newRig(t)
	r.must(r.store.Update(r.ctx, func(tx records.Tx) error { return r.AppendTx(r.ctx, tx, Entry{Act: "case.open"}) }))
	again, err := New(r.store, r.clock.now)
	r.must(err)
	if list, _, err := again.Audit(r.ctx, AuditFilter{}, 0, 0); err != nil || len(list) != 1 {
		t.Errorf("%v: %v", list, err)
	}
}

// TestClockBack: times in the trail don't go back, whatever the clock does.
func TestClockBack(t *testing.T) {
	r := trail(t, 3)
	at := r.clock.now()
	r.clock.add(-time.Hour)
	r.must(r.Append(r.ctx, Entry{Act: "case.open"}))
	_, err := r.Verify(r.ctx)
	r.must(err)
	if all := r.entries(AuditFilter{}); !all[3].At.Equal(at) {
		t.Errorf("it is of %v", all[3].At)
	}
}

// TestAuditFilters holds every filter against a search by hand.
func TestAuditFilters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRig(t)
		begin := r.clock.now()
		var all []Entry
		pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
		for range rapid.IntRange(0, 40).Draw(t, "entries") {
			r.clock.add(time.Duration(rapid.IntRange(0, 3).Draw(t, "seconds")) * time.Second)
			e := Entry{
				Who: writ.Person(pick("who", "", "noor", "noor.a")), Act: pick("act", "case.open", "case", "page.ack"), Object: pick("object", "", "a", "ab"),
				Outcome: Outcome(pick("outcome", "", string(Refused))),
			}
			if err := r.Append(r.ctx, e); err != nil {
				t.Fatal(err)
			}
			if e.Outcome == "" {
				e.Outcome = Done
			}
			e.At = r.clock.now()
			all = append(all, e)
		}
		f := AuditFilter{
			Who: writ.Person(pick("by who", "", "noor", "noor.a", "nobody")), Act: pick("by act", "", "case", "case.open"), Object: pick("by object", "", "a", "ab"),
			Outcome: Outcome(pick("by outcome", "", string(Done), string(Refused))),
		}
		if rapid.Bool().Draw(t, "by time") {
			f.From = begin.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "from")) * time.Second)
			f.Until = f.From.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "until")) * time.Second)
		}
		var want []uint64
		for i, e := range all {
			if (f.Who == "" || f.Who == e.Who) && (f.Act == "" || f.Act == e.Act) && (f.Object == "" || f.Object == e.Object) && (f.Outcome == "" || f.Outcome == e.Outcome) &&
				(f.From.IsZero() || !e.At.Before(f.From) && e.At.Before(f.Until)) {
				want = append(want, uint64(i+1))
			}
		}
		var got []uint64
		for _, e := range r.entries(f) {
			got = append(got, e.Seq)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%+v finds %v, not %v", f, got, want)
		}
	})
}

func TestEraseAudit(t *testing.T) {
	m := newTeam(t)
	m.refused(m.Leave(m.ctx, m.as(noor), mira), ErrRole, "a refusal to be erased")
	head, err := m.Head(m.ctx)
	m.must(err)
	begin := m.clock.now()
	_, err = m.EraseAudit(m.ctx, m.as(jun), ClassAct, begin.Add(time.Second))
	m.refused(err, ErrForm, "erasing acts of today")
	_, err = m.EraseAudit(m.ctx, m.as(jun), ClassErasure, begin.AddDate(-9, 0, 0))
	m.refused(err, ErrForm, "erasing erasures")
	m.clock.add(100 * 24 * time.Hour)
	n, err := m.EraseAudit(m.ctx, m.as(jun), ClassRefusal, begin.Add(time.Second))
	m.must(err)
	if n != 1 {
		t.Errorf("%d refusals were erased", n)
	}
	m.must(m.AddPerson(m.ctx, m.as(jun), "a.newcomer", Profile{Name: "A. Newcomer"}))
	if _, err := m.Verify(m.ctx, head); err != nil {
		t.Errorf("after erasing: %v", err)
	}
	all := m.entries(AuditFilter{})
	gone, last := all[head.Seq-1], all[len(all)-2]
	if !gone.Gone || gone.Who != "" || gone.Class != ClassRefusal || !strings.HasSuffix(gone.String(), "(erased)") {
		t.Errorf("what was erased is %v", gone)
	}
	if last.Act != "audit.erase" || last.ErasedCount != 1 || last.ErasedThrough != head.Seq || last.ErasedClass != ClassRefusal || last.Who != jun {
		t.Errorf("the erasure is %+v", last)
	}
	if left := m.entries(AuditFilter{Who: noor}); len(left) != 0 {
		t.Errorf("still found: %v", left)
	}
	if n, err := m.EraseAudit(m.ctx, m.as(jun), ClassRefusal, begin.Add(time.Second)); n != 0 || err != nil {
		t.Errorf("erased again: %d, %v", n, err)
	}
	// The erasure covers nothing of another class, and nothing later.
	f := m.frame(1)
	f.Salt, f.Body = nil, nil
	m.write(func(b *records.Batch) { b.Put(entryKey(1), encodeRecord(f)) })
	if _, err := m.Verify(m.ctx); !errors.Is(err, ErrChain) {
		t.Errorf("an act that was emptied under cover of an erasure: %v", err)
	}
}

// TestHostileEntries: what others wrote is kept within bounds and shown in one
// line.
func TestHostileEntries(t *testing.T) {
	r := newRig(t)
	r.must(r.Append(r.ctx, Entry{
		Who: writ.Person(strings.Repeat("w", 1000)), By: "token \x1b[31m", Act: "sign-in", Object: "a\x00b\nfake 2 line" + strings.Repeat("é", 5000),
		Why: strings.Repeat("\xff\u202e", 5000), Outcome: Refused, Addr: netip.MustParseAddr("fe80::1%\x1b]0;x"),
	}))
	for _, act := range []string{"", "Case", "a b", "a\nb", strings.Repeat("a", 65)} {
		r.refused(r.Append(r.ctx, Entry{Act: act}), ErrForm, act)
	}
	r.refused(r.Append(r.ctx, Entry{Act: "a", Outcome: "maybe"}), ErrForm, "an outcome")
	e := r.entries(AuditFilter{})[0]
	if strings.ContainsAny(e.String(), "\x1b\n\x00\u202e") || len(e.String()) > 4000 {
		t.Errorf("it is shown as %q", e.String())
	}
	if len(e.Object) > maxObject || len(e.Why) > maxWhy || len(e.Who) > 64 {
		t.Errorf("kept: %d, %d, %d bytes", len(e.Object), len(e.Why), len(e.Who))
	}
	_, err := r.Verify(r.ctx)
	r.must(err)
}

// TestHungUp: a refusal is written down though the caller is gone.
func TestHungUp(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	r.must(r.Append(ctx, Entry{Act: "sign-in", Outcome: Refused}))
	if n := len(r.entries(AuditFilter{})); n != 1 {
		t.Errorf("%d entries", n)
	}
}

func TestLayoutOfTheChain(t *testing.T) {
	// The bytes that docs/staff.md promises, made by hand.
	f := auditFrame{Seq: 7, At: 1234567890, Class: ClassRefusal, BodyHash: [32]byte{1}, Previous: [32]byte{2}}
	b := []byte("writ/audit-entry/v1")
	b = append(b, f.Previous[:]...)
	b = binary.BigEndian.AppendUint64(b, 7)
	b = binary.BigEndian.AppendUint64(b, 1234567890)
	b = append(b, 7)
	b = append(b, "refusal"...)
	b = append(b, f.BodyHash[:]...)
	if f.hash() != sha(b) {
		t.Error("an entry's hash is another")
	}
	if bodyHash([]byte("salt"), []byte("body")) != sha([]byte("writ/audit-body/v1saltbody")) {
		t.Error("a body's hash is another")
	}
}
