//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"writ"
	"writ/internal/api"
	"writ/internal/policy"
	"writ/internal/vault"
)

// maxScopeFile bounds a file that holds a scope, in bytes.
const maxScopeFile = 1 << 20

// scopeFlags say which data: one bucket in flags, or any scope in a file.
type scopeFlags struct {
	file, bucket      string
	prefixes, objects []string
	tags              []string
	from, until       string
	classes           []string
}

func (s *scopeFlags) add(f *pflag.FlagSet) {
	f.StringVar(&s.bucket, "bucket", "", "bucket in scope")
	f.StringArrayVar(&s.prefixes, "prefix", nil, "keys in the bucket that begin so; may be given again")
	f.StringArrayVar(&s.objects, "object", nil, "key in the bucket, all its versions, or KEY@VERSION for one (a key with an @ of its own takes --file or its version); may be given again")
	f.StringArrayVar(&s.tags, "tag", nil, "NAME=VALUE that versions must carry besides; may be given again")
	f.StringVar(&s.from, "from", "", "only versions made at or after this time or day")
	f.StringVar(&s.until, "until-made", "", "only versions made before this time or day")
	f.StringSliceVar(&s.classes, "class", nil, "class of data (subscriber, identification, traffic, content); those of the demand if none is given")
	f.StringVar(&s.file, "file", "", "file of the whole scope as JSON, for several buckets")
}

func (s *scopeFlags) given() bool { return s.file != "" || s.bucket != "" }

// scope reads what was given; classes are those of the demand if none is named.
func (s *scopeFlags) scope(demand []writ.DataClass) (out policy.Scope, err error) {
	if s.file != "" {
		if s.bucket != "" || len(s.prefixes)+len(s.objects)+len(s.tags)+len(s.classes) > 0 {
			return out, errors.New("a scope comes from --file, or from flags, not from both")
		}
		return readScope(s.file)
	}
	out.Classes = demand
	if len(s.classes) > 0 {
		out.Classes = asClasses(s.classes)
	}
	if out.From, err = parseMoment("--from", s.from); err != nil {
		return out, err
	}
	if out.Until, err = parseMoment("--until-made", s.until); err != nil {
		return out, err
	}
	if s.bucket == "" {
		if out.Has(writ.ClassContent) || len(s.prefixes)+len(s.objects)+len(s.tags) > 0 {
			return out, withHint(errors.New("no bucket is named"), "--bucket with --prefix or --object, or --file scope.json")
		}
		return out, nil // the server's own records, or another system's: no object opens
	}
	b := policy.BucketScope{Bucket: writ.BucketName(s.bucket), Prefixes: s.prefixes}
	for _, text := range s.objects {
		o := policy.ObjectScope{Key: writ.ObjectKey(text)}
		// A version's name has no "@"; a key may have some.
		if at := strings.LastIndex(text, "@"); at > 0 {
			o.Key, o.Version = writ.ObjectKey(text[:at]), writ.VersionID(text[at+1:])
		}
		b.Objects = append(b.Objects, o)
	}
	for _, text := range s.tags {
		k, v, ok := strings.Cut(text, "=")
		if !ok {
			return out, fmt.Errorf("--tag: %q is not NAME=VALUE", text)
		}
		if b.Tags == nil {
			b.Tags = map[string]string{}
		}
		b.Tags[k] = v
	}
	out.Buckets = []policy.BucketScope{b}
	return out, nil
}

func asClasses(all []string) (out []writ.DataClass) {
	for _, c := range all {
		out = append(out, writ.DataClass(c))
	}
	return out
}

func readScope(name string) (out policy.Scope, err error) {
	return out, readJSON(name, maxScopeFile, &out)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func caseScope(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "scope CASE", Short: "Say exactly which data",
		Long: `Scope says exactly which data the case is about; a writ opens these and no
others. It counts what is there and looks at no content. Data of several buckets
are named in a file:

    {"buckets": [{"bucket": "ward-seven", "prefixes": ["letters/"]}], "classes": ["content"]}

A demand that reaches no content names no bucket: then nothing of what customers
store opens.

Less than was asked for is --narrow, with the reason, which is reported.`,
		Example: `  writ --data /srv/writ case scope 2026-7KQM-4ZT0 --bucket ward-seven --prefix letters/ --until-made 2026-11-01
  writ --data /srv/writ case scope 2026-7KQM-4ZT0 --file scope.json --narrow --reason "the scans are of others"`,
		Args: exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	var f scopeFlags
	f.add(cmd.Flags())
	narrow := cmd.Flags().Bool("narrow", false, "it is less than was asked for")
	reason := cmd.Flags().String("reason", "", "why it is less")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.withScope(cmd, args[0], *asJSON, &f, func(_ api.Case, scope policy.Scope) (string, any, error) {
			return "scope", api.ScopeInput{Scope: scope, Narrow: *narrow, Reason: *reason}, nil
		})
	}
	return cmd
}

func casePreserve(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "preserve CASE", Short: "Keep what is in scope, unseen",
		Long: `Preserve keeps exactly the data in scope as they are now: the customer may delete
and overwrite them and sees no difference, while bytes and keys stay. It ends at
--until, or when the case closes.`,
		Example: "  writ --data /srv/writ case preserve 2026-7KQM-4ZT0 --customer harbour-clinic --bucket ward-seven --prefix letters/ --why 'Article 11(1)'",
		Args:    exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	var f scopeFlags
	f.add(cmd.Flags())
	customer := cmd.Flags().String("customer", "", "whose data, by name or id; the case's if it was identified")
	until := cmd.Flags().String("until", "", "when it ends; when the case closes if not given")
	why := cmd.Flags().String("why", "", "by which article, or why")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return s.withScope(cmd, args[0], *asJSON, &f, func(c api.Case, scope policy.Scope) (string, any, error) {
			end, err := parseMoment("--until", *until)
			whose := *customer
			if whose == "" && c.Subject != nil {
				whose = string(c.Subject.Customer)
			}
			if err == nil && whose == "" {
				err = withHint(errors.New("whose data are to be kept is not said"), "--customer NAME")
			}
			return "preserve", api.PreserveInput{Customer: whose, Scope: scope, Until: end, Why: *why}, err
		})
	}
	return cmd
}

// withScope makes a move that takes a scope; classes that are not named are
// the demand's.
func (s *seat) withScope(cmd *cobra.Command, name string, asJSON bool, f *scopeFlags, make func(api.Case, policy.Scope) (string, any, error)) error {
	id, d, err := s.inCase(cmd, name)
	if err != nil {
		return err
	}
	defer d.Close()
	c, err := d.Case(cmd.Context(), string(id))
	if err != nil {
		return err
	}
	scope, err := f.scope(c.Demand.Classes)
	if err != nil {
		return err
	}
	operation, in, err := make(c, scope)
	if err != nil {
		return err
	}
	if c, err = d.Move(cmd.Context(), string(id), operation, in); err != nil {
		return err
	}
	if !asJSON && c.Scope != nil && operation == "scope" {
		fmt.Fprintf(cmd.OutOrStdout(), "in scope now: %d objects, %s\n", c.Scope.Objects, size(c.Scope.Bytes))
	}
	return d.stands(cmd, c, asJSON)
}

func caseExtend(s *seat) *cobra.Command {
	var until, why string
	cmd := caseMove{
		use: "extend CASE", short: "Give the preservation another end", operation: "extend",
		example: "  writ --data /srv/writ case extend 2026-7KQM-4ZT0 --until 2027-03-01 --why 'extended by the authority'",
		input: func([]string) (any, error) {
			end, err := parseMoment("--until", until)
			return api.ExtendInput{Until: end, Why: why}, err
		},
	}.command(s)
	cmd.Flags().StringVar(&until, "until", "", "when it ends; when the case closes if not given")
	cmd.Flags().StringVar(&why, "why", "", "by whose word")
	return cmd
}

func caseUnpreserve(s *seat) *cobra.Command {
	var reason string
	cmd := caseMove{
		use: "unpreserve CASE", short: "Lift the preservation", operation: "unpreserve",
		example: "  writ --data /srv/writ case unpreserve 2026-7KQM-4ZT0 --reason 'the authority withdrew its request'",
		input:   func([]string) (any, error) { return api.ReasonInput{Reason: reason}, nil },
	}.command(s)
	cmd.Flags().StringVar(&reason, "reason", "", "why it ends")
	return cmd
}

func caseLocate(s *seat) *cobra.Command {
	cmd := &cobra.Command{
		Use: "locate CASE", Short: "Count what is in a scope; never its content",
		Long: `Locate counts the objects and bytes in a scope, before it is set: of the case's
customer, or another with --customer. It opens nothing. Who asked is in the audit
trail; the customer's journal has nothing of it.`,
		Example: "  writ --data /srv/writ case locate 2026-7KQM-4ZT0 --bucket ward-seven --prefix letters/",
		Args:    exactly("CASE"),
	}
	asJSON := jsonFlag(cmd)
	var f scopeFlags
	f.add(cmd.Flags())
	customer := cmd.Flags().String("customer", "", "whose data, by name or id; the case's if it was identified")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		id, d, err := s.inCase(cmd, args[0])
		if err != nil {
			return err
		}
		defer d.Close()
		c, err := d.Case(cmd.Context(), string(id))
		if err != nil {
			return err
		}
		scope, whose := policy.Scope{}, *customer
		if f.given() || c.Scope == nil {
			if scope, err = f.scope(c.Demand.Classes); err != nil {
				return err
			}
		} else {
			scope = c.Scope.Scope
		}
		if whose == "" && c.Subject != nil {
			whose = string(c.Subject.Customer)
		}
		if whose == "" {
			return withHint(errors.New("whose data is not said"), "--customer NAME, or first writ case identify "+string(id))
		}
		found, err := d.Locate(cmd.Context(), whose, scope)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeJSON(cmd.OutOrStdout(), found)
		}
		return printLocated(cmd.OutOrStdout(), found)
	}
	return cmd
}

func printLocated(w io.Writer, l vault.Located) error {
	rows := make([][]string, 0, len(l.Buckets))
	for _, b := range l.Buckets {
		if !b.Found {
			rows = append(rows, []string{shown(b.Bucket), "no such bucket of this customer", "", "", "", "", ""})
			continue
		}
		rows = append(rows, []string{
			shown(b.Bucket), fmt.Sprint(b.Keys), fmt.Sprintf("%d, %s", b.Current.Versions, size(b.Current.Bytes)),
			fmt.Sprintf("%d, %s", b.Older.Versions, size(b.Older.Bytes)), fmt.Sprint(b.Markers), orDash(stamp(b.Oldest)), orDash(stamp(b.Newest)),
		})
	}
	if err := table(w, "BUCKET KEYS CURRENT OLDER MARKERS OLDEST NEWEST", rows); err != nil {
		return err
	}
	total := l.Total()
	_, err := fmt.Fprintf(w, "in all %d versions, %s\n", total.Versions, size(total.Bytes))
	return err
}
