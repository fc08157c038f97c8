package operator

import (
	"strings"
	"testing"
	"time"

	"writ/internal/api"
	"writ/internal/space"
)

// TestConcerns: what an operator must know is told, the worst first, and nothing
// of a server on which all is well.
func TestConcerns(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	well := func() api.Status {
		return api.Status{
			At: now, Checked: &api.Run{Ended: now.Add(-day), Check: &api.CheckRun{}},
			Machine: api.Machine{
				Disk: space.Ample, Readiness: []api.Readiness{{What: "server"}, {What: "ledger"}, {What: "law"}},
				Certificates: []api.Certificate{{For: "listener", Source: "own", Until: now.Add(20 * day)}, {For: "authority", Source: "own", Until: now.Add(900 * day)}},
				Channels:     []api.Channel{{Kind: "mail", Ready: true}},
			},
		}
	}
	for name, c := range map[string]struct {
		change func(*api.Status)
		want   string
	}{
		"well":             {func(*api.Status) {}, ""},
		"not ready":        {func(s *api.Status) { s.Readiness[0].Trouble = "stopping" }, "bad ready-server"},
		"log waits":        {func(s *api.Status) { s.Readiness[1].Trouble = "no quorum" }, "warn ready-ledger"},
		"log stopped":      {func(s *api.Status) { s.Readiness[1].Trouble = "rolled back"; s.Ledger.Stopped = "rolled back" }, "bad ready-ledger"},
		"law":              {func(s *api.Status) { s.Readiness[2].Trouble = "damaged" }, "bad ready-law"},
		"stalled":          {func(s *api.Status) { s.Stalled = []string{"docket"} }, "bad stalled"},
		"disk low":         {func(s *api.Status) { s.Disk = space.Low }, "warn disk-low"},
		"disk full":        {func(s *api.Status) { s.Disk = space.Full }, "bad disk-full"},
		"certificate over": {func(s *api.Status) { s.Certificates[0].Until = now }, "bad certificate-over"},
		"not renewed":      {func(s *api.Status) { s.Certificates[0].Until = now.Add(4 * day) }, "bad certificate-soon"},
		"file soon":        {func(s *api.Status) { s.Certificates[0] = api.Certificate{Source: "file", Until: now.Add(29 * day)} }, "warn certificate-soon"},
		"authority soon":   {func(s *api.Status) { s.Certificates[1].Until = now.Add(29 * day) }, "warn certificate-soon"},
		"never checked":    {func(s *api.Status) { s.Checked = nil }, "warn check-never"},
		"check failed":     {func(s *api.Status) { s.Checked.Failed = "it did not end" }, "warn check-failed"},
		"damage":           {func(s *api.Status) { s.Checked.Check.Damage = 2 }, "bad check-damage"},
		"old check":        {func(s *api.Status) { s.Checked.Ended = now.Add(-46 * day) }, "warn check-old"},
		"mail fails":       {func(s *api.Status) { s.Channels[0].Failed = 1 }, "warn channel-mail"},
		"witness":          {func(s *api.Status) { s.Ledger.Witnesses = []api.Witness{{Name: "w", Error: "away"}} }, "warn witness"},
		"unlogged":         {func(s *api.Status) { s.Server.Standing = "unlogged" }, "warn unlogged"},
		"worst first":      {func(s *api.Status) { s.Disk = space.Low; s.Checked.Check.Damage = 1 }, "bad check-damage, warn disk-low"},
	} {
		s := well()
		c.change(&s)
		var got []string
		for _, one := range concerns(&s) {
			got = append(got, one.Tone+" "+one.Key)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
