package groupcommit

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Whoever wrote before it waited must be covered by a sync that began after.
func TestGroupCovers(t *testing.T) {
	var written, durable, syncs atomic.Int64
	var running atomic.Bool
	g := Group{Sync: func() error {
		if running.Swap(true) {
			t.Error("two syncs at once")
		}
		syncs.Add(1)
		seen := written.Load()
		time.Sleep(20 * time.Microsecond)
		durable.Store(seen)
		running.Store(false)
		return nil
	}}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 100 {
				mine := written.Add(1)
				if err := g.Wait(); err != nil {
					t.Error(err)
				}
				if durable.Load() < mine {
					t.Error("acknowledged before it was synced")
					return
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d waits shared %d syncs", 16*100, syncs.Load())
}

// All who share a round learn of its error, and the next round is its own.
func TestGroupError(t *testing.T) {
	broken := errors.New("broken")
	entered, leave := make(chan struct{}), make(chan error)
	g := Group{Sync: func() error {
		entered <- struct{}{}
		return <-leave
	}}
	results := make(chan error)
	wait := func() { results <- g.Wait() }
	go wait()
	<-entered // the first round runs
	for range 5 {
		go wait()
	}
	leave <- nil
	if err := <-results; err != nil {
		t.Fatal(err)
	}
	// Each of the five is in some round after the first; all of these fail.
	for left := 5; left > 0; {
		select {
		case <-entered:
			leave <- broken
		case err := <-results:
			if !errors.Is(err, broken) {
				t.Fatalf("a waiter was told %v", err)
			}
			left--
		}
	}
	go wait()
	<-entered
	leave <- nil
	if err := <-results; err != nil {
		t.Fatalf("an error of an earlier round came back: %v", err)
	}
}

// With traffic counted, a sync serves those on their way too, and nobody waits
// for who never comes.
func TestGroupGathers(t *testing.T) {
	var traffic Traffic
	syncs := 0
	g := Group{Traffic: &traffic, Sync: func() error { syncs++; return nil }}
	var writers sync.WaitGroup
	together := make(chan struct{})
	for range 8 {
		done := traffic.Begin()
		writers.Go(func() {
			defer done()
			<-together
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
	close(together)
	writers.Wait()
	if syncs > 4 {
		t.Errorf("8 writers who came together took %d syncs", syncs)
	}
	for range 100 { // who never come
		traffic.Begin()
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := (&Group{Sync: g.Sync}).Wait(); err != nil {
		t.Fatal(err)
	}
}
