package proof_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"writ/internal/proof"
)

// schema is the published one of statements.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("../../docs/schemas/statement.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, leaf []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(leaf))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// TestStatementsAreOfTheSchema: what is encoded is of the published schema, with
// everything in it and with nothing that may be left out, and so are the
// statements of the test vectors.
func TestStatementsAreOfTheSchema(t *testing.T) {
	s, hash, hex := schema(t), bytes.Repeat([]byte{7}, 32), strings.Repeat("0f", 32)
	at := time.Date(2026, 11, 24, 8, 0, 0, 5e6, time.UTC)
	least := proof.Policy{Origin: "ledger.quayside.example", Interval: time.Minute.String(), Slots: 1024, Outside: []string{}, Custodians: []string{}, Packs: []string{}, TLSMin: "1.2"}
	most := least
	most.Interval, most.Outside, most.Custodians, most.Packs = (90 * time.Second).String(), []string{"fernhill"}, []string{"a key"}, []string{"eu"}
	most.Previous, most.Break = hash, &proof.Break{Origin: "ledger.quayside.example", Size: 9, Root: hash, Reason: "A disk was lost."}
	for kind, bodies := range map[string][]any{
		proof.KindBatch: {
			proof.Batch{N: 1, From: at, Slots: 2, Root: hash},
			proof.Batch{N: 1 << 40, From: at, Slots: proof.MaxSlots, Root: hash, Late: true, LateBefore: true, Unwitnessed: true, Clock: "back"},
		},
		proof.KindPolicy: {least, most},
		proof.KindRelease: {proof.Release{
			Version: "v1.2.3-rc.1", Source: proof.Artifact{Name: "writ-v1.2.3-rc.1.tar.gz", SHA256: hex, Size: 1},
			Binaries: []proof.Binary{{Target: "linux/amd64", SHA256: hex, Size: 1}}, SBOM: hex, Provenance: hex, Go: "go1.26.8",
		}},
		proof.KindReport: {
			proof.Report{Digest: hex, From: "2026-07-01", To: "2026-12-31"},
			proof.Report{Digest: hex, From: "2026-01-01", To: "2026-12-31", Structure: "4", Corrects: hex},
		},
	} {
		for _, body := range bodies {
			leaf, err := proof.Encode(kind, at, body)
			if err != nil {
				t.Fatal(err)
			}
			if err := valid(t, s, leaf); err != nil {
				t.Errorf("%s: %v\n%s", kind, err, leaf)
			}
		}
	}
	files, err := filepath.Glob("testdata/vectors/*.receipt.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := proof.ParseReceipt(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(t, s, r.Statement); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// TestSchemaRefuses: what docs/ledger.md does not allow is not of the schema.
func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	const batch = `{"v":1,"kind":"batch","at":"2026-11-24T08:00:00Z","body":{"n":1,"from":"2026-11-24T07:59:00Z","slots":2,"root":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="}}`
	if err := valid(t, s, []byte(batch)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"v":1`, `"v":2`}, {`"kind":"batch"`, `"kind":"opening"`}, {`"n":1`, `"n":0`}, {`"slots":2`, `"slots":65537`}, {`"n":1`, `"n":1,"late":false`},
		{`"n":1`, `"n":1,"more":1`}, {`"n":1,`, ``}, {`BwcHBwc`, `Bw`}, {`08:00:00Z`, `08:00:00+01:00`}, {`"body"`, `"more":1,"body"`}, {`"batch"`, `"policy"`}, {`"batch"`, `"release"`}, {`"batch"`, `"report"`},
	} {
		if err := valid(t, s, []byte(strings.Replace(batch, change[0], change[1], 1))); err == nil {
			t.Errorf("%s for %s is of the schema", change[1], change[0])
		}
	}
}
