//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/api"
	"writ/internal/custodian"
	"writ/internal/policy"
)

func custodianCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use: "custodian", Short: "Custodians: whose signatures make a writ",
		Long: `Custodians hold keys in passphrase-sealed files on their own machines and sign
writs: a threshold of distinct persons, over exactly what they were shown. The set in
force is public; changing it takes the quorum of the old one.

keygen, enrol, sign and the signing of sets and waivers need no server and no
network.`,
		Example: `  writ custodian keygen ada.key --person ada.okafor
  writ --server https://writ.fjordhost.example --token-file ada.token custodian approve 2026-7KQM-4ZT0 --key ada.key`,
	}
	s := newSeat(g, cmd)
	offline, set, waiver := offlineCustodian()
	set.AddCommand(custodianSetNew(s), custodianSetNext(s), custodianSetApply(s))
	waiver.AddCommand(custodianWaiverMake(s), custodianWaiverSend(s))
	cmd.AddCommand(offline...)
	cmd.AddCommand(custodianShow(s), custodianWaiting(s), custodianHistory(s), custodianApprove(s), custodianFetch(s), custodianSend(s), custodianRefuse(s))
	return cmd
}

func custodianShow(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show", Short: "Show the set in force: who signs, how many it takes, who is outside the operator",
		Example: "  writ --data /srv/writ custodian show",
		Args:    noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return consult(s, cmd, *asJSON, "GET", "custodians", nil, func(_ *desk, set api.CustodianSet) error {
			if set.Set == nil {
				return withHint(errors.New("there are no custodians yet: nothing opens under law"), "writ custodian set new FILE makes the first set")
			}
			return printSet(cmd.OutOrStdout(), *set.Set, nil)
		})
	}
	return cmd
}

// setFlags are what a new set says.
type setFlags struct {
	threshold int
	members   []string
}

func (f *setFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.threshold, "threshold", 0, "how many custodians a writ takes: persons, not keys")
	cmd.Flags().StringArrayVar(&f.members, "member", nil, "PUBFILE or a passkey's CARD, [,role=counsel][,outside][,online]; may be given again")
}

func custodianSetNew(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "new FILE", Short: "Write the first set of custodians, for everybody in it to sign",
		Long: `New writes the first set, with the server's log and witness policy, to a new file.
Members are public key files, custodians within the operator unless they say
otherwise: ,outside for a person outside the operator, ,role=counsel for counsel (who
signs waivers), ,online for a key that is not kept in a file off line. Each then runs
writ custodian enrol; writ custodian set apply puts the set in force. Passkeys come
with the next set: everybody in the first enrols with a key in a file.`,
		Example: "  writ --data /srv/writ custodian set new first.json --threshold 2 --member ada.key.pub,outside --member jun.key.pub --member mira.key.pub,role=counsel",
		Args:    exactly("FILE"),
	}
	var f setFlags
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return s.writeSet(cmd, args[0], f, false) }
	return cmd
}

func custodianSetNext(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "next FILE", Short: "Write the set that is to follow the one in force, for its quorum to sign",
		Long: `Next writes the next set to a new file: all its members and its threshold are given
anew. It is in force when the quorum of the present set has signed it (writ custodian
set sign) and it was applied; writs that were drawn up for the old set are drawn up
again.

A member may also be a passkey, by the card that the browser saved when it was made. Its
holder may then sign in a browser, and a writ still takes a signature off line. Compare
each fingerprint with its person by voice before you sign.`,
		Example: "  writ --data /srv/writ custodian set next second.json --threshold 2 --member ada.key.pub,outside --member lena.key.pub --member lena.passkey.json --member mira.key.pub,role=counsel",
		Args:    exactly("FILE"),
	}
	var f setFlags
	f.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return s.writeSet(cmd, args[0], f, true) }
	return cmd
}

func (s *seat) writeSet(cmd *cobra.Command, file string, f setFlags, next bool) error {
	set := policy.Set{V: 1, Number: 1, Threshold: f.threshold, At: signTime(time.Now())}
	for _, text := range f.members {
		m, err := parseMember(text)
		if err != nil {
			return err
		}
		set.Members = append(set.Members, m)
	}
	d, err := s.desk(cmd)
	if err != nil {
		return err
	}
	defer d.Close()
	now, err := d.Custodians(cmd.Context())
	if err != nil {
		return err
	}
	set.Log, set.Witnesses = now.Log, now.Policy
	switch {
	case next && now.Set == nil:
		return withHint(errors.New("there is no set that this could follow"), "writ custodian set new makes the first")
	case !next && now.Set != nil:
		return withHint(fmt.Errorf("set %d is in force: there is a first one already", now.Set.Number), "writ custodian set next makes the one that follows")
	case next:
		digest := now.Set.Digest()
		set.Number, set.Previous = now.Set.Number+1, digest[:]
	}
	payload, err := set.Encode()
	if err != nil {
		return err
	}
	e := policy.NewEnvelope(policy.TypeSet, payload)
	b, err := e.Encode()
	if err != nil {
		return err
	}
	if err := saveBytes(file, b, 0o644); err != nil {
		return err
	}
	return printSet(cmd.OutOrStdout(), set, &e)
}

func custodianSetApply(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "apply FILE", Short: "Put a signed set of custodians in force",
		Long: `Apply gives the server a signed set. The gate looks at the signatures itself: the
first set takes those of all in it, each later one the quorum of the set before. The
change is in the public policy.`,
		Example: "  writ --data /srv/writ custodian set apply first.json",
		Args:    exactly("FILE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := readBounded(args[0], policy.MaxEnvelope)
		if err != nil {
			return err
		}
		if !json.Valid(b) {
			return fmt.Errorf("%s is not JSON", args[0])
		}
		return inquire(s, cmd, *asJSON, func(ctx context.Context, d *desk) (api.CustodianSet, error) { return d.SetCustodians(ctx, b) }, func(_ *desk, set api.CustodianSet) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "set %d of custodians is in force: %s\n", set.Set.Number, set.Digest)
			return err
		})
	}
	return cmd
}

// toSign fetches what a case's custodians sign, with the set that it is for.
func (d *desk) toSign(cmd *cobra.Command, id, language string) (signing, error) {
	ask, err := d.ToSign(cmd.Context(), id)
	if err != nil {
		return signing{}, err
	}
	now, err := d.Custodians(cmd.Context())
	if err != nil {
		return signing{}, err
	}
	if ask.Type != policy.TypeAuthorisation || now.Set == nil {
		return signing{}, errors.New("the server asks for a signature under something that is no writ")
	}
	name, err := caseArgument(id)
	return signing{custodian.Request{V: 1, Case: name, Payload: ask.Payload, Set: *now.Set, Language: language}}, err
}

// sendSignature gives a custodian's signature to the server.
func (d *desk) sendSignature(cmd *cobra.Command, s signing, digest string, asJSON bool) error {
	c, err := d.Move(cmd.Context(), string(s.Case), "sign", api.SignInput{Digest: digest, Key: s.Signature.KeyID, Sig: s.Signature.Sig})
	if err != nil {
		return err
	}
	if !asJSON && c.Writ != nil && !c.Writ.Minted.IsZero() {
		fmt.Fprintf(cmd.OutOrStdout(), "the quorum is there: the writ is in force, and committed to as %s\n", c.Writ.Statement)
	}
	return d.stands(cmd, c, asJSON)
}

func custodianApprove(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "approve CASE", Short: "Read what a writ permits, and sign it with your own key",
		Long: `Approve fetches what is to be signed and trusts the server with nothing of it: here it
checks that the bytes are a writ of this case, for the set of custodians in force,
makes from these very bytes the sheet that says in words what they permit, shows it,
and signs when you type the case's name. The key stays on this machine. On a machine
without a network: writ custodian fetch, sign and send.`,
		Example: "  writ --data /srv/writ custodian approve 2026-7KQM-4ZT0 --key ada.key",
		Args:    exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	f := cmd.Flags()
	key := f.String("key", "", "file of your own key")
	yes := f.Bool("yes", false, "sign without asking, after you have read it")
	language := f.String("language", "en", "language of the sheet (en, de, fr, es)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		ask, err := d.toSign(cmd, string(id), *language)
		if err != nil {
			return err
		}
		look, err := ask.signed(cmd, *key, *yes)
		if err != nil {
			return err
		}
		return d.sendSignature(cmd, ask, look.digest, *asJSON)
	}
	return cmd
}

func custodianFetch(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "fetch CASE FILE", Short: "Fetch what is to be signed, for a machine that is off line",
		Example: "  writ --data /srv/writ custodian fetch 2026-7KQM-4ZT0 2026-7KQM-4ZT0.writ",
		Args:    exactly("CASE", "FILE"),
	}
	language := cmd.Flags().String("language", "en", "language of the sheet (en, de, fr, es)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		ask, err := d.toSign(cmd, string(id), *language)
		if err != nil {
			return err
		}
		b, err := ask.Encode()
		if err != nil {
			return err
		}
		if err := saveBytes(args[1], b, 0o600); err != nil {
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is to be signed off line: writ custodian sign %s --key KEYFILE\n", args[1], args[1])
		return err
	}
	return cmd
}

func custodianSend(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "send FILE", Short: "Send the signature that was made off line",
		Example: "  writ --data /srv/writ custodian send 2026-7KQM-4ZT0.writ",
		Args:    exactly("FILE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var ask signing
		if err := readSigning(args[0], &ask); err != nil {
			return err
		}
		if ask.Signature == nil {
			return withHint(fmt.Errorf("%s is not signed", args[0]), "writ custodian sign "+args[0]+" --key KEYFILE")
		}
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		e := policy.NewEnvelope(policy.TypeAuthorisation, ask.Payload)
		return d.sendSignature(cmd, ask, fmt.Sprintf("%x", e.Digest()), *asJSON)
	}
	return cmd
}

func custodianRefuse(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "refuse CASE", Short: "Refuse to sign, with the reason",
		Long: `Refuse notes that you do not sign the writ as it is drawn up, and why. Others may
still sign it; counsel sees the reason.`,
		Example: "  writ --data /srv/writ custodian refuse 2026-7KQM-4ZT0 --reason 'the prefix covers other patients'",
		Args:    exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	reason := cmd.Flags().String("reason", "", "why")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		ask, err := d.ToSign(cmd.Context(), string(id))
		if err != nil {
			return err
		}
		c, err := d.Move(cmd.Context(), string(id), "decline", api.DeclineInput{Digest: ask.Digest, Reason: *reason})
		if err != nil {
			return err
		}
		return d.stands(cmd, c, *asJSON)
	}
	return cmd
}

func custodianWaiverMake(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "make CASE FILE", Short: "Write a waiver for two persons to sign",
		Long: `Make writes a waiver for the case's writ to a new file: that it may be used though the
witnesses fail, because a statutory clock runs. It holds for a few hours (--hours, at
most 24). Two persons of the set sign it, one of them counsel (writ custodian waiver
sign); one of the two sends it.`,
		Example: "  writ --data /srv/writ custodian waiver make 2026-7KQM-4ZT0 waiver.json --reason 'witness-1 is down since 09:00'",
		Args:    exactly("CASE", "FILE"),
	}
	reason := cmd.Flags().String("reason", "", "why it cannot wait")
	hours := cmd.Flags().Int("hours", 8, "how long it holds")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		c, err := d.Case(cmd.Context(), string(id))
		if err != nil {
			return err
		}
		v, err := c.Waiver(*reason, time.Duration(*hours)*time.Hour, time.Now())
		if errors.Is(err, api.ErrNoWrit) {
			return withHint(err, "writ case show "+string(c.Case)+" shows what is missing")
		}
		if err != nil {
			return err
		}
		payload, err := v.Encode()
		if err != nil {
			return err
		}
		b, err := policy.NewEnvelope(policy.TypeWaiver, payload).Encode()
		if err != nil {
			return err
		}
		if err := saveBytes(args[1], b, 0o644); err != nil {
			return err
		}
		return printWaiver(cmd.OutOrStdout(), v)
	}
	return cmd
}

func custodianWaiverSend(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "send FILE", Short: "Send a waiver that two persons signed",
		Example: "  writ --data /srv/writ custodian waiver send waiver.json",
		Args:    exactly("FILE"),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := readBounded(args[0], policy.MaxEnvelope)
		if err != nil {
			return err
		}
		e, err := policy.ParseEnvelope(b)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		v, err := policy.ParseWaiver(e.Payload)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		d, err := s.desk(cmd)
		if err != nil {
			return err
		}
		defer d.Close()
		c, err := d.Move(cmd.Context(), string(v.Case), "waive", api.WaiveInput{Envelope: b})
		if err != nil {
			return err
		}
		return d.stands(cmd, c, *asJSON)
	}
	return cmd
}
