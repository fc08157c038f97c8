package bag

import (
	"fmt"
	"strconv"
	"strings"

	"writ"
)

// Object keys are hostile: they climb out of folders, collide where case or
// normalisation doesn't count, and mean devices on some systems. A path in the
// bag is made from bucket, key and the object's number in the list:
//
//	data/BUCKET/FOLDER/…/NUMBER@NAME
//
// The number makes every path unique, on every file system; the rest is there
// for people to find their way. "@" stands in no escaped segment, so that no
// folder is ever called like a file. Nothing in a path needs the percent
// encoding of manifests (RFC 8493, 2.1.3), so that sha256sum reads the same
// names as a BagIt reader.

const (
	payload = "data/"
	// maxPath is how long a path may become before its folders are left out;
	// with the folder that it is unpacked into it stays under the 260
	// characters that some systems allow.
	maxPath = 180
	// maxName is how much of a name is left then.
	maxName = 64
	// shortened is the folder of objects whose paths were too long. An empty
	// segment is "@"; no segment gives "@@".
	shortened = "@@"
)

// pathOf is the path of object n, counted from 1.
func pathOf(n int64, bucket writ.BucketName, key writ.ObjectKey) string {
	segments := strings.Split(string(key), "/")
	last := len(segments) - 1
	number := fmt.Sprintf("%06d@", n)
	name := escape(segments[last])
	root := payload + folder(string(bucket)) + "/"
	var b strings.Builder
	b.WriteString(root)
	for _, s := range segments[:last] {
		b.WriteString(folder(s))
		b.WriteByte('/')
	}
	b.WriteString(number)
	b.WriteString(name)
	if b.Len() <= maxPath {
		return b.String()
	}
	return root + shortened + "/" + number + tail(name)
}

// tail is the end of an escaped name, with its extension, cut between escapes.
func tail(name string) string {
	if len(name) <= maxName {
		return name
	}
	at := len(name) - maxName
	if at >= 1 && name[at-1] == '=' {
		at += 2
	} else if at >= 2 && name[at-2] == '=' {
		at++
	}
	return name[at:]
}

func folder(segment string) string {
	if segment == "" {
		return "@"
	}
	return escape(segment)
}

const hexDigits = "0123456789ABCDEF"

// escape makes one segment of a key safe, reversibly: what isn't a letter or
// digit of ASCII, "-", "_" or a dot inside becomes "=" and two hex digits, as
// quoted-printable has it (RFC 2045, 6.7). So does the first letter of a name
// that Windows keeps for devices.
func escape(segment string) string {
	var b strings.Builder
	device := isDevice(segment)
	for i := range len(segment) {
		c := segment[i]
		if plain(c) && !(i == 0 && device) && !(c == '.' && (i == 0 || i == len(segment)-1)) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('=')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}

func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
}

// isDevice reports whether Windows takes a name for a device, with whatever
// extension ("Naming Files, Paths, and Namespaces" of its documentation).
func isDevice(segment string) bool {
	stem, _, _ := strings.Cut(strings.ToLower(segment), ".")
	switch stem {
	case "con", "prn", "aux", "nul", "conin$", "conout$", "clock$":
		return true
	}
	if len(stem) != 4 {
		return false
	}
	front := stem[:3]
	return (front == "com" || front == "lpt") && '0' <= stem[3] && stem[3] <= '9'
}

// Where is what the path of an object says by itself.
type Where struct {
	N      int64
	Bucket writ.BucketName
	Key    writ.ObjectKey // empty if the path was shortened
}

// ParsePath reads a path that a package gave to an object. A shortened one
// says only number and bucket; objects.jsonl always has the key.
func ParsePath(path string) (Where, error) {
	bad := fmt.Errorf("%w: not the path of an object", ErrInput)
	rest, ok := strings.CutPrefix(path, payload)
	if !ok {
		return Where{}, bad
	}
	parts := strings.Split(rest, "/")
	last := len(parts) - 1
	digits, name, ok := strings.Cut(parts[last], "@")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || last < 1 || n < 1 {
		return Where{}, bad
	}
	segments := append(parts[:last:last], name)
	if segments[1] == shortened {
		segments = segments[:1]
	}
	for i, s := range segments {
		if s == "@" && i < last {
			s = ""
		}
		if segments[i], ok = unescape(s); !ok {
			return Where{}, bad
		}
	}
	w := Where{N: n, Bucket: writ.BucketName(segments[0]), Key: writ.ObjectKey(strings.Join(segments[1:], "/"))}
	if pathOf(n, w.Bucket, w.Key) != path && parts[1] != shortened {
		return Where{}, bad // there is one way to write it
	}
	return w, nil
}

func unescape(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '=' {
			if i+2 >= len(s) {
				return "", false
			}
			hi, lo := strings.IndexByte(hexDigits, s[i+1]), strings.IndexByte(hexDigits, s[i+2])
			if hi < 0 || lo < 0 {
				return "", false
			}
			c, i = byte(hi<<4|lo), i+2
		} else if !plain(c) {
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}
