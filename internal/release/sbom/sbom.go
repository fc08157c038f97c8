// Package sbom lists the modules in the programs of a release: a CycloneDX
// document made from what the compiler wrote into the programs themselves, not
// from what a list says should be in them. It holds no time and no random
// number: the same programs make the same document.
package sbom

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"

	"writ/internal/release/build"
)

// ErrDiffers: the list is not that of the program.
var ErrDiffers = errors.New("the list of modules is not that of the program")

// Names of our properties of components.
const (
	targetProperty = "writ:target"     // a program that the module is in; one property for each
	sumProperty    = "writ:go.sum"     // the module's hash, as go.sum has it
	goProperty     = "writ:go-version" // of the compiler
)

// Program is one program of a release, for a target such as linux/amd64.
type Program struct {
	Target, Name, SHA256 string
	Info                 *debug.BuildInfo
}

// Make makes the document of a release.
func Make(version string, programs []Program) ([]byte, error) {
	if len(programs) == 0 {
		return nil, errors.New("a list of modules needs a program")
	}
	root := cyclonedx.Component{BOMRef: "writ@" + version, Type: cyclonedx.ComponentTypeApplication, Name: "writ", Version: version}
	var files []cyclonedx.Component
	goVersion := programs[0].Info.GoVersion
	inside := map[[3]string][]string{} // path, version, sum: targets
	for _, p := range programs {
		if p.Info.GoVersion != goVersion {
			return nil, fmt.Errorf("the programs were built by %s and by %s", goVersion, p.Info.GoVersion)
		}
		files = append(files, cyclonedx.Component{
			BOMRef: p.Name, Type: cyclonedx.ComponentTypeFile, Name: p.Name,
			Hashes:     &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: p.SHA256}},
			Properties: &[]cyclonedx.Property{{Name: targetProperty, Value: p.Target}},
		})
		for m := range modules(p.Info) {
			inside[m] = append(inside[m], p.Target)
		}
	}
	root.Components = &files
	var components []cyclonedx.Component
	refs := []string{}
	for _, m := range slices.SortedFunc(maps.Keys(inside), func(a, b [3]string) int { return slices.Compare(a[:], b[:]) }) {
		c := component(m, inside[m])
		components, refs = append(components, c), append(refs, c.BOMRef)
	}
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Component: &root, Properties: &[]cyclonedx.Property{{Name: goProperty, Value: goVersion}}}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: root.BOMRef, Dependencies: &refs}}
	var b bytes.Buffer
	err := cyclonedx.NewBOMEncoder(&b, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cyclonedx.SpecVersion1_6)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the list of modules: %w", err)
	}
	return b.Bytes(), nil
}

func component(m [3]string, targets []string) cyclonedx.Component {
	ref := "pkg:golang/" + m[0] + "@" + m[1]
	properties := []cyclonedx.Property{}
	if m[2] != "" {
		properties = append(properties, cyclonedx.Property{Name: sumProperty, Value: m[2]})
	}
	for _, t := range slices.Sorted(slices.Values(targets)) {
		properties = append(properties, cyclonedx.Property{Name: targetProperty, Value: t})
	}
	return cyclonedx.Component{
		BOMRef: ref, Type: cyclonedx.ComponentTypeLibrary, Name: m[0], Version: m[1],
		Scope: cyclonedx.ScopeRequired, PackageURL: ref, Properties: &properties,
	}
}

// modules are path, version and sum of what is in a program; the standard
// library is one of them.
func modules(info *debug.BuildInfo) map[[3]string]bool {
	all := map[[3]string]bool{{"std", strings.TrimPrefix(info.GoVersion, "go"), ""}: true}
	for path, text := range build.Modules(info) {
		version, sum, _ := strings.Cut(text, " ")
		all[[3]string{path, version, sum}] = true
	}
	return all
}

// Check holds a document against a program of the release: exactly the modules
// that are in the program are listed for its target. Errors: [ErrDiffers].
func Check(document []byte, p Program) error {
	bom := new(cyclonedx.BOM)
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(document), cyclonedx.BOMFileFormatJSON).Decode(bom); err != nil {
		return fmt.Errorf("%w: it is not CycloneDX: %w", ErrDiffers, err)
	}
	listed := map[[3]string]bool{}
	for _, c := range all(bom.Components) {
		m := [3]string{c.Name, c.Version, ""}
		in := false
		for _, prop := range all(c.Properties) {
			switch {
			case prop.Name == sumProperty:
				m[2] = prop.Value
			case prop.Name == targetProperty && prop.Value == p.Target:
				in = true
			}
		}
		if in {
			listed[m] = true
		}
	}
	inside := modules(p.Info)
	var wrong []string
	for m := range inside {
		if !listed[m] {
			wrong = append(wrong, fmt.Sprintf("%s %s is in the program and not in the list", m[0], m[1]))
		}
	}
	for m := range listed {
		if !inside[m] {
			wrong = append(wrong, fmt.Sprintf("%.100q %.40q is in the list and not in the program", m[0], m[1]))
		}
	}
	if wrong != nil {
		return fmt.Errorf("%w for %s: %s", ErrDiffers, p.Target, slices.MinFunc(wrong, cmp.Compare[string]))
	}
	return checkFile(bom, p)
}

// checkFile looks for the program itself, by name and hash.
func checkFile(bom *cyclonedx.BOM, p Program) error {
	if bom.Metadata != nil && bom.Metadata.Component != nil {
		for _, f := range all(bom.Metadata.Component.Components) {
			if f.Name == p.Name && slices.Contains(all(f.Hashes), cyclonedx.Hash{Algorithm: cyclonedx.HashAlgoSHA256, Value: p.SHA256}) {
				return nil
			}
		}
	}
	return fmt.Errorf("%w for %s: it does not name %s with its hash", ErrDiffers, p.Target, p.Name)
}

// all is what an optional list holds.
func all[T any](list *[]T) []T {
	if list == nil {
		return nil
	}
	return *list
}
