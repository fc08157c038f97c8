package vault

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/policy"
)

// contents returns all that there is to read of a bucket, version by version.
func (r *rig) contents(s Session, bucket writ.BucketName) []string {
	r.t.Helper()
	var all []string
	in := ListVersionsInput{Bucket: bucket, Max: 1000}
	for {
		page, err := r.ListVersions(r.ctx, s, in)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, v := range page.Versions {
			line := fmt.Sprintf("%s %s %v %v %d %s %v %v", v.Key, v.Version, v.Marker, v.Latest, v.Size, v.ETag, v.Tags, v.Modified)
			if !v.Marker {
				body, err := r.read(s, v.ObjectRef)
				if err != nil {
					r.t.Fatalf("%s: %v", v.Key, err)
				}
				line += fmt.Sprintf(" %x", body[:min(len(body), 40)])
			}
			all = append(all, line)
		}
		if !page.Truncated {
			return all
		}
		in.After, in.Version = page.Next, page.NextVersion
	}
}

// restored opens a restored data folder as a rig.
func restored(t *testing.T, dir string, key string, clinic, press Session) *rig {
	t.Helper()
	g, err := gate.Open(gate.Config{Dir: dir, Unseal: gate.KeyFile(key)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	store, blobs := openRooms(t, g, dir)
	r := &rig{t: t, ctx: context.Background(), clock: new(clock), gate: g, records: store, blobs: blobs, clinic: clinic, press: press}
	r.restart()
	return r
}

// TestBackupUnderTraffic backs up while everything changes, restores
// elsewhere, and compares everything.
func TestBackupUnderTraffic(t *testing.T) {
	dir := t.TempDir()
	g := openGate(t, dir)
	store, blobs := openRooms(t, g, dir)
	r := assemble(t, g, store, blobs)
	r.bucket(r.press, "still", VersioningEnabled)
	r.bucket(r.clinic, "busy", VersioningEnabled)
	r.minPart = 1
	for i := range 40 {
		r.put(r.press, "still", writ.ObjectKey(fmt.Sprintf("k%02d", i%25)), string(pattern(uint64(i), []int{0, 500, 40_000, 2 << 20}[i%4])))
	}
	up := r.begin1(r.press, "still", "parts")
	r.complete(r.press, up, r.part(r.press, up, 1, pattern(1, 3000)), r.part(r.press, up, 2, pattern(2, 2<<20)))
	open := r.begin1(r.press, "still", "open")
	first := r.part(r.press, open, 1, []byte("begun before, "))
	r.preserve(r.press, "p", policy.BucketScope{Bucket: "still"})
	if _, err := r.Delete(r.ctx, r.press, DeleteInput{ObjectRef: ObjectRef{Bucket: "still", Key: "k07"}}); err != nil {
		t.Fatal(err)
	}
	want := r.contents(r.press, "still")

	// Each writer keeps what it was told is there, and deletes half of it.
	stop := make(chan struct{})
	acknowledged := make([]map[writ.ObjectKey]int, 3)
	var wg sync.WaitGroup
	for w := range acknowledged {
		acknowledged[w] = make(map[writ.ObjectKey]int)
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				key := writ.ObjectKey(fmt.Sprintf("w%d/%d", w, i))
				size := []int{100, 40_000, 2 << 20}[i%3]
				v := r.put(r.clinic, "busy", key, string(pattern(uint64(i), size)))
				if i%2 == 0 {
					if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: v.ObjectRef}); err != nil {
						t.Error(err)
					}
				}
				if i%10 == 0 {
					if _, err := r.Reclaim(r.ctx, nil); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	time.Sleep(100 * time.Millisecond)
	before := r.put(r.clinic, "busy", "before", "before the backup")
	to, keys := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "keys")
	extra := filepath.Join(t.TempDir(), "extra")
	if err := os.WriteFile(extra, []byte("extra"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"version": filepath.Join(dir, "none"), "tls/extra": extra}
	done, err := r.Backup(r.ctx, BackupOptions{Dir: to, Keys: keys, KeysExpire: time.Now().Add(time.Hour), Files: files})
	if b, err := os.ReadFile(filepath.Join(to, "tls", "extra")); err != nil || string(b) != "extra" {
		t.Errorf("a file in a folder of its own was not taken along: %q, %v", b, err)
	}
	after := r.put(r.clinic, "busy", "after", "after the backup")
	close(stop)
	wg.Wait()
	if err != nil || done.Files == 0 || !done.Keys {
		t.Fatalf("backup is %+v (%v)", done, err)
	}
	if _, err := os.Stat(filepath.Join(to, "keys")); err == nil {
		t.Fatal("the keys lie in the backup")
	}

	target := filepath.Join(t.TempDir(), "elsewhere")
	report, err := Restore(r.ctx, RestoreOptions{From: to, Keys: keys, To: target})
	if err != nil || !report.Whole() || report.Files != done.Files || report.Bytes != done.Bytes || !report.Keys {
		t.Fatalf("restored %+v of %+v (%v)", report, done, err)
	}
	copied := restored(t, target, filepath.Join(dir, "key"), r.clinic, r.press)
	if got := copied.contents(r.press, "still"); !slices.Equal(got, want) {
		t.Fatalf("restored %d versions, not the %d that were there, or others", len(got), len(want))
	}
	copied.want(r.clinic, before.ObjectRef, "before the backup")
	if _, err := copied.read(r.clinic, after.ObjectRef); err == nil {
		t.Fatal("the backup has what came after it")
	}
	copied.contents(r.clinic, "busy") // opens all of it
	copied.minPart = 1
	v := copied.complete(r.press, open, first, copied.part(r.press, open, 2, []byte("ended after")))
	copied.want(r.press, v.ObjectRef, "begun before, ended after")
	checked := copied.fsck()
	if checked.Damage.Count > 0 {
		t.Fatalf("the restored store is damaged: %+v", checked.Damage)
	}
	if _, err := copied.Fsck(r.ctx, FsckOptions{Settle: 1, Repair: true}); err != nil {
		t.Fatal(err)
	}
	copied.wantClean()
	copied.contents(r.clinic, "busy")
	page, err := copied.Preserved(r.ctx, "p", "", 1000)
	if err != nil || len(page.Items) != 42 { // 40, one in parts, one completed just now
		t.Fatalf("%d versions are preserved in the restored store (%v)", len(page.Items), err)
	}
	entries := 0
	right, use := ownerOfJournal(r.press)
	for _, err := range copied.gate.Journal(r.ctx, right, use, gate.JournalQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		entries++
	}
	if entries < 40 {
		t.Fatalf("the restored journal has %d entries", entries)
	}
	// The source was never touched: links are not shared writes.
	copied.put(r.press, "still", "k01", "only in the copy")
	if got := r.contents(r.press, "still"); !slices.Equal(got, want) {
		t.Fatal("writing to the copy changed the source")
	}
}

func TestRestoreSaysWhatItCouldNot(t *testing.T) {
	dir := t.TempDir()
	g := openGate(t, dir)
	store, blobs := openRooms(t, g, dir)
	r := assemble(t, g, store, blobs)
	r.bucket(r.clinic, "scans", Unversioned)
	r.put(r.clinic, "scans", "whole", string(pattern(1, 2<<20)))
	r.put(r.clinic, "scans", "damaged", string(pattern(2, 3<<20)))
	r.put(r.clinic, "scans", "missing", string(pattern(3, 4<<20)))
	from := filepath.Join(t.TempDir(), "backup")
	keys := filepath.Join(t.TempDir(), "keys")
	if _, err := r.Backup(r.ctx, BackupOptions{Dir: from, Keys: keys, KeysExpire: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	err := eachFile(filepath.Join(from, "blobs"), func(path string, size int64) error {
		full := filepath.Join(from, "blobs", path)
		switch {
		case size > 4<<20:
			return os.Remove(full)
		case size > 3<<20:
			// A copy, since the file is the source's own.
			b, err := os.ReadFile(full)
			if err != nil {
				return err
			}
			b[1<<20] ^= 1
			if err := os.Remove(full); err != nil {
				return err
			}
			return os.WriteFile(full, b, 0o600)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "stray"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "elsewhere")
	report, err := Restore(r.ctx, RestoreOptions{From: from, Keys: keys, To: target})
	if err != nil {
		t.Fatal(err)
	}
	if report.Whole() || len(report.Damaged) != 1 || len(report.Missing) != 1 || len(report.Extra) != 1 {
		t.Fatalf("report is %+v", report)
	}
	copied := restored(t, target, filepath.Join(dir, "key"), r.clinic, r.press)
	copied.want(r.clinic, ObjectRef{Bucket: "scans", Key: "whole"}, string(pattern(1, 2<<20)))
	found := map[writ.ObjectKey]Problem{}
	for _, f := range copied.fsck().Damage.List {
		found[f.Key] = f.Problem
	}
	if found["damaged"] != DamagedData || found["missing"] != MissingBlob || len(found) != 2 {
		t.Fatalf("fsck of the restored store found %v", found)
	}
	_, err = copied.read(r.clinic, ObjectRef{Bucket: "scans", Key: "damaged"})
	wantError(t, err, ErrCorrupt)
}

func TestRestoreRefuses(t *testing.T) {
	dir := t.TempDir()
	g := openGate(t, dir)
	store, blobs := openRooms(t, g, dir)
	r := assemble(t, g, store, blobs)
	r.bucket(r.clinic, "scans", Unversioned)
	r.put(r.clinic, "scans", "a", "x")
	from := filepath.Join(t.TempDir(), "backup")
	_, err := r.Backup(r.ctx, BackupOptions{Dir: from, Keys: filepath.Join(from, "keys"), KeysExpire: time.Now().Add(time.Hour)})
	if err == nil {
		t.Fatal("keys were put into the backup")
	}
	if _, err := r.Backup(r.ctx, BackupOptions{Dir: from}); err != nil {
		t.Fatal(err)
	}
	_, err = r.Backup(r.ctx, BackupOptions{Dir: from})
	wantError(t, err, ErrNotEmpty)
	target := func() string { return filepath.Join(t.TempDir(), "elsewhere") }
	_, err = Restore(r.ctx, RestoreOptions{From: t.TempDir(), To: target()})
	wantError(t, err, ErrNoBackup)
	_, err = Restore(r.ctx, RestoreOptions{From: from, To: dir})
	wantError(t, err, ErrNotEmpty)

	manifest := filepath.Join(from, manifestName)
	whole, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for name, c := range map[string]struct {
		bytes []byte
		want  error
	}{
		"empty":    {nil, ErrBackupManifest},
		"cut":      {bytes.Join(lines[:len(lines)-2], nil), ErrBackupManifest},
		"a line":   {bytes.Join(append(slices.Clone(lines[:2]), lines[3:]...), nil), ErrBackupManifest},
		"more":     {append(slices.Clone(whole), "{}\n"...), ErrBackupManifest},
		"changed":  {bytes.Replace(whole, []byte(`"size":`), []byte(`"size":1`), 1), ErrBackupManifest},
		"outside":  {bytes.Replace(whole, []byte(`"path":"`), []byte(`"path":"../`), 1), ErrBackupManifest},
		"newer":    {bytes.Replace(whole, []byte(`"writ_backup":1`), []byte(`"writ_backup":2`), 1), ErrBackupFormat},
		"no lines": {[]byte("no backup"), ErrBackupManifest},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(manifest, c.bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			to := target()
			_, err := Restore(r.ctx, RestoreOptions{From: from, To: to})
			wantError(t, err, c.want)
			if names, _ := os.ReadDir(to); len(names) > 0 {
				t.Fatal("a refused restore left files")
			}
		})
	}
}
