package vault

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/blob"
	"writ/internal/gate"
	"writ/internal/records"
)

// A rig is a vault over rooms beneath, with two customers and a clock that
// goes on by itself and can be put forward.
type rig struct {
	*Vault
	t       testing.TB
	ctx     context.Context
	clock   *clock
	gate    *gate.Gate
	records records.Store
	blobs   blob.Store

	clinic, press Session // "harbour-clinic", "tidewater-press"
}

// clock is real time and what it was put forward by.
type clock struct {
	mu      sync.Mutex
	forward time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.forward)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forward += d
}

func openGate(t testing.TB, dir string) *gate.Gate {
	t.Helper()
	g, err := gate.Open(gate.Config{Dir: dir, Unseal: gate.KeyFile(filepath.Join(dir, "key"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}

// newRig returns a rig over rooms in memory, but for the gate.
func newRig(t testing.TB) *rig {
	t.Helper()
	return assemble(t, openGate(t, t.TempDir()), records.NewMemory(), blob.NewMemory())
}

// newDiskRig returns a rig over rooms on disk.
func newDiskRig(t testing.TB) *rig {
	t.Helper()
	dir := t.TempDir()
	g := openGate(t, dir)
	r, b := openRooms(t, g, dir)
	return assemble(t, g, r, b)
}

func openRooms(t testing.TB, g *gate.Gate, dir string) (records.Store, blob.Store) {
	t.Helper()
	r, err := records.Open(filepath.Join(dir, "records"), g.StoreKey("records"), records.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	b, err := blob.Open(filepath.Join(dir, "blobs"), blob.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return r, b
}

func assemble(t testing.TB, g *gate.Gate, r records.Store, b blob.Store) *rig {
	t.Helper()
	rg := &rig{t: t, ctx: context.Background(), clock: new(clock), gate: g, records: r, blobs: b}
	rg.restart()
	rg.clinic = rg.customer("harbour-clinic")
	rg.press = rg.customer("tidewater-press")
	return rg
}

// restart makes a new vault over the same rooms: what the old one had in
// memory is gone.
func (r *rig) restart() {
	r.t.Helper()
	v, err := New(Config{Gate: r.gate, Records: r.records, Blobs: r.blobs, Now: r.clock.now})
	if err != nil {
		r.t.Fatal(err)
	}
	r.Vault = v
}

func (r *rig) customer(name string) Session {
	r.t.Helper()
	c, err := r.AddCustomer(r.ctx, name)
	if err != nil {
		r.t.Fatal(err)
	}
	return Session{Customer: c.ID, Credential: "WRITTESTCREDENTIAL00", Addr: netip.MustParseAddr("192.0.2.7"), Request: "test"}
}

func (r *rig) bucket(s Session, name writ.BucketName, versioning Versioning) {
	r.t.Helper()
	if _, err := r.CreateBucket(r.ctx, s, BucketOptions{Name: name}); err != nil {
		r.t.Fatal(err)
	}
	if versioning != Unversioned {
		if err := r.SetVersioning(r.ctx, s, name, versioning); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) put(s Session, bucket writ.BucketName, key writ.ObjectKey, body string) Version {
	r.t.Helper()
	v, err := r.Put(r.ctx, s, PutInput{Bucket: bucket, Key: key, Body: strings.NewReader(body), Size: int64(len(body))})
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// read returns the whole of a version.
func (r *rig) read(s Session, ref ObjectRef) ([]byte, error) {
	o, err := r.Get(r.ctx, s, GetInput{ObjectRef: ref})
	if err != nil {
		return nil, err
	}
	defer o.Body.Close()
	return io.ReadAll(o.Body)
}

func (r *rig) want(s Session, ref ObjectRef, body string) {
	r.t.Helper()
	got, err := r.read(s, ref)
	if err != nil {
		r.t.Fatalf("couldn't read %v: %v", ref, err)
	}
	if string(got) != body {
		r.t.Fatalf("%v has %d bytes, not the %d expected", ref, len(got), len(body))
	}
}

func wantError(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, not %v", err, want)
	}
}

// refs returns every blob on the disk.
func (r *rig) refs() map[blob.Ref]bool {
	r.t.Helper()
	all := make(map[blob.Ref]bool)
	if err := r.blobs.Walk(r.ctx, func(ref blob.Ref) error { all[ref] = true; return nil }); err != nil {
		r.t.Fatal(err)
	}
	return all
}

// keys returns the keys of all records with one of the tags.
func (r *rig) keys(tags string) [][]byte {
	r.t.Helper()
	var keys [][]byte
	for _, tag := range []byte(tags) {
		err := eachRecord(r.ctx, r.records, records.Prefix([]byte{tag}), func(e records.Entry) error {
			keys = append(keys, bytes.Clone(e.Key))
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return keys
}

// wantUsage compares usage as counted, as counted anew after a restart, and
// as the versions add up.
func (r *rig) wantUsage(s Session) {
	r.t.Helper()
	var sum Usage
	for _, tag := range []byte{tagHead, tagVersion} {
		err := eachRecord(r.ctx, r.records, records.Prefix(join(tag, string(s.Customer))), func(e records.Entry) error {
			_, v, err := decodeVersion(e.Key, e.Value)
			if err != nil {
				return err
			}
			sum.Bytes += v.Size
			sum.Objects++
			return nil
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	for _, when := range []string{"before", "after"} {
		got, err := r.Usage(r.ctx, s.Customer)
		if err != nil {
			r.t.Fatal(err)
		}
		if got != sum {
			r.t.Fatalf("usage %s restart is %+v, the versions add up to %+v", when, got, sum)
		}
		r.restart()
	}
}

// isDead reports whether a blob is known to be deleted.
func (r *rig) isDead(ref blob.Ref) bool {
	_, err := r.records.Get(r.ctx, deadKey(ref))
	return err == nil
}
