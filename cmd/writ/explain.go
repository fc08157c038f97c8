package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"writ/internal/api"
	"writ/internal/certs"
	"writ/internal/config"
	"writ/internal/folder"
	"writ/internal/gate"
	"writ/internal/server"
	"writ/internal/vault"
)

// told is an error in words: what failed, and what to do next.
type told struct{ text, hint string }

// A hinted error brings its own hint.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

func withHint(err error, hint string) error { return &hinted{err, hint} }

// hints say what to do about errors that the rooms name.
var hints = []struct {
	err  error
	hint string
}{
	{config.ErrNoData, "name it: --data DIR, or WRIT_DATA=DIR"},
	{api.ErrNotRunning, "start it with writ serve --data DIR"},
	{api.ErrCut, "its log says why it ended"},
	{folder.ErrNewer, "run the newer version of writ, or restore a backup made by this one"},
	{folder.ErrNone, "a first writ serve --data DIR makes one"},
	{folder.ErrForeign, "choose a folder that is missing or empty"},
	{folder.ErrDamaged, "it holds one line, the number 1; compare it with a backup"},
	{gate.ErrInUse, "stop the other server, or choose another --data folder"},
	{gate.ErrPassphrase, "WRIT_PASSPHRASE, or what was typed, is not what the keys were sealed with"},
	{gate.ErrKeyFileMode, "chmod 600 the key file, and consider who could have read it"},
	{gate.ErrKeyFile, "name the file that was made on the first start: --key-file FILE"},
	{gate.ErrUnsealer, "the keys were sealed by a passphrase if you gave a key file, and the other way round"},
	{gate.ErrNewer, "run the newer version of writ"},
	{gate.ErrExpired, "a backup of keys/ that has expired opens nothing; use a newer one"},
	{gate.ErrNoKeys, "put keys/ back from its backup: without it nothing opens"},
	{gate.ErrCorrupt, "put keys/ back from its backup"},
	{certs.ErrAuthority, "put ca.pem and ca.key.sealed back from a backup, or remove both: then a new authority is made, and clients need the new ca.pem"},
	{server.ErrPublic, "listen on 127.0.0.1"},
	{vault.ErrNoBackup, "name the folder that writ backup wrote"},
	{vault.ErrNotEmpty, "choose a folder that is missing or empty"},
	{syscall.EADDRINUSE, "something listens there already: stop it, or choose another port"},
	{fs.ErrPermission, "run as the account that the files belong to"},
	{syscall.ENOSPC, "make room on the disk; nothing was lost"},
}

// explain turns an error into the lines that a person reads.
func explain(err error) []told {
	var settings config.Errors
	if errors.As(err, &settings) {
		lines := make([]told, len(settings))
		for i, one := range settings {
			lines[i] = told{one.Error(), one.Hint}
		}
		return lines
	}
	text := oneLine(err.Error())
	var own *hinted
	var problem *api.Problem
	switch {
	case errors.As(err, &own):
		return []told{{text, own.hint}}
	case errors.As(err, &problem):
		return []told{{text, problem.Hint}}
	case errors.Is(err, context.Canceled):
		return []told{{"interrupted", ""}}
	}
	for _, h := range hints {
		if errors.Is(err, h.err) {
			return []told{{text, h.hint}}
		}
	}
	return []told{{text, ""}}
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "\n", "; ")), " ")
}

// usageError is a command line that cannot be understood.
func usageError(command, format string, args ...any) error {
	return withHint(fmt.Errorf(format, args...), fmt.Sprintf("%s --help shows how it is used", command))
}
