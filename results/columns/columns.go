// Package columns explains every column and key of the files that the program writes.
//
// What enters: a file, or the name of a kind of files. What leaves: its columns or keys, each with its meaning. The
// meanings are the comments of the code, which `go generate` collects in comments.txt; the help of settings; and, for
// names that mean the same everywhere, glossary.txt. A test of the command line writes files of all commands, and fails
// if one has a name without a meaning.
package columns

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"quantal/internal/comments"
)

//go:generate go run ./gen

//go:embed comments.txt
var commentsText string

//go:embed glossary.txt
var glossaryText string

// Table is the settings of a command, or of an experiment, under their names in files.
type Table struct {
	Name     string
	Settings []Entry
}

// Explainer explains names.
type Explainer struct {
	structs  map[string]comments.Struct
	glossary [][2]string // pattern and meaning
	settings []Table
}

// New makes an Explainer that knows the settings as well.
func New(settings []Table) *Explainer {
	e := &Explainer{structs: map[string]comments.Struct{}, settings: settings}
	for _, s := range parse(commentsText) {
		e.structs[s.Name] = s
	}
	for line := range strings.Lines(glossaryText) {
		if name, meaning, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(line, "#") {
			for n := range strings.SplitSeq(name, ", ") {
				e.glossary = append(e.glossary, [2]string{n, meaning})
			}
		}
	}
	return e
}

// Structs names the structs of all kinds of files.
func Structs() []string {
	var names []string
	for _, f := range Files() {
		names = append(names, f.Types...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Format writes structs as comments.txt has them: a line for each, and below one for each field with its name, the
// struct of its value, and the comment.
func Format(structs []comments.Struct) []byte {
	var b strings.Builder
	for _, s := range structs {
		fmt.Fprintf(&b, "%s\t%s\n", s.Name, s.About)
		for _, f := range s.Fields {
			fmt.Fprintf(&b, "\t%s\t%s\t%s\n", f.Name, f.Of, f.About)
		}
	}
	return []byte(b.String())
}

// parse reads what Format has written.
func parse(text string) (structs []comments.Struct) {
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cells) == 2 {
			structs = append(structs, comments.Struct{Name: cells[0], About: cells[1]})
			continue
		}
		last := &structs[len(structs)-1]
		last.Fields = append(last.Fields, comments.Field{Name: cells[1], Of: cells[2], About: cells[3]})
	}
	return structs
}

// Kind is the kind of a file by its path or name.
func Kind(name string) (File, bool) {
	for _, f := range Files() {
		parts := strings.Split(strings.ReplaceAll(name, "\\", "/"), "/")
		if n := strings.Count(f.Pattern, "/") + 1; len(parts) >= n {
			if ok, _ := path.Match(f.Pattern, strings.Join(parts[len(parts)-n:], "/")); ok {
				return f, true
			}
		}
	}
	return File{}, false
}

// common is the meaning of a name by the glossary. In a pattern * stands for any text, and in its meaning for that.
func (e *Explainer) common(name string) string {
	if array, of := strings.CutPrefix(name, "ID/"); of {
		name = array
	}
	for _, g := range e.glossary {
		if g[0] == name {
			return g[1]
		}
	}
	if strings.Contains(name, "/") { // of a package
		return ""
	}
	for _, g := range e.glossary {
		before, after, ok := strings.Cut(g[0], "*")
		if ok && len(name) > len(before)+len(after) && strings.HasPrefix(name, before) && strings.HasSuffix(name, after) {
			return strings.ReplaceAll(g[1], "*", name[len(before):len(name)-len(after)])
		}
	}
	return ""
}

// meaning explains a name in a struct, which may be unknown ("").
func (e *Explainer) meaning(of, name string) (meaning, inner string) {
	for _, f := range e.structs[of].Fields {
		if f.Name == name {
			if f.About != "" {
				return f.About, f.Of
			}
			inner = f.Of
			break
		}
	}
	folder, _, _ := strings.Cut(of, ".")
	for _, n := range []string{of + "." + name, folder + "." + name, name} {
		if m := e.common(n); m != "" {
			return m, inner
		}
	}
	if inner != "" { // what it is made of says it
		return e.structs[inner].About, inner
	}
	for _, t := range e.settings {
		if m := t.meaning(name); m != "" {
			return m, ""
		}
	}
	return "", inner
}

// Unexplained lists the fields of the structs, as in results/store.Epoch.step, and the settings that nothing explains.
func (e *Explainer) Unexplained() (list []string) {
	for _, s := range parse(commentsText) {
		for _, f := range s.Fields {
			if m, _ := e.meaning(s.Name, f.Name); m == "" {
				list = append(list, s.Name+"."+f.Name)
			}
		}
	}
	for _, t := range e.settings {
		for _, s := range t.Settings {
			if e.setting(t, s.Name) == "" {
				list = append(list, t.Name+" "+s.Name)
			}
		}
	}
	return list
}
