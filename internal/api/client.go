package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"writ/internal/folder"
)

// ErrNotRunning: no server has the data folder open.
var ErrNotRunning = errors.New("no server is running on this data folder")

// Client administers a server, through its socket or in process.
type Client struct {
	http  *http.Client
	close func()
}

// Dial connects to the server that has the data folder open, or returns
// [ErrNotRunning].
func Dial(ctx context.Context, dir folder.Folder) (*Client, error) {
	dial := func(ctx context.Context, _, _ string) (c net.Conn, err error) {
		err = reach(dir.Socket(), func(path string) (err error) {
			c, err = new(net.Dialer).DialContext(ctx, "unix", path)
			return err
		})
		return c, err
	}
	c, err := dial(ctx, "", "")
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w: %s", ErrNotRunning, dir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("couldn't open %s: it belongs to another account", dir.Socket())
	case err != nil:
		return nil, fmt.Errorf("couldn't reach the server: %w", err)
	}
	c.Close()
	t := &http.Transport{DialContext: dial}
	return &Client{&http.Client{Transport: t}, t.CloseIdleConnections}, nil
}

// InProcess administers what a handler serves, without any socket.
func InProcess(h http.Handler) *Client {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go s.Serve(l)
	t := &http.Transport{DialContext: l.dial}
	return &Client{&http.Client{Transport: t}, func() { t.CloseIdleConnections(); s.Close() }}
}

// Close gives the connections up.
func (c *Client) Close() { c.close() }

// pipeListener accepts connections within the process.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "in process", Net: "unix"} }

// do sends one request and decodes its answer into out, if that is not nil.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	body, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("couldn't read the server's answer: %w", err)
	}
	return nil
}

// stream sends one request and follows its events.
func (c *Client) stream(ctx context.Context, method, path string, in, out any, progress func(Progress), item func(json.RawMessage) error) error {
	body, err := c.send(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	err = follow(body, out, progress, item)
	if errors.Is(err, ErrCut) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// send sends one request; an answer that is no success is its [Problem].
func (c *Client) send(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("couldn't write the request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://writ"+path, body)
	if err != nil {
		return nil, fmt.Errorf("couldn't make the request: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err // without the method and the made-up host
		}
		return nil, fmt.Errorf("couldn't ask the server: %w", err)
	}
	if resp.StatusCode/100 == 2 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, readProblem(resp)
}

// segment returns a name as one segment of a path. One of nothing but dots
// would mean another path, which net/http leads to (RFC 3986, section 5.2.4).
func segment(name string) string {
	if strings.Trim(name, ".") == "" {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}
