package report

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"writ"
)

//go:embed data/instruments.yaml
var instrumentsYAML []byte

//go:embed data/countries.csv
var countriesCSV []byte

// reach is what an instrument can yield.
type reach string

const (
	reachContent    reach = "content"
	reachNonContent reach = "non-content"
	reachNothing    reach = "nothing"
	reachUnstated   reach = "unstated"
)

// instrument is a line of data/instruments.yaml.
type instrument struct {
	ID               writ.Instrument `yaml:"id"`
	Name             string          `yaml:"name"`
	Reach            reach           `yaml:"reach"`
	Emergency        bool            `yaml:"emergency"`
	NationalSecurity bool            `yaml:"national_security"`
	order            int
}

// The data are part of the program: that they can't be read is a fault of the
// build, which the tests find.
var (
	instruments = sync.OnceValue(func() map[writ.Instrument]*instrument {
		var list []instrument
		strictYAML(instrumentsYAML, &list)
		known := make(map[writ.Instrument]*instrument, len(list))
		for i := range list {
			list[i].order = i
			known[list[i].ID] = &list[i]
		}
		return known
	})
	countries = sync.OnceValue(func() map[string]country {
		r := csv.NewReader(bytes.NewReader(countriesCSV))
		r.Comment = '#'
		lines, err := r.ReadAll()
		if err != nil {
			panic(fmt.Sprintf("data/countries.csv: %v", err))
		}
		known := make(map[string]country, len(lines))
		for _, l := range lines[1:] {
			known[l[0]] = country{name: l[1], github: l[2]}
		}
		return known
	})
)

type country struct{ name, github string }

func strictYAML(b []byte, to any) {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(to); err != nil {
		panic(fmt.Sprintf("embedded data: %v", err))
	}
}

// instrumentOf returns what is known of id; of one that isn't in the list, its
// id for a name and nothing else.
func instrumentOf(id writ.Instrument) *instrument {
	if in, ok := instruments()[id]; ok {
		return in
	}
	return &instrument{ID: id, Name: string(id), Reach: reachUnstated, order: len(instruments())}
}

// compareInstruments sorts ids as the list does, unknown ones behind it.
func compareInstruments(a, b writ.Instrument) int {
	if d := instrumentOf(a).order - instrumentOf(b).order; d != 0 {
		return d
	}
	return slices.Compare([]byte(a), []byte(b))
}
