package letter

import (
	"slices"
	"testing"
)

// TestAudiences: who may read a letter is what its template says.
func TestAudiences(t *testing.T) {
	s := loaded(t)
	for _, k := range Kinds() {
		if got, want := slices.Contains(ToAuthorities(), k), s.shapes[k].Audience == "authority"; got != want {
			t.Errorf("%s is written to authorities: %t, its template says %t", k, got, want)
		}
		if got, ok := KindOf(string(k) + "-de.pdf"); !ok || got != k {
			t.Errorf("%s-de.pdf is a %s", k, got)
		}
		if Asks(k) && !slices.Contains(ToAuthorities(), k) {
			t.Errorf("%s asks an authority and isn't written to one", k)
		}
	}
	for _, name := range []string{"", ".pdf", "-en.pdf", "acknowledgement.pdf", "acknowledgement-xx.pdf", "custody-", "order-en.pdf", "acknowledgement-en"} {
		if k, ok := KindOf(name); ok {
			t.Errorf("%q is a %s", name, k)
		}
	}
}
