package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"writ/internal/release"
	"writ/internal/release/check"
	"writ/internal/release/provenance"
)

// releaseFlags are what verify release can be told.
type releaseFlags struct {
	logKey, policy, receipt, releaseKey, ca, goCommand string
	maxAge                                             time.Duration
	noSignature, noRebuild, asJSON                     bool
	targets                                            []string
}

func verifyRelease() *cobra.Command {
	cmd := &cobra.Command{
		Use: "release DIR|URL|FILE", Short: "Check a release: its log, its files, and that its source makes them",
		Long: `Release checks that the log whose key you pinned names a release, that the files
are the ones that it names, that the release key you pinned signed for the
build, that the list of modules is that of the programs, and that the source,
built here, makes the same programs bit for bit. Where something differs it
says what.

It takes a release's folder, or the address of one, such as a server's
/release/; or a source archive, or a folder with the source, with --receipt.
Building needs the very version of Go that the release names, and for some
modules the network; nothing of the source is run. docs/releases.md says what all
of this proves, and what not.`,
		Example: `  writ verify release https://writ.quayside.example/release/ --log-key log.vkey --policy witnesses.txt --release-key release.pem
  writ verify release dist/v1.2.3 --log-key log.vkey --policy witnesses.txt --release-key release.pem
  writ verify release writ-v1.2.3.tar.gz --receipt receipt.json --log-key log.vkey --policy witnesses.txt`,
		Args: exactly("DIR|URL|FILE"),
	}
	var f releaseFlags
	flags := cmd.Flags()
	flags.BoolVar(&f.asJSON, "json", false, "print JSON, for scripts")
	flags.StringVar(&f.logKey, "log-key", "", "file with the log's verifier key")
	flags.StringVar(&f.policy, "policy", "", "file with the witness policy")
	flags.DurationVar(&f.maxAge, "max-age", 0, "refuse a checkpoint that no witness cosigned so lately (default any age)")
	flags.StringVar(&f.receipt, "receipt", "", "file of the receipt (default receipt.json beside the release)")
	flags.StringVar(&f.releaseKey, "release-key", "", "file with the release key (PEM) that must have signed the provenance")
	flags.BoolVar(&f.noSignature, "no-signature", false, "don't ask who signed the provenance")
	flags.BoolVar(&f.noRebuild, "no-rebuild", false, "don't build the source: believe the builder that the programs come from it")
	flags.StringSliceVar(&f.targets, "target", nil, "build for these only, such as linux/amd64 (default all that the release names)")
	flags.StringVar(&f.goCommand, "go", "go", "the Go command to build with")
	flags.StringVar(&f.ca, "ca", "", "file of certificates (PEM) to trust the server by, instead of the system's")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return runVerifyRelease(cmd, args[0], f) }
	return cmd
}

func runVerifyRelease(cmd *cobra.Command, what string, f releaseFlags) error {
	if f.logKey == "" {
		return usageError(cmd.CommandPath(), "--log-key FILE is missing: without the log's key, pinned, nothing is proven")
	}
	if f.releaseKey != "" && f.noSignature {
		return usageError(cmd.CommandPath(), "--release-key and --no-signature exclude each other")
	}
	if f.noRebuild && f.targets != nil {
		return usageError(cmd.CommandPath(), "--target and --no-rebuild exclude each other")
	}
	o, err := f.options(cmd)
	if err != nil {
		return err
	}
	report, err := f.check(cmd.Context(), what, o)
	if err != nil {
		return err
	}
	if f.asJSON {
		err = writeJSON(cmd.OutOrStdout(), struct {
			Holds bool `json:"holds"`
			*check.Report
		}{report.Holds(), report})
	} else {
		err = tellRelease(cmd.OutOrStdout(), report)
	}
	if err == nil && !report.Holds() {
		return errTold{}
	}
	return err
}

func (f releaseFlags) options(cmd *cobra.Command) (o check.Options, err error) {
	o = check.Options{NoKey: f.noSignature, NoBuild: f.noRebuild, Targets: f.targets, Go: f.goCommand, Receipt: f.receipt}
	o.Say = func(doing string) { fmt.Fprintln(cmd.ErrOrStderr(), doing) }
	if o.Ledger, err = newVerifier(f.logKey, f.policy, f.maxAge); err != nil || f.releaseKey == "" {
		return o, err
	}
	file, err := readBounded(f.releaseKey, 16<<10)
	if err != nil {
		return o, err
	}
	if o.Key, err = provenance.ParsePublicKey(file); err != nil {
		return o, withHint(fmt.Errorf("%s: %w", f.releaseKey, err), "openssl pkey -in release.key -pubout makes it from the private one")
	}
	return o, nil
}

// check finds out what it was given.
func (f releaseFlags) check(ctx context.Context, what string, o check.Options) (*check.Report, error) {
	if strings.Contains(what, "://") {
		return f.fetched(ctx, what, o)
	}
	info, err := os.Stat(what)
	if err != nil {
		return nil, fmt.Errorf("couldn't read: %w", err)
	}
	if info.IsDir() && hasStatement(what) {
		return check.Folder(ctx, what, o)
	}
	if o.Receipt == "" {
		o.Receipt = filepath.Join(filepath.Dir(what), release.ReceiptFile)
	}
	return check.Source(ctx, what, o)
}

func hasStatement(dir string) bool {
	for _, name := range []string{release.StatementFile, release.ReceiptFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

func (f releaseFlags) fetched(ctx context.Context, address string, o check.Options) (*check.Report, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if f.ca != "" {
		certs, err := readBounded(f.ca, 1<<20)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(certs) {
			return nil, fmt.Errorf("%s holds no certificate", f.ca)
		}
	}
	dir, err := os.MkdirTemp("", "writ-release-")
	if err != nil {
		return nil, fmt.Errorf("couldn't make a folder to fetch into: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := check.Fetch(ctx, &http.Client{Transport: transport}, address, dir, o); err != nil {
		return nil, err
	}
	return check.Folder(ctx, dir, o)
}

// tellRelease says what was found, for a person.
func tellRelease(w io.Writer, r *check.Report) error {
	head := "this release holds"
	if !r.Holds() {
		head = "this release does NOT hold"
	}
	if r.Release.Version != "" {
		head += fmt.Sprintf(": %s, of %s", r.Release.Version, when(r.Entry.Statement.At))
	}
	fmt.Fprintln(w, head)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, f := range r.Findings {
		detail := append([]string(nil), f.Detail...)
		if detail == nil {
			detail = []string{""}
		}
		for i, line := range detail {
			if i == 0 {
				fmt.Fprintf(t, "%s\t%s\t%s\n", f.Outcome, f.Subject, oneText(line))
			} else {
				fmt.Fprintf(t, "\t\t%s\n", oneText(line))
			}
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, f := range r.Findings {
		if f.Outcome == check.Unchecked && f.Subject == "rebuild" {
			fmt.Fprintln(w, "\nA release holds only if it was built again: --go COMMAND names another Go,\n--no-rebuild leaves it out.")
		}
		if f.Outcome == check.Unchecked && f.Subject == "signature" {
			fmt.Fprintln(w, "\nWho signed for the build was not checked: --release-key FILE pins the key,\n--no-signature leaves it out.")
		}
	}
	return nil
}

// oneText is a sentence that may quote what a stranger wrote.
func oneText(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
