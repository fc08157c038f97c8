package apitest

import (
	"encoding/hex"
	"net/http"

	"writ"
	"writ/internal/api"
	"writ/internal/staff"
)

// Enrolled takes an authority into the directory, with the SHA-256 of its clients'
// certificates, which two persons stand behind.
func (h *House) Enrolled(name string, clients ...[]byte) writ.AuthorityID {
	h.T.Helper()
	noor, mira := h.Desk("noor"), h.Desk("mira")
	var a api.Authority
	h.Must(noor.Do(h.Ctx, "POST", "authorities", api.AuthorityInput{Name: name, Country: "FR", Kind: staff.Court}, &a))
	at := "authorities/" + string(a.ID)
	h.Must(noor.Do(h.Ctx, "POST", at+"/call-backs", api.CallBack{Phone: "+33 5 55 01 00 20", Where: "switchboard", Source: "register", Detail: "justice register"}, &a))
	h.Must(mira.Do(h.Ctx, "POST", at+"/call-backs/"+a.CallBacks[0].ID+"/verify", nil, nil))
	for _, sum := range clients {
		print := hex.EncodeToString(sum)
		h.Must(noor.Do(h.Ctx, "POST", at+"/keys", map[string]string{"kind": "tls-client", "text": print}, nil))
		h.Must(mira.Do(h.Ctx, "POST", at+"/keys/"+print+"/verify", nil, nil))
	}
	return a.ID
}

// Officers is the interface for officers of the house.
func (h *House) Officers() http.Handler {
	return api.OfficerHandler(api.Officers{Docket: h.Docket, Law: h.Law, Version: "test", Now: h.Now})
}
