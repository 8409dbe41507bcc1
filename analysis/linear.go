package analysis

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"quantal/synapse"
)

// Linear is a generalised linear model after its link (Malkin et al. 2024, Appendix 2): targets v_a = x_a.w + noise.
// The last weight is a bias, whose input is 1 in every example, as the bias of a neuron is a synapse like any other.
type Linear struct {
	X             [][]float64 // examples x inputs, without the bias; there may be no inputs
	V             []float64   // the targets, f(y_a)
	NoiseVariance float64     // epsilon^2
}

// Weights are independent Gaussians, one per weight, the bias last: the result of optimised noise or variational Bayes.
type Weights struct {
	Mu    []float64 `json:"mu"`
	Sigma []float64 `json:"sigma"`
}

// Check reports an error in the model.
func (l Linear) Check() error {
	if len(l.X) == 0 || len(l.X) != len(l.V) {
		return fmt.Errorf("analysis: linear model: %d examples with %d targets: want one target for each of at least "+
			"one example",
			len(l.X), len(l.V))
	}
	for a, x := range l.X {
		if len(x) != len(l.X[0]) {
			return fmt.Errorf("analysis: linear model: example %d has %d inputs, the first has %d", a, len(x), len(l.X[0]))
		}
	}
	if !(l.NoiseVariance > 0) || math.IsInf(l.NoiseVariance, 0) {
		return fmt.Errorf("analysis: linear model: noise variance %g: want a number above 0", l.NoiseVariance)
	}
	return nil
}

// Weights is the number of weights, the bias included.
func (l Linear) Weights() int { return len(l.X[0]) + 1 }

// input is the i-th input of example a, the bias last.
func (l Linear) input(a, i int) float64 {
	if i == len(l.X[a]) {
		return 1
	}
	return l.X[a][i]
}

// correlation is A = sum_a x_a x_a^T.
func (l Linear) correlation() *mat.SymDense {
	n := l.Weights()
	m := mat.NewSymDense(n, nil)
	for a := range l.X {
		for i := range n {
			for j := i; j < n; j++ {
				m.SetSym(i, j, m.At(i, j)+l.input(a, i)*l.input(a, j))
			}
		}
	}
	return m
}

// Hessian is A / epsilon^2 (Eq. 27), the Hessian of the performance cost, and the inverse covariance of the posterior
// under a flat prior.
func (l Linear) Hessian() *mat.SymDense {
	h := l.correlation()
	h.ScaleSym(1/l.NoiseVariance, h)
	return h
}

// Posterior is the Gaussian posterior of the weights under a flat prior: mean A^-1 c, covariance epsilon^2 A^-1, as a
// lower triangular factor of it. It fails if the examples do not determine the weights.
func (l Linear) Posterior() (mean []float64, factor *mat.TriDense, err error) {
	if err := l.Check(); err != nil {
		return nil, nil, err
	}
	n := l.Weights()
	var chol, inverse mat.Cholesky
	if ok := chol.Factorize(l.correlation()); !ok || chol.Cond() > 1e12 {
		return nil, nil, errors.New("analysis: linear model: the examples do not determine the weights")
	}
	c := mat.NewVecDense(n, nil)
	for a, v := range l.V {
		for i := range n {
			c.SetVec(i, c.AtVec(i)+v*l.input(a, i))
		}
	}
	mu := mat.NewVecDense(n, nil)
	if err := chol.SolveVecTo(mu, c); err != nil {
		return nil, nil, fmt.Errorf("analysis: linear model: %w", err)
	}
	var covariance mat.SymDense
	if err := chol.InverseTo(&covariance); err != nil {
		return nil, nil, fmt.Errorf("analysis: linear model: %w", err)
	}
	covariance.ScaleSym(l.NoiseVariance, &covariance)
	if !inverse.Factorize(&covariance) {
		return nil, nil, errors.New("analysis: linear model: the covariance of the weights is not positive")
	}
	factor = mat.NewTriDense(n, mat.Lower, nil)
	inverse.LTo(factor)
	return mu.RawVector().Data, factor, nil
}

// Solve returns the weights that minimise performance and reliability cost (Eq. 22): the means are those of least
// squares, mu = A^-1 c (Eq. 26 without its stray 1/epsilon^2), and sigma_i^(rho+2) = c rho epsilon^2 / A_ii (Eq. 31,
// with s^rho = c rho; c in the entropic limit). There is no magnitude cost.
func (l Linear) Solve(c float64, rho synapse.Power) (Weights, error) {
	mean, _, err := l.Posterior()
	if err != nil {
		return Weights{}, err
	}
	w := Weights{Mu: mean, Sigma: make([]float64, len(mean))}
	h := l.Hessian()
	for i := range w.Sigma {
		w.Sigma[i] = synapse.OptimalSigma(c, rho, h.At(i, i))
	}
	return w, nil
}

// ExpectedNLL is the expectation of -log P(v | w, x) over the weights, in nats, summed over the examples:
//
//	n/2 log(2 pi epsilon^2) + 1/(2 epsilon^2) sum_a ( (v_a - x_a.mu)^2 + sum_i x_ai^2 sigma_i^2 )
//
// which is Eq. 24 with sigma_i^2 on the diagonal of Sigma, where the paper prints sigma_i.
func (l Linear) ExpectedNLL(w Weights) float64 {
	sum := 0.0
	for a, v := range l.V {
		e := v
		for i, mu := range w.Mu {
			x := l.input(a, i)
			e -= x * mu
			sum += x * x * w.Sigma[i] * w.Sigma[i]
		}
		sum += e * e
	}
	return float64(len(l.V))/2*math.Log(2*math.Pi*l.NoiseVariance) + sum/(2*l.NoiseVariance)
}
