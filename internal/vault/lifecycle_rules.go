package vault

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Lifecycle is what a bucket's owner wants done with versions as they grow
// old: the LifecycleConfiguration of S3, without transitions, since there is
// one class of storage. Its stored form, in the bucket setting "lifecycle",
// is the XML of S3, exactly as the owner sent it: see [ParseLifecycle].
type Lifecycle struct {
	Rules []LifecycleRule
}

// A LifecycleRule is one rule of a [Lifecycle]. Zero numbers and times stand
// for an action or a bound that the rule does not have.
type LifecycleRule struct {
	ID      string
	Enabled bool

	// The filter: a version is under the rule if all of it fits.
	Prefix      string
	Tags        map[string]string
	GreaterThan int64 // bytes, exclusive; -1: no bound
	LessThan    int64 // bytes, exclusive; 0: no bound

	// The actions.
	ExpireDays         int       // of the current version, after its creation
	ExpireDate         time.Time // of the current version, midnight UTC
	ExpireDeleteMarker bool      // of a delete marker that nothing is left beneath
	NoncurrentDays     int       // of an old version, after it was superseded
	NewerNoncurrent    int       // how many old versions are kept whatever their age
	AbortDays          int       // of an upload that is not completed, after its start
}

// maxLifecycleRules is the number of rules that S3 allows in one bucket.
const maxLifecycleRules = 1000

// ErrLifecycle reports a lifecycle configuration that is not well formed
// (S3: MalformedXML).
var ErrLifecycle = errors.New("lifecycle configuration is malformed")

// A LifecycleError reports a lifecycle rule that is well formed and makes no
// sense, or that asks for what a store with one class of storage cannot do.
type LifecycleError struct {
	Rule          string // the rule's ID, or its number counted from 1
	Reason        string // one clear sentence, for the bucket's owner
	Unimplemented bool   // S3 knows it, this store does not
}

// Error implements error.
func (e *LifecycleError) Error() string {
	return fmt.Sprintf("lifecycle rule %s: %s", e.Rule, e.Reason)
}

type lifecycleXML struct {
	XMLName xml.Name           `xml:"LifecycleConfiguration"`
	Rules   []lifecycleRuleXML `xml:"Rule"`
}

type lifecycleRuleXML struct {
	ID         string              `xml:"ID"`
	Status     string              `xml:"Status"`
	Prefix     *string             `xml:"Prefix"`
	Filter     *lifecycleFilterXML `xml:"Filter"`
	Expiration *struct {
		Days                      *int   `xml:"Days"`
		Date                      string `xml:"Date"`
		ExpiredObjectDeleteMarker *bool  `xml:"ExpiredObjectDeleteMarker"`
	} `xml:"Expiration"`
	Noncurrent *struct {
		NoncurrentDays          *int `xml:"NoncurrentDays"`
		NewerNoncurrentVersions *int `xml:"NewerNoncurrentVersions"`
	} `xml:"NoncurrentVersionExpiration"`
	Abort *struct {
		DaysAfterInitiation *int `xml:"DaysAfterInitiation"`
	} `xml:"AbortIncompleteMultipartUpload"`
	Transition           []struct{} `xml:"Transition"`
	NoncurrentTransition []struct{} `xml:"NoncurrentVersionTransition"`
}

type lifecycleFilterXML struct {
	lifecycleTermsXML
	And *lifecycleTermsXML `xml:"And"`
}

type lifecycleTermsXML struct {
	Prefix      *string           `xml:"Prefix"`
	Tags        []lifecycleTagXML `xml:"Tag"`
	GreaterThan *int64            `xml:"ObjectSizeGreaterThan"`
	LessThan    *int64            `xml:"ObjectSizeLessThan"`
}

type lifecycleTagXML struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

// ParseLifecycle reads the body of a PutBucketLifecycleConfiguration request,
// which is also the stored form. It fails with [ErrLifecycle] or a
// [*LifecycleError].
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html
func ParseLifecycle(body []byte) (Lifecycle, error) {
	var doc lifecycleXML
	if err := xml.Unmarshal(body, &doc); err != nil {
		return Lifecycle{}, fmt.Errorf("%w: %v", ErrLifecycle, err)
	}
	if len(doc.Rules) == 0 || len(doc.Rules) > maxLifecycleRules {
		return Lifecycle{}, fmt.Errorf("%w: it has %d rules, not 1 to %d", ErrLifecycle, len(doc.Rules), maxLifecycleRules)
	}
	var l Lifecycle
	seen := make(map[string]bool)
	for i, x := range doc.Rules {
		name := x.ID
		if name == "" {
			name = fmt.Sprintf("%d", i+1)
		}
		rule, err := x.rule(name)
		if err != nil {
			return Lifecycle{}, err
		}
		if x.ID != "" && seen[x.ID] {
			return Lifecycle{}, &LifecycleError{Rule: name, Reason: "its ID is not unique"}
		}
		seen[x.ID] = true
		l.Rules = append(l.Rules, rule)
	}
	return l, nil
}

// rule checks one rule of the XML and returns its plain form.
func (x lifecycleRuleXML) rule(name string) (LifecycleRule, error) {
	fail := func(reason string) (LifecycleRule, error) {
		return LifecycleRule{}, &LifecycleError{Rule: name, Reason: reason}
	}
	r := LifecycleRule{ID: x.ID, GreaterThan: -1}
	switch x.Status {
	case "Enabled":
		r.Enabled = true
	case "Disabled":
	default:
		return LifecycleRule{}, fmt.Errorf("%w: rule %s: its Status is neither Enabled nor Disabled", ErrLifecycle, name)
	}
	if len(x.ID) > 255 {
		return fail("its ID has more than 255 characters")
	}
	if len(x.Transition) > 0 || len(x.NoncurrentTransition) > 0 {
		return LifecycleRule{}, &LifecycleError{Rule: name, Reason: "transitions to another storage class do not exist here", Unimplemented: true}
	}
	if err := x.filter(&r, name); err != nil {
		return LifecycleRule{}, err
	}
	if err := x.actions(&r, name); err != nil {
		return LifecycleRule{}, err
	}
	narrowed := len(r.Tags) > 0 || r.GreaterThan >= 0 || r.LessThan > 0
	switch {
	case r.AbortDays > 0 && narrowed:
		return fail("AbortIncompleteMultipartUpload cannot go with tags or sizes")
	case r.ExpireDeleteMarker && len(r.Tags) > 0:
		return fail("ExpiredObjectDeleteMarker cannot go with tags")
	}
	return r, nil
}

// filter fills in what versions r is for.
func (x lifecycleRuleXML) filter(r *LifecycleRule, name string) error {
	fail := func(reason string) error { return &LifecycleError{Rule: name, Reason: reason} }
	if x.Filter == nil {
		if x.Prefix == nil {
			return fmt.Errorf("%w: rule %s has neither Filter nor Prefix", ErrLifecycle, name)
		}
		r.Prefix = *x.Prefix
		return nil
	}
	if x.Prefix != nil {
		return fmt.Errorf("%w: rule %s has both Filter and Prefix", ErrLifecycle, name)
	}
	terms := x.Filter.lifecycleTermsXML
	if x.Filter.And != nil {
		if terms.count() > 0 {
			return fmt.Errorf("%w: rule %s: And stands beside other terms", ErrLifecycle, name)
		}
		terms = *x.Filter.And
		if terms.count() < 2 {
			return fmt.Errorf("%w: rule %s: And has fewer than two terms", ErrLifecycle, name)
		}
	} else if terms.count() > 1 {
		return fmt.Errorf("%w: rule %s: several terms need an And", ErrLifecycle, name)
	}
	if terms.Prefix != nil {
		r.Prefix = *terms.Prefix
	}
	for _, t := range terms.Tags {
		if t.Key == "" || len(t.Key) > 128*4 || len(t.Value) > 256*4 {
			return fail("a tag's key or value has not the right length")
		}
		if _, twice := r.Tags[t.Key]; twice {
			return fail("a tag's key stands there twice")
		}
		if r.Tags == nil {
			r.Tags = make(map[string]string)
		}
		r.Tags[t.Key] = t.Value
	}
	if terms.GreaterThan != nil {
		if r.GreaterThan = *terms.GreaterThan; r.GreaterThan < 0 {
			return fail("ObjectSizeGreaterThan is negative")
		}
	}
	if terms.LessThan != nil {
		if r.LessThan = *terms.LessThan; r.LessThan < 1 {
			return fail("ObjectSizeLessThan is below 1")
		}
		if r.LessThan <= r.GreaterThan+1 {
			return fail("no size is above ObjectSizeGreaterThan and below ObjectSizeLessThan")
		}
	}
	return nil
}

func (t lifecycleTermsXML) count() int {
	n := len(t.Tags)
	for _, is := range []bool{t.Prefix != nil, t.GreaterThan != nil, t.LessThan != nil} {
		if is {
			n++
		}
	}
	return n
}

// actions fills in what r does.
func (x lifecycleRuleXML) actions(r *LifecycleRule, name string) error {
	fail := func(reason string) error { return &LifecycleError{Rule: name, Reason: reason} }
	if x.Expiration == nil && x.Noncurrent == nil && x.Abort == nil {
		return fail("it has no action")
	}
	if e := x.Expiration; e != nil {
		given := 0
		if e.Days != nil {
			given++
			if r.ExpireDays = *e.Days; r.ExpireDays < 1 {
				return fail("Days of Expiration is below 1")
			}
		}
		if e.Date != "" {
			given++
			at, err := time.Parse(time.RFC3339, strings.TrimSpace(e.Date))
			if err != nil {
				return fmt.Errorf("%w: rule %s: its Date is not in ISO 8601 form", ErrLifecycle, name)
			}
			if r.ExpireDate = at.UTC(); !r.ExpireDate.Equal(r.ExpireDate.Truncate(day)) {
				return fail("Date of Expiration is not midnight UTC")
			}
		}
		if e.ExpiredObjectDeleteMarker != nil {
			given++
			r.ExpireDeleteMarker = *e.ExpiredObjectDeleteMarker
		}
		if given != 1 {
			return fmt.Errorf("%w: rule %s: Expiration needs one of Days, Date and ExpiredObjectDeleteMarker", ErrLifecycle, name)
		}
	}
	if n := x.Noncurrent; n != nil {
		if n.NoncurrentDays == nil || *n.NoncurrentDays < 1 {
			return fail("NoncurrentDays is missing or below 1")
		}
		r.NoncurrentDays = *n.NoncurrentDays
		if n.NewerNoncurrentVersions != nil {
			if r.NewerNoncurrent = *n.NewerNoncurrentVersions; r.NewerNoncurrent < 1 || r.NewerNoncurrent > 100 {
				return fail("NewerNoncurrentVersions is not 1 to 100")
			}
		}
	}
	if a := x.Abort; a != nil {
		if a.DaysAfterInitiation == nil || *a.DaysAfterInitiation < 1 {
			return fail("DaysAfterInitiation is missing or below 1")
		}
		r.AbortDays = *a.DaysAfterInitiation
	}
	return nil
}

const day = 24 * time.Hour

// dueAfter returns when an action of so many days falls due for what happened
// at from: S3 adds the days and rounds up to the next midnight UTC, so that
// nothing goes before its days are full.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
func dueAfter(from time.Time, days int) time.Time {
	return from.UTC().Truncate(day).Add(time.Duration(days+1) * day)
}

// covers reports whether a version of that name, size and tags is under r.
func (r *LifecycleRule) covers(key string, size int64, tags map[string]string) bool {
	if !strings.HasPrefix(key, r.Prefix) || size <= r.GreaterThan || r.LessThan > 0 && size >= r.LessThan {
		return false
	}
	for k, v := range r.Tags {
		if have, ok := tags[k]; !ok || have != v {
			return false
		}
	}
	return true
}

// expires reports whether the current version, made at the given time, is due
// at now under r.
func (r *LifecycleRule) expires(made, now time.Time) bool {
	if r.ExpireDays > 0 {
		return !now.Before(dueAfter(made, r.ExpireDays))
	}
	return !r.ExpireDate.IsZero() && !now.Before(r.ExpireDate)
}

// expiresMarker reports whether a delete marker that nothing is left beneath
// is due at now: at once under ExpiredObjectDeleteMarker, and by its age
// under Days, as S3 does.
func (r *LifecycleRule) expiresMarker(made, now time.Time) bool {
	return r.ExpireDeleteMarker || r.ExpireDays > 0 && r.expires(made, now)
}

// expiresNoncurrent reports whether an old version, superseded at since and
// with so many old versions newer than itself, is due at now under r.
func (r *LifecycleRule) expiresNoncurrent(since time.Time, newer int, now time.Time) bool {
	return r.NoncurrentDays > 0 && newer >= r.NewerNoncurrent && !now.Before(dueAfter(since, r.NoncurrentDays))
}
