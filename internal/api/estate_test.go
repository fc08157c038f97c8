package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/api/apitest"
	"writ/internal/records"
	"writ/internal/staff"
	"writ/internal/vault"
)

func (h *house) get(who, path string, out any) {
	h.T.Helper()
	h.Must(h.Desk(who).Do(h.Ctx, "GET", path, nil, out))
}

// idle waits until nothing runs any more, and returns how everything ended.
func (h *house) idle() (u api.Upkeep) {
	h.T.Helper()
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if h.get("jun operator", "upkeep", &u); len(u.Running) == 0 {
			return u
		}
	}
	h.T.Fatalf("still running: %+v", u.Running)
	return u
}

// TestUpkeepFromAfar: an operator begins a check, a reclaim and a rotation, sees
// how they end, and the audit trail has who it was.
func TestUpkeepFromAfar(t *testing.T) {
	h := newHouse(t)
	h.Put("letters/calder", "the fever is gone")
	jun := h.Desk("jun operator")
	for _, path := range []string{"upkeep/check", "upkeep/reclaim", "customers/harbour-clinic/rotate"} {
		h.Must(jun.Do(h.Ctx, "POST", path, nil, nil))
		h.idle()
	}
	u := h.idle()
	if len(u.Last) != 2 || u.Last[0].Check == nil || u.Last[0].Check.Versions != 1 || u.Last[0].Failed != "" || u.Last[1].Job != vault.JobReclaim || len(u.Rotates) > 0 || len(u.Growth) != 1 {
		t.Errorf("%+v", u)
	}
	var c api.KeptCustomer
	h.get("jun operator", "customers/harbour-clinic", &c)
	if c.KeyVersion != 2 || c.OldestKey != 1 || c.Rotation != nil || c.Buckets != 1 || c.Bytes != 17 {
		t.Errorf("%+v", c)
	}
	for act, object := range map[string]string{"upkeep.begin": "check", "customer.rotate": string(c.ID)} {
		list, _, err := h.Staff.Audit(h.Ctx, staff.AuditFilter{Act: act, Object: object}, 0, 10)
		if err != nil || len(list) != 1 || list[0].Who != "jun.park" || list[0].Outcome != staff.Done {
			t.Errorf("%s: %+v %v", act, list, err)
		}
	}
	for path, want := range map[string]int{"upkeep/shred": 422, "upkeep/rotate": 422, "customers/nobody/rotate": 404} {
		var p *api.Problem
		if err := jun.Do(h.Ctx, "POST", path, nil, nil); !errors.As(err, &p) || p.Status != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	h.Must(h.Vault.ShredCustomer(h.Ctx, c.ID))
	var p *api.Problem
	if err := jun.Do(h.Ctx, "POST", "customers/harbour-clinic/rotate", nil, nil); !errors.As(err, &p) || p.Status != 410 {
		t.Errorf("keys that are gone are rotated: %v", err)
	}
}

// TestEstatePages: customers, buckets and inboxes come a page at a time, in order,
// each once, and no name of an object is among them.
func TestEstatePages(t *testing.T) {
	h := newHouse(t)
	h.Put("letters/unmistakable", "the fever is gone")
	for i := range 5 {
		_, err := h.Vault.AddCustomer(h.Ctx, fmt.Sprintf("mill-street-%d", i))
		h.Must(err)
		_, err = h.Vault.CreateBucket(h.Ctx, h.Owner, vault.BucketOptions{Name: writ.BucketName(fmt.Sprintf("ward-%d", i))})
		h.Must(err)
	}
	var names []string
	for after := ""; ; {
		var page api.CustomerPage
		h.get("jun operator", "customers?limit=2&after="+after, &page)
		for _, c := range page.Customers {
			names = append(names, c.Name)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "harbour-clinic mill-street-0 mill-street-1 mill-street-2 mill-street-3 mill-street-4" {
		t.Errorf("customers: %s", got)
	}
	names = nil
	for after := writ.BucketName(""); ; {
		var page api.BucketPage
		h.get("jun operator", "customers/harbour-clinic/buckets?limit=2&after="+string(after), &page)
		for _, b := range page.Buckets {
			names = append(names, string(b.Name))
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "ward-0 ward-1 ward-2 ward-3 ward-4 ward-seven" {
		t.Errorf("buckets: %s", got)
	}
	_, err := h.Notices.SetContacts(h.Ctx, h.Owner.Customer, nil)
	h.Must(err)
	var boxes api.InboxStatePage
	h.get("jun operator", "inboxes?limit=3", &boxes)
	if len(boxes.Inboxes) != 3 || boxes.Next == "" || !boxes.Inboxes[0].Inbox || boxes.Inboxes[0].Messages != 0 {
		t.Errorf("inboxes: %+v", boxes)
	}
	for _, path := range []string{"customers", "customers/harbour-clinic", "customers/harbour-clinic/buckets", "status", "upkeep", "inboxes"} {
		if body := h.Ask("jun operator", "GET", "/api/v1/"+path, nil, "").Body; strings.Contains(body, "unmistakable") {
			t.Errorf("%s names an object", path)
		}
	}
}

// TestSettingsTellNoSecret: each setting is told with where it comes from.
func TestSettingsTellNoSecret(t *testing.T) {
	h := newHouse(t)
	var all []api.SettingState
	h.get("jun operator", "settings", &all)
	found := map[string]api.SettingState{}
	for _, s := range all {
		found[s.Key] = s
	}
	if s := found["data"]; !s.Changed || s.Value != h.Dir || s.Place != "variable WRIT_DATA" || s.Flag != "--data" {
		t.Errorf("%+v", s)
	}
	if s := found["region"]; s.Changed || s.Place != "default" || s.Value != "us-east-1" {
		t.Errorf("%+v", s)
	}
}

var passing = regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:.]+Z|"(batch|size|queued|process)":\d+|/[^"]*/\d{3}|127\.0\.0\.1:\d+|"log\+[^"]*"|"key":"[^"]*"|"[A-Za-z0-9_-]{22}"`)

// TestOperatorsSeeNoPreservation: of everything that operators may read, nothing
// differs between a house that preserves data under a secret order, whose kept data
// are damaged as well, and one that never heard of it. Counsel is told.
func TestOperatorsSeeNoPreservation(t *testing.T) {
	run := func(secret bool) (string, *house) {
		h := newHouse(t)
		for _, key := range []writ.ObjectKey{"letters/calder", "letters/moss"} {
			h.Put(key, "the fever is gone")
		}
		if secret {
			c, err := h.Desk("noor").Receive(h.Ctx, api.DemandInput{Demand: h.EPOC("7 Gs 412/26")})
			h.Must(err)
			_, err = h.Desk("noor").Attach(h.Ctx, string(c.Case), "order", "epoc.pdf", "", "", []byte("%PDF-1.7\n% an order\n"))
			h.Must(err)
			_, err = h.Desk("noor").Move(h.Ctx, string(c.Case), "authenticate", api.AuthenticateInput{Means: "national-system", Note: "seal verified", Genuine: true})
			h.Must(err)
			_, err = h.Desk("noor").Move(h.Ctx, string(c.Case), "preserve", api.PreserveInput{Customer: "harbour-clinic", Scope: apitest.Wards, Why: "Article 10(1)"})
			h.Must(err)
		}
		for _, key := range []writ.ObjectKey{"letters/calder", "letters/moss"} {
			_, err := h.Vault.Delete(h.Ctx, h.Owner, vault.DeleteInput{ObjectRef: vault.ObjectRef{Bucket: "ward-seven", Key: key}})
			h.Must(err)
		}
		if secret { // what is kept loses its bytes: inline data of deleted versions
			list, _, err := h.Store.Scan(h.Ctx, records.Prefix([]byte{'d'}))
			h.Must(err)
			var b records.Batch
			for _, e := range list {
				b.Delete(e.Key)
			}
			h.Must(h.Store.Apply(h.Ctx, &b))
		}
		h.Put("other/list", "the fever is gone")
		jun := h.Desk("jun operator")
		for _, path := range []string{"upkeep/check", "upkeep/reclaim", "customers/harbour-clinic/rotate"} {
			h.Must(jun.Do(h.Ctx, "POST", path, nil, nil))
			h.idle()
		}
		var seen strings.Builder
		for _, path := range []string{"status", "settings", "customers", "customers/harbour-clinic", "customers/harbour-clinic/buckets", "upkeep", "inboxes"} {
			r := h.Ask("jun operator", "GET", "/api/v1/"+path, nil, "")
			if r.Status != 200 || !json.Valid([]byte(r.Body)) {
				t.Fatalf("%s: %d %s", path, r.Status, r.Body)
			}
			fmt.Fprintf(&seen, "%s: %s\n", path, passing.ReplaceAllString(r.Body, ""))
		}
		return seen.String(), h
	}
	without, _ := run(false)
	with, h := run(true)
	if with != without {
		t.Errorf("operators see, with a preservation:\n%s\nand without:\n%s", with, without)
	}
	var d api.Damage
	h.get("mira", "damage", &d)
	if d.Damaged != 2 || len(d.Cases) != 1 || d.Cases[0].Count != 2 || d.Versions != 2 {
		t.Errorf("counsel is told %+v", d)
	}
	if r := h.Ask("jun operator", "GET", "/api/v1/damage", nil, ""); r.Status != 403 {
		t.Errorf("an operator asks for it: %d", r.Status)
	}
}
