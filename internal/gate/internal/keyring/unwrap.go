package keyring

import (
	"encoding/binary"
	"fmt"

	"writ"
	"writ/internal/seal"
)

// A wrapped data key as it lies beside a blob's record, WrappedSize bytes:
//
//	form     1  see [Form]
//	version  4  of the KEK, big endian
//	key     60  seal.Wrap of the data key
//
// The context of the wrap is "writ/data-key/v1", the first five bytes, the
// customer's id with its length before it, and the blob's id: a wrapped key
// moved to another customer, version or blob does not open.
const WrappedSize = 1 + 4 + seal.WrappedSize

// Form says what a wrapped key is for, and so whose KEK it lies under.
type Form byte

// The forms. A key of one form never opens as another.
const (
	Data    Form = 1 // a blob's data key, under the customer's KEK
	Pinned  Form = 2 // a blob's data key, under the docket's
	Segment Form = 3 // the data key of a segment of the customer's journal, under its KEK
)

// holder is whose KEK a key of the form is under.
func (f Form) holder(customer writ.CustomerID) writ.CustomerID {
	if f == Pinned {
		return Docket
	}
	return customer
}

// Unwrap opens a key of the form wanted, and of no other. It is the only
// function that releases a key that was wrapped before; gate calls it in one
// place, after the journal has the use in writing, and asks for [Pinned] with a
// verified writ only.
//
// Errors: [ErrNoCustomer], [ErrShredded], [ErrNoKEK], [ErrPinned],
// [ErrWrapped], [ErrClosed].
func Unwrap(k *Keyring, form Form, customer writ.CustomerID, blob writ.BlobID, wrapped []byte) (*seal.Key, error) {
	return k.openWrapped(form, customer, blob, wrapped)
}

// Generate makes a fresh data key for a new blob and wraps it under the
// customer's newest KEK. The form is [Data] or [Segment].
func (k *Keyring) Generate(form Form, customer writ.CustomerID, blob writ.BlobID) (*seal.Key, []byte, error) {
	key := seal.NewKey()
	wrapped, err := k.wrap(form, customer, blob, key)
	if err != nil {
		key.Erase()
		return nil, nil, err
	}
	return key, wrapped, nil
}

// Rewrap wraps a data key again, under the customer's newest KEK. If it lies
// there already, wrapped is returned as it is. The data key does not leave
// this package.
func (k *Keyring) Rewrap(customer writ.CustomerID, blob writ.BlobID, wrapped []byte) ([]byte, error) {
	s, err := k.Status(customer)
	if err != nil {
		return nil, err
	}
	form, version := Inspect(wrapped)
	if form == Pinned {
		return nil, ErrPinned
	}
	if version == s.Version && !s.Shredded && version != 0 {
		return wrapped, nil
	}
	return k.move(customer, blob, wrapped, form, form)
}

// Pin wraps a data key again under the docket's key, where a shred of the
// customer does not reach it. Only a writ opens it there, or [Keyring.Unpin]
// takes it back.
func (k *Keyring) Pin(customer writ.CustomerID, blob writ.BlobID, wrapped []byte) ([]byte, error) {
	return k.move(customer, blob, wrapped, Data, Pinned)
}

// Unpin wraps a pinned data key again under the customer's newest KEK;
// [ErrShredded] if there is none any more.
func (k *Keyring) Unpin(customer writ.CustomerID, blob writ.BlobID, pinned []byte) ([]byte, error) {
	return k.move(customer, blob, pinned, Pinned, Data)
}

func (k *Keyring) move(customer writ.CustomerID, blob writ.BlobID, wrapped []byte, from, to Form) ([]byte, error) {
	key, err := k.openWrapped(from, customer, blob, wrapped)
	if err != nil {
		return nil, err
	}
	defer key.Erase()
	return k.wrap(to, customer, blob, key)
}

// Inspect reads the form of a wrapped key and the version of the KEK that it
// lies under; 0 and 0 if it has no known form. It proves nothing.
func Inspect(wrapped []byte) (form Form, version uint32) {
	if len(wrapped) != WrappedSize || wrapped[0] < byte(Data) || wrapped[0] > byte(Segment) {
		return 0, 0
	}
	return Form(wrapped[0]), binary.BigEndian.Uint32(wrapped[1:])
}

func appendWrapContext(b, head []byte, customer writ.CustomerID, blob writ.BlobID) []byte {
	b = append(b, "writ/data-key/v1"...)
	b = append(b, head...)
	b = append(b, byte(len(customer)))
	b = append(b, customer...)
	return append(b, blob[:]...)
}

// wrap wraps key under the newest KEK that the form calls for.
func (k *Keyring) wrap(form Form, customer writ.CustomerID, blob writ.BlobID, key *seal.Key) ([]byte, error) {
	var wrapped []byte
	err := k.withKEK(form.holder(customer), 0, func(v *kek) error {
		wrapped = make([]byte, 5, WrappedSize)
		wrapped[0] = byte(form)
		binary.BigEndian.PutUint32(wrapped[1:], v.version)
		var space [64]byte
		wrapped = append(wrapped, seal.Wrap(v.key, appendWrapContext(space[:0], wrapped, customer, blob), key)...)
		return nil
	})
	return wrapped, err
}

// openWrapped opens a wrapped key, which must be of the form wanted.
func (k *Keyring) openWrapped(want Form, customer writ.CustomerID, blob writ.BlobID, wrapped []byte) (*seal.Key, error) {
	form, version := Inspect(wrapped)
	switch {
	case form == Pinned && want == Data:
		return nil, ErrPinned
	case form != want || version == 0:
		return nil, ErrWrapped
	}
	var key *seal.Key
	err := k.withKEK(form.holder(customer), version, func(kv *kek) (err error) {
		var space [64]byte
		key, err = unseal(kv.key, appendWrapContext(space[:0], wrapped[:5], customer, blob), wrapped[5:])
		if err != nil {
			return fmt.Errorf("%w under version %d of the customer's key", ErrWrapped, version)
		}
		return nil
	})
	return key, err
}

// withKEK runs use with an open KEK of holder, of the given version or, if
// that is 0, the newest. The KEK must not be kept.
func (k *Keyring) withKEK(holder writ.CustomerID, version uint32, use func(*kek) error) error {
	now := k.now()
	k.mu.RLock()
	v, err := k.find(holder, version)
	if err != nil {
		k.mu.RUnlock()
		return err
	}
	if v.key != nil && now.Before(v.until) {
		defer k.mu.RUnlock()
		return use(v)
	}
	k.mu.RUnlock()

	k.mu.Lock()
	defer k.mu.Unlock()
	if v, err = k.find(holder, version); err != nil { // may have gone meanwhile
		return err
	}
	if v.key == nil {
		if v.key, err = k.epoch.openKEK(holder, v.version, v.sealed); err != nil {
			return err
		}
		k.opened[v] = struct{}{}
	}
	v.until = now.Add(k.ttl)
	return use(v)
}

// find returns a KEK of holder. The caller holds mu.
func (k *Keyring) find(holder writ.CustomerID, version uint32) (*kek, error) {
	c := k.customers[holder]
	switch {
	case k.closed:
		return nil, ErrClosed
	case c == nil:
		return nil, ErrNoCustomer
	case c.shredded:
		return nil, ErrShredded
	case len(c.keks) == 0:
		return nil, ErrNoKEK
	}
	if version == 0 {
		return c.keks[len(c.keks)-1], nil
	}
	for i := len(c.keks) - 1; i >= 0; i-- {
		if c.keks[i].version == version {
			return c.keks[i], nil
		}
	}
	return nil, ErrNoKEK
}

// unseal is the one place of the program that calls seal.Unwrap.
func unseal(key *seal.Key, context, wrapped []byte) (*seal.Key, error) {
	return seal.Unwrap(key, context, wrapped)
}
