// Datamap makes the data-handling map of Writ from its source, and holds the
// source to what internal/datamap/classes.yaml declares.
//
//	go run ./internal/tools/datamap [-out DIR] [-previous datamap.json] [-check]
//
// With -out it writes datamap.json and datamap.md; its exit status is 1 when
// the program does what is not declared. docs/data-handling.md is the manual.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"writ/internal/codemap"
	"writ/internal/datamap"
)

func main() {
	out := flag.String("out", "", "write datamap.json and datamap.md into this `folder`")
	previous := flag.String("previous", "", "show the difference to this `file`, the datamap.json of the release before")
	check := flag.Bool("check", false, "check the rules of imports too: ciphers, unsafe, cgo, assembly")
	flag.Parse()
	if flag.NArg() > 0 {
		fail(fmt.Errorf("%q is one argument too many", flag.Arg(0)))
	}
	findings, err := run(os.Stdout, *out, *previous, *check)
	if err != nil {
		fail(err)
	}
	for _, f := range findings {
		fmt.Fprintf(os.Stderr, "datamap: %s\n", f)
	}
	if len(findings) > 0 {
		fail(fmt.Errorf("the program and internal/datamap/classes.yaml disagree in %d places", len(findings)))
	}
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "datamap: error: %v\n", err)
	os.Exit(1)
}

// run makes the map of the source in which it runs, writes it, and returns
// what should not be.
func run(w io.Writer, out, previous string, check bool) ([]string, error) {
	root, err := codemap.Root(".")
	if err != nil {
		return nil, err
	}
	var old []byte
	if previous != "" {
		if old, err = os.ReadFile(previous); err != nil {
			return nil, fmt.Errorf("couldn't read the map of the release before: %w", err)
		}
	}
	program, err := codemap.Load(root, "./cmd/writ/...", "./internal/...", "./client/...", "./packs/...", ".")
	if err != nil {
		return nil, err
	}
	result, err := datamap.Make(program, old)
	if err != nil {
		return nil, err
	}
	if out != "" {
		if err := result.Write(out); err != nil {
			return nil, err
		}
	}
	fmt.Fprint(w, result.Summary())
	findings := result.Map.Findings
	if check {
		found, err := codemap.Check(program)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(w, "%-10s %d packages looked at\n", "imports", len(program.Pkgs))
		findings = append(findings, found...)
	}
	return findings, nil
}
