package seal_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestFIPS runs the package's own tests again in a process that refuses every
// algorithm outside FIPS 140-3.
func TestFIPS(t *testing.T) {
	if strings.Contains(os.Getenv("GODEBUG"), "fips140=only") {
		return // this is that process
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.count=1", "-test.run=.")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("under fips140=only: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "PASS") || strings.Contains(string(out), "no tests to run") {
		t.Fatalf("no test ran under fips140=only: %s", out)
	}
}
