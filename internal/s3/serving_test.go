package s3_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"writ/internal/s3"
	"writ/internal/vault"
)

// Several listeners serve at once, and connections are kept.
func TestListeners(t *testing.T) {
	r := newRig(t)
	second, _ := listen(t, r.front)
	r.bucket(r.clinic, "records")
	r.put(r.clinic, "records", "ward/7", "a chart")
	other := client(t, second, string(r.clinic.ID), r.clinic.Secret)
	if _, err := other.StatObject(r.ctx, "records", "ward/7", minio.StatObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", second, &tls.Config{RootCAs: authority().roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for range 3 {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, answer.Body)
	}
}

// stopAfter starts a download, has the front shut down with a limit, and
// returns what came and what Shutdown said. The client goes on reading when
// the listener is closed, or not before the shutdown is over.
func stopAfter(t *testing.T, limit time.Duration, over bool) (got int64, read, shut error) {
	r := newRig(t)
	r.bucket(r.clinic, "scans")
	body := bytes.Repeat([]byte("scan"), 8<<20)
	if _, err := r.clinic.client.PutObject(r.ctx, "scans", "scan", bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{DisableMultipart: true}); err != nil {
		t.Fatal(err)
	}
	link, err := r.clinic.client.PresignedGetObject(r.ctx, "scans", "scan", time.Minute, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := r.http.Get(link.String())
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	ctx, cancel := context.WithTimeout(r.ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- r.front.Shutdown(ctx) }()
	if over {
		shut = <-done
	} else {
		for c, err := net.Dial("tcp", r.addr); err == nil; c, err = net.Dial("tcp", r.addr) {
			c.Close()
		}
	}
	got, read = io.Copy(io.Discard, answer.Body)
	if read == nil && got != int64(len(body)) {
		t.Errorf("%d bytes without an error", got)
	}
	r.http.CloseIdleConnections()
	r.clinic.client = nil
	if !over {
		shut = <-done
	}
	if _, err := net.DialTimeout("tcp", r.addr, time.Second); err == nil {
		t.Error("the front still listens")
	}
	if err := r.front.Serve(nowhere{}); !errors.Is(err, s3.ErrStopped) {
		t.Errorf("serving after shutdown: %v", err)
	}
	return got, read, shut
}

// nowhere is a listener that nobody reaches.
type nowhere struct{}

func (nowhere) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (nowhere) Close() error              { return nil }
func (nowhere) Addr() net.Addr            { return &net.TCPAddr{} }

// A running download is finished while the front shuts down, if the time
// allows; else it is cut, which the client sees.
func TestShutdown(t *testing.T) {
	if got, err, shut := stopAfter(t, time.Minute, false); err != nil || shut != nil {
		t.Errorf("with time: %d bytes, %v; %v", got, err, shut)
	}
	if got, err, shut := stopAfter(t, 200*time.Millisecond, true); err == nil || !errors.Is(shut, context.DeadlineExceeded) {
		t.Errorf("without time: %d bytes, %v; %v", got, err, shut)
	}
}

// A full disk is said so, nothing is kept, and all is well when there is
// space again.
func TestFullDisk(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans")
	r.put(r.clinic, "scans", "old", strings.Repeat("o", 2<<20))
	for _, size := range []int{64 << 10, 2 << 20} {
		r.blobs.full.Store(true)
		answer, text := r.do(r.clinic, "PUT", "/scans/new", strings.Repeat("n", size))
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || !strings.Contains(text, "no space left") {
			t.Errorf("%d bytes: %s %s", size, answer.Status, text)
		}
		if _, err := r.read(r.clinic, "scans", "old", minio.GetObjectOptions{}); err != nil {
			t.Errorf("reading on a full disk: %v", err)
		}
		if _, err := r.clinic.client.StatObject(r.ctx, "scans", "new", minio.StatObjectOptions{}); err == nil {
			t.Error("what was refused is there")
		}
		r.blobs.full.Store(false)
		r.put(r.clinic, "scans", "new", strings.Repeat("n", size))
		if err := r.clinic.client.RemoveObject(r.ctx, "scans", "new", minio.RemoveObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// Damaged data are an error that names the object to its owner, and to nobody
// else, and are never served; the log has the request, and no name.
func TestDamage(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans")
	r.put(r.clinic, "scans", "patient-film", strings.Repeat("f", 64<<10))
	r.put(r.clinic, "scans", "long-film", strings.Repeat("f", 3<<20))
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"%s","Action":"s3:GetObject","Resource":"arn:aws:s3:::scans/*"}]}`, r.press.Customer)
	if err := r.clinic.client.SetBucketPolicy(r.ctx, "scans", policy); err != nil {
		t.Fatal(err)
	}
	r.blobs.damaged.Store(true)
	get := func(p person, key string) (int, string) {
		req, err := p.client.PresignedGetObject(r.ctx, "scans", key, time.Minute, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := r.http.Get(req.String())
		if err != nil {
			return 0, ""
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode == http.StatusOK {
			t.Errorf("%s: %d bytes without an error", key, len(b))
		}
		return answer.StatusCode, string(b)
	}
	get(r.clinic, "patient-film")
	if status, text := get(r.clinic, "long-film"); status == http.StatusOK && len(text) >= 3<<20 {
		t.Errorf("damaged download: %d bytes", len(text))
	}
	if status, text := get(r.press, "patient-film"); strings.Contains(text, "patient-film") {
		t.Errorf("another customer is told: %d %s", status, text)
	}
	if log := r.log.String(); !strings.Contains(log, `"request"`) || strings.Contains(log, "film") || strings.Contains(log, "harbour") {
		t.Errorf("log: %s", log)
	}
}

func TestQuotas(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	quota := func(q vault.Quota) {
		t.Helper()
		if err := r.vault.SetQuota(r.ctx, r.clinic.Customer, q); err != nil {
			t.Fatal(err)
		}
	}
	quota(vault.Quota{Bytes: 100})
	if e := r.refusal(r.clinic, "PUT", "/records/x", strings.Repeat("x", 101)); e.Code != "QuotaExceeded" || !strings.Contains(e.Message, "100 bytes") {
		t.Errorf("bytes: %+v", e)
	}
	quota(vault.Quota{Objects: 1})
	r.put(r.clinic, "records", "x", "x")
	if e := r.refusal(r.clinic, "PUT", "/records/y", "y"); e.Code != "QuotaExceeded" {
		t.Errorf("objects: %+v", e)
	}
	quota(vault.Quota{Requests: 2})
	var slow int
	began := time.Now()
	for range 20 {
		if answer, _ := r.do(r.clinic, "GET", "/records/x", ""); answer.StatusCode == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != "" {
			slow++
		}
	}
	// A second's worth at once, then two a second.
	if most := 2 + 2*time.Since(began).Seconds() + 1; float64(20-slow) > most || slow == 20 {
		t.Errorf("%d of 20 requests were told to slow down, want more than 20-%.0f", slow, most)
	}
	r.bucket(r.press, "drafts") // others are not
	r.put(r.press, "drafts", "x", "x")
}

func TestShredded(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "records")
	r.put(r.clinic, "records", "ward/7", "a chart")
	if err := r.vault.ShredCustomer(r.ctx, r.clinic.Customer); err != nil {
		t.Fatal(err)
	}
	answer, text := r.do(r.clinic, "GET", "/records/ward/7", "")
	if answer.StatusCode != http.StatusForbidden || strings.Contains(text, "chart") {
		t.Errorf("get: %s %s", answer.Status, text)
	}
}
