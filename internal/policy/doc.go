// Package policy says which keys, persons and thresholds are in force, and
// what an authorisation under law says. It is pure: no I/O, no clock, no keys
// that open anything. The gate reads it to decide, the docket to write what
// custodians sign, and a stranger to check what was signed.
package policy
