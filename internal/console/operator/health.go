package operator

import (
	"strings"
	"time"

	"writ/internal/api"
	"writ/internal/console/page"
	"writ/internal/space"
)

// concern is one thing that an operator should look at.
type concern struct {
	Tone string // bad: now; warn: soon
	Key  string // of its message, below operator.concern
	Text string // of the server's own, in English; may be empty
	N    int64  // what the message counts
	At   time.Time
}

// When a concern begins.
const (
	soonByHand = 30 * 24 * time.Hour // a certificate that somebody must renew ends
	soonItself = 5 * 24 * time.Hour  // one that should have been renewed by itself ends
	unchecked  = 45 * 24 * time.Hour // since the last check of everything
)

type healthPage struct {
	api.Status
	Concerns []concern
	Bad      int
	Uptime   time.Duration
}

// health is the server at a glance. A browser with JavaScript asks for the part
// that changes again and again; others reload.
func (h *room) health(v *page.Visit) error {
	var d healthPage
	if err := h.get(v, "status", &d.Status); err != nil {
		return err
	}
	page.Visible(&d.Status)
	d.Concerns = concerns(&d.Status)
	for _, c := range d.Concerns {
		if c.Tone == "bad" {
			d.Bad++
		}
	}
	if d.Server.Started != nil {
		d.Uptime = d.At.Sub(*d.Server.Started)
	}
	if v.Part() == "health" {
		return v.Fragment("health", "health", &d)
	}
	return v.Render("health", &d)
}

// concerns are what is wrong with a server, or will be, the worst first.
func concerns(s *api.Status) (out []concern) {
	add := func(bad bool, key, text string) *concern {
		c := concern{Tone: "warn", Key: key, Text: text}
		if bad {
			c.Tone = "bad"
		}
		out = append(out, c)
		return &out[len(out)-1]
	}
	for _, r := range s.Readiness {
		if r.Trouble != "" {
			add(r.What != "ledger" || s.Ledger.Stopped != "", "ready-"+r.What, r.Trouble)
		}
	}
	for _, what := range s.Stalled {
		add(true, "stalled", what)
	}
	switch s.Disk {
	case space.Full, space.Short:
		add(true, "disk-"+string(s.Disk), "")
	case space.Low:
		add(false, "disk-low", "")
	}
	for _, c := range s.Certificates {
		left, names := c.Until.Sub(s.At), strings.Join(c.Names, ", ")
		switch {
		case left <= 0:
			add(true, "certificate-over", names)
		case c.Source == "file" && left < soonByHand, c.For == "authority" && left < soonByHand, left < soonItself:
			add(left < soonItself, "certificate-soon", names).At = c.Until
		}
	}
	if c := s.Checked; c != nil {
		switch {
		case c.Failed != "":
			add(false, "check-failed", c.Failed)
		case c.Check != nil && c.Check.Damage > 0:
			add(true, "check-damage", "").N = c.Check.Damage
		case s.At.Sub(c.Ended) > unchecked:
			add(false, "check-old", "").At = c.Ended
		}
	} else {
		add(false, "check-never", "")
	}
	for _, c := range s.Channels {
		if n := c.Failed + c.Refused + c.Doubtful; n > 0 {
			add(false, "channel-"+c.Kind, "").N = int64(n)
		}
	}
	for _, w := range s.Ledger.Witnesses {
		if w.Error != "" {
			add(false, "witness", w.Name+": "+w.Error)
		}
	}
	if s.Server.Standing == "unlogged" {
		add(false, "unlogged", "")
	}
	return sorted(out)
}

func sorted(all []concern) (out []concern) {
	for _, tone := range []string{"bad", "warn"} {
		for _, c := range all {
			if c.Tone == tone {
				out = append(out, c)
			}
		}
	}
	return out
}

// settings are all settings as they are.
func (h *room) settings(v *page.Visit) error {
	var all []api.SettingState
	if err := h.get(v, "settings", &all); err != nil {
		return err
	}
	page.Visible(&all)
	d := struct {
		Groups  []settingGroup
		Changed int
	}{}
	for _, s := range all {
		if s.Changed {
			d.Changed++
		}
		name, _, nested := strings.Cut(s.Key, ".")
		if !nested {
			name = ""
		}
		if n := len(d.Groups); n == 0 || d.Groups[n-1].Name != name {
			d.Groups = append(d.Groups, settingGroup{Name: name})
		}
		last := &d.Groups[len(d.Groups)-1]
		last.Settings = append(last.Settings, s)
	}
	return v.Render("settings", &d)
}

// settingGroup are settings that share what stands before the dot.
type settingGroup struct {
	Name     string
	Settings []api.SettingState
}

// damage tells counsel whether what is preserved is whole.
func (h *room) damage(v *page.Visit) error {
	var d api.Damage
	if err := h.get(v, "damage", &d); err != nil {
		return err
	}
	return v.Render("damage", &d)
}
