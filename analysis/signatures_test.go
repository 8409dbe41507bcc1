package analysis

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/train"
)

// smallSet is images of 3 x 3 random pixels with labels from 0 to 2.
func smallSet(examples int) *mnist.Set {
	u := uniforms(10*examples, noise(3, forInputs), 0)
	e := mnist.Examples{}
	for a := range examples {
		for _, v := range u[10*a:][:9] {
			e.Images = append(e.Images, byte(256*v))
		}
		e.Labels = append(e.Labels, byte(3*u[10*a+9]))
	}
	return &mnist.Set{Name: "small", Rows: 3, Columns: 3, Classes: 3, Train: e, Test: e}
}

// smallNetwork has sigmas from 0.05 to 0.5, large enough that a build without noise gives different gradients.
func smallNetwork(t *testing.T, hidden []int, batch int, sigma func(u float64) float64) train.Network {
	t.Helper()
	c, err := train.Preset("published")
	if err != nil {
		t.Fatal(err)
	}
	c.Data, c.Hidden, c.Batch, c.Device, c.MuInit, c.Seed, c.C = "small", hidden, batch, "cpu", 0.7, 5, 0.01
	sizes := append(append([]int{9}, hidden...), 3)
	l := kernels.Layout{}
	for i := range sizes[1:] {
		l.Layers = append(l.Layers, kernels.Layer{In: sizes[i], Out: sizes[i+1]})
	}
	s := c.InitialState(l)
	for n := range l.Rows() {
		for k, u := range uniforms(n.Columns(), noise(uint64(n.Layer), forWeights), n.Row) {
			s.Phi[n.First+k] = float32(kernels.SoftplusInverse(sigma(u)))
		}
	}
	return train.Network{ID: "small", Config: c, State: &store.Checkpoint{Layout: l, State: s}}
}

func noisySigma(u float64) float64 { return 0.05 * math.Pow(10, u) }

// naive computes everything example by example in float64, from the definitions: the gradients of each example's
// negative log-likelihood by backpropagation through plain loops.
type naive struct {
	set *mnist.Set
	n   train.Network
}

func (v naive) layout() kernels.Layout { return v.n.State.Layout }

// weights are the weights of each layer, [out][in+1], at a step; at mu if there is none.
func (v naive) weights(step int, atMu bool) [][][]float64 {
	var w [][][]float64
	l := v.layout()
	for i, layer := range l.Layers {
		var rows [][]float64
		for r := range layer.Out {
			xi := make([]float64, layer.Columns())
			if !atMu {
				kernels.Normals(xi, kernels.Noise{Seed: uint64(v.n.Config.Seed), Stream: kernels.StreamAnalysis, Layer: uint16(i),
					Step: uint32(step)}, r)
			}
			at := l.Slot(i, r, 0)
			for k := range xi {
				xi[k] = float64(v.n.State.State.Mu[at+k]) + math.Log1p(math.Exp(float64(v.n.State.State.Phi[at+k])))*xi[k]
			}
			rows = append(rows, xi)
		}
		w = append(w, rows)
	}
	return w
}

// example returns the inputs of each layer, followed by a 1, and the gradients of the NLL of an example,
// [layer][out][in+1].
func (v naive) example(e int, w [][][]float64) (inputs [][]float64, gradients [][][]float64) {
	x := make([]float64, 9)
	for k := range x {
		x[k] = (float64(v.set.Train.Images[9*e+k])/255 - 0.1307) / 0.3081
	}
	for i, layer := range w {
		x = append(slices.Clone(x), 1)
		inputs = append(inputs, x)
		y := make([]float64, len(layer))
		for r, row := range layer {
			for k, weight := range row {
				y[r] += weight * x[k]
			}
			if i < len(w)-1 {
				y[r] = math.Max(y[r], 0)
			}
		}
		x = y
	}
	sum := 0.
	for _, z := range x {
		sum += math.Exp(z)
	}
	errors := make([]float64, len(x))
	for r, z := range x {
		errors[r] = math.Exp(z) / sum
	}
	errors[v.set.Train.Labels[e]]--
	gradients = make([][][]float64, len(w))
	for i := len(w) - 1; i >= 0; i-- {
		before := make([]float64, len(inputs[i])-1)
		for r, row := range w[i] {
			g := make([]float64, len(row))
			for k := range row {
				g[k] = errors[r] * inputs[i][k]
				if k < len(before) && (i == 0 || inputs[i][k] > 0) {
					before[k] += errors[r] * row[k]
				}
			}
			gradients[i] = append(gradients[i], g)
		}
		errors = before
	}
	return inputs, gradients
}

// signatures follows the definitions of Signatures.
func (v naive) signatures(epochs int) []Signatures {
	n, batch := v.set.Train.N(), v.n.Config.Batch
	perEpoch := n / batch
	var list []Signatures
	for _, layer := range v.layout().Layers {
		many := func() []float64 { return make([]float64, layer.In*layer.Out) }
		list = append(list, Signatures{Inputs: layer.In, Outputs: layer.Out, Hessian: many(), HessianExamples: many(),
			Gradient:  many(),
			InputRate: make([]float64, layer.In), InputSquare: make([]float64, layer.In)})
	}
	order := make([]int32, n)
	for step := range epochs * perEpoch {
		mnist.Order(order, uint64(v.n.Config.Seed), step/perEpoch)
		w := v.weights(step, false)
		var sum [][]float64
		for _, s := range list {
			sum = append(sum, make([]float64, len(s.Hessian)))
		}
		for _, e := range order[step%perEpoch*batch:][:batch] {
			inputs, gradients := v.example(int(e), w)
			for i, s := range list {
				for r := range s.Outputs {
					for k := range s.Inputs {
						sum[i][r*s.Inputs+k] += gradients[i][r][k]
					}
				}
				for k := range s.Inputs {
					s.InputRate[k] += math.Abs(inputs[i][k]) / float64(epochs*perEpoch*batch)
					s.InputSquare[k] += inputs[i][k] * inputs[i][k] / float64(epochs*perEpoch*batch)
				}
			}
		}
		for i, s := range list {
			for k, g := range sum[i] {
				s.Hessian[k] += float64(n) / float64(batch) * g * g / float64(epochs*perEpoch)
				s.Gradient[k] += math.Abs(g) / float64(epochs*perEpoch)
			}
		}
	}
	mnist.Order(order, uint64(v.n.Config.Seed), 0)
	used := order[:perEpoch*batch] // a last partial minibatch is dropped
	for _, e := range used {
		_, gradients := v.example(int(e), v.weights(0, true))
		for i, s := range list {
			for r := range s.Outputs {
				for k := range s.Inputs {
					g := gradients[i][r][k]
					s.HessianExamples[r*s.Inputs+k] += float64(n) * g * g / float64(len(used))
				}
			}
		}
	}
	return list
}

// worst is the largest error in units of the largest wanted entry.
func worst(got, want []float64) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	off, most := 0., 0.
	for i := range want {
		off, most = math.Max(off, math.Abs(got[i]-want[i])), math.Max(most, math.Abs(want[i]))
	}
	return off / most
}

func TestSignatures(t *testing.T) {
	// The kernels compute a minibatch's gradients in float32 and add up in float64.
	const tolerance, epochs = 1e-6, 3
	set := smallSet(64) // 9 minibatches of 7, and one example left over
	for _, hidden := range [][]int{nil, {5}, {6, 4}} {
		n := smallNetwork(t, hidden, 7, noisySigma)
		p, err := MeasurePatterns(context.Background(), set, []train.Network{n}, epochs, Bootstrap{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range (naive{set, n}).signatures(epochs) {
			got := p.Networks[0].Layers[i]
			inverse := make([]float64, len(got.LearningRate))
			for k, rate := range got.LearningRate {
				inverse[k] = n.Config.LearningRate / rate // where the gradient is small, the rate is less precise
			}
			for name, pair := range map[string][2][]float64{
				"hessian": {got.Hessian, want.Hessian}, "hessian_examples": {got.HessianExamples, want.HessianExamples},
				"gradient": {got.Gradient, want.Gradient}, "learning rate": {inverse, want.Gradient},
				"input rate": {got.InputRate, want.InputRate}, "input square": {got.InputSquare, want.InputSquare},
			} {
				if e := worst(pair[0], pair[1]); !(e < tolerance) {
					t.Errorf("hidden %v, layer %d: %s is off by %.3g of its largest entry", hidden, i+1, name, e)
				}
			}
			// Noise, B/N and the measure of the Hessian matter here: a build with wrong ones would fail.
			if worst(got.Hessian, got.HessianExamples) < 0.02 {
				t.Errorf("hidden %v, layer %d: the two Hessians agree, though noise tells them apart", hidden, i+1)
			}
			for r := range got.Outputs {
				for k := range got.Inputs {
					l := n.State.Layout
					at := l.Slot(i, r, k)
					sigma := math.Log1p(math.Exp(float64(n.State.State.Phi[at])))
					if v := got.Variance[r*got.Inputs+k]; math.Abs(v/(sigma*sigma)-1) > 1e-9 {
						t.Fatalf("variance %g, want %g", v, sigma*sigma)
					}
				}
			}
		}
	}
}

// With one example in a minibatch and hardly any noise, both definitions of the Hessian are the same.
func TestHessiansAgree(t *testing.T) {
	set := smallSet(30)
	n := smallNetwork(t, []int{6}, 1, func(float64) float64 { return 1e-12 })
	p, err := MeasurePatterns(context.Background(), set, []train.Network{n}, 2, Bootstrap{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range p.Networks[0].Layers {
		if e := worst(s.Hessian, s.HessianExamples); !(e < 1e-6) {
			t.Errorf("layer %d: the Hessians differ by %.3g of the largest entry", i+1, e)
		}
		for k, g := range s.Gradient { // and the mean square is at least the square of the mean
			if s.Hessian[k] < 30*g*g*(1-1e-6) {
				t.Errorf("layer %d: mean |g| is %g, H is %g", i+1, g, s.Hessian[k])
			}
		}
	}
}

func TestPatternsSlopes(t *testing.T) {
	// Sigma at the optimum of a known Hessian has the analytic slope, and the ratio one.
	const c, rho = 0.03, 2. / 3
	layer := Signatures{Inputs: 4, Outputs: 50}
	u := normals(200, noise(1, forInputs), 0)
	for _, x := range u {
		h := math.Exp(2 * x)
		layer.Hessian = append(layer.Hessian, h)
		layer.Variance = append(layer.Variance, math.Pow(c*rho/h, 2/(rho+2)))
		layer.LearningRate = append(layer.LearningRate, 1/math.Sqrt(h))
	}
	layer.HessianExamples = layer.Hessian
	layer.InputRate, layer.InputSquare = []float64{1, 2, 3, 0}, []float64{1, 1, 1, 1}
	exponent, err := train.ParseExponent("membrane")
	if err != nil {
		t.Fatal(err)
	}
	p := &Pattern{Network: train.Network{ID: "a", Config: train.Config{Rho: exponent, C: c}}, Layers: []Signatures{layer}}
	p.fit(Bootstrap{Seed: 1, Resamples: 50})
	for _, which := range []Signature{Hessian, HessianExamples, LearningRate} {
		if s := p.Slope(0, which); math.Abs(s.Value-s.Analytic) > 1e-9 || s.Resamples != 50 || s.Points != 200 {
			t.Errorf("%v: %+v", which, s)
		}
	}
	if s := p.Slope(0, Hessian); math.Abs(s.VarianceRatio-1) > 1e-9 || math.Abs(s.Analytic+0.75) > 1e-12 {
		t.Errorf("%+v", s)
	}
	if s := p.Slope(0, InputRate); s.Dropped != 50 || !math.IsNaN(s.Analytic) {
		t.Errorf("%+v", s)
	}
	if s := p.Slope(0, InputSquare); !strings.HasPrefix(s.Note, "slope: all ") || !math.IsNaN(s.Value) { // all x are one
		t.Errorf("%+v", s)
	}
}

// Networks that differ only in the seed have a mean with Student's interval over them; a repeated seed counts once, a
// network without a slope not at all, and other settings are apart.
func TestPatternsOverNetworks(t *testing.T) {
	three := []*Pattern{pattern(t, "trafficking", 1, 3, 2), pattern(t, "2", 1, 1, 2), pattern(t, "trafficking", 1, 2, 2)}
	for i, slope := range []float64{-0.6, -0.5, -0.4} {
		s := &three[i].Slopes[int(LearningRate)]
		s.Value, s.Low, s.High, s.VarianceRatio = slope, slope-0.01, slope+0.03, 0.2*math.Exp(0.1*float64(i-1))
	}
	none := &three[2].Slopes[int(InputRate)]
	none.Value, none.Note = math.NaN(), "slope: all points have the same x"
	p := &Patterns{Epochs: 1, Bootstrap: Bootstrap{Resamples: 20}}
	p.Networks = append(slices.Clone(three), pattern(t, "trafficking", 1, 3, 2),
		pattern(t, "trafficking", 10, 1, 2), pattern(t, "trafficking", 1, 1, 3))
	p.Networks[3].Slopes[int(LearningRate)].Value = 7
	means := p.Means()
	if rows := p.Rows(); len(means) != 10 || len(rows) != 10*5+15+10 || len(p.Summary()) != 10+15+10 {
		t.Fatalf("%d means, %d rows, %d in the summary", len(means), len(rows), len(p.Summary()))
	}
	m := means[int(LearningRate)]
	half := 4.30265273 * 0.1 / math.Sqrt(3) // t of two degrees of freedom
	for name, v := range map[string][2]float64{"slope": {m.Value, -0.5}, "low": {m.Low, -0.5 - half},
		"high": {m.High, -0.5 + half}, "within": {m.Within, 0.02}, "ratio": {m.VarianceRatio, 0.2},
		"ratio, low": {m.VarianceRatioLow, 0.2 * math.Exp(-half)}, "ratio, high": {m.VarianceRatioHigh, 0.2 * math.Exp(half)},
		"analytic": {m.Analytic, 1}, "resamples": {float64(m.Resamples), 0}, "points": {float64(m.Points), 120}} {
		if !near(v[0], v[1], 1e-8) {
			t.Errorf("%s %v, want %v", name, v[0], v[1])
		}
	}
	if m.Seed != nil || m.ID != "" || m.Interval != OverNetworks || m.Networks != 3 || m.Layer != 1 {
		t.Errorf("%+v", m)
	}
	if m := means[int(InputRate)]; m.Networks != 2 || m.Note != "1 more without a slope" || math.IsNaN(m.Value) {
		t.Errorf("%+v", m)
	}
	illustrations, err := p.Illustrations()
	if err != nil {
		t.Fatal(err)
	}
	caption := ""
	for _, i := range illustrations {
		caption += i.Caption
	}
	for _, want := range []string{"; over 3 networks: slope -0.500 [-0.748, -0.252]", "Eq. 66 0.2 [0.16, 0.26]",
		"over 20 resamples of its presynaptic and, independently of them, its postsynaptic units", "Student's t"} {
		if !strings.Contains(caption, want) {
			t.Errorf("no caption has %q: %s", want, caption)
		}
	}
}
