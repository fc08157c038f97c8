package docket

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"

	"writ/internal/proof"
	"writ/internal/records"
	"writ/internal/report"
)

// publication is a published report as later ones have to know it.
type publication struct {
	From      int64  `cbor:"1,keyasint"` // Unix seconds
	To        int64  `cbor:"2,keyasint"`
	Structure string `cbor:"3,keyasint,omitempty"`
	At        int64  `cbor:"4,keyasint"`
}

// Paper is a report byte for byte as it was published.
type Paper struct {
	JSON []byte `cbor:"1,keyasint"` // the canonical form, whose SHA-256 is the digest
	CSV  []byte `cbor:"2,keyasint"`
}

// paperOf is a report as it is kept for those who will ask for it.
func paperOf(r *report.Report) (p Paper, err error) {
	for format, to := range map[string]*[]byte{"json": &p.JSON, "csv": &p.CSV} {
		var b bytes.Buffer
		if err := r.Write(&b, format); err != nil {
			return Paper{}, err
		}
		*to = b.Bytes()
	}
	return p, nil
}

// Paper is the report of a digest as it was published; whether it was, the public
// log says. Errors: [ErrNoReport] if it is not kept here, as reports are not that
// were published before this was; [ErrDamaged] if it is not of its digest any more.
func (d *Docket) Paper(ctx context.Context, digest [32]byte) (Paper, error) {
	value, err := d.Records.Get(ctx, key(tagPaper, string(digest[:])))
	if errors.Is(err, records.ErrNotFound) {
		return Paper{}, ErrNoReport
	}
	if err != nil {
		return Paper{}, fmt.Errorf("couldn't read the published report: %w", err)
	}
	var p Paper
	if err := cbor.Unmarshal(value, &p); err != nil || sha256.Sum256(p.JSON) != digest {
		return Paper{}, fmt.Errorf("%w: a published report is not what its digest says", ErrDamaged)
	}
	return p, nil
}

// Published is a report whose digest is in the public log.
type Published struct {
	report.Publication
	Digest [32]byte
	At     time.Time
}

// Published are the reports that were published, in the order of their periods,
// those of one period in the order in which they were.
func (d *Docket) Published(ctx context.Context) (out []Published, err error) {
	prefix := key(tagReport)
	entries, _, err := d.Records.Scan(ctx, records.Range{Start: prefix, End: records.PrefixEnd(prefix), Limit: records.MaxLimit})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the published reports: %w", err)
	}
	for _, e := range entries {
		var p publication
		one := Published{}
		if err := cbor.Unmarshal(e.Value, &p); err != nil || copy(one.Digest[:], e.Key[len(prefix):]) != len(one.Digest) {
			return nil, fmt.Errorf("%w: a published report's record cannot be read", ErrDamaged)
		}
		one.From, one.To = time.Unix(p.From, 0).UTC(), time.Unix(p.To, 0).UTC()
		one.Structure, one.At = report.Structure(p.Structure), from(p.At)
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Published) int {
		return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To), a.At.Compare(b.At))
	})
	return out, nil
}

// Publications are the reports that were published before, as the next one has
// to know them.
func (d *Docket) Publications(ctx context.Context) (out []report.Publication, err error) {
	all, err := d.Published(ctx)
	for _, p := range all {
		out = append(out, p.Publication)
	}
	return out, err
}

// Publish puts a report's digest into the public log, and keeps its bytes, so that
// whoever finds the digest there can be given them ([Docket.Paper]). It returns
// when the digest is published. A second report of a period names the first.
func (d *Docket) Publish(ctx context.Context, who Actor, r *report.Report) (proof.Report, error) {
	digest := r.Digest()
	p := r.Publication()
	out := proof.Report{Digest: hex.EncodeToString(digest[:]), From: p.From.Format(time.DateOnly), To: p.To.Format(time.DateOnly), Structure: string(p.Structure)}
	first, corrects := r.Correction()
	if corrects {
		out.Corrects = hex.EncodeToString(first[:])
	}
	if err := who.publishes(); err != nil {
		d.audit(ctx, who, "publish-report", out.Digest, err)
		return out, err
	}
	before, err := d.Publications(ctx)
	if err != nil {
		return out, err
	}
	for _, b := range before {
		if b.From.Equal(p.From) && b.To.Equal(p.To) && !corrects {
			return out, refuse(ErrState, "a report of this period was published: name it with --corrects")
		}
	}
	if err := d.audit(ctx, who, "publish-report", out.Digest, nil); err != nil {
		return out, err
	}
	value, err := encoding.Marshal(publication{From: p.From.Unix(), To: p.To.Unix(), Structure: string(p.Structure), At: micro(d.now())})
	if err != nil {
		return out, fmt.Errorf("couldn't note the report: %w", err)
	}
	paper, err := paperOf(r)
	if err != nil {
		return out, err
	}
	kept, err := encoding.Marshal(paper)
	if err != nil {
		return out, fmt.Errorf("couldn't keep the report: %w", err)
	}
	// Before the log has the digest: no digest is public whose report is lost.
	var keep records.Batch
	keep.Put(key(tagPaper, string(digest[:])), kept)
	if err := d.Records.Apply(ctx, &keep); err != nil {
		return out, fmt.Errorf("couldn't keep the report: %w", err)
	}
	if _, err := d.Book.Publish(ctx, "report/"+out.Digest, proof.KindReport, out); err != nil {
		return out, fmt.Errorf("couldn't publish the report's digest: %w", err)
	}
	var b records.Batch
	b.Put(key(tagReport, string(digest[:])), value)
	if err := d.Records.Apply(ctx, &b); err != nil {
		return out, fmt.Errorf("couldn't note the report: %w", err)
	}
	return out, nil
}
