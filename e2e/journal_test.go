package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	"github.com/minio/minio-go/v7"
)

// entry is a line of `writ journal show --json`, as far as the test looks.
type entry struct {
	Op         string `json:"op"`
	Reason     string `json:"reason"`
	Credential string `json:"credential"`
	Bucket     string `json:"bucket"`
	Key        string `json:"key"`
	Addr       string `json:"addr"`
	Damage     string `json:"damage"`
}

func (s *server) journalOf(name string) []entry {
	s.t.Helper()
	var entries []entry
	if err := json.Unmarshal(s.admin("journal", "show", "--customer", name, "--json"), &entries); err != nil {
		s.t.Fatalf("couldn't read the journal: %v", err)
	}
	return entries
}

// TestJournalSurvivesKill: whoever got bytes is in the journal, though the
// server was killed the moment they arrived.
func TestJournalSurvivesKill(t *testing.T) {
	ctx := context.Background()
	s := run(t)
	c := s.customer("harbour-clinic")
	const bucket = "journal-bucket"
	client := s.client(c, s.s3)
	s.bucket(client, bucket)
	const objects = 6
	for i := range objects {
		b := body(uint64(i + 1))
		if _, err := client.PutObject(ctx, bucket, fmt.Sprintf("object-%d", i), bytes.NewReader(b), int64(len(b)), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range objects {
		obj, err := client.GetObject(ctx, bucket, fmt.Sprintf("object-%d", i), minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(obj, make([]byte, 8)); err != nil { // the first bytes are enough
			t.Fatal(err)
		}
		s.kill()
		s.start()
		client = s.client(c, s.s3)
	}
	got := map[string]int{}
	for _, e := range s.journalOf("harbour-clinic") {
		if e.Damage != "" {
			t.Errorf("the journal is damaged: %s", e.Damage)
		}
		if e.Op == "get" {
			got[e.Key]++
			if e.Reason != "owner" || e.Credential != c.AccessKey || e.Bucket != bucket || e.Addr != "127.0.0.1" {
				t.Errorf("an entry does not say who: %+v", e)
			}
		}
	}
	for i := range objects {
		if key := fmt.Sprintf("object-%d", i); got[key] == 0 {
			t.Errorf("%s was read and is not in the journal", key)
		}
	}
}
