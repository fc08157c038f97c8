package bag_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"writ/internal/bag"
)

func sum256(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
func sum512(s string) string { h := sha512.Sum512([]byte(s)); return hex.EncodeToString(h[:]) }

const bagit = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

// smallBag is a bag as RFC 8493, 4.1, shows one, made by hand.
func smallBag() map[string]string {
	files := map[string]string{
		"bagit.txt":        bagit,
		"bag-info.txt":     "Payload-Oxum: 11.2\nContact-Name: Noor Adeyemi\n  of Fjordhost\n",
		"data/a":           "first",
		"data/sub/b c.txt": "second",
	}
	files["manifest-sha256.txt"] = sum256("first") + "  data/a\n" + sum256("second") + "  data/sub/b c.txt\n"
	files["tagmanifest-sha256.txt"] = tagSums(files)
	return files
}

func tagSums(files map[string]string) string {
	var b strings.Builder
	for _, name := range []string{"bagit.txt", "bag-info.txt", "manifest-sha256.txt"} {
		fmt.Fprintf(&b, "%s  %s\n", sum256(files[name]), name)
	}
	return b.String()
}

func lay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
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

func verify(t *testing.T, dir string) bag.Report {
	t.Helper()
	report, err := bag.Verify(dir)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestVerifyOthersBags(t *testing.T) {
	report := verify(t, lay(t, smallBag()))
	if !report.Valid() || report.Objects != 2 || report.Bytes != 11 || report.Manifest != sum256(smallBag()["tagmanifest-sha256.txt"]) {
		t.Errorf("%+v", report)
	}
	if fmt.Sprint(report.Info) != "[[Payload-Oxum 11.2] [Contact-Name Noor Adeyemi of Fjordhost]]" {
		t.Errorf("%q", report.Info)
	}
	for name, change := range map[string]func(map[string]string){
		"no optional files": func(f map[string]string) { delete(f, "bag-info.txt"); delete(f, "tagmanifest-sha256.txt") },
		"SHA-512 too": func(f map[string]string) {
			f["manifest-sha512.txt"] = sum512("second") + " data/sub/b c.txt\r\n" + strings.ToUpper(sum512("first")) + "\t*data/a\r\n"
		},
		"old version": func(f map[string]string) {
			f["bagit.txt"] = strings.Replace(bagit, "1.0", "0.97", 1)
			f["tagmanifest-sha256.txt"] = tagSums(f)
		},
		"encoded names": func(f map[string]string) {
			f["data/100%"], f["data/x\ny"] = "p", "l"
			f["manifest-sha256.txt"] += sum256("p") + "  data/100%25\n" + sum256("l") + "  data/x%0Ay\n"
			f["bag-info.txt"] = "Payload-Oxum: 13.4\n"
			f["tagmanifest-sha256.txt"] = tagSums(f)
		},
		"empty payload": func(f map[string]string) {
			clear(f)
			f["bagit.txt"], f["manifest-sha256.txt"] = bagit, ""
		},
	} {
		files := smallBag()
		change(files)
		dir := lay(t, files)
		if err := os.MkdirAll(filepath.Join(dir, "data"), 0o700); err != nil {
			t.Fatal(err)
		}
		if report := verify(t, dir); !report.Valid() {
			t.Errorf("%s: %q", name, report.Problems)
		}
	}
}

func TestVerifyFindsEveryFault(t *testing.T) {
	retag := func(f map[string]string) { f["tagmanifest-sha256.txt"] = tagSums(f) }
	for _, c := range []struct {
		name, says string
		change     func(map[string]string)
	}{
		{"changed object", `data/a isn't what`, func(f map[string]string) { f["data/a"] = "fIrst" }},
		{"missing object", `data/a is missing`, func(f map[string]string) { delete(f, "data/a") }},
		{"added object", `data/extra is in no line`, func(f map[string]string) { f["data/extra"] = "x" }},
		{"changed tag file", `bag-info.txt isn't what`, func(f map[string]string) { f["bag-info.txt"] += "A: b\n" }},
		{"missing tag file", `bag-info.txt is missing`, func(f map[string]string) { delete(f, "bag-info.txt") }},
		{"no declaration", `bagit.txt is missing`, func(f map[string]string) { delete(f, "bagit.txt") }},
		{"other declaration", `doesn't declare`, func(f map[string]string) { f["bagit.txt"] = "BagIt-Version: 7.0\n"; retag(f) }},
		{"three lines", `doesn't declare`, func(f map[string]string) { f["bagit.txt"] += "x\n"; retag(f) }},
		{"no manifest", `no payload manifest`, func(f map[string]string) { delete(f, "manifest-sha256.txt") }},
		{"MD5 only", `no payload manifest`, func(f map[string]string) {
			f["manifest-md5.txt"] = "x"
			delete(f, "manifest-sha256.txt")
		}},
		{"not in both", `data/a is in no line of manifest-sha512.txt`, func(f map[string]string) {
			f["manifest-sha512.txt"] = sum512("second") + "  data/sub/b c.txt\n"
		}},
		{"wrong in the second", `manifest-sha512.txt says`, func(f map[string]string) {
			f["manifest-sha512.txt"] = sum512("second") + "  data/sub/b c.txt\n" + sum512("other") + "  data/a\n"
		}},
		{"oxum", `Payload-Oxum`, func(f map[string]string) { f["bag-info.txt"] = "Payload-Oxum: 12.2\n"; retag(f) }},
		{"oxum of letters", `Payload-Oxum`, func(f map[string]string) { f["bag-info.txt"] = "payload-oxum: \x1b[2J\n"; retag(f) }},
		{"no label", `without a label`, func(f map[string]string) { f["bag-info.txt"] = "hello\n"; retag(f) }},
		{"fetch", `fetch.txt`, func(f map[string]string) { f["fetch.txt"] = "http://169.254.169.254/ 3 data/a\n" }},
		{"climbs", `isn't one inside`, func(f map[string]string) { f["manifest-sha256.txt"] += sum256("x") + "  data/../../x\n"; retag(f) }},
		{"absolute", `isn't one inside`, func(f map[string]string) { f["manifest-sha256.txt"] += sum256("x") + "  /etc/passwd\n"; retag(f) }},
		{"home", `must not`, func(f map[string]string) { f["manifest-sha256.txt"] += sum256("x") + "  ~/x\n"; retag(f) }},
		{"encoded climb", `isn't one inside`, func(f map[string]string) { f["manifest-sha256.txt"] += sum256("x") + "  data/x%0A/../..\n"; retag(f) }},
		{"backslash", `isn't one inside`, func(f map[string]string) { f["manifest-sha256.txt"] += sum256("x") + "  data\\..\\x\n"; retag(f) }},
		{"tag file as payload", `must not`, func(f map[string]string) {
			f["manifest-sha256.txt"] += sum256(f["bagit.txt"]) + "  bagit.txt\n"
			retag(f)
		}},
		{"itself", `must not`, func(f map[string]string) { f["tagmanifest-sha256.txt"] += sum256("") + "  tagmanifest-sha256.txt\n" }},
		{"twice", `again`, func(f map[string]string) { f["manifest-sha256.txt"] += sum256("first") + "  data/a\n"; retag(f) }},
		{"no hash", `hash of the manifest's kind`, func(f map[string]string) { f["manifest-sha256.txt"] += "hello\n"; retag(f) }},
		{"short hash", `hash of the manifest's kind`, func(f map[string]string) { f["manifest-sha256.txt"] += "abcd  data/a\n"; retag(f) }},
	} {
		files := smallBag()
		c.change(files)
		report := verify(t, lay(t, files))
		all := strings.Join(report.Problems, "\n")
		if report.Valid() || !strings.Contains(all, c.says) || strings.Contains(all, "\x1b") {
			t.Errorf("%s: %q, which doesn't say %q", c.name, report.Problems, c.says)
		}
	}
}

// TestVerifyStaysInside plants links and a pipe: none is followed or waited for.
func TestVerifyStaysInside(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(dir string) error{
		"link to a file": func(dir string) error {
			file := filepath.Join(dir, "data/a")
			if err := os.Remove(file); err != nil {
				return err
			}
			return os.Symlink(outside, file)
		},
		"link to a folder":  func(dir string) error { return os.Symlink(filepath.Dir(outside), filepath.Join(dir, "data/out")) },
		"link inside":       func(dir string) error { return os.Symlink("a", filepath.Join(dir, "data/again")) },
		"link for manifest": func(dir string) error { return os.Symlink(outside, filepath.Join(dir, "manifest-sha512.txt")) },
		"pipe":              func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "data/pipe"), 0o600) },
	} {
		dir := lay(t, smallBag())
		if err := plant(dir); err != nil {
			t.Fatal(err)
		}
		if report := verify(t, dir); report.Valid() || !strings.Contains(strings.Join(report.Problems, "\n"), "neither a file nor a folder") {
			t.Errorf("%s: %q", name, report.Problems)
		}
	}
}

func TestVerifyBounds(t *testing.T) {
	files := smallBag()
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, "%s  data/missing%d\n", sum256("x"), i)
	}
	files["manifest-sha256.txt"] = b.String()
	if report := verify(t, lay(t, files)); len(report.Problems) != 100 || !report.More {
		t.Errorf("%d problems, more: %v", len(report.Problems), report.More)
	}
	files["manifest-sha256.txt"] = sum256("x") + "  data/" + strings.Repeat("x", 1<<20)
	if _, err := bag.Verify(lay(t, files)); err == nil || !strings.Contains(err.Error(), "longer") {
		t.Errorf("a line of a megabyte: %v", err)
	}
	if _, err := bag.Verify(filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("a folder that isn't there is a bag")
	}
}

// TestVerifyOurs changes every file of a package's bag in turn.
func TestVerifyOurs(t *testing.T) {
	p, dir := somebody(t), t.TempDir()
	mustWrite(t, input(dir, several()[:6], p))
	root := mustOpen(t, dir, p)
	good := verify(t, root).Manifest
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body := readFile(t, name)
		if err := os.WriteFile(name, []byte(body+"x"), 0o600); err != nil {
			return err
		}
		if report := verify(t, root); report.Valid() && report.Manifest == good {
			t.Errorf("%s was changed, and nobody noticed", d.Name())
		}
		return os.WriteFile(name, []byte(body), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if report := verify(t, root); !report.Valid() || report.Manifest != good {
		t.Errorf("put back: %q", report.Problems)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add(sum256("x")+"  data/a\r\n"+sum256("y")+" *data/%0a%25b\n", 32)
	f.Fuzz(func(t *testing.T, text string, size int) {
		err := bag.ReadManifest(strings.NewReader(text), size, func(_ int, line bag.ManifestLine, err error) error {
			if path := line.Path(); err == nil && (!fs.ValidPath(path) || strings.Contains(path, "\\")) {
				t.Errorf("%q", path)
			}
			return nil
		})
		if err != nil && len(text) < 1000 {
			t.Error(err)
		}
	})
}
