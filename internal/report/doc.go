// Package report makes transparency reports: how many demands came, from whom,
// what became of them, and what their customers were told.
//
// It is pure: cases go in, a report comes out, and the same cases and [Options]
// give the same bytes. It knows no docket, no clock and no network. A [Case] is
// one demand as far as a report has to know it; the docket makes cases from its
// events, and [ReadImport] from a file of demands (docs/reports.md is the
// contract of both).
//
// [Make] refuses to make a report that can't be true: whatever contradicts
// itself comes back as one [Refusal] that lists every contradiction with the
// case to blame for it. Each figure is counted apart from the figures that it
// is part of, and the sums are compared afterwards, so that an error of the
// program's own is refused too.
//
// Two layouts. "writ" is Writ's own: one period, everything counted, and small
// figures hidden by a rule that the report states ([Small]). "github" is the
// layout of a published report, table by table, exact; its figures by year or
// half-year. In both, letters and orders of US national security are counted
// nowhere but in one of the four structures of 50 USC 1874 ([Structure]).
//
// What is printed is what is kept: a [Report] holds no figure that it hides.
package report
