package blob

import (
	"errors"
	"fmt"
)

// DamageError says where bytes on disk are not what was written. It matches
// [ErrCorrupt].
type DamageError struct {
	Ref    Ref    // the blob; in a segment whose framing is damaged, Length is 0
	Reason string // what does not match; never content
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%v: %v: %s", ErrCorrupt, e.Ref, e.Reason)
}

// Is reports whether target is [ErrCorrupt].
func (e *DamageError) Is(target error) bool { return target == ErrCorrupt }

// maxDamage bounds how many places of damage one error lists.
const maxDamage = 1000

// damages gathers what a walk finds.
type damages struct {
	list []error
	more int // beyond maxDamage
}

func (d *damages) add(err error) {
	if len(d.list) >= maxDamage {
		d.more++
		return
	}
	d.list = append(d.list, err)
}

func (d *damages) err() error {
	if d.more > 0 {
		return errors.Join(append(d.list, fmt.Errorf("%w in %d more places", ErrCorrupt, d.more))...)
	}
	return errors.Join(d.list...)
}
