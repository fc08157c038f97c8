package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Config is what a server runs by. Every field has the meaning of the setting
// of its name; see [Settings].
type Config struct {
	Data     string
	S3       string // HOST:PORT
	Web      string // HOST:PORT
	Metrics  string // HOST:PORT, loopback
	Endpoint string // URL without path, or "" for the S3 listener's own address
	Region   string
	KeyFile  string // "" when the root key is sealed by a passphrase
	KeyTTL   time.Duration
	Drain    time.Duration

	Plaintext bool
	Console   Console
	TLS       TLS
	Journal   Journal
	Ledger    Ledger
	Release   Release
	Provider  Provider
	Docket    Docket
	Mail      Mail
	Webhooks  []netip.Prefix // networks of the operator's own that webhooks may reach
	Upkeep    Upkeep
	Log       Log
	Trace     Trace

	origins []Origin
}

// Console is how people come to the web pages.
type Console struct {
	Origin string // as browsers see it; "" for one that follows from the web listener
	OIDC   OIDC
}

// OIDC is the identity provider by which staff may sign in.
type OIDC struct {
	Issuer     string // URL, "" for none
	Client     string
	SecretFile string // "" for a public client
	Claim      string
	CAFile     string // certificates to trust for it, "" for the system's
}

// TLS is where certificates come from: Domains (ACME), else CertFile and
// KeyFile, else the server's own authority.
type TLS struct {
	CertFile, KeyFile string
	Names             []string // further names of the own authority's leaf
	Domains           []string
	Email, Directory  string
}

// Journal is how the uses of keys are kept.
type Journal struct {
	Keep  time.Duration
	Fsync bool
}

// Ledger is how the public log is kept.
type Ledger struct {
	Origin    string // name of a new log; "" for one of the server's own making
	Interval  time.Duration
	Slots     int
	Witnesses string // file with the witness policy, "" for none
	Outside   []string
}

// Release is which build the server says that it is.
type Release struct {
	Dir      string // folder of the release that is published, "" for none
	Unlogged bool   // a release build may run that is in no release of its log
}

// Provider is the operator, as law and letters see it.
type Provider struct {
	Name, Country, TimeZone, Language string
	Address                           []string // a line each
	Contact                           string
	Signatory, Function               string
}

// Docket is how demands are handled.
type Docket struct {
	Packs    string // folder of law packs, "" for the program's own
	House    string // file of the house's own rules, "" for none
	Letters  string // folder of the house's own texts of letters, "" for none
	Packages string // folder of finished packages, "" for one in the data folder
	Delivery string // HOST:PORT where authorities fetch packages by client certificate, "" for none

	Velocity             int
	WritFor, ReviewEvery time.Duration
	KeepDocuments        time.Duration // 0 for ever, as the next two
	KeepPackages         time.Duration
	KeepCases            time.Duration
}

// Mail is through which server mail leaves.
type Mail struct {
	Server             string // HOST:PORT, "" for none
	TLS                string // starttls, implicit
	From               string
	User, PasswordFile string
	CAFile             string
}

// Upkeep is how often the server looks after its store.
type Upkeep struct {
	Lifecycle, Reclaim time.Duration
	Check              time.Duration // from one check of everything to the next, 0 for none
}

// Log is the form of the log on standard error.
type Log struct {
	Format string // text, json
	Level  string // debug, info, warn, error
}

// Trace is where OpenTelemetry traces go, if anywhere.
type Trace struct {
	Endpoint string  // URL of an OTLP/HTTP receiver, "" for none
	Ratio    float64 // of the requests, 0 to 1
}

// A Setting is one thing that can be set.
type Setting struct {
	Key     string // in the file
	Value   string // what a value looks like
	Usage   string // one line for help
	Default string
	set     func(*Config, string) error
}

// Flag is the setting's flag, without the dashes.
func (s Setting) Flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.Key) }

// Env is the setting's variable.
func (s Setting) Env() string {
	return "WRIT_" + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_"))
}

// Settings is every setting there is, in the order of the help.
func Settings() []Setting { return settings }

// The default addresses are loopback: what strangers can reach is a decision.
var settings = []Setting{
	{"data", "DIR", "the data folder; all that the server keeps is in it", "", text(func(c *Config) *string { return &c.Data })},
	{"s3", "HOST:PORT", "where S3 is served", "127.0.0.1:9443", listener(func(c *Config) *string { return &c.S3 })},
	{"web", "HOST:PORT", "where the web page is served", "127.0.0.1:9444", listener(func(c *Config) *string { return &c.Web })},
	{"metrics", "HOST:PORT", "where /metrics, /healthz, /readyz and /debug/pprof are served; loopback only, it asks nobody's name", "127.0.0.1:9445", listener(func(c *Config) *string { return &c.Metrics })},
	{"endpoint", "URL", "the S3 address as clients reach it, when it is not the listener's own (behind a balancer or a name)", "", endpoint},
	{"region", "NAME", "the region that clients sign for", "us-east-1", region},
	{"key_file", "FILE", "file of mode 0600 that opens the root key without a person; made on first start; keep it off the data folder's disk", "", text(func(c *Config) *string { return &c.KeyFile })},
	{"key_ttl", "DURATION", "how long an opened key of a customer stays in memory", "10m", duration(time.Second, 24*time.Hour, func(c *Config) *time.Duration { return &c.KeyTTL })},
	{"drain", "DURATION", "how long running requests may take to end when the server stops", "30s", duration(0, time.Hour, func(c *Config) *time.Duration { return &c.Drain })},
	{"plaintext", "BOOL", "serve without TLS, for a proxy on this machine; refused on anything but loopback", "false", boolean(func(c *Config) *bool { return &c.Plaintext })},
	{"console.origin", "URL", "the web pages' address as browsers see it (https://console.example.net); passkeys are bound to its name and lost with another; else the first of tls.domains, or localhost", "", consoleOrigin},
	{"oidc.issuer", "URL", "an identity provider (OpenID Connect) by which staff may sign in; what approves takes a passkey nevertheless", "", httpURL(func(c *Config) *string { return &c.Console.OIDC.Issuer })},
	{"oidc.client", "NAME", "the server's client id there", "", text(func(c *Config) *string { return &c.Console.OIDC.Client })},
	{"oidc.secret_file", "FILE", "file with the client's secret, readable by its owner only; none for a public client", "", text(func(c *Config) *string { return &c.Console.OIDC.SecretFile })},
	{"oidc.claim", "NAME", "the claim of its tokens that is a person's name here", "preferred_username", text(func(c *Config) *string { return &c.Console.OIDC.Claim })},
	{"oidc.ca_file", "FILE", "certificates (PEM) to trust for the provider instead of the system's", "", text(func(c *Config) *string { return &c.Console.OIDC.CAFile })},
	{"tls.cert_file", "FILE", "certificate chain (PEM) of your own, instead of the server's own authority; read again when it changes", "", text(func(c *Config) *string { return &c.TLS.CertFile })},
	{"tls.key_file", "FILE", "private key (PEM) of that certificate", "", text(func(c *Config) *string { return &c.TLS.KeyFile })},
	{"tls.names", "NAME,…", "further names and addresses for the certificate of the server's own authority", "", list(hostName, func(c *Config) *[]string { return &c.TLS.Names })},
	{"tls.domains", "NAME,…", "public names for which certificates are obtained by ACME; port 443 must reach the S3 or web listener", "", list(domainName, func(c *Config) *[]string { return &c.TLS.Domains })},
	{"tls.email", "ADDRESS", "whom the ACME authority writes to when a certificate runs out", "", text(func(c *Config) *string { return &c.TLS.Email })},
	{"tls.directory", "URL", "the ACME authority's directory", "https://acme-v02.api.letsencrypt.org/directory", httpURL(func(c *Config) *string { return &c.TLS.Directory })},
	{"journal.keep", "DURATION", "how long journal entries are kept; heads are kept for ever", "90d", duration(time.Hour, 100*365*24*time.Hour, func(c *Config) *time.Duration { return &c.Journal.Keep })},
	{"journal.fsync", "BOOL", "have each use of a key on the disk before the key is released, for all customers, instead of within a second", "false", boolean(func(c *Config) *bool { return &c.Journal.Fsync })},
	{"ledger.origin", "NAME", "name of the public log (ledger.quayside.example), fixed at the first start; else the server makes one up", "", origin},
	{"ledger.interval", "DURATION", "time between two batches of the public log; it is public, and part of what verifiers hold the server to", "1m", duration(time.Second, time.Hour, func(c *Config) *time.Duration { return &c.Ledger.Interval })},
	{"ledger.slots", "NUMBER", "places of a batch, used or not: what happens more often in an interval waits for the next", "1024", number(2, 1<<16, func(c *Config) *int { return &c.Ledger.Slots })},
	{"ledger.witnesses", "FILE", "witness policy of the public log: lines of witnesses, groups and their quorum (docs/ledger.md); read at the start", "", text(func(c *Config) *string { return &c.Ledger.Witnesses })},
	{"ledger.outside", "NAME,…", "those witnesses of the policy that somebody else runs; public, and warned of when there is none", "", list(witnessName, func(c *Config) *[]string { return &c.Ledger.Outside })},
	{"release.dir", "DIR", "folder of the release that this program is of, as make release wrote it; it is published, and its source served", "", text(func(c *Config) *string { return &c.Release.Dir })},
	{"release.unlogged", "BOOL", "run a release build that is in no release of the public log; the log says so", "false", boolean(func(c *Config) *bool { return &c.Release.Unlogged })},
	{"provider.name", "NAME", "the operator, as letters and reports name it", "", text(func(c *Config) *string { return &c.Provider.Name })},
	{"provider.country", "CODE", "the operator's country, for law: two capital letters (ISO 3166-1)", "DE", country},
	{"provider.time_zone", "ZONE", "where the operator's deadlines are read (Europe/Berlin)", "UTC", zone},
	{"provider.language", "TAG", "language of letters and notices whose reader chose none: en, de, fr or es", "en", oneOf(func(c *Config) *string { return &c.Provider.Language }, "en", "de", "fr", "es")},
	{"provider.address", "LINE,…", "the operator's address in letters, a line each", "", list(oneLine, func(c *Config) *[]string { return &c.Provider.Address })},
	{"provider.contact", "TEXT", "where customers and authorities ask, in letters", "", text(func(c *Config) *string { return &c.Provider.Contact })},
	{"provider.signatory", "NAME", "who stands under letters", "", text(func(c *Config) *string { return &c.Provider.Signatory })},
	{"provider.function", "TEXT", "as what", "", text(func(c *Config) *string { return &c.Provider.Function })},
	{"docket.packs", "DIR", "law packs to go by instead of those that come with the program: a folder like packs/, as counsel has corrected it", "", text(func(c *Config) *string { return &c.Docket.Packs })},
	{"docket.house", "FILE", "the house's own rules, which may only be stricter than the law packs (docs/law.md)", "", text(func(c *Config) *string { return &c.Docket.House })},
	{"docket.letters", "DIR", "the house's own texts of letters (docs/letters.md)", "", text(func(c *Config) *string { return &c.Docket.Letters })},
	{"docket.packages", "DIR", "where packages for authorities are made; they lie sealed, and can be large", "", text(func(c *Config) *string { return &c.Docket.Packages })},
	{"docket.delivery", "HOST:PORT", "a listener of its own on which authorities fetch packages by client certificate; by one-time code they can on the web listener too", "", optional(listener(func(c *Config) *string { return &c.Docket.Delivery }))},
	{"docket.velocity", "NUMBER", "how many demands an authority may make in a day before two persons must look at it", "20", number(1, 100000, func(c *Config) *int { return &c.Docket.Velocity })},
	{"docket.writ_for", "DURATION", "how long a writ lasts unless counsel says less", "14d", duration(time.Hour, 365*24*time.Hour, func(c *Config) *time.Duration { return &c.Docket.WritFor })},
	{"docket.review_every", "DURATION", "how often a secrecy without end is looked at again", "180d", duration(24*time.Hour, 365*24*time.Hour, func(c *Config) *time.Duration { return &c.Docket.ReviewEvery })},
	{"docket.keep_documents", "DURATION", "how long orders and letters of closed cases are kept; 0s for ever", "0s", duration(0, 100*365*24*time.Hour, func(c *Config) *time.Duration { return &c.Docket.KeepDocuments })},
	{"docket.keep_packages", "DURATION", "how long sealed packages of closed cases are kept; 0s for ever", "90d", duration(0, 100*365*24*time.Hour, func(c *Config) *time.Duration { return &c.Docket.KeepPackages })},
	{"docket.keep_cases", "DURATION", "how long closed cases are kept; what is left counts in reports and names nobody; 0s for ever", "0s", duration(0, 100*365*24*time.Hour, func(c *Config) *time.Duration { return &c.Docket.KeepCases })},
	{"mail.server", "HOST:PORT", "the mail server through which notices and pages leave; TLS always, and verified", "", optional(listener(func(c *Config) *string { return &c.Mail.Server }))},
	{"mail.tls", "starttls|implicit", "how TLS begins with the mail server", "starttls", oneOf(func(c *Config) *string { return &c.Mail.TLS }, "starttls", "implicit")},
	{"mail.from", "ADDRESS", "from whom mail is", "", text(func(c *Config) *string { return &c.Mail.From })},
	{"mail.user", "NAME", "who logs in at the mail server", "", text(func(c *Config) *string { return &c.Mail.User })},
	{"mail.password_file", "FILE", "file with that user's password, readable by its owner only", "", text(func(c *Config) *string { return &c.Mail.PasswordFile })},
	{"mail.ca_file", "FILE", "certificates (PEM) to trust for the mail server instead of the system's", "", text(func(c *Config) *string { return &c.Mail.CAFile })},
	{"webhook.allow", "CIDR,…", "networks of your own that customers' webhooks may reach; public addresses they may always", "", prefixes},
	{"upkeep.lifecycle", "DURATION", "how often the server looks whether a day has begun on which lifecycle rules apply", "10m", duration(time.Second, 30*24*time.Hour, func(c *Config) *time.Duration { return &c.Upkeep.Lifecycle })},
	{"upkeep.reclaim", "DURATION", "how often the space of deleted objects is reclaimed", "10m", duration(time.Second, 30*24*time.Hour, func(c *Config) *time.Duration { return &c.Upkeep.Reclaim })},
	{"upkeep.check", "DURATION", "how long after a check of everything that is stored (writ fsck) the server begins the next by itself; 0s for never", "7d", duration(0, 3650*24*time.Hour, func(c *Config) *time.Duration { return &c.Upkeep.Check })},
	{"log.format", "text|json", "form of the log on standard error", "text", oneOf(func(c *Config) *string { return &c.Log.Format }, "text", "json")},
	{"log.level", "LEVEL", "debug, info, warn or error", "info", oneOf(func(c *Config) *string { return &c.Log.Level }, "debug", "info", "warn", "error")},
	{"trace.endpoint", "URL", "OTLP/HTTP receiver of traces; they hold no name and no key", "", httpURL(func(c *Config) *string { return &c.Trace.Endpoint })},
	{"trace.ratio", "NUMBER", "share of the requests that are traced, 0 to 1", "0.01", ratio},
}

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		*field(c) = v
		return nil
	}
}

func listener(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		host, port, err := net.SplitHostPort(v)
		if err != nil {
			return fmt.Errorf("%q is not HOST:PORT", v)
		}
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
			return fmt.Errorf("%q has no port between 0 and 65535", v)
		}
		if host != "" {
			if err := hostName(host); err != nil {
				return err
			}
		}
		*field(c) = v
		return nil
	}
}

// optional takes an empty value too.
func optional(set func(*Config, string) error) func(*Config, string) error {
	return func(c *Config, v string) error {
		if v == "" {
			return nil
		}
		return set(c, v)
	}
}

var countryForm = regexp.MustCompile(`^[A-Z]{2}$`)

func country(c *Config, v string) error {
	if !countryForm.MatchString(v) {
		return fmt.Errorf("%q is not a country (two capital letters, ISO 3166-1)", v)
	}
	c.Provider.Country = v
	return nil
}

func zone(c *Config, v string) error {
	if _, err := time.LoadLocation(v); err != nil || v == "Local" {
		return fmt.Errorf("%q is not a time zone (Europe/Berlin)", v)
	}
	c.Provider.TimeZone = v
	return nil
}

func oneLine(v string) error {
	if len(v) > 200 {
		return fmt.Errorf("%q has more than 200 bytes", v)
	}
	return nil
}

func prefixes(c *Config, v string) error {
	for item := range strings.SplitSeq(v, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		p, err := netip.ParsePrefix(item)
		if err != nil {
			return fmt.Errorf("%q is not a network (192.0.2.0/24)", item)
		}
		c.Webhooks = append(c.Webhooks, p)
	}
	return nil
}

func endpoint(c *Config, v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%q is not a URL of scheme, host and port alone (https://s3.example.net)", v)
	}
	c.Endpoint = u.Scheme + "://" + u.Host
	return nil
}

// consoleOrigin takes what browsers bind passkeys to: a name, with a port or none.
func consoleOrigin(c *Config, v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%q is not a URL of scheme, host and port alone (https://console.example.net)", v)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return fmt.Errorf("%q has an address where passkeys need a name", v)
	}
	if u.Scheme == "http" && u.Hostname() != "localhost" {
		return fmt.Errorf("%q is plain HTTP, which is for localhost alone", v)
	}
	c.Console.Origin = u.Scheme + "://" + strings.ToLower(u.Host)
	return nil
}

var regionForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

func region(c *Config, v string) error {
	if !regionForm.MatchString(v) {
		return fmt.Errorf("%q is not a region (lower-case letters, digits and dashes)", v)
	}
	c.Region = v
	return nil
}

// duration takes Go's form and days ("90d"), within bounds.
func duration(low, high time.Duration, field func(*Config) *time.Duration) func(*Config, string) error {
	return func(c *Config, v string) error {
		d, err := time.ParseDuration(v)
		if days, ok := strings.CutSuffix(v, "d"); ok && err != nil {
			var n uint64
			n, err = strconv.ParseUint(days, 10, 16)
			d = time.Duration(n) * 24 * time.Hour
		}
		if err != nil {
			return fmt.Errorf("%q is not a duration (30s, 10m, 1h30m, 90d)", v)
		}
		if d < low || d > high {
			return fmt.Errorf("%s is not between %s and %s", v, low, high)
		}
		*field(c) = d
		return nil
	}
}

func boolean(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, v string) error {
		switch v {
		case "true":
			*field(c) = true
		case "false":
			*field(c) = false
		default:
			return fmt.Errorf("%q is neither true nor false", v)
		}
		return nil
	}
}

func number(low, high int, field func(*Config) *int) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%q is not a number from %d to %d", v, low, high)
		}
		*field(c) = n
		return nil
	}
}

var originForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*[a-z0-9](/[a-z0-9][a-z0-9._-]*)*$`)

// origin takes the name of a log: a URL without scheme (c2sp.org/tlog-checkpoint).
func origin(c *Config, v string) error {
	if v != "" && (len(v) > 128 || !originForm.MatchString(v)) {
		return fmt.Errorf("%q is not the name of a log (a host, and a path if need be, in lower case)", v)
	}
	c.Ledger.Origin = v
	return nil
}

func witnessName(v string) error {
	if len(v) > 200 || strings.ContainsAny(v, " \t+#") {
		return fmt.Errorf("%q is not the name of a witness", v)
	}
	return nil
}

func oneOf(field func(*Config) *string, values ...string) func(*Config, string) error {
	return func(c *Config, v string) error {
		for _, ok := range values {
			if v == ok {
				*field(c) = v
				return nil
			}
		}
		return fmt.Errorf("%q is none of %s", v, strings.Join(values, ", "))
	}
}

func list(check func(string) error, field func(*Config) *[]string) func(*Config, string) error {
	return func(c *Config, v string) error {
		var items []string
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			if err := check(item); err != nil {
				return err
			}
			items = append(items, item)
		}
		*field(c) = items
		return nil
	}
}

var nameForm = regexp.MustCompile(`^(?i)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)

func hostName(v string) error {
	if _, err := netip.ParseAddr(v); err == nil {
		return nil
	}
	if len(v) > 253 || !nameForm.MatchString(v) {
		return fmt.Errorf("%q is neither a host name nor an address", v)
	}
	return nil
}

func domainName(v string) error {
	if _, err := netip.ParseAddr(v); err == nil || hostName(v) != nil || !strings.Contains(v, ".") {
		return fmt.Errorf("%q is not a domain name", v)
	}
	return nil
}

func httpURL(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if v != "" {
			u, err := url.Parse(v)
			if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
				return fmt.Errorf("%q is not an http or https URL", v)
			}
		}
		*field(c) = v
		return nil
	}
}

func ratio(c *Config, v string) error {
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return fmt.Errorf("%q is not a number from 0 to 1", v)
	}
	c.Trace.Ratio = f
	return nil
}
