package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"
)

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
