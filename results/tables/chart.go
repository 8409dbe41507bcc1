package tables

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/nearest"
	"quantal/results/draw"
	"quantal/results/store"
)

// Chart says what is drawn of a grid over what, by the names of columns of table.csv, or of curves.csv. What is empty
// follows from what varies.
type Chart struct {
	X     string   // a setting: the one with most values
	Y     []string // a row of panels for each: accuracy, sigma and the objective
	By    string   // a setting, whose values are series in a panel: what has most values besides X, noise last
	Where []string // conditions NAME=VALUE,... that networks must meet
}

// IsZero reports whether all is left to what varies.
func (c Chart) IsZero() bool { return c.X == "" && c.By == "" && len(c.Y)+len(c.Where) == 0 }

// ChoiceError says that a Chart asks for what there is not.
type ChoiceError struct{ Choice, Reason string }

func (e *ChoiceError) Error() string { return e.Choice + " " + e.Reason }

// charted is a table to draw.
type charted struct {
	names    []string
	at       map[string]int // of each column
	rows     []chartedRow
	file     string   // where its columns are explained
	settings []string // its columns that say which network a row is of
	x        string   // unless it is chosen or follows from what varies
	y        []string // unless it is chosen
	note     string
}

// chartedRow is the cells of a row: their texts for people, empty if there is no value, and numbers, NaN if it is none.
type chartedRow struct {
	texts   []string
	numbers []float64
}

func newCharted(t table) charted {
	c := charted{names: t.names, at: map[string]int{}}
	for i, name := range t.names {
		c.at[name] = i
	}
	for _, row := range t.rows {
		r := chartedRow{make([]string, len(row)), make([]float64, len(row))}
		for i, cell := range row {
			r.texts[i], r.numbers[i] = csvField(cell), math.NaN()
			if v, err := strconv.ParseFloat(r.texts[i], 64); err == nil {
				r.texts[i], r.numbers[i] = number("%.6g", v), v
			}
		}
		c.rows = append(c.rows, r)
	}
	return c
}

// joinLayers puts what layers have each, as in c_layers, in the place of the number for all of them.
func (t *charted) joinLayers() {
	t.settings = slices.DeleteFunc(t.settings, func(name string) bool {
		own, in := strings.CutSuffix(name, "_layers")
		to, there := t.at[own]
		for _, row := range t.rows {
			if text := t.text(row, name); in && there && text != "" && row.texts[to] == "" {
				row.texts[to] = text
			}
		}
		return in && there
	})
}

// Chart draws the figures of networks over whatever varies: means over seeds, with 95 % intervals. What varies besides
// the axis, the series and the seed has a column of panels for each combination; one without at least two points is not
// drawn. With nothing to draw, an error says why.
func (g *Grid) Chart(c Chart) ([]NamedFigure, error) {
	done := slices.DeleteFunc(slices.Clone(g.Records), func(r store.Record) bool { return r.Status != store.Done })
	if len(done) == 0 {
		return nil, fmt.Errorf("tables: %s: %w", g.Dir, g.nothingToDraw())
	}
	t, err := tableOf(done, func(r store.Record) (row []cell) {
		for _, c := range recordRow(r) {
			row = append(row, inLayers(c)...)
		}
		return row
	})
	if err != nil {
		return nil, err
	}
	of := newCharted(t)
	of.file, of.settings, of.note = tableCSVName, pointTable{done}.settings(), g.remark()
	of.joinLayers()
	of.y = []string{"accuracy_sampled", "sigma_rms", "objective"}
	figures, err := of.draw(c)
	if err != nil {
		return nil, fmt.Errorf("tables: %s: %w", g.Dir, err)
	}
	return figures, nil
}

// ChartCurves draws learning curves, as Grid.Chart does networks, over the epochs.
func ChartCurves(curves []Curve, c Chart) ([]NamedFigure, error) {
	t, err := curveTable(curves)
	if err != nil {
		return nil, fmt.Errorf("tables: learning curves: %w", err)
	}
	tested := 0
	for _, curve := range curves {
		for _, e := range curve.Epochs {
			tested = max(tested, e.TestExamples)
		}
	}
	of := newCharted(t)
	of.file, of.x, of.y = curvesName+".csv", "epoch", []string{"accuracy_sampled", "nll", "sigma_rms", "objective"}
	of.settings = settingNames(curves, func(c Curve) store.Settings { return c.Settings })
	if tested > 0 {
		of.note = fmt.Sprintf("Accuracies are of the first %d test examples.", tested)
	}
	figures, err := of.draw(c)
	if err != nil {
		return nil, fmt.Errorf("tables: learning curves: %w", err)
	}
	return figures, nil
}

// check reports whether there is the column that a choice names.
func (t charted) check(choice, name string) error {
	switch _, there := t.at[name]; {
	case there:
		return nil
	case slices.Contains(t.settings, name):
		return &ChoiceError{choice, name + ": it does not vary"}
	}
	return &ChoiceError{choice, fmt.Sprintf("%s: %s has no column of this name%s", name, t.file,
		nearest.Hint(name, t.names))}
}

// text is a cell; empty without the column.
func (t charted) text(row chartedRow, name string) string {
	if at, there := t.at[name]; there {
		return row.texts[at]
	}
	return ""
}

// values are the different values of a column in the order of rows, or, if all are numbers, ascending; without empty
// ones.
func (t charted) values(name string) (list []string, numbers bool) {
	at, there := t.at[name]
	of := map[string]float64{"": 0}
	for _, row := range t.rows {
		if !there {
			break
		}
		if _, known := of[row.texts[at]]; !known {
			list = append(list, row.texts[at])
			of[row.texts[at]] = row.numbers[at]
		}
	}
	if slices.ContainsFunc(list, func(text string) bool { return math.IsNaN(of[text]) }) {
		return list, false
	}
	slices.SortStableFunc(list, func(a, b string) int { return cmp.Compare(of[a], of[b]) })
	return list, true
}

// where keeps the rows that meet conditions.
func (t charted) where(conditions []string) (charted, error) {
	for _, text := range conditions {
		name, list, ok := strings.Cut(text, "=")
		if name = strings.TrimSpace(name); !ok {
			return t, &ChoiceError{"where", fmt.Sprintf("%q: want NAME=VALUE,..., as in noise=homogeneous", text)}
		}
		if err := t.check("where", name); err != nil {
			return t, err
		}
		there, _ := t.values(name)
		wanted := map[string]bool{}
		for value := range strings.SplitSeq(list, ",") {
			value = strings.TrimSpace(value)
			same := slices.IndexFunc(there, func(v string) bool {
				x, err1 := strconv.ParseFloat(v, 64)
				y, err2 := strconv.ParseFloat(value, 64)
				return v == value || err1 == nil && err2 == nil && sameValue(x, y)
			})
			if same < 0 {
				return t, &ChoiceError{"where", fmt.Sprintf("%s=%s: want one of %s", name, value, strings.Join(there, ", "))}
			}
			wanted[there[same]] = true
		}
		t.rows = slices.DeleteFunc(slices.Clone(t.rows), func(row chartedRow) bool { return !wanted[t.text(row, name)] })
	}
	return t, nil
}

// most is the setting with most values, the first of several.
func (t charted) most(settings []string) string {
	best, n := "", 0
	for _, name := range settings {
		if values, _ := t.values(name); len(values) > n {
			best, n = name, len(values)
		}
	}
	return best
}

// draw draws a chart.
func (t charted) draw(c Chart) ([]NamedFigure, error) {
	t, err := t.where(c.Where)
	if err != nil {
		return nil, err
	}
	var varies []string
	for _, name := range t.settings {
		if values, _ := t.values(name); len(values) > 1 && name != "seed" {
			varies = append(varies, name)
		}
	}
	twin := "rho_value" // they vary together
	if c.X == twin || c.By == twin {
		twin = "rho"
	}
	varies = slices.DeleteFunc(varies, func(v string) bool { return v == twin })
	if x := cmp.Or(c.X, t.x); x != "" {
		return t.over(x, c, varies)
	}
	// The first over which there is something to draw: what has most values need not vary without the rest.
	for _, x := range t.axes(slices.DeleteFunc(slices.Clone(varies), func(v string) bool { return v == c.By })) {
		figures, reason := t.over(x, c, slices.Clone(varies))
		if !errors.Is(reason, store.ErrNothing) {
			return figures, reason
		}
		err = cmp.Or(err, reason)
	}
	return nil, cmp.Or[error](err,
		store.Nothing("no two networks differ in a setting or in their seed: nothing to draw over"))
}

// axes orders settings by what should be the axis: those with most values, c before others with as many, then noise,
// then the seed, if there are several.
func (t charted) axes(settings []string) []string {
	rank := func(name string) int {
		values, _ := t.values(name)
		switch n := 2 * len(values); name {
		case "noise":
			return 1
		case "c":
			return n + 1
		default:
			return n
		}
	}
	slices.SortStableFunc(settings, func(a, b string) int { return cmp.Compare(rank(b), rank(a)) })
	if seeds, _ := t.values("seed"); len(seeds) > 1 {
		settings = append(settings, "seed")
	}
	return settings
}

// over draws over x what varies.
func (t charted) over(x string, c Chart, varies []string) ([]NamedFigure, error) {
	without := func(names ...string) {
		varies = slices.DeleteFunc(varies, func(v string) bool { return slices.Contains(names, v) })
	}
	if without(x); x == "rho" {
		without("rho_value")
	}
	by := c.By
	if by == "" {
		by = cmp.Or(t.most(slices.DeleteFunc(slices.Clone(varies), func(v string) bool { return v == "noise" })),
			t.most(varies))
	}
	without(by)
	y, err := t.expand(c.Y)
	if err != nil {
		return nil, err
	}
	for flag, name := range map[string]string{"x": x, "by": by} {
		if name != "" {
			if err := t.check(flag, name); err != nil {
				return nil, err
			}
		}
	}
	return t.sheets(x, by, y, varies)
}

// expand lists what is drawn: columns with numbers, that of a list for each layer.
func (t charted) expand(asked []string) (list []string, err error) {
	given := len(asked) > 0
	for _, name := range append(asked, t.y[:len(t.y)*map[bool]int{true: 0, false: 1}[given]]...) {
		name = strings.TrimSpace(name)
		found := false
		for _, column := range t.names {
			layer, inLayers := strings.CutPrefix(column, name+"_")
			_, err := strconv.Atoi(layer)
			if column == name || inLayers && err == nil {
				if _, numbers := t.values(column); !numbers {
					return nil, &ChoiceError{"y", name + ": want a column with numbers"}
				}
				list, found = append(list, column), true
			}
		}
		if !found && given {
			return nil, cmp.Or[error](t.check("y", name), &ChoiceError{"y", name + ": no network has numbers of it"})
		}
	}
	return list, nil
}

// kind is the rows whose networks have the same settings, other than the axis, the series and the seed.
type kind struct {
	about string
	rows  []chartedRow
}

// kinds divides the rows by settings. A network that has no value of some, as one without noise has no c, is in each
// kind that it fits.
func (t charted) kinds(settings []string) (list []kind) {
	var texts [][]string
	fits := func(a, b []string) bool {
		for i := range a {
			if a[i] != b[i] && b[i] != "" {
				return false
			}
		}
		return true
	}
	for _, whole := range []bool{true, false} {
		for _, row := range t.rows {
			var own, parts []string
			for _, name := range settings {
				text := t.text(row, name)
				if own = append(own, text); text != "" {
					parts = append(parts, title(name)+" "+text)
				}
			}
			if (len(parts) == len(settings)) != whole {
				continue
			}
			found := false
			for i := range list {
				if fits(texts[i], own) {
					list[i].rows, found = append(list[i].rows, row), true
				}
			}
			if !found {
				list, texts = append(list, kind{strings.Join(parts, ", "), []chartedRow{row}}), append(texts, own)
			}
		}
	}
	return list
}

// sheets draws rows of panels for y over x, with series and a column for each combination of the rest.
func (t charted) sheets(x, by string, y, rest []string) ([]NamedFigure, error) {
	const (
		perFigure = 4  // columns
		high      = 44 // millimetres: a row, with its axis
		margins   = 22 // millimetres of the width, with the axis at the left
		each      = 40 // for a column
	)
	panels, single := t.kinds(rest), 0
	panels = slices.DeleteFunc(panels, func(k kind) bool {
		places := map[string]bool{}
		for _, row := range k.rows {
			places[t.text(row, x)] = true
		}
		if delete(places, ""); len(places) < 2 {
			single++
			return true
		}
		return false
	})
	if len(panels) == 0 && t.x != "" && x == t.x {
		return nil, store.Nothing("no network has the measurements of two epochs yet: nothing to draw")
	}
	if len(panels) == 0 {
		return nil, store.Nothing(fmt.Sprintf("no two networks differ only in %s: nothing to draw over it", x))
	}
	var figures []NamedFigure
	for chunk := range slices.Chunk(panels, perFigure) {
		block := draw.Block{RowHeight: high, Shared: true}
		if by != "" {
			values, _ := t.values(by)
			for _, v := range values {
				block.Key = append(block.Key, seriesLabel(by, v))
			}
		}
		few, many := math.MaxInt, 0
		for j, name := range y {
			var row []draw.Panel
			for i, k := range chunk {
				p := t.panel(k.rows, x, name, by, &few, &many)
				if i == 0 {
					p.Letter = draw.Letter(j)
				}
				if j == 0 {
					p.Title = short(k.about)
				}
				row = append(row, p)
			}
			if slices.ContainsFunc(row, func(p draw.Panel) bool { return len(p.Layers) > 0 }) {
				block.Rows = append(block.Rows, row)
			}
		}
		if len(block.Rows) == 0 {
			return nil, store.Nothing(fmt.Sprintf("nothing of %s was measured: nothing to draw", strings.Join(y, ", ")))
		}
		figure, err := draw.NewFigure(block)
		if err != nil {
			return nil, err
		}
		figure.Note = strings.TrimSpace(seedNote(few, many) + " " + t.note)
		if single > 0 {
			figure.Note += fmt.Sprintf(" %s of networks without another %s %s not drawn.", count(single, "kind"), title(x),
				isAre(single))
		}
		if figure.Width = margins + each*float64(len(chunk)); len(chunk) == 1 {
			figure.Width = draw.OneColumn
		}
		name, caption := "over-"+strings.ReplaceAll(title(x), "_", "-"), "What networks reach over "+words(title(x))
		if t.x != "" && x == t.x {
			name, caption = curvesName, "Learning curves"
		}
		if by != "" {
			caption += ", by " + words(title(by))
		}
		if n := len(figures); n > 0 {
			name += fmt.Sprintf("-%d", n+1)
		}
		figures = append(figures, NamedFigure{name, caption + ".", figure})
	}
	return figures, nil
}

// seedNote says behind how many seeds a point stands.
func seedNote(few, many int) string {
	switch {
	case many > 1 && few == many:
		return fmt.Sprintf("Means over %d seeds, bands: 95 %% intervals.", many)
	case many > 1:
		return fmt.Sprintf("Means over %d to %d seeds, bands: 95 %% intervals.", few, many)
	}
	return ""
}

// panel draws y over x of some rows, and notes how many seeds a point has. A network without a value of x is a level.
func (t charted) panel(rows []chartedRow, x, y, by string, few, many *int) draw.Panel {
	places, numeric := t.values(x)
	numeric = numeric && x != "seed"
	p := draw.Panel{X: axisOf(x), Y: axisOf(y)}
	scale := 1.0
	if strings.Contains(y, "accuracy") {
		scale = 100
	}
	series := []string{""}
	if by != "" {
		series, _ = t.values(by)
		if slices.ContainsFunc(rows, func(row chartedRow) bool { return t.text(row, by) == "" }) {
			series = append(series, "")
		}
	}
	at := func(text string) float64 {
		if numeric {
			v, _ := strconv.ParseFloat(text, 64)
			return v
		}
		return float64(slices.Index(places, text))
	}
	least, most, lowest, highest := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for i, value := range series {
		samples := map[string][]float64{}
		for _, row := range rows {
			if v := scale * row.numbers[t.at[y]]; finite(v) && (by == "" || t.text(row, by) == value) {
				samples[t.text(row, x)] = append(samples[t.text(row, x)], v)
				least, most = min(least, v), max(most, v)
			}
		}
		look := seriesLook(by, value, i, len(series))
		if level, ok := samples[""]; ok {
			label := cmp.Or(look.Label, "all") + ", no " + title(x)
			p.Layers = append(p.Layers, draw.Level{Label: label, Y: NewInterval(level).Mean})
			delete(samples, "")
		}
		found := slices.SortedFunc(maps.Keys(samples), func(a, b string) int { return cmp.Compare(at(a), at(b)) })
		for _, place := range found {
			m := NewInterval(samples[place])
			*few, *many = min(*few, m.N), max(*many, m.N)
			lowest, highest = min(lowest, at(place)), max(highest, at(place))
			look.X, look.Y = append(look.X, at(place)), append(look.Y, m.Mean)
			look.Low, look.High = append(look.Low, m.Mean-m.HalfWidth), append(look.High, m.Mean+m.HalfWidth)
		}
		const crowded = 30
		if len(look.X) > crowded {
			look.Mark = 0
		}
		switch {
		case numeric && len(look.X) > 0:
			p.Layers = append(p.Layers, look)
		case !numeric:
			for k := range look.X { // categories have no order to join them in
				one := look
				one.X, one.Y, one.Low, one.High = look.X[k:k+1], look.Y[k:k+1], look.Low[k:k+1], look.High[k:k+1]
				p.Layers = append(p.Layers, one)
			}
		}
	}
	p.Y.Log = p.Y.Log && least >= 0 && most > 0 // a sigma of 0 has no place
	p.X.Log = lowest > 0 && (p.X.Log || numeric && !p.X.Whole && highest >= 10*lowest)
	if !numeric {
		for i, text := range places {
			p.X.Names = append(p.X.Names, draw.Name{At: float64(i), Text: short(text)})
		}
		p.X.Log, p.X.Min, p.X.Max = false, -0.5, float64(len(places))-0.5
	}
	p.X.Room, p.Y.Room = 5, 7
	return p
}

func seriesLabel(by, value string) string {
	if by == "noise" {
		return value
	}
	return title(by) + " " + cmp.Or(value, "none")
}

// seriesLook is how series i of n is drawn: noise as in other figures, a few in colours of their own, many in shades,
// of which the key has some.
func seriesLook(by, value string, i, n int) draw.Curve {
	const few, inKey = 6, 6
	look := draw.Series(i)
	look.Small, look.Mark = true, draw.Dot
	switch {
	case by == "":
		return look
	case by == "noise":
		look.Color, look.Mark, _ = lookOf(value)
		look.Dashed = false
	case n > few:
		look.Color, look.Dashed, look.Pale = draw.Blue, false, 0.8*(1-float64(i)/float64(n-1))
		if every := (n + inKey - 2) / (inKey - 1); i%every != 0 && i != n-1 {
			return look
		}
	}
	look.Label = seriesLabel(by, value)
	return look
}

// words is the name of a column for people.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// axisOf is the axis of a column.
func axisOf(name string) draw.Axis {
	layer := ""
	if of, number, ok := strings.Cut(name, "_layers_"); ok {
		name, layer = of, " of layer "+number
	}
	quantile, isQuantile := strings.CutPrefix(name, "sigma_q")
	switch {
	case name == "accuracy_sampled":
		return draw.Axis{Label: "Test accuracy, sampled (%)", Most: 100}
	case name == "accuracy_mean":
		return draw.Axis{Label: "Test accuracy, weights at μ (%)", Most: 100}
	case strings.Contains(name, "accuracy"):
		return draw.Axis{Label: capital(words(strings.Replace(name, "accuracy_", "accuracy, ", 1))) + " (%)", Most: 100}
	case strings.Contains(name, "loss"):
		return draw.Axis{Label: capital(words(strings.Replace(name, "loss_", "loss, ", 1))) + " (nats)"}
	case name == "nll":
		return draw.Axis{Label: "Training NLL (nats)"}
	case name == "sigma_rms":
		return draw.Axis{Label: "σ" + layer + " (rms)", Log: true}
	case isQuantile:
		return draw.Axis{Label: fmt.Sprintf("σ%s (%s %% quantile)", layer, strings.TrimPrefix(quantile, "0")), Log: true}
	case strings.HasPrefix(name, "objective"), strings.HasPrefix(name, termColumn):
		return draw.Axis{Label: capital(words(name)) + " (nats)", Log: true}
	case name == "reliability_cost":
		return draw.Axis{Label: reliabilityCost(nil).Label, Log: true}
	case name == "epoch":
		return draw.Axis{Label: "Training time (epochs)", Whole: true}
	case name == "c":
		return alongC.quantity(nil).Axis
	case strings.HasPrefix(name, numberColumn):
		return draw.Axis{Label: fmt.Sprintf("Number %s of the cost", title(name))}
	}
	if label, known := map[string]string{"lambda": "λ (nats)", "lr": "Learning rate", "batch": "Minibatch (examples)",
		"epochs": "Training (epochs)", "rho_value": "ρ", "rho": "ρ", "mu_init": "μ at the start, at most",
		"sigma_init": "σ at the start", "hidden": "Units of the hidden layers"}[name]; known {
		return draw.Axis{Label: label}
	}
	return draw.Axis{Label: capital(words(name))}
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
