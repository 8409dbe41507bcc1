package sampling

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"quantal/kernels"
)

// Block is how many chains move together. The parameters theta of a block are Dimension rows of Block values, one for
// each chain: parameter i of chain c is theta[i*Block+c]. Gradients have the same shape.
const Block = 64

// Target is the law that chains sample, p*(theta) proportional to exp(-U(theta)), with U the sum of the negative
// log-likelihoods of all examples and of the negative log-prior.
type Target interface {
	Dimension() int
	Examples() int
	// Potential writes U of each chain of a block, without a constant, into u, which has Block values.
	Potential(u, theta []float64)
	// Gradient writes the gradient of U.
	Gradient(g, theta []float64)
	// MinibatchGradient estimates it: each chain has len(examples)/Block examples, given by their numbers, those of chain
	// 0 first, instead of all N, and counts each N/B times.
	MinibatchGradient(g, theta []float64, examples []int)
}

// Data are the examples of a regression: a row of X for each.
type Data struct {
	X     *mat.Dense
	Y     []float64 // answers; 0 or 1 for Logistic
	Truth []float64 // the parameters that generated them
}

// inputs draws n examples of d inputs each. Each input has mean 0 and variance 1, and correlation^|i-j| between inputs
// i and j.
func inputs(n, d int, correlation float64, noise kernels.Noise) *mat.Dense {
	x := mat.NewDense(n, d, nil)
	fresh := math.Sqrt(1 - correlation*correlation)
	for i := range n {
		row := x.RawRowView(i)
		kernels.Normals(row, noise, i)
		for k := 1; k < d; k++ {
			row[k] = correlation*row[k-1] + fresh*row[k]
		}
	}
	return x
}

// Linear is Bayesian linear regression: y = X theta + noise of variance NoiseVariance, theta ~ Normal(0, PriorVariance
// I).
type Linear struct {
	Data
	NoiseVariance, PriorVariance float64 // the latter +Inf for a flat prior

	precision *mat.SymDense // H = X'X / NoiseVariance + I / PriorVariance
	full      *mat.Dense    // the same
	shift     []float64     // X'y / NoiseVariance
}

// NewLinear prepares the regression on given data.
func NewLinear(data Data, noiseVariance, priorVariance float64) *Linear {
	_, d := data.X.Dims()
	l := &Linear{Data: data, NoiseVariance: noiseVariance, PriorVariance: priorVariance,
		precision: mat.NewSymDense(d, nil)}
	l.precision.SymOuterK(1/noiseVariance, data.X.T())
	for i := range d {
		l.precision.SetSym(i, i, l.precision.At(i, i)+1/priorVariance)
	}
	l.full = mat.DenseCopyOf(l.precision)
	shift := mat.NewVecDense(d, nil)
	shift.MulVec(data.X.T(), mat.NewVecDense(len(data.Y), data.Y))
	shift.ScaleVec(1/noiseVariance, shift)
	l.shift = shift.RawVector().Data
	return l
}

// linearData makes examples from parameters drawn from the prior.
func linearData(n, d int, correlation, noiseVariance, priorVariance float64, seed uint64, layer uint16) Data {
	data := Data{X: inputs(n, d, correlation, at(seed, layer, drawInputs)), Y: make([]float64, n),
		Truth: make([]float64, d)}
	kernels.Normals(data.Truth, at(seed, layer, drawTruth), 0)
	for i := range data.Truth {
		data.Truth[i] *= math.Sqrt(priorVariance)
	}
	kernels.Normals(data.Y, at(seed, layer, drawAnswers), 0)
	for i := range data.Y {
		data.Y[i] = dot(data.X.RawRowView(i), data.Truth) + math.Sqrt(noiseVariance)*data.Y[i]
	}
	return data
}

// Dimension is the number of parameters.
func (l *Linear) Dimension() int { return len(l.shift) }

// Examples is the number of rows of X.
func (l *Linear) Examples() int { return len(l.Y) }

// Potential is ||y - X theta||^2 / (2 NoiseVariance) + ||theta||^2 / (2 PriorVariance).
func (l *Linear) Potential(u, theta []float64) {
	z := make([]float64, len(l.Y)*Block)
	multiply(z, l.X, blas.NoTrans, theta)
	for c := range u {
		u[c] = 0
	}
	for i, y := range l.Y {
		for c := range u {
			r := z[i*Block+c] - y
			u[c] += r * r / (2 * l.NoiseVariance)
		}
	}
	addPrior(u, theta, l.PriorVariance)
}

// Gradient is H theta - X'y / NoiseVariance.
func (l *Linear) Gradient(g, theta []float64) {
	multiply(g, l.full, blas.NoTrans, theta)
	for i, s := range l.shift {
		for c := range Block {
			g[i*Block+c] -= s
		}
	}
}

// MinibatchGradient is N/B sum x (x'theta - y) / NoiseVariance + theta / PriorVariance over a minibatch.
func (l *Linear) MinibatchGradient(g, theta []float64, examples []int) {
	minibatch(g, theta, l.Data, examples, l.PriorVariance, func(z, y float64) float64 { return (z - y) / l.NoiseVariance })
}

// Posterior returns mean and precision of the posterior.
func (l *Linear) Posterior() (mean []float64, precision *mat.SymDense, err error) {
	var factors mat.Cholesky
	if !factors.Factorize(l.precision) {
		return nil, nil,
			fmt.Errorf("sampling: linear regression: %d examples do not determine %d parameters under a flat prior", len(l.Y),
				l.Dimension())
	}
	m := mat.NewVecDense(l.Dimension(), nil)
	if err := factors.SolveVecTo(m, mat.NewVecDense(len(l.shift), l.shift)); err != nil {
		return nil, nil, fmt.Errorf("sampling: linear regression: %w", err)
	}
	return m.RawVector().Data, l.precision, nil
}

// Logistic is Bayesian logistic regression: P(y = 1) = 1 / (1 + exp(-x'theta)), theta ~ Normal(0, PriorVariance I).
type Logistic struct {
	Data
	PriorVariance float64
}

// logisticData makes examples from parameters drawn from the prior.
func logisticData(n, d int, correlation, priorVariance float64, seed uint64, layer uint16) Data {
	data := Data{X: inputs(n, d, correlation, at(seed, layer, drawInputs)), Y: make([]float64, n),
		Truth: make([]float64, d)}
	kernels.Normals(data.Truth, at(seed, layer, drawTruth), 0)
	for i := range data.Truth {
		data.Truth[i] *= math.Sqrt(priorVariance)
	}
	kernels.Uniforms(data.Y, at(seed, layer, drawAnswers), 0)
	for i, u := range data.Y {
		data.Y[i] = 0
		if u < sigmoid(dot(data.X.RawRowView(i), data.Truth)) {
			data.Y[i] = 1
		}
	}
	return data
}

// Dimension is the number of parameters.
func (l *Logistic) Dimension() int {
	_, d := l.X.Dims()
	return d
}

// Examples is the number of rows of X.
func (l *Logistic) Examples() int { return len(l.Y) }

// Potential is sum log(1 + exp(z)) - y z + ||theta||^2 / (2 PriorVariance), z = x'theta.
func (l *Logistic) Potential(u, theta []float64) {
	z := make([]float64, len(l.Y)*Block)
	multiply(z, l.X, blas.NoTrans, theta)
	for c := range u {
		u[c] = 0
	}
	for i, y := range l.Y {
		for c := range u {
			u[c] += logOnePlusExp(z[i*Block+c]) - y*z[i*Block+c]
		}
	}
	addPrior(u, theta, l.PriorVariance)
}

// Gradient is X'(p - y) + theta / PriorVariance, p = P(y = 1).
func (l *Logistic) Gradient(g, theta []float64) {
	z := make([]float64, len(l.Y)*Block)
	multiply(z, l.X, blas.NoTrans, theta)
	for i, y := range l.Y {
		row := z[i*Block : (i+1)*Block]
		for c, v := range row {
			row[c] = sigmoid(v) - y
		}
	}
	multiply(g, l.X, blas.Trans, z)
	for i, v := range theta {
		g[i] += v / l.PriorVariance
	}
}

// MinibatchGradient is N/B sum x (p - y) + theta / PriorVariance over a minibatch.
func (l *Logistic) MinibatchGradient(g, theta []float64, examples []int) {
	minibatch(g, theta, l.Data, examples, l.PriorVariance, func(z, y float64) float64 { return sigmoid(z) - y })
}

// minibatch writes N/B sum x slope(x'theta, y) + theta / priorVariance over the examples of each chain.
func minibatch(g, theta []float64, data Data, examples []int, priorVariance float64, slope func(z, y float64) float64) {
	d := len(theta) / Block
	scale := float64(len(data.Y)) * Block / float64(len(examples))
	for i, v := range theta {
		g[i] = v / priorVariance
	}
	batch := len(examples) / Block
	for c := range Block {
		for _, e := range examples[c*batch : (c+1)*batch] {
			x, z := data.X.RawRowView(e), 0.0
			for i := range d {
				z += x[i] * theta[i*Block+c]
			}
			s := scale * slope(z, data.Y[e])
			for i := range d {
				g[i*Block+c] += x[i] * s
			}
		}
	}
}

func addPrior(u, theta []float64, variance float64) {
	for i, v := range theta {
		u[i%Block] += v * v / (2 * variance)
	}
}

// multiply writes A b into out for a block b, or A'b.
func multiply(out []float64, a *mat.Dense, transpose blas.Transpose, b []float64) {
	block := func(data []float64) blas64.General {
		return blas64.General{Rows: len(data) / Block, Cols: Block, Stride: Block, Data: data}
	}
	blas64.Gemm(transpose, blas.NoTrans, 1, a.RawMatrix(), block(b), 0, block(out))
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// logOnePlusExp is ln(1 + e^z), even where e^z is not finite.
func logOnePlusExp(z float64) float64 { return max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) }
