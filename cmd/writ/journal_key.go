package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"writ/internal/seal"
)

// journalKeygen is the customer's: its private key never comes near a server.
func journalKeygen() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keygen FILE", Short: "Make a key that a customer's journal is sealed to",
		Long: `Keygen makes a key pair: FILE is the private key, of mode 0600, and stays with
the customer; FILE.pub is the public one, which the operator gives to
writ customer add --journal-key. From then on the server seals that customer's
journal to it and reads no more than the last hour or mebibyte of it. Who loses
FILE can read the journal no more: nobody else can.`,
		Example: "  writ journal keygen harbour-clinic.journal-key",
		Args:    exactly("FILE"),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, err := seal.NewIdentity()
		if err != nil {
			return err
		}
		secret, err := id.Secret()
		if err != nil {
			return err
		}
		public := args[0] + ".pub"
		if _, err := os.Lstat(public); !errors.Is(err, fs.ErrNotExist) {
			return withHint(fmt.Errorf("%s is there already", public), "choose another name: a key that something is sealed to must not be lost")
		}
		if err := writeNew(args[0], secret, 0o600); err != nil {
			return err
		}
		if err := writeNew(public, id.Recipient().String(), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "private key  %s\npublic key   %s\n", args[0], public)
		fmt.Fprintf(cmd.ErrOrStderr(), "writ: hint: keep %s in two places that the operator cannot reach; give %s to the operator\n", args[0], public)
		return nil
	}
	return cmd
}

// writeNew writes one line into a file that is not there yet.
func writeNew(name, line string, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return withHint(fmt.Errorf("%s is there already", name), "choose another name: a key that something is sealed to must not be lost")
	}
	if err != nil {
		return fmt.Errorf("couldn't create a file: %w", err)
	}
	_, err = f.WriteString(line + "\n")
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("couldn't write %s: %w", name, err)
	}
	return nil
}

// readIdentity reads a private key's file, which must be its owner's alone.
func readIdentity(name string) (*seal.Identity, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("couldn't read: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, withHint(fmt.Errorf("%s is readable by others", name), "chmod 600 it, and consider who could have read it")
	}
	b, err := readBounded(name, 8<<10)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	id, err := seal.ParseIdentity(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return id, nil
}
