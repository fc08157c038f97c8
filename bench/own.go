package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// A figure is one metric of one of the tree's own benchmarks.
type figure struct {
	what, pkg, bench, metric string
	times                    string // -benchtime
	reach                    string
	show                     func(v float64) string
	met                      func(v float64) bool // nil: there is no reach
}

func thousands(unit string) func(float64) string {
	return func(v float64) string {
		s := strconv.FormatFloat(v, 'f', 0, 64)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s + unit
	}
}

func milliseconds(v float64) string { return fmt.Sprintf("%.2f ms", v/1e6) }

// ledgerFigures are those of the ledger, and of the gate by itself.
var ledgerFigures = []figure{
	{"uses of keys by 100 customers in 5 s, with a batch of their commitments each second", "./internal/gate", "JournaledUses", "uses/s", "1x", "50,000/s",
		thousands("/s"), func(v float64) bool { return v >= 50_000 }},
	{"a batch of 1,024 slots and 1,000 journals, from its minute until three witnesses have cosigned it: median of thirty", "./internal/ledger", "Batch", "median-ns", "30x", "400 ms",
		milliseconds, func(v float64) bool { return v <= 400e6 }},
	{"the slowest of the thirty", "./internal/ledger", "Batch", "worst-ns", "30x", "400 ms",
		milliseconds, func(v float64) bool { return v <= 400e6 }},
	{"a receipt of a hidden statement, in a log of 5,000 leaves, median", "./internal/ledger", "Receipt", "median-ns", "2000x", "1 ms", milliseconds, func(v float64) bool { return v <= 1e6 }},
	{"a receipt of a journal's head among 1,000, median", "./internal/ledger", "HeadReceipt", "median-ns", "2000x", "1 ms", milliseconds, func(v float64) bool { return v <= 1e6 }},
	{"hidden statements written down, durable, by 64 at once", "./internal/ledger", "Commit", "commits/s", "50000x", "", thousands("/s"), nil},
	{"every leaf of a log re-hashed, over HTTP (writ verify log --full)", "./internal/monitor", "Scan/http", "leaves/s", "10x", "200,000/s",
		thousands("/s"), func(v float64) bool { return v >= 200_000 }},
	{"the same from a folder", "./internal/monitor", "Scan/folder", "leaves/s", "10x", "200,000/s",
		thousands("/s"), func(v float64) bool { return v >= 200_000 }},
	{"one use of a key at the gate by itself, journal included, processor time", "./internal/gate", "Open", "cpu-ns/op", "300000x", "",
		func(v float64) string { return fmt.Sprintf("%.1f µs", v/1e3) }, nil},
}

// docketFigures are those of what is done with a demand.
var docketFigures = []figure{
	{"a demand reviewed against the law packs", "./internal/law", "Review", "ns/op", "2000x", "1 ms", milliseconds, func(v float64) bool { return v <= 1e6 }},
	{"a docket of 100,000 cases: a page by deadline", "./internal/docket", "HundredThousandCases/list", "ns/op", "10x", "300 ms", milliseconds, within300},
	{"a page by instrument and country", "./internal/docket", "HundredThousandCases/filter", "ns/op", "10x", "300 ms", milliseconds, within300},
	{"a search for text", "./internal/docket", "HundredThousandCases/search", "ns/op", "10x", "300 ms", milliseconds, within300},
	{"a report of two years, as HTML", "./internal/docket", "HundredThousandCases/report", "ns/op", "10x", "300 ms", milliseconds, within300},
	{"the index read at a start", "./internal/docket", "HundredThousandCases/start", "ns/op", "5x", "", milliseconds, nil},
	{"10,000 objects of 64 KiB opened under one writ, of the rate at which their owner reads them", "./internal/docket", "Open", "rate", "3x", "0.70", hundredths, func(v float64) bool { return v >= 0.7 }},
	{"the same, in objects", "./internal/docket", "Open", "objects/s", "3x", "", thousands("/s"), nil},
	{"and packed: hashed, sealed to an age key, synced", "./internal/docket", "Produce", "objects/s", "3x", "", thousands("/s"), nil},
}

// consoleFigures are those of the pages of the docket.
var consoleFigures = []figure{
	{"the board of 100,000 cases, 2,000 of them open: made, without the line, processor time", "./internal/console/cases", "Pages/board", "cpu-ns/op", "200x", "10 ms", milliseconds, within10},
	{"the table by deadline", "./internal/console/cases", "Pages/table", "cpu-ns/op", "200x", "", milliseconds, nil},
	{"a search through all of them", "./internal/console/cases", "Pages/search", "cpu-ns/op", "50x", "", milliseconds, nil},
	{"a case", "./internal/console/cases", "Pages/case", "cpu-ns/op", "200x", "", milliseconds, nil},
	{"200 people at once over TLS, each reading a page for 5 s, for a minute: median", "./internal/console/cases", "Pages/load", "median-ns", "1x", "", milliseconds, nil},
	{"99 of 100 pages within", "./internal/console/cases", "Pages/load", "p99-ns", "1x", "500 ms", milliseconds, func(v float64) bool { return v <= 500e6 }},
	{"the slowest of them", "./internal/console/cases", "Pages/load", "worst-ns", "1x", "", milliseconds, nil},
	{"pages a second", "./internal/console/cases", "Pages/load", "pages/s", "1x", "", thousands("/s"), nil},
}

func within10(v float64) bool { return v <= 10e6 }

func within300(v float64) bool { return v <= 300e6 }

func hundredths(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// measureOwn runs the tree's own benchmarks of one part, one after the other.
func measureOwn(part string, figures []figure) func(context.Context, options, *report) error {
	return func(ctx context.Context, _ options, rep *report) error {
		ran := map[string]map[string]float64{} // metrics by package and benchmark
		for _, f := range figures {
			key := f.pkg + " " + f.bench
			if ran[key] == nil {
				metrics, err := runBenchmark(ctx, f)
				if err != nil {
					return err
				}
				ran[key] = metrics
			}
			v, ok := ran[key][f.metric]
			if !ok {
				return fmt.Errorf("benchmark %s reports no %s", f.bench, f.metric)
			}
			rep.ownClaim(part, f, v)
		}
		return nil
	}
}

// runBenchmark returns the metrics of one.
func runBenchmark(ctx context.Context, f figure) (map[string]float64, error) {
	pattern := "^Benchmark" + strings.ReplaceAll(f.bench, "/", "$/^") + "$"
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", pattern, "-benchtime", f.times, f.pkg)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("couldn't run benchmark %s: %w\n%s", f.bench, err, out)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark"+f.bench) {
			continue
		}
		metrics := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("couldn't read what benchmark %s printed: %q", f.bench, line)
			}
			metrics[fields[i+1]] = v
		}
		return metrics, nil
	}
	return nil, fmt.Errorf("benchmark %s printed nothing: %s", f.bench, out)
}
