package docket

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"writ/internal/proof"
	"writ/internal/records"
	"writ/internal/report"
)

const formerly = `{"ref":"h-1","received":"2022-02-01","agency":{"name":"District Court of New Arden","country":"US"},"instrument":"us.subpoena","matter":"criminal","accounts_specified":2,"closed":{"at":"2022-02-20","outcome":"non-content","notice":"given","accounts_affected":2}}
`

func (r *rig) reportOf2022() *report.Report {
	r.t.Helper()
	made, err := report.Make(r.Cases(), report.Options{
		Layout: report.Writ, Operator: "Fjordhost", Made: r.clock.now(),
		From: time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2022, 12, 31, 0, 0, 0, 0, time.UTC),
	})
	r.must(err)
	return made
}

// TestPaper: what was published can be had again, byte for byte, after a restart
// and whatever became of the cases; its digest is the log's.
func TestPaper(t *testing.T) {
	r := newRig(t)
	_, err := r.Import(r.ctx, r.who("noor"), strings.NewReader(formerly))
	r.must(err)
	made := r.reportOf2022()
	if _, err := r.Paper(r.ctx, made.Digest()); !errors.Is(err, ErrNoReport) {
		t.Fatalf("a report that nobody published: %v", err)
	}
	if _, err := r.Publish(r.ctx, r.who("sam"), made); !errors.Is(err, ErrRole) {
		t.Fatalf("production publishes: %v", err)
	}
	if _, err := r.Paper(r.ctx, made.Digest()); !errors.Is(err, ErrNoReport) {
		t.Errorf("who may not publish left a report: %v", err)
	}
	_, err = r.Publish(r.ctx, r.who("mira"), made)
	r.must(err)
	var want, table bytes.Buffer
	r.must(made.Write(&want, "json"))
	r.must(made.Write(&table, "csv"))

	_, err = r.Import(r.ctx, r.who("noor"), strings.NewReader(strings.ReplaceAll(formerly, "h-1", "h-2")))
	r.must(err)
	r.reopen()
	got, err := r.Paper(r.ctx, made.Digest())
	r.must(err)
	if !bytes.Equal(got.JSON, want.Bytes()) || !bytes.Equal(got.CSV, table.Bytes()) {
		t.Errorf("not what was published: %s", got.JSON)
	}
	sum := sha256.Sum256(got.JSON)
	receipt, err := r.book.Receipt(r.ctx, "report/"+hex.EncodeToString(sum[:]))
	r.must(err)
	statement, err := proof.Decode(receipt.Statement)
	r.must(err)
	var stated proof.Report
	r.must(json.Unmarshal(statement.Body, &stated))
	if stated.Digest != hex.EncodeToString(sum[:]) {
		t.Errorf("the log says %s of %x", stated.Digest, sum)
	}
}

// TestPaperDamaged: a report that is not of its digest any more is not given out.
func TestPaperDamaged(t *testing.T) {
	r := newRig(t)
	_, err := r.Import(r.ctx, r.who("noor"), strings.NewReader(formerly))
	r.must(err)
	made := r.reportOf2022()
	_, err = r.Publish(r.ctx, r.who("mira"), made)
	r.must(err)
	digest := made.Digest()
	name := key(tagPaper, string(digest[:]))
	value, err := r.records.Get(r.ctx, name)
	r.must(err)
	for what, changed := range map[string][]byte{
		"a figure": bytes.Replace(value, []byte(`"rounding": "small"`), []byte(`"rounding": "smell"`), 1), "an end": value[:len(value)/2], "all": {},
	} {
		if bytes.Equal(changed, value) {
			t.Fatalf("%s was not changed", what)
		}
		var b records.Batch
		b.Put(name, changed)
		r.must(r.records.Apply(r.ctx, &b))
		if p, err := r.Paper(r.ctx, digest); !errors.Is(err, ErrDamaged) || p.JSON != nil {
			t.Errorf("%s was changed: %v", what, err)
		}
	}
}
