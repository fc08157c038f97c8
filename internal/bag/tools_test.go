package bag_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/fips140"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"writ/internal/bag"
	"writ/internal/testenv"
)

// shell runs the script of docs/package.md as an officer would, in the
// package's folder.
func shell(t *testing.T, dir, script string) {
	t.Helper()
	cmd := exec.Command("sh", "-eu")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, out)
	}
}

// documented returns a block of shell commands of docs/package.md: the one
// that follows a heading.
func documented(t *testing.T, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(readFile(t, "../../docs/package.md"), "\n### "+heading+"\n")
	_, rest, ok2 := strings.Cut(rest, "```sh\n")
	block, _, ok3 := strings.Cut(rest, "```\n")
	if !ok || !ok2 || !ok3 {
		t.Fatalf("docs/package.md has no commands under %q", heading)
	}
	return block
}

func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			testenv.Skip(t, tool+" is not installed")
		}
	}
}

// TestStandardTools opens and checks packages with the very commands that the
// officer is told.
func TestStandardTools(t *testing.T) {
	need(t, "sha256sum", "tar", "openssl")
	all := []party{rsaParty(t), ecParty(t, elliptic.P256()), ecParty(t, elliptic.P384()), ecParty(t, elliptic.P521())}
	if !fips140.Enabled() {
		need(t, "age")
		all = append(all, ageParty(t))
	}
	things := append(several(), thing{key: "scans/Ines Calder (März).JPG", body: []byte("x")}, thing{key: strings.Repeat("long/", 100) + "name.pdf", body: []byte("y")})
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			dir := t.TempDir()
			got := mustWrite(t, input(dir, things, p))
			if err := os.WriteFile(filepath.Join(dir, "key.txt"), []byte(p.private), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "key.pem"), []byte(p.private), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte(p.public), 0o600); err != nil {
				t.Fatal(err)
			}
			how := "With openssl"
			if p.name == "age" {
				how = "With age"
			}
			shell(t, dir, documented(t, "Transport")+documented(t, how)+documented(t, "The bag"))
			bagDir := filepath.Join(dir, string(caseID))
			mustHold(t, bagDir, things)
			report, err := bag.Verify(bagDir)
			if err != nil || !report.Valid() || report.Manifest != got.Manifest {
				t.Errorf("%+v, %v", report, err)
			}
			damageAndRefuse(t, dir, bagDir, how)
		})
	}
}

// damageAndRefuse sees the officer's commands fail on what was changed.
func damageAndRefuse(t *testing.T, dir, bagDir, how string) {
	t.Helper()
	volumes, err := filepath.Glob(filepath.Join(dir, string(caseID)+".*"))
	if err != nil || len(volumes) < 2 {
		t.Fatal(volumes, err)
	}
	body := readFile(t, volumes[1])
	changed := []byte(body)
	changed[len(changed)/2] ^= 1
	if err := os.WriteFile(volumes[1], changed, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, heading := range []string{"Transport", how} {
		cmd := exec.Command("sh", "-eu")
		cmd.Dir = dir
		cmd.Stdin = strings.NewReader(documented(t, heading))
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if cmd.Run() == nil {
			t.Errorf("%s passes a changed volume: %s", heading, out.String())
		}
	}
	if err := os.WriteFile(filepath.Join(bagDir, "custody.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-eu")
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(documented(t, "The bag"))
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("The bag passes a changed file: %s", out)
	}
}

// TestFingerprints are those that standard tools print.
func TestFingerprints(t *testing.T) {
	need(t, "openssl", "sha256sum")
	p := rsaParty(t)
	cmd := exec.Command("openssl", "x509", "-noout", "-fingerprint", "-sha256")
	cmd.Stdin = strings.NewReader(p.public)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	_, digits, _ := strings.Cut(strings.TrimSpace(string(out)), "=")
	if want := "x509:" + strings.ToLower(strings.ReplaceAll(digits, ":", "")); p.recipient.Fingerprint() != want {
		t.Errorf("%s, openssl says %s", p.recipient.Fingerprint(), want)
	}
	if fips140.Enabled() {
		return
	}
	p = ageParty(t)
	cmd = exec.Command("sha256sum")
	cmd.Stdin = strings.NewReader(p.public)
	if out, err = cmd.Output(); err != nil {
		t.Fatal(err)
	}
	if want := "age:" + strings.Fields(string(out))[0]; p.recipient.Fingerprint() != want {
		t.Errorf("%s, sha256sum says %s", p.recipient.Fingerprint(), want)
	}
}

// TestOpenSSLsOwn opens with our code what openssl sealed in the same way.
func TestOpenSSLsOwn(t *testing.T) {
	need(t, "openssl")
	for _, p := range []party{rsaParty(t), ecParty(t, elliptic.P256())} {
		dir := t.TempDir()
		cert := filepath.Join(dir, "cert.pem")
		if err := os.WriteFile(cert, []byte(p.public), 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"cms", "-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER", "-recip", cert}
		if p.name == "rsa" {
			args = append(args, "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha256")
		} else {
			args = append(args, "-keyopt", "ecdh_kdf_md:sha256", "-aes256-wrap")
		}
		cmd := exec.Command("openssl", args...)
		cmd.Stdin = strings.NewReader("what openssl sealed")
		message, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := bag.OpenMessage(p.identity(t), message); err != nil || string(got) != "what openssl sealed" {
			t.Errorf("%s: %q, %v", p.name, got, err)
		}
	}
}
