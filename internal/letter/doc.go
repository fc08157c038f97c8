// Package letter writes what a provider has to say in a case: to authorities,
// to customers, and to its own people, in English, German, French and Spanish,
// as plain text and as PDF.
//
// [Load] reads the built-in templates, [LoadHouse] also an operator's own
// texts. A [Set] then makes a [Document] from a [Head] (who writes to whom,
// when, in which case) and one of the data types of this package, each of
// which is one [Kind] of letter:
//
//	set, err := letter.Load()
//	doc, err := set.Make("de", head, letter.NoData{Demand: demand, …})
//	text := doc.Text()
//	pdf, err := doc.PDF()
//
// # Templates
//
// templates/kinds.yaml says once, for all languages, which blocks a kind is
// made of, in which order, on which fields each depends, and which are
// statements that law or fairness demands ("must"). templates/<language>/ has
// a file for each kind with the texts of its blocks, and words.yaml with the
// names of instruments, classes and bases of secrecy, months, units. A text
// holds {placeholders}, each the JSON name of a field of the kind's data type;
// there is no other syntax, and no way from a template to a method. Loading
// fails unless every kind has every text, with the same placeholders, in every
// language.
//
// # Hostile text
//
// Much of what goes into a letter was written by others. Strings are bounded;
// what is too long or too many is refused by a sentence that names the field.
// What cannot be seen, or turns the direction of writing, is shown as its
// number (<U+202E>), never obeyed and never dropped; so is, in a PDF, what the
// fonts lack. Nothing in a PDF is active: no links, no scripts, no attachments.
//
// # What stays the same
//
// The same input gives the same bytes, text and PDF: no clock is read.
// docs/letters.md lists the kinds and their fields.
//
// Nothing here is legal advice: the texts are a start that counsel answers for.
package letter
