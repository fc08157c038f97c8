package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"writ/internal/proof"
	"writ/internal/release"
	"writ/internal/release/build"
	"writ/internal/release/provenance"
	"writ/internal/release/sbom"
)

// provenance checks who signed for the build, and that it is about this release.
func (c *checker) provenance(context.Context) error {
	path, ok := c.files[release.ProvenanceFile]
	if !ok {
		return nil // told already
	}
	file, err := read(path, release.MaxDocument)
	if err != nil {
		return err
	}
	envelope, statement, err := provenance.Read(file)
	if err != nil {
		c.add("provenance", Fails, err.Error())
		return nil
	}
	want := map[string]string{}
	for _, a := range release.Artifacts(c.Release) {
		if a.Name != release.ProvenanceFile {
			want[a.Name] = a.SHA256
		}
	}
	if path, ok := c.files[release.DataMapText]; ok {
		if want[release.DataMapText], err = sum(path); err != nil {
			return err
		}
	}
	c.result("provenance", statement.Describes(c.Release.Version, c.Release.Go, c.Release.Source, want),
		fmt.Sprintf("built by %.100q", statement.Predicate.RunDetails.Builder.ID))
	switch {
	case c.NoKey && len(envelope.Signatures) == 0:
		c.add("signature", Waived, "the provenance is not signed: nobody stands behind it")
	case c.NoKey:
		c.add("signature", Waived, "who signed the provenance was not checked")
	case c.Key == nil:
		c.add("signature", Unchecked, "no release key is pinned")
	default:
		c.result("signature", provenance.Verify(file, c.Key), "signed by the pinned release key")
	}
	return nil
}

func sum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("couldn't read: %w", err)
	}
	defer f.Close()
	s, _, err := release.Sum(f, release.MaxBinary)
	return s, err
}

// rebuild builds the programs from the source, and compares.
func (c *checker) rebuild(ctx context.Context) error {
	if c.NoBuild {
		c.add("rebuild", Waived, "the source was not built: that the programs come from it is the builder's word")
		return nil
	}
	if c.tree == nil {
		c.add("rebuild", Unchecked, "the source is not the release's")
		return nil
	}
	goCommand, err := build.Find(ctx, c.Go)
	if err == nil && goCommand.Version != c.Release.Go {
		err = fmt.Errorf("%w: the release was built with %s, and this is %s", build.ErrNoGo, c.Release.Go, goCommand.Version)
	}
	if err != nil {
		c.add("rebuild", Unchecked, err.Error())
		return nil
	}
	source := filepath.Join(c.tmp, "source")
	if err := os.Mkdir(source, 0o755); err != nil {
		return fmt.Errorf("couldn't unpack the source: %w", err)
	}
	if err := c.tree.Extract(source); err != nil {
		return err
	}
	for _, target := range c.Targets {
		if !slices.ContainsFunc(c.Release.Binaries, func(b proof.Binary) bool { return b.Target == target }) {
			c.add("rebuild for "+target, Fails, "the release has no such program")
		}
	}
	for _, b := range c.Release.Binaries {
		if c.Targets != nil && !slices.Contains(c.Targets, b.Target) {
			c.add("rebuild for "+b.Target, Waived)
			continue
		}
		c.Say("building for " + b.Target)
		if err := c.buildOne(ctx, goCommand, source, b); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) buildOne(ctx context.Context, g *build.Go, source string, b proof.Binary) error {
	name := release.BinaryName(c.Release.Version, b.Target)
	ours := filepath.Join(c.tmp, name)
	if err := g.Build(ctx, source, c.Release.Version, b.Target, ours); err != nil {
		if errors.Is(err, build.ErrBuild) {
			c.add("rebuild for "+b.Target, Fails, err.Error())
			return nil
		}
		return err
	}
	got, err := sum(ours)
	if err != nil {
		return err
	}
	if got == b.SHA256 {
		c.add("rebuild for "+b.Target, Holds, "the source makes the same "+fmt.Sprint(b.Size)+" bytes")
		if c.files[name] == "" {
			c.files[name] = ours
		}
		return c.explain(name, ours)
	}
	detail := []string{fmt.Sprintf("the source makes another program, with the hash %s", got)}
	if theirs, ok := c.files[name]; ok {
		more, err := build.Differences(theirs, ours)
		if err != nil {
			return err
		}
		detail = append(detail, more...)
	} else {
		detail = append(detail, "put "+name+" of the release beside its other files to see what differs")
	}
	c.add("rebuild for "+b.Target, Fails, detail...)
	return nil
}

// explain says how a program that is not the release's differs from the one
// that was built, which is.
func (c *checker) explain(name, ours string) error {
	theirs, ok := c.wrong[name]
	if !ok {
		return nil
	}
	more, err := build.Differences(theirs, ours)
	if err != nil {
		more = []string{err.Error()}
	}
	i := slices.IndexFunc(c.Findings, func(f Finding) bool { return f.Subject == name })
	c.Findings[i].Detail = append(c.Findings[i].Detail, more...)
	return nil
}

// sbom holds the list of modules against each program that is here or was
// built.
func (c *checker) sbom(context.Context) error {
	path, ok := c.files[release.SBOMFile]
	if !ok {
		return nil // told already
	}
	document, err := read(path, release.MaxDocument)
	if err != nil {
		return err
	}
	checked := 0
	for _, b := range c.Release.Binaries {
		name := release.BinaryName(c.Release.Version, b.Target)
		file, ok := c.files[name]
		if !ok {
			continue
		}
		checked++
		var info *debug.BuildInfo
		if info, err = build.Info(file); err == nil {
			if info.GoVersion != c.Release.Go {
				err = fmt.Errorf("%s was built by %.60q, and the release says %s", name, info.GoVersion, c.Release.Go)
			} else {
				err = sbom.Check(document, sbom.Program{Target: b.Target, Name: name, SHA256: b.SHA256, Info: info})
			}
		}
		if err != nil {
			c.add("modules", Fails, err.Error())
			return nil
		}
	}
	switch {
	case checked > 0:
		c.add("modules", Holds, fmt.Sprintf("those in %d of %d programs", checked, len(c.Release.Binaries)))
	case c.NoBuild:
		c.add("modules", Waived, "there is no program here to hold the list against")
	default:
		c.add("modules", Unchecked, "there is no program here to hold the list against")
	}
	return nil
}
