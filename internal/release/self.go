package release

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"writ/internal/proof"
	"writ/internal/release/archive"
)

// Running is the program of this process.
type Running struct {
	Version string // as the linker was told
	Target  string // such as linux/amd64
	SHA256  string // of the file that it was started from
}

// Self hashes the program of this process. On Linux that is the very file that
// runs, also where another lies in its place by now; elsewhere it is what lies
// in its place.
func Self(version string) (Running, error) {
	r := Running{Version: version, Target: runtime.GOOS + "/" + runtime.GOARCH}
	name, err := os.Executable()
	if err != nil {
		return r, fmt.Errorf("couldn't find the running program: %w", err)
	}
	if runtime.GOOS == "linux" {
		name = "/proc/self/exe"
	}
	f, err := os.Open(name)
	if err != nil {
		return r, fmt.Errorf("couldn't read the running program: %w", err)
	}
	defer f.Close()
	sum, size, err := Sum(f, MaxBinary)
	if err != nil {
		return r, fmt.Errorf("couldn't read the running program: %w", err)
	}
	if size > MaxBinary {
		return r, fmt.Errorf("the running program has more than %d bytes", MaxBinary)
	}
	r.SHA256 = sum
	return r, nil
}

// Standing is what a server's log says of the program that runs it.
type Standing string

const (
	// Logged: a release in the log names this very program.
	Logged Standing = "logged"
	// Development: its version is not that of a release, and no release in
	// the log names it. It runs, and the policy statement says that it is
	// unlogged.
	Development Standing = "development"
	// Unlogged: it says that it is a release, no release in the log names it,
	// and the operator runs it all the same. The policy statement says so.
	Unlogged Standing = "unlogged"
)

// Public says whether the policy statement's "unlogged" must be true.
func (s Standing) Public() bool { return s != Logged }

// ErrUnlogged: a release that is not in the log does not start.
var ErrUnlogged = errors.New("this program is in no release of the server's log")

// Decide says what a program is, given the releases in the server's own log,
// the oldest first, and whether the operator told it to run unlogged. The
// release is the one that names it, if there is one. Errors: [ErrUnlogged].
//
// It is honest programs that this holds to their log: one that was altered can
// leave the question out.
func Decide(self Running, logged []proof.Release, unlogged bool) (Standing, *proof.Release, error) {
	for i := len(logged) - 1; i >= 0; i-- {
		for _, b := range logged[i].Binaries {
			if b.SHA256 == self.SHA256 && b.Target == self.Target && logged[i].Version == self.Version {
				return Logged, &logged[i], nil
			}
		}
	}
	switch {
	case archive.CheckVersion(self.Version) != nil:
		return Development, nil, nil
	case unlogged:
		return Unlogged, nil, nil
	}
	return "", nil, fmt.Errorf("%w: version %s for %s with hash %s", ErrUnlogged, self.Version, self.Target, self.SHA256)
}
