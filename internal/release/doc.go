// Package release says what was built from what, and who can check
// (docs/releases.md).
//
// A release is a folder: the source archive, a program for each target built
// from nothing else, the list of its modules (CycloneDX), the provenance (in-toto
// and SLSA, in a DSSE envelope), and release.json, which holds the hashes of all
// of them and is, byte for byte, the body of the release statement in the ledger.
// receipt.json, which the log gives, proves that it is there.
//
// [Load] reads such a folder for a server that publishes it; [Self] and [Decide]
// are how a server finds out whether it is itself what its log names.
//
// Below it: archive makes and unpacks source archives, build runs the compiler,
// sbom and provenance make and check their files, making makes a release, check
// is what a stranger runs, source lets people read the source in a browser.
package release
