package codemap

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestWhatGoesAroundTheTypesIsFound plants each way around Go's types into a
// source tree, also where this system's compiler does not look.
func TestWhatGoesAroundTheTypesIsFound(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"unsafe":               {"internal/vault/fast.go", "package vault\n\nimport \"unsafe\"\n\nvar _ unsafe.Pointer\n", `imports unsafe`},
		"unsafe, renamed":      {"internal/vault/fast.go", "package vault\n\nimport u \"unsafe\"\n\nvar _ u.Pointer\n", `imports unsafe`},
		"unsafe elsewhere":     {"internal/vault/fast_windows.go", "//go:build windows && arm64\n\npackage vault\n\nimport `unsafe`\n", `imports unsafe`},
		"linkname with a tag":  {"internal/gate/fast_linux.go", "//go:build linux && writfast\n\npackage gate\n\nimport _ \"embed\"\n\n//go:linkname release writ/internal/gate.release\nfunc release()\n", `//go:linkname release`},
		"linkname in a body":   {"internal/s3/fast.go", "package s3\n\nfunc f() {\n\t//go:linkname g writ/internal/gate.release\n}\n", `//go:linkname g`},
		"cgo":                  {"internal/blob/fast.go", "package blob\n\n// #include <stdio.h>\nimport \"C\"\n", `imports C`},
		"plugin":               {"cmd/writ/more.go", "package main\n\nimport \"plugin\"\n", `imports plugin`},
		"assembly":             {"internal/seal/gcm_amd64.s", "TEXT ·gcm(SB), 4, $0-0\n\tRET\n", `only Go is compiled`},
		"an object file":       {"internal/seal/gcm.syso", "\x7fELF", `only Go is compiled`},
		"ignored by the build": {"internal/seal/tool.go", "//go:build ignore\n\npackage main\n\nimport \"unsafe\"\n", `imports unsafe`},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := Files(fstest.MapFS{c.file: {Data: []byte(c.text)}})
			if err != nil {
				t.Fatal(err)
			}
			if len(found) != 1 || !strings.HasPrefix(found[0], c.file+":") || !strings.Contains(found[0], c.want) {
				t.Errorf("found %q", found)
			}
		})
	}
}

// TestOrdinaryFilesAreNoFindings: tests, testdata and the words in comments.
func TestOrdinaryFilesAreNoFindings(t *testing.T) {
	found, err := Files(fstest.MapFS{
		"internal/seal/seal.go":            {Data: []byte("package seal\n\n// unsafe is not imported; see //go:linkname.\nvar s = \"//go:linkname\"\n")},
		"internal/seal/seal_test.go":       {Data: []byte("package seal\n\nimport _ \"unsafe\"\n")},
		"internal/invariants/testdata/a.s": {Data: []byte("TEXT")},
	})
	if err != nil || len(found) > 0 {
		t.Errorf("found %q, %v", found, err)
	}
}

// TestSourceThatDoesNotParseIsNotPassed: what can't be read is no clean file.
func TestSourceThatDoesNotParseIsNotPassed(t *testing.T) {
	if _, err := Files(fstest.MapFS{"a.go": {Data: []byte("package")}}); err == nil {
		t.Error("passed")
	}
}
