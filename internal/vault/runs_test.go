package vault

import (
	"context"
	"reflect"
	"testing"

	"writ/internal/policy"
)

// TestLastRuns: how each job ended is known after a restart, also when it failed.
func TestLastRuns(t *testing.T) {
	r := newRig(t)
	for _, job := range Jobs {
		if _, ok, err := r.LastRun(r.ctx, job); ok || err != nil {
			t.Fatalf("%s ran before it ran: %v", job, err)
		}
	}
	r.bucket(r.clinic, "ward-seven", Unversioned)
	r.put(r.clinic, "ward-seven", "letters/1", string(make([]byte, 600_000)))
	for ref := range r.refs() {
		if err := r.blobs.Delete(r.ctx, ref); err != nil {
			t.Fatal(err)
		}
	}
	report := r.fsck()
	if _, err := r.Reclaim(r.ctx, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.RunLifecycle(r.ctx, r.clock.now()); err != nil {
		t.Fatal(err)
	}
	r.restart()
	for _, job := range Jobs {
		run, ok, err := r.LastRun(r.ctx, job)
		if !ok || err != nil || run.Failed != "" || run.Ended.IsZero() || (run.Lifecycle != nil) != (job == JobLifecycle) {
			t.Errorf("%s: %+v %v %v", job, run, ok, err)
		}
	}
	run, _, err := r.LastRun(r.ctx, JobCheck)
	report.Kept = KeptReport{}
	if err != nil || !reflect.DeepEqual(run.Check.Damage, report.Damage) || report.Damage.Count == 0 || run.Check.Versions != report.Versions || run.Check.Bytes != report.Bytes {
		t.Errorf("noted %+v\nfound %+v %v", run.Check, report, err)
	}
	gone, cancel := context.WithCancel(r.ctx)
	cancel()
	if _, err := r.Fsck(gone, FsckOptions{}); err == nil {
		t.Fatal("a check that was given up ended well")
	}
	if run, _, _ := r.LastRun(r.ctx, JobCheck); run.Failed == "" {
		t.Error("a check that was given up is noted as one that ended well")
	}
}

// TestKeptCheckIsTheDockets: what a check finds of preserved versions is noted
// with the preservations that keep them, and nowhere else: the note for whoever
// runs the store is the one of a store that preserves nothing.
func TestKeptCheckIsTheDockets(t *testing.T) {
	run := func(preserve bool) (Run, *rig) {
		r := newRig(t)
		r.bucket(r.clinic, "ward-seven", Unversioned)
		for range 3 { // one is left, the others are overwritten
			r.put(r.clinic, "ward-seven", "kept/x", string(make([]byte, 600_000)))
		}
		r.put(r.clinic, "ward-seven", "letters/1", string(make([]byte, 600_000)))
		if preserve {
			r.preserve(r.clinic, "2026-7KQM-4ZT0.1", policy.BucketScope{Bucket: "ward-seven", Prefixes: []string{"letters/"}})
			r.preserve(r.clinic, "2026-7KQM-4ZT1.1", policy.BucketScope{Bucket: "ward-seven"})
		}
		r.removeAll(r.clinic, "ward-seven", "letters/1")
		r.removeAll(r.clinic, "ward-seven", "kept/x")
		for ref := range r.refs() {
			r.blobs.Delete(r.ctx, ref)
		}
		r.fsck()
		noted, ok, err := r.LastRun(r.ctx, JobCheck)
		if !ok || err != nil {
			t.Fatal(err)
		}
		noted.Ended = r.clock.now()
		return noted, r
	}
	without, bare := run(false)
	with, r := run(true)
	with.Ended = without.Ended
	if !reflect.DeepEqual(with, without) {
		t.Errorf("with a preservation the note is %+v\nwithout %+v", with, without)
	}
	if c, ok, err := bare.LastKeptCheck(r.ctx); err != nil || !ok || c.Damaged != 0 || c.Versions != 0 || len(c.Pins) != 0 {
		t.Errorf("nothing is preserved, and the docket is told %+v %v", c, err)
	}
	c, ok, err := r.LastKeptCheck(r.ctx)
	if err != nil || !ok || c.Versions != 2 || c.Damaged != 2 || c.Pins["2026-7KQM-4ZT0.1"] != 1 || c.Pins["2026-7KQM-4ZT1.1"] != 2 {
		t.Errorf("the docket is told %+v %v", c, err)
	}
}

// TestRotationShows: a rotation that was interrupted is seen until it ended.
func TestRotationShows(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "ward-seven", Unversioned)
	for _, key := range []string{"a", "b", "c"} {
		r.put(r.clinic, "ward-seven", "letters/", key)
	}
	if _, ok, err := r.Rotation(r.ctx, r.clinic.Customer); ok || err != nil {
		t.Fatalf("a rotation before there was one: %v", err)
	}
	gone, cancel := context.WithCancel(r.ctx)
	if _, err := r.RotateCustomer(gone, r.clinic.Customer, RotateOptions{Progress: func(string, int64, int64) { cancel() }}); err == nil {
		t.Fatal("it was not interrupted")
	}
	r.restart()
	if now, ok, err := r.Rotation(r.ctx, r.clinic.Customer); err != nil || !ok || now.Version != 2 || now.Retire {
		t.Errorf("%+v %v %v", now, ok, err)
	}
	if ids, err := r.Rotations(r.ctx, 10); err != nil || len(ids) != 1 || ids[0] != r.clinic.Customer {
		t.Errorf("%v %v", ids, err)
	}
	if err := r.ResumeRotations(r.ctx); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := r.Rotation(r.ctx, r.clinic.Customer); ok || err != nil {
		t.Errorf("it ended and is still there: %v", err)
	}
}
