package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// load is one burst: clients put or get objects of one size for a time, or
// until count operations are done.
type load struct {
	server  target
	op      string // "put" or "get"
	size    int64
	clients int
	burst   time.Duration
	count   int    // stop after so many operations; 0 means by time
	prefix  string // names of the objects: prefix and a running number
	first   int    // the first running number of a put
	keys    int    // how many objects a get may choose from
}

// result is what a burst did.
type result struct {
	Objects int     `json:"objects"`
	Seconds float64 `json:"seconds"`
}

func (r result) rate() float64 { return float64(r.Objects) / r.Seconds }

// run starts the load in a process of its own and returns what it counted.
func (l load) run(ctx context.Context) (result, error) {
	self, err := os.Executable()
	if err != nil {
		return result{}, fmt.Errorf("couldn't find this program: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, "load",
		"-endpoint", l.server.endpoint, "-ca", l.server.caFile, "-bucket", l.server.bucket,
		"-op", l.op, "-size", strconv.FormatInt(l.size, 10), "-clients", strconv.Itoa(l.clients),
		"-burst", l.burst.String(), "-count", strconv.Itoa(l.count), "-prefix", l.prefix,
		"-first", strconv.Itoa(l.first), "-keys", strconv.Itoa(l.keys))
	cmd.Env = append(os.Environ(), "BENCH_ACCESS="+l.server.access, "BENCH_SECRET="+l.server.secret)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return result{}, fmt.Errorf("couldn't load %s with %s of %d bytes: %w", l.server.name, l.op, l.size, err)
	}
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		return result{}, fmt.Errorf("couldn't read the load's answer %q: %w", out, err)
	}
	return r, nil
}

// transport returns connections to a target that trust its own authority only.
func transport(t target, clients int) (*http.Transport, error) {
	pem, err := os.ReadFile(t.caFile)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no certificate in %s", t.caFile)
	}
	return &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: pool},
		MaxIdleConns:        2 * clients,
		MaxIdleConnsPerHost: 2 * clients,
		DisableCompression:  true,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      64 << 10,
	}, nil
}

// connect returns a client for a target as a stranger would make it.
func connect(t target, clients int) (*minio.Client, error) {
	transport, err := transport(t, clients)
	if err != nil {
		return nil, err
	}
	return minio.New(t.endpoint, &minio.Options{
		Creds:     credentials.NewStaticV4(t.access, t.secret, ""),
		Secure:    true,
		Region:    "us-east-1",
		Transport: transport,
	})
}

func loadMain(ctx context.Context, args []string) error {
	var l load
	fs := flag.NewFlagSet("load", flag.ExitOnError)
	fs.StringVar(&l.server.endpoint, "endpoint", "", "")
	fs.StringVar(&l.server.caFile, "ca", "", "")
	fs.StringVar(&l.server.bucket, "bucket", "", "")
	fs.StringVar(&l.op, "op", "put", "")
	fs.Int64Var(&l.size, "size", 0, "")
	fs.IntVar(&l.clients, "clients", 8, "")
	fs.DurationVar(&l.burst, "burst", time.Second, "")
	fs.IntVar(&l.count, "count", 0, "")
	fs.StringVar(&l.prefix, "prefix", "", "")
	fs.IntVar(&l.first, "first", 0, "")
	fs.IntVar(&l.keys, "keys", 0, "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	l.server.access, l.server.secret = os.Getenv("BENCH_ACCESS"), os.Getenv("BENCH_SECRET")
	client, err := connect(l.server, l.clients)
	if err != nil {
		return err
	}
	r, err := l.drive(ctx, client)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// drive runs the clients of one burst in this process.
func (l load) drive(ctx context.Context, client *minio.Client) (result, error) {
	body := make([]byte, l.size)
	rand.Read(body)
	if l.count == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
	}
	var next, done atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, l.clients)
	start := time.Now()
	for range l.clients {
		wg.Go(func() {
			for {
				n := int(next.Add(1) - 1)
				if l.count > 0 && n >= l.count || l.count == 0 && time.Since(start) >= l.burst {
					return
				}
				if err := l.once(ctx, client, n, body); err != nil {
					errs <- err
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	select {
	case err := <-errs:
		return result{}, err
	default:
	}
	return result{Objects: int(done.Load()), Seconds: took.Seconds()}, nil
}

// once puts or gets one object. A get reads to the end and checks the length,
// so that no server wins by answering less.
func (l load) once(ctx context.Context, client *minio.Client, n int, body []byte) error {
	if l.op == "put" {
		_, err := client.PutObject(ctx, l.server.bucket, l.name(l.first+n), bytes.NewReader(body), l.size, minio.PutObjectOptions{DisableMultipart: true})
		return err
	}
	obj, err := client.GetObject(ctx, l.server.bucket, l.name(n%l.keys), minio.GetObjectOptions{})
	if err != nil {
		return err
	}
	defer obj.Close()
	got, err := io.Copy(io.Discard, obj)
	if err != nil {
		return err
	}
	if got != l.size {
		return fmt.Errorf("read %d of %d bytes", got, l.size)
	}
	return nil
}

func (l load) name(n int) string { return fmt.Sprintf("%s%09d", l.prefix, n) }
