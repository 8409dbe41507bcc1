package store

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"quantal/kernels"
)

func TestMetrics(t *testing.T) {
	f := newRun(t)
	epochs, err := f.Metrics()
	check(t, err)
	if len(epochs) != 0 {
		t.Errorf("%d epochs before the first", len(epochs))
	}
	var want []Epoch
	for i := 1; i <= 3; i++ {
		e := Epoch{Epoch: i, Step: 3000 * i, NLL: math.Exp(-float64(i)), ObjectiveReliability: math.Inf(1),
			ObjectiveCosts: Terms{"a": 0.5, "b": math.NaN(), "d": math.Inf(-1)},
			SigmaRMS:       math.NaN(), SigmaRMSLayers: []float64{0.1, math.NaN(), math.Inf(-1)}}
		check(t, f.AppendMetrics(e))
		e.ObjectiveReliability, e.SigmaRMSLayers[2] = math.NaN(), math.NaN() // JSON has one word for all of them
		e.ObjectiveCosts["d"] = math.NaN()
		want = append(want, e)
	}
	got, err := f.Metrics()
	check(t, err)
	if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
		t.Error(d)
	}
	text, err := os.ReadFile(f.Path(metricsName))
	check(t, err)
	lines := strings.SplitAfter(string(text), "\n")
	if len(lines) != 4 || lines[3] != "" || !json.Valid([]byte(lines[0])) ||
		!strings.Contains(lines[0], `"objective_costs":{"a":0.5,"b":null,"d":null}`) ||
		!strings.Contains(lines[0], `"sigma_rms":null`) || !strings.Contains(lines[0], `"sigma_rms_layers":[0.1,null,null]`) {
		t.Errorf("metrics.jsonl is\n%s", text)
	}
	var keys map[string]any
	check(t, json.Unmarshal([]byte(lines[0]), &keys))
	for _, key := range strings.Fields(`epoch step seconds nll objective objective_nll objective_magnitude
		objective_reliability accuracy_sampled loss_sampled accuracy_mean loss_mean sigma_rms reliability_cost
		sigma_rms_layers steps_per_second`) {
		if _, ok := keys[key]; !ok {
			t.Errorf("no %s in a line", key)
		}
	}

	for _, keep := range []int{5, 2, 0} {
		damaged, err := f.CutMetrics(keep)
		check(t, err)
		if len(damaged) > 0 {
			t.Errorf("damaged: %v", damaged)
		}
		got, err = f.Metrics()
		check(t, err)
		if d := cmp.Diff(want[:min(keep, 3)], got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Errorf("cut to %d: %s", keep, d)
		}
	}
}

func TestHalfWrittenMetrics(t *testing.T) {
	f := newRun(t)
	check(t, f.AppendMetrics(Epoch{Epoch: 1}))
	check(t, f.AppendMetrics(Epoch{Epoch: 2}))
	text, err := os.ReadFile(f.Path(metricsName))
	check(t, err)
	check(t, f.Close())
	check(t, os.WriteFile(f.Path(metricsName), text[:len(text)-1], 0o644))
	got, err := f.Metrics()
	check(t, err)
	if len(got) != 1 {
		t.Errorf("%d epochs, want 1", len(got))
	}
	again, err := Open(f.Path(""))
	check(t, err)
	defer again.Close()
	check(t, again.AppendMetrics(Epoch{Epoch: 2}))
	whole, err := os.ReadFile(f.Path(metricsName))
	check(t, err)
	if string(whole) != string(text) {
		t.Errorf("metrics.jsonl is\n%s\nwant\n%s", whole, text)
	}
}

func TestDamagedMetrics(t *testing.T) {
	f := newRun(t)
	check(t, f.AppendMetrics(Epoch{Epoch: 1}))
	check(t, f.AppendMetrics("no object"))
	_, err := f.Metrics()
	wantError(t, err, f.Path(metricsName), "line 2")
	if !isCorrupt(err) {
		t.Errorf("%T is not a CorruptError", err)
	}
}

// Damaged lines are dropped and named when a run continues, whatever the damage; the others stay.
func TestDamagedMetricsAreCutOut(t *testing.T) {
	line := func(epoch int) string {
		text, err := EncodeJSON(Epoch{Epoch: epoch, Step: 10 * epoch})
		check(t, err)
		return string(text) + "\n"
	}
	whole := line(1) + line(2) + line(3) + line(4)
	for name, c := range map[string]struct {
		text string
		want string
		bad  []string
	}{
		"whole":             {whole, line(1) + line(2) + line(3), nil},
		"a letter":          {line(1) + "x" + line(2) + line(3) + line(4), line(1) + line(3), []string{"line 2"}},
		"zeros":             {line(1) + strings.Repeat("\x00", 99) + "\n" + line(3), line(1) + line(3), []string{"line 2"}},
		"two lines joined":  {strings.TrimSuffix(line(1), "\n") + line(2) + line(3), line(3), []string{"line 1"}},
		"no epoch":          {line(1) + "{}\nnull\n\n" + line(2), line(1) + line(2), []string{"line 2", "line 3", "line 4"}},
		"a line twice":      {line(1) + line(1) + line(2), line(1) + line(2), []string{"line 2"}},
		"after the end":     {line(1) + line(2) + line(3) + line(4) + "x\n", line(1) + line(2) + line(3), []string{"line 5"}},
		"half a line there": {line(1) + line(2)[:7], line(1), nil},
		"all":               {"\xff\xfe\n", "", []string{"line 1"}},
	} {
		f := newRun(t)
		check(t, os.WriteFile(f.Path(metricsName), []byte(c.text), 0o644))
		damaged, err := f.CutMetrics(3)
		check(t, err)
		if len(damaged) != len(c.bad) {
			t.Errorf("%s: %v, want errors of %v", name, damaged, c.bad)
		} else {
			for i, bad := range c.bad {
				wantError(t, damaged[i], f.Path(metricsName), bad)
			}
		}
		text, err := os.ReadFile(f.Path(metricsName))
		check(t, err)
		if string(text) != c.want {
			t.Errorf("%s: kept\n%s\nwant\n%s", name, text, c.want)
		}
		if _, err := f.Metrics(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEncodeJSON(t *testing.T) {
	type inner struct{ A, B float64 }
	type Embedded struct {
		E float64 `json:"e"`
	}
	nan := math.NaN()
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, "null"},
		{nan, "null"},
		{float32(math.Inf(1)), "null"},
		{1e-7, "1e-7"},
		{0.1, "0.1"},
		{[]float64{1, nan}, "[1,null]"},
		{[]float64(nil), "null"},
		{[2]float64{}, "[0,0]"},
		{map[string]any{"b": nan, "a": "x<y"}, `{"a":"x\u003cy","b":null}`},
		{map[string]int(nil), "null"},
		{&inner{1, nan}, `{"A":1,"B":null}`},
		{(*inner)(nil), "null"},
		{json.RawMessage(`{"x": 1}`), `{"x":1}`},
		{[]byte{1}, `"AQ=="`},
		{struct {
			Embedded
			Left   float64 `json:"left,omitempty"`
			Skip   float64 `json:"-"`
			hidden float64
			List   []any  `json:"list,omitempty"`
			Name   string `json:"name"`
		}{Embedded{nan}, 0, 1, 2, nil, "n"}, `{"e":null,"name":"n"}`},
		{struct{ *Embedded }{&Embedded{1}}, `{"e":1}`},
	} {
		got, err := EncodeJSON(c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("%#v: %s %v, want %s", c.value, got, err, c.want)
		}
	}
	if _, err := EncodeJSON(map[string]any{"f": func() {}}); err == nil {
		t.Error("a function was encoded")
	}
}

// Quantiles are within 0.2 % of those of the sorted values.
func TestSigmaQuantiles(t *testing.T) {
	c := filled(layoutOf(kernels.PerSynapse, 300, 40, 3), 0, normal(2))
	for layer, got := range c.SigmaQuantiles() {
		sorted := c.Sigmas(layer)
		slices.Sort(sorted)
		for i, level := range SigmaLevels() {
			want := float64(sorted[int(level*float64(len(sorted)-1))])
			if !(math.Abs(got[i]-want) <= 0.002*want) {
				t.Errorf("layer %d, quantile %g: %g, want %g", layer, level, got[i], want)
			}
		}
	}
}
