package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"writ/internal/testenv"
)

// TestFlippedBytes is the second half of invariant 8: whatever byte of
// whatever file is changed, what is served is what was put, or an error.
func TestFlippedBytes(t *testing.T) {
	ctx := context.Background()
	s := run(t)
	c := s.customer("harbour-clinic")
	const bucket = "flip-bucket"
	client := s.client(c, s.s3)
	s.bucket(client, bucket)
	var keys []string
	for i := range len(bodySizes) + len(bodySizes)/2 { // the large ones once
		key := fmt.Sprintf("object-%02d", i)
		keys = append(keys, key)
		b := body(uint64(i + 1))
		if _, err := client.PutObject(ctx, bucket, key, bytes.NewReader(b), int64(len(b)), minio.PutObjectOptions{PartSize: 5 << 20}); err != nil {
			t.Fatal(err)
		}
	}
	s.stop()
	s.start() // so that there are tables beside the write-ahead log
	s.stop()
	pristine := snapshot(t, s.data)
	files := dataFiles(t, s.data)
	rng := rand.New(rand.NewPCG(1, 2))
	served, refused, unharmed := 0, 0, 0
	for _, name := range files {
		rel, _ := filepath.Rel(s.data, name)
		info, err := os.Stat(filepath.Join(pristine.copy, rel))
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range places(info.Size(), rng) {
			pristine.restore(t)
			flip(t, name, at)
			err := s.tryStart()
			switch {
			case errors.Is(err, errEnded):
				refused++
				if log := s.log.String(); strings.Contains(log, "panic:") || strings.Contains(log, "goroutine ") {
					t.Errorf("a byte flipped at %d of %s ends in a stack trace: %s", at, rel, tail(log, 1500))
				}
			case err != nil:
				t.Errorf("a byte flipped at %d of %s: %v", at, rel, err)
			default:
				served++
				harm := false
				client := s.client(c, s.s3)
				for i, key := range keys {
					value, err := get(ctx, client, bucket, key)
					if errors.Is(err, errWrong) || err == nil && value != uint64(i+1) && value != 0 {
						t.Errorf("a byte flipped at %d of %s: %s: %v, value %d", at, rel, key, err, value)
					}
					if err == nil && value == 0 {
						t.Errorf("a byte flipped at %d of %s: %s is silently gone", at, rel, key)
					}
					harm = harm || err != nil
				}
				if !harm {
					unharmed++
				}
				s.stop()
			}
		}
	}
	t.Logf("%d files: %d flips refused at start, %d served with errors, %d harmless", len(files), refused, served-unharmed, unharmed)
	if refused+served-unharmed == 0 {
		t.Error("no flip was ever noticed: the test looks at the wrong files")
	}
	pristine.restore(t)
	s.start()
	for i, key := range keys {
		if value, err := get(ctx, s.client(c, s.s3), bucket, key); err != nil || value != uint64(i+1) {
			t.Fatalf("after all was put back, %s: %d %v", key, value, err)
		}
	}
}

// dataFiles are the regular files of a stopped server's folder, except the
// log-like ones that hold nothing of a customer's.
func dataFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if info, err := d.Info(); err == nil && info.Size() > 0 {
			files = append(files, path)
		}
		return nil
	})
	if err != nil || len(files) < 6 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	return files
}

// places are where a file of a size is hurt: its first bytes, its middle, and
// somewhere.
func places(size int64, rng *rand.Rand) []int64 {
	if size < 64 {
		return []int64{size / 2}
	}
	return []int64{8, rng.Int64N(size)}
}

// flip changes one byte of a file.
func flip(t *testing.T, name string, at int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{b[0] ^ 0x40}, at); err != nil {
		t.Fatal(err)
	}
}

// folder is a copy of a folder, to put back what a started server rewrote.
type folder struct{ dir, copy string }

func snapshot(t *testing.T, dir string) folder {
	t.Helper()
	f := folder{dir, filepath.Join(t.TempDir(), "copy")}
	copyTree(t, f.dir, f.copy)
	return f
}

func (f folder) restore(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(f.dir); err != nil {
		t.Fatal(err)
	}
	copyTree(t, f.copy, f.dir)
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", "--sparse=always", from, to).CombinedOutput(); err != nil {
		t.Fatalf("couldn't copy a folder: %v: %s", err, out)
	}
}

// TestDiskFull: a full disk answers 503, loses nothing, and is forgotten when
// space returns.
func TestDiskFull(t *testing.T) {
	mnt := testenv.Disk(t, 192<<20)
	ctx := context.Background()
	s := newServer(t, filepath.Join(mnt, "data"))
	s.start()
	c := s.customer("harbour-clinic")
	const bucket = "full-bucket"
	client := s.client(c, s.s3)
	s.bucket(client, bucket)
	put := func(key string, value uint64) error {
		b := body(value)
		_, err := client.PutObject(ctx, bucket, key, bytes.NewReader(b), int64(len(b)), minio.PutObjectOptions{DisableMultipart: true})
		return err
	}
	var kept []uint64
	full := false
	for value := uint64(1); value < 2000 && !full; value++ {
		err := put(fmt.Sprintf("k-%04d", value), value)
		if err == nil {
			kept = append(kept, value)
			continue
		}
		resp := minio.ToErrorResponse(err)
		if resp.StatusCode != 503 {
			t.Fatalf("a full disk answers %d %s: %v", resp.StatusCode, resp.Code, err)
		}
		full = true
	}
	if !full {
		t.Fatal("the disk never became full")
	}
	// Small ones too, until not even the records fit; the journal of reads
	// needs room as well, so reads may now be refused, but never wrong.
	for i := range 200 {
		if err := put(fmt.Sprintf("small-%d", i), uint64(6*(i+1000))); err != nil && minio.ToErrorResponse(err).StatusCode != 503 {
			t.Fatalf("a full disk answers %v", err)
		}
	}
	for _, value := range kept {
		if got, err := get(ctx, client, bucket, fmt.Sprintf("k-%04d", value)); errors.Is(err, errWrong) || err == nil && got != value {
			t.Fatalf("on a full disk %d reads as %d: %v", value, got, err)
		}
	}
	testenv.Resize(t, mnt, 400<<20)
	deadline := time.Now().Add(time.Minute)
	for err := put("after", 3); err != nil; err = put("after", 3) {
		if time.Now().After(deadline) {
			t.Fatalf("space returned, but not the server: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	check := func(when string) {
		client = s.client(c, s.s3)
		for _, value := range kept {
			if got, err := get(ctx, client, bucket, fmt.Sprintf("k-%04d", value)); err != nil || got != value {
				t.Fatalf("%s, %d reads as %d: %v", when, value, got, err)
			}
		}
	}
	check("when space returned")
	s.kill()
	s.start()
	check("after kill -9 and restart")
	if out, err := s.tryAdmin("fsck"); err != nil {
		t.Errorf("fsck after a full disk: %v: %s", err, out)
	}
}

// TestAbortedUpload: a connection that dies in mid-upload leaves nothing.
func TestAbortedUpload(t *testing.T) {
	ctx := context.Background()
	s := run(t)
	c := s.customer("tidewater-press")
	client := s.client(c, s.s3)
	const bucket = "abort-bucket"
	s.bucket(client, bucket)
	for i := range 10 {
		size := int64(bodySizes[i%len(bodySizes)]) + 100
		_, err := client.PutObject(ctx, bucket, "never", io.MultiReader(bytes.NewReader(make([]byte, size/2)), broken{}), size,
			minio.PutObjectOptions{DisableMultipart: true})
		if err == nil {
			t.Fatal("half an upload is taken for a whole one")
		}
	}
	if value, err := get(ctx, client, bucket, "never"); err != nil || value != 0 {
		t.Fatalf("half an upload is served: %d %v", value, err)
	}
	// The server may not have seen yet that the last connection is gone.
	deadline := time.Now().Add(time.Minute)
	for out, err := s.tryAdmin("fsck"); err != nil; out, err = s.tryAdmin("fsck") {
		if time.Now().After(deadline) {
			t.Fatalf("half uploads left something: %v: %s", err, out)
		}
	}
}

// broken is a body that ends in the middle.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the client went away") }
