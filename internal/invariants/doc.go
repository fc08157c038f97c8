// Package invariants holds no code that runs in the server. Its tests load
// the whole program as the compiler sees it ([writ/internal/codemap]), once,
// and prove what no unit test can: that no key opens outside the gate, and
// that what is not meant to be seen is seen by none but the declared rooms
// ([writ/internal/datamap]).
//
// # Invariant 1
//
//   - keyring has one unwrap, a package function. Its only referrer is one
//     static call in gate's release; never a value, never a method.
//   - release is a package function too, and only the functions named in
//     testdata/chain.txt call it, each statically.
//   - seal.Unwrap's only referrer is one static call in keyring.
//   - What gate, keyring and journal export equals testdata/gate-api.txt, so
//     that an exported method that a template or another reflection could reach
//     does not come in unseen.
//   - gate and all below it use no reflect, unsafe, plugin, template or
//     linkname.
//   - Only seal and records import ciphers.
//   - No file of ours uses unsafe, cgo, linkname, plugin or assembly.
//   - Rooms import downward only, as testdata/rooms.txt orders them.
//
// Each is looked at twice: in the source's types and in SSA with its call
// graph (RTA). The tests then plant back doors, testdata/doors, into the same
// program and demand that each is found.
//
// A change to one of these files is a change of what the project promises.
// The lists are rewritten by
//
//	go test ./internal/invariants -run API -update
package invariants
