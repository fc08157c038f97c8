//go:build unix

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// consult sends one request to the office, and prints the answer: as JSON, or as
// tell does.
func consult[T any](s *seat, cmd *cobra.Command, asJSON bool, method, path string, in any, tell func(d *desk, out T) error) error {
	return inquire(s, cmd, asJSON, func(ctx context.Context, d *desk) (out T, err error) {
		return out, d.Do(ctx, method, path, in, &out)
	}, tell)
}

// inquire connects to the office, and prints what ask got from it: as JSON, or
// as tell does.
func inquire[T any](s *seat, cmd *cobra.Command, asJSON bool, ask func(ctx context.Context, d *desk) (T, error), tell func(d *desk, out T) error) error {
	d, err := s.desk(cmd)
	if err != nil {
		return err
	}
	defer d.Close()
	out, err := ask(cmd.Context(), d)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), out)
	}
	return tell(d, out)
}

// tellNothing sends a request whose answer has no body, and says what was done.
func tellNothing(s *seat, cmd *cobra.Command, method, path string, in any, done string) error {
	d, err := s.desk(cmd)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Do(cmd.Context(), method, path, in, nil); err != nil {
		return err
	}
	say(cmd, "%s", done)
	return nil
}

// rowsOf makes rows of a table.
func rowsOf[T any](all []T, row func(T) []string) [][]string {
	out := make([][]string, len(all))
	for i, one := range all {
		out[i] = row(one)
	}
	return out
}

// say prints one line.
func say(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
}
