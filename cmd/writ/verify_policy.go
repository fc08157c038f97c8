package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"writ/internal/proof"
)

// change is a field of the policy that is not what it was, as JSON.
type change struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	Now    string `json:"now"`
}

// policyChanges compares two policies field by field. What every policy says of
// the one before it is no change.
func policyChanges(before, now *proof.Policy) (all []change) {
	a, b := fieldsOf(before), fieldsOf(now)
	var names []string
	for name := range a {
		names = append(names, name)
	}
	for name := range b {
		if _, there := a[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if name != "previous" && !bytes.Equal(a[name], b[name]) {
			all = append(all, change{name, string(a[name]), string(b[name])})
		}
	}
	return all
}

// fieldsOf are a policy's fields as they are spelled in a statement.
func fieldsOf(p *proof.Policy) (fields map[string]json.RawMessage) {
	b, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(b, &fields)
	}
	if err != nil {
		panic(err) // a struct of texts and numbers
	}
	return fields
}

// visible shows JSON on a terminal: what JSON itself doesn't escape and cannot be
// seen is replaced.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}
