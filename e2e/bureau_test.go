package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"writ"
	"writ/internal/api"
	datafolder "writ/internal/folder"
	"writ/internal/policy"
	"writ/internal/staff"
)

// bureau is a server with the people who handle demands.
type bureau struct {
	*server
	tokens map[string]string // by first name
	keys   map[string]ed25519.PrivateKey
	set    policy.Set
}

var people = map[string][]writ.Role{
	"olu.farren": {writ.RoleOperator}, "pia.sund": {writ.RoleOperator},
	"noor.adeyemi": {writ.RoleIntake}, "mira.lindqvist": {writ.RoleCounsel}, "theo.brandt": {writ.RoleCounsel},
	"ada.okafor": {writ.RoleCustodian}, "jun.park": {writ.RoleCustodian}, "sam.ortiz": {writ.RoleProduction},
}

// desk is somebody's side of the office; "" is the socket's own.
func (b *bureau) desk(name string) (*api.Desk, func()) {
	b.t.Helper()
	c, err := api.Dial(context.Background(), datafolder.Folder(b.data))
	if err != nil {
		b.t.Fatal(err)
	}
	return c.At(b.tokens[name]), c.Close
}

// newBureau names the people of a server over the socket, as the first persons
// of a fresh server are, and pins who signs writs.
func newBureau(s *server) *bureau {
	t := s.t
	t.Helper()
	b := &bureau{server: s, tokens: map[string]string{}, keys: map[string]ed25519.PrivateKey{}}
	ctx := context.Background()
	socket, done := b.desk("")
	defer done()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	order := []string{"noor.adeyemi", "mira.lindqvist", "theo.brandt", "ada.okafor", "jun.park", "sam.ortiz", "olu.farren", "pia.sund"}
	for _, name := range order {
		must(socket.Do(ctx, http.MethodPut, "persons/"+name, api.PersonInput{Name: name}, nil))
		for _, role := range people[name] {
			must(socket.Do(ctx, http.MethodPost, "persons/"+name+"/roles", api.RoleInput{Role: role}, nil))
		}
	}
	for _, name := range order { // the operators' last: with them the socket's rights end
		token, reg := staff.NewToken()
		must(socket.Do(ctx, http.MethodPost, "tokens/register", api.RegisterInput{
			TokenInput: api.TokenInput{Person: writ.Person(name), Roles: people[name]}, Registration: reg.String(),
		}, nil))
		first, _, _ := strings.Cut(name, ".")
		b.tokens[first] = token
	}
	mira, done := b.desk("mira")
	defer done()
	now, err := mira.Custodians(ctx)
	must(err)
	b.set = policy.Set{V: 1, Number: 1, Threshold: 2, Log: now.Log, Witnesses: now.Policy, At: time.Now().UTC().Truncate(time.Second)}
	for _, name := range []string{"ada", "jun", "mira", "theo"} {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		must(err)
		b.keys[name] = private
		role := writ.RoleCustodian
		if name == "mira" || name == "theo" {
			role = writ.RoleCounsel
		}
		for full := range people {
			if first, _, _ := strings.Cut(full, "."); first == name {
				b.set.Members = append(b.set.Members, policy.Member{Person: writ.Person(full), Role: role, Key: public, Outside: name == "ada", Offline: true})
			}
		}
	}
	payload, err := b.set.Encode()
	must(err)
	e := policy.NewEnvelope(policy.TypeSet, payload)
	for name := range b.keys {
		e.Add(b.sign(name, policy.TypeSet, payload))
	}
	envelope, err := e.Encode()
	must(err)
	_, err = mira.SetCustodians(ctx, envelope)
	must(err)
	return b
}

func (b *bureau) sign(name, kind string, payload []byte) policy.Signature {
	key := b.keys[name]
	return policy.Signature{KeyID: policy.KeyID(key.Public().(ed25519.PublicKey)), Sig: ed25519.Sign(key, policy.Message(kind, payload))}
}

// signCase signs as a custodian does: the very bytes that it was given.
func (b *bureau) signCase(d *api.Desk, name, id string) error {
	s, err := d.ToSign(context.Background(), id)
	if err != nil {
		return err
	}
	sig := b.sign(name, policy.TypeAuthorisation, s.Payload)
	_, err = d.Move(context.Background(), id, "sign", api.SignInput{Digest: s.Digest, Key: sig.KeyID, Sig: sig.Sig})
	return err
}
