//go:build !unix

package main

import "github.com/spf13/cobra"

const rootExample = `  writ verify receipt opening.receipt.json --log-key log.vkey --policy witnesses.txt
  writ verify release writ-v1.2.3.tar.gz --receipt receipt.json --log-key log.vkey --policy witnesses.txt`

// addServer adds nothing: this build of the program checks what servers do.
// They, and witnesses, need the file locks and syncs of a Unix.
func addServer(root *cobra.Command) {
	root.Long += "\n\nThis is its client, which checks what servers do and runs none."
}
