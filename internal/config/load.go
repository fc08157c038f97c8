package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// FileName is the name of the settings' file in the data folder.
const FileName = "writ.yaml"

// ErrNoData: no place names the data folder.
var ErrNoData = errors.New("no data folder given")

// An Error is one setting that cannot be accepted.
type Error struct {
	Place  string // "FILE:LINE", "variable WRIT_…" or "flag --…"
	Reason string
	Hint   string // what to do; may be empty
}

// Error returns place and reason in one line.
func (e *Error) Error() string { return e.Place + ": " + e.Reason }

// Errors is every [Error] of one [Load], in the order of the places.
type Errors []*Error

// Error returns one line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Sources is where settings are looked for.
type Sources struct {
	// File is the settings' file. Empty means DIR/writ.yaml if it exists,
	// where DIR is the data folder that the environment or the flags name.
	File string
	// Environ is in the form of [os.Environ]. Variables that begin with
	// WRIT_ and name no setting are errors, except those of [Reserved] and
	// empty ones, which count as unset.
	Environ []string
	// Flags may hold any of the flags of [AddFlags], and others.
	Flags *pflag.FlagSet
}

// AddFlags defines a flag for every setting except those named.
func AddFlags(flags *pflag.FlagSet, except ...string) {
next:
	for _, s := range settings {
		for _, key := range except {
			if s.Key == key {
				continue next
			}
		}
		usage := s.Usage
		if s.Default != "" && s.Default != "false" {
			usage += " (default " + s.Default + ")"
		}
		flags.Var(&flagValue{kind: s.Value}, s.Flag(), usage)
		if s.Value == "BOOL" {
			flags.Lookup(s.Flag()).NoOptDefVal = "true"
		}
	}
}

// flagValue keeps a flag's text; settings check it, so that its errors read
// like those of the other places.
type flagValue struct{ kind, text string }

func (f *flagValue) String() string     { return f.text }
func (f *flagValue) Set(v string) error { f.text = v; return nil }
func (f *flagValue) Type() string {
	if f.kind == "BOOL" {
		return "bool"
	}
	return f.kind
}

// Reserved reports whether a variable that begins with WRIT_ is no setting but
// known: the passphrases and tokens, the name of the file, and what the project's own
// tests and benchmarks are told by.
func Reserved(variable string) bool {
	switch variable {
	case "WRIT_PASSPHRASE", "WRIT_NEW_PASSPHRASE", "WRIT_CONFIG", "WRIT_TOKEN", "WRIT_CUSTODIAN_PASSPHRASE":
		return true
	}
	for _, prefix := range []string{"WRIT_TEST_", "WRIT_BENCH_", "WRIT_SOAK_"} {
		if strings.HasPrefix(variable, prefix) {
			return true
		}
	}
	return false
}

// Load reads and checks all settings. It returns [Errors] for settings that
// cannot be accepted and [ErrNoData] if nothing names the data folder.
func Load(src Sources) (*Config, error) {
	l := loader{merged: koanf.New("."), places: map[string]string{}}
	environ := l.environ(src.Environ)
	flags := l.flags(src.Flags)
	if err := l.file(src.File, environ, flags); err != nil {
		return nil, err
	}
	l.merge(environ)
	l.merge(flags)
	return l.config()
}

// layer is the settings of one source.
type layer struct {
	values *koanf.Koanf
	place  func(key string) string
}

type loader struct {
	merged *koanf.Koanf
	places map[string]string
	errs   Errors
}

func (l *loader) fail(place, reason, hint string) {
	l.errs = append(l.errs, &Error{place, reason, hint})
}

func (l *loader) merge(in layer) {
	for _, key := range in.values.Keys() {
		l.places[key] = in.place(key)
	}
	l.merged.Merge(in.values) // fails only in koanf's strict mode
}

func (l *loader) environ(environ []string) layer {
	byName := map[string]string{}
	for _, s := range settings {
		byName[s.Env()] = s.Key
	}
	values := koanf.New(".")
	values.Load(env.Provider(".", env.Opt{
		Prefix:      "WRIT_",
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(name, value string) (string, any) {
			if value == "" { // as unset: whoever cannot unset a variable empties it
				return "", nil
			}
			key, known := byName[name]
			if !known && !Reserved(name) {
				l.fail("variable "+name, "no such setting", suggest(strings.ToLower(strings.TrimPrefix(name, "WRIT_")), func(s Setting) string {
					return strings.ToLower(strings.TrimPrefix(s.Env(), "WRIT_"))
				}, Setting.Env))
			}
			return key, value
		},
	}), nil) // reading the environment cannot fail
	sort.SliceStable(l.errs, func(i, j int) bool { return l.errs[i].Place < l.errs[j].Place })
	return layer{values, func(key string) string { return "variable " + lookup(key).Env() }}
}

func (l *loader) flags(set *pflag.FlagSet) layer {
	values := koanf.New(".")
	if set != nil {
		byName := map[string]string{}
		for _, s := range settings {
			byName[s.Flag()] = s.Key
		}
		values.Load(posflag.ProviderWithFlag(set, ".", nil, func(f *pflag.Flag) (string, any) {
			return byName[f.Name], f.Value.String()
		}), nil) // reading flags cannot fail
	}
	return layer{values, func(key string) string { return "flag --" + lookup(key).Flag() }}
}

// file loads the settings' file, named or found in the data folder.
func (l *loader) file(name string, environ, flags layer) error {
	named := name != ""
	if !named {
		dir := environ.values.String("data")
		if flags.values.Exists("data") {
			dir = flags.values.String("data")
		}
		if dir == "" {
			return nil
		}
		name = filepath.Join(dir, FileName)
	}
	body, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil
	}
	if err != nil {
		return fmt.Errorf("couldn't read the settings: %w", err)
	}
	lines, err := keyLines(body)
	if err != nil {
		l.fail(name+yamlPlace(err), yamlReason(err), "a line has the form “key: value”; nested keys are indented")
		return nil
	}
	values := koanf.New(".")
	if err := values.Load(document(body), yaml.Parser()); err != nil {
		l.fail(name+yamlPlace(err), yamlReason(err), "")
		return nil
	}
	place := func(key string) string { return fmt.Sprintf("%s:%d", name, lines[key]) }
	l.unknown(values, lines, place)
	l.merge(layer{values, place})
	return nil
}

// unknown reports, and removes, the keys of a file that no setting has.
func (l *loader) unknown(values *koanf.Koanf, lines map[string]int, place func(string) string) {
	keys := make([]string, 0, len(lines))
	for key := range lines {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, j int) bool { return lines[keys[i]] < lines[keys[j]] })
	for _, key := range keys {
		if lookup(key) != nil || section(key) && isMap(values.Get(key)) {
			continue
		}
		values.Delete(key)
		if strings.Contains(key, "passphrase") || strings.Contains(key, "password") {
			l.fail(place(key), "a passphrase has no place in a file", "give it as WRIT_PASSPHRASE or type it when asked")
			continue
		}
		l.fail(place(key), fmt.Sprintf("no such setting: %s", key), suggest(key, func(s Setting) string { return s.Key }, func(s Setting) string { return s.Key }))
	}
}

func isMap(v any) bool {
	_, ok := v.(map[string]any)
	return ok || v == nil
}

// section reports whether settings lie below key, as below "tls".
func section(key string) bool {
	for _, s := range settings {
		if strings.HasPrefix(s.Key, key+".") {
			return true
		}
	}
	return false
}

func lookup(key string) *Setting {
	for i := range settings {
		if settings[i].Key == key {
			return &settings[i]
		}
	}
	return nil
}

// config turns the merged values into a Config and checks it as a whole.
func (l *loader) config() (*Config, error) {
	c := &Config{}
	for _, s := range settings {
		value, place := s.Default, "default"
		if l.merged.Exists(s.Key) {
			var ok bool
			place = l.places[s.Key]
			if value, ok = scalar(l.merged.Get(s.Key)); !ok {
				l.fail(place, fmt.Sprintf("%s takes one value (%s)", s.Key, s.Value), "")
				continue
			}
		}
		if value == "" && s.Default != "" {
			l.fail(place, fmt.Sprintf("%s is empty", s.Key), fmt.Sprintf("leave it out for the default, %s", s.Default))
			continue
		}
		if err := s.set(c, value); err != nil {
			l.fail(place, fmt.Sprintf("%s: %s", s.Key, err), "")
		}
		c.origins = append(c.origins, Origin{Setting: s, Value: presentable(s, value), Place: place})
	}
	if len(l.errs) == 0 {
		l.whole(c)
	}
	if len(l.errs) > 0 {
		return nil, l.errs
	}
	if c.Data == "" {
		return nil, ErrNoData
	}
	return c, nil
}

// scalar is the text of one value; the items of a list are joined by commas.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(v), true
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok || strings.Contains(text, ",") {
				return "", false
			}
			items[i] = text
		}
		return strings.Join(items, ","), true
	default:
		return "", false
	}
}
