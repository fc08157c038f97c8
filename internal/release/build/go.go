// Package build makes Writ's program from its source in a way that anybody can
// repeat: the same source and the same version of Go make the same bytes, on any
// machine, in any folder, for any target.
//
// What it runs is in substance
//
//	CGO_ENABLED=0 go build -trimpath -buildvcs=false \
//	    -ldflags "-s -w -buildid= -X main.version=$(cat VERSION)" ./cmd/writ
//
// with nothing of the caller's settings but where Go keeps its caches and from
// where it loads modules. Building runs no code of the source: no cgo, no
// generators, no toolchain or workspace of its choice, no module that is a folder
// elsewhere; what it downloads must be what its go.sum says.
package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
)

// Targets are those for which a release has programs.
func Targets() []string {
	return []string{"linux/amd64", "linux/arm64", "darwin/arm64", "windows/amd64"}
}

var (
	// ErrNoGo: there is no Go here to build with, or not that version.
	ErrNoGo = errors.New("no Go of the right version is here")
	// ErrSource: the source may not be built, since it would take in more than
	// itself and its modules.
	ErrSource = errors.New("this source is not built")
	// ErrBuild: the compiler refused the source, or a module could not be had.
	ErrBuild = errors.New("the source doesn't build")
)

// Go is a Go command.
type Go struct {
	Version string // such as go1.26.8
	command string
	keep    []string // what of its settings a build keeps
	cache   string   // GOCACHE
}

// kept are settings that say where Go gets and keeps things, and nothing of
// what it makes of them.
var kept = []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOINSECURE", "GOMODCACHE", "GOAUTH", "GOROOT"}

// Find asks a Go command what it is; "" is the one on the PATH. Errors:
// [ErrNoGo].
func Find(ctx context.Context, command string) (*Go, error) {
	if command == "" {
		command = "go"
	}
	path, err := exec.LookPath(command)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGo, err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoGo, err)
	}
	cmd := exec.CommandContext(ctx, path, append([]string{"env", "-json", "GOVERSION", "GOCACHE"}, kept...)...)
	cmd.Dir = os.TempDir() // no module's toolchain line has a say
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN=local", "GOWORK=off")
	out, err := cmd.Output()
	settings := map[string]string{}
	if err == nil {
		err = json.Unmarshal(out, &settings)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s doesn't say its version: %w", ErrNoGo, command, err)
	}
	g := &Go{Version: settings["GOVERSION"], command: path, cache: settings["GOCACHE"]}
	// Itself, and not a script that finds it by the caller's home.
	if own := filepath.Join(settings["GOROOT"], "bin", goName()); settings["GOROOT"] != "" && isFile(own) {
		g.command = own
	}
	for _, name := range kept {
		if value := settings[name]; value != "" {
			g.keep = append(g.keep, name+"="+value)
		}
	}
	return g, nil
}

func goName() string {
	if runtime.GOOS == "windows" {
		return "go.exe"
	}
	return "go"
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// WithCache is the same Go with another cache of what it has compiled.
func (g *Go) WithCache(dir string) *Go {
	other := *g
	other.cache = dir
	return &other
}

// Pinned is the version of Go that a source is to be built with: the toolchain
// line of its go.mod. Errors: [ErrSource].
func Pinned(gomod []byte) (string, error) {
	f, err := modfile.Parse("go.mod", gomod, nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrSource, err)
	}
	for _, r := range f.Replace {
		if r.New.Version == "" {
			return "", fmt.Errorf("%w: its go.mod replaces %s by a folder", ErrSource, r.Old.Path)
		}
	}
	if f.Toolchain == nil || f.Toolchain.Name == "default" {
		return "", fmt.Errorf("%w: its go.mod pins no toolchain", ErrSource)
	}
	return f.Toolchain.Name, nil
}

// Build builds the program for a target from the source in a folder, as
// version, into a file. The source must pin this very version of Go. Errors:
// [ErrNoGo], [ErrSource], [ErrBuild].
func (g *Go) Build(ctx context.Context, source, version, target, out string) error {
	gomod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	pinned, err := Pinned(gomod)
	if err != nil {
		return err
	}
	if pinned != g.Version {
		return fmt.Errorf("%w: the source is built with %s, and this is %s", ErrNoGo, pinned, g.Version)
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "writ-build-")
	if err != nil {
		return fmt.Errorf("couldn't make a folder to build in: %w", err)
	}
	defer os.RemoveAll(tmp)
	goos, goarch, _ := strings.Cut(target, "/")
	cmd := exec.CommandContext(ctx, g.command, slices.Concat([]string{"build"}, Flags(version), []string{"-o", out, "./cmd/writ"})...)
	cmd.Dir = source
	cmd.Env = slices.Concat(system(), g.keep, fixed(), []string{
		"GOOS=" + goos, "GOARCH=" + goarch, "GOCACHE=" + g.cache, "GOTMPDIR=" + tmp, "HOME=" + tmp, "TMPDIR=" + tmp, "TMP=" + tmp,
	})
	endKindly(cmd)
	said, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w for %s: %w: %s", ErrBuild, target, err, last(said))
	}
	return nil
}

// endKindly lets Go end its compilers when a build is given up: killed, it
// would leave them running.
func endKindly(cmd *exec.Cmd) {
	if runtime.GOOS != "windows" { // which knows no interrupts
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	}
	cmd.WaitDelay = 10 * time.Second
}

// Flags are those of every build of a version.
func Flags(version string) []string {
	return []string{"-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version=" + version}
}

// fixed are the settings that decide what is built. Each is set, so that none
// comes from the machine.
func fixed() []string {
	return []string{
		"CGO_ENABLED=0", "GOENV=off", "GOFLAGS=-mod=readonly", "GOTOOLCHAIN=local", "GOWORK=off", "GO111MODULE=on",
		"GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off", "GOEXPERIMENT=", "GODEBUG=", "GOVCS=*:off", "GOTELEMETRY=off",
	}
}

// Settings are the fixed settings as a stranger would set them, for provenance.
func Settings() []string { return fixed() }

// system is what any program needs of its surroundings.
func system() []string {
	names := []string{"PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"}
	if runtime.GOOS == "windows" {
		names = append(names, "SystemRoot", "ComSpec", "PATHEXT")
	}
	var env []string
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// last is the end of what a command said, on one line.
func last(said []byte) string {
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	return strings.Join(strings.Fields(strings.Join(lines[max(0, len(lines)-4):], "; ")), " ")
}

// Run runs a program of the source in a folder, for this machine: what the
// makers of a release run to describe it. Unlike [Go.Build] it runs code of the
// source, and is for sources of one's own.
func (g *Go) Run(ctx context.Context, source, pkg string, args ...string) error {
	tmp, err := os.MkdirTemp("", "writ-run-")
	if err != nil {
		return fmt.Errorf("couldn't make a folder to run in: %w", err)
	}
	defer os.RemoveAll(tmp)
	cmd := exec.CommandContext(ctx, g.command, slices.Concat([]string{"run", pkg}, args)...)
	cmd.Dir = source
	cmd.Env = slices.Concat(system(), g.keep, fixed(), []string{
		"PATH=" + filepath.Dir(g.command) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"GOCACHE=" + g.cache, "GOTMPDIR=" + tmp, "HOME=" + tmp, "TMPDIR=" + tmp,
	})
	endKindly(cmd)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("couldn't run %s: %w: %s", pkg, err, last(said))
	}
	return nil
}
