package bag_test

import (
	"errors"
	"path/filepath"
	"testing"

	"writ/internal/bag"
	"writ/internal/testenv"
)

// TestFullDisk fills a disk, makes it larger bit by bit, and goes on.
func TestFullDisk(t *testing.T) {
	const start, more = 512 << 10, 256 << 10
	disk := testenv.Disk(t, start)
	dir := filepath.Join(disk, "package")
	p := somebody(t)
	var things []thing
	for i := range 8 {
		things = append(things, thing{key: string(rune('a' + i)), body: randomBytes(uint64(i), 150_000)})
	}
	full := 0
	for size := start; ; size += more {
		testenv.Resize(t, disk, size)
		_, err := bag.Write(t.Context(), input(dir, things, p))
		if err == nil {
			break
		}
		if !errors.Is(err, bag.ErrRoom) {
			t.Fatal(err)
		}
		seeNothing(t, dir)
		if full++; full > 20 {
			t.Fatal("it never ends")
		}
	}
	if full == 0 {
		t.Fatal("the disk was never full")
	}
	mustHold(t, mustOpen(t, dir, p), things)
}

// TestDiskFillsUp lets others take the room in the middle of a production.
func TestDiskFillsUp(t *testing.T) {
	disk := testenv.Disk(t, 4<<20)
	dir := filepath.Join(disk, "package")
	p, things := somebody(t), []thing{{key: "x", body: randomBytes(1, 2<<20)}}
	in := input(dir, things, p)
	in.Progress = func(done, total int64) {
		if done > total/2 {
			testenv.Resize(t, disk, 1<<20+700<<10)
		}
	}
	if _, err := bag.Write(t.Context(), in); !errors.Is(err, bag.ErrRoom) {
		t.Fatal(err)
	}
	testenv.Resize(t, disk, 4<<20)
	in = input(dir, things, p)
	in.Reserve = 3 << 20
	if _, err := bag.Write(t.Context(), in); !errors.Is(err, bag.ErrRoom) {
		t.Fatalf("with most of the disk reserved: %v", err)
	}
	mustWrite(t, input(dir, things, p))
	mustHold(t, mustOpen(t, dir, p), things)
}
