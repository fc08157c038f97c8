//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

// tokenEnv gives the API token of the person at the command line. A token
// never stands among the arguments, where every account of the machine reads
// it.
const tokenEnv = "WRIT_TOKEN"

// maxToken bounds the file of a token, in bytes.
const maxToken = 4 << 10

var errTokenMode = errors.New("the token's file can be read by others")

// seat is where a person works from: which server's office, and by which
// token. Its flags are those of a group of commands.
type seat struct {
	*global
	server, ca, tokenFile string
}

// newSeat gives a group of commands the flags that lead to an office.
func newSeat(g *global, group *cobra.Command) *seat {
	s := &seat{global: g}
	flags := group.PersistentFlags()
	flags.StringVar(&s.server, "server", "", "web address of a server elsewhere (https://HOST:PORT), instead of the data folder's")
	flags.StringVar(&s.ca, "ca", "", "file of the certificate authorities to trust with --server, in PEM")
	flags.StringVar(&s.tokenFile, "token-file", "", "file of the API token, mode 0600 (or "+tokenEnv+")")
	return s
}

// desk is an office as one person sees it.
type desk struct {
	*api.Desk
	Close func()
}

// desk connects to the office: a server elsewhere, or the one that has the
// data folder open. There, without a token, it is the operator's account, which
// administers staff and sees no case.
func (s *seat) desk(cmd *cobra.Command) (*desk, error) {
	token, err := s.token()
	if err != nil {
		return nil, err
	}
	if s.server != "" {
		return s.remote(token)
	}
	if s.ca != "" {
		return nil, usageError(cmd.CommandPath(), "--ca is of use with --server only")
	}
	cfg, err := s.load(cmd)
	if err != nil {
		return nil, err
	}
	c, err := dial(cmd.Context(), cfg)
	if err != nil {
		return nil, err
	}
	return &desk{c.At(token), c.Close}, nil
}

func (s *seat) remote(token string) (*desk, error) {
	if token == "" {
		return nil, withHint(errors.New("no API token is given"), "set "+tokenEnv+", or give --token-file FILE; writ token issue makes one")
	}
	var cas []byte
	if s.ca != "" {
		var err error
		if cas, err = readBounded(s.ca, 1<<20); err != nil {
			return nil, err
		}
	}
	d, err := api.Remote(s.server, token, cas)
	if err != nil {
		return nil, err
	}
	return &desk{d, func() {}}, nil
}

// token is the person's, "" if none is given.
func (s *seat) token() (string, error) {
	given, set := takeEnv(tokenEnv)
	switch {
	case set && s.tokenFile != "":
		return "", withHint(errors.New("both "+tokenEnv+" and --token-file are given"), "leave one out: who acts must not be a matter of chance")
	case s.tokenFile == "":
		return strings.TrimSpace(given), nil
	}
	return readToken(s.tokenFile)
}

// anonymous says whether whoever asks has nothing but the server's own machine.
func (s *seat) anonymous() bool {
	return s.server == "" && s.tokenFile == "" && os.Getenv(tokenEnv) == ""
}

// readToken reads a file that holds a token, if nobody else can read it.
func readToken(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", fmt.Errorf("couldn't read the token: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", withHint(fmt.Errorf("%w: %s has mode %04o", errTokenMode, name, info.Mode().Perm()), "chmod 600 it, and consider who could have read it")
	}
	b, err := readBounded(name, maxToken)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("%s is empty: it holds no token", name)
	}
	return token, nil
}

// at is a moment as the office writes it: RFC 3339 in UTC, and beside it the
// operator's local time, in which deadlines are read; "" for none.
func (d *desk) at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	utc := stamp(t)
	if local := t.In(d.Zone()); local.Format("-07:00") != "+00:00" {
		return utc + " (" + local.Format("Mon 2 Jan 15:04 MST") + ")"
	}
	return utc
}
