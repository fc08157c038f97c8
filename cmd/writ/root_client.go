//go:build !unix

package main

import "github.com/spf13/cobra"

const rootExample = `  writ verify receipt opening.receipt.json --log-key log.vkey --policy witnesses.txt
  writ verify release writ-v1.2.3.tar.gz --receipt receipt.json --log-key log.vkey --policy witnesses.txt`

// addServer adds no server: this build of the program checks what servers do.
// They, and witnesses, need the file locks and syncs of a Unix. A customer's key
// is made where the customer is, a custodian signs where the custodian is, and an
// authority opens its package where its key is.
func addServer(root *cobra.Command) {
	journal := &cobra.Command{Use: "journal", Short: "The key that a customer's journal is sealed to", Example: "  writ journal keygen harbour-clinic.journal-key"}
	journal.AddCommand(journalKeygen())
	custodian := &cobra.Command{Use: "custodian", Short: "Custodians: whose signatures make a writ", Example: "  writ custodian sign 2026-7KQM-4ZT0.writ --key ada.key"}
	offline, _, _ := offlineCustodian()
	custodian.AddCommand(offline...)
	root.AddCommand(journal, custodian, packageCommand())
	root.Long += "\n\nThis is its client, which checks what servers do and runs none."
}
