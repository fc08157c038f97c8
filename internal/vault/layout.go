package vault

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"writ"
	"writ/internal/blob"
	"writ/internal/records"
)

// The layout of the records. This comment is its specification.
//
// A record's key begins with a letter that says what it is. Customers' ids
// have 22 bytes, always. Names of buckets hold no NUL, and keys of objects
// neither, so that a NUL ends each and the order of records is the bytewise
// order of names. Numbers are big-endian. Values are CBOR (RFC 8949) with
// integer keys, as the record types say, unless stated otherwise.
//
//	c customer                          customerRecord
//	n name                              the id of the customer of that name, as text
//	k access                            credentialRecord
//	K customer access                   empty: a customer's credentials
//	b bucket                            bucketRecord
//	B customer bucket                   empty: a customer's buckets
//	o customer bucket 0 key             versionRecord: the newest version, the "head"
//	v customer bucket 0 key 0 ^stamp    versionRecord: an older version
//	d ms48 blob                         inline data (below)
//	r ref                               who owns a blob: the identity of what names it
//	u customer slot16                   usageRecord: a share of the customer's usage
//	m customer bucket 0 key 0 upload    uploadRecord: a multipart upload
//	p blob number16                     partRecord: a part of an upload, or of a version
//	x blob                              drop record: parts that are to be removed
//
// # Versions
//
// Each version has a stamp, 16 bytes that order the versions of a key as
// they were made: 48 bits of Unix milliseconds and 80 random bits, raised
// where that is needed to come after the version before. Its text is the
// version's id, a ULID, but for null versions, which are called "null". A key has a
// head if it has any version; the head is the newest, and may be a delete
// marker. So one Get finds the current version, a scan of heads lists a
// bucket, and older versions cost neither anything. A key has at most one
// null version; if that is not the head, the head's NullAt is its stamp.
//
// A version's identity is its "v" key, whether it lies there or is the head:
// this is what an owner entry holds, so that it stays true when the head is
// superseded.
//
// # Data
//
// Up to inlineLimit bytes of plaintext are sealed into a record of their own
// beside the version's. Its key begins with the time of the version's making,
// so that new data go to one end of the key space and compaction moves them
// as they are; lying in the head they would make every listing read them and
// every compaction rewrite them. The value is the length of the identity
// (16 bits), the identity of who owns the data, and a whole sealed object.
// More bytes are a blob, which the version names by its ref, and whose owner
// entry names the version. Those of a version made of parts are found by the
// records of its parts.
//
// # Usage
//
// A transaction that changes a customer's usage writes one of its usage
// records, which hold running sums and add up to the usage. See account.
const (
	tagCustomer   = 'c'
	tagName       = 'n'
	tagCredential = 'k'
	tagAccess     = 'K'
	tagBucket     = 'b'
	tagOwned      = 'B'
	tagHead       = 'o'
	tagVersion    = 'v'
	tagData       = 'd'
	tagOwner      = 'r'
	tagUsage      = 'u'
	tagUpload     = 'm'
	tagPart       = 'p'
	tagDrop       = 'x'
)

const customerLength = 22 // bytes of a [writ.CustomerID]

func customerKey(id writ.CustomerID) []byte        { return join(tagCustomer, string(id)) }
func nameKey(name string) []byte                   { return join(tagName, name) }
func credentialKey(id writ.CredentialID) []byte    { return join(tagCredential, string(id)) }
func bucketKey(name writ.BucketName) []byte        { return join(tagBucket, string(name)) }
func accessPrefix(customer writ.CustomerID) []byte { return join(tagAccess, string(customer)) }
func ownedPrefix(customer writ.CustomerID) []byte  { return join(tagOwned, string(customer)) }
func usagePrefix(customer writ.CustomerID) []byte  { return join(tagUsage, string(customer)) }

func accessKey(customer writ.CustomerID, id writ.CredentialID) []byte {
	return join(tagAccess, string(customer), string(id))
}

func ownedKey(customer writ.CustomerID, name writ.BucketName) []byte {
	return join(tagOwned, string(customer), string(name))
}

func usageKey(customer writ.CustomerID, slot uint16) []byte {
	return binary.BigEndian.AppendUint16(usagePrefix(customer), slot)
}

// usageSlot reads the key of a usage record.
func usageSlot(key []byte) (uint16, error) {
	if len(key) != 1+customerLength+2 || key[0] != tagUsage {
		return 0, fmt.Errorf("%w: key of a usage record", ErrCorrupt)
	}
	return binary.BigEndian.Uint16(key[1+customerLength:]), nil
}

// headsPrefix is what the heads of a bucket's objects begin with, up to the
// key; versionsPrefix likewise for older versions, of all keys.
func headsPrefix(owner writ.CustomerID, bucket writ.BucketName) []byte {
	return join(tagHead, string(owner), string(bucket), "\x00")
}

func versionsPrefix(owner writ.CustomerID, bucket writ.BucketName) []byte {
	return join(tagVersion, string(owner), string(bucket), "\x00")
}

func headKey(owner writ.CustomerID, bucket writ.BucketName, key writ.ObjectKey) []byte {
	return join(tagHead, string(owner), string(bucket), "\x00", string(key))
}

// keyVersionsPrefix is what the older versions of one key begin with.
func keyVersionsPrefix(owner writ.CustomerID, bucket writ.BucketName, key writ.ObjectKey) []byte {
	return join(tagVersion, string(owner), string(bucket), "\x00", string(key), "\x00")
}

func versionKey(owner writ.CustomerID, bucket writ.BucketName, key writ.ObjectKey, at stamp) []byte {
	b := keyVersionsPrefix(owner, bucket, key)
	for _, c := range at {
		b = append(b, ^c)
	}
	return b
}

// uploadsPrefix is what the uploads of a bucket begin with, up to the key.
func uploadsPrefix(owner writ.CustomerID, bucket writ.BucketName) []byte {
	return join(tagUpload, string(owner), string(bucket), "\x00")
}

func uploadKey(owner writ.CustomerID, ref UploadRef) []byte {
	return join(tagUpload, string(owner), string(ref.Bucket), "\x00", string(ref.Key), "\x00", ref.ID)
}

// partKey is the key of the part with that number; number 0 comes before all
// parts of the blob, partsEnd after them.
func partKey(id writ.BlobID, number uint16) []byte {
	return binary.BigEndian.AppendUint16(join(tagPart, string(id[:])), number)
}

func partsEnd(id writ.BlobID) []byte { return records.PrefixEnd(join(tagPart, string(id[:]))) }

func dropKey(id writ.BlobID) []byte { return join(tagDrop, string(id[:])) }
func dropEnd() []byte               { return []byte{tagDrop + 1} }

// dropOf reads the key of a drop record.
func dropOf(key []byte) (id writ.BlobID, err error) {
	if len(key) != 1+len(id) || key[0] != tagDrop {
		return id, fmt.Errorf("%w: key of a drop record", ErrCorrupt)
	}
	copy(id[:], key[1:])
	return id, nil
}

// ownerKey is the key of a blob's owner entry.
func ownerKey(ref blob.Ref) []byte { return ref.AppendKey([]byte{tagOwner}) }

// dataKey is the key of the inline data of a version made at that time.
func dataKey(modified int64, id writ.BlobID) []byte {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(modified, 0)/1e6))
	return append(append([]byte{tagData}, ms[2:]...), id[:]...)
}

// dataOwner splits a record of inline data into the identity of its owner and
// the sealed object.
func dataOwner(value []byte) (identity, sealed []byte, err error) {
	if len(value) < 2 {
		return nil, nil, fmt.Errorf("%w: record of inline data", ErrCorrupt)
	}
	n := 2 + int(binary.BigEndian.Uint16(value))
	if len(value) < n {
		return nil, nil, fmt.Errorf("%w: record of inline data", ErrCorrupt)
	}
	return value[2:n], value[n:], nil
}

// A name is the name of an object wherever its versions lie.
type name struct {
	owner  writ.CustomerID
	bucket writ.BucketName
	key    writ.ObjectKey
}

// parseHead reads the key of a head.
func parseHead(key []byte) (name, error) {
	n, rest, ok := splitName(key, tagHead)
	if !ok {
		return name{}, fmt.Errorf("%w: key of a head", ErrCorrupt)
	}
	n.key = writ.ObjectKey(rest)
	return n, nil
}

// parseVersion reads the key of an older version, which is also the identity
// of any version.
func parseVersion(key []byte) (name, stamp, error) {
	n, rest, ok := splitName(key, tagVersion)
	end := len(rest) - len(stamp{}) - 1
	if !ok || end < 0 || rest[end] != 0 {
		return name{}, stamp{}, fmt.Errorf("%w: key of a version", ErrCorrupt)
	}
	n.key = writ.ObjectKey(rest[:end])
	var at stamp
	for i, c := range rest[end+1:] {
		at[i] = ^c
	}
	return n, at, nil
}

// parseUpload reads the key of an upload.
func parseUpload(key []byte) (owner writ.CustomerID, ref UploadRef, err error) {
	n, rest, ok := splitName(key, tagUpload)
	end := bytes.LastIndexByte(rest, 0)
	if !ok || end < 0 {
		return "", ref, fmt.Errorf("%w: key of an upload", ErrCorrupt)
	}
	return n.owner, UploadRef{Bucket: n.bucket, Key: writ.ObjectKey(rest[:end]), ID: string(rest[end+1:])}, nil
}

// parsePart reads the key of a part.
func parsePart(key []byte) (id writ.BlobID, number uint16, err error) {
	if len(key) != 1+len(id)+2 || key[0] != tagPart {
		return id, 0, fmt.Errorf("%w: key of a part", ErrCorrupt)
	}
	copy(id[:], key[1:])
	return id, binary.BigEndian.Uint16(key[1+len(id):]), nil
}

// splitName takes the tag, customer and bucket off a record's key.
func splitName(key []byte, tag byte) (n name, rest []byte, ok bool) {
	if len(key) < 1+customerLength || key[0] != tag {
		return n, nil, false
	}
	n.owner = writ.CustomerID(key[1 : 1+customerLength])
	bucket, rest, ok := bytes.Cut(key[1+customerLength:], []byte{0})
	n.bucket = writ.BucketName(bucket)
	return n, rest, ok
}

// join makes a record's key. Its capacity leaves room for a stamp.
func join(tag byte, parts ...string) []byte {
	n := 1 + 1 + len(stamp{})
	for _, p := range parts {
		n += len(p)
	}
	b := append(make([]byte, 0, n), tag)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}
