package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// measureProfile takes a processor profile of the server while it answers
// GETs of 64 KiB, and tells what part of it the gate and its journal take.
func measureProfile(ctx context.Context, o options, r *report) error {
	t, err := newWrit(ctx, o, filepath.Join(o.work, "profile-writ"))
	if err != nil {
		return err
	}
	defer t.stop()
	const objects = 2000
	put := load{server: *t, op: "put", size: 64 << 10, clients: o.clients, count: objects, prefix: "p/"}
	if _, err := put.run(ctx); err != nil {
		return err
	}
	get := load{server: *t, op: "get", size: 64 << 10, clients: o.clients, burst: 12 * time.Second, prefix: "p/", keys: objects}
	errs := make(chan error, 1)
	go func() {
		_, err := get.run(ctx)
		errs <- err
	}()
	time.Sleep(time.Second)
	resp, err := http.Get("http://" + t.metrics + "/debug/pprof/profile?seconds=10")
	if err != nil {
		return fmt.Errorf("couldn't fetch a profile: %w", err)
	}
	defer resp.Body.Close()
	p, err := profile.Parse(resp.Body)
	if err != nil {
		return fmt.Errorf("couldn't read the profile: %w", err)
	}
	if err := <-errs; err != nil {
		return err
	}
	part := share(p, "writ/internal/gate")
	r.claim("gate and journal, part of the processor time of 64 KiB GETs", fmt.Sprintf("%.1f%%", 100*part), "2%", part <= 0.02)
	return nil
}

// share is the part of a profile's processor time whose stack has a function
// of the package or below it.
func share(p *profile.Profile, pkg string) float64 {
	value := len(p.SampleType) - 1
	var all, within int64
	for _, s := range p.Sample {
		all += s.Value[value]
		if stackHas(s, pkg) {
			within += s.Value[value]
		}
	}
	if all == 0 {
		return 0
	}
	return float64(within) / float64(all)
}

func stackHas(s *profile.Sample, pkg string) bool {
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil && strings.HasPrefix(line.Function.Name, pkg) {
				return true
			}
		}
	}
	return false
}
