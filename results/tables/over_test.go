package tables

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"quantal/internal/recordstest"
	"quantal/internal/resultstest"
	"quantal/results/draw"
	"quantal/results/store"
)

// A column over another has a mark for each network that has both, in a series for what varies besides x and the seed,
// and where x is a setting a line through the means over what has one x.
func TestOver(t *testing.T) {
	rhos, cs := []float64{0.5, 2}, []float64{0.1, 1, 10}
	records := recordstest.GridRecords(rhos, recordstest.BothNoises, cs, 2, func(r *store.Record) {
		r.AccuracySampled = r.C/20 + float64(r.Seed)/100
		if r.C == 10 && r.Noise == "homogeneous" {
			r.Status, r.Outcome = store.Diverged, store.NoOutcome()
		}
	})
	var rows []Row
	for _, r := range records {
		row, err := NewRow(r)
		resultstest.Check(t, err)
		rows = append(rows, row)
	}
	table := NewTable(rows)
	if got := strings.Join(table.Varying(), " "); got != "noise rho_value c seed" {
		t.Errorf("varying: %s", got)
	}
	for name, want := range map[string]bool{"c": true, "sigma_rms_layers_2": true, "accuracy_sampled": true,
		"noise": false, "accuracy_mean": false, "id": false} {
		if slices.Contains(table.Numeric(), name) != want {
			t.Errorf("%s among the numbers: %v", name, !want)
		}
	}
	p, ids, err := table.Over("c", "accuracy_sampled", nil)
	resultstest.Check(t, err)
	if len(p.Layers) != 8 || !p.X.Log || p.Y.Log {
		t.Fatalf("%d layers, want a line and marks for each of 4 series, over log c: %+v", len(p.Layers), p)
	}
	line, marks := p.Layers[0].(draw.Curve), p.Layers[1].(draw.Points)
	if line.Label != "heterogeneous, rho 0.5" || !slices.Equal(line.X, []float64{0.1, 1, 10}) ||
		math.Abs(line.Y[1]-100*(1./20+1.5/100)) > 1e-12 {
		t.Errorf("line of means: %+v", line)
	}
	if len(marks.X) != 6 || len(ids[1]) != 6 || ids[0] != nil || ids[1][2] != records[2].ID {
		t.Errorf("marks: %+v %v", marks, ids)
	}
	if last := p.Layers[7].(draw.Points); len(last.X) != 4 { // without those that diverged
		t.Errorf("%d marks where two of six have diverged", len(last.X))
	}
	// Over what was measured there is no line, and other series can be chosen.
	p, ids, err = table.Over("sigma_rms", "accuracy_sampled", []string{"noise"})
	resultstest.Check(t, err)
	if len(p.Layers) != 2 || len(ids[0]) != 12 || len(ids[1]) != 8 {
		t.Errorf("by noise over sigma: %d layers, %v", len(p.Layers), ids)
	}
	if _, _, err := table.Over("c", "accuracy_mean", nil); !errors.Is(err, store.ErrNothing) {
		t.Errorf("of what nobody has measured: %v", err)
	}
	_, _, err = table.Over("nonsense", "c", nil)
	if err == nil || !strings.Contains(err.Error(), "x nonsense: there is no") {
		t.Errorf("of no column: %v", err)
	}
}

// While a grid fills in, series keep their colours and the axis its range, and networks without a value of the axis
// are a level. Names are places along an axis.
func TestOverFillsIn(t *testing.T) {
	table := func(finished func(store.Record) bool) Table {
		var rows []Row
		for _, r := range recordstest.GridRecords([]float64{0.5, 2}, append(recordstest.BothNoises, "none"),
			[]float64{0.1, 1, 10}, 2, func(r *store.Record) { r.AccuracySampled = 0.5 }) {
			if !finished(r) {
				r.Status, r.Outcome = "waiting", store.NoOutcome()
			}
			row, err := NewRow(r)
			resultstest.Check(t, err)
			rows = append(rows, row)
		}
		return NewTable(rows)
	}
	all, _, err := table(func(store.Record) bool { return true }).Over("c", "accuracy_sampled", nil)
	resultstest.Check(t, err)
	some, ids, err := table(func(r store.Record) bool {
		return r.Noise == "homogeneous" && r.Rho == "2" && r.C == 1
	}).Over("c", "accuracy_sampled", nil)
	resultstest.Check(t, err)
	line, full := some.Layers[0].(draw.Curve), curvesOf(all, "homogeneous, rho 2")
	if len(some.Layers) != 2 || len(full) != 1 || line.Label != full[0].Label || line.Color != full[0].Color ||
		len(ids[1]) != 2 {
		t.Errorf("the only series is %+v, in the whole grid %+v", line, full)
	}
	if some.X.Min != all.X.Min || some.X.Max != all.X.Max || !(some.X.Min > 0 && some.X.Min < 0.1 && some.X.Max > 10) ||
		!some.X.Log {
		t.Errorf("axis from %g to %g, then from %g to %g", some.X.Min, some.X.Max, all.X.Min, all.X.Max)
	}
	levels := 0
	for _, l := range all.Layers {
		if _, ok := l.(draw.Level); ok {
			levels++
		}
	}
	if levels != 1 {
		t.Errorf("%d levels of networks without noise, want 1", levels)
	}
	names, ids, err := table(func(store.Record) bool { return true }).Over("noise", "accuracy_sampled", []string{"c"})
	resultstest.Check(t, err)
	if len(names.X.Names) != 3 || names.X.Names[2].Text != "none" || len(ids[0]) != 8 {
		t.Errorf("over names: %+v, %v", names.X, ids)
	}
}

// Curves of networks are over epochs or seconds; what some lack is left out.
func TestCurves(t *testing.T) {
	epoch := func(e int, accuracy float64) store.Epoch {
		return store.Epoch{Epoch: e, Step: 10 * e, Times: store.Times{Seconds: 2 * float64(e)}, AccuracySampled: accuracy,
			SigmaRMS: 0.1, SigmaRMSLayers: []float64{0.1, 0.2}, NLL: math.NaN()}
	}
	networks := []Learned{{"a", []store.Epoch{epoch(1, 0.5), epoch(2, math.NaN()), epoch(3, 0.75)}},
		{"b", []store.Epoch{epoch(1, 0.25)}}, {"none", nil}}
	p, err := Curves(networks, "seconds", "accuracy_sampled")
	resultstest.Check(t, err)
	a, b := p.Layers[0].(draw.Curve), p.Layers[1].(draw.Curve)
	if len(p.Layers) != 2 || !slices.Equal(a.X, []float64{2, 6}) || !slices.Equal(a.Y, []float64{50, 75}) ||
		b.Mark != draw.Dot {
		t.Errorf("curves: %+v", p.Layers)
	}
	names := CurveColumns(networks)
	for name, want := range map[string]bool{"epoch": true, "seconds": true, "sigma_rms_layers_2": true, "nll": false} {
		if slices.Contains(names, name) != want {
			t.Errorf("%s among the columns: %v", name, !want)
		}
	}
	if _, err := Curves(networks, "epoch", "nll"); !errors.Is(err, store.ErrNothing) {
		t.Errorf("of what nobody has measured: %v", err)
	}
}
