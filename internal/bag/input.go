package bag

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"writ"
)

const (
	maxInfo      = 100
	maxInfoLabel = 64
	maxInfoValue = 1000
	maxBucket    = 63
	maxVersion   = 256
)

// check refuses what can't be packed, and fills in defaults.
func (in *Input) check() error {
	if _, err := writ.ParseCaseID(string(in.Case)); err != nil {
		return fmt.Errorf("%w: %w", ErrInput, err)
	}
	if in.Dir == "" || in.StateKey == nil || in.Objects == nil || in.Now.IsZero() {
		return fmt.Errorf("%w: folder, objects, key of the state and time must be given", ErrInput)
	}
	if in.MaxBytes < 0 || in.Reserve < 0 {
		return fmt.Errorf("%w: a limit is below zero", ErrInput)
	}
	if err := in.checkVolume(); err != nil {
		return err
	}
	info, err := cleanInfo(in.Info)
	in.Info = info
	return err
}

func (in *Input) checkVolume() error {
	most, usual := int64(MaxVolume), int64(DefaultVolume)
	if len(in.Recipients) > 0 && in.Recipients[0].sealing() == sealCMS {
		most, usual = MaxVolumeCMS, DefaultVolumeCMS
	}
	if in.VolumeBytes == 0 {
		in.VolumeBytes = usual
	}
	if in.VolumeBytes < MinVolume || in.VolumeBytes > most {
		return fmt.Errorf("%w: a volume holds %d to %d bytes, not %d", ErrInput, MinVolume, most, in.VolumeBytes)
	}
	return nil
}

// reservedLabels are the lines of bag-info.txt that the package writes itself.
var reservedLabels = []string{"Bagging-Date", "External-Identifier", "Payload-Oxum", "Bag-Software-Agent", "Writ-Salt"}

func cleanInfo(info [][2]string) ([][2]string, error) {
	if len(info) > maxInfo {
		return nil, fmt.Errorf("%w: bag-info.txt takes at most %d lines", ErrInput, maxInfo)
	}
	out := make([][2]string, 0, len(info))
	for _, line := range info {
		label, value := line[0], cleanLine(line[1])
		if !isLabel(label) {
			return nil, fmt.Errorf("%w: a label of bag-info.txt is 1 to %d letters, digits and \"-\"", ErrInput, maxInfoLabel)
		}
		for _, r := range reservedLabels {
			if strings.EqualFold(r, label) {
				return nil, fmt.Errorf("%w: the line %s of bag-info.txt is the package's own", ErrInput, r)
			}
		}
		if len(value) > maxInfoValue {
			return nil, fmt.Errorf("%w: the line %s of bag-info.txt is longer than %d bytes", ErrInput, label, maxInfoValue)
		}
		out = append(out, [2]string{label, value})
	}
	return out, nil
}

func isLabel(s string) bool {
	for _, c := range []byte(s) {
		if !plain(c) || c == '.' || c == '_' {
			return false
		}
	}
	return s != "" && len(s) <= maxInfoLabel
}

// cleanLine makes one line of a value: a line break in it would be a line of
// its own, and a control character would reach a terminal.
func cleanLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	return strings.TrimSpace(s)
}

// list is what a list of objects amounts to.
type list struct {
	n     int64
	bytes int64
	sum   hash.Hash
}

func newList() *list { return &list{sum: sha256.New()} }

// add takes the next object, or says what is wrong with it.
func (l *list) add(o Object) error {
	if l.n >= MaxObjects {
		return fmt.Errorf("%w: a package has at most %d objects, make several", ErrInput, MaxObjects)
	}
	if err := o.check(); err != nil {
		return err
	}
	if o.Size > math.MaxInt64-l.bytes {
		return fmt.Errorf("%w: the sizes are too large to be added up", ErrInput)
	}
	l.n++
	l.bytes += o.Size
	line, err := json.Marshal(describe(l.n, o))
	if err != nil {
		return fmt.Errorf("%w: its description can't be encoded, is its time one of the years 0 to 9999?", ErrInput)
	}
	l.sum.Write(append(line, '\n'))
	return nil
}

func (l *list) digest() string { return hex.EncodeToString(l.sum.Sum(nil)) }

func (o Object) check() error {
	switch {
	case o.Key == "" || len(o.Key) > MaxKey || !utf8.ValidString(string(o.Key)):
		return fmt.Errorf("%w: an object's key is 1 to %d bytes of UTF-8", ErrInput, MaxKey)
	case len(o.Bucket) > maxBucket || !utf8.ValidString(string(o.Bucket)):
		return fmt.Errorf("%w: a bucket's name has at most %d bytes", ErrInput, maxBucket)
	case len(o.Version) > maxVersion || !utf8.ValidString(string(o.Version)):
		return fmt.Errorf("%w: a version's name has at most %d bytes", ErrInput, maxVersion)
	case o.Size < 0:
		return fmt.Errorf("%w: an object has no size below zero", ErrInput)
	case o.Open == nil:
		return fmt.Errorf("%w: an object can't be opened", ErrInput)
	}
	return nil
}

// describe is an object's line of objects.jsonl, without its hash.
func describe(n int64, o Object) Produced {
	return Produced{N: n, Path: pathOf(n, o.Bucket, o.Key), Bucket: o.Bucket, Key: o.Key, Version: o.Version,
		Made: o.Made.UTC(), Size: o.Size, Encrypted: o.Encrypted, Meta: o.Meta}
}
