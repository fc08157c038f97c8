package witness

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "log.fernhill.example"

// TestCosigns: an honest log gets its cosignatures, and others' code verifies
// them.
func TestCosigns(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(300, "honest")
	r.must(t, l, 0, 0) // an empty log has a checkpoint too
	for _, step := range [][2]uint64{{0, 1}, {1, 2}, {2, 2}, {2, 7}, {7, 256}, {256, 257}, {257, 300}} {
		got := r.must(t, l, step[0], step[1])
		if !got.Time.Equal(r.clock) {
			t.Fatalf("cosigned at %s", got.Time)
		}
		v, err := tnote.NewVerifierForCosignatureV1(r.vkey)
		if err != nil {
			t.Fatal(err)
		}
		logKey, err := note.NewVerifier(l.vkey)
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Open(append(l.checkpoint(step[1]), got.Line...), note.VerifierList(v, logKey))
		if err != nil || len(n.Sigs) != 2 {
			t.Fatalf("%v: %v", n, err)
		}
		if step[1] > 0 {
			tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + strings.SplitN(n.Text, "\n", 2)[1]))
			if err != nil || tree.N != int64(step[1]) {
				t.Fatal(tree, err)
			}
		}
	}
	latest, err := r.Latest(OriginHash(origin))
	if err != nil {
		t.Fatal(err)
	}
	if want := string(l.checkpoint(300)) + string(r.must(t, l, 300, 300).Line); string(latest) != want {
		t.Fatalf("latest is\n%s\nnot\n%s", latest, want)
	}
	if _, err := r.Latest(OriginHash("no.such.example")); !errors.Is(err, ErrUnknownLog) {
		t.Fatal(err)
	}
}

// TestSignerIsTheFormats: the signature that is made here is the one that
// formats' signer makes.
func TestSignerIsTheFormats(t *testing.T) {
	secret, err := newKey(witnessName)
	if err != nil {
		t.Fatal(err)
	}
	k, err := parseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := tnote.NewSignerForCosignatureV1(secret)
	if err != nil {
		t.Fatal(err)
	}
	const text = "log.fernhill.example\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	signed, err := note.Sign(&note.Note{Text: text}, theirs)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(signed, note.VerifierList(k.verifier))
	if err != nil {
		t.Fatal(err)
	}
	at, err := tnote.CoSigV1Timestamp(n.Sigs[0])
	if err != nil {
		t.Fatal(err)
	}
	if ours := text + "\n" + string(k.cosign(at.Unix(), text)); ours != string(signed) {
		t.Fatalf("ours:\n%s\ntheirs:\n%s", ours, signed)
	}
}

// TestRefusals: each hostile or mistaken request has its error and status, and
// changes nothing.
func TestRefusals(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(40, "honest")
	r.must(t, l, 0, 20)
	stranger := newLog(t, "stranger.example")
	stranger.grow(5, "x")
	impostor := newLog(t, origin) // the same name, another key
	impostor.grow(40, "honest")
	good, _ := l.tree.ConsistencyProof(20, 40)
	wrong := append([][]byte{make([]byte, 32)}, good[1:]...)
	root := base64.StdEncoding.EncodeToString(l.tree.HashAt(40))
	many := make([][]byte, 64)
	for i := range many {
		many[i] = make([]byte, 32)
	}
	unsigned := strings.Split(string(l.checkpoint(40)), "\n\n")[0] + "\n\n"
	mangled := strings.Replace(string(l.checkpoint(40)), origin+"\n40", origin+"\n39", 1)
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"nothing":           {nil, ErrMalformed},
		"no old":            {[]byte("new 20\n\n" + string(l.checkpoint(40))), ErrMalformed},
		"old with zeros":    {[]byte("old 020\n\n" + string(l.checkpoint(40))), ErrMalformed},
		"old with sign":     {[]byte("old +20\n\n" + string(l.checkpoint(40))), ErrMalformed},
		"old negative":      {[]byte("old -1\n\n" + string(l.checkpoint(40))), ErrMalformed},
		"old beyond all":    {[]byte("old 18446744073709551615\n\n" + string(l.checkpoint(40))), ErrMalformed},
		"carriage return":   {[]byte("old 20\r\n\r\n" + string(l.checkpoint(40))), ErrMalformed},
		"no empty line":     {[]byte("old 20\n" + strings.ReplaceAll(string(l.checkpoint(40)), "\n\n", "\n")), ErrMalformed},
		"no checkpoint":     {[]byte("old 20\n\n"), ErrMalformed},
		"64 hashes":         {formatRequest(20, many, l.checkpoint(40)), ErrMalformed},
		"short hash":        {formatRequest(20, [][]byte{make([]byte, 31)}, l.checkpoint(40)), ErrMalformed},
		"too long":          {append(l.request(t, 20, 40), make([]byte, maxBody)...), ErrMalformed},
		"long text":         {formatRequest(20, good, l.checkpoint(40, strings.Repeat("x", maxText))), ErrMalformed},
		"size with zeros":   {formatRequest(20, good, l.sign(origin+"\n040\n"+root+"\n")), ErrMalformed},
		"size beyond all":   {formatRequest(20, good, l.sign(origin+"\n9223372036854775808\n"+root+"\n")), ErrMalformed},
		"short root":        {formatRequest(20, good, l.sign(origin+"\n40\nAAAA\n")), ErrMalformed},
		"loose base64":      {formatRequest(20, good, l.sign(origin+"\n40\n"+strings.Repeat("A", 42)+"B=\n")), ErrMalformed},
		"control character": {formatRequest(20, good, []byte(strings.Replace(string(l.checkpoint(40)), "\n\n", "\n\x07\n\n", 1))), ErrMalformed},
		"101 signatures":    {formatRequest(20, good, append(l.checkpoint(40), []byte(strings.Repeat("— x AAAAAAA=\n", 101))...)), ErrMalformed},
		"other log":         {stranger.request(t, 0, 5), ErrUnknownLog},
		"other key":         {impostor.request(t, 20, 40), ErrSignature},
		"unsigned":          {formatRequest(20, good, []byte(unsigned+"— x AAAAAAA=\n")), ErrSignature},
		"no signature":      {formatRequest(20, good, []byte(unsigned)), ErrMalformed},
		"changed":           {formatRequest(20, good, []byte(mangled)), ErrSignature},
		"old is larger":     {formatRequest(21, nil, l.checkpoint(20)), ErrMalformed},
		"wrong proof":       {formatRequest(20, wrong, l.checkpoint(40)), ErrInconsistent},
		"no proof":          {formatRequest(20, nil, l.checkpoint(40)), ErrInconsistent},
		"proof too long":    {formatRequest(20, append(good, make([]byte, 32)), l.checkpoint(40)), ErrInconsistent},
		"proof to itself":   {formatRequest(20, good, l.checkpoint(20)), ErrInconsistent},
		"rolled back":       {formatRequest(10, nil, l.checkpoint(10)), &SizeError{20}},
		"old too small":     {l.request(t, 10, 40), &SizeError{20}},
		"old too large":     {l.request(t, 30, 40), &SizeError{20}},
		"old is nothing":    {l.request(t, 0, 40), &SizeError{20}},
	} {
		t.Run(name, func(t *testing.T) {
			line, err := r.Add(t.Context(), c.body)
			var size, want *SizeError
			if errors.As(c.want, &want) {
				if !errors.As(err, &size) || *size != *want {
					t.Fatalf("%s %v", line, err)
				}
			} else if !errors.Is(err, c.want) || line != nil {
				t.Fatalf("%s %v", line, err)
			}
		})
	}
	r.must(t, l, 20, 40)

	// From nothing, a proof is empty, and so is an empty tree.
	empty := newRig(t, origin)
	l = empty.logs[0]
	l.grow(2, "honest")
	if _, err := empty.Add(t.Context(), formatRequest(0, [][]byte{make([]byte, 32)}, l.checkpoint(2))); !errors.Is(err, ErrInconsistent) {
		t.Fatal(err)
	}
	if _, err := empty.Add(t.Context(), formatRequest(0, nil, l.sign(origin+"\n0\n"+root+"\n"))); !errors.Is(err, ErrInconsistent) {
		t.Fatal(err)
	}
}

// TestFork: two trees of one size are refused, and the proof is kept once.
func TestFork(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(10, "common")
	other := l.fork(10)
	l.grow(10, "told to us")
	other.grow(20, "told to others")
	r.must(t, l, 0, 20)
	for range 3 {
		if _, err := r.Add(t.Context(), formatRequest(20, nil, other.checkpoint(20))); !errors.Is(err, ErrFork) {
			t.Fatal(err)
		}
		var size *SizeError // asked with another size, the protocol wants the size first
		if _, err := r.Add(t.Context(), formatRequest(0, nil, other.checkpoint(20))); !errors.As(err, &size) {
			t.Fatal(err)
		}
		r.reopen(t)
	}
	names := r.files(t, Fork)
	if len(names) != 1 {
		t.Fatal(names)
	}
	ev := readEvidence(t, names[0])
	checkEvidence(t, ev, r, l, 20, 20)
	if !strings.Contains(r.said.String(), "level=ERROR msg=\"the log signed two different trees") {
		t.Fatal(r.said)
	}
	// A proof from the forked tree does not follow from ours either.
	if _, err := r.Add(t.Context(), other.request(t, 20, 30)); !errors.Is(err, ErrInconsistent) {
		t.Fatal(err)
	}
	names = r.files(t, Unproven)
	if len(names) != 1 {
		t.Fatal(names)
	}
	checkEvidence(t, readEvidence(t, names[0]), r, l, 20, 30)
	r.must(t, l, 20, 20)
}

func readEvidence(t *testing.T, name string) (ev Evidence) {
	t.Helper()
	body, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &ev); err != nil {
		t.Fatal(err)
	}
	return ev
}

// checkEvidence: a stranger with the log's and the witness's key is convinced.
func checkEvidence(t *testing.T, ev Evidence, r *rig, l *testLog, ours, theirs uint64) {
	t.Helper()
	logKey, err := note.NewVerifier(l.vkey)
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := ParseVerifierKey(r.vkey)
	if err != nil {
		t.Fatal(err)
	}
	a, err := note.Open([]byte(ev.Ours), note.VerifierList(logKey, cosigner))
	if err != nil || len(a.Sigs) != 2 {
		t.Fatal(a, err)
	}
	b, err := note.Open([]byte(ev.Theirs), note.VerifierList(logKey))
	if err != nil {
		t.Fatal(err)
	}
	one, err1 := parseCheckpoint(a.Text)
	two, err2 := parseCheckpoint(b.Text)
	if err1 != nil || err2 != nil || one.Size != ours || two.Size != theirs || one.Root == two.Root || ev.V != 1 || ev.Log != l.origin {
		t.Fatal(one, two, ev)
	}
}

// TestEvidenceIsBounded: a log that forks at each breath fills no disk. The
// first forks stay; of what is unproven the newest.
func TestEvidenceIsBounded(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(8, "honest")
	r.must(t, l, 0, 8)
	var last []byte
	for i := range 3 * maxEvidence {
		other := l.fork(4)
		other.grow(100, fmt.Sprint("lie ", i))
		r.Add(t.Context(), formatRequest(8, nil, other.checkpoint(8)))
		last = other.checkpoint(100)
		r.Add(t.Context(), formatRequest(8, nil, last))
		if i == maxEvidence+3 {
			r.reopen(t)
		}
	}
	if f, u := r.files(t, Fork), r.files(t, Unproven); len(f) != maxEvidence || len(u) != maxEvidence {
		t.Fatal(len(f), len(u))
	}
	var found bool
	for _, name := range r.files(t, Unproven) {
		found = found || readEvidence(t, name).Theirs == string(last)
	}
	if !found {
		t.Fatal("the newest is not there")
	}
}

// TestRestart: what was cosigned is remembered, also of a log that was not
// served for a while.
func TestRestart(t *testing.T) {
	r := newRig(t, origin, "second.example")
	for _, l := range r.logs {
		l.grow(9, "honest")
		r.must(t, l, 0, 5)
	}
	all := r.logs
	r.logs = all[:1]
	r.reopen(t)
	r.must(t, all[0], 5, 9)
	if _, err := r.Add(t.Context(), all[1].request(t, 5, 9)); !errors.Is(err, ErrUnknownLog) {
		t.Fatal(err)
	}
	r.logs = all
	r.reopen(t)
	var size *SizeError
	if _, err := r.Add(t.Context(), all[1].request(t, 0, 9)); !errors.As(err, &size) || size.Size != 5 {
		t.Fatal(err)
	}
	r.must(t, all[1], 5, 9)

	// What a log adds to its checkpoint comes back byte by byte.
	odd := all[0].checkpoint(9, "<&> \u2028 é", "{\"a\":1}")
	line, err := r.Add(t.Context(), formatRequest(9, nil, odd))
	if err != nil {
		t.Fatal(err)
	}
	r.reopen(t)
	if got, err := r.Latest(OriginHash(origin)); err != nil || string(got) != string(odd)+string(line) {
		t.Fatalf("%q %v", got, err)
	}
}

// TestKeys: a log with several keys is signed for by each, of any kind.
func TestKeys(t *testing.T) {
	r := newRig(t, origin)
	next := newLog(t, origin)
	next.grow(4, "honest")
	r.logs[0].grow(4, "honest")
	r.logs = append(r.logs, next)
	r.reopen(t)
	r.must(t, r.logs[0], 0, 2)
	r.must(t, next, 2, 4)
	both, err := note.Sign(&note.Note{Text: strings.Split(string(next.checkpoint(4)), "\n\n")[0] + "\n"}, next.signer, r.logs[0].signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Add(t.Context(), formatRequest(4, nil, both)); err != nil {
		t.Fatal(err)
	}
}

// TestClock: cosignatures never go back in time, also over a restart, and the
// log says so once.
func TestClock(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(9, "honest")
	first := r.must(t, l, 0, 1)
	r.clock = r.clock.Add(-time.Hour)
	for size := range uint64(3) {
		if got := r.must(t, l, size+1, size+2); got.Time.Before(first.Time) {
			t.Fatal(got.Time)
		}
	}
	r.reopen(t)
	if got := r.must(t, l, 4, 5); !got.Time.Equal(first.Time) {
		t.Fatal(got.Time)
	}
	if n := strings.Count(r.said.String(), "the clock went backwards"); n != 2 {
		t.Fatalf("told %d times", n)
	}
	r.clock = r.clock.Add(2 * time.Hour)
	if got := r.must(t, l, 5, 6); !got.Time.After(first.Time) {
		t.Fatal(got.Time)
	}
}

// TestRepeat: the same checkpoint again is the same answer within a second, a
// fresh one after it.
func TestRepeat(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(3, "honest")
	first := r.must(t, l, 0, 3)
	if got := r.must(t, l, 3, 3); string(got.Line) != string(first.Line) {
		t.Fatal("two cosignatures of one second")
	}
	r.clock = r.clock.Add(time.Second)
	if got := r.must(t, l, 3, 3); !got.Time.Equal(r.clock) {
		t.Fatal(got.Time)
	}
}

// TestRate: too many larger trees are put off, and repeats don't count.
func TestRate(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(100, "honest")
	r.Close()
	o := r.options(t)
	o.Rate = 0.5
	w, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Witness = w
	r.must(t, l, 0, 1)
	for range 50 {
		r.must(t, l, 1, 1)
	}
	r.must(t, l, 1, 2)
	r.must(t, l, 2, 3)
	if _, err := r.Add(t.Context(), l.request(t, 3, 4)); !errors.Is(err, ErrTooFast) {
		t.Fatal(err)
	}
}

// TestStateRolledBack: a state that was put back from a copy is found out when
// somebody shows a later cosignature of this witness.
func TestStateRolledBack(t *testing.T) {
	r := newRig(t, origin)
	l := r.logs[0]
	l.grow(30, "honest")
	r.must(t, l, 0, 10)
	copied, err := os.ReadFile(r.layout.state())
	if err != nil {
		t.Fatal(err)
	}
	later := r.must(t, l, 10, 20)
	r.Close()
	if err := os.WriteFile(r.layout.state(), copied, 0o600); err != nil {
		t.Fatal(err)
	}
	r.open(t)
	proof, _ := l.tree.ConsistencyProof(10, 20)
	shown := append(l.checkpoint(20), later.Line...)
	if _, err := r.Add(t.Context(), formatRequest(10, proof, shown)); !errors.Is(err, ErrRolledBack) {
		t.Fatal(err)
	}
	if _, err := r.Add(t.Context(), l.request(t, 10, 30)); !errors.Is(err, ErrRolledBack) {
		t.Fatal(err)
	}
	if !strings.Contains(r.said.String(), "state is older than what its key has signed") {
		t.Fatal(r.said)
	}
	r.reopen(t) // a restart doesn't make it good
	if _, err := r.Add(t.Context(), l.request(t, 10, 30)); !errors.Is(err, ErrRolledBack) {
		t.Fatal(err)
	}
	names := r.files(t, RolledBack)
	if len(names) != 1 {
		t.Fatal(names)
	}
	if ev := readEvidence(t, names[0]); ev.Theirs != string(shown) {
		t.Fatalf("%q", ev.Theirs)
	}
	// A cosignature that is forged stops nothing.
	honest := newRig(t, origin)
	honest.logs[0].grow(20, "honest")
	honest.must(t, honest.logs[0], 0, 10)
	forged := fmt.Sprintf("— %s %s\n", witnessName, base64.StdEncoding.EncodeToString(
		append(binary.BigEndian.AppendUint32(nil, honest.key.verifier.KeyHash()), make([]byte, 72)...)))
	proof, _ = honest.logs[0].tree.ConsistencyProof(10, 20)
	if _, err := honest.Add(t.Context(), formatRequest(10, proof, append(honest.logs[0].checkpoint(20), forged...))); err != nil {
		t.Fatal(err)
	}
}

// TestConcurrent: a log that tells two stories at once, from many connections,
// has one of them cosigned.
func TestConcurrent(t *testing.T) {
	r := newRig(t, origin, "second.example")
	var asking sync.WaitGroup
	for _, l := range r.logs {
		l.grow(10, "common")
		other := l.fork(10)
		l.grow(200, "one")
		other.grow(200, "two")
		signed := newJournal()
		for i := range 8 {
			branch, name := l, "one"
			if i%2 == 1 {
				branch, name = other, "two"
			}
			asking.Go(func() {
				var old uint64
				for range 60 {
					size := min(old+1+rand.Uint64N(6), 210)
					floor := signed.floor()
					_, err := r.Add(context.Background(), branch.request(t, old, size))
					var named *SizeError
					switch {
					case err == nil:
						if bad := signed.add(name, size, 10, floor); bad != "" {
							t.Error(bad)
						}
						old = size
					case errors.As(err, &named):
						old = named.Size
					case !errors.Is(err, ErrInconsistent) && !errors.Is(err, ErrFork):
						t.Error(err)
					}
				}
			})
		}
	}
	asking.Wait()
}

// journal remembers every answer that was received, and says what of it a
// witness must never have signed.
type journal struct {
	mu     sync.Mutex
	most   uint64
	branch string
}

func newJournal() *journal { return &journal{} }

// floor is what had been answered before a request began.
func (j *journal) floor() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.most
}

func (j *journal) add(branch string, size, common, floor uint64) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	if size < floor {
		return fmt.Sprintf("size %d was cosigned after %d", size, floor)
	}
	j.most = max(j.most, size)
	if size > common {
		if j.branch == "" {
			j.branch = branch
		}
		if j.branch != branch {
			return fmt.Sprintf("both stories were cosigned: %s and, at %d, %s", j.branch, size, branch)
		}
	}
	return ""
}
