package archive

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// FromGit makes the tree of a version from the commit at HEAD of the
// repository of a folder: what is committed, whatever lies in the folder.
func FromGit(ctx context.Context, dir, version string) (*Tree, error) {
	list, err := git(ctx, dir, nil, "ls-tree", "-r", "-z", "--full-tree", "HEAD")
	if err != nil {
		return nil, err
	}
	var files []File
	var wanted bytes.Buffer
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		about, name, ok := strings.Cut(entry, "\t")
		fields := strings.Fields(about) // mode, type, object
		if !ok || len(fields) != 3 {
			return nil, fmt.Errorf("couldn't read git's list of files: %.100q", entry)
		}
		if fields[0] != "100644" && fields[0] != "100755" {
			return nil, fmt.Errorf("%w: %q is a link or another repository", ErrForm, name)
		}
		files = append(files, File{Name: name, Exec: fields[0] == "100755"})
		fmt.Fprintln(&wanted, fields[2])
	}
	bodies, err := git(ctx, dir, &wanted, "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	r := bufio.NewReader(bytes.NewReader(bodies))
	for i := range files {
		if files[i].Body, err = blob(r); err != nil {
			return nil, fmt.Errorf("couldn't read %s from git: %w", files[i].Name, err)
		}
	}
	return New(version, files)
}

// blob reads one object of git cat-file --batch.
func blob(r *bufio.Reader) ([]byte, error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(head) // object, type, size
	if len(fields) != 3 || fields[1] != "blob" {
		return nil, fmt.Errorf("git answers %.100q", head)
	}
	n, err := strconv.Atoi(fields[2])
	if err != nil || n > MaxFile {
		return nil, fmt.Errorf("it has %s bytes", fields[2])
	}
	body := make([]byte, n+1) // a newline follows
	_, err = io.ReadFull(r, body)
	return body[:n], err
}

func git(ctx context.Context, dir string, stdin io.Reader, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	cmd.Stdin = stdin
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		return nil, fmt.Errorf("couldn't ask git %s: %w", args[0], err)
	}
	return out, nil
}

// FromFolder makes the tree from the files of a folder into which an archive
// was unpacked: its VERSION says which. What building leaves there, bin/ and
// dist/, is not of the source.
func FromFolder(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the source: %w", err)
	}
	defer root.Close()
	var files []File
	version, total := "", 0
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "bin" || name == "dist"):
			return fs.SkipDir
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			return fmt.Errorf("%w: %q is no regular file", ErrForm, name)
		}
		f, err := readFile(root, name)
		if err != nil {
			return err
		}
		if total += len(f.Body); total > MaxTotal || len(files) >= MaxFiles {
			return fmt.Errorf("%w: it holds more than it may", ErrForm)
		}
		if name == versionFile {
			version = strings.TrimSuffix(string(f.Body), "\n")
			return nil
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the source: %w", err)
	}
	if version == "" {
		return nil, fmt.Errorf("%w: %s has no file %s", ErrForm, filepath.Base(dir), versionFile)
	}
	return New(version, files)
}

func readFile(root *os.Root, name string) (File, error) {
	in, err := root.Open(name)
	if err != nil {
		return File{}, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return File{}, err
	}
	body, err := io.ReadAll(io.LimitReader(in, MaxFile+1))
	return File{Name: name, Exec: info.Mode()&0o111 != 0, Body: body}, err
}
