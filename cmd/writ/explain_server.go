//go:build unix

package main

import (
	"errors"

	"writ/internal/api"
	"writ/internal/certs"
	"writ/internal/config"
	"writ/internal/folder"
	"writ/internal/gate"
	"writ/internal/server"
	"writ/internal/vault"
)

// serverHints are those of a server's rooms.
var serverHints = []hint{
	{config.ErrNoData, "name it: --data DIR, or WRIT_DATA=DIR"},
	{api.ErrNotRunning, "start it with writ serve --data DIR"},
	{api.ErrCut, "its log says why it ended"},
	{server.ErrRestored, "writ ledger recover lets it go on where it was; writ ledger break ends it in public"},
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
}

// explainServer turns errors that bring their own hints into lines: settings,
// and a server's answers. It returns nil for others.
func explainServer(err error) []told {
	var settings config.Errors
	if errors.As(err, &settings) {
		lines := make([]told, len(settings))
		for i, one := range settings {
			lines[i] = told{one.Error(), one.Hint}
		}
		return lines
	}
	var own *hinted
	var problem *api.Problem
	if !errors.As(err, &own) && errors.As(err, &problem) {
		return []told{{oneLine(err.Error()), problem.Hint}}
	}
	return nil
}
