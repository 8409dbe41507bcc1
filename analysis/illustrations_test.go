package analysis

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quantal/results/draw"
	"quantal/synapse"
)

// saved draws an illustration, saves it and checks the files.
func saved(t *testing.T, draw func() (draw.Illustration, error)) draw.Illustration {
	t.Helper()
	i, err := draw()
	if err != nil {
		t.Fatal(err)
	}
	files, err := i.Save(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	content := map[string][]byte{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		content[f[strings.LastIndexByte(f, '.'):]] = raw
	}
	if _, err := png.Decode(bytes.NewReader(content[".png"])); err != nil {
		t.Errorf("%s: %v", i.Name, err)
	}
	for _, ending := range []string{".svg", ".txt"} {
		if bytes.Contains(content[ending], []byte("NaN")) || bytes.Contains(content[ending], []byte("%!")) ||
			bytes.Contains(content[ending], []byte("Inf")) {
			t.Errorf("%s%s has a NaN", i.Name, ending)
		}
	}
	return i
}

func TestReleaseAnalysis(t *testing.T) {
	a, err := AnalyseRelease(synapse.Release{N: 10, P: 0.3, Q: 1}, 20000, 7)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range a.Costs {
		if math.Abs(c.Slope.Value+float64(c.Rho)) > 1e-6 {
			t.Errorf("%s: slope %v, exponent %v", c.Mechanism, c.Slope.Value, c.Rho)
		}
	}
	for _, e := range a.Equation18 {
		if math.Abs(e.Exponent-2*(1-e.P)) > 1e-5 {
			t.Errorf("p = %v: exponent %v, want 2 (1-p)", e.P, e.Exponent)
		}
	}
	if m := a.Simulated; math.Abs(m.Mean-3) > 5*1.45/math.Sqrt(20000) || math.Abs(m.Failure-a.Binomial.Failure) > 0.006 {
		t.Errorf("simulated %+v, binomial %+v", m, a.Binomial)
	}
	i := saved(t, a.Illustration)
	// The four costs have one range, and this synapse one place in it, so that slopes can be compared.
	if costs := i.Figure.Blocks[1]; !costs.Shared || len(costs.Rows[0]) != 4 {
		t.Errorf("the costs have ranges of their own: %+v", costs)
	}
	for j, p := range i.Figure.Blocks[1].Rows[0] {
		curve := p.Layers[0].(draw.Curve)
		at := a.Binomial.SD
		for k := range curve.X {
			if want := math.Pow(curve.X[k]/at, -float64(a.Costs[j].Rho)); !near(curve.Y[k], want, 1e-6) {
				t.Fatalf("%s: %v times this synapse's cost at sigma %v, want %v", p.Title, curve.Y[k], curve.X[k], want)
			}
		}
		if dot := p.Layers[len(p.Layers)-1].(draw.Points); dot.X[0] != at || dot.Y[0] != 1 {
			t.Errorf("%s: this synapse is at %v, %v", p.Title, dot.X, dot.Y)
		}
	}
	if !strings.Contains(i.Caption, "20000 draws, seed 7") {
		t.Error(i.Caption)
	}
	for _, r := range []synapse.Release{{N: 1, P: 0.01, Q: 1e-3}, {N: 300, P: 0.99, Q: 50}} { // other scales
		a, err := AnalyseRelease(r, 100, 1)
		if err != nil {
			t.Fatal(err)
		}
		i := saved(t, a.Illustration)
		x := i.Figure.Blocks[0].Rows[0][0].X // n p q and sigma of the note are in the unit of q, and so is the axis
		if want := r.Mean() + 4*r.SD(); math.Abs(x.Max/want-1) > 1e-9 ||
			x.Label != "Postsynaptic potential (same unit as q)" {
			t.Errorf("q %g: %s up to %g, want %g", r.Q, x.Label, x.Max, want)
		}
	}
	for _, c := range []struct {
		r     synapse.Release
		draws int
		want  string
	}{{synapse.Release{N: 10, P: 1, Q: 1}, 10, "below 1"}, {synapse.Release{N: 10.5, P: 0.5, Q: 1}, 10, "whole"},
		{synapse.Release{N: 10, P: 0, Q: 1}, 10, "p 0"}, {synapse.Release{N: 10, P: 0.5, Q: 1}, 1, "1 draws: want 2"}} {
		if _, err := AnalyseRelease(c.r, c.draws, 1); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestTwoWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := [2]float64{math.Exp(rapid.Float64Range(-3, 6).Draw(t, "ln h1")),
			math.Exp(rapid.Float64Range(-3, 6).Draw(t, "ln h2"))}
		c, rho := math.Exp(rapid.Float64Range(-6, 3).Draw(t, "ln c")), rapid.Float64Range(0.2, 3).Draw(t, "rho")
		w, err := NewTwoWeights(h, c, synapse.Power(rho), 500, 1)
		if err != nil {
			t.Fatal(err)
		}
		apart, same := w.Heterogeneous, w.Homogeneous
		if !near(apart.Reliability, same.Reliability, 1e-9) || same.Sigma[0] != same.Sigma[1] {
			t.Fatalf("reliability costs %v and %v", apart.Reliability, same.Reliability)
		}
		if same.Performance < apart.Performance*(1-1e-9) {
			t.Fatalf("one sigma for both costs %v, an optimum each %v", same.Performance, apart.Performance)
		}
		for _, n := range []PairNoise{apart, same} {
			want := 0.0 // the variance of 1/2 sum h w^2 is 1/2 sum (h sigma^2)^2
			for i := range h {
				want += math.Pow(h[i]*n.Sigma[i]*n.Sigma[i], 2) / 2
			}
			if e := math.Abs(n.Sampled - n.Performance); e > 5*math.Sqrt(want/500) {
				t.Fatalf("performance cost %v, over the draws %v", n.Performance, n.Sampled)
			}
		}
	})
	w, err := DefaultTwoWeights(1)
	if err != nil {
		t.Fatal(err)
	}
	x, y := w.contour(3)
	for i := range x {
		if cost := (w.Hessian[0]*x[i]*x[i] + w.Hessian[1]*y[i]*y[i]) / 2; !near(cost, 3, 1e-9) {
			t.Fatalf("performance cost %v on the contour of 3", cost)
		}
	}
	saved(t, w.Illustration)
	if _, err := NewTwoWeights([2]float64{1, 0}, 1, 1, 1, 1); err == nil {
		t.Error("a synapse without importance has no optimum to draw")
	}
}

// The ellipse of a Gaussian: z^T covariance^-1 z = 1 all around.
func TestEllipse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s1, s2 := rapid.Float64Range(0.1, 3).Draw(t, "sd 1"), rapid.Float64Range(0.1, 3).Draw(t, "sd 2")
		r := rapid.Float64Range(-0.95, 0.95).Draw(t, "correlation")
		x, y := ellipse(s1, r*s2, s2*math.Sqrt(1-r*r))
		widest := 0.0
		for i := range x {
			u, v := x[i]/s1, y[i]/s2
			if q := (u*u - 2*r*u*v + v*v) / (1 - r*r); !near(q, 1, 1e-9) {
				t.Fatalf("point %d is at %v", i, q)
			}
			widest = max(widest, math.Abs(v))
		}
		if widest < 0.998 {
			t.Fatalf("the ellipse reaches %v standard deviations of the second weight only", widest)
		}
	})
}

func TestComparePosterior(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sd := [2]float64{math.Exp(rapid.Float64Range(-6, 0).Draw(t, "ln sd 1")),
			math.Exp(rapid.Float64Range(-6, 0).Draw(t, "ln sd 2"))}
		r := rapid.Float64Range(-0.95, 0.95).Draw(t, "correlation")
		p, err := ComparePosterior(sd, r)
		if err != nil {
			t.Fatal(err)
		}
		for i := range sd {
			if want := sd[i] * math.Sqrt(1-r*r); !near(p.Conditional[i], want, 1e-6) {
				t.Fatalf("conditional sd %v, want %v", p.Conditional[i], want)
			}
		}
		for _, at := range p.Cells {
			for i := range sd {
				// Less heterogeneous than the posterior, and equal to it where that is s.
				rho := float64(at.Rho)
				want := math.Pow(at.S, rho/(rho+2)) * math.Pow(p.Conditional[i], 2/(rho+2))
				if !near(at.Sigma[i], want, 1e-6) {
					t.Fatalf("%+v: sigma %v, want %v", at, at.Sigma[i], want)
				}
			}
		}
		for _, s := range p.OverRho {
			if !near(s.Measured, s.Predicted, 1e-6) || (s.Measured >= 1-1e-9) != s.Rho.Entropic() {
				t.Fatalf("slope %+v", s)
			}
		}
	})
	p, err := DefaultPosterior()
	if err != nil {
		t.Fatal(err)
	}
	// The caption of Fig. 7: c = 10^(-2 rho)/rho in the middle row.
	for j, rho := range exponents() {
		if c := p.Cells[len(exponents())+j].C; !near(c, math.Pow(10, -2*float64(rho))/float64(rho), 1e-9) {
			t.Errorf("rho %v: c = %v", rho, c)
		}
	}
	for _, block := range saved(t, p.Illustration).Figure.Blocks {
		for _, panel := range slices.Concat(block.Rows...) {
			if x, y := panel.X, panel.Y; !block.Square || x.Min >= x.Max || x.Min != y.Min || x.Max != y.Max {
				t.Errorf("axes from %v to %v and from %v to %v, in a square: %v", x.Min, x.Max, y.Min, y.Max, block.Square)
			}
		}
	}
	for _, bad := range []float64{1, -1, math.NaN()} {
		if _, err := ComparePosterior([2]float64{1, 1}, bad); err == nil {
			t.Errorf("correlation %v was taken", bad)
		}
	}
}

func TestShort(t *testing.T) {
	for x, want := range map[float64]string{0.2: "0.2", 0.00162: "0.00162", 5e-5: "5×10^{−5}",
		3.46e-4: "3.5×10^{−4}", 1.5: "1.5"} {
		if got := short(x); got != want {
			t.Errorf("%v is written %s", x, got)
		}
	}
}
