// Package setting describes what users may set, each setting once. The settings of a configuration are a List that is
// bound to its fields; flags, files, tables and checks are made from it. A new setting is a field and an entry in the
// list.
package setting

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/nearest"
)

// Setting describes a value that a user may set, and where it is kept.
type Setting struct {
	// Name is that of the flag and the key in TOML and JSON; a dot there means a table, as in posterior.step.
	Name string
	// Value is a pointer to a number, a text or a list of these, or to a type that reads and writes itself: by the methods
	// Set(text string) error and String, or as an encoding.TextUnmarshaler. A setting with a list of pointers to numbers,
	// or with only Read and Write, is only a flag.
	Value any
	Read  func(text string) error // replaces how the type is read from text; files have Value as its type is
	Write func() string           // replaces how the type is written as text

	Help  string       // what it is; the FILE of a flag stands in `quotes`. Without it there is no flag
	Flag  string       // its name, if it is not Name
	Unset string       // what an empty value, or 0, or an empty text of Write means
	Want  Want         // of a number, or of each in a list
	OneOf []string     // all values; shells complete these, and those of Named
	Named []string     // values with a name, besides others
	Check func() error // further conditions; the error begins with the name of the setting

	// Before is, as text, the value from before the setting existed: a stored configuration that lacks the setting means
	// this value, and files, names and identities of networks leave out the setting if it has this value. It never
	// changes. A setting without it has always existed.
	Before string
	Axis   string // values to vary it over, as an example; empty if it cannot be an axis of a grid

	// Several separates the values of a flag that may be given several times.
	Several string
	// Parts separates what a file may have as a list, where Value is one text.
	Parts string
	// Between separates the values of an axis in which commas stand, in place of them.
	Between string
	// Sets names settings that this one sets, too, if it is neither empty nor as Before.
	Sets []string

	Place    bool // affects where or how something is computed, not the result
	Varied   bool // a setting in which networks of a grid are meant to differ
	Own      bool // networks that train together may differ in it
	Continue bool // may change when a run is continued
}

// Want is the condition on a number. The zero Want accepts every number.
type Want struct {
	Text   string // after "want"
	Holds  func(x float64) bool
	rising bool
}

// Above wants a finite number above a bound.
func Above(low float64) Want {
	return Want{Text: "a number above " + Format(low), Holds: func(x float64) bool { return x > low && !math.IsInf(x, 0) }}
}

// From wants a finite number that is not less than a bound.
func From(low float64) Want {
	return Want{Text: Format(low) + " or more", Holds: func(x float64) bool { return x >= low && !math.IsInf(x, 0) }}
}

// Between wants a number from one bound to another.
func Between(low, high float64) Want {
	return Want{Text: Format(low) + " to " + Format(high), Holds: func(x float64) bool { return x >= low && x <= high }}
}

// With adds words to the description of the condition.
func (w Want) With(text string) Want { w.Text += text; return w }

// Rising wants one or more such numbers, each larger than the one before.
func (w Want) Rising() Want { w.rising = true; return w }

// Set reads the value from text. The error says what was expected.
func (s Setting) Set(text string) error {
	text = strings.TrimSpace(text)
	if _, one := s.Value.(*[]string); s.OneOf != nil && !one && !slices.Contains(s.OneOf, text) {
		return errors.New(nearest.OneOf(text, s.OneOf))
	}
	if s.Read != nil {
		return s.Read(text)
	}
	return read(s.Value, text)
}

func parse[T any](to *T, text string, read func(string) (T, error), want string) error {
	v, err := read(text)
	if err != nil {
		return errors.New("want " + want)
	}
	*to = v
	return nil
}

func read(to any, text string) error {
	switch to := to.(type) {
	case interface{ Set(text string) error }:
		return to.Set(text)
	case encoding.TextUnmarshaler:
		return to.UnmarshalText([]byte(text))
	case *string:
		*to = text
	case *int:
		return parse(to, text, strconv.Atoi, "a whole number")
	case *float64:
		return parse(to, text, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }, "a number")
	case *[]string, *[]int, *[]float64:
		return readList(reflect.ValueOf(to).Elem(), text)
	case []*float64:
		return readPlaces(to, text)
	default:
		if array := reflect.ValueOf(to).Elem(); array.Kind() == reflect.Array {
			var places []*float64
			for i := range array.Len() {
				places = append(places, array.Index(i).Addr().Interface().(*float64))
			}
			return readPlaces(places, text)
		}
		return fmt.Errorf("a %T cannot be read as a setting", to)
	}
	return nil
}

// readList reads a list separated by commas, or, for numbers, also by x if commas separate something else; none is
// empty.
func readList(to reflect.Value, text string) error {
	kept := reflect.MakeSlice(to.Type(), 0, 0)
	if to.Type().Elem().Kind() != reflect.String && !strings.Contains(text, ",") {
		text = strings.ReplaceAll(text, "x", ",")
	}
	if text != "none" {
		for part := range strings.SplitSeq(text, ",") {
			v := reflect.New(to.Type().Elem())
			part = strings.TrimSpace(part)
			if err := read(v.Interface(), part); err != nil {
				return fmt.Errorf("%w, got %q", err, part)
			}
			kept = reflect.Append(kept, v.Elem())
		}
	}
	to.Set(kept)
	return nil
}

func readPlaces(places []*float64, text string) error {
	var values []float64
	if err := readList(reflect.ValueOf(&values).Elem(), text); err != nil {
		return err
	}
	if len(values) != len(places) {
		return fmt.Errorf("want %d numbers, separated by commas", len(places))
	}
	for i, v := range values {
		*places[i] = v
	}
	return nil
}

// Text is the value as Set reads it.
func (s Setting) Text() string {
	if s.Write != nil {
		return s.Write()
	}
	return textOf(reflect.ValueOf(s.Value))
}

func textOf(v reflect.Value) string {
	switch {
	case v.Kind() == reflect.Pointer:
		if text, ok := v.Interface().(fmt.Stringer); ok {
			return text.String()
		}
		return textOf(v.Elem())
	case v.Kind() == reflect.Float64:
		return Format(v.Float())
	case v.Kind() == reflect.Slice && v.Len() == 0:
		return "none"
	case v.Kind() == reflect.Slice, v.Kind() == reflect.Array:
		var parts []string
		for i := range v.Len() {
			parts = append(parts, textOf(v.Index(i)))
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v)
}

// Format writes the shortest text that reads back as the same number: 0.01, 1e-6.
func Format(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e15 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return strings.Replace(strconv.FormatFloat(x, 'g', -1, 64), "e-0", "e-", 1)
}

// Default is the text of --help for the value.
func (s Setting) Default() string {
	v := reflect.ValueOf(s.Value)
	empty := !v.IsValid() || v.Kind() == reflect.Pointer && v.Elem().IsZero() || s.Write != nil && s.Write() == ""
	if s.Unset != "" && empty {
		return s.Unset
	}
	return s.Text()
}

// Cell is the value for a table: a number, a text, or nil where it is empty or 0 and that means something else; whole
// says that the number is a count.
func (s Setting) Cell() (value any, whole bool) {
	v := reflect.ValueOf(s.Value)
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if p := s.perLayer(); p != nil {
		v = reflect.ValueOf(p.value())
	}
	whole = v.Kind() == reflect.Int && !s.asText()
	switch {
	case s.Unset != "" && v.IsZero():
		return nil, whole
	case s.Write == nil && !s.asText() && (whole || v.Kind() == reflect.Float64):
		return v.Interface(), whole
	}
	return s.Text(), false
}

// FlagName is the name of the flag; empty if there is none.
func (s Setting) FlagName() string {
	if s.Help == "" || s.Flag != "" {
		return s.Flag
	}
	return s.Name
}

// Separator stands between the values of a flag that may be given several times, Several or, for lists of texts or of
// what texts name, a comma; it is empty for other flags.
func (s Setting) Separator() string {
	if t := reflect.TypeOf(s.Value); s.Several == "" && t != nil && t.Kind() == reflect.Pointer &&
		t.Elem().Kind() == reflect.Slice &&
		slices.Contains([]reflect.Kind{reflect.String, reflect.Struct}, t.Elem().Elem().Kind()) {
		return ","
	}
	return s.Several
}

// title is the name of the setting in errors.
func (s Setting) title() string {
	if name := s.FlagName(); name != "" {
		return name
	}
	return s.Name
}

// Column is the name of the setting in tables.
func (s Setting) Column() string { return strings.ReplaceAll(s.Name, "-", "_") }

// check checks the value.
func (s Setting) check() error {
	if s.Want.Holds != nil {
		last, numbers := math.Inf(-1), numbersIn(reflect.ValueOf(s.Value))
		if p := s.perLayer(); p != nil {
			numbers = numbersIn(reflect.ValueOf(p.value()))
		}
		for _, v := range numbers {
			x := v.Convert(reflect.TypeFor[float64]()).Float()
			ok := s.Want.Holds(x)
			if s.Want.rising && (!ok || x <= last) {
				return fmt.Errorf("%s %s: want rising numbers, each %s", s.title(), s.Text(), s.Want.Text)
			}
			if !ok {
				return fmt.Errorf("%s %s: want %s", s.title(), textOf(v), s.Want.Text)
			}
			last = x
		}
		if s.Want.rising && len(numbers) == 0 {
			return fmt.Errorf("%s: want one or more numbers, each %s", s.title(), s.Want.Text)
		}
	}
	if s.OneOf != nil {
		texts := []string{s.Text()}
		if list, several := s.Value.(*[]string); several {
			texts = *list
		}
		for i, text := range texts {
			if !slices.Contains(s.OneOf, text) {
				return fmt.Errorf("%s %q: %s", s.title(), text, nearest.OneOf(text, s.OneOf))
			}
			if slices.Contains(texts[:i], text) {
				return fmt.Errorf("%s %s: want it once", s.title(), text)
			}
		}
	}
	if s.Check != nil {
		return s.Check()
	}
	return nil
}

func numbersIn(v reflect.Value) (numbers []reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		return numbersIn(v.Elem())
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			numbers = append(numbers, numbersIn(v.Index(i))...)
		}
		return numbers
	}
	return []reflect.Value{v}
}

// List is the settings of a configuration, bound to it.
type List []Setting

// Find finds a setting by its name, in which - and _ are the same. The error lists the names.
func (l List) Find(name string) (Setting, error) {
	for _, s := range l {
		if s.Name == strings.ReplaceAll(name, "_", "-") {
			return s, nil
		}
	}
	return Setting{}, fmt.Errorf("%q is not a setting: %s", name, nearest.OneOf(name, l.Names()))
}

// Names lists the names in alphabetical order.
func (l List) Names() []string {
	var names []string
	for _, s := range l {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// Check reports the first value that cannot be used, by the name of its flag.
func (l List) Check() error {
	for _, s := range l {
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

// In is the same list as part of a larger one: the keys are in a table, and there are no flags.
func (l List) In(table string) List {
	l = slices.Clone(l)
	for i := range l {
		l[i].Name, l[i].Help, l[i].Flag = table+"."+l[i].Name, "", ""
	}
	return l
}

// Beside is an error if, of what is given, by name as text, a setting stands beside one that sets it too, to something
// else. It is called when all are set, in their order.
func (l List) Beside(given map[string]string) error {
	for _, s := range l {
		text := given[s.Name]
		if len(s.Sets) == 0 || text == "" || text == s.Before {
			continue
		}
		var is []string
		for _, name := range s.Sets {
			other, _ := l.Find(name)
			is = append(is, other.Text())
		}
		if err := s.Set(text); err != nil {
			return fmt.Errorf("%s %q: %w", s.Name, text, err)
		}
		for i, name := range s.Sets {
			if _, beside := given[name]; !beside {
				continue
			}
			if other, _ := l.Find(name); other.Text() != is[i] {
				return fmt.Errorf("%s %q beside %s %s: want one of the two: the former says %s, too", s.Name, text, name, is[i],
					other.Text())
			}
		}
	}
	return nil
}
