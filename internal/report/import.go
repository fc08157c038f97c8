package report

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"writ"
)

// Bounds of an import.
const (
	MaxLine    = 64 << 10 // bytes of one line
	MaxDemands = 500_000  // lines of one file
	maxRef     = 128      // bytes
	maxName    = 256      // bytes
)

// ErrImport: the file is not of the import format. The text names the line.
var ErrImport = errors.New("the import can't be read")

// Demand is one line of an import.
type Demand struct {
	Ref        string
	Received   time.Time // UTC
	Agency     Agency
	Instrument writ.Instrument
	Matter     Matter
	Specified  int
	Emergency  bool
	Asked      writ.DataClass // empty: not said
	Closed     *Closed        // nil: an open demand, for the docket to take up

	receivedDay bool // received is a date alone
}

// Agency is who asks.
type Agency struct {
	Name    string
	Country string // ISO 3166-1 alpha-2
}

// Closed is how a historic case ended.
type Closed struct {
	At       time.Time // UTC
	Outcome  Outcome   // never Objected, Impossible or Open: the format has no such history
	Notice   Notice    // Given, Gagged, Exigent or NoNotice
	Affected int

	atDay bool // at is a date alone
}

// Case returns a closed historic demand as a report counts it, and false for
// an open one, which is no case before the docket makes one of it.
//
// A date alone means some time of that day: where a moment and a date meet on
// one day, the case closed no earlier than it came.
func (d *Demand) Case() (Case, bool) {
	if d.Closed == nil {
		return Case{}, false
	}
	received, closed := d.Received, d.Closed.At
	if (d.receivedDay || d.Closed.atDay) && received.Format(time.DateOnly) == closed.Format(time.DateOnly) && closed.Before(received) {
		closed = received
	}
	return Case{
		Ref: d.Ref, Country: d.Agency.Country, Instrument: d.Instrument, Matter: d.Matter, Asked: d.Asked,
		Outcome: d.Closed.Outcome, Notice: d.Closed.Notice,
		Received: At(received), Closed: At(closed),
		Specified: d.Specified, Affected: d.Closed.Affected,
		Emergency: d.Emergency || instrumentOf(d.Instrument).Emergency, Historic: true,
	}, true
}

// ReadImport reads an import, one demand a line, and gives each to each, with
// its line's number from 1. It stops at the first error, its own or each's.
// Nothing is guessed: what the format doesn't know is refused.
//
// Errors: [ErrImport], each's, and r's.
func ReadImport(r io.Reader, each func(line int, d Demand) error) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 0, 64<<10), MaxLine+2)
	seen := map[[16]byte]int{} // digests of refs, to bound what a hostile file makes us keep
	line := 0
	bad := func(err error) error { return fmt.Errorf("%w: line %d: %w", ErrImport, line, err) }
	for in.Scan() {
		line++
		switch {
		case line > MaxDemands:
			return bad(fmt.Errorf("more than %d demands; split the file", MaxDemands))
		case len(in.Bytes()) > MaxLine:
			return bad(fmt.Errorf("longer than %d bytes", MaxLine))
		}
		d, err := parseDemand(in.Bytes())
		if err != nil {
			return bad(err)
		}
		sum := sha256.Sum256([]byte(d.Ref))
		key := [16]byte(sum[:16])
		if first := seen[key]; first != 0 {
			return bad(fmt.Errorf("ref %q is on line %d already", d.Ref, first))
		}
		seen[key] = line
		if err := each(line, d); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	if err := in.Err(); errors.Is(err, bufio.ErrTooLong) {
		line++
		return bad(fmt.Errorf("longer than %d bytes", MaxLine))
	} else if err != nil {
		return fmt.Errorf("couldn't read the import: %w", err)
	}
	return nil
}

// fields are the fields of a line, by path, and whether each must be there.
var fields = map[string]bool{
	"ref": true, "received": true, "agency.name": true, "agency.country": true, "instrument": true, "matter": true,
	"accounts_specified": false, "emergency": false, "asked": false,
	"closed.at": false, "closed.outcome": false, "closed.notice": false, "closed.accounts_affected": false,
}

// objects are the fields that hold fields.
var objects = map[string]bool{"agency": true, "closed": true}

func parseDemand(b []byte) (d Demand, err error) {
	values, err := flatten(b)
	if err != nil {
		return d, err
	}
	for name, must := range fields {
		if _, ok := values[name]; must && !ok {
			err = firstOf(err, name)
		}
	}
	if err != nil {
		return d, err
	}
	p := parser{values: values}
	d = Demand{
		Ref:        p.text("ref", maxRef),
		Agency:     Agency{Name: p.text("agency.name", maxName), Country: p.text("agency.country", 2)},
		Instrument: writ.Instrument(p.text("instrument", 64)),
		Matter:     oneOf(&p, "matter", Criminal, Civil, NationalSecurity),
		Specified:  p.count("accounts_specified"),
		Emergency:  p.flag("emergency"),
	}
	d.Received, d.receivedDay = p.when("received")
	if p.has("asked") {
		d.Asked = oneOf(&p, "asked", writ.ClassSubscriber, writ.ClassIdentification, writ.ClassTraffic, writ.ClassContent)
	}
	if p.has("closed") {
		c := &Closed{
			Outcome:  oneOf(&p, "closed.outcome", Rejected, Withdrawn, Referred, NoData, NonContent, Content),
			Notice:   NoNotice,
			Affected: p.count("closed.accounts_affected"),
		}
		c.At, c.atDay = p.when("closed.at")
		if p.has("closed.notice") {
			c.Notice = oneOf(&p, "closed.notice", Given, Gagged, Exigent, NoNotice)
		}
		d.Closed = c
	}
	if p.err == nil && strings.ContainsFunc(d.Ref, unicode.IsControl) {
		p.fail("ref", "holds a control character")
	}
	if _, ok := countries()[d.Agency.Country]; p.err == nil && !ok {
		p.fail("agency.country", fmt.Sprintf("is %q, not a code of two capital letters of ISO 3166-1", d.Agency.Country))
	}
	if _, ok := instruments()[d.Instrument]; p.err == nil && !ok {
		p.fail("instrument", fmt.Sprintf("is %q, which no import knows", d.Instrument))
	}
	return d, p.err
}

// firstOf keeps the message the same whatever order a map has.
func firstOf(err error, missing string) error {
	next := fmt.Errorf("%s is missing", missing)
	if err == nil || next.Error() < err.Error() {
		return next
	}
	return err
}

// flatten reads one JSON object into its values by path ("agency.name"). It
// refuses what Go's decoder would pass: fields in another case, fields twice.
func flatten(b []byte) (map[string]any, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("not UTF-8")
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil, errors.New("empty: one JSON object a line")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	values := make(map[string]any, 16)
	if err := flattenObject(d, "", values); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return values, nil
}

func flattenObject(d *json.Decoder, under string, values map[string]any) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		if under == "" {
			return errors.New("not a JSON object")
		}
		return fmt.Errorf("%s is not a JSON object", strings.TrimSuffix(under, "."))
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return errors.New("not well-formed JSON")
		}
		name := under + key.(string)
		if _, twice := values[name]; twice {
			return fmt.Errorf("%s is there twice", name)
		}
		if objects[name] {
			values[name] = true
			if err := flattenObject(d, name+".", values); err != nil {
				return err
			}
			continue
		}
		if _, known := fields[name]; !known {
			return fmt.Errorf("%.80q is not a field of the import format", name)
		}
		v, err := d.Token()
		if err != nil {
			return errors.New("not well-formed JSON")
		}
		if _, nested := v.(json.Delim); nested {
			return fmt.Errorf("%s must be a plain value", name)
		}
		values[name] = v
	}
	if _, err := d.Token(); err != nil {
		return errors.New("not well-formed JSON")
	}
	return nil
}

// parser reads values and keeps the first error.
type parser struct {
	values map[string]any
	err    error
}

func (p *parser) fail(name, what string) {
	if p.err == nil {
		p.err = fmt.Errorf("%s %s", name, what)
	}
}

func (p *parser) has(name string) bool { _, ok := p.values[name]; return ok }

func (p *parser) text(name string, most int) string {
	s, ok := p.values[name].(string)
	switch {
	case !p.has(name):
		p.fail(name, "is missing")
	case !ok:
		p.fail(name, "must be text")
	case strings.TrimSpace(s) == "":
		p.fail(name, "is empty")
	case len(s) > most:
		p.fail(name, fmt.Sprintf("is longer than %d bytes", most))
	}
	return s
}

func (p *parser) count(name string) int {
	if !p.has(name) {
		return 0
	}
	number, _ := p.values[name].(json.Number)
	n, err := strconv.ParseUint(number.String(), 10, 32)
	if err != nil || n > maxAccounts || n > math.MaxInt32 {
		p.fail(name, fmt.Sprintf("must be a whole number from 0 to %d", maxAccounts))
	}
	return int(n)
}

func (p *parser) flag(name string) bool {
	b, ok := p.values[name].(bool)
	if p.has(name) && !ok {
		p.fail(name, "must be true or false")
	}
	return b
}

// when reads a date, or a time of RFC 3339, and says whether it was a date.
func (p *parser) when(name string) (time.Time, bool) {
	s := p.text(name, 40)
	if p.err != nil {
		return time.Time{}, false
	}
	t, err := time.Parse(time.DateOnly, s)
	day := err == nil
	if !day {
		t, err = time.Parse(time.RFC3339, s)
		t = t.UTC()
	}
	if err != nil || t.Year() < 1971 || t.Year() > 9999 {
		p.fail(name, fmt.Sprintf("is %q, not a date (2023-06-30) or a time of RFC 3339 from 1971 on", s))
	}
	return t, day
}

func oneOf[T ~string](p *parser, name string, allowed ...T) T {
	s := T(p.text(name, 64))
	var list []string
	for _, a := range allowed {
		if s == a {
			return s
		}
		list = append(list, string(a))
	}
	p.fail(name, fmt.Sprintf("is %q, not one of %s", s, strings.Join(list, ", ")))
	return s
}
