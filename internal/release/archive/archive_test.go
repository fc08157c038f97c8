package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func tree(t testing.TB) *Tree {
	t.Helper()
	tr, err := New("1.2.3", []File{
		{Name: "go.mod", Body: []byte("module writ\n")},
		{Name: "cmd/writ/main.go", Body: []byte("package main\n")},
		{Name: "scripts/test", Exec: true, Body: []byte("#!/bin/sh\n")},
		{Name: strings.Repeat("long/", 30) + "name.txt", Body: nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func packed(t testing.TB, tr *Tree) []byte {
	t.Helper()
	b, err := tr.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSameBytes: the order in which files are found changes nothing, and what
// was read is written again as it was.
func TestSameBytes(t *testing.T) {
	one := packed(t, tree(t))
	files := slices.Clone(tree(t).Files())
	files = slices.DeleteFunc(files, func(f File) bool { return f.Name == "VERSION" })
	slices.Reverse(files)
	other, err := New("1.2.3", files)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, packed(t, other)) {
		t.Error("the order of the files changes the archive")
	}
	read, err := Read(bytes.NewReader(one))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, packed(t, read)) {
		t.Error("an archive that was read is written otherwise")
	}
	changed := slices.Clone(files)
	changed[0].Exec = !changed[0].Exec
	if other, err = New("1.2.3", changed); err != nil || bytes.Equal(one, packed(t, other)) {
		t.Error("a mode is not in the archive")
	}
}

// TestOthersReadIt: tar is tar. What the system's tar unpacks is what was put
// in, and the folder makes the same archive again.
func TestOthersReadIt(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.tar.gz")
	body := packed(t, tree(t))
	must(t, os.WriteFile(file, body, 0o644))
	if out, err := exec.Command("tar", "-xzf", file, "-C", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	unpacked := filepath.Join(dir, "writ-1.2.3")
	must(t, os.Mkdir(filepath.Join(unpacked, "bin"), 0o755))
	must(t, os.WriteFile(filepath.Join(unpacked, "bin", "writ"), nil, 0o755))
	again, err := FromFolder(unpacked)
	must(t, err)
	if !bytes.Equal(packed(t, again), body) {
		t.Error("the unpacked folder makes another archive")
	}
	must(t, os.Symlink("/etc/passwd", filepath.Join(unpacked, "doc")))
	if _, err := FromFolder(unpacked); !errors.Is(err, ErrForm) {
		t.Errorf("a link is taken into the source: %v", err)
	}
}

// TestFromGit: the archive is what is committed, not what lies in the folder;
// links are refused.
func TestFromGit(t *testing.T) {
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=n", "-c", "user.email=n@quayside.example", "-c", "commit.gpgsign=false"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	run("init", "-q")
	must(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte("package a\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\r\n"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte("* text eol=crlf export-subst\na.go export-ignore\n"), 0o644))
	run("add", ".")
	run("commit", "-qm", "Begin")
	want, err := FromGit(context.Background(), dir, "v1.0.0")
	must(t, err)
	if body, ok := want.Open("a.go"); !ok || string(body) != "package a\n" {
		t.Errorf("a.go is %q", body)
	}
	must(t, os.WriteFile(filepath.Join(dir, "a.go"), []byte("package b\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "new"), nil, 0o644))
	again, err := FromGit(context.Background(), dir, "v1.0.0")
	must(t, err)
	if !bytes.Equal(packed(t, want), packed(t, again)) {
		t.Error("what is not committed is in the archive")
	}
	must(t, os.Symlink("a.go", filepath.Join(dir, "link")))
	run("add", "link")
	run("commit", "-qm", "Link")
	if _, err := FromGit(context.Background(), dir, "v1.0.0"); !errors.Is(err, ErrForm) {
		t.Errorf("a link is taken into the source: %v", err)
	}
}

// forge makes a tar.gz as somebody else would.
func forge(t *testing.T, change func(*gzip.Writer), headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	if change != nil {
		change(zw)
	}
	tw := tar.NewWriter(zw)
	for _, h := range append(headers, tar.Header{Name: "writ-1.2.3/VERSION", Size: 6}) {
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if h.ModTime.IsZero() {
			h.ModTime = stamp
		}
		must(t, tw.WriteHeader(&h))
		if h.Name == "writ-1.2.3/VERSION" {
			_, err := io.WriteString(tw, "1.2.3\n")
			must(t, err)
		} else if h.Typeflag == tar.TypeReg || h.Typeflag == 0 {
			_, err := io.CopyN(tw, zeros{}, h.Size)
			must(t, err)
		}
	}
	must(t, tw.Close())
	must(t, zw.Close())
	return b.Bytes()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestHostile: nothing but an archive as we write them is read.
func TestHostile(t *testing.T) {
	const top = "writ-1.2.3/"
	if _, err := Read(bytes.NewReader(forge(t, nil, tar.Header{Name: top + "A"}))); err != nil {
		t.Fatalf("what the others are made from is refused: %v", err)
	}
	plain := packed(t, tree(t))
	flipped := slices.Clone(plain)
	flipped[len(flipped)/2] ^= 1
	crc := slices.Clone(plain)
	crc[len(crc)-6] ^= 1
	many := make([]tar.Header, 9)
	for i := range many {
		many[i] = tar.Header{Name: top + "A" + string(rune('a'+i)), Size: MaxFile}
	}
	for name, body := range map[string][]byte{
		"climbs out":              forge(t, nil, tar.Header{Name: top + "../../evil"}),
		"climbs within":           forge(t, nil, tar.Header{Name: top + "a/../b"}),
		"absolute":                forge(t, nil, tar.Header{Name: "/etc/cron.d/evil"}),
		"another top":             forge(t, nil, tar.Header{Name: top + "A"}, tar.Header{Name: "evil/x"}),
		"backslash":               forge(t, nil, tar.Header{Name: top + `A\..\..\evil`}),
		"drive":                   forge(t, nil, tar.Header{Name: top + "A:b"}),
		"git's own":               forge(t, nil, tar.Header{Name: top + ".Git/hooks/post-checkout"}),
		"control characters":      forge(t, nil, tar.Header{Name: top + "A\x1b[2J"}),
		"symbolic link":           forge(t, nil, tar.Header{Name: top + "A", Typeflag: tar.TypeSymlink, Linkname: "/etc"}),
		"hard link":               forge(t, nil, tar.Header{Name: top + "A", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}),
		"device":                  forge(t, nil, tar.Header{Name: top + "A", Typeflag: tar.TypeChar}),
		"folder":                  forge(t, nil, tar.Header{Name: top + "A/", Typeflag: tar.TypeDir, Mode: 0o755}),
		"twice":                   forge(t, nil, tar.Header{Name: top + "A"}, tar.Header{Name: top + "A"}),
		"twice without case":      forge(t, nil, tar.Header{Name: top + "A"}, tar.Header{Name: top + "B"}, tar.Header{Name: top + "a"}),
		"file and folder":         forge(t, nil, tar.Header{Name: top + "A"}, tar.Header{Name: top + "A/b"}),
		"out of order":            forge(t, nil, tar.Header{Name: top + "B"}, tar.Header{Name: top + "A"}),
		"set-user-id":             forge(t, nil, tar.Header{Name: top + "A", Mode: 0o4755}),
		"owner":                   forge(t, nil, tar.Header{Name: top + "A", Uid: 7}),
		"time":                    forge(t, nil, tar.Header{Name: top + "A", ModTime: stamp.Add(time.Second)}),
		"pax record":              forge(t, nil, tar.Header{Name: top + "A", PAXRecords: map[string]string{"WRIT.x": "y"}}),
		"gzip name":               forge(t, func(w *gzip.Writer) { w.Name = "x" }),
		"another version":         forge(t, nil, tar.Header{Name: "writ-1.2.4/A"}),
		"no version":              forge(t, nil, tar.Header{Name: "writ-/A"}),
		"large file":              forge(t, nil, tar.Header{Name: top + "A", Size: MaxFile + 1}),
		"bomb":                    forge(t, nil, many...),
		"cut":                     plain[:len(plain)-20],
		"cut to nothing":          nil,
		"flipped":                 flipped,
		"checksum":                crc,
		"tail":                    append(slices.Clone(plain), 0),
		"second member":           append(slices.Clone(plain), plain...),
		"tail within":             tailWithin(t, plain),
		"no archive":              []byte("PK\x03\x04 zip"),
		"version file of another": bytes.Clone(otherVersion(t)),
	} {
		if _, err := Read(bytes.NewReader(body)); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("disk")
	if _, err := Read(io.MultiReader(bytes.NewReader(plain[:100]), failing{broken})); !errors.Is(err, broken) || errors.Is(err, ErrForm) {
		t.Errorf("a disk that fails is taken for a bad archive: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// tailWithin puts bytes behind the tar's end, inside of gzip.
func tailWithin(t *testing.T, plain []byte) []byte {
	zr, err := gzip.NewReader(bytes.NewReader(plain))
	must(t, err)
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	_, err = io.Copy(zw, zr)
	must(t, err)
	_, err = zw.Write(make([]byte, 512))
	must(t, err)
	must(t, zw.Close())
	return b.Bytes()
}

// otherVersion is an archive whose VERSION says another than its folder.
func otherVersion(t *testing.T) []byte {
	tr := &Tree{Version: "1.2.3", files: []File{{Name: "VERSION", Body: []byte("9.9.9\n")}}}
	return packed(t, tr)
}

// TestExtract: no link in the folder is followed, and nothing is written over.
func TestExtract(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	must(t, tree(t).Extract(dir))
	if body, err := os.ReadFile(filepath.Join(dir, "cmd/writ/main.go")); err != nil || string(body) != "package main\n" {
		t.Errorf("%q %v", body, err)
	}
	if err := tree(t).Extract(dir); err == nil {
		t.Error("files are written over")
	}
	dir = t.TempDir()
	must(t, os.Symlink(outside, filepath.Join(dir, "cmd")))
	if err := tree(t).Extract(dir); err == nil {
		t.Error("a link out of the folder is followed")
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Error("something was written outside")
	}
}

func TestVersions(t *testing.T) {
	for _, good := range []string{"1.2.3", "v1.2.3", "v0.2.0-rc.1", "1.0.0-1-2"} {
		if err := CheckVersion(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "unknown", "f24217a", "v1.2", "1", "v1.2.3-4-gf24217a", "v1.2.3-dirty", "v1.2.3-4-gf24217a-dirty", "1.2.3+meta", "../1.2.3", "1.2.3/..", "vv1.2.3", "1.2.3\n", "1.2.3-" + strings.Repeat("x", 64)} {
		if CheckVersion(bad) == nil {
			t.Errorf("%q is taken for a release", bad)
		}
	}
}

// TestAnyNames: whatever the names are, New refuses them or they come back.
func TestAnyNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[aA./\\ b-]{1,12}`), 1, 6, rapid.ID).Draw(t, "names")
		var files []File
		for _, name := range names {
			files = append(files, File{Name: name})
		}
		made, err := New("1.2.3", files)
		if err != nil {
			return
		}
		b, err := made.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		read, err := Read(bytes.NewReader(b))
		if err != nil || len(read.Files()) != len(files)+1 {
			t.Fatalf("%q: %v", names, err)
		}
		dir, err := os.MkdirTemp("", "writ")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if err := read.Extract(dir); err != nil {
			t.Fatalf("%q: %v", names, err)
		}
	})
}

// FuzzRead: reading ends, and what is read is written again.
func FuzzRead(f *testing.F) {
	f.Add(packed(f, tree(f)))
	f.Fuzz(func(t *testing.T, body []byte) {
		read, err := Read(bytes.NewReader(body))
		if err != nil {
			return
		}
		again, err := Read(bytes.NewReader(packed(t, read)))
		if err != nil || again.Version != read.Version || len(again.files) != len(read.files) {
			t.Fatalf("read in two ways: %v", err)
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
