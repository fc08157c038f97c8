package keyring

import (
	"testing"
	"time"

	"writ"
	"writ/internal/seal"
)

// many makes a keyring of 100,000 customers at once.
func many(b *testing.B) (dir string, u Unsealer, ids []writ.CustomerID) {
	dir, u = place(b)
	k := create(b, dir, u)
	err := k.changing(func() error {
		var more []record
		next := k.epoch
		for range 100_000 {
			id := writ.NewCustomerID()
			ids = append(ids, id)
			key := seal.NewKey()
			// Sealed for the epoch to come, which is made here as nextEpoch makes it.
			more = append(more, record{kind: recordKEK, customer: id, version: 1, at: time.Now(), sealed: next.sealKEK(id, 1, key)})
		}
		records, err := k.resealed(&next, func(record) bool { return true })
		if err != nil {
			return err
		}
		records = append(records, more...)
		if err := next.write(dir, k.root, records); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	k.Close()
	return dir, u, ids
}

// BenchmarkStart100k opens a keyring of 100,000 customers.
func BenchmarkStart100k(b *testing.B) {
	dir, u, _ := many(b)
	for b.Loop() {
		k, err := Open(dir, u, Options{})
		if err != nil {
			b.Fatal(err)
		}
		k.Close()
	}
}

// BenchmarkShred100k shreds one of 100,000 customers.
func BenchmarkShred100k(b *testing.B) {
	dir, u, ids := many(b)
	k, err := Open(dir, u, Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer k.Close()
	for i := 0; b.Loop(); i++ {
		if err := k.Shred(ids[i]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnwrap is the keyring's share of an opening.
func BenchmarkUnwrap(b *testing.B) {
	dir, u := place(b)
	k := create(b, dir, u)
	id, blob := writ.NewCustomerID(), writ.NewBlobID()
	if err := k.Add(id); err != nil {
		b.Fatal(err)
	}
	_, wrapped, err := k.Generate(Data, id, blob)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Unwrap(k, Data, id, blob, wrapped); err != nil {
			b.Fatal(err)
		}
	}
}
