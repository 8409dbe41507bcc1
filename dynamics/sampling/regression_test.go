package sampling

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"testing"

	"gonum.org/v1/gonum/diff/fd"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"quantal/analysis"
)

func linear(n, d int, prior float64) *Linear {
	return NewLinear(linearData(n, d, 0.5, 0.7, 1, 3, 1), 0.7, prior)
}

func logistic(n, d int, prior float64) *Logistic {
	return &Logistic{logisticData(n, d, 0.5, 1, 3, 1), prior}
}

// columns makes a block of 64 different points.
func columns(d int) []float64 {
	theta := make([]float64, d*Block)
	for i := range theta {
		theta[i] = math.Sin(float64(3*i) + 0.1)
	}
	return theta
}

func column(block []float64, c int) []float64 {
	var out []float64
	for i := c; i < len(block); i += Block {
		out = append(out, block[i])
	}
	return out
}

// U and its gradient against sums over the examples written from the definition, and finite differences of these.
func TestGradient(t *testing.T) {
	const d = 5
	l, g := linear(30, d, 2), logistic(30, d, 2)
	prior := func(theta []float64) float64 { return dot(theta, theta) / (2 * 2) }
	for name, test := range map[string]struct {
		target Target
		u      func(theta []float64) float64
	}{
		"linear": {l, func(theta []float64) float64 {
			u := prior(theta)
			for i, y := range l.Y {
				u += math.Pow(y-dot(l.X.RawRowView(i), theta), 2) / (2 * 0.7)
			}
			return u
		}},
		"logistic": {g, func(theta []float64) float64 {
			u := prior(theta)
			for i, y := range g.Y {
				p := 1 / (1 + math.Exp(-dot(g.X.RawRowView(i), theta)))
				u -= y*math.Log(p) + (1-y)*math.Log(1-p)
			}
			return u
		}},
	} {
		theta := columns(d)
		u, gradient, batch := make([]float64, Block), make([]float64, d*Block), make([]float64, d*Block)
		test.target.Potential(u, theta)
		test.target.Gradient(gradient, theta)
		// The mean over the minibatches of one example is the gradient, and each counts N times.
		mean := make([]float64, d*Block)
		for e := range test.target.Examples() {
			examples := make([]int, Block)
			for c := range examples {
				examples[c] = (e + c) % test.target.Examples()
			}
			test.target.MinibatchGradient(batch, theta, examples)
			for i, v := range batch {
				mean[i] += v / float64(test.target.Examples())
			}
		}
		for _, c := range []int{0, 17, 63} {
			point := column(theta, c)
			if want := test.u(point); math.Abs(u[c]-want) > 1e-10*want {
				t.Errorf("%s: U of chain %d is %v, want %v", name, c, u[c], want)
			}
			for i, want := range fd.Gradient(nil, test.u, point, &fd.Settings{Formula: fd.Central}) {
				if got := column(gradient, c)[i]; math.Abs(got-want) > 1e-5*(1+math.Abs(want)) {
					t.Errorf("%s: gradient %d of chain %d is %v, want %v", name, i, c, got, want)
				}
				if got, want := column(mean, c)[i], column(gradient, c)[i]; math.Abs(got-want) > 1e-9*(1+math.Abs(want)) {
					t.Errorf("%s: mean over minibatches %d of chain %d is %v, want %v", name, i, c, got, want)
				}
			}
		}
	}
}

// run samples with chains that start at the prior.
func run(t *testing.T, target Target, modes Modes, l Langevin, p Plan) *Sample {
	t.Helper()
	p.Start, p.Spread, p.Directions = make([]float64, target.Dimension()), 1, modes.Directions
	p.Chains, p.Burn = max(p.Chains, Block), max(p.Burn, int(14/(l.Step*modes.Softest())))
	p.Seed, p.Layer, p.Every = 5, 9, max(p.Every, 1)
	s, err := l.Sample(context.Background(), target, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func solved(t *testing.T, l *Linear) ([]float64, Modes) {
	t.Helper()
	mean, precision, err := l.Posterior()
	if err != nil {
		t.Fatal(err)
	}
	modes, err := NewModes(precision)
	if err != nil {
		t.Fatal(err)
	}
	return mean, modes
}

// Without noise, Langevin steps are gradient descent, bit for bit, for any start of the chains; with all examples and
// with minibatches.
func TestZeroTemperatureIsGradientDescent(t *testing.T) {
	for name, target := range map[string]Target{"linear": linear(30, 3, 1), "logistic": logistic(30, 3, 1)} {
		for _, batch := range []int{0, 4} {
			const eps, steps = 0.01, 50
			p := Plan{Chains: 2 * Block, Every: 1, Take: steps, Keep: steps, Start: make([]float64, 3), Spread: 1,
				Directions: identity(3), Seed: 4, Layer: 2}
			s, err := Langevin{Step: eps, Batch: batch}.Sample(context.Background(), target, p, nil)
			if err != nil {
				t.Fatal(err)
			}
			warm, err := Langevin{Step: eps, Batch: batch, Temperature: 1e-12}.Sample(context.Background(), target, p, nil)
			if err != nil {
				t.Fatal(err)
			}
			b := Langevin{Step: eps, Batch: batch}.newBlock(target, p, 0)
			theta, gradient := b.theta, make([]float64, 3*Block)
			for step := range steps {
				if batch == 0 {
					target.Gradient(gradient, theta)
				} else {
					b.drawExamples(step)
					target.MinibatchGradient(gradient, theta, b.examples)
				}
				for i := range theta {
					theta[i] -= float64(eps * gradient[i])
				}
				for c := range Block {
					if got, want := s.Kept[step*Block+c], column(theta, c); !reflect.DeepEqual(got, want) {
						t.Fatalf("%s, batch %d: chain %d after step %d: %v, want %v", name, batch, c, step+1, got, want)
					}
				}
			}
			if reflect.DeepEqual(s.Kept, warm.Kept) {
				t.Errorf("%s: a little noise changes nothing", name)
			}
		}
	}
}

func identity(d int) *mat.Dense {
	m := mat.NewDense(d, d, nil)
	for i := range d {
		m.Set(i, i, 1)
	}
	return m
}

// disagrees reports whether a sample is off: the covariance by more than 5 %, or the mean by more than chance allows.
func disagrees(s *Sample, mean []float64, covariance mat.Symmetric) error {
	if e := RelativeError(s.Covariance, covariance); !(e < 0.05) {
		return fmt.Errorf("covariance off by %.3f", e)
	}
	if e := MeanError(s.Mean, mean, covariance); !(e < 4.5/math.Sqrt(s.Effective())) {
		return fmt.Errorf("mean off by %.4f standard deviations, with %.0f effective samples", e, s.Effective())
	}
	return nil
}

// The posterior of linear regression in two dimensions, with all examples: mean and covariance, in proportion to the
// temperature. Mistakes in the rule are detected.
func TestLinearPosterior(t *testing.T) {
	l := linear(12, 2, 0.3)
	mean, modes := solved(t, l)
	eps := 0.04 / modes.Stiffest()
	plan := Plan{Chains: 4 * Block, Every: 10, Take: 2000}
	s := run(t, l, modes, Langevin{Step: eps, Temperature: 1}, plan)
	if s.Effective() < 20_000 {
		t.Errorf("%.0f effective samples: want more", s.Effective())
	}
	if err := disagrees(s, mean, modes.Covariance(1)); err != nil {
		t.Error(err)
	}
	hot := run(t, l, modes, Langevin{Step: eps, Temperature: 3}, plan)
	if err := disagrees(hot, mean, modes.Covariance(3)); err != nil {
		t.Errorf("at T = 3: %v", err)
	}
	// The faults: sqrt(eps T) xi instead of sqrt(2 eps T) xi, no temperature, no prior, a prior counted twice.
	if disagrees(run(t, l, modes, Langevin{Step: eps, Temperature: 0.5}, plan), mean, modes.Covariance(1)) == nil {
		t.Error("noise without the factor 2 passes")
	}
	if disagrees(s, mean, modes.Covariance(3)) == nil {
		t.Error("a temperature that is ignored passes")
	}
	for _, prior := range []float64{math.Inf(1), 0.15} {
		if disagrees(run(t, NewLinear(l.Data, 0.7, prior), modes, Langevin{Step: eps, Temperature: 1}, plan), mean,
			modes.Covariance(1)) == nil {
			t.Errorf("a prior of variance %g in place of 0.3 passes", prior)
		}
	}
}

// Fifty dimensions: with over 20,000 effective samples the covariance is within 5 % of the closed form.
func TestLinearPosteriorOfManyParameters(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	l := NewLinear(linearData(1000, 50, 0.1, 1, 1, 8, 1), 1, 1)
	mean, modes := solved(t, l)
	s := run(t, l, modes, Langevin{Step: 0.06 / modes.Stiffest(), Temperature: 1},
		Plan{Chains: 6 * Block, Every: 12, Take: 480})
	t.Logf("%.0f effective samples, covariance off by %.2f %%", s.Effective(),
		100*RelativeError(s.Covariance, modes.Covariance(1)))
	if s.Effective() < 20_000 {
		t.Errorf("%.0f effective samples: want more than 20000", s.Effective())
	}
	if err := disagrees(s, mean, modes.Covariance(1)); err != nil {
		t.Error(err)
	}
}

// The posterior solves the normal equations, by numpy's formula written out: mean = (X'X/v + I/p)^-1 X'y/v.
func TestPosterior(t *testing.T) {
	l := linear(20, 4, 0.5)
	mean, modes := solved(t, l)
	var inverse, precision mat.Dense
	precision.Mul(l.X.T(), l.X)
	for i := range 4 {
		for j := range 4 {
			precision.Set(i, j, precision.At(i, j)/0.7)
		}
		precision.Set(i, i, precision.At(i, i)+1/0.5)
	}
	if err := inverse.Inverse(&precision); err != nil {
		t.Fatal(err)
	}
	if e := RelativeError(modes.Covariance(1), &inverse); e > 1e-12 {
		t.Errorf("covariance off by %g", e)
	}
	var want mat.VecDense
	want.MulVec(l.X.T(), mat.NewVecDense(20, l.Y))
	want.MulVec(&inverse, &want)
	for i, v := range mean {
		if math.Abs(v-want.AtVec(i)/0.7) > 1e-12 {
			t.Errorf("mean %d is %v, want %v", i, v, want.AtVec(i)/0.7)
		}
	}
	if _, _, err := linear(3, 4, math.Inf(1)).Posterior(); err == nil {
		t.Error("three examples determine four parameters")
	}
}

// The law of steps of finite length: against the variance that the recursion v <- (1 - eps h)^2 v + 2 eps T reaches,
// and against chains that take very long steps.
func TestStepCovariance(t *testing.T) {
	l := linear(12, 2, 1)
	mean, modes := solved(t, l)
	for _, share := range []float64{0.1, 1, 1.7} {
		eps, temperature := share/modes.Stiffest(), 1.5
		law := modes.StepCovariance(eps, temperature)
		for k, h := range modes.Values {
			v := 0.0
			for range 10_000 {
				v = (1-eps*h)*(1-eps*h)*v + 2*eps*temperature
			}
			if got := along(law, modes.Directions, k); math.Abs(got/v-1) > 1e-10 {
				t.Errorf("step %g, direction %d: %v, want %v", share, k, got, v)
			}
		}
		if share < 1 {
			continue
		}
		s := run(t, l, modes, Langevin{Step: eps, Temperature: temperature}, Plan{Chains: 4 * Block, Take: 3000})
		if err := disagrees(s, mean, law); err != nil {
			t.Errorf("step %g: %v", share, err)
		}
		if disagrees(s, mean, modes.Covariance(temperature)) == nil {
			t.Errorf("step %g: no bias is seen", share)
		}
		// With Metropolis there is none.
		exact := run(t, l, modes, Langevin{Step: eps, Temperature: temperature, Metropolis: true},
			Plan{Chains: 8 * Block, Take: 3000})
		if err := disagrees(exact, mean, modes.Covariance(temperature)); err != nil ||
			!(exact.Accepted > 0.2 && exact.Accepted < 0.95) {
			t.Errorf("Metropolis, step %g: %v, %.2f accepted", share, err, exact.Accepted)
		}
	}
}

// The law of steps with minibatches: against the linear equation for C, with the mean over all 3^2 minibatches taken
// one by one and solved directly, and against chains.
func TestMinibatchCovariance(t *testing.T) {
	l := linear(3, 2, 1)
	mean, modes := solved(t, l)
	const temperature, batch = 0.02, 2
	eps := 0.2 / modes.Stiffest()
	equation, right := mat.NewDense(4, 4, nil), mat.NewVecDense(4, nil)
	for first := range 3 {
		for second := range 3 {
			hessian, force := mat.NewDense(2, 2, nil), mat.NewVecDense(2, nil) // of this minibatch
			for i := range 2 {
				hessian.Set(i, i, 1)
			}
			for _, e := range []int{first, second} {
				x := l.X.RowView(e)
				var outer mat.Dense
				outer.Outer(3./batch/0.7, x, x)
				hessian.Add(hessian, &outer)
				force.AddScaledVec(force, -3./batch/0.7*l.Y[e], x)
			}
			force.AddScaledVec(force, 1, mulVec(hessian, mean)) // the gradient at the posterior mean
			var contract, kron mat.Dense
			contract.Scale(-eps, hessian)
			contract.Add(&contract, identity(2))
			kron.Kronecker(&contract, &contract)
			kron.Scale(1./9, &kron)
			equation.Sub(equation, &kron)
			for i := range 2 {
				for j := range 2 {
					right.SetVec(2*i+j, right.AtVec(2*i+j)+eps*eps*force.AtVec(i)*force.AtVec(j)/9)
				}
			}
		}
	}
	equation.Add(equation, identity(4))
	for i := range 2 {
		right.SetVec(3*i, right.AtVec(3*i)+2*eps*temperature)
	}
	var c mat.VecDense
	if err := c.SolveVec(equation, right); err != nil {
		t.Fatal(err)
	}
	want := mat.NewSymDense(2, c.RawVector().Data)
	got, err := l.MinibatchCovariance(eps, temperature, batch)
	if err != nil {
		t.Fatal(err)
	}
	if e := RelativeError(got, want); e > 1e-10 {
		t.Errorf("off by %g", e)
	}
	plan := Plan{Chains: 4 * Block, Every: 4, Take: 2500}
	s := run(t, l, modes, Langevin{Step: eps, Temperature: temperature, Batch: batch}, plan)
	if err := disagrees(s, mean, want); err != nil {
		t.Error(err)
	}
	if disagrees(s, mean, modes.StepCovariance(eps, temperature)) == nil {
		t.Error("minibatches add nothing")
	}
	if _, err := l.MinibatchCovariance(3/modes.Stiffest(), 1, 1); err == nil {
		t.Error("steps that are unstable have a covariance")
	}
}

func mulVec(m *mat.Dense, v []float64) *mat.VecDense {
	var out mat.VecDense
	out.MulVec(m, mat.NewVecDense(len(v), v))
	return &out
}

// Logistic regression in two dimensions against quadrature, with the Metropolis step and without; the Laplace
// approximation is detected.
func TestLogisticPosterior(t *testing.T) {
	l := logistic(15, 2, 4)
	mode, hessian, err := l.Laplace()
	if err != nil {
		t.Fatal(err)
	}
	gradient := make([]float64, 2*Block)
	theta := make([]float64, 2*Block)
	theta[0], theta[Block] = mode[0], mode[1]
	l.Gradient(gradient, theta)
	if math.Hypot(gradient[0], gradient[Block]) > 1e-8 {
		t.Errorf("the gradient at the mode is %v", column(gradient, 0))
	}
	modes, err := NewModes(hessian)
	if err != nil {
		t.Fatal(err)
	}
	mean, covariance := l.Quadrature(mode, modes.Covariance(1), 1, 9, 301).Moments()
	if fine, _ := l.Quadrature(mode, modes.Covariance(1), 1, 12, 501).Moments(); MeanError(fine, mean, covariance) > 1e-6 {
		t.Errorf("quadrature: mean %v, on a finer and wider grid %v", mean, fine)
	}
	if disagrees(&Sample{Mean: mode, Covariance: modes.Covariance(1), Vectors: 10_000, Times: []float64{1}}, mean,
		covariance) == nil {
		t.Error("the Laplace approximation passes")
	}
	plan := Plan{Chains: 4 * Block, Every: 10, Take: 800}
	if err := disagrees(run(t, l, modes, Langevin{Step: 0.04 / modes.Stiffest(), Temperature: 1}, plan), mean,
		covariance); err != nil {
		t.Error(err)
	}
	if err := disagrees(run(t, l, modes, Langevin{Step: 0.6 / modes.Stiffest(), Temperature: 1, Metropolis: true}, plan),
		mean, covariance); err != nil {
		t.Errorf("Metropolis: %v", err)
	}
}

// Quadrature with a known posterior: examples with inputs of 0 leave the prior, whose lines of equal density are
// circles.
func TestQuadrature(t *testing.T) {
	l := &Logistic{Data{X: mat.NewDense(3, 2, nil), Y: []float64{0, 1, 1}}, 2}
	prior := mat.NewDiagDense(2, []float64{2, 2})
	f := l.Quadrature([]float64{0, 0}, prior, 1, 8, 401)
	mean, covariance := f.Moments()
	if math.Hypot(mean[0], mean[1]) > 1e-10 || RelativeError(covariance, prior) > 1e-8 {
		t.Errorf("mean %v, covariance %v", mean, mat.Formatted(covariance))
	}
	x, y := f.contour(1 - math.Exp(-2)) // the probability within two standard deviations
	for i := range x {
		if r := math.Hypot(x[i], y[i]); math.Abs(r-2*math.Sqrt2) > 0.03 {
			t.Fatalf("contour at a distance of %v, want %v", r, 2*math.Sqrt2)
		}
	}
	marginal := f.marginal()
	if got, want := marginal[200], 1/math.Sqrt(2*math.Pi*2); math.Abs(got-want) > 1e-6 {
		t.Errorf("marginal density at 0: %v, want %v", got, want)
	}
}

// The autocorrelation time of r^k is (1 + r) / (1 - r), and chains measure it.
func TestIntegratedTime(t *testing.T) {
	for _, r := range []float64{0, 0.5, 0.95, -0.4} {
		var rho []float64
		for k := range 1000 {
			rho = append(rho, math.Pow(r, float64(k)))
		}
		if got, want := analysis.IntegratedTime(rho), (1+r)/(1-r); math.Abs(got-want) > 1e-10 {
			t.Errorf("r = %g: %v, want %v", r, got, want)
		}
	}
	if got := analysis.IntegratedTime([]float64{1, 0.5, 0.2, 0.1, 0.3, 0.1, -0.3, 0.1,
		0.9}); math.Abs(got-(2*(1.5+0.3+0.3)-1)) > 1e-12 {
		t.Errorf("noise at long lags: %v", got) // pairs 1.5, 0.3, 0.4 cut to 0.3, then a negative one
	}
	l := linear(12, 2, 1)
	_, modes := solved(t, l)
	s := run(t, l, modes, Langevin{Step: 0.1 / modes.Stiffest(), Temperature: 1},
		Plan{Chains: 8 * Block, Every: 3, Take: 1500})
	for k, h := range modes.Values {
		r := math.Pow(1-0.1*h/modes.Stiffest(), 3)
		if want := (1 + r) / (1 - r); math.Abs(s.Times[k]/want-1) > 0.08 {
			t.Errorf("direction %d: %v vectors, want %v", k, s.Times[k], want)
		}
	}
}

// Moments over blocks against gonum's over all vectors, and the autocorrelation against sums written out.
func TestStatistics(t *testing.T) {
	l := linear(12, 3, 1)
	_, modes := solved(t, l)
	const take = 7
	s := run(t, l, modes, Langevin{Step: 0.3 / modes.Stiffest(), Temperature: 1},
		Plan{Chains: 2 * Block, Take: take, Keep: take})
	if len(s.Kept) != take*2*Block || s.Vectors != len(s.Kept) {
		t.Fatalf("%d vectors, %d kept", s.Vectors, len(s.Kept))
	}
	all := mat.NewDense(len(s.Kept), 3, nil)
	for i, v := range s.Kept {
		all.SetRow(i, v)
	}
	want := mat.NewSymDense(3, nil)
	stat.CovarianceMatrix(want, all, nil)
	if e := RelativeError(s.Covariance, want); e > 1e-12 {
		t.Errorf("covariance off by %g", e)
	}
	for i, v := range s.Mean {
		if w := stat.Mean(mat.Col(nil, i, all), nil); math.Abs(v-w) > 1e-12 {
			t.Errorf("mean %d is %v, want %v", i, v, w)
		}
	}
	// Each block has its own mean.
	for k := range 3 {
		direction := mat.Col(nil, k, modes.Directions)
		var sums [take]float64
		for b := range 2 {
			block := s.Kept[b*take*Block:][:take*Block]
			mean := 0.0
			for _, v := range block {
				mean += dot(direction, v) / float64(len(block))
			}
			for lag := range take {
				for at := range take - lag {
					for c := range Block {
						sums[lag] += (dot(direction, block[at*Block+c]) - mean) * (dot(direction, block[(at+lag)*Block+c]) - mean)
					}
				}
			}
		}
		for lag, v := range sums {
			want := v / float64(take-lag) / (sums[0] / take)
			if got := s.Autocorrelation[k][lag]; math.Abs(got-want) > 1e-10 {
				t.Errorf("direction %d, lag %d: %v, want %v", k, lag, got, want)
			}
		}
	}
}

// The number of threads changes nothing, the seed and the layer do.
func TestThreads(t *testing.T) {
	l := logistic(20, 2, 1)
	_, hessian, err := l.Laplace()
	if err != nil {
		t.Fatal(err)
	}
	modes, err := NewModes(hessian)
	if err != nil {
		t.Fatal(err)
	}
	plan := Plan{Chains: 4 * Block, Every: 2, Take: 20, Keep: 20, Start: []float64{0, 0}, Spread: 1,
		Directions: modes.Directions, Seed: 1, Layer: 1, Threads: 1}
	langevin := Langevin{Step: 0.01, Temperature: 1, Batch: 3}
	sample := func(p Plan) *Sample {
		s, err := langevin.Sample(context.Background(), l, p, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	want := sample(plan)
	for _, threads := range []int{2, 3} {
		p := plan
		p.Threads = threads
		if !reflect.DeepEqual(sample(p), want) {
			t.Errorf("%d threads give a different result than one", threads)
		}
	}
	for _, change := range []func(p *Plan){func(p *Plan) { p.Seed = 2 }, func(p *Plan) { p.Layer = 2 }} {
		p := plan
		change(&p)
		if got := sample(p); reflect.DeepEqual(got.Kept, want.Kept) {
			t.Error("another seed or layer gives the same")
		}
	}
	// Each chain has its own noise: from one start no two of them reach the same point.
	p := plan
	p.Spread = 0
	langevin.Batch = 0 // otherwise the minibatches would suffice
	there := map[[2]float64]bool{}
	for _, v := range sample(p).Kept {
		there[[2]float64(v)] = true
	}
	if len(there) != p.Chains*p.Take {
		t.Errorf("%d chains have been in %d places in %d vectors", p.Chains, len(there), p.Take)
	}
	langevin.Batch = 3
	// Adding chains does not change the first ones.
	p = plan
	p.Chains *= 2
	if got := sample(p); !reflect.DeepEqual(got.Kept[:len(want.Kept)], want.Kept) {
		t.Error("more chains change the first")
	}
}

func TestSampleRefuses(t *testing.T) {
	l := linear(12, 2, 1)
	_, modes := solved(t, l)
	good := Plan{Chains: Block, Every: 1, Take: 10, Start: []float64{0, 0}, Directions: modes.Directions}
	for name, test := range map[string]struct {
		l Langevin
		p func(p *Plan)
	}{
		"a step of 0":                {Langevin{Temperature: 1}, func(*Plan) {}},
		"a temperature below 0":      {Langevin{Step: 1, Temperature: -1}, func(*Plan) {}},
		"Metropolis at 0":            {Langevin{Step: 1, Metropolis: true}, func(*Plan) {}},
		"Metropolis with minibatch":  {Langevin{Step: 1, Temperature: 1, Metropolis: true, Batch: 1}, func(*Plan) {}},
		"chains not in blocks":       {Langevin{Step: 0.01}, func(p *Plan) { p.Chains = 65 }},
		"one vector":                 {Langevin{Step: 0.01}, func(p *Plan) { p.Take = 1 }},
		"more kept than taken":       {Langevin{Step: 0.01}, func(p *Plan) { p.Keep = 11 }},
		"more than memory holds":     {Langevin{Step: 0.01}, func(p *Plan) { p.Take = 1 << 21 }},
		"a start of other dimension": {Langevin{Step: 0.01}, func(p *Plan) { p.Start = []float64{0} }},
	} {
		p := good
		test.p(&p)
		if _, err := test.l.Sample(context.Background(), l, p, nil); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	p := good
	p.Take = 3000
	if _, err := (Langevin{Step: 3 / modes.Stiffest(), Temperature: 1}).Sample(context.Background(), l, p,
		nil); err != ErrDiverged {
		t.Errorf("unstable steps: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Langevin{Step: 0.01}).Sample(ctx, l, good, nil); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}
