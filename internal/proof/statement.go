package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// MaxStatement is the most bytes of a public statement.
	MaxStatement = 4096
	// MaxHidden is the most bytes of a hidden one.
	MaxHidden = 64 << 10
)

// The kinds of public statements. Every other kind is hidden.
const (
	KindPolicy  = "policy"
	KindRelease = "release"
	KindReport  = "report"
	KindBatch   = "batch"
)

func public(kind string) bool {
	return slices.Contains([]string{KindPolicy, KindRelease, KindReport, KindBatch}, kind)
}

// Statement is one entry of the ledger, or one that a batch commits to.
type Statement struct {
	V    int             `json:"v"`
	Kind string          `json:"kind"`
	At   time.Time       `json:"at"`
	Body json.RawMessage `json:"body"`
}

// Batch is the body of a [KindBatch]. One is published at each interval.
type Batch struct {
	N     uint64    `json:"n"`     // counted from 1
	From  time.Time `json:"from"`  // the beginning of the interval that it closes
	Slots int       `json:"slots"` // leaves of the tree
	Root  []byte    `json:"root"`  // of the tree, 32 bytes
	Late  bool      `json:"late,omitempty"`
	// LateBefore says that the batch before was published late and could not
	// say so itself: it was in the log already.
	LateBefore bool `json:"late_before,omitempty"`
	// Unwitnessed says that since the batch before something was opened under
	// law on what was only written down, while the witnesses were away.
	Unwitnessed bool   `json:"unwitnessed,omitempty"`
	Clock       string `json:"clock,omitempty"` // "back" when the clock went backwards
}

// Policy is the body of a [KindPolicy]: what the server enforces.
type Policy struct {
	Origin     string   `json:"origin"`
	Interval   string   `json:"interval"` // between batches, as Go prints durations
	Slots      int      `json:"slots"`
	Witnesses  string   `json:"witnesses"` // the policy text
	Outside    []string `json:"outside"`   // witnesses that somebody else than the operator runs, as the operator says
	Threshold  int      `json:"threshold"` // how many custodians a writ needs
	Custodians []string `json:"custodians"`
	Packs      []string `json:"packs"`
	TLSMin     string   `json:"tls_min"`
	Unlogged   bool     `json:"unlogged"`           // the server runs a build that is in no release
	Previous   []byte   `json:"previous,omitempty"` // SHA-256 of the policy statement before
	Break      *Break   `json:"break,omitempty"`
}

// Break names the log that this one goes on from, where it could not go on in
// the same.
type Break struct {
	Origin string `json:"origin"`
	Size   uint64 `json:"size"`
	Root   []byte `json:"root"`
	Reason string `json:"reason"`
}

// Report is the body of a [KindReport]: a transparency report that was
// published, by its hash.
type Report struct {
	Digest    string `json:"digest"` // SHA-256 of the report's canonical JSON, in lower-case hex
	From      string `json:"from"`   // days, both in the report
	To        string `json:"to"`
	Structure string `json:"structure,omitempty"` // of the national-security numbers: 1 to 4, as 50 U.S.C. 1874(a) counts them
	Corrects  string `json:"corrects,omitempty"`  // digest of the first report of these days
}

// Release is the body of a [KindRelease]. Hashes are SHA-256 in lower-case hex.
type Release struct {
	Version    string   `json:"version"`
	Source     Artifact `json:"source"`
	Binaries   []Binary `json:"binaries"`
	SBOM       string   `json:"sbom"`
	Provenance string   `json:"provenance"`
	DataMap    string   `json:"datamap"`
	Go         string   `json:"go"`
}

// Artifact is a file of a release.
type Artifact struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Binary is the program for one target, such as "linux/amd64".
type Binary struct {
	Target string `json:"target"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Encode returns the bytes of a public statement: a leaf of the log.
func Encode(kind string, at time.Time, body any) ([]byte, error) {
	if !public(kind) {
		return nil, fmt.Errorf("%w: %q is not a public kind", ErrForm, kind)
	}
	return encode(kind, at, body, MaxStatement)
}

// EncodeHidden returns the bytes of a hidden statement.
func EncodeHidden(kind string, at time.Time, body any) ([]byte, error) {
	if kind == "" || public(kind) {
		return nil, fmt.Errorf("%w: %q is not a hidden kind", ErrForm, kind)
	}
	return encode(kind, at, body, MaxHidden)
}

func encode(kind string, at time.Time, body any, most int) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the statement: %w", err)
	}
	b, err := json.Marshal(Statement{V: 1, Kind: kind, At: at.UTC().Truncate(time.Millisecond), Body: raw})
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the statement: %w", err)
	}
	if len(b) > most {
		return nil, fmt.Errorf("%w: a statement of %d bytes is larger than %d", ErrForm, len(b), most)
	}
	// A body may be raw JSON: what nobody could verify later is not written.
	if _, err := decode(b, most); err != nil {
		return nil, err
	}
	return b, nil
}

// Decode reads a public statement. The bytes are what is hashed: nothing in
// them may be read in two ways.
func Decode(leaf []byte) (Statement, error) {
	s, err := decode(leaf, MaxStatement)
	if err == nil && !public(s.Kind) {
		return s, fmt.Errorf("%w: %.40q is not a public kind", ErrForm, s.Kind)
	}
	return s, err
}

// DecodeHidden reads a hidden statement.
func DecodeHidden(b []byte) (Statement, error) {
	s, err := decode(b, MaxHidden)
	if err == nil && (public(s.Kind) || s.Kind == "") {
		return s, fmt.Errorf("%w: %.40q is not a hidden kind", ErrForm, s.Kind)
	}
	return s, err
}

func decode(b []byte, most int) (s Statement, err error) {
	if len(b) > most {
		return s, fmt.Errorf("%w: a statement of %d bytes is larger than %d", ErrForm, len(b), most)
	}
	if err := Unmarshal(b, &s); err != nil {
		return s, err
	}
	if s.V != 1 || s.Body == nil {
		return s, fmt.Errorf("%w: a statement of version %d", ErrForm, s.V)
	}
	return s, nil
}

// Unmarshal reads one JSON value strictly: no unknown field, no field twice,
// nothing behind it.
func Unmarshal(b []byte, to any) error {
	if err := unambiguous(b); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	return nil
}

// maxDepth bounds how deep JSON may nest.
const maxDepth = 16

// unambiguous checks that b is one JSON value in UTF-8 in which no object has a
// key twice, also not in another case: Go's decoder would take the last, and
// would put a mark where bytes are no UTF-8.
func unambiguous(b []byte) error {
	if !utf8.Valid(b) {
		return fmt.Errorf("%w: the JSON is not in UTF-8", ErrForm)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := walk(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the JSON", ErrForm)
	}
	return nil
}

// folded is a key without its case. The long s has none of its own, and Go's
// decoder takes it for an s.
func folded(key string) string {
	return strings.ReplaceAll(strings.ToLower(key), "\u017f", "s")
}

func walk(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	open, nested := t.(json.Delim)
	if !nested {
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("%w: JSON is nested too deep", ErrForm)
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return fmt.Errorf("%w: %w", ErrForm, err)
			}
			name := folded(key.(string))
			if seen[name] {
				return fmt.Errorf("%w: the field %.40q is there twice", ErrForm, name)
			}
			seen[name] = true
		}
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	return nil
}
