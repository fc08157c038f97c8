package build

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
)

// Info is what Go wrote into a program about its build.
func Info(file string) (*debug.BuildInfo, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the program's build information: %w", err)
	}
	return info, nil
}

// most is how many differences of one kind are told.
const most = 12

// Differences says in words how two programs differ, theirs and ours: by what
// version of Go and for what they were built, from which modules, and in which
// sections of the file. It is empty if they are the same bytes.
func Differences(theirs, ours string) ([]string, error) {
	a, err := readProgram(theirs)
	if err != nil {
		return nil, err
	}
	b, err := readProgram(ours)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(a, b) {
		return nil, nil
	}
	said := describe(a, b)
	if len(a) != len(b) {
		said = append(said, fmt.Sprintf("theirs has %d bytes, ours %d", len(a), len(b)))
	}
	left, right := sections(a), sections(b)
	if left == nil || right == nil {
		return append(said, differ("the file", a, b)), nil
	}
	var inside []string
	for _, s := range left {
		i := slices.IndexFunc(right, func(o section) bool { return o.name == s.name })
		if i < 0 {
			inside = append(inside, fmt.Sprintf("only theirs has a section %.40q", s.name))
		} else if !bytes.Equal(s.body, right[i].body) {
			inside = append(inside, differ("section "+s.name, s.body, right[i].body))
		}
	}
	for _, s := range right {
		if !slices.ContainsFunc(left, func(o section) bool { return o.name == s.name }) {
			inside = append(inside, fmt.Sprintf("only ours has a section %.40q", s.name))
		}
	}
	if inside == nil {
		inside = []string{differ("outside of all sections, the file", a, b)}
	}
	return append(said, cut(inside)...), nil
}

// maxProgram is the most bytes of a program that is looked into.
const maxProgram = 512 << 20

func readProgram(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("couldn't read: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxProgram {
		return nil, fmt.Errorf("%s is not a file of at most %d bytes", name, maxProgram)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("couldn't read: %w", err)
	}
	return b, nil
}

// cut bounds a list of sentences.
func cut(all []string) []string {
	if len(all) <= most {
		return all
	}
	return append(all[:most:most], fmt.Sprintf("and %d more", len(all)-most))
}

// differ says how many bytes differ, and where the first does.
func differ(what string, a, b []byte) string {
	n, first := 0, -1
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			if n++; first < 0 {
				first = i
			}
		}
	}
	switch {
	case first < 0:
		return fmt.Sprintf("%s: theirs has %d bytes, ours %d, the same as far as both go", what, len(a), len(b))
	case len(a) != len(b):
		return fmt.Sprintf("%s: theirs has %d bytes, ours %d, and they differ from byte %#x on", what, len(a), len(b), first)
	}
	return fmt.Sprintf("%s: %d of %d bytes differ, the first at %#x", what, n, len(a), first)
}

// describe compares what Go wrote into both.
func describe(a, b []byte) []string {
	theirs, err := buildinfo.Read(bytes.NewReader(a))
	if err != nil {
		return []string{"theirs says nothing of how it was built: it is no program of Go's, or damaged"}
	}
	ours, err := buildinfo.Read(bytes.NewReader(b))
	if err != nil {
		return []string{"ours says nothing of how it was built"}
	}
	var said []string
	if theirs.GoVersion != ours.GoVersion {
		said = append(said, fmt.Sprintf("theirs was built by %.60q, ours by %q", theirs.GoVersion, ours.GoVersion))
	}
	if theirs.Path != ours.Path || theirs.Main.Path != ours.Main.Path {
		said = append(said, fmt.Sprintf("theirs is %.100q of module %.100q, ours %q of %q", theirs.Path, theirs.Main.Path, ours.Path, ours.Main.Path))
	}
	said = append(said, compare("setting", settings(theirs), settings(ours))...)
	return append(said, compare("module", Modules(theirs), Modules(ours))...)
}

func compare(what string, theirs, ours map[string]string) (said []string) {
	for name, value := range theirs {
		if other, ok := ours[name]; !ok {
			said = append(said, fmt.Sprintf("only theirs has the %s %.100q (%.100s)", what, name, value))
		} else if other != value {
			said = append(said, fmt.Sprintf("%s %.100q is %.100q in theirs and %.100q in ours", what, name, value, other))
		}
	}
	for name, value := range ours {
		if _, ok := theirs[name]; !ok {
			said = append(said, fmt.Sprintf("only ours has the %s %.100q (%.100s)", what, name, value))
		}
	}
	slices.Sort(said)
	return cut(said)
}

func settings(info *debug.BuildInfo) map[string]string {
	all := map[string]string{}
	for _, s := range info.Settings {
		all[s.Key] = s.Value
	}
	return all
}

// Modules are the modules in a program, by path: version and the hash that
// go.sum has of it.
func Modules(info *debug.BuildInfo) map[string]string {
	all := map[string]string{}
	for _, m := range info.Deps {
		if m.Replace != nil {
			all[m.Path] = strings.TrimSpace(m.Replace.Path + " " + m.Replace.Version + " " + m.Replace.Sum)
			continue
		}
		all[m.Path] = strings.TrimSpace(m.Version + " " + m.Sum)
	}
	return all
}

type section struct {
	name string
	body []byte
}

// sections finds the sections of an ELF, Mach-O or PE file, as they lie in it;
// nil if it is none.
func sections(file []byte) (all []section) {
	r := bytes.NewReader(file)
	add := func(name string, at, size uint64) {
		end := uint64(len(file))
		at = min(at, end)
		all = append(all, section{name, file[at : at+min(size, end-at)]})
	}
	if f, err := elf.NewFile(r); err == nil {
		for _, s := range f.Sections {
			if s.Type != elf.SHT_NULL && s.Type != elf.SHT_NOBITS {
				add(s.Name, s.Offset, s.FileSize)
			}
		}
	} else if f, err := macho.NewFile(r); err == nil {
		for _, s := range f.Sections {
			add(s.Seg+","+s.Name, uint64(s.Offset), s.Size)
		}
	} else if f, err := pe.NewFile(r); err == nil {
		for _, s := range f.Sections {
			add(s.Name, uint64(s.Offset), uint64(s.Size))
		}
	}
	return all
}
