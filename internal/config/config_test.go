package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"writ/internal/config"
)

// load runs Load on a file's text, variables and flags.
func load(t *testing.T, file string, environ []string, args ...string) (*config.Config, string, error) {
	t.Helper()
	src := config.Sources{Environ: environ, Flags: pflag.NewFlagSet("test", pflag.ContinueOnError)}
	if file != "" {
		src.File = filepath.Join(t.TempDir(), "writ.yaml")
		if err := os.WriteFile(src.File, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	config.AddFlags(src.Flags)
	if err := src.Flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(src)
	return c, src.File, err
}

func TestPrecedence(t *testing.T) {
	file := "data: /srv/file\nregion: from-file\ndrain: 5s\njournal:\n  keep: 30d\ntls:\n  names: [a.example, b.example]\n"
	c, _, err := load(t, file, []string{"WRIT_REGION=from-env", "WRIT_DRAIN=6s", "PATH=/bin"}, "--drain", "7s")
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "/srv/file" || c.Region != "from-env" || c.Drain != 7*time.Second || c.Journal.Keep != 30*24*time.Hour {
		t.Errorf("file, then environment, then flags: got %+v", c)
	}
	if len(c.TLS.Names) != 2 || c.TLS.Names[1] != "b.example" {
		t.Errorf("names: %q", c.TLS.Names)
	}
	if c.S3 != "127.0.0.1:9443" || c.Log.Format != "text" {
		t.Errorf("defaults: %+v", c)
	}
}

func TestFileInDataFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, config.FileName), []byte("region: north-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Sources{Environ: []string{"WRIT_DATA=" + dir}})
	if err != nil || c.Region != "north-1" {
		t.Fatalf("%+v %v", c, err)
	}
}

func TestNoData(t *testing.T) {
	if _, _, err := load(t, "", nil); !errors.Is(err, config.ErrNoData) {
		t.Fatalf("got %v", err)
	}
}

// TestRefused: every mistake is one line with its place.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, file string
		environ    []string
		args       []string
		want, hint string
	}{
		{"unknown key", "data: d\n\nregoin: north\n", nil, nil, "FILE:3: no such setting: regoin", "did you mean region?"},
		{"unknown nested key", "data: d\ntls:\n  cert: x\n", nil, nil, "FILE:3: no such setting: tls.cert", ""},
		{"section as value", "data: d\ntls: on\n", nil, nil, "FILE:2: no such setting: tls", ""},
		{"list of maps", "data: d\ntls:\n  names:\n    - a: b\n", nil, nil, "FILE:3: tls.names takes one value (NAME,…)", ""},
		{"not yaml", "data: d\n  s3: [\n", nil, nil, "FILE:2: ", ""},
		{"twice", "data: d\ndata: e\n", nil, nil, "FILE:2: mapping key", ""},
		{"a list", "- data\n", nil, nil, "FILE:1: not a list of keys and values", ""},
		{"passphrase in the file", "data: d\npassphrase: hunter22\n", nil, nil, "FILE:2: a passphrase has no place in a file", "WRIT_PASSPHRASE"},
		{"unknown variable", "", []string{"WRIT_REGOIN=x"}, []string{"--data=d"}, "variable WRIT_REGOIN: no such setting", "did you mean WRIT_REGION?"},
		{"bad variable", "", []string{"WRIT_DRAIN=soon"}, []string{"--data=d"}, `variable WRIT_DRAIN: drain: "soon" is not a duration`, ""},
		{"bad flag", "", nil, []string{"--data=d", "--s3=localhost"}, `flag --s3: s3: "localhost" is not HOST:PORT`, ""},
		{"bad port", "", nil, []string{"--data=d", "--s3=localhost:70000"}, `flag --s3: s3: "localhost:70000" has no port`, ""},
		{"out of bounds", "data: d\njournal:\n  keep: 2s\n", nil, nil, "FILE:3: journal.keep: 2s is not between 1h0m0s and 876000h0m0s", ""},
		{"empty", "data: d\nregion:\n", nil, nil, "FILE:2: region is empty", "us-east-1"},
		{"metrics to the world", "", nil, []string{"--data=d", "--metrics=0.0.0.0:9000"}, "flag --metrics: metrics: 0.0.0.0:9000 is not loopback", "tunnel"},
		{"plaintext to the world", "", nil, []string{"--data=d", "--plaintext", "--s3=:9000"}, "flag --plaintext: plaintext is refused: s3 listens on :9000", ""},
		{"half a certificate", "data: d\ntls:\n  cert_file: c.pem\n", nil, nil, "FILE:3: tls.cert_file is set without tls.key_file", ""},
		{"two certificates", "", []string{"WRIT_TLS_DOMAINS=s3.example.net"}, []string{"--data=d", "--tls-cert-file=c", "--tls-key-file=k"}, "variable WRIT_TLS_DOMAINS: tls.domains and tls.cert_file exclude each other", ""},
		{"one address twice", "", nil, []string{"--data=d", "--s3=127.0.0.1:9444"}, "default of web: s3 and web both listen on 127.0.0.1:9444", ""},
		{"endpoint with a path", "", nil, []string{"--data=d", "--endpoint=https://h/x"}, "flag --endpoint: endpoint: ", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, file, err := load(t, c.file, c.environ, c.args...)
			var errs config.Errors
			if !errors.As(err, &errs) || len(errs) != 1 {
				t.Fatalf("got %v", err)
			}
			if want := strings.Replace(c.want, "FILE", file, 1); !strings.HasPrefix(errs[0].Error(), want) {
				t.Errorf("got  %s\nwant %s", errs[0], want)
			}
			if strings.Contains(errs[0].Error(), "\n") {
				t.Errorf("more than one line: %q", errs[0])
			}
			if strings.Contains(errs[0].Error(), "hunter22") {
				t.Error("the error repeats a secret")
			}
			if !strings.Contains(errs[0].Hint, c.hint) {
				t.Errorf("hint %q lacks %q", errs[0].Hint, c.hint)
			}
		})
	}
}

// TestAllAtOnce: two mistakes are two lines, so that nobody mends one a start.
func TestAllAtOnce(t *testing.T) {
	_, _, err := load(t, "data: d\nnope: 1\nregion: Bad Region\n", nil)
	var errs config.Errors
	if !errors.As(err, &errs) || len(errs) != 2 {
		t.Fatalf("got %v", err)
	}
}

func TestTestVariablesPass(t *testing.T) {
	_, _, err := load(t, "", []string{"WRIT_TEST_NOSKIP=1", "WRIT_PASSPHRASE=x", "WRIT_SOAK_KILLS=1", "WRIT_REGOIN=", "WRIT_REGION="}, "--data=d")
	if err != nil {
		t.Fatal(err)
	}
}

func TestMissingNamedFile(t *testing.T) {
	_, err := config.Load(config.Sources{File: filepath.Join(t.TempDir(), "nothing.yaml")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}

// TestNames: each setting's three names lead to one setting, and no two
// settings share one.
func TestNames(t *testing.T) {
	seen := map[string]string{}
	for _, s := range config.Settings() {
		for _, name := range []string{s.Key, "--" + s.Flag(), s.Env()} {
			if other := seen[name]; other != "" {
				t.Errorf("%s and %s are both called %s", other, s.Key, name)
			}
			seen[name] = s.Key
		}
		if s.Usage == "" || s.Value == "" {
			t.Errorf("%s has no help", s.Key)
		}
		if config.Reserved(s.Env()) {
			t.Errorf("%s is reserved", s.Env())
		}
	}
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "127.9.9.9:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "example.net:1": false, "nonsense": false,
	} {
		if got := config.Loopback(addr); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}
