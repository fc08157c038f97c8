package server

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"writ/internal/api"
	"writ/internal/folder"
)

// download starts a server with the given drain time and a large download
// from it, of which the first bytes have come.
func download(t *testing.T, drain time.Duration) (*Server, io.ReadCloser, int64) {
	t.Helper()
	cfg := configure(t)
	cfg.Drain = drain
	s := start(t, cfg)
	ctx := t.Context()
	admin, err := api.Dial(ctx, folder.Folder(cfg.Data))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.AddCustomer(ctx, "harbour-clinic"); err != nil {
		t.Fatal(err)
	}
	cred, err := admin.AddCredential(ctx, "harbour-clinic")
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(strings.TrimPrefix(cred.Endpoint, "https://"), &minio.Options{
		Creds:  credentials.NewStaticV4(string(cred.AccessKey), cred.SecretKey, ""),
		Secure: true, Region: cred.Region, Transport: trusting(t, s).Transport.(*http.Transport), MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.MakeBucket(ctx, "ward-seven", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	const size = 32 << 20 // more than all buffers on the way
	if _, err := client.PutObject(ctx, "ward-seven", "scan", bytes.NewReader(make([]byte, size)), size, minio.PutObjectOptions{DisableMultipart: true}); err != nil {
		t.Fatal(err)
	}
	object, err := client.GetObject(ctx, "ward-seven", "scan", minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { object.Close() })
	if _, err := io.ReadFull(object, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	return s, object, size - 1000
}

// TestRunningDownloadEnds: a stop lets it come to its end.
func TestRunningDownloadEnds(t *testing.T) {
	s, rest, want := download(t, time.Minute)
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop() }()
	time.Sleep(200 * time.Millisecond) // the stop has begun
	select {
	case err := <-stopped:
		t.Fatalf("stopped in the middle of a download: %v", err)
	default:
	}
	if n, err := io.Copy(io.Discard, rest); err != nil || n != want {
		t.Errorf("%d of %d bytes came: %v", n, want, err)
	}
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("still running after its last download")
	}
}

// TestDrainTimeIsOver: who takes longer is cut off, and the stop comes to its
// end.
func TestDrainTimeIsOver(t *testing.T) {
	s, rest, want := download(t, 300*time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop() }()
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-ctx.Done():
		t.Fatal("a client that does not read keeps the server from stopping")
	}
	if n, err := io.Copy(io.Discard, rest); err == nil && n == want {
		t.Error("all of it came after the stop")
	}
}
