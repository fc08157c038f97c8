//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"writ/internal/api"
)

func myBuckets(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "buckets", Short: "List your buckets: versioning, locks, who holds the keys",
		Example: "  writ my buckets", Args: noArguments,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return query(a, cmd, *asJSON, func(o *api.Own) ([]api.MyBucket, error) {
			all := []api.MyBucket{}
			for after := ""; ; {
				page, err := o.Buckets(cmd.Context(), "", after, 1000)
				if err != nil {
					return nil, err
				}
				all = append(all, page.Buckets...)
				if after = string(page.Next); after == "" {
					return all, nil
				}
			}
		}, func(all []api.MyBucket) error {
			return table(cmd.OutOrStdout(), "BUCKET CREATED VERSIONING LOCK CUSTODY SETTINGS", rowsOf(all, func(b api.MyBucket) []string {
				lock := "no"
				if b.ObjectLock {
					lock = "yes"
				}
				if r := b.Retention; r != nil {
					lock = fmt.Sprintf("%s, %d days, %d years", r.Mode, r.Days, r.Years)
				}
				return []string{shown(b.Name), when(b.Created), b.Versioning, lock, b.Custody, dash(strings.Join(b.Settings, ","))}
			}))
		})
	}
	return cmd
}

func myObjects(a *account) *cobra.Command {
	cmd := &cobra.Command{Use: "objects", Short: "Your objects and their versions", Example: "  writ my objects ls ward-seven --prefix letters/"}
	cmd.AddCommand(myList(a), myVersions(a), myShow(a), myGet(a), myPut(a), myDelete(a))
	return cmd
}

func myList(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "ls BUCKET", Short: "List the objects of a bucket, folder by folder",
		Long: `Ls lists current versions, in bytewise order of key: those at --prefix, and for what
lies deeper one line for each folder, up to the next "/"; with --recursive all. It
prints up to --limit lines, and says where to go on.`,
		Example: `  writ my objects ls ward-seven
  writ my objects ls ward-seven --prefix letters/ --recursive`,
		Args: exactly("BUCKET"),
	}
	asJSON := jsonFlag(cmd)
	var q api.ListObjects
	f := cmd.Flags()
	f.StringVar(&q.Prefix, "prefix", "", "keys that begin with it")
	f.StringVar(&q.After, "after", "", "keys behind it")
	f.IntVar(&q.Limit, "limit", 1000, "at most so many, up to 1,000")
	recursive := f.Bool("recursive", false, "all keys, whatever folder they are in")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !*recursive {
			q.Delimiter = "/"
		}
		return query(a, cmd, *asJSON, func(o *api.Own) (api.MyObjects, error) { return o.Objects(cmd.Context(), args[0], q) }, func(page api.MyObjects) error {
			rows := rowsOf(page.Prefixes, func(p string) []string { return []string{"-", "-", shown(p)} })
			rows = append(rows, rowsOf(page.Objects, func(v api.MyObject) []string { return []string{when(v.Modified), size(v.Size), shown(v.Key)} })...)
			if err := table(cmd.OutOrStdout(), "MODIFIED SIZE KEY", rows); err != nil {
				return err
			}
			if page.Next != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "there is more: --after %s\n", shown(page.Next))
			}
			return nil
		})
	}
	return cmd
}

func myVersions(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "versions BUCKET KEY", Short: "List the versions of an object, newest first",
		Example: "  writ my objects versions ward-seven letters/calder.pdf", Args: exactly("BUCKET", "KEY"),
	}
	asJSON := jsonFlag(cmd)
	after := cmd.Flags().String("after", "", "versions behind this one")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return query(a, cmd, *asJSON, func(o *api.Own) (api.MyVersions, error) {
			return o.Versions(cmd.Context(), args[0], args[1], *after, 1000)
		}, func(page api.MyVersions) error {
			if err := table(cmd.OutOrStdout(), "VERSION MODIFIED SIZE", rowsOf(page.Versions, func(v api.MyObject) []string {
				what := size(v.Size)
				if v.Marker {
					what = "deleted"
				}
				return []string{shown(v.Version), when(v.Modified), what}
			})); err != nil {
				return err
			}
			if page.Next != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "there is more: --after %s\n", shown(page.Next))
			}
			return nil
		})
	}
	return cmd
}

// versionFlag gives a command --version of an object.
func versionFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("version", "", "which version; the current one if not given")
}

func myShow(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "show BUCKET KEY", Short: "Show what is known of a version: type, tags, retention, hold",
		Example: "  writ my objects show ward-seven letters/calder.pdf", Args: exactly("BUCKET", "KEY"),
	}
	asJSON, version := jsonFlag(cmd), versionFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return query(a, cmd, *asJSON, func(o *api.Own) (api.MyHead, error) { return o.Object(cmd.Context(), args[0], args[1], *version) }, func(v api.MyHead) error {
			retention, hold := "", ""
			if r := v.Retention; r != nil {
				retention = r.Mode + " until " + when(r.Until)
			}
			if v.LegalHold {
				hold = "on"
			}
			return facts(cmd.OutOrStdout(), "key", shown(v.Key), "version", shown(v.Version), "modified", when(v.Modified), "size", size(v.Size), "type", shown(v.ContentType),
				"etag", shown(v.ETag), "checksum", shown(v.Algorithm+" "+v.Checksum), "retention", retention, "hold", hold)
		})
	}
	return cmd
}

func myGet(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "get BUCKET KEY FILE", Short: "Fetch a version into a new file",
		Example: "  writ my objects get ward-seven letters/calder.pdf calder.pdf", Args: exactly("BUCKET", "KEY", "FILE"),
	}
	version := versionFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := a.own()
		if err != nil {
			return err
		}
		resp, err := o.Download(cmd.Context(), args[0], args[1], *version, "")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		n, err := save(args[2], resp.Body, 0o600)
		if err == nil {
			say(cmd, "%s: %s", args[2], size(n))
		}
		return err
	}
	return cmd
}

func myPut(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "put FILE BUCKET KEY", Short: "Store a file of up to 5 GiB as an object",
		Example: "  writ my objects put calder.pdf ward-seven letters/calder.pdf --type application/pdf", Args: exactly("FILE", "BUCKET", "KEY"),
	}
	asJSON := jsonFlag(cmd)
	media := cmd.Flags().String("type", "", "media type of the object")
	fresh := cmd.Flags().Bool("new", false, "fail if the key is there")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return fmt.Errorf("couldn't read the file: %w", err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return fmt.Errorf("couldn't read the file: %w", err)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no file", args[0])
		}
		u := api.Upload{Bucket: args[1], Key: args[2], ContentType: *media, New: *fresh, Body: io.Reader(f), Size: info.Size()}
		return query(a, cmd, *asJSON, func(o *api.Own) (api.MyObject, error) { return o.Upload(cmd.Context(), u) }, func(v api.MyObject) error {
			say(cmd, "%s: %s, version %s", shown(v.Key), size(v.Size), shown(v.Version))
			return nil
		})
	}
	return cmd
}

func myDelete(a *account) *cobra.Command {
	cmd := &cobra.Command{
		Use: "rm BUCKET KEY", Short: "Delete an object, or with --version one version of it for ever",
		Example: "  writ my objects rm ward-seven letters/calder.pdf", Args: exactly("BUCKET", "KEY"),
	}
	asJSON, version := jsonFlag(cmd), versionFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return query(a, cmd, *asJSON, func(o *api.Own) (api.MyDeleted, error) { return o.Delete(cmd.Context(), args[0], args[1], *version) }, func(d api.MyDeleted) error {
			what := "deleted: "
			if d.Marker && *version == "" {
				what = "marked as deleted; its versions stay: "
			}
			say(cmd, "%s%s", what, shown(args[1]))
			return nil
		})
	}
	return cmd
}
