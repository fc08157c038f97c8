package customer

import (
	"errors"
	"net/url"
	"strings"

	"writ/internal/api"
	"writ/internal/printable"
)

// shown is a text of one line as it can be shown.
func shown[T ~string](s T) string { return printable.Line(string(s)) }

// lines is a text of several lines as it can be shown.
func lines(s string) string {
	all := strings.Split(s, "\n")
	for i, l := range all {
		all[i] = printable.Line(l)
	}
	return strings.Join(all, "\n")
}

// inBucket is an address of a bucket's pages.
func inBucket(bucket, page string, pairs ...string) string {
	return api.Asked("/my/buckets/"+url.PathEscape(bucket)+page, pairs...)
}

// isCode says whether the interface answered with a problem of that code.
func isCode(err error, code string) bool {
	var p *api.Problem
	return errors.As(err, &p) && p.Code == code
}
