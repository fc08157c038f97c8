// Package law says what the law packs (package packs, at the top of the tree)
// mean for one demand: which rules it passes, fails, or leaves to counsel
// ([Law.Review]), which clocks run ([Law.Clocks]), on which basis the customer
// is told or not ([Law.Secrecy]), which answers the instrument knows
// ([Law.Answers]) and whether data are pinned from receipt ([Law.PinFrom]).
//
// Everything is a pure function of its arguments. The package does no I/O but
// to read the file system given to [Load], has no clock of its own, and a
// [Law] never changes: it may be used by any number of goroutines.
//
// # What is not known is never passed
//
// A fact is yes, no or unknown, and so is a field that nobody filled in. A rule
// that hangs on something unknown comes out as [Counsel], never as [Pass], and
// the finding names the questions that would settle it. A rule whose article
// nobody has read in a primary text says so: [Unverified] is shown beside each
// finding and clock that rests on it.
//
// # Time
//
// Instants go in and come out in UTC. Periods of days and months are counted in
// the provider's zone: the day of the event does not count, the period ends
// with the last day. Periods of hours are hours that pass, whatever the clocks
// on the wall do. Where a reading of the law gives more time (the first full
// hour, the next working day), [Clock].Outer says when, and Due stays the
// earlier.
//
// # Nothing here is legal advice
//
// Counsel decides. The software makes sure that what was decided is limited,
// logged, reasoned and, when it may be, told.
package law
