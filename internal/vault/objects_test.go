package vault

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"writ"
)

// eachRig runs a test over rooms in memory and on disk.
func eachRig(t *testing.T, fn func(t *testing.T, r *rig)) {
	t.Run("memory", func(t *testing.T) { fn(t, newRig(t)) })
	t.Run("disk", func(t *testing.T) { fn(t, newDiskRig(t)) })
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// sizes are those at which the way of a body changes.
var sizes = []int{
	0, 1, 4 << 10, inlineLimit - 1, inlineLimit, inlineLimit + 1, 64 << 10, 64<<10 + 1, 200 << 10,
	segmentLimit - 1, segmentLimit, segmentLimit + 1, 3<<20 + 17,
}

func TestObjectsOfAllSizesComeBack(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		r.bucket(r.clinic, "scans", Unversioned)
		for _, size := range sizes {
			body := random(size)
			for _, declared := range []int64{int64(size), -1} {
				key := writ.ObjectKey(fmt.Sprintf("object-%d-%d", size, declared))
				made, err := r.Put(r.ctx, r.clinic, PutInput{Bucket: "scans", Key: key, Body: iotest.HalfReader(bytes.NewReader(body)), Size: declared})
				if err != nil {
					t.Fatalf("%s: %v", key, err)
				}
				if made.Size != int64(size) || made.ObjectRef.Version != writ.NullVersion {
					t.Fatalf("%s: made %+v", key, made)
				}
				ref := ObjectRef{Bucket: "scans", Key: key}
				got, err := r.read(r.clinic, ref)
				if err != nil || !bytes.Equal(got, body) {
					t.Fatalf("%s: %d bytes came back, error %v", key, len(got), err)
				}
				o, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: ref})
				if err != nil {
					t.Fatal(err)
				}
				var whole bytes.Buffer
				if n, err := o.Body.(io.WriterTo).WriteTo(&whole); err != nil || n != int64(size) || !bytes.Equal(whole.Bytes(), body) {
					t.Fatalf("%s: WriteTo gave %d bytes, error %v", key, n, err)
				}
				o.Body.Close()
				o.Body.Close()
			}
		}
		r.wantUsage(r.clinic)
		for _, key := range r.keys("o") {
			n, err := parseHead(key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "scans", Key: n.key}}); err != nil {
				t.Fatal(err)
			}
		}
		if left := r.keys("ovdrp"); len(left) > 0 {
			t.Fatalf("%d records are left after all was deleted, one begins with %q", len(left), left[0][0])
		}
		r.wantUsage(r.clinic)
	})
}

func TestRanges(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	for _, size := range []int{0, 100, inlineLimit + 100, 200 << 10, segmentLimit + 70<<10} {
		body := random(size)
		key := writ.ObjectKey(fmt.Sprint(size))
		r.put(r.clinic, "scans", key, string(body))
		for _, at := range [][2]int{{0, 0}, {0, 1}, {size / 2, size / 4}, {size - 1, 1}, {0, size}, {size, 0}, {64<<10 - 1, 2}} {
			off, n := at[0], at[1]
			o, err := r.Get(r.ctx, r.clinic, GetInput{
				ObjectRef: ObjectRef{Bucket: "scans", Key: key},
				Range:     func(int64) (int64, int64, error) { return int64(off), int64(n), nil },
			})
			if off < 0 || off+n > size {
				wantError(t, err, ErrRange)
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(o.Body)
			if err != nil || !bytes.Equal(got, body[off:off+n]) {
				t.Fatalf("%d bytes from %d of %d: got %d, error %v", n, off, size, len(got), err)
			}
			o.Body.Close()
		}
	}
	none := errors.New("no such range")
	_, err := r.Get(r.ctx, r.clinic, GetInput{
		ObjectRef: ObjectRef{Bucket: "scans", Key: "100"}, Range: func(int64) (int64, int64, error) { return 0, 0, none },
	})
	wantError(t, err, none)
	_, err = r.Get(r.ctx, r.clinic, GetInput{ObjectRef: ObjectRef{Bucket: "scans", Key: "100"}, Part: 2})
	wantError(t, err, ErrInvalidPart)
}

// What goes wrong with a body leaves nothing behind.
func TestBrokenBodiesLeaveNothing(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		r.bucket(r.clinic, "scans", Unversioned)
		before := r.refs()
		broken := errors.New("connection reset")
		wrong := errors.New("digest differs")
		for _, size := range sizes {
			body := random(size)
			cases := []struct {
				name string
				in   PutInput
				want error
			}{
				{"short", PutInput{Body: bytes.NewReader(body), Size: int64(size + 1)}, ErrIncomplete},
				{"long", PutInput{Body: bytes.NewReader(append(body, 0)), Size: int64(size)}, ErrTooLong},
				{"broken", PutInput{Body: io.MultiReader(bytes.NewReader(body), iotest.ErrReader(broken)), Size: int64(size)}, broken},
				{"broken, size unknown", PutInput{Body: io.MultiReader(bytes.NewReader(body), iotest.ErrReader(broken)), Size: -1}, broken},
				{"unexpected end, size unknown", PutInput{Body: io.MultiReader(bytes.NewReader(body), iotest.ErrReader(io.ErrUnexpectedEOF)), Size: -1}, io.ErrUnexpectedEOF},
				{"wrong digest", PutInput{Body: bytes.NewReader(body), Size: int64(size), Checksum: func() (Checksum, error) { return Checksum{}, wrong }}, wrong},
				{"condition", PutInput{Body: bytes.NewReader(body), Size: int64(size), IfMatch: "x"}, ErrNoKey},
			}
			for _, c := range cases {
				c.in.Bucket, c.in.Key = "scans", "x"
				_, err := r.Put(r.ctx, r.clinic, c.in)
				if !errors.Is(err, c.want) {
					t.Fatalf("%d bytes, %s: %v", size, c.name, err)
				}
			}
		}
		// What was written and given up is dead: in a segment it waits to be
		// reclaimed, as a file it is gone.
		for ref := range r.refs() {
			if _, err := r.blobs.Open(r.ctx, ref); err == nil && !before[ref] && !r.isDead(ref) {
				t.Fatalf("%v is an orphan", ref)
			}
		}
		if left := r.keys("ovdrp"); len(left) > 0 {
			t.Fatalf("%d records are left", len(left))
		}
		r.wantUsage(r.clinic)
	})
}

func TestConditionalReads(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	v := r.put(r.clinic, "scans", "a", "one")
	at := v.Modified.Truncate(time.Second)
	for name, c := range map[string]struct {
		Conditions
		want error
	}{
		"none":                   {Conditions{}, nil},
		"match":                  {Conditions{IfMatch: v.ETag}, nil},
		"match, quoted, in list": {Conditions{IfMatch: `"x", "` + v.ETag + `"`}, nil},
		"match any":              {Conditions{IfMatch: "*"}, nil},
		"match other":            {Conditions{IfMatch: "x"}, ErrPrecondition},
		"none match":             {Conditions{IfNoneMatch: v.ETag}, ErrNotModified},
		"none match other":       {Conditions{IfNoneMatch: "x"}, nil},
		"modified since":         {Conditions{IfModifiedSince: at.Add(-time.Second)}, nil},
		"not modified since":     {Conditions{IfModifiedSince: at}, ErrNotModified},
		"unmodified since":       {Conditions{IfUnmodifiedSince: at}, nil},
		"not unmodified since":   {Conditions{IfUnmodifiedSince: at.Add(-time.Second)}, ErrPrecondition},
		"match beats unmodified": {Conditions{IfMatch: v.ETag, IfUnmodifiedSince: at.Add(-time.Second)}, nil},
		"etag beats modified":    {Conditions{IfNoneMatch: "x", IfModifiedSince: at}, nil},
	} {
		o, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: ObjectRef{Bucket: "scans", Key: "a"}, Conditions: c.Conditions})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if o.Body != nil {
			o.Body.Close()
		}
		if c.want != nil && o.ETag != v.ETag {
			t.Errorf("%s: the answer has no version", name)
		}
	}
}

func TestCopies(t *testing.T) {
	eachRig(t, func(t *testing.T, r *rig) {
		r.bucket(r.clinic, "scans", Unversioned)
		r.bucket(r.press, "proofs", VersioningEnabled)
		for _, size := range sizes {
			body := random(size)
			in := PutInput{Bucket: "scans", Key: "a", Body: bytes.NewReader(body), Size: int64(size)}
			in.Meta = Meta{ContentType: "text/plain", User: map[string]string{"by": "Ines Calder"}}
			in.Tags = map[string]string{"kind": "scan"}
			from, err := r.Put(r.ctx, r.clinic, in)
			if err != nil {
				t.Fatal(err)
			}
			made, err := r.Copy(r.ctx, r.press, CopyInput{
				Source: ObjectRef{Bucket: "scans", Key: "a"}, To: PutInput{Bucket: "proofs", Key: "b"}, KeepMeta: true, KeepTags: true,
			})
			if err != nil {
				t.Fatal(err)
			}
			if made.ETag == from.ETag || made.Owner != r.press.Customer || made.Meta.User["by"] != "Ines Calder" || made.Tags["kind"] != "scan" {
				t.Fatalf("copy is %+v", made)
			}
			r.want(r.press, ObjectRef{Bucket: "proofs", Key: "b"}, string(body))
		}
		_, err := r.Copy(r.ctx, r.clinic, CopyInput{
			Source: ObjectRef{Bucket: "scans", Key: "a"}, To: PutInput{Bucket: "scans", Key: "a"}, KeepMeta: true,
		})
		wantError(t, err, ErrSameObject)
		_, err = r.Copy(r.ctx, r.clinic, CopyInput{Source: ObjectRef{Bucket: "scans", Key: "b"}, To: PutInput{Bucket: "scans", Key: "a"}})
		var source *SourceError
		if !errors.As(err, &source) || !errors.Is(err, ErrNoKey) {
			t.Fatalf("copy of nothing: %v", err)
		}
		_, err = r.Copy(r.ctx, r.clinic, CopyInput{
			Source: ObjectRef{Bucket: "scans", Key: "a"}, To: PutInput{Bucket: "scans", Key: "c"}, Conditions: Conditions{IfNoneMatch: "*"},
		})
		wantError(t, err, ErrPrecondition)
		r.wantUsage(r.clinic)
		r.wantUsage(r.press)
	})
}
