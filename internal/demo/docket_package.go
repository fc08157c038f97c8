package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/bag"
	"writ/internal/docket"
)

// produce opens the letter under the writ, packs it for the court, and the court
// opens it.
func (s *story) produce(ctx context.Context) error {
	begun := time.Now()
	c, stages, err := s.packed(ctx, s.secret)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	if c, err = s.handed(ctx, c, "uploaded to the national system"); err != nil {
		return err
	}
	dir, err := s.unpack(ctx, c, "court")
	if err != nil {
		return err
	}
	letter := s.kept[0]
	where, err := s.inBag(dir, letter.path)
	if err != nil {
		return err
	}
	if err := s.unaware(ctx); err != nil {
		return err
	}
	if err := s.paced(ctx); err != nil {
		return err
	}
	searched, err := s.unseen()
	if err != nil {
		return err
	}
	s.say("The writ opens exactly that: sealed to the court, and the court opens it",
		fmt.Sprintf("sam.ortiz produces: %d object, %d bytes in %.1f s (%s)", c.Production.Objects, c.Production.Bytes, took.Seconds(), stages),
		"the exact list is committed to and witnessed first; then the bytes stream through the gate into a package sealed to",
		"   "+c.Production.To[0],
		"package      "+volumes(c.Production.Volumes),
		searched,
		"the court    opens it with a key that this server never had: manifests fit, custody.json, custody.pdf and receipts are there",
		"in it        "+where+": the deleted letter, byte for byte",
		"harbour-clinic still sees nothing, in journal, inbox or public log: the secrecy is by statute (Article 13)",
	)
	return s.filed(ctx)
}

// unseen searches the data folder for what must lie nowhere in plain: the letter,
// its name, who asked, and their number.
func (s *story) unseen() (string, error) {
	files, size, found, err := search(string(s.data), map[string]string{
		"a sentence of the letter": sentence, "the letter's name": s.kept[0].key, "the court's name": tribunal.Name, "its reference": reference,
		"the court's key": s.court.String(), "the case": string(s.secret) + " ",
	})
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return "", fmt.Errorf("the data folder shows %s", strings.Join(found, ", "))
	}
	return fmt.Sprintf("on disk      searched all %d files, %d bytes, package and all, for the letter, its name, the court and its number: found 0", files, size), nil
}

// packed produces a case's package, and says what it waited for.
func (s *story) packed(ctx context.Context, id writ.CaseID) (c api.Case, stages string, err error) {
	seen := map[string]bool{}
	c, err = s.desk("sam").Produce(ctx, string(id), api.ProduceInput{Recipients: []string{s.court.Recipient().String()}}, func(p api.Progress) {
		if !seen[p.Stage] {
			seen[p.Stage] = true
			if stages != "" {
				stages += ", then "
			}
			stages += p.Stage
		}
	})
	if err != nil {
		return c, "", fmt.Errorf("couldn't produce: %w", err)
	}
	if c.Production == nil || len(c.Production.Volumes) == 0 || len(c.Production.To) == 0 {
		return c, "", errors.New("nothing was produced")
	}
	return c, stages, nil
}

// volumes says what files a package is.
func volumes(all []docket.ProducedVolume) string {
	var bytes int64
	for _, v := range all {
		bytes += v.Size
	}
	return fmt.Sprintf("%s and %d more, %d bytes in all: a BagIt bag, sealed", all[0].Name, len(all)-1, bytes)
}

// handed delivers a package, and takes the court's word that it has it.
func (s *story) handed(ctx context.Context, c api.Case, note string) (api.Case, error) {
	h, err := s.desk("sam").Deliver(ctx, string(c.Case), api.DeliverInput{Means: "national-system", Note: note})
	if err != nil {
		return c, fmt.Errorf("couldn't deliver: %w", err)
	}
	return h.Case, nil
}

// unpack fetches a package's files as sam.ortiz uploads them, and opens them as
// the court does, in the folder name. It returns the bag's folder.
func (s *story) unpack(ctx context.Context, c api.Case, name string) (string, error) {
	dir := s.pin(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("couldn't make a folder: %w", err)
	}
	names := []string{"package.json"}
	for _, v := range c.Production.Volumes {
		names = append(names, v.Name)
	}
	for _, name := range names {
		if err := s.fetch(ctx, c.Case, name, filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	identity, err := bag.ParseIdentity([]byte(s.court.String()))
	if err != nil {
		return "", err
	}
	opened := filepath.Join(dir, "opened")
	report, err := bag.Open(ctx, bag.OpenInput{Package: dir, Into: opened, Identity: identity})
	if err != nil {
		return "", fmt.Errorf("the court couldn't open the package: %w", err)
	}
	if !report.Valid() || report.Manifest != c.Production.Manifest {
		return "", fmt.Errorf("the court's bag is not valid: %v", report.Problems)
	}
	return opened, nil
}

func (s *story) fetch(ctx context.Context, id writ.CaseID, name, to string) error {
	body, err := s.desk("sam").Package(ctx, string(id), name)
	if err != nil {
		return fmt.Errorf("couldn't fetch the package: %w", err)
	}
	defer body.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't keep the package: %w", err)
	}
	_, err = io.Copy(f, body)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("couldn't keep the package: %w", err)
	}
	return nil
}

// inBag finds the file of a bag that has the bytes of another, and returns its
// path in the bag.
func (s *story) inBag(dir, original string) (where string, err error) {
	want, err := os.ReadFile(original)
	if err != nil {
		return "", fmt.Errorf("couldn't read a file: %w", err)
	}
	data := filepath.Join(dir, "data")
	err = filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if err == nil && bytes.Equal(body, want) {
			where, err = filepath.Rel(dir, path)
		}
		return err
	})
	if err == nil && where == "" {
		err = errors.New("the package does not hold what was asked for")
	}
	return where, err
}

// filed closes the case; its clock was kept.
func (s *story) filed(ctx context.Context) error {
	c, err := s.moves(ctx, s.secret,
		step{"sam", "confirm", api.ConfirmInput{Note: "receipt of the national system"}},
		step{"mira", "close", api.CloseInput{Affected: 1}},
	)
	if err != nil {
		return err
	}
	s.say("", "the case is closed ("+c.Outcome+"); clock: "+s.deadline(c))
	return nil
}
