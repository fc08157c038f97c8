package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// writBinary is the writ that the tests run, built once for all of them, with the
// race detector when the tests themselves run with it.
var writBinary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "writ-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	writBinary = filepath.Join(dir, "writ")
	args := []string{"build", "-buildvcs=false", "-o", writBinary}
	if raceEnabled {
		args = append(args, "-race")
		// Else each process sleeps for a second before it ends.
		os.Setenv("GORACE", "atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	}
	build := exec.Command("go", append(args, "writ/cmd/writ")...)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "couldn't build writ:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// server is one writ process and what a client needs to talk to it.
type server struct {
	t       *testing.T
	data    string
	keyFile string
	s3      string // host:port
	metrics string
	extra   []string // more flags of serve
	cmd     *exec.Cmd
	ended   chan struct{} // closed when the process is gone and its log is whole
	log     *bytes.Buffer // read after ended only
}

// credential is what `writ credential add --json` prints.
type credential struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
	Endpoint  string `json:"endpoint"`
	CAFile    string `json:"ca_file"`
}

// newServer prepares a server on a new folder; start starts it.
func newServer(t *testing.T, data string, extra ...string) *server {
	t.Helper()
	s := &server{
		t: t, data: data, extra: extra,
		keyFile: filepath.Join(t.TempDir(), "root.key"),
		s3:      freePort(t), metrics: freePort(t),
	}
	t.Cleanup(func() {
		s.kill()
		if t.Failed() && s.log != nil {
			t.Logf("last log of the server:\n%s", tail(s.log.String(), 4000))
		}
	})
	return s
}

// run starts a server on a folder of the test's own.
func run(t *testing.T, extra ...string) *server {
	t.Helper()
	s := newServer(t, filepath.Join(t.TempDir(), "data"), extra...)
	s.start()
	return s
}

// freePort returns an address that nothing listens on. It lies below the range
// from which the kernel takes the ports of outgoing connections, so that none
// of them sits on it while a server is started again.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(22000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("found no free port")
	return ""
}

// start starts the process and waits until it says that it is ready.
func (s *server) start() {
	s.t.Helper()
	if err := s.tryStart(); err != nil {
		s.t.Fatal(err)
	}
}

var errEnded = errors.New("the server ended before it was ready")

// tryStart starts the process; it returns errEnded if it ends by itself.
func (s *server) tryStart() error {
	s.log = &bytes.Buffer{}
	args := append([]string{"serve", "--data", s.data, "--s3", s.s3, "--web", "127.0.0.1:0",
		"--metrics", s.metrics, "--key-file", s.keyFile}, s.extra...)
	s.cmd = exec.Command(writBinary, args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() { s.cmd.Wait(); close(ended) }()
	for range 4800 {
		resp, err := http.Get("http://" + s.metrics + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ended:
			return fmt.Errorf("%w: %s", errEnded, tail(s.log.String(), 2000))
		case <-time.After(25 * time.Millisecond):
		}
	}
	s.kill()
	return fmt.Errorf("not ready within two minutes: %s", tail(s.log.String(), 2000))
}

// kill ends the process as the kernel would: at once, with nothing flushed.
func (s *server) kill() {
	if s.cmd != nil && s.cmd.Process != nil {
		s.cmd.Process.Kill()
		s.await()
	}
}

// stop asks the process to end and waits for it.
func (s *server) stop() {
	s.t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.await()
}

// await waits until the process is gone.
func (s *server) await() {
	s.t.Helper()
	select {
	case <-s.ended:
		if log := s.log.String(); strings.Contains(log, "DATA RACE") {
			s.t.Errorf("the server has a race: %s", log)
		}
	case <-time.After(2 * time.Minute):
		s.t.Fatal("the server does not end")
	}
}

// admin runs a command of the binary against the running server.
func (s *server) admin(args ...string) []byte {
	s.t.Helper()
	out, err := s.tryAdmin(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *server) tryAdmin(args ...string) ([]byte, error) {
	cmd := exec.Command(writBinary, append([]string{"--data", s.data}, args...)...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("writ %s: %w: %s", strings.Join(args, " "), err, errOut.String())
	}
	return out.Bytes(), nil
}

// customer adds a customer with one credential.
func (s *server) customer(name string) credential {
	s.t.Helper()
	s.admin("customer", "add", name, "--json")
	var c credential
	if err := json.Unmarshal(s.admin("credential", "add", "--customer", name, "--json"), &c); err != nil {
		s.t.Fatalf("couldn't read the credential: %v", err)
	}
	if c.AccessKey == "" || c.SecretKey == "" || c.CAFile == "" || !strings.Contains(c.Endpoint, s.s3) {
		s.t.Fatalf("credential lacks something: endpoint %q, ca_file %q", c.Endpoint, c.CAFile)
	}
	return c
}

// client returns minio-go for a credential; addr may be a proxy's.
func (s *server) client(c credential, addr string) *minio.Client {
	s.t.Helper()
	client, err := minio.New(addr, &minio.Options{
		Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""), Secure: true, Region: "us-east-1",
		Transport:  &http.Transport{TLSClientConfig: s.trust(), MaxIdleConnsPerHost: 16, DisableCompression: true},
		MaxRetries: 1,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

func (s *server) trust() *tls.Config {
	s.t.Helper()
	pem, err := os.ReadFile(filepath.Join(s.data, "ca.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		s.t.Fatal("ca.pem holds no certificate")
	}
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

// bucket makes a bucket.
func (s *server) bucket(c *minio.Client, name string) {
	s.t.Helper()
	if err := c.MakeBucket(context.Background(), name, minio.MakeBucketOptions{}); err != nil {
		s.t.Fatalf("couldn't make bucket %s: %v", name, err)
	}
}

func tail(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return "…" + text[len(text)-n:]
}
