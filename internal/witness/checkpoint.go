package witness

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// maxText bounds a checkpoint's text: what is cosigned is kept.
const maxText = 8 << 10

// maxSize bounds the size of a tree; above it, proofs would need more hashes
// than the protocol allows.
const maxSize = 1 << 63

// checkpoint is the text of a checkpoint (https://c2sp.org/tlog-checkpoint).
type checkpoint struct {
	Origin string
	Size   uint64
	Root   [32]byte
	text   string // all lines, as they are signed
}

// parseCheckpoint reads a checkpoint's text. It takes one spelling of each:
// what is compared here is compared by others too.
func parseCheckpoint(text string) (checkpoint, error) {
	c := checkpoint{text: text}
	body, ended := strings.CutSuffix(text, "\n")
	lines := strings.Split(body, "\n")
	if !ended || len(lines) < 3 || len(text) > maxText {
		return c, fmt.Errorf("%w: a checkpoint has at least three lines and at most %d bytes", ErrMalformed, maxText)
	}
	for _, line := range lines {
		if line == "" {
			return c, fmt.Errorf("%w: the checkpoint has an empty line", ErrMalformed)
		}
	}
	var err error
	c.Origin = lines[0]
	if c.Size, err = parseSize(lines[1]); err != nil {
		return c, err
	}
	if c.Root, err = parseHash(lines[2]); err != nil {
		return c, err
	}
	return c, nil
}

// parseSize reads a decimal without leading zeros.
func parseSize(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n >= maxSize || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("%w: %.40q is not a tree size", ErrMalformed, s)
	}
	return n, nil
}

// hashChars is how long a hash is in base64.
var hashChars = base64.StdEncoding.EncodedLen(32)

func parseHash(s string) (hash [32]byte, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(s) != hashChars || len(b) != len(hash) {
		return hash, fmt.Errorf("%w: %.60q is not a hash", ErrMalformed, s)
	}
	return [32]byte(b), nil
}
