package demo

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"writ/internal/api"
)

// party is a customer with a credential, and the S3 client that uses it.
type party struct {
	name       string
	bucket     string
	credential api.Credential
	s3         *minio.Client
}

// join adds a customer with a credential and a bucket.
func (s *story) join(ctx context.Context, name, bucket string) (p party, err error) {
	p = party{name: name, bucket: bucket}
	if _, err := s.admin.AddCustomer(ctx, name); err != nil {
		return p, fmt.Errorf("couldn't add a customer: %w", err)
	}
	if p.credential, err = s.admin.AddCredential(ctx, name); err != nil {
		return p, fmt.Errorf("couldn't add a credential: %w", err)
	}
	trust, err := s.trust()
	if err != nil {
		return p, err
	}
	p.s3, err = minio.New(strings.TrimPrefix(p.credential.Endpoint, "https://"), &minio.Options{
		Creds:  credentials.NewStaticV4(string(p.credential.AccessKey), p.credential.SecretKey, ""),
		Secure: true, Region: p.credential.Region, MaxRetries: 1,
		Transport: &http.Transport{TLSClientConfig: trust},
	})
	if err != nil {
		return p, fmt.Errorf("couldn't make an S3 client: %w", err)
	}
	if err := p.s3.MakeBucket(ctx, bucket, minio.MakeBucketOptions{Region: p.credential.Region}); err != nil {
		return p, fmt.Errorf("couldn't make a bucket: %w", err)
	}
	return p, nil
}

// trust is TLS as a client has it that was given ca.pem, and nothing else.
func (s *story) trust() (*tls.Config, error) {
	body, err := os.ReadFile(s.data.CA())
	if err != nil {
		return nil, fmt.Errorf("couldn't read the authority: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(body)
	return &tls.Config{RootCAs: pool}, nil
}

// handshake says in a line what a client of today gets.
func (s *story) handshake(addr string) (string, error) {
	trust, err := s.trust()
	if err != nil {
		return "", err
	}
	c, err := tls.Dial("tcp", addr, trust)
	if err != nil {
		return "", fmt.Errorf("couldn't shake hands with the server: %w", err)
	}
	defer c.Close()
	state := c.ConnectionState()
	return fmt.Sprintf("%s, key exchange %s, %s", tls.VersionName(state.Version), state.CurveID, tls.CipherSuiteName(state.CipherSuite)), nil
}

// kept is a file that a party put.
type kept struct {
	key    string
	path   string // of the file that was put
	size   int64
	sha256 [32]byte
}

// digest reads a file or object to its end.
func digest(r io.Reader) (sum [32]byte, n int64, err error) {
	h := sha256.New()
	n, err = io.Copy(h, r)
	return [32]byte(h.Sum(nil)), n, err
}

// get reads an object as a client does, and returns its digest.
func (p party) get(ctx context.Context, bucket, key string) (sum [32]byte, n int64, err error) {
	object, err := p.s3.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return sum, 0, err
	}
	defer object.Close()
	return digest(object)
}
