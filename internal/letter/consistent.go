package letter

import (
	"errors"
	"fmt"
	"time"

	"writ"
)

// consistent checks what fields say together.
func consistent(data any) error {
	switch d := data.(type) {
	case Preservation:
		return inOrder("since", d.Since, "until", d.Until)
	case PreservationExpiry:
		return inOrder("since", d.Since, "until", d.Until)
	case EUExtension:
		return errors.Join(inOrder("since", d.Since, "first_end", d.FirstEnd), inOrder("first_end", d.FirstEnd, "until", d.Until))
	case NoticeBefore:
		return d.copyOrReason()
	case NoticeAfter:
		return d.copyOrReason()
	case NoticeReferral:
		return d.copyOrReason()
	case NoticePreservation:
		return errors.Join(d.copyOrReason(), inOrder("since", d.Since, "ended", d.Ended))
	case NoticeLate:
		return errors.Join(d.copyOrReason(), inOrder("secret_since", d.SecretSince, "lifted", d.Lifted))
	case Determination:
		return d.twoPersons()
	case Custody:
		return d.adds()
	case Authorisation:
		return d.limited()
	}
	return nil
}

func inOrder(first string, a time.Time, second string, b time.Time) error {
	if b.Before(a) {
		return fmt.Errorf("%s: it is before %s", second, first)
	}
	return nil
}

// copyOrReason: a notice has the demand with it, or says why it has not.
func (n Notice) copyOrReason() error {
	if n.CopyAttached == (n.CopyReason != "") {
		return errors.New("copy_reason: a notice either has a copy of the demand with it, or says why it has none")
	}
	return nil
}

// twoPersons: nobody determines alone, and one of the two is counsel.
func (d Determination) twoPersons() error {
	if d.First == d.Second {
		return errors.New("second: the same person cannot sign twice")
	}
	if d.FirstRole != writ.RoleCounsel && d.SecondRole != writ.RoleCounsel {
		return errors.New("second_role: one of the two must be counsel")
	}
	return nil
}

// adds: what is listed and what is left out are together what was produced.
func (c Custody) adds() error {
	if int64(len(c.Objects))+c.Omitted != c.Count {
		return fmt.Errorf("omitted: %d objects listed and %d left out are not the %d produced", len(c.Objects), c.Omitted, c.Count)
	}
	return inOrder("opened", c.Opened, "closed", c.Closed)
}

func (a Authorisation) limited() error {
	if a.Threshold > a.Set {
		return fmt.Errorf("threshold: %d of %d custodians cannot sign", a.Threshold, a.Set)
	}
	for _, b := range a.Buckets {
		if (b.Extent == ExtentAll) != (b.Value == "") || b.Version != "" && b.Extent != ExtentObject {
			return errors.New("value: a bucket is open as a whole, or a prefix, object or tag is named")
		}
	}
	if !a.From.IsZero() && !a.Until.IsZero() {
		return inOrder("from", a.From, "until", a.Until)
	}
	return nil
}
