//go:build unix

package monitor

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"

	"writ/internal/ledger"
)

// BenchmarkScan re-hashes a log; a leaf is an operation. The log is honest and
// of batches only, as nearly all of one is. By HTTP it is a server's: its handler
// over the log that it keeps on the disk.
func BenchmarkScan(b *testing.B) {
	const leaves = 300_000
	r := newRig(b, 0)
	r.batches(leaves - 1)
	r.publish()
	for name, src := range map[string]Source{"folder": Folder(r.dir), "http": r.site(r.serve(b)).At(ledger.LogPath)} {
		b.Run(name, func(b *testing.B) {
			l := r.open(src)
			b.ReportAllocs()
			for b.Loop() {
				clear(l.tiles)
				var s Story
				if err := l.Scan(b.Context(), &s, nil); err != nil || s.Leaves != leaves {
					b.Fatalf("%d leaves: %v", s.Leaves, err)
				}
			}
			b.ReportMetric(float64(leaves)*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
		})
	}
}

// serve brings the published log back as a server's own, and serves it.
func (r *rig) serve(b *testing.B) http.Handler {
	b.Helper()
	dir := b.TempDir()
	mirror, err := ledger.OpenMirror(r.dir, nil)
	r.must(err)
	_, err = ledger.Recover(b.Context(), ledger.RecoverConfig{Dir: dir, LogKey: r.Key, Policy: r.Witnesses, Mirror: mirror, Without: []string{"w0", "w1", "w2"}})
	r.must(err)
	inner, err := ledger.OpenPosix(ledger.LogDir(dir), r.Signer(), slog.New(slog.DiscardHandler))
	r.must(err)
	log, err := ledger.OpenWitnessed(b.Context(), inner, ledger.WitnessedConfig{Dir: dir, LogKey: r.Key, Policy: r.Witnesses, HTTP: &http.Client{Transport: offline{}}})
	r.must(err)
	b.Cleanup(func() { log.Close(context.Background()) })
	h, err := ledger.Handler(log, ledger.Public{LogKey: r.Key, Policy: r.Witnesses})
	r.must(err)
	return h
}

// offline is a network without the rig's witnesses: they are keys only, and have
// cosigned already.
type offline struct{}

func (offline) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("there is no network")
}
