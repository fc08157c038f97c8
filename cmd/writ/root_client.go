//go:build !unix

package main

import "github.com/spf13/cobra"

const rootExample = `  writ verify receipt opening.receipt.json --log-key log.vkey --policy witnesses.txt
  writ verify release writ-v1.2.3.tar.gz --receipt receipt.json --log-key log.vkey --policy witnesses.txt`

// addServer adds no server: this build of the program checks what servers do.
// They, and witnesses, need the file locks and syncs of a Unix. A customer's key
// is made where the customer is.
func addServer(root *cobra.Command) {
	journal := &cobra.Command{Use: "journal", Short: "The key that a customer's journal is sealed to", Example: "  writ journal keygen harbour-clinic.journal-key"}
	journal.AddCommand(journalKeygen())
	root.AddCommand(journal)
	root.Long += "\n\nThis is its client, which checks what servers do and runs none."
}
