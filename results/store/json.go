package store

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// EncodeJSON is json.Marshal with null for NaN and infinities, which JSON cannot write and a diverged network has. Of
// the options of field tags it supports the name, "-", omitempty and omitzero.
func EncodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	if err := encodeValue(&b, reflect.ValueOf(v)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func encodeValue(b *bytes.Buffer, v reflect.Value) error {
	if !v.IsValid() {
		b.WriteString("null")
		return nil
	}
	switch v.Interface().(type) {
	case json.Marshaler, encoding.TextMarshaler, []byte:
		return marshal(b, v)
	}
	switch v.Kind() {
	case reflect.Float32, reflect.Float64:
		if x := v.Float(); math.IsNaN(x) || math.IsInf(x, 0) {
			b.WriteString("null")
			return nil
		}
	case reflect.Pointer, reflect.Interface:
		return encodeValue(b, v.Elem())
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Array || !v.IsNil() {
			return encodeList(b, v)
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String && !v.IsNil() {
			return encodeMap(b, v)
		}
	case reflect.Struct:
		b.WriteByte('{')
		if err := encodeFields(b, v); err != nil {
			return err
		}
		b.WriteByte('}')
		return nil
	}
	return marshal(b, v)
}

func marshal(b *bytes.Buffer, v reflect.Value) error {
	text, err := json.Marshal(v.Interface())
	b.Write(text)
	return err
}

func encodeList(b *bytes.Buffer, v reflect.Value) error {
	b.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := encodeValue(b, v.Index(i)); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return nil
}

func encodeMap(b *bytes.Buffer, v reflect.Value) error {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
	b.WriteByte('{')
	for i, key := range keys {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := encodeName(b, key.String()); err != nil {
			return err
		}
		if err := encodeValue(b, v.MapIndex(key)); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	return nil
}

// encodeFields writes the fields of a struct, including those of embedded structs, as encoding/json does.
func encodeFields(b *bytes.Buffer, v reflect.Value) error {
	comma := false
	for _, f := range FieldsOf(v) {
		if f.before || strings.Contains(f.options, "omit") && empty(f.Value) {
			continue
		}
		if comma {
			b.WriteByte(',')
		}
		comma = true
		if err := encodeName(b, f.Name); err != nil {
			return err
		}
		if err := encodeValue(b, f.Value); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// NamedField is a field of a struct under the name that it has in JSON.
type NamedField struct {
	Name, options string
	Value         reflect.Value
	Text          string // of a LaterSetting, for people
	before        bool   // it is a LaterSetting that records leave out
}

// FieldsOf lists the fields of a struct that appear in JSON, with those of embedded structs in place of the structs.
func FieldsOf(v reflect.Value) []NamedField {
	var list []NamedField
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if field.Anonymous && value.Kind() == reflect.Pointer && !value.IsNil() {
			value = value.Elem()
		}
		if field.Anonymous && name == "" && value.Kind() == reflect.Struct {
			list = append(list, FieldsOf(value)...)
			continue
		}
		if field.Type == reflect.TypeFor[Later]() {
			list = append(list, Later(value.String()).fields()...)
			continue
		}
		if !field.IsExported() || tag == "-" {
			continue
		}
		if name == "" {
			name = field.Name
		}
		list = append(list, NamedField{Name: name, options: options, Value: value})
	}
	if v.Type() == reflect.TypeFor[Settings]() {
		return withoutLayered(list)
	}
	return list
}

func encodeName(b *bytes.Buffer, name string) error {
	text, err := json.Marshal(name)
	b.Write(text)
	b.WriteByte(':')
	return err
}

func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.String:
		return v.Len() == 0
	}
	return v.IsZero()
}
