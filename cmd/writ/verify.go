package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/printable"
	"writ/internal/proof"
)

func verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Short: "Check what a server claims, without trusting it",
		Long: `Verify checks files, logs and servers against keys that you have pinned: that
came to you by a way of their own, and not from who is to be checked. Its exit
status is 0 only if all holds.`,
		Example: `  writ verify receipt opening.receipt.json --log-key log.vkey --policy witnesses.txt
  writ verify log https://quayside.example --log-key log.vkey --policy witnesses.txt --state quayside.state
  writ verify server https://quayside.example --state quayside.state`,
	}
	cmd.AddCommand(verifyReceipt(), verifyLog(), verifyJournal(), verifyServer(), verifyRelease())
	return cmd
}

func verifyReceipt() *cobra.Command {
	cmd := &cobra.Command{
		Use: "receipt FILE", Short: "Check a receipt of the ledger",
		Long: `Receipt checks, offline, that a statement is in the log whose key you pinned,
under a checkpoint that enough of your policy's witnesses cosigned; and, where
the receipt shows one, that a hidden statement or a journal's head is what was
committed to in that place.

--log-key is a file with the log's verifier key, --policy one with lines of
witnesses and their quorum (docs/ledger.md). Without a policy no witness is
asked for, and the log could have shown somebody else another history.`,
		Example: `  writ verify receipt opening.receipt.json --log-key log.vkey --policy witnesses.txt
  writ verify receipt opening.receipt.json --log-key log.vkey --policy witnesses.txt --max-age 48h --json`,
		Args: exactly("FILE"),
	}
	asJSON := jsonFlag(cmd)
	logKey := cmd.Flags().String("log-key", "", "file with the log's verifier key")
	policy := cmd.Flags().String("policy", "", "file with the witness policy")
	maxAge := cmd.Flags().Duration("max-age", 0, "refuse a checkpoint that no witness cosigned so lately (default any age)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *logKey == "" {
			return usageError(cmd.CommandPath(), "--log-key FILE is missing: without the log's key, pinned, nothing is proven")
		}
		verifier, err := newVerifier(*logKey, *policy, *maxAge)
		if err != nil {
			return err
		}
		file, err := readBounded(args[0], proof.MaxReceipt)
		if err != nil {
			return err
		}
		receipt, err := proof.ParseReceipt(file)
		if err != nil {
			return withHint(err, "it may be cut or changed; ask for it again")
		}
		got, err := verifier.Receipt(receipt)
		if err != nil {
			return withHint(err, "do not believe it, whoever gave it to you; keep the file as evidence")
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), verifiedJSON(got))
		}
		return tellReceipt(cmd.OutOrStdout(), got, *policy != "")
	}
	return cmd
}

// newVerifier reads what is pinned from files; policy may be "".
func newVerifier(logKey, policy string, maxAge time.Duration) (*proof.Verifier, error) {
	key, err := readKey(logKey)
	if err != nil {
		return nil, err
	}
	text := ""
	if policy != "" {
		if text, err = readPolicy(policy); err != nil {
			return nil, err
		}
	}
	return verifierOf(key, text, maxAge)
}

func readKey(name string) (string, error) {
	key, err := readBounded(name, 64<<10)
	return strings.TrimSpace(string(key)), err
}

func readPolicy(name string) (string, error) {
	text, err := readBounded(name, 64<<10)
	if err == nil && strings.TrimSpace(string(text)) == "" {
		err = fmt.Errorf("%s is empty: it names no quorum", name)
	}
	return string(text), err
}

// verifierOf makes a verifier of a key and a policy as texts.
func verifierOf(key, policy string, maxAge time.Duration) (*proof.Verifier, error) {
	v, err := proof.NewVerifier(proof.Trust{LogKey: key, Policy: policy, MaxAge: maxAge, Now: time.Now()})
	if err != nil {
		return nil, withHint(err, "a key is one line NAME+HASH+KEY; a policy has witness, group and quorum lines")
	}
	return v, nil
}

// readBounded reads a file of at most so many bytes.
func readBounded(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("couldn't read: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", name, err)
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes", name, most)
	}
	return b, nil
}

// tellReceipt says what was proven, for a person.
func tellReceipt(w io.Writer, v proof.Verified, witnesses bool) error {
	fmt.Fprintln(w, "this receipt holds")
	lines := []string{
		"log", v.Checkpoint.Origin,
		"entry", fmt.Sprintf("%d of %d: %s of %s", v.Index, v.Checkpoint.Size, v.Statement.Kind, when(v.Statement.At)),
		"cosigned by", cosignedBy(v.Checkpoint),
	}
	if v.Batch != nil {
		lines = append(lines, "batch", fmt.Sprintf("%d, of %s to %s", v.Batch.N, when(v.Batch.From), when(v.Statement.At)))
		if v.Batch.Late {
			lines = append(lines, "", "it was published late")
		}
		if v.Batch.Unwitnessed {
			lines = append(lines, "", "before it something was opened under law while witnesses were away")
		}
	}
	switch {
	case v.Hidden != nil:
		lines = append(lines, "slot", fmt.Sprintf("%d: %s of %s", v.Slot, printable.Line(v.Hidden.Kind), when(v.Hidden.At)), "says", printable.Line(string(v.Hidden.Body)))
	case v.Head != nil:
		lines = append(lines, "journal", fmt.Sprintf("label %x", v.Head.Label), "newest entry", fmt.Sprintf("%d, hash %x", v.Head.Seq, v.Head.Head))
	default:
		lines = append(lines, "says", printable.Line(string(v.Statement.Body)))
	}
	if err := facts(w, lines...); err != nil {
		return err
	}
	if !witnesses {
		fmt.Fprintln(w, "\n"+noWitnesses)
	}
	return nil
}

const noWitnesses = "No witnesses were asked for: the log could have shown somebody else another history."

// cosignedBy says who cosigned a checkpoint, and when.
func cosignedBy(c proof.Checkpoint) string {
	all := make([]string, 0, len(c.Witnesses))
	for _, w := range c.Witnesses {
		all = append(all, fmt.Sprintf("%s at %s", w.Witness, when(w.Time)))
	}
	if len(all) == 0 {
		return "nobody"
	}
	return strings.Join(all, ", ")
}

// verifiedJSON is what was proven, for scripts.
func verifiedJSON(v proof.Verified) any {
	type head struct {
		Label string `json:"label"`
		Seq   uint64 `json:"seq"`
		Head  string `json:"head"`
	}
	out := struct {
		proof.Verified
		Journal *head `json:"journal,omitempty"`
	}{Verified: v}
	if v.Head != nil {
		out.Journal = &head{fmt.Sprintf("%x", v.Head.Label), v.Head.Seq, fmt.Sprintf("%x", v.Head.Head)}
	}
	return out
}
