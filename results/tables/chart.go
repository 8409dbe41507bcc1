package tables

import (
	"cmp"
	"errors"
	"fmt"
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
	X     string   // a setting, the one with most values, or what networks reach: a mean for each point, as along y
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
	Table
	file     string   // where its columns are explained
	x        string   // unless it is chosen or follows from what varies
	y        []string // unless it is chosen
	constant []string // settings without a column
	note     string
}

// Chart draws the figures of networks over whatever varies: means over seeds, with 95 % intervals. What varies besides
// the axis, the series and the seed has a column of panels for each combination; one without at least two points is not
// drawn. With nothing to draw, an error says why.
func (g *Grid) Chart(c Chart) ([]NamedFigure, error) {
	done := slices.DeleteFunc(slices.Clone(g.Records), func(r store.Record) bool { return r.Status != store.Done })
	if len(done) == 0 {
		return nil, fmt.Errorf("tables: %s: %w", g.Dir, g.nothingToDraw())
	}
	var rows []Row
	for _, r := range done {
		row, err := NewRow(r)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	figures, err := charted{Table: NewTable(rows), file: tableCSVName, note: g.remark(),
		y: []string{"accuracy_sampled", "sigma_rms", "objective"}}.draw(c)
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
	settings := settingNames(curves, func(c Curve) store.Settings { return c.Settings })
	first := Row{settings: len(slices.DeleteFunc(slices.Clone(t.names), func(name string) bool {
		return !slices.Contains(settings, name)
	}))}
	var rows []Row
	for _, values := range t.rows {
		row := first
		for i, name := range t.names {
			row.add(name, values[i])
		}
		rows = append(rows, row)
	}
	of := charted{Table: NewTable(rows), file: curvesName + ".csv", x: "epoch", constant: settings,
		y: []string{"accuracy_sampled", "nll", "sigma_rms", "objective"}}
	if tested > 0 {
		of.note = fmt.Sprintf("Accuracies are of the first %d test examples, at the end of all.", tested)
	}
	figures, err := of.draw(c)
	if err != nil {
		return nil, fmt.Errorf("tables: learning curves: %w", err)
	}
	return figures, nil
}

// check reports whether there is the column that a choice names.
func (t Table) check(choice, name string) error {
	if _, there := t.at[name]; there {
		return nil
	}
	return &ChoiceError{choice, fmt.Sprintf("%s: there is no column of this name%s", name, nearest.Hint(name, t.Columns))}
}

func (t charted) check(choice, name string) error {
	switch _, there := t.at[name]; {
	case there:
		return nil
	case slices.Contains(t.constant, name):
		return &ChoiceError{choice, name + ": it does not vary"}
	}
	return &ChoiceError{choice, fmt.Sprintf("%s: %s has no column of this name%s", name, t.file,
		nearest.Hint(name, t.Columns))}
}

// values are the different values of a column in the order of rows, or, if all are numbers, ascending; without empty
// ones.
func (t Table) values(name string) (list []string, numbers bool) {
	at, there := t.at[name]
	of := map[string]float64{"": 0}
	for _, row := range t.Rows {
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
		values := strings.Split(list, ",")
		if slices.Contains(there, strings.TrimSpace(list)) { // a network has commas
			values = []string{list}
		}
		for _, value := range values {
			value = strings.TrimSpace(value)
			same := slices.IndexFunc(there, func(v string) bool {
				x, err1 := strconv.ParseFloat(v, 64)
				y, err2 := strconv.ParseFloat(value, 64)
				return v == value || err1 == nil && err2 == nil && sameValue(x, y)
			})
			if same < 0 {
				return t, &ChoiceError{"where", fmt.Sprintf("%s=%s: want one of %s", name, value,
					strings.Join(shownValues(there), ", "))}
			}
			wanted[there[same]] = true
		}
		t.Rows = slices.DeleteFunc(slices.Clone(t.Rows), func(row Row) bool { return !wanted[t.Text(row, name)] })
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
	if t.reached(x) { // its curves are along a setting
		along := t.axes(slices.DeleteFunc(slices.Clone(varies), func(v string) bool { return v == by }))
		without(along[:min(1, len(along))]...)
	}
	if by == "" {
		by = cmp.Or(t.most(slices.DeleteFunc(slices.Clone(varies), func(v string) bool { return v == "noise" })),
			t.most(varies))
	}
	without(by)
	if by == "network" || by == "hidden" { // they vary together
		varies = slices.DeleteFunc(varies, func(v string) bool {
			return slices.Contains([]string{"network", "hidden", "activation"}, v) && t.follows(v, by)
		})
	}
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

// reached reports whether a column is what networks reach, no setting and no time.
func (t charted) reached(x string) bool { return t.x == "" && !slices.Contains(t.settings, x) }

// follows reports whether a setting has one value for each of another.
func (t charted) follows(name, other string) bool {
	of := map[string]string{}
	for _, row := range t.Rows {
		value, key := t.Text(row, name), t.Text(row, other)
		if before, known := of[key]; known && before != value {
			return false
		}
		of[key] = value
	}
	return true
}

// expand lists what is drawn: columns with numbers, that of a list for each layer.
func (t charted) expand(asked []string) (list []string, err error) {
	given := len(asked) > 0
	for _, name := range append(asked, t.y[:len(t.y)*map[bool]int{true: 0, false: 1}[given]]...) {
		name = strings.TrimSpace(name)
		found := false
		for _, column := range t.Columns {
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
	rows  []Row
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
		for _, row := range t.Rows {
			var own, parts []string
			for _, name := range settings {
				text := t.Text(row, name)
				if own = append(own, text); text != "" {
					parts = append(parts, settingLabel(name, text))
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
				list, texts = append(list, kind{strings.Join(parts, ", "), []Row{row}}), append(texts, own)
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
			places[t.Text(row, x)] = true
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
		d := drawing{x: x, few: math.MaxInt, mean: t.reached(x)}
		if by != "" {
			d.by = []string{by}
			values, _ := t.values(by)
			for _, v := range values {
				block.Key = append(block.Key, seriesLabel(d.by, []string{v}))
			}
		}
		for j, name := range y {
			var row []draw.Panel
			for i, k := range chunk {
				d.y = name
				p := t.panel(k.rows, &d)
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
		figure.Note = strings.TrimSpace(seedNote(d.few, d.many) + " " + t.note)
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

// drawing is what a panel shows.
type drawing struct {
	x, y string
	by   []string // each combination of their values is a series
	each bool     // every network has a mark; otherwise means have, and intervals around them
	mean bool     // the places along x are means, too: over networks that differ in their seed alone

	few, many int        // seeds behind a mean
	ids       [][]string // of the networks in each layer
}

// combinations lists those of the values of settings that rows have, in the order of the values.
func (t Table) combinations(by []string) (list [][]string) {
	places := make([]map[string]int, len(by))
	for i, name := range by {
		values, _ := t.values(name)
		places[i] = map[string]int{"": len(values)}
		for at, v := range values {
			places[i][v] = at
		}
	}
	seen := map[string]bool{}
	for _, row := range t.Rows {
		own := t.texts(row, by)
		if key := strings.Join(own, "\x00"); !seen[key] {
			seen[key], list = true, append(list, own)
		}
	}
	slices.SortFunc(list, func(a, b []string) int {
		for i := range by {
			if c := cmp.Compare(places[i][a[i]], places[i][b[i]]); c != 0 {
				return c
			}
		}
		return 0
	})
	return list
}

func (t Table) texts(row Row, names []string) (list []string) {
	for _, name := range names {
		list = append(list, t.Text(row, name))
	}
	return list
}

// panel draws y over x of some rows, and notes how many seeds a mean has. Of a setting, a network without a value of x
// is a level. How a series looks depends on all rows of the table.
func (t Table) panel(rows []Row, d *drawing) (p draw.Panel) {
	places, numeric := t.values(d.x)
	numeric = numeric && d.x != "seed"
	measured := !slices.Contains(t.settings, d.x)
	var scaleX, scaleY float64
	p.X, scaleX = scaled(d.x)
	p.Y, scaleY = scaled(d.y)
	place := map[string]float64{}
	for i, text := range places {
		place[text] = float64(i)
	}
	at := func(row Row) float64 {
		if numeric {
			return scaleX * t.number(row, d.x)
		}
		if v, there := place[t.Text(row, d.x)]; there {
			return v
		}
		return math.NaN()
	}
	if d.mean && numeric {
		settings := slices.DeleteFunc(slices.Clone(t.settings), func(name string) bool { return name == "seed" })
		point := func(row Row) string { return strings.Join(t.texts(row, settings), "\x00") }
		samples := map[string][]float64{}
		for _, row := range rows {
			samples[point(row)] = append(samples[point(row)], scaleX*t.number(row, d.x))
		}
		at = func(row Row) float64 { return NewInterval(samples[point(row)]).Mean }
	}
	own := map[string][]Row{}
	x, y := newSpan(), newSpan()
	for _, row := range rows {
		key := strings.Join(t.texts(row, d.by), "\x00")
		if v := scaleY * t.number(row, d.y); finite(v) {
			own[key] = append(own[key], row)
			y.add(v)
			x.add(at(row))
		} else if d.each && !measured {
			x.add(at(row)) // of one to come
		}
	}
	list := t.combinations(d.by)
	for i, values := range list {
		rows := own[strings.Join(values, "\x00")]
		slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(at(a), at(b)) })
		var samples [][]float64
		look := seriesLook(d.by, values, i, len(list))
		marks := draw.Points{Label: look.Label, Color: look.Color, Pale: look.Pale, Mark: look.Mark, Small: len(rows) > 100}
		var level []float64
		var ids []string
		for _, row := range rows {
			vx, vy := at(row), scaleY*t.number(row, d.y)
			if math.IsNaN(vx) {
				level = append(level, vy)
				continue
			}
			marks.X, marks.Y, ids = append(marks.X, vx), append(marks.Y, vy), append(ids, row.ID)
			if n := len(look.X); n == 0 || look.X[n-1] != vx {
				look.X, samples = append(look.X, vx), append(samples, nil)
			}
			samples[len(samples)-1] = append(samples[len(samples)-1], vy)
		}
		if len(level) > 0 && !measured {
			label := cmp.Or(look.Label, "all") + ", no " + title(d.x)
			p.Layers, d.ids = append(p.Layers, draw.Level{Label: label, Y: NewInterval(level).Mean}), append(d.ids, nil)
		}
		for _, s := range samples {
			m := NewInterval(s)
			d.few, d.many = min(d.few, m.N), max(d.many, m.N)
			look.Y = append(look.Y, m.Mean)
			look.Low, look.High = append(look.Low, m.Mean-m.HalfWidth), append(look.High, m.Mean+m.HalfWidth)
		}
		const crowded = 30
		if len(look.X) > crowded {
			look.Mark = 0
		}
		line := numeric && !(d.each && measured)
		if d.each {
			look.Low, look.High, look.Mark = nil, nil, 0
			if line {
				marks.Label = ""
			}
		}
		switch {
		case line && len(look.X) > 0:
			p.Layers, d.ids = append(p.Layers, look), append(d.ids, nil)
		case !d.each:
			for k := range look.X { // categories have no order to join them in
				one := look
				one.X, one.Y, one.Low, one.High = look.X[k:k+1], look.Y[k:k+1], look.Low[k:k+1], look.High[k:k+1]
				p.Layers = append(p.Layers, one)
			}
		}
		if d.each && len(marks.X) > 0 {
			p.Layers, d.ids = append(p.Layers, marks), append(d.ids, ids)
		}
	}
	p.X.Log, p.Y.Log = x.log(p.X, !measured && numeric), y.log(p.Y, slices.Contains(t.settings, d.y))
	if d.each && !measured && x.low < x.high && !(p.X.Log && x.low == 0) { // the axis stays while networks finish
		p.X.Min, p.X.Max = x.around(p.X.Log)
	}
	if !numeric {
		for i, text := range places {
			p.X.Names = append(p.X.Names, draw.Name{At: float64(i), Text: short(text)})
		}
		p.X.Log, p.X.Min, p.X.Max = false, -0.5, float64(len(places))-0.5
	}
	p.X.Room, p.Y.Room = 5, 7
	return p
}

// span is the range of values.
type span struct{ low, high float64 }

func newSpan() span { return span{math.Inf(1), math.Inf(-1)} }

func (s *span) add(v float64) {
	if finite(v) {
		s.low, s.high = min(s.low, v), max(s.high, v)
	}
}

// log reports whether an axis is logarithmic: if what it shows usually is, where a sigma of 0 has no place, or if
// values of a setting are tenfold apart.
func (s span) log(a draw.Axis, setting bool) bool {
	return a.Log && s.low >= 0 && s.high > 0 || setting && !a.Whole && s.low > 0 && s.high >= 10*s.low
}

// around is the span with room for marks.
func (s span) around(log bool) (low, high float64) {
	const room = 0.04
	if log {
		f := math.Pow(s.high/s.low, room)
		return s.low / f, s.high * f
	}
	return s.low - room*(s.high-s.low), s.high + room*(s.high-s.low)
}

// shownValues are values with as many digits as tell settings apart.
func shownValues(values []string) (list []string) {
	for _, v := range values {
		list = append(list, shortNumber(v, 6))
	}
	return list
}

func settingLabel(name, value string) string {
	return strings.TrimSuffix(title(name), "_value") + " " + shortNumber(cmp.Or(value, "none"), 6)
}

// seriesLabel names a combination of values of settings.
func seriesLabel(by, values []string) string {
	var parts []string
	for i, name := range by {
		switch {
		case name == "noise", name == folderColumn:
			parts = append(parts, values[i])
		case values[i] != "" || len(by) == 1:
			parts = append(parts, settingLabel(name, values[i]))
		}
	}
	return strings.Join(parts, ", ")
}

// seriesLook is how series i of n is drawn: noise as in other figures, a few in colours of their own, many values of
// one setting in shades, of which the key has some.
func seriesLook(by, values []string, i, n int) draw.Curve {
	const few, inKey = 6, 6
	look := draw.Series(i)
	look.Small, look.Mark, look.Label = true, draw.Dot, seriesLabel(by, values)
	switch {
	case len(by) != 1:
	case by[0] == "noise":
		look.Color, look.Mark, _ = lookOf(values[0])
		look.Dashed = false
	case n > few:
		look.Color, look.Dashed, look.Pale = draw.Blue, false, 0.8*(1-float64(i)/float64(n-1))
		if every := (n + inKey - 2) / (inKey - 1); i%every != 0 && i != n-1 {
			look.Label = ""
		}
	}
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
