package docket

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"writ"
	"writ/internal/law"
	"writ/internal/records"
)

// DeliverInput says how a package reaches the authority.
type DeliverInput struct {
	Means       string // national-system, download or in-person
	Certificate []byte // of a download: SHA-256 of the client's certificate; empty for a one-time code
	Times       int    // of a download: how often it may begin; 0 is 3
	Until       time.Time
	Note        string
}

// Deliver hands a package over: as a file for the national system or in
// person, or to be downloaded, a bounded number of times, until it expires. The
// one-time code is told once. Where another authority may still raise a ground,
// nothing leaves before its time.
func (d *Docket) Deliver(ctx context.Context, who Actor, id writ.CaseID, in DeliverInput) (c *Case, code string, err error) {
	out := Delivery{Means: in.Means, Until: utc(in.Until), Note: in.Note}
	if err := note("note", in.Note, false); err != nil {
		return nil, "", err
	}
	switch in.Means {
	case "national-system", "in-person":
	case "download":
		if out, code, err = d.download(in, out); err != nil {
			return nil, "", err
		}
	default:
		return nil, "", refuse(ErrBounds, "%q is no way to deliver; it is one of national-system, download, in-person", in.Means)
	}
	c, err = d.move(ctx, who, id, func(tx records.Tx, c *Case) ([]draft, error) {
		if err := here(c); err != nil {
			return nil, err
		}
		for _, clock := range d.ClocksOf(c) {
			if clock.NotBefore.After(d.now()) && (clock.State == law.Running || clock.State == law.Paused) {
				return nil, refuse(ErrLaw, "nothing leaves before %s: until then the notified authority may raise a ground (%s); writ case clock %s authority-cleared ends that", clock.NotBefore.Format(time.RFC3339), clock.Article, id)
			}
		}
		drafts := []draft{{kind: Delivered, body: out}}
		if c.Secrecy != nil && c.Secrecy.Basis == writ.TellAfter && len(c.Notices) == 0 {
			queued, err := d.notify(ctx, tx, c, noticeAfter, d.now(), proven{})
			if err != nil {
				return nil, err
			}
			drafts = append(drafts, queued)
		}
		return drafts, nil
	})
	if err != nil {
		return nil, "", err
	}
	return c, code, nil
}

// download completes a delivery by download.
func (d *Docket) download(in DeliverInput, out Delivery) (Delivery, string, error) {
	out.Times = in.Times
	if out.Times == 0 {
		out.Times = 3
	}
	if out.Until.IsZero() {
		out.Until = d.now().Add(14 * 24 * time.Hour)
	}
	switch {
	case out.Times < 1 || out.Times > 100:
		return out, "", refuse(ErrBounds, "a package may be fetched 1 to 100 times")
	case !out.Until.After(d.now()) || out.Until.After(d.now().AddDate(1, 0, 0)):
		return out, "", refuse(ErrBounds, "a delivery ends in the future, within a year")
	case len(in.Certificate) == sha256.Size:
		out.Client = in.Certificate
		return out, "", nil
	case len(in.Certificate) > 0:
		return out, "", refuse(ErrBounds, "a client's certificate is named by its SHA-256")
	}
	var b [20]byte
	rand.Read(b[:])
	code := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
	out.Token = codeDigest(code)
	return out, code, nil
}

// codeDigest is what is kept of a one-time code.
func codeDigest(code string) []byte {
	sum := sha256.Sum256([]byte("writ/delivery-code/v1\n" + strings.ToLower(strings.TrimSpace(code))))
	return sum[:]
}

// ErrDelivery: whoever asks for a package is not who it is for, or its time or
// number is over. There is one answer to all of it.
var ErrDelivery = errors.New("there is no such delivery")

// Collector is who asks for a package: by a one-time code, or by a client's
// certificate that the connection has proven.
type Collector struct {
	Code        string
	Certificate []byte // SHA-256 of the client's certificate
	Addr        string
}

// Offer is what a collector may fetch, how often and until when, and when the
// authority's word came that it has it.
type Offer struct {
	Production
	Times     int
	Until     time.Time
	Confirmed time.Time
}

// Offered says what a collector may fetch. Errors: [ErrDelivery].
func (d *Docket) Offered(ctx context.Context, id writ.CaseID, who Collector) (Offer, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return Offer{}, ErrDelivery
	}
	dl, err := d.mayFetch(c, who)
	if err != nil {
		return Offer{}, err
	}
	return Offer{*c.Production, dl.Times, dl.Until, c.Confirmed}, nil
}

// mayFetch finds the delivery that is for a collector.
func (d *Docket) mayFetch(c *Case, who Collector) (*Delivery, error) {
	if c.Production == nil {
		return nil, ErrDelivery
	}
	code := codeDigest(who.Code)
	for i := range c.Deliveries {
		dl := &c.Deliveries[i]
		if dl.Means != "download" || !d.now().Before(dl.Until) {
			continue
		}
		byCode := len(dl.Token) > 0 && who.Code != "" && subtle.ConstantTimeCompare(dl.Token, code) == 1
		byCertificate := len(dl.Client) > 0 && len(who.Certificate) > 0 && subtle.ConstantTimeCompare(dl.Client, who.Certificate) == 1
		if byCode || byCertificate {
			return dl, nil
		}
	}
	return nil, ErrDelivery
}

// Fetch opens a file of the package for a collector who asks for so many bytes
// of it. What is asked for of a volume is written down before it is given, and
// bounded; the two small files that describe the package are not counted.
func (d *Docket) Fetch(ctx context.Context, id writ.CaseID, who Collector, name string, bytes func(size int64) (int64, error)) (*os.File, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return nil, ErrDelivery
	}
	dl, err := d.mayFetch(c, who)
	if err != nil {
		return nil, err
	}
	if !d.inPackage(c, name) {
		return nil, ErrDelivery
	}
	f, err := os.Open(filepath.Join(d.folder(id), name))
	if err != nil {
		return nil, fmt.Errorf("couldn't open the package: %w", err)
	}
	i := slices.IndexFunc(c.Production.Volumes, func(v ProducedVolume) bool { return v.Name == name })
	if i < 0 {
		return f, nil
	}
	n, err := bytes(c.Production.Volumes[i].Size)
	if err == nil {
		number := dl.Number
		_, err = d.self(ctx, id, func(records.Tx, *Case) ([]draft, error) {
			return []draft{{kind: Fetched, body: fetch{Delivery: number, Addr: who.Addr, Volume: name, Bytes: n}}}, nil
		})
	}
	if err != nil {
		f.Close()
		if errors.Is(err, ErrState) {
			return nil, ErrDelivery
		}
		return nil, err
	}
	return f, nil
}

func (d *Docket) inPackage(c *Case, name string) bool {
	return name == "package.json" || name == "SHA256SUMS" ||
		slices.ContainsFunc(c.Production.Volumes, func(v ProducedVolume) bool { return v.Name == name })
}

// Package copies a file of the package out, for the national system.
func (d *Docket) Package(ctx context.Context, who Actor, id writ.CaseID, name string) (io.ReadCloser, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	if _, err := who.as(c, Delivered); err != nil {
		d.refused(ctx, &who, id, err)
		return nil, err
	}
	if c.Production == nil || !d.inPackage(c, name) {
		return nil, refuse(ErrState, "the case has no such package")
	}
	if err := d.audit(ctx, who, "copy-package", string(id), nil); err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(d.folder(id), name))
	if err != nil {
		return nil, fmt.Errorf("couldn't open the package: %w", err)
	}
	return f, nil
}

// Confirm notes that the authority has the package.
func (d *Docket) Confirm(ctx context.Context, who Actor, id writ.CaseID, text string) (*Case, error) {
	if err := note("note", text, true); err != nil {
		return nil, err
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		return []draft{{kind: Confirmed, body: confirmation{text}}}, here(c)
	})
}

// Receipt is the collector's own word that it has the package; the first counts.
func (d *Docket) Receipt(ctx context.Context, id writ.CaseID, who Collector, text string) error {
	c, err := d.Case(ctx, id)
	if err != nil {
		return ErrDelivery
	}
	if _, err := d.mayFetch(c, who); err != nil {
		return err
	}
	if err := note("note", text, false); err != nil {
		return err
	}
	_, err = d.self(ctx, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if !c.Confirmed.IsZero() {
			return nil, nil // whoever may fetch can't fill the case with receipts
		}
		return []draft{{kind: Confirmed, body: confirmation{text}}}, nil
	})
	return err
}

// Export attaches data of a system that Writ does not keep: it goes into the
// package, labelled as not enforced by the gate.
func (d *Docket) Export(ctx context.Context, who Actor, id writ.CaseID, in DocumentInput, system, text string) (*Case, error) {
	if err := line("name of the system", system, true); err != nil {
		return nil, err
	}
	if err := note("note", text, false); err != nil {
		return nil, err
	}
	in.Kind = "export"
	doc, err := d.Attach(ctx, who, id, in)
	if err != nil {
		return nil, err
	}
	return d.move(ctx, who, id, func(_ records.Tx, c *Case) ([]draft, error) {
		if c.Opening != nil {
			return nil, refuse(ErrState, "the production has begun: what it holds is fixed")
		}
		return []draft{{kind: ExportAdded, body: Export{Document: doc.ID, System: system, Note: text}}}, nil
	})
}
