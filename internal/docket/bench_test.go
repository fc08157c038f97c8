package docket

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/report"
	"writ/internal/vault"
)

// large is a docket of 100,000 cases: imported ones, as an operator brings its
// history along.
func large(b *testing.B) *rig {
	r := newRig(b)
	var file bytes.Buffer
	instruments := []string{"us.subpoena", "us.2703d", "us.warrant", "eu.epoc", "domestic", "de.100j", "mlat", "foreign.direct"}
	countries := []string{"US", "DE", "FR", "ES", "IT", "PL", "IN", "BR"}
	begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 100_000 {
		at := begin.Add(time.Duration(i) * 10 * time.Minute)
		instrument := instruments[i%len(instruments)]
		outcome, affected, notice := "rejected", 0, "none"
		if i%3 == 0 && instrument != "foreign.direct" {
			outcome, affected, notice = "non-content", 1, "gagged"
		}
		fmt.Fprintf(&file, `{"ref":"r-%06d","received":%q,"agency":{"name":"Landgericht Falkenmoor %d","country":%q},"instrument":%q,"matter":"criminal","accounts_specified":1,"closed":{"at":%q,"outcome":%q,"notice":%q,"accounts_affected":%d}}`+"\n",
			i, at.Format(time.DateOnly), i%500, countries[i%len(countries)], instrument, at.AddDate(0, 0, 9).Format(time.DateOnly), outcome, notice, affected)
	}
	n, err := r.Import(r.ctx, r.who("noor"), &file)
	r.must(err)
	if n.Historic != 100_000 {
		b.Fatalf("%+v", n)
	}
	return r
}

// BenchmarkHundredThousandCases lists, filters, searches and reports.
func BenchmarkHundredThousandCases(b *testing.B) {
	r := large(b)
	for name, f := range map[string]Filter{
		"list": {}, "newest": {Newest: true}, "filter": {Instrument: "eu.epoc", Country: "ES"}, "search": {Text: "falkenmoor 499"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if rows, _ := r.List(f); len(rows) == 0 && name != "filter" {
					b.Fatal("nothing found")
				}
			}
		})
	}
	b.Run("board", func(b *testing.B) {
		scattered(r.Docket, 100_000) // open ones, in every lane
		for b.Loop() {
			if _, err := r.Board(r.ctx, r.who("mira"), 8); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("report", func(b *testing.B) {
		for b.Loop() {
			made, err := report.Make(r.Cases(), report.Options{
				Layout: report.Writ, From: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC), Made: r.now(),
			})
			if err == nil {
				err = made.Write(io.Discard, "html")
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			if _, err := readIndex(r.ctx, r.records); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkOpen compares the reading of 10,000 objects of 64 KiB under one writ
// with plain reads of the same objects by their owner, one after the other:
// "rate" is the ratio. BenchmarkProduce packs them too.
func BenchmarkOpen(b *testing.B) {
	const objects = 10_000
	r, body := filled(b, objects)
	var plain, under time.Duration
	for b.Loop() {
		id := r.reviewed(r.epoc(), wards())
		c := r.minted(id, Limits{})
		plain += r.read(objects)
		c, err := r.commitList(r.ctx, r.who("sam"), c)
		r.must(err)
		list, err := r.list(r.ctx, c)
		r.must(err)
		ev, err := r.evidence(r.ctx, c, nil)
		r.must(err)
		begin := time.Now()
		o, err := r.Config.Gate.Begin(r.ctx, id, ev, list)
		r.must(err)
		for n, i := range list {
			if written, err := r.Vault.Produce(r.ctx, o, n, i, io.Discard); err != nil || written != int64(len(body)) {
				b.Fatal(written, err)
			}
		}
		under += time.Since(begin)
		r.must(o.Close())
	}
	b.ReportMetric(float64(plain)/float64(under), "rate")
	b.ReportMetric(float64(objects)*float64(b.N)/under.Seconds(), "objects/s")
}

func BenchmarkProduce(b *testing.B) {
	const objects = 10_000
	r, _ := filled(b, objects)
	var took time.Duration
	for b.Loop() {
		id := r.reviewed(r.epoc(), wards())
		r.minted(id, Limits{})
		begin := time.Now()
		_, err := r.produced(id)
		r.must(err)
		took += time.Since(begin)
	}
	b.ReportMetric(float64(objects)*float64(b.N)/took.Seconds(), "objects/s")
}

// filled is a docket whose customer has so many objects of 64 KiB.
func filled(b *testing.B, objects int) (r *rig, body string) {
	body = strings.Repeat("the fever is gone, she may go home. ", 64<<10/36+1)[:64<<10]
	r = newRig(b)
	r.bucket("ward-seven", nil)
	for i := range objects {
		r.put("ward-seven", letterKey(i), body)
	}
	return r, body
}

func letterKey(i int) writ.ObjectKey { return writ.ObjectKey(fmt.Sprintf("letters/%05d", i)) }

// read reads the objects as their owner does.
func (r *rig) read(objects int) time.Duration {
	begin := time.Now()
	for i := range objects {
		o, err := r.Vault.Get(r.ctx, r.session, vault.GetInput{ObjectRef: vault.ObjectRef{Bucket: "ward-seven", Key: letterKey(i)}})
		r.must(err)
		_, err = io.Copy(io.Discard, o.Body)
		r.must(err)
		r.must(o.Body.Close())
	}
	return time.Since(begin)
}
