// Package packs holds the law as data: what each instrument of due process may
// reach, who may issue it, which clocks it starts and which basis of secrecy it
// carries. It is usable apart from Writ: README.md says how to read, write and
// check a pack, schema.json is the form (JSON Schema 2020-12), cases/ are
// golden cases that a lawyer can read. Nothing here is legal advice.
package packs

import "embed"

// FS holds the packs (*.yaml), what they refer to (data/*.yaml), their form
// (schema.json) and the golden cases (cases/*.yaml).
//
//go:embed *.yaml data/*.yaml cases/*.yaml schema.json
var FS embed.FS
