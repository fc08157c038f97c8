package public

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"writ/internal/console/page"
	"writ/internal/ledger"
	"writ/internal/proof"
)

// perPage is how many statements a page of the log shows.
const perPage = 50

// kinds are what the list can be narrowed to; "" is everything.
var kinds = []string{"", proof.KindPolicy, proof.KindRelease, proof.KindReport, marked}

// ledgerPage is what /ledger shows.
type ledgerPage struct {
	State   state
	Head    head
	Kind    string
	Kinds   []string
	Entries []entry
	First   bool   // the page begins with the newest
	Next    uint64 // where the next page begins; 0 if there is none
	Read    uint64 // of the index, if it is not complete
	URL     string
}

func (p *pages) ledger(v *page.Visit) error {
	h, err := readHead(v.Context(), p.Log)
	if err != nil {
		return err
	}
	d := ledgerPage{State: p.state(v.Now()), Head: h, Kind: v.Query("kind"), Kinds: kinds, First: true, URL: address(v)}
	if !slices.Contains(kinds, d.Kind) {
		return missing("the log has no statements of this kind", "they are policy, release, report and batch")
	}
	before := h.Size
	if text := v.Query("before"); text != "" {
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return missing("the log has no such place", "places are counted from 0")
		}
		d.First, before = n >= h.Size, min(n, h.Size)
	}
	if d.Kind == "" {
		from := before - min(before, perPage)
		if d.Entries, err = entries(v.Context(), p.Log, from, before, h.Size); err != nil {
			return err
		}
		d.Next = from
		return v.Render("ledger", d)
	}
	read, size, err := p.caughtUp(v)
	if err != nil {
		return err
	}
	if read < size {
		d.Read = read
	}
	places := p.Index.before(d.Kind, before, perPage+1)
	if len(places) > perPage {
		places = places[:perPage]
		d.Next = places[perPage-1]
	}
	if d.Entries, err = p.read(v, places); err != nil {
		return err
	}
	return v.Render("ledger", d)
}

// read reads some entries.
func (p *pages) read(v *page.Visit, places []uint64) (all []entry, err error) {
	for _, index := range places {
		leaf, err := p.Log.Leaf(v.Context(), index)
		if err != nil {
			return nil, fmt.Errorf("couldn't read entry %d: %w", index, err)
		}
		all = append(all, readEntry(index, leaf))
	}
	return all, nil
}

// statementPage is what /ledger/{index} shows.
type statementPage struct {
	entry
	Head     head
	Previous bool
	Next     bool
	Holders  []holder // of a policy
	URL      string
}

// Before and After are the neighbours' indexes.
func (s statementPage) Before() uint64 { return s.Index - 1 }

// After is the index of the entry behind.
func (s statementPage) After() uint64 { return s.Index + 1 }

func (p *pages) statement(v *page.Visit) error {
	e, h, err := p.one(v)
	if err != nil {
		return err
	}
	d := statementPage{entry: e, Head: h, Previous: e.Index > 0, Next: e.Index+1 < h.Size, URL: address(v)}
	if e.Policy != nil {
		d.Holders = holdersOf(*e.Policy)
	}
	return v.Render("statement", d)
}

// one is the entry that the path names, and the head of the log that it is in.
func (p *pages) one(v *page.Visit) (e entry, h head, err error) {
	if h, err = readHead(v.Context(), p.Log); err != nil {
		return e, h, err
	}
	text := v.Path("index")
	index, err := strconv.ParseUint(text, 10, 63)
	if err != nil || text != strconv.FormatUint(index, 10) || index >= h.Size {
		return e, h, missing("the published log has no such entry", fmt.Sprintf("it has the entries 0 to %d", max(h.Size, 1)-1))
	}
	leaf, err := p.Log.Leaf(v.Context(), index)
	if errors.Is(err, ledger.ErrNoLeaf) {
		return e, h, missing("the published log has no such entry", "")
	}
	if err != nil {
		return e, h, fmt.Errorf("couldn't read entry %d: %w", index, err)
	}
	return readEntry(index, leaf), h, nil
}

// receipt gives the receipt of one entry under the newest checkpoint.
func (p *pages) receipt(v *page.Visit) error {
	e, h, err := p.one(v)
	if err != nil {
		return err
	}
	path, err := p.Log.Prove(v.Context(), e.Index, h.Size)
	if err != nil {
		return fmt.Errorf("couldn't prove entry %d: %w", e.Index, err)
	}
	r, err := proof.NewReceipt(e.Leaf, e.Index, path, []byte(h.Signed))
	if err != nil {
		return err
	}
	b, err := r.Marshal()
	if err != nil {
		return err
	}
	give(v, b, "application/json", fmt.Sprintf("entry-%d.receipt.json", e.Index), "public, max-age=1")
	return nil
}

// give answers with a file for whoever wants to check it, from wherever.
func give(v *page.Visit, body []byte, media, name, cache string) {
	h := v.W.Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", cache)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if v.R.Method != http.MethodHead {
		v.W.Write(body)
	}
}
