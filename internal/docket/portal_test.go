package docket

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"writ"
)

// TestForgedFilings: a case that pretends to have been filed, or not to have been,
// does not read.
func TestForgedFilings(t *testing.T) {
	demand := Demand{Reference: "7 Gs 412/26", Channel: Portal, Issuer: Issuer{Authority: "a-00000000000000000001"}}
	officers := &filing{Authority: "a-00000000000000000001", By: "session S"}
	begin := func(by writ.Person, as writ.Role, b received) (*Case, error) {
		text, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		c := &Case{ID: "2026-7KQM-4ZT0"}
		return c, c.apply(&Event{Case: c.ID, Seq: 1, At: time.Now(), By: by, As: as, Kind: Received, Body: text}, [32]byte{1})
	}
	good, err := begin("", "", received{Demand: demand, Via: "portal", Filed: officers})
	if err != nil || good.Filed == nil || good.Filed.Demand.Reference != "7 Gs 412/26" || len(good.Acted()) != 0 {
		t.Fatalf("%+v %v", good, err)
	}
	for name, try := range map[string]func() (*Case, error){
		"by nobody": func() (*Case, error) { return begin("", "", received{Demand: demand, Via: "portal"}) },
		"by no session": func() (*Case, error) {
			return begin("", "", received{Demand: demand, Filed: &filing{Authority: "a-00000000000000000001"}})
		},
		"for another": func() (*Case, error) {
			return begin("", "", received{Demand: demand, Filed: &filing{"a-00000000000000000002", "session S"}})
		},
		"for no authority": func() (*Case, error) {
			return begin("", "", received{Demand: Demand{Channel: Portal}, Filed: &filing{"", "session S"}})
		},
		"by another channel": func() (*Case, error) {
			d := demand
			d.Channel = Mail
			return begin("", "", received{Demand: d, Filed: officers})
		},
		"as a drill": func() (*Case, error) { return begin("", "", received{Demand: demand, Mark: Drill, Filed: officers}) },
		"by intake": func() (*Case, error) {
			return begin("noor.adeyemi", writ.RoleIntake, received{Demand: demand, Filed: officers})
		},
		"in a role": func() (*Case, error) { return begin("", writ.RoleIntake, received{Demand: demand, Filed: officers}) },
	} {
		if c, err := try(); err == nil || c.Filed != nil {
			t.Errorf("filed %s: %v", name, err)
		}
	}
	attach := func(c *Case, by writ.Person, as writ.Role, kind string) error {
		text, _ := json.Marshal(Document{ID: writ.NewBlobID(), Kind: kind, Name: "x", Filed: true})
		return c.apply(&Event{Case: c.ID, Seq: c.Events + 1, At: time.Now(), By: by, As: as, Kind: Attached, Body: text}, [32]byte{2})
	}
	entered, err := begin("noor.adeyemi", writ.RoleIntake, received{Demand: demand, Via: "api"})
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"to a case that nobody filed": attach(entered, "", "", "order"), "by intake": attach(good, "noor.adeyemi", writ.RoleIntake, "order"),
		"as a letter": attach(good, "", "", "letter"), "as a record": attach(good, "", "", kindRecord),
	} {
		if !errors.Is(err, ErrState) {
			t.Errorf("a file of an officer's %s: %v", name, err)
		}
	}
}
