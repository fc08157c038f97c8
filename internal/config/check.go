package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// place is where a setting's value came from.
func (l *loader) place(keys ...string) string {
	for _, key := range keys {
		if p := l.places[key]; p != "" {
			return p
		}
	}
	return "default of " + keys[0]
}

// whole checks what single values cannot show.
func (l *loader) whole(c *Config) {
	l.wholeTLS(c)
	if !Loopback(c.Metrics) {
		l.fail(l.place("metrics"), fmt.Sprintf("metrics: %s is not loopback, and this listener asks nobody's name", c.Metrics),
			"listen on 127.0.0.1 and let your collector run on this machine or come through a tunnel")
	}
	if c.Plaintext {
		for _, one := range []struct{ key, addr string }{{"s3", c.S3}, {"web", c.Web}} {
			if !Loopback(one.addr) {
				l.fail(l.place("plaintext"), fmt.Sprintf("plaintext is refused: %s listens on %s, which is not loopback", one.key, one.addr),
					"leave plaintext out, or listen on 127.0.0.1")
			}
		}
	}
	if c.Mail.Server != "" && c.Mail.From == "" {
		l.fail(l.place("mail.server"), "mail.server is set without mail.from", "say from whom mail is")
	}
	if (c.Mail.User == "") != (c.Mail.PasswordFile == "") {
		l.fail(l.place("mail.user", "mail.password_file"), "mail.user and mail.password_file go together", "")
	}
	if o := c.Console.OIDC; (o.Issuer == "") != (o.Client == "") {
		l.fail(l.place("oidc.issuer", "oidc.client"), "oidc.issuer and oidc.client go together", "")
	}
	if !c.Plaintext && strings.HasPrefix(c.Console.Origin, "http:") {
		l.fail(l.place("console.origin"), "console.origin is plain HTTP, and the web listener is not", "leave it out, or begin it with https://")
	}
	if c.Docket.Delivery != "" && c.Plaintext {
		l.fail(l.place("docket.delivery"), "docket.delivery is refused with plaintext: a client's certificate takes TLS", "")
	}
	addrs := map[string]string{}
	for _, one := range []struct{ key, addr string }{{"s3", c.S3}, {"web", c.Web}, {"metrics", c.Metrics}} {
		if other, taken := addrs[one.addr]; taken && !strings.HasSuffix(one.addr, ":0") {
			l.fail(l.place(one.key), fmt.Sprintf("%s and %s both listen on %s", other, one.key, one.addr), "")
		}
		addrs[one.addr] = one.key
	}
}

func (l *loader) wholeTLS(c *Config) {
	own := c.TLS.CertFile != "" || c.TLS.KeyFile != ""
	switch {
	case c.TLS.CertFile != "" && c.TLS.KeyFile == "":
		l.fail(l.place("tls.cert_file"), "tls.cert_file is set without tls.key_file", "")
	case c.TLS.CertFile == "" && c.TLS.KeyFile != "":
		l.fail(l.place("tls.key_file"), "tls.key_file is set without tls.cert_file", "")
	}
	if own && len(c.TLS.Domains) > 0 {
		l.fail(l.place("tls.domains"), "tls.domains and tls.cert_file exclude each other", "use certificates by ACME or your own, not both")
	}
	if c.Plaintext && (own || len(c.TLS.Domains) > 0) {
		l.fail(l.place("plaintext"), "plaintext and certificates exclude each other", "")
	}
}

// Loopback reports whether a listener's HOST:PORT is reachable from this
// machine alone. A name other than localhost is not taken for loopback,
// whatever it resolves to today.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// suggest is a hint that names the setting nearest to what was written.
func suggest(written string, spelled, shown func(Setting) string) string {
	best, least := "", 3
	for _, s := range settings {
		if d := distance(written, spelled(s)); d < least {
			best, least = shown(s), d
		}
	}
	if best == "" {
		return "writ serve --help lists the settings"
	}
	return fmt.Sprintf("did you mean %s?", best)
}

// distance is the edit distance of two words (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
