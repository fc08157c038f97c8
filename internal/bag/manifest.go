package bag

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxManifest bounds a manifest that is read: more than MaxObjects lines
	// of ours.
	maxManifest = 512 << 20
	// maxLine bounds a line of a tag file.
	maxLine = 16 << 10
	// maxTagFile bounds bagit.txt and bag-info.txt.
	maxTagFile = 1 << 20
)

// manifestLine is one line of a manifest (RFC 8493, 2.1.3).
type manifestLine struct {
	sum  string // lower-case hex
	path string // decoded, clean, relative
}

// readManifest calls each for the lines of a manifest whose hashes have so
// many bytes. What is wrong with a line is told as the line's error.
func readManifest(r io.Reader, size int, each func(n int, line manifestLine, err error) error) error {
	lines := bufio.NewScanner(io.LimitReader(r, maxManifest+1))
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	lines.Split(anyLine)
	total := 0
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		if total += len(text) + 1; total > maxManifest {
			return fmt.Errorf("%w: a manifest is longer than %d bytes", ErrDamaged, maxManifest)
		}
		if text == "" {
			continue
		}
		line, err := parseManifestLine(text, size)
		if err := each(n, line, err); err != nil {
			return err
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("%w: a line of a manifest is longer than %d bytes", ErrDamaged, maxLine)
	} else if err != nil {
		return fmt.Errorf("couldn't read a manifest: %w", err)
	}
	return nil
}

// anyLine splits at LF, CR and CRLF, as bags of every system have them.
func anyLine(data []byte, atEOF bool) (advance int, token []byte, err error) {
	for i, c := range data {
		if c == '\n' {
			return i + 1, data[:i], nil
		}
		if c != '\r' {
			continue
		}
		switch {
		case i+1 < len(data) && data[i+1] == '\n':
			return i + 2, data[:i], nil
		case i+1 < len(data) || atEOF:
			return i + 1, data[:i], nil
		}
		return 0, nil, nil // whether LF follows is not known yet
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func parseManifestLine(text string, size int) (manifestLine, error) {
	sum, rest, ok := cutBlank(text)
	if b, err := hex.DecodeString(sum); !ok || err != nil || len(b) != size {
		return manifestLine{}, errors.New("it doesn't begin with a hash of the manifest's kind")
	}
	// The mark of binary mode, as md5sum and its like write it.
	rest = strings.TrimPrefix(rest, "*")
	name, err := decodePath(rest)
	if err != nil {
		return manifestLine{}, err
	}
	return manifestLine{strings.ToLower(sum), name}, nil
}

func cutBlank(s string) (front, back string, ok bool) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, "", false
	}
	return s[:i], strings.TrimLeft(s[i:], " \t"), true
}

// decodePath decodes LF, CR and "%" and nothing else (RFC 8493, 2.1.3), and
// refuses what leads out of the bag.
func decodePath(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil && (v == '\n' || v == '\r' || v == '%') {
				c, i = byte(v), i+2
			}
		}
		b.WriteByte(c)
	}
	name := b.String()
	if !isInside(name) {
		return "", errors.New("its path isn't one inside the bag")
	}
	return name, nil
}

// isInside reports whether a path is relative, clean, and safe on every system
// that could take a backslash or a colon for more than a character.
func isInside(name string) bool {
	return name != "" && name == path.Clean(name) && !path.IsAbs(name) && name != "." && name != ".." &&
		!strings.HasPrefix(name, "../") && !strings.ContainsAny(name, "\\:\x00") && utf8.ValidString(name)
}
