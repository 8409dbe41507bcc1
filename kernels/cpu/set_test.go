package cpu

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"quantal/kernels"
)

// twins are the kernel sets for which the portable one is the reference.
func twins() []*kernelSet {
	return slices.DeleteFunc(available(), func(s *kernelSet) bool { return s == portable })
}

// numbers fills aligned memory with reproducible uniforms in (lo, hi).
func numbers(n int, seed uint64, lo, hi float32) []float32 {
	x := aligned(n)
	kernels.Uniforms(x, kernels.Noise{Seed: seed, Stream: kernels.StreamAnalysis}, 0)
	for i := range x {
		x[i] = lo + (hi-lo)*x[i]
	}
	return x
}

// rowsOf fills the columns of rows, and leaves the pads 0.
func rowsOf(l kernels.Layer, seed uint64, lo, hi float32) []float32 {
	x := aligned(l.Slots())
	for r := range l.Out {
		copy(x[r*l.Stride():], numbers(l.Columns(), seed+uint64(r), lo, hi))
	}
	return x
}

// activations are a minibatch with the constant 1 after each row.
func activations(batch, width int, seed uint64) []float32 {
	stride := kernels.Stride(width)
	x := aligned(batch * stride)
	for b := range batch {
		copy(x[b*stride:], numbers(width, seed+uint64(b), -1, 1))
		x[b*stride+width] = 1
	}
	return x
}

// shape is a layer with a minibatch and some division of its rows among calls.
type shape struct {
	kernels.Layer
	batch int
	cuts  []int // first rows of the calls, and Out
}

func drawShape(t *rapid.T) shape {
	s := shape{Layer: kernels.Layer{In: rapid.IntRange(1, 200).Draw(t, "in"), Out: rapid.IntRange(1, 40).Draw(t, "out")}}
	s.batch = rapid.SampledFrom([]int{1, 2, 3, 4, 5, 6, 7, 20, 128}).Draw(t, "batch")
	s.cuts = []int{0}
	for at := 0; at < s.Out; {
		at = min(s.Out, at+rapid.IntRange(1, 16).Draw(t, "rows"))
		s.cuts = append(s.cuts, at)
	}
	return s
}

func (s shape) each(f func(first, rows int)) {
	for i, first := range s.cuts[:len(s.cuts)-1] {
		f(first, s.cuts[i+1]-first)
	}
}

// closeTo reports the first entry of the layer's columns, or of a minibatch's, that differs by more than the tolerance
// times the larger of the wanted value and scale.
func closeTo(t *rapid.T, what string, got, want []float32, columns, stride int, tolerance, scale float64) {
	t.Helper()
	for i := range want {
		if i%stride >= columns {
			continue
		}
		g, w := float64(got[i]), float64(want[i])
		if !(math.Abs(g-w) <= tolerance*max(math.Abs(w), scale)) {
			t.Fatalf("%s: row %d column %d is %v, want %v", what, i/stride, i%stride, g, w)
		}
	}
}

// Every kernel of every set against its portable twin, on random shapes and divisions.
func TestKernelsAgainstPortable(t *testing.T) {
	for _, set := range twins() {
		t.Run(set.name+"/gather", func(t *testing.T) { rapid.Check(t, set.checkGather) })
		t.Run(set.name+"/draw", func(t *testing.T) { rapid.Check(t, set.checkDraw) })
		t.Run(set.name+"/product", func(t *testing.T) { rapid.Check(t, set.checkProduct) })
		t.Run(set.name+"/update", func(t *testing.T) { rapid.Check(t, set.checkUpdate) })
		t.Run(set.name+"/sum", func(t *testing.T) { rapid.Check(t, set.checkSum) })
	}
}

func (set *kernelSet) checkGather(t *rapid.T) {
	bytes := rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "bytes")
	got, want := make([]float32, len(bytes)+1), make([]float32, len(bytes)+1)
	got[len(bytes)], want[len(bytes)] = 7, 7
	set.gather(got, bytes, 1/(255*0.3081), -0.1307/0.3081)
	portable.gather(want, bytes, 1/(255*0.3081), -0.1307/0.3081)
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// The tolerances: xi is a product of three functions with errors of one or two units of 6e-8 each, sigma and its slope
// come with 4e-7 (see TestVectorMathAgainstFloat64), a power multiplies the relative error of sigma by rho+1, and its
// logarithm's by (rho+1) |log sigma| <= 20.
func (set *kernelSet) checkDraw(t *rapid.T) {
	s := drawShape(t)
	rho := rapid.SampledFrom([]float32{0, 0.5, 2. / 3, 1, 4. / 3, 2, 3.1}).Draw(t, "rho")
	noise := kernels.Noise{Seed: rapid.Uint64().Draw(t, "seed"), Layer: 3, Step: rapid.Uint32().Draw(t, "step"),
		Draw: rapid.Uint32().Draw(t, "draw")}
	mu, phi := rowsOf(s.Layer, 1, -1, 1), rowsOf(s.Layer, 50, -9, 3)
	make := func() *drawing {
		return &drawing{
			Layer: s.Layer, noise: noise, keys: noise.Keys(), mu: mu, phi: phi,
			costs: kernels.Slopes[float32]{Reliability: 0.3, Rho: rho},
			slope: aligned(s.Slots()), cost: aligned(s.Slots()), sigma: rowsOf(s.Layer, 99, 0, 1),
		}
	}
	got, want, whole := make(), make(), make()
	w, wantW, wholeW := aligned(s.Slots()), aligned(s.Slots()), aligned(s.Slots())
	compare := func(what string, got, want, whole []float32, tolerance, scale float64) {
		t.Helper()
		closeTo(t, what, got, want, s.Columns(), s.Stride(), tolerance, scale)
		if !slices.Equal(got, whole) {
			t.Fatalf("%s depends on how the rows are divided", what)
		}
	}
	s.each(func(first, rows int) { set.sample(got, w[first*s.Stride():], first, rows) })
	portable.sample(want, wantW, 0, s.Out)
	set.sample(whole, wholeW, 0, s.Out)
	compare("w", w, wantW, wholeW, 1e-6, 1)
	compare("dw/dphi", got.slope, want.slope, whole.slope, 2e-6, 0)
	compare("dcost/dphi", got.cost, want.cost, whole.cost, 2e-5, 0)
	for r := range s.Out {
		for _, c := range got.cost[r*s.Stride()+s.Columns() : (r+1)*s.Stride()] {
			if c != 0 {
				t.Fatalf("row %d: a pad pays the reliability cost", r)
			}
		}
	}
	s.each(func(first, rows int) { set.sampleShared(got, w[first*s.Stride():], first, rows, 0.2) })
	portable.sampleShared(want, wantW, 0, s.Out, 0.2)
	set.sampleShared(whole, wholeW, 0, s.Out, 0.2)
	compare("w, shared sigma", w, wantW, wholeW, 1e-6, 1)
	compare("xi", got.slope, want.slope, whole.slope, 1e-6, 0)
	s.each(func(first, rows int) { set.redraw(got, w[first*s.Stride():], first, rows) })
	portable.redraw(want, wantW, 0, s.Out)
	set.redraw(whole, wholeW, 0, s.Out)
	compare("w, redrawn", w, wantW, wholeW, 1e-6, 1)
}

// Sums of n products of numbers up to 1 reach some sqrt(n)/3, and each addition rounds to 6e-8 of that: 2e-8 n for the
// sum, a few times that for the worst of many; 1e-6 sqrt(n) is room enough up to the n here.
func (set *kernelSet) checkProduct(t *rapid.T) {
	s := drawShape(t)
	activation := rapid.SampledFrom([]kernels.Activation{kernels.Linear, kernels.ReLU}).Draw(t, "activation")
	p := &product{Layer: s.Layer, batch: s.batch, activation: activation}
	w := numbers(s.Slots(), 5, -1, 1) // pads too: they must not count
	x := activations(s.batch, s.In, 70)
	y, want, whole := activations(s.batch, s.Out, 0), activations(s.batch, s.Out, 0), activations(s.batch, s.Out, 0)
	s.each(func(first, rows int) { set.forward(p, y, x, w[first*s.Stride():], first, rows) })
	portable.forward(p, want, x, w, 0, s.Out)
	set.forward(p, whole, x, w, 0, s.Out)
	yStride := kernels.Stride(s.Out)
	tolerance := 1e-6 * math.Sqrt(float64(s.In+1))
	closeTo(t, "y", y, want, yStride, yStride, tolerance, 1)
	if !slices.Equal(y, whole) {
		t.Fatal("y depends on how the rows are divided")
	}
	// An example's result must not depend on its position in the minibatch.
	alone := activations(1, s.Out, 0)
	last := s.batch - 1
	set.forward(&product{Layer: s.Layer, batch: 1, activation: activation}, alone, x[last*s.Stride():], w, 0, s.Out)
	if !slices.Equal(alone[:s.Out], y[last*yStride:][:s.Out]) {
		t.Fatal("y depends on the place of the example")
	}

	dy := activations(s.batch, s.Out, 30)
	dx, wantX := aligned(s.batch*s.Stride()), aligned(s.batch*s.Stride())
	cut := rapid.IntRange(1, s.batch).Draw(t, "examples")
	set.backward(p, dx, x, dy, w, 0, cut)
	if cut < s.batch {
		set.backward(p, dx, x, dy, w, cut, s.batch-cut)
	}
	portable.backward(p, wantX, x, dy, w, 0, s.batch)
	closeTo(t, "dx", dx, wantX, s.In, s.Stride(), 1e-6*math.Sqrt(float64(s.Out)), 1)
}

func newScratch(l kernels.Layer) *scratch {
	return &scratch{dw: make([]float32, l.Stride()), squares: make([]float32, l.Stride()), lanes: aligned(16 * l.Out)}
}

// rowParams are parameters with the moments of a rule; a mean of squares, which is the last one, is positive.
func rowParams(l kernels.Layer, rule kernels.Mover) kernels.Row[float32] {
	param := func(seed uint64) kernels.Param[float32] {
		p := kernels.Param[float32]{Values: rowsOf(l, seed, -1, 1)}
		for i := range rule.Moments() {
			p.Moments[i] = rowsOf(l, seed+1+uint64(i), -1, 1)
		}
		if rule.Constants(0).Gain2 > 0 {
			i := len(rule.Moments()) - 1
			p.Moments[i] = rowsOf(l, seed+1+uint64(i), 0, 1)
		}
		return p
	}
	return kernels.Row[float32]{Mu: param(1), Phi: param(4)}
}

// A step moves the parameters by up to the learning rate, here 0.1; its relative error is that of dW, amplified where
// m/sqrt(v) is near a sum that cancels.
func (set *kernelSet) checkUpdate(t *rapid.T) {
	s := drawShape(t)
	sharing := rapid.SampledFrom([]kernels.Sharing{kernels.PerSynapse, kernels.PerNetwork, kernels.NoNoise}).Draw(t,
		"sharing")
	x, dy := activations(s.batch, s.In, 3), activations(s.batch, s.Out, 80)
	rule := rapid.SampledFrom(kernels.Movers()).Draw(t, "rule")
	make := func() *updating {
		u := &updating{
			Layer: s.Layer, batch: s.batch, sharing: sharing, x: x, dy: dy, row: rowParams(s.Layer, rule),
			slope: rowsOf(s.Layer, 7, -1, 1), cost: rowsOf(s.Layer, 8, -1, 1),
			sums: make([]float64, s.Out),
		}
		u.row.Mu.Values[0] = 0 // the kink of |mu|
		if m := u.row.Mu.Moments[0]; m != nil {
			m[0] = 0
		}
		u.setRule(kernels.TrainingStep[float32]{Slopes: kernels.Slopes[float32]{Magnitude: 0.7},
			Move: kernels.NewMove[float32](rule, kernels.Member{LearningRate: 0.1, WeightDecay: 0.3}, 9)})
		return u
	}
	got, want, whole := make(), make(), make()
	space := newScratch(s.Layer)
	s.each(func(first, rows int) {
		if !set.update[rule.Name()](got, space, first, rows) {
			t.Fatal("reports a gradient that is not finite")
		}
	})
	portable.update[rule.Name()](want, space, 0, s.Out)
	set.update[rule.Name()](whole, space, 0, s.Out)
	tolerance := 1e-6 * math.Sqrt(float64(s.batch))
	type triple struct {
		name             string
		got, want, whole []float32
	}
	triples := func(name string, of func(u *updating) kernels.Param[float32]) []triple {
		g, w, all := of(got), of(want), of(whole)
		list := []triple{{name, g.Values, w.Values, all.Values}}
		for i, moment := range rule.Moments() {
			list = append(list, triple{name + "." + moment, g.Moments[i], w.Moments[i], all.Moments[i]})
		}
		return list
	}
	fields := triples("mu", func(u *updating) kernels.Param[float32] { return u.row.Mu })
	if sharing == kernels.PerSynapse {
		fields = append(fields, triples("phi", func(u *updating) kernels.Param[float32] { return u.row.Phi })...)
	}
	for _, f := range fields {
		// Pads included: they are 0 in the one and must be in the other.
		closeTo(t, f.name, f.got, f.want, s.Stride(), s.Stride(), tolerance, 1)
		if !slices.Equal(f.got, f.whole) {
			t.Fatalf("%s depends on how the rows are divided", f.name)
		}
		for at, v := range f.got {
			if at%s.Stride() >= s.Columns() && v != 0 {
				t.Fatalf("%s: a pad of row %d is %v", f.name, at/s.Stride(), v)
			}
		}
	}
	for r := range s.Out {
		if sharing == kernels.PerNetwork && math.Abs(got.sums[r]-want.sums[r]) > tolerance*float64(s.Columns()) {
			t.Fatalf("sum dW xi of row %d is %v, want %v", r, got.sums[r], want.sums[r])
		}
	}
	if !slices.Equal(got.sums, whole.sums) {
		t.Fatal("sum dW xi depends on how the rows are divided")
	}
}

// newSumming prepares the sums of a layer, with nonzero content.
func newSumming(l kernels.Layer, batch int) *summing {
	some := func(n int, seed uint64) []float64 {
		x := make([]float64, n)
		kernels.Uniforms(x, kernels.Noise{Seed: seed, Stream: kernels.StreamAnalysis}, 0)
		return x
	}
	u := &summing{Layer: l, batch: batch, x: activations(batch, l.In, 3), dy: activations(batch, l.Out, 80)}
	u.xSquares, u.dySquares = aligned(len(u.x)), aligned(len(u.dy))
	u.sums = kernels.SumRow{
		Gradient: some(l.Slots(), 1), Magnitude: some(l.Slots(), 2), Square: some(l.Slots(), 3),
		ExampleSquare: some(l.Slots(), 4),
	}
	u.inputs = kernels.InputSums{Magnitude: some(l.Stride(), 5), Square: some(l.Stride(), 6)}
	return u
}

// Sums of a minibatch in float32, added in float64: as in the products above, relative to sums of up to batch terms.
// Squares are exact to one rounding.
func (set *kernelSet) checkSum(t *rapid.T) {
	s := drawShape(t)
	cut := 16 * rapid.IntRange(0, s.Stride()/16).Draw(t, "columns")
	space := newScratch(s.Layer)
	make := func(set *kernelSet, cut int, each func(f func(first, rows int))) *summing {
		u := newSumming(s.Layer, s.batch)
		set.squares(u.dySquares, u.dy)
		if cut > 0 {
			set.sumInputs(u, 0, cut)
		}
		if cut < s.Stride() {
			set.sumInputs(u, cut, s.Stride()-cut)
		}
		each(func(first, rows int) {
			if !set.sum(u, space, first, rows) {
				t.Fatal("reports a gradient that is not finite")
			}
		})
		return u
	}
	all := func(f func(first, rows int)) { f(0, s.Out) }
	got, want, whole := make(set, cut, s.each), make(portable, s.Stride(), all), make(set, s.Stride(), all)
	if !slices.Equal(got.dySquares, want.dySquares) || !slices.Equal(got.xSquares, want.xSquares) {
		t.Fatal("the squares differ")
	}
	before := newSumming(s.Layer, s.batch)
	tolerance := 1e-6 * math.Sqrt(float64(s.batch))
	for _, f := range []struct {
		name                     string
		got, want, whole, before []float64
	}{
		{"g", got.sums.Gradient, want.sums.Gradient, whole.sums.Gradient, before.sums.Gradient},
		{"|g|", got.sums.Magnitude, want.sums.Magnitude, whole.sums.Magnitude, before.sums.Magnitude},
		{"g^2", got.sums.Square, want.sums.Square, whole.sums.Square, before.sums.Square},
		{"g^2 of examples", got.sums.ExampleSquare, want.sums.ExampleSquare, whole.sums.ExampleSquare,
			before.sums.ExampleSquare},
		{"|x|", got.inputs.Magnitude, want.inputs.Magnitude, whole.inputs.Magnitude, before.inputs.Magnitude},
		{"x^2", got.inputs.Square, want.inputs.Square, whole.inputs.Square, before.inputs.Square},
	} {
		if !slices.Equal(f.got, f.whole) {
			t.Fatalf("the sum of %s depends on how rows and columns are divided", f.name)
		}
		for i, w := range f.want {
			if !(math.Abs(f.got[i]-w) <= tolerance*max(math.Abs(w), 1)) {
				t.Fatalf("sum of %s: row %d column %d is %v, want %v", f.name, i/s.Stride(), i%s.Stride(), f.got[i], w)
			}
			if i%s.Stride() >= s.Columns() && f.got[i] != f.before[i] {
				t.Fatalf("sum of %s: a pad of row %d has moved", f.name, i/s.Stride())
			}
		}
	}
}

// Numbers that are not finite in dW or in the squares of the examples must be reported.
func TestSumReportsWhatIsNotFinite(t *testing.T) {
	l := kernels.Layer{In: 40, Out: 7}
	for _, set := range available() {
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 3e38, 1e30} {
			for r := range l.Out {
				u := newSumming(l, 3)
				u.dy[kernels.Stride(l.Out)+r] = bad
				set.squares(u.dySquares, u.dy)
				set.sumInputs(u, 0, l.Stride())
				if set.sum(u, newScratch(l), 0, l.Out) {
					t.Errorf("%s: %v in row %d of dy goes unnoticed", set.name, bad, r)
				}
			}
		}
	}
}

// A NaN or an infinity anywhere in the gradient must be reported, and also a parameter alone that is no longer finite.
func TestUpdateReportsWhatIsNotFinite(t *testing.T) {
	l := kernels.Layer{In: 40, Out: 7}
	space := newScratch(l)
	for _, set := range available() {
		for _, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.PerLayer, kernels.NoNoise} {
			for _, rule := range kernels.Movers() {
				// try updates with what spoil does, for a row; huge gradients are finite, but Adam's square is not.
				try := func(what string, rate float64, spoil func(u *updating, r int)) {
					t.Helper()
					for r := range l.Out {
						u := &updating{
							Layer: l, batch: 3, sharing: sharing, x: activations(3, l.In, 1), dy: activations(3, l.Out, 2),
							row: rowParams(l, rule), slope: rowsOf(l, 7, -1, 1), cost: rowsOf(l, 8, -1, 1), sums: make([]float64, l.Out),
						}
						u.setRule(kernels.TrainingStep[float32]{Move: kernels.NewMove[float32](rule, kernels.Member{LearningRate: rate},
							0)})
						spoil(u, r)
						if set.update[rule.Name()](u, space, 0, l.Out) {
							t.Errorf("%s, %v, %v: %s of row %d goes unnoticed", set.name, sharing, rule, what, r)
						}
					}
				}
				for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 3e38} {
					if bad == 3e38 && rule.Name() != "adam" {
						continue // finite, as is the resulting parameter
					}
					try(fmt.Sprintf("%v in dy", bad), 0.1, func(u *updating, r int) { u.dy[kernels.Stride(l.Out)+r] = bad })
					if sharing == kernels.PerSynapse {
						try(fmt.Sprintf("%v in the reliability cost", bad), 0.1,
							func(u *updating, r int) { u.cost[r*l.Stride()+r] = bad })
					}
				}
				try("a mu beyond float32", 3e38, func(u *updating, r int) {
					u.row.Mu.Values[r*l.Stride()] = -3e38
					if m := u.row.Mu.Moments[0]; m != nil {
						m[r*l.Stride()] = 1e3
					}
					for b := range 3 {
						u.x[b*l.Stride()], u.dy[b*kernels.Stride(l.Out)+r] = 1, 10
					}
				})
			}
		}
	}
}

// An update reports exactly that a parameter or a moment is not finite after it, whichever number was large, or not
// finite, before.
func TestUpdateReportsExactlyWhatIsNotFinite(t *testing.T) {
	l := kernels.Layer{In: 40, Out: 5}
	sizes := []float32{1e15, 1e18, 3e19, 1e21, 1e25, 3e38, float32(math.Inf(1)), float32(math.NaN())}
	reported := map[bool]int{}
	for _, set := range available() {
		for _, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.PerLayer, kernels.NoNoise} {
			for _, rule := range kernels.Movers() {
				rapid.Check(t, func(t *rapid.T) {
					u := &updating{
						Layer: l, batch: 1, sharing: sharing, x: activations(1, l.In, 1), dy: activations(1, l.Out, 2),
						row: rowParams(l, rule), slope: rowsOf(l, 7, -1, 1), cost: rowsOf(l, 8, -1, 1), sums: make([]float64, l.Out),
					}
					fields := [][]float32{u.row.Mu.Values, u.row.Mu.Moments[0], u.row.Mu.Moments[1]}
					inputs := [][]float32{u.dy}
					if sharing == kernels.PerSynapse {
						fields = append(fields, u.row.Phi.Values, u.row.Phi.Moments[0], u.row.Phi.Moments[1])
						inputs = append(inputs, u.slope, u.cost)
					}
					fields = slices.DeleteFunc(fields, func(f []float32) bool { return f == nil })
					spoilt := slices.Concat(fields, inputs)
					field := rapid.IntRange(0, len(spoilt)-1).Draw(t, "field")
					r, k := rapid.IntRange(0, l.Out-1).Draw(t, "row"), rapid.IntRange(0, l.In).Draw(t, "column")
					at := r*l.Stride() + k
					if field == len(fields) {
						at = r
					}
					sign := float32(rapid.SampledFrom([]int{1, -1}).Draw(t, "sign"))
					spoilt[field][at] = sign * rapid.SampledFrom(sizes).Draw(t, "x")
					rate := rapid.SampledFrom([]float64{0, 0.1, 1e3}).Draw(t, "rate")
					step := rapid.SampledFrom([]int{0, 10000}).Draw(t, "step")
					u.setRule(kernels.TrainingStep[float32]{Slopes: kernels.Slopes[float32]{Magnitude: 0.1},
						Move: kernels.NewMove[float32](rule, kernels.Member{LearningRate: rate}, step)})
					got := set.update[rule.Name()](u, newScratch(l), 0, l.Out)
					want := !slices.ContainsFunc(slices.Concat(fields...), func(v float32) bool { return v-v != 0 })
					if got != want {
						t.Fatalf("%s, %v, %v: all finite: %v, reported %v", set.name, sharing, rule, want, got)
					}
					reported[got]++
				})
			}
		}
	}
	if reported[true] < 50 || reported[false] < 50 {
		t.Errorf("finite or not: %v times", reported)
	}
}

// Moments and tail of the drawn normals: 10^7 of each set, 10^8 with QUANTAL_LONG_TESTS.
func TestNormalMoments(t *testing.T) {
	const rows = 12_500
	l := kernels.Layer{In: 799, Out: rows}
	rounds := 1
	if os.Getenv("QUANTAL_LONG_TESTS") != "" {
		rounds = 10
	}
	for _, set := range available() {
		if set == portable {
			continue // package kernels tests it
		}
		d := &drawing{Layer: l, mu: aligned(l.Slots()), slope: aligned(l.Slots())}
		w := aligned(l.Slots())
		var sums [5]float64
		largest, beyond5 := 0.0, 0
		for round := range rounds {
			d.noise = kernels.Noise{Seed: 17, Step: uint32(round)}
			d.keys = d.noise.Keys()
			set.sampleShared(d, w, 0, rows, 1)
			for _, x := range w {
				x := float64(x)
				sums[0]++
				sums[1] += x
				sums[2] += x * x
				sums[3] += x * x * x
				sums[4] += x * x * x * x
				if a := math.Abs(x); a > 5 {
					largest = max(largest, a)
					beyond5++
				}
			}
		}
		n := sums[0]
		// Five standard errors of the mean of each power.
		for k, m := range []struct{ want, variance float64 }{{0, 1}, {1, 2}, {0, 15}, {3, 96}} {
			got, bound := sums[k+1]/n, 5*math.Sqrt(m.variance/n)
			if math.Abs(got-m.want) > bound {
				t.Errorf("%s: moment %d of %g normals is %v, want %v within %v", set.name, k+1, n, got, m.want, bound)
			}
		}
		if largest > kernels.MaxNormal*(1+1e-6) {
			t.Errorf("%s: %v is beyond the largest value of the definition, %v", set.name, largest, kernels.MaxNormal)
		}
		expected := n * math.Erfc(5/math.Sqrt2)
		if math.Abs(float64(beyond5)-expected) > 5*math.Sqrt(expected) {
			t.Errorf("%s: %d normals beyond 5, want %.1f", set.name, beyond5, expected)
		}
		t.Logf("%s: %g normals, largest %.4f, %d beyond 5", set.name, n, largest, beyond5)
	}
}

func TestChoiceOfKernels(t *testing.T) {
	if names := KernelSets(); names[len(names)-1] != "portable" {
		t.Errorf("kernel sets %v: want portable last", names)
	}
	for _, want := range KernelSets() {
		t.Setenv(KernelVariable, want)
		if got, err := Kernels(); err != nil || got != want {
			t.Errorf("%s=%s: got %q, %v", KernelVariable, want, got, err)
		}
	}
	t.Setenv(KernelVariable, "sse")
	want := fmt.Sprintf("cpu: QUANTAL_KERNELS=sse: want one that this processor runs: %s", join(KernelSets()))
	if _, err := Kernels(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	switch runtime.GOARCH {
	case "amd64":
	case "arm64":
		if got := KernelSets(); !slices.Equal(got, []string{"neon", "portable"}) {
			t.Errorf("kernel sets %v on arm64", got)
		}
	default:
		if len(KernelSets()) > 1 {
			t.Errorf("kernel sets %v on %s", KernelSets(), runtime.GOARCH)
		}
	}
}

func join(names []string) string {
	s := names[0]
	for _, n := range names[1:] {
		s += ", " + n
	}
	return s
}
