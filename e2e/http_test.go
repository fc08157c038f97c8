package e2e

import (
	"io"
	"net/http"
	"testing"
)

// fetchTLS reads a URL of the S3 listener without credentials.
func fetchTLS(s *server, url string) []byte {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: s.trust()}}
	resp, err := client.Get(url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %v: %s", resp.Status, err, tail(string(body), 500))
	}
	return body
}

// fetch reads a plain URL of the loopback listener.
func fetch(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", url, resp.Status, err)
	}
	return body
}
