package assemblies

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"quantal/dynamics/spines"
)

// random is a network with weights between 0 and 1, and these as [presynaptic][postsynaptic].
func random(n int, seed uint64) (*Network, [][]float64) {
	r := rand.New(rand.NewPCG(seed, 1))
	net := &Network{Neurons: n}
	w := make([][]float64, n)
	for j := range n {
		w[j] = make([]float64, n)
		for i := range n {
			if i != j {
				x := r.Float32()
				w[j][i] = float64(x)
				net.W = append(net.W, x)
			}
		}
	}
	return net, w
}

// In the steady state, neurons between silence and saturation solve the remaining linear equations, and the others are
// where their input puts them.
func TestSettle(t *testing.T) {
	const n = 30
	c := Circuit{Excitation: 0.05, Inhibition: 0.06}
	kinds := [3]int{}
	for seed := range uint64(20) {
		net, w := random(n, seed)
		r := rand.New(rand.NewPCG(seed, 2))
		input, rates := make([]float32, n), make([]float32, n)
		for i := range input {
			input[i] = float32(0.7 * r.NormFloat64())
		}
		net.Settle(c, input, rates)
		between := slices.DeleteFunc(seq(n), func(i int) bool { return rates[i] == 0 || rates[i] > 0.9995 })
		var a mat.Dense
		a.ReuseAs(len(between), len(between))
		b := mat.NewVecDense(len(between), nil)
		drive := func(i int, from []int) (sum float64) { // from neurons with their rates
			for _, j := range from {
				sum += (c.Excitation*w[j][i] - c.Inhibition) * float64(rates[j])
			}
			return sum
		}
		others := slices.DeleteFunc(seq(n), func(i int) bool { return slices.Contains(between, i) })
		for k, i := range between {
			for l, j := range between {
				a.Set(k, l, -(c.Excitation*w[j][i] - c.Inhibition))
			}
			a.Set(k, k, a.At(k, k)+1)
			b.SetVec(k, float64(input[i])+drive(i, others))
		}
		var x mat.VecDense
		if err := x.SolveVec(&a, b); err != nil {
			t.Fatal(err)
		}
		for k, i := range between {
			if math.Abs(x.AtVec(k)-float64(rates[i])) > 2e-3 {
				t.Errorf("seed %d: rate %d is %.5f, want %.5f", seed, i, rates[i], x.AtVec(k))
			}
		}
		for _, i := range others {
			h := float64(input[i]) + drive(i, seq(n))
			if rates[i] == 0 && h > 1e-3 || rates[i] > 0.9995 && h < 0.999 {
				t.Errorf("seed %d: rate %d is %.5f with an input of %.5f", seed, i, rates[i], h)
			}
			kinds[int(math.Round(float64(rates[i])))*2]++
		}
		kinds[1] += len(between)
	}
	if slices.Min(kinds[:]) < 20 {
		t.Errorf("%v neurons silent, between, saturated: want some of each", kinds)
	}
}

func seq(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// By hand: threshold 1/4, rate 0.4, patterns (1, 1/2, 0) and (0, 1, 1).
func TestLearn(t *testing.T) {
	n := &Network{Neurons: 3, W: []float32{0.5, 0.5, 0.5, 0.5, 0.05, 0.9}}
	n.Learn(0.4, 0.25, [][]float32{{1, 0.5, 0}, {0, 1, 1}}, 0.002, 1)
	// Products of (3/4, 1/4, -1/4) and (-1/4, 3/4, 3/4): of neurons 0 and 1, 3/16 - 3/16; 0 and 2, -3/16 - 3/16; 1 and 2,
	// -1/16 + 9/16.
	want := []float32{0.5, 0.35, 0.5, 0.7, 0.002, 1}
	for i := range want {
		if math.Abs(float64(n.W[i]-want[i])) > 1e-6 {
			t.Fatalf("weights %v, want %v", n.W, want)
		}
	}

	const size = 15
	net, w := random(size, 3)
	r := rand.New(rand.NewPCG(4, 4))
	patterns := make([][]float32, 5)
	for p := range patterns {
		patterns[p] = make([]float32, size)
		for i := range patterns[p] {
			patterns[p][i] = max(0, 2*r.Float32()-1)
		}
	}
	net.Learn(0.03, 0.2, patterns, 0, 1)
	for j := range size {
		before, after := net.From(j)
		got := slices.Concat(before, []float32{0}, after)
		for i := range size {
			sum := w[j][i]
			for _, p := range patterns {
				sum += 0.03 * (float64(p[i]) - 0.2) * (float64(p[j]) - 0.2)
			}
			if want := min(max(sum, 0), 1); i != j && math.Abs(float64(got[i])-want) > 1e-6 {
				t.Fatalf("weight from %d to %d is %v, want %v", j, i, got[i], want)
			}
		}
	}
}

// Without plasticity and from the start, weights keep the distribution of the closed form; with fluctuation that does
// not grow with the weight they would not.
func TestIntrinsicDynamicsAlone(t *testing.T) {
	c := small()
	c.Neurons = 300
	distance := func(change func(l *Life)) float64 {
		l := c.NewLife(7)
		if start := c.stationary(1, 0).KolmogorovSmirnov(l.W); start > 0.006 {
			t.Errorf("Kolmogorov-Smirnov distance %.4f at the start", start)
		}
		change(l)
		if err := l.Advance(context.Background(), Regime{Intrinsic: true, Strength: 1}, false, c.steps(20)); err != nil {
			t.Fatal(err)
		}
		return c.stationary(1, 0).KolmogorovSmirnov(l.W)
	}
	// 89,700 weights: 1 % of samples are further away than 0.0054; the steps shift the distribution by up to 0.003.
	if d := distance(func(*Life) {}); d > 0.009 {
		t.Errorf("Kolmogorov-Smirnov distance %.4f", d)
	}
	if d := distance(func(l *Life) { l.config.Sigma = spines.Line{Offset: 0.026} }); d < 0.03 {
		t.Errorf("Kolmogorov-Smirnov distance %.4f with additive fluctuation", d)
	}
}

// Recall of a network written by hand: one assembly whose halves excite each other, and others that do not.
func TestRecall(t *testing.T) {
	c := tiny()
	c.Inhibition = 0
	l := c.NewLife(1)
	clear(l.W)
	for j := range 5 {
		before, after := l.From(j)
		for i := range before {
			before[i] = 1
		}
		for i := range 4 - j {
			after[i] = 1
		}
	}
	// The stimulus brings each stimulated neuron to 1; two or three of them excite the rest by 10/5 or more each.
	if got := l.Recall(); math.Abs(got-0.25) > 1e-3 {
		t.Errorf("recall %.4f, want that of one assembly in four", got)
	}
	clear(l.W)
	if got := l.Recall(); got != 0 {
		t.Errorf("recall %v without weights", got)
	}
}

func TestTally(t *testing.T) {
	c := tiny()
	l := c.NewLife(5)
	l.W[3], l.W[100] = float32(c.Low), float32(c.High)
	tally := l.Tally(c.size(), c.Low, c.High)
	var within, between []float32
	edge := 0
	for j := range c.Neurons {
		before, after := l.From(j)
		for i, w := range slices.Concat(before, []float32{0}, after) {
			switch {
			case i == j:
				continue
			case i/c.size() == j/c.size():
				within = append(within, w)
			default:
				between = append(between, w)
			}
			if float64(w) < c.Low+(c.High-c.Low)/100 || float64(w) > c.High-(c.High-c.Low)/100 {
				edge++
			}
		}
	}
	sum := func(list []float32) (s float64) {
		for _, w := range list {
			s += float64(w)
		}
		return s
	}
	if total(tally.Inside) != len(within) || total(tally.outside()) != len(between) ||
		total(tally.Linear) != tally.synapses() || tally.AtBounds != edge ||
		math.Abs(tally.InsideSum-sum(within)) > 1e-9 || math.Abs(tally.AllSum-sum(within)-sum(between)) > 1e-9 {
		t.Errorf("%d within, %d between, %d at the bounds", total(tally.Inside), total(tally.outside()), tally.AtBounds)
	}
	if got := l.inside(c.size()); !slices.Equal(got, within) {
		t.Errorf("%d weights within assemblies, want %d", len(got), len(within))
	}
	// The area under the ROC curve, pair by pair; cells join weights that differ by less than a hundredth.
	wins := 0.0
	for _, a := range within {
		for _, b := range between {
			if a > b {
				wins++
			}
		}
	}
	if want := wins / float64(len(within)*len(between)); math.Abs(tally.Separation()-want) > 3e-3 {
		t.Errorf("separation %.4f, want %.4f", tally.Separation(), want)
	}
	middle := 0
	for _, w := range l.W {
		if x := math.Log(float64(w)/c.Low) / math.Log(c.High/c.Low); x >= 1./3 && x < 2./3 {
			middle++
		}
	}
	if got := tally.Middle(); math.Abs(got-float64(middle)/float64(len(l.W))) > 1e-9 {
		t.Errorf("%.4f in the middle, want %d of %d", got, middle, len(l.W))
	}
	blocks := l.blocks(c.Assemblies)
	if got, want := blocks[0][0], sum(within[:20])/20; math.Abs(got-want) > 1e-9 {
		t.Errorf("mean weight in the first assembly %.4f, want %.4f", got, want)
	}
}

func TestSeparation(t *testing.T) {
	for _, c := range []struct {
		larger, smaller []int
		want            float64
	}{
		{[]int{0, 0, 2}, []int{3, 1, 0}, 1}, {[]int{3, 0}, []int{0, 2}, 0}, {[]int{2, 4}, []int{1, 2}, 0.5},
		{[]int{1, 0, 1}, []int{0, 1, 0}, 0.5}, {[]int{1, 1}, []int{2, 0}, 0.75},
	} {
		if got := Separation(c.larger, c.smaller); got != c.want {
			t.Errorf("%v over %v: %v, want %v", c.larger, c.smaller, got, c.want)
		}
	}
}

// Rise and SecondPeak of distributions whose shapes are known.
func TestShapes(t *testing.T) {
	of := func(all func(cell int) int, linear func(cell int) int) Tally {
		t := Tally{Low: 0.002, High: 1, All: make([]int, logCells), Linear: make([]int, linearCells)}
		for i := range t.All {
			t.All[i] = all(i * peakCells / logCells)
		}
		for i := range t.Linear {
			t.Linear[i] = linear(i)
		}
		return t
	}
	hill := func(cell int) int { return 1000 - 100*max(5-cell, cell-5, -(cell-5)) }
	falling := func(cell int) int { return 10000 / (1 + cell) }
	one := of(func(cell int) int { return max(hill(cell), 20) }, falling)
	if p := one.SecondPeak(); p.Height != 1 || p.Sigmas != 0 || one.Rise() != 0 {
		t.Errorf("one peak: %+v, rise %v", p, one.Rise())
	}
	perCell := logCells / peakCells
	two := of(func(cell int) int { return map[bool]int{true: 80, false: max(hill(cell), 20)}[cell == 16] },
		func(cell int) int {
			if cell == 0 {
				return 1 // the lowest cell does not count
			}
			return falling(cell) + map[bool]int{true: 300}[cell == 40]
		})
	want := Peak{Size: 0.002 * math.Pow(500, 16.5/18), Height: 4,
		Sigmas: math.Sqrt(float64(perCell)) * 60 / math.Sqrt(100)}
	if p := two.SecondPeak(); math.Abs(p.Size-want.Size) > 1e-9 || p.Height != want.Height ||
		math.Abs(p.Sigmas-want.Sigmas) > 1e-9 {
		t.Errorf("two peaks: %+v, want %+v", p, want)
	}
	from, to := float64(falling(39)), float64(falling(40)+300)
	if got, want := two.Rise(), (to-from)/math.Sqrt(to+from); math.Abs(got-want) > 1 || got < 4 {
		t.Errorf("rise %.2f, want about %.2f", got, want)
	}
}

func TestRetention(t *testing.T) {
	course := func(recall ...float64) (list []Measurement) {
		for i, r := range recall {
			list = append(list, Measurement{Day: float64(2 * i), Recall: r})
		}
		return list
	}
	if day, lost := retention(course(1, 0.8, 0.49, 0.9)); day != 4 || !lost {
		t.Errorf("%v, %v", day, lost)
	}
	if day, lost := retention(course(1, 0.8, 0.5)); day != 4 || lost {
		t.Errorf("%v, %v", day, lost)
	}
}

// Synapses are counted on both sides of a weight, and those on the other side later as well.
func TestCrossings(t *testing.T) {
	var c Crossings
	c.Add([]float32{0.1, 0.1, 0.3, 0.3, 0.3, 0.25}, []float32{0.1, 0.3, 0.3, 0.1, 0.25, 0.25}, 0.25)
	c.Add([]float32{0.5}, []float32{0.4}, 0.25)
	if want := (Crossings{Strong: 4, Weak: 3, Weakened: 2, Strengthened: 1}); c != want {
		t.Errorf("%+v, want %+v", c, want)
	}
}

// At the separation point the ratio of the two densities in closed form, exp(int 2 (pull-push)/sigma^2 dw) up to a
// factor, is 1: below it synapses between assemblies are more likely, above it those within.
func TestSeparationPoint(t *testing.T) {
	c := DefaultConfig()
	point := c.separationPoint()
	ratio := func(w float64) float64 {
		inside, outside := c.stationary(1, c.pull()), c.stationary(1, c.push())
		i := slices.IndexFunc(inside.Edges, func(e float64) bool { return e > w }) - 1
		return inside.Density()[i] / outside.Density()[i]
	}
	if ratio(point*0.99) > 1 || ratio(point*1.01) < 1 || point < 0.1 || point > 0.3 {
		t.Errorf("at %g µm³: ratio %g below, %g above", point, ratio(point*0.99), ratio(point*1.01))
	}
}
