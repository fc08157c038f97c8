//go:build unix

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"writ/internal/api"
)

const s3Usage = "usage: s3 CREDENTIAL.json mb BUCKET | put BUCKET KEY FILE | get BUCKET KEY FILE | ls BUCKET | rm BUCKET KEY"

// s3Client is the stories' own S3 client, MinIO's library with what "writ
// credential add --json" printed.
func s3Client(args []string) int {
	if err := s3Run(args); err != nil {
		if r := minio.ToErrorResponse(err); r.Code != "" {
			err = fmt.Errorf("%d %s: %s", r.StatusCode, r.Code, r.Message)
		}
		fmt.Fprintln(os.Stderr, "s3:", err)
		return 1
	}
	return 0
}

func s3Run(args []string) error {
	if len(args) < 3 {
		return errors.New(s3Usage)
	}
	client, err := s3Connect(args[0])
	if err != nil {
		return err
	}
	ctx := context.Background()
	bucket, rest := args[2], args[3:]
	switch {
	case args[1] == "mb" && len(rest) == 0:
		return client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{})
	case args[1] == "put" && len(rest) == 2:
		_, err := client.FPutObject(ctx, bucket, rest[0], rest[1], minio.PutObjectOptions{})
		return err
	case args[1] == "get" && len(rest) == 2:
		return client.FGetObject(ctx, bucket, rest[0], rest[1], minio.GetObjectOptions{})
	case args[1] == "rm" && len(rest) == 1:
		return client.RemoveObject(ctx, bucket, rest[0], minio.RemoveObjectOptions{})
	case args[1] == "ls" && len(rest) == 0:
		for o := range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
			if o.Err != nil {
				return o.Err
			}
			fmt.Println(o.Key, o.Size)
		}
		return nil
	}
	return errors.New(s3Usage)
}

func s3Connect(file string) (*minio.Client, error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var c api.Credential
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, err
	}
	at, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{}
	if c.CAFile != "" {
		ca, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(ca)
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return minio.New(at.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(string(c.AccessKey), c.SecretKey, ""),
		Secure: at.Scheme == "https", Region: c.Region, Transport: transport, MaxRetries: 1,
	})
}

// bigFile writes a text of a size, every line another: bigfile NAME BYTES.
func bigFile(args []string) int {
	var text []byte
	var want int
	if len(args) == 2 {
		want, _ = strconv.Atoi(args[1])
	}
	for i := 0; len(text) < want; i++ {
		text = fmt.Appendf(text, "line %d of the scan\n", i)
	}
	if want == 0 || os.WriteFile(args[0], text[:want], 0o600) != nil {
		fmt.Fprintln(os.Stderr, "usage: bigfile NAME BYTES")
		return 1
	}
	return 0
}
