package report

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"writ"
)

const goodLine = `{"ref":"r-1","received":"2023-06-30","agency":{"name":"Landgericht Falkenmoor","country":"DE"},"instrument":"domestic","matter":"criminal","accounts_specified":2,"closed":{"at":"2023-07-04","outcome":"non-content","notice":"given","accounts_affected":1}}`

func readAll(r io.Reader) (out []Demand, err error) {
	err = ReadImport(r, func(line int, d Demand) error {
		out = append(out, d)
		return nil
	})
	return out, err
}

func TestReadImport(t *testing.T) {
	open := `{"ref":"r-2","received":"2026-11-24T10:00:00+01:00","agency":{"name":"Tribunal de Valbrume","country":"FR"},"instrument":"eu.epoc","matter":"criminal","emergency":true,"asked":"content"}`
	got, err := readAll(strings.NewReader(goodLine + "\r\n" + open))
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	c, historic := got[0].Case()
	want := Case{
		Ref: "r-1", Country: "DE", Instrument: "domestic", Matter: Criminal, Outcome: NonContent, Notice: Given,
		Received: At(dayOf("2023-06-30")), Closed: At(dayOf("2023-07-04")), Specified: 2, Affected: 1, Historic: true,
	}
	if !historic || !reflect.DeepEqual(c, want) {
		t.Errorf("%+v", c)
	}
	d := got[1]
	if _, historic := d.Case(); historic || d.Received != time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) || !d.Emergency || d.Asked != writ.ClassContent || d.Agency.Name != "Tribunal de Valbrume" {
		t.Errorf("%+v", d)
	}
}

// A date is some time of its day.
func TestSameDay(t *testing.T) {
	for _, x := range []struct {
		received, closed string
		refused          bool
	}{
		{"2023-06-30T15:00:00Z", "2023-06-30", false},
		{"2023-06-30", "2023-06-30", false},
		{"2023-06-30T15:00:00Z", "2023-06-30T14:59:59Z", true},
		{"2023-06-30", "2023-06-29", true},
	} {
		line := strings.NewReplacer("2023-06-30", x.received, "2023-07-04", x.closed).Replace(goodLine)
		got, err := readAll(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		c, _ := got[0].Case()
		if (c.Closed < c.Received) != x.refused {
			t.Errorf("%s, %s: %v, %v", x.received, x.closed, c.Received.Time(), c.Closed.Time())
		}
	}
}

func TestImportRefuses(t *testing.T) {
	for want, line := range map[string]string{
		"not a JSON object":                         `[1]`,
		"not UTF-8":                                 strings.Replace(goodLine, "Falkenmoor", "\xff", 1),
		"empty: one JSON object a line":             " ",
		"something follows":                         goodLine + "{}",
		"not well-formed":                           goodLine[:len(goodLine)-1],
		"ref is missing":                            strings.Replace(goodLine, `"ref":"r-1",`, "", 1),
		"ref is empty":                              strings.Replace(goodLine, `"r-1"`, `" "`, 1),
		"ref must be text":                          strings.Replace(goodLine, `"r-1"`, `1`, 1),
		"ref is longer than 128 bytes":              strings.Replace(goodLine, "r-1", strings.Repeat("r", 129), 1),
		"ref holds a control character":             strings.Replace(goodLine, "r-1", `r\u001b`, 1),
		"ref is there twice":                        strings.Replace(goodLine, `"ref"`, `"ref":"x","ref"`, 1),
		"agency.name is there twice":                strings.Replace(goodLine, `"name"`, `"name":"x","name"`, 1),
		"agency is there twice":                     strings.Replace(goodLine, `"agency"`, `"agency":{},"agency"`, 1),
		`"Ref" is not a field`:                      strings.Replace(goodLine, `"ref"`, `"Ref"`, 1),
		`"closed.reason" is not a field`:            strings.Replace(goodLine, `"at"`, `"reason":"x","at"`, 1),
		"agency is not a JSON object":               strings.Replace(goodLine, `{"name":"Landgericht Falkenmoor","country":"DE"}`, `"x"`, 1),
		"ref must be a plain value":                 strings.Replace(goodLine, `"r-1"`, `{"a":1}`, 1),
		`agency.country is "XX"`:                    strings.Replace(goodLine, `"DE"`, `"XX"`, 1),
		`agency.country is "de"`:                    strings.Replace(goodLine, `"DE"`, `"de"`, 1),
		"agency.country is missing":                 strings.Replace(goodLine, `,"country":"DE"`, ``, 1),
		`received is "2023-02-30"`:                  strings.Replace(goodLine, "2023-06-30", "2023-02-30", 1),
		`received is "30.6.2023"`:                   strings.Replace(goodLine, "2023-06-30", "30.6.2023", 1),
		`received is "1970-12-31"`:                  strings.Replace(goodLine, "2023-06-30", "1970-12-31", 1),
		"received is missing":                       strings.Replace(goodLine, `"received":"2023-06-30",`, "", 1),
		`instrument is "us.magic"`:                  strings.Replace(goodLine, `"domestic"`, `"us.magic"`, 1),
		`matter is "tax"`:                           strings.Replace(goodLine, `"criminal"`, `"tax"`, 1),
		`closed.outcome is "objected"`:              strings.Replace(goodLine, `"non-content"`, `"objected"`, 1),
		"closed.outcome is missing":                 strings.Replace(goodLine, `"outcome":"non-content",`, ``, 1),
		"closed.at is missing":                      strings.Replace(goodLine, `"at":"2023-07-04",`, ``, 1),
		`closed.notice is "maybe"`:                  strings.Replace(goodLine, `"given"`, `"maybe"`, 1),
		"accounts_specified must be a whole number": strings.Replace(goodLine, `:2,`, `:-2,`, 1),
		"closed.accounts_affected must be a whole":  strings.Replace(goodLine, `:1}`, `:1.5}`, 1),
		"must be a whole number from 0 to 10000000": strings.Replace(goodLine, `:2,`, `:99999999999999999999,`, 1),
		"emergency must be true or false":           strings.Replace(goodLine, `"matter"`, `"emergency":"yes","matter"`, 1),
		`asked is "everything"`:                     strings.Replace(goodLine, `"matter"`, `"asked":"everything","matter"`, 1),
		"longer than 65536 bytes":                   `{"ref":"` + strings.Repeat("x", MaxLine) + `"}`,
		"closed is not a JSON object":               strings.Replace(goodLine, `"closed":{`, `"closed":null,"x":{`, 1),
	} {
		good := strings.Replace(goodLine, "r-1", "r-0", 1)
		got, err := readAll(strings.NewReader(good + "\n" + line + "\n" + goodLine))
		if !errors.Is(err, ErrImport) || !strings.Contains(err.Error(), "line 2: ") || !strings.Contains(err.Error(), want) || len(got) != 1 {
			t.Errorf("%s: %v, after %d", want, err, len(got))
		}
	}
}

func TestImportStops(t *testing.T) {
	stop := errors.New("no room for it")
	err := ReadImport(strings.NewReader(goodLine), func(int, Demand) error { return stop })
	if !errors.Is(err, stop) || !strings.Contains(err.Error(), "line 1") {
		t.Error(err)
	}
	_, err = readAll(io.MultiReader(strings.NewReader(goodLine+"\n"), broken{}))
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Everything that the format lets through is a case that can be looked at, and
// whatever a report says of it, it doesn't fail.
func FuzzReadImport(f *testing.F) {
	f.Add(goodLine)
	f.Add(goodLine + "\n" + strings.Replace(goodLine, "r-1", "r-2", 1))
	f.Add(`{"ref":"\u0000","agency":{}}`)
	f.Add(strings.Replace(goodLine, "2023-06-30", "9999-12-31T23:59:59-23:59", 1))
	f.Fuzz(func(t *testing.T, text string) {
		var cases []Case
		last := 0
		err := ReadImport(strings.NewReader(text), func(line int, d Demand) error {
			if line != last+1 {
				t.Fatalf("line %d after %d", line, last)
			}
			last = line
			if c, historic := d.Case(); historic {
				cases = append(cases, c)
			}
			return nil
		})
		if err != nil && (!errors.Is(err, ErrImport) || !strings.Contains(err.Error(), fmt.Sprintf("line %d: ", last+1))) {
			t.Fatal(err)
		}
		for _, c := range cases {
			y := c.Received.Time().Year()
			o := Options{From: time.Date(max(y, 1971), 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(min(max(y, 1971), 9999), 12, 31, 0, 0, 0, 0, time.UTC)}
			o.Made = o.To
			_, err := Make(func(yield func(Case) bool) {
				for _, c := range cases {
					if !yield(c) {
						return
					}
				}
			}, o)
			var refusal *Refusal
			if err != nil && !errors.As(err, &refusal) {
				t.Fatal(err)
			}
		}
	})
}
