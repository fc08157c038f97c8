package api

import (
	"net/url"
	"strings"
)

// Asked is a path with a query: pairs of names and values, of which those without a
// value are left out. Spaces are %20, so that what signs a request and what checks it
// read the same.
func Asked(path string, pairs ...string) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		return path
	}
	return path + "?" + strings.ReplaceAll(v.Encode(), "+", "%20")
}

// Below joins names to one path, each as one segment.
func Below(names ...string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = segment(name)
	}
	return strings.Join(out, "/")
}
