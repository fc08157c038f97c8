package bag

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"os"
	"time"
)

const copySize = 64 << 10

// production is one call of Write.
type production struct {
	in    Input
	plan  begin // what the input amounts to
	state *state
	room  *room
	cut   *cutter
	buf   []byte // through which objects go
	done  int64  // bytes of objects
	sum   string // of tagmanifest-sha256.txt, when it is known
}

// Write makes a package, or goes on with one where an earlier call ended, and
// returns it when it is whole and durable. A package that is finished is
// checked and returned as it is.
//
// Whatever ends it early leaves a folder in which the next call goes on:
// [ErrRoom], a cancelled context, a kill. After [ErrObject] the same call goes
// on too if the object can be read by then; to leave an object out, [Discard]
// the folder and begin again, since part of it may be in a volume already.
func Write(ctx context.Context, in Input) (Package, error) {
	if err := in.check(); err != nil {
		return Package{}, err
	}
	seals, err := newSealing(in)
	if err != nil {
		return Package{}, err
	}
	if err := os.MkdirAll(in.Dir, 0o700); err != nil {
		return Package{}, full(fmt.Errorf("couldn't make the package's folder: %w", err))
	}
	lock, err := lockFolder(in.Dir)
	if err != nil {
		return Package{}, err
	}
	defer lock.Close()
	plan, err := newPlan(ctx, in, seals)
	if err != nil {
		return Package{}, err
	}
	if done, err := finished(in, plan); err != nil {
		return Package{}, err
	} else if done != nil {
		return *done, nil
	}
	p := &production{in: in, plan: plan, room: &room{reserve: in.Reserve, max: in.MaxBytes}, buf: make([]byte, copySize)}
	p.room.watch.Dir = in.Dir
	return p.run(ctx, seals)
}

// newPlan ranges over the whole list before anything is written.
func newPlan(ctx context.Context, in Input, seals sealing) (begin, error) {
	b := begin{Case: in.Case, Sealing: seals.name(), Recipients: fingerprints(in.Recipients),
		Info: in.Info, Volume: in.VolumeBytes, Date: in.Now.UTC().Truncate(time.Second)}
	list := newList()
	for o, err := range in.Objects {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = list.add(o)
		}
		if err != nil {
			return begin{}, fmt.Errorf("couldn't list object %d: %w", list.n+1, err)
		}
	}
	b.Objects, b.Bytes, b.List = list.n, list.bytes, list.digest()
	return b, nil
}

func (p *production) run(ctx context.Context, seals sealing) (Package, error) {
	in := p.in
	var err error
	if p.state, err = openState(in.Dir, in.StateKey, in.Case, p.room); err != nil {
		return Package{}, err
	}
	defer p.state.close()
	if p.state.begin != nil && !p.state.begin.same(p.plan) {
		return Package{}, fmt.Errorf("%w: it holds a production of another list, of other recipients or settings; discard it or choose another folder", ErrOther)
	}
	if err := tidy(in.Dir, in.Case, seals.ext(), p.state.volumes, p.state.begin != nil); err != nil {
		return Package{}, err
	}
	for _, v := range p.state.volumes {
		p.room.used += v.Size
	}
	if err := p.begin(); err != nil {
		return Package{}, err
	}
	p.cut = &cutter{dir: in.Dir, id: in.Case, limit: in.VolumeBytes, seals: seals, state: p.state, room: p.room, at: p.state.at}
	defer p.cut.abandon()
	if err := p.objects(ctx); err != nil {
		return Package{}, err
	}
	if err := p.tags(ctx); err != nil {
		return Package{}, err
	}
	return p.finish(seals)
}

// begin writes down what the package is made from, or takes over what an
// earlier call wrote.
func (p *production) begin() error {
	if p.state.begin != nil {
		p.plan = *p.state.begin
		return nil
	}
	// A package takes a little more than its objects: better refused now.
	if err := p.room.fits(p.plan.Bytes); err != nil {
		return err
	}
	var salt [32]byte
	rand.Read(salt[:]) // never fails (crypto/rand, since Go 1.24)
	p.plan.Salt = hex.EncodeToString(salt[:])
	return p.state.start(p.plan)
}

// objects packs what isn't packed yet.
func (p *production) objects(ctx context.Context) error {
	p.progress(p.state.packed)
	return ahead(ctx, p.in, p.plan, p.cut.at.Entry, func(c *coming) error {
		if err := p.object(ctx, c); err != nil {
			return numbered(c.n, err)
		}
		return nil
	})
}

// numbered says of which object an error is, and not what it is called.
func numbered(n int64, err error) error {
	return fmt.Errorf("couldn't pack object %d: %w", n, err)
}

var errListChanged = fmt.Errorf("%w: the list of objects isn't the one that the production began with", ErrInput)

// object packs one, and writes it down when it is whole.
func (p *production) object(ctx context.Context, c *coming) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.err != nil {
		return fmt.Errorf("%w: it can't be opened: %w", ErrObject, c.err)
	}
	line := describe(c.n, c.o)
	b := &objectBody{ctx: ctx, src: c.body, size: c.o.Size, sum: sha256.New(), want: p.cut.at, told: p.progress}
	copyBody := func(w io.Writer) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, b, p.buf)
		return err
	}
	if err := p.entry(line.Path, line.Size, line.Made, copyBody, b.soFar); err != nil {
		return err
	}
	line.SHA256 = hex.EncodeToString(b.sum.Sum(nil))
	record, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("couldn't describe it: %w", err)
	}
	p.state.packed += line.Size
	return p.state.append(recordObject, record)
}

// entry writes one file of the bag into the stream.
func (p *production) entry(path string, size int64, made time.Time, body func(io.Writer) error, soFar func() (int64, []byte)) error {
	if err := p.cut.entry(size, soFar); err != nil {
		return err
	}
	w := tar.NewWriter(p.cut)
	h := &tar.Header{Typeflag: tar.TypeReg, Name: string(p.in.Case) + "/" + path, Size: size, Mode: 0o644, ModTime: tarTime(made)}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	if err := body(w); err != nil {
		return err
	}
	// Flush pads the file; only the last entry closes the archive.
	if err := w.Flush(); err != nil {
		return err
	}
	return p.cut.done()
}

// tarTime is a time that the oldest tar format can hold.
func tarTime(t time.Time) time.Time {
	return time.Unix(max(0, min(t.Unix(), 1<<33-1)), 0)
}

// objectBody reads an object, counts and hashes it, and compares it with what
// was packed of it before a restart.
type objectBody struct {
	ctx  context.Context
	src  io.Reader
	size int64
	read int64
	sum  hash.Hash
	want position
	told func(int64)
}

func (b *objectBody) soFar() (int64, []byte) { return b.read, b.sum.Sum(nil) }

func (b *objectBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if left := b.size - b.read; int64(len(p)) > left {
		if left == 0 {
			return 0, b.end()
		}
		p = p[:left]
	}
	if left := b.want.Read - b.read; left > 0 && int64(len(p)) > left {
		p = p[:left]
	}
	n, err := b.src.Read(p)
	b.sum.Write(p[:n])
	b.read += int64(n)
	b.told(int64(n))
	if n > 0 && b.read == b.want.Read && string(b.sum.Sum(nil)) != string(b.want.Digest) {
		return 0, fmt.Errorf("%w: it isn't what it was when the production began; discard the package and begin again", ErrObject)
	}
	switch {
	case err == io.EOF && b.read < b.size:
		return 0, fmt.Errorf("%w: it ended after %d bytes of %d", ErrObject, b.read, b.size)
	case err == io.EOF:
		return n, nil // the next call looks for what follows
	case err != nil:
		return 0, fmt.Errorf("%w: it can't be read: %w", ErrObject, err)
	}
	return n, nil
}

// end sees to it that nothing follows.
func (b *objectBody) end() error {
	var one [1]byte
	for range 100 { // as bufio does with readers that give nothing
		n, err := b.src.Read(one[:])
		switch {
		case n > 0:
			return fmt.Errorf("%w: it has more than its %d bytes", ErrObject, b.size)
		case err == io.EOF:
			return io.EOF
		case err != nil:
			return fmt.Errorf("%w: it can't be read: %w", ErrObject, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrObject, io.ErrNoProgress)
}

func (p *production) progress(n int64) {
	p.done += n
	if p.in.Progress != nil {
		p.in.Progress(p.done, p.plan.Bytes)
	}
}

// finish puts the plain files beside the volumes. When package.json is there,
// the package is finished.
func (p *production) finish(seals sealing) (Package, error) {
	out := Package{Case: p.in.Case, Sealing: seals.name(), Recipients: p.plan.Recipients,
		Objects: p.plan.Objects, Bytes: p.plan.Bytes, Manifest: p.sum, Volumes: p.state.volumes}
	if err := out.write(p.in.Dir, sealedList(p.in, p.plan), p.room); err != nil {
		return Package{}, full(err)
	}
	if err := removeState(p.in.Dir); err != nil {
		return Package{}, err
	}
	return out, nil
}
