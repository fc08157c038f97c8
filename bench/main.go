// Command bench measures Writ beside its peers on this machine, in one run:
// MinIO with automatic encryption, versitygw's own posix backend, and Writ's
// front over a store that keeps nothing, which is the limit of any store
// behind that front. It prints tables of rates and ratios and writes them
// into docs/performance.md, between the marks that it finds there.
//
// Every server listens on loopback with TLS and keep-alive; the load comes
// from a separate process (this program again, as "bench load") that uses
// minio-go as strangers do. Servers take turns in short bursts (A B C A B C)
// and the median of each is kept, so that a machine whose speed drifts treats
// all alike.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// options are what a reader may want to change; the defaults are what
// docs/performance.md holds.
type options struct {
	writ    string        // the binary under test
	peers   string        // folder with the peers' binaries: minio, versitygw
	work    string        // scratch folder; must be on the disk to be measured
	doc     string        // the document to write into; "" prints only
	only    string        // "rates", "scale", "memory", "profile", "ledger", "docket", "console", or "" for all
	rounds  int           // bursts of each server at each size
	burst   time.Duration // length of one burst
	clients int           // concurrent clients in the load process
	objects int           // objects in the scale part
	size    int64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "load" {
		if err := loadMain(ctx, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench load:", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "null" {
		if err := nullMain(ctx, os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench null:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.writ, "writ", "bin/writ", "the binary to measure")
	flag.StringVar(&o.peers, "peers", "", "folder with minio and versitygw; empty leaves them out")
	flag.StringVar(&o.work, "work", "", "scratch folder on the disk to measure (default: a new one in the temporary folder)")
	flag.StringVar(&o.doc, "doc", "", "write the tables into this document, between its marks")
	flag.StringVar(&o.only, "only", "", "one part only: rates, scale, memory, profile, ledger, docket, console")
	flag.IntVar(&o.rounds, "rounds", 3, "bursts of each server at each size")
	flag.DurationVar(&o.burst, "burst", 3*time.Second, "length of one burst")
	flag.IntVar(&o.clients, "clients", 8, "concurrent clients")
	flag.IntVar(&o.objects, "objects", 1_000_000, "objects in the scale part")
	flag.Int64Var(&o.size, "size", 0, "one size of objects only, in bytes (default: all)")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.work == "" {
		dir, err := os.MkdirTemp("", "writ-bench-")
		if err != nil {
			return fmt.Errorf("couldn't make a scratch folder: %w", err)
		}
		defer os.RemoveAll(dir)
		o.work = dir
	}
	rep := newReport()
	parts := []struct {
		name string
		fn   func(context.Context, options, *report) error
	}{
		{"rates", measureRates},
		{"profile", measureProfile},
		{"memory", measureMemory},
		{"scale", measureScale},
		{"ledger", measureOwn("ledger", ledgerFigures)},
		{"docket", measureOwn("docket", docketFigures)},
		{"console", measureOwn("console", consoleFigures)},
	}
	for _, p := range parts {
		if o.only != "" && o.only != p.name {
			continue
		}
		if err := p.fn(ctx, o, rep); err != nil {
			return fmt.Errorf("couldn't measure %s: %w", p.name, err)
		}
	}
	if o.doc == "" {
		return nil
	}
	return rep.writeInto(o.doc)
}
