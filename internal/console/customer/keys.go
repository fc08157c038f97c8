package customer

import (
	"context"

	"writ/internal/console/page"
)

func (p *pages) keys(v *page.Visit) error {
	k, err := p.Own(v).Keys(v.Context())
	if err != nil {
		return err
	}
	return v.Render("keys", k)
}

// rotate goes on when the reader leaves: half of it would leave data keys under the
// old version until the next time, which is an hour away.
func (p *pages) rotate(v *page.Visit) error {
	_, err := p.Own(v).Rotate(context.WithoutCancel(v.Context()), nil)
	if err == nil {
		return v.See("/my/keys", "my-key-rotated")
	}
	k, reading := p.Own(v).Keys(v.Context())
	if reading != nil {
		return reading
	}
	return v.Again("keys", k, err)
}
