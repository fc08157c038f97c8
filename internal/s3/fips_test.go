package s3_test

import (
	"crypto/fips140"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// In FIPS 140 mode all is well but for MD5 and SHA-1, which are refused before
// their use would panic. The test runs itself in that mode.
func TestFIPS(t *testing.T) {
	if !fips140.Enforced() {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		again := exec.Command(self, "-test.run=^TestFIPS$", "-test.v")
		again.Env = append(os.Environ(), "GODEBUG=fips140=only")
		if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestFIPS") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	r := newRig(t)
	for _, target := range []string{"/records", "/records/ward/7"} {
		if answer, text := r.do(r.clinic, "PUT", target, ""); answer.StatusCode != 200 {
			t.Fatalf("%s: %s %s", target, answer.Status, text)
		}
	}
	for _, header := range []string{
		"Content-Md5: 1B2M2Y8AsgTpgAmY7PhCfg==", "X-Amz-Checksum-Md5: 1B2M2Y8AsgTpgAmY7PhCfg==", "X-Amz-Checksum-Sha1: 2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
		"X-Amz-Trailer: x-amz-checksum-sha1", "X-Amz-Sdk-Checksum-Algorithm: SHA1",
	} {
		if e := r.refusal(r.clinic, "PUT", "/records/ward/7", "", header); e.Code != "InvalidRequest" || !strings.Contains(e.Message, "FIPS") {
			t.Errorf("%s: %+v", header, e)
		}
	}
	for _, header := range []string{"X-Amz-Checksum-Crc32: AAAAAA==", "X-Amz-Checksum-Sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="} {
		if answer, text := r.do(r.clinic, "PUT", "/records/ward/7", "", header); answer.StatusCode != 200 {
			t.Errorf("%s: %s %s", header, answer.Status, text)
		}
	}
}
