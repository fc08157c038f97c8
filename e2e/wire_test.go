package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
)

// recorder is a proxy that keeps every byte that passes it, both ways.
type recorder struct {
	l      net.Listener
	target string
	mu     sync.Mutex
	bytes  bytes.Buffer
}

func record(t *testing.T, target string) *recorder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{l: l, target: target}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go r.pass(in)
		}
	}()
	return r
}

func (r *recorder) pass(in net.Conn) {
	out, err := net.Dial("tcp", r.target)
	if err != nil {
		in.Close()
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(io.MultiWriter(out, r), in); out.(*net.TCPConn).CloseWrite() })
	wg.Go(func() { io.Copy(io.MultiWriter(in, r), out); in.(*net.TCPConn).CloseWrite() })
	wg.Wait()
	in.Close()
	out.Close()
}

// Write keeps what passes.
func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes.Write(p)
}

func (r *recorder) seen() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.bytes.Bytes())
}

// forms are the ways in which a secret may be written by accident.
func forms(secret []byte) map[string][]byte {
	return map[string][]byte{
		"as it is":   secret,
		"in hex":     []byte(hex.EncodeToString(secret)),
		"in HEX":     []byte(strings.ToUpper(hex.EncodeToString(secret))),
		"base64":     []byte(strings.TrimRight(base64.StdEncoding.EncodeToString(secret), "=")),
		"base64 url": []byte(base64.RawURLEncoding.EncodeToString(secret)),
	}
}

// TestNothingInClear is invariant 2: after a full run, no plaintext, object
// name, customer name or key is in any byte on disk or on either wire.
func TestNothingInClear(t *testing.T) {
	ctx := context.Background()
	s := run(t)
	proxy := record(t, s.s3)
	const customer = "harbour-clinic-zqxv"
	c := s.customer(customer)
	client := s.client(c, proxy.l.Addr().String())
	const bucket = "ward-seven-zqxv"
	s.bucket(client, bucket)
	if err := client.EnableVersioning(ctx, bucket); err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{
		"customer name": []byte(customer),
		"bucket name":   []byte(bucket),
		"secret key":    []byte(c.SecretKey),
		"object name":   []byte("referrals/zqxv-patient-0417.txt"),
		"metadata":      []byte("zqxv-metadata-of-the-ward"),
		"tag":           []byte("zqxv-tag-value"),
		"plaintext":     []byte("zqxv the patient of room seven was discharged on friday"),
	}
	rootKey, err := os.ReadFile(s.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	secrets["root key file"] = bytes.TrimSpace(rootKey)
	line := append(secrets["plaintext"], '\n')
	put := func(name string, size int) {
		body := bytes.Repeat(line, size/len(line)+1)
		if _, err := client.PutObject(ctx, bucket, name, bytes.NewReader(body), int64(len(body)), minio.PutObjectOptions{
			UserMetadata: map[string]string{"note": string(secrets["metadata"])},
			UserTags:     map[string]string{"ward": string(secrets["tag"])},
			PartSize:     5 << 20,
		}); err != nil {
			t.Fatalf("couldn't put %d bytes: %v", size, err)
		}
		got, err := client.GetObject(ctx, bucket, name, minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		back, err := io.ReadAll(got)
		if err != nil || !bytes.Equal(back, body) {
			t.Fatalf("%d bytes did not come back: %v", size, err)
		}
	}
	name := string(secrets["object name"])
	for _, size := range []int{100, 100_000, 3 << 20, 12 << 20} { // inline, segment, file, multipart
		put(name, size)
	}
	for range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
	}
	if _, err := client.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: name + ".copy"}, minio.CopySrcOptions{Bucket: bucket, Object: name}); err != nil {
		t.Fatal(err)
	}
	if err := client.RemoveObject(ctx, bucket, name, minio.RemoveObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.GetObject(ctx, bucket, "no-such-zqxv", minio.GetObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	// The journal does name the object, to its owner; that it is sealed on
	// the disk is what the search below shows.
	if journal := s.admin("journal", "show", "--customer", customer, "--json"); !bytes.Contains(journal, []byte(name)) {
		t.Fatalf("the journal does not tell of the object: %s", tail(string(journal), 500))
	}
	metrics := fetch(t, "http://"+s.metrics+"/metrics")
	s.admin("customer", "rotate", customer)
	time.Sleep(1500 * time.Millisecond)
	scan := func(when string) {
		places := 0
		err := filepath.WalkDir(s.data, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // gone meanwhile, or a folder or socket
			}
			places++
			body, err := os.ReadFile(path)
			if err != nil {
				return nil
			}
			rel, _ := filepath.Rel(s.data, path)
			for what, secret := range secrets {
				for form, needle := range forms(secret) {
					if bytes.Contains(body, needle) {
						t.Errorf("%s: the %s stands %s in %s", when, what, form, rel)
					}
					if strings.Contains(rel, string(needle)) {
						t.Errorf("%s: the %s stands %s in the file name %s", when, what, form, rel)
					}
				}
			}
			return nil
		})
		if err != nil || places < 5 {
			t.Fatalf("%s: searched %d files: %v", when, places, err)
		}
	}
	scan("while running")
	s.stop()
	scan("stopped")
	for place, text := range map[string][]byte{"the wire": proxy.seen(), "the server's log": s.log.Bytes(), "the metrics page": metrics} {
		if len(text) == 0 && place != "the server's log" {
			t.Fatalf("nothing was recorded on %s", place)
		}
		for what, secret := range secrets {
			for form, needle := range forms(secret) {
				if bytes.Contains(text, needle) {
					t.Errorf("the %s stands %s on %s", what, form, place)
				}
			}
		}
	}
}
