package docket

import (
	"strings"
	"testing"
	"time"

	"writ/internal/law"
	"writ/internal/report"
	"writ/packs"
)

// TestEveryInstrumentIsCounted: what a law pack knows, an import must be able to
// name and a report to count.
func TestEveryInstrumentIsCounted(t *testing.T) {
	l, err := law.Load(packs.FS, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range l.Instruments() {
		matter := "criminal"
		if i.ID == "us.nsl" || i.ID == "us.fisa" {
			matter = "national-security"
		}
		line := `{"ref":"a","received":"` + time.Now().AddDate(-1, 0, 0).Format(time.DateOnly) + `","agency":{"name":"Landgericht Falkenmoor","country":"DE"},"instrument":"` +
			string(i.ID) + `","matter":"` + matter + `","accounts_specified":1}`
		if err := report.ReadImport(strings.NewReader(line+"\n"), func(int, report.Demand) error { return nil }); err != nil {
			t.Errorf("%s: %v", i.ID, err)
		}
	}
}
