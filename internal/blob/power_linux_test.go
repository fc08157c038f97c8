package blob

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// power is a disk that may lose power: of each file it knows what the last
// sync had made durable.
type power struct {
	mu      sync.Mutex        // held by a sync, and while the power fails
	durable map[uint64][]byte // by inode, as names change
}

// sync notes what is in f when it begins, which is the least that a sync
// makes durable.
func (p *power) sync(f *os.File) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(f.Name()) // f itself may be open past the cache
	if err != nil {
		return err
	}
	p.durable[inode(info)] = content
	return nil
}

func inode(info fs.FileInfo) uint64 { return info.Sys().(*syscall.Stat_t).Ino }

// lose makes in to what a disk might hold of from after the power failed:
// what was synced, and of what was not any sectors, or none. p.mu is held.
func (p *power) lose(t *testing.T, from, to string, r *rand.Rand) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // sealed or renamed meanwhile
		} else if err != nil {
			return err
		}
		now, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		durable := slices.Clone(p.durable[inode(info)])
		return os.WriteFile(filepath.Join(to, name), mix(durable, now, r), info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// mix returns durable with some sectors of what was written since.
func mix(durable, now []byte, r *rand.Rand) []byte {
	if len(now) > len(durable) && r.IntN(2) == 0 {
		durable = append(durable, make([]byte, len(now)-len(durable))...)
	}
	chance := r.IntN(3) // none, half, all
	for at := 0; at < min(len(durable), len(now)); at += 512 {
		end := min(at+512, len(durable), len(now))
		if r.IntN(2) < chance {
			copy(durable[at:end], now[at:end])
		}
	}
	return durable
}

// TestPowerLoss stops the disk at random instants under load: all that was
// acknowledged before must be in what was synced, and nothing torn may be
// taken for damage.
func TestPowerLoss(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	dir := t.TempDir()
	p := &power{durable: make(map[uint64][]byte)}
	opts := small()
	d, err := openDisk(dir, opts, p.sync)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var mu sync.Mutex
	acknowledged := make(map[Ref]uint64) // by their seed
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			for i := uint64(0); ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				time.Sleep(time.Millisecond) // else there is too much to compare
				seed := uint64(w)<<12 | i
				ref, err := powerStep(t, d, seed)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				acknowledged[ref] = seed
				mu.Unlock()
			}
		})
	}
	for loss := range 12 {
		to := filepath.Join(t.TempDir(), "after")
		p.mu.Lock()
		mu.Lock()
		before := maps.Clone(acknowledged)
		mu.Unlock()
		p.lose(t, dir, to, r)
		p.mu.Unlock()
		after, err := Open(to, opts)
		if err != nil {
			t.Fatalf("loss %d: %v", loss, err)
		}
		for ref, seed := range before {
			want(t, after, ref, powerBytes(seed))
		}
		if _, err := walk(after); err != nil {
			t.Errorf("loss %d: %v", loss, err)
		}
		want(t, after, put(t, after, random(1, 5000)), random(1, 5000))
		closeTest(t, after)
		if t.Failed() {
			break
		}
	}
	close(stop)
	wg.Wait()
	t.Logf("%d blobs were acknowledged", len(acknowledged))
}

func powerBytes(seed uint64) []byte { return random(seed, 1+int(seed*7919%9000)) }

func powerStep(t *testing.T, d *Disk, seed uint64) (Ref, error) {
	if seed%16 != 0 {
		return d.Put(t.Context(), powerBytes(seed))
	}
	u, err := d.Create(t.Context(), 0)
	if err != nil {
		return Ref{}, err
	}
	defer u.Discard()
	if _, err := u.Write(powerBytes(seed)); err != nil {
		return Ref{}, err
	}
	return u.Commit(t.Context())
}
