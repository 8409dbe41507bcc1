package setting

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// branch is a table of a file, or, with a setting, a key in it.
type branch struct {
	name    string
	setting *Setting
	under   []*branch
}

// tree puts the settings that files have into tables by the dots in their names.
func (l List) tree() *branch {
	root := &branch{}
	for i, s := range l {
		if reflect.ValueOf(s.Value).Kind() != reflect.Pointer {
			continue // only a flag
		}
		at := root
		for part := range strings.SplitSeq(s.Name, ".") {
			at = at.child(part)
		}
		at.setting = &l[i]
	}
	return root
}

func (b *branch) child(name string) *branch {
	for _, c := range b.under {
		if c.name == name {
			return c
		}
	}
	b.under = append(b.under, &branch{name: name})
	return b.under[len(b.under)-1]
}

// asText reports whether files contain a setting as text.
func (s Setting) asText() bool {
	_, reads := s.Value.(encoding.TextUnmarshaler)
	return reads
}

// perLayer is the value of a setting that layers may differ in; nil for others.
func (s Setting) perLayer() *PerLayer {
	p, _ := s.Value.(*PerLayer)
	return p
}

// free reports whether files contain a setting as Set reads it, or in parts.
func (s Setting) free() bool { return s.asText() || s.perLayer() != nil || s.Parts != "" }

// structType is a struct of pointers, one for each key in each spelling, whose tags are its names in TOML and JSON.
// What is nil is not written, and was not read.
func (b *branch) structType() reflect.Type {
	var fields []reflect.StructField
	for _, c := range b.under {
		t := reflect.TypeFor[*any]() // text, or one number or several
		if c.setting == nil {
			t = reflect.PointerTo(c.structType())
		} else if !c.setting.free() {
			t = reflect.TypeOf(c.setting.Value)
		}
		for _, name := range slices.Compact([]string{c.name, strings.ReplaceAll(c.name, "-", "_")}) {
			fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", len(fields)), Type: t,
				Tag: reflect.StructTag(fmt.Sprintf(`toml:"%[1]s" json:"%[1]s,omitempty"`, name))})
		}
	}
	return reflect.StructOf(fields)
}

// Document is the settings as a struct that packages for TOML and JSON write.
func (l List) Document() any { return l.tree().document().Interface() }

func (b *branch) document() reflect.Value {
	v := reflect.New(b.structType())
	at := 0
	for _, c := range b.under {
		f := v.Elem().Field(at)
		if at++; strings.Contains(c.name, "-") {
			at++ // the other spelling
		}
		switch {
		case c.setting == nil:
			f.Set(c.document())
		case c.setting.asText():
			text := any(c.setting.Text())
			f.Set(reflect.ValueOf(&text))
		case c.setting.perLayer() != nil:
			value := c.setting.perLayer().value()
			f.Set(reflect.ValueOf(&value))
		case c.setting.Parts != "":
			value := reflect.ValueOf(c.setting.Value).Elem().Interface()
			f.Set(reflect.ValueOf(&value))
		default: // a copy
			f.Set(reflect.New(f.Type().Elem()))
			f.Elem().Set(reflect.ValueOf(c.setting.Value).Elem())
		}
	}
	return v
}

// A Form is what packages for TOML and JSON read a document into, before it is taken over.
type Form struct {
	Into any // a pointer to a struct
	list List
	root *branch
}

// NewForm makes an empty form.
func (l List) NewForm() Form {
	root := l.tree()
	return Form{reflect.New(root.structType()).Interface(), l, root}
}

// Take sets what has been read, and lists the settings that are missing.
func (f Form) Take() (missing List, err error) {
	given := map[string]string{}
	if missing, err = f.root.take(reflect.ValueOf(f.Into).Elem(), given); err == nil {
		err = f.list.Beside(given)
	}
	return missing, err
}

// take sets what is given, by name as text.
func (b *branch) take(from reflect.Value, given map[string]string) (missing List, err error) {
	at := 0
	for _, c := range b.under {
		read := from.Field(at)
		if at++; strings.Contains(c.name, "-") { // the other spelling
			if other := from.Field(at); read.IsNil() {
				read = other
			} else if !other.IsNil() {
				return nil, fmt.Errorf("%s is given twice, also as %s", c.name, strings.ReplaceAll(c.name, "-", "_"))
			}
			at++
		}
		if c.setting == nil {
			if read.IsNil() {
				read = reflect.New(read.Type().Elem())
			}
			more, err := c.take(read.Elem(), given)
			if err != nil {
				return nil, err
			}
			missing = append(missing, more...)
			continue
		}
		if read.IsNil() {
			missing = append(missing, *c.setting)
			continue
		}
		if !c.setting.free() {
			reflect.ValueOf(c.setting.Value).Elem().Set(read.Elem())
			given[c.setting.Name] = c.setting.Text()
			continue
		}
		text := c.setting.FileText(read.Elem().Interface())
		if given[c.setting.Name] = text; text == "" && c.setting.Parts != "" {
			reflect.ValueOf(c.setting.Value).Elem().SetZero()
			continue
		}
		if err := c.setting.Set(text); err != nil {
			return nil, fmt.Errorf("%s %q: %w", c.setting.Name, text, err)
		}
	}
	return missing, nil
}

// FileText writes a value of a file as Set reads it: of a list each value of a flag that may be given several times, or
// the number of each layer, or its Parts. A table is a list of NAME=VALUE.
func (s Setting) FileText(v any) string { return joined(v, cmp.Or(s.Several, s.Parts, "x")) }

// FileAxis writes the values of an axis in a file, a list or the text of one, as the text of a list.
func (s Setting) FileAxis(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	var parts []string
	for _, v := range list {
		parts = append(parts, s.FileText(v))
	}
	return strings.Join(parts, cmp.Or(s.Between, ","))
}

// joined writes a value of a file with a separator between the parts of a list or table.
func joined(v any, separator string) string {
	var parts []string
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+"="+joined(v[name], "x"))
		}
	case []any:
		for _, v := range v {
			parts = append(parts, joined(v, "x"))
		}
	default:
		return fmt.Sprint(v)
	}
	return strings.Join(parts, separator)
}

// ReadJSON reads the Document from JSON; settings that an earlier version did not write have their values from before
// they existed.
func (l List) ReadJSON(text []byte) error {
	form := l.NewForm()
	if err := json.Unmarshal(text, form.Into); err != nil {
		return err
	}
	missing, err := form.Take()
	if err != nil {
		return err
	}
	return missing.SetBefore()
}

// SetBefore gives settings the values from before they could be set.
func (l List) SetBefore() error {
	for _, s := range l {
		if s.Before == "" {
			continue
		}
		if err := s.Set(s.Before); err != nil {
			return fmt.Errorf("%s %q: %w", s.Name, s.Before, err)
		}
	}
	return nil
}
