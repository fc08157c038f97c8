package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"writ/internal/folder"
)

// maxSocketPath is how long a socket's path may be: sun_path of unix(7) less
// its end, and some for other systems.
const maxSocketPath = 100

// Serve serves a handler on the data folder's socket until it is shut down.
// The caller has locked the folder, so that a socket that lies there is left
// over from a server that ended without its leave.
func Serve(dir folder.Folder, h http.Handler) (*Listener, error) {
	path := dir.Socket()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("couldn't remove the old admin socket: %w", err)
	}
	var l *net.UnixListener
	err := reach(path, func(path string) (err error) {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't listen on the admin socket: %w", err)
	}
	l.SetUnlinkOnClose(false) // by hand: the path above may be another
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("couldn't close the admin socket to others: %w", err)
	}
	s := &Listener{path: path, http: &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peerOf(c))
		},
	}}
	s.done.Go(func() { s.http.Serve(l) })
	return s, nil
}

// Listener is a served admin socket.
type Listener struct {
	path string
	http *http.Server
	done sync.WaitGroup
}

// Shutdown lets running requests end until ctx does, and removes the socket.
func (s *Listener) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	s.done.Wait()
	os.Remove(s.path)
	return err
}

// reach calls fn with a path to the socket that is short enough, through a
// descriptor of its folder if need be (Linux).
func reach(path string, fn func(string) error) error {
	if len(path) <= maxSocketPath {
		return fn(path)
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return fn(fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), filepath.Base(path)))
}

type peerKey struct{}

// who names the operator's account behind a request, as the kernel knows it.
func who(ctx context.Context) string {
	if name, ok := ctx.Value(peerKey{}).(string); ok {
		return name
	}
	return "command line"
}
