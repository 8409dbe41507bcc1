package setting

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

// even is a type that reads and writes itself.
type even struct{ half int }

func (e *even) UnmarshalText(text []byte) error {
	if _, err := fmt.Sscanf(string(text), "2*%d", &e.half); err != nil {
		return errors.New("want an even number, as in 2*3")
	}
	return nil
}

func (e even) String() string { return fmt.Sprintf("2*%d", e.half) }

type made struct {
	Rate   float64
	Seeds  int
	Sizes  []int
	Names  []string
	Bounds [2]float64
	Even   even
	Word   string
	Mu     struct{ Offset, Slope float64 }
}

func (c *made) Settings() List {
	return List{
		{Name: "rate-of", Value: &c.Rate, Help: "a rate", Want: Above(0).With(" per day")},
		{Name: "seeds", Value: &c.Seeds, Want: Between(2, 1000), Help: "seeds", Unset: "none at all"},
		{Name: "sizes", Value: &c.Sizes, Want: From(1).Rising()},
		{Name: "names", Value: &c.Names, OneOf: []string{"ann", "bob", "cid"}},
		{Name: "bounds", Value: &c.Bounds},
		{Name: "even", Value: &c.Even, Before: "2*7"},
		{Name: "word", Value: &c.Word, OneOf: []string{"yes", "no"}},
		{Name: "mu.offset", Value: &c.Mu.Offset},
		{Name: "mu.slope-of", Value: &c.Mu.Slope, Flag: "slope", Help: "a slope"},
		{Name: "mu", Value: []*float64{&c.Mu.Offset, &c.Mu.Slope}, Help: "both"},
	}
}

func example() made {
	return made{0.5, 3, []int{1, 20}, []string{"bob", "ann"}, [2]float64{-1, 1e-7}, even{4}, "no",
		struct{ Offset, Slope float64 }{2, 3}}
}

// Every setting reads what it writes: as text, in TOML and in JSON.
func TestRoundTrip(t *testing.T) {
	want := example()
	var got made
	texts := map[string]string{}
	for i, s := range want.Settings() {
		texts[s.Name] = s.Text()
		if s.Name == "mu" {
			texts[s.Name] = "2,3"
		}
		if err := got.Settings()[i].Set(texts[s.Name]); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(even{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[string]string{"rate-of": "0.5", "seeds": "3", "sizes": "1,20", "names": "bob,ann",
		"bounds": "-1,1e-7", "even": "2*4", "word": "no", "mu.offset": "2", "mu.slope-of": "3",
		"mu": "2,3"}, texts); d != "" {
		t.Error(d)
	}
	for name, form := range map[string]struct {
		write func(any) ([]byte, error)
		read  func([]byte, any) error
	}{"TOML": {toml.Marshal, toml.Unmarshal}, "JSON": {json.Marshal, json.Unmarshal}} {
		text, err := form.write(want.Settings().Document())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{string(text), strings.NewReplacer("rate-of", "rate_of", "slope-of",
			"slope_of").Replace(string(text))} {
			var got made
			f := got.Settings().NewForm()
			if err := form.read([]byte(text), f.Into); err != nil {
				t.Fatal(err)
			}
			missing, err := f.Take()
			if d := cmp.Diff(want, got, cmp.AllowUnexported(even{})); d != "" || err != nil || len(missing) > 0 {
				t.Errorf("%s: %v, missing %v, %s\n%s", name, err, missing.Names(), d, text)
			}
		}
	}
}

// A setting that a document lacks keeps its value and is named; one that it has twice, or that cannot be read, is
// refused.
func TestForm(t *testing.T) {
	read := func(text string) (made, List, error) {
		c := example()
		f := c.Settings().NewForm()
		if err := toml.Unmarshal([]byte(text), f.Into); err != nil {
			t.Fatal(err)
		}
		missing, err := f.Take()
		return c, missing, err
	}
	c, missing, err := read("sizes = [5]\neven = '2*9'\n[mu]\noffset = 1\n")
	want := example()
	want.Sizes, want.Even.half, want.Mu.Offset = []int{5}, 9, 1
	if d := cmp.Diff(want, c, cmp.AllowUnexported(even{})); d != "" || err != nil {
		t.Error(err, d)
	}
	if got := strings.Join(missing.Names(), " "); got != "bounds mu.slope-of names rate-of seeds word" {
		t.Errorf("missing: %s", got)
	}
	for text, want := range map[string]string{
		"rate-of = 1\nrate_of = 1": "rate-of is given twice, also as rate_of",
		"even = '3'":               `even "3": want an even number, as in 2*3`,
		"even = 3":                 `even "3": want an even number, as in 2*3`,
	} {
		if _, _, err := read(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if err := missing.SetBefore(); err != nil || c.Even.half != 9 {
		t.Errorf("%v, %v", err, c.Even)
	}
	_, missing, _ = read("")
	if err := missing.SetBefore(); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"rate-of=x": "want a number", "seeds=1.5": "want a whole number", "sizes=1,x": `want a whole number, got "x"`,
		"bounds=1": "want 2 numbers, separated by commas", "mu=1,2,3": "want 2 numbers, separated by commas",
		"word=yess": "want one of yes, no; did you mean yes?",
		"even=3":    "want an even number, as in 2*3",
	} {
		c := example()
		name, value, _ := strings.Cut(text, "=")
		s, err := c.Settings().Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Set(value); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
		if d := cmp.Diff(example(), c, cmp.AllowUnexported(even{})); d != "" {
			t.Errorf("%s has changed something: %s", text, d)
		}
	}
	for want, edit := range map[string]func(*made){
		"rate-of 0: want a number above 0 per day":                 func(c *made) { c.Rate = 0 },
		"seeds 1001: want 2 to 1000":                               func(c *made) { c.Seeds = 1001 },
		"sizes 3,3: want rising numbers, each 1 or more":           func(c *made) { c.Sizes = []int{3, 3} },
		"sizes: want one or more numbers, each 1 or more":          func(c *made) { c.Sizes = nil },
		`names "bo": want one of ann, bob, cid; did you mean bob?`: func(c *made) { c.Names[1] = "bo" },
		"names bob: want it once":                                  func(c *made) { c.Names[1] = "bob" },
		`word "": want one of yes, no`:                             func(c *made) { c.Word = "" },
	} {
		c := example()
		edit(&c)
		if err := c.Settings().Check(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	c := example()
	if err := c.Settings().Check(); err != nil {
		t.Error(err)
	}
	if _, err := c.Settings().Find("rate"); err == nil ||
		!strings.HasPrefix(err.Error(), `"rate" is not a setting: want one of`) {
		t.Error(err)
	}
	if s, err := c.Settings().Find("rate_of"); err != nil || s.Name != "rate-of" || s.Column() != "rate_of" {
		t.Error(s.Name, err)
	}
	c.Seeds = 0
	if s, _ := c.Settings().Find("seeds"); s.Default() != "none at all" {
		t.Error(s.Default())
	}
}

// As part of a larger list settings are keys of a table, without flags.
func TestIn(t *testing.T) {
	c := example()
	var flags []string
	for _, s := range append(List{{Name: "in", Value: &c.Word, Help: "of these there is a flag"}},
		c.Settings().In("part")...) {
		flags = append(flags, s.FlagName())
	}
	if !reflect.DeepEqual(flags, append([]string{"in"}, make([]string, len(c.Settings()))...)) {
		t.Errorf("flags %q", flags)
	}
	text, err := toml.Marshal(c.Settings().In("part").Document())
	if err != nil || !strings.Contains(string(text), "[part]\n") || !strings.Contains(string(text), "[part.mu]\n") {
		t.Errorf("%v\n%s", err, text)
	}
}

// named is a number that reads and writes itself as a name.
type named int

func (n *named) UnmarshalText(text []byte) error { *n = named(len(text)); return nil }
func (n named) String() string                   { return strings.Repeat("i", int(n)) }

// The cell of a setting is a number, a text, or empty.
func TestCell(t *testing.T) {
	c, name := example(), named(3)
	for _, x := range []struct {
		setting Setting
		want    any
		whole   bool
	}{
		{Setting{Value: &c.Rate}, 0.5, false}, {Setting{Value: &c.Seeds}, 3, true}, {Setting{Value: &c.Even}, "2*4", false},
		{Setting{Value: &name}, "iii", false}, {Setting{Value: new(int), Unset: "all"}, nil, true},
	} {
		if got, whole := x.setting.Cell(); got != x.want || whole != x.whole {
			t.Errorf("%v: %v, %v, want %v, %v", x.setting.Value, got, whole, x.want, x.whole)
		}
	}
}

// A setting that sets others may stand beside them in a document if they agree, and its parts may be a list.
func TestBeside(t *testing.T) {
	for text, want := range map[string]string{
		"shape = '2-3'":                      "2-3 [2 3]",
		"shape = ['2', '3']":                 "2-3 [2 3]",
		"shape = ['2', '3']\nsizes = [2, 3]": "2-3 [2 3]",
		"shape = ''\nsizes = [4]":            " [4]",
		"shape = 'none'\nsizes = [4]":        "none [4]",
		"sizes = [4]":                        " [4]",
		"shape = '2-3'\nsizes = [4]":         `shape "2-3" beside sizes 4: want one of the two: the former says 2,3, too`,
		"shape = ['2', 'x']":                 `shape "2-x": want a whole number, got "x"`,
	} {
		var c struct {
			Shape string
			Sizes []int
		}
		list := List{
			{Name: "shape", Value: &c.Shape, Before: "none", Parts: "-", Between: ";", Sets: []string{"sizes"},
				Read: func(text string) error {
					c.Shape = text
					if text == "none" {
						return nil
					}
					return read(&c.Sizes, strings.ReplaceAll(text, "-", ","))
				}},
			{Name: "sizes", Value: &c.Sizes},
		}
		f := list.NewForm()
		if err := toml.Unmarshal([]byte(text), f.Into); err != nil {
			t.Fatal(err)
		}
		_, err := f.Take()
		got := fmt.Sprint(c.Shape, " ", c.Sizes)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if axis := list[0].FileAxis([]any{"2-3", []any{"4", "5"}}); axis != "2-3;4-5" {
			t.Errorf("an axis is read as %s", axis)
		}
	}
}
