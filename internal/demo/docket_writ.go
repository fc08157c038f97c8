package demo

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"writ/internal/gate"
	"writ/internal/policy"
	"writ/internal/printable"
	"writ/internal/server"
)

// sign is the custodians' part: they read in words what they sign, one person is
// not two, and an operator alone is none.
func (s *story) sign(ctx context.Context) error {
	sheet, err := s.desk("ada").ToSign(ctx, string(s.secret))
	if err != nil {
		return fmt.Errorf("couldn't get what is to be signed: %w", err)
	}
	s.say("The custodians read what they sign: whose, which, how much, until when, told or not and why")
	s.say("", essence(sheet.Sheet)...)
	one, err := s.signs(ctx, "ada", s.secret)
	if err != nil {
		return err
	}
	if one.Writ == nil || !one.Writ.Minted.IsZero() {
		return errors.New("one signature made a writ")
	}
	twice, err := s.signing(ctx, "ada", s.secret)
	if err != nil {
		return err
	}
	again, err := s.refused(ctx, s.secret, step{"ada", "sign", twice})
	if err != nil {
		return err
	}
	alone, err := s.alone(ctx, policy.Signature{KeyID: twice.Key, Sig: twice.Sig}, sheet.Payload)
	if err != nil {
		return err
	}
	c, err := s.signs(ctx, "jun", s.secret)
	if err != nil {
		return err
	}
	if c.Writ == nil || c.Writ.Minted.IsZero() {
		return errors.New("two of three custodians signed, and there is no writ")
	}
	s.say("",
		"ada.okafor signs on her own machine; signing twice is refused: "+again,
		"the operator, with this machine, the root key and ada's signature, stops the server and asks the gate itself:",
		"   "+alone,
		"jun.park signs: two persons of three, and the writ is minted at "+s.when(c.Writ.Minted),
	)
	return s.committed(ctx)
}

// essence is the part of a sheet that says what is permitted, without the lines
// that only give it air; all of it if it is not laid out as expected.
func essence(sheet string) (lines []string) {
	_, body, found := strings.Cut(sheet, "Whose data\n")
	body, _, whole := strings.Cut(body, "\nYour signature\n")
	if !found || !whole {
		body = sheet
	}
	for line := range strings.Lines(body) {
		if strings.Trim(line, "-= \n") != "" {
			lines = append(lines, "   | "+printable.Line(strings.TrimRight(line, "\n")))
		}
	}
	return lines
}

// alone is the operator who has the machine, the root key and one custodian's
// signature, and adds a signature of its own: it opens the rooms of the stopped
// server and asks the gate for the letter.
func (s *story) alone(ctx context.Context, first policy.Signature, payload []byte) (sentence string, err error) {
	_, own, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("couldn't make a key: %w", err)
	}
	envelope := policy.NewEnvelope(policy.TypeAuthorisation, payload)
	envelope.Add(first)
	envelope.Add(policy.Signature{
		KeyID: policy.KeyID(own.Public().(ed25519.PublicKey)), Sig: ed25519.Sign(own, policy.Message(policy.TypeAuthorisation, payload)),
	})
	text, err := envelope.Encode()
	if err != nil {
		return "", fmt.Errorf("couldn't write an envelope: %w", err)
	}
	if err := s.close(); err != nil {
		return "", err
	}
	refused, err := s.force(ctx, text)
	if err != nil {
		return "", err
	}
	return refused.Error(), s.open(ctx)
}

// force asks the gate of the stopped server for everything that is preserved.
func (s *story) force(ctx context.Context, envelope []byte) (refused, err error) {
	cfg, err := s.config()
	if err != nil {
		return nil, err
	}
	rooms, err := server.OpenRooms(cfg, gate.KeyFile(cfg.KeyFile), false, s.logger())
	if err != nil {
		return nil, err
	}
	defer rooms.Close()
	kept, err := rooms.Vault.Preservations(ctx)
	if err != nil {
		return nil, fmt.Errorf("couldn't list what is preserved: %w", err)
	}
	var list []policy.Item
	for _, name := range kept {
		page, err := rooms.Vault.Preserved(ctx, name, "", 100)
		if err != nil {
			return nil, fmt.Errorf("couldn't list what is preserved: %w", err)
		}
		for _, v := range page.Items {
			list = append(list, v.Item)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("nothing is preserved")
	}
	opening, refused := rooms.Gate.Begin(ctx, s.secret, gate.Evidence{Envelope: envelope}, list)
	if refused == nil {
		opening.Close()
		return nil, errors.New("an operator alone opened what a customer keeps")
	}
	if !errors.Is(refused, policy.ErrQuorum) {
		return nil, fmt.Errorf("the gate refused for another reason: %w", refused)
	}
	return refused, nil
}

// committed waits until the writ's commitment is in the public log, and looks at
// what anybody else sees of it.
func (s *story) committed(ctx context.Context) error {
	begun := time.Now()
	if _, err := s.more(ctx, 2); err != nil {
		return err
	}
	waited := time.Since(begun)
	now, err := s.admin.Ledger(ctx)
	if err != nil {
		return fmt.Errorf("couldn't look at the log: %w", err)
	}
	if err := s.paced(ctx); err != nil {
		return err
	}
	s.say("",
		fmt.Sprintf("%.1f s of waiting: its commitment goes out with the next batch, and is witnessed there, before any key is released", waited.Seconds()),
		fmt.Sprintf("the public log since the order came: %d statements in %d intervals, each a batch of %d slots; not a statement more,",
			now.Size-s.before.Size, now.Batch-s.before.Batch, now.Slots),
		"so that nobody learns from it that a demand exists, nor when, nor how many")
	return nil
}

var errPace = errors.New("the public log shows that something happened")

// paced checks that the log grew by one batch an interval and by nothing else.
func (s *story) paced(ctx context.Context) error {
	now, err := s.admin.Ledger(ctx)
	if err != nil {
		return fmt.Errorf("couldn't look at the log: %w", err)
	}
	if now.Size-s.before.Size != now.Batch-s.before.Batch || now.Slots != s.before.Slots {
		return fmt.Errorf("%w: %d statements in %d intervals", errPace, now.Size-s.before.Size, now.Batch-s.before.Batch)
	}
	return nil
}
