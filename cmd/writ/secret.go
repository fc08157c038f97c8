//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"writ/internal/config"
	"writ/internal/folder"
	"writ/internal/gate"
)

const (
	passphraseEnv    = "WRIT_PASSPHRASE"
	newPassphraseEnv = "WRIT_NEW_PASSPHRASE"
)

var (
	errNoSecret   = errors.New("neither a passphrase nor a key file is given for the root key")
	errTwoSecrets = errors.New("both a passphrase and a key file are given for the root key")
)

// unsealer is what opens the root key: the key file of the settings, else
// WRIT_PASSPHRASE, else what is typed. With fresh, the keys may still have to
// be made: then a typed passphrase is asked for twice.
func unsealer(ctx context.Context, cfg *config.Config, fresh bool) (gate.Unsealer, error) {
	secret, set := takeEnv(passphraseEnv)
	switch {
	case cfg.KeyFile != "" && set:
		return nil, withHint(errTwoSecrets, "leave WRIT_PASSPHRASE or the key file out: what seals the root key must not be a matter of chance")
	case cfg.KeyFile != "":
		return gate.KeyFile(cfg.KeyFile), nil
	case set:
		return gate.Passphrase(secret), nil
	case !terminal():
		return nil, withHint(errNoSecret, "set WRIT_PASSPHRASE, or give --key-file FILE")
	}
	_, err := os.Stat(folder.Folder(cfg.Data).Keys())
	secret, err = ask(ctx, "Passphrase of the root key", fresh && errors.Is(err, os.ErrNotExist))
	if err != nil {
		return nil, err
	}
	return gate.Passphrase(secret), nil
}

// newPassphrase is WRIT_NEW_PASSPHRASE, or what is typed twice.
func newPassphrase(ctx context.Context) (string, error) {
	if secret, set := takeEnv(newPassphraseEnv); set {
		return secret, nil
	}
	if !terminal() {
		return "", withHint(errors.New("no new passphrase is given"), "set WRIT_NEW_PASSPHRASE, or run the command on a terminal")
	}
	return ask(ctx, "New passphrase of the root key", true)
}

// takeEnv reads a secret variable and removes it, so that no child of the
// process inherits it.
func takeEnv(name string) (string, bool) {
	secret, set := os.LookupEnv(name)
	os.Unsetenv(name)
	return secret, set && secret != ""
}

func terminal() bool {
	return term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd()))
}

// ask reads a passphrase without showing it.
func ask(ctx context.Context, what string, twice bool) (string, error) {
	first, err := readSecret(ctx, what)
	if err != nil || !twice {
		return string(first), err
	}
	second, err := readSecret(ctx, "Again, to be sure")
	if err != nil {
		return "", err
	}
	if !bytes.Equal(first, second) {
		return "", errors.New("the two passphrases differ")
	}
	return string(first), nil
}

func readSecret(ctx context.Context, what string) ([]byte, error) {
	in := int(os.Stdin.Fd())
	shown, err := term.GetState(in)
	if err != nil {
		return nil, fmt.Errorf("couldn't ask for the passphrase: %w", err)
	}
	fmt.Fprintf(os.Stderr, "%s: ", what)
	secret, err := answered(ctx, func() ([]byte, error) { return term.ReadPassword(in) })
	fmt.Fprintln(os.Stderr)
	if ctx.Err() != nil {
		term.Restore(in, shown) // the reading goroutine has hidden what is typed
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the passphrase: %w", err)
	}
	return secret, nil
}

// answered reads from a person, who may press ctrl-C instead. The goroutine of
// a read that was given up ends with the process, which is then about to.
func answered[T any](ctx context.Context, read func() (T, error)) (text T, err error) {
	done := make(chan struct{})
	var got T
	var failed error
	go func() {
		defer close(done)
		got, failed = read()
	}()
	select {
	case <-ctx.Done():
		return text, ctx.Err()
	case <-done:
		return got, failed
	}
}
