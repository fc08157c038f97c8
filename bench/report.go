package main

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row holds the rates of one object size, in objects a second.
type row struct {
	size int64
	put  map[string]float64
	get  map[string]float64
	warm map[string]int // objects that a server holds from the warm-up
	bare float64        // files written and fsynced a second, nothing else
}

func newRow(size int64) *row {
	return &row{size: size, put: map[string]float64{}, get: map[string]float64{}, warm: map[string]int{}}
}

func (r *row) set(op, server string, rate float64) {
	if op == "put" {
		r.put[server] = rate
	} else {
		r.get[server] = rate
	}
}

// claim is one figure with the reach that it is held against.
type claim struct {
	what, figure, reach string
	met                 bool
}

// report gathers all figures of one run.
type report struct {
	rates   []*row
	durable []string
	claims  []claim
	own     map[string][]claim // of the tree's own benchmarks, a block for each part
}

func newReport() *report { return &report{} }

func sizeName(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

func (r *report) printRow(w *row) {
	fmt.Printf("%-7s", sizeName(w.size))
	for _, op := range []struct {
		name  string
		rates map[string]float64
	}{{"PUT", w.put}, {"GET", w.get}} {
		fmt.Printf("  %s", op.name)
		for _, s := range []string{"writ", "minio", "versitygw", "null"} {
			fmt.Printf("  %s %.0f", s, op.rates[s])
		}
	}
	fmt.Printf("  bare write+fsync %.0f\n", w.bare)
}

func (r *report) claim(what, figure, reach string, met bool) {
	r.claims = append(r.claims, claim{what, figure, reach, met})
	mark := "met"
	if !met {
		mark = "NOT MET"
	}
	fmt.Printf("%s: %s (reach: %s) %s\n", what, figure, reach, mark)
}

// ownClaim notes a figure of the tree's own benchmarks.
func (r *report) ownClaim(part string, f figure, v float64) {
	c := claim{f.what, f.show(v), f.reach, f.met == nil || f.met(v)}
	if r.own == nil {
		r.own = map[string][]claim{}
	}
	r.own[part] = append(r.own[part], c)
	fmt.Printf("%s: %s %s\n", c.what, c.figure, mark(c))
}

// mark says whether a reach was met; "" where there is none.
func mark(c claim) string {
	switch {
	case c.reach == "":
		return ""
	case c.met:
		return "met"
	}
	return "**not met**"
}

// reaches are the ratios of the side-by-side run that are held against a
// number: Writ's PUT over the better peer's, its GET over the better peer's
// and over null's.
var reaches = map[int64]struct{ put, getPeer, getNull float64 }{
	4 << 10:  {put: 1.5, getNull: 0.65},
	64 << 10: {put: 2, getPeer: 1, getNull: 0.75},
	1 << 20:  {put: 1.3, getPeer: 1},
	16 << 20: {put: 1.3, getPeer: 1, getNull: 0.85},
}

func better(rates map[string]float64) float64 {
	return max(rates["minio"], rates["versitygw"])
}

func ratio(a, b float64) string {
	if b == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// markdown writes the whole report.
func (r *report) markdown() string {
	var b strings.Builder
	b.WriteString(measured())
	if len(r.rates) > 0 {
		b.WriteString("Objects a second, medians of bursts in turn, 8 clients in a process of their own, TLS and keep-alive on:\n\n")
		for _, op := range []string{"PUT", "GET"} {
			fmt.Fprintf(&b, "| %s | Writ | MinIO | versitygw | null | Writ / better peer | Writ / null |", op)
			if op == "PUT" {
				b.WriteString(" bare write+fsync | Writ / bare |")
			}
			b.WriteString("\n|---|---|---|---|---|---|---|")
			if op == "PUT" {
				b.WriteString("---|---|")
			}
			b.WriteString("\n")
			for _, w := range r.rates {
				m := w.get
				if op == "PUT" {
					m = w.put
				}
				fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.0f | %.0f | %s | %s |", sizeName(w.size),
					m["writ"], m["minio"], m["versitygw"], m["null"], ratio(m["writ"], better(m)), ratio(m["writ"], m["null"]))
				if op == "PUT" {
					fmt.Fprintf(&b, " %.0f | %s |", w.bare, ratio(w.put["writ"], w.bare))
				}
				b.WriteString("\n")
			}
			b.WriteString("\n")
		}
		b.WriteString("What is on the disk for good when a PUT is answered:\n\n")
		for _, d := range r.durable {
			fmt.Fprintf(&b, "- %s\n", d)
		}
		b.WriteString("\n")
	}
	table(&b, append(r.rateClaims(), r.claims...))
	return b.String()
}

// table writes claims.
func table(b *strings.Builder, claims []claim) {
	if len(claims) == 0 {
		return
	}
	b.WriteString("| figure | measured | reach | |\n|---|---|---|---|\n")
	for _, c := range claims {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", c.what, c.figure, c.reach, mark(c))
	}
}

// measured says when and where.
func measured() string {
	return fmt.Sprintf("Measured %s on %s, %d processors, %s.\n\n", time.Now().UTC().Format("2006-01-02"), processor(), runtime.NumCPU(), runtime.Version())
}

func (r *report) rateClaims() []claim {
	var cs []claim
	add := func(what string, got, want float64) {
		cs = append(cs, claim{what, fmt.Sprintf("%.2f", got), fmt.Sprintf("at least %.2f", want), got >= want})
	}
	for _, w := range r.rates {
		want := reaches[w.size]
		if peer := better(w.put); peer > 0 && want.put > 0 {
			add("PUT "+sizeName(w.size)+", Writ / better peer", w.put["writ"]/peer, want.put)
		}
		if w.size == 16<<20 && w.bare > 0 {
			add("PUT 16 MiB, Writ / bare write and fsync", w.put["writ"]/w.bare, 0.8)
		}
		if peer := better(w.get); peer > 0 && want.getPeer > 0 {
			add("GET "+sizeName(w.size)+", Writ / better peer", w.get["writ"]/peer, want.getPeer)
		}
		if null := w.get["null"]; null > 0 && want.getNull > 0 {
			add("GET "+sizeName(w.size)+", Writ / null", w.get["writ"]/null, want.getNull)
		}
	}
	return cs
}

// block is a part of the document that a run writes.
type block struct{ open, close, text string }

// blocks are what this run has measured.
func (r *report) blocks() (all []block) {
	if len(r.rates)+len(r.claims) > 0 {
		all = append(all, block{"<!-- figures: written by make bench -->", "<!-- end of figures -->", r.markdown()})
	}
	for _, part := range slices.Sorted(maps.Keys(r.own)) {
		var b strings.Builder
		b.WriteString(measured())
		table(&b, r.own[part])
		all = append(all, block{"<!-- " + part + " figures: written by make bench -->", "<!-- end of " + part + " figures -->", b.String()})
	}
	return all
}

// writeInto replaces what stands between the marks of the document.
func (r *report) writeInto(doc string) error {
	body, err := os.ReadFile(doc)
	if err != nil {
		return fmt.Errorf("couldn't read the document: %w", err)
	}
	for _, b := range r.blocks() {
		before, rest, ok := bytes.Cut(body, []byte(b.open))
		_, after, ok2 := bytes.Cut(rest, []byte(b.close))
		if !ok || !ok2 {
			return fmt.Errorf("%s has no marks to write between", doc)
		}
		body = bytes.Join([][]byte{before, []byte(b.open + "\n" + b.text + b.close), after}, nil)
	}
	if err := os.WriteFile(doc, body, 0o644); err != nil {
		return fmt.Errorf("couldn't write the document: %w", err)
	}
	return nil
}

// processor is the model name that the kernel gives, or the architecture.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
