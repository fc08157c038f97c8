package check_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"writ/internal/proof"
	"writ/internal/testenv/browser"
)

// vectors are those of internal/proof.
const vectors = "../../../proof/testdata/vectors/"

type verdict struct {
	Name    string `json:"name"`
	Key     string `json:"key"`
	Policy  string `json:"policy"`
	MaxAge  int64  `json:"max_age,omitempty"`
	Now     int64  `json:"now,omitempty"`
	Receipt []byte `json:"receipt"`
	Want    string `json:"want"`
}

type outcome struct {
	Valid bool
	Steps []struct {
		Code   string
		Values map[string]any
	}
	Error struct{ Code, Why string }
}

// runAll checks every line of /lines in the browser.
const runAll = `(async () => {
	const { check } = await import("/check/receipt.js");
	const { fromBase64 } = await import("/check/bytes.js");
	const all = [];
	for (const line of (await (await fetch("/lines")).text()).trim().split("\n")) {
		const v = JSON.parse(line);
		const trust = { key: v.key, policy: v.policy, maxAge: v.max_age ?? 0, now: v.now };
		all.push(await check(fromBase64(v.receipt), trust));
	}
	return JSON.stringify(all, (_, x) => typeof x === "bigint" ? x.toString() : x);
})()`

func outcomes(t *testing.T, lines []byte) (all []outcome) {
	t.Helper()
	b := open(t, map[string][]byte{"/lines": lines})
	if err := json.Unmarshal([]byte(browser.Eval[string](b, runAll)), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestVerdicts: the browser says of every vector what Go says.
func TestVerdicts(t *testing.T) {
	lines := verdicts(t)
	got := outcomes(t, lines)
	for i, v := range decode[verdict](t, lines) {
		if got[i].Error.Code != v.Want || got[i].Valid != (v.Want == "") {
			t.Errorf("%s: %q (%s), want %q", v.Name, got[i].Error.Code, got[i].Error.Why, v.Want)
		}
	}
}

// TestSteps: what a receipt proves is told in order, with the values that Go finds.
func TestSteps(t *testing.T) {
	var lines bytes.Buffer
	key, policy := string(read(t, vectors+"log.vkey")), string(read(t, vectors+"policy.txt"))
	names := []string{"policy", "hidden", "head"}
	for _, name := range names {
		if err := json.NewEncoder(&lines).Encode(verdict{Key: key, Policy: policy, Receipt: read(t, vectors+name+".receipt.json")}); err != nil {
			t.Fatal(err)
		}
	}
	verifier, err := proof.NewVerifier(proof.Trust{LogKey: key, Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range outcomes(t, lines.Bytes()) {
		r, err := proof.ParseReceipt(read(t, vectors+names[i]+".receipt.json"))
		if err != nil {
			t.Fatal(err)
		}
		v, err := verifier.Receipt(r)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("trust form signed %d witnessed %d included %d statement %s", v.Checkpoint.Size, v.Checkpoint.Newest().Unix(), v.Index, v.Statement.Kind)
		if v.Batch != nil {
			want += fmt.Sprintf(" batch %d slot %d", v.Batch.N, v.Slot)
		}
		if v.Hidden != nil {
			want += fmt.Sprintf(" hidden %s", v.Hidden.Body)
		}
		if v.Head != nil {
			want += fmt.Sprintf(" head %x", v.Head.Head)
		}
		shown := map[string]string{"signed": "size", "witnessed": "newest", "included": "index", "statement": "kind", "batch": "n", "slot": "slot", "hidden": "body", "head": "head"}
		var got []string
		for _, s := range o.Steps {
			got = append(got, s.Code)
			if value := shown[s.Code]; value != "" {
				got = append(got, fmt.Sprint(s.Values[value]))
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", names[i], got, want)
		}
	}
}

// TestMarks: a batch that says of itself that it was late, or that something was
// opened without witnesses, is not shown as any other.
func TestMarks(t *testing.T) {
	lines := verdicts(t)
	got := outcomes(t, lines)
	marks := map[string]string{"a late batch": "late late_before", "an unwitnessed batch after the clock went back": "unwitnessed clock_back", "nobody asked": "unasked", "no policy": "unasked", "a hidden statement": ""}
	for i, v := range decode[verdict](t, lines) {
		want, ok := marks[v.Name]
		if !ok {
			continue
		}
		var seen []string
		for _, s := range got[i].Steps {
			if slices.Contains([]string{"late", "late_before", "unwitnessed", "clock_back", "unasked"}, s.Code) {
				seen = append(seen, s.Code)
			}
		}
		if strings.Join(seen, " ") != want {
			t.Errorf("%s: %q, want %q", v.Name, seen, want)
		}
		delete(marks, v.Name)
	}
	if len(marks) != 0 {
		t.Errorf("there are no vectors for %q", marks)
	}
}

// TestFlipped flips bits of valid receipts, one at a time: what Go refuses the
// browser refuses, for the same reason, and what it takes it takes.
func TestFlipped(t *testing.T) {
	key, policy := string(read(t, vectors+"log.vkey")), string(read(t, vectors+"policy.txt"))
	verifier, err := proof.NewVerifier(proof.Trust{LogKey: key, Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	chance := rand.New(rand.NewPCG(1, 2))
	taken := 0
	for _, name := range []string{"policy", "hidden", "head"} {
		file := read(t, vectors+name+".receipt.json")
		for range 250 {
			bad := bytes.Clone(file)
			bad[chance.IntN(len(bad))] ^= 1 << chance.IntN(8)
			v := verdict{Key: key, Policy: policy, Receipt: bad}
			r, err := proof.ParseReceipt(bad)
			if err == nil {
				_, err = verifier.Receipt(r)
			}
			if v.Want = kind(err); v.Want == "" {
				taken++
			}
			if err := json.NewEncoder(&lines).Encode(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	got := outcomes(t, lines.Bytes())
	for i, v := range decode[verdict](t, lines.Bytes()) {
		if got[i].Error.Code != v.Want {
			t.Errorf("%d: %q (%s), Go says %q\n%s", i, got[i].Error.Code, got[i].Error.Why, v.Want, v.Receipt)
		}
	}
	t.Logf("%d of %d were taken by both", taken, len(got))
}

func kind(err error) string {
	for name, is := range map[string]error{"form": proof.ErrForm, "trust": proof.ErrTrust, "log": proof.ErrLog, "witnesses": proof.ErrWitnesses, "stale": proof.ErrStale, "inclusion": proof.ErrInclusion, "slot": proof.ErrSlot} {
		if errors.Is(err, is) {
			return name
		}
	}
	return ""
}

// TestWithoutCryptography: a browser that lacks what is needed says so, and calls
// the receipt neither good nor bad.
func TestWithoutCryptography(t *testing.T) {
	lines := verdicts(t)
	b := open(t, map[string][]byte{"/lines": lines[:bytes.IndexByte(lines, '\n')]})
	browser.Eval[bool](b, `(SubtleCrypto.prototype.importKey = async () => { throw new DOMException("no", "NotSupportedError") }, true)`)
	var got []outcome
	if err := json.Unmarshal([]byte(browser.Eval[string](b, runAll)), &got); err != nil {
		t.Fatal(err)
	}
	if got[0].Valid || got[0].Error.Code != "unsupported" {
		t.Errorf("without Ed25519: %+v", got[0])
	}
	browser.Eval[bool](b, `(Object.defineProperty(globalThis, "crypto", {value: undefined}), true)`)
	if err := json.Unmarshal([]byte(browser.Eval[string](b, runAll)), &got); err != nil {
		t.Fatal(err)
	}
	if got[0].Valid || got[0].Error.Code != "unsupported" {
		t.Errorf("without WebCrypto: %+v", got[0])
	}
}

// TestSizes: a receipt of a mebibyte is read, one of a byte more is not.
func TestSizes(t *testing.T) {
	key, policy := string(read(t, vectors+"log.vkey")), string(read(t, vectors+"policy.txt"))
	file := read(t, vectors+"head.receipt.json")
	var lines bytes.Buffer
	for _, size := range []int{proof.MaxReceipt, proof.MaxReceipt + 1} {
		padded := append(bytes.Repeat([]byte(" "), size-len(file)), file...)
		if err := json.NewEncoder(&lines).Encode(verdict{Key: key, Policy: policy, Receipt: padded}); err != nil {
			t.Fatal(err)
		}
	}
	if got := outcomes(t, lines.Bytes()); !got[0].Valid || got[1].Error.Code != "form" {
		t.Errorf("%+v", got)
	}
}
