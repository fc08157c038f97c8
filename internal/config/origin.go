package config

import (
	"net/url"
	"slices"
)

// An Origin is a setting as it is, and where that comes from.
type Origin struct {
	Setting
	Value string // as it may be shown
	Place string // "FILE:LINE", "variable WRIT_…", "flag --…" or "default"
}

// IsDefault says whether no place sets it.
func (o Origin) IsDefault() bool { return o.Place == "default" }

// Origins are all settings as they are, in the order of [Settings]; none for a
// Config that was not loaded.
func (c *Config) Origins() []Origin { return slices.Clone(c.origins) }

// presentable is a value as it may be shown to whoever sees the settings. None is
// a secret by itself, but an address may carry one: who it is that asks, and what
// stands behind the question mark, are left out.
func presentable(s Setting, value string) string {
	if s.Value != "URL" || value == "" {
		return value
	}
	u, err := url.Parse(value)
	if err != nil {
		return "…"
	}
	if u.User == nil && u.RawQuery == "" && u.Fragment == "" {
		return value
	}
	out := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return out.String() + "…"
}
