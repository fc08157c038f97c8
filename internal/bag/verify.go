package bag

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"writ/internal/printable"
)

const maxProblems = 100

// Report is what [Verify] found. A bag is valid when Problems is empty.
type Report struct {
	Objects int64 // files of the payload
	Bytes   int64 // of them
	// Manifest is the SHA-256 of tagmanifest-sha256.txt in hex, to be compared
	// with package.json and the letter; empty if there is none.
	Manifest string
	Info     [][2]string // the lines of bag-info.txt
	// Problems are sentences, safe to print, at most a hundred; More says
	// that there were others.
	Problems []string
	More     bool
}

// Valid reports whether the bag is complete and every hash fits.
func (r *Report) Valid() bool { return len(r.Problems) == 0 }

func (r *Report) problem(format string, args ...any) {
	if len(r.Problems) == maxProblems {
		r.More = true
		return
	}
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// algorithm is a kind of manifest that can be checked.
type algorithm struct {
	name string
	size int
	hash func() hash.Hash
}

// RFC 8493, 2.4, names these two; MD5 and SHA-1 prove nothing any more.
var algorithms = []algorithm{{"sha256", sha256.Size, sha256.New}, {"sha512", sha512.Size, sha512.New}}

// Verify checks an unpacked bag, whoever made it, by RFC 8493: that it is
// complete and that every file has the hash that each manifest says. It
// follows no symbolic link and leaves the folder nowhere. An error means that
// the check could not be made; what is wrong with the bag is in the report.
func Verify(dir string) (Report, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Report{}, fmt.Errorf("couldn't open the bag: %w", err)
	}
	defer root.Close()
	v := &verifier{root: root, report: new(Report), files: make(map[string]*bagFile)}
	for _, step := range []func() error{v.walk, v.declaration, v.payloadManifests, v.tagManifests, v.hashes, v.info} {
		if err := step(); err != nil {
			return Report{}, fmt.Errorf("couldn't check the bag: %w", err)
		}
	}
	return *v.report, nil
}

// bagFile is a file of the bag, and what manifests say of it.
type bagFile struct {
	size int64
	sums [2]string // by algorithm; empty where no manifest names it
}

type verifier struct {
	root   *os.Root
	report *Report
	files  map[string]*bagFile
	kinds  [2]bool // which payload manifests there are
}

func (v *verifier) walk() error {
	hasPayload := false
	err := fs.WalkDir(v.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			hasPayload = hasPayload || name == strings.TrimSuffix(payload, "/")
			return nil
		case !d.Type().IsRegular():
			v.report.problem("%s is neither a file nor a folder", printable.Line(name))
			return nil
		case len(v.files) == 2*MaxObjects:
			return fmt.Errorf("%w: it has more than %d files", ErrDamaged, 2*MaxObjects)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		v.files[name] = &bagFile{size: info.Size()}
		if strings.HasPrefix(name, payload) {
			v.report.Objects++
			v.report.Bytes += info.Size()
		}
		return nil
	})
	if err == nil && !hasPayload {
		v.report.problem("the folder data is missing")
	}
	return err
}

var versionLine = regexp.MustCompile(`^BagIt-Version: (1\.0|0\.9[3-7])$`)

func (v *verifier) declaration() error {
	body, err := v.small(bagitName)
	if err != nil || body == nil {
		return err
	}
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n"), "\n")
	if len(lines) != 2 || !versionLine.MatchString(lines[0]) || lines[1] != "Tag-File-Character-Encoding: UTF-8" {
		v.report.problem("bagit.txt doesn't declare a bag of version 1.0 in UTF-8")
	}
	return nil
}

// small reads a short tag file; nil, and a problem, if it isn't there.
func (v *verifier) small(name string) ([]byte, error) {
	file, ok := v.files[name]
	if !ok {
		v.report.problem("%s is missing", name)
		return nil, nil
	}
	if file.size > maxTagFile {
		v.report.problem("%s is longer than %d bytes", name, maxTagFile)
		return nil, nil
	}
	f, err := v.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxTagFile))
}

// open opens a file that was a regular one; a pipe that took its place since
// isn't waited for.
func (v *verifier) open(name string) (*os.File, error) {
	if info, err := v.root.Lstat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: a file was replaced during the check", ErrDamaged)
	}
	return v.root.Open(name)
}

func (v *verifier) payloadManifests() error {
	for i, a := range algorithms {
		name := "manifest-" + a.name + ".txt"
		if v.files[name] == nil {
			continue
		}
		v.kinds[i] = true
		if err := v.manifest(name, i, true); err != nil {
			return err
		}
	}
	if v.kinds == [2]bool{} {
		v.report.problem("there is no payload manifest with SHA-256 or SHA-512")
		return nil
	}
	for _, name := range v.names() {
		for i, a := range algorithms {
			if v.kinds[i] && strings.HasPrefix(name, payload) && v.files[name].sums[i] == "" {
				v.report.problem("%s is in no line of manifest-%s.txt", printable.Line(name), a.name)
			}
		}
	}
	return nil
}

func (v *verifier) tagManifests() error {
	for i, a := range algorithms {
		name := "tagmanifest-" + a.name + ".txt"
		if v.files[name] == nil {
			continue
		}
		if err := v.manifest(name, i, false); err != nil {
			return err
		}
	}
	if v.files[fetchName] != nil {
		v.report.problem("fetch.txt names files that are elsewhere; nothing is fetched")
	}
	return nil
}

// manifest reads a manifest of the payload, or of tag files.
func (v *verifier) manifest(name string, kind int, ofPayload bool) error {
	f, err := v.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return readManifest(f, algorithms[kind].size, func(n int, line manifestLine, err error) error {
		switch {
		case err != nil:
			v.report.problem("line %d of %s: %v", n, name, err)
			return nil
		case strings.HasPrefix(line.path, payload) != ofPayload, strings.HasPrefix(line.path, "tagmanifest-"):
			v.report.problem("line %d of %s names a file that it must not", n, name)
			return nil
		}
		file := v.files[line.path]
		switch {
		case file == nil:
			v.report.problem("%s is missing", printable.Line(line.path))
		case file.sums[kind] != "":
			v.report.problem("line %d of %s names a file again", n, name)
		default:
			file.sums[kind] = line.sum
		}
		return nil
	})
}

func (v *verifier) names() []string {
	names := make([]string, 0, len(v.files))
	for name := range v.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// hashes reads every file that a manifest names, once.
func (v *verifier) hashes() error {
	for _, name := range v.names() {
		file := v.files[name]
		if file.sums == [2]string{} && name != tagManifestName {
			continue
		}
		sums, err := v.hash(name)
		if err != nil {
			return err
		}
		for i, want := range file.sums {
			if want != "" && want != sums[i] {
				v.report.problem("%s isn't what manifest-%s.txt says", printable.Line(name), algorithms[i].name)
			}
		}
		if name == tagManifestName {
			v.report.Manifest = sums[0]
		}
	}
	return nil
}

func (v *verifier) hash(name string) (sums [2]string, err error) {
	f, err := v.open(name)
	if err != nil {
		return sums, err
	}
	defer f.Close()
	var hashes [2]hash.Hash
	var all []io.Writer
	for i, a := range algorithms {
		if i == 0 || v.files[name].sums[i] != "" {
			hashes[i] = a.hash()
			all = append(all, hashes[i])
		}
	}
	if _, err := io.Copy(io.MultiWriter(all...), f); err != nil {
		return sums, err
	}
	for i, h := range hashes {
		if h != nil {
			sums[i] = hex.EncodeToString(h.Sum(nil))
		}
	}
	return sums, nil
}

var oxum = regexp.MustCompile(`^([0-9]{1,18})\.([0-9]{1,18})$`)

// info reads bag-info.txt, which may be missing, and checks the one line that
// can be.
func (v *verifier) info() error {
	if v.files[infoName] == nil {
		return nil
	}
	body, err := v.small(infoName)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, maxTagFile+1)
	lines.Split(anyLine)
	for lines.Scan() {
		v.infoLine(lines.Text())
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return err
	}
	for _, line := range v.report.Info {
		if !strings.EqualFold(line[0], "Payload-Oxum") {
			continue
		}
		m := oxum.FindStringSubmatch(line[1])
		if m == nil || m[1] != strconv.FormatInt(v.report.Bytes, 10) || m[2] != strconv.FormatInt(v.report.Objects, 10) {
			v.report.problem("Payload-Oxum of bag-info.txt says %s, there are %d bytes in %d files", printable.Line(line[1]), v.report.Bytes, v.report.Objects)
		}
	}
	return nil
}

// infoLine takes one line; one that begins with a blank goes on with the last.
func (v *verifier) infoLine(text string) {
	info := v.report.Info
	if n := len(info); n > 0 && text != "" && (text[0] == ' ' || text[0] == '\t') {
		info[n-1][1] += " " + strings.TrimSpace(text)
		return
	}
	label, value, ok := strings.Cut(text, ":")
	switch {
	case text == "":
	case !ok || len(info) == maxInfo+len(reservedLabels):
		v.report.problem("bag-info.txt has a line without a label, or too many lines")
	default:
		v.report.Info = append(info, [2]string{strings.TrimSpace(label), strings.TrimSpace(value)})
	}
}
