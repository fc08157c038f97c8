// Package server builds the parts of a server from its configuration, starts
// them in order and stops them in the reverse order.
//
// Start: the data folder is checked and locked, gate, records, blobs and vault
// are opened; certificates; then the listeners for S3, the web page, metrics
// and administration; last the upkeep in the background. Only then is the
// server ready.
//
// Stop: the server says that it is no longer ready and takes no new
// connection; running requests get the drain time; upkeep stops; then the
// rooms close, so that whatever was acknowledged is on the disk. What kills
// the process instead loses nothing that was acknowledged either.
//
// S3 and the web page are served over TLS. Metrics, health and profiles are
// plain HTTP on loopback only: the package refuses any other address.
package server
