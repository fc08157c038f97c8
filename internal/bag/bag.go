// Package bag makes what an authority gets: a package. docs/package.md is its
// specification, with the commands by which an officer opens and checks it
// with standard tools.
//
// # What a package is
//
// One BagIt bag (RFC 8493, SHA-256 manifests) as one tar stream, cut into
// volumes of bounded size, each sealed by itself to all recipients: to age
// keys, or to X.509 certificates as CMS. Beside the volumes lie package.json
// and SHA256SUMS, which name nothing but the case, so that a courier can check
// what he carries.
//
// [Write] makes it, [Check] is the courier's check, [Open] unpacks it where
// the private key is, and [Verify] checks an unpacked bag, whoever made it.
//
// # What is on the disk meanwhile
//
// Never plaintext, and never a name: an object goes from its reader through
// the hash and the tar into the sealing, in memory. What must survive a
// restart, the list of what is packed so far, lies in a state file that is
// sealed under the caller's key ([seal.TailWriter]) and goes away when the
// package is finished.
//
// # What survives a crash
//
// A volume counts when its file is synced, renamed and named in the synced
// state. A process that is killed at any instant loses at most the volume it
// was at; the next [Write] with the same input goes on behind the last one
// that counts, after it has checked them all. A finished package isn't touched
// again.
//
// Errors name objects by their number in the list, never by their names.
package bag

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"writ"
	"writ/internal/seal"
)

// Why a package can't be made, opened or believed. Each is wrapped in a
// sentence that says more.
var (
	// ErrInput: something in the [Input] can't be packed.
	ErrInput = errors.New("this can't be packed")
	// ErrRecipient: no key or certificate that a package may be sealed to.
	ErrRecipient = errors.New("no package is sealed to this recipient")
	// ErrObject: an object gave other bytes than it should. The volume that it
	// was in is gone.
	ErrObject = errors.New("an object can't be packed")
	// ErrRoom: the limit or the disk is full. Nothing is half done: after room
	// was made, the same call goes on.
	ErrRoom = errors.New("there is no room for the package")
	// ErrOther: the folder holds the package of another case, list or
	// recipient, or files that aren't a package's.
	ErrOther = errors.New("the folder is another's")
	// ErrInUse: another production works in the folder.
	ErrInUse = errors.New("the package is being made by another process")
	// ErrDamaged: bytes aren't those that were written.
	ErrDamaged = errors.New("the package is damaged")
	// ErrIdentity: the private key can't be read, or opens nothing here.
	ErrIdentity = errors.New("the private key doesn't fit")
)

// Bounds.
const (
	// MaxObjects bounds the objects of one package; a demand of more is
	// answered in several.
	MaxObjects = 1_000_000
	// MaxRecipients bounds the recipients of one package.
	MaxRecipients = 32
	// MaxFiles bounds the tag files that the caller adds, and MaxFilesBytes
	// what they hold together.
	MaxFiles      = 256
	MaxFilesBytes = 64 << 20
	// MaxKey is the longest object key, in bytes.
	MaxKey = 1024

	// MinVolume, MaxVolume and MaxVolumeCMS bound what one volume may hold, in
	// bytes of plaintext. A CMS message is sealed in memory, whole.
	MinVolume    = 64 << 10
	MaxVolume    = 16 << 30
	MaxVolumeCMS = 256 << 20
	// DefaultVolume and DefaultVolumeCMS are what zero means.
	DefaultVolume    = 256 << 20
	DefaultVolumeCMS = 64 << 20
)

// Object is one version of one object, to be packed.
type Object struct {
	// Bucket is where it lay; empty for what the server does not keep, such as
	// an export that counsel attached.
	Bucket  writ.BucketName
	Key     writ.ObjectKey
	Version writ.VersionID
	Made    time.Time         // when the version was written
	Size    int64             // bytes that Open will give, neither more nor less
	Meta    map[string]string // its metadata, as the customer stored them
	// Encrypted says that the bytes are ciphertext to which the provider has
	// no key: they are produced as held.
	Encrypted bool
	// Open starts reading from the first byte. An object that is larger than
	// a volume is read again from its beginning after a restart.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// File is a tag file that goes into the bag beside the payload. Its name is 1
// to 64 lower-case letters, digits, "-", "_" and ".", and none of the bag's own.
type File struct {
	Name string
	Body []byte
}

// Input is what [Write] makes a package from.
type Input struct {
	Dir  string // the package's own folder, made if it isn't there
	Case writ.CaseID
	// Info are further lines of bag-info.txt: label and value. Line breaks
	// and control characters in values become spaces.
	Info [][2]string
	// Recipients can each open the whole package. All are age keys of one
	// kind, or all are certificates.
	Recipients []Recipient
	// Objects is ranged over twice, in a goroutine of its own the second time,
	// and again after a restart: it yields the same list each time. An error
	// that it yields stops the production. A few objects are opened ahead, so
	// that Open is called from several goroutines.
	Objects iter.Seq2[Object, error]
	// Extra makes the caller's tag files when every object is packed. They are
	// kept in the state: after a restart it is not asked again. May be nil.
	Extra func(Summary) ([]File, error)
	// StateKey is the key under which the state lies: the same after a restart.
	StateKey *seal.Key
	// MaxBytes bounds what the package may take on the disk, its state
	// included; 0 is no bound.
	MaxBytes int64
	// Reserve is how many bytes of the file system stay free: what else the
	// server keeps there must be able to go on.
	Reserve int64
	// VolumeBytes is how much plaintext a volume holds at most; 0 for the default.
	VolumeBytes int64
	// Progress hears how many bytes of how many are packed; may be nil.
	Progress func(done, total int64)
	// Now is when the production is; recipients must be valid then, and a new
	// bag gets this date.
	Now time.Time
}

// Package is a finished package.
type Package struct {
	Case       writ.CaseID
	Sealing    string   // "age" or "cms"
	Recipients []string // fingerprints, sorted
	Objects    int64
	Bytes      int64 // of the objects
	// Manifest is the SHA-256 of tagmanifest-sha256.txt, in hex. It covers
	// every byte of the bag, and says nothing to who has not got the bag: the
	// bag holds a random salt.
	Manifest string
	Volumes  []Volume
}

// Volume is one sealed file of a package.
type Volume struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // of the sealed bytes, in hex
}

// Produced is one object as it was packed: a line of objects.jsonl.
type Produced struct {
	N         int64             `json:"n"`    // from 1, in the order of the list
	Path      string            `json:"path"` // in the bag
	Bucket    writ.BucketName   `json:"bucket"`
	Key       writ.ObjectKey    `json:"key"`
	Version   writ.VersionID    `json:"version"`
	Made      time.Time         `json:"made"`
	Size      int64             `json:"size"`
	SHA256    string            `json:"sha256"` // in hex
	Encrypted bool              `json:"encrypted"`
	Meta      map[string]string `json:"meta,omitempty"`
}

// Summary is what is known when every object is packed.
type Summary struct {
	Case    writ.CaseID
	Date    time.Time // when the production began
	Objects int64
	Bytes   int64
	// Each yields what was packed, in order. It reads from the state.
	Each iter.Seq2[Produced, error]
}
