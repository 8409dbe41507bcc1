package columns

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"quantal/internal/comments"
	"quantal/internal/input"
	"quantal/results/store"
)

// configName is the file whose keys are settings.
const configName = "config.toml"

// Explained is the columns, keys or arrays of a file, or of a kind of files.
type Explained struct {
	File    string  `json:"file"`
	About   string  `json:"about"`
	Entries []Entry `json:"columns,omitempty"`
}

// Entry is a column, a key, or an array. Meaning is empty for a name that nothing explains.
type Entry struct {
	Name    string `json:"name"` // of a key in another: outer.inner
	Meaning string `json:"meaning"`
}

// Explain explains a file by its content. A file of another kind, or one that cannot be read, is an error.
func (e *Explainer) Explain(path string) (Explained, error) {
	kind, known := Kind(filepath.ToSlash(path))
	if !known {
		return Explained{}, store.Corrupt(path, "is not a file with columns or keys: quantal help columns lists these")
	}
	found := Explained{File: path, About: kind.About}
	keys, err := keysOf(path)
	if err != nil {
		return found, err
	}
	if filepath.Ext(path) == ".toml" {
		e.settled(&found.Entries, "", "", keys)
	} else {
		e.entries(&found.Entries, "", keys, kind.Types, kind.Types)
	}
	return found, nil
}

// Kinds explains the kinds of files of a name such as metrics.jsonl, one for each struct or list of settings.
func (e *Explainer) Kinds(name string) []Explained {
	kind, known := Kind(name)
	if !known {
		return nil
	}
	var all []Explained
	for _, t := range kind.Types {
		found := Explained{File: kind.Pattern, About: e.structs[t].About}
		if len(kind.Types) == 1 && kind.Pattern != configName {
			found.About = kind.About
		}
		e.fields(&found.Entries, "", t)
		all = append(all, found)
	}
	if kind.Pattern == configName {
		for _, s := range e.settings {
			found := Explained{File: configName, About: "settings of quantal " + s.Name}
			for _, entry := range s.Settings {
				found.Entries = append(found.Entries, Entry{entry.Name, e.setting(s, entry.Name)})
			}
			all = append(all, found)
		}
	}
	return all
}

// fields explains the fields of a struct.
func (e *Explainer) fields(list *[]Entry, outer, of string) {
	for _, f := range e.structs[of].Fields {
		meaning, inner := e.meaning(of, f.Name)
		*list = append(*list, Entry{outer + f.Name, meaning})
		e.fields(list, outer+f.Name+".", inner)
	}
}

// object is the keys of an object, or of the objects of a list, in their order; each with those of its value.
type object []key

type key struct {
	name   string
	within object
}

// entries explains the keys of an object of one of the structs; objects in it that nothing is known about are of one of
// all. The keys of a map are no names, and not listed.
func (e *Explainer) entries(list *[]Entry, outer string, keys object, of, all []string) {
	is := e.fitting(keys, of)
	order := func(k key) int {
		at := slices.IndexFunc(e.structs[is].Fields, func(f comments.Field) bool { return f.Name == k.name })
		if at < 0 {
			at = len(keys) + len(e.structs[is].Fields) // behind the others
		}
		return at
	}
	slices.SortStableFunc(keys, func(a, b key) int { return cmp.Compare(order(a), order(b)) })
	for _, k := range keys {
		meaning, inner := e.meaning(is, k.name)
		*list = append(*list, Entry{outer + k.name, meaning})
		switch {
		case len(k.within) == 0 || is != "" && inner == "":
		case is == "", inner == comments.Parameter:
			e.entries(list, outer+k.name+".", k.within, all, all)
		case len(e.structs[inner].Fields) == 0: // a configuration
			e.settled(list, outer+k.name+".", "", k.within)
		default:
			e.entries(list, outer+k.name+".", k.within, []string{inner}, all)
		}
	}
}

// fitting is the struct that has most of the keys, and at least half of them; empty if there is none. If there is but
// one, one key is enough: the others may be settings.
func (e *Explainer) fitting(keys object, of []string) string {
	best, most := "", (len(keys)-1)/2
	if len(of) == 1 {
		most = 0
	}
	for _, name := range of {
		n := 0
		for _, f := range e.structs[name].Fields {
			if slices.ContainsFunc(keys, func(k key) bool { return k.name == f.Name }) {
				n++
			}
		}
		if n > most {
			best, most = name, n
		}
	}
	return best
}

// settled explains the keys of a configuration: that of the command with most of them. A table of a file is a part of
// the names of settings, or the value of one.
func (e *Explainer) settled(list *[]Entry, outer, table string, keys object) {
	var names []string
	for _, k := range keys {
		names = append(names, table+k.name)
	}
	var best Table
	most := 0
	for _, t := range e.settings {
		n := 0
		for _, name := range names {
			if t.meaning(name) != "" || t.table(name) {
				n++
			}
		}
		if n > most {
			best, most = t, n
		}
	}
	for i, k := range keys {
		meaning := e.setting(best, names[i])
		switch {
		case best.meaning(names[i]) == "" && best.table(names[i]):
			e.settled(list, outer+k.name+".", names[i]+".", k.within)
		default:
			*list = append(*list, Entry{outer + k.name, meaning})
			if len(k.within) > 0 {
				var all []string
				for name := range e.structs {
					all = append(all, name)
				}
				slices.Sort(all)
				e.entries(list, outer+k.name+".", k.within, all, all)
			}
		}
	}
}

// setting explains a setting by its name, with a dot for a table, or as what has the same name elsewhere.
func (e *Explainer) setting(t Table, name string) string {
	meaning := t.meaning(name)
	if meaning == "" {
		meaning, _ = e.meaning(strings.ReplaceAll(t.Name, " ", "/")+".Config", name[strings.LastIndex(name, ".")+1:])
	}
	return meaning
}

// meaning explains a setting by its name in files, in either spelling.
func (t Table) meaning(name string) string {
	for _, s := range t.Settings {
		if s.Name == name || s.Name == strings.ReplaceAll(name, "_", "-") {
			return s.Meaning
		}
	}
	return ""
}

// table reports whether settings have names in a table of a file.
func (t Table) table(name string) bool {
	return slices.ContainsFunc(t.Settings, func(s Entry) bool { return strings.HasPrefix(s.Name, name+".") })
}

// keysOf reads the names in a file.
func keysOf(path string) (object, error) {
	switch filepath.Ext(path) {
	case ".npz":
		archive, err := zip.OpenReader(path)
		if err != nil {
			return nil, store.Corrupt(path, "%v", err)
		}
		defer archive.Close()
		var keys object
		for _, f := range archive.File {
			name := strings.TrimSuffix(f.Name, ".npy")
			if at := strings.LastIndex(name, "/"); at >= 0 { // networks have the same arrays
				name = "ID" + name[at:]
			}
			if !slices.ContainsFunc(keys, func(k key) bool { return k.name == name }) {
				keys = append(keys, key{name: name})
			}
		}
		return keys, nil
	case ".safetensors":
		tensors, metadata, err := store.ReadSafetensors(path)
		if err != nil {
			return nil, err
		}
		keys := object{{name: "sha256"}}
		for name := range metadata {
			keys = append(keys, key{name: name})
		}
		slices.SortFunc(keys, func(a, b key) int { return strings.Compare(a.name, b.name) })
		for _, t := range tensors {
			keys = append(keys, key{name: t.Name})
		}
		return keys, nil
	}
	raw, err := store.ReadFile(path, input.Own)
	if err != nil {
		return nil, err
	}
	var keys object
	switch filepath.Ext(path) {
	case ".csv":
		header, err := csv.NewReader(bytes.NewReader(raw)).Read()
		if err != nil {
			return nil, store.Corrupt(path, "%v", err)
		}
		for _, name := range header {
			keys = append(keys, key{name: name})
		}
		return keys, nil
	case ".toml":
		var v map[string]any
		if err := toml.Unmarshal(raw, &v); err != nil {
			return nil, store.Corrupt(path, "%v", err)
		}
		keys.add(v)
		return keys, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	for d.More() { // one value, or one a line
		var v any
		if err := d.Decode(&v); err != nil {
			if filepath.Ext(path) == ".jsonl" { // a line that is being written
				break
			}
			return nil, store.Corrupt(path, "%v", err)
		}
		keys.add(v)
	}
	return keys, nil
}

// add adds the keys of a value, in alphabetical order: decoded objects have no other.
func (o *object) add(v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			o.add(x)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			i := slices.IndexFunc(*o, func(k key) bool { return k.name == name })
			if i < 0 {
				i = len(*o)
				*o = append(*o, key{name: name})
			}
			(*o)[i].within.add(v[name])
		}
	}
}
