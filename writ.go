// Package writ holds the words of Writ, and its doc comment is the manual of
// the whole system.
//
// Writ keeps other people's data so that it opens only for its owner, or for
// due process of law, and leaves evidence of every opening that a stranger
// can check. It is an S3-compatible store that a hosting provider runs when
// it promises its customers encryption everywhere, governments that must use
// legal process and not technological might, and code that anyone can check
// for back doors.
//
// # Three sentences that decide
//
// No key opens outside the gate: one function can unwrap a key, and the
// compiler and a test prove that only the gate calls it.
//
// It is written down before it opens: every use of a key is in its owner's
// journal before the key is released.
//
// A stranger can check: every claim ends in something that a third party
// verifies without trusting the operator.
//
// # Who is who
//
// The operator runs Writ. A customer is whose data it is, named by a
// [CustomerID]. A customer signs requests with credentials, S3 access keys
// named by a [CredentialID]; a credential belongs to exactly one customer.
//
// # What is kept
//
// A customer owns buckets ([BucketName], global on a server), a bucket holds
// objects ([ObjectKey]), an object has versions ([VersionID]). The bytes of a
// version are one or more blobs, each a sealed object in the format of
// docs/sealed-object.md, named by a [BlobID] that is random and says nothing.
//
// # How keys hang together
//
// A root key, sealed by a passphrase or held in a key file, seals the epoch
// key; the epoch key seals each customer's key-encryption keys (KEKs, each
// named by a [KEK]); a KEK wraps the data key of a blob; a data key seals one
// blob and nothing else. To shred a customer is to destroy its KEKs and the
// epoch key that sealed them.
//
// # How a key is reached
//
// The gate (internal/gate) is the only way. It is asked with a right (owner,
// owner's grant, upkeep; a writ under law), writes who, by which right, which
// version, when and from where into the customer's journal, and only then
// unwraps. A [Reason] names the right in the journal, from one closed list.
//
// # How law opens
//
// A demand of an authority becomes a case (internal/docket), named by a
// [CaseID] that is random: a chain of events by persons ([Person]) in roles
// ([Role]), of whom nobody holds two in one case. Law packs (packs,
// internal/law) say what law says of it, under which [Instrument] and for which
// [DataClass]; what law leaves to people takes two. Counsel approves exactly
// which versions, how many objects and bytes, until when, and on which basis of
// [Secrecy]; custodians sign just that (internal/policy), with keys that the
// server never has. The writ is that authorisation with its quorum and the
// proof that it is in the ledger. The gate verifies all of it by itself and
// counts what it gives out. What is in scope is preserved meanwhile, unseen.
// The package (internal/bag) is sealed to the authority; the customer is told
// (internal/notice) at once, or when secrecy ends, with the proof of when.
//
// # How it is proven
//
// The ledger (internal/ledger) is a public transparency log. What the server
// does is a statement; most are hidden, and a batch at each interval commits
// to them, and to the head of every customer's journal, in one tree of a fixed
// number of slots, so that the log shows nothing of what goes on. Witnesses
// outside of the operator cosign each checkpoint. A receipt, a statement with
// its proof, verifies anywhere, offline (internal/proof); internal/monitor
// checks logs, journals and servers from outside.
//
// # What stays compatible
//
// The sealed-object format v1, the ledger's formats, the data folder's layout (a version number in
// it; a newer one is refused), the command line's contract for scripts and
// the S3 interface as docs/s3.md states it.
package writ
