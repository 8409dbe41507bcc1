package train

import (
	"math"
	"testing"

	"quantal/graph"
	"quantal/kernels"
)

// What differs by layer arrives in the member and in the start, layer by layer.
func TestNumbersByLayer(t *testing.T) {
	c, err := Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	c.Hidden = []int{4}
	if m := c.Member(); m.Layers != nil {
		t.Errorf("one number for all: %v", m.Layers)
	}
	for name, value := range map[string]string{"c": "0.1x1", "rho": "calciumx2", "lr": "1e-3x2e-3",
		"sigma-init": "0.1x0.2", "lambda": "3x3", "data": "glyphs"} {
		if err := c.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	if !math.IsNaN(c.C) || !math.IsNaN(float64(c.Rho.Value())) || c.Lambda != 3 {
		t.Errorf("c %v, rho %v, lambda %v: want no number where layers differ", c.C, c.Rho.Value(), c.Lambda)
	}
	m := c.Member()
	for l, want := range []kernels.Member{{C: 0.1, Rho: 0.5, LearningRate: 1e-3}, {C: 1, Rho: 2, LearningRate: 2e-3}} {
		if got := m.Layer(l); got.C != want.C || got.Rho != want.Rho || got.LearningRate != want.LearningRate ||
			got.Lambda != 3 || got.Seed != m.Seed {
			t.Errorf("layer %d is %+v", l, got)
		}
	}
	layout := c.Spec(graph.Row(5), 3).Layout()
	s := c.InitialState(layout)
	for l, want := range []float64{0.1, 0.2} {
		if sigma, _ := kernels.Softplus(float64(s.Phi[layout.Offset(l)])); math.Abs(sigma-want) > 1e-6 {
			t.Errorf("layer %d begins with sigma %g, want %g", l, sigma, want)
		}
	}
}
