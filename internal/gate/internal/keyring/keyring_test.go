package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"writ"
	"writ/internal/passphrase"
	"writ/internal/seal"
)

func TestMain(m *testing.M) {
	freshDerivation = func(secret string) (passphrase.Derivation, error) { // the least that is accepted
		d, err := passphrase.Fresh(secret)
		if d.A, d.B, d.C = 1, 8<<10, 1; d.Method == passphrase.PBKDF2 {
			d.A, d.B, d.C = 100_000, 0, 0
		}
		return d, err
	}
	os.Exit(m.Run())
}

// place is a folder for keys, and the key file beside it.
func place(t testing.TB) (dir string, u Unsealer) {
	top := t.TempDir()
	return filepath.Join(top, "keys"), KeyFile(filepath.Join(top, "root.key"))
}

func create(t testing.TB, dir string, u Unsealer) *Keyring {
	t.Helper()
	k, err := Create(dir, u, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func reopen(t testing.TB, dir string, u Unsealer) *Keyring {
	t.Helper()
	k, err := Open(dir, u, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

// sealed is a data key and how it lies wrapped.
type sealed struct {
	customer writ.CustomerID
	blob     writ.BlobID
	key      *seal.Key
	wrapped  []byte
}

func add(t testing.TB, k *Keyring) writ.CustomerID {
	t.Helper()
	id := writ.NewCustomerID()
	if err := k.Add(id); err != nil {
		t.Fatal(err)
	}
	return id
}

func generate(t testing.TB, k *Keyring, id writ.CustomerID) sealed {
	t.Helper()
	s := sealed{customer: id, blob: writ.NewBlobID()}
	var err error
	if s.key, s.wrapped, err = k.Generate(Data, id, s.blob); err != nil {
		t.Fatal(err)
	}
	return s
}

// opens checks that s opens to the key that it was.
func (s sealed) opens(t testing.TB, k *Keyring) {
	t.Helper()
	key, err := Unwrap(k, Data, s.customer, s.blob, s.wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if !key.Equal(s.key) {
		t.Fatal("another key came out")
	}
}

// fails checks that s does not open, and why.
func (s sealed) fails(t testing.TB, k *Keyring, want error) {
	t.Helper()
	if _, err := Unwrap(k, Data, s.customer, s.blob, s.wrapped); !errors.Is(err, want) {
		t.Fatalf("got error %v, not %v", err, want)
	}
}

func TestKeysStayAcrossRestarts(t *testing.T) {
	for name, u := range map[string]func(string) Unsealer{
		"passphrase": func(string) Unsealer { return Passphrase("correct horse battery") },
		"key file":   func(top string) Unsealer { return KeyFile(filepath.Join(top, "root.key")) },
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			dir, u := filepath.Join(top, "keys"), u(top)
			k := create(t, dir, u)
			a, b := add(t, k), add(t, k)
			first := generate(t, k, a)
			if v, err := k.Rotate(a); err != nil || v != 2 {
				t.Fatalf("rotated to %d, %v", v, err)
			}
			second, other := generate(t, k, a), generate(t, k, b)
			label, store := k.Label(a), k.StoreKey("records")
			k.Close()
			first.fails(t, k, ErrClosed)

			k = reopen(t, dir, u)
			for _, s := range []sealed{first, second, other} {
				s.opens(t, k)
			}
			if k.Label(a) != label || k.Label(b) == label || !k.StoreKey("records").Equal(store) || k.StoreKey("blobs").Equal(store) {
				t.Error("label or store key changed, or isn't its own")
			}
			if s, err := k.Status(a); err != nil || s.Version != 2 || s.Oldest != 1 || s.Shredded {
				t.Errorf("status is %+v, %v", s, err)
			}
			if err := k.Add(a); !errors.Is(err, ErrExists) {
				t.Errorf("adding twice gave %v", err)
			}
		})
	}
}

func TestWrappedKeyFitsOnlyItsPlace(t *testing.T) {
	dir, u := place(t)
	k := create(t, dir, u)
	a, b := add(t, k), add(t, k)
	s := generate(t, k, a)
	other := s
	other.customer = b
	other.fails(t, k, ErrWrapped)
	other = s
	other.blob = writ.NewBlobID()
	other.fails(t, k, ErrWrapped)
	other.customer = writ.NewCustomerID()
	other.fails(t, k, ErrNoCustomer)
	if _, err := Unwrap(k, Segment, a, s.blob, s.wrapped); !errors.Is(err, ErrWrapped) {
		t.Errorf("a blob's key opened as a journal segment's: %v", err)
	}
	for i := range s.wrapped {
		for bit := range 8 {
			flipped := s
			flipped.wrapped = bytes.Clone(s.wrapped)
			flipped.wrapped[i] ^= 1 << bit
			if _, err := Unwrap(k, Data, a, s.blob, flipped.wrapped); err == nil {
				t.Fatalf("opened with bit %d of byte %d flipped", bit, i)
			}
		}
		short := s
		short.wrapped = s.wrapped[:i]
		short.fails(t, k, ErrWrapped)
	}
}

func TestRewrapAndRetire(t *testing.T) {
	dir, u := place(t)
	k := create(t, dir, u)
	a := add(t, k)
	old, left := generate(t, k, a), generate(t, k, a)
	if _, err := k.Rotate(a); err != nil {
		t.Fatal(err)
	}
	moved := old
	for range 2 { // the second time nothing is to be done
		w, err := k.Rewrap(a, old.blob, moved.wrapped)
		if err != nil {
			t.Fatal(err)
		}
		moved.wrapped = w
	}
	if _, v := Inspect(moved.wrapped); v != 2 {
		t.Fatalf("rewrapped to version %d", v)
	}
	moved.opens(t, k)
	if err := k.Retire(a, 2); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		moved.opens(t, k)
		left.fails(t, k, ErrNoKEK)
		old.fails(t, k, ErrNoKEK)
		k.Close()
		k = reopen(t, dir, u)
	}
	if err := k.Retire(a, 3); !errors.Is(err, ErrNoKEK) {
		t.Errorf("retiring all versions gave %v", err)
	}
}

func TestPinOutlivesShred(t *testing.T) {
	dir, u := place(t)
	k := create(t, dir, u)
	a := add(t, k)
	s := generate(t, k, a)
	pinned, err := k.Pin(a, s.blob, s.wrapped)
	if err != nil {
		t.Fatal(err)
	}
	p := s
	p.wrapped = pinned
	p.fails(t, k, ErrPinned)
	if key, err := Unwrap(k, Pinned, a, s.blob, pinned); err != nil || !key.Equal(s.key) {
		t.Errorf("a pinned key doesn't open as one: %v", err)
	}
	if _, err := Unwrap(k, Pinned, a, s.blob, s.wrapped); !errors.Is(err, ErrWrapped) {
		t.Errorf("a key that isn't pinned opens as one: %v", err)
	}
	back, err := k.Unpin(a, s.blob, pinned)
	if err != nil {
		t.Fatal(err)
	}
	s.wrapped = back
	s.opens(t, k)
	if err := k.Shred(a); err != nil {
		t.Fatal(err)
	}
	s.fails(t, k, ErrShredded)
	if _, err := k.Unpin(a, s.blob, pinned); !errors.Is(err, ErrShredded) {
		t.Errorf("unpinning for a shredded customer gave %v", err)
	}
	key, err := k.openWrapped(Pinned, a, s.blob, pinned)
	if err != nil || !key.Equal(s.key) {
		t.Errorf("what was pinned doesn't open under the docket's key any more: %v", err)
	}
	for _, err := range []error{k.Shred(Docket), func() error { _, err := k.Rotate(Docket); return err }()} {
		if !errors.Is(err, ErrNoCustomer) {
			t.Errorf("the docket's key was treated as a customer's: %v", err)
		}
	}
}

func TestKEKsLeaveMemory(t *testing.T) {
	dir, u := place(t)
	create(t, dir, u).Close()
	k, err := Open(dir, u, Options{TTL: 40 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	customer := add(t, k)
	held := func() int {
		k.mu.RLock()
		defer k.mu.RUnlock()
		return len(k.opened)
	}
	s := generate(t, k, customer)
	for range 1000 { // a slow machine may look too late
		if held() == 1 {
			break
		}
		s = generate(t, k, customer)
	}
	if held() != 1 {
		t.Fatalf("%d KEKs open after each use", held())
	}
	deadline := time.Now().Add(time.Minute)
	for held() != 0 {
		if time.Now().After(deadline) {
			t.Fatal("the KEK stayed in memory")
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.opens(t, k)
}

func TestNothingPrintsAKey(t *testing.T) {
	const secret = "correct horse battery"
	dir := filepath.Join(t.TempDir(), "keys")
	k := create(t, dir, Passphrase(secret))
	generate(t, k, add(t, k))
	u := Passphrase(secret)
	for _, v := range []any{u, struct{ u Unsealer }{u}, struct{ U Unsealer }{u}, k, &struct{ k *Keyring }{k}, k.root} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			for _, hidden := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%d", []byte(secret)), fmt.Sprintf("%x", k.labels[:]), fmt.Sprint(k.labels[:])} {
				if strings.Contains(text, strings.Trim(hidden, "[]")) {
					t.Errorf("%s of %T shows a secret", verb, v)
				}
			}
		}
	}
	_, err := Open(dir, Passphrase("another "+secret), Options{})
	if !errors.Is(err, ErrPassphrase) || strings.Contains(err.Error(), secret) {
		t.Errorf("wrong passphrase gave %v", err)
	}
}
