package tables

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/sentence"
	"quantal/results/store"
)

// Report makes the page of a grid: what was run and how to repeat it, figures, means over seeds, the comparison with
// published values if there is one, diverged points, and all points. figures are those of Figures, none if there is
// nothing to draw.
func (g *Grid) Report(figures []NamedFigure, comparison *Comparison) Report {
	r := Report{Title: "Grid " + g.Dir, Answer: g.answer()}
	if len(figures) > 0 {
		r.Sections = append(r.Sections, Section{Title: "Figures", Figures: figures})
	} else {
		why := asSentence(sentence.Of(g.nothingToDraw()))
		r.Sections = append(r.Sections, Section{Title: "Figures", Prose: []string{why}})
	}
	if comparison != nil {
		r.Sections = append(r.Sections, comparison.section())
	}
	if len(g.Records) > 0 {
		r.Sections = append(r.Sections, g.meansSection())
	}
	if s := g.divergedSection(); len(s.Tables) > 0 {
		r.Sections = append(r.Sections, s)
	}
	if len(g.Records) > 0 {
		r.Sections = append(r.Sections, g.pointsSection())
	}
	if len(g.Damaged) > 0 {
		s := Section{Title: "Damaged files",
			Prose: []string{"These points count as missing; the grid's command trains them again."}}
		for _, err := range g.Damaged {
			s.Code = append(s.Code, sentence.Of(err))
		}
		r.Sections = append(r.Sections, s)
	}
	r.Sections = append(r.Sections, g.runSection())
	return r
}

// answer is what came out of the grid, and how it was made.
func (g *Grid) answer() []string {
	first := highest(g.Records)
	if first == "" {
		for _, group := range Groups(g.Records) {
			if n := len(group.Done); n > 0 && first == "" {
				first = asSentence(fmt.Sprintf("%s (%s)", reached(group.Interval), count(n, "seed")))
			}
		}
	}
	return slices.DeleteFunc([]string{cmp.Or(first, asSentence(sentence.Of(g.nothingToDraw()))), g.state(),
		g.Work.sentence()}, func(text string) bool { return text == "" })
}

// reached says what networks reach, as far as it was measured.
func reached(of func(func(store.Outcome) float64) Interval) string {
	var parts []string
	for _, f := range []struct {
		format string
		scale  float64
		of     func(store.Outcome) float64
	}{
		{"test accuracy %.2f %% with sampled weights", 100, func(o store.Outcome) float64 { return o.AccuracySampled }},
		{"test accuracy %.2f %% with the weights at their means", 100,
			func(o store.Outcome) float64 { return o.AccuracyMean }},
		{"test R² %.3f with sampled weights", 1, func(o store.Outcome) float64 { return or(o.R2Sampled) }},
		{"test R² %.3f with the weights at their means", 1, func(o store.Outcome) float64 { return or(o.R2Mean) }},
		{"σ %.3g (root mean square)", 1, func(o store.Outcome) float64 { return o.SigmaRMS }},
	} {
		if text := number(f.format, f.scale*of(f.of).Mean); text != "" {
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		return "nothing was measured"
	}
	return strings.Join(parts, ", ")
}

// state says how many networks have finished.
func (g *Grid) state() string {
	diverged := 0
	for _, r := range g.Records {
		if r.Status == store.Diverged {
			diverged++
		}
	}
	text := fmt.Sprintf("%s asked for, %d finished", count(g.Points, "network"), len(g.Records)-diverged)
	if diverged > 0 {
		text += fmt.Sprintf(", %d diverged", diverged)
	}
	if missing := g.Missing(); missing > 0 {
		text += fmt.Sprintf(", %d missing", missing)
	}
	return text + "."
}

// asSentence begins with a capital letter and ends with a full stop.
func asSentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// runSection says what was run, and how to repeat it.
func (g *Grid) runSection() Section {
	s := Section{Title: "What was run", Code: g.Commands}
	if len(g.Commands) > 0 {
		s.Prose = []string{"To repeat it:"}
	}
	if len(g.Records) > 0 {
		s.Tables = append(s.Tables, g.settingsTable())
	}
	s.Tables = append(s.Tables, environmentTables(g.Environment)...)
	return s
}

// settingsTable lists every setting with the values that it takes.
func (g *Grid) settingsTable() ReportTable {
	t := ReportTable{Caption: "Settings of the networks that have a record", Header: []string{"setting", "values"},
		Text: 2, Wide: true}
	table := pointTable{g.Records}
	for _, name := range table.settings() {
		t.Rows = append(t.Rows, []string{title(name), strings.Join(table.values(name), ", ")})
	}
	t.Rows = append(t.Rows, []string{"draws", strings.Join(table.values("draws"), ", ")})
	return t
}

// environmentTables describes the environment of a run, and its data.
func environmentTables(e store.Environment) []ReportTable {
	machine := ReportTable{Caption: "Environment", Header: []string{"", ""}, Text: 2, Wide: true}
	for _, f := range store.FieldsOf(reflect.ValueOf(e)) {
		if text := fmt.Sprint(f.Value.Interface()); f.Value.Kind() != reflect.Map && text != "" && text != "0" {
			machine.Rows = append(machine.Rows, []string{f.Name, text})
		}
	}
	files := ReportTable{Caption: "Data files", Header: []string{"file", "SHA-256"}, Text: 2, Wide: true}
	for _, name := range slices.Sorted(maps.Keys(e.DataSHA256)) {
		files.Rows = append(files.Rows, []string{name, e.DataSHA256[name]})
	}
	return slices.DeleteFunc([]ReportTable{machine, files}, func(t ReportTable) bool { return len(t.Rows) == 0 })
}

// pointTable reads values of records as tables show them.
type pointTable struct{ records []store.Record }

// settings lists the names of the settings.
func (t pointTable) settings() []string {
	return settingNames(t.records, func(r store.Record) store.Settings { return r.Settings })
}

// settingNames lists the names of the settings of networks.
func settingNames[T any](all []T, of func(T) store.Settings) []string {
	var rows [][]cell
	for _, v := range all {
		rows = append(rows, settingCells(of(v)))
	}
	var names []string
	for _, c := range columnsOf(cellsIn(store.Settings{}), rows) {
		if c.name != setColumn { // which each number has a column for
			names = append(names, c.name)
		}
	}
	return names
}

// values lists the different values of a column in the order of the records, without empty ones.
func (t pointTable) values(name string) []string {
	var list []string
	for _, r := range t.records {
		if text := cellText(recordRow(r), name); text != "" && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// varying lists the settings in which the records differ, other than those that are always shown.
func (t pointTable) varying() []string {
	var names []string
	for _, name := range t.settings() {
		shown := slices.Contains([]string{"noise", "rho", "rho_value", "c", "seed"}, name)
		if !shown && len(t.values(name)) > 1 {
			names = append(names, name)
		}
	}
	return append([]string{"noise", "rho", "c"}, names...)
}

// title is the name of a setting in a report, where a number of costs has its own.
func title(name string) string { return strings.TrimPrefix(name, numberColumn) }

func titles(names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, title(name))
	}
	return list
}

// highest says which networks of a grid are the most accurate, on held-out examples if all have some, by the mean over
// seeds; it is empty if there is only one kind.
func highest(records []store.Record) string {
	groups := slices.DeleteFunc(Groups(records), func(g Group) bool {
		return g.Noise == store.WithoutNoise || len(g.Done) == 0
	})
	if len(groups) < 2 {
		return ""
	}
	fits := groups[0].Done[0].R2Sampled != nil // numbers
	what, of := "validation", func(o store.Outcome) float64 { return or(o.ValidationAccuracySampled) }
	if fits {
		of = func(o store.Outcome) float64 { return or(o.ValidationR2Sampled) }
	}
	if slices.ContainsFunc(records, func(r store.Record) bool {
		return r.Status == store.Done && math.IsNaN(of(r.Outcome))
	}) {
		what, of = "test", func(o store.Outcome) float64 { return o.AccuracySampled }
		if fits {
			of = func(o store.Outcome) float64 { return or(o.R2Sampled) }
		}
	}
	mean := func(g Group) float64 { return g.Interval(of).Mean }
	best := slices.MaxFunc(groups, func(a, b Group) int { return cmp.Compare(mean(a), mean(b)) })
	if math.IsNaN(mean(best)) {
		return ""
	}
	about := strings.Join(Distinctions(settingsOf(groups))(best.Settings), ", ")
	figure := fmt.Sprintf("accuracy with noise and sampled weights: %.2f %%", 100*mean(best))
	if fits {
		figure = fmt.Sprintf("R² with noise and sampled weights: %.3f", mean(best))
	}
	return fmt.Sprintf("Highest %s %s (%s), at %s.", what, figure, count(len(best.Done), "seed"),
		placeOf(best.Settings, about))
}

// cellText is a value of a row for people; empty if there is none.
func cellText(row []cell, name string) string {
	v := reflect.Indirect(reflect.ValueOf(cell{name: name}.in(row)))
	switch {
	case !v.IsValid():
		return ""
	case v.Kind() == reflect.Float64:
		return number("%.6g", v.Float())
	}
	return fmt.Sprint(v)
}

// shown is a figure of an outcome as reports show it.
type shown struct {
	title  string
	format string
	of     func(store.Outcome) float64
}

// Sigma is also shown for each of some layers.
func shownFigures(terms []string, layers int) []shown {
	var list []shown
	for _, m := range measures(terms) {
		s := shown{strings.ReplaceAll(m.name, "_", " "), "%.5g", m.of}
		switch {
		case strings.Contains(m.name, "accuracy"):
			s = shown{s.title + " (%)", "%.2f", func(o store.Outcome) float64 { return 100 * m.of(o) }}
		case strings.Contains(m.name, "loss"):
			s.title, s.format = s.title+" (nats)", "%.4f"
		case strings.HasPrefix(m.name, "objective"), strings.HasPrefix(m.name, termColumn):
			s.title += " (nats)"
		case m.name == "sigma_rms":
			s.format = "%.4g"
		}
		list = append(list, s)
		for layer := range layers {
			if m.name == "sigma_rms" && layers > 1 {
				list = append(list, shown{fmt.Sprintf("%s, layer %d", s.title, layer+1), s.format, sigmaOf(layer)})
			}
		}
	}
	return list
}

// sigmaOf is the root mean square of sigma in a layer; NaN for a network without.
func sigmaOf(layer int) func(store.Outcome) float64 {
	return func(o store.Outcome) float64 {
		if layer >= len(o.SigmaRMSLayers) {
			return math.NaN()
		}
		return o.SigmaRMSLayers[layer]
	}
}

// layersIn is the most layers of networks.
func layersIn(records ...store.Record) (n int) {
	for _, r := range records {
		n = max(n, len(r.SigmaRMSLayers))
	}
	return n
}

// number writes a value, or an empty string for NaN.
func number(format string, x float64) string {
	if !finite(x) {
		return ""
	}
	return fmt.Sprintf(format, x)
}

func (g *Grid) meansSection() Section {
	groups := Groups(g.Records)
	names := pointTable{g.Records}.varying()
	t := ReportTable{Header: append(titles(names), "seeds", "diverged"), Text: len(names)}
	for _, group := range groups {
		var row []string
		for _, name := range names {
			row = append(row, cellText(cellsOf(group.Settings, group.Settings), name))
		}
		t.Rows = append(t.Rows, append(row, strconv.Itoa(len(group.Done)), strconv.Itoa(len(group.Diverged))))
	}
	for _, s := range shownFigures(termsOf(g.Records), layersIn(g.Records...)) {
		t.addColumn(s.title, func(row int) string {
			i := groups[row].Interval(s.of)
			text := number(s.format, i.Mean)
			if half := number("%.2g", i.HalfWidth); half != "" {
				text += " ± " + half
			}
			return text
		})
	}
	prose := []string{fourAccuracies,
		"Mean ± half of the 95 % interval of the mean (Student's t), for two seeds or more. " +
			"Diverged networks are not included."}
	return Section{Title: "Means over seeds", Tables: []ReportTable{t}, Prose: prose}
}

// addColumn adds a column of numbers, unless all its cells are empty.
func (t *ReportTable) addColumn(title string, cell func(row int) string) {
	texts, some := make([]string, len(t.Rows)), false
	for i := range t.Rows {
		texts[i] = cell(i)
		some = some || texts[i] != ""
	}
	if !some {
		return
	}
	t.Header = append(t.Header, title)
	for i, text := range texts {
		t.Rows[i] = append(t.Rows[i], text)
	}
}

func (g *Grid) divergedSection() Section {
	names := append(pointTable{g.Records}.varying(), "seed")
	t := ReportTable{Header: append(titles(names), "not finite", "at step", "in layer"), Text: len(names) + 1}
	for _, r := range g.Records {
		if r.Status != store.Diverged {
			continue
		}
		var row []string
		for _, name := range append(slices.Clone(names), "diverged_what", "diverged_step", "diverged_layer") {
			row = append(row, cellText(recordRow(r), name))
		}
		t.Rows = append(t.Rows, row)
	}
	s := Section{Title: "Diverged networks",
		Prose: []string{"Some of their numbers were no longer finite, so they have no figures. Layers are counted from 0."}}
	if len(t.Rows) > 0 {
		s.Tables = []ReportTable{t}
	}
	return s
}

func (g *Grid) pointsSection() Section {
	names := append(pointTable{g.Records}.varying(), "seed", "status")
	t := ReportTable{Header: titles(names), Text: len(names)}
	for _, r := range g.Records {
		var row []string
		for _, name := range names {
			row = append(row, cellText(recordRow(r), name))
		}
		t.Rows = append(t.Rows, row)
	}
	for _, s := range shownFigures(termsOf(g.Records), layersIn(g.Records...)) {
		t.addColumn(s.title, func(row int) string { return number(s.format, s.of(g.Records[row].Outcome)) })
	}
	return Section{Title: "Points", Tables: []ReportTable{t},
		Prose: []string{"table.csv has all digits."}}
}

// section is the comparison with published values.
func (c *Comparison) section() Section {
	verdicts := ReportTable{Header: []string{"published", "ours", "tolerance", "verdict", "largest deviation at", "by",
		"rms", "beyond", "compared", fmt.Sprintf("p < %g", RareP), "with a p"}, Text: 5}
	for _, v := range c.Columns {
		verdicts.Rows = append(verdicts.Rows, []string{v.Column, v.Ours, v.Tolerance, v.Verdict, v.At,
			FormatDeviation(v.Column, v.Largest), strings.TrimPrefix(FormatDeviation(v.Column, v.RMS), "+"),
			strconv.Itoa(v.Beyond), strconv.Itoa(v.Compared), strconv.Itoa(v.Rare), strconv.Itoa(v.Scattered)})
	}
	t := ReportTable{Header: []string{"network", "column", "verdict", "seeds", "ours", "published", "deviation",
		"seed SDs", "p"}, Text: 3}
	for _, p := range c.Points {
		for _, d := range p.Deviations {
			t.Rows = append(t.Rows, []string{p.Name(), d.Column, d.Verdict, strconv.Itoa(p.Seeds), number("%.5g", d.Ours),
				number("%.5g", d.Published),
				FormatDeviation(d.Column, d.Deviation), FormatSDs(d.SeedSDs), number("%.3f", d.P)})
		}
	}
	prose := []string{"Ours is the mean over seeds. Seed SDs is the deviation in units of s √(1 + 1/n), where s is the " +
		"standard deviation of n seeds, and p " +
		"the probability of one as large by chance (Student's t): the published value is that of a single network."}
	if n := len(c.Unfit); n > 0 {
		var texts []string
		for _, d := range c.Unfit[0].Differences {
			texts = append(texts, d.String())
		}
		prose = append(prose,
			asSentence(count(n, "point")+" of the grid "+isAre(n)+" of another kind than the published ones, so "+
				"there is no verdict: "+
				strings.Join(texts, "; ")))
	}
	if n := len(c.NotTrained); n > 0 {
		prose = append(prose, asSentence(count(n, "published point")+" "+hasHave(n)+" no counterpart here"))
	}
	if n := len(c.NotPublished); n > 0 {
		prose = append(prose, asSentence(count(n, "point")+" of the grid "+isAre(n)+" not among the published"))
	}
	section := Section{Title: "Comparison with published values", Prose: prose}
	if len(c.Points) > 0 {
		section.Tables = []ReportTable{verdicts, t}
	}
	return section
}

func hasHave(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

// FormatSDs writes a deviation in standard deviations of a seed for people: "+1.5", or "over 100", where a number would
// say no more. It is empty for NaN.
func FormatSDs(x float64) string {
	if math.Abs(x) > 100 {
		return "over 100"
	}
	return number("%+.1f", x)
}

// FormatDeviation writes a deviation of a compared column for people: "+1.25" in percentage points, or "-3.1 %".
func FormatDeviation(column string, deviation float64) string {
	for _, c := range comparedColumns() {
		if c.name == column && c.relative {
			return number("%+.1f %%", 100*deviation)
		}
	}
	return number("%+.2f", deviation)
}
