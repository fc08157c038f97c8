package staff

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"strings"

	"writ"
	"writ/internal/records"
)

// AuthorityFilter chooses authorities; what is empty chooses all.
type AuthorityFilter struct {
	Name    string // how a name, or a word in one, begins; case and accents don't count
	Country string
	Kind    Kind
	Status  Status
}

// Status is whether an authority is suspended.
type Status string

// The states.
const (
	Active    Status = "active"
	Suspended Status = "suspended"
)

// Levels of the index by name: a search finds names before words in them.
const (
	levelName  = '0' // the official name
	levelOther = '1' // in another language, an alias
	levelWord  = '2' // from the second word of one of those on
	everywhere = "--"
	maxWords   = 12 // of one name that are found
)

// nameIndex are the texts under which an authority is found, with their levels
// before them.
func (d *Description) nameIndex() []string {
	var all []string
	for i, name := range d.names() {
		level, text := byte(levelName), fold(name)
		if i > 0 {
			level = levelOther
		}
		all = append(all, string(level)+text)
		for range maxWords {
			_, rest, more := strings.Cut(text, " ")
			if !more {
				break
			}
			text = rest
			all = append(all, string(levelWord)+text)
		}
	}
	return all
}

// indexes are all keys under which an authority is found.
func (r *authorityRecord) indexes(id writ.AuthorityID) (keys [][]byte) {
	d := r.description()
	for _, text := range d.nameIndex() {
		keys = append(keys, key(tagName, everywhere+text, string(id)), key(tagName, r.Country+text, string(id)))
	}
	for _, name := range d.names() {
		if look := skeleton(name); look != "" {
			keys = append(keys, key(tagLook, r.Country+look, string(id)))
		}
	}
	for _, domain := range d.domains() {
		keys = append(keys, key(tagDomain, domain, string(id)))
	}
	return keys
}

// Authorities returns authorities in order of their names: those of which a name
// begins so, then those with a word that does, in order of that word. At most limit (default 100) are
// returned, from the cursor on; next is the following page's, empty when there is
// none. A page may be short, or empty, before the last. Errors: [ErrForm].
func (s *Staff) Authorities(ctx context.Context, f AuthorityFilter, cursor string, limit int) (list []Authority, next string, err error) {
	q, err := newSearch(f, cursor, pageLimit(limit))
	if err != nil {
		return nil, "", err
	}
	for ; q.level <= q.last; q.level++ {
		over := records.Prefix(q.prefix())
		over.KeysOnly = true
		if q.from != nil {
			over.Start, q.from = append(q.from, 0), nil
		}
		err := each(ctx, s.store, over, func(e records.Entry) (bool, error) { return q.look(ctx, s.store, e.Key) })
		if err != nil {
			return nil, "", err
		}
		if q.full() {
			return q.found, base64.RawURLEncoding.EncodeToString(q.at), nil
		}
	}
	return q.found, "", nil
}

// search is one page of a search.
type search struct {
	filter AuthorityFilter
	scope  string
	text   string
	level  byte
	last   byte   // level
	from   []byte // key behind which it begins
	limit  int
	looked int
	at     []byte // key that was looked at last
	found  []Authority
}

func newSearch(f AuthorityFilter, cursor string, limit int) (*search, error) {
	q := &search{filter: f, scope: everywhere, text: fold(f.Name), level: levelName, last: levelWord, limit: limit}
	if q.text == "" {
		q.last = levelName
	}
	if f.Country != "" {
		if err := checkCountry(f.Country); err != nil {
			return nil, err
		}
		q.scope = f.Country
	}
	if cursor == "" {
		return q, nil
	}
	from, err := base64.RawURLEncoding.DecodeString(cursor)
	if n := len(key(tagName, q.scope)); err == nil && len(from) > n {
		q.level = from[n]
		if q.level >= levelName && q.level <= q.last && bytes.HasPrefix(from, q.prefix()) && len(from) < 1024 {
			q.from = from
			return q, nil
		}
	}
	return nil, fmt.Errorf("%w: the page to go on from is not one of this search", ErrForm)
}

func (q *search) prefix() []byte { return key(tagName, q.scope+string(q.level)+q.text) }

func (q *search) full() bool { return len(q.found) >= q.limit || q.looked >= lookAt }

// look takes what one key of the index finds, unless an earlier key found it.
func (q *search) look(ctx context.Context, r records.Reader, k []byte) (bool, error) {
	q.looked, q.at = q.looked+1, k
	text, id, err := splitLast(k[len(key(tagName, q.scope)):])
	if err != nil {
		return false, err
	}
	rec, err := getAuthority(ctx, r, id)
	if err != nil {
		return false, err
	}
	if d := rec.description(); q.passes(rec) && q.first(d) == text {
		q.found = append(q.found, rec.authority(id))
	}
	return !q.full(), nil
}

func (q *search) passes(r *authorityRecord) bool {
	return (q.filter.Kind == "" || r.Kind == q.filter.Kind) && (q.filter.Status == "" || r.Suspended == (q.filter.Status == Suspended))
}

// first is the first text under which this search finds an authority.
func (q *search) first(d Description) (least string) {
	for _, text := range d.nameIndex() {
		if text[0] <= q.last && strings.HasPrefix(text[1:], q.text) && (least == "" || text < least) {
			least = text
		}
	}
	return least
}
