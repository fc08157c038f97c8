package letter

import (
	"fmt"
	"maps"
	"slices"
)

// makers has one empty value of each kind's data type.
var makers = map[Kind]func() Data{}

func register[T any, P interface {
	*T
	Data
}]() {
	makers[P(new(T)).Kind()] = func() Data { return P(new(T)) }
}

func init() {
	register[Acknowledgement]()
	register[Clarification]()
	register[Objection]()
	register[Rejection]()
	register[Referral]()
	register[NoData]()
	register[Partial]()
	register[Delivery]()
	register[OrderDemand]()
	register[ReleaseRequest]()
	register[Preservation]()
	register[PreservationExpiry]()
	register[EUImpossibility]()
	register[EUFollowUp]()
	register[EUExtension]()
	register[NoticeBefore]()
	register[NoticeAfter]()
	register[NoticeLate]()
	register[NoticeReferral]()
	register[NoticePreservation]()
	register[Determination]()
	register[Custody]()
	register[Review]()
	register[Page]()
	register[Authorisation]()
}

// Kinds are all kinds of letters, in the order of their names.
func Kinds() []Kind { return slices.Sorted(maps.Keys(makers)) }

// New returns an empty data type of a kind, to decode JSON into.
func New(kind Kind) (Data, error) {
	mk, ok := makers[kind]
	if !ok {
		return nil, fmt.Errorf("no letter is called %q; there are %q", kind, Kinds())
	}
	return mk(), nil
}

// Every data type has Demand in it or is a page; these close the set.
func (Demand) letter() {}
func (Page) letter()   {}
