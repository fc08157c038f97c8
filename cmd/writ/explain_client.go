//go:build !unix

package main

// The client runs no server whose errors it would explain.
var serverHints []hint

func explainServer(error) []told { return nil }
