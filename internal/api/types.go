package api

import (
	"encoding/hex"
	"slices"
	"time"

	"writ"
	"writ/internal/gate"
	"writ/internal/vault"
)

// Customer is whose data it is, and how much of it.
type Customer struct {
	ID          writ.CustomerID `json:"id"`
	Name        string          `json:"name"`
	Created     time.Time       `json:"created"`
	Shredded    *time.Time      `json:"shredded,omitempty" doc:"when the keys were destroyed"`
	Bytes       int64           `json:"bytes" doc:"of plaintext, over all versions"`
	Objects     int64           `json:"objects" doc:"versions and delete markers"`
	Quota       Quota           `json:"quota"`
	KeyVersion  uint32          `json:"key_version" doc:"of the newest key-encryption key; 0 once shredded"`
	KeyMade     time.Time       `json:"key_made"`
	JournalSync bool            `json:"journal_sync" doc:"whether the journal is on disk before a key is released"`
	JournalKey  string          `json:"journal_key,omitempty" doc:"SHA-256, in hex, of the public key that the journal is sealed to; absent when it is under the server's"`
	Journal     *Head           `json:"journal,omitempty"`
}

// Quota bounds what a customer may keep and ask; 0 bounds nothing.
type Quota struct {
	Bytes    int64 `json:"bytes" minimum:"0"`
	Objects  int64 `json:"objects" minimum:"0"`
	Requests int64 `json:"requests" minimum:"0" doc:"per second"`
}

// Head is where a journal stands.
type Head struct {
	Seq  uint64 `json:"seq" doc:"number of the newest entry"`
	Hash string `json:"hash" doc:"hash of the newest entry, in hex"`
}

// Credential is an S3 access key of a customer. The secret is in the answer
// that makes the credential, and never again.
type Credential struct {
	AccessKey writ.CredentialID `json:"access_key"`
	SecretKey string            `json:"secret_key,omitempty"`
	Customer  writ.CustomerID   `json:"customer"`
	Created   time.Time         `json:"created"`
	Endpoint  string            `json:"endpoint,omitempty" doc:"URL of S3"`
	CAFile    string            `json:"ca_file,omitempty" doc:"certificate to trust; absent when the server's is of a public authority or there is no TLS"`
	Region    string            `json:"region,omitempty"`
}

// Bucket is a bucket of a customer.
type Bucket struct {
	Name       writ.BucketName `json:"name"`
	Customer   writ.CustomerID `json:"customer"`
	Created    time.Time       `json:"created"`
	Versioning string          `json:"versioning" enum:"off,enabled,suspended"`
	ObjectLock bool            `json:"object_lock"`
	Settings   []string        `json:"settings" doc:"documents attached to it: policy, cors, lifecycle, …"`
}

// Entry is one use of one key.
type Entry struct {
	Seq        uint64            `json:"seq"`
	Time       time.Time         `json:"time"`
	Reason     writ.Reason       `json:"reason"`
	Credential writ.CredentialID `json:"credential,omitempty"`
	Principal  string            `json:"principal,omitempty" doc:"who used a grant"`
	Policy     string            `json:"policy,omitempty" doc:"SHA-256 of the grant's terms, in hex"`
	Presigned  bool              `json:"presigned,omitempty"`
	Op         string            `json:"op"`
	Bucket     writ.BucketName   `json:"bucket,omitempty"`
	Key        writ.ObjectKey    `json:"key,omitempty"`
	Version    writ.VersionID    `json:"version,omitempty"`
	Blob       string            `json:"blob,omitempty"`
	Offset     int64             `json:"offset,omitempty"`
	Length     int64             `json:"length,omitempty" doc:"0 with offset 0 when the whole was asked for"`
	Addr       string            `json:"addr,omitempty"`
	Request    string            `json:"request,omitempty"`
	Previous   string            `json:"previous" doc:"hash of the entry before, in hex"`
	// Damage is set, and nothing else, where entries could not be read.
	Damage string `json:"damage,omitempty"`
	// Sealed is set, and nothing else, for entries that only the customer reads.
	Sealed *SealedEntries `json:"sealed,omitempty"`
}

// SealedEntries are entries that are sealed to the customer's own key.
type SealedEntries struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// JournalEnd is the result of reading a journal.
type JournalEnd struct {
	Entries int64 `json:"entries"`
	Damaged int64 `json:"damaged" doc:"places that could not be read"`
	Sealed  int64 `json:"sealed" doc:"entries that only the customer reads"`
}

// JournalQuery chooses entries of a journal.
type JournalQuery struct {
	Since, Until time.Time
	After        uint64
}

// Rotated is the result of a rotation.
type Rotated struct {
	Rewrapped  int64  `json:"rewrapped" doc:"data keys wrapped again"`
	KeyVersion uint32 `json:"key_version"`
}

// Reclaimed is the result of a reclaim. How much it brought back it does not
// say: beside what was deleted, that would tell what is preserved.
type Reclaimed struct {
	Done bool `json:"done"`
}

// BackupInput says where a backup goes. Paths are of the server's machine.
type BackupInput struct {
	Dir        string    `json:"dir" minLength:"1" doc:"absolute path; missing or empty"`
	Keys       string    `json:"keys,omitempty" doc:"absolute path apart from dir, for a copy of keys/; empty for none"`
	KeysExpire time.Time `json:"keys_expire,omitzero" doc:"when the copy of keys/ ends to be of use"`
}

// BackedUp is the result of a backup.
type BackedUp struct {
	Made       time.Time  `json:"made" doc:"the moment whose records it holds"`
	Dir        string     `json:"dir"`
	Files      int64      `json:"files"`
	Bytes      int64      `json:"bytes"`
	Keys       string     `json:"keys,omitempty"`
	KeysExpire *time.Time `json:"keys_expire,omitempty"`
}

func customerOf(c vault.Customer, u vault.Usage, k gate.KEKStatus) Customer {
	out := Customer{
		ID: c.ID, Name: c.Name, Created: c.Created, Bytes: u.Bytes, Objects: u.Objects,
		Quota:      Quota{c.Quota.Bytes, c.Quota.Objects, c.Quota.Requests},
		KeyVersion: k.KEK.Version, KeyMade: k.Made, JournalSync: k.JournalSync,
	}
	if !c.Shredded.IsZero() {
		out.Shredded = &c.Shredded
	}
	if k.JournalKey != [32]byte{} {
		out.JournalKey = hex.EncodeToString(k.JournalKey[:])
	}
	return out
}

func bucketOf(b vault.Bucket) Bucket {
	out := Bucket{Name: b.Name, Customer: b.Owner, Created: b.Created, ObjectLock: b.Lock.Enabled, Settings: []string{}}
	switch b.Versioning {
	case vault.VersioningEnabled:
		out.Versioning = "enabled"
	case vault.VersioningSuspended:
		out.Versioning = "suspended"
	default:
		out.Versioning = "off"
	}
	for name := range b.Settings {
		out.Settings = append(out.Settings, string(name))
	}
	slices.Sort(out.Settings)
	return out
}

func hexOf(h [32]byte) string { return hex.EncodeToString(h[:]) }
