package space

import "testing"

func TestLevel(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		free, total int64
		want        Level
	}{
		{500 * gib, 1000 * gib, Ample}, {100 * gib, 1000 * gib, Ample}, {99 * gib, 1000 * gib, Low}, {19 * gib, 1000 * gib, Short},
		{63 << 20, 1000 * gib, Full}, {63 << 20, gib / 8, Full}, {unknown, 0, Unknown}, {gib, 0, Unknown}, {0, gib, Full},
	} {
		if got := level(c.free, c.total, 64<<20); got != c.want {
			t.Errorf("%d of %d free is %s, want %s", c.free, c.total, got, c.want)
		}
	}
	if got := LevelOf(t.TempDir(), 0); got == Full {
		t.Errorf("a folder that takes files is %s", got)
	}
	if got := LevelOf("/no/such/folder", 1); got != Unknown {
		t.Errorf("a folder that is not there is %s", got)
	}
}
