package bag_test

import (
	"bufio"
	"context"
	"crypto/elliptic"
	"crypto/fips140"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"writ"
	"writ/internal/bag"
	"writ/internal/seal"
)

// produced reads objects.jsonl of a bag.
func produced(t testing.TB, dir string) []bag.Produced {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "objects.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []bag.Produced
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var o bag.Produced
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		out = append(out, o)
	}
	return out
}

// several are objects of every interesting size around a volume of the least.
func several() []thing {
	var out []thing
	for i, n := range []int{0, 1, 511, 512, 513, 10_000, bag.MinVolume - 1, bag.MinVolume, bag.MinVolume + 1, 5*bag.MinVolume + 77, 3, 0} {
		out = append(out, thing{key: fmt.Sprintf("patients/ines-calder/%d.txt", i), body: randomBytes(uint64(i), n)})
	}
	return out
}

func parties(t *testing.T) []party {
	out := []party{rsaParty(t), ecParty(t, elliptic.P256()), ecParty(t, elliptic.P384()), ecParty(t, elliptic.P521())}
	if !fips140.Enabled() {
		out = append(out, ageParty(t), pqParty(t))
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	for _, p := range parties(t) {
		t.Run(p.name, func(t *testing.T) {
			dir, things := t.TempDir(), several()
			got := mustWrite(t, input(dir, things, p))
			bagDir := mustOpen(t, dir, p)
			mustHold(t, bagDir, things)
			if got.Objects != int64(len(things)) || len(got.Volumes) < 9 {
				t.Errorf("%d objects in %d volumes", got.Objects, len(got.Volumes))
			}
			if s := readFile(t, filepath.Join(bagDir, "custody.json")); s != "{\"objects\":12}\n" {
				t.Errorf("custody.json is %q", s)
			}
			for name := range folder(t, dir) {
				if name != "package.json" && name != "SHA256SUMS" && !strings.HasPrefix(name, string(caseID)+".0000") {
					t.Errorf("%s is left over", name)
				}
			}
		})
	}
}

func TestEveryRecipientOpens(t *testing.T) {
	one, two := rsaParty(t), ecParty(t, elliptic.P256())
	dir, things := t.TempDir(), several()[:6]
	mustWrite(t, input(dir, things, one, two))
	for _, p := range []party{one, two} {
		mustHold(t, mustOpen(t, dir, p), things)
	}
	stranger := rsaParty(t)
	_, err := bag.Open(t.Context(), bag.OpenInput{Package: dir, Into: filepath.Join(t.TempDir(), "x"), Identity: stranger.identity(t)})
	if !errors.Is(err, bag.ErrIdentity) {
		t.Errorf("a stranger's key: %v", err)
	}
}

func TestNothingToProduce(t *testing.T) {
	p, dir := somebody(t), t.TempDir()
	got := mustWrite(t, input(dir, nil, p))
	if got.Objects != 0 || len(got.Volumes) != 1 {
		t.Errorf("%+v", got)
	}
	mustHold(t, mustOpen(t, dir, p), nil)
}

// TestFinishedStays calls Write again on a finished package.
func TestFinishedStays(t *testing.T) {
	p, dir, things := somebody(t), t.TempDir(), several()
	first := mustWrite(t, input(dir, things, p))
	before := folder(t, dir)
	in := input(dir, things, p)
	in.Extra = func(bag.Summary) ([]bag.File, error) {
		t.Error("the files are made again")
		return nil, nil
	}
	if again := mustWrite(t, in); fmt.Sprint(again) != fmt.Sprint(first) {
		t.Errorf("%+v, then %+v", first, again)
	}
	if !maps.Equal(before, folder(t, dir)) {
		t.Error("the folder changed")
	}
	for name, in := range map[string]bag.Input{
		"another recipient":   input(dir, things, somebody(t)),
		"another list":        input(dir, things[1:], p),
		"the list, reordered": input(dir, append(things[1:len(things):len(things)], things[0]), p),
	} {
		if _, err := bag.Write(t.Context(), in); !errors.Is(err, bag.ErrOther) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !maps.Equal(before, folder(t, dir)) {
		t.Error("the folder changed")
	}
}

// TestOpensAhead needs several objects open at once to go on at all, and sees
// that all are closed after an error.
func TestOpensAhead(t *testing.T) {
	p, things := somebody(t), several()
	var mu sync.Mutex
	opened, closed, most := 0, 0, 0
	four := make(chan struct{})
	in := input(t.TempDir(), things, p)
	in.Objects = func(yield func(bag.Object, error) bool) {
		for o := range objects(things) {
			open := o.Open
			o.Open = func(ctx context.Context) (io.ReadCloser, error) {
				mu.Lock()
				opened++
				most = max(most, opened-closed)
				if opened == 4 {
					close(four)
				}
				mu.Unlock()
				<-four
				body, err := open(ctx)
				return counted{body, func() { mu.Lock(); closed++; mu.Unlock() }}, err
			}
			if !yield(o, nil) {
				return
			}
		}
	}
	things[10].size = 99 // a late object fails while others are open
	if _, err := bag.Write(t.Context(), in); !errors.Is(err, bag.ErrObject) {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if opened != closed || most < 4 || most > 16 {
		t.Errorf("%d were opened, %d closed, %d at once", opened, closed, most)
	}
}

type counted struct {
	io.ReadCloser
	done func()
}

func (c counted) Close() error { c.done(); return c.ReadCloser.Close() }

// TestGoesOn fails a production at every object in turn, and goes on.
func TestGoesOn(t *testing.T) {
	p, dir, things := somebody(t), t.TempDir(), several()
	broken := errors.New("the disk has a bad sector")
	for i := range things {
		bad := several()
		bad[i].fail, bad[i].size = broken, int64(len(things[i].body))
		if len(things[i].body) > 0 {
			bad[i].body = bad[i].body[:len(things[i].body)/2]
		} else {
			continue // an empty object is whole before it fails
		}
		_, err := bag.Write(t.Context(), input(dir, bad, p))
		if !errors.Is(err, bag.ErrObject) || !errors.Is(err, broken) || !strings.Contains(err.Error(), fmt.Sprintf("object %d:", i+1)) {
			t.Fatalf("object %d: %v", i+1, err)
		}
		if strings.Contains(err.Error(), "ines") {
			t.Errorf("the error names the object: %v", err)
		}
		if _, err := os.Stat(filepath.Join(dir, "volume.part")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the partial volume is left: %v", err)
		}
	}
	mustWrite(t, input(dir, things, p))
	mustHold(t, mustOpen(t, dir, p), things)
}

// TestOnlyWhatIsMissing counts which objects are opened after a restart.
func TestOnlyWhatIsMissing(t *testing.T) {
	p, dir, things := somebody(t), t.TempDir(), several()
	stop, cancel := context.WithCancel(t.Context())
	in := input(dir, things, p)
	in.Progress = func(done, total int64) {
		if done > total*9/10 {
			cancel()
		}
	}
	if _, err := bag.Write(stop, in); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	in = input(dir, things, p)
	var opened atomic.Int64
	all := in.Objects
	in.Objects = func(yield func(bag.Object, error) bool) {
		for o, err := range all {
			open := o.Open
			o.Open = func(ctx context.Context) (io.ReadCloser, error) { opened.Add(1); return open(ctx) }
			if !yield(o, err) {
				return
			}
		}
	}
	var last, total int64
	in.Progress = func(d, n int64) { last, total = d, n }
	mustWrite(t, in)
	if n := opened.Load(); n == 0 || n > 3 {
		t.Errorf("%d objects were opened again", n)
	}
	if last < total {
		t.Errorf("progress ended at %d of %d", last, total)
	}
	mustHold(t, mustOpen(t, dir, p), things)
}

func TestWrongSize(t *testing.T) {
	p := somebody(t)
	for _, n := range []int64{1, 99, 101, 1 << 40} {
		dir := t.TempDir()
		things := []thing{{key: "first", body: []byte("fine")}, {key: "ines-calder.txt", body: make([]byte, 100), size: n}}
		_, err := bag.Write(t.Context(), input(dir, things, p))
		if n == 1<<40 && errors.Is(err, bag.ErrRoom) {
			continue
		}
		if !errors.Is(err, bag.ErrObject) || !strings.Contains(err.Error(), "object 2") || strings.Contains(err.Error(), "ines") {
			t.Errorf("size %d: %v", n, err)
		}
		// Left out, after a fresh start.
		if err := bag.Discard(dir, caseID); err != nil {
			t.Fatal(err)
		}
		mustWrite(t, input(dir, things[:1], p))
		mustHold(t, mustOpen(t, dir, p), things[:1])
	}
}

// TestChanged lets an object that spans volumes change between two calls.
func TestChanged(t *testing.T) {
	p, dir := somebody(t), t.TempDir()
	body := randomBytes(1, 4*bag.MinVolume)
	half := thing{key: "x", body: body[:len(body)/2], size: int64(len(body)), fail: io.ErrUnexpectedEOF}
	if _, err := bag.Write(t.Context(), input(dir, []thing{half}, p)); !errors.Is(err, bag.ErrObject) {
		t.Fatal(err)
	}
	other := thing{key: "x", body: append([]byte{body[0] ^ 1}, body[1:]...)}
	if _, err := bag.Write(t.Context(), input(dir, []thing{other}, p)); !errors.Is(err, bag.ErrObject) || !strings.Contains(err.Error(), "discard") {
		t.Fatalf("a changed object: %v", err)
	}
	mustWrite(t, input(dir, []thing{{key: "x", body: body}}, p))
	mustHold(t, mustOpen(t, dir, p), []thing{{key: "x", body: body}})
}

func TestAnothersFolder(t *testing.T) {
	p := somebody(t)
	half := several()
	half[9].body, half[9].size, half[9].fail = half[9].body[:200_000], int64(len(half[9].body)), io.ErrUnexpectedEOF
	for name, change := range map[string]func(*bag.Input){
		"another list":      func(in *bag.Input) { in.Objects = objects(several()[1:]) },
		"another recipient": func(in *bag.Input) { in.Recipients = []bag.Recipient{somebody(t).recipient} },
		"another case":      func(in *bag.Input) { in.Case = writ.NewCaseID(2026) },
		"another key":       func(in *bag.Input) { in.StateKey = seal.NewKey() },
		"another volume":    func(in *bag.Input) { in.VolumeBytes *= 2 },
		"a stranger's file": func(in *bag.Input) { os.WriteFile(filepath.Join(in.Dir, "notes.txt"), nil, 0o600) },
	} {
		dir := t.TempDir()
		if _, err := bag.Write(t.Context(), input(dir, half, p)); !errors.Is(err, bag.ErrObject) {
			t.Fatal(err)
		}
		in := input(dir, several(), p)
		change(&in)
		if _, err := bag.Write(t.Context(), in); !errors.Is(err, bag.ErrOther) {
			t.Errorf("%s: %v", name, err)
		}
	}
	in := input(t.TempDir(), several(), p)
	os.WriteFile(filepath.Join(in.Dir, string(caseID)+".000001.tar.age"), nil, 0o600)
	if _, err := bag.Write(t.Context(), in); !errors.Is(err, bag.ErrOther) {
		t.Errorf("a volume without a state: %v", err)
	}
}

// TestTwoAtOnce begins a second production from inside the first.
func TestTwoAtOnce(t *testing.T) {
	p, dir, things := somebody(t), t.TempDir(), several()
	in := input(dir, things, p)
	tried := false
	in.Progress = func(int64, int64) {
		if tried {
			return
		}
		tried = true
		if _, err := bag.Write(t.Context(), input(dir, things, p)); !errors.Is(err, bag.ErrInUse) {
			t.Errorf("the second: %v", err)
		}
		if err := bag.Discard(dir, caseID); !errors.Is(err, bag.ErrInUse) {
			t.Errorf("discarding: %v", err)
		}
	}
	mustWrite(t, in)
	mustHold(t, mustOpen(t, dir, p), things)
}

func TestDamagedVolume(t *testing.T) {
	p := somebody(t)
	for name, damage := range map[string]func(file string) error{
		"flipped": func(f string) error {
			b, err := os.ReadFile(f)
			if err == nil {
				b[len(b)/2] ^= 1
				err = os.WriteFile(f, b, 0o600)
			}
			return err
		},
		"cut":     func(f string) error { return os.Truncate(f, 1000) },
		"missing": os.Remove,
	} {
		dir := t.TempDir()
		got := mustWrite(t, input(dir, several(), p))
		if err := damage(filepath.Join(dir, got.Volumes[2].Name)); err != nil {
			t.Fatal(err)
		}
		if _, err := bag.Check(dir); !errors.Is(err, bag.ErrDamaged) || !strings.Contains(err.Error(), "volume 3") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := bag.Write(t.Context(), input(dir, several(), p)); !errors.Is(err, bag.ErrDamaged) {
			t.Errorf("%s, written again: %v", name, err)
		}
		into := filepath.Join(t.TempDir(), "x")
		if _, err := bag.Open(t.Context(), bag.OpenInput{Package: dir, Into: into, Identity: p.identity(t)}); !errors.Is(err, bag.ErrDamaged) {
			t.Errorf("%s, opened: %v", name, err)
		}
		if _, err := os.Stat(into); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: plaintext is left", name)
		}
	}
}

// TestPlainFilesSayNothing looks for names and hashes in what a courier reads.
func TestPlainFilesSayNothing(t *testing.T) {
	p, dir := somebody(t), t.TempDir()
	things := []thing{{key: "ines-calder.txt", body: []byte("one word")}}
	mustWrite(t, input(dir, things, p))
	secrets := []string{"ines", "calder", "ward-seven", "harbour"}
	for _, o := range produced(t, mustOpen(t, dir, p)) {
		secrets = append(secrets, o.SHA256, o.Path)
	}
	for name, body := range folder(t, dir) {
		for _, s := range secrets {
			if strings.Contains(strings.ToLower(body), s) {
				t.Errorf("%s holds %q", name, s)
			}
		}
	}
	// The salt keeps two packages of one object apart.
	other := t.TempDir()
	if mustWrite(t, input(other, things, p)).Manifest == mustWrite(t, input(dir, things, p)).Manifest {
		t.Error("two packages have one manifest hash")
	}
}

func TestRefusedInput(t *testing.T) {
	p := somebody(t)
	fine := bag.File{Name: "custody.pdf"}
	for name, change := range map[string]func(*bag.Input){
		"case":         func(in *bag.Input) { in.Case = "../../etc" },
		"no recipient": func(in *bag.Input) { in.Recipients = nil },
		"recipients":   func(in *bag.Input) { in.Recipients = make([]bag.Recipient, 33) },
		"volume":       func(in *bag.Input) { in.VolumeBytes = 1000 },
		"limit":        func(in *bag.Input) { in.MaxBytes = -1 },
		"state key":    func(in *bag.Input) { in.StateKey = nil },
		"label":        func(in *bag.Input) { in.Info = [][2]string{{"A: b\nPayload-Oxum", "1.1"}} },
		"own label":    func(in *bag.Input) { in.Info = [][2]string{{"payload-oxum", "1.1"}} },
		"long value":   func(in *bag.Input) { in.Info = [][2]string{{"Note", strings.Repeat("x", 2000)}} },
		"empty key":    func(in *bag.Input) { in.Objects = objects([]thing{{}}) },
		"long key":     func(in *bag.Input) { in.Objects = objects([]thing{{key: strings.Repeat("k", 1025)}}) },
		"no UTF-8":     func(in *bag.Input) { in.Objects = objects([]thing{{key: "\xff"}}) },
		"size":         func(in *bag.Input) { in.Objects = objects([]thing{{key: "k", size: -4}}) },
		"file climbs":  extra(bag.File{Name: "../x"}),
		"file twice":   extra(fine, fine),
		"bag's own":    extra(bag.File{Name: "tagmanifest-sha256.txt"}),
		"data":         extra(bag.File{Name: "data"}),
		"device":       extra(bag.File{Name: "nul.txt"}),
		"large files":  extra(bag.File{Name: "a", Body: make([]byte, bag.MaxFilesBytes)}, bag.File{Name: "b", Body: []byte("x")}),
	} {
		in := input(filepath.Join(t.TempDir(), "package"), nil, p)
		change(&in)
		_, err := bag.Write(t.Context(), in)
		if !errors.Is(err, bag.ErrInput) && !errors.Is(err, bag.ErrRecipient) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(in.Dir, "package.json")); err == nil {
			t.Errorf("%s: a package is there", name)
		}
	}
}

func extra(files ...bag.File) func(*bag.Input) {
	return func(in *bag.Input) {
		in.Extra = func(bag.Summary) ([]bag.File, error) { return files, nil }
	}
}

// TestInfoIsOneLine puts a line break and an escape into a value.
func TestInfoIsOneLine(t *testing.T) {
	p, dir := somebody(t), t.TempDir()
	in := input(dir, nil, p)
	in.Info = [][2]string{{"Source-Organization", "Fjordhost\r\nPayload-Oxum: 9.9\x1b[2J"}}
	mustWrite(t, in)
	text := readFile(t, filepath.Join(mustOpen(t, dir, p), "bag-info.txt"))
	if !strings.Contains(text, "Source-Organization: Fjordhost  Payload-Oxum: 9.9 [2J\n") {
		t.Errorf("%q", text)
	}
}

// TestSummary reads what was packed while the caller's files are made.
func TestSummary(t *testing.T) {
	p, dir, things := somebody(t), t.TempDir(), several()
	in := input(dir, things, p)
	in.Extra = func(s bag.Summary) ([]bag.File, error) {
		n := 0
		for o, err := range s.Each {
			if err != nil {
				return nil, err
			}
			if n++; o.N != int64(n) || len(o.SHA256) != 64 || string(o.Key) != things[n-1].key {
				t.Errorf("%+v", o)
			}
		}
		if n != len(things) || s.Objects != int64(n) || s.Case != caseID || !s.Date.Equal(now) {
			t.Errorf("%d of %+v", n, s)
		}
		return []bag.File{{Name: "custody.pdf", Body: randomBytes(9, 3_000_000)}}, nil
	}
	mustWrite(t, in)
	if got := readFile(t, filepath.Join(mustOpen(t, dir, p), "custody.pdf")); got != string(randomBytes(9, 3_000_000)) {
		t.Error("the file isn't what it was")
	}
}
