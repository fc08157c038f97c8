// Package config reads the settings of a server.
//
// They come from three places, each overriding the one before: the file
// writ.yaml, the environment (WRIT_…), the flags of the command line. One
// setting has one name, spelled for the place: tls.cert_file in the file is
// WRIT_TLS_CERT_FILE in the environment and --tls-cert-file among the flags.
//
// All is checked as a whole before anything is opened. A key that no setting
// has, or a value that a setting does not take, is an [Error] that names the
// place: the file and line, the variable, or the flag. A mistyped key must
// never be a default that somebody believes to have changed.
//
// There is no setting that holds a secret. The passphrase of the root key
// comes from WRIT_PASSPHRASE or a terminal, never from the file or a flag,
// where it would lie in backups and process lists.
package config
