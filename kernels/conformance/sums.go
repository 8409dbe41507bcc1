package conformance

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/graph"
	"quantal/kernels"
)

// Accumulations are both kinds of the rule Accumulate.
var Accumulations = []kernels.Accumulate{{}, {AtMu: true}}

// measured are networks for rules that measure: all sharings with three sizes of minibatches, in networks of 0 to 3
// hidden layers.
func measured(sizes ...[]int) []Design {
	var all []Design
	for i, size := range sizes {
		for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
			for j, batch := range []int{1, 20, 7} {
				all = append(all, Design{
					Sizes: size, Sharing: sharing, Likelihood: kernels.Likelihood((i + j + int(sharing)) % 2),
					Activation: kernels.ReLU,
					Batch:      batch, Rho: 2, Examples: 50 + 5*batch,
				})
			}
		}
	}
	return all
}

func sumsAgainstFloat64(t *testing.T, machines []Machine) {
	short := Designs()
	for i, d := range slices.Concat(short, measured([]int{13, 4}, []int{20, 7, 3}, []int{33, 17, 9, 5},
		[]int{9, 6, 7, 5, 3})) {
		for j, rule := range Accumulations {
			if testing.Short() && (i+j)%4 != 0 {
				continue
			}
			t.Run(d.String()+"/"+rule.String(), func(t *testing.T) {
				n := d.Network(t).Under(t, rule)
				flaws := []string{"the magnitude cost", "squares of the sum"}
				if n.Batch > 1 {
					flaws = append(flaws, "the mean of the minibatch")
				}
				if n.Sharing != kernels.NoNoise && !rule.AtMu {
					flaws = append(flaws, "xi = 0", "a wrong counter", "the noise of training")
				}
				// Enough examples that no single one dominates.
				c := comparison{network: n, first: 3, count: 10 + 40/n.Batch, losses: 1e-5, flaws: flaws}
				want := n.Only(0).After(c.first, c.count, "")[0]
				c.after = func(t *testing.T, vm kernels.VM) {
					for m := range n.Members {
						if diff := cmp.Diff(n.Start[m], StateOf(t, vm, m)); diff != "" {
							t.Errorf("the parameters are not frozen (-want +got)\n%s", diff)
						}
					}
					got := SumsOf(t, vm, 0)
					n.checkPadsOfSums(t, got)
					// A column off by one, in each field.
					for _, field := range [][]float64{got.Gradient, got.Magnitude, got.Square, got.ExampleSquare} {
						copy(field, field[1:])
					}
					for _, in := range got.Inputs {
						copy(in.Magnitude, in.Magnitude[1:])
						copy(in.Square, in.Square[1:])
					}
					for field, e := range want.deviationOfSums(got) {
						if e < 10*sumTolerance {
							t.Errorf("a column off by one goes unnoticed in the sum of %s: %.2g", field, e)
						}
					}
				}
				c.on(t, some(machines, i, i < len(short) && i/2%2 == j))
			})
		}
	}
}

// checkPadsOfSums checks that nothing was added to the slots between the rows.
func (n *Network) checkPadsOfSums(t *testing.T, s *kernels.Sums) {
	t.Helper()
	narrow := func(f []float64) []float32 {
		list := make([]float32, len(f))
		for i, v := range f {
			list[i] = float32(v)
		}
		return list
	}
	n.checkPads(t, narrow(s.Gradient), narrow(s.Magnitude), narrow(s.Square), narrow(s.ExampleSquare))
	for i, l := range n.Program.Layout.Layers {
		for k := l.Columns(); k < l.Stride(); k++ {
			if s.Inputs[i].Magnitude[k] != 0 || s.Inputs[i].Square[k] != 0 {
				t.Fatalf("layer %d: the pad %d of the inputs is not 0", i, k)
			}
		}
	}
}

// stockGradient is the gradient of a minibatch's negative log-likelihood, and of the magnitude cost if requested, by
// Gorgonia's own operations in float64, [layer][row][column], with xi from the given stream, or 0.
func (n *Network) stockGradient(t *testing.T, step int, stream kernels.Stream, noisy, magnitude bool) [][][]float64 {
	t.Helper()
	spec := n.Spec
	spec.Costs = nil
	if magnitude {
		spec.Costs = graph.PaperCosts(kernels.NoNoise)
	}
	ref := n.reference(0, "")
	s, err := graph.BuildStock(spec, tensor.Float64, n.Members[0], ref.fraction())
	if err != nil {
		t.Fatal(err)
	}
	var params gorgonia.Nodes
	for _, l := range s.Layers {
		params = append(params, l.Mu, l.MuBias)
	}
	if _, err := gorgonia.Grad(s.Loss, params...); err != nil {
		t.Fatal(err)
	}
	let := func(node *gorgonia.Node, fill func(row, column int) float64) {
		t.Helper()
		rows, columns := node.Shape()[0], node.Shape()[1]
		x := make([]float64, rows*columns)
		for i := range x {
			x[i] = fill(i/columns, i%columns)
		}
		if err := gorgonia.Let(node, tensor.New(tensor.WithShape(rows, columns), tensor.WithBacking(x))); err != nil {
			t.Fatal(err)
		}
	}
	examples := ref.examples(step)
	outputs := spec.Sizes[len(spec.Sizes)-1]
	let(s.X, func(b, k int) float64 { return ref.input(examples[b], k) })
	let(s.Y, func(b, o int) float64 {
		switch {
		case spec.Likelihood == kernels.Gaussian:
			return float64(n.Data.Targets[int(examples[b])*outputs+o])
		case int(n.Data.Labels[examples[b]]) == o:
			return 1
		}
		return 0
	})
	for i, l := range s.Layers {
		in := spec.Sizes[i]
		let(l.Mu, func(r, k int) float64 { return ref.mu[i][r][k] })
		let(l.MuBias, func(r, _ int) float64 { return ref.mu[i][r][in] })
		if l.Xi == nil {
			continue
		}
		xi := make([]float64, in+1)
		normal := func(r, k int) float64 {
			kernels.Normals(xi, kernels.Noise{Seed: n.Members[0].Seed, Stream: stream, Layer: uint16(i), Step: uint32(step)}, r)
			if !noisy {
				return 0
			}
			return xi[k]
		}
		let(l.Xi, normal)
		let(l.XiBias, func(r, _ int) float64 { return normal(r, in) })
		if l.PhiBias != nil {
			let(l.PhiBias, func(r, _ int) float64 { return ref.phi[ref.group(i, r, in)] })
		}
		if i == 0 || spec.Sharing != kernels.PerNetwork {
			let(l.Phi, func(r, k int) float64 { return ref.phi[ref.group(i, r, k)] })
		}
	}
	vm := gorgonia.NewTapeMachine(s.Graph)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	gradient := ref.zeros()
	ref.each(gradient, func(l, r, k int, _ float64) {
		node, columns, column := s.Layers[l].Mu, spec.Sizes[l], k
		if k == columns {
			node, columns, column = s.Layers[l].MuBias, 1, 0
		}
		gradient[l][r][k] = node.Deriv().Value().Data().([]float64)[r*columns+column]
	})
	return gradient
}

// againstStockOperations compares g, |g| and g^2, and a step at temperature 0, with Gorgonia's own operations.
func againstStockOperations(t *testing.T, machines []Machine) {
	const count = 4
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		n := Design{
			Sizes: []int{17, 8, 6, 4}, Activation: kernels.ReLU, Batch: 7, Sharing: sharing,
			Likelihood: kernels.Likelihood(sharing % 2),
			Rho:        2, Examples: 85,
		}.Network(t)
		for i, rule := range Accumulations {
			if testing.Short() && i != int(sharing)%2 {
				continue
			}
			n := n.Under(t, rule)
			// add adds up the stock gradients.
			add := func(stream kernels.Stream, noisy bool) *Reference {
				ref := n.reference(0, "")
				for step := range count {
					ref.each(n.stockGradient(t, step, stream, noisy, false), func(l, r, k int, v float64) {
						ref.addGradient(n.Program.Layout.Slot(l, r, k), v)
					})
				}
				return ref
			}
			right, training, other := add(kernels.StreamAnalysis, !rule.AtMu), add(kernels.StreamTrain, true),
				add(kernels.StreamAnalysis, rule.AtMu)
			for _, m := range machines {
				vm := n.Open(t, m.Open)
				Run(t, vm, 0, count)
				got := SumsOf(t, vm, 0)
				for _, field := range sumFields[:3] {
					if e := right.deviationOfSums(got)[field]; !(e <= sumTolerance) {
						t.Errorf("%s, %v, %v: sum of %s deviates by %.2g of its largest entry, want at most %g", m.Name, sharing, rule,
							field, e, sumTolerance)
					}
					for _, wrong := range []*Reference{training, other} {
						if e := wrong.deviationOfSums(got)[field]; sharing != kernels.NoNoise && e < 10*sumTolerance {
							t.Errorf("%s, %v, %v: the noise of training, noise where there should be none, or none where there should be, "+
								"goes unnoticed in the sum of %s: %.2g", m.Name, sharing, rule, field, e)
						}
					}
				}
			}
		}
		// The step is as long as the gradient, so that the difference of two means keeps its digits.
		n = n.Fluctuating(t, kernels.Langevin{})
		n.Members[0].LearningRate, n.Members[0].Temperature = float64(n.Batch)/float64(n.Data.N), 0
		const step = 2
		for _, m := range machines {
			vm := n.Open(t, m.Open)
			Run(t, vm, step, 1)
			got := StateOf(t, vm, 0)
			for _, magnitude := range []bool{true, false} {
				want := n.reference(0, "")
				want.each(n.stockGradient(t, step, kernels.StreamDynamics, false, magnitude),
					func(l, r, k int, v float64) { want.mu[l][r][k] -= v })
				if e := want.displacement(got.Mu, n.Start[0].Mu); (e <= displacementTolerance) != magnitude {
					t.Errorf("%s, %v, magnitude cost %v: means deviate by %.2g of the largest displacement", m.Name, sharing,
						magnitude, e)
				}
			}
		}
	}
}

// sumsOfSingleExamples: with one example in a minibatch, the square of its gradient is the sum of the squares of the
// examples' gradients, to the rounding of products to float32, entry by entry.
func sumsOfSingleExamples(t *testing.T, m Machine) {
	for _, batch := range []int{1, 2} {
		n := Design{Sizes: []int{20, 7, 3}, Activation: kernels.ReLU, Batch: batch, Rho: 2, Examples: 50}.Network(t).Under(t,
			Accumulations[1])
		vm := n.Open(t, m.Open)
		Run(t, vm, 0, 20)
		s := SumsOf(t, vm, 0)
		differ := 0
		for i, square := range s.Square {
			if math.Abs(square-s.ExampleSquare[i]) > 1e-6*square {
				differ++
			}
		}
		if (differ > 0) != (batch > 1) {
			t.Errorf("minibatches of %d: %d sums of squares differ", batch, differ)
		}
	}
}

// Certain is a network that is almost certain of the right answers, without noise. It has gradients of 1e-6 and less,
// which softmax - 1 in float32 would round to multiples of 6e-8. What is left is the rounding of logits of up to 30.
func Certain(t testing.TB) *Network {
	n := Design{Sizes: []int{13, 4}, Sharing: kernels.NoNoise, Activation: kernels.ReLU, Batch: 7, Rho: 2,
		Examples: 85}.Network(t).Under(t, kernels.Accumulate{})
	for i := range n.Start[0].Mu {
		n.Start[0].Mu[i] *= 40
	}
	ref := n.reference(0, "")
	var inputs, labels []byte // of the examples that it is certain of
	for e := range n.Data.N {
		if logp := ref.logProbabilities(int32(e), 0, -1); slices.Max(logp) > -1e-6 {
			inputs = append(inputs, n.Data.Bytes[e*n.Data.Width:][:n.Data.Width]...)
			labels = append(labels, byte(slices.Index(logp, slices.Max(logp))))
		}
	}
	n.Data.N, n.Data.Bytes, n.Data.Labels = len(labels), inputs, labels
	return n
}

func sumsOfACertainNetwork(t *testing.T, m Machine) {
	n := Certain(t)
	vm := n.Open(t, m.Open)
	Run(t, vm, 0, 12)
	want := n.After(0, 12, "")
	if worst, where := n.Excess(t, vm, want); !(worst <= 1) {
		t.Error(where)
	}
	if mean := want[0].nll / (12 * 7); mean > 1e-6 {
		t.Errorf("the mean negative log-likelihood is %g: the network is not certain", mean)
	}
}

// sumsOfManyMinibatches: rounding does not accumulate over tens of thousands of minibatches.
func sumsOfManyMinibatches(t *testing.T, m Machine) {
	if testing.Short() || m.Slow {
		t.Skip("sums 30,000 minibatches twice")
	}
	for _, rule := range Accumulations {
		n := Design{Sizes: []int{4, 3, 3}, Activation: kernels.ReLU, Batch: 2, Rho: 2, Examples: 60}.Network(t).Under(t, rule)
		const count = 30000
		vm := n.Open(t, m.Open)
		Run(t, vm, 0, count)
		for field, e := range n.After(0, count, "")[0].deviationOfSums(SumsOf(t, vm, 0)) {
			if !(e <= sumTolerance) {
				t.Errorf("%v: sum of %s deviates by %.2g of its largest entry, want at most %g", rule, field, e, sumTolerance)
			}
		}
	}
}

// sumsBeginWithTheState: loading a state resets the sums; a copy that was returned stays as it is; and the scores of a
// network do not depend on the rule.
func sumsBeginWithTheState(t *testing.T, m Machine) {
	for _, rule := range Accumulations {
		trained := Design{Sizes: []int{20, 7, 3}, Activation: kernels.ReLU, Batch: 7, Rho: 2, Examples: 85}.Network(t)
		n := trained.Under(t, rule)
		vm := n.Open(t, m.Open)
		if diff := cmp.Diff(kernels.NewSums(n.Program.Layout), SumsOf(t, vm, 0)); diff != "" {
			t.Errorf("before the first step (-want +got)\n%s", diff)
		}
		Run(t, vm, 0, 3)
		once := SumsOf(t, vm, 0)
		Run(t, vm, 0, 3)
		twice := SumsOf(t, vm, 0)
		for i, v := range once.Square {
			if math.Abs(twice.Square[i]-2*v) > 1e-12*v {
				t.Fatalf("slot %d: the same steps twice sum up to %v, once to %v", i, twice.Square[i], v)
			}
		}
		n.Load(t, vm)
		Run(t, vm, 0, 3)
		if diff := cmp.Diff(once, SumsOf(t, vm, 0)); diff != "" {
			t.Errorf("after loading the state again (-want +got)\n%s", diff)
		}
		want := ScoresOf(t, trained.Open(t, m.Open), n.Data, 5, 2)
		if diff := cmp.Diff(want, ScoresOf(t, vm, n.Data, 5, 2), cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%v: the scores are not those of the trained network (-want +got)\n%s", rule, diff)
		}
	}
}

// gradientsBeyondFloat32: the network stops with the layer named, and has no sums; the others have sums.
func gradientsBeyondFloat32(t *testing.T, m Machine) {
	d := Design{
		Sizes: []int{12, 9, 4}, Activation: kernels.ReLU, Batch: 100, Sharing: kernels.NoNoise, Likelihood: kernels.Gaussian,
		Rho: 2, Members: 2,
	}
	want := kernels.Divergence{Step: 4, Layer: 1, What: "gradient"}
	fluctuating := d.Network(t).Fluctuating(t, kernels.Langevin{})
	fluctuating.Members[1].NoiseVariance = 1e-38
	// Where losses are added up in float32, they are the first to be too large.
	diverging(t, fluctuating.Open(t, m.Open), 4, 2, want, kernels.Divergence{Step: 4, Layer: 1, What: "loss"})

	n := d.Network(t).Under(t, kernels.Accumulate{})
	n.Members[1].NoiseVariance = 1e-25 // squared errors of 1e49
	vm := n.Open(t, m.Open)
	diverging(t, vm, 4, 3, want)
	if _, err := vm.Sums(1); err == nil || !strings.Contains(err.Error(),
		"member 1: gradient is not finite at step 4 in layer 1") {
		t.Errorf("sums of a network that diverged: %v", err)
	}
	if s := SumsOf(t, vm, 0); s.Minibatches != 3 {
		t.Errorf("%d minibatches, want 3", s.Minibatches)
	}
	// A new state starts it again.
	if err := vm.Load(1, n.Start[0]); err != nil {
		t.Fatal(err)
	}
	if s := SumsOf(t, vm, 1); s.Minibatches != 0 {
		t.Errorf("%d minibatches after loading, want 0", s.Minibatches)
	}

	// A mean that is NaN gives a loss that is NaN.
	n.Members[1] = n.Members[0]
	spoiled := kernels.NewState(n.Program.Layout, 0)
	spoiled.CopyFrom(n.Start[0])
	spoiled.Mu[3] = float32(math.NaN())
	vm = n.Open(t, m.Open)
	if err := vm.Load(1, spoiled); err != nil {
		t.Fatal(err)
	}
	diverging(t, vm, 4, 2, kernels.Divergence{Step: 4, What: "loss"})
	if _, err := vm.Sums(1); err == nil || !strings.Contains(err.Error(),
		"member 1: loss is not finite at step 4 in layer 0") {
		t.Errorf("sums of a network that diverged: %v", err)
	}
	SumsOf(t, vm, 0)
}
