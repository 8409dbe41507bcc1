package cpu_test

import (
	"context"
	"fmt"
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
	"quantal/kernels/cpu"
)

// naiveSums are Sums in float64, [layer][row][column] and [layer][column].
type naiveSums struct {
	nll                                        float64
	gradient, magnitude, square, exampleSquare [][][]float64
	inputMagnitude, inputSquare                [][]float64
}

// accumulate adds up what the rule Accumulate does, from its definition, example by example: it shares the noise, and nothing
// else, with the VM.
func (n *naive) accumulate(atMu bool, firstStep, count int) *naiveSums {
	s := &naiveSums{gradient: n.zeros(), magnitude: n.zeros(), square: n.zeros(), exampleSquare: n.zeros()}
	for l := range len(n.spec.Sizes) - 1 {
		s.inputMagnitude = append(s.inputMagnitude, make([]float64, n.spec.Sizes[l]+1))
		s.inputSquare = append(s.inputSquare, make([]float64, n.spec.Sizes[l]+1))
	}
	for step := firstStep; step < firstStep+count; step++ {
		w := n.mu
		if !atMu {
			stream := kernels.StreamAnalysis
			if n.flaw == "the noise of training" {
				stream = kernels.StreamTrain
			}
			w, _ = n.draw(stream, step)
		}
		g := n.zeros()
		for _, e := range n.examples(step) {
			one := n.zeros()
			s.nll += n.backpropagate(e, w, one)
			n.each(one, func(l, r, k int, v float64) {
				g[l][r][k] += v
				s.exampleSquare[l][r][k] += v * v
			})
			a := n.infer(e, w)
			for l := range s.inputMagnitude {
				for k, x := range a[l] {
					s.inputMagnitude[l][k] += math.Abs(x)
					s.inputSquare[l][k] += x * x
				}
			}
		}
		n.each(g, func(l, r, k int, v float64) {
			switch n.flaw {
			case "the mean of the minibatch":
				v /= float64(n.spec.Batch)
			case "the magnitude cost":
				v += n.member.Lambda * float64(n.spec.Batch) / float64(n.data.N) * math.Copysign(1, n.mu[l][r][k])
			}
			s.gradient[l][r][k] += v
			s.magnitude[l][r][k] += math.Abs(v)
			s.square[l][r][k] += v * v
			if n.flaw == "squares of the sum" {
				one := v * v
				s.exampleSquare[l][r][k] += one
			}
		})
	}
	return s
}

// each calls f for every weight.
func (n *naive) each(w [][][]float64, f func(l, r, k int, v float64)) {
	for l := range w {
		for r := range w[l] {
			for k, v := range w[l][r] {
				f(l, r, k, v)
			}
		}
	}
}

// sumFields are the names under which sums are compared.
var sumFields = []string{"g", "|g|", "g^2", "g^2 of examples", "|x|", "x^2"}

// deviation compares sums with naive ones: for each field the worst error of any layer relative to the layer's largest entry.
func (want *naiveSums) deviation(got *kernels.Sums, layout kernels.Layout) map[string]float64 {
	worst := map[string]float64{}
	compare := func(name string, got []float64, at int, stride int, want [][]float64) {
		scale, e := 0.0, 0.0
		for r := range want {
			for k, w := range want[r] {
				scale = max(scale, math.Abs(w))
				d := math.Abs(got[at+r*stride+k] - w)
				if math.IsNaN(d) {
					d = math.Inf(1)
				}
				e = max(e, d)
			}
		}
		worst[name] = max(worst[name], e/scale)
	}
	for l, layer := range layout.Layers {
		at, stride := layout.Offset(l), layer.Stride()
		compare(sumFields[0], got.Gradient, at, stride, want.gradient[l])
		compare(sumFields[1], got.Magnitude, at, stride, want.magnitude[l])
		compare(sumFields[2], got.Square, at, stride, want.square[l])
		compare(sumFields[3], got.ExampleSquare, at, stride, want.exampleSquare[l])
		compare(sumFields[4], got.Inputs[l].Magnitude, 0, 0, want.inputMagnitude[l:l+1])
		compare(sumFields[5], got.Inputs[l].Square, 0, 0, want.inputSquare[l:l+1])
	}
	return worst
}

// newSummed makes a network for the rule Accumulate, in the regime in which the noise is visible.
func newSummed(t testing.TB, spec graph.Spec, rule kernels.Rule) network {
	t.Helper()
	spec.Activation, spec.Magnitude, spec.Reliability = kernels.ReLU, true, spec.Sharing != kernels.NoNoise
	n := newNetwork(t, spec, 2)
	var err error
	if n.program, err = graph.CompileSpec(n.spec, rule); err != nil {
		t.Fatal(err)
	}
	n.data = synthetic(n.program, 50+5*spec.Batch)
	return n
}

// same reports whether two sums have the same bits.
func same(a, b *kernels.Sums) bool {
	equal := a.Minibatches == b.Minibatches && a.Examples == b.Examples && slices.Equal(a.Gradient, b.Gradient) &&
		slices.Equal(a.Magnitude, b.Magnitude) && slices.Equal(a.Square, b.Square) && slices.Equal(a.ExampleSquare, b.ExampleSquare)
	for i, in := range a.Inputs {
		equal = equal && slices.Equal(in.Magnitude, b.Inputs[i].Magnitude) && slices.Equal(in.Square, b.Inputs[i].Square)
	}
	return equal
}

func sumsOf(t testing.TB, vm kernels.VM, member int) *kernels.Sums {
	t.Helper()
	s, err := vm.Sums(member)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var accumulations = []kernels.Accumulate{{}, {AtMu: true}}

// What sums in which each minibatch is computed in float32 may deviate from float64, relative to the largest entry of a layer.
const sumTolerance = 1e-6

// The sums against their definitions, example by example in float64.
func TestSumsAgainstFloat64(t *testing.T) { eachSet(t, testSumsAgainstFloat64) }

func testSumsAgainstFloat64(t *testing.T) {
	const first = 3
	worst := map[string]float64{}
	for i, sizes := range [][]int{{13, 4}, {20, 7, 3}, {33, 17, 9, 5}, {9, 6, 7, 5, 3}} {
		for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
			for j, batch := range []int{1, 20, 7} {
				for k, rule := range accumulations {
					if testing.Short() && (i+j+k+int(sharing))%4 != 0 {
						continue
					}
					spec := graph.Spec{Sizes: sizes, Batch: batch, Sharing: sharing, Likelihood: kernels.Likelihood((i + j + int(sharing)) % 2)}
					t.Run(fmt.Sprintf("%v/%v/%v/B=%d/%v", sizes, sharing, spec.Likelihood, batch, rule), func(t *testing.T) {
						n := newSummed(t, spec, rule)
						count := 10 + 40/batch // enough examples for single ones not to dominate
						vm := n.open(t, 1)
						progress := steps(t, vm, first, count)
						got := sumsOf(t, vm, 0)
						want := newNaive(n.spec, n.member, n.data, n.start, "").accumulate(rule.AtMu, first, count)
						for field, e := range want.deviation(got, n.program.Layout) {
							if !(e <= sumTolerance) {
								t.Errorf("sum of %s deviates by %.2g of its largest entry, want at most %g", field, e, sumTolerance)
							}
							worst[field] = max(worst[field], e)
						}
						if e := math.Abs(progress[0].NLL()-want.nll) / math.Abs(want.nll); e > 1e-5 {
							t.Errorf("negative log-likelihood %v, want %v", progress[0].NLL(), want.nll)
						}
						if got.Minibatches != count || got.Examples != count*batch {
							t.Errorf("%d examples in %d minibatches, want %d in %d", got.Examples, got.Minibatches, count*batch, count)
						}
						if diff := cmp.Diff(n.start, stateOf(t, vm, 0)); diff != "" {
							t.Errorf("the parameters are not frozen (-want +got)\n%s", diff)
						}
						n.checkPads(t, got)
						n.checkFaults(t, got, rule, first, count)
					})
				}
			}
		}
	}
	t.Log(worst)
}

// checkPads checks that nothing was added to the slots between the rows.
func (n network) checkPads(t *testing.T, s *kernels.Sums) {
	t.Helper()
	for i, l := range n.program.Layout.Layers {
		for k := l.Columns(); k < l.Stride(); k++ {
			for r := range l.Out {
				at := n.program.Layout.Offset(i) + r*l.Stride() + k
				if s.Gradient[at] != 0 || s.Magnitude[at] != 0 || s.Square[at] != 0 || s.ExampleSquare[at] != 0 {
					t.Fatalf("layer %d: the pad %d of row %d is not 0", i, k, r)
				}
			}
			if s.Inputs[i].Magnitude[k] != 0 || s.Inputs[i].Square[k] != 0 {
				t.Fatalf("layer %d: the pad %d of the inputs is not 0", i, k)
			}
		}
	}
}

// checkFaults checks that the comparison notices what an implementation could get wrong.
func (n network) checkFaults(t *testing.T, got *kernels.Sums, rule kernels.Accumulate, first, count int) {
	t.Helper()
	flaws := map[string]bool{"the magnitude cost": true, "the mean of the minibatch": n.spec.Batch > 1, "squares of the sum": true}
	for _, flaw := range []string{"xi = 0", "a wrong counter", "the noise of training"} {
		flaws[flaw] = n.spec.Sharing != kernels.NoNoise && !rule.AtMu
	}
	for flaw, matters := range flaws {
		if !matters {
			continue
		}
		noticed := 0.0
		wrong := newNaive(n.spec, n.member, n.data, n.start, flaw).accumulate(rule.AtMu, first, count)
		for _, e := range wrong.deviation(got, n.program.Layout) {
			noticed = max(noticed, e)
		}
		if noticed < 10*sumTolerance {
			t.Errorf("the planted fault %q goes unnoticed: %.2g", flaw, noticed)
		}
	}
	// A column off by one, in each field.
	want := newNaive(n.spec, n.member, n.data, n.start, "").accumulate(rule.AtMu, first, count)
	shifted := kernels.NewSums(n.program.Layout)
	shifted.CopyFrom(got)
	for _, field := range [][]float64{shifted.Gradient, shifted.Magnitude, shifted.Square, shifted.ExampleSquare} {
		copy(field, field[1:])
	}
	for _, in := range shifted.Inputs {
		copy(in.Magnitude, in.Magnitude[1:])
		copy(in.Square, in.Square[1:])
	}
	for field, e := range want.deviation(shifted, n.program.Layout) {
		if e < 10*sumTolerance {
			t.Errorf("a column off by one goes unnoticed in the sum of %s: %.2g", field, e)
		}
	}
}

// stockGradient is the gradient of a minibatch's negative log-likelihood, and of the magnitude cost if it is asked for, by Gorgonia's
// own operations in float64, [layer][row][column], with xi from the given stream, or 0.
func (n network) stockGradient(t *testing.T, step int, stream kernels.Stream, noisy, magnitude bool) [][][]float64 {
	t.Helper()
	spec := n.spec
	spec.Magnitude, spec.Reliability = magnitude, false
	s, err := graph.BuildStock(spec, tensor.Float64, n.member, float64(spec.Batch)/float64(n.data.N))
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
	ref := newNaive(n.spec, n.member, n.data, n.start, "")
	examples := ref.examples(step)
	outputs := spec.Sizes[len(spec.Sizes)-1]
	let(s.X, func(b, k int) float64 { return ref.input(examples[b], k) })
	let(s.Y, func(b, o int) float64 {
		switch {
		case spec.Likelihood == kernels.Gaussian:
			return float64(n.data.Targets[int(examples[b])*outputs+o])
		case int(n.data.Labels[examples[b]]) == o:
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
			kernels.Normals(xi, kernels.Noise{Seed: n.member.Seed, Stream: stream, Layer: uint16(i), Step: uint32(step)}, r)
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
		node, columns := s.Layers[l].Mu, spec.Sizes[l]
		if k == columns {
			node, columns, k = s.Layers[l].MuBias, 1, 0
			gradient[l][r][spec.Sizes[l]] = node.Deriv().Value().Data().([]float64)[r*columns+k]
			return
		}
		gradient[l][r][k] = node.Deriv().Value().Data().([]float64)[r*columns+k]
	})
	return gradient
}

// g, |g| and g^2 against Gorgonia's own operations.
func TestSumsAgainstStockOperations(t *testing.T) { eachSet(t, testSumsAgainstStockOperations) }

func testSumsAgainstStockOperations(t *testing.T) {
	const count = 4
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		for i, rule := range accumulations {
			if testing.Short() && i != int(sharing)%2 {
				continue
			}
			n := newSummed(t, graph.Spec{
				Sizes: []int{17, 8, 6, 4}, Batch: 7, Sharing: sharing, Likelihood: kernels.Likelihood(sharing % 2),
			}, rule)
			vm := n.open(t, 1)
			steps(t, vm, 0, count)
			got := sumsOf(t, vm, 0)
			// add adds up the stock gradients; the sums over examples and of the inputs are not compared.
			add := func(stream kernels.Stream, noisy bool) map[string]float64 {
				ref := newNaive(n.spec, n.member, n.data, n.start, "")
				s := ref.accumulate(rule.AtMu, 0, count)
				s.gradient, s.magnitude, s.square = ref.zeros(), ref.zeros(), ref.zeros()
				for step := range count {
					ref.each(n.stockGradient(t, step, stream, noisy, false), func(l, r, k int, v float64) {
						s.gradient[l][r][k] += v
						s.magnitude[l][r][k] += math.Abs(v)
						s.square[l][r][k] += v * v
					})
				}
				return s.deviation(got, n.program.Layout)
			}
			for _, field := range sumFields[:3] {
				if e := add(kernels.StreamAnalysis, !rule.AtMu)[field]; !(e <= sumTolerance) {
					t.Errorf("%v, %v: sum of %s deviates by %.2g of its largest entry, want at most %g", sharing, rule, field, e, sumTolerance)
				}
				if sharing == kernels.NoNoise {
					continue
				}
				if e := add(kernels.StreamTrain, true)[field]; e < 10*sumTolerance {
					t.Errorf("%v, %v: the noise of training goes unnoticed in the sum of %s: %.2g", sharing, rule, field, e)
				}
				if e := add(kernels.StreamAnalysis, rule.AtMu)[field]; e < 10*sumTolerance {
					t.Errorf("%v, %v: noise where there should be none, or none where there should be, goes unnoticed in the sum of %s: %.2g", sharing, rule, field, e)
				}
			}
		}
	}
}

// With one example in a minibatch, the square of its gradient is the sum of the squares of the examples' gradients: to the
// rounding of products to float32, entry by entry.
func TestSumsOfSingleExamples(t *testing.T) { eachSet(t, testSumsOfSingleExamples) }

func testSumsOfSingleExamples(t *testing.T) {
	for _, batch := range []int{1, 2} {
		n := newSummed(t, graph.Spec{Sizes: []int{20, 7, 3}, Batch: batch}, kernels.Accumulate{AtMu: true})
		vm := n.open(t, 1)
		steps(t, vm, 0, 20)
		s := sumsOf(t, vm, 0)
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

// A network that is all but certain of the right answers has gradients of 1e-6 and less, which softmax - 1 in float32 would round
// to multiples of 6e-8. What is left is the rounding of logits of up to 30: some 2e-6 each, and twice that in the squares.
func TestSumsOfACertainNetwork(t *testing.T) { eachSet(t, testSumsOfACertainNetwork) }

func testSumsOfACertainNetwork(t *testing.T) {
	n := newSummed(t, graph.Spec{Sizes: []int{13, 4}, Batch: 7, Sharing: kernels.NoNoise}, kernels.Accumulate{})
	for i := range n.start.Mu {
		n.start.Mu[i] *= 40
	}
	ref := newNaive(n.spec, n.member, n.data, n.start, "")
	var inputs, labels []byte // of the examples that it is certain of
	for e := range n.data.N {
		if logp := ref.logProbabilities(int32(e), 0, -1); slices.Max(logp) > -1e-6 {
			inputs = append(inputs, n.data.Bytes[e*n.data.Width:][:n.data.Width]...)
			labels = append(labels, byte(slices.Index(logp, slices.Max(logp))))
		}
	}
	n.data.N, n.data.Bytes, n.data.Labels = len(labels), inputs, labels
	vm := n.open(t, 1)
	steps(t, vm, 0, 12)
	want := ref.accumulate(true, 0, 12)
	for field, e := range want.deviation(sumsOf(t, vm, 0), n.program.Layout) {
		if !(e <= 10*sumTolerance) {
			t.Errorf("sum of %s deviates by %.2g of its largest entry, want at most %g", field, e, 10*sumTolerance)
		}
	}
	if mean := want.nll / (12 * 7); mean > 1e-6 {
		t.Errorf("the mean negative log-likelihood is %g: the network is not certain", mean)
	}
}

// Rounding does not pile up over tens of thousands of minibatches.
func TestSumsOfManyMinibatches(t *testing.T) { eachSet(t, testSumsOfManyMinibatches) }

func testSumsOfManyMinibatches(t *testing.T) {
	if testing.Short() {
		t.Skip("sums 30,000 minibatches twice")
	}
	for _, rule := range accumulations {
		n := newSummed(t, graph.Spec{Sizes: []int{4, 3, 3}, Batch: 2}, rule)
		const count = 30000
		vm := n.open(t, 1)
		steps(t, vm, 0, count)
		want := newNaive(n.spec, n.member, n.data, n.start, "").accumulate(rule.AtMu, 0, count)
		deviation := want.deviation(sumsOf(t, vm, 0), n.program.Layout)
		for field, e := range deviation {
			if !(e <= sumTolerance) {
				t.Errorf("%v: sum of %s deviates by %.2g of its largest entry, want at most %g", rule, field, e, sumTolerance)
			}
		}
		t.Log(rule, deviation)
	}
}

// A network's sums must not depend on threads, on the networks beside it, on how its steps are cut into calls, or on looking at
// them in between.
func TestSumsDoNotDependOnCompany(t *testing.T) { eachSet(t, testSumsDoNotDependOnCompany) }

func testSumsDoNotDependOnCompany(t *testing.T) {
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		for i, rule := range accumulations {
			if testing.Short() && i != int(sharing)%2 {
				continue
			}
			// Big enough for several threads to work on one network.
			n := newSummed(t, graph.Spec{Sizes: []int{300, 62, 70, 4}, Batch: 17, Sharing: sharing}, rule)
			alone := n.open(t, 1)
			steps(t, alone, 0, 7)
			want := sumsOf(t, alone, 0)
			others := n.member
			others.Seed++
			for _, threads := range []int{1, 2, 5} {
				for at, members := range [][]kernels.Member{{n.member}, {others, n.member, others}} {
					vm := n.open(t, threads, members...)
					for _, cut := range [][2]int{{0, 1}, {1, 4}, {5, 2}} {
						steps(t, vm, cut[0], cut[1])
						sumsOf(t, vm, at)
					}
					if !same(want, sumsOf(t, vm, at)) {
						t.Errorf("%v, %v: %d members, %d threads: the sums differ", sharing, rule, len(members), threads)
					}
					if len(members) > 1 && same(sumsOf(t, vm, 0), sumsOf(t, vm, at)) {
						t.Errorf("%v, %v: another seed gives the same sums", sharing, rule)
					}
				}
			}
		}
	}
}

// Loading a state starts the sums anew; a copy that was handed out stays as it is; and what a network answers in a test does not
// depend on the rule.
func TestSumsBeginWithTheState(t *testing.T) { eachSet(t, testSumsBeginWithTheState) }

func testSumsBeginWithTheState(t *testing.T) {
	for _, rule := range accumulations {
		n := newSummed(t, graph.Spec{Sizes: []int{20, 7, 3}, Batch: 7}, rule)
		vm := n.open(t, 1)
		if diff := cmp.Diff(kernels.NewSums(n.program.Layout), sumsOf(t, vm, 0)); diff != "" {
			t.Errorf("before the first step (-want +got)\n%s", diff)
		}
		steps(t, vm, 0, 3)
		once := sumsOf(t, vm, 0)
		steps(t, vm, 0, 3)
		twice := sumsOf(t, vm, 0)
		for i, v := range once.Square {
			if math.Abs(twice.Square[i]-2*v) > 1e-12*v {
				t.Fatalf("slot %d: the same steps twice sum up to %v, once to %v", i, twice.Square[i], v)
			}
		}
		if err := vm.Load(0, n.start); err != nil {
			t.Fatal(err)
		}
		steps(t, vm, 0, 3)
		if diff := cmp.Diff(once, sumsOf(t, vm, 0)); diff != "" {
			t.Errorf("after loading the state again (-want +got)\n%s", diff)
		}
		scores, err := vm.Evaluate(context.Background(), n.data, 5, 2)
		if err != nil {
			t.Fatal(err)
		}
		trained := n
		if trained.program, err = graph.CompileSpec(n.spec, kernels.DefaultAdam()); err != nil {
			t.Fatal(err)
		}
		want, err := trained.open(t, 1).Evaluate(context.Background(), n.data, 5, 2)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, scores, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%v: the scores are not those of the trained network (-want +got)\n%s", rule, diff)
		}
	}
}

func TestSumsRefuse(t *testing.T) {
	n := newNetwork(t, graph.Spec{Sizes: []int{12, 4}, Batch: 6}, 2)
	if _, err := n.open(t, 1).Sums(0); err == nil || !strings.Contains(err.Error(), "Adam") {
		t.Errorf("sums of a network in training: %v", err)
	}
	n = newSummed(t, n.spec, kernels.Accumulate{})
	spoiled := kernels.NewState(n.program.Layout)
	spoiled.CopyFrom(n.start)
	spoiled.Mu[3] = float32(math.NaN())
	vm := n.open(t, 1, n.member, n.member)
	if err := vm.Load(1, spoiled); err != nil {
		t.Fatal(err)
	}
	progress, err := vm.Run(context.Background(), 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := progress[1].Diverged; progress[0].Diverged != nil || d == nil || *d != (kernels.Divergence{Step: 4, What: "loss"}) {
		t.Errorf("divergences %v, %v: want none and one of the loss", progress[0].Diverged, d)
	}
	if _, err := vm.Sums(1); err == nil || !strings.Contains(err.Error(), "member 1: loss is not finite at step 4 in layer 0") {
		t.Errorf("sums of a network that diverged: %v", err)
	}
	sumsOf(t, vm, 0)
	n.program = &kernels.Program{
		Layout: n.program.Layout, Batch: n.program.Batch, Widths: n.program.Widths, Output: n.program.Output,
		Instructions: n.program.Instructions,
	}
	if _, err := cpu.Open(n.program, []kernels.Member{n.member}, n.data, 1); err == nil || !strings.Contains(err.Error(), "rule") {
		t.Errorf("a program without a rule: %v", err)
	}
}

// A gradient beyond float32 is reported, with its layer.
func TestSumsReportWhatIsNotFinite(t *testing.T) { eachSet(t, testSumsReportWhatIsNotFinite) }

func testSumsReportWhatIsNotFinite(t *testing.T) {
	n := newSummed(t, graph.Spec{Sizes: []int{12, 9, 4}, Batch: 6, Sharing: kernels.NoNoise, Likelihood: kernels.Gaussian}, kernels.Accumulate{})
	n.member.NoiseVariance = 1e-25 // squared errors of 1e49
	progress, err := n.open(t, 1).Run(context.Background(), 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := progress[0].Diverged; d == nil || *d != (kernels.Divergence{Step: 4, Layer: 1, What: "gradient"}) {
		t.Errorf("got %v, want a gradient of layer 1 at step 4", d)
	}
}
