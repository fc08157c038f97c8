package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"writ"
	"writ/internal/docket"
	"writ/internal/policy"
)

// The bodies of what leads to a writ and from it.
type (
	// ApproveInput is counsel's word that exactly the scope is produced.
	ApproveInput struct {
		Objects int64       `json:"objects,omitempty" doc:"at most; 0 for as many as are in scope now"`
		Bytes   int64       `json:"bytes,omitempty"`
		Until   time.Time   `json:"until,omitzero"`
		Second  writ.Person `json:"second,omitempty" doc:"the second officer, where law takes one"`
	}
	// SignInput is a custodian's signature: by a key in a file or a passkey, as an
	// envelope carries it, or what a browser returned for the challenge.
	SignInput struct {
		Digest    string     `json:"digest" doc:"SHA-256 of what was signed, in hex"`
		Key       string     `json:"key" doc:"name of the key"`
		Sig       []byte     `json:"sig,omitempty" doc:"as in an envelope"`
		Assertion *Assertion `json:"assertion,omitempty" doc:"instead of sig: what a passkey answered"`
	}
	// Assertion is what a browser's navigator.credentials.get returns.
	Assertion struct {
		AuthenticatorData []byte `json:"authenticator_data"`
		ClientData        []byte `json:"client_data" doc:"the bytes of clientDataJSON"`
		Signature         []byte `json:"signature" doc:"DER"`
	}
	// DeclineInput is a custodian's refusal.
	DeclineInput struct {
		Digest string `json:"digest"`
		Reason string `json:"reason"`
	}
	// WaiveInput lets a writ be used without witnesses.
	WaiveInput struct {
		Envelope json.RawMessage `json:"envelope"`
	}
	// ToSign is what custodians sign: the bytes, and the same for a person.
	ToSign struct {
		Case      writ.CaseID   `json:"case"`
		Name      string        `json:"customer_name,omitempty" doc:"beside what is signed"`
		Type      string        `json:"type"`
		Payload   []byte        `json:"payload"`
		Digest    string        `json:"digest"`
		Threshold int           `json:"threshold"`
		Signed    []writ.Person `json:"signed"`
		Sheet     string        `json:"sheet" doc:"exactly what is signed, in words and numbers"`
		Offline   bool          `json:"offline" doc:"whether a signature with a key that is kept off line is there: it takes one"`
		Challenge []byte        `json:"challenge,omitempty" doc:"what a passkey is asked to sign, if the asking person has one in the set"`
		Passkeys  []Passkey     `json:"passkeys,omitempty" doc:"the asking person's"`
	}
	// Passkey is one of the asking person's passkeys in the custodians' set.
	Passkey struct {
		Key    string `json:"key" doc:"its name in signatures, and its fingerprint"`
		ID     []byte `json:"id" doc:"of the credential"`
		RP     string `json:"rp" doc:"relying party id"`
		Origin string `json:"origin" doc:"the only origin whose pages may ask it"`
	}
	// CustodianSet is who signs writs now.
	CustodianSet struct {
		Digest string      `json:"digest"`
		Set    *policy.Set `json:"set,omitempty" doc:"absent before the first"`
		Log    string      `json:"log" doc:"verifier key of the server's log, for the next set"`
		Policy string      `json:"policy" doc:"its witness policy"`
	}
)

func (h office) writs(a huma.API) {
	d := h.Docket
	type (
		ctxt = context.Context
		who  = docket.Actor
		kase = *docket.Case
	)
	move(h, a, "approve", "Approve what is produced, within limits", func(ctx ctxt, w who, id writ.CaseID, in ApproveInput) (kase, error) {
		return d.Approve(ctx, w, id, docket.Limits{Objects: in.Objects, Bytes: in.Bytes, Until: in.Until, Second: in.Second})
	})
	move(h, a, "draft", "Draw the writ up for the custodians", func(ctx ctxt, w who, id writ.CaseID, _ struct{}) (kase, error) {
		return d.DraftWrit(ctx, w, id)
	})
	move(h, a, "sign", "Add a custodian's signature", func(ctx ctxt, w who, id writ.CaseID, in SignInput) (kase, error) {
		digest, err := hexDigest(in.Digest)
		if err != nil {
			return nil, err
		}
		sig, err := in.signature()
		if err != nil {
			return nil, err
		}
		return d.Sign(ctx, w, id, docket.Signature{Key: in.Key, Sig: sig, Digest: digest})
	})
	move(h, a, "decline", "Refuse to sign, with the reason", func(ctx ctxt, w who, id writ.CaseID, in DeclineInput) (kase, error) {
		digest, err := hexDigest(in.Digest)
		if err != nil {
			return nil, err
		}
		return d.Decline(ctx, w, id, digest, in.Reason)
	})
	move(h, a, "waive", "Go on without witnesses: two persons, one of them counsel", func(ctx ctxt, w who, id writ.CaseID, in WaiveInput) (kase, error) {
		return d.Waive(ctx, w, id, in.Envelope)
	})
	huma.Register(a, huma.Operation{OperationID: "to-sign", Method: http.MethodGet, Path: "/api/v1/cases/{case}/writ", Summary: "What custodians sign, in bytes and in words"},
		func(ctx context.Context, in *CasePath) (*output[ToSign], error) {
			id, err := in.id()
			if err != nil {
				return nil, err
			}
			return answer(h.toSign(ctx, id))
		})
	huma.Register(a, huma.Operation{OperationID: "custodians", Method: http.MethodGet, Path: "/api/v1/custodians", Summary: "Who signs writs now"},
		func(context.Context, *none) (*output[CustodianSet], error) {
			return answer(h.custodians(), nil)
		})
	huma.Register(a, huma.Operation{OperationID: "set-custodians", Method: http.MethodPut, Path: "/api/v1/custodians", Summary: "Put another set in force: signed by all of the first, or by the quorum of the one before"},
		func(ctx context.Context, in *struct {
			Body struct {
				Envelope json.RawMessage `json:"envelope"`
			}
		}) (*output[CustodianSet], error) {
			if err := h.Docket.SetCustodians(ctx, actor(ctx), in.Body.Envelope); err != nil {
				return nil, problem(err)
			}
			return answer(h.custodians(), nil)
		})
}

func (h office) toSign(ctx context.Context, id writ.CaseID) (ToSign, error) {
	c, err := h.Docket.Look(ctx, actor(ctx), id)
	if err != nil {
		return ToSign{}, err
	}
	sheet, threshold, err := h.Docket.Sheet(ctx, c)
	if err != nil {
		return ToSign{}, err
	}
	out := ToSign{
		Case: id, Type: policy.TypeAuthorisation, Payload: c.Draft.Payload, Digest: hex.EncodeToString(c.Draft.Digest),
		Threshold: threshold, Signed: c.Signers(), Sheet: sheet,
	}
	if c.Subject != nil {
		if customer, err := h.Vault.Customer(ctx, string(c.Subject.Customer)); err == nil {
			out.Name = customer.Name
		}
	}
	set, _ := h.Gate.Custodians()
	out.Offline = c.SignedOffline(set)
	for _, m := range set.Members {
		if m.Passkey != nil && m.Person == actor(ctx).Person && m.Role == writ.RoleCustodian {
			out.Passkeys = append(out.Passkeys, Passkey{Key: m.KeyID(), ID: m.Passkey.ID, RP: m.Passkey.RP, Origin: m.Passkey.Origin})
		}
	}
	if len(out.Passkeys) > 0 {
		challenge := policy.Challenge(out.Type, out.Payload)
		out.Challenge = challenge[:]
	}
	return out, nil
}

// signature is the signature as an envelope carries it.
func (in SignInput) signature() ([]byte, error) {
	switch {
	case (in.Assertion == nil) == (in.Sig == nil):
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Detail: "a signature is sig, or a passkey's assertion, and not both"}
	case in.Assertion != nil:
		a := in.Assertion
		return policy.PasskeySignature(a.AuthenticatorData, a.ClientData, a.Signature)
	}
	return in.Sig, nil
}

func (h office) custodians() CustodianSet {
	out := CustodianSet{Log: h.Docket.LogKey, Policy: h.Docket.Witnesses}
	if set, ok := h.Gate.Custodians(); ok {
		digest := set.Digest()
		out.Digest, out.Set = hex.EncodeToString(digest[:]), &set
	}
	return out
}

func hexDigest(s string) ([]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 {
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity", Detail: "a digest is a SHA-256 in hex"}
	}
	return b, nil
}
