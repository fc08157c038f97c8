package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/minio/minio-go/v7"

	"writ/internal/api"
)

func (s *story) firstCustomer(ctx context.Context) (err error) {
	if s.clinic, err = s.join(ctx, "harbour-clinic", "ward-seven"); err != nil {
		return err
	}
	s.say("A customer comes: harbour-clinic",
		"it has keys of its own, made now; no other key opens its data",
		"its credential  "+string(s.clinic.credential.AccessKey)+" (the secret is told once and kept sealed)",
		"its bucket      "+s.clinic.bucket,
	)
	return nil
}

// The files of the demo. The sentence is what the disk is searched for.
const sentence = "Ines Calder, room seven: the fever is gone, she may go home on Friday."

var demoFiles = []struct {
	key   string
	lines int
}{
	{"letters/discharge-calder.txt", 3},
	{"scans/chest-calder.txt", 12_000},      // about 0.8 MiB
	{"archive/ward-seven-2026.txt", 90_000}, // about 6 MiB
}

func (s *story) files(ctx context.Context) error {
	dir := filepath.Join(s.scratch, "files")
	s.say("Files go in and come out, through minio-go over TLS",
		"the client is MinIO's, not ours; it knows nothing but S3")
	for _, f := range demoFiles {
		path := filepath.Join(dir, filepath.Base(f.key))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("couldn't make a folder: %w", err)
		}
		if err := os.WriteFile(path, []byte(strings.Repeat(sentence+"\n", f.lines)), 0o600); err != nil {
			return fmt.Errorf("couldn't write a file: %w", err)
		}
		k, err := s.put(ctx, s.clinic, f.key, path)
		if err != nil {
			return err
		}
		s.kept = append(s.kept, k)
		s.say("", fmt.Sprintf("put and got  %-30s %9d bytes  SHA-256 %x…  the same", k.key, k.size, k.sha256[:6]))
	}
	return nil
}

// put puts a file, gets it back and compares.
func (s *story) put(ctx context.Context, p party, key, path string) (k kept, err error) {
	f, err := os.Open(path)
	if err != nil {
		return k, fmt.Errorf("couldn't open a file: %w", err)
	}
	defer f.Close()
	k = kept{key: key, path: path}
	if k.sha256, k.size, err = digest(f); err != nil {
		return k, fmt.Errorf("couldn't read a file: %w", err)
	}
	if _, err := p.s3.FPutObject(ctx, p.bucket, key, path, minio.PutObjectOptions{ContentType: "text/plain"}); err != nil {
		return k, fmt.Errorf("couldn't put %s: %w", key, err)
	}
	return k, s.same(ctx, p, k)
}

var errDiffers = errors.New("what came back is not what was put")

func (s *story) same(ctx context.Context, p party, k kept) error {
	sum, n, err := p.get(ctx, p.bucket, k.key)
	if err != nil {
		return fmt.Errorf("couldn't get %s: %w", k.key, err)
	}
	if sum != k.sha256 || n != k.size {
		return fmt.Errorf("%s: %w", k.key, errDiffers)
	}
	return nil
}

func (s *story) journal(ctx context.Context) error {
	s.say("The journal: who opened what, by which right",
		"an entry is written before the key is released; the journal lies sealed under the customer's key")
	_, err := s.admin.Journal(ctx, s.clinic.name, api.JournalQuery{}, func(e api.Entry) error {
		who := string(e.Credential)
		if who == "" {
			who = e.Principal
		}
		where := ""
		if e.Key != "" {
			where = string(e.Bucket) + "/" + string(e.Key)
		}
		line := fmt.Sprintf("%3d  %s  %-13s %-12s %s  %s", e.Seq, e.Time.Format("15:04:05.000"), e.Reason, e.Op, who, where)
		s.say("", strings.TrimRight(line, " "))
		return nil
	})
	if err != nil {
		return fmt.Errorf("couldn't read the journal: %w", err)
	}
	s.say("", "the last entry is this reading: the operator may show a customer its journal, and that is written down too")
	return nil
}

func (s *story) stranger(ctx context.Context) (err error) {
	if s.press, err = s.join(ctx, "tidewater-press", "drafts"); err != nil {
		return err
	}
	_, _, err = s.press.get(ctx, s.clinic.bucket, s.kept[0].key)
	if err == nil {
		return errors.New("another customer read what is not its own")
	}
	s.say("Another customer comes, tidewater-press, and asks for what is not its own",
		"GET "+s.clinic.bucket+"/"+s.kept[0].key,
		"refused: "+s3Error(err),
	)
	return nil
}

func (s *story) shred(ctx context.Context) error {
	draft := filepath.Join(s.scratch, "files", "draft.txt")
	if err := os.WriteFile(draft, []byte("The names of our sources stay with us.\n"), 0o600); err != nil {
		return fmt.Errorf("couldn't write a file: %w", err)
	}
	k, err := s.put(ctx, s.press, "drafts/sources.txt", draft)
	if err != nil {
		return err
	}
	if _, err := s.admin.Shred(ctx, s.press.name, s.press.name); err != nil {
		return fmt.Errorf("couldn't shred: %w", err)
	}
	_, _, refused := s.press.get(ctx, s.press.bucket, k.key)
	if refused == nil {
		return errors.New("a shredded customer's object still opens")
	}
	_, unread := s.admin.Journal(ctx, s.press.name, api.JournalQuery{}, func(api.Entry) error { return nil })
	if unread == nil {
		return errors.New("a shredded customer's journal still opens")
	}
	gone, err := s.admin.Customer(ctx, s.press.name)
	if err != nil {
		return fmt.Errorf("couldn't look at the customer: %w", err)
	}
	if gone.Shredded == nil || gone.KeyVersion != 0 {
		return errors.New("a shredded customer still has keys")
	}
	if err := s.same(ctx, s.clinic, s.kept[0]); err != nil {
		return err
	}
	s.say("tidewater-press leaves: its keys are destroyed (writ customer shred)",
		"before   GET drafts/drafts/sources.txt gave what was put",
		"now      "+s3Error(refused),
		"journal  "+unread.Error(),
		"keys     none, destroyed at "+gone.Shredded.Format("15:04:05")+"; what its bytes leave on the disk is noise",
		"nobody has what would open its bytes, this server's operator neither; harbour-clinic still reads its own",
	)
	return nil
}

// s3Error is what a client is told.
func s3Error(err error) string {
	r := minio.ToErrorResponse(err)
	if r.Code == "" {
		return err.Error()
	}
	return fmt.Sprintf("HTTP %d %s: %s", r.StatusCode, r.Code, r.Message)
}
