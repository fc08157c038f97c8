package docket

import (
	"encoding/binary"

	"writ"
)

// The layout of the docket's records. This comment is its specification.
//
// All keys begin with the letter 'D' (other rooms use others) and a second
// that says what it is. Numbers are big-endian. A case's id has 14 bytes,
// always; a document's 16.
//
//	D c case            summary: what lists and reports read of a case (CBOR)
//	D e case seq32      event: JSON, as it was hashed
//	D d document        documentRecord (CBOR)
//	D x document n32    a piece of a document's sealed bytes
//	D z case            tombstone: what is left of a case that was erased (CBOR)
//	D r digest          publication: a report whose digest is in the public log (CBOR)
//	D b digest          paper: the bytes of a published report (CBOR)
//	D p case piece32    a stretch of the exact list of a production (JSON)
//
// # What an event is
//
// One line of JSON. Its hash is SHA-256("writ/case-event/v1" ‖ the bytes). Each
// event names the hash of the one before, so that a case is a chain; the first
// names 32 zero bytes. The event, its commitment in the ledger and the summary
// are written in one transaction: there is no event without a commitment, and
// none that a summary does not know.
const (
	tagDocket   = 'D'
	tagCase     = 'c'
	tagEvent    = 'e'
	tagDocument = 'd'
	tagPiece    = 'x'
	tagList     = 'p'
	tagErased   = 'z'
	tagReport   = 'r'
	tagPaper    = 'b'
)

func key(tag byte, rest ...string) []byte {
	b := []byte{tagDocket, tag}
	for _, s := range rest {
		b = append(b, s...)
	}
	return b
}

func tombstoneKey(id writ.CaseID) []byte { return key(tagErased, string(id)) }
func caseKey(id writ.CaseID) []byte      { return key(tagCase, string(id)) }
func eventsPrefix(id writ.CaseID) []byte { return key(tagEvent, string(id)) }
func listPrefix(id writ.CaseID) []byte   { return key(tagList, string(id)) }

func eventKey(id writ.CaseID, seq uint32) []byte {
	return binary.BigEndian.AppendUint32(eventsPrefix(id), seq)
}

func listKey(id writ.CaseID, piece uint32) []byte {
	return binary.BigEndian.AppendUint32(listPrefix(id), piece)
}

func documentKey(id DocumentID) []byte    { return key(tagDocument, string(id[:])) }
func documentPieces(id DocumentID) []byte { return key(tagPiece, string(id[:])) }

func documentPiece(id DocumentID, n uint32) []byte {
	return binary.BigEndian.AppendUint32(documentPieces(id), n)
}
