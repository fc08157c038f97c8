package writ

import "testing"

func TestParseCaseID(t *testing.T) {
	for range 100 {
		id := NewCaseID(2026)
		if back, err := ParseCaseID(string(id)); err != nil || back != id {
			t.Fatal(id, back, err)
		}
	}
	for _, s := range []string{"", "2026-7KQM-4ZT", "2026-7KQM-4ZTI", "2026-7KQm-4ZT0", "20a6-7KQM-4ZT0", "2026_7KQM-4ZT0", "2026-7KQM-4ZT00"} {
		if _, err := ParseCaseID(s); err == nil {
			t.Errorf("%q passes for a case", s)
		}
	}
}

func TestParsePerson(t *testing.T) {
	for _, s := range []string{"a", "noor.haddad", "jun-9"} {
		if _, err := ParsePerson(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"", "-a", ".a", "A", "a b", "é", string(make([]byte, 65)), "a/b", "a\x1b"} {
		if _, err := ParsePerson(s); err == nil {
			t.Errorf("%q passes for a person", s)
		}
	}
}
