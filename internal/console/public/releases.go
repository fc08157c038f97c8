package public

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"writ/internal/console/page"
	"writ/internal/proof"
	"writ/internal/release"
)

// releasesShown is how many releases of the log the page lists, the newest first.
const releasesShown = 50

// releasesPage is what /releases shows.
type releasesPage struct {
	Program Program
	Files   []release.Artifact // that the release names, and whether they are here
	Log     []entry
	More    bool
	Read    uint64
	URL     string
}

// Here says that the server gives a file out.
func (d releasesPage) Here(a release.Artifact) bool {
	return slices.ContainsFunc(d.Program.Files, func(f release.Artifact) bool { return f.Name == a.Name })
}

func (p *pages) releases(v *page.Visit) error {
	d := releasesPage{Program: p.program(), URL: address(v)}
	if d.Program.Release != nil {
		d.Files = release.Artifacts(*d.Program.Release)
	}
	read, size, err := p.caughtUp(v)
	if err != nil {
		return err
	}
	if read < size {
		d.Read = read
	}
	places := p.Index.before(proof.KindRelease, size, releasesShown+1)
	d.More = len(places) > releasesShown
	if d.Log, err = p.read(v, places[:min(len(places), releasesShown)]); err != nil {
		return err
	}
	return v.Render("releases", d)
}

// mapFormat is the format of datamap.json (docs/data-handling.md).
const mapFormat = "writ/datamap/v1"

// handled is as much of datamap.json as the page shows.
type handled struct {
	Format  string `json:"format"`
	Classes []struct {
		Name      string       `json:"name"`
		Title     string       `json:"title"`
		What      string       `json:"what"`
		Absent    bool         `json:"absent"`
		Rooms     []handledBy  `json:"rooms"`
		Functions []struct{}   `json:"functions"`
		Paths     []handledWay `json:"paths"`
	} `json:"classes"`
	Listeners []struct {
		Name    string     `json:"name"`
		Title   string     `json:"title"`
		Who     string     `json:"who"`
		Entries []struct{} `json:"entries"`
	} `json:"listeners"`
	Checks []struct {
		Name string `json:"name"`
		What string `json:"what"`
	} `json:"checks"`
	Granted  []handledBy `json:"granted"`
	Findings []string    `json:"findings"`
}

type handledBy struct {
	Room      string `json:"room"`
	Why       string `json:"why"`
	Functions int    `json:"functions"`
}

type handledWay struct {
	Listener string   `json:"listener"`
	Entry    string   `json:"entry"`
	Checks   []string `json:"checks"`
	Steps    []struct {
		Function string `json:"function"`
		At       string `json:"at"`
	} `json:"steps"`
}

// keptMap is the data-handling map, read once.
type keptMap struct {
	once sync.Once
	read *handled
	err  error
}

// mapPage is what /data-map shows.
type mapPage struct {
	Program Program
	Map     *handled // nil if the build has none here
}

func (p *pages) dataMap(v *page.Visit) error {
	d := mapPage{Program: p.program()}
	if d.Program.DataMap != nil {
		k := p.datamap
		k.once.Do(func() { k.read, k.err = readMap(d.Program.DataMap) })
		if k.err != nil {
			return k.err
		}
		d.Map = k.read
	}
	return v.Render("data-map", d)
}

func readMap(b []byte) (*handled, error) {
	m := new(handled)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("couldn't read the release's %s: %w", release.DataMapFile, err)
	}
	if m.Format != mapFormat {
		return nil, fmt.Errorf("couldn't read the release's %s: its format is %.40q", release.DataMapFile, m.Format)
	}
	return m, nil
}
