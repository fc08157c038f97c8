package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// loadSegments finds the segments at the start, seals what a crash left
// unsealed, and goes on with the emptiest of those if it has room.
func (d *Disk) loadSegments() error {
	dir, err := os.ReadDir(filepath.Join(d.dir, "segments"))
	if err != nil {
		return err
	}
	for _, file := range dir {
		volume, ok := parseSegmentName(file.Name())
		if !ok {
			continue // Walk reports it
		}
		info, err := file.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o200 == 0 {
			d.addSealed(volume, info.Size(), info.ModTime())
			continue
		}
		if err := d.recover(volume, info); err != nil {
			return fmt.Errorf("couldn't recover %s: %w", file.Name(), err)
		}
	}
	d.chooseCurrent()
	return nil
}

func parseSegmentName(name string) (volume uint64, ok bool) {
	hex, ok := strings.CutSuffix(name, ".seg")
	if !ok || len(hex) != 16 {
		return 0, false
	}
	volume, err := strconv.ParseUint(hex, 16, 64)
	return volume, err == nil && segmentName(volume) == name
}

func (d *Disk) addSealed(volume uint64, size int64, changed time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.segments[volume] = &segment{volume: volume, size: size, changed: changed}
}

// recover takes in a segment that is not marked as sealed.
func (d *Disk) recover(volume uint64, info fs.FileInfo) (err error) {
	path := d.segmentPath(volume)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	keep := false
	defer func() {
		if !keep {
			err = errors.Join(err, f.Close())
		}
	}()
	if _, err := readTable(f, volume); err == nil {
		// Sealed, and killed before it was marked; or copied without its mode.
		// What the table needs to be durable is synced again.
		if err := d.syncFile(f); err != nil {
			return err
		}
		d.addSealed(volume, info.Size(), info.ModTime())
		return f.Chmod(sealedMode)
	}
	found, err := scan(f, volume, info.Size())
	if err != nil {
		return err
	}
	if len(found.entries) == 0 && unborn(f) {
		return os.Remove(path)
	}
	w := d.newWriter(volume, f)
	w.entries, w.end, w.room = found.entries, found.end, found.end
	w.damages, w.readonly = found.damages, len(found.damages) > 0
	if w.readonly {
		// Where the framing is damaged nothing is certain: the segment is kept
		// as it is, so that nothing that might be a blob is cut off.
		w.retired, w.sealing = true, true
		close(w.closed)
	} else if err := d.resume(w); err != nil {
		return err
	} else {
		keep = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.segments[volume] = &segment{volume: volume, open: w}
	return nil
}

// unborn reports whether a crash came while the segment was made: nothing in
// it was ever acknowledged, as its start is durable before that.
func unborn(f *os.File) bool {
	var start [startSize]byte
	n, _ := f.ReadAt(start[:], 0)
	return isZero(start[:n])
}

// resume cuts off what lies behind the last entry, room and torn writes, and
// makes durable what was left in the cache.
func (d *Disk) resume(w *writer) error {
	if err := w.f.Truncate(w.end); err != nil {
		return err
	}
	return d.syncFile(w.f)
}

// chooseCurrent goes on with one of the recovered segments and seals the
// others.
func (d *Disk) chooseCurrent() {
	var best *writer
	for _, s := range d.list() {
		w := s.open
		if w == nil || w.retired {
			continue
		}
		if best == nil || w.end < best.end {
			best, w = w, best
		}
		if w != nil {
			d.retire(w)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current = best
}
