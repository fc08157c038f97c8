package letter

import (
	"slices"
	"strings"
)

// toAuthorities are the kinds that are written to the authority.
var toAuthorities = []Kind{
	Acknowledgement{}.Kind(), Clarification{}.Kind(), Objection{}.Kind(), Rejection{}.Kind(), Referral{}.Kind(), NoData{}.Kind(), Partial{}.Kind(),
	Delivery{}.Kind(), OrderDemand{}.Kind(), ReleaseRequest{}.Kind(), Preservation{}.Kind(), PreservationExpiry{}.Kind(),
	EUImpossibility{}.Kind(), EUFollowUp{}.Kind(), EUExtension{}.Kind(),
}

// ToAuthorities are the kinds of letters that are written to the authority that
// asks, and to nobody else.
func ToAuthorities() []Kind { return slices.Clone(toAuthorities) }

// asking are those to which an answer is expected.
var asking = []Kind{Clarification{}.Kind(), OrderDemand{}.Kind(), ReleaseRequest{}.Kind(), EUImpossibility{}.Kind()}

// Asks says whether a letter of a kind asks the authority for something.
func Asks(k Kind) bool { return slices.Contains(asking, k) }

// KindOf is the kind of a letter by the name of its file, KIND-LANGUAGE.pdf.
func KindOf(name string) (Kind, bool) {
	base, ok := strings.CutSuffix(name, ".pdf")
	i := strings.LastIndexByte(base, '-')
	if !ok || i < 0 || !slices.Contains(languages, base[i+1:]) {
		return "", false
	}
	_, known := makers[Kind(base[:i])]
	return Kind(base[:i]), known
}
