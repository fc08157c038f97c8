package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
)

// tileWidth is how many hashes a full tile has, and entries a full bundle.
const tileWidth = 256

// tileReader reads the first width hashes of a tile, entryReader the first
// width entries of a bundle.
type (
	tileReader  func(ctx context.Context, level, index uint64, width int) ([]byte, error)
	entryReader func(ctx context.Context, index uint64, width int) ([]byte, error)
)

// covers says whether a log of that size has so many hashes in a tile. Bundles
// of entries are covered as tiles of level 0 are.
func covers(size, level, index uint64, width int) bool {
	if level > 7 || width < 1 || width > tileWidth {
		return false
	}
	nodes := size >> (8 * level)
	return index <= nodes/tileWidth && index*tileWidth+uint64(width) <= nodes
}

// widthIn is how wide a tile is in a log of that size, 0 if it isn't there.
func widthIn(size, level, index uint64) int {
	nodes := size >> (8 * level)
	if index > nodes/tileWidth {
		return 0
	}
	return int(min(nodes-index*tileWidth, tileWidth))
}

// fetcher is a tileReader as Tessera's proofs take it.
func (read tileReader) fetcher() client.TileFetcherFunc {
	return func(ctx context.Context, level, index uint64, p uint8) ([]byte, error) {
		width := int(p)
		if width == 0 {
			width = tileWidth
		}
		return read(ctx, level, index, width)
	}
}

// inclusion proves a leaf in the log of the first size leaves.
func inclusion(ctx context.Context, read tileReader, index, size uint64) ([][]byte, error) {
	builder, err := client.NewProofBuilder(ctx, size, read.fetcher())
	if err != nil {
		return nil, fmt.Errorf("couldn't read the tiles: %w", err)
	}
	path, err := builder.InclusionProof(ctx, index)
	if err != nil {
		return nil, fmt.Errorf("couldn't prove leaf %d: %w", index, err)
	}
	return path, nil
}

// consistency proves that the log of the first `to` leaves begins with that of
// the first `from`.
func consistency(ctx context.Context, read tileReader, from, to uint64) ([][]byte, error) {
	if from == 0 || from == to {
		return nil, nil
	}
	builder, err := client.NewProofBuilder(ctx, to, read.fetcher())
	if err != nil {
		return nil, fmt.Errorf("couldn't read the tiles: %w", err)
	}
	path, err := builder.ConsistencyProof(ctx, from, to)
	if err != nil {
		return nil, fmt.Errorf("couldn't prove consistency of %d and %d: %w", from, to, err)
	}
	return path, nil
}

// rootAt is the root of the first size leaves, by the tiles.
func rootAt(ctx context.Context, read tileReader, size uint64) ([32]byte, error) {
	if size == 0 {
		return [32]byte(rfc6962.DefaultHasher.EmptyRoot()), nil
	}
	nodes, err := client.FetchRangeNodes(ctx, size, read.fetcher())
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: couldn't read the tiles: %w", ErrDamaged, err)
	}
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	r, err := factory.NewRange(0, size, nodes)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: the tiles: %w", ErrDamaged, err)
	}
	root, err := r.GetRootHash(nil)
	if err != nil {
		return [32]byte{}, fmt.Errorf("%w: the tiles: %w", ErrDamaged, err)
	}
	return [32]byte(root), nil
}

// readLeaf reads one leaf of a log of that size.
func readLeaf(ctx context.Context, read entryReader, index, size uint64) ([]byte, error) {
	if index >= size {
		return nil, ErrNoLeaf
	}
	at := index % tileWidth
	bundle, err := read(ctx, index/tileWidth, int(at)+1)
	if err != nil {
		return nil, fmt.Errorf("couldn't read leaf %d: %w", index, err)
	}
	entries, err := SplitEntries(bundle, int(at)+1)
	if err != nil {
		return nil, fmt.Errorf("couldn't read leaf %d: %w", index, err)
	}
	return bytes.Clone(entries[at]), nil
}

// SplitEntries takes the first n entries out of a bundle, which [Log.Entries] gave.
// They lie in the bundle. Errors: [ErrDamaged].
func SplitEntries(bundle []byte, n int) ([][]byte, error) {
	entries := make([][]byte, 0, n)
	for range n {
		if len(bundle) < 2 {
			return nil, fmt.Errorf("%w: a bundle of entries is too short", ErrDamaged)
		}
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		if len(bundle) < end {
			return nil, fmt.Errorf("%w: a bundle of entries is too short", ErrDamaged)
		}
		entries = append(entries, bundle[2:end:end])
		bundle = bundle[end:]
	}
	return entries, nil
}

// joinEntries is the inverse of SplitEntries.
func joinEntries(entries [][]byte) []byte {
	var bundle []byte
	for _, e := range entries {
		bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(e))), e...)
	}
	return bundle
}

// cutEntries is the beginning of a bundle that holds its first n entries.
func cutEntries(bundle []byte, n int) ([]byte, error) {
	entries, err := SplitEntries(bundle, n)
	if err != nil {
		return nil, err
	}
	length := 2 * n
	for _, e := range entries {
		length += len(e)
	}
	return bundle[:length:length], nil
}

// SizeOf reads the size out of a checkpoint of our own, its second line.
func SizeOf(signed []byte) (uint64, error) {
	lines := strings.SplitN(string(signed), "\n", 3)
	if len(lines) < 3 {
		return 0, fmt.Errorf("%w: the checkpoint is no checkpoint", ErrDamaged)
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%w: the checkpoint has no size", ErrDamaged)
	}
	return size, nil
}

// appendTo is [Log.Append] by the log's two steps.
func appendTo(ctx context.Context, l Log, leaf []byte) (uint64, []byte, error) {
	index, err := l.Add(ctx, leaf)
	switch {
	case err == nil:
	case ctx.Err() != nil && !errors.Is(err, ErrUnpublished):
		return 0, nil, fmt.Errorf("%w: %w", ErrUnpublished, err)
	default:
		return 0, nil, err
	}
	checkpoint, err := l.Await(ctx, index)
	if err != nil {
		return 0, nil, err
	}
	return index, checkpoint, nil
}
