package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/formats/log"
	tnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// verdict is one line of testdata/vectors/verdicts-*.jsonl: a receipt, what it is
// checked against, and what every implementation must say of it.
type verdict struct {
	Name    string `json:"name"`
	Key     string `json:"key"`
	Policy  string `json:"policy"`
	MaxAge  int64  `json:"max_age,omitempty"` // seconds
	Now     int64  `json:"now,omitempty"`     // Unix time
	Receipt []byte `json:"receipt"`
	// Want is "" for a valid receipt, else the kind of the error: form, trust,
	// log, witnesses, stale, inclusion or slot.
	Want string `json:"want"`
}

var kinds = map[string]error{"form": ErrForm, "trust": ErrTrust, "log": ErrLog, "witnesses": ErrWitnesses, "stale": ErrStale, "inclusion": ErrInclusion, "slot": ErrSlot}

// says is what this implementation says.
func (v verdict) says() string {
	err := func() error {
		verifier, err := NewVerifier(Trust{LogKey: v.Key, Policy: v.Policy, MaxAge: time.Duration(v.MaxAge) * time.Second, Now: time.Unix(v.Now, 0)})
		if err != nil {
			return err
		}
		r, err := ParseReceipt(v.Receipt)
		if err != nil {
			return err
		}
		_, err = verifier.Receipt(r)
		return err
	}()
	if err == nil {
		return ""
	}
	for kind, sentinel := range kinds {
		if errors.Is(err, sentinel) {
			return kind
		}
	}
	return err.Error()
}

// Verdicts lie in files of at most verdictsSize bytes, or of one line: no file of the
// tree is larger than a source may be.
const (
	verdictsFiles = "testdata/vectors/verdicts-*.jsonl"
	verdictsSize  = 400 << 10
)

// writeVerdicts writes all verdicts anew.
func writeVerdicts(t *testing.T, all []verdict) {
	t.Helper()
	var files []*bytes.Buffer
	for _, v := range all {
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(files); n == 0 || files[n-1].Len()+len(line) >= verdictsSize {
			files = append(files, &bytes.Buffer{})
		}
		last := files[len(files)-1]
		last.Write(append(line, '\n'))
	}
	for i, b := range files {
		if err := os.WriteFile(strings.Replace(verdictsFiles, "*", strconv.Itoa(i+1), 1), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestVerdicts: each line of the file gets its verdict. The browser's code is held
// to the same file.
func TestVerdicts(t *testing.T) {
	if *update {
		writeVerdicts(t, makeVerdicts(t))
	}
	names, err := filepath.Glob(verdictsFiles)
	if err != nil {
		t.Fatal(err)
	}
	var file []byte
	for _, name := range names {
		part, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, part...)
	}
	seen := map[string]int{}
	for line := range bytes.Lines(file) {
		var v verdict
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		seen[v.Want]++
		if got := v.says(); got != v.Want {
			t.Errorf("%s: %q, want %q", v.Name, got, v.Want)
		}
	}
	for kind := range kinds {
		if seen[kind] == 0 || seen[""] < 10 {
			t.Errorf("%d vectors are refused as %s, %d are valid", seen[kind], kind, seen[""])
		}
	}
}

// maker collects verdicts on one log.
type maker struct {
	*rig
	all []verdict
}

func (m *maker) file(r *Receipt) string {
	m.t.Helper()
	b, err := r.Marshal()
	m.must(err)
	return string(b)
}

func (m *maker) add(name, want, receipt string) *verdict {
	m.all = append(m.all, verdict{Name: name, Key: m.vkey, Policy: m.policy, Receipt: []byte(receipt), Want: want})
	return &m.all[len(m.all)-1]
}

// changed is a receipt in which one text stands for another.
func (m *maker) changed(name, want, receipt, old, with string) {
	m.t.Helper()
	if strings.Count(receipt, old) == 0 {
		m.t.Fatalf("%s: there is no %q to change", name, old)
	}
	m.add(name, want, strings.Replace(receipt, old, with, 1))
}

func makeVerdicts(t *testing.T) []verdict {
	m := &maker{rig: newRig(t)}
	policy, hidden, head := m.story()
	size := len(m.leaves)
	leaves := m.oddLeaves()
	p, h, j := m.file(policy), m.file(hidden), m.file(head)
	m.add("a policy", "", p)
	m.add("a hidden statement", "", h)
	m.add("a journal's head", "", j)
	for i, l := range leaves {
		m.add(l.name, l.want, m.file(m.receipt(uint64(size+i), 2)))
	}
	m.spelling(p, h, j)
	m.proofs(policy, hidden, head)
	m.checkpoints(policy)
	m.trusts(p)
	m.otherKeys()
	return m.all
}

type oddLeaf struct{ name, want, leaf string }

// oddLeaves puts statements into the log that a log may hold and should not.
func (m *maker) oddLeaves() []oddLeaf {
	statement := func(at, body string) string {
		return `{"v":1,"kind":"batch","at":"` + at + `","body":` + body + `}`
	}
	const at = "2026-11-23T12:00:00Z"
	zeros := base64.StdEncoding.EncodeToString(make([]byte, 32))
	batch := func(more string) string {
		return `{"n":9,"from":"2026-11-23T11:59:00Z","slots":16,"root":"` + zeros + `"` + more + `}`
	}
	long := func(n int) string {
		s := `{"v":1,"kind":"report","at":"` + at + `","body":""}`
		return strings.Replace(s, `""`, `"`+strings.Repeat("x", n-len(s))+`"`, 1)
	}
	all := []oddLeaf{
		{"a late batch", "", statement(at, batch(`,"late":true,"late_before":true`))},
		{"an unwitnessed batch after the clock went back", "", statement(at, batch(`,"unwitnessed":true,"clock":"back"`))},
		{"the largest number", "", statement(at, strings.Replace(batch(""), `"n":9`, `"n":18446744073709551615`, 1))},
		{"a number too large", "form", statement(at, strings.Replace(batch(""), `"n":9`, `"n":18446744073709551616`, 1))},
		{"a negative number", "form", statement(at, strings.Replace(batch(""), `"n":9`, `"n":-0`, 1))},
		{"a number with an exponent", "form", statement(at, strings.Replace(batch(""), `"n":9`, `"n":9e0`, 1))},
		{"fields in other case", "", strings.Replace(statement(at, strings.Replace(batch(""), `"slots"`, `"\u017fLOTS"`, 1)), `"kind"`, `"\u212aIND"`, 1)},
		{"a field twice", "form", statement(at, batch(`,"late":false,"late":true`))},
		{"a field twice in other case", "form", statement(at, batch(`,"Late":false,"late":true`))},
		{"a field twice with a long s", "form", statement(at, batch(`,"\u017flots":8`))},
		{"an unknown field", "form", statement(at, batch(`,"more":1`))},
		{"nothing for a batch", "", statement(at, "null")},
		{"a list for a batch", "form", statement(at, "[]")},
		{"a truth that is none", "form", statement(at, batch(`,"late":1`))},
		{"nothing for fields", "", statement(at, `{"n":null,"from":null,"slots":null,"root":null,"late":null,"clock":null}`)},
		{"another version", "form", strings.Replace(statement(at, "{}"), `"v":1`, `"v":2`, 1)},
		{"no body", "form", `{"v":1,"kind":"batch","at":"` + at + `"}`},
		{"a hidden kind in public", "form", `{"v":1,"kind":"writ","at":"` + at + `","body":{}}`},
		{"no statement", "form", "Quayside"},
		{"an empty leaf", "form", ""},
		{"something behind", "form", statement(at, batch("")) + "{}"},
		{"blanks around", "", " \n" + statement(at, batch("")) + "\t\r\n"},
		{"a mark before", "form", "\ufeff" + statement(at, batch(""))},
		{"no UTF-8", "form", `{"v":1,"kind":"report","at":"` + at + `","body":"` + "\xc3" + `"}`},
		{"a control character", "form", `{"v":1,"kind":"report","at":"` + at + `","body":"` + "\x01" + `"}`},
		{"half a pair", "", `{"v":1,"kind":"report","at":"` + at + `","body":{"\ud800":1}}`},
		{"two halves alike", "form", `{"v":1,"kind":"report","at":"` + at + `","body":{"\ud800":1,"\udbff":2}}`},
		{"two names that differ by case", "form", `{"v":1,"kind":"report","at":"` + at + `","body":{"ÄRGER":1,"ärger":2}}`},
		{"two dotted names", "form", `{"v":1,"kind":"report","at":"` + at + `","body":{"İ":1,"i":2}}`},
		{"an escape that there is not", "form", `{"v":1,"kind":"report","at":"` + at + `","body":"\x"}`},
		{"a comma too many", "form", `{"v":1,"kind":"report","at":"` + at + `","body":[1,]}`},
		{"a number beyond all", "form", `{"v":1,"kind":"report","at":"` + at + `","body":1e999}`},
		{"a zero before", "form", `{"v":1,"kind":"report","at":"` + at + `","body":01}`},
		{"the deepest", "", `{"v":1,"kind":"report","at":"` + at + `","body":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`},
		{"too deep", "form", `{"v":1,"kind":"report","at":"` + at + `","body":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`},
		{"the longest", "", long(MaxStatement)},
		{"too long", "form", long(MaxStatement + 1)},
	}
	for at, want := range map[string]string{
		"2028-02-29T23:59:59.123456789123Z": "", "2026-11-23T1:00:00,5+24:60": "", "0000-01-01T00:00:00-00:00": "",
		"2026-02-29T00:00:00Z": "form", "2026-13-01T00:00:00Z": "form", "2026-11-23T24:00:00Z": "form", "2026-11-23T12:00:60Z": "form",
		"2026-11-23t12:00:00Z": "form", "2026-11-23T12:00:00z": "form", "2026-11-23T12:00:00": "form", "2026-11-23T12:00:00.Z": "form",
		"2026-11-23T12:00:00+25:00": "form", "yesterday": "form", `2026-11-23T12:00:00\u005a`: "form",
	} {
		all = append(all, oddLeaf{"at " + at, want, statement(at, batch(""))})
	}
	for _, l := range all {
		m.rig.add([]byte(l.leaf))
	}
	return all
}

// spelling changes how receipts are written.
func (m *maker) spelling(p, h, j string) {
	m.add("no JSON", "form", "Quayside")
	m.add("nothing", "form", "null")
	m.changed("another version of receipt", "form", p, `"v": 1`, `"v": 2`)
	m.changed("version 1.0", "form", p, `"v": 1`, `"v": 1.0`)
	m.changed("the version twice", "form", p, `"v": 1`, `"v": 1, "V": 1`)
	m.changed("an unknown field of the receipt", "form", p, `"v": 1`, `"v": 1, "more": 1`)
	m.changed("a field in capitals", "", p, `"statement"`, `"STATEMENT"`)
	m.changed("a line break in base64", "", p, `"statement": "eyJ2`, `"statement": "eyJ2\r\n`)
	m.changed("a blank in base64", "form", p, `"statement": "eyJ2`, `"statement": "eyJ2 `)
	m.changed("base64 for URLs", "form", p, `"statement": "eyJ2`, `"statement": "eyJ-`)
	m.changed("no padding", "form", h, `="`, `"`)
	m.changed("bits behind the end", "", h, strings.SplitN(strings.SplitN(h, `"salt": "`, 2)[1], `"`, 2)[0], trailing(strings.SplitN(strings.SplitN(h, `"salt": "`, 2)[1], `"`, 2)[0]))
	m.changed("a journal head alone", "form", j, `"hidden": {`, `"hidden": null, "more": {`)
	m.changed("the statement is gone", "inclusion", p, `"statement": "`, `"statement": null, "proof": "`+"\",\"x\":\"")
	m.all[len(m.all)-1].Want = "form" // an unknown field comes first
	m.changed("no hidden part", "", p, `"v": 1`, `"v": 1, "hidden": null, "head": null`)
	m.changed("body and head", "form", j, `"slot": 0`, `"body": "", "slot": 0`)
	m.changed("a slot of the wrong kind", "form", h, `"slot": 5`, `"slot": "5"`)
	m.changed("a slot in numbers too large", "form", h, `"slot": 5`, `"slot": 9223372036854775808`)
	m.changed("another slot", "slot", h, `"slot": 5`, `"slot": 6`)
	m.changed("a negative slot", "slot", h, `"slot": 5`, `"slot": -5`)
	m.changed("slot 0 for a statement", "slot", h, `"slot": 5`, `"slot": 0`)
	m.changed("a slot beyond", "slot", h, `"slot": 5`, `"slot": 16`)
	m.changed("fewer slots", "slot", h, `"slots": 16`, `"slots": 8`)
	m.changed("a head in slot 1", "slot", j, `"slot": 0`, `"slot": 1`)
	m.changed("an earlier head", "slot", j, `"seq": 7`, `"seq": 6`)
	m.changed("a head of no number", "form", j, `"seq": 7`, `"seq": -7`)
	m.changed("a head of a large number", "slot", j, `"seq": 7`, `"seq": 18446744073709551615`)
}

// trailing sets bits behind the end of base64 that ends in one "=".
func trailing(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	at := len(s) - 2
	return s[:at] + string(alphabet[strings.IndexByte(alphabet, s[at])|3]) + "="
}

// proofs changes what receipts claim.
func (m *maker) proofs(policy, hidden, head *Receipt) {
	of := func(name, want string, r *Receipt, change func(*Receipt)) {
		c := *r
		if r.Hidden != nil {
			h := *r.Hidden
			c.Hidden = &h
		}
		if r.Head != nil {
			h := *r.Head
			c.Head = &h
		}
		change(&c)
		m.add(name, want, m.file(&c))
	}
	text := func(old, with string) func(*Receipt) {
		return func(r *Receipt) {
			if !strings.Contains(r.Proof, old) {
				m.t.Fatalf("%q is not in the proof", old)
			}
			r.Proof = strings.Replace(r.Proof, old, with, 1)
		}
	}
	const index = "index 0\n"
	of("another index", "inclusion", policy, text(index, "index 3\n"))
	of("an index beyond the log", "inclusion", policy, text(index, "index 18446744073709551615\n"))
	of("an index beyond all", "form", policy, text(index, "index 18446744073709551616\n"))
	of("an index with zeros", "form", policy, text(index, "index 0"+index[6:]))
	of("no index", "form", policy, text(index, ""))
	of("another header", "form", policy, text("@v1", "@v2"))
	of("an extra line", "form", policy, text("@v1\n", "@v1\nextra AA==\n"))
	of("a carriage return", "form", policy, text("@v1\n", "@v1\r\n"))
	of("a carriage return in the checkpoint", "form", policy, func(r *Receipt) { r.Proof = strings.TrimSuffix(r.Proof, "\n") + "\r\n" })
	of("no last line break", "form", policy, func(r *Receipt) { r.Proof = strings.TrimSuffix(r.Proof, "\n") })
	of("no checkpoint", "log", policy, func(r *Receipt) { r.Proof = r.Proof[:strings.Index(r.Proof, "\n\n")+2] })
	of("no proof", "form", policy, func(r *Receipt) { r.Proof = "" })
	of("a hash short", "inclusion", policy, func(r *Receipt) {
		r.Proof = strings.Replace(r.Proof, r.Proof[strings.Index(r.Proof, index)+len(index):][:45], "", 1)
	})
	of("64 hashes", "form", policy, func(r *Receipt) {
		r.Proof = strings.Replace(r.Proof, index, index+strings.Repeat(strings.Repeat("A", 43)+"=\n", 64), 1)
	})
	of("63 hashes", "inclusion", policy, func(r *Receipt) {
		end := strings.Index(r.Proof, "\n\n")
		r.Proof = r.Proof[:strings.Index(r.Proof, index)] + index + strings.Repeat(strings.Repeat("A", 43)+"=\n", 63) + r.Proof[end+1:]
	})
	of("a proof too long", "form", policy, func(r *Receipt) { r.Proof += strings.Repeat("\n", maxProofText) })
	of("another statement", "inclusion", policy, func(r *Receipt) { r.Statement = hidden.Statement })
	of("hidden in a policy", "slot", policy, func(r *Receipt) { r.Hidden = hidden.Hidden })
	of("a tampered body", "slot", hidden, func(r *Receipt) { r.Hidden.Body = bytes.Replace(r.Hidden.Body, []byte("rotate"), []byte("rotten"), 1) })
	of("a public kind in hiding", "form", hidden, func(r *Receipt) { r.Hidden.Body = policy.Statement })
	of("a body that is none", "form", hidden, func(r *Receipt) { r.Hidden.Body = []byte("{") })
	of("another salt", "slot", hidden, func(r *Receipt) { r.Hidden.Salt = make([]byte, 32) })
	of("a short salt", "form", hidden, func(r *Receipt) { r.Hidden.Salt = make([]byte, 31) })
	of("a hash of 31 bytes", "form", hidden, func(r *Receipt) { r.Hidden.Path = [][]byte{make([]byte, 31)} })
	of("a path too short", "slot", hidden, func(r *Receipt) { r.Hidden.Path = r.Hidden.Path[1:] })
	of("a path too long", "slot", hidden, func(r *Receipt) { r.Hidden.Path = append(r.Hidden.Path[:4:4], make([]byte, 32)) })
	of("a short head path", "form", head, func(r *Receipt) { r.Head.Path = r.Head.Path[1:] })
	of("another label", "slot", head, func(r *Receipt) { r.Head.Label = make([]byte, 32) })
	of("a short label", "form", head, func(r *Receipt) { r.Head.Label = make([]byte, 8) })
	list, err := json.Marshal(fmt.Sprint(hidden.Hidden.Salt))
	m.must(err)
	m.changed("a salt as a list of numbers", "", m.file(hidden), `"`+base64.StdEncoding.EncodeToString(hidden.Hidden.Salt)+`"`, strings.ReplaceAll(strings.Trim(string(list), `"`), " ", ","))
}

// checkpoints changes the signed note in a receipt.
func (m *maker) checkpoints(policy *Receipt) {
	split := strings.Index(policy.Proof, "\n\n") + 2
	front, cp := policy.Proof[:split], policy.Proof[split:]
	of := func(name, want, checkpoint string) {
		r := *policy
		r.Proof = front + checkpoint
		m.add(name, want, m.file(&r))
	}
	text, sigs, _ := strings.Cut(cp, "\n\n")
	lines := strings.SplitAfter(strings.TrimSuffix(sigs, "\n"), "\n") // the log, two witnesses
	of("one witness of two", "witnesses", text+"\n\n"+lines[0]+strings.TrimSuffix(lines[1], "\n")+"\n")
	of("no witness", "witnesses", text+"\n\n"+strings.TrimSuffix(lines[0], "\n")+"\n")
	of("no log", "log", text+"\n\n"+lines[1]+lines[2]+"\n")
	of("witnesses first", "", text+"\n\n"+lines[1]+strings.TrimSuffix(lines[2], "\n")+"\n"+lines[0])
	of("a signature twice", "", cp+lines[0])
	of("a stranger's signature", "", cp+"\u2014 stranger.example AAAAAAA=\n")
	of("a stranger's short signature", "log", cp+"\u2014 stranger.example AAAA\n")
	of("a stranger's signature that is no base64", "log", cp+"\u2014 stranger.example AAAAAAA\n")
	of("100 signatures", "", cp+strings.Repeat("\u2014 stranger.example AAAAAAA=\n", 97))
	of("101 signatures", "log", cp+strings.Repeat("\u2014 stranger.example AAAAAAA=\n", 98))
	of("another dash", "log", strings.Replace(cp, "\u2014", "\u2013", 1))
	of("a control character in the note", "log", strings.Replace(cp, "\n\n", "\t\n\n", 1))
	of("a witness's signature broken", "log", strings.Replace(cp, " "+strings.Fields(lines[1])[2][:12], " "+strings.Fields(lines[1])[2][:11]+"z", 1))
	of("another size", "log", strings.Replace(cp, "\n72\n", "\n73\n", 1))
	of("a checkpoint too long", "form", cp+strings.Repeat("\u2014 stranger.example AAAAAAA=\n", 2300))
	sign := func(name, want, text string) {
		signed, err := note.Sign(&note.Note{Text: text}, m.signer, m.witnesses[0], m.witnesses[1])
		m.must(err)
		of(name, want, string(signed))
	}
	sign("more lines in the checkpoint", "", text+"\nmore\n\nand more\n")
	sign("another origin", "log", strings.Replace(text, origin, "tidewater.example", 1)+"\n")
	sign("a size with zeros", "", strings.Replace(text, "\n", "\n00", 1)+"\n")
	sign("a size with a sign", "log", strings.Replace(text, "\n", "\n+", 1)+"\n")
	sign("a root that is none", "form", strings.Join(append(strings.Split(text, "\n")[:2], "AAAA"), "\n")+"\n")
	sign("no root", "log", strings.Join(strings.Split(text, "\n")[:2], "\n")+"\n")
}

// trusts changes what a receipt is checked against.
func (m *maker) trusts(p string) {
	key := func(name, want, key string) { m.add(name, want, p).Key = key }
	policy := func(name, want, text string) { m.add(name, want, p).Policy = text }
	other := newRig(m.t)
	key("another log's key", "log", other.vkey)
	key("a key with blanks around", "", " "+m.vkey+"\r\n")
	key("no key", "trust", "")
	key("a key that is none", "trust", "tidewater-press")
	key("a key's hash in capitals", "trust", strings.Replace(m.vkey, m.vkey[len(origin):len(origin)+9], strings.ToUpper(m.vkey[len(origin):len(origin)+9])+"A", 1))
	key("another name", "trust", "x"+m.vkey)
	key("a short key", "trust", m.vkey[:len(m.vkey)-4])
	policy("no policy", "", "")
	policy("other witnesses", "witnesses", other.policy)
	policy("nobody asked", "", "quorum none\n")
	witnesses := strings.Split(m.policy, "group")[0]
	policy("comments and blanks", "", "# ours\r\n\n"+strings.ReplaceAll(witnesses, " ", " \t")+"\n group\u00a0most 2 w0 w1 w2 # two\nquorum none\nquorum most")
	policy("any of all", "", witnesses+"group a all w0 w1\ngroup b any w2 a\nquorum b\n")
	policy("all", "witnesses", witnesses+"group a all w0 w1 w2\nquorum a\n")
	policy("one witness", "", witnesses+"quorum w1\n")
	policy("the witness that is absent", "witnesses", witnesses+"quorum w2\n")
	policy("none of a group", "", witnesses+"group a 0 w2\nquorum a\n")
	policy("a group of nobody", "", "group a 0\nquorum a\n")
	for name, text := range map[string]string{
		"no quorum": witnesses, "an unknown member": witnesses + "group a any w9\nquorum a\n", "an unknown quorum": witnesses + "quorum w9\n",
		"more than there are": witnesses + "group a 4 w0 w1 w2\nquorum a\n", "a number that is none": witnesses + "group a -1 w0\nquorum a\n",
		"a number too large for a group": witnesses + "group a 256 w0\nquorum a\n", "a keyword for a name": witnesses + "group all any w0\nquorum all\n",
		"a name twice": witnesses + "group w0 any w1\nquorum w0\n", "an unknown keyword": witnesses + "quorums w0\nquorum w0\n",
		"no address": "witness w " + strings.Fields(witnesses)[4] + "\nquorum w\n", "a bad address": "witness w " + strings.Fields(witnesses)[4] + " https://%zz\nquorum w\n",
		"a quorum of two": witnesses + "quorum w0 w1\n", "a witness's key that is none": "witness w tidewater https://w.example\nquorum w\n",
		"a policy too long": strings.Repeat("# nothing\n", 7000) + "quorum none\n", "an empty policy": "\n", "a member before its line": "group a any w0\n" + witnesses + "quorum a\n",
		"a member twice": witnesses + "group a 2 w0 w0\nquorum a\n", "a member of two groups": witnesses + "group a any w0 w1\ngroup b 2 a w0\nquorum b\n",
		"one key for two": witnesses + strings.Replace(strings.Split(witnesses, "\n")[1], "witness w0", "witness w9", 1) + "\nquorum w0\n",
	} {
		policy(name, "trust", text)
	}
	old := m.add("a day old", "stale", p)
	old.MaxAge, old.Now = 3600, time.Now().Add(24*time.Hour).Unix()
	fresh := m.add("fresh enough", "", p)
	fresh.MaxAge, fresh.Now = 3600, time.Now().Add(time.Minute).Unix()
	nobody := m.add("nobody says when", "stale", p)
	nobody.Policy, nobody.MaxAge, nobody.Now = "quorum none\n", 3600, time.Now().Unix()
}

// otherKeys checks one leaf under keys of the other kinds that sign checkpoints.
func (m *maker) otherKeys() {
	leaf := m.leaves[0]
	one := &rig{t: m.t}
	one.add(leaf)
	root := [32]byte(one.hashes[0])
	text := string(log.Checkpoint{Origin: origin, Size: 1, Hash: root[:]}.Marshal())
	receipt := func(by ...note.Signer) string {
		signed, err := note.Sign(&note.Note{Text: text}, by...)
		m.must(err)
		r, err := NewReceipt(leaf, 0, nil, signed)
		m.must(err)
		return m.file(r)
	}
	skey, vkey, err := tnote.GenerateMLDSAKey("quantum.example")
	m.must(err)
	quantum, err := tnote.NewSignerForCosignatureV1(skey)
	m.must(err)
	policy := "witness q " + vkey + " https://quantum.example\nquorum q\n"
	m.add("a witness with ML-DSA", "", receipt(m.signer, quantum)).Policy = policy
	m.add("a witness with ML-DSA that is absent", "witnesses", receipt(m.signer)).Policy = policy

	skey, vkey, err = note.GenerateKey(zeros{}, origin)
	m.must(err)
	timed, err := tnote.NewSignerForCosignatureV1(skey)
	m.must(err)
	vkey, err = tnote.VKeyToCosignatureV1(vkey)
	m.must(err)
	v := m.add("a log that signs with the time", "", receipt(timed))
	v.Key, v.Policy = vkey, ""
	v = m.add("a log that is its own witness", "log", receipt(timed))
	v.Key, v.Policy = vkey, "witness w "+vkey+" https://w.example\nquorum w\n"
}

// zeros is no randomness: the key is for the vectors alone.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
