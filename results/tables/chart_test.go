package tables

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"quantal/internal/recordstest"
	"quantal/results/draw"
	"quantal/results/store"
)

// overLambda is networks of two lambdas and two noises, and one without noise, of two seeds each.
func overLambda() (records []store.Record) {
	for i, lambda := range []float64{0.5, 0.01} {
		for _, noise := range []string{"heterogeneous", "homogeneous", "none"} {
			records = append(records, recordstest.GridRecords([]float64{2}, []string{noise}, []float64{0.1}, 2,
				func(r *store.Record) {
					r.Lambda, r.AccuracySampled = lambda, 0.5+0.1*float64(i)+0.02*float64(r.Seed)
					r.SigmaRMSLayers, r.ID = []float64{0.1, 0.2}, fmt.Sprintf("%s-%g", r.ID, lambda)
				})...)
		}
	}
	return records
}

func panels(t *testing.T, figures []NamedFigure) [][]draw.Panel {
	t.Helper()
	if len(figures) != 1 {
		t.Fatalf("%d figures", len(figures))
	}
	return figures[0].Blocks[0].Rows
}

// What varies is the axis, and then the series; seeds are averaged.
func TestChartsFollowWhatVaries(t *testing.T) {
	g := &Grid{Dir: "grid", Points: 12, Records: overLambda()}
	figures, err := g.Figures(recordstest.RhoTitle, nil)
	check(t, err)
	rows := panels(t, figures)
	if figures[0].Name != "over-lambda" || len(rows) != 2 || len(rows[0]) != 1 { // without the objective
		t.Fatalf("%s: %d rows of %d panels", figures[0].Name, len(rows), len(rows[0]))
	}
	if p := rows[0][0]; p.X.Label != "λ (nats)" || !p.X.Log || p.Y.Log || !rows[1][0].Y.Log {
		t.Errorf("axes %+v, %+v", p.X, p.Y)
	}
	for _, label := range []string{"heterogeneous", "homogeneous", "none"} {
		c := curvesOf(rows[0][0], label)
		if len(c) != 1 || !slices.Equal(c[0].X, []float64{0.01, 0.5}) || !near(c[0].Y[0], 63, 1e-9) ||
			!near(c[0].Y[1], 53, 1e-9) || !near(c[0].High[0]-63, 12.706*math.Sqrt2/math.Sqrt2, 1e-3) {
			t.Errorf("%s: %+v", label, c)
		}
	}
	if !strings.Contains(figures[0].Note, "Means over 2 seeds") {
		t.Errorf("note %q", figures[0].Note)
	}
}

// Where what has most values never varies alone, the axis is the next: c goes with rho here, in panels of its own. A
// number that layers have each, or that all have, is one setting.
func TestChartsOverWhatVariesAlone(t *testing.T) {
	of := func(rho, c float64, set func(*store.Record)) []store.Record {
		return recordstest.GridRecords([]float64{rho}, []string{"heterogeneous"}, []float64{c}, 1, func(r *store.Record) {
			set(r)
			r.AccuracySampled, r.ID = 0.5, fmt.Sprint(r.ID, r.Hidden)
		})
	}
	var records []store.Record
	for _, hidden := range []string{"6", "none"} {
		set := func(r *store.Record) { r.Hidden = hidden }
		records = append(append(records, of(2, 5e-5, set)...), of(0.5, 0.2, set)...)
	}
	figures, err := (&Grid{Dir: "grid", Points: 4, Records: records}).Figures(recordstest.RhoTitle, nil)
	check(t, err)
	if rows := panels(t, figures); figures[0].Name != "over-hidden" || len(rows[0]) != 2 || len(rows[0][0].Layers) == 0 {
		t.Errorf("%s: %+v", figures[0].Name, rows)
	}
	layered := of(2, 0, func(r *store.Record) { r.Later = store.NewLater(store.InLayers("c", "0.1x1")) })
	figures, err = (&Grid{Dir: "grid", Points: 2, Records: append(layered, of(2, 0.2, func(*store.Record) {})...)}).
		Figures(recordstest.RhoTitle, nil)
	check(t, err)
	if names := panels(t, figures)[0][0].X.Names; figures[0].Name != "over-c" || len(names) != 2 {
		t.Errorf("%s over %+v", figures[0].Name, names)
	}
}

func TestChosenCharts(t *testing.T) {
	g := &Grid{Dir: "grid", Points: 12, Records: overLambda()}
	rows := func(c Chart) [][]draw.Panel {
		t.Helper()
		figures, err := g.Chart(c)
		check(t, err)
		return panels(t, figures)
	}
	if r := rows(Chart{Y: []string{"sigma_rms_layers", "accuracy_sampled"}}); len(r) != 3 ||
		r[0][0].Y.Label != "σ of layer 1 (rms)" || r[1][0].Y.Label != "σ of layer 2 (rms)" {
		t.Errorf("layers: %+v", r)
	}
	r := rows(Chart{X: "noise", Where: []string{"lambda=0.01"}})
	if names := r[0][0].X.Names; len(names) != 3 || names[1].Text != "homogeneous" || r[0][0].X.Log {
		t.Errorf("names %+v", names)
	}
	if r := rows(Chart{X: "lambda", By: "seed", Where: []string{"noise=homogeneous,none"}}); len(r[0]) != 2 ||
		r[0][0].Title != "noise homogeneous" || len(curvesOf(r[0][1], "seed 2")) != 1 {
		t.Errorf("by seed: %+v", r[0])
	}
	if r := rows(Chart{X: "seed", Where: []string{"noise=none", "lambda=0.5"}}); len(r[0][0].Layers) != 2 {
		t.Errorf("over seeds: %+v", r[0][0].Layers)
	}
	for want, c := range map[string]Chart{
		"x lamda: table.csv has no column of this name; did you mean lambda?": {X: "lamda"},
		"by nois: table.csv has no column of this name":                       {By: "nois"},
		"y noise: want a column with numbers":                                 {Y: []string{"noise"}},
		"y cost_x: table.csv has no column of this name":                      {Y: []string{"cost_x"}},
		`where "lambda": want NAME=VALUE`:                                     {Where: []string{"lambda"}},
		"where lambda=7: want one of 0.01, 0.5":                               {Where: []string{"lambda=0.5,7"}},
	} {
		_, err := g.Chart(c)
		wantError(t, err, want)
		var choice *ChoiceError
		if !errors.As(err, &choice) {
			t.Errorf("%v is no ChoiceError", err)
		}
	}
	for want, c := range map[string]Chart{
		"no two networks differ only in c: nothing to draw":    {X: "c"},
		"no two networks differ in a setting or in their seed": {Where: []string{"id=" + g.Records[0].ID}},
	} {
		if _, err := g.Chart(c); !errors.Is(err, store.ErrNothing) {
			t.Errorf("%v: want ErrNothing", err)
		} else {
			wantError(t, err, want)
		}
	}
}

// Over what networks reach a point is the mean of seeds along both axes. Hidden layers follow from a network, whose
// text is one value.
func TestChartsOverWhatIsReached(t *testing.T) {
	var records []store.Record
	for i, network := range []string{"conv 4 5x5 relu, dense", "none"} {
		records = append(records, recordstest.GridRecords([]float64{2}, []string{"heterogeneous"}, []float64{0.1, 10}, 2,
			func(r *store.Record) {
				r.Hidden, r.Later = fmt.Sprint(4+i), store.NewLater(store.LaterSetting{Name: "network",
					Value: network, Text: network})
				r.ID, r.AccuracySampled, r.SigmaRMS = r.ID+r.Hidden, 0.5+0.02*float64(r.Seed), r.C+float64(r.Seed)
			})...)
	}
	g := &Grid{Dir: "grid", Points: 8, Records: records}
	for by, labels := range map[string][]string{"hidden": {"hidden 4", "hidden 5"},
		"network": {"network conv 4 5x5 relu, dense", "network none"}} {
		figures, err := g.Chart(Chart{X: "sigma_rms", Y: []string{"accuracy_sampled"}, By: by})
		check(t, err)
		rows := panels(t, figures)
		if len(rows) != 1 || len(rows[0]) != 1 || !strings.Contains(figures[0].Note, "Means over 2 seeds") {
			t.Fatalf("by %s: %d rows of %d panels, %s", by, len(rows), len(rows[0]), figures[0].Note)
		}
		for _, label := range labels {
			c := curvesOf(rows[0][0], label)
			if len(c) != 1 || len(c[0].X) != 2 || !near(c[0].X[0], 0.1+1.5, 1e-9) || !near(c[0].X[1], 10+1.5, 1e-9) ||
				!near(c[0].Y[1], 53, 1e-9) {
				t.Errorf("%s: %+v", label, rows[0][0].Layers)
			}
		}
	}
	figures, err := g.Chart(Chart{X: "c", Y: []string{"sigma_rms"}, Where: []string{"network=conv 4 5x5 relu, dense"}})
	check(t, err)
	if layers := panels(t, figures)[0][0].Layers; len(layers) != 1 {
		t.Errorf("%d layers of one network", len(layers))
	}
	// The files of figures have names of a bounded length, whatever the network.
	for i := range records[:4] {
		deep := strings.Repeat("conv 64 3x3 pad 1 relu, ", 20) + "dense"
		records[i].Later = store.NewLater(store.LaterSetting{Name: "network", Value: deep, Text: deep})
	}
	all, err := g.Figures(recordstest.RhoTitle, nil)
	check(t, err)
	names := map[string]bool{}
	for _, f := range all {
		if names[f.Name] = true; len(f.Name) > 120 {
			t.Errorf("a name of %d bytes: %s", len(f.Name), f.Name)
		}
	}
	if len(names) != len(all) || len(all) < 5 {
		t.Errorf("%d names of %d figures", len(names), len(all))
	}
}

// A kind of networks that has a single place on the axis is not drawn, and one without noise is beside all others.
func TestPanelsOfOnePoint(t *testing.T) {
	records := recordstest.GridRecords([]float64{2}, []string{"heterogeneous", "none"}, []float64{0.1, 1}, 1, nil)
	for _, r := range recordstest.GridRecords([]float64{2}, []string{"heterogeneous"}, []float64{0.1}, 1, nil) {
		r.Hidden, r.ID = "7", r.ID+"-7"
		records = append(records, r)
	}
	figures, err := (&Grid{Dir: "grid", Points: 9, Records: records}).Chart(Chart{X: "c", By: "noise"})
	check(t, err)
	rows := panels(t, figures)
	if len(rows[0]) != 1 || !strings.HasPrefix(rows[0][0].Title, "hidden ") || rows[0][0].Title == "hidden 7" {
		t.Errorf("panels %+v", rows[0])
	}
	if !strings.Contains(figures[0].Note, "1 kind of networks without another c is not drawn.") {
		t.Errorf("note %q", figures[0].Note)
	}
	var level draw.Level
	for _, l := range rows[0][0].Layers {
		if l, ok := l.(draw.Level); ok {
			level = l
		}
	}
	if level.Label != "none, no c" {
		t.Errorf("level %+v", level)
	}
}

// Curves are drawn over the epochs; a line without a measurement has no place.
func TestChartOfCurves(t *testing.T) {
	var curves []Curve
	for seed := range 2 {
		for i, c := range []float64{0.1, 1} {
			r := recordstest.Record(2, c, uint64(seed+1))
			curve := Curve{ID: r.ID, Settings: r.Settings}
			for epoch := 1; epoch <= 4; epoch++ {
				e := store.NoEpoch()
				e.Epoch, e.Step, e.NLL = epoch, 10*epoch, 1/float64(epoch)+float64(i)
				if epoch%2 == 0 {
					e.AccuracySampled, e.TestExamples = 0.5+0.1*float64(seed), 40
					e.SetSigmas([][]float32{{0.1, 0.3}, {0.5}}, true)
				}
				curve.Epochs = append(curve.Epochs, e)
			}
			curves = append(curves, curve)
		}
	}
	figures, err := ChartCurves(curves, Chart{})
	check(t, err)
	rows := panels(t, figures)
	if figures[0].Name != "curves" || len(rows) != 3 || len(rows[0]) != 1 { // without the objective
		t.Fatalf("%s: %d rows", figures[0].Name, len(rows))
	}
	accuracy, nll := curvesOf(rows[0][0], "c 0.1"), curvesOf(rows[1][0], "c 1")
	if len(accuracy) != 1 || !slices.Equal(accuracy[0].X, []float64{2, 4}) || !near(accuracy[0].Y[0], 55, 1e-9) ||
		len(nll) != 1 || len(nll[0].X) != 4 || !near(nll[0].Y[1], 1.5, 1e-9) {
		t.Errorf("accuracy %+v, NLL %+v", accuracy, nll)
	}
	if !strings.Contains(figures[0].Note, "Accuracies are of the first 40 test examples, at the end of all.") {
		t.Errorf("note %q", figures[0].Note)
	}
	var table strings.Builder
	check(t, EncodeCurves(&table, curves))
	lines := strings.Split(table.String(), "\n")
	if lines[0] != "id,c,seed,epoch,step,nll,accuracy_sampled,test_examples,sigma_rms,"+
		"sigma_rms_layers_1,sigma_rms_layers_2,"+
		"sigma_q05_layers_1,sigma_q25_layers_1,sigma_q50_layers_1,sigma_q75_layers_1,sigma_q95_layers_1,sigma_q05_layers_2,"+
		"sigma_q25_layers_2,sigma_q50_layers_2,sigma_q75_layers_2,sigma_q95_layers_2" || len(lines) != 18 ||
		!strings.Contains(lines[1], ",0.1,1,1,10,1,,,,,") || !strings.Contains(lines[2], ",0.1,1,2,20,0.5,0.5,40,") {
		t.Errorf("curves.csv is %s", strings.Join(lines[:3], "\n"))
	}
	over, err := SigmaOverTime(curves[0].Epochs)
	check(t, err)
	if p := over.Blocks[0].Rows[0]; len(p) != 2 || len(p[0].Layers) != 3 {
		t.Errorf("panels %+v", p)
	}
	for i := range curves {
		curves[i].Epochs = curves[i].Epochs[:1]
	}
	_, err = ChartCurves(curves, Chart{})
	wantError(t, err, "no network has the measurements of two epochs yet")
	_, err = ChartCurves(nil, Chart{})
	wantError(t, err, "no network has a learning curve yet")
}
