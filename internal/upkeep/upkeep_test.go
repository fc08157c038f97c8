package upkeep

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"writ/internal/blob"
	"writ/internal/gate"
	"writ/internal/records"
	"writ/internal/vault"
)

func store(t *testing.T) *vault.Vault {
	t.Helper()
	dir := t.TempDir()
	g, err := gate.Open(gate.Config{Dir: dir, Unseal: gate.KeyFile(filepath.Join(dir, "root.key"))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	v, err := vault.New(vault.Config{Gate: g, Records: records.NewMemory(), Blobs: blob.NewMemory()})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func ended(t *testing.T, k *Keeper) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); len(k.Running()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("still running: %+v", k.Running())
		}
	}
}

// TestBegin: what is begun runs, is seen meanwhile, and how it ended is known.
func TestBegin(t *testing.T) {
	v := store(t)
	k := New(Config{Vault: v})
	defer k.Close()
	c, err := v.AddCustomer(t.Context(), "harbour-clinic")
	if err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	if err := k.begin(Check, "", func(_ context.Context, p vault.Progress) error { p("fsck", 1, 2); <-hold; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := k.Begin(Check); !errors.Is(err, ErrRunning) {
		t.Errorf("a second check at once: %v", err)
	}
	if now := k.Running(); len(now) != 1 || now[0].Job != Check || now[0].Since.IsZero() {
		t.Errorf("%+v", now)
	}
	close(hold)
	ended(t, k)
	if err := k.Begin(Check); err != nil {
		t.Error(err)
	}
	if err := k.Rotate(c.ID); err != nil {
		t.Error(err)
	}
	if err := k.Begin(Reclaim); err != nil {
		t.Error(err)
	}
	if err := k.Begin("shred"); err == nil {
		t.Error("anything is begun")
	}
	ended(t, k)
	for _, job := range []vault.Job{vault.JobCheck, vault.JobReclaim} {
		if run, ok, err := v.LastRun(t.Context(), job); err != nil || !ok || run.Failed != "" {
			t.Errorf("%s: %+v %v", job, run, err)
		}
	}
	if ids, err := v.Rotations(t.Context(), 10); err != nil || len(ids) > 0 {
		t.Errorf("still rotating: %v %v", ids, err)
	}
}

// TestClose: what runs ends with the keeper, and nothing begins afterwards.
func TestClose(t *testing.T) {
	v := store(t)
	k := New(Config{Vault: v})
	if err := k.Begin(Check); err != nil {
		t.Fatal(err)
	}
	k.Close()
	if len(k.Running()) > 0 || !errors.Is(k.Begin(Check), ErrStopping) {
		t.Errorf("it goes on: %+v", k.Running())
	}
}

// TestMany: no more than a few run at once.
func TestMany(t *testing.T) {
	v := store(t)
	k := New(Config{Vault: v})
	defer k.Close()
	hold := make(chan struct{})
	defer close(hold)
	for _, name := range []string{"a", "b", "c", "d"} {
		if err := k.begin(Job(name), "", func(context.Context, vault.Progress) error { <-hold; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Begin(Check); !errors.Is(err, ErrMany) {
		t.Errorf("one more: %v", err)
	}
}

// TestDue: a check is due when the last is long enough ago, never at a start.
func TestDue(t *testing.T) {
	v := store(t)
	now := time.Now()
	k := New(Config{Vault: v, Check: 7 * 24 * time.Hour, Now: func() time.Time { return now }})
	defer k.Close()
	want := func(due bool, began time.Time, when string) {
		t.Helper()
		if got, err := k.due(t.Context(), began); err != nil || got != due {
			t.Errorf("%s: due %v, %v", when, got, err)
		}
	}
	want(false, now, "at a start")
	want(true, now.Add(-2*time.Hour), "never checked")
	if _, err := v.Fsck(t.Context(), vault.FsckOptions{Settle: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	want(false, now.Add(-2*time.Hour), "just checked")
	now = now.Add(8 * 24 * time.Hour)
	want(true, now.Add(-2*time.Hour), "checked a week ago")
	want(false, now, "checked a week ago, at a start")
}

// TestTurn: a turn notes the day once, and begins the check that is due.
func TestTurn(t *testing.T) {
	v := store(t)
	k := New(Config{Vault: v, Check: time.Hour})
	defer k.Close()
	k.turn(t.Context(), time.Now())
	if now := k.Running(); len(now) > 0 {
		t.Errorf("at a start: %+v", now)
	}
	k.turn(t.Context(), time.Now().Add(-2*time.Hour))
	ended(t, k)
	if _, ok, err := v.LastRun(t.Context(), vault.JobCheck); !ok || err != nil {
		t.Errorf("nothing was checked: %v", err)
	}
	if days, err := v.Growth(t.Context()); err != nil || len(days) != 1 {
		t.Errorf("%+v %v", days, err)
	}
	never := New(Config{Vault: store(t)})
	defer never.Close()
	never.turn(t.Context(), time.Now().Add(-1000*time.Hour))
	if now := never.Running(); len(now) > 0 {
		t.Errorf("without an interval: %+v", now)
	}
}
