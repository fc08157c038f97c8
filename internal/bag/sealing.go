package bag

import (
	"fmt"
	"io"
	"slices"

	"filippo.io/age"
)

// sealing seals volumes to the recipients of a package.
type sealing interface {
	// name is the format, as in package.json, and ext the end of a volume's
	// file name.
	name() string
	ext() string
	// volume seals what is written to it into dst; Close ends the volume. One
	// volume is sealed at a time.
	volume(dst io.Writer) (io.WriteCloser, error)
}

// newSealing takes recipients of one kind that are valid now.
func newSealing(in Input) (sealing, error) {
	if n := len(in.Recipients); n == 0 || n > MaxRecipients {
		return nil, fmt.Errorf("%w: a package has 1 to %d recipients, not %d", ErrInput, MaxRecipients, n)
	}
	first := in.Recipients[0]
	for _, r := range in.Recipients {
		if err := r.valid(in.Now); err != nil {
			return nil, err
		}
		if r.sealing() != first.sealing() {
			return nil, fmt.Errorf("%w: a package is sealed to age keys or to certificates, not to both", ErrRecipient)
		}
		if r.PostQuantum() != first.PostQuantum() {
			return nil, fmt.Errorf("%w: a package that post-quantum keys open must not open with others", ErrRecipient)
		}
	}
	if first.cert != nil {
		return newCMSSealing(in.Recipients, in.VolumeBytes), nil
	}
	s := ageSealing{}
	for _, r := range in.Recipients {
		s.to = append(s.to, r.age)
	}
	return s, nil
}

// fingerprints of recipients, sorted; a recipient named twice is one.
func fingerprints(rs []Recipient) []string {
	var out []string
	for _, r := range rs {
		out = append(out, r.Fingerprint())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ageSealing is age-encryption.org/v1, which streams.
type ageSealing struct{ to []age.Recipient }

func (ageSealing) name() string { return sealAge }
func (ageSealing) ext() string  { return ".tar.age" }

func (s ageSealing) volume(dst io.Writer) (io.WriteCloser, error) {
	return age.Encrypt(dst, s.to...)
}
