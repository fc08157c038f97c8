package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"writ/internal/groupcommit"
)

// shards is the number of folders that files are spread over by the last
// byte of their volume: at a million files, some 4,000 in each.
const shards = 256

// files keeps blobs in files of their own.
type files struct {
	dir    string // of the store
	shards [shards]shard
}

// shard is one folder of files.
type shard struct {
	path  string
	syncs groupcommit.Group // makes its entries durable

	mu      sync.Mutex // guards all below; held while entries are made or removed
	counted bool       // false until its files have been counted
	n       int
	bytes   int64
}

func newFiles(dir string) *files {
	s := &files{dir: dir}
	for i := range s.shards {
		path := shardPath(dir, i)
		s.shards[i].path = path
		s.shards[i].syncs.Sync = func() error { return syncDir(path) }
	}
	return s
}

func shardPath(dir string, shard int) string {
	return filepath.Join(dir, "files", fmt.Sprintf("%02x", shard))
}

// fileName names a file by volume and length: the length is known without
// asking the file, and a file that was cut short shows.
func fileName(ref Ref) string { return fmt.Sprintf("%016x-%x", ref.Volume, ref.Length) }

func parseFileName(name string) (Ref, bool) {
	volume, length, ok := strings.Cut(name, "-")
	if !ok {
		return Ref{}, false
	}
	v, err := strconv.ParseUint(volume, 16, 64)
	if err != nil {
		return Ref{}, false
	}
	n, err := strconv.ParseUint(length, 16, 64)
	if err != nil || n > math.MaxInt64 {
		return Ref{}, false
	}
	ref := Ref{Kind: File, Volume: v, Length: int64(n)}
	return ref, ref.valid() && fileName(ref) == name
}

func (s *files) shard(ref Ref) *shard { return &s.shards[ref.Volume%shards] }

func (s *files) path(ref Ref) string { return filepath.Join(s.shard(ref).path, fileName(ref)) }

// open opens the file of ref for reading.
func (s *files) open(ref Ref) (Reader, error) {
	f, err := os.Open(s.path(ref))
	if err != nil {
		return nil, openError(ref, err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() != ref.Length {
		err = &DamageError{ref, fmt.Sprintf("the file has %d bytes", info.Size())}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &fileReader{f, ref.Length}, nil
}

type fileReader struct {
	*os.File
	size int64
}

func (r *fileReader) Size() int64 { return r.size }

// publish gives the durable file at tmp the name of ref, durably.
func (s *files) publish(tmp string, ref Ref) error {
	sh := s.shard(ref)
	sh.mu.Lock()
	err := os.Rename(tmp, s.path(ref))
	if err == nil && sh.counted {
		sh.n++
		sh.bytes += ref.Length
	}
	sh.mu.Unlock()
	if err != nil {
		return fmt.Errorf("couldn't name blob: %w", err)
	}
	if err := sh.syncs.Wait(); err != nil {
		return errors.Join(fmt.Errorf("couldn't sync folder: %w", err), s.remove(ref))
	}
	return nil
}

// remove removes the file of ref, if it is there.
func (s *files) remove(ref Ref) error {
	sh := s.shard(ref)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	err := os.Remove(s.path(ref))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("couldn't remove blob: %w", err)
	}
	if sh.counted {
		sh.n--
		sh.bytes -= ref.Length
	}
	return nil
}

// discardUploads removes what uploads of an earlier run left.
func (s *files) discardUploads() error {
	tmp := filepath.Join(s.dir, "tmp")
	list, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	for _, file := range list {
		if err := os.Remove(filepath.Join(tmp, file.Name())); err != nil {
			return err
		}
	}
	return nil
}

// count counts the files of each shard, until ctx ends.
func (s *files) count(ctx context.Context) {
	for i := range s.shards {
		if ctx.Err() != nil {
			return
		}
		s.shards[i].count()
	}
}

func (sh *shard) count() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	refs, _, err := sh.list()
	if err != nil {
		return // Usage goes on to say that it is counting; Walk reports why
	}
	for _, ref := range refs {
		sh.n++
		sh.bytes += ref.Length
	}
	sh.counted = true
}

// list returns the refs of all files in the shard, in the order of their
// names, and the names that are none.
func (sh *shard) list() (refs []Ref, strangers []string, err error) {
	dir, err := os.ReadDir(sh.path)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't list blobs: %w", err)
	}
	for _, file := range dir {
		if ref, ok := parseFileName(file.Name()); ok {
			refs = append(refs, ref)
		} else {
			strangers = append(strangers, file.Name())
		}
	}
	return refs, strangers, nil
}

func (s *files) usage() (n int, bytes int64, counting bool) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		n += sh.n
		bytes += sh.bytes
		counting = counting || !sh.counted
		sh.mu.Unlock()
	}
	return n, bytes, counting
}

// age returns when the file of ref was last written, and its length.
func (s *files) age(ref Ref) (written time.Time, size int64, err error) {
	info, err := os.Stat(s.path(ref))
	if err != nil {
		return time.Time{}, 0, err
	}
	return info.ModTime(), info.Size(), nil
}
