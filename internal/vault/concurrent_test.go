package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"writ"
)

// together runs fn in n goroutines at once.
func together(n int, fn func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { fn(i) })
	}
	all.Wait()
}

func TestOneOfManyCreates(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		for _, versioning := range []Versioning{Unversioned, VersioningEnabled, VersioningSuspended} {
			bucket := writ.BucketName("race-" + strconv.Itoa(int(versioning)))
			r.bucket(r.clinic, bucket, versioning)
			var won atomic.Int64
			together(16, func(i int) {
				body := strings.Repeat("x", i*3000) // some inline, some not
				_, err := r.Put(r.ctx, r.clinic, PutInput{
					Bucket: bucket, Key: "lock", Body: strings.NewReader(body), Size: int64(len(body)), IfNoneMatch: "*",
				})
				if err == nil {
					won.Add(1)
				} else if !errors.Is(err, ErrPrecondition) {
					t.Error(err)
				}
			})
			if won.Load() != 1 {
				t.Fatalf("%d writes created the object", won.Load())
			}
		}
		if n := len(r.keys("dr")); n != 3 {
			t.Fatalf("%d bodies are left of 3 objects", n)
		}
		r.wantUsage(r.clinic)
	})
}

// A counter that is raised by compare and swap loses no step.
func TestCompareAndSwap(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "counters", Unversioned)
	r.put(r.clinic, "counters", "n", "0")
	const writers, steps = 8, 20
	together(writers, func(int) {
		for done := 0; done < steps; {
			o, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: ObjectRef{Bucket: "counters", Key: "n"}})
			if err != nil {
				t.Error(err)
				return
			}
			text, _ := io.ReadAll(o.Body)
			o.Body.Close()
			n, _ := strconv.Atoi(string(text))
			next := strconv.Itoa(n + 1)
			_, err = r.Put(r.ctx, r.clinic, PutInput{Bucket: "counters", Key: "n", Body: strings.NewReader(next), Size: int64(len(next)), IfMatch: o.ETag})
			if err == nil {
				done++
			} else if !errors.Is(err, ErrPrecondition) {
				t.Error(err)
				return
			}
		}
	})
	r.want(r.clinic, ObjectRef{Bucket: "counters", Key: "n"}, strconv.Itoa(writers*steps))
}

type registerInput struct {
	op    byte // 'p', 'g', 'd'
	key   string
	value string
}

// register is one key: its state is its value, "" for none.
var register = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		byKey := map[string]int{}
		for _, op := range history {
			key := op.Input.(registerInput).key
			if _, ok := byKey[key]; !ok {
				byKey[key] = len(parts)
				parts = append(parts, nil)
			}
			parts[byKey[key]] = append(parts[byKey[key]], op)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		switch in := input.(registerInput); in.op {
		case 'p':
			return true, in.value
		case 'd':
			return true, ""
		default:
			return state == output, state
		}
	},
}

func TestReadersSeeALinearHistory(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		r.bucket(r.clinic, "plain", Unversioned)
		r.bucket(r.clinic, "versioned", VersioningEnabled)
		start := time.Now()
		var mu sync.Mutex
		var history []porcupine.Operation
		together(6, func(client int) {
			for i := range 40 {
				key := []string{"plain/a", "plain/b", "versioned/a"}[(client+i)%3]
				bucket, object, _ := strings.Cut(key, "/")
				ref := ObjectRef{Bucket: writ.BucketName(bucket), Key: writ.ObjectKey(object)}
				in := registerInput{op: "pgdpgg"[(client*7+i*5)%6], key: key}
				var out string
				var err error
				called := time.Since(start)
				switch in.op {
				case 'p':
					in.value = fmt.Sprintf("%d-%d", client, i)
					if i%4 == 0 {
						in.value += strings.Repeat(".", inlineLimit)
					}
					_, err = r.Put(r.ctx, r.clinic, PutInput{Bucket: ref.Bucket, Key: ref.Key, Body: strings.NewReader(in.value), Size: int64(len(in.value))})
				case 'd':
					_, err = r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ref})
				default:
					var body []byte
					if body, err = r.read(r.clinic, ref); errors.Is(err, ErrNoKey) {
						err = nil
					}
					out = string(body)
				}
				if err != nil {
					t.Errorf("%c: %v", in.op, err)
					return
				}
				mu.Lock()
				history = append(history, porcupine.Operation{
					ClientId: client, Input: in, Call: int64(called), Output: out, Return: int64(time.Since(start)),
				})
				mu.Unlock()
			}
		})
		if !porcupine.CheckOperations(register, history) {
			t.Fatal("history is not linearizable")
		}
		r.wantUsage(r.clinic)
	})
}

// A quota holds, however many write at once, and nothing below it is refused.
func TestQuotas(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	put := func(key string, size int) error {
		_, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: writ.ObjectKey(key), Body: bytes.NewReader(make([]byte, size)), Size: int64(size)})
		return err
	}
	if err := r.SetQuota(r.ctx, r.clinic.Customer, Quota{Objects: 20}); err != nil {
		t.Fatal(err)
	}
	var stored atomic.Int64
	together(60, func(i int) {
		switch err := put(fmt.Sprint("object-", i), 10); {
		case err == nil:
			stored.Add(1)
		case !errors.Is(err, ErrQuota):
			t.Error(err)
		}
	})
	if stored.Load() != 20 {
		t.Fatalf("%d objects were stored under a quota of 20", stored.Load())
	}
	r.wantUsage(r.clinic)

	if err := r.SetQuota(r.ctx, r.clinic.Customer, Quota{Bytes: 1000}); err != nil {
		t.Fatal(err)
	}
	if err := put("more", 800); err != nil {
		t.Fatal(err)
	}
	err := put("too much", 1)
	var quota *QuotaError
	if !errors.As(err, &quota) || quota.What != "bytes" || quota.Limit != 1000 {
		t.Fatalf("above the quota: %v", err)
	}
	if err := put("more", 800); err != nil {
		t.Fatalf("what replaces an object makes room: %v", err)
	}
	if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "scans", Key: "more"}}); err != nil {
		t.Fatal(err)
	}
	if err := put("other", 800); err != nil {
		t.Fatal(err)
	}
	r.wantUsage(r.clinic)
	if err := put("too much", 1); !errors.Is(err, ErrQuota) {
		t.Fatalf("the quota is forgotten after a restart: %v", err)
	}

	if err := r.SetQuota(r.ctx, r.clinic.Customer, Quota{Requests: 5}); err != nil {
		t.Fatal(err)
	}
	var slowed int
	for range 20 {
		if err := put("other", 1); errors.Is(err, ErrSlowDown) {
			slowed++
		}
	}
	if slowed < 10 {
		t.Fatalf("%d of 20 requests at once were refused under a quota of 5 a second", slowed)
	}
	r.clock.advance(time.Second)
	if err := put("other", 1); err != nil {
		t.Fatalf("a second later: %v", err)
	}
}

// Who reads an object goes on reading it, whatever becomes of it.
func TestReadersKeepWhatTheyOpened(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		r.bucket(r.clinic, "scans", Unversioned)
		for _, size := range sizes {
			body := string(random(size))
			r.put(r.clinic, "scans", "a", body)
			o, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: ObjectRef{Bucket: "scans", Key: "a"}})
			if err != nil {
				t.Fatal(err)
			}
			r.put(r.clinic, "scans", "a", "other")
			if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "scans", Key: "a"}}); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(o.Body)
			if err != nil || string(got) != body {
				t.Fatalf("%d of %d bytes were read, error %v", len(got), size, err)
			}
			o.Body.Close()
		}
	})
}

// While an object is overwritten again and again, every reader gets one of
// its versions, whole.
func TestReadersNeverSeeAMixture(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		r.bucket(r.clinic, "scans", Unversioned)
		put := func(i int) {
			size := []int{100, inlineLimit + 1, 80 << 10}[i%3]
			r.put(r.clinic, "scans", "a", strings.Repeat(string(rune('a'+i%26)), size))
		}
		put(0)
		stop := make(chan struct{})
		var writers sync.WaitGroup
		for w := range 2 {
			writers.Go(func() {
				for i := w; ; i++ {
					select {
					case <-stop:
						return
					default:
						put(i)
					}
				}
			})
		}
		together(3, func(int) {
			for range 60 {
				got, err := r.read(r.clinic, ObjectRef{Bucket: "scans", Key: "a"})
				if err != nil || strings.Trim(string(got), string(got[:1])) != "" {
					t.Errorf("read %d bytes, error %v", len(got), err)
					return
				}
			}
		})
		close(stop)
		writers.Wait()
		r.wantUsage(r.clinic)
	})
}

// A bucket that was deleted while others wrote to it holds nothing.
func TestDeletedBucketsAreEmpty(t *testing.T) {
	r := newRig(t)
	for round := range 20 {
		r.bucket(r.clinic, "scans", VersioningEnabled)
		var deleted atomic.Bool
		together(5, func(i int) {
			if i == 0 {
				err := r.DeleteBucket(r.ctx, r.clinic, "scans")
				deleted.Store(err == nil)
				if err != nil && !errors.Is(err, ErrBucketNotEmpty) {
					t.Error(err)
				}
				return
			}
			_, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: "a", Body: strings.NewReader("x"), Size: 1})
			if err != nil && !errors.Is(err, ErrNoBucket) {
				t.Error(err)
			}
		})
		if n := len(r.keys("ovd")); deleted.Load() != (n == 0) {
			t.Fatalf("round %d: deleted %v, %d records are left", round, deleted.Load(), n)
		}
		if deleted.Load() {
			continue
		}
		page, err := r.ListVersions(r.ctx, r.clinic, ListVersionsInput{Bucket: "scans"})
		if err != nil {
			t.Fatal(err)
		}
		var ins []DeleteInput
		for _, v := range page.Versions {
			ins = append(ins, DeleteInput{ObjectRef: v.ObjectRef})
		}
		if _, err := r.DeleteMany(r.ctx, r.clinic, "scans", ins); err != nil {
			t.Fatal(err)
		}
		if err := r.DeleteBucket(r.ctx, r.clinic, "scans"); err != nil {
			t.Fatal(err)
		}
	}
	r.wantUsage(r.clinic)
}

// Many writers of one object all get through.
func TestManyWritersOfOneObject(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		r.bucket(r.clinic, "scans", VersioningSuspended)
		together(64, func(i int) {
			for range 5 {
				body := strings.Repeat("x", i*400)
				_, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: "hot", Body: strings.NewReader(body), Size: int64(len(body))})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
		r.wantUsage(r.clinic)
	})
}
