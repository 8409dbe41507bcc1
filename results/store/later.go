package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Later is the settings of a network that came when there were records already, and those that not all networks have.
// It is a list of LaterSetting in JSON, so that Settings can be compared and be the keys of a map.
type Later string

// LaterSetting is one of these. Records and identities leave it out where it is as it was before there was the setting.
type LaterSetting struct {
	Name   string `json:"name"`            // of the column
	Value  any    `json:"value"`           // a number, a text, or nil for an empty cell
	Whole  bool   `json:"whole,omitempty"` // the number is a count
	Text   string `json:"text"`            // for people
	Before bool   `json:"before,omitempty"`
}

// NewLater makes the list.
func NewLater(list ...LaterSetting) Later {
	if len(list) == 0 {
		return ""
	}
	text, _ := EncodeJSON(list) // numbers and texts can always be written
	return Later(text)
}

// List is the list.
func (l Later) List() (list []LaterSetting) {
	if l != "" {
		_ = json.Unmarshal([]byte(l), &list) // NewLater wrote it
	}
	return list
}

// Has reports whether a setting is there and not as it was before.
func (l Later) Has(name string) bool {
	return slices.ContainsFunc(l.List(), func(s LaterSetting) bool { return s.Name == name && !s.Before })
}

// Text is the value of a setting for people; empty if it is not there, or as it was before.
func (l Later) Text(name string) string {
	for _, s := range l.List() {
		if s.Name == name && !s.Before {
			return s.Text
		}
	}
	return ""
}

// layersSuffix is that of the name of a LaterSetting that has the numbers of a setting in which layers differ. The
// setting itself, under its name in JSON, is then 0 in a struct and empty in files.
const layersSuffix = "_layers"

// Layers is how a number in which layers differ is written, as in 0.1x0.1x1; empty if all layers have the same.
func (s Settings) Layers(name string) string {
	for _, l := range s.Later.List() {
		if l.Name == name+layersSuffix {
			return l.Text
		}
	}
	return ""
}

// CText is c for people, by a format for a number.
func (s Settings) CText(format string) string {
	return cmp.Or(s.Layers("c"), strings.TrimSpace(fmt.Sprintf(format, s.C)))
}

// InLayers is the LaterSetting of the numbers of a setting in which layers differ.
func InLayers(name, text string) LaterSetting {
	return LaterSetting{Name: name + layersSuffix, Value: text, Text: text}
}

// withoutLayered empties the fields of settings in which layers differ.
func withoutLayered(fields []NamedField) []NamedField {
	for _, f := range fields {
		name, ok := strings.CutSuffix(f.Name, layersSuffix)
		if i := slices.IndexFunc(fields, func(o NamedField) bool { return o.Name == name }); ok && i >= 0 {
			fields[i].Value = reflect.ValueOf((*float64)(nil))
		}
	}
	return fields
}

// Without leaves a setting out.
func (l Later) Without(name string) Later {
	return NewLater(slices.DeleteFunc(l.List(), func(s LaterSetting) bool { return s.Name == name })...)
}

// fields are the settings as the fields of a struct.
func (l Later) fields() []NamedField {
	var list []NamedField
	for _, s := range l.List() {
		f := NamedField{Name: s.Name, options: "omitempty", Value: reflect.ValueOf(s.Value), Text: s.Text, before: s.Before}
		number, isNumber := s.Value.(float64)
		switch {
		case s.Whole && isNumber:
			f.Value = reflect.ValueOf(int(number))
		case s.Whole:
			f.Value = reflect.ValueOf((*int)(nil))
		case s.Value == nil:
			f.Value = reflect.ValueOf((*float64)(nil))
		}
		list = append(list, f)
	}
	return list
}

// compare orders networks: first those that are as networks were before.
func (l Later) compare(other Later) int {
	if l == other {
		return 0
	}
	return slices.CompareFunc(l.List(), other.List(), func(a, b LaterSetting) int {
		x, _ := a.Value.(float64)
		y, _ := b.Value.(float64)
		as := map[bool]int{true: 0, false: 1}
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(as[a.Before], as[b.Before]), cmp.Compare(x, y),
			compareTexts(a.Text, b.Text))
	})
}

// compareTexts orders texts, but numbers of one name by their size: k=2 is before k=10.
func compareTexts(a, b string) int {
	return slices.CompareFunc(strings.Split(a, ","), strings.Split(b, ","), func(a, b string) int {
		name, x, _ := strings.Cut(a, "=")
		other, y, _ := strings.Cut(b, "=")
		v, err1 := strconv.ParseFloat(x, 64)
		w, err2 := strconv.ParseFloat(y, 64)
		if name != other || err1 != nil || err2 != nil {
			return strings.Compare(a, b)
		}
		return cmp.Compare(v, w)
	})
}

// laterIn is the settings in the object of a record, which has other fields of known names.
func laterIn(written map[string]json.RawMessage, known []NamedField) (Later, error) {
	var list []LaterSetting
	for _, name := range slices.Sorted(maps.Keys(written)) {
		if name == "sha256" || slices.ContainsFunc(known, func(f NamedField) bool { return f.Name == name }) {
			continue
		}
		s := LaterSetting{Name: name}
		if err := json.Unmarshal(written[name], &s.Value); err != nil {
			return "", err
		}
		s.Text = fmt.Sprint(s.Value)
		list = append(list, s)
	}
	return NewLater(list...), nil
}

// SameAs reports whether settings that were read from a record are those of a network: what the record has besides is
// of a later version.
func (s Settings) SameAs(want Settings) bool {
	read := map[string]any{}
	for _, l := range s.Later.List() {
		read[l.Name] = l.Value
	}
	for _, l := range want.Later.List() {
		value, there := read[l.Name]
		if there == l.Before || there && value != l.Value {
			return false
		}
	}
	s.Later, want.Later = "", ""
	return s == want
}
