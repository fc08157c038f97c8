package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"writ"
	"writ/internal/custodian"
	"writ/internal/policy"
)

// custodianPassphrase is of the key of the person at the command line; it never
// comes near a server.
const custodianPassphrase = "WRIT_CUSTODIAN_PASSPHRASE"

var errNoKey = errors.New("--key is missing: the file of your own key")

// publicHead begins the line of a custodian's public key file.
const publicHead = "writ-custodian"

func custodianKeygen() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keygen FILE", Short: "Make a custodian's key, or counsel's, on the person's own machine",
		Long: `Keygen makes a key: FILE is the private key, of mode 0600, sealed by a passphrase,
and stays with the person, on a machine of their own; FILE.pub is one line of text,
which goes into the set of custodians. Neither is ever written over.

The passphrase is typed twice, or is WRIT_CUSTODIAN_PASSPHRASE. Nobody can make a
lost key again: the set is changed instead.`,
		Example: "  writ custodian keygen ada.key --person ada.okafor",
		Args:    exactly("FILE"),
	}
	asJSON := jsonFlag(cmd)
	person := cmd.Flags().String("person", "", "whose key it is, as in roles and signatures (ada.okafor)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *person == "" {
			return usageError(cmd.CommandPath(), "--person is missing")
		}
		if _, err := os.Lstat(args[0] + ".pub"); err == nil {
			return withHint(fmt.Errorf("%s.pub is there already: a key is never written over", args[0]), "choose another name")
		}
		secret, err := keyPassphrase(cmd.Context(), true)
		if err != nil {
			return err
		}
		public, err := custodian.Generate(args[0], writ.Person(*person), secret)
		if err != nil {
			return err
		}
		line := publicHead + " " + string(public.Person) + " " + base64.StdEncoding.EncodeToString(public.Key) + "\n"
		if err := saveBytes(args[0]+".pub", []byte(line), 0o644); err != nil {
			return err
		}
		id := policy.KeyID(public.Key)
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), struct {
				Person writ.Person `json:"person"`
				Key    string      `json:"key"`
				Public string      `json:"public_file"`
			}{public.Person, id, args[0] + ".pub"})
		}
		fmt.Fprintf(cmd.OutOrStdout(), "key of %s: %s\n", public.Person, id)
		fmt.Fprintf(cmd.ErrOrStderr(), "writ: hint: %s stays here; %s.pub goes into the set, after somebody compared the key's name with %s by voice\n", args[0], args[0], public.Person)
		return nil
	}
	return cmd
}

// keyPassphrase is WRIT_CUSTODIAN_PASSPHRASE, or what is typed.
func keyPassphrase(ctx context.Context, fresh bool) (string, error) {
	if secret, set := takeEnv(custodianPassphrase); set {
		return secret, nil
	}
	if !terminal() {
		return "", withHint(errors.New("the passphrase of the custodian's key is not given"), "set "+custodianPassphrase+", or run the command on a terminal")
	}
	return ask(ctx, "Passphrase of the custodian's key", fresh)
}

// openKey opens a custodian's key file.
func openKey(ctx context.Context, file string) (*custodian.Key, error) {
	if file == "" {
		return nil, withHint(errNoKey, "writ custodian keygen FILE makes one")
	}
	if _, err := custodian.ReadPublic(file); err != nil { // before anybody types
		return nil, err
	}
	secret, err := keyPassphrase(ctx, false)
	if err != nil {
		return nil, err
	}
	return custodian.Open(file, secret)
}

// parsePublic reads the line of a public key file.
func parsePublic(text string) (custodian.Public, error) {
	fields := strings.Fields(text)
	if len(fields) != 3 || fields[0] != publicHead {
		return custodian.Public{}, errors.New("not a custodian's public key: one line, " + publicHead + " PERSON BASE64")
	}
	person, err := writ.ParsePerson(fields[1])
	if err != nil {
		return custodian.Public{}, err
	}
	key, err := base64.StdEncoding.Strict().DecodeString(fields[2])
	if err != nil || len(key) != ed25519.PublicKeySize {
		return custodian.Public{}, fmt.Errorf("the key of %s is not one of %d bytes in base64", person, ed25519.PublicKeySize)
	}
	return custodian.Public{Person: person, Key: key}, nil
}

// parseMember reads the file of a public key or a passkey's card, and what
// follows it: role=counsel, outside, online.
func parseMember(text string) (policy.Member, error) {
	parts := strings.Split(text, ",")
	b, err := readBounded(parts[0], policy.MaxCard)
	if err != nil {
		return policy.Member{}, err
	}
	role, outside, online := writ.RoleCustodian, false, false
	for _, word := range parts[1:] {
		switch word {
		case "outside":
			outside = true
		case "online":
			online = true
		case "role=counsel":
			role = writ.RoleCounsel
		case "role=custodian":
		default:
			return policy.Member{}, fmt.Errorf("--member: %q is not outside, online, role=counsel or role=custodian", word)
		}
	}
	if bytes.HasPrefix(b, []byte("{")) {
		card, err := policy.ParsePasskeyCard(b)
		if err != nil {
			return policy.Member{}, withHint(fmt.Errorf("%s: %w", parts[0], err), "ask for the card again, as the browser saved it when the passkey was made")
		}
		return policy.NewPasskeyMember(card, role, outside)
	}
	public, err := parsePublic(string(b))
	if err != nil {
		return policy.Member{}, withHint(fmt.Errorf("%s: %w", parts[0], err), "writ custodian keygen FILE makes FILE and FILE.pub")
	}
	return policy.Member{Person: public.Person, Role: role, Key: public.Key, Outside: outside, Offline: !online}, nil
}
