package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/signin"
	"writ/internal/staff"
)

var errNoSignin = errors.New("nobody signs in at a browser here: the server doesn't know under which address its console is reached")

// InviteInput says who is invited to enrol a passkey: a person of the staff, a user of
// a customer, or an officer of an authority.
type InviteInput struct {
	Person    writ.Person      `json:"person,omitempty"`
	Customer  string           `json:"customer,omitempty" doc:"name or id; with name"`
	Authority writ.AuthorityID `json:"authority,omitempty" doc:"with name"`
	Name      string           `json:"name,omitempty" doc:"the user's or officer's short name, lower-case"`
	Recover   bool             `json:"recover,omitempty" doc:"the passkey, once another person has confirmed it, takes the place of all others of the account"`
}

// Invited is an invitation. Its secret is told once.
type Invited struct {
	Account string    `json:"account"`
	Secret  string    `json:"secret"`
	Expires time.Time `json:"expires"`
	Waits   bool      `json:"waits,omitempty" doc:"another person must confirm the passkey before it signs anybody in"`
}

// AccountPasskey is what is kept of a passkey that signs in.
type AccountPasskey struct {
	ID          string    `json:"id"`
	Account     string    `json:"account"`
	Label       string    `json:"label,omitempty"`
	Added       time.Time `json:"added"`
	InvitedBy   string    `json:"invited_by"`
	Invited     string    `json:"invited" doc:"how who invited came in: a token, a session or the socket"`
	Waits       bool      `json:"waits,omitempty" doc:"another person must confirm it"`
	Recovers    bool      `json:"recovers,omitempty"`
	ConfirmedBy string    `json:"confirmed_by,omitempty"`
	Confirmed   time.Time `json:"confirmed,omitzero"`
	Copied      time.Time `json:"copied,omitzero" doc:"when its counter went back: it signs nobody in any more"`
	Used        time.Time `json:"used,omitzero"`
	Synced      bool      `json:"synced,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty" doc:"of one that waits, for its owner alone"`
}

// SessionInfo is somebody signed in at one browser.
type SessionInfo struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Began   time.Time `json:"began"`
	Seen    time.Time `json:"seen" doc:"to the minute"`
	Ends    time.Time `json:"ends" doc:"at the latest"`
	Fresh   time.Time `json:"fresh,omitzero" doc:"last verified by passkey"`
	By      string    `json:"by"`
	Addr    string    `json:"addr,omitempty"`
	Browser string    `json:"browser"`
	Here    bool      `json:"here,omitempty" doc:"the one that asks"`
}

type accountQuery struct {
	Account string `query:"account" maxLength:"200" doc:"as in staff/mira.lindqvist; default: your own"`
}

// PasskeyPath names a passkey.
type PasskeyPath struct {
	Passkey string `path:"passkey" maxLength:"40"`
}

func (h office) signin(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "invite", Method: http.MethodPost, Path: "/api/v1/invitations", Summary: "Invite somebody, or yourself, to enrol a passkey; the secret is told once", DefaultStatus: http.StatusCreated},
		func(ctx context.Context, in *struct{ Body InviteInput }) (*output[Invited], error) {
			if h.Signin == nil {
				return nil, problem(errNoSignin)
			}
			account, err := h.invitee(ctx, in.Body)
			if err != nil {
				return nil, problem(err)
			}
			inv, err := h.Signin.Invite(ctx, signin.Person(identity(ctx)), account, in.Body.Recover)
			return answer(Invited{account.ID(), inv.Secret, inv.Expires, inv.Waits}, err)
		})
	huma.Register(a, huma.Operation{OperationID: "passkeys", Method: http.MethodGet, Path: "/api/v1/passkeys", Summary: "An account's passkeys"},
		func(ctx context.Context, in *accountQuery) (*output[[]AccountPasskey], error) {
			account, err := h.account(ctx, in.Account, "list-passkeys")
			if err != nil {
				return nil, problem(err)
			}
			all, err := h.Signin.Passkeys(ctx, account)
			return answer(passkeysFor(identity(ctx), all), err)
		})
	huma.Register(a, huma.Operation{OperationID: "waiting-passkeys", Method: http.MethodGet, Path: "/api/v1/passkeys/waiting", Summary: "Passkeys that wait for you to confirm them"},
		func(ctx context.Context, _ *none) (*output[[]AccountPasskey], error) {
			return answer(h.waitingPasskeys(ctx))
		})
	huma.Register(a, huma.Operation{OperationID: "confirm-passkey", Method: http.MethodPost, Path: "/api/v1/passkeys/{passkey}/confirm", Summary: "Confirm a passkey that another person invited, by the fingerprint that its owner reads out", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			PasskeyPath
			Body struct {
				Fingerprint string `json:"fingerprint" maxLength:"40"`
			}
		}) (*none, error) {
			return h.signed(func(s *signin.Signin) error { return s.Confirm(ctx, identity(ctx), in.Passkey, in.Body.Fingerprint) })
		})
	huma.Register(a, huma.Operation{OperationID: "decline-passkey", Method: http.MethodPost, Path: "/api/v1/passkeys/{passkey}/decline", Summary: "Drop a passkey that waits", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *PasskeyPath) (*none, error) {
			return h.signed(func(s *signin.Signin) error { return s.Decline(ctx, identity(ctx), in.Passkey) })
		})
	huma.Register(a, huma.Operation{OperationID: "rename-passkey", Method: http.MethodPut, Path: "/api/v1/passkeys/{passkey}", Summary: "Give a passkey of yours another label", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			PasskeyPath
			Body struct {
				Label string `json:"label" maxLength:"60"`
			}
		}) (*none, error) {
			return h.signed(func(s *signin.Signin) error {
				return s.RenamePasskey(ctx, signin.Person(identity(ctx)), in.Passkey, in.Body.Label)
			})
		})
	huma.Register(a, huma.Operation{OperationID: "remove-passkey", Method: http.MethodDelete, Path: "/api/v1/passkeys/{passkey}", Summary: "Remove a passkey, and end the sessions that it began", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *PasskeyPath) (*none, error) {
			return h.signed(func(s *signin.Signin) error {
				return s.RemovePasskey(ctx, signin.Person(identity(ctx)), in.Passkey)
			})
		})
	h.sessions(a)
}

func (h office) sessions(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "sessions", Method: http.MethodGet, Path: "/api/v1/sessions", Summary: "Where an account is signed in"},
		func(ctx context.Context, in *accountQuery) (*output[[]SessionInfo], error) {
			account, err := h.account(ctx, in.Account, "list-sessions")
			if err != nil {
				return nil, problem(err)
			}
			all, err := h.Signin.Sessions(ctx, account)
			out := make([]SessionInfo, 0, len(all))
			for _, s := range all {
				one := SessionInfo{s.ID, s.Account.ID(), s.Began, s.Seen, s.Ends, s.Fresh, s.By, "", s.Agent, s.ID == identity(ctx).Session}
				if s.Addr.IsValid() {
					one.Addr = s.Addr.String()
				}
				out = append(out, one)
			}
			return answer(out, err)
		})
	huma.Register(a, huma.Operation{OperationID: "revoke-session", Method: http.MethodDelete, Path: "/api/v1/sessions/{session}", Summary: "End a session", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			Session string `path:"session" maxLength:"40"`
		}) (*none, error) {
			return h.signed(func(s *signin.Signin) error { return s.Revoke(ctx, signin.Person(identity(ctx)), in.Session) })
		})
	huma.Register(a, huma.Operation{OperationID: "revoke-sessions", Method: http.MethodDelete, Path: "/api/v1/sessions", Summary: "End all sessions of an account", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *accountQuery) (*none, error) {
			return h.signed(func(s *signin.Signin) error {
				account, err := ownAccount(identity(ctx), in.Account)
				if err != nil {
					return err
				}
				return s.RevokeAll(ctx, signin.Person(identity(ctx)), account)
			})
		})
}

// signed does something with the room, if there is one.
func (h office) signed(do func(*signin.Signin) error) (*none, error) {
	if h.Signin == nil {
		return nil, problem(errNoSignin)
	}
	return done(do(h.Signin))
}

// own is the account that a request names, or the asker's.
func ownAccount(who staff.Identity, id string) (signin.Account, error) {
	if id == "" && who.Person != "" {
		return signin.StaffAccount(who.Person), nil
	}
	return signin.ParseAccount(id)
}

// account is the account that a request names, if the asker may look at it: their own;
// an operator or auditor at all but officers', intake and counsel at officers'.
func (h office) account(ctx context.Context, id, act string) (signin.Account, error) {
	if h.Signin == nil {
		return signin.Account{}, errNoSignin
	}
	who := identity(ctx)
	account, err := ownAccount(who, id)
	if err != nil || account == signin.StaffAccount(who.Person) {
		return account, err
	}
	roles := []writ.Role{writ.RoleOperator, writ.RoleAuditor}
	if account.Kind == signin.KindOfficer {
		roles = entry
	}
	return account, h.Staff.Require(ctx, who, act, account.ID(), roles...)
}

// invitee is the account that an invitation is for. Which customers there are, only
// operators learn.
func (h office) invitee(ctx context.Context, in InviteInput) (signin.Account, error) {
	a := signin.Account{Person: in.Person, Authority: in.Authority, Name: in.Name}
	switch {
	case in.Customer != "":
		if who := identity(ctx); who.Person != "" {
			if err := h.Staff.Require(ctx, who, "passkey.invite", "", writ.RoleOperator); err != nil {
				return a, err
			}
		}
		c, err := h.Vault.Customer(ctx, in.Customer)
		if err != nil {
			return a, err
		}
		a.Kind, a.Customer = signin.KindCustomer, c.ID
	case in.Authority != "":
		a.Kind = signin.KindOfficer
	default:
		a.Kind = signin.KindStaff
	}
	return a, nil
}

func (h office) waitingPasskeys(ctx context.Context) ([]AccountPasskey, error) {
	if h.Signin == nil {
		return nil, errNoSignin
	}
	who, out := identity(ctx), []AccountPasskey{}
	for _, kind := range []signin.Kind{signin.KindStaff, signin.KindCustomer, signin.KindOfficer} {
		mine := keepers
		if kind == signin.KindOfficer {
			mine = entry
		}
		if !slices.ContainsFunc(mine, who.Has) {
			continue
		}
		all, err := h.Signin.Waiting(ctx, kind)
		if err != nil {
			return nil, err
		}
		out = append(out, passkeysFor(who, all)...)
	}
	return out, nil
}

// passkeysFor shows passkeys to somebody: the fingerprint of one that waits is for its
// owner alone, so that whoever confirms it must ask.
func passkeysFor(who staff.Identity, all []signin.Passkey) []AccountPasskey {
	out := make([]AccountPasskey, 0, len(all))
	for _, p := range all {
		one := AccountPasskey{
			p.ID, p.Account.ID(), p.Label, p.Added, p.InvitedBy, p.Invited, p.Waits, p.Recovers, p.ConfirmedBy, p.Confirmed, p.Cloned, p.Used, p.Synced, p.Fingerprint,
		}
		if p.Waits && p.Account != signin.StaffAccount(who.Person) {
			one.Fingerprint = ""
		}
		out = append(out, one)
	}
	return out
}

// users is the part of the administration that brings a customer's first user: who has
// the socket has the machine, and the customer sees who invited.
func (h handlers) users(a huma.API) {
	huma.Register(a, huma.Operation{OperationID: "invite-user", Method: http.MethodPost, Path: "/v1/customers/{customer}/invitations", Summary: "Invite a customer's first user to enrol a passkey; the secret is told once", DefaultStatus: http.StatusCreated},
		func(ctx context.Context, in *struct {
			CustomerPath
			Body struct {
				Name    string `json:"name" maxLength:"64"`
				Recover bool   `json:"recover,omitempty"`
			}
		}) (*output[Invited], error) {
			if h.Signin == nil {
				return nil, problem(errNoSignin)
			}
			c, err := h.Vault.Customer(ctx, in.Customer)
			if err != nil {
				return nil, problem(err)
			}
			account := signin.Account{Kind: signin.KindCustomer, Customer: c.ID, Name: in.Body.Name}
			inv, err := h.Signin.Invite(ctx, signin.Machine(who(ctx)), account, in.Body.Recover)
			return answer(Invited{account.ID(), inv.Secret, inv.Expires, inv.Waits}, err)
		})
}

// InviteUser invites a customer's first user.
func (c *Client) InviteUser(ctx context.Context, customer, name string, recovers bool) (inv Invited, err error) {
	err = c.do(ctx, http.MethodPost, "/v1/customers/"+segment(customer)+"/invitations", map[string]any{"name": name, "recover": recovers}, &inv)
	return inv, err
}
