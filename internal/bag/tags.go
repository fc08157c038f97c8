package bag

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"
)

// The names that RFC 8493 gives, and the list of objects.
const (
	bagitName       = "bagit.txt"
	infoName        = "bag-info.txt"
	fetchName       = "fetch.txt"
	objectsName     = "objects.jsonl"
	manifestName    = "manifest-sha256.txt"
	tagManifestName = "tagmanifest-sha256.txt"
)

const bagitText = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

// tagFile is a tag file whose length and hash are known before it is written.
type tagFile struct {
	name  string
	size  int64
	sum   string // SHA-256 in hex
	write func(io.Writer) error
}

func smallTag(name string, body []byte) tagFile {
	return tagFile{name, int64(len(body)), hexSum(body), func(w io.Writer) error {
		_, err := w.Write(body)
		return err
	}}
}

// streamedTag is made twice: now for its length and hash, later for the bag.
func streamedTag(name string, write func(io.Writer) error) (tagFile, error) {
	m := &meter{h: sha256.New()}
	if err := write(m); err != nil {
		return tagFile{}, err
	}
	return tagFile{name, m.n, hex.EncodeToString(m.h.Sum(nil)), write}, nil
}

// meter counts and hashes.
type meter struct {
	h hash.Hash
	n int64
}

func (m *meter) Write(p []byte) (int, error) {
	m.n += int64(len(p))
	return m.h.Write(p)
}

// tags packs what is beside the payload, in volumes of its own.
func (p *production) tags(ctx context.Context) error {
	if err := p.cut.finish(); err != nil {
		return err
	}
	if !p.state.extras {
		if err := p.extra(); err != nil {
			return err
		}
	}
	files, err := p.tagFiles(ctx)
	if err != nil {
		return fmt.Errorf("couldn't make the tag files: %w", err)
	}
	// The payload folder must be there even if nothing is in it (RFC 8493, 2.1.2).
	steps := []func() error{p.payloadFolder}
	for _, f := range files {
		steps = append(steps, func() error { return p.entry(f.name, f.size, p.plan.Date, f.write, nil) })
	}
	steps = append(steps, p.trailer)
	for i, step := range steps {
		if p.plan.Objects+int64(i) < p.cut.at.Entry {
			continue // it is in a volume that counts
		}
		if err := step(); err != nil {
			return fmt.Errorf("couldn't pack the tag files: %w", err)
		}
	}
	return p.cut.finish()
}

// extra asks the caller for its files and keeps them.
func (p *production) extra() error {
	var files []File
	if p.in.Extra != nil {
		var err error
		files, err = p.in.Extra(Summary{Case: p.in.Case, Date: p.plan.Date, Objects: p.plan.Objects, Bytes: p.plan.Bytes, Each: p.state.produced})
		if err != nil {
			return fmt.Errorf("couldn't make the files that go with the objects: %w", err)
		}
	}
	if err := checkFiles(files); err != nil {
		return err
	}
	return p.state.keepFiles(files)
}

func checkFiles(files []File) error {
	if len(files) > MaxFiles {
		return fmt.Errorf("%w: at most %d files go with the objects", ErrInput, MaxFiles)
	}
	seen, total := make(map[string]bool), 0
	for i, f := range files {
		if !isFileName(f.Name) || seen[f.Name] {
			return fmt.Errorf("%w: the name of file %d is taken, or isn't 1 to 64 lower-case letters, digits, \"-\", \"_\" and \".\"", ErrInput, i+1)
		}
		seen[f.Name] = true
		if total += len(f.Body); total > MaxFilesBytes {
			return fmt.Errorf("%w: the files that go with the objects are larger than %d bytes", ErrInput, MaxFilesBytes)
		}
	}
	return nil
}

func isFileName(s string) bool {
	if s == "" || len(s) > 64 || strings.ToLower(s) != s || escape(s) != s {
		return false
	}
	switch s {
	case bagitName, infoName, fetchName, objectsName, strings.TrimSuffix(payload, "/"):
		return false
	}
	return !strings.HasPrefix(s, "manifest-") && !strings.HasPrefix(s, "tagmanifest-")
}

// tagFiles are all tag files in the order in which they are packed; the last
// covers the others.
func (p *production) tagFiles(ctx context.Context) ([]tagFile, error) {
	extras, err := p.state.files()
	if err != nil {
		return nil, err
	}
	files := []tagFile{smallTag(bagitName, []byte(bagitText)), smallTag(infoName, p.info())}
	for _, f := range extras {
		files = append(files, smallTag(f.Name, f.Body))
	}
	objects, err := streamedTag(objectsName, func(w io.Writer) error { return p.writeObjects(ctx, w) })
	if err != nil {
		return nil, err
	}
	manifest, err := streamedTag(manifestName, func(w io.Writer) error { return p.writeManifest(ctx, w) })
	if err != nil {
		return nil, err
	}
	files = append(files, objects, manifest)
	var lines []string
	for _, f := range files {
		lines = append(lines, f.sum+"  "+f.name+"\n")
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	last := smallTag(tagManifestName, []byte(strings.Join(lines, "")))
	p.sum = last.sum
	return append(files, last), nil
}

// info is bag-info.txt (RFC 8493, 2.2.2). The salt keeps the hash of
// tagmanifest-sha256.txt, which is told to couriers, from saying anything.
func (p *production) info() []byte {
	var b strings.Builder
	for _, line := range append([][2]string{
		{"External-Identifier", string(p.plan.Case)},
		{"Bagging-Date", p.plan.Date.Format(time.DateOnly)},
		{"Payload-Oxum", fmt.Sprintf("%d.%d", p.plan.Bytes, p.plan.Objects)},
		{"Bag-Software-Agent", "Writ"},
		{"Writ-Salt", p.plan.Salt},
	}, p.plan.Info...) {
		fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
	}
	return []byte(b.String())
}

func (p *production) writeObjects(ctx context.Context, w io.Writer) error {
	for line, err := range p.state.records(recordObject) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			_, err = w.Write(append(line, '\n'))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *production) writeManifest(ctx context.Context, w io.Writer) error {
	for line, err := range p.state.records(recordObject) {
		var o Produced
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = json.Unmarshal(line, &o)
		}
		if err == nil {
			_, err = fmt.Fprintf(w, "%s  %s\n", o.SHA256, o.Path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *production) payloadFolder() error {
	if err := p.cut.entry(0, nil); err != nil {
		return err
	}
	w := tar.NewWriter(p.cut)
	h := &tar.Header{Typeflag: tar.TypeDir, Name: string(p.in.Case) + "/" + payload, Mode: 0o755, ModTime: tarTime(p.plan.Date)}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	return p.cut.done()
}

// trailer ends the tar stream.
func (p *production) trailer() error {
	if err := p.cut.entry(0, nil); err != nil {
		return err
	}
	if err := tar.NewWriter(p.cut).Close(); err != nil {
		return err
	}
	return p.cut.done()
}
