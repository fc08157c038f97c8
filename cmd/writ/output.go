package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// jsonFlag gives a command --json.
func jsonFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print JSON, for scripts")
}

// writeJSON prints a value for scripts.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table prints rows in columns.
func table(w io.Writer, head string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, strings.ReplaceAll(head, " ", "\t"))
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// facts prints names and values, one a line; a value may be "" to leave its
// line out.
func facts(w io.Writer, pairs ...string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(t, "%s\t%s\n", pairs[i], pairs[i+1])
		}
	}
	return t.Flush()
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// units of sizes: powers of 1,024.
var units = []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}

func size(n int64) string {
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// parseSize reads a number of bytes: "500", "10GiB", "2 TiB".
func parseSize(s string) (int64, error) {
	text, factor := strings.TrimSpace(s), int64(1)
	for i := len(units) - 1; i >= 0; i-- {
		if rest, ok := strings.CutSuffix(text, units[i]); ok {
			text, factor = strings.TrimSpace(rest), int64(1)<<(10*i)
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return 0, fmt.Errorf("%q is not a size (500, 10GiB, 2TiB)", s)
	}
	return n * factor, nil
}

func bound(n int64, text string) string {
	if n == 0 {
		return "none"
	}
	return text
}
