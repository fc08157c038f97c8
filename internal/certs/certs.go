// Package certs is where the server's TLS certificates come from, and the
// rules of its TLS.
//
// There are three sources. Without any setting the server is its own
// authority ([OpenAuthority]): made on first start, its certificate in ca.pem
// for clients to trust, its key sealed under a key that the gate derives from
// the root key, so that a stolen disk cannot impersonate the server. With a
// certificate by file ([OpenFiles]) the files are read again when they
// change. With domains ([OpenACME]) certificates are obtained and renewed by
// ACME (RFC 8555).
//
// TLS is 1.3 with the hybrid key exchange X25519MLKEM768 preferred, so that
// what is recorded today stays closed to tomorrow's quantum computer; 1.2 at
// worst, and then with forward secrecy and authenticated ciphers only.
package certs

import (
	"crypto/tls"
)

// A Source gives the certificate for a connection. Close ends what it does in
// the background.
type Source interface {
	Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Protocols is what the source itself has to offer in ALPN.
	Protocols() []string
	Close() error
}

// ServerConfig is the TLS of a listener that speaks the given protocols.
func ServerConfig(src Source, protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion:       tls.VersionTLS12,
		CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384},
		CipherSuites: []uint16{ // of TLS 1.2; those of 1.3 are all in order
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		// Full records from the first byte: small ones at the start help a
		// browser to its first paint, and only cost here.
		DynamicRecordSizingDisabled: true,
		GetCertificate:              src.Certificate,
		NextProtos:                  append(protocols, src.Protocols()...),
	}
}
