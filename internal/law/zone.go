package law

import (
	"fmt"
	"sync"
	"time"
	_ "time/tzdata" // a deadline must not hang on what the machine has installed
)

// zones are the zones that were asked for, by name: *time.Location. Only names
// that exist are kept, so that it stays small.
var zones sync.Map

// zone finds a zone of the IANA database. An empty name is UTC; "Local" isn't
// one, because it means another zone on each machine.
func zone(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	if name == "Local" || len(name) > 64 {
		return nil, fmt.Errorf("no such time zone: %q", name)
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("no such time zone: %q", name)
	}
	zones.Store(name, z)
	return z, nil
}

// zoneOf is a provider's zone. One that doesn't exist counts as UTC, and Review
// says so.
func zoneOf(p Provider) *time.Location {
	z, err := zone(p.TimeZone)
	if err != nil {
		return time.UTC
	}
	return z
}
