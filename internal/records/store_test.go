package records_test

import (
	"testing"

	"writ/internal/records"
	"writ/internal/records/recordstest"
	"writ/internal/seal"
)

func openDisk(t testing.TB, dir string, key *seal.Key) records.Store {
	t.Helper()
	s, err := records.Open(dir, key, records.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMemory(t *testing.T) {
	recordstest.Conformance(t, func(*testing.T) records.Store { return records.NewMemory() })
}

func TestDisk(t *testing.T) {
	recordstest.Conformance(t, func(t *testing.T) records.Store { return openDisk(t, t.TempDir(), seal.NewKey()) })
}
