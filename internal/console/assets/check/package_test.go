package check_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"writ"
	"writ/internal/bag"
	"writ/internal/printable"
	"writ/internal/seal"
	"writ/internal/testenv/browser"
)

func sum256(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
func sum512(s string) string { h := sha512.Sum512([]byte(s)); return hex.EncodeToString(h[:]) }

type folder map[string]string // body by path

// small is a bag as RFC 8493, 4.1, shows one.
func small() folder {
	f := folder{
		"bagit.txt":        "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
		"bag-info.txt":     "Payload-Oxum: 11.2\nContact-Name: Noor Adeyemi\n  of Fjordhost\n",
		"data/a":           "first",
		"data/sub/b c.txt": "second",
	}
	f["manifest-sha256.txt"] = sum256("first") + "  data/a\n" + sum256("second") + "  data/sub/b c.txt\n"
	f.retag()
	return f
}

func (f folder) retag() {
	f["tagmanifest-sha256.txt"] = ""
	for _, name := range []string{"bagit.txt", "bag-info.txt", "manifest-sha256.txt"} {
		f["tagmanifest-sha256.txt"] += sum256(f[name]) + "  " + name + "\n"
	}
}

// bags are good ones and broken ones.
func bags() map[string]func(folder) {
	lines := func(more string) func(folder) {
		return func(f folder) { f["manifest-sha256.txt"] += more; f.retag() }
	}
	info := func(text string) func(folder) { return func(f folder) { f["bag-info.txt"] = text; f.retag() } }
	return map[string]func(folder){
		"good":              func(folder) {},
		"no optional files": func(f folder) { delete(f, "bag-info.txt"); delete(f, "tagmanifest-sha256.txt") },
		"SHA-512 too": func(f folder) {
			f["manifest-sha512.txt"] = sum512("second") + " data/sub/b c.txt\r\n" + strings.ToUpper(sum512("first")) + "\t*data/a\r\r"
		},
		"SHA-512 only": func(f folder) {
			f["manifest-sha512.txt"] = sum512("second") + " data/sub/b c.txt\n" + sum512("first") + " data/a"
			delete(f, "manifest-sha256.txt")
			delete(f, "tagmanifest-sha256.txt")
		},
		"tags by SHA-512": func(f folder) { f["tagmanifest-sha512.txt"] = sum512(f["bagit.txt"]) + "  bagit.txt\n" },
		"old version": func(f folder) {
			f["bagit.txt"] = strings.Replace(f["bagit.txt"], "1.0", "0.97", 1)
			f.retag()
		},
		"lines of Windows": func(f folder) { f["bagit.txt"] = strings.ReplaceAll(f["bagit.txt"], "\n", "\r\n"); f.retag() },
		"encoded names": func(f folder) {
			f["data/100%"], f["data/x\ny"] = "p", "l"
			f["bag-info.txt"] = "payload-OXUM:13.4\n\n"
			lines(sum256("p") + "  data/100%25\n" + sum256("l") + "  data/x%0Ay\n")(f)
		},
		"letters of every kind": func(f folder) {
			f["data/Größe 日本\u202e"], f["data/\U0001f600"], f["data/\uff5e"] = "p", "q", "r"
		},
		"nothing is named":    func(f folder) { f["manifest-sha256.txt"] = ""; f.retag() },
		"changed object":      func(f folder) { f["data/a"] = "fIrst" },
		"longer object":       func(f folder) { f["data/a"] += "x" },
		"missing object":      func(f folder) { delete(f, "data/a") },
		"added object":        func(f folder) { f["data/extra"] = "x" },
		"changed tag file":    func(f folder) { f["bag-info.txt"] += "A: b\n" },
		"missing tag file":    func(f folder) { delete(f, "bag-info.txt") },
		"no declaration":      func(f folder) { delete(f, "bagit.txt") },
		"an empty one":        func(f folder) { f["bagit.txt"] = ""; f.retag() },
		"other declaration":   func(f folder) { f["bagit.txt"] = "BagIt-Version: 7.0\n"; f.retag() },
		"a mark before it":    func(f folder) { f["bagit.txt"] = "\ufeff" + f["bagit.txt"]; f.retag() },
		"a long declaration":  func(f folder) { f["bagit.txt"] += strings.Repeat("\n", 1<<20); f.retag() },
		"no manifest":         func(f folder) { delete(f, "manifest-sha256.txt") },
		"not in both":         func(f folder) { f["manifest-sha512.txt"] = sum512("second") + "  data/sub/b c.txt\n" },
		"wrong in the second": func(f folder) { f["manifest-sha512.txt"] = sum512("second") + "  data/a\n" },
		"oxum":                info("Payload-Oxum: 12.2\n"),
		"oxum of letters":     info("payload-oxum: \x1b[2J\n"),
		"no label":            info("hello\n"),
		"too many labels":     info(strings.Repeat("A: b\n", 107)),
		"fetch":               func(f folder) { f["fetch.txt"] = "http://169.254.169.254/ 3 data/a\n" },
		"climbs":              lines(sum256("x") + "  data/../../x\n"),
		"a dot":               lines(sum256("x") + "  data/./a\n"),
		"a slash too many":    lines(sum256("x") + "  data//a\n" + sum256("x") + "  data/\n"),
		"absolute":            lines(sum256("x") + "  /etc/passwd\n"),
		"home":                lines(sum256("x") + "  ~/x\n"),
		"encoded climb":       lines(sum256("x") + "  data/x%0A/../..\n"),
		"backslash":           lines(sum256("x") + "  data\\..\\x\n"),
		"no UTF-8":            lines(sum256("x") + "  data/\xff\n"),
		"no path":             lines(sum256("x") + "  \n" + sum256("x") + "\n"),
		"a tag file":          lines(sum256("x") + "  bagit.txt\n"),
		"itself":              func(f folder) { f["tagmanifest-sha256.txt"] += sum256("") + "  tagmanifest-sha256.txt\n" },
		"twice":               lines(sum256("first") + "  data/a\n"),
		"no hash":             lines("hello\n\n\rabcd  data/a\n"),
		"many":                lines(strings.Repeat("hello\n", 300)),
		"a line too long":     lines(sum256("x") + "  data/" + strings.Repeat("x", 16<<10) + "\n"),
		"a long line":         lines(sum256("x") + "  data/" + strings.Repeat("x", 16<<10-73) + "\n"),
		"CR and LF in two pieces": func(f folder) {
			f["manifest-sha256.txt"] = strings.Repeat("\n", 1<<20-1) + "\r\nhello\n" + f["manifest-sha256.txt"]
			f.retag()
		},
		"CR at the end of a piece": func(f folder) {
			f["manifest-sha256.txt"] = strings.Repeat("\n", 1<<20-1) + "\rhello\r" + f["manifest-sha256.txt"]
			f.retag()
		},
		"lines across pieces": func(f folder) {
			var b strings.Builder
			for i := range 15_000 { // more than a mebibyte
				fmt.Fprintf(&b, "%s  /%0*d\r\n", sum256("x"), 1+i%7, i)
			}
			f["manifest-sha256.txt"] += b.String()
			f.retag()
		},
	}
}

// sentences are Go's for the codes of the modules.
var sentences = map[string]string{
	"no-data": "the folder data is missing", "missing": "{path} is missing", "long": "{path} is longer than {most} bytes",
	"declaration": "bagit.txt doesn't declare a bag of version 1.0 in UTF-8", "no-manifest": "there is no payload manifest with SHA-256 or SHA-512",
	"extra": "{path} is in no line of {manifest}", "changed": "{path} isn't what {manifest} says", "fetch": "fetch.txt names files that are elsewhere; nothing is fetched",
	"line-sum": "line {line} of {manifest}: it doesn't begin with a hash of the manifest's kind", "line-path": "line {line} of {manifest}: its path isn't one inside the bag",
	"line-forbidden": "line {line} of {manifest} names a file that it must not", "line-again": "line {line} of {manifest} names a file again",
	"oxum": "Payload-Oxum of bag-info.txt says {said}, there are {bytes} bytes in {objects} files", "info": "bag-info.txt has a line without a label, or too many lines",
}

type found struct {
	Kind     string
	Valid    bool
	Problems []struct {
		Code   string
		Values map[string]any
	}
	More           bool
	Objects, Bytes int64
	Manifest       string
	Info           [][2]string
	Volumes        []string
	Error          *struct{ Code string }
}

func (f found) sentences() (all []string) {
	for _, p := range f.Problems {
		s, ok := sentences[p.Code]
		if !ok {
			s = "unknown: " + p.Code
		}
		for name, v := range p.Values {
			text := fmt.Sprint(v)
			if n, ok := v.(float64); ok {
				text = fmt.Sprint(int64(n))
			}
			s = strings.Replace(s, "{"+name+"}", printable.Line(text), 1)
		}
		all = append(all, s)
	}
	return all
}

const checkFolders = `(async () => {
	const { check } = await import("/check/package.js");
	const { fromBase64 } = await import("/check/bytes.js");
	const all = [];
	for (const line of (await (await fetch("/lines")).text()).trim().split("\n")) {
		const files = Object.entries(JSON.parse(line)).map(([path, body]) => [path, new Blob([fromBase64(body)])]);
		all.push(await check(new Map(files)));
	}
	return JSON.stringify(all);
})()`

// inBrowser checks folders there.
func inBrowser(t *testing.T, folders []folder) (all []found) {
	t.Helper()
	var lines bytes.Buffer
	for _, f := range folders {
		raw := map[string][]byte{}
		for path, body := range f {
			raw[path] = []byte(body)
		}
		if err := json.NewEncoder(&lines).Encode(raw); err != nil {
			t.Fatal(err)
		}
	}
	b := open(t, map[string][]byte{"/lines": lines.Bytes()})
	if err := json.Unmarshal([]byte(browser.Eval[string](b, checkFolders)), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func lay(t *testing.T, f folder) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range f {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestBags: the browser finds in every bag what Go finds, in Go's order, and
// nothing else.
func TestBags(t *testing.T) {
	table := bags()
	names := slices.Sorted(maps.Keys(table))
	var folders []folder
	for _, name := range names {
		f := small()
		table[name](f)
		folders = append(folders, f)
	}
	valid := 0
	for i, got := range inBrowser(t, folders) {
		want, err := bag.Verify(lay(t, folders[i]))
		if err != nil || got.Error != nil {
			if err == nil || got.Error == nil {
				t.Errorf("%s: %+v, and Go says %v", names[i], got.Error, err)
			}
			continue
		}
		if want.Valid() {
			valid++
		}
		if !slices.Equal(got.sentences(), want.Problems) || got.Valid != want.Valid() || got.More != want.More {
			t.Errorf("%s: %q, Go says %q", names[i], got.sentences(), want.Problems)
		}
		if got.Objects != want.Objects || got.Bytes != want.Bytes || got.Manifest != want.Manifest || !slices.Equal(got.Info, want.Info) {
			t.Errorf("%s: %+v, Go says %+v", names[i], got, want)
		}
	}
	if valid < 7 || valid > len(names)-20 {
		t.Errorf("%d of %d bags are valid", valid, len(names))
	}
}

// sealed makes a package, and the bag that is in it.
func sealed(t *testing.T) (pack, opened folder) {
	t.Helper()
	dir, into := t.TempDir(), filepath.Join(t.TempDir(), "bag")
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := bag.ParseRecipient(identity.Recipient().String(), time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	key, err := seal.KeyFromBytes(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	receipts := string(oneLine(t, "policy")) + string(oneLine(t, "hidden"))
	_, err = bag.Write(t.Context(), bag.Input{
		Dir: dir, Case: "2026-7KQM-4ZT0", Recipients: []bag.Recipient{recipient}, StateKey: key, Now: now, VolumeBytes: bag.MinVolume,
		Extra: func(bag.Summary) ([]bag.File, error) {
			return []bag.File{{Name: "receipts.jsonl", Body: []byte(receipts)}}, nil
		},
		Objects: func(yield func(bag.Object, error) bool) {
			for i, key := range []writ.ObjectKey{"letters/März.txt", "../../etc/passwd", "scan.tiff"} {
				body := bytes.Repeat([]byte{byte(i)}, 50_000*i)
				if !yield(bag.Object{Bucket: "ward-seven", Key: key, Version: writ.NullVersion, Made: now, Size: int64(len(body)),
					Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }}, nil) {
					return
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	by, err := bag.ParseIdentity([]byte(identity.String()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bag.Open(t.Context(), bag.OpenInput{Package: dir, Into: into, Identity: by}); err != nil {
		t.Fatal(err)
	}
	return load(t, dir), load(t, into)
}

func oneLine(t *testing.T, name string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, read(t, vectors+name+".receipt.json")); err != nil {
		t.Fatal(err)
	}
	return append(b.Bytes(), '\n')
}

func load(t *testing.T, dir string) folder {
	t.Helper()
	f := folder{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		path, err := filepath.Rel(dir, name)
		f[path] = string(read(t, name))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestOurs changes a package that the server made, sealed and opened, file by file.
func TestOurs(t *testing.T) {
	pack, opened := sealed(t)
	folders := []folder{pack, opened}
	for _, f := range []folder{pack, opened} {
		for _, name := range slices.Sorted(maps.Keys(f)) {
			gone, other := maps.Clone(f), maps.Clone(f)
			delete(gone, name)
			other[name] += "x"
			folders = append(folders, gone, other)
		}
	}
	for _, change := range [][2]string{{`"writ_package": 1`, `"writ_package": 2`}, {`"age"`, `"zip"`}, {"000001", "000002"}, {`"size": `, `"size": -`}, {`"case": "2`, `"case": "x`}, {`"tagmanifest_sha256": "`, `"tagmanifest_sha256": "0`}} {
		f := maps.Clone(pack)
		f["package.json"] = strings.Replace(f["package.json"], change[0], change[1], 1)
		if f["package.json"] == pack["package.json"] {
			t.Errorf("there is no %s in package.json", change[0])
		}
		folders = append(folders, f)
	}
	got := inBrowser(t, folders)
	if got[0].Kind != "sealed" || len(got[0].Volumes) < 2 || got[1].Kind != "bag" || got[0].Manifest != got[1].Manifest || !got[1].Valid {
		t.Errorf("%+v, opened %+v", got[0], got[1])
	}
	for i, f := range folders {
		if got[i].Kind == "sealed" {
			if _, err := bag.Check(lay(t, f)); got[i].Valid != (err == nil) {
				t.Errorf("sealed %d: %+v, Go says %v", i, got[i], err)
			}
			continue
		}
		want, err := bag.Verify(lay(t, f))
		if err != nil {
			t.Fatal(err)
		}
		if got[i].Valid != want.Valid() || got[i].Manifest != want.Manifest {
			t.Errorf("bag %d: %q, Go says %q", i, got[i].sentences(), want.Problems)
		}
	}
}

// TestFolders: where it is known which folders there are, a bag without "data" is
// none; that it is empty is no fault.
func TestFolders(t *testing.T) {
	b := open(t, nil)
	got := browser.Eval[[]bool](b, `(async () => {
		const { check } = await import("/check/package.js");
		const files = new Map([["bagit.txt", new Blob(["BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"])], ["manifest-sha256.txt", new Blob()]]);
		return [await check(files, {folders: new Set(["data"])}), await check(files, {folders: new Set()})].map(r => r.valid);
	})()`)
	if !slices.Equal(got, []bool{true, false}) {
		t.Errorf("with and without the folder: %v", got)
	}
}
