package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"writ/internal/testenv"
)

// tool runs a stranger's client in an environment of its own.
type tool struct {
	t    *testing.T
	name string
	env  []string
}

// needTool skips the test where the client is not installed.
func needTool(t *testing.T, name string, env ...string) *tool {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		testenv.Skip(t, name+" is not installed")
	}
	return &tool{t: t, name: name, env: append(env, "HOME="+t.TempDir(), "PATH="+os.Getenv("PATH"))}
}

func (c *tool) run(args ...string) string {
	c.t.Helper()
	out, err := c.try(args...)
	if err != nil {
		c.t.Fatalf("%s %s: %v\n%s", c.name, strings.Join(args, " "), err, tail(out, 3000))
	}
	return out
}

func (c *tool) try(args ...string) (string, error) {
	cmd := exec.Command(c.name, args...)
	cmd.Env = c.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// tree makes a folder with files of many sizes, and an empty one.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, size := range map[string]int{
		"empty": 0, "one byte": 1, "note.txt": 900, "letters/ärztebrief.txt": 5000, "letters/2026/long name with spaces & signs +%.bin": 70_000,
		"scans/a.bin": 1<<20 + 3, "scans/b.bin": 9<<20 + 17, "scans/deep/er/c.bin": 21 << 20,
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, size)
		rand.Read(body)
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// same fails unless two folders hold the same files.
func same(t *testing.T, a, b string) {
	t.Helper()
	if out, err := exec.Command("diff", "-r", a, b).CombinedOutput(); err != nil {
		t.Fatalf("what came back differs: %s", tail(string(out), 2000))
	}
}

func TestAWSCLI(t *testing.T) {
	s := run(t)
	c := s.customer("harbour-clinic")
	aws := needTool(t, "aws", "AWS_ACCESS_KEY_ID="+c.AccessKey, "AWS_SECRET_ACCESS_KEY="+c.SecretKey,
		"AWS_DEFAULT_REGION=us-east-1", "AWS_CA_BUNDLE="+c.CAFile, "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true")
	do := func(args ...string) string {
		t.Helper()
		return aws.run(append([]string{"--endpoint-url", c.Endpoint}, args...)...)
	}
	aws.run("configure", "set", "default.s3.signature_version", "s3v4") // else this version presigns by the old one for us-east-1
	do("s3", "mb", "s3://awscli-bucket")
	src, back := tree(t), t.TempDir()
	do("s3", "sync", src, "s3://awscli-bucket/tree") // 8 MiB parts above 8 MiB
	do("s3", "sync", "s3://awscli-bucket/tree", back)
	same(t, src, back)
	if again := do("s3", "sync", src, "s3://awscli-bucket/tree"); strings.Contains(again, "upload:") {
		t.Errorf("a second sync uploads again: %s", again)
	}

	do("s3api", "put-bucket-versioning", "--bucket", "awscli-bucket", "--versioning-configuration", "Status=Enabled")
	file := filepath.Join(t.TempDir(), "v")
	for _, text := range []string{"first", "second", "third"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		do("s3api", "put-object", "--bucket", "awscli-bucket", "--key", "versioned", "--body", file)
	}
	do("s3", "rm", "s3://awscli-bucket/versioned")
	var versions struct {
		Versions []struct {
			VersionID string `json:"VersionId"`
		}
		DeleteMarkers []struct{ IsLatest bool }
	}
	listing := do("s3api", "list-object-versions", "--bucket", "awscli-bucket", "--prefix", "versioned")
	if err := json.Unmarshal([]byte(listing), &versions); err != nil {
		t.Fatalf("couldn't read %s: %v", listing, err)
	}
	if len(versions.Versions) != 3 || len(versions.DeleteMarkers) != 1 || !versions.DeleteMarkers[0].IsLatest {
		t.Fatalf("three versions under a delete marker are listed as %s", listing)
	}
	do("s3api", "get-object", "--bucket", "awscli-bucket", "--key", "versioned", "--version-id", versions.Versions[2].VersionID, file)
	if got, _ := os.ReadFile(file); string(got) != "first" {
		t.Errorf("the oldest version holds %q", got)
	}
	url := strings.TrimSpace(do("s3", "presign", "s3://awscli-bucket/tree/note.txt"))
	if want, _ := os.ReadFile(filepath.Join(src, "note.txt")); !bytes.Equal(fetchTLS(s, url), want) {
		t.Error("the presigned URL serves something else")
	}
	if out, err := aws.try("--endpoint-url", c.Endpoint, "s3api", "put-object", "--bucket", "awscli-bucket", "--key", "x", "--body", file,
		"--sse-customer-algorithm", "AES256", "--sse-customer-key", "0123456789abcdef0123456789abcdef"); err == nil {
		t.Errorf("a key of the client's own is taken: %s", out)
	}
}

func TestRclone(t *testing.T) {
	s := run(t)
	c := s.customer("tidewater-press")
	rclone := needTool(t, "rclone", "SSL_CERT_FILE="+c.CAFile,
		"RCLONE_CONFIG_W_TYPE=s3", "RCLONE_CONFIG_W_PROVIDER=Other", "RCLONE_CONFIG_W_ACCESS_KEY_ID="+c.AccessKey,
		"RCLONE_CONFIG_W_SECRET_ACCESS_KEY="+c.SecretKey, "RCLONE_CONFIG_W_ENDPOINT="+c.Endpoint, "RCLONE_CONFIG_W_REGION=us-east-1")
	src, back := tree(t), t.TempDir()
	rclone.run("mkdir", "w:rclone-bucket")
	rclone.run("sync", "--s3-upload-cutoff", "8M", "--s3-chunk-size", "5M", src, "w:rclone-bucket/tree")
	rclone.run("check", "--download", src, "w:rclone-bucket/tree")
	if err := os.Remove(filepath.Join(src, "note.txt")); err != nil {
		t.Fatal(err)
	}
	rclone.run("sync", src, "w:rclone-bucket/tree")
	if out := rclone.run("lsf", "-R", "w:rclone-bucket/tree"); strings.Contains(out, "note.txt") {
		t.Errorf("what the sync deleted is listed: %s", out)
	}
	rclone.run("copyto", "w:rclone-bucket/tree/scans/b.bin", "w:rclone-bucket/copied.bin")
	rclone.run("sync", "w:rclone-bucket/tree", back)
	same(t, src, back)
	rclone.run("purge", "w:rclone-bucket")
}

func TestRestic(t *testing.T) {
	s := run(t)
	c := s.customer("harbour-clinic")
	restic := needTool(t, "restic", "AWS_ACCESS_KEY_ID="+c.AccessKey, "AWS_SECRET_ACCESS_KEY="+c.SecretKey,
		"RESTIC_REPOSITORY=s3:"+c.Endpoint+"/restic-bucket", "RESTIC_PASSWORD=of no value")
	do := func(args ...string) string {
		t.Helper()
		return restic.run(append([]string{"--cacert", c.CAFile, "--no-cache"}, args...)...)
	}
	do("init")
	src, back := tree(t), t.TempDir()
	do("backup", src)
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(src, fmt.Sprintf("more-%d", i)), bytes.Repeat([]byte{byte(i)}, 100_000*(i+1)), 0o600); err != nil {
			t.Fatal(err)
		}
		do("backup", src)
	}
	do("check", "--read-data")
	do("restore", "latest", "--target", back)
	same(t, src, filepath.Join(back, src))
	do("forget", "--keep-last", "1", "--prune")
	do("check", "--read-data")
}
