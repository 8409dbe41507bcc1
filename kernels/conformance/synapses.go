package conformance

import (
	"math"
	"slices"
	"testing"

	"quantal/graph"
	"quantal/kernels"
)

// quantal is the kind of synapse that learns the number n of its vesicles, the probability p of their release, and the
// size q of their effect.
func quantal(t testing.TB) *graph.Synapse {
	t.Helper()
	s, err := graph.ParseSynapse("quantal", "n*p*q", "sqrt(n*p*(1 - p))*abs(q)", "n = softplus(n_raw)",
		"p = sigmoid(p_raw)", "q = q")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// quantalMoments are those of a weight, written from Malkin et al. 2024, Eq. 8 and 9.
func quantalMoments(theta [3]float64) (mu, sigma float64) {
	n, p, q := softplus(theta[0]), logistic(theta[1]), theta[2]
	return n * p * q, math.Sqrt(n * p * (1 - p) * q * q)
}

// kinked reports whether a synapse is so near to a mean of 0 that a step may have taken it to the other side.
func (r *Reference) kinked(l, row, k int) bool {
	return math.Abs(r.theta[2][l][row][k]) < 20*r.at(l).LearningRate
}

// trainQuantal moves n, p and q, by differences of what a synapse adds to the objective: the likelihood, whose slopes
// over mu and sigma are dW and dsigma, and its costs.
func (r *Reference) trainQuantal(step int, dw, dsigma [][][]float64, fraction, times float64,
	follow func(a *moments, lr, g float64) float64) {
	r.each(dw, func(l, row, k int, g float64) {
		var theta [3]float64
		for i := range theta {
			theta[i] = r.theta[i][l][row][k]
		}
		member := r.at(l)
		total := func(theta [3]float64) float64 {
			mu, sigma := quantalMoments(theta)
			if r.flaw == "the noise of p missing" {
				_, sigma = quantalMoments([3]float64{theta[0], r.theta[1][l][row][k], theta[2]})
			}
			sum := 0.0
			for _, c := range r.n.Costs {
				sum += kernels.Eval(c.Formula, r.quantities(c, member, theta, mu, sigma)...)[0]
			}
			return g*mu + dsigma[l][row][k]*sigma + fraction*r.paid(l)*times*sum
		}
		lr := member.LearningRate * r.scheduled(step)
		for i := range theta {
			const h = 1e-5
			at := func(by float64) float64 {
				moved := theta
				moved[i] += by
				return total(moved)
			}
			slope := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
			size := math.Abs(g) + math.Abs(dsigma[l][row][k]) + math.Abs(slope)
			moved := theta[i] - follow(&r.ofTheta[i][l][row][k], lr, r.round(slope, 8*size))
			r.theta[i][l][row][k] = r.stored(moved)
		}
		for i := range theta {
			theta[i] = r.theta[i][l][row][k]
		}
		mu, sigma := quantalMoments(theta)
		phi := math.Log(math.Expm1(sigma))
		r.mu[l][row][k] = r.stored(r.round(mu, 4*mu))
		r.phi[r.group(l, row, k)] = r.stored(r.round(phi, 8+math.Abs(phi)))
	})
}

// quantities are what a cost reads of a synapse and of a member.
func (r *Reference) quantities(c graph.Law, m kernels.Member, theta [3]float64, mu, sigma float64) (in []float64) {
	for _, name := range c.Formula.Inputs {
		switch name {
		case kernels.InputMu:
			in = append(in, mu)
		case kernels.InputSigma:
			in = append(in, sigma)
		case "n":
			in = append(in, softplus(theta[0]))
		case "p":
			in = append(in, logistic(theta[1]))
		case "q":
			in = append(in, theta[2])
		default:
			v, _ := m.Number(name)
			in = append(in, v)
		}
	}
	return in
}

// quantalSynapses: synapses that learn n, p and q, and pay for what they are made of, for mu and sigma, or for both,
// under every rule.
func quantalSynapses(t *testing.T, machines []Machine) {
	for i, costs := range [][]string{
		{"magnitude = lambda*abs(mu)", "trafficking = c*n*p"},
		{"calcium = c*(p/(1 - p))^(1/4)", "membrane = k*n*abs(q)^(2/3)", "actin = c*n*abs(q)^(1/3)"},
		{"magnitude = lambda*abs(mu)", "reliability = 0.01*c*sigma^-1 + k*n"},
		{},
	} {
		for j, rule := range kernels.Movers() {
			d := Design{Sizes: []int{20, 17, 5}, Activation: kernels.Tanh, Batch: 6, Members: 2, Laws: costs, Quantal: true,
				Likelihood: kernels.Likelihood((i + j) % 2)}
			t.Run(rule.Name()+"/"+d.String(), func(t *testing.T) {
				n := d.Network(t).Under(t, rule)
				flaws := []string{"xi = 0", "a wrong counter", "the noise of p missing"}
				if len(costs) > 0 {
					flaws = append(flaws, "B/N missing", "a cost counted twice")
				}
				c := comparison{network: n, count: 4, flaws: flaws, losses: 1e-5, after: func(t *testing.T, vm kernels.VM) {
					s := StateOf(t, vm, 0)
					n.checkPads(t, slices.Concat(s.Fields()[:1], s.Fields()[2:])...) // phi starts with some there
				}}
				c.on(t, some(machines, i+j, true))
			})
		}
	}
}
