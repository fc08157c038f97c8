// Package e2e holds the tests that see Writ as strangers do: the real binary
// as a process of its own, real S3 clients over TLS, real signals, real full
// disks. It has no code outside its tests.
package e2e
