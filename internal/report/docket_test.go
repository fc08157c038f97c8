package report_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"writ"
	"writ/internal/docket"
	"writ/internal/law"
	"writ/internal/ledger"
	"writ/internal/records"
	"writ/internal/report"
	"writ/internal/staff"
	"writ/packs"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openDocket opens a docket over records, without the rooms that an import does
// not need.
func openDocket(t testing.TB, store records.Store) *docket.Docket {
	t.Helper()
	ctx := context.Background()
	secret, vkey, err := note.GenerateKey(rand.Reader, "ledger.quayside.example")
	must(t, err)
	signer, err := note.NewSigner(secret)
	must(t, err)
	log, err := ledger.NewMemory(signer)
	must(t, err)
	book, err := ledger.OpenBook(ctx, ledger.Config{Log: log, LogKey: vkey, Records: records.NewMemory()})
	must(t, err)
	t.Cleanup(func() { book.Close() })
	l, err := law.Load(packs.FS, nil)
	must(t, err)
	people, err := staff.New(store, time.Now)
	must(t, err)
	d, err := docket.Open(ctx, docket.Config{Records: store, Book: book, Law: l, Staff: people, Provider: docket.Provider{Country: "US", TimeZone: "UTC"}})
	must(t, err)
	return d
}

// TestPublishedTablesThroughTheDocket imports demands that amount to what was
// published, twice, restarts, and gets the tables back byte for byte.
func TestPublishedTablesThroughTheDocket(t *testing.T) {
	ctx, store := context.Background(), records.NewMemory()
	d := openDocket(t, store)
	file := report.PublishedImport(t)
	lines := bytes.Count(file, []byte("\n"))
	who := docket.Actor{Person: "noor.adeyemi", Roles: []writ.Role{writ.RoleIntake}, Via: "test"}
	in, err := d.Import(ctx, who, bytes.NewReader(file))
	must(t, err)
	if in.Historic != lines || in.Known != 0 {
		t.Fatalf("%+v of %d lines", in, lines)
	}
	in, err = d.Import(ctx, who, bytes.NewReader(file))
	must(t, err)
	if in.Historic != 0 || in.Known != lines {
		t.Fatalf("a second import made cases: %+v", in)
	}
	d = openDocket(t, store)
	for _, c := range []struct {
		table    string
		by       report.By
		from, to string
		file     string
		years    []string
	}{
		{"received-disclosed", report.Half, "2023-01-01", "2023-12-31", "requests_received_and_disclosed_by_calendar_year_half", nil},
		{"received-disclosed", report.Year, "2022-01-01", "2023-12-31", "requests_received_and_disclosed", []string{"2023", "2022"}},
		{"accounts", report.Half, "2023-01-01", "2023-12-31", "requests_accounts_affected_by_calendar_year_half", nil},
		{"accounts", report.Year, "2022-01-01", "2023-12-31", "requests_accounts_affected", []string{"2023", "2022"}},
		{"notifications", report.Half, "2023-01-01", "2023-12-31", "user_notifications_of_legal_request_disclosures_by_calendar_year_half", nil},
		{"cross-border", report.Half, "2023-01-01", "2023-12-31", "cross_border_data_requests_by_calendar_year_half", nil},
		{"cross-border", report.Year, "2023-01-01", "2023-12-31", "cross_border_data_requests", []string{"2023"}},
		{"national-security", report.Half, "2014-01-01", "2023-12-31", "national_security_letters_and_orders", nil},
	} {
		day := func(s string) time.Time { at, err := time.Parse(time.DateOnly, s); must(t, err); return at }
		r, err := report.Make(d.Cases(), report.Options{Layout: report.GitHub, Table: c.table, By: c.by, From: day(c.from), To: day(c.to), Made: day("2026-11-24")})
		if err != nil {
			t.Errorf("%s by %s: %v", c.table, c.by, err)
			continue
		}
		var b bytes.Buffer
		must(t, r.Write(&b, "csv"))
		want := report.PublishedFile(t, c.file, c.years...)
		if got := b.String(); got != want && got != string(bytes.ReplaceAll([]byte(want), []byte("\r\n"), []byte("\n"))) {
			t.Errorf("%s by %s:\n%s\nwant\n%s", c.table, c.by, got, want)
		}
	}
	for _, row := range mustList(d) {
		if row.Mark != docket.Historic {
			t.Fatal("an imported case is not marked historic")
		}
	}
}

func mustList(d *docket.Docket) []docket.Row {
	rows, _ := d.List(docket.Filter{Limit: 1000})
	return rows
}
