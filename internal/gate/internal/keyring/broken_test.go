package keyring

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"writ"
	"writ/internal/passphrase"
)

func TestUnsealingFails(t *testing.T) {
	top := t.TempDir()
	byPhrase, byFile := filepath.Join(top, "a"), filepath.Join(top, "b")
	path := filepath.Join(top, "root.key")
	create(t, byPhrase, Passphrase("correct horse")).Close()
	create(t, byFile, KeyFile(path)).Close()
	line, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte, mode os.FileMode) Unsealer {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, b, 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return KeyFile(path)
	}
	other := append([]byte(keyFileHead), hex.EncodeToString(make([]byte, 32))+"\n"...)
	for _, c := range []struct {
		name string
		dir  string
		u    func() Unsealer
		want error
	}{
		{"wrong passphrase", byPhrase, func() Unsealer { return Passphrase("correct horsf") }, ErrPassphrase},
		{"empty passphrase", byPhrase, func() Unsealer { return Passphrase("") }, ErrPassphrase},
		{"key file for a passphrase", byPhrase, func() Unsealer { return KeyFile(path) }, ErrUnsealer},
		{"passphrase for a key file", byFile, func() Unsealer { return Passphrase("correct horse") }, ErrUnsealer},
		{"missing key file", byFile, func() Unsealer { return KeyFile(path + ".gone") }, ErrKeyFile},
		{"a folder as key file", byFile, func() Unsealer { return KeyFile(top) }, ErrKeyFileMode},
		{"key file open to the group", byFile, func() Unsealer { return write(line, 0o640) }, ErrKeyFileMode},
		{"key file open to all", byFile, func() Unsealer { return write(line, 0o604) }, ErrKeyFileMode},
		{"executable key file", byFile, func() Unsealer { return write(line, 0o700) }, ErrKeyFileMode},
		{"empty key file", byFile, func() Unsealer { return write(nil, 0o600) }, ErrKeyFile},
		{"short key file", byFile, func() Unsealer { return write(line[:len(line)-2], 0o600) }, ErrKeyFile},
		{"long key file", byFile, func() Unsealer { return write(append(bytes.Clone(line), '\n'), 0o600) }, ErrKeyFile},
		{"upper-case key file", byFile, func() Unsealer { return write(bytes.ToUpper(line), 0o600) }, ErrKeyFile},
		{"another's key file", byFile, func() Unsealer { return write(other, 0o600) }, ErrKeyFile},
	} {
		if _, err := Open(c.dir, c.u(), Options{}); !errors.Is(err, c.want) {
			t.Errorf("%s: got error %v, not %v", c.name, err, c.want)
		}
	}
	if _, err := os.Stat(path + ".gone"); err == nil {
		t.Error("opening made a key file")
	}
	reopen(t, byFile, write(line, 0o600))
	if _, err := Create(filepath.Join(top, "c"), Passphrase("short"), Options{}); err == nil {
		t.Error("a passphrase of five bytes was accepted")
	}
}

func TestEveryFlippedByteIsAnError(t *testing.T) {
	for _, name := range []string{"passphrase", "key file"} {
		t.Run(name, func(t *testing.T) {
			dir, u := place(t)
			if name == "passphrase" {
				u = Passphrase("correct horse")
			}
			k := create(t, dir, u)
			a := add(t, k)
			add(t, k)
			if _, err := k.Rotate(a); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(k.Shred(add(t, k)), k.SetJournalSync(a, true), k.Close()); err != nil {
				t.Fatal(err)
			}
			for _, file := range []string{rootName, epochName(2)} {
				path := filepath.Join(dir, file)
				whole, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				for i := range whole {
					// The epoch's file does not depend on what unseals the root key, and a
					// passphrase takes its time.
					if name == "passphrase" && file != rootName && i%97 != 0 {
						continue
					}
					b := bytes.Clone(whole)
					b[i] ^= 1 << (i % 8)
					if err := os.WriteFile(path, b, 0o600); err != nil {
						t.Fatal(err)
					}
					if k, err := Open(dir, u, Options{}); err == nil {
						k.Close()
						t.Fatalf("keys open with byte %d of %s flipped", i, file)
					}
				}
				if err := os.WriteFile(path, whole, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			reopen(t, dir, u)
		})
	}
}

func TestMissingFilesAreErrors(t *testing.T) {
	dir, u := place(t)
	create(t, dir, u).Close()
	for _, name := range []string{rootName, epochName(1)} {
		path := filepath.Join(dir, name)
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, u, Options{}); !errors.Is(err, ErrNoKeys) {
			t.Errorf("without %s: %v", name, err)
		}
		if _, err := Create(dir, u, Options{}); !errors.Is(err, ErrExists) {
			t.Errorf("new keys over a folder without %s: %v", name, err)
		}
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnfinishedRecordIsWrittenOver(t *testing.T) {
	for _, left := range [][]byte{{1, 2, 3}, make([]byte, recordSize-1), make([]byte, recordSize), make([]byte, recordSize+5)} {
		dir, u := place(t)
		k := create(t, dir, u)
		s := generate(t, k, add(t, k))
		k.Close()
		path := filepath.Join(dir, epochName(1))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, left...), 0o600); err != nil {
			t.Fatal(err)
		}
		k = reopen(t, dir, u)
		s.opens(t, k)
		next := generate(t, k, add(t, k))
		k.Close()
		k = reopen(t, dir, u)
		s.opens(t, k)
		next.opens(t, k)
	}
}

// TestShredLeavesNothingThatOpens gives the thief everything that ever lay in
// the folder, except the old epoch's file.
func TestShredLeavesNothingThatOpens(t *testing.T) {
	dir, u := place(t)
	k := create(t, dir, u)
	gone, stays := generate(t, k, add(t, k)), generate(t, k, add(t, k))
	before := readFolder(t, dir)
	if err := k.Shred(gone.customer); err != nil {
		t.Fatal(err)
	}
	gone.fails(t, k, ErrShredded)
	stays.opens(t, k)
	if err := k.Add(gone.customer); !errors.Is(err, ErrExists) {
		t.Errorf("a shredded customer's id was used again: %v", err)
	}
	k.Close()
	after := readFolder(t, dir)
	if _, ok := after[epochName(1)]; ok {
		t.Fatal("the old epoch's file is still there")
	}

	thief := filepath.Join(filepath.Dir(dir), "stolen")
	for name, b := range after { // the newest state, and beside it the old files but the epoch's
		put(t, thief, name, b)
	}
	for name, b := range before {
		if name != epochName(1) {
			put(t, thief, name, b)
		}
	}
	k = reopen(t, thief, u)
	gone.fails(t, k, ErrShredded)
	stays.opens(t, k)
	k.Close()

	// Honesty's other side: with the old epoch's file it opens.
	for name, b := range before {
		put(t, thief+"2", name, b)
	}
	gone.opens(t, reopen(t, thief+"2", u))
}

func readFolder(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = b
	}
	return files
}

func put(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, name), b, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// killed is what the test's hook panics with: the process ends there.
type killed struct{}

// runUntil runs change and kills it at its n-th step; it tells whether it came
// that far.
func runUntil(n int, change func()) (died bool) {
	defer func() {
		step = func(string) {}
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			died = true
		}
	}()
	step = func(string) {
		if n--; n == 0 {
			panic(killed{})
		}
	}
	change()
	return false
}

// TestKilledAtEveryStep kills each change to the folder between any two of
// its steps, and opens the folder again: either the old state or the new one
// is there, whole, and the next start finishes what was begun.
func TestKilledAtEveryStep(t *testing.T) {
	phrase := Passphrase("correct horse")
	for name, change := range map[string]func(k *Keyring, a writ.CustomerID) error{
		"add":               func(k *Keyring, _ writ.CustomerID) error { return k.Add("c-00112233445566778899") },
		"rotate":            func(k *Keyring, a writ.CustomerID) error { _, err := k.Rotate(a); return err },
		"retire":            func(k *Keyring, a writ.CustomerID) error { return k.Retire(a, 2) },
		"shred":             func(k *Keyring, a writ.CustomerID) error { return k.Shred(a) },
		"change passphrase": func(k *Keyring, _ writ.CustomerID) error { return k.ChangePassphrase(phrase) },
	} {
		t.Run(name, func(t *testing.T) {
			for n := 1; ; n++ {
				dir, u := place(t)
				k := create(t, dir, u)
				a := add(t, k)
				old, stays := generate(t, k, a), generate(t, k, add(t, k))
				if _, err := k.Rotate(a); err != nil {
					t.Fatal(err)
				}
				if !runUntil(n, func() {
					if err := change(k, a); err != nil {
						t.Fatal(err)
					}
				}) {
					if n < 3 {
						t.Fatalf("only %d steps", n-1)
					}
					return
				}
				k, err := Open(dir, u, Options{})
				if name == "change passphrase" && errors.Is(err, ErrUnsealer) {
					k, err = Open(dir, phrase, Options{})
				}
				if err != nil {
					t.Fatalf("killed at step %d: %v", n, err)
				}
				stays.opens(t, k)
				switch s, _ := k.Status(a); {
				case s.Shredded:
					old.fails(t, k, ErrShredded)
				case s.Oldest == 2:
					old.fails(t, k, ErrNoKEK)
				default:
					old.opens(t, k)
				}
				if files := readFolder(t, dir); len(files) != 2 {
					t.Errorf("killed at step %d: %d files are left, not 2", n, len(files))
				}
				if name == "shred" { // once more, now to the end
					if err := k.Shred(a); err != nil {
						t.Fatal(err)
					}
					old.fails(t, k, ErrShredded)
				}
				k.Close()
			}
		})
	}
}

func TestKilledAtMaking(t *testing.T) {
	for n := 1; ; n++ {
		dir, u := place(t)
		if !runUntil(n, func() { create(t, dir, u) }) {
			return
		}
		if empty, err := Empty(dir); err != nil || !empty {
			t.Fatalf("killed at step %d: half a keyring is there (%v)", n, err)
		}
		add(t, create(t, dir, u))
	}
}

func TestCopiesExpire(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	opts := Options{Now: func() time.Time { return now }}
	dir, u := place(t)
	k, err := Create(dir, u, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	s := generate(t, k, add(t, k))
	backup := filepath.Join(filepath.Dir(dir), "backup")
	expires := now.Add(30 * 24 * time.Hour)
	if err := k.Copy(backup, expires); err != nil {
		t.Fatal(err)
	}
	if err := k.Copy(backup, expires); !errors.Is(err, ErrExists) {
		t.Errorf("copied over a copy: %v", err)
	}
	if err := k.Copy(backup+"2", now); err == nil {
		t.Error("made a copy that has expired already")
	}
	if err := k.Shred(s.customer); err != nil {
		t.Fatal(err)
	}
	files := readFolder(t, backup)
	for i := range files[noteName] {
		b := bytes.Clone(files[noteName])
		b[i] ^= 4
		put(t, backup, noteName, b)
		if k, err := Open(backup, u, opts); err == nil {
			k.Close()
			t.Fatalf("the copy opens with byte %d of its note flipped", i)
		}
	}
	put(t, backup, noteName, files[noteName])
	if done, err := DestroyExpired(backup, now); done || err != nil {
		t.Errorf("destroyed too early: %v %v", done, err)
	}
	late := Options{Now: func() time.Time { return expires }}
	if _, err := Open(backup, u, late); !errors.Is(err, ErrExpired) {
		t.Errorf("an expired copy: %v", err)
	}
	restored := filepath.Join(filepath.Dir(dir), "restored")
	for name, b := range files {
		put(t, restored, name, b)
	}
	r, err := Open(restored, u, opts)
	if err != nil {
		t.Fatal(err)
	}
	s.opens(t, r) // a copy taken before the shred opens until it expires
	r.Close()
	r, err = Open(restored, u, late) // put in place in time, it is the keyring now
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if done, err := DestroyExpired(backup, expires); !done || err != nil {
		t.Errorf("not destroyed: %v %v", done, err)
	}
	if _, err := os.Stat(backup); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the copy is still there: %v", err)
	}
	if _, err := DestroyExpired(dir, expires); !errors.Is(err, ErrNoKeys) {
		t.Errorf("the live keys were taken for a copy: %v", err)
	}
}

func TestChangePassphrase(t *testing.T) {
	dir, u := place(t)
	k := create(t, dir, u)
	s := generate(t, k, add(t, k))
	phrase := Passphrase("correct horse")
	if err := k.ChangePassphrase(phrase); err != nil {
		t.Fatal(err)
	}
	k.Close()
	if _, err := Open(dir, u, Options{}); !errors.Is(err, ErrUnsealer) {
		t.Errorf("the key file still opens: %v", err)
	}
	s.opens(t, reopen(t, dir, phrase))
}

func TestParametersAreBounded(t *testing.T) {
	for _, d := range []passphrase.Derivation{
		{Method: passphrase.Argon2id, A: 1, B: 1 << 30, C: 1},
		{Method: passphrase.PBKDF2, A: 1},
		{Method: methodKeyFile, A: 1},
	} {
		if err := (derivation{d}).check(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%+v is accepted: %v", d, err)
		}
	}
	if err := (derivation{passphrase.Derivation{Method: 9}}).check(); !errors.Is(err, ErrNewer) {
		t.Errorf("an unknown method: %v", err)
	}
	if err := (derivation{passphrase.Derivation{Method: methodKeyFile}}).check(); err != nil {
		t.Errorf("a key file: %v", err)
	}
}
