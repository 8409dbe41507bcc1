package explore

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/diff/fd"

	"quantal/kernels"
)

// plain makes Adam take a step of the given length times the gradient, to one part in a million: its epsilon is a
// million times as large as the gradients.
func plain(rate float64) (kernels.Adam, kernels.Member) {
	const large = 1e8
	return kernels.Adam{Beta1: 0, Beta2: 0.999, Epsilon: large},
		kernels.Member{LearningRate: rate * large, NoiseVariance: 1}
}

// some is a network in the middle of training, with sigmas from 0.05 to 0.5.
func some(states, actions int, noise bool, common float64) *network {
	adam, member := plain(1)
	sigma := 0.0
	if noise {
		sigma = 1
	}
	n := newNetwork(states, actions, adam, member, sigma)
	n.common = common
	for r := range actions {
		mu := n.mu.Values[n.at(r):][:states+1]
		kernels.Normals(mu, kernels.Noise{Seed: 1, Layer: 1}, r)
		if noise {
			phi := n.phi.Values[n.at(r):][:states+1]
			kernels.Uniforms(phi, kernels.Noise{Seed: 1, Layer: 2}, r)
			for k, u := range phi {
				phi[k] = kernels.SoftplusInverse(0.05 + 0.45*u)
			}
		}
	}
	return n
}

// A learning step against finite differences of the loss as it is written in the package documentation, for mu and for
// phi: with noise and without, with the common unit and without, with targets within and at the end of episodes.
func TestLearnAgainstFiniteDifferences(t *testing.T) {
	const states, actions = 6, 3
	batch := []transition{{0, 1, 0.3, 2}, {2, 0, -0.5, 4}, {2, 2, 0.1, 5}, {5, 1, 1, over}, {0, 1, 0.2, 3},
		{4, 0, -1, over}, {3, 2, 0, 0}}
	for _, noise := range []bool{true, false} {
		for _, common := range []float64{0, 1, 0.7} {
			n := some(states, actions, noise, common)
			where := place(9, layerLearn, 4, 0)
			columns := states + 1
			xi := make([][]float64, actions)
			for r := range xi {
				xi[r] = make([]float64, columns)
				kernels.Normals(xi[r], where, r)
			}
			// p is mu of all synapses, and then phi.
			value := func(p []float64, s, a int) float64 {
				w := func(k int) float64 {
					i := a*columns + k
					if !noise {
						return p[i]
					}
					return p[i] + math.Log1p(math.Exp(p[actions*columns+i]))*xi[a][k]
				}
				return w(s) + common*w(states)
			}
			var start []float64
			for _, field := range [][]float64{n.mu.Values, n.phi.Values} {
				for r := range actions {
					if len(field) > 0 {
						start = append(start, field[n.at(r):][:columns]...)
					}
				}
			}
			var targets []float64
			for _, b := range batch {
				target := b.reward
				if b.next != over {
					target += max(value(start, b.next, 0), value(start, b.next, 1), value(start, b.next, 2))
				}
				targets = append(targets, target)
			}
			loss := func(p []float64) float64 {
				sum := 0.0
				for i, b := range batch {
					d := value(p, b.state, b.action) - targets[i]
					sum += d*d/2 + math.Log(2*math.Pi)/2
				}
				return sum
			}
			want := fd.Gradient(nil, loss, start, &fd.Settings{Formula: fd.Central})
			if !n.learn(batch, where) {
				t.Fatal("diverged")
			}
			for i, got := range n.targets(batch) { // of the drawn weights
				if math.Abs(got-targets[i]) > 1e-12 {
					t.Errorf("noise %v, common %g: target %d is %g, want %g", noise, common, i, got, targets[i])
				}
			}
			largest := slices.Max(want)
			i := 0
			for f, field := range [][]float64{n.mu.Values, n.phi.Values} {
				if len(field) == 0 {
					continue
				}
				for r := range actions {
					for k := range columns {
						// The central difference of a quadratic in mu is exact; the softplus adds an error of some 1e-9.
						if got := start[i] - field[n.at(r)+k]; math.Abs(got-want[i]) > 2e-6*largest {
							t.Errorf("noise %v, common %g, field %d, row %d, column %d: gradient %.9g, want %.9g", noise, common, f, r, k,
								got, want[i])
						}
						i++
					}
				}
			}
		}
	}
}

// The loss that gradient returns is the likelihood of the targets.
func TestLoss(t *testing.T) {
	n := some(4, 2, true, 1)
	n.draw(place(2, layerLearn, 0, 0))
	batch := []transition{{1, 0, 0.5, over}, {3, 1, -0.5, over}}
	want := 0.0
	for _, b := range batch {
		v := n.w[n.at(b.action)+b.state] + n.w[n.at(b.action)+4]
		want += (v-b.reward)*(v-b.reward)/2 + math.Log(2*math.Pi)/2
	}
	if got := n.gradient(batch, n.targets(batch)); math.Abs(got-want) > 1e-12 {
		t.Errorf("got %g, want %g", got, want)
	}
}

// Once plain gradient descent has moved the mean to its target, 1/sigma^2 grows by twice the step in each visit, as
// long as sigma is small: like the precision of an estimate with the number of its measurements. A synapse that is not
// used keeps its sigma.
func TestSigmaFallsWithVisits(t *testing.T) {
	const rate, visits, sigma = 0.02, 20_000, 0.2
	adam, member := plain(rate)
	n := newNetwork(2, 1, adam, member, sigma)
	for range visits {
		n.learn([]transition{{0, 0, 0, over}}, place(3, layerLearn, n.steps, 0))
	}
	// The mean of d(1/sigma^2): 2 rate, to first order in sigma and in the step.
	want := 1 / math.Sqrt(1/(sigma*sigma)+2*rate*visits)
	if got := n.sigma(0, 0); math.Abs(got/want-1) > 0.08 {
		t.Errorf("sigma %g after %d visits, want %g", got, visits, want)
	}
	if got := n.sigma(1, 0); math.Abs(got/sigma-1) > 1e-12 {
		t.Errorf("sigma of a synapse that was not used: %g, was %g", got, sigma)
	}
}

// Frozen noise does not change while means are learned.
func TestFrozen(t *testing.T) {
	n := some(4, 2, true, 0)
	n.frozen = true
	mu, phi := slices.Clone(n.mu.Values), slices.Clone(n.phi.Values)
	n.learn([]transition{{1, 0, 0.5, 2}}, place(2, layerLearn, 0, 0))
	if !slices.Equal(n.phi.Values, phi) || slices.Equal(n.mu.Values, mu) {
		t.Error("want phi as it was, and other means")
	}
}
