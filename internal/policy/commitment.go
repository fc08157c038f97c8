package policy

import (
	"encoding/hex"
	"fmt"

	"writ"
)

// The kinds of the hidden statements that must be in the ledger before law
// opens anything.
const (
	KindWrit    = "writ"
	KindOpening = "opening"
)

// Committed is what the body of such a statement says at least; it may say
// more. A writ's says nothing of a list.
type Committed struct {
	Case    writ.CaseID `json:"case"`
	Writ    []byte      `json:"writ"`           // SHA-256 of the authorisation's payload
	List    []byte      `json:"list,omitempty"` // [ListDigest]
	Objects int64       `json:"objects,omitempty"`
	Bytes   int64       `json:"bytes,omitempty"`
}

// Commitment is a hidden statement as it is given to the ledger: its id there,
// its kind and its body.
type Commitment struct {
	ID, Kind string
	Body     Committed
}

// CommitWrit is the commitment to a writ.
func CommitWrit(c writ.CaseID, digest [32]byte) Commitment {
	return Commitment{
		ID:   fmt.Sprintf("%s/%s/%s", KindWrit, c, hex.EncodeToString(digest[:])),
		Kind: KindWrit, Body: Committed{Case: c, Writ: digest[:]},
	}
}

// CommitOpening is the commitment to opening exactly this list under a writ. Its
// id names both: the same list may be opened under a later writ of the case.
func CommitOpening(c writ.CaseID, digest [32]byte, list []Item) Commitment {
	l, bytes := ListDigest(list), int64(0)
	for _, i := range list {
		bytes += i.Size
	}
	return Commitment{
		ID:   fmt.Sprintf("%s/%s/%s/%s", KindOpening, c, hex.EncodeToString(digest[:]), hex.EncodeToString(l[:])),
		Kind: KindOpening, Body: Committed{Case: c, Writ: digest[:], List: l[:], Objects: int64(len(list)), Bytes: bytes},
	}
}
