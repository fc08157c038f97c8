package customer

import (
	"net/http"
	"net/url"
	"slices"

	"writ"
	"writ/internal/api"
	"writ/internal/console/page"
)

// credentialView is a credential with where it is removed.
type credentialView struct {
	api.MyCredential
	Remove string
}

// credentialsPage is what /my/credentials shows; Made is the one that was made just
// now, whose secret is shown this once.
type credentialsPage struct {
	Credentials []credentialView
	Made        *api.MyCredential
}

func (p *pages) allCredentials(v *page.Visit) (d credentialsPage, err error) {
	list, err := p.Own(v).Credentials(v.Context())
	for _, c := range list {
		d.Credentials = append(d.Credentials, credentialView{c, "/my/credentials/" + url.PathEscape(string(c.AccessKey)) + "/remove"})
	}
	slices.SortStableFunc(d.Credentials, func(a, b credentialView) int { return b.Created.Compare(a.Created) })
	return d, err
}

func (p *pages) credentials(v *page.Visit) error {
	d, err := p.allCredentials(v)
	if err != nil {
		return err
	}
	return v.Render("credentials", d)
}

// addCredential answers with the secret itself rather than 303: it is kept nowhere
// from where another page could show it.
func (p *pages) addCredential(v *page.Visit) error {
	made, err := p.Own(v).AddCredential(v.Context())
	d, listing := p.allCredentials(v)
	switch {
	case listing != nil:
		return listing
	case err != nil:
		return v.Again("credentials", d, err)
	}
	v.Secret()
	d.Made = &made
	return v.Render("credentials", d)
}

func (p *pages) credential(v *page.Visit) (credentialView, error) {
	d, err := p.allCredentials(v)
	if err != nil {
		return credentialView{}, err
	}
	for _, c := range d.Credentials {
		if string(c.AccessKey) == v.Path("id") {
			return c, nil
		}
	}
	return credentialView{}, refusal(http.StatusNotFound, "no-credential", "you have no such credential", "look at the list of your credentials")
}

func (p *pages) askRemove(v *page.Visit) error {
	c, err := p.credential(v)
	if err != nil {
		return err
	}
	return v.Render("remove", c)
}

func (p *pages) removeCredential(v *page.Visit) error {
	c, err := p.credential(v)
	if err != nil {
		return err
	}
	if err := p.Own(v).RemoveCredential(v.Context(), writ.CredentialID(v.Path("id"))); err != nil {
		return v.Again("remove", c, err)
	}
	return v.See("/my/credentials", "my-credential-removed")
}
