package staff

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"writ"
	"writ/internal/records"
)

// Kind is what an authority is.
type Kind string

// The kinds. Which of them may issue what is the law packs' to say.
const (
	Judge              Kind = "judge"
	Court              Kind = "court"
	InvestigatingJudge Kind = "investigating-judge"
	Prosecutor         Kind = "prosecutor"
	Police             Kind = "police"
	Agency             Kind = "agency"
	Ministry           Kind = "ministry"
	CentralAuthority   Kind = "central-authority"
	OtherKind          Kind = "other"
)

var kinds = []Kind{Judge, Court, InvestigatingJudge, Prosecutor, Police, Agency, Ministry, CentralAuthority, OtherKind}

// Description is what an authority is called and where it belongs. Name, country
// and kind are all that it takes: an order of the EU comes from authorities that
// nobody enrolled (Regulation (EU) 2023/1543, Article 19).
type Description struct {
	Name    string            // official, in its own language; at most 200 bytes
	Names   map[string]string // in other languages, by BCP 47
	Country string            // ISO 3166-1 alpha-2, or "EU"
	Kind    Kind
	Parent  writ.AuthorityID // what it is part of, or who oversees it
	Aliases []string         // short names, former names
	Domains []string         // from which its mail comes
	Mails   []string         // hints for a human reader; never authority
}

// Authority is an entry of the directory.
type Authority struct {
	ID writ.AuthorityID
	Description
	CallBacks []CallBack
	Keys      []Key
	Suspended bool // not to be dealt with until counsel says otherwise

	Version uint32 // counted from 1
	At      time.Time
	By      writ.Person // who made this version
	What    string      // the act that made it
}

// Bounds of an entry.
const (
	maxOfficial  = 200 // bytes of a name
	maxNames     = 24
	maxAliases   = 32
	maxDomains   = 16
	maxCallBacks = 16
	maxKeys      = 32
	maxVersions  = 10_000
	maxParents   = 8 // of parents above each other
)

// check makes a description canonical, or says what is wrong with it.
func (d *Description) check() error {
	if err := checkText("the authority's name", d.Name, 1, maxOfficial); err != nil {
		return err
	}
	if err := checkCountry(d.Country); err != nil {
		return err
	}
	if !slices.Contains(kinds, d.Kind) {
		return fmt.Errorf("%w: %q is not a kind of authority (one of %q)", ErrForm, clip(string(d.Kind), 20), kinds)
	}
	if len(d.Names) > maxNames || len(d.Aliases) > maxAliases || len(d.Domains) > maxDomains || len(d.Mails) > maxDomains {
		return fmt.Errorf("%w: an authority has at most %d names in other languages, %d aliases, %d domains and %d addresses", ErrForm, maxNames, maxAliases, maxDomains, maxDomains)
	}
	names := make(map[string]string, len(d.Names))
	for lang, name := range d.Names {
		tag, err := language.Parse(lang)
		if err != nil || len(lang) > 35 {
			return fmt.Errorf("%w: %q is not a language (as in de or fr-BE)", ErrForm, clip(lang, 40))
		}
		if err := checkText("a name in another language", name, 1, maxOfficial); err != nil {
			return err
		}
		names[tag.String()] = name
	}
	d.Names = names
	for _, alias := range d.Aliases {
		if err := checkText("an alias", alias, 1, maxOfficial); err != nil {
			return err
		}
	}
	d.Aliases, d.Mails = slices.Clone(d.Aliases), slices.Clone(d.Mails)
	for _, m := range d.Mails {
		if _, err := mailDomain(m); err != nil {
			return err
		}
	}
	d.Domains = slices.Clone(d.Domains)
	for i, domain := range d.Domains {
		canonical, err := checkDomain(domain)
		if err != nil {
			return err
		}
		d.Domains[i] = canonical
	}
	return nil
}

func checkCountry(c string) error {
	region, err := language.ParseRegion(c)
	if c != "EU" && (err != nil || len(c) != 2 || region.Canonicalize().String() != c || !region.IsCountry()) {
		return fmt.Errorf("%w: %q is not a country (two capital letters of ISO 3166-1, or EU)", ErrForm, clip(c, 10))
	}
	return nil
}

// names are all names of a description, the official one first.
func (d *Description) names() []string {
	all := []string{d.Name}
	for _, lang := range slices.Sorted(maps.Keys(d.Names)) {
		all = append(all, d.Names[lang])
	}
	return append(all, d.Aliases...)
}

// domains are those of a description, and those of its mail addresses.
func (d *Description) domains() []string {
	all := slices.Clone(d.Domains)
	for _, m := range d.Mails {
		if domain, err := mailDomain(m); err == nil {
			if canonical, err := checkDomain(domain); err == nil {
				all = append(all, canonical)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (r *authorityRecord) description() Description {
	return Description{Name: r.Name, Names: r.Names, Country: r.Country, Kind: r.Kind, Parent: r.Parent, Aliases: r.Aliases, Domains: r.Domains, Mails: r.Mails}
}

func (r *authorityRecord) describe(d Description) {
	r.Name, r.Names, r.Country, r.Kind, r.Parent, r.Aliases, r.Domains, r.Mails = d.Name, d.Names, d.Country, d.Kind, d.Parent, d.Aliases, d.Domains, d.Mails
}

func (r *authorityRecord) authority(id writ.AuthorityID) Authority {
	a := Authority{ID: id, Description: r.description(), Suspended: r.Suspended, Version: r.Version, At: fromNano(r.At), By: r.By, What: r.What}
	for _, c := range r.CallBacks {
		a.CallBacks = append(a.CallBacks, c.callBack())
	}
	for _, k := range r.Keys {
		a.Keys = append(a.Keys, k.key())
	}
	return a
}

// Roles that keep the directory. The operator has no part in it.
var directory = []writ.Role{writ.RoleIntake, writ.RoleCounsel}

// AddAuthority takes an authority into the directory. It takes intake or counsel.
// What it looks like is told, and doesn't stop it: that is for the one who reads
// the warnings to judge.
func (s *Staff) AddAuthority(ctx context.Context, by Identity, d Description) (writ.AuthorityID, []Warning, error) {
	if err := d.check(); err != nil {
		return "", nil, err
	}
	id := writ.NewAuthorityID()
	warnings, err := s.lookAlikes(ctx, d, id)
	if err != nil {
		return "", nil, err
	}
	a := &act{name: "authority.add", object: string(id), roles: directory, why: warningWords(warnings)}
	err = s.change(ctx, by, a, func(tx records.Tx, now time.Time, _ bool) error {
		if err := checkParent(ctx, tx, id, d.Parent); err != nil {
			return err
		}
		rec := &authorityRecord{Version: 1, At: nano(now), By: by.Person, What: a.name}
		rec.describe(d)
		putAuthority(tx, id, nil, rec)
		return nil
	})
	if err != nil {
		return "", nil, err
	}
	return id, warnings, nil
}

func checkParent(ctx context.Context, tx records.Reader, id, parent writ.AuthorityID) error {
	for range maxParents {
		if parent == "" {
			return nil
		}
		if parent == id {
			return fmt.Errorf("%w: an authority would be its own parent", ErrForm)
		}
		rec, err := getAuthority(ctx, tx, parent)
		if err != nil {
			return err
		}
		parent = rec.Parent
	}
	return fmt.Errorf("%w: more than %d authorities above each other", ErrForm, maxParents)
}

func getAuthority(ctx context.Context, r records.Reader, id writ.AuthorityID) (*authorityRecord, error) {
	rec := new(authorityRecord)
	return rec, get(ctx, r, authorityKey(id), "authority "+clip(string(id), 22), rec)
}

// putAuthority writes a version of an authority, and what finds it.
func putAuthority(tx records.Tx, id writ.AuthorityID, before, after *authorityRecord) {
	old := map[string]bool{}
	if before != nil {
		for _, k := range before.indexes(id) {
			old[string(k)] = true
		}
		tx.Put(earlierKey(id, before.Version), encodeRecord(before))
	}
	for _, k := range after.indexes(id) {
		if !old[string(k)] {
			tx.Put(k, nil)
		}
		delete(old, string(k))
	}
	for k := range old {
		tx.Delete([]byte(k))
	}
	tx.Put(authorityKey(id), encodeRecord(after))
}

// changeAuthority makes the next version of an authority; fn returns what the
// audit trail says of it.
func (s *Staff) changeAuthority(ctx context.Context, by Identity, name string, roles []writ.Role, id writ.AuthorityID, fn func(tx records.Tx, r *authorityRecord, now time.Time) (why string, err error)) error {
	a := &act{name: name, object: clip(string(id), 22), roles: roles}
	return s.change(ctx, by, a, func(tx records.Tx, now time.Time, _ bool) error {
		before, err := getAuthority(ctx, tx, id)
		if err != nil {
			return err
		}
		after := *before
		after.CallBacks, after.Keys = slices.Clone(before.CallBacks), slices.Clone(before.Keys)
		if a.why, err = fn(tx, &after, now); err != nil {
			return err
		}
		if before.Version >= maxVersions {
			return fmt.Errorf("%w: the authority was changed %d times, and no more is kept", ErrForm, maxVersions)
		}
		after.Version, after.At, after.By, after.What = before.Version+1, nano(now), by.Person, name
		putAuthority(tx, id, before, &after)
		return nil
	})
}

// ChangeAuthority describes an authority anew. version is the one that was read:
// if another came meanwhile it is [ErrState], and nothing happened. It takes
// intake or counsel.
func (s *Staff) ChangeAuthority(ctx context.Context, by Identity, id writ.AuthorityID, version uint32, d Description) ([]Warning, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	warnings, err := s.lookAlikes(ctx, d, id)
	if err != nil {
		return nil, err
	}
	err = s.changeAuthority(ctx, by, "authority.change", directory, id, func(tx records.Tx, r *authorityRecord, _ time.Time) (string, error) {
		if r.Version != version {
			return "", fmt.Errorf("%w: somebody changed the authority meanwhile: read it again", ErrState)
		}
		r.describe(d)
		return warningWords(warnings), checkParent(ctx, tx, id, d.Parent)
	})
	if err != nil {
		return nil, err
	}
	return warnings, nil
}

// Suspend marks an authority, so that nobody deals with it unawares; Resume takes
// the mark away. The reason is for the audit trail. Suspend takes intake or
// counsel, Resume counsel.
func (s *Staff) Suspend(ctx context.Context, by Identity, id writ.AuthorityID, why string) error {
	return s.setSuspended(ctx, by, "authority.suspend", directory, id, true, why)
}

// Resume: see [Staff.Suspend].
func (s *Staff) Resume(ctx context.Context, by Identity, id writ.AuthorityID, why string) error {
	return s.setSuspended(ctx, by, "authority.resume", []writ.Role{writ.RoleCounsel}, id, false, why)
}

func (s *Staff) setSuspended(ctx context.Context, by Identity, name string, roles []writ.Role, id writ.AuthorityID, suspended bool, why string) error {
	if err := checkText("the reason", why, 1, maxWhy); err != nil {
		return err
	}
	return s.changeAuthority(ctx, by, name, roles, id, func(_ records.Tx, r *authorityRecord, _ time.Time) (string, error) {
		if r.Suspended == suspended {
			return "", fmt.Errorf("%w: it is so already", ErrState)
		}
		r.Suspended = suspended
		return why, nil
	})
}

// Authority returns one authority. Errors: [ErrNotFound].
func (s *Staff) Authority(ctx context.Context, id writ.AuthorityID) (Authority, error) {
	rec, err := getAuthority(ctx, s.store, id)
	if err != nil {
		return Authority{}, err
	}
	return rec.authority(id), nil
}

// AuthorityHistory returns an authority's versions, the newest first.
func (s *Staff) AuthorityHistory(ctx context.Context, id writ.AuthorityID) ([]Authority, error) {
	now, err := s.Authority(ctx, id)
	if err != nil {
		return nil, err
	}
	list := []Authority{now}
	over := records.Prefix(key(tagEarlier, string(id), ""))
	over.Reverse = true
	err = each(ctx, s.store, over, func(e records.Entry) (bool, error) {
		rec := new(authorityRecord)
		if err := decodeRecord(e.Value, rec); err != nil {
			return false, err
		}
		if rec.Version < now.Version { // a newer one came between the two reads
			list = append(list, rec.authority(id))
		}
		return true, nil
	})
	return list, err
}

// warningWords say for the audit trail what was warned of, by ids alone.
func warningWords(warnings []Warning) string {
	words := make([]string, 0, len(warnings))
	for _, w := range warnings {
		words = append(words, string(w.Kind)+" "+string(w.Other))
	}
	return strings.Join(words, ", ")
}
