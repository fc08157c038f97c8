// Package codemap reads the program as the compiler sees it, for the tests and
// tools that prove things of the whole of it: the invariants
// (internal/invariants) and the data-handling map (internal/datamap). It is no
// part of the product.
//
// A [Program] is the module's own packages as source, types and SSA. Packages
// of other modules and of the standard library are known by their types only,
// from the compiler's export data: none of them can import what is internal to
// this module, and reading them too would take ten times as long. What that
// leaves unseen is said where it matters, in docs/data-handling.md.
//
// The rules of imports (which room may import which, who may touch ciphers,
// and that nothing goes around the types) are here once, in [Program.Imports],
// [Program.Directives] and [Files].
package codemap
