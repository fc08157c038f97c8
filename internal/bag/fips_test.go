package bag_test

import (
	"crypto/fips140"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"writ/internal/bag"
)

// TestFIPS runs the tests that are about sealing again, in processes that
// run in FIPS mode and that refuse every other algorithm.
func TestFIPS(t *testing.T) {
	if fips140.Enabled() {
		refuseAge(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for mode, tests := range map[string]string{"on": "FIPS|EveryRecipient", "only": "FIPS|RoundTrip|EveryRecipient|GoesOn|StandardTools"} {
		cmd := exec.Command(self, "-test.count=1", "-test.run="+tests)
		cmd.Env = append(os.Environ(), "GODEBUG=fips140="+mode)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("under fips140=%s: %v\n%s", mode, err, out)
		}
		if !strings.Contains(string(out), "PASS") || strings.Contains(string(out), "no tests to run") {
			t.Fatalf("no test ran under fips140=%s: %s", mode, out)
		}
	}
}

func refuseAge(t *testing.T) {
	t.Helper()
	const public = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
	if _, err := bag.ParseRecipient(public, now); !errors.Is(err, bag.ErrRecipient) || !strings.Contains(err.Error(), "X.509") {
		t.Errorf("an age key in FIPS mode: %v", err)
	}
	if _, err := bag.ParseIdentity([]byte("AGE-SECRET-KEY-1")); !errors.Is(err, bag.ErrIdentity) || !strings.Contains(err.Error(), "FIPS") {
		t.Errorf("an age identity in FIPS mode: %v", err)
	}
}
