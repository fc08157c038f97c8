package vault

import (
	"strings"
	"time"
)

// matches reports whether an ETag is in a list as If-Match and If-None-Match
// have it: separated by commas, quoted or not, "*" for any.
func matches(list, etag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		one = strings.Trim(strings.TrimPrefix(one, "W/"), `"`)
		if one == "*" || one == etag {
			return true
		}
	}
	return false
}

// judge evaluates the conditions in the order of RFC 9110, section 13.2.2:
// [ErrPrecondition] or [ErrNotModified] where one does not hold. Times count
// to the second, as in the headers that they come from.
func (c *Conditions) judge(etag string, modified time.Time) error {
	modified = modified.Truncate(time.Second)
	switch {
	case c.IfMatch != "":
		if !matches(c.IfMatch, etag) {
			return ErrPrecondition
		}
	case !c.IfUnmodifiedSince.IsZero() && modified.After(c.IfUnmodifiedSince):
		return ErrPrecondition
	}
	switch {
	case c.IfNoneMatch != "":
		if matches(c.IfNoneMatch, etag) {
			return ErrNotModified
		}
	case !c.IfModifiedSince.IsZero() && !modified.After(c.IfModifiedSince):
		return ErrNotModified
	}
	return nil
}
