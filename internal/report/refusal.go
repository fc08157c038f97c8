package report

import (
	"fmt"
	"strings"

	"writ/internal/printable"
)

// Refusal is why a report isn't made: everything found that contradicts
// itself, or that law forbids to print.
type Refusal struct {
	Contradictions []Contradiction // at most maxContradictions of them
	More           int             // how many were found besides
}

// Contradiction is one thing that can't be true or can't be printed.
type Contradiction struct {
	Ref  string // the case to blame; empty if it isn't one case
	What string // one clear sentence, without the ref
}

func (c Contradiction) String() string {
	if c.Ref == "" {
		return c.What
	}
	return "case " + printable.Line(c.Ref) + ": " + c.What
}

const (
	maxContradictions = 1000 // kept
	maxPrinted        = 20   // in the text of the error
)

// Error names the first contradictions and how many there are.
func (r *Refusal) Error() string {
	n := len(r.Contradictions) + r.More
	var b strings.Builder
	fmt.Fprintf(&b, "the report isn't made: %d contradiction", n)
	if n != 1 {
		b.WriteByte('s')
	}
	for i, c := range r.Contradictions {
		if i == maxPrinted {
			break
		}
		b.WriteString("\n  " + c.String())
	}
	if n > maxPrinted {
		fmt.Fprintf(&b, "\n  and %d more", n-maxPrinted)
	}
	return b.String()
}

func (r *Refusal) blame(ref, format string, args ...any) {
	if len(r.Contradictions) == maxContradictions {
		r.More++
		return
	}
	r.Contradictions = append(r.Contradictions, Contradiction{ref, fmt.Sprintf(format, args...)})
}

func (r *Refusal) orNil() error {
	if len(r.Contradictions) == 0 {
		return nil
	}
	return r
}
