package analysis

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quantal/synapse"
)

// objective is performance and reliability cost, from the definition: for the performance, every example's expected
// squared error from the moments of w.x.
func objective(l Linear, w Weights, c float64, rho synapse.Power) float64 {
	sum := 0.0
	for a, v := range l.V {
		mean, variance := 0.0, 0.0
		for i := range w.Mu {
			x := 1.0
			if i < len(l.X[a]) {
				x = l.X[a][i]
			}
			mean += w.Mu[i] * x
			variance += w.Sigma[i] * w.Sigma[i] * x * x
		}
		sum += ((v-mean)*(v-mean) + variance) / (2 * l.NoiseVariance)
		sum += math.Log(2*math.Pi*l.NoiseVariance) / 2
	}
	for _, s := range w.Sigma {
		if rho.Entropic() {
			sum -= c * math.Log(s)
		} else {
			sum += c * math.Pow(s, -float64(rho))
		}
	}
	return sum
}

// The solution in closed form is the minimum: no gradient along any mean or any ln sigma, and a larger cost around it.
func TestSolveIsTheMinimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLinear(t, rapid.IntRange(0, 5).Draw(t, "inputs"))
		c := math.Exp(rapid.Float64Range(-6, 2).Draw(t, "ln c"))
		rho := rapid.SampledFrom([]synapse.Power{synapse.Entropic, 0.5, 2. / 3, 4. / 3, 2}).Draw(t, "rho")
		w, err := l.Solve(c, rho)
		if err != nil {
			t.Fatal(err)
		}
		best := objective(l, w, c, rho)
		for i := range w.Mu {
			for _, p := range []*float64{&w.Mu[i], &w.Sigma[i]} {
				const step = 1e-3
				at := *p
				scale := w.Sigma[i] // a mean's own scale is its posterior's
				*p = at + step*scale
				above := objective(l, w, c, rho)
				*p = at - step*scale
				below := objective(l, w, c, rho)
				*p = at
				curvature := above + below - 2*best
				if gradient := above - below; curvature <= 0 || math.Abs(gradient) > 0.02*curvature+1e-9*math.Abs(best) {
					t.Fatalf("parameter %d: the objective is %v, %v below, %v above: not a minimum", i, best, below, above)
				}
			}
		}
		if got := l.ExpectedNLL(w); !near(got, objective(l, w, 0, 1), 1e-9) {
			t.Fatalf("expected NLL %v, from the definition %v", got, objective(l, w, 0, 1))
		}
	})
}

// Eq. 33 with its middle corrected: for rho = 2, sigma^2 = s H^-1/2 = s epsilon (sum x^2)^-1/2.
func TestSolveForRhoTwo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLinear(t, 3)
		s := math.Exp(rapid.Float64Range(-5, 1).Draw(t, "ln s"))
		w, err := l.Solve(synapse.Multiplier(s, 2), 2)
		if err != nil {
			t.Fatal(err)
		}
		for i := range w.Sigma {
			sum := 0.0
			for _, x := range l.X {
				v := 1.0
				if i < len(x) {
					v = x[i]
				}
				sum += v * v
			}
			if want := s * math.Sqrt(l.NoiseVariance) / math.Sqrt(sum); !near(w.Sigma[i]*w.Sigma[i], want, 1e-9) {
				t.Fatalf("sigma^2 %v, want %v", w.Sigma[i]*w.Sigma[i], want)
			}
		}
	})
}

// The entropic limit with c = 1 is mean-field variational Bayes: its variances are those of each weight given the
// others, 1/H_ii.
func TestEntropicSigmaIsTheConditionalPosterior(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLinear(t, rapid.IntRange(1, 4).Draw(t, "inputs"))
		w, err := l.Solve(1, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, factor, err := l.Posterior()
		if err != nil {
			t.Fatal(err)
		}
		n := len(w.Mu)
		// The last weight given the others has the square of the factor's last diagonal entry as variance.
		if last := factor.At(n-1, n-1); !near(w.Sigma[n-1], last, 1e-6) {
			t.Fatalf("sigma of the last weight %v, conditional posterior %v", w.Sigma[n-1], last)
		}
		for i := range n {
			marginal := 0.0
			for j := range n {
				marginal += factor.At(i, j) * factor.At(i, j)
			}
			if w.Sigma[i]*w.Sigma[i] > marginal*(1+1e-9) {
				t.Fatalf("weight %d: conditional variance %v above the marginal one, %v", i, w.Sigma[i]*w.Sigma[i], marginal)
			}
		}
	})
}

func TestLinearRefuses(t *testing.T) {
	for _, c := range []struct {
		l    Linear
		want string
	}{
		{Linear{NoiseVariance: 1}, "want one target for each"},
		{Linear{X: [][]float64{{1}, {1, 2}}, V: []float64{1, 2}, NoiseVariance: 1}, "example 1 has 2 inputs"},
		{Linear{X: [][]float64{{1}}, V: []float64{1}}, "noise variance 0"},
		{Linear{X: [][]float64{{1}, {1}, {1}}, V: []float64{1, 2, 3}, NoiseVariance: 1}, "do not determine"},
	} {
		if _, err := c.l.Solve(1, 2); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.l, err, c.want)
		}
	}
}
