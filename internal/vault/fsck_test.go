package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"writ"
	"writ/internal/blob"
	"writ/internal/records"
)

// apply changes records behind the vault's back.
func (r *rig) apply(change func(b *records.Batch)) {
	r.t.Helper()
	var b records.Batch
	change(&b)
	if err := r.records.Apply(r.ctx, &b); err != nil {
		r.t.Fatal(err)
	}
	r.restart()
}

// at returns the record of the current version of a key, and its key.
func (r *rig) at(bucket writ.BucketName, key writ.ObjectKey) ([]byte, *versionRecord) {
	r.t.Helper()
	k := headKey(r.clinic.Customer, bucket, key)
	v, err := getVersion(r.ctx, r.records, k)
	if err != nil || v == nil {
		r.t.Fatalf("no version of %s (%v)", key, err)
	}
	return k, v
}

// fsckFinds checks that fsck reports a problem, and changes nothing; and that
// a repair leaves damage as it is and no orphan.
func (r *rig) fsckFinds(want Problem, orphan bool) Report {
	r.t.Helper()
	before := fmt.Sprint(r.keys("bBcodkKmnoprtuvxeiPNqRSL"), len(r.refs()))
	report, err := r.Fsck(r.ctx, FsckOptions{Settle: 1})
	if err != nil {
		r.t.Fatal(err)
	}
	list := report.Damage
	if orphan {
		list = report.Orphans
	}
	found := false
	for _, f := range list.List {
		found = found || f.Problem == want
	}
	if !found || report.Clean() {
		r.t.Fatalf("%q was not found; damage %+v, orphans %+v", want, report.Damage, report.Orphans)
	}
	if after := fmt.Sprint(r.keys("bBcodkKmnoprtuvxeiPNqRSL"), len(r.refs())); after != before {
		r.t.Fatal("fsck changed something")
	}
	repaired, err := r.Fsck(r.ctx, FsckOptions{Settle: 1, Repair: true})
	if err != nil {
		r.t.Fatal(err)
	}
	after, err := r.Fsck(r.ctx, FsckOptions{Settle: 1})
	if err != nil {
		r.t.Fatal(err)
	}
	if after.Orphans.Count > 0 || after.Damage.Count != report.Damage.Count || (repaired.Removed > 0) != (report.Orphans.Count > 0) {
		r.t.Fatalf("after a repair that removed %d: damage %+v, orphans %+v", repaired.Removed, after.Damage, after.Orphans)
	}
	return report
}

func TestFsckFindsWhatIsPlanted(t *testing.T) {
	const bucket = "scans"
	for _, c := range []struct {
		name   string
		plant  func(r *rig)
		want   Problem
		orphan bool
	}{
		{"missing blob", func(r *rig) {
			_, v := r.at(bucket, "file")
			ref, _, _ := v.ref()
			r.delete(ref)
		}, MissingBlob, false},
		{"missing part", func(r *rig) {
			_, v := r.at(bucket, "parts")
			p, err := readPart(r.ctx, r.records, partKey(v.Blob, 2))
			if err != nil {
				r.t.Fatal(err)
			}
			r.delete(p.Ref)
		}, MissingBlob, false},
		{"missing record of a part", func(r *rig) {
			_, v := r.at(bucket, "parts")
			r.apply(func(b *records.Batch) { b.Delete(partKey(v.Blob, 2)) })
		}, MissingPart, false},
		{"missing record of a part leaves its blob", func(r *rig) {
			_, v := r.at(bucket, "parts")
			r.apply(func(b *records.Batch) { b.Delete(partKey(v.Blob, 2)) })
		}, OrphanOwner, true},
		{"missing inline data", func(r *rig) {
			_, v := r.at(bucket, "inline")
			r.apply(func(b *records.Batch) { b.Delete(dataKey(v.Modified, v.Blob)) })
		}, MissingData, false},
		{"flipped inline data", func(r *rig) {
			_, v := r.at(bucket, "inline")
			key := dataKey(v.Modified, v.Blob)
			value, err := r.records.Get(r.ctx, key)
			if err != nil {
				r.t.Fatal(err)
			}
			value[len(value)-3] ^= 1
			r.apply(func(b *records.Batch) { b.Put(key, value) })
		}, DamagedData, false},
		{"missing owner", func(r *rig) {
			_, v := r.at(bucket, "file")
			ref, _, _ := v.ref()
			r.apply(func(b *records.Batch) { b.Delete(ownerKey(ref)) })
		}, MissingOwner, false},
		{"missing owner of parts", func(r *rig) {
			_, v := r.at(bucket, "parts")
			r.apply(func(b *records.Batch) { b.Delete(partsOwnerKey(v.Blob)) })
		}, MissingOwner, false},
		{"other data key", func(r *rig) {
			k, v := r.at(bucket, "file")
			_, other := r.at(bucket, "segment")
			v.Wrapped = other.Wrapped
			r.apply(func(b *records.Batch) { b.Put(k, encode(v)) })
		}, DamagedKey, false},
		{"another's blob", func(r *rig) {
			k, v := r.at(bucket, "segment")
			_, other := r.at(bucket, "segment2")
			v.Ref = other.Ref
			r.apply(func(b *records.Batch) { b.Put(k, encode(v)) })
		}, DamagedData, false},
		{"wrong size", func(r *rig) {
			k, v := r.at(bucket, "segment")
			v.Size++
			r.apply(func(b *records.Batch) { b.Put(k, encode(v)) })
		}, WrongSize, false},
		{"wrong usage", func(r *rig) {
			r.apply(func(b *records.Batch) { b.Put(usageKey(r.clinic.Customer, 77), encode(usageRecord{Bytes: 1})) })
		}, WrongUsage, false},
		{"missing bucket", func(r *rig) {
			r.apply(func(b *records.Batch) { b.Delete(bucketKey(bucket)) })
		}, MissingBucket, false},
		{"record that is none", func(r *rig) {
			k, _ := r.at(bucket, "inline")
			r.apply(func(b *records.Batch) { b.Put(k, []byte("no record")) })
		}, DamagedRecord, false},
		{"missing record of a version in a blob", func(r *rig) {
			k, _ := r.at(bucket, "segment")
			r.apply(func(b *records.Batch) { b.Delete(k) })
		}, OrphanOwner, true},
		{"missing record of an inline version", func(r *rig) {
			k, _ := r.at(bucket, "inline")
			r.apply(func(b *records.Batch) { b.Delete(k) })
		}, OrphanData, true},
		{"missing record of a version in parts", func(r *rig) {
			k, _ := r.at(bucket, "parts")
			r.apply(func(b *records.Batch) { b.Delete(k) })
		}, OrphanParts, true},
		{"missing record of an upload", func(r *rig) {
			r.apply(func(b *records.Batch) { b.Delete(r.keys("m")[0]) })
		}, OrphanParts, true},
		{"orphan in a segment", func(r *rig) {
			if _, err := r.blobs.Put(r.ctx, []byte("left by a crash")); err != nil {
				r.t.Fatal(err)
			}
		}, OrphanBlob, true},
		{"orphan file", func(r *rig) {
			up, err := r.blobs.Create(r.ctx, 0)
			if err == nil {
				_, err = up.Write([]byte("left by a crash"))
			}
			if err == nil {
				_, err = up.Commit(r.ctx)
			}
			if err != nil {
				r.t.Fatal(err)
			}
		}, OrphanBlob, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.fsckFill(bucket)
			r.wantClean()
			c.plant(r)
			r.minPart = 1
			r.fsckFinds(c.want, c.orphan)
		})
	}
}

func (r *rig) fsckFill(bucket writ.BucketName) {
	r.bucket(r.clinic, bucket, VersioningEnabled)
	r.minPart = 1
	r.put(r.clinic, bucket, "inline", "few bytes")
	r.put(r.clinic, bucket, "segment", string(pattern(1, 100_000)))
	r.put(r.clinic, bucket, "segment2", string(pattern(2, 100_000)))
	r.put(r.clinic, bucket, "file", string(pattern(3, 3<<20)))
	r.put(r.clinic, bucket, "empty", "")
	ref := r.begin1(r.clinic, bucket, "parts")
	r.complete(r.clinic, ref, r.part(r.clinic, ref, 1, pattern(4, 5000)), r.part(r.clinic, ref, 2, pattern(5, 2<<20)))
	r.part(r.clinic, r.begin1(r.clinic, bucket, "open"), 1, pattern(6, 3000))
	for range 3 { // leaves delete markers, older versions, deleted blobs
		v := r.put(r.clinic, bucket, "gone", string(pattern(7, 30_000)))
		if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: bucket, Key: "gone"}}); err != nil {
			r.t.Fatal(err)
		}
		if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: v.ObjectRef}); err != nil {
			r.t.Fatal(err)
		}
	}
}

// delete removes a blob behind the vault's back.
func (r *rig) delete(ref blob.Ref) {
	r.t.Helper()
	if err := r.blobs.Delete(r.ctx, ref); err != nil {
		r.t.Fatal(err)
	}
}

// TestFsckFindsFlippedBytes flips bytes in the files of blobs on disk: each
// flip is found, wherever it is in the bytes of a version.
func TestFsckFindsFlippedBytes(t *testing.T) {
	dir := t.TempDir()
	g := openGate(t, dir)
	store, blobs := openRooms(t, g, dir)
	r := assemble(t, g, store, blobs)
	r.bucket(r.clinic, "scans", Unversioned)
	r.put(r.clinic, "scans", "file", string(pattern(1, 3<<20)))
	r.put(r.clinic, "scans", "segment", string(pattern(2, 200_000)))
	report := r.wantClean()
	if report.Versions != 2 || report.Blobs != 2 || report.Bytes < 3<<20 || report.Unopened != 0 {
		t.Fatalf("report of a whole store is %+v", report)
	}
	var files []string
	err := filepath.WalkDir(filepath.Join(dir, "blobs"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, _ := d.Info(); info.Size() > 100_000 {
				files = append(files, path)
			}
		}
		return err
	})
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files of blobs (%v)", len(files), err)
	}
	for _, path := range files {
		for _, at := range []int64{30_000, 150_000} {
			flip(t, path, at)
			if report := r.fsck(); report.Damage.Count != 1 || report.Damage.List[0].Key == "" && report.Damage.List[0].Blob == "" {
				t.Fatalf("byte %d flipped: %+v", at, report.Damage)
			}
			flip(t, path, at)
			r.wantClean()
		}
	}
	// A file that was cut, and one that is gone.
	for _, break1 := range []func(string) error{func(path string) error { return os.Truncate(path, 150_000) }, os.Remove} {
		for _, path := range files {
			if err := break1(path); err != nil {
				t.Fatal(err)
			}
		}
		onDisk, err := blob.Open(filepath.Join(dir, "blobs"), blob.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r.blobs = onDisk
		r.restart()
		if report := r.fsck(); report.Damage.Count < 2 {
			t.Fatalf("cut or missing files: %+v", report.Damage)
		}
		onDisk.Close()
	}
}

func (r *rig) fsck() Report {
	r.t.Helper()
	report, err := r.Fsck(r.ctx, FsckOptions{Settle: 1})
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 4
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

// TestFsckUnderTraffic finds nothing in a store in which everything changes
// all the time.
func TestFsckUnderTraffic(t *testing.T) {
	r := newReclaimRig(t, false)
	r.bucket(r.clinic, "scans", VersioningEnabled)
	r.minPart = 1
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			key := writ.ObjectKey(fmt.Sprint("k", i%10))
			v := r.put(r.clinic, "scans", key, string(pattern(uint64(i), []int{100, 30_000, 2 << 20}[i%3])))
			ref := r.begin1(r.clinic, "scans", "parts")
			part := r.part(r.clinic, ref, 1, pattern(uint64(i), 20_000))
			if i%2 == 0 {
				r.complete(r.clinic, ref, part)
			} else if err := r.AbortUpload(r.ctx, r.clinic, ref); err != nil {
				t.Error(err)
			}
			if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: v.ObjectRef}); err != nil {
				t.Error(err)
			}
			if i%20 == 0 {
				if _, err := r.Reclaim(r.ctx, nil); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for range 15 {
		report, err := r.Fsck(r.ctx, FsckOptions{Settle: 50e6})
		if err != nil {
			t.Error(err)
		}
		if !report.Clean() {
			t.Errorf("damage %+v, orphans %+v", report.Damage, report.Orphans)
		}
	}
	close(stop)
	<-stopped
	r.wantUsage(r.clinic)
	r.wantClean()
}

func TestFsckAtEndOfContext(t *testing.T) {
	r := newRig(t)
	r.fsckFill("scans")
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	if _, err := r.Fsck(ctx, FsckOptions{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a check that was cancelled ended with %v", err)
	}
}
