package server

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"writ/internal/space"
)

// TestMachine: a server tells its operators how it is, and of what it does by
// itself only whether it goes on.
func TestMachine(t *testing.T) {
	w := newObserved(t)
	s := w.s
	m := s.machine(t.Context())
	if m.Server.Web == "" || m.Disk == space.Full || m.Ledger.Key != s.ledger.Key || len(m.Stalled) > 0 || m.Stalled == nil {
		t.Errorf("%+v", m)
	}
	for i, what := range []string{"server", "ledger", "law"} {
		if len(m.Readiness) != 3 || m.Readiness[i].What != what || i == 0 && m.Readiness[i].Trouble != "" {
			t.Errorf("readiness: %+v", m.Readiness)
		}
	}
	if len(m.Certificates) != 2 || m.Certificates[0].For != "listener" || m.Certificates[0].Source != "own" || m.Certificates[1].For != "authority" ||
		!m.Certificates[0].Until.After(time.Now()) || len(m.Certificates[0].Names) == 0 || !m.Certificates[1].Until.After(m.Certificates[0].Until.Add(-time.Second)) {
		t.Errorf("certificates: %+v", m.Certificates)
	}
	if again := s.machine(t.Context()).Certificates; !again[0].Until.Equal(m.Certificates[0].Until) || !again[0].From.Equal(m.Certificates[0].From) {
		t.Error("to look at a certificate made another")
	}
	if len(m.Channels) != 3 || m.Channels[0].Ready || !m.Channels[1].Ready {
		t.Errorf("channels: %+v", m.Channels)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, told := range []string{"clocks", "cases", "waiting\":", "preserv", "accepted"} {
		if strings.Contains(string(b), told) {
			t.Errorf("it tells %q: %s", told, b)
		}
	}
	s.stalled.add("docket")
	s.stalled.add("docket")
	s.ready.law = func() string { return errors.New("the register is damaged").Error() }
	if m := s.machine(t.Context()); len(m.Stalled) != 1 || m.Readiness[2].Trouble != "the register is damaged" {
		t.Errorf("%+v %+v", m.Stalled, m.Readiness)
	}
}
