package vault

import (
	"fmt"
	"time"

	"writ"
	"writ/internal/blob"
	"writ/internal/records"
)

// The layout of the records that keep the others, beside those in layout.go:
//
//	p blob 0000                         the key of the record that names the blob's parts:
//	                                    an upload's, a version's identity, or a kept record's
//	t ref                               empty: a blob deleted from a segment that is still there
//	P customer pin                      pinRecord
//	N pin                               the id of the customer of that pin, as text
//	i pin 0 bucket 0 key 0 blob         pinnedRecord: a version under a pin; empty
//	                                    if it came under it before there were tags to it
//	q blob                              keptRecord: a version under at least one pin
//	R customer                          rotation under way
//	S customer                          empty: removal of a shredded customer's data under way
//	L customer bucket                   cursor of lifecycle
//	J job                               runRecord: how a job ended the last time
//	G                                   list of dayRecord: what customers kept, by day
//	Q                                   keptCheckRecord: what the last check found of kept versions
const (
	tagDead     = 't'
	tagPin      = 'P'
	tagPinName  = 'N'
	tagPinned   = 'i'
	tagKept     = 'q'
	tagRotation = 'R'
	tagRemoval  = 'S'
	tagCursor   = 'L'
	tagRun      = 'J'
	tagChecked  = 'Q'
	tagGrowth   = 'G'
)

func partsOwnerKey(id writ.BlobID) []byte { return partKey(id, 0) }

func deadKey(ref blob.Ref) []byte { return ref.AppendKey([]byte{tagDead}) }

// deadVolume returns what the dead records of one segment begin with.
func deadVolume(key []byte) []byte { return key[:1+1+8] }

func pinPrefix(customer writ.CustomerID) []byte { return join(tagPin, string(customer)) }
func pinNameKey(id string) []byte               { return join(tagPinName, id) }
func pinnedPrefix(id string) []byte             { return join(tagPinned, id, "\x00") }
func keptKey(id writ.BlobID) []byte             { return join(tagKept, string(id[:])) }
func rotationPrefix() []byte                    { return []byte{tagRotation} }
func removalPrefix() []byte                     { return []byte{tagRemoval} }
func runKey(job Job) []byte                     { return join(tagRun, string(job)) }
func keptCheckKey() []byte                      { return []byte{tagChecked} }
func growthKey() []byte                         { return []byte{tagGrowth} }

func pinKey(customer writ.CustomerID, id string) []byte { return join(tagPin, string(customer), id) }
func rotationKey(customer writ.CustomerID) []byte       { return join(tagRotation, string(customer)) }
func removalKey(customer writ.CustomerID) []byte        { return join(tagRemoval, string(customer)) }

func pinnedKey(id string, n name, blobID writ.BlobID) []byte {
	return join(tagPinned, id, "\x00", string(n.bucket), "\x00", string(n.key), "\x00", string(blobID[:]))
}

// pinnedBlob reads the blob id off the key of a version under a pin.
func pinnedBlob(key []byte) (id writ.BlobID, err error) {
	if len(key) < len(id) || key[0] != tagPinned {
		return id, fmt.Errorf("%w: key of a version under a pin", ErrCorrupt)
	}
	copy(id[:], key[len(key)-len(id):])
	return id, nil
}

// keptOf reads the key of a kept record.
func keptOf(key []byte) (id writ.BlobID, err error) {
	if len(key) != 1+len(id) || key[0] != tagKept {
		return id, fmt.Errorf("%w: key of a kept record", ErrCorrupt)
	}
	copy(id[:], key[1:])
	return id, nil
}

func cursorKey(owner writ.CustomerID, bucket writ.BucketName) []byte {
	return join(tagCursor, string(owner), string(bucket))
}

// wrappedScopes are the ranges in which a customer's records hold wrapped
// data keys, in order of key.
func wrappedScopes(customer writ.CustomerID) []records.Range {
	return []records.Range{
		records.Prefix(join(tagUpload, string(customer))),
		records.Prefix(join(tagHead, string(customer))),
		records.Prefix(join(tagVersion, string(customer))),
	}
}

// uploadRecord is a multipart upload that is under way.
type uploadRecord struct {
	Blob      writ.BlobID     `cbor:"1,keyasint"`
	Wrapped   []byte          `cbor:"2,keyasint"`
	Initiator writ.CustomerID `cbor:"3,keyasint,omitempty"`
	Begun     int64           `cbor:"4,keyasint"` // Unix nanoseconds
	Draft     Draft           `cbor:"5,keyasint,omitzero"`
	Algorithm string          `cbor:"6,keyasint,omitempty"` // of the checksums that its parts carry
	Composite bool            `cbor:"7,keyasint,omitempty"`
}

func (r *uploadRecord) public(owner writ.CustomerID, ref UploadRef) Upload {
	return Upload{
		ID: ref.ID, Bucket: ref.Bucket, Key: ref.Key, Owner: owner, Initiator: r.Initiator,
		Begun: time.Unix(0, r.Begun).UTC(), Class: r.Draft.Class,
		ChecksumAlgorithm: r.Algorithm, ChecksumComposite: r.Composite,
	}
}

// partRecord is one part of an upload, or of the version that it became.
type partRecord struct {
	Ref      []byte   `cbor:"1,keyasint"`
	Size     int64    `cbor:"2,keyasint"` // bytes of plaintext
	ETag     [16]byte `cbor:"3,keyasint"`
	Modified int64    `cbor:"4,keyasint"` // Unix nanoseconds
	Checksum Checksum `cbor:"5,keyasint,omitzero"`
}

// partEntry is a part's record with its number and reference read.
type partEntry struct {
	partRecord
	Number uint16
	Ref    blob.Ref
}

// decodePart reads a part's record.
func decodePart(e records.Entry) (p partEntry, err error) {
	_, number, err := parsePart(e.Key)
	if err != nil {
		return p, err
	}
	if err := decode(e.Value, &p.partRecord); err != nil {
		return p, err
	}
	p.Number = number
	if err := p.Ref.UnmarshalBinary(p.partRecord.Ref); err != nil {
		return p, fmt.Errorf("%w: reference to a part: %w", ErrCorrupt, err)
	}
	return p, nil
}

func (p *partEntry) etag() string { return formatETag(p.ETag, 1) }

func (p *partEntry) public() Part {
	return Part{
		Number: int(p.Number), Size: p.Size, ETag: p.etag(), Checksum: p.Checksum,
		Modified: time.Unix(0, p.Modified).UTC(),
	}
}
