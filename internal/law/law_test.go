package law_test

import (
	"testing"

	"writ/internal/law"
	"writ/packs"
)

// load loads the packs as they ship, with house rules.
func load(t testing.TB, house string) *law.Law {
	t.Helper()
	l, err := law.Load(packs.FS, []byte(house))
	if err != nil {
		t.Fatal(err)
	}
	return l
}
