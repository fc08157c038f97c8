// Package cryptfs is a file system for pebble whose files are encrypted: a
// stolen disk shows no key of a record, and so no object's name.
//
// A table begins with a header of 32 bytes: 8 of magic and version, 24 of
// random salt. Behind it lies the content under AES-256-CTR with a key that is
// derived from the store's key and the salt, the counter starting at zero. A
// key never comes from a name, so that files may be renamed and linked, and no
// keystream is ever used twice: a file is written once from its beginning to
// its end, reusing an old file makes a new one, and opening one for writing
// again is refused.
//
// For tables, confidentiality is all that this layer gives: pebble's checksums
// find accidents, and the records above seal each value with its key. Logs are
// authenticated here, write by write; see log.go.
package cryptfs

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"writ/internal/seal"
)

const (
	headerSize = 32
	saltSize   = 24
)

var magic = [8]byte{'W', 'R', 'I', 'T', 0, 1, 'R', '\n'}

// ErrHeader: a file does not begin as every file of this file system does.
var ErrHeader = errors.New("not an encrypted file of the records")

// ErrReuse: opening a file for writing again would use its keystream twice.
var ErrReuse = errors.New("encrypted files are written once")

// FS encrypts the files of another file system.
type FS struct {
	vfs.FS
	key *seal.Key
}

// New returns a file system that keeps its files in inner, encrypted under key.
func New(inner vfs.FS, key *seal.Key) *FS { return &FS{inner, key} }

// Unwrap implements [vfs.FS].
func (f *FS) Unwrap() vfs.FS { return f.FS }

// Create implements [vfs.FS]: a new salt, a new keystream.
func (f *FS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	inner, err := f.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	if kind, ok := kindOf(name); ok {
		return f.createLog(inner, kind)
	}
	header := make([]byte, headerSize)
	copy(header, magic[:])
	rand.Read(header[len(magic):])
	if _, err := inner.Write(header); err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return f.file(inner, header), nil
}

// Open implements [vfs.FS].
func (f *FS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	inner, err := f.FS.Open(name, opts...)
	if err != nil {
		return nil, err
	}
	header := make([]byte, headerSize)
	n, err := inner.ReadAt(header, 0)
	if n < headerSize && (err == nil || errors.Is(err, io.EOF)) {
		// The crash came between creation and header: nothing was written.
		return &file{File: inner, empty: true}, nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, inner.Close())
	}
	if isLog(header) {
		return f.openLog(inner, header)
	}
	if [8]byte(header[:8]) != magic {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrHeader, f.PathBase(name)), inner.Close())
	}
	return f.file(inner, header), nil
}

// OpenReadWrite implements [vfs.FS] by refusing.
func (f *FS) OpenReadWrite(name string, _ vfs.DiskWriteCategory, _ ...vfs.OpenOption) (vfs.File, error) {
	return nil, fmt.Errorf("%w: %s", ErrReuse, f.PathBase(name))
}

// ReuseForWrite implements [vfs.FS] without reuse: the old file is removed
// and a new one made.
func (f *FS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.FS.Remove(oldname); err != nil {
		return nil, err
	}
	return f.Create(newname, category)
}

// Stat implements [vfs.FS]; sizes are those of the content.
func (f *FS) Stat(name string) (vfs.FileInfo, error) {
	info, err := f.FS.Stat(name)
	if err != nil {
		return nil, err
	}
	return contentInfo(info), nil
}

func (f *FS) file(inner vfs.File, header []byte) *file {
	return &file{File: inner, block: f.key.Derive(header[len(magic):][:saltSize], "records file").Block()}
}

// sized is a FileInfo without the header.
type sized struct{ vfs.FileInfo }

func (s sized) Size() int64 { return max(0, s.FileInfo.Size()-headerSize) }

func contentInfo(info vfs.FileInfo) vfs.FileInfo {
	if !info.Mode().IsRegular() {
		return info
	}
	return sized{info}
}

// file is one encrypted file.
type file struct {
	vfs.File
	block cipher.Block
	empty bool // has no header, and so no content

	mu    sync.Mutex // guards the sequential position below
	read  int64
	write int64
	out   cipher.Stream // the keystream at write
	buf   []byte
}

// keystream starts at an offset of the content.
func keystream(block cipher.Block, off int64) cipher.Stream {
	var iv [aes.BlockSize]byte
	binary.BigEndian.PutUint64(iv[8:], uint64(off/aes.BlockSize))
	s := cipher.NewCTR(block, iv[:])
	if skip := off % aes.BlockSize; skip > 0 {
		var none [aes.BlockSize]byte
		s.XORKeyStream(none[:skip], none[:skip])
	}
	return s
}

// ReadAt implements [io.ReaderAt].
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if f.empty {
		return 0, io.EOF
	}
	n, err := f.File.ReadAt(p, off+headerSize)
	keystream(f.block, off).XORKeyStream(p[:n], p[:n])
	return n, err
}

// Read implements [io.Reader].
func (f *file) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.ReadAt(p, f.read)
	f.read += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil // the next read says so
	}
	return n, err
}

// writeChunk bounds the buffer in which content is encrypted.
const writeChunk = 256 << 10

// Write implements [io.Writer]. The caller's bytes are left alone.
func (f *file) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.empty {
		return 0, ErrReuse
	}
	if f.out == nil {
		f.out = keystream(f.block, f.write)
	}
	done := 0
	for len(p) > 0 {
		chunk := p[:min(len(p), writeChunk)]
		if cap(f.buf) < len(chunk) {
			f.buf = make([]byte, len(chunk))
		}
		buf := f.buf[:len(chunk)]
		f.out.XORKeyStream(buf, chunk)
		n, err := f.File.Write(buf)
		done += n
		f.write += int64(n)
		if err != nil {
			// What was not written must not leave its keystream behind for
			// other bytes at the same place: the file takes no more.
			f.empty = true
			return done, err
		}
		p = p[len(chunk):]
	}
	return done, nil
}

// WriteAt implements [io.WriterAt] by refusing: it could write over what is
// there, under the same keystream.
func (f *file) WriteAt([]byte, int64) (int, error) { return 0, ErrReuse }

// Preallocate implements [vfs.File].
func (f *file) Preallocate(off, length int64) error {
	return f.File.Preallocate(off+headerSize, length)
}

// Prefetch implements [vfs.File].
func (f *file) Prefetch(off, length int64) error {
	return f.File.Prefetch(off+headerSize, length)
}

// SyncTo implements [vfs.File].
func (f *file) SyncTo(length int64) (bool, error) {
	return f.File.SyncTo(length + headerSize)
}

// Stat implements [vfs.File].
func (f *file) Stat() (vfs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return contentInfo(info), nil
}

var (
	_ vfs.FS   = (*FS)(nil)
	_ vfs.File = (*file)(nil)
)
