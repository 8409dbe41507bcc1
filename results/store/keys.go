package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"quantal/internal/nearest"
)

// typeAt is the type that the value of a TOML key must fit, and the names of the keys at the same level; nil if there
// is none.
func typeAt(v any, key []string) (t reflect.Type, beside []string) {
	t = reflect.TypeOf(v)
	for _, part := range key {
		for t != nil && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array) {
			t = t.Elem()
		}
		if t == nil || t.Kind() != reflect.Struct {
			return nil, nil
		}
		fields := t
		t, beside = nil, nil
		for i := range fields.NumField() {
			name, _, _ := strings.Cut(fields.Field(i).Tag.Get("toml"), ",")
			beside = append(beside, name)
			if name == part {
				t = fields.Field(i).Type
			}
		}
	}
	return t, beside
}

// unknownKey names a key without a field in v, and the one that may be meant.
func unknownKey(e toml.DecodeError, v any) string {
	line, _ := e.Position()
	key := e.Key()
	_, beside := typeAt(v, key)
	return fmt.Sprintf("%q in line %d%s", strings.Join(key, "."), line, nearest.Hint(key[len(key)-1], beside))
}

// quoteTooLarge puts quotes around the whole number, too large for TOML's 64 bits with a sign, at which decoding has
// stopped, and reports whether there is one. As text it is a seed, or wrong in the eyes of the setting that it is for.
func quoteTooLarge(text *[]byte, err error) bool {
	var e *toml.DecodeError
	if !errors.As(err, &e) || !strings.Contains(e.Error(), "too large to fit in a 64-bit signed integer") {
		return false
	}
	line, column := e.Position()
	lines := bytes.SplitAfter(*text, []byte("\n"))
	at := lines[line-1]
	digits := regexp.MustCompile(`^[+-]?\w+`).Find(at[column-1:])
	n, ok := new(big.Int).SetString(string(digits), 0)
	if !ok {
		return false
	}
	lines[line-1] = slices.Concat(at[:column-1], strconv.AppendQuote(nil, n.String()), at[column-1+len(digits):])
	*text = bytes.Join(lines, nil)
	return true
}

// misfit says in which key and line a value of a TOML file does not fit v, and what would. For wrong syntax it uses the
// words of the error.
func misfit(e *toml.DecodeError, v any) error {
	line, column := e.Position()
	reason := strings.TrimPrefix(e.Error(), "toml: ")
	key := e.Key()
	if t, _ := typeAt(v, key); t != nil &&
		regexp.MustCompile(`^(cannot (decode|store)|negative integer|decimal number)`).MatchString(reason) {
		reason = strings.Join(key, ".") + ": want " + describeType(t)
	}
	return fmt.Errorf("line %d, column %d: %s", line, column, reason)
}

// describeType is what a user writes for a value of a type.
func describeType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return describeType(t.Elem())
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Array, reflect.Slice:
		of := t.Elem().Kind()
		switch {
		case of == reflect.Struct:
			return "tables, [[...]]"
		case t.Kind() == reflect.Array:
			return fmt.Sprintf("a list [...] of %d, each %s", t.Len(), describeType(t.Elem()))
		}
		return "a list [...], each of them " + describeType(t.Elem())
	case reflect.Struct, reflect.Map:
		return "a table, [...]"
	}
	return "text in quotes"
}
