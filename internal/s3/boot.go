package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/s3api"
)

// bootTime is how long the first request may take.
const bootTime = 10 * time.Second

// A boot takes hold of versitygw's HTTP server, which it keeps to itself and
// starts on addresses only: one request, through a socket in a folder of its
// own, gets into a handler of ours, which sees the application that it runs
// in. After that the socket is gone, and the server serves what it is given.
type boot struct {
	// settle sets up the server. It is called in the one request: the
	// goroutine that serves it reads the same fields when the request is over,
	// and nothing tells when that was.
	settle func(*fasthttp.Server)

	done  atomic.Bool
	ready chan struct{}
	app   chan *fiber.App
}

// listening is called when the socket is there.
func (b *boot) listening() { close(b.ready) }

// capture is the handler: transparent, but for the one request.
func (b *boot) capture(ctx fiber.Ctx) error {
	if !b.done.Load() {
		b.settle(ctx.App().Server())
		b.app <- ctx.App()
		return ctx.SendStatus(http.StatusNoContent)
	}
	return ctx.Next()
}

func (b *boot) run(api *s3api.S3ApiServer) (*fiber.App, error) {
	b.ready, b.app = make(chan struct{}), make(chan *fiber.App, 1)
	dir, err := os.MkdirTemp("", "writ-boot-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	served := make(chan error, 1)
	go func() { served <- api.ServeMultiPort([]string{socket}) }()
	defer b.done.Store(true)
	select {
	case err := <-served:
		return nil, fmt.Errorf("couldn't listen: %w", err)
	case <-b.ready:
	}
	if err := knock(socket); err != nil {
		return nil, err
	}
	if err := api.ShutDown(); err != nil {
		return nil, fmt.Errorf("couldn't leave the socket: %w", err)
	}
	<-served
	select {
	case app := <-b.app:
		return app, nil
	default:
		return nil, errors.New("the first request met no application")
	}
}

// knock sends the one request.
func knock(socket string) error {
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://boot/", nil)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("couldn't send the first request: %w", err)
	}
	return answer.Body.Close()
}
