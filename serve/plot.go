package serve

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/input"
	"quantal/internal/sentence"
	"quantal/results/draw"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// figureOf is the figure that a request asks for, and the ids of the points of each layer of its only panel, if they
// are known.
func figureOf(a asked, what string) (f *draw.Figure, ids [][]string, err error) {
	query := a.URL.Query()
	var p draw.Panel
	switch what {
	case "over":
		var by []string
		if query.Has("by") {
			by = slices.DeleteFunc(strings.Split(query.Get("by"), ","), func(name string) bool { return name == "" })
			by = append([]string{}, by...) // not nil, which means all that varies
		}
		p, ids, err = a.table().Over(query.Get("x"), query.Get("y"), by)
	case "curves":
		var networks []tables.Learned
		if networks, err = a.learned(); err == nil {
			p, err = tables.Curves(networks, query.Get("x"), query.Get("y"))
		}
	case "sigma":
		p, err = a.sigma()
	case "learning":
		var networks []tables.Learned
		if networks, err = a.learned(); err != nil {
			return nil, nil, err
		}
		f, err = tables.LearningCurve(networks[0].Epochs)
		if err != nil {
			err = store.Nothing("no epoch has been finished yet")
		}
		return f, nil, err
	default:
		err = errNone
	}
	if err != nil {
		return nil, nil, err
	}
	block := draw.Block{Rows: [][]draw.Panel{{p}}, Height: 90, OwnKeys: true}
	f = &draw.Figure{Blocks: []draw.Block{block}, Width: 140}
	return f, ids, nil
}

// table is the networks of all items of a request. Of several, each row says in which folder it is, and its id is what
// a request names it by.
func (a asked) table() tables.Table {
	if len(a.views) == 1 {
		return a.views[0].table()
	}
	var rows []tables.Row
	for _, v := range a.views {
		for _, r := range v.table().Rows {
			r.ID = v.idOf(r)
			rows = append(rows, r.In(v.Name))
		}
	}
	return tables.NewTable(rows)
}

// idOf is what a request names a network by.
func (v *view) idOf(r tables.Row) string {
	if v.Kind == aGrid {
		return v.ID + "/" + r.ID
	}
	return v.ID
}

// plain is the name of a column for people.
func plain(name string) string {
	name = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(name, "set_"), "_value"), "_", " ")
	if strings.HasPrefix(name, "sigma") {
		name = "σ" + strings.TrimPrefix(name, "sigma")
	}
	return name
}

var errNobody = store.Nothing("there is no network among what was chosen")

// labelled names the networks of a request by what differs in their settings.
func (a asked) labelled() (rows []tables.Row, views []*view, labels []string, err error) {
	for i, v := range a.views {
		for _, r := range v.table().Rows {
			if v.Kind == aRun || slices.Contains(a.points[i], r.ID) {
				rows, views = append(rows, r), append(views, v)
			}
		}
	}
	if len(rows) == 0 {
		return nil, nil, nil, errNobody
	}
	var settings []store.Settings
	for _, r := range rows {
		settings = append(settings, r.Settings)
	}
	labels = tables.Labels(settings)
	for i, label := range slices.Clone(labels) {
		if name := nameOf(views[i], rows[i]); label == "" {
			labels[i] = name
		} else if slices.Contains(labels[:i], label) {
			labels[i] += " " + name
		}
	}
	return rows, views, labels, nil
}

// nameOf is what a network is called.
func nameOf(v *view, r tables.Row) string {
	if v.Kind == aRun {
		return v.Name
	}
	return r.ID
}

// learned reads the learning curves of a request.
func (a asked) learned() ([]tables.Learned, error) {
	rows, views, labels, err := a.labelled()
	if err != nil {
		return nil, err
	}
	var list []tables.Learned
	for i, v := range views {
		f, closed, err := v.open()
		if err != nil {
			return nil, errNone
		}
		name := metricsName
		if v.Kind == aGrid {
			name = path.Join("curves", rows[i].ID+".jsonl")
		}
		epochs, err := metrics(f, name, mostEpochs)
		closed()
		if err != nil {
			return nil, err
		}
		list = append(list, tables.Learned{Label: labels[i], Epochs: epochs})
	}
	return list, nil
}

// mostSigma is how many networks may have their distributions drawn together.
const mostSigma = 6

// sigma draws the distributions of sigma of the layers of a network, or of the weights of several.
func (a asked) sigma() (draw.Panel, error) {
	rows, views, labels, err := a.labelled()
	if err != nil {
		return draw.Panel{}, err
	}
	if len(rows) > mostSigma {
		return draw.Panel{}, store.Nothing(fmt.Sprintf("at most %d networks are drawn together", mostSigma))
	}
	var names []string
	var values [][]float64
	for i, v := range views {
		f, closed, err := v.open()
		if err != nil {
			return draw.Panel{}, errNone
		}
		c, err := v.network(f, rows[i].ID)
		closed()
		if errors.Is(err, store.ErrNothing) && len(rows) > 1 { // the others keep their colours
			names, values = append(names, labels[i]), append(values, nil)
			continue
		}
		if err != nil {
			return draw.Panel{}, err
		}
		layers, sigmas := tables.SigmaLayers(c)
		if len(rows) == 1 {
			names, values = layers, sigmas
			break
		}
		names, values = append(names, labels[i]), append(values, slices.Concat(sigmas...))
	}
	p, err := tables.LogDistribution("Standard deviation σ of a weight", names, values)
	if err != nil {
		err = store.Nothing("there is no sigma to draw: the network has no noise")
	}
	return p, err
}

// plot answers with a plot: /plot/WHAT.json for the browser, .svg and .csv as files.
func plot(a asked) (blob, error) {
	what, ext := a.PathValue("what"), path.Ext(a.PathValue("what"))
	f, ids, err := figureOf(a, strings.TrimSuffix(what, ext))
	if ext == ".json" && errors.Is(err, store.ErrNothing) {
		return jsonBlob(map[string]any{"panels": []panel{}, "note": sentence.Of(err)}), nil
	}
	if err != nil {
		return blob{}, err
	}
	switch ext {
	case ".json":
		return jsonBlob(map[string]any{"panels": panels(f, ids)}), nil
	case ".csv":
		b := newBlob(kinds[".csv"], csvOf(f, ids))
		b.file = what
		return b, nil
	case ".svg":
		return svg(f, what)
	}
	return blob{}, errNone
}

func svg(f *draw.Figure, file string) (blob, error) {
	var data bytes.Buffer
	if err := f.Encode(&data, ".svg"); err != nil {
		return blob{}, err
	}
	b := newBlob(kinds[".svg"], data.Bytes())
	b.sandbox, b.file = true, file
	return b, nil
}

// series is a layer as the browser draws it.
type series struct {
	Label  string     `json:"label"`
	X      []*float64 `json:"x"`
	Y      []*float64 `json:"y"`
	Color  int        `json:"color"`
	Pale   float64    `json:"pale"`
	Line   bool       `json:"line"`
	Mark   bool       `json:"mark"`
	Dashed bool       `json:"dashed"`
	IDs    []string   `json:"ids,omitempty"`
}

type axis struct {
	Label string      `json:"label"`
	Log   bool        `json:"log"`
	Whole bool        `json:"whole"`
	Min   float64     `json:"min"` // the range; around the data if both are 0
	Max   float64     `json:"max"`
	Most  float64     `json:"most"` // no range around data goes beyond; no limit if 0
	Names []draw.Name `json:"names,omitempty"`
}

func axisOf(a draw.Axis) axis { return axis{a.Label, a.Log, a.Whole, a.Min, a.Max, a.Most, a.Names} }

type panel struct {
	X      axis     `json:"x"`
	Y      axis     `json:"y"`
	Series []series `json:"series"`
}

// panels are those of a figure for the browser.
func panels(f *draw.Figure, ids [][]string) (list []panel) {
	for _, block := range f.Blocks {
		for _, row := range block.Rows {
			for _, p := range row {
				if len(p.Layers) == 0 {
					continue
				}
				next := panel{X: axisOf(p.X), Y: axisOf(p.Y), Series: []series{}}
				low, high := p.X.Min, p.X.Max
				if low == 0 && high == 0 {
					low, high = across(p.Layers)
				}
				for i, layer := range p.Layers {
					var s series
					switch l := layer.(type) {
					case draw.Curve:
						s = series{Label: l.Label, X: numbers(l.X), Y: numbers(l.Y), Color: int(l.Color), Pale: l.Pale, Line: true,
							Mark: l.Mark != 0, Dashed: l.Dashed}
					case draw.Points:
						s = series{Label: l.Label, X: numbers(l.X), Y: numbers(l.Y), Color: int(l.Color), Pale: l.Pale, Mark: true}
						if n := len(next.Series); s.Label == "" && n > 0 { // they are those of the line before
							s.Label = next.Series[n-1].Label
						}
					case draw.Level:
						s = series{Label: l.Label, X: numbers([]float64{low, high}), Y: numbers([]float64{l.Y, l.Y}),
							Color: int(draw.Grey), Line: true, Dashed: true}
					default: // an area has an outline
						continue
					}
					if i < len(ids) {
						s.IDs = ids[i]
					}
					next.Series = append(next.Series, s)
				}
				list = append(list, next)
			}
		}
	}
	return list
}

// across is the range of what layers show.
func across(layers []draw.Layer) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, layer := range layers {
		var x []float64
		switch l := layer.(type) {
		case draw.Curve:
			x = l.X
		case draw.Points:
			x = l.X
		}
		for _, v := range x {
			low, high = min(low, v), max(high, v)
		}
	}
	if low > high { // nothing but levels
		return 0, 1
	}
	return low, high
}

// numbers are numbers, or nil for what JSON has no number for.
func numbers(list []float64) []*float64 {
	out := make([]*float64, len(list))
	for i := range list {
		if !math.IsNaN(list[i]) && !math.IsInf(list[i], 0) {
			out[i] = &list[i]
		}
	}
	return out
}

// csvOf is the numbers of a figure: a row for each point.
func csvOf(f *draw.Figure, ids [][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"panel", "series", "x", "y", "id"}) // a buffer takes everything
	for _, p := range panels(f, ids) {
		for _, s := range p.Series {
			for i := range s.X {
				id := ""
				if s.IDs != nil {
					id = s.IDs[i]
				}
				_ = w.Write([]string{tables.TextCell(p.Y.Label + " over " + p.X.Label), tables.TextCell(s.Label), text(s.X[i]),
					text(s.Y[i]), tables.TextCell(id)})
			}
		}
	}
	w.Flush()
	return b.Bytes()
}

func text(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

// figures are those that quantal figures draws of an item.
func (v *view) figures() ([]tables.NamedFigure, error) {
	switch v.Kind {
	case aGrid:
		return v.grid.Figures(train.DescribeSettings, nil)
	case aRun:
		f, closed, err := v.open()
		if err != nil {
			return nil, errNone
		}
		defer closed()
		epochs, err := metrics(f, metricsName, mostEpochs)
		if err != nil || len(epochs) == 0 {
			return nil, err
		}
		c, err := v.network(f, "")
		if err != nil {
			return nil, err
		}
		return tables.Trained{Epochs: epochs, Checkpoint: c, SigmaInit: v.config.SigmaInit}.Figures()
	}
	return nil, nil
}

// figureList names the figures of an item: drawn ones, and the saved pictures with their captions.
func figureList(a asked) (blob, error) {
	type one struct {
		Name    string `json:"name"`
		Caption string `json:"caption"`
		Saved   bool   `json:"saved"` // in the folder
	}
	v := a.views[0]
	list := []one{}
	figures, err := v.figures()
	if err != nil && !errors.Is(err, store.ErrNothing) {
		return blob{}, err
	}
	for _, f := range figures {
		list = append(list, one{f.Name, f.Caption, false})
	}
	if v.Kind == anExperiment {
		f, closed, err := v.open()
		if err != nil {
			return blob{}, errNone
		}
		defer closed()
		entries, _ := f.ReadDir(".")
		for _, e := range entries {
			name, picture := strings.CutSuffix(e.Name(), ".svg")
			if !picture || len(list) == 100 {
				continue
			}
			caption, _ := input.From(f, name+".txt", mostText)
			list = append(list, one{name, string(caption), true})
		}
	}
	return jsonBlob(list), nil
}

// figure answers with a figure of figureList as SVG.
func figure(a asked) (blob, error) {
	name, isSVG := strings.CutSuffix(a.PathValue("name"), ".svg")
	if !isSVG {
		return blob{}, errNone
	}
	figures, err := a.views[0].figures()
	if err != nil {
		return blob{}, err
	}
	for _, f := range figures {
		if f.Name == name {
			b, err := svg(f.Figure, "")
			return b, err
		}
	}
	return blob{}, errNone
}

// table answers with table.csv of what there is now.
func table(a asked) (blob, error) {
	v := a.views[0]
	var b bytes.Buffer
	records := []store.Record{v.record}
	if v.Kind == aGrid {
		records = v.grid.Records
	}
	if err := tables.EncodeTable(&b, records); err != nil {
		return blob{}, err
	}
	out := newBlob(kinds[".csv"], b.Bytes())
	out.file = "table.csv"
	return out, nil
}

// report answers with the page of quantal report.
func report(a asked) (blob, error) {
	v := a.views[0]
	if err := v.missing(); err != nil {
		return blob{}, err
	}
	figures, err := v.figures()
	if err != nil && !errors.Is(err, store.ErrNothing) {
		return blob{}, err
	}
	var r tables.Report
	switch v.Kind {
	case aGrid:
		r = v.grid.Report(figures, nil)
	default:
		f, closed, err := v.open()
		if err != nil {
			return blob{}, errNone
		}
		defer closed()
		if v.Kind == aRun {
			r, err = tables.RunReportIn(f, v.Name, figures)
		} else if drawings, unread := draw.ReadDrawings(f, v.Name); unread == nil {
			r, err = tables.ExperimentReport(f, v.Name, drawings)
		} else {
			err = unread
		}
		if err != nil {
			return blob{}, err
		}
	}
	var page bytes.Buffer
	if err := r.Encode(&page); err != nil {
		return blob{}, err
	}
	b := newBlob("text/html; charset=utf-8", page.Bytes())
	b.sandbox = true
	return b, nil
}

// compare answers with the settings that differ between networks, and what they reached; of grids, with what
// differs between them, and what can be drawn of all their networks together.
func compare(a asked) (blob, error) {
	rows, views, labels, err := a.labelled()
	if err != nil && err != errNobody {
		return blob{}, err
	}
	t := tables.NewTable(rows)
	list := func(names []string) (out []compared) {
		for _, name := range names {
			c := compared{Name: plain(name)}
			for _, r := range t.Rows {
				c.Values = append(c.Values, tables.ShortNumber(t.Text(r, name)))
			}
			out = append(out, c)
		}
		return out
	}
	var outcomes []string
	for _, name := range t.Numeric() {
		for _, prefix := range []string{"accuracy", "r2", "loss", "sigma_rms", "reliability_cost", "objective"} {
			if strings.HasPrefix(name, prefix) {
				outcomes = append(outcomes, name)
			}
		}
	}
	var curves []string
	if len(rows) > 0 {
		networks, err := a.learned()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return blob{}, err
		}
		curves = tables.CurveColumns(networks)
	}
	ids := make([]string, len(rows))
	for i, v := range views {
		ids[i] = v.idOf(rows[i])
	}
	return jsonBlob(map[string]any{"labels": append([]string{}, labels...), "ids": ids, "settings": list(t.Varying()),
		"outcomes": list(outcomes), "curves": curves, "grids": a.grids()}), nil
}

// compared is what several have of one name.
type compared struct {
	Name   string   `json:"name"`
	Values []string `json:"values"`
}

// axes are what the networks of a table can be drawn over.
type axes struct {
	X       string   `json:"x"` // at first
	Numeric []string `json:"numeric"`
	Varying []string `json:"varying"`
}

func axesOf(t tables.Table) axes {
	a := axes{X: "c", Numeric: t.Numeric(), Varying: t.Varying()}
	if !slices.Contains(a.Varying, "c") {
		for _, name := range a.Varying {
			if a.X == "c" && name != "seed" || slices.Contains(a.Numeric, name) && name != "seed" {
				a.X = name
			}
		}
	}
	return a
}

// grids compares the items of a request that are asked for themselves; nil if none is a grid.
func (a asked) grids() any {
	whole := asked{Request: a.Request}
	some := false
	for i, v := range a.views {
		if a.whole[i] {
			whole.views, whole.points = append(whole.views, v), append(whole.points, nil)
			some = some || v.Kind == aGrid
		}
	}
	if !some {
		return nil
	}
	all := whole.table()
	out := struct {
		axes
		IDs      []string   `json:"ids"`
		Names    []string   `json:"names"`
		Settings []compared `json:"settings"`
		Outcomes []compared `json:"outcomes"`
	}{axes: axesOf(all)}
	done, sigma := compared{Name: "networks"}, compared{Name: "with σ"}
	best, fitted := compared{Name: "best accuracy"}, compared{Name: "best R²"}
	for _, v := range whole.views {
		out.IDs, out.Names = append(out.IDs, v.ID), append(out.Names, v.Name)
		finished := fmt.Sprintf("%d of %d", v.Done, v.Total)
		if v.Kind != aGrid {
			finished = v.Kind + ", " + v.State
		}
		done.Values, best.Values = append(done.Values, finished), append(best.Values, percent(v.Accuracy))
		fitted.Values = append(fitted.Values, tables.ShortNumber(strconv.FormatFloat(v.R2, 'g', -1, 64)))
		sigma.Values = append(sigma.Values, tables.ShortNumber(strconv.FormatFloat(v.Sigma, 'g', -1, 64)))
	}
	out.Outcomes = []compared{done, best, sigma}
	fits := func(v *view) bool { return !math.IsNaN(v.R2) }
	if slices.ContainsFunc(whole.views, fits) {
		out.Outcomes = []compared{done, best, fitted, sigma}
	}
	for _, name := range all.Settings() {
		c := compared{Name: plain(name)}
		for _, v := range whole.views {
			c.Values = append(c.Values, v.table().Range(name)) // of the folder: none
		}
		if name != "rho_value" && slices.ContainsFunc(c.Values, func(text string) bool { return text != c.Values[0] }) {
			out.Settings = append(out.Settings, c)
		}
	}
	return out
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("%.2f %%", 100*v)
}

// mostPoints is how many points of a grid its page lists.
const mostPoints = 20_000

// points answers with a list of the points of a grid.
func points(a asked) (blob, error) {
	t := a.views[0].table()
	quality := "accuracy_sampled"
	if !math.IsNaN(a.views[0].R2) {
		quality = "r2_sampled"
	}
	columns := append(t.Varying(), "status", quality, "sigma_rms")
	list := [][]string{}
	for _, r := range t.Rows[:min(len(t.Rows), mostPoints)] {
		row := []string{r.ID}
		for _, name := range columns {
			row = append(row, tables.ShortNumber(t.Text(r, name)))
		}
		list = append(list, row)
	}
	return jsonBlob(map[string]any{"columns": columns, "points": list}), nil
}

// itemPage answers with what the page of an item shows besides plots.
func itemPage(a asked) (blob, error) {
	v := a.views[0]
	page := map[string]any{"card": v.card, "log": v.log, "settings": v.settings, "jobs": v.jobs, "doing": v.doing}
	switch {
	case v.missing() != nil:
	case v.Kind == aGrid:
		t := v.table()
		axes := axesOf(t)
		page["status"], page["axes"] = v.status, axes
		page["settings"], page["commands"] = v.same(t, axes.Varying), v.grid.Commands
		page["environment"] = environment(v.grid.Environment)
	case v.Kind == aRun:
		f, closed, err := v.open()
		if err != nil {
			return blob{}, errNone
		}
		defer closed()
		page["settings"] = v.same(v.table(), nil)
		var outcome []pair
		t := v.table()
		for _, r := range t.Rows {
			for _, name := range t.Columns[1:] {
				if text := t.Text(r, name); text != "" && !slices.Contains(t.Settings(), name) {
					outcome = append(outcome, pair{plain(name), tables.ShortNumber(text)})
				}
			}
		}
		page["outcome"] = outcome
		if epochs, err := metrics(f, metricsName, mostEpochs); err == nil {
			var lines []string
			for _, e := range epochs[max(0, len(epochs)-10):] {
				quality := "accuracy " + percent(e.AccuracySampled)
				if e.R2Sampled != nil {
					quality = fmt.Sprintf("R² %.4f", *e.R2Sampled)
				}
				lines = append(lines, fmt.Sprintf("epoch %d  step %d  nll %.4f  %s  sigma %.4g  %.0f steps/s",
					e.Epoch, e.Step, e.NLL, quality, e.SigmaRMS, e.StepsPerSecond))
			}
			page["log"] = lines
		}
	}
	return jsonBlob(page), nil
}

// same is the settings that all networks share.
func (v *view) same(t tables.Table, varying []string) (list []pair) {
	if len(t.Rows) == 0 {
		return nil
	}
	value := func(name string) string { return t.Text(t.Rows[0], name) }
	for _, name := range t.Settings() {
		said := name == "rho_value" && value(name) == value("rho")
		if value(name) != "" && !said && !slices.Contains(varying, name) {
			list = append(list, pair{plain(name), value(name)})
		}
	}
	return list
}

func environment(e store.Environment) (list []pair) {
	for _, f := range store.FieldsOf(reflect.ValueOf(e)) {
		if text := fmt.Sprint(f.Value.Interface()); f.Value.Kind() != reflect.Map && text != "" && text != "0" {
			list = append(list, pair{f.Name, text})
		}
	}
	return list
}
