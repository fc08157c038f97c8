package report

import (
	"bytes"
	"encoding/json"
	"testing"
)

// PublishedImport is an import file that amounts to what of the published
// figures adds up: for tests of who imports.
func PublishedImport(t testing.TB) []byte {
	t.Helper()
	return docket(t).file(t)
}

// PublishedFile is a published table, and the part of it of which the years
// begin so.
func PublishedFile(t testing.TB, name string, years ...string) string {
	t.Helper()
	if len(years) == 0 {
		return string(file(t, name))
	}
	return pick(t, name, years...)
}

// file is the demands as an import.
func (d *demands) file(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, l := range d.lines {
		if err := e.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}
