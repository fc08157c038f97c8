// Command writ keeps other people's data so that it opens only for its owner,
// or for due process of law.
//
// "writ demo" shows all of it on one machine; "writ serve" runs a server; the
// other commands administer a running server through the socket in its data
// folder. Each command explains itself: writ help COMMAND.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// version is set by the linker; see the Makefile.
var version string

func main() { os.Exit(run()) }

// run runs the command line and returns the exit status: 0, or 1 on any
// failure, with one line on standard error that says what failed and, where
// there is something to do, one that says what.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once; nothing acknowledged is lost by it
	err := newRoot().ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	report(os.Stderr, err)
	return 1
}

// report prints an error, one line for each of several, and what to do.
func report(w io.Writer, err error) {
	var told errTold
	if errors.As(err, &told) {
		return
	}
	for _, one := range explain(err) {
		fmt.Fprintf(w, "writ: error: %s\n", one.text)
		if one.hint != "" {
			fmt.Fprintf(w, "writ: hint: %s\n", one.hint)
		}
	}
}

// errTold is a failure that the command's own output has told already.
type errTold struct{}

func (errTold) Error() string { return "failed" }

// programVersion is the linker's, or what Go knows of the source.
func programVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "unknown"
}
