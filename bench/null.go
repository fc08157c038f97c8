package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"writ"
	"writ/internal/s3"
	"writ/internal/vault"
	"writ/internal/wire"
)

// nullMain serves Writ's own front over a store that keeps nothing: what it
// costs to speak the protocol, and so the limit of any store behind the front.
func nullMain(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("null", flag.ExitOnError)
	listen := fs.String("listen", "", "")
	certFile := fs.String("cert", "", "")
	keyFile := fs.String("key", "", "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	cert, err := tls.LoadX509KeyPair(*certFile, *keyFile)
	if err != nil {
		return fmt.Errorf("couldn't load the certificate: %w", err)
	}
	front, err := s3.New(s3.Config{Vault: &null{access: os.Getenv("BENCH_ACCESS"), secret: os.Getenv("BENCH_SECRET")}})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		front.Shutdown(context.Background())
	}()
	return front.Serve(tls.NewListener(wire.Listen(l), &tls.Config{Certificates: []tls.Certificate{cert}, DynamicRecordSizingDisabled: true}))
}

// null answers what the benchmark asks: one bucket, any object. The size of an
// object stands in its name ("s4096/…"). Everything else is not there, and
// would end in a nil pointer: the benchmark asks for nothing else.
type null struct {
	s3.Vault
	access, secret string
}

const nullOwner = writ.CustomerID("c-00000000000000000000")

// nullSettings is the access-control list that every bucket is made with.
var nullSettings = map[vault.Setting][]byte{
	vault.SettingACL: []byte(`{"Owner":"` + nullOwner + `","Grantees":[{"Permission":"FULL_CONTROL","Access":"` + nullOwner + `","Type":"CanonicalUser"}]}`),
}

func (n *null) SigningKey(_ context.Context, access writ.CredentialID, date, region, service string) ([]byte, writ.CustomerID, error) {
	if string(access) != n.access {
		return nil, "", vault.ErrNoCredential
	}
	key := []byte("AWS4" + n.secret)
	for _, step := range []string{date, region, service, "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(step))
		key = mac.Sum(nil)
	}
	return key, nullOwner, nil
}

func (n *null) Customer(context.Context, string) (vault.Customer, error) {
	return vault.Customer{ID: nullOwner}, nil
}

func (n *null) Bucket(_ context.Context, name writ.BucketName) (vault.Bucket, error) {
	return vault.Bucket{Name: name, Owner: nullOwner, Settings: nullSettings}, nil
}

func (n *null) Put(_ context.Context, _ vault.Session, in vault.PutInput) (vault.Version, error) {
	size, err := io.Copy(io.Discard, in.Body)
	if err != nil {
		return vault.Version{}, err
	}
	v := n.version(in.Bucket, in.Key, size)
	if in.Checksum != nil {
		v.Checksum, err = in.Checksum()
	}
	return v, err
}

func (n *null) version(bucket writ.BucketName, key writ.ObjectKey, size int64) vault.Version {
	return vault.Version{
		ObjectRef: vault.ObjectRef{Bucket: bucket, Key: key, Version: writ.NullVersion}, Owner: nullOwner, Latest: true,
		Modified: time.Unix(1_800_000_000, 0), Size: size, ETag: "00000000000000000000000000000000-1",
	}
}

func (n *null) Get(_ context.Context, _ vault.Session, in vault.GetInput) (vault.Object, error) {
	dir, _, _ := strings.Cut(string(in.Key), "/")
	size, err := strconv.ParseInt(strings.TrimPrefix(dir, "s"), 10, 64)
	if err != nil {
		return vault.Object{}, vault.ErrNoKey
	}
	return vault.Object{Version: n.version(in.Bucket, in.Key, size), Length: size, Body: &zeros{size}}, nil
}

func (n *null) Head(ctx context.Context, s vault.Session, in vault.GetInput) (vault.Object, error) {
	o, err := n.Get(ctx, s, in)
	o.Body = nil
	return o, err
}

// zeros is a body that costs nothing to make.
type zeros struct{ left int64 }

var zeroChunk [64 << 10]byte

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, zeroChunk[:min(z.left, int64(len(zeroChunk)))])
	z.left -= int64(n)
	return n, nil
}

// WriteTo implements [io.WriterTo], as the vault's bodies do.
func (z *zeros) WriteTo(w io.Writer) (int64, error) {
	var done int64
	for z.left > 0 {
		n, err := w.Write(zeroChunk[:min(z.left, int64(len(zeroChunk)))])
		z.left -= int64(n)
		done += int64(n)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (z *zeros) Close() error { return nil }
