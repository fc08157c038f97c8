package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"writ/internal/monitor"
	"writ/internal/proof"
)

// check verifies a server. Only one runs at a time.
type check struct {
	pins  Pins
	site  *monitor.Site
	state *monitor.State
}

func newCheck(p Pins) (*check, error) {
	c := &check{pins: p, state: &monitor.State{}}
	c.pins.LogKey = strings.TrimSpace(p.LogKey)
	if _, err := proof.NewVerifier(proof.Trust{LogKey: c.pins.LogKey, Policy: p.Policy}); err != nil {
		return nil, err
	}
	var err error
	if c.site, err = monitor.NewSite(p.Site, monitor.SiteOptions{Roots: p.Roots}); err != nil {
		return nil, err
	}
	if p.State == "" {
		return c, nil
	}
	if c.state, err = monitor.LoadState(p.State); err != nil {
		return nil, err
	}
	if c.state.LogKey != "" && c.state.LogKey != c.pins.LogKey {
		return nil, fmt.Errorf("%s is of a log with another key than the one that is pinned", p.State)
	}
	return c, nil
}

// run verifies once. What was seen is remembered only if all holds.
func (c *check) run(ctx context.Context, now time.Time) error {
	known, err := monitor.Discover(ctx, c.site)
	if err != nil {
		return err
	}
	if known.LogKey != c.pins.LogKey {
		return fmt.Errorf("%w: it names another log key than the one that is pinned", proof.ErrLog)
	}
	verifier, err := proof.NewVerifier(proof.Trust{LogKey: c.pins.LogKey, Policy: c.pins.Policy})
	if err != nil {
		return err
	}
	state := *c.state
	state.Witnesses = c.pins.Policy
	v := monitor.Visitor{Source: c.site.At(known.Log), Verifier: verifier, LogKey: c.pins.LogKey, State: &state, File: c.pins.State, Now: now}
	log, err := v.Visit(ctx)
	if err != nil {
		return err
	}
	var story monitor.Story
	if c.state.Story != nil {
		story = *c.state.Story
	}
	before := story.Policy
	if err := log.Scan(ctx, &story, nil); err != nil {
		return err
	}
	if _, _, err := log.Fresh(&story, now, c.pins.MaxAge); err != nil {
		return err
	}
	if story.Policy == nil {
		return errors.New("its log holds no policy: it promises nothing")
	}
	if err := c.policy(before, story.Policy); err != nil {
		return err
	}
	if err := c.release(ctx, known, story.Policy, verifier); err != nil {
		return err
	}
	state.Story = &story
	if c.pins.State != "" {
		if err := state.Save(c.pins.State); err != nil {
			return err
		}
	}
	c.state = &state
	return nil
}

// policy refuses a change that nobody accepted.
func (c *check) policy(before, now *monitor.InForce) error {
	if before == nil || before.Index == now.Index {
		return nil
	}
	bodies := [2][]byte{}
	for i, p := range []*monitor.InForce{before, now} {
		s, err := proof.Decode(p.Statement)
		if err != nil {
			return err
		}
		bodies[i] = bytes.Clone(s.Body)
	}
	if c.pins.AcceptPolicy == nil || !c.pins.AcceptPolicy(bodies[0], bodies[1]) {
		return fmt.Errorf("its policy has changed since it was seen last (leaf %d): writ verify server shows how", now.Index)
	}
	return nil
}

// release accepts a release of the log that the pins name.
func (c *check) release(ctx context.Context, known *monitor.WellKnown, policy *monitor.InForce, v *proof.Verifier) error {
	_, r, err := monitor.Runs(ctx, c.site, known, &policy.Policy, v)
	switch {
	case errors.Is(err, monitor.ErrUnlogged) && c.pins.AllowUnlogged:
		return nil
	case err != nil:
		return err
	case c.pins.Releases != nil && !slices.Contains(c.pins.Releases, r.Version):
		return fmt.Errorf("it runs release %.60q, which is not one of those that are accepted", r.Version)
	}
	return nil
}
