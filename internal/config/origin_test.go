package config_test

import (
	"strings"
	"testing"

	"writ/internal/config"
)

// TestOrigins: each setting says what it is and which place set it, and what an
// address may hold of a secret is not in it.
func TestOrigins(t *testing.T) {
	c, file, err := load(t, "data: /srv/writ\nregion: north-1\nmail:\n  server: mail.fjordhost.example:587\n  from: writ@fjordhost.example\n  user: writ\n  password_file: /etc/writ/mail\n",
		[]string{"WRIT_TRACE_ENDPOINT=https://writ:hunter22@traces.example/v1?key=hunter22#hunter22", "WRIT_PASSPHRASE=hunter22"}, "--drain", "7s")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]config.Origin{}
	for i, o := range c.Origins() {
		if o.Key != config.Settings()[i].Key {
			t.Fatalf("%s stands where %s should", o.Key, config.Settings()[i].Key)
		}
		if strings.Contains(o.Value+o.Place, "hunter22") {
			t.Errorf("%s tells a secret: %s", o.Key, o.Value)
		}
		all[o.Key] = o
	}
	if len(all) != len(config.Settings()) {
		t.Errorf("%d of %d settings", len(all), len(config.Settings()))
	}
	for key, want := range map[string][2]string{
		"region": {"north-1", file + ":2"}, "drain": {"7s", "flag --drain"}, "web": {"127.0.0.1:9444", "default"},
		"trace.endpoint": {"https://traces.example/v1…", "variable WRIT_TRACE_ENDPOINT"}, "mail.password_file": {"/etc/writ/mail", file + ":7"},
		"tls.directory": {"https://acme-v02.api.letsencrypt.org/directory", "default"},
	} {
		if o := all[key]; o.Value != want[0] || o.Place != want[1] || o.IsDefault() != (want[1] == "default") {
			t.Errorf("%s is %q from %q", key, o.Value, o.Place)
		}
	}
}
