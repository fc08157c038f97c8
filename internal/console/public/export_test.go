package public

import "context"

// MaxStreams is how many readers may follow the log at once.
const MaxStreams = maxStreams

// ReadAll reads the log on to its end.
func (x *Index) ReadAll(ctx context.Context) (read, size uint64, err error) {
	return x.upTo(ctx, 1<<63)
}
