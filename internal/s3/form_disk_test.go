package s3_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"testing"
	"time"
)

// TestFormsAreNotKept: a form that a stranger sends is not laid down on the disk
// in plain while it comes, which the HTTP library does with large ones if it is
// let.
func TestFormsAreNotKept(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	r := newRig(t)
	for _, path := range []string{"/inbox", "/.writ/v1/my/demands/2026-0000-0000/objections"} {
		conn, err := tls.Dial("tcp", r.addr, &tls.Config{RootCAs: authority().roots})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n", path, r.addr, 64<<20)
		io.WriteString(conn, "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n")
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			piece := make([]byte, 1<<20)
			for range 40 {
				if _, err := conn.Write(piece); err != nil { // refused meanwhile
					return
				}
			}
		}()
		for end := time.Now().Add(time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if found, err := os.ReadDir(dir); err != nil || len(found) > 0 {
				t.Fatalf("%s: %v lies in the folder for temporary files, %v", path, found, err)
			}
		}
		conn.Close()
		<-sent
	}
}
