package blob

import (
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
)

// Checkpoint implements [Store]: what it writes is a folder for [Open], as
// from the store on disk, and all of it is copied.
func (m *Memory) Checkpoint(ctx context.Context, dir string) (done Checkpointed, err error) {
	defer m.Hold()()
	refs, err := m.refs()
	if err != nil {
		return done, err
	}
	if err := os.Mkdir(dir, folderMode); err != nil {
		return done, fmt.Errorf("couldn't make checkpoint: %w", err)
	}
	if err := makeFolders(dir); err != nil {
		return done, fmt.Errorf("couldn't make checkpoint: %w", err)
	}
	for len(refs) > 0 {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		volume := refs[:sameVolume(refs)]
		refs = refs[len(volume):]
		path, content, mode := m.volumeFile(dir, volume)
		if err := os.WriteFile(path, content, mode); err != nil {
			return done, fmt.Errorf("couldn't write checkpoint: %w", spaceError(err))
		}
		if volume[0].Kind == File {
			done.Files++
		} else {
			done.Segments++
		}
		done.Bytes += int64(len(content))
		done.Copied += int64(len(content))
	}
	return done, nil
}

// sameVolume returns how many of refs, from the first, are of one volume.
func sameVolume(refs []Ref) int {
	n := 1
	for n < len(refs) && refs[n].Kind == refs[0].Kind && refs[n].Volume == refs[0].Volume {
		n++
	}
	return n
}

// volumeFile returns the file that Disk would keep refs in: all blobs of one
// volume, in order.
func (m *Memory) volumeFile(dir string, refs []Ref) (path string, content []byte, mode os.FileMode) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := refs[0]
	if first.Kind == File {
		return filepath.Join(shardPath(dir, int(first.Volume%shards)), fileName(first)), m.blobs[first].data, fileMode
	}
	content = encodeStart(first.Volume)
	entries := make([]entry, len(refs))
	for i, ref := range refs {
		entries[i] = entry{ref.Offset, ref.Length}
		data := m.blobs[ref].data
		h := encodeHeader(magicEntry, ref.Volume, entries[i], crc32.Checksum(data, castagnoli))
		content = append(content, make([]byte, ref.Offset-int64(len(content)))...)
		content = append(append(content, h[:]...), data...)
	}
	content = append(content, make([]byte, alignUp(int64(len(content)))-int64(len(content)))...)
	return filepath.Join(dir, "segments", segmentName(first.Volume)),
		append(content, encodeTable(first.Volume, int64(len(content)), entries)...), sealedMode
}
