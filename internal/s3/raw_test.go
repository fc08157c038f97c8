package s3_test

import (
	"bufio"
	"crypto/tls"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// do sends a request as a person, or unsigned as the zero person, and returns
// the answer and its body. Headers are "Name: value".
func (r *rig) do(p person, method, target, body string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.ctx, method, "https://"+r.addr+target, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	if p.ID != "" {
		req = signer.SignV4(*req, string(p.ID), p.Secret, "", "us-east-1")
	} else {
		req.Header.Del("X-Amz-Content-Sha256")
	}
	return r.send(req)
}

func (r *rig) send(req *http.Request) (*http.Response, string) {
	r.t.Helper()
	answer, err := r.http.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	return answer, string(b)
}

// say sends bytes on a connection of their own, and returns what comes back
// until the server closes it, or for a minute.
func (r *rig) say(request string) string {
	r.t.Helper()
	conn, err := tls.Dial("tcp", r.addr, &tls.Config{RootCAs: authority().roots})
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		r.t.Fatal(err)
	}
	answer, _ := http.ReadResponse(bufio.NewReader(conn), nil)
	if answer == nil {
		return "no answer"
	}
	body, _ := io.ReadAll(answer.Body)
	return answer.Status + "\n" + string(body)
}

// An answered error is one that came as XML.
type answered struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
	ID      string `xml:"RequestId"`
}

// refusal sends a request and returns the error that it was answered with.
func (r *rig) refusal(p person, method, target, body string, headers ...string) answered {
	r.t.Helper()
	answer, text := r.do(p, method, target, body, headers...)
	var e answered
	if answer.StatusCode < 400 {
		r.t.Errorf("%s %s: %s, want an error", method, target, answer.Status)
		return e
	}
	if method == http.MethodHead {
		return answered{Code: answer.Status}
	}
	if err := xml.Unmarshal([]byte(text), &e); err != nil {
		r.t.Errorf("%s %s: %s with %q: %v", method, target, answer.Status, text, err)
	}
	return e
}
