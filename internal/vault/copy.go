package vault

import (
	"context"
	"errors"
	"io"
)

// Copy copies an object. The copy is opened and sealed anew, under a data key
// of its own: nothing is shared, so that each can be shredded, journaled and
// paid for by itself. The source is opened by the session's right to its
// bucket and journaled with its owner as "copy-from".
//
// A copy of an object onto itself must change its Meta or Class, or bring back
// an old version: else it is [ErrSameObject]. What is wrong with the
// source is a [*SourceError].
func (v *Vault) Copy(ctx context.Context, s Session, in CopyInput) (Copied, error) {
	if in.Source.Version == "" && in.Source.Bucket == in.To.Bucket && in.Source.Key == in.To.Key &&
		in.KeepMeta && in.To.Class == "" {
		return Copied{}, ErrSameObject
	}
	source, err := v.get(ctx, s, "copy-from", GetInput{ObjectRef: in.Source, Conditions: in.Conditions})
	if errors.Is(err, ErrNotModified) {
		err = ErrPrecondition // a copy has no other answer
	}
	if err != nil {
		return Copied{}, &SourceError{Err: err}
	}
	defer source.Body.Close()
	to := in.To
	to.Body, to.Size = source.Body, source.Size
	if in.KeepMeta {
		to.Meta = source.Meta
		if to.Class == "" {
			to.Class = source.Class
		}
	}
	if in.KeepTags {
		to.Tags = source.Tags
	}
	to.Checksum = func() (Checksum, error) {
		if source.Checksum.Composite {
			return Checksum{}, nil
		}
		return source.Checksum, nil
	}
	if in.Sum != nil {
		var body io.Reader
		body, to.Checksum = in.Sum(source.Body)
		to.Body = body
	}
	made, err := v.put(ctx, s, "copy-to", to)
	if err != nil {
		return Copied{}, err
	}
	return Copied{Version: made, Source: source.Version}, nil
}

// A SourceError is an error about the source of a copy.
type SourceError struct{ Err error }

// Error implements error.
func (e *SourceError) Error() string { return "source of the copy: " + e.Err.Error() }

// Unwrap returns what is wrong with it.
func (e *SourceError) Unwrap() error { return e.Err }
