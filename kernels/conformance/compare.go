package conformance

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"quantal/kernels"
)

// How much sums over many minibatches may deviate, relative to the largest entry of a layer.
const sumTolerance = 1e-6

// How much means may deviate after a few steps of Langevin, relative to the largest displacement of their layer, some
// 0.1: means of up to 0.4 are rounded to 3e-8 in each.
const displacementTolerance = 5e-6

// relative is the largest difference of two lists, relative to the largest entry of want; infinite if that is NaN.
func relative[A, B kernels.Float](got []A, want []B) float64 {
	scale, e := 0.0, 0.0
	for i, w := range want {
		scale = max(scale, math.Abs(float64(w)))
		d := math.Abs(float64(got[i]) - float64(w))
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		e = max(e, d)
	}
	if e == 0 {
		return 0
	}
	return e / scale
}

// Nobody chose how much a machine may deviate. It is the largest deviation in a few runs of the reference with random
// rounding, times a factor: sums are off by about 2^-24 of the sizes of their terms, and parameters are stored in
// float32. So tolerances are tight, except where the terms of a shared sigma cancel or Adam divides a vanishing number
// by another. No kernel set deviates by more than four times as much as those runs, nor does the interpreter.
const roundedRuns, roundingFactor = 4, 8

// tolerance is what a machine may deviate from the reference, for each field.
func (r *Reference) tolerance() map[string]float64 {
	if r.allowed == nil {
		r.allowed = map[string]float64{}
		for rounded := range r.rounded() {
			for field, e := range r.deviations(rounded.state(), rounded.sums) {
				r.allowed[field] = max(r.allowed[field], roundingFactor*e)
			}
		}
	}
	return r.allowed
}

// deviations compares what a rule leaves: the worst error of each field relative to its scale.
func (r *Reference) deviations(s *kernels.State, sums *kernels.Sums) map[string]float64 {
	switch r.n.Program.Rule.(type) {
	case kernels.Accumulate:
		return r.deviationOfSums(sums)
	case kernels.Langevin:
		return map[string]float64{"mu": r.displacement(s.Mu, r.n.Start[r.index].Mu)}
	}
	return r.deviation(s)
}

// Excess is the deviation of a VM's members from their references in units of the tolerance, 1 at the limit, and where
// it is largest.
func (n *Network) Excess(t testing.TB, vm kernels.VM, want []*Reference) (worst float64, where string) {
	t.Helper()
	for m, r := range want {
		var sums *kernels.Sums
		if _, ok := n.Program.Rule.(kernels.Accumulate); ok {
			sums = SumsOf(t, vm, m)
			if sums.Minibatches != r.sums.Minibatches || sums.Examples != r.sums.Examples {
				return math.Inf(1), fmt.Sprintf("member %d: %d examples in %d minibatches, want %d in %d", m, sums.Examples,
					sums.Minibatches, r.sums.Examples, r.sums.Minibatches)
			}
		}
		deviations, tolerance := r.deviations(StateOf(t, vm, m), sums), r.tolerance()
		for _, field := range slices.Sorted(maps.Keys(deviations)) {
			if e := deviations[field] / tolerance[field]; e > worst {
				worst = e
				where = fmt.Sprintf("member %d: %s deviates by %.2g of its scale, want at most %.2g", m, field,
					deviations[field], tolerance[field])
			}
		}
	}
	return worst, where
}

// deviation compares a state: the worst error of each field relative to its largest entry.
func (r *Reference) deviation(s *kernels.State) map[string]float64 {
	got, want := map[string][]float64{}, map[string][]float64{}
	add := func(name string, g float32, w float64) {
		got[name], want[name] = append(got[name], float64(g)), append(want[name], w)
	}
	layout := r.n.Program.Layout
	groups, moments := 0, kernels.Moments(r.n.Program.Rule)
	r.each(r.mu, func(l, row, k int, mu float64) {
		at, a := layout.Slot(l, row, k), r.muMoments[l][row][k]
		if r.n.Synapse != nil {
			if r.kinked(l, row, k) {
				return
			}
			add("mu", s.Mu[at], mu)
			add("phi", s.Phi[at], r.phi[r.group(l, row, k)])
			for p, theta := range s.Theta {
				parameter := layout.Parameters[p]
				add(parameter, theta.Values[at], r.theta[p][l][row][k])
				for i, name := range moments {
					add(parameter+"."+name, theta.Moments[i][at], r.ofTheta[p][l][row][k].named(name))
				}
			}
			return
		}
		if g := r.group(l, row, k); r.n.Sharing != kernels.NoNoise && g == groups {
			groups++
			at := layout.PhiOffset(l) + layout.Layers[l].PhiIndex(r.n.Sharing, row, k)
			add("phi", s.Phi[at], r.phi[g])
			for i, name := range moments {
				add("phi."+name, s.PhiMoments[i][at], r.phiMoments[g].named(name))
			}
		}
		if math.Abs(mu) < 3*r.at(l).LearningRate {
			return // at the kink of |mu| it may have been on the other side in one step
		}
		add("mu", s.Mu[at], mu)
		for i, name := range moments {
			add("mu."+name, s.MuMoments[i][at], a.named(name))
		}
	})
	worst := map[string]float64{}
	for name := range want {
		worst[name] = relative(got[name], want[name])
	}
	return worst
}

// displacement compares means: the worst error of any layer relative to the largest displacement in the layer.
func (r *Reference) displacement(got, start []float32) float64 {
	worst, layout, want := 0.0, r.n.Program.Layout, r.mean()
	for l, layer := range layout.Layers {
		var moved, should []float64
		for at := layout.Offset(l); at < layout.Offset(l)+layer.Slots(); at++ {
			moved, should = append(moved, float64(got[at])-float64(start[at])), append(should, want[at]-float64(start[at]))
		}
		worst = max(worst, relative(moved, should))
	}
	return worst
}

// sumFields are the names under which sums are compared.
var sumFields = []string{"g", "|g|", "g^2", "g^2 of examples", "|x|", "x^2"}

// deviationOfSums compares sums: for each field the worst error of any layer relative to the layer's largest entry.
func (r *Reference) deviationOfSums(got *kernels.Sums) map[string]float64 {
	worst := map[string]float64{}
	layout := r.n.Program.Layout
	for l, layer := range layout.Layers {
		fields := func(s *kernels.Sums) [][]float64 {
			row, n := s.Row(layout.Offset(l)), layer.Slots()
			return [][]float64{row.Gradient[:n], row.Magnitude[:n], row.Square[:n], row.ExampleSquare[:n], s.Inputs[l].Magnitude,
				s.Inputs[l].Square}
		}
		g, w := fields(got), fields(r.sums)
		for i, name := range sumFields {
			worst[name] = max(worst[name], relative(g[i], w[i]))
		}
	}
	return worst
}

// Same reports whether two sums have the same bits.
func Same(a, b *kernels.Sums) bool {
	equal := a.Minibatches == b.Minibatches && a.Examples == b.Examples && slices.Equal(a.Gradient, b.Gradient) &&
		slices.Equal(a.Magnitude, b.Magnitude) && slices.Equal(a.Square, b.Square) &&
		slices.Equal(a.ExampleSquare, b.ExampleSquare)
	for i, in := range a.Inputs {
		equal = equal && slices.Equal(in.Magnitude, b.Inputs[i].Magnitude) && slices.Equal(in.Square, b.Inputs[i].Square)
	}
	return equal
}

// checkPads checks that the slots between the rows are 0.
func (n *Network) checkPads(t *testing.T, fields ...[]float32) {
	t.Helper()
	for row := range n.Program.Layout.Rows() {
		for _, f := range fields {
			for _, v := range f[row.First+row.Columns() : row.First+kernels.Stride(row.In)] {
				if v != 0 {
					t.Fatalf("layer %d: a pad of row %d is %v", row.Layer, row.Row, v)
				}
			}
		}
	}
}

// checkLosses compares the negative log-likelihood of the steps.
func checkLosses(t *testing.T, progress []kernels.Progress, want []*Reference, tolerance float64) {
	t.Helper()
	for m, p := range progress {
		if e := math.Abs(p.NLL()-want[m].nll) / math.Abs(want[m].nll); !(e <= tolerance) {
			t.Errorf("member %d: negative log-likelihood %v, want %v", m, p.NLL(), want[m].nll)
		}
		if len(p.Losses) != want[m].steps {
			t.Errorf("member %d: %d losses of %d steps", m, len(p.Losses), want[m].steps)
		}
	}
}
