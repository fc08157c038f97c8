// Package seal is the sealed-object format of Writ, version 1, and the few
// other boxes that keys and small values lie in. It uses the standard library
// only; docs/sealed-object.md is its specification, precise enough for a
// second implementation, and testdata/ holds test vectors.
//
// # What is sealed how
//
// The bytes of an object are a [Stream]: a header, then chunks of 64 KiB of
// plaintext, each sealed with AES-256-GCM under a random nonce. [NewWriter]
// seals while it streams, [NewReader] opens any range and reads only the
// chunks that the range touches, [Seal] and [Open] do small objects in memory.
//
// A [Key] is 32 secret bytes that nothing prints. A data key seals one blob;
// each part of a multipart object has its own content key, derived from the
// data key, a random salt, the blob's id and the part's number. A second
// output of the same derivation is a commitment to the key: it is checked
// before any byte is returned, so that a disclosed key opens exactly one
// plaintext.
//
// [Wrap] and [Unwrap] put a data key under a key-encryption key. A [Box] seals
// small values. A tail ([TailWriter], [OpenTail]) is an append-only log whose
// every record is sealed at once, for the open end of a journal.
//
// # What a reader may rely on
//
// Truncated, reordered, spliced, swapped or flipped bytes are always an error,
// never bytes. Which error is said by [ErrFormat], [ErrKey], [ErrTruncated]
// and [*ChunkError].
//
// # FIPS
//
// Everything here runs under GODEBUG=fips140=only: AES-GCM nonces come from
// [cipher.NewGCMWithRandomNonce], keys from HKDF-SHA-256.
package seal

import (
	"errors"
	"fmt"
)

// Sizes of the format, in bytes.
const (
	ChunkSize     = 64 << 10 // plaintext of every chunk but the last
	ChunkOverhead = 12 + 16  // nonce and tag of a chunk
	HeaderSize    = 96       // magic, blob id, part, reserved, salt, commitment
	KeySize       = 32
	WrappedSize   = KeySize + ChunkOverhead

	sealedChunk = ChunkSize + ChunkOverhead
)

// format is bound into every derivation and every chunk.
const format = "writ/sealed/v1"

// Errors that callers tell apart. Every error of this package that speaks of
// sealed bytes wraps one of them or is a [*ChunkError].
var (
	// ErrFormat: the bytes are no sealed object of this version, or of another
	// blob or part than asked for.
	ErrFormat = errors.New("not a sealed object of this format, blob and part")
	// ErrKey: the key is not the one that the object was sealed with.
	ErrKey = errors.New("the key does not fit the sealed bytes")
	// ErrTruncated: the length is one that no sealed object has, or bytes are
	// missing at its end.
	ErrTruncated = errors.New("sealed bytes are truncated")
	// ErrTooLong: a plaintext of more than 2^32 chunks (256 TiB), which no one
	// content key may seal.
	ErrTooLong = errors.New("longer than a sealed object may be")
	// ErrBox: a small value does not open with this key and these additional data.
	ErrBox = errors.New("sealed value does not open")
)

// ChunkError says which chunk of an object does not open, counted from 0.
type ChunkError struct {
	Part  uint32
	Index int64
}

// Error names the chunk and nothing else.
func (e *ChunkError) Error() string {
	return fmt.Sprintf("chunk %d of part %d does not open: its bytes were changed, moved or cut", e.Index, e.Part)
}

// maxChunks is how many messages one key may seal under random nonces (NIST SP
// 800-38D, 8.3): at 64 KiB each, 256 TiB.
const maxChunks = 1 << 32

// SealedSize returns the length of the sealed bytes of a plaintext of n bytes,
// 0 to 256 TiB.
func SealedSize(n int64) int64 {
	return HeaderSize + n + chunks(n)*ChunkOverhead
}

// PlainSize returns the length of the plaintext in sealed bytes of a length;
// [ErrTruncated] where no plaintext has that length.
func PlainSize(sealed int64) (int64, error) {
	body := sealed - HeaderSize
	if body < ChunkOverhead || body > maxChunks*sealedChunk {
		return 0, fmt.Errorf("%w: %d bytes", ErrTruncated, sealed)
	}
	n := (body + sealedChunk - 1) / sealedChunk
	last := body - (n-1)*sealedChunk
	if last < ChunkOverhead || last == ChunkOverhead && n > 1 {
		return 0, fmt.Errorf("%w: %d bytes", ErrTruncated, sealed)
	}
	return body - n*ChunkOverhead, nil
}

// chunks is how many chunks a plaintext of n bytes has: at least one.
func chunks(n int64) int64 {
	return max(1, (n+ChunkSize-1)/ChunkSize)
}
