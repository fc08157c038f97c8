package vault

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A backup's manifest, the file "manifest" in its folder, is lines of JSON:
// a [manifestHead], one [manifestFile] for every other file, in order of
// their paths, and a [manifestEnd] whose sum is over all lines before it. It
// is written last: a folder without a whole manifest is no backup.
const manifestName = "manifest"

const backupFormat = 1

type manifestHead struct {
	Format int       `json:"writ_backup"`
	Made   time.Time `json:"made"`
}

type manifestFile struct {
	Path   string `json:"path"` // within the backup, with slashes
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

type manifestEnd struct {
	Files  int64  `json:"files"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"manifest_sha256"`
}

// Errors of backups and restores.
var (
	ErrNoBackup       = errors.New("folder holds no complete backup")
	ErrBackupFormat   = errors.New("backup is of a newer version of the program")
	ErrBackupManifest = errors.New("manifest of the backup is damaged")
	ErrNotEmpty       = errors.New("folder is not empty")
)

// writeManifest lists and hashes every file under dir. The manifest is
// durable on return, the other files must be already.
func writeManifest(ctx context.Context, dir string, made time.Time, progress Progress) (end manifestEnd, err error) {
	var total int64
	if err := eachFile(dir, func(_ string, size int64) error { total += size; return ctx.Err() }); err != nil {
		return end, err
	}
	temporary := filepath.Join(dir, manifestName+".part")
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return end, fmt.Errorf("couldn't create manifest: %w", spaceError(err))
	}
	defer f.Close()
	sum := sha256.New()
	out := bufio.NewWriter(f)
	lines := json.NewEncoder(io.MultiWriter(out, sum))
	if err := lines.Encode(manifestHead{Format: backupFormat, Made: made.UTC()}); err != nil {
		return end, err
	}
	err = eachFile(dir, func(path string, _ int64) error {
		if path == manifestName+".part" {
			return nil
		}
		size, digest, err := hashFile(ctx, filepath.Join(dir, filepath.FromSlash(path)), nil)
		if err != nil {
			return fmt.Errorf("couldn't read %s back: %w", path, err)
		}
		end.Files++
		end.Bytes += size
		progress.report("hash", end.Bytes, total)
		return lines.Encode(manifestFile{Path: path, Size: size, SHA256: digest})
	})
	if err != nil {
		return end, err
	}
	end.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if err := lines.Encode(end); err != nil {
		return end, err
	}
	if err := errors.Join(out.Flush(), f.Sync(), f.Close()); err != nil {
		return end, fmt.Errorf("couldn't write manifest: %w", spaceError(err))
	}
	if err := os.Rename(temporary, filepath.Join(dir, manifestName)); err != nil {
		return end, fmt.Errorf("couldn't put manifest in place: %w", err)
	}
	return end, syncFolder(dir)
}

// readManifest checks the manifest of the backup in dir and calls fn for each
// file; nothing is called for a manifest that is not whole.
func readManifest(dir string, fn func(manifestFile) error) (head manifestHead, end manifestEnd, err error) {
	if head, end, err = scanManifest(dir, func(manifestFile) error { return nil }); err != nil {
		return head, end, err
	}
	return scanManifest(dir, fn)
}

func scanManifest(dir string, fn func(manifestFile) error) (head manifestHead, end manifestEnd, err error) {
	f, err := os.Open(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return head, end, ErrNoBackup
	}
	if err != nil {
		return head, end, fmt.Errorf("couldn't open manifest: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	lines := bufio.NewScanner(f)
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Format < 1 {
		return head, end, ErrBackupManifest
	}
	if head.Format > backupFormat {
		return head, end, ErrBackupFormat
	}
	addLine(sum, lines.Bytes())
	var files, bytes int64
	for lines.Scan() {
		var file manifestFile
		if err := json.Unmarshal(lines.Bytes(), &file); err != nil {
			return head, end, ErrBackupManifest
		}
		if file.Path == "" {
			if json.Unmarshal(lines.Bytes(), &end) != nil || lines.Scan() || end.Files != files || end.Bytes != bytes ||
				end.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
				return head, end, ErrBackupManifest
			}
			return head, end, nil
		}
		if !filepath.IsLocal(filepath.FromSlash(file.Path)) || strings.Contains(file.Path, `\`) {
			return head, end, ErrBackupManifest
		}
		addLine(sum, lines.Bytes())
		files++
		bytes += file.Size
		if err := fn(file); err != nil {
			return head, end, err
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return head, end, fmt.Errorf("couldn't read manifest: %w", err)
	}
	return head, end, ErrBackupManifest // it has no end
}

func addLine(sum hash.Hash, line []byte) {
	sum.Write(line)
	sum.Write([]byte{'\n'})
}

// eachFile calls fn for every regular file under dir, in order of path.
func eachFile(dir string, fn func(path string, size int64) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no regular file", rel)
		}
		return fn(filepath.ToSlash(rel), info.Size())
	})
}

// hashFile reads a file to its end, and writes it to copy too unless that is
// nil.
func hashFile(ctx context.Context, path string, copy io.Writer) (size int64, digest string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	sum := sha256.New()
	var dst io.Writer = sum
	if copy != nil {
		dst = io.MultiWriter(sum, copy)
	}
	size, err = io.Copy(dst, contextReader{ctx, f})
	return size, hex.EncodeToString(sum.Sum(nil)), err
}

// contextReader ends with the context's error once that is over.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("couldn't open folder to sync it: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("couldn't sync folder: %w", spaceError(err))
	}
	return nil
}
