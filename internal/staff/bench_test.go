package staff

import (
	"fmt"
	"testing"
	"time"

	"writ"
	"writ/internal/records"
)

// fill writes n things in large transactions: what is measured is how they are
// read.
func (r *rig) fill(n int, put func(tx records.Tx, i int)) {
	r.Helper()
	for from := 0; from < n; from += 1000 {
		r.must(r.store.Update(r.ctx, func(tx records.Tx) error {
			for i := from; i < min(n, from+1000); i++ {
				put(tx, i)
			}
			return nil
		}))
	}
}

const many = 100_000

// largeTrail has 100,000 entries of 50 persons.
func largeTrail(b *testing.B) *rig {
	r := newRig(b)
	for i := range many / chainAtOnce {
		r.fill(chainAtOnce, func(tx records.Tx, j int) {
			n := i*chainAtOnce + j
			r.clock.add(time.Second)
			r.must(r.AppendTx(r.ctx, tx, Entry{Who: writ.Person(fmt.Sprintf("person.%d", n%50)), Act: "case.open", Object: fmt.Sprint(n)}))
		})
		_, err := r.Head(r.ctx)
		r.must(err)
	}
	b.ResetTimer()
	return r
}

func BenchmarkAuditNewest(b *testing.B) {
	r := largeTrail(b)
	for b.Loop() {
		if list, _, err := r.Audit(r.ctx, AuditFilter{}, 0, 100); err != nil || len(list) != 100 {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuditByPersonAndTime(b *testing.B) {
	r := largeTrail(b)
	until := r.clock.now().Add(-many / 2 * time.Second)
	for b.Loop() {
		if list, _, err := r.Audit(r.ctx, AuditFilter{Who: "person.7", Until: until}, 0, 100); err != nil || len(list) != 100 {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	r := largeTrail(b)
	for b.Loop() {
		if head, err := r.Verify(r.ctx); err != nil || head.Seq != many {
			b.Fatal(err)
		}
	}
}

// largeDirectory has 100,000 authorities in ten countries.
func largeDirectory(b *testing.B) *rig {
	r := newRig(b)
	countries := []string{"DE", "FR", "ES", "IT", "PL", "AT", "BE", "NL", "SE", "US"}
	r.fill(many, func(tx records.Tx, i int) {
		rec := &authorityRecord{Version: 1, By: noor, Country: countries[i%len(countries)], Kind: Court, Name: fmt.Sprintf("Court %d of the District of Falkenmoor %x", i, i*7919)}
		putAuthority(tx, writ.NewAuthorityID(), nil, rec)
	})
	b.ResetTimer()
	return r
}

func BenchmarkAuthorities(b *testing.B) {
	r := largeDirectory(b)
	for b.Loop() {
		if list, _, err := r.Authorities(r.ctx, AuthorityFilter{Country: "DE", Name: "falkenmoor 1"}, "", 100); err != nil || len(list) != 100 {
			b.Fatal(len(list), err)
		}
	}
}

func BenchmarkLooksLike(b *testing.B) {
	r := largeDirectory(b)
	for b.Loop() {
		if _, err := r.LooksLike(r.ctx, Description{Name: "Landgericht Falkenmoor", Country: "DE", Kind: Court}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	m := newTeam(b)
	token, now := m.tokens[mira], m.clock.now()
	b.ResetTimer()
	for b.Loop() {
		if _, err := m.Authenticate(m.ctx, token, home, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	r := newRig(b)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := r.Append(r.ctx, Entry{Who: noor, Act: "case.open", Object: "2026-7KQM-4ZT0"}); err != nil {
				b.Error(err)
			}
		}
	})
}
