package vault

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"

	"writ"
)

// A pausedBody gives n bytes, then says so and waits, then breaks off.
type pausedBody struct {
	n      int
	paused func()
	resume chan struct{}
}

var errBrokenOff = errors.New("connection reset")

func (b *pausedBody) Read(p []byte) (int, error) {
	if b.n == 0 {
		b.paused()
		<-b.resume
		return 0, errBrokenOff
	}
	n := min(len(p), b.n)
	b.n -= n
	return n, nil
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// Uploads hold little memory each while they run, of whatever size they are
// and whether that is known, and readers too.
func TestMemoryIsBounded(t *testing.T) {
	r := newDiskRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	const uploads, most = 64, 640 << 10 // bytes for each
	for _, size := range []int64{256 << 20, -1} {
		before := heap()
		resume := make(chan struct{})
		var paused, ended sync.WaitGroup
		paused.Add(uploads)
		for i := range uploads {
			ended.Go(func() {
				body := &pausedBody{n: 3 << 20, paused: paused.Done, resume: resume}
				_, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: writ.ObjectKey(fmt.Sprint(i)), Body: body, Size: size})
				if !errors.Is(err, errBrokenOff) {
					t.Error(err)
				}
			})
		}
		paused.Wait()
		if used := (heap() - before) / uploads; used > most {
			t.Errorf("an upload of %d bytes holds %d KiB of memory", size, used>>10)
		} else {
			t.Logf("an upload of %d bytes holds %d KiB of memory", size, used>>10)
		}
		close(resume)
		ended.Wait()
	}

	r.put(r.clinic, "scans", "large", string(random(8<<20)))
	before := heap()
	var open []io.Closer
	for range uploads {
		o, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: ObjectRef{Bucket: "scans", Key: "large"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(o.Body, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		open = append(open, o.Body)
	}
	if used := (heap() - before) / uploads; used > most {
		t.Errorf("a reader holds %d KiB of memory", used>>10)
	} else {
		t.Logf("a reader holds %d KiB of memory", used>>10)
	}
	for _, o := range open {
		o.Close()
	}
}
