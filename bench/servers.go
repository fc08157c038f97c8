package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/minio/minio-go/v7"
)

// target is a server under load.
type target struct {
	name           string
	endpoint       string // host:port
	caFile         string
	access, secret string
	bucket         string
	durable        string // what a PUT has fsynced when it is answered
	metrics        string // Writ only: host:port of its metrics listener
	cmd            *exec.Cmd
}

const benchBucket = "bench-bucket"

// stop ends the server and waits for it.
func (t *target) stop() {
	if t.cmd == nil || t.cmd.Process == nil {
		return
	}
	t.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { t.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		t.cmd.Process.Kill()
		<-done
	}
}

// freePort asks the kernel for a loopback port that is free now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("couldn't find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// spawn starts a command whose output goes to a file beside its data.
func spawn(ctx context.Context, logFile string, env []string, name string, args ...string) (*exec.Cmd, error) {
	log, err := os.Create(logFile)
	if err != nil {
		return nil, fmt.Errorf("couldn't create a log: %w", err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("couldn't start %s: %w", name, err)
	}
	return cmd, nil
}

// awaitTLS waits until something answers a TLS handshake.
func awaitTLS(ctx context.Context, endpoint string) error {
	for range 600 {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // only asks whether it listens
		c, err := d.DialContext(ctx, "tcp", endpoint)
		if err == nil {
			c.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("nothing answers at %s", endpoint)
}

// makeBucket waits until the server takes a bucket.
func (t *target) makeBucket(ctx context.Context) error {
	t.bucket = benchBucket
	client, err := connect(*t, 1)
	if err != nil {
		return err
	}
	var last error
	for range 100 {
		if last = client.MakeBucket(ctx, t.bucket, minio.MakeBucketOptions{}); last == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("couldn't make a bucket on %s: %w", t.name, last)
}

const benchPassphrase = "bench passphrase, of no value"

// startWrit starts the binary under test on a folder, which may hold data
// already, and waits until it says that it is ready.
func startWrit(ctx context.Context, o options, data string) (*target, time.Duration, error) {
	s3, err := freePort()
	if err != nil {
		return nil, 0, err
	}
	web, err := freePort()
	if err != nil {
		return nil, 0, err
	}
	metrics, err := freePort()
	if err != nil {
		return nil, 0, err
	}
	start := time.Now()
	cmd, err := spawn(ctx, data+".log", []string{"WRIT_PASSPHRASE=" + benchPassphrase},
		o.writ, "serve", "--data", data, "--s3", s3, "--web", web, "--metrics", metrics)
	if err != nil {
		return nil, 0, err
	}
	t := &target{name: "writ", endpoint: s3, caFile: filepath.Join(data, "ca.pem"), bucket: benchBucket,
		metrics: metrics, cmd: cmd, durable: "data, directory and record, before the answer"}
	for range 1200 {
		resp, err := http.Get("http://" + metrics + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return t, time.Since(start), nil
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.stop()
	return nil, 0, fmt.Errorf("writ did not become ready; its log is %s.log", data)
}

// addCustomer makes a customer and a credential on a running Writ.
func (t *target) addCustomer(ctx context.Context, o options, data string) error {
	admin := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, o.writ, append([]string{"--data", data}, args...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("couldn't run writ %s: %w: %s", strings.Join(args, " "), err, stderr.String())
		}
		return out, nil
	}
	if _, err := admin("customer", "add", "bench", "--json"); err != nil {
		return err
	}
	out, err := admin("credential", "add", "--customer", "bench", "--json")
	if err != nil {
		return err
	}
	var c struct {
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
	}
	if err := json.Unmarshal(out, &c); err != nil {
		return fmt.Errorf("couldn't read the credential: %w", err)
	}
	t.access, t.secret = c.AccessKey, c.SecretKey
	return nil
}

// newWrit starts Writ on an empty folder, with a customer and a bucket.
func newWrit(ctx context.Context, o options, dir string) (*target, error) {
	t, _, err := startWrit(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	if err := t.addCustomer(ctx, o, dir); err != nil {
		t.stop()
		return nil, err
	}
	if err := t.makeBucket(ctx); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// newNull starts this program as Writ's front over a store that keeps nothing.
func newNull(ctx context.Context, dir string, certFile, keyFile string) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd, err := spawn(ctx, dir+".log", []string{"BENCH_ACCESS=" + peerAccess, "BENCH_SECRET=" + peerSecret},
		self, "null", "-listen", addr, "-cert", certFile, "-key", keyFile)
	if err != nil {
		return nil, err
	}
	t := &target{name: "null", endpoint: addr, caFile: certFile, access: peerAccess, secret: peerSecret,
		bucket: benchBucket, cmd: cmd, durable: "nothing is kept"}
	if err := awaitTLS(ctx, addr); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

const (
	peerAccess = "BENCHACCESSKEY000000"
	peerSecret = "benchsecretkeyofnovalue0000000000000000"
)

// newMinIO starts MinIO with automatic encryption by a built-in key.
func newMinIO(ctx context.Context, o options, dir, certFile, keyFile string) (*target, error) {
	certs := dir + "-certs"
	if err := os.MkdirAll(certs, 0o700); err != nil {
		return nil, err
	}
	if err := copyFile(certFile, filepath.Join(certs, "public.crt")); err != nil {
		return nil, err
	}
	if err := copyFile(keyFile, filepath.Join(certs, "private.key")); err != nil {
		return nil, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	console, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd, err := spawn(ctx, dir+".log", []string{
		"MINIO_ROOT_USER=" + peerAccess, "MINIO_ROOT_PASSWORD=" + peerSecret,
		"MINIO_KMS_SECRET_KEY=bench:IyqsU3kMFloCNup4BsZtf/rmfHVcTgznO2F25CkEH1g=",
		"MINIO_KMS_AUTO_ENCRYPTION=on", "MINIO_UPDATE=off", "MINIO_BROWSER=off",
	}, filepath.Join(o.peers, "minio"), "server", "--quiet", "--address", addr, "--console-address", console, "--certs-dir", certs, dir)
	if err != nil {
		return nil, err
	}
	t := &target{name: "minio", endpoint: addr, caFile: certFile, access: peerAccess, secret: peerSecret,
		cmd: cmd, durable: "its xl.meta by O_DSYNC where it asks for it"}
	if err := awaitTLS(ctx, addr); err != nil {
		t.stop()
		return nil, err
	}
	if err := t.makeBucket(ctx); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// newVersity starts versitygw on its own posix backend.
func newVersity(ctx context.Context, o options, dir, certFile, keyFile string) (*target, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd, err := spawn(ctx, dir+".log", nil, filepath.Join(o.peers, "versitygw"),
		"--access", peerAccess, "--secret", peerSecret, "--port", addr,
		"--cert", certFile, "--key", keyFile, "--keep-alive", "--quiet", "posix", dir)
	if err != nil {
		return nil, err
	}
	t := &target{name: "versitygw", endpoint: addr, caFile: certFile, access: peerAccess, secret: peerSecret,
		cmd: cmd, durable: "nothing (no fsync, no encryption)"}
	if err := awaitTLS(ctx, addr); err != nil {
		t.stop()
		return nil, err
	}
	if err := t.makeBucket(ctx); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}
