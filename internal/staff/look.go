package staff

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/mtibben/confusables"
	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"

	"writ"
	"writ/internal/records"
)

// WarningKind is in which way an authority looks like another.
type WarningKind string

// The ways.
const (
	SameName   WarningKind = "same-name"   // a name that is the other's too
	LookAlike  WarningKind = "look-alike"  // a name that looks the same, in other characters
	NearName   WarningKind = "near-name"   // a name with one or two letters changed
	DomainLike WarningKind = "domain-like" // a mail domain that looks like the other's
)

// Warning says that an authority looks like one in the directory.
type Warning struct {
	Kind  WarningKind
	Other writ.AuthorityID
	Mine  string // the name or domain as given
	Hers  string // the one that it looks like; a skeleton where that is all that is kept
}

// maxWarnings is the most that are told at once.
const maxWarnings = 50

// fold is how names are compared in a search: without case, accents and
// repeated spaces, in compatible characters.
func fold(s string) string {
	return clip(strings.Join(strings.Fields(stripMarks(strings.ToLower(norm.NFKC.String(s)))), " "), maxOfficial)
}

func stripMarks(s string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s)))
}

// skeleton is what a name looks like: two names that a reader takes for each
// other have the same. It is the skeleton of Unicode Technical Standard 39, of
// the folded name, and goes further: "i" and "l" are one, accents and
// punctuation don't count.
func skeleton(s string) string {
	s = strings.ToLower(confusables.Skeleton(fold(s)))
	s = stripMarks(s)
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == 'i':
			b.WriteByte('l')
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		default:
			b.WriteByte(' ')
		}
	}
	return clip(strings.Join(strings.Fields(b.String()), " "), maxOfficial)
}

// checkDomain makes a domain canonical: lower case, in the letters that a reader
// sees.
func checkDomain(d string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(strings.ToLower(d))
	if err != nil || len(ascii) > 253 || !strings.Contains(ascii, ".") || strings.HasPrefix(ascii, ".") || strings.HasSuffix(ascii, ".") || strings.Contains(ascii, "..") {
		return "", fmt.Errorf("%w: %q is not a domain (as in justiz-falkenmoor.example)", ErrForm, clip(d, 60))
	}
	u, err := idna.Lookup.ToUnicode(ascii)
	if err != nil {
		return "", fmt.Errorf("%w: %q is not a domain (as in justiz-falkenmoor.example)", ErrForm, clip(d, 60))
	}
	return u, nil
}

// registered is the part of a domain that somebody registered, in the letters that
// a reader sees: the public suffix and the label before it.
func registered(d string) string {
	ascii, err := idna.Lookup.ToASCII(d)
	if err != nil {
		return d
	}
	part, err := publicsuffix.EffectiveTLDPlusOne(ascii)
	if err != nil {
		return d
	}
	if u, err := idna.Lookup.ToUnicode(part); err == nil {
		return u
	}
	return part
}

// domainLook is what a domain looks like, and what it does without its last
// label. Dots and hyphens are left out: they are what is moved most easily.
func domainLook(d string) (whole, stem string) {
	joined := func(s string) string { return strings.ReplaceAll(skeleton(s), " ", "") }
	return joined(d), joined(d[:max(strings.LastIndexByte(d, '.'), 0)])
}

// LooksLike says which authorities of the directory one that is described could
// be taken for, the most alike first.
func (s *Staff) LooksLike(ctx context.Context, d Description) ([]Warning, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return s.lookAlikes(ctx, d, "")
}

// lookAlikes compares a description with the directory: names within the country,
// domains anywhere.
func (s *Staff) lookAlikes(ctx context.Context, d Description, self writ.AuthorityID) ([]Warning, error) {
	var found []Warning
	add := func(w Warning) {
		if w.Other != self && len(found) < maxWarnings && !slices.ContainsFunc(found, func(f Warning) bool { return f.Other == w.Other && f.Mine == w.Mine }) {
			found = append(found, w)
		}
	}
	if err := s.nameLooks(ctx, d, add); err != nil {
		return nil, err
	}
	if err := s.domainLooks(ctx, d, add); err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b Warning) int { return severity[a.Kind] - severity[b.Kind] })
	return found, nil
}

var severity = map[WarningKind]int{LookAlike: 0, DomainLike: 1, SameName: 2, NearName: 3}

func (s *Staff) nameLooks(ctx context.Context, d Description, add func(Warning)) error {
	looks := map[string]string{} // by skeleton: the name
	for _, name := range d.names() {
		if k := skeleton(name); k != "" {
			looks[k] = name
		}
	}
	prefix := key(tagLook, d.Country)
	return each(ctx, s.store, keysOnly(prefix), func(e records.Entry) (bool, error) {
		look, id, err := splitLast(e.Key[len(prefix):])
		if err != nil {
			return false, err
		}
		for mine, name := range looks {
			if mine == look {
				w, err := s.sameLook(ctx, id, look, name)
				if err != nil {
					return false, err
				}
				add(w)
			} else if near(mine, look) {
				add(Warning{NearName, id, name, look})
			}
		}
		return true, nil
	})
}

// sameLook tells the same name from one that only looks so.
func (s *Staff) sameLook(ctx context.Context, id writ.AuthorityID, look, name string) (Warning, error) {
	rec, err := getAuthority(ctx, s.store, id)
	if err != nil {
		return Warning{}, err
	}
	w := Warning{LookAlike, id, name, look}
	d := rec.description()
	for _, hers := range d.names() {
		if skeleton(hers) != look {
			continue
		}
		w.Hers = hers
		if fold(hers) == fold(name) {
			w.Kind = SameName
			break
		}
	}
	return w, nil
}

func (s *Staff) domainLooks(ctx context.Context, d Description, add func(Warning)) error {
	mine := d.domains()
	if len(mine) == 0 {
		return nil
	}
	prefix := key(tagDomain)
	return each(ctx, s.store, keysOnly(prefix), func(e records.Entry) (bool, error) {
		hers, id, err := splitLast(e.Key[len(prefix):])
		if err != nil {
			return false, err
		}
		for _, m := range mine {
			if domainsAlike(m, hers) {
				add(Warning{DomainLike, id, m, hers})
			}
		}
		return true, nil
	})
}

// domainsAlike says whether a domain could be taken for another, as a whole or
// by what somebody registered of it. Domains that are one registration's are not
// alike but the same house's.
func domainsAlike(a, b string) bool {
	ownA, ownB := registered(a), registered(b)
	if ownA == ownB {
		return false
	}
	return domainPair(ownA, ownB) || a != ownA && domainPair(a, ownB) || b != ownB && (domainPair(ownA, b) || domainPair(a, b))
}

func domainPair(a, b string) bool {
	wholeA, stemA := domainLook(a)
	wholeB, stemB := domainLook(b)
	return wholeA == wholeB || stemA == stemB && len(stemA) >= 4 || near(wholeA, wholeB)
}

// near says whether two looks differ in one or two characters; in short ones, in
// one.
func near(a, b string) bool {
	if len(a)-len(b) > 8 || len(b)-len(a) > 8 { // two characters have at most 8 bytes
		return false
	}
	most := 2
	if min(len(a), len(b)) < 6 {
		most = 1
	}
	return distance([]rune(a), []rune(b), most) <= most
}

// distance is Levenshtein's, or most+1 as soon as it is known to be greater.
func distance(a, b []rune, most int) int {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > most {
		return most + 1
	}
	var space [2][maxOfficial + 1]int
	row, next := space[0][:len(a)+1], space[1][:len(a)+1]
	for i := range row {
		row[i] = i
	}
	for j := 1; j <= len(b); j++ {
		next[0] = j
		least := j
		for i := 1; i <= len(a); i++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[i] = min(row[i-1]+cost, row[i]+1, next[i-1]+1)
			least = min(least, next[i])
		}
		if least > most {
			return most + 1
		}
		row, next = next, row
	}
	return min(row[len(a)], most+1)
}

func keysOnly(prefix []byte) records.Range {
	r := records.Prefix(prefix)
	r.KeysOnly, r.Limit = true, records.MaxLimit
	return r
}

// splitLast reads a key's rest: a text, a zero byte and an authority's id.
func splitLast(b []byte) (string, writ.AuthorityID, error) {
	at := strings.LastIndexByte(string(b), 0)
	if at < 0 {
		return "", "", fmt.Errorf("%w: a key of the directory", ErrRecords)
	}
	return string(b[:at]), writ.AuthorityID(b[at+1:]), nil
}
