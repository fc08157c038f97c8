package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// sizes are the object sizes of the side-by-side run, in bytes.
var sizes = []int64{4 << 10, 64 << 10, 1 << 20, 16 << 20}

// measureRates runs all servers side by side.
func measureRates(ctx context.Context, o options, r *report) error {
	certFile, keyFile, err := selfSigned(o.work)
	if err != nil {
		return err
	}
	var servers []*target
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	add := func(t *target, err error) error {
		if err == nil {
			servers = append(servers, t)
		}
		return err
	}
	if err := add(newWrit(ctx, o, filepath.Join(o.work, "rates-writ"))); err != nil {
		return err
	}
	if o.peers != "" {
		if err := add(newMinIO(ctx, o, filepath.Join(o.work, "rates-minio"), certFile, keyFile)); err != nil {
			return err
		}
		if err := add(newVersity(ctx, o, filepath.Join(o.work, "rates-versitygw"), certFile, keyFile)); err != nil {
			return err
		}
	}
	if err := add(newNull(ctx, filepath.Join(o.work, "rates-null"), certFile, keyFile)); err != nil {
		return err
	}
	for _, size := range sizes {
		if o.size != 0 && o.size != size {
			continue
		}
		row := newRow(size)
		for _, op := range []string{"put", "get"} {
			if err := bursts(ctx, o, servers, op, size, row); err != nil {
				return err
			}
		}
		bare, err := bareWrites(o, size)
		if err != nil {
			return err
		}
		row.bare = bare
		r.rates = append(r.rates, row)
		r.printRow(row)
	}
	for _, s := range servers {
		r.durable = append(r.durable, fmt.Sprintf("%s: %s", s.name, s.durable))
	}
	return nil
}

// bursts lets the servers take turns and keeps each one's median.
func bursts(ctx context.Context, o options, servers []*target, op string, size int64, row *row) error {
	seen := map[string][]float64{}
	for round := range o.rounds + 1 { // the first round warms up and is not counted
		for _, s := range servers {
			l := load{server: *s, op: op, size: size, clients: o.clients, burst: o.burst, prefix: fmt.Sprintf("s%d/", size)}
			switch {
			case round == 0:
				l.burst = o.burst / 3
			case op == "put":
				l.first = round * 1_000_000
			}
			if op == "get" {
				l.keys = row.warm[s.name]
			}
			got, err := l.run(ctx)
			if err != nil {
				return err
			}
			if round == 0 {
				if op == "put" {
					row.warm[s.name] = got.Objects
				}
				continue
			}
			seen[s.name] = append(seen[s.name], got.rate())
		}
	}
	for name, rates := range seen {
		slices.Sort(rates)
		row.set(op, name, rates[len(rates)/2])
	}
	return nil
}

// bareWrites is the disk's own limit: as many writers as there are clients
// write files of the size and fsync each, and nothing else. Objects a second.
func bareWrites(o options, size int64) (float64, error) {
	dir := filepath.Join(o.work, "bare")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	body := make([]byte, size)
	var rates []float64
	for round := range o.rounds {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var n int
		var first error
		start := time.Now()
		for c := range o.clients {
			wg.Go(func() {
				for i := 0; time.Since(start) < o.burst; i++ {
					err := writeSync(filepath.Join(dir, fmt.Sprintf("%d-%d-%d", round, c, i)), body)
					mu.Lock()
					n++
					if err != nil && first == nil {
						first = err
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if first != nil {
			return 0, fmt.Errorf("couldn't write and fsync: %w", first)
		}
		rates = append(rates, float64(n)/time.Since(start).Seconds())
	}
	slices.Sort(rates)
	return rates[len(rates)/2], nil
}

func writeSync(name string, body []byte) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(body); err != nil {
		return err
	}
	return f.Sync()
}
