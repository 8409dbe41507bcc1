package tables

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"quantal/internal/recordstest"
	"quantal/results/store"
)

// The 97.5 % quantiles of Student's t in any table, by degrees of freedom.
func TestIntervalsAgainstTheTTable(t *testing.T) {
	for n, quantile := range map[int]float64{2: 12.7062, 3: 4.3027, 4: 3.1824, 5: 2.7764, 6: 2.5706, 11: 2.2281,
		31: 2.0423, 121: 1.9799} {
		var values []float64
		for i := range n {
			values = append(values, float64(i)*0.1)
		}
		mean := 0.1 * float64(n-1) / 2
		sd := 0.1 * math.Sqrt(float64(n*(n+1))/12) // of 0, 1, ..., n-1
		i := NewInterval(values)
		if i.N != n || !near(i.Mean, mean, 1e-12) || !near(i.SD, sd, 1e-12) ||
			!near(i.HalfWidth, quantile*sd/math.Sqrt(float64(n)), 3e-5) {
			t.Errorf("n = %d: %+v, want mean %v, sd %v, half-width %v", n, i, mean, sd, quantile*sd/math.Sqrt(float64(n)))
		}
	}
	for n, values := range [][]float64{nil, {7}} {
		i := NewInterval(values)
		if i.N != n || math.IsNaN(i.Mean) != (n == 0) || !math.IsNaN(i.SD) || !math.IsNaN(i.HalfWidth) {
			t.Errorf("%v: %+v", values, i)
		}
	}
}

// near compares two numbers, relative to the second.
func near(x, want, tolerance float64) bool {
	return math.Abs(x-want) <= tolerance*math.Abs(want) || math.IsNaN(x) && math.IsNaN(want)
}

func TestGroups(t *testing.T) {
	named, twice, lost := recordstest.Record(2, 0.1, 3), recordstest.Record(2, 0.1, 1), diverged(2, 0.1, 4)
	named.ID, named.Rho = "named", "trafficking"
	twice.ID, twice.AccuracySampled = "zz", 0.9 // the same network again
	quiet, quieter, other := recordstest.Record(2, 0.1, 1), recordstest.Record(0.5, 7, 2), recordstest.Record(2, 0.1, 1)
	quiet.ID, quiet.Noise, quieter.ID, quieter.Noise = "quiet", "none", "quieter", "none"
	other.ID, other.Lambda = "other", 0.01
	half := recordstest.Record(2, 0.1, 2)
	half.LossMean, half.AccuracySampled = 0.25, 0.7 // measured for only one seed
	groups := Groups([]store.Record{other, quieter, twice, lost, recordstest.Record(0.5, 1, 1), quiet, named, half,
		recordstest.Record(2, 0.1, 1)})
	var got []string
	for _, g := range groups {
		line := g.Noise + " " + g.Rho + " " + number("%g", g.C) + " " + number("%g", g.Lambda) + ":"
		for _, r := range g.Done {
			line += " " + r.ID
		}
		line += " |"
		for _, r := range g.Diverged {
			line += " " + r.ID
		}
		got = append(got, line)
	}
	want := []string{
		"heterogeneous 0.5 1 0: rho0.5-c1-seed1 |",
		"heterogeneous 2 0.1 0: rho2-c0.1-seed1 rho2-c0.1-seed2 named | rho2-c0.1-seed4-diverged",
		"none  0 0: quiet quieter |",
		"heterogeneous 2 0.1 0.01: other |",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("groups\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	i := groups[1].Interval(func(o store.Outcome) float64 { return o.AccuracySampled })
	if i.N != 3 || !near(i.Mean, (0.5+0.7+0.5)/3, 1e-12) {
		t.Errorf("interval of those that finished: %+v", i)
	}
	if i := groups[1].Interval(func(o store.Outcome) float64 { return o.LossMean }); !math.IsNaN(i.Mean) {
		t.Errorf("a figure that two of three seeds lack has the mean %v", i.Mean)
	}
	if len(Groups(nil)) != 0 {
		t.Error("groups of nothing")
	}
}

func diverged(rho, c float64, seed uint64) store.Record {
	r := recordstest.Record(rho, c, seed)
	step, layer := 12, 1
	r.ID += "-diverged"
	r.Status, r.DivergedStep, r.DivergedLayer, r.DivergedWhat, r.Outcome = store.Diverged, &step, &layer, "loss",
		store.NoOutcome()
	return r
}

// Each number of an outcome is a measure, under its name.
func TestMeasuresAreTheNumbersOfAnOutcome(t *testing.T) {
	var o store.Outcome
	want := map[string]float64{}
	for i, f := range store.FieldsOf(reflect.ValueOf(&o).Elem()) {
		x := float64(i) + 0.5
		switch f.Value.Kind() {
		case reflect.Float64:
			f.Value.SetFloat(x)
		case reflect.Pointer:
			f.Value.Set(reflect.ValueOf(&x))
		default:
			continue
		}
		want[f.Name] = x
	}
	for _, m := range measures(nil) {
		if got, ok := want[m.name]; !ok || m.of(o) != got {
			t.Errorf("%s is %v, want %v", m.name, m.of(o), got)
		}
		delete(want, m.name)
	}
	if len(want) > 0 {
		t.Errorf("measures lack %v", want)
	}
}
