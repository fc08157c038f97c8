// Mkrelease makes a release of Writ (docs/releases.md):
//
//	go run ./internal/tools/mkrelease -version v1.2.3 -key release.key
//
// It is a tool of the source and not a command of the program: a server has no
// use for it, and what is not in the program need not be read by who reviews it.
// Who only wants to check a release runs writ verify release, or go build with
// the flags that docs/releases.md names.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"writ/internal/release/archive"
	"writ/internal/release/build"
	"writ/internal/release/making"
	"writ/internal/release/provenance"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "mkrelease: error: %s\n", strings.Join(strings.Fields(err.Error()), " "))
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	version := flag.String("version", "", "version, such as v1.2.3 (default VERSION of an unpacked archive)")
	source := flag.String("source", ".", "a git repository, whose HEAD is taken; an unpacked source archive; or the archive")
	out := flag.String("out", "dist", "where the release's folder is made")
	keyFile := flag.String("key", os.Getenv("WRIT_RELEASE_KEY"), "file of the key that signs: Ed25519, PKCS #8, PEM, mode 0600 (or WRIT_RELEASE_KEY)")
	builder := flag.String("builder", "urn:writ:builder:unnamed", "URI of who builds, for the provenance")
	targets := flag.String("targets", strings.Join(build.Targets(), ","), "for what to build")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("takes no arguments, got %s", strings.Join(flag.Args(), " "))
	}
	tree, err := read(ctx, *source, *version)
	if err != nil {
		return err
	}
	o := making.Options{
		Source: tree, Out: *out, Targets: strings.Split(*targets, ","), Builder: *builder,
		Say: func(what string) { fmt.Fprintln(os.Stderr, what) },
	}
	if *keyFile != "" {
		if o.Key, err = provenance.ReadKey(*keyFile); err != nil {
			return err
		}
	}
	if o.Go, err = build.Find(ctx, ""); err != nil {
		return err
	}
	dir, err := making.Make(ctx, o)
	if errors.Is(err, build.ErrNoGo) {
		return fmt.Errorf("%w; run it by that version", err)
	}
	if err != nil {
		return err
	}
	if o.Key == nil {
		fmt.Fprintln(os.Stderr, "not signed: nobody stands behind the provenance of this release (-key FILE)")
	}
	fmt.Println(dir)
	return nil
}

// read takes the source from where it lies.
func read(ctx context.Context, source, version string) (*archive.Tree, error) {
	info, err := os.Stat(source)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the source: %w", err)
	}
	if _, err := os.Lstat(filepath.Join(source, ".git")); err == nil {
		if err := archive.CheckVersion(version); err != nil {
			return nil, fmt.Errorf("%w; tag the commit, or give one: make release VERSION=v1.2.3", err)
		}
		return archive.FromGit(ctx, source, version)
	}
	var tree *archive.Tree
	if info.IsDir() {
		tree, err = archive.FromFolder(source)
	} else {
		f, e := os.Open(source)
		if e != nil {
			return nil, fmt.Errorf("couldn't read the source: %w", e)
		}
		defer f.Close()
		tree, err = archive.Read(f)
	}
	if err != nil {
		return nil, err
	}
	if version != "" && version != tree.Version {
		return nil, fmt.Errorf("the source is of version %s, not %s", tree.Version, version)
	}
	return tree, nil
}
