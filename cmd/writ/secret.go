//go:build unix

package main

import (
	"context"
	"errors"
	"os"

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
