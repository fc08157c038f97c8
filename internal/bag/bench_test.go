package bag_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"writ/internal/bag"
)

// BenchmarkWrite packs 1,000 objects of 64 KiB.
func BenchmarkWrite(b *testing.B) {
	var things []thing
	for i := range 1000 {
		things = append(things, thing{key: strconv.Itoa(i), body: randomBytes(uint64(i), 64<<10)})
	}
	for _, p := range []party{somebody(b), rsaParty(b)} {
		b.Run(p.name, func(b *testing.B) {
			dir, n := b.TempDir(), 0
			b.SetBytes(1000 * 64 << 10)
			for b.Loop() {
				in := input(filepath.Join(dir, strconv.Itoa(n)), things, p)
				in.VolumeBytes = 0
				mustWrite(b, in)
				if err := bag.Discard(in.Dir, caseID); err != nil {
					b.Fatal(err)
				}
				n++
			}
		})
	}
}
