// Package s3 is the S3 front: it speaks the protocol and keeps nothing.
//
// The protocol is that of versitygw's s3api package: signatures, canonical
// requests, aws-chunked bodies, XML, access policies and ACLs. This package
// puts a [Vault] under it, and takes care of what that package leaves open:
//
//   - Secrets stay in the vault. The front asks it for the signing key of one
//     day ([Vault.SigningKey]), never for a secret.
//   - There is no root and no administration here. versitygw insists on a
//     root user: it gets one with random names that nobody learns, anew at
//     each start, and its admin routes are never mounted.
//   - The owner of a bucket may do everything with it, unless a policy of its
//     own denies it; a policy adds what others may. That is how AWS reads
//     policies; versitygw, left alone, locks an owner out of a bucket whose
//     policy does not name it.
//   - Encryption is not a choice. Requests for AES256 or aws:kms are answered
//     with what always happens; keys of the customer's own (SSE-C) are refused
//     on every verb, since they would be ignored silently otherwise.
//   - Bodies are read as streams. A body that is not an object is refused
//     where it is too long to be what it claims to be.
//
// What differs from AWS, and why, is in docs/s3.md.
//
// # Names
//
// A customer's id ([writ.CustomerID]) is what policies and ACLs call a
// principal, and what answers call an owner. The credential that signed is
// what the journal has besides.
//
// # Serving
//
// [Front.Serve] takes listeners, already with TLS as a rule. HTTP/1.1 with
// keep-alive is what there is; the address of a client is its connection's.
package s3
