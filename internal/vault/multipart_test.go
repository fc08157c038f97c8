package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"writ"
	"writ/internal/blob"
)

// pattern returns n bytes that differ from place to place and seed to seed.
func pattern(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, 7))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func (r *rig) begin1(s Session, bucket writ.BucketName, key writ.ObjectKey) UploadRef {
	r.t.Helper()
	up, err := r.BeginUpload(r.ctx, s, BeginInput{Bucket: bucket, Key: key})
	if err != nil {
		r.t.Fatal(err)
	}
	return UploadRef{Bucket: bucket, Key: key, ID: up.ID}
}

func (r *rig) part(s Session, ref UploadRef, number int, body []byte) CompletePart {
	r.t.Helper()
	p, err := r.PutPart(r.ctx, s, PartInput{UploadRef: ref, Number: number, Body: bytes.NewReader(body), Size: int64(len(body))})
	if err != nil {
		r.t.Fatalf("part %d: %v", number, err)
	}
	return CompletePart{Number: number, ETag: p.ETag}
}

func (r *rig) complete(s Session, ref UploadRef, parts ...CompletePart) Version {
	r.t.Helper()
	v, err := r.CompleteUpload(r.ctx, s, CompleteInput{UploadRef: ref, Parts: parts, Size: -1})
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// wantEmpty checks that no blob and no record of parts, uploads or blobs'
// owners is left, nor any usage.
func (r *rig) wantEmpty(s Session) {
	r.t.Helper()
	if _, err := r.sweepDrops(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	if n := len(r.keys("mpxrd")); n > 0 {
		r.t.Fatalf("%d records are left: %q", n, r.keys("mpxrd"))
	}
	if u, err := r.Usage(r.ctx, s.Customer); err != nil || u != (Usage{}) {
		r.t.Fatalf("usage is %+v (%v)", u, err)
	}
	r.wantClean()
}

// wantClean checks that fsck finds nothing.
func (r *rig) wantClean() Report {
	r.t.Helper()
	report, err := r.Fsck(r.ctx, FsckOptions{Settle: 1})
	if err != nil {
		r.t.Fatal(err)
	}
	if !report.Clean() {
		r.t.Fatalf("fsck found damage %+v, orphans %+v", report.Damage, report.Orphans)
	}
	return report
}

func TestUploadInParts(t *testing.T) {
	t.Run("memory", func(t *testing.T) { uploadInParts(t, newRig(t)) })
	t.Run("disk", func(t *testing.T) { uploadInParts(t, newDiskRig(t)) })
}

func uploadInParts(t *testing.T, r *rig) {
	r.bucket(r.clinic, "scans", Unversioned)
	ref := r.begin1(r.clinic, "scans", "ward/4.dcm")
	one, two, three := pattern(1, MinPartSize), pattern(2, MinPartSize+70_000), pattern(3, 1234)
	// Out of order, one of them sent twice, one not listed at the end.
	p3 := r.part(r.clinic, ref, 9, three)
	r.part(r.clinic, ref, 2, pattern(4, 99))
	p1 := r.part(r.clinic, ref, 2, one)
	r.part(r.clinic, ref, 4, pattern(5, 4000))
	p2 := r.part(r.clinic, ref, 7, two)

	page, err := r.Parts(r.ctx, r.clinic, ref, 2, 2)
	if err != nil || len(page.Parts) != 2 || page.Parts[0].Number != 4 || page.Next != 7 || !page.Truncated {
		t.Fatalf("page of parts is %+v (%v)", page, err)
	}
	if u, _ := r.Usage(r.ctx, r.clinic.Customer); u != (Usage{Bytes: int64(len(one) + len(two) + len(three) + 4000)}) {
		t.Fatalf("usage with parts is %+v", u)
	}
	v := r.complete(r.clinic, ref, p1, p2, p3)
	whole := bytes.Join([][]byte{one, two, three}, nil)
	if v.Size != int64(len(whole)) || v.Parts != 3 || !strings.HasSuffix(v.ETag, "-3") {
		t.Fatalf("version is %+v", v)
	}
	r.want(r.clinic, v.ObjectRef, string(whole))
	r.wantUsage(r.clinic)
	r.wantClean()

	// The same completion again, as after a lost answer.
	again := r.complete(r.clinic, ref, p1, p2, p3)
	if again.ETag != v.ETag || again.Version != v.Version {
		t.Fatalf("repeated completion answers %+v, not %+v", again, v)
	}
	_, err = r.CompleteUpload(r.ctx, r.clinic, CompleteInput{UploadRef: ref, Parts: []CompletePart{p1, p2}, Size: -1})
	wantError(t, err, ErrNoUpload)
	_, err = r.PutPart(r.ctx, r.clinic, PartInput{UploadRef: ref, Number: 1, Body: strings.NewReader("late"), Size: 4})
	wantError(t, err, ErrNoUpload)
	wantError(t, r.AbortUpload(r.ctx, r.clinic, ref), ErrNoUpload)
	r.wantClean()

	// Parts by number, and ranges that begin and end in any of them.
	for i, part := range [][]byte{one, two, three} {
		o, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: v.ObjectRef, Part: i + 1})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(o.Body)
		o.Body.Close()
		if err != nil || !bytes.Equal(got, part) {
			t.Fatalf("part %d has %d bytes (%v), not %d", i+1, len(got), err, len(part))
		}
	}
	_, err = r.Get(r.ctx, r.clinic, GetInput{ObjectRef: v.ObjectRef, Part: 4})
	wantError(t, err, ErrInvalidPart)
	for range 60 {
		off := rand.Int64N(v.Size)
		n := rand.Int64N(min(v.Size-off, 3*64<<10)) + 1
		if got := r.stretch(v, off, n); !bytes.Equal(got, whole[off:off+n]) {
			t.Fatalf("range of %d bytes at %d differs", n, off)
		}
	}

	if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "scans", Key: v.Key}}); err != nil {
		t.Fatal(err)
	}
	r.wantEmpty(r.clinic)
}

// stretch reads a range, with Read or with WriteTo.
func (r *rig) stretch(v Version, off, n int64) []byte {
	r.t.Helper()
	o, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: v.ObjectRef, Range: func(int64) (int64, int64, error) { return off, n, nil }})
	if err != nil {
		r.t.Fatal(err)
	}
	defer o.Body.Close()
	var got bytes.Buffer
	if n%2 == 0 {
		_, err = o.Body.(io.WriterTo).WriteTo(&got)
	} else {
		_, err = io.Copy(&got, struct{ io.Reader }{o.Body})
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return got.Bytes()
}

func TestCompleteRefuses(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	ref := r.begin1(r.clinic, "scans", "a")
	small := r.part(r.clinic, ref, 1, pattern(1, 1000))
	last := r.part(r.clinic, ref, 2, pattern(2, 10))
	none := CompletePart{Number: 3, ETag: last.ETag}
	for name, c := range map[string]struct {
		in   CompleteInput
		want error
	}{
		"no parts":      {CompleteInput{Size: -1}, ErrNoParts},
		"order":         {CompleteInput{Size: -1, Parts: []CompletePart{last, small}}, ErrPartOrder},
		"twice":         {CompleteInput{Size: -1, Parts: []CompletePart{small, small}}, ErrPartOrder},
		"number":        {CompleteInput{Size: -1, Parts: []CompletePart{{Number: 0, ETag: last.ETag}}}, ErrPartNumber},
		"high number":   {CompleteInput{Size: -1, Parts: []CompletePart{{Number: 10_001, ETag: last.ETag}}}, ErrPartNumber},
		"too small":     {CompleteInput{Size: -1, Parts: []CompletePart{small, last}}, ErrPartTooSmall},
		"missing":       {CompleteInput{Size: -1, Parts: []CompletePart{none}}, ErrInvalidPart},
		"other etag":    {CompleteInput{Size: -1, Parts: []CompletePart{{Number: 2, ETag: small.ETag}}}, ErrInvalidPart},
		"checksum":      {CompleteInput{Size: -1, Parts: []CompletePart{{Number: 2, ETag: last.ETag, Checksum: Checksum{Algorithm: "SHA256", Value: "AA=="}}}}, ErrInvalidPart},
		"size":          {CompleteInput{Size: 11, Parts: []CompletePart{last}}, ErrUploadSize},
		"if match":      {CompleteInput{Size: -1, Parts: []CompletePart{last}, IfMatch: "x"}, ErrNoKey},
		"other bucket":  {CompleteInput{Size: -1, Parts: []CompletePart{last}, UploadRef: UploadRef{Bucket: "nowhere", Key: "a", ID: ref.ID}}, ErrNoBucket},
		"other key":     {CompleteInput{Size: -1, Parts: []CompletePart{last}, UploadRef: UploadRef{Bucket: "scans", Key: "b", ID: ref.ID}}, ErrNoUpload},
		"no upload":     {CompleteInput{Size: -1, Parts: []CompletePart{last}, UploadRef: UploadRef{Bucket: "scans", Key: "a", ID: "../../x"}}, ErrNoUpload},
		"upper case id": {CompleteInput{Size: -1, Parts: []CompletePart{last}, UploadRef: UploadRef{Bucket: "scans", Key: "a", ID: strings.ToUpper(ref.ID)}}, ErrNoUpload},
	} {
		t.Run(name, func(t *testing.T) {
			if c.in.Bucket == "" {
				c.in.UploadRef = ref
			}
			_, err := r.CompleteUpload(r.ctx, r.clinic, c.in)
			wantError(t, err, c.want)
		})
	}
	for _, number := range []int{0, -1, 10_001} {
		_, err := r.PutPart(r.ctx, r.clinic, PartInput{UploadRef: ref, Number: number, Body: strings.NewReader("x"), Size: 1})
		wantError(t, err, ErrPartNumber)
	}
	// After all that the upload is as it was.
	r.put(r.clinic, "scans", "a", "before")
	_, err := r.CompleteUpload(r.ctx, r.clinic, CompleteInput{UploadRef: ref, Size: -1, Parts: []CompletePart{last}, IfNoneMatch: "*"})
	wantError(t, err, ErrPrecondition)
	v := r.complete(r.clinic, ref, CompletePart{Number: 2, ETag: `"` + last.ETag + `"`})
	r.want(r.clinic, v.ObjectRef, string(pattern(2, 10)))
	r.wantUsage(r.clinic)
	r.wantClean()
}

func TestUploadChecksums(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	bodies := [][]byte{pattern(1, MinPartSize), pattern(2, 500)}
	whole := bytes.Join(bodies, nil)
	for _, c := range []struct {
		name, algorithm string // of the upload
		sent            string // that parts carry
		sum             Checksum
		want            Checksum
		err             error
	}{
		{"whole", "CRC32C", "CRC32C", Checksum{Algorithm: "CRC32C", Value: crcOf("CRC32C", whole)}, Checksum{Algorithm: "CRC32C", Value: crcOf("CRC32C", whole)}, nil},
		{"by default", "", "CRC64NVME", Checksum{}, Checksum{Algorithm: "CRC64NVME", Value: crcOf("CRC64NVME", whole)}, nil},
		{"parts have another", "", "CRC32", Checksum{}, Checksum{}, nil},
		{"wrong", "CRC32", "CRC32", Checksum{Algorithm: "CRC32", Value: crcOf("CRC32", whole[1:])}, Checksum{}, ErrChecksum},
	} {
		t.Run(c.name, func(t *testing.T) {
			up, err := r.BeginUpload(r.ctx, r.clinic, BeginInput{Bucket: "scans", Key: "a", ChecksumAlgorithm: c.algorithm})
			if err != nil {
				t.Fatal(err)
			}
			ref := UploadRef{Bucket: "scans", Key: "a", ID: up.ID}
			in := CompleteInput{UploadRef: ref, Size: int64(len(whole)), Checksum: c.sum}
			for i, body := range bodies {
				sum := Checksum{Algorithm: c.sent, Value: crcOf(c.sent, body)}
				p, err := r.PutPart(r.ctx, r.clinic, PartInput{
					UploadRef: ref, Number: i + 1, Body: bytes.NewReader(body), Size: int64(len(body)),
					Checksum: func() (Checksum, error) { return sum, nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				in.Parts = append(in.Parts, CompletePart{Number: i + 1, ETag: p.ETag, Checksum: sum})
			}
			v, err := r.CompleteUpload(r.ctx, r.clinic, in)
			wantError(t, err, c.err)
			if c.err != nil {
				return
			}
			if v.Checksum != c.want {
				t.Fatalf("checksum of the whole is %+v, not %+v", v.Checksum, c.want)
			}
		})
	}
	up, err := r.BeginUpload(r.ctx, r.clinic, BeginInput{Bucket: "scans", Key: "a", ChecksumAlgorithm: "SHA256", ChecksumComposite: true})
	if err != nil {
		t.Fatal(err)
	}
	in := PartInput{UploadRef: UploadRef{Bucket: "scans", Key: "a", ID: up.ID}, Number: 1, Body: strings.NewReader("x"), Size: 1}
	_, err = r.PutPart(r.ctx, r.clinic, in)
	wantError(t, err, ErrPartChecksum)
	mismatch := errors.New("body is not what its digest says")
	in.Body, in.Checksum = strings.NewReader("x"), func() (Checksum, error) { return Checksum{}, mismatch }
	_, err = r.PutPart(r.ctx, r.clinic, in)
	wantError(t, err, mismatch)
	_, err = r.BeginUpload(r.ctx, r.clinic, BeginInput{Bucket: "scans", Key: "a", ChecksumAlgorithm: "SHA256"})
	wantError(t, err, ErrChecksumType)
	r.wantClean()
}

func TestAbortFreesParts(t *testing.T) {
	t.Run("memory", func(t *testing.T) { abortFreesParts(t, newRig(t)) })
	t.Run("disk", func(t *testing.T) { abortFreesParts(t, newDiskRig(t)) })
}

func abortFreesParts(t *testing.T, r *rig) {
	r.bucket(r.clinic, "scans", Unversioned)
	ref := r.begin1(r.clinic, "scans", "a")
	for i := range 600 { // more than one step
		r.part(r.clinic, ref, i+1, pattern(uint64(i), 20))
	}
	r.part(r.clinic, ref, 10_000, pattern(1, 3<<20))
	if err := r.AbortUpload(r.ctx, r.clinic, ref); err != nil {
		t.Fatal(err)
	}
	_, err := r.Parts(r.ctx, r.clinic, ref, 0, 10)
	wantError(t, err, ErrNoUpload)
	r.wantEmpty(r.clinic)
}

func TestBrokenPartsLeaveNothing(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	ref := r.begin1(r.clinic, "scans", "a")
	for _, size := range []int64{100, 3 << 20} {
		_, err := r.PutPart(r.ctx, r.clinic, PartInput{UploadRef: ref, Number: 1, Body: bytes.NewReader(pattern(1, int(size)-1)), Size: size})
		wantError(t, err, ErrIncomplete)
		_, err = r.PutPart(r.ctx, r.clinic, PartInput{UploadRef: ref, Number: 1, Body: bytes.NewReader(pattern(1, int(size)+1)), Size: size})
		wantError(t, err, ErrTooLong)
	}
	if len(r.refs()) != 0 {
		t.Fatalf("broken parts left %d blobs", len(r.refs()))
	}
	r.wantClean()
}

// TestPartsRaceCompletion sends parts while the upload is completed or
// aborted: each part either counts or leaves nothing.
func TestPartsRaceCompletion(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	for round := range 12 {
		ref := r.begin1(r.clinic, "scans", writ.ObjectKey(fmt.Sprint("k", round)))
		last := r.part(r.clinic, ref, 10_000, []byte("last"))
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 20 {
					body := pattern(uint64(i), 300)
					_, err := r.PutPart(r.ctx, r.clinic, PartInput{UploadRef: ref, Number: 1 + (w+i)%7, Body: bytes.NewReader(body), Size: 300})
					if err != nil && !errors.Is(err, ErrNoUpload) {
						t.Error(err)
					}
				}
			})
		}
		wg.Go(func() {
			if round%2 == 0 {
				if err := r.AbortUpload(r.ctx, r.clinic, ref); err != nil {
					t.Error(err)
				}
				return
			}
			v, err := r.CompleteUpload(r.ctx, r.clinic, CompleteInput{UploadRef: ref, Parts: []CompletePart{last}, Size: 4})
			if err != nil || v.Size != 4 {
				t.Errorf("completion under fire: %+v, %v", v, err)
			}
		})
		wg.Wait()
	}
	if n := len(r.keys("m")); n > 0 {
		t.Fatalf("%d uploads are left", n)
	}
	r.wantUsage(r.clinic)
	if report := r.wantClean(); report.Parts != 6 {
		t.Fatalf("%d parts are left of 6 completed uploads of one", report.Parts)
	}
}

func TestReadersOfPartsOutliveDeletion(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	r.minPart = 1
	ref := r.begin1(r.clinic, "scans", "a")
	var list []CompletePart
	var whole []byte
	for i := range 300 {
		body := pattern(uint64(i), 500)
		list = append(list, r.part(r.clinic, ref, 2*i+1, body))
		whole = append(whole, body...)
	}
	v := r.complete(r.clinic, ref, list...)
	o, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: v.ObjectRef})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1000)
	if _, err := io.ReadFull(o.Body, got); err != nil {
		t.Fatal(err)
	}
	r.put(r.clinic, "scans", "a", "overwritten")
	if n, err := r.sweepDrops(r.ctx); n != 0 || err != nil {
		t.Fatalf("%d parts went under a reader (%v)", n, err)
	}
	rest, err := io.ReadAll(o.Body)
	if err != nil || !bytes.Equal(append(got, rest...), whole) {
		t.Fatalf("reader got %d more bytes, then %v", len(rest), err)
	}
	o.Body.Close()
	if n, err := r.sweepDrops(r.ctx); n != 300 || err != nil {
		t.Fatalf("%d parts went after the reader (%v)", n, err)
	}
	r.wantUsage(r.clinic)
	r.wantClean()
}

func TestTenThousandParts(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	r.minPart = 1
	ref := r.begin1(r.clinic, "scans", "a")
	list := make([]CompletePart, MaxParts)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := w; i < MaxParts; i += 8 {
				body := fmt.Appendf(nil, "part %05d.", i)
				p, err := r.PutPart(r.ctx, r.clinic, PartInput{UploadRef: ref, Number: i + 1, Body: bytes.NewReader(body), Size: int64(len(body))})
				if err != nil {
					t.Error(err)
					return
				}
				list[i] = CompletePart{Number: i + 1, ETag: p.ETag}
			}
		})
	}
	wg.Wait()
	v := r.complete(r.clinic, ref, list...)
	const each = int64(len("part 00000."))
	if v.Size != each*MaxParts || v.Parts != MaxParts {
		t.Fatalf("version has %d bytes in %d parts", v.Size, v.Parts)
	}
	for _, i := range []int64{0, 1, 127, 128, 129, 5000, 9999} {
		if got, want := string(r.stretch(v, i*each, each)), fmt.Sprintf("part %05d.", i); got != want {
			t.Fatalf("part %d reads %q", i, got)
		}
		o, err := r.Head(r.ctx, r.clinic, GetInput{ObjectRef: v.ObjectRef, Part: int(i) + 1})
		if err != nil || o.Offset != i*each || o.Length != each {
			t.Fatalf("part %d is %d bytes at %d (%v)", i, o.Length, o.Offset, err)
		}
	}
	page, err := r.ObjectParts(r.ctx, r.clinic, v.ObjectRef, 9_000, 1000)
	if err != nil || len(page.Parts) != 1000 || page.Truncated || page.Parts[0].Number != 9001 {
		t.Fatalf("page of %d parts from %+v (%v)", len(page.Parts), page.Parts[0], err)
	}
	// A range opens only the parts that it touches.
	counting := &countingBlobs{Store: r.blobs}
	r.Vault.blobs = counting
	r.stretch(v, 5000*each+1, each)
	if counting.opened != 2 {
		t.Fatalf("a range over two parts opened %d", counting.opened)
	}
	r.Vault.blobs = r.blobs
	if _, err := r.Delete(r.ctx, r.clinic, DeleteInput{ObjectRef: ObjectRef{Bucket: "scans", Key: "a"}}); err != nil {
		t.Fatal(err)
	}
	r.wantEmpty(r.clinic)
}

type countingBlobs struct {
	blob.Store
	opened int
}

func (c *countingBlobs) Open(ctx context.Context, ref blob.Ref) (blob.Reader, error) {
	c.opened++
	return c.Store.Open(ctx, ref)
}

func TestCopyPart(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	source := r.put(r.clinic, "scans", "source", string(pattern(1, 200_000)))
	ref := r.begin1(r.clinic, "scans", "a")
	p, err := r.CopyPart(r.ctx, r.clinic, CopyPartInput{
		UploadRef: ref, Number: 1, Source: ObjectRef{Bucket: "scans", Key: "source"},
		Range: func(size int64) (int64, int64, error) { return 70_000, 100_000, nil },
	})
	if err != nil || p.Size != 100_000 || p.Source.ETag != source.ETag {
		t.Fatalf("copied part is %+v (%v)", p, err)
	}
	v := r.complete(r.clinic, ref, CompletePart{Number: 1, ETag: p.ETag})
	r.want(r.clinic, v.ObjectRef, string(pattern(1, 200_000)[70_000:170_000]))
	_, err = r.CopyPart(r.ctx, r.clinic, CopyPartInput{UploadRef: r.begin1(r.clinic, "scans", "b"), Number: 1, Source: ObjectRef{Bucket: "scans", Key: "none"}})
	wantError(t, err, ErrNoKey)
	var about *SourceError
	if !errors.As(err, &about) {
		t.Fatalf("error of the source is %T", err)
	}
}

// Ids of uploads sort by when they began, also within a millisecond.
func TestUploadIDsSort(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	before := ""
	for range 5000 {
		id := newUploadID(now, "kept", "key")
		if id <= before {
			t.Fatalf("%s was made after %s and sorts before it", id, before)
		}
		if !validUploadID(id, "kept", "key") || validUploadID(id, "kept", "other") {
			t.Fatalf("%s is not told from an id of another upload", id)
		}
		before, now = id, now.Add(500*time.Nanosecond)
	}
}
