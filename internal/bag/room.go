package bag

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"writ/internal/space"
)

// room is the disk that a production may use. It is asked before every write.
type room struct {
	watch   space.Watch
	reserve int64 // of the file system, to stay free
	max     int64 // of the package; 0 for no bound
	used    int64 // by the package so far
}

func (r *room) take(n int64) error {
	if err := r.fits(n); err != nil {
		return err
	}
	r.used += n
	return nil
}

func (r *room) fits(n int64) error {
	if r.max > 0 && n > r.max-r.used {
		return fmt.Errorf("%w: it would take more than the %d bytes that it may have; raise the limit and produce again", ErrRoom, r.max)
	}
	if free := r.watch.Free(); n > free-r.reserve {
		return fmt.Errorf("%w: %d bytes are free, of which %d stay reserved; make room and produce again", ErrRoom, free, r.reserve)
	}
	return nil
}

// full makes an [ErrRoom] of the errors by which a disk says that it is full.
func full(err error) error {
	if err != nil && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) && !errors.Is(err, ErrRoom) {
		return fmt.Errorf("%w; make room and produce again: %w", ErrRoom, err)
	}
	return err
}

// roomy writes where there is room.
type roomy struct {
	room *room
	dst  io.Writer
}

func (w roomy) Write(p []byte) (int, error) {
	if err := w.room.take(int64(len(p))); err != nil {
		return 0, err
	}
	n, err := w.dst.Write(p)
	return n, full(err)
}
