package vault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"writ"
	"writ/internal/blob"
	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/records"
)

// history does the same to a vault each time, as its clinic, and returns all
// that the clinic gets to see of it.
func history(r *rig) []string {
	var seen []string
	saw := func(what string, got any, err error) { seen = append(seen, fmt.Sprintf("%s: %+v, %v", what, got, err)) }
	// What is random by nature is named by when it was first seen.
	names := map[string]string{}
	named := func(s string) string {
		if s == "" || s == "null" {
			return s
		}
		if names[s] == "" {
			names[s] = fmt.Sprintf("#%d", len(names)+1)
		}
		return names[s]
	}
	version := func(v Version) string {
		return fmt.Sprintf("%s/%s %s latest=%v marker=%v %d %s %d %v", v.Bucket, v.Key, named(string(v.Version)), v.Latest, v.Marker, v.Size, named(v.ETag), v.Parts, v.Tags)
	}
	for _, bucket := range []writ.BucketName{"plain", "kept"} {
		put := func(key writ.ObjectKey, size int) Version {
			v, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: bucket, Key: key, Body: strings.NewReader(strings.Repeat("x", size)), Size: int64(size)})
			saw("put", version(v), err)
			return v
		}
		remove := func(in DeleteInput) {
			d, err := r.Delete(r.ctx, r.clinic, in)
			saw("delete", fmt.Sprintf("%s %v", named(string(d.Version)), d.Marker), err)
		}
		first := put("case/one", 100)
		put("case/two", 50_000)
		put("case/three", 3<<20)
		put("other", 7)
		put("case/one", 200)
		put("case/empty", 0)
		r.minPart = 1
		ref := r.begin1(r.clinic, bucket, "case/parts")
		a, b := r.part(r.clinic, ref, 1, pattern(1, 3000)), r.part(r.clinic, ref, 2, pattern(2, 40_000))
		saw("complete", version(r.complete(r.clinic, ref, a, b)), nil)
		_, err := r.SetTags(r.ctx, r.clinic, ObjectRef{Bucket: bucket, Key: "case/two"}, map[string]string{"ward": "4"})
		saw("tags", nil, err)
		remove(DeleteInput{ObjectRef: ObjectRef{Bucket: bucket, Key: "case/two"}})
		remove(DeleteInput{ObjectRef: first.ObjectRef})
		remove(DeleteInput{ObjectRef: ObjectRef{Bucket: bucket, Key: "case/parts"}})
		put("case/three", 10)
		many, err := r.DeleteMany(r.ctx, r.clinic, bucket, []DeleteInput{
			{ObjectRef: ObjectRef{Key: "case/empty"}}, {ObjectRef: ObjectRef{Key: "none"}},
		})
		saw("delete many", len(many), err)
		saw("lifecycle", nil, r.PutBucketSetting(r.ctx, r.clinic, bucket, SettingLifecycle, lifecycleOf(
			`<Rule><Filter/><Status>Enabled</Status><Expiration><Days>1</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>`)))
		run, err := r.RunLifecycle(r.ctx, r.clock.now().Add(10*day))
		saw("lifecycle", run, err)
		put("case/late", 300)
		list, err := r.ListVersions(r.ctx, r.clinic, ListVersionsInput{Bucket: bucket, Max: 1000})
		for _, v := range list.Versions {
			saw("listed", version(v), nil)
			if v.Marker {
				continue
			}
			body, err := r.read(r.clinic, v.ObjectRef)
			saw("read", len(body), err)
		}
		saw("list", len(list.Versions), err)
		for _, key := range []writ.ObjectKey{"case/one", "case/two", "case/parts", "case/empty"} {
			_, err := r.Head(r.ctx, r.clinic, GetInput{ObjectRef: ObjectRef{Bucket: bucket, Key: key}})
			saw("head", nil, err)
		}
		u, err := r.Usage(r.ctx, r.clinic.Customer)
		saw("usage", u, err)
		saw("delete bucket", nil, r.DeleteBucket(r.ctx, r.clinic, bucket))
	}
	return seen
}

// TestPinsAreSilent runs one history on two vaults, one of them with pins of
// every kind, and compares all that the customer sees, its journal included.
func TestPinsAreSilent(t *testing.T) {
	without, with := newRig(t), newRig(t)
	for _, r := range []*rig{without, with} {
		r.bucket(r.clinic, "plain", Unversioned)
		r.bucket(r.clinic, "kept", VersioningEnabled)
		r.put(r.clinic, "plain", "case/one", "was there before")
	}
	for i, b := range [][]policy.BucketScope{
		{{Bucket: "plain"}, {Bucket: "kept", Prefixes: []string{"case/"}}},
		{{Bucket: "plain", Objects: []policy.ObjectScope{{Key: "case/one"}}}},
		{{Bucket: "kept", Tags: map[string]string{"ward": "4"}}},
	} {
		with.preserve(with.clinic, fmt.Sprintf("pin-%d", i), b...)
	}
	want, got := history(without), history(with)
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			t.Fatalf("answer %d differs:\nwithout %s\nwith    %s", i, want[min(i, len(want)-1)], got[min(i, len(got)-1)])
		}
	}
	// Sweeping and checking find nothing amiss, and say the same.
	reports := func(r *rig) (all []string) {
		for range 2 {
			report := r.wantClean()
			report.Kept = KeptReport{} // for the docket
			sum, err := r.Stored(r.ctx)
			all = append(all, fmt.Sprintf("%+v %+v %v", report, sum, err))
			if _, err := r.Reclaim(r.ctx, nil); err != nil {
				t.Fatal(err)
			}
		}
		return all
	}
	if a, b := reports(without), reports(with); !slices.Equal(a, b) {
		t.Fatalf("checks differ:\n%q\n%q", a, b)
	}
	journal := func(r *rig) (all []string) {
		right, use := ownerOfJournal(r.clinic)
		for e, err := range r.gate.Journal(r.ctx, right, use, gate.JournalQuery{}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprintf("%s %s %s/%s", e.Op, e.Reason, e.Bucket, e.Key))
		}
		return all
	}
	if a, b := journal(without), journal(with); !slices.Equal(a, b) {
		t.Fatalf("the customer's journals differ:\n%q\n%q", a, b)
	}
	// Every version with data that was in scope is kept.
	// Every version with data that was in scope is kept: of both buckets one
	// (twice), two, three (twice), empty, parts and late, which the second run
	// of lifecycle took; of the first also one as it was before, and other.
	for id, want := range map[string]int64{"pin-0": 18, "pin-1": 3, "pin-2": 1} {
		if got, err := with.PreservedTotals(with.ctx, id); err != nil || got.Versions != want {
			t.Errorf("%s keeps %+v, not %d versions (%v)", id, got, want, err)
		}
	}
	if n := len(without.keys("qiPN")); n != 0 {
		t.Fatalf("the vault without pins has %d records of them", n)
	}
}

// A tallied store counts what becomes durable, and what is in it.
type tallied struct {
	records.Store
	commits, changes atomic.Int64
}

func (c *tallied) Apply(ctx context.Context, b *records.Batch) error {
	c.commits.Add(1)
	c.changes.Add(int64(b.Len()))
	return c.Store.Apply(ctx, b)
}

func (c *tallied) Update(ctx context.Context, fn func(records.Tx) error) error {
	var tx *talliedTx
	err := c.Store.Update(ctx, func(t records.Tx) error {
		tx = &talliedTx{Tx: t}
		return fn(tx)
	})
	if err == nil {
		c.commits.Add(1)
		c.changes.Add(tx.n)
	}
	return err
}

type talliedTx struct {
	records.Tx
	n int64
}

func (t *talliedTx) Put(key, value []byte) { t.n++; t.Tx.Put(key, value) }
func (t *talliedTx) Delete(key []byte)     { t.n++; t.Tx.Delete(key) }

// TestPreservationAddsNoCommit counts what each write makes durable before it
// is answered: making a version costs the same to the record whether it is
// preserved or not, and no write makes one commit more.
func TestPreservationAddsNoCommit(t *testing.T) {
	type cost struct {
		what             string
		commits, changes int64
	}
	run := func(preserve bool) (all []cost) {
		store := &tallied{Store: records.NewMemory()}
		r := assemble(t, openGate(t, t.TempDir()), store, blob.NewMemory())
		r.minPart = 1
		r.bucket(r.clinic, "plain", Unversioned)
		r.bucket(r.clinic, "versions", VersioningEnabled)
		if preserve {
			r.preserve(r.clinic, "p", policy.BucketScope{Bucket: "plain"}, policy.BucketScope{Bucket: "versions", Prefixes: []string{"k"}})
		}
		measure := func(what string, do func()) {
			store.commits.Store(0)
			store.changes.Store(0)
			do()
			all = append(all, cost{what, store.commits.Load(), store.changes.Load()})
		}
		for _, b := range []writ.BucketName{"plain", "versions"} {
			for _, size := range []int{0, 100, 100_000, 3 << 20} {
				body := string(pattern(1, size))
				measure("make", func() { r.put(r.clinic, b, writ.ObjectKey(fmt.Sprint("k", size)), body) })
				measure("overwrite", func() { r.put(r.clinic, b, writ.ObjectKey(fmt.Sprint("k", size)), body) })
			}
			ref := r.begin1(r.clinic, b, "kparts")
			part := r.part(r.clinic, ref, 1, pattern(1, 5000))
			measure("make of parts", func() { r.complete(r.clinic, ref, part) })
			measure("copy", func() {
				in := CopyInput{Source: ObjectRef{Bucket: b, Key: "k100"}, To: PutInput{Bucket: b, Key: "kcopy"}}
				if _, err := r.Copy(r.ctx, r.clinic, in); err != nil {
					t.Fatal(err)
				}
			})
			measure("tag", func() {
				if _, err := r.SetTags(r.ctx, r.clinic, ObjectRef{Bucket: b, Key: "k100"}, map[string]string{"a": "b"}); err != nil {
					t.Fatal(err)
				}
			})
			measure("delete", func() { r.removeAll(r.clinic, b, "k100") })
		}
		return all
	}
	without, with := run(false), run(true)
	for i, a := range without {
		b := with[i]
		if a.commits != b.commits {
			t.Errorf("%s makes %d commits, with a preservation %d", a.what, a.commits, b.commits)
		}
		if strings.HasPrefix(a.what, "make") && a != b {
			t.Errorf("%s changes %d records, with a preservation %d", a.what, a.changes, b.changes)
		}
	}
}
