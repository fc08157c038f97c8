package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
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

// hint says what to do about an error that a room, or the system, names.
type hint struct {
	err  error
	hint string
}

var systemHints = []hint{
	{syscall.EADDRINUSE, "something listens there already: stop it, or choose another port"},
	{fs.ErrPermission, "run as the account that the files belong to"},
	{syscall.ENOSPC, "make room on the disk; nothing was lost"},
}

// explain turns an error into the lines that a person reads.
func explain(err error) []told {
	if lines := explainServer(err); lines != nil {
		return lines
	}
	text := oneLine(err.Error())
	var own *hinted
	switch {
	case errors.As(err, &own):
		return []told{{text, own.hint}}
	case errors.Is(err, context.Canceled):
		return []told{{"interrupted", ""}}
	}
	for _, h := range slices.Concat(serverHints, systemHints) {
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
