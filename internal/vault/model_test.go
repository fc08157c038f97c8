package vault

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"writ"
	"writ/internal/blob"
	"writ/internal/gate"
	"writ/internal/records"
)

// A model is what S3 says of one bucket, as plainly as can be.
type model struct {
	versioning Versioning
	lock       bool
	keys       map[string][]modelVersion // newest first
}

type modelVersion struct {
	id     writ.VersionID
	marker bool
	body   string
	etag   string
	tag    string
	hold   bool
	until  Retention
}

func (m *model) push(key string, v modelVersion) {
	versions := m.keys[key]
	if v.id == writ.NullVersion {
		versions = slices.DeleteFunc(slices.Clone(versions), func(o modelVersion) bool { return o.id == writ.NullVersion })
	}
	m.keys[key] = append([]modelVersion{v}, versions...)
}

func (m *model) find(key string, id writ.VersionID) int {
	if id == "" && len(m.keys[key]) > 0 {
		return 0
	}
	return slices.IndexFunc(m.keys[key], func(v modelVersion) bool { return v.id == id })
}

func (m *model) drop(key string, i int) {
	m.keys[key] = slices.Delete(slices.Clone(m.keys[key]), i, i+1)
	if len(m.keys[key]) == 0 {
		delete(m.keys, key)
	}
}

// items lists what a listing shows, in order: of versions all, else the
// current ones; each is "key id" or a common prefix.
func (m *model) items(prefix, delimiter string, versions bool) (items []string) {
	names := make([]string, 0, len(m.keys))
	for k := range m.keys {
		names = append(names, k)
	}
	slices.Sort(names)
	seen := map[string]bool{}
	for _, k := range names {
		if !strings.HasPrefix(k, prefix) || !versions && m.keys[k][0].marker {
			continue
		}
		if delimiter != "" {
			if head, _, ok := strings.Cut(k[len(prefix):], delimiter); ok {
				if p := prefix + head + delimiter; !seen[p] {
					seen[p] = true
					items = append(items, "prefix "+p)
				}
				continue
			}
		}
		for i, v := range m.keys[k] {
			if i == 0 || versions {
				items = append(items, fmt.Sprintf("key %s %s %v %d", k, v.id, v.marker, len(v.body)))
			}
		}
	}
	return items
}

// machine drives a vault and the model side by side.
type machine struct {
	r *rig
	s Session
	m *model
}

const modelBucket = "model"

var modelKeys = rapid.SampledFrom([]string{"a", "a/", "a/b", "a/b/c", "a/c", "a\x01", "ab", "b", "b/\xc3\xa9", "c//d", "~"})

func (x *machine) ref(key string, id writ.VersionID) ObjectRef {
	return ObjectRef{Bucket: modelBucket, Key: writ.ObjectKey(key), Version: id}
}

// version draws one that is there, or the null one, or one that never was.
func (x *machine) version(t *rapid.T, key string) writ.VersionID {
	ids := []writ.VersionID{writ.NullVersion, (stamp{}).next().id()}
	for _, v := range x.m.keys[key] {
		ids = append(ids, v.id)
	}
	return rapid.SampledFrom(ids).Draw(t, "version")
}

func (x *machine) put(t *rapid.T) {
	key := modelKeys.Draw(t, "key")
	size := rapid.SampledFrom([]int{0, 1, 3000, inlineLimit + 1, 70 << 10}).Draw(t, "size")
	in := PutInput{Bucket: modelBucket, Key: writ.ObjectKey(key), Body: bytes.NewReader(random(size)), Size: int64(size)}
	current := modelVersion{marker: true}
	if i := x.m.find(key, ""); i == 0 {
		current = x.m.keys[key][0]
	}
	var want error
	switch rapid.IntRange(0, 5).Draw(t, "condition") {
	case 0:
		if in.IfNoneMatch = "*"; !current.marker {
			want = ErrPrecondition
		}
	case 1:
		if in.IfMatch = "no such etag"; current.marker {
			want = ErrNoKey
		} else {
			want = ErrPrecondition
		}
	case 2:
		if !current.marker {
			in.IfMatch = current.etag
		}
	}
	body := new(bytes.Buffer)
	body.ReadFrom(in.Body)
	in.Body = bytes.NewReader(body.Bytes())
	made, err := x.r.Put(x.r.ctx, x.s, in)
	if !errors.Is(err, want) {
		t.Fatalf("put: %v, not %v", err, want)
	}
	if err == nil {
		x.m.push(key, modelVersion{id: made.ObjectRef.Version, body: body.String(), etag: made.ETag})
		if (made.ObjectRef.Version == writ.NullVersion) != (x.m.versioning != VersioningEnabled) {
			t.Fatalf("version is %q", made.ObjectRef.Version)
		}
	}
}

func (x *machine) delete(t *rapid.T) {
	key := modelKeys.Draw(t, "key")
	in := DeleteInput{ObjectRef: x.ref(key, "")}
	if rapid.Bool().Draw(t, "one version") {
		in.Version = x.version(t, key)
	}
	in.BypassGovernance = rapid.Bool().Draw(t, "bypass")
	d, err := x.r.Delete(x.r.ctx, x.s, in)
	x.deleted(t, in, d, err)
}

func (x *machine) deleteMany(t *rapid.T) {
	var ins []DeleteInput
	for range rapid.IntRange(1, 6).Draw(t, "n") {
		key := modelKeys.Draw(t, "key")
		in := DeleteInput{ObjectRef: x.ref(key, "")}
		if rapid.Bool().Draw(t, "one version") {
			in.Version = x.version(t, key)
		}
		ins = append(ins, in)
	}
	all, err := x.r.DeleteMany(x.r.ctx, x.s, modelBucket, ins)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range all {
		x.deleted(t, ins[i], d, d.Err)
	}
}

// deleted does to the model what was done to the vault.
func (x *machine) deleted(t *rapid.T, in DeleteInput, d Deleted, err error) {
	key := string(in.Key)
	if in.Version == "" && x.m.versioning != Unversioned {
		if err != nil || !d.Marker {
			t.Fatalf("deletion left %+v, error %v", d, err)
		}
		x.m.push(key, modelVersion{id: d.Version, marker: true})
		return
	}
	i := x.m.find(key, in.Version)
	if i < 0 {
		if err != nil || d.Marker {
			t.Fatalf("deletion of nothing: %+v, %v", d, err)
		}
		return
	}
	v := x.m.keys[key][i]
	locked := v.hold || v.until.Mode == Compliance || v.until.Mode == Governance && !in.BypassGovernance
	if locked != errors.Is(err, ErrLocked) || !locked && err != nil {
		t.Fatalf("deletion of a version, locked %v: %v", locked, err)
	}
	if !locked {
		if d.Marker != v.marker && in.Version != "" {
			t.Fatalf("deletion said %+v of %+v", d, v)
		}
		x.m.drop(key, i)
	}
}

func (x *machine) get(t *rapid.T) {
	key := modelKeys.Draw(t, "key")
	id := writ.VersionID("")
	if rapid.Bool().Draw(t, "one version") {
		id = x.version(t, key)
	}
	got, err := x.r.read(x.s, x.ref(key, id))
	i := x.m.find(key, id)
	var marker *MarkerError
	switch {
	case i < 0 && id == "":
		if !errors.Is(err, ErrNoKey) || errors.Is(err, ErrMarker) {
			t.Fatalf("get of nothing: %v", err)
		}
	case i < 0:
		if !errors.Is(err, ErrNoVersion) {
			t.Fatalf("get of no version: %v", err)
		}
	case x.m.keys[key][i].marker:
		if !errors.As(err, &marker) || errors.Is(err, ErrNoKey) != (id == "") || marker.Version.Latest != (i == 0) {
			t.Fatalf("get of a marker: %v", err)
		}
	case err != nil || string(got) != x.m.keys[key][i].body:
		t.Fatalf("get: %d bytes, not %d, error %v", len(got), len(x.m.keys[key][i].body), err)
	}
}

func (x *machine) amend(t *rapid.T) {
	key := modelKeys.Draw(t, "key")
	id := x.version(t, key)
	i := x.m.find(key, id)
	if i < 0 || x.m.keys[key][i].marker {
		return
	}
	v := &x.m.keys[key][i]
	switch what := rapid.IntRange(0, 2).Draw(t, "what"); {
	case what == 0:
		v.tag = rapid.StringN(1, 5, -1).Draw(t, "tag")
		if _, err := x.r.SetTags(x.r.ctx, x.s, x.ref(key, id), map[string]string{"t": v.tag}); err != nil {
			t.Fatal(err)
		}
	case !x.m.lock:
		if _, err := x.r.SetLegalHold(x.r.ctx, x.s, x.ref(key, id), true); !errors.Is(err, ErrNoLock) {
			t.Fatal(err)
		}
	case what == 1:
		v.hold = rapid.Bool().Draw(t, "hold")
		if _, err := x.r.SetLegalHold(x.r.ctx, x.s, x.ref(key, id), v.hold); err != nil {
			t.Fatal(err)
		}
	default:
		to := Retention{Mode: LockMode(rapid.IntRange(0, 2).Draw(t, "mode"))}
		if to.Mode != NoLock {
			to.Until = x.r.clock.now().Add(time.Duration(rapid.IntRange(1, 3).Draw(t, "days")) * day).UTC()
		}
		bypass := rapid.Bool().Draw(t, "bypass")
		weaker := to.Mode < v.until.Mode || to.Until.Before(v.until.Until)
		refused := weaker && (v.until.Mode == Compliance || v.until.Mode == Governance && !bypass)
		_, err := x.r.SetRetention(x.r.ctx, x.s, x.ref(key, id), to, bypass)
		if refused != errors.Is(err, ErrLocked) || !refused && err != nil {
			t.Fatalf("retention from %v to %v: %v", v.until, to, err)
		}
		if !refused {
			v.until = to
		}
	}
	got, err := x.r.Head(x.r.ctx, x.s, GetInput{ObjectRef: x.ref(key, id)})
	if err != nil || got.Tags["t"] != v.tag || got.LegalHold != v.hold || got.Retention.Mode != v.until.Mode || !got.Retention.Until.Equal(v.until.Until) {
		t.Fatalf("version is %+v, not %+v, error %v", got, v, err)
	}
}

func (x *machine) setVersioning(t *rapid.T) {
	to := Versioning(rapid.IntRange(0, 2).Draw(t, "to"))
	err := x.r.SetVersioning(x.r.ctx, x.s, modelBucket, to)
	refused := to == Unversioned && x.m.versioning != Unversioned || to != VersioningEnabled && x.m.lock
	if refused != errors.Is(err, ErrVersioning) || !refused && err != nil {
		t.Fatal(err)
	}
	if !refused {
		x.m.versioning = to
	}
}

func (x *machine) setLock(t *rapid.T) {
	err := x.r.SetObjectLock(x.r.ctx, x.s, modelBucket, nil)
	if (x.m.versioning != VersioningEnabled) != errors.Is(err, ErrLockVersioning) {
		t.Fatal(err)
	}
	x.m.lock = x.m.lock || err == nil
}

var (
	prefixes   = rapid.SampledFrom([]string{"", "", "a", "a/", "a/b", "b/", "z"})
	delimiters = rapid.SampledFrom([]string{"", "/", "/", "b", "//"})
)

func (x *machine) list(t *rapid.T) {
	in := ListInput{Bucket: modelBucket, Prefix: prefixes.Draw(t, "prefix"), Delimiter: delimiters.Draw(t, "delimiter"), Max: rapid.IntRange(1, 5).Draw(t, "max")}
	want := x.m.items(in.Prefix, in.Delimiter, false)
	var got []string
	for {
		page, err := x.r.List(x.r.ctx, x.s, in)
		if err != nil {
			t.Fatal(err)
		}
		var items []string
		for _, v := range page.Versions {
			items = append(items, fmt.Sprintf("key %s %s %v %d", v.Key, v.ObjectRef.Version, v.Marker, v.Size))
		}
		for _, p := range page.Prefixes {
			items = append(items, "prefix "+p)
		}
		if len(items) > in.Max || page.Truncated && len(items) != in.Max {
			t.Fatalf("page of %d has %d, truncated %v", in.Max, len(items), page.Truncated)
		}
		got = append(got, items...)
		if !page.Truncated {
			break
		}
		in.After = page.Next
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("list of %+v is\n%q, not\n%q", in, got, want)
	}
}

func (x *machine) listVersions(t *rapid.T) {
	in := ListVersionsInput{Bucket: modelBucket, Prefix: prefixes.Draw(t, "prefix"), Delimiter: delimiters.Draw(t, "delimiter"), Max: rapid.IntRange(1, 5).Draw(t, "max")}
	want := x.m.items(in.Prefix, in.Delimiter, true)
	var got []string
	for {
		page, err := x.r.ListVersions(x.r.ctx, x.s, in)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Versions {
			got = append(got, fmt.Sprintf("key %s %s %v %d", v.Key, v.ObjectRef.Version, v.Marker, v.Size))
			if v.Latest != (x.m.keys[string(v.Key)][0].id == v.ObjectRef.Version) {
				t.Fatalf("%+v is latest or not", v)
			}
		}
		for _, p := range page.Prefixes {
			got = append(got, "prefix "+p)
		}
		if n := len(page.Versions) + len(page.Prefixes); n > in.Max || page.Truncated && n != in.Max {
			t.Fatalf("page of %d has %d, truncated %v", in.Max, n, page.Truncated)
		}
		if !page.Truncated {
			break
		}
		in.After, in.Version = page.Next, page.NextVersion
	}
	if in.Delimiter != "" {
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("versions of %+v are\n%q, not\n%q", in, got, want)
	}
}

// check compares what hangs on the versions: usage, data and owners.
func (x *machine) check(t *rapid.T) {
	var want Usage
	data := 0
	for _, versions := range x.m.keys {
		for _, v := range versions {
			want.Objects++
			want.Bytes += int64(len(v.body))
			if !v.marker {
				data++
			}
		}
	}
	if got, err := x.r.Usage(x.r.ctx, x.s.Customer); err != nil || got != want {
		t.Fatalf("usage is %+v, not %+v, error %v", got, want, err)
	}
	if n := len(x.r.keys("dr")); n != data {
		t.Fatalf("%d records of data and owners for %d versions with data", n, data)
	}
	for _, key := range x.r.keys("r") {
		value, err := x.r.records.Get(x.r.ctx, key)
		if err != nil {
			t.Fatal(err)
		}
		if _, v, err := findIdentity(x.r.ctx, x.r.records, value); err != nil || v == nil {
			t.Fatalf("owner entry names no version: %v", err)
		}
	}
}

// modelTest runs the machine some times, each over new rooms.
func modelTest(t *testing.T, times int, rooms func(t *testing.T, g *gate.Gate) (records.Store, blob.Store)) {
	g := openGate(t, t.TempDir())
	rapid.Check(t, func(rt *rapid.T) {
		if times--; times < 0 {
			return
		}
		r, b := rooms(t, g)
		x := &machine{r: assemble(t, g, r, b), m: &model{keys: map[string][]modelVersion{}}}
		x.s = x.r.clinic
		defer r.Close()
		defer b.Close()
		x.r.bucket(x.s, modelBucket, Unversioned)
		rt.Repeat(map[string]func(*rapid.T){
			"put":          x.put,
			"put more":     x.put,
			"delete":       x.delete,
			"delete many":  x.deleteMany,
			"get":          x.get,
			"amend":        x.amend,
			"versioning":   x.setVersioning,
			"lock":         x.setLock,
			"list":         x.list,
			"list version": x.listVersions,
			"restart":      func(*rapid.T) { x.r.restart() },
			"":             x.check,
		})
	})
}

// Whatever is done to a bucket, it is as S3 says.
func TestVersionsAreAsTheModelSays(t *testing.T) {
	modelTest(t, math.MaxInt, func(*testing.T, *gate.Gate) (records.Store, blob.Store) { return records.NewMemory(), blob.NewMemory() })
}

func TestVersionsOnDiskAreAsTheModelSays(t *testing.T) {
	dirs := t.TempDir()
	n := 0
	// Each step waits for the disk.
	modelTest(t, 20, func(t *testing.T, g *gate.Gate) (records.Store, blob.Store) {
		n++
		return openRooms(t, g, filepath.Join(dirs, strconv.Itoa(n)))
	})
}
