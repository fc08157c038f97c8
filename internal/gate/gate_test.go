package gate_test

import (
	"context"
	"net/netip"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
)

var ctx = context.Background()

// open opens a gate of a folder with a key file beside it.
func open(t testing.TB, dir string, change ...func(*gate.Config)) *gate.Gate {
	t.Helper()
	cfg := gate.Config{Dir: dir, Unseal: gate.KeyFile(filepath.Join(dir, "root.key"))}
	for _, c := range change {
		c(&cfg)
	}
	g, err := gate.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

func customer(t testing.TB, g *gate.Gate) writ.CustomerID {
	t.Helper()
	id := writ.NewCustomerID()
	if err := g.AddCustomer(ctx, id, nil); err != nil {
		t.Fatal(err)
	}
	return id
}

func use(c writ.CustomerID, op string, blob writ.BlobID) gate.Use {
	return gate.Use{
		Customer: c, Op: op, Bucket: "scans", Key: "2026/knee.dcm", Version: writ.NullVersion, Blob: blob,
		Addr: netip.MustParseAddr("192.0.2.7"), Request: "req-1",
	}
}

const credential writ.CredentialID = "HARBOURCLINIC0000001"

func TestOwnerSealsAndOpens(t *testing.T) {
	dir := t.TempDir()
	g := open(t, dir)
	c := customer(t, g)
	blob := writ.NewBlobID()
	key, wrapped, err := g.Seal(ctx, gate.Owner(c, credential), use(c, "put", blob))
	if err != nil {
		t.Fatal(err)
	}
	if len(wrapped) != gate.WrappedSize {
		t.Errorf("wrapped key has %d bytes, not %d", len(wrapped), gate.WrappedSize)
	}
	again, err := g.Open(ctx, gate.Owner(c, credential), use(c, "get", blob), wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Equal(key) {
		t.Error("another key came out than went in")
	}
	g.Close()

	g = open(t, dir)
	again, err = g.Open(ctx, gate.Owner(c, credential), use(c, "get", blob), wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Equal(key) {
		t.Error("after a restart another key came out than went in")
	}
	var ops []string
	for e, err := range g.Journal(ctx, gate.JournalReader(c, "console"), gate.Use{Customer: c}, gate.JournalQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		ops = append(ops, e.Op)
	}
	if want := []string{"add-customer", "put", "get", "get", "journal"}; !equal(ops, want) {
		t.Errorf("journal has %q, not %q", ops, want)
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOpen is one opening: check, entry, unwrap. Its cpu-ns/op is the
// processor time, the closing of segments in the background included; that is
// what the 2% of a 64 KiB GET are about.
func BenchmarkOpen(b *testing.B) {
	g := open(b, b.TempDir())
	c := customer(b, g)
	blob := writ.NewBlobID()
	right := gate.Owner(c, credential)
	_, wrapped, err := g.Seal(ctx, right, use(c, "put", blob))
	if err != nil {
		b.Fatal(err)
	}
	u := use(c, "get", blob)
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		if _, err := g.Open(ctx, right, u, wrapped); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}
