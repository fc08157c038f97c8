package sbom

import (
	"bytes"
	"encoding/json"
	"errors"
	"runtime/debug"
	"strings"
	"testing"
)

func programs() []Program {
	mod := func(path, version, sum string) *debug.Module {
		return &debug.Module{Path: path, Version: version, Sum: sum}
	}
	server := &debug.BuildInfo{GoVersion: "go1.26.8", Deps: []*debug.Module{mod("example.com/b", "v1.0.0", "h1:b="), mod("example.com/a", "v2.0.0", "h1:a=")}}
	client := &debug.BuildInfo{GoVersion: "go1.26.8", Deps: []*debug.Module{mod("example.com/a", "v2.0.0", "h1:a=")}}
	return []Program{
		{Target: "linux/amd64", Name: "writ-1.2.3-linux-amd64", SHA256: strings.Repeat("1", 64), Info: server},
		{Target: "windows/amd64", Name: "writ-1.2.3-windows-amd64.exe", SHA256: strings.Repeat("2", 64), Info: client},
	}
}

func made(t *testing.T) []byte {
	t.Helper()
	b, err := Make("1.2.3", programs())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSameDocument: no time, no random number.
func TestSameDocument(t *testing.T) {
	document := made(t)
	if !bytes.Equal(document, made(t)) {
		t.Error("two documents of the same programs differ")
	}
	var plain map[string]any
	if err := json.Unmarshal(document, &plain); err != nil {
		t.Fatal(err)
	}
	if plain["bomFormat"] != "CycloneDX" || plain["specVersion"] != "1.6" || plain["serialNumber"] != nil {
		t.Errorf("%.200s", document)
	}
	for _, p := range programs() {
		if err := Check(document, p); err != nil {
			t.Error(err)
		}
	}
}

// TestEdited: a list that is not the program's is refused, whatever is changed.
func TestEdited(t *testing.T) {
	for name, c := range map[string][2]string{
		"module left out":    {`"name": "example.com/b"`, `"name": "example.com/c"`},
		"another version":    {`"version": "v1.0.0"`, `"version": "v1.0.1"`},
		"another sum":        {`h1:a=`, `h1:z=`},
		"another program":    {strings.Repeat("1", 64), strings.Repeat("3", 64)},
		"moved to another":   {`"value": "linux/amd64"`, `"value": "linux/arm64"`},
		"another compiler":   {`"version": "1.26.8"`, `"version": "1.26.7"`},
		"no list":            {`{`, `[`},
		"without components": {`"components"`, `"omponents"`},
	} {
		changed := strings.ReplaceAll(string(made(t)), c[0], c[1])
		if changed == string(made(t)) {
			t.Fatalf("%s changes nothing", name)
		}
		if err := Check([]byte(changed), programs()[0]); !errors.Is(err, ErrDiffers) {
			t.Errorf("%s: %v", name, err)
		}
	}
	more := programs()[1]
	more.Info = programs()[0].Info
	if err := Check(made(t), more); !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), "example.com/b v1.0.0 is in the program and not in the list") {
		t.Errorf("%v", err)
	}
	mixed := programs()
	mixed[1].Info.GoVersion = "go1.26.7"
	if _, err := Make("1.2.3", mixed); err == nil {
		t.Error("programs of two compilers are one release")
	}
}
