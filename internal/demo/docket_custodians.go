package demo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"writ"
	"writ/internal/api"
	"writ/internal/custodian"
	"writ/internal/monitor"
	"writ/internal/policy"
)

// keyOf is the key file of a custodian or counsel: in life on a machine of their own.
func (s *story) keyOf(first string) string {
	return filepath.Join(s.scratch, string(s.people[first].person)+".key")
}

// custodians puts the first set in force: who must sign before anything opens.
func (s *story) custodians(ctx context.Context) error {
	now, err := s.desk("petra").Custodians(ctx)
	if err != nil {
		return fmt.Errorf("couldn't ask for the custodians: %w", err)
	}
	set := policy.Set{V: 1, Number: 1, Threshold: 2, Log: now.Log, Witnesses: now.Policy, At: time.Now().UTC().Truncate(time.Second)}
	signers := []string{"ada", "jun", "lena", "mira", "theo"}
	for _, first := range signers {
		p := s.people[first]
		public, err := custodian.Generate(s.keyOf(first), p.person, p.secret)
		if err != nil {
			return fmt.Errorf("couldn't make a key: %w", err)
		}
		set.Members = append(set.Members, policy.Member{Person: p.person, Role: p.role, Key: public.Key, Outside: p.firm != "", Offline: true})
	}
	payload, err := set.Encode()
	if err != nil {
		return fmt.Errorf("couldn't write the set of custodians: %w", err)
	}
	envelope := policy.NewEnvelope(policy.TypeSet, payload)
	for _, first := range signers {
		signature, err := s.signature(first, policy.TypeSet, payload)
		if err != nil {
			return err
		}
		envelope.Add(signature)
	}
	text, err := envelope.Encode()
	if err != nil {
		return fmt.Errorf("couldn't write the set of custodians: %w", err)
	}
	if _, err := s.desk("petra").SetCustodians(ctx, text); err != nil {
		return fmt.Errorf("couldn't put the custodians in force: %w", err)
	}
	return s.publicPolicy(ctx)
}

// signature signs with a person's key file, as writ custodian does.
func (s *story) signature(first, kind string, payload []byte) (policy.Signature, error) {
	key, err := custodian.Open(s.keyOf(first), s.people[first].secret)
	if err != nil {
		return policy.Signature{}, fmt.Errorf("couldn't open a key: %w", err)
	}
	defer key.Erase()
	signature, err := key.Sign(kind, payload)
	if err != nil {
		return signature, fmt.Errorf("couldn't sign: %w", err)
	}
	return signature, nil
}

// publicPolicy waits until anybody can read in the log who signs.
func (s *story) publicPolicy(ctx context.Context) error {
	begun := time.Now()
	if _, err := s.more(ctx, 2); err != nil {
		return err
	}
	log, err := s.look(ctx)
	if err != nil {
		return err
	}
	var told monitor.Story
	if err := log.Scan(ctx, &told, nil); err != nil {
		return fmt.Errorf("couldn't read the log: %w", err)
	}
	if told.Policy == nil || told.Policy.Policy.Threshold != 2 || len(told.Policy.Policy.Custodians) != 5 {
		return errors.New("the public policy does not say who signs")
	}
	lines := []string{fmt.Sprintf("who must sign before law opens anything: %d of 3 custodians; in the public log %.1f s later:", told.Policy.Policy.Threshold, time.Since(begun).Seconds())}
	for _, c := range told.Policy.Policy.Custodians {
		lines = append(lines, "   "+c)
	}
	lines = append(lines, "keys are made and kept by their owners, in files sealed by passphrases; another set takes the old one's quorum",
		"ada.okafor works for somebody else: if nobody did, a compelled operator would be its own quorum, and the page would say so")
	s.say("", lines...)
	return nil
}

// signs is a custodian who reads what is to be signed, and signs it.
func (s *story) signs(ctx context.Context, first string, id writ.CaseID) (api.Case, error) {
	in, err := s.signing(ctx, first, id)
	if err != nil {
		return api.Case{}, err
	}
	return s.moves(ctx, id, step{first, "sign", in})
}

// signing makes a custodian's signature over what waits in a case.
func (s *story) signing(ctx context.Context, first string, id writ.CaseID) (in api.SignInput, err error) {
	sheet, err := s.desk(first).ToSign(ctx, string(id))
	if err != nil {
		return in, fmt.Errorf("couldn't get what is to be signed: %w", err)
	}
	if digest := policy.NewEnvelope(sheet.Type, sheet.Payload).Digest(); hex.EncodeToString(digest[:]) != sheet.Digest {
		return in, errors.New("the bytes to sign are not those that the server names")
	}
	signature, err := s.signature(first, sheet.Type, sheet.Payload)
	return api.SignInput{Digest: sheet.Digest, Key: signature.KeyID, Sig: signature.Sig}, err
}
