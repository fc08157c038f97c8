package report

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// published reads one of the published files.
func published(t testing.TB, name string) (head []string, rows [][]string) {
	t.Helper()
	all, err := csv.NewReader(bytes.NewReader(file(t, name))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return all[0], all[1:]
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/github", name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// pick keeps the head of a published file and its lines that begin with one of
// the prefixes, byte by byte.
func pick(t testing.TB, name string, prefixes ...string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(string(file(t, name))) {
		if out.Len() == 0 || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(line, p) }) {
			out.WriteString(line)
		}
	}
	return out.String()
}

// demands makes lines of an import that amount to published figures.
type demands struct {
	lines []map[string]any
	n     int
}

// terms are the publisher's types in the words of the import format.
var terms = map[string][2]string{
	"criminal or government agency subpoena": {"us.subpoena", "criminal"},
	"criminal court order":                   {"us.2703d", "criminal"},
	"criminal search warrant":                {"us.warrant", "criminal"},
	"cross-border request":                   {"foreign.direct", "criminal"},
	"civil subpoena":                         {"us.subpoena", "civil"},
	"exigent circumstances":                  {"us.emergency", "criminal"},
}

// add makes one demand received on a day of the period.
func (d *demands) add(instrument, matter, country string, received time.Time) map[string]any {
	d.n++
	line := map[string]any{
		"ref": fmt.Sprintf("gh-%05d", d.n), "received": received.Format(time.DateOnly),
		"agency":     map[string]any{"name": "Agency " + country, "country": country},
		"instrument": instrument, "matter": matter, "accounts_specified": 1,
		"closed": map[string]any{"at": received.AddDate(0, 0, 9).Format(time.DateOnly), "outcome": "rejected", "notice": "none", "accounts_affected": 0},
	}
	d.lines = append(d.lines, line)
	return line
}

func disclose(line map[string]any) {
	c := line["closed"].(map[string]any)
	c["outcome"] = "non-content"
	if line["instrument"] == "us.warrant" {
		c["outcome"] = "content"
	}
	c["notice"] = "gagged"
	c["accounts_affected"] = 1
}

func closedOf(line map[string]any) map[string]any { return line["closed"].(map[string]any) }

// rows makes the demands of rows of received-disclosed. Half is 0 for a whole
// year. What is disclosed over what was received becomes a demand of its own,
// without a day on which it was received: it never was.
func (d *demands) rows(rows [][]string, half int) {
	for _, r := range rows {
		year, _ := strconv.Atoi(r[0])
		r := r[1:]
		if half != 0 {
			half, _ = strconv.Atoi(r[0])
			r = r[1:]
		}
		term := terms[r[0]]
		received, _ := strconv.Atoi(r[1])
		disclosed, _ := strconv.Atoi(r[2])
		for i := range max(received, disclosed) {
			country := "US"
			if term[0] == "foreign.direct" {
				country = "IN"
			}
			line := d.add(term[0], term[1], country, dayIn(year, half, i))
			if i < disclosed {
				disclose(line)
			}
			if i >= received {
				delete(line, "received")
			}
		}
	}
}

// dayIn returns some day of a period, others for other i, the first and the
// last among them.
func dayIn(year, half, i int) time.Time {
	from, until := period{year, half}.days()
	days := int(until.Sub(from).Hours() / 24)
	return from.AddDate(0, 0, (days-1)*(i%3)/2)
}

func (d *demands) of(instrument string, year, half int) (out []map[string]any) {
	for _, l := range d.lines {
		if l["received"] == nil {
			continue
		}
		at, _ := time.Parse(time.DateOnly, l["received"].(string))
		if l["instrument"] == instrument && at.Year() == year && (half == 0 || periodOf(At(at), Half).half == half) {
			out = append(out, l)
		}
	}
	return out
}

func (d *demands) disclosed(year, half int) (out []map[string]any) {
	for _, l := range d.lines {
		at, _ := time.Parse(time.DateOnly, fmt.Sprint(l["received"]))
		if closedOf(l)["outcome"] != "rejected" && at.Year() == year && (half == 0 || periodOf(At(at), Half).half == half) {
			out = append(out, l)
		}
	}
	return out
}

// accounts spreads a period's accounts over its disclosures, one each and the
// rest on the last.
func accountsOver(lines []map[string]any, n int) {
	for _, l := range lines {
		closedOf(l)["accounts_affected"] = 1
	}
	closedOf(lines[len(lines)-1])["accounts_affected"] = n - (len(lines) - 1)
}

// countriesOver gives a period's cross-border requests their countries.
func countriesOver(t testing.TB, lines []map[string]any, rows [][]string) {
	t.Helper()
	i := 0
	for _, r := range rows {
		n, _ := strconv.Atoi(r[len(r)-1])
		for range n {
			lines[i]["agency"].(map[string]any)["country"] = r[len(r)-2]
			i++
		}
	}
	if i != len(lines) {
		t.Fatalf("%d countries for %d requests", i, len(lines))
	}
}

// national makes letters and orders whose bands are the published ones, each
// number at another place of its band.
func (d *demands) national(t testing.TB, rows [][]string) {
	t.Helper()
	for i := 0; i < len(rows); i += 2 {
		year, _ := strconv.Atoi(rows[i][0])
		half := map[string]int{"Jan-Jun": 1, "Jul-Dec": 2}[rows[i][1]]
		var n, low, high int
		if _, err := fmt.Sscanf(rows[i][3], "%d-%d", &n, new(int)); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(rows[i+1][3], "%d-%d", &low, &high); err != nil {
			t.Fatal(err)
		}
		accounts := low + (i*37)%(high-low+1)
		if n+accounts > 0 {
			n += 3
		}
		for k := range n {
			line := d.add([]string{"us.nsl", "us.fisa"}[k%2], "national-security", "US", dayIn(year, half, k))
			line["accounts_specified"] = 0
			if k == 0 {
				disclose(line)
				closedOf(line)["accounts_affected"] = accounts
			}
		}
	}
}

// imported reads the lines by ReadImport.
func (d *demands) imported(t testing.TB) ([]Case, error) {
	t.Helper()
	var cases []Case
	err := ReadImport(bytes.NewReader(d.file(t)), func(_ int, in Demand) error {
		c, historic := in.Case()
		if !historic {
			t.Errorf("%s isn't closed", in.Ref)
		}
		cases = append(cases, c)
		return nil
	})
	return cases, err
}

func dayOf(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func githubOptions(table string, by By, from, to string) Options {
	return Options{Layout: GitHub, Table: table, By: by, From: dayOf(from), To: dayOf(to), Made: dayOf("2026-11-24")}
}

func csvOf(t testing.TB, cases []Case, o Options) string {
	t.Helper()
	r, err := Make(slices.Values(cases), o)
	if err != nil {
		t.Fatalf("%s by %s: %v", o.Table, o.By, err)
	}
	var b bytes.Buffer
	if err := r.Write(&b, "csv"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// yearsOf keeps the rows of some years.
func yearsOf(rows [][]string, years ...string) (out [][]string) {
	for _, r := range rows {
		if slices.Contains(years, r[0]) {
			out = append(out, r)
		}
	}
	return out
}

// docket2023 amounts to everything that is published of 2023, at once.
func docket2023(t testing.TB) *demands {
	d := new(demands)
	_, halves := published(t, "requests_received_and_disclosed_by_calendar_year_half")
	d.rows(halves, 1)
	_, accounts := published(t, "requests_accounts_affected_by_calendar_year_half")
	_, abroad := published(t, "cross_border_data_requests_by_calendar_year_half")
	_, notices := published(t, "user_notifications_of_legal_request_disclosures_by_calendar_year_half")
	for half := 1; half <= 2; half++ {
		is := func(r []string) bool { return r[1] != fmt.Sprint(half) }
		countriesOver(t, d.of("foreign.direct", 2023, half), slices.DeleteFunc(slices.Clone(abroad), is))
		told := d.disclosed(2023, half)
		n, _ := strconv.Atoi(slices.DeleteFunc(slices.Clone(accounts), is)[0][2])
		accountsOver(told, n)
		i := 0
		for _, r := range slices.DeleteFunc(slices.Clone(notices), is) {
			n, _ := strconv.Atoi(r[3])
			for range n {
				closedOf(told[i])["notice"] = map[string]string{"exigent circumstances": "exigent", "notification": "given", "gag order": "gagged"}[r[2]]
				i++
			}
		}
		if i != len(told) {
			t.Fatalf("%d notices of %d disclosures", i, len(told))
		}
	}
	return d
}

// docket adds to 2023 what of 2022 adds up, and all national-security bands.
func docket(t testing.TB) *demands {
	d := docket2023(t)
	_, years := published(t, "requests_received_and_disclosed")
	d.rows(yearsOf(years, "2022"), 0)
	accountsOver(d.disclosed(2022, 0), 2363)
	_, bands := published(t, "national_security_letters_and_orders")
	d.national(t, bands)
	return d
}

func TestPublishedTables(t *testing.T) {
	cases, err := docket(t).imported(t)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(cases) // the order of cases must not matter
	for _, x := range []struct {
		name, table string
		by          By
		from, to    string
		rows        []string // that the file has of these years
	}{
		{"requests_received_and_disclosed", ReceivedDisclosed, Year, "2022-01-01", "2023-12-31", []string{"2023", "2022"}},
		{"requests_received_and_disclosed", ReceivedDisclosed, Year, "2023-01-01", "2023-12-31", []string{"2023"}},
		{"requests_received_and_disclosed_by_calendar_year_half", ReceivedDisclosed, Half, "2023-01-01", "2023-12-31", []string{""}},
		{"requests_accounts_affected", Accounts, Year, "2022-01-01", "2023-12-31", []string{"2023", "2022"}},
		{"requests_accounts_affected_by_calendar_year_half", Accounts, Half, "2023-01-01", "2023-12-31", []string{""}},
		{"user_notifications_of_legal_request_disclosures_by_calendar_year_half", Notifications, Half, "2023-01-01", "2023-12-31", []string{""}},
		{"cross_border_data_requests", CrossBorder, Year, "2023-01-01", "2023-12-31", []string{"2023"}},
		{"cross_border_data_requests_by_calendar_year_half", CrossBorder, Half, "2023-01-01", "2023-12-31", []string{""}},
		{"cross_border_data_requests_by_calendar_year_half", CrossBorder, Half, "2023-07-01", "2023-12-31", []string{"2023,2"}},
		{"national_security_letters_and_orders", NationalTable, Half, "2014-01-01", "2023-12-31", []string{""}},
		{"national_security_letters_and_orders", NationalTable, Year, "2022-01-01", "2023-12-31", []string{"2023", "2022"}},
	} {
		if got, want := csvOf(t, cases, githubOptions(x.table, x.by, x.from, x.to)), pick(t, x.name, x.rows...); got != want {
			t.Errorf("%s, %s to %s:\n%q\nwant\n%q", x.name, x.from, x.to, got, want)
		}
	}
}

// What is published of cross-border requests before 2023 contradicts, or is
// not in, what is published of received ones: a docket of its own amounts to
// the whole file, one that has to give both tables can't be.
func TestPublishedCountries(t *testing.T) {
	_, rows := published(t, "cross_border_data_requests")
	d := new(demands)
	for _, r := range rows {
		year, _ := strconv.Atoi(r[0])
		n, _ := strconv.Atoi(r[3])
		for i := range n {
			d.add("foreign.direct", "criminal", r[2], dayIn(year, 0, i))
		}
	}
	cases, err := d.imported(t)
	if err != nil {
		t.Fatal(err)
	}
	o := githubOptions(CrossBorder, Year, "2019-01-01", "2023-12-31")
	if got, want := csvOf(t, cases, o), string(file(t, "cross_border_data_requests")); got != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	received := map[string]string{"2023": "30", "2022": "18", "2021": "18"}
	sums := map[string]int{}
	for _, r := range rows {
		n, _ := strconv.Atoi(r[3])
		sums[r[0]] += n
	}
	for year, adds := range map[string]bool{"2023": true, "2022": false, "2021": false} {
		if (strconv.Itoa(sums[year]) == received[year]) != adds {
			t.Errorf("%s: %d by country, %s received; docs/reports.md says otherwise", year, sums[year], received[year])
		}
	}
}

// The accounts of 2021 can stand alone; the year's other rows can't.
func TestPublishedAccounts(t *testing.T) {
	d := new(demands)
	for year, n := range map[int]int{2023: 1205, 2022: 2363, 2021: 1671} {
		line := d.add("us.subpoena", "criminal", "US", dayIn(year, 0, 1))
		disclose(line)
		accountsOver([]map[string]any{line}, n)
	}
	cases, err := d.imported(t)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := csvOf(t, cases, githubOptions(Accounts, Year, "2021-01-01", "2023-12-31")), string(file(t, "requests_accounts_affected")); got != want {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

// The rows of 2021 say that more was disclosed than received. No import can
// amount to them, in whatever way it tries.
func TestImpossibleYear(t *testing.T) {
	_, years := published(t, "requests_received_and_disclosed")
	make2021 := func(change func(i int, surplus map[string]any)) *demands {
		d := new(demands)
		d.rows(yearsOf(years, "2021"), 0)
		n := 0
		for _, l := range d.lines {
			if l["received"] == nil {
				change(n, l)
				n++
			}
		}
		if n != 269-183+170-94+64-22 {
			t.Fatalf("%d disclosed without receipt", n)
		}
		return d
	}
	table := githubOptions(ReceivedDisclosed, Year, "2021-01-01", "2021-12-31")

	t.Run("disclosed and never received", func(t *testing.T) {
		_, err := make2021(func(int, map[string]any) {}).imported(t)
		if !errors.Is(err, ErrImport) || !strings.Contains(err.Error(), "line 184: received is missing") {
			t.Error(err)
		}
	})
	t.Run("disclosed twice", func(t *testing.T) {
		_, err := make2021(func(i int, l map[string]any) {
			l["ref"], l["received"] = fmt.Sprintf("gh-%05d", i+1), "2021-03-01"
		}).imported(t)
		if !errors.Is(err, ErrImport) || !strings.Contains(err.Error(), `line 184: ref "gh-00001" is on line 1 already`) {
			t.Error(err)
		}
	})
	t.Run("received after it was disclosed", func(t *testing.T) {
		cases, err := make2021(func(_ int, l map[string]any) { l["received"] = "2022-01-01" }).imported(t)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, cases, table, "gh-00184", "before it was received (2022-01-01)")
	})
	t.Run("accounts without a disclosure", func(t *testing.T) {
		cases, err := make2021(func(_ int, l map[string]any) {
			l["received"] = "2021-03-01"
			closedOf(l)["outcome"] = "no-data"
		}).imported(t)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, cases, table, "gh-00184", "1 accounts affected, but nothing was disclosed (no-data)")
	})
	// A docket's own case can lack what an import can't.
	t.Run("cases never received", func(t *testing.T) {
		cases, err := make2021(func(_ int, l map[string]any) { l["received"] = "2021-03-01" }).imported(t)
		if err != nil {
			t.Fatal(err)
		}
		d := make2021(func(int, map[string]any) {})
		for i, l := range d.lines {
			if l["received"] == nil {
				cases[i].Received, cases[i].Closed = 0, At(dayOf("2021-03-10"))
			}
		}
		refusal := refused(t, cases, table, "gh-00184", "never received")
		var rows []string
		for _, c := range refusal.Contradictions {
			if strings.HasPrefix(c.What, "2021, ") {
				rows = append(rows, c.What)
				if c.Ref == "" {
					t.Errorf("nobody is to blame: %v", c)
				}
			}
		}
		want := []string{
			"2021, criminal court order: 170 disclosed of 94 received",
			"2021, criminal or government agency subpoena: 269 disclosed of 183 received",
			"2021, criminal search warrant: 64 disclosed of 22 received",
		}
		if !slices.Equal(rows, want) {
			t.Errorf("%q", rows)
		}
	})
	// Received the year before: true, and it counts there. The row of 2021 is
	// not what was published.
	t.Run("received the year before", func(t *testing.T) {
		cases, err := make2021(func(_ int, l map[string]any) { l["received"] = "2020-12-31" }).imported(t)
		if err != nil {
			t.Fatal(err)
		}
		got := csvOf(t, cases, table)
		if !strings.Contains(got, "2021,criminal or government agency subpoena,183,183\r\n") {
			t.Error(got)
		}
	})
}

// refused makes a report that must be refused for that reason.
func refused(t testing.TB, cases []Case, o Options, ref, what string) *Refusal {
	t.Helper()
	_, err := Make(slices.Values(cases), o)
	var r *Refusal
	if !errors.As(err, &r) {
		t.Fatalf("not refused: %v", err)
	}
	for _, c := range r.Contradictions {
		if c.Ref == ref && strings.Contains(c.What, what) {
			return r
		}
	}
	t.Fatalf("%s isn't blamed with %q: %v", ref, what, err)
	return nil
}
