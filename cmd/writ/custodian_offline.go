package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/custodian"
	"writ/internal/durable"
	"writ/internal/letter"
	"writ/internal/policy"
)

// signing is what is carried to a machine that is off line, and back, as
// commands see it.
type signing struct{ custodian.Request }

// checked is a writ that was looked at on this machine.
type checked struct {
	terms  policy.Authorisation
	digest string
	sheet  string
}

// check reads what is to be signed and makes its sheet, and believes nothing
// that the server says beside the bytes: the case is the one that was asked for,
// the set is the very one that the bytes name, and a custodian of the set is
// asked.
func (s *signing) check(letters *letter.Set, person writ.Person, key []byte) (checked, error) {
	a, err := policy.ParseAuthorisation(s.Payload)
	if err != nil {
		return checked{}, fmt.Errorf("what is to be signed can't be read: %w", err)
	}
	digest := s.Set.Digest()
	switch {
	case a.Case != s.Case:
		return checked{}, fmt.Errorf("what is to be signed is of the case %s, not of %s", a.Case, s.Case)
	case !bytes.Equal(a.Set, digest[:]):
		return checked{}, errors.New("what is to be signed is for another set of custodians than the one that came with it")
	}
	if key != nil && !memberOf(s.Set, person, key) {
		return checked{}, withHint(fmt.Errorf("the key of %s is not a custodian's in the set that this is for", person), "writ custodian show lists the keys that are in force")
	}
	sheet, err := letters.Sheet(letter.Match(s.Language, "en"), a, "", s.Set, s.Payload)
	if err != nil {
		return checked{}, err
	}
	return checked{a, fmt.Sprintf("%x", sha256.Sum256(s.Payload)), sheet}, nil
}

func memberOf(set policy.Set, person writ.Person, key []byte) bool {
	for _, m := range set.Members {
		if m.Person == person && m.Role == writ.RoleCustodian && bytes.Equal(m.Key, key) {
			return true
		}
	}
	return false
}

// signed shows the sheet, asks, and signs.
func (s *signing) signed(cmd *cobra.Command, keyFile string, yes bool) (checked, error) {
	letters, err := letter.Load()
	if err != nil {
		return checked{}, err
	}
	if keyFile == "" {
		return checked{}, withHint(errNoKey, "writ custodian keygen FILE makes one")
	}
	public, err := custodian.ReadPublic(keyFile)
	if err != nil {
		return checked{}, err
	}
	look, err := s.check(letters, public.Person, public.Key)
	if err != nil {
		return look, err
	}
	if err := printLines(cmd.OutOrStdout(), look.sheet); err != nil {
		return look, err
	}
	if err := confirm(cmd, string(s.Case), "To sign exactly this, type the case's name", yes); err != nil {
		return look, err
	}
	key, err := openKey(cmd.Context(), keyFile)
	if err != nil {
		return look, err
	}
	defer key.Erase()
	signature, err := key.Sign(policy.TypeAuthorisation, s.Payload)
	if err == nil {
		s.Signature = &signature
	}
	return look, err
}

// confirm asks a person to type a word; --yes stands for it.
func confirm(cmd *cobra.Command, word, question string, yes bool) error {
	if yes {
		return nil
	}
	if !terminal() {
		return withHint(errors.New("nobody can be asked: this is not a terminal"), "read what is to be signed, then give --yes")
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s (%s): ", question, word)
	typed, err := answered(cmd.Context(), func() (string, error) { return readLine(os.Stdin) })
	if err != nil {
		return fmt.Errorf("couldn't read the answer: %w", err)
	}
	if !strings.EqualFold(strings.TrimSpace(typed), word) {
		return errors.New("that is not it: nothing was signed")
	}
	return nil
}

// readLine reads up to a line feed, not a byte more.
func readLine(r io.Reader) (string, error) {
	var line []byte
	one := make([]byte, 1)
	for len(line) < 1024 {
		if _, err := r.Read(one); err != nil || one[0] == '\n' {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return string(line), err
		}
		line = append(line, one[0])
	}
	return string(line), nil
}

func custodianSign() *cobra.Command {
	cmd := &cobra.Command{
		Use: "sign FILE", Short: "Sign a fetched writ on a machine that is off line",
		Long: `Sign reads what writ custodian fetch wrote, makes from the very bytes that are to be
signed the sheet that says what they permit, shows it, asks, and writes the signature
into the file, which then goes back to writ custodian send. It needs no network.`,
		Example: "  writ custodian sign 2026-7KQM-4ZT0.writ --key ada.key",
		Args:    exactly("FILE"),
	}
	key := cmd.Flags().String("key", "", "file of your own key")
	yes := cmd.Flags().Bool("yes", false, "sign without asking, after you have read it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var s signing
		if err := readSigning(args[0], &s); err != nil {
			return err
		}
		look, err := s.signed(cmd, *key, *yes)
		if err != nil {
			return err
		}
		if err := writeSigning(args[0], s); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "signed %s; writ custodian send %s brings it to the server\n", look.digest, args[0])
		return err
	}
	return cmd
}

func readSigning(name string, s *signing) error {
	b, err := readBounded(name, custodian.MaxRequest)
	if err != nil {
		return err
	}
	if s.Request, err = custodian.ParseRequest(b); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// writeSigning writes such a file, in place of what is there.
func writeSigning(name string, s signing) error {
	b, err := s.Encode()
	if err != nil {
		return err
	}
	if err := durable.WriteFile(name, b, 0o600); err != nil {
		return fmt.Errorf("couldn't write %s: %w", name, err)
	}
	return nil
}

// signEnvelope signs what is in an envelope's file, after it was shown.
func signEnvelope(cmd *cobra.Command, file, keyFile string, yes bool, show func(policy.Envelope) (word string, err error)) error {
	b, err := readBounded(file, policy.MaxEnvelope)
	if err != nil {
		return err
	}
	e, err := policy.ParseEnvelope(b)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	word, err := show(e)
	if err != nil {
		return err
	}
	if err := confirm(cmd, word, "To sign exactly this, type", yes); err != nil {
		return err
	}
	key, err := openKey(cmd.Context(), keyFile)
	if err != nil {
		return err
	}
	defer key.Erase()
	out, err := key.AddSignature(b)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(file, out, 0o644); err != nil {
		return fmt.Errorf("couldn't write %s: %w", file, err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "signed by %s\n", key.Public().Person)
	return err
}

func custodianWaiverSign() *cobra.Command {
	cmd := &cobra.Command{
		Use: "sign FILE", Short: "Sign a waiver, as one of two persons",
		Long: `Sign shows a waiver that writ custodian waiver make wrote, asks, and adds your
signature. Two persons of the set sign it, one of them counsel.`,
		Example: "  writ custodian waiver sign waiver.json --key mira.key",
		Args:    exactly("FILE"),
	}
	key := cmd.Flags().String("key", "", "file of your own key")
	yes := cmd.Flags().Bool("yes", false, "sign without asking, after you have read it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return signEnvelope(cmd, args[0], *key, *yes, func(e policy.Envelope) (string, error) {
			if e.Type != policy.TypeWaiver {
				return "", fmt.Errorf("%s holds no waiver but %s", args[0], shown(e.Type))
			}
			w, err := policy.ParseWaiver(e.Payload)
			if err != nil {
				return "", fmt.Errorf("%s: %w", args[0], err)
			}
			return string(w.Case), printWaiver(cmd.OutOrStdout(), w)
		})
	}
	return cmd
}

func printWaiver(w io.Writer, v policy.Waiver) error {
	fmt.Fprintln(w, "The writ of this case is used though no witness has seen its commitment; the public log is marked for ever.")
	return facts(w, "case", string(v.Case), "writ", fmt.Sprintf("%x", v.Writ), "reason", shown(v.Reason), "deadline that runs", stamp(v.Deadline),
		"made", stamp(v.At), "holds until", stamp(v.NotAfter))
}

// signTime is a time as it is signed: UTC, to the second.
func signTime(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// offlineCustodian are the commands of a custodian's own machine.
func offlineCustodian() (commands []*cobra.Command, set, waiver *cobra.Command) {
	set = &cobra.Command{
		Use: "set", Short: "Sets of custodians: who signs writs",
		Example: "  writ custodian set new first.json --threshold 2 --member ada.key.pub,outside --member jun.key.pub --member mira.key.pub,role=counsel",
	}
	set.AddCommand(custodianSetSign(), custodianSetShow())
	waiver = &cobra.Command{
		Use: "waiver", Short: "Waivers: going on without witnesses, as two persons sign",
		Example: "  writ custodian waiver sign waiver.json --key mira.key",
	}
	waiver.AddCommand(custodianWaiverSign())
	return []*cobra.Command{custodianKeygen(), custodianSign(), custodianEnrol(), set, waiver}, set, waiver
}
