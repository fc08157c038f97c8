package bag

import (
	"bytes"
	"context"
	"io"
)

// Each opening of an object waits for the gate to journal it, so that one
// after the other would take most of a production's time for waiting. A few
// objects are opened ahead, and small ones read, while the present one is
// packed; they are packed in order nevertheless.
const (
	// aheadObjects is how many, and smallObject what is read ahead, in bytes:
	// together they bound the memory.
	aheadObjects = 8
	smallObject  = 256 << 10
)

// coming is an object that is being opened.
type coming struct {
	n     int64
	o     Object
	ready chan struct{} // closed when body and err are there
	body  io.ReadCloser
	err   error
}

// open opens the object, and reads it if it is small.
func (c *coming) open(ctx context.Context) {
	defer close(c.ready)
	if c.body, c.err = c.o.Open(ctx); c.err != nil || c.o.Size > smallObject {
		return
	}
	defer c.body.Close()
	var b bytes.Buffer
	b.Grow(int(c.o.Size) + bytes.MinRead)
	_, err := b.ReadFrom(io.LimitReader(c.body, c.o.Size+1)) // one more shows that it is too long
	var rest io.Reader = &b
	if err != nil {
		rest = io.MultiReader(&b, failing{err})
	}
	c.body = io.NopCloser(rest)
}

func (c *coming) close() {
	<-c.ready
	if c.body != nil {
		c.body.Close()
	}
}

// failing is what follows the bytes that could be read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// ahead opens the objects that follow the first done ones, in a goroutine that
// ranges over the list, and gives each to pack, in order. It checks that the
// list is the one with the digest.
func ahead(ctx context.Context, in Input, plan begin, done int64, pack func(*coming) error) error {
	ctx, cancel := context.WithCancel(ctx)
	queue := make(chan *coming, aheadObjects)
	listed := make(chan error, 1)
	go func() {
		defer close(queue)
		listed <- listAhead(ctx, in, plan, done, queue)
	}()
	var err error
	for c := range queue {
		if err == nil {
			<-c.ready
			err = pack(c)
		}
		if err != nil {
			cancel() // the rest of the queue is only closed
		}
		c.close()
	}
	cancel()
	if e := <-listed; err == nil {
		err = e
	}
	return err
}

func listAhead(ctx context.Context, in Input, plan begin, done int64, queue chan<- *coming) error {
	list := newList()
	for o, err := range in.Objects {
		n := list.n + 1
		if err == nil {
			err = list.add(o)
		}
		if err == nil && n > plan.Objects {
			err = errListChanged
		}
		if err == nil && n > done {
			c := &coming{n: n, o: o, ready: make(chan struct{})}
			select {
			case queue <- c:
				go c.open(ctx)
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if err != nil {
			return numbered(n, err)
		}
	}
	if list.digest() != plan.List {
		return errListChanged
	}
	return nil
}
