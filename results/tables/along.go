package tables

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"quantal/results/draw"
	"quantal/results/store"
)

// setColumn is the column that has the numbers that costs read, besides c, rho and lambda: k=0.3,n=2. One number has a
// column of its own, whose name begins with numberColumn.
const (
	setColumn    = "set"
	numberColumn = setColumn + "_"
)

// numbersOf are the numbers that a network's costs read, by name; one in which layers differ is written 2x2x1.
func numbersOf(s store.Settings) map[string]string {
	numbers := map[string]string{}
	for part := range strings.SplitSeq(s.Later.Text(setColumn), ",") {
		if name, value, ok := strings.Cut(part, "="); ok {
			numbers[name] = value
		}
	}
	return numbers
}

// withNumbers adds a cell for each number of costs behind the one that has all.
func withNumbers(cells []cell, s store.Settings) []cell {
	at := slices.IndexFunc(cells, func(c cell) bool { return c.name == setColumn })
	if at < 0 {
		return cells
	}
	numbers := numbersOf(s)
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(numbers))) {
		c := cell{name: numberColumn + name, value: numbers[name], kind: reflect.TypeFor[string]()}
		if v, err := strconv.ParseFloat(numbers[name], 64); err == nil {
			c.value, c.kind = v, reflect.TypeFor[float64]()
		}
		cells = slices.Insert(cells, at+1, c)
	}
	return cells
}

// settingCells are the settings of a network.
func settingCells(s store.Settings) []cell { return withNumbers(cellsIn(s), s) }

// along is what networks are drawn along: c, or a number of costs by its name.
type along string

const alongC along = "c"

// of is the value that a network has; NaN where its costs read none, or layers differ.
func (a along) of(s store.Settings) float64 {
	if a == alongC {
		if s.C == 0 {
			return math.NaN()
		}
		return s.C
	}
	if v, err := strconv.ParseFloat(numbersOf(s)[string(a)], 64); err == nil {
		return v
	}
	return math.NaN()
}

// text is the value of c, or of a number, for people; empty where a network has none.
func (a along) text(s store.Settings) string {
	if a != alongC {
		return numbersOf(s)[string(a)]
	}
	if s.C == 0 && s.Layers("c") == "" {
		return ""
	}
	return s.CText("%.6g")
}

// kindOf is the settings without noise, costs and what these read, and seed.
func kindOf(s store.Settings) store.Settings {
	s.Noise, s.Rho, s.RhoValue, s.C, s.Seed = "", "", 0, 0, 0
	s.Later = s.Later.Without(costColumn).Without(setColumn)
	return s
}

// varied are c and the numbers that differ among networks with one cost, in alphabetical order, and their values in a
// network, empty where its cost does not read them, or they are always the same.
func varied(all []store.Settings) (names []along, in func(store.Settings) map[along]string) {
	type class struct {
		cost   string
		silent bool // without noise numbers may have no effect
	}
	of := func(s store.Settings) class { return class{s.Later.Text(costColumn), s.Noise == store.WithoutNoise} }
	first, differ := map[class]map[string]string{}, map[class]map[along]bool{}
	for _, s := range all {
		c, numbers := of(s), numbersOf(s)
		if first[c] == nil {
			first[c], differ[c] = numbers, map[along]bool{alongC: true}
		}
		for name, value := range numbers {
			if a := along(name); first[c][name] != value {
				if differ[c][a] = true; !slices.Contains(names, a) {
					names = append(names, a)
				}
			}
		}
	}
	names = append(names, alongC)
	slices.Sort(names)
	return names, func(s store.Settings) map[along]string {
		values := map[along]string{}
		for _, a := range names {
			if text := a.text(s); text != "" && differ[of(s)][a] {
				values[a] = text
			}
		}
		return values
	}
}

// drawnAlong is what figures are drawn along: what takes most values, of c and the numbers of costs.
func drawnAlong(groups []Group) (list []along) {
	names, in := varied(settingsOf(groups))
	values := map[along]map[string]bool{}
	most := 0
	for _, a := range names {
		values[a] = map[string]bool{}
		for _, g := range groups {
			if text := in(g.Settings)[a]; text != "" && g.Noise != store.WithoutNoise {
				values[a][text] = true
			}
		}
		most = max(most, len(values[a]))
	}
	for _, a := range names {
		if len(values[a]) == most {
			list = append(list, a)
		}
	}
	return list
}

// quantity is the axis for some groups, logarithmic where that shows more.
func (a along) quantity(groups []Group) quantity {
	if a == alongC {
		return quantity{draw.Axis{Label: "Cost multiplier c (nats)", Log: true}, a.mean,
			func(p Published) float64 { return p.C }}
	}
	low, high := math.Inf(1), math.Inf(-1)
	for _, g := range groups {
		if v := a.of(g.Settings); v == v {
			low, high = min(low, v), max(high, v)
		}
	}
	return quantity{draw.Axis{Label: fmt.Sprintf("Number %s of the cost", a), Log: low > 0 && high >= 10*low}, a.mean,
		func(Published) float64 { return math.NaN() }}
}

func (a along) mean(g Group) Interval {
	return Interval{N: len(g.Done), Mean: a.of(g.Settings), SD: math.NaN(), HalfWidth: math.NaN()}
}

// compare orders groups by it.
func (a along) compare(x, y Group) int { return cmp.Compare(a.of(x.Settings), a.of(y.Settings)) }

// told are the settings of a network for people, by their names in tables.
func told(s store.Settings) (names []string, texts map[string]string) {
	texts = map[string]string{}
	for _, f := range store.FieldsOf(reflect.ValueOf(s)) {
		if v := f.Value; v.Kind() != reflect.Pointer || !v.IsNil() || f.Text != "" { // else empty, as layers differ
			names, texts[f.Name] = append(names, f.Name), settingText(f)
		}
	}
	return names, texts
}

// differences tell what in the settings of one network others of the list do not all have: lambda 0.01, batch 20.
func differences(all []store.Settings) func(store.Settings) []string {
	values := map[string]map[string]bool{}
	for i, s := range all {
		names, texts := told(s)
		for _, name := range names {
			if values[name] == nil {
				values[name] = map[string]bool{}
				if i > 0 {
					values[name][""] = true // those before have none
				}
			}
		}
		for name := range values {
			values[name][texts[name]] = true
		}
	}
	return func(s store.Settings) (parts []string) {
		names, texts := told(s)
		for _, name := range names {
			if len(values[name]) > 1 {
				parts = append(parts, name+" "+texts[name])
			}
		}
		return parts
	}
}

// settingsOf are those of groups.
func settingsOf(groups []Group) (all []store.Settings) {
	for _, g := range groups {
		all = append(all, g.Settings)
	}
	return all
}

// Distinctions tell the networks of a list apart besides noise, rho, c and seed, in few words: c*exp(-k*sigma), k 0.3.
func Distinctions(all []store.Settings) func(store.Settings) []string {
	var kinds []store.Settings
	var laws []string
	known := map[store.Settings]bool{}
	for _, s := range all {
		if law := s.Later.Text(costColumn); !slices.Contains(laws, law) {
			laws = append(laws, law)
		}
		if s = kindOf(s); !known[s] {
			known[s], kinds = true, append(kinds, s)
		}
	}
	names, in := varied(all)
	rest, law := differences(kinds), shortLaws(laws)
	return func(s store.Settings) (parts []string) {
		if text := law[s.Later.Text(costColumn)]; text != "" && len(laws) > 1 {
			parts = append(parts, text)
		}
		values := in(s)
		for _, a := range names {
			if values[a] != "" && a != alongC {
				parts = append(parts, string(a)+" "+values[a])
			}
		}
		return append(parts, rest(kindOf(s))...)
	}
}

var longDecimal = regexp.MustCompile(`\d+\.\d{10,}`)

// withFractions writes the numbers of a formula that are fractions, as (4/3), for people.
func withFractions(formula string) string {
	return longDecimal.ReplaceAllStringFunc(formula, func(text string) string {
		v, _ := strconv.ParseFloat(text, 64)
		for q := 3.; q <= 12; q++ {
			if p := math.Round(v * q); p > 0 && math.Abs(v-p/q) < 1e-14*v {
				return fmt.Sprintf("(%g/%g)", p, q)
			}
		}
		return text
	})
}

// shortLaws writes costs in so many characters as are needed to tell them apart, or a few more. Of a single term the
// formula says it.
func shortLaws(laws []string) map[string]string {
	const few = 24
	texts := map[string]string{}
	for _, law := range laws {
		texts[law] = withFractions(law)
		if _, formula, ok := strings.Cut(law, " = "); ok && !strings.Contains(law, ";") {
			texts[law] = withFractions(formula)
		}
	}
	for most := few; ; most += few {
		short, apart := map[string]string{}, map[string]bool{}
		cut := false
		for _, law := range laws {
			text := []rune(texts[law])
			if len(text) > most {
				text, cut = append(text[:most-1:most-1], '…'), true
			}
			short[law] = string(text)
			apart[short[law]] = true
		}
		if len(apart) == len(laws) || !cut {
			return short
		}
	}
}
