package cpu_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cpu"
)

// langevin takes the network through a step of the rule Langevin, from its definition, and returns the negative log-likelihood
// of the minibatch.
func (n *naive) langevin(rule kernels.Langevin, step int) float64 {
	dw, nll := n.zeros(), 0.0
	for _, e := range n.examples(step) {
		nll += n.backpropagate(e, n.mu, dw)
	}
	m, size, batch := n.member, float64(n.data.N), float64(n.spec.Batch)
	eps := m.LearningRate
	if rule.Decay != 0 && n.flaw != "steps of one size" {
		eps *= math.Pow(1+float64(step)/rule.Delay, -rule.Decay)
	}
	scale, prior, amplitude := size/batch, m.Lambda, math.Sqrt(2*eps*m.Temperature)
	noise := kernels.Noise{Seed: m.Seed, Stream: kernels.StreamDynamics, Step: uint32(step)}
	switch n.flaw {
	case "N/B missing":
		scale = 1
	case "B/N of the prior missing":
		prior *= size / batch
	case "the sign of the prior":
		prior = -prior
	case "a factor of 2":
		amplitude = math.Sqrt(eps * m.Temperature)
	case "xi = 0":
		amplitude = 0
	case "the noise of training":
		noise.Stream = kernels.StreamTrain
	case "a wrong counter":
		noise.Step++
	}
	for l := range dw {
		noise.Layer = uint16(l)
		xi := make([]float64, len(dw[l][0]))
		for r := range dw[l] {
			kernels.Normals(xi, noise, r)
			for k, g := range dw[l][r] {
				mu := &n.mu[l][r][k]
				gradient := scale*g + prior*math.Copysign(1, *mu)
				if m.Uncorrected {
					gradient = 0
				}
				*mu += -eps*gradient + amplitude*xi[k]
			}
		}
	}
	return nll
}

// displacement compares how far the means have moved with how far those of the naive network have: the worst error of any layer
// relative to the layer's largest displacement.
func (n network) displacement(s *kernels.State, ref *naive) float64 {
	worst := 0.0
	for l, layer := range n.program.Layout.Layers {
		scale, e := 0.0, 0.0
		for r := range layer.Out {
			for k := range layer.Columns() {
				at := n.program.Layout.Offset(l) + r*layer.Stride() + k
				scale = max(scale, math.Abs(ref.mu[l][r][k]-float64(n.start.Mu[at])))
				d := math.Abs(float64(s.Mu[at]) - ref.mu[l][r][k])
				if math.IsNaN(d) {
					d = math.Inf(1)
				}
				e = max(e, d)
			}
		}
		worst = max(worst, e/scale)
	}
	return worst
}

// newFluctuating makes a network for the rule Langevin whose largest step by the gradient is 0.05 at first, about that by noise.
func newFluctuating(t testing.TB, spec graph.Spec, rule kernels.Langevin) network {
	t.Helper()
	n := newSummed(t, spec, rule)
	n.member.LearningRate, n.member.Lambda = 1, 0.1*float64(n.data.N)
	ref := newNaive(n.spec, n.member, n.data, n.start, "")
	ref.langevin(rule, 0)
	largest := 0.0
	for i, l := range n.program.Layout.Layers {
		for r := range l.Out {
			for k := range l.Columns() {
				largest = max(largest, math.Abs(ref.mu[i][r][k]-float64(n.start.Mu[n.program.Layout.Offset(i)+r*l.Stride()+k])))
			}
		}
	}
	n.member.LearningRate = 0.05 / largest
	n.member.Temperature = 0.02 * 0.02 / (2 * n.member.LearningRate)
	return n
}

// onlyMu checks that nothing but means has changed, and that the pads between the rows are still 0.
func (n network) onlyMu(t *testing.T, s *kernels.State) {
	t.Helper()
	rest := *s
	rest.Mu = n.start.Mu
	if diff := cmp.Diff(n.start, &rest); diff != "" {
		t.Errorf("phi or a moment has moved (-want +got)\n%s", diff)
	}
	for i, l := range n.program.Layout.Layers {
		for r := range l.Out {
			for _, v := range s.Mu[n.program.Layout.Offset(i)+r*l.Stride():][l.Columns():l.Stride()] {
				if v != 0 {
					t.Fatalf("layer %d: a pad of row %d is %v", i, r, v)
				}
			}
		}
	}
}

var walks = []kernels.Langevin{{}, {Delay: 2, Decay: 0.6}}

// Rounding of a few steps, relative to the largest displacement, some 0.1: means of up to 0.4 are rounded to 3e-8 in each.
const displacementTolerance = 5e-6

func TestLangevinAgainstFloat64(t *testing.T) { eachSet(t, testLangevinAgainstFloat64) }

func testLangevinAgainstFloat64(t *testing.T) {
	worst := 0.0
	for i, sizes := range [][]int{{13, 4}, {33, 17, 9, 5}, {9, 6, 7, 5, 3}, {70, 20, 15, 3}} {
		for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
			for j, batch := range []int{1, 20, 7} {
				if testing.Short() && (i+j+int(sharing))%4 != 0 {
					continue
				}
				rule := walks[(i+j+int(sharing))%2]
				spec := graph.Spec{Sizes: sizes, Batch: batch, Sharing: sharing, Likelihood: kernels.Likelihood((i + j + int(sharing)) % 2)}
				for _, uncorrected := range []bool{false, true} {
					name := fmt.Sprintf("%v/%v/%v/B=%d/%v/uncorrected=%v", sizes, sharing, spec.Likelihood, batch, rule, uncorrected)
					t.Run(name, func(t *testing.T) {
						n := newFluctuating(t, spec, rule)
						n.member.Uncorrected = uncorrected
						const first, count = 5, 4
						vm := n.open(t, 1)
						progress := steps(t, vm, first, count)
						got := stateOf(t, vm, 0)
						deviation := func(flaw string) (e, nll float64) {
							ref := newNaive(n.spec, n.member, n.data, n.start, flaw)
							for s := range count {
								nll += ref.langevin(rule, first+s)
							}
							return n.displacement(got, ref), nll
						}
						e, nll := deviation("")
						if !(e <= displacementTolerance) {
							t.Errorf("means deviate by %.2g of the largest displacement, want at most %g", e, displacementTolerance)
						}
						worst = max(worst, e)
						if e := math.Abs(progress[0].NLL()-nll) / math.Abs(nll); e > 1e-5 {
							t.Errorf("negative log-likelihood %v, want %v", progress[0].NLL(), nll)
						}
						n.onlyMu(t, got)
						for flaw, matters := range map[string]bool{
							"xi = 0": true, "the noise of training": true, "a wrong counter": true, "a factor of 2": true,
							"steps of one size": rule.Decay != 0, "N/B missing": !uncorrected, "B/N of the prior missing": !uncorrected,
							"the sign of the prior": !uncorrected,
						} {
							if e, _ := deviation(flaw); matters && e < 100*displacementTolerance {
								t.Errorf("the planted fault %q goes unnoticed: %.2g", flaw, e)
							}
						}
					})
				}
			}
		}
	}
	t.Logf("worst deviation %.2g", worst)
}

// Weights are the means themselves, which must not move before the gradient has gone back through them, whatever order the graph
// has its operations in. Here they do, and that is noticed.
func TestLangevinMovesAfterEveryBackward(t *testing.T) {
	eachSet(t, testLangevinMovesAfterEveryBackward)
}

func testLangevinMovesAfterEveryBackward(t *testing.T) {
	n := newFluctuating(t, graph.Spec{Sizes: []int{20, 16, 12, 9, 5}, Batch: 10}, kernels.Langevin{})
	deviation := func() float64 {
		vm := n.open(t, 1)
		steps(t, vm, 0, 2)
		ref := newNaive(n.spec, n.member, n.data, n.start, "")
		ref.langevin(kernels.Langevin{}, 0)
		ref.langevin(kernels.Langevin{}, 1)
		return n.displacement(stateOf(t, vm, 0), ref)
	}
	last := -1
	for at, instruction := range n.program.Instructions {
		switch i := instruction.(type) {
		case kernels.Backward:
			last = at
		case kernels.Fluctuate:
			if last < 0 || slices.ContainsFunc(n.program.Instructions[at:], isBackward) {
				t.Errorf("%v comes before the last Backward:\n%v", i, n.program)
			}
		}
	}
	if e := deviation(); !(e <= displacementTolerance) {
		t.Errorf("means deviate by %.2g of the largest displacement, want at most %g", e, displacementTolerance)
	}
	var moves, others []kernels.Instruction
	for _, instruction := range n.program.Instructions {
		if _, ok := instruction.(kernels.Fluctuate); ok {
			moves = append(moves, instruction)
		} else {
			others = append(others, instruction)
		}
	}
	at := slices.IndexFunc(others, isBackward)
	n.program.Instructions = slices.Concat(others[:at], moves[:1], others[at:], moves[1:])
	if e := deviation(); e < 100*displacementTolerance {
		t.Errorf("means that move before a Backward go unnoticed: %.2g", e)
	}
}

func isBackward(i kernels.Instruction) bool {
	_, ok := i.(kernels.Backward)
	return ok
}

// At temperature 0 the portable kernels do plain gradient descent, written out here in float32, to the last bit.
func TestLangevinAtZeroTemperatureIsGradientDescent(t *testing.T) {
	t.Setenv(cpu.KernelVariable, "portable")
	n := newFluctuating(t, graph.Spec{Sizes: []int{33, 17, 9, 5}, Batch: 20}, kernels.Langevin{})
	n.member.Temperature = 0
	const count = 30
	vm := n.open(t, 1)
	steps(t, vm, 0, count)
	got := stateOf(t, vm, 0).Mu

	layout, batch := n.program.Layout, n.spec.Batch
	mu := slices.Clone(n.start.Mu)
	fraction := float64(batch) / float64(n.data.N)
	rate, slope := float32(n.member.LearningRate/fraction), float32(n.member.Lambda*fraction)
	order := newNaive(n.spec, n.member, n.data, n.start, "")
	for step := range count {
		a := make([][]float32, len(n.spec.Sizes)) // of the layers, the constant 1 behind each
		for i, width := range n.spec.Sizes {
			a[i] = make([]float32, batch*kernels.Stride(width))
			for b := range batch {
				a[i][b*kernels.Stride(width)+width] = 1
			}
		}
		examples := order.examples(step)
		for b, e := range examples {
			for k, v := range n.data.Bytes[int(e)*n.data.Width:][:n.data.Width] {
				a[0][b*kernels.Stride(n.data.Width)+k] = float32(v)*n.data.Scale + n.data.Shift
			}
		}
		product := func(l int) kernels.Product[float32] {
			layer := layout.Layers[l]
			return kernels.Product[float32]{Layer: layer, Batch: batch, W: mu[layout.Offset(l):][:layer.Slots()]}
		}
		last := len(layout.Layers) - 1
		for l, layer := range layout.Layers {
			product(l).Forward(a[l+1], a[l])
			for b := range batch {
				if y := a[l+1][b*kernels.Stride(layer.Out):][:layer.Out]; l < last {
					kernels.Apply(kernels.ReLU, y)
				}
			}
		}
		dy := make([]float32, len(a[last+1]))
		outputs := layout.Layers[last].Out
		for b, e := range examples {
			at := b * kernels.Stride(outputs)
			kernels.CrossEntropy(dy[at:][:outputs], a[last+1][at:][:outputs], int(n.data.Labels[e]))
		}
		next := slices.Clone(mu)
		for l := last; l >= 0; l-- {
			layer, p := layout.Layers[l], product(l)
			dw := make([]float32, layer.Columns())
			for r := range layer.Out {
				p.WeightGradient(dw, dy, a[l], r)
				for k, g := range dw {
					w := &next[layout.Offset(l)+r*layer.Stride()+k]
					*w -= rate * (g + slope*kernels.Sign(*w))
				}
			}
			dx := make([]float32, len(a[l]))
			p.BackwardInput(dx, dy)
			for b := range batch {
				kernels.ApplyGradient(kernels.ReLU, dx[b*layer.Stride():][:layer.In], a[l][b*layer.Stride():][:layer.In])
			}
			dy = dx
		}
		mu = next
	}
	if !slices.Equal(mu, got) {
		t.Error("gradient descent gives other bits")
	}
	if slices.Equal(n.start.Mu, got) {
		t.Error("nothing moved")
	}
}

// No noise is drawn at temperature 0, which is the same, to the last bit, as noise that is drawn and too small to be seen.
func TestLangevinNoiseVanishes(t *testing.T) { eachSet(t, testLangevinNoiseVanishes) }

func testLangevinNoiseVanishes(t *testing.T) {
	n := newFluctuating(t, graph.Spec{Sizes: []int{33, 17, 9, 5}, Batch: 20, Likelihood: kernels.Gaussian}, kernels.Langevin{})
	cold := n.member
	cold.Temperature = 0
	faint := cold
	faint.Temperature = 1e-30 // sqrt(2 eps T) is some 1e-17
	vm := n.open(t, 1, cold, faint, n.member)
	steps(t, vm, 0, 40)
	if !slices.Equal(stateOf(t, vm, 0).Mu, stateOf(t, vm, 1).Mu) {
		t.Error("the bits differ from those of a run with vanishing noise")
	}
	if slices.Equal(stateOf(t, vm, 0).Mu, stateOf(t, vm, 2).Mu) {
		t.Error("noise that does not vanish changes nothing")
	}
	// Two controls at temperatures 1 and 4: the same noise, of twice the size.
	one, four := n.member, n.member
	one.Uncorrected, four.Uncorrected = true, true
	four.Temperature *= 4
	vm = n.open(t, 1, one, four)
	steps(t, vm, 0, 5)
	a, b := stateOf(t, vm, 0).Mu, stateOf(t, vm, 1).Mu
	for i, start := range n.start.Mu {
		if d := float64(b[i]-start) - 2*float64(a[i]-start); math.Abs(d) > 1e-6 {
			t.Fatalf("slot %d moved by %v at temperature 1 and by %v at 4", i, a[i]-start, b[i]-start)
		}
	}
}

// A step at temperature 0 against Gorgonia's own operations in float64, with the magnitude cost. The step is as long as the
// gradient, so that nothing is lost in the difference of two means.
func TestLangevinAgainstStockOperations(t *testing.T) { eachSet(t, testLangevinAgainstStockOperations) }

func testLangevinAgainstStockOperations(t *testing.T) {
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		n := newFluctuating(t, graph.Spec{Sizes: []int{17, 8, 6, 4}, Batch: 7, Sharing: sharing, Likelihood: kernels.Likelihood(sharing % 2)}, kernels.Langevin{})
		fraction := float64(n.spec.Batch) / float64(n.data.N)
		n.member.LearningRate, n.member.Temperature = fraction, 0
		const step = 2
		vm := n.open(t, 1)
		steps(t, vm, step, 1)
		got := stateOf(t, vm, 0)
		for _, lambda := range []float64{n.member.Lambda, 0} {
			want := newNaive(n.spec, n.member, n.data, n.start, "")
			wrong := n
			wrong.member.Lambda = lambda
			want.each(wrong.stockGradient(t, step, kernels.StreamDynamics, false, lambda != 0), func(l, r, k int, v float64) {
				want.mu[l][r][k] -= v
			})
			if e := n.displacement(got, want); (e <= displacementTolerance) != (lambda != 0) {
				t.Errorf("%v, lambda %g: means deviate by %.2g of the largest displacement", sharing, lambda, e)
			}
		}
	}
}

// A network's steps must not depend on threads, on the networks beside it, or on how they are cut into calls.
func TestLangevinDoesNotDependOnCompany(t *testing.T) { eachSet(t, testLangevinDoesNotDependOnCompany) }

func testLangevinDoesNotDependOnCompany(t *testing.T) {
	for i, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.NoNoise} {
		// Big enough for several threads to work on one network.
		n := newFluctuating(t, graph.Spec{Sizes: []int{300, 62, 70, 4}, Batch: 17, Sharing: sharing}, walks[i%2])
		alone := n.open(t, 1)
		steps(t, alone, 0, 7)
		want := stateOf(t, alone, 0)
		other, control := n.member, n.member
		other.Seed++
		other.Temperature *= 2
		control.Uncorrected = true
		for _, threads := range []int{1, 2, 5} {
			if testing.Short() && threads == 2 {
				continue
			}
			for at, members := range [][]kernels.Member{{n.member}, {other, n.member, control}} {
				vm := n.open(t, threads, members...)
				for _, cut := range [][2]int{{0, 1}, {1, 4}, {5, 2}} {
					steps(t, vm, cut[0], cut[1])
					if _, err := vm.Evaluate(context.Background(), n.data, 1, 0); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(want, stateOf(t, vm, at)); diff != "" {
					t.Errorf("%v: %d members, %d threads: the states differ (-want +got)\n%s", sharing, len(members), threads, diff)
				}
				for m := range members {
					if m != at && slices.Equal(want.Mu, stateOf(t, vm, m).Mu) {
						t.Errorf("%v: member %d has the same state", sharing, m)
					}
				}
			}
		}
	}
}

// Linear regression with a flat prior: the posterior is Normal(OLS, v (X'X)^-1). With steps of size eps, along an eigenvector of
// the precision H with eigenvalue h, the chain is theta' = (1 - eps h) theta + ..., of stationary variance 1 / (h (1 - eps h/2)).
func TestLangevinSamplesThePosterior(t *testing.T) { eachSet(t, testLangevinSamplesThePosterior) }

func testLangevinSamplesThePosterior(t *testing.T) {
	if testing.Short() {
		t.Skip("a million steps")
	}
	const (
		examples, chains, v = 12, 200, 0.3
		burn, apart, looks  = 300, 60, 40
	)
	n := newSummed(t, graph.Spec{Sizes: []int{1, 1}, Batch: examples, Likelihood: kernels.Gaussian}, kernels.Langevin{})
	data := &kernels.Data{N: examples, Width: 1, Order: shuffle, Floats: make([]float32, examples), Targets: make([]float32, examples)}
	numbers(data.Floats, 5, -0.5, 1.5)
	numbers(data.Targets, 6, -1, 1)
	n.data = data
	// X'X and X'y in closed form, with columns x and 1.
	var xx, x1, xy, y1 float64
	for i, x := range data.Floats {
		x, y := float64(x), float64(data.Targets[i])
		xx, x1, xy, y1 = xx+x*x, x1+x, xy+x*y, y1+y
	}
	det := xx*examples - x1*x1
	ols := [2]float64{(examples*xy - x1*y1) / det, (xx*y1 - x1*xy) / det}
	covariance := [2][2]float64{{examples * v / det, -x1 * v / det}, {-x1 * v / det, xx * v / det}}
	// The chain's own, H^-1 (1 - eps H/2)^-1: what a finite step adds.
	const eps = 0.02 / (examples / v)
	h := [2][2]float64{{xx / v, x1 / v}, {x1 / v, examples / v}}
	chain := func() [2][2]float64 {
		// (H - eps H^2 / 2)^-1
		var m [2][2]float64
		for i := range 2 {
			for j := range 2 {
				m[i][j] = h[i][j] - eps/2*(h[i][0]*h[0][j]+h[i][1]*h[1][j])
			}
		}
		d := m[0][0]*m[1][1] - m[0][1]*m[1][0]
		return [2][2]float64{{m[1][1] / d, -m[0][1] / d}, {-m[1][0] / d, m[0][0] / d}}
	}()
	for _, temperature := range []float64{1, 0.25} {
		var members []kernels.Member
		for i := range chains {
			members = append(members, kernels.Member{Seed: uint64(1 + i), LearningRate: eps, NoiseVariance: v, Temperature: temperature})
		}
		vm := n.open(t, 2, members...)
		for m := range members {
			start := kernels.NewState(n.program.Layout)
			start.CopyFrom(n.start)
			start.Mu[0], start.Mu[1] = float32(ols[0]), float32(ols[1])
			if err := vm.Load(m, start); err != nil {
				t.Fatal(err)
			}
		}
		steps(t, vm, 0, burn)
		var mean [2]float64
		var second [2][2]float64
		count := 0.0
		for look := range looks {
			steps(t, vm, burn+look*apart, apart)
			for m := range members {
				mu := stateOf(t, vm, m).Mu
				d := [2]float64{float64(mu[0]) - ols[0], float64(mu[1]) - ols[1]}
				for i := range 2 {
					mean[i] += d[i]
					for j := range 2 {
						second[i][j] += d[i] * d[j]
					}
				}
				count++
			}
		}
		// The slowest direction forgets a third or so between looks: 8,000 samples are worth some 3,000 for the squares.
		worst := 0.0
		for i := range 2 {
			if e := math.Abs(mean[i]/count) / math.Sqrt(temperature*covariance[i][i]); e > 0.06 {
				t.Errorf("T = %g: mean %d is off by %.3f standard deviations", temperature, i, e)
			}
			for j := range 2 {
				got := second[i][j] / count / temperature
				scale := math.Sqrt(covariance[i][i] * covariance[j][j])
				worst = max(worst, math.Abs(got-covariance[i][j])/scale)
				if e := math.Abs(got-chain[i][j]) / scale; e > 0.05 {
					t.Errorf("T = %g: covariance %d %d is %.4g T, want %.4g (%.4g for infinitely small steps)", temperature, i, j, got, chain[i][j], covariance[i][j])
				}
			}
		}
		if worst > 0.06 {
			t.Errorf("T = %g: the covariance is off by %.3f of the exact posterior's", temperature, worst)
		}
		t.Logf("T = %g: covariance within %.3f of the posterior's", temperature, worst)
	}
}

func TestLangevinRefuses(t *testing.T) {
	n := newFluctuating(t, graph.Spec{Sizes: []int{12, 4}, Batch: 6}, kernels.Langevin{})
	if _, err := n.open(t, 1).Sums(0); err == nil || !strings.Contains(err.Error(), "Langevin") {
		t.Errorf("sums of a network that fluctuates: %v", err)
	}
	n.program.Rule = kernels.Langevin{Decay: 0.5}
	if _, err := cpu.Open(n.program, []kernels.Member{n.member}, n.data, 1); err == nil || !strings.Contains(err.Error(), "delay 0") {
		t.Errorf("a schedule without a delay: %v", err)
	}
}

// A gradient beyond float32 is reported with its layer, and stops that network only.
func TestLangevinReportsWhatIsNotFinite(t *testing.T) { eachSet(t, testLangevinReportsWhatIsNotFinite) }

func testLangevinReportsWhatIsNotFinite(t *testing.T) {
	n := newFluctuating(t, graph.Spec{Sizes: []int{12, 9, 4}, Batch: 100, Sharing: kernels.NoNoise, Likelihood: kernels.Gaussian}, kernels.Langevin{})
	bad := n.member
	bad.NoiseVariance = 1e-38
	vm := n.open(t, 1, n.member, bad)
	progress, err := vm.Run(context.Background(), 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	if d := progress[1].Diverged; progress[0].Diverged != nil || d == nil || *d != (kernels.Divergence{Step: 4, Layer: 1, What: "gradient"}) {
		t.Errorf("divergences %v, %v: want none and a gradient of layer 1 at step 4", progress[0].Diverged, d)
	}
}
