package proof

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "make the vectors anew")

// TestVectors: receipts in the tree, for other implementations, verify under
// the key and the policy beside them. They are of a log that was made for them.
func TestVectors(t *testing.T) {
	if *update {
		r := newRig(t)
		policy, hidden, head := r.story()
		files := map[string]string{"log.vkey": r.vkey + "\n", "policy.txt": r.policy}
		for name, receipt := range map[string]*Receipt{"policy": policy, "hidden": hidden, "head": head} {
			file, err := receipt.Marshal()
			r.must(err)
			files[name+".receipt.json"] = string(file)
		}
		for name, content := range files {
			r.must(os.WriteFile(filepath.Join("testdata", "vectors", name), []byte(content), 0o644))
		}
	}
	read := func(name string) []byte {
		t.Helper()
		b, err := os.ReadFile(filepath.Join("testdata", "vectors", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	v, err := NewVerifier(Trust{LogKey: string(read("log.vkey")), Policy: string(read("policy.txt"))})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]func(Verified) bool{
		"policy": func(v Verified) bool { return v.Statement.Kind == KindPolicy && v.Index == 0 },
		"hidden": func(v Verified) bool {
			return v.Hidden.Kind == "key" && strings.Contains(string(v.Hidden.Body), "rotate")
		},
		"head": func(v Verified) bool { return v.Head.Seq == 7 },
	} {
		receipt, err := ParseReceipt(read(name + ".receipt.json"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Receipt(receipt); err != nil || !want(got) {
			t.Errorf("%s proves %+v: %v", name, got, err)
		}
	}
}
