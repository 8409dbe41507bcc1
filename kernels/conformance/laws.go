package conformance

import (
	"fmt"
	"math"
	"testing"

	"quantal/graph"
	"quantal/kernels"
)

// laws are costs of every form: of sigma, of mu, of both, with and without a standard part beside them, and with every
// operation. Each is made of c and of other numbers, which members have.
var laws = [][]string{
	{"magnitude = lambda*abs(mu)", "reliability = c*exp(-sigma)"},
	{"magnitude = lambda*abs(mu)", "calcium = c*sigma^-0.5", "trafficking = 0.1*c*sigma^-2"},
	{"reliability = c*(mu^2/sigma^2 + 0.1)^k", "magnitude = lambda*mu^2"},
	{"reliability = c*abs(mu)^(4/3)*sigma^(-2/3)"},
	{"reliability = c*n*mu^2/(mu^2 + n*sigma^2)"},
	{"smooth = c*softplus(-4*sigma)*sigmoid(mu) - c*tanh(sigma - k*mu)", "rest = lambda*log1p(mu^2) + c*expm1(-sigma)/k"},
	{"pieces = c*min(sigma^-1, 4) + lambda*max(abs(mu), k) + select(sigma < 0.2, c*0.04/sigma, c*sigma)*sign(mu + k)",
		"more = c*sqrt(sigma)*(mu <= k) - c*(mu == 2)*log(sigma) + 0.5*c*sigma^2"},
	{"reward = -k*abs(mu)", "reliability = c*sigma^-2"}, // the standard form, with a slope of the other sign
}

func parsed(t testing.TB, texts []string) []graph.Law {
	t.Helper()
	var all []graph.Law
	for _, text := range texts {
		l, err := graph.ParseTerm(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

// slopes are those of the costs of a synapse by central differences, without B/N.
func (r *Reference) slopes(layer int, mu, sigma float64) (overMu, overSigma float64) {
	member := r.at(layer)
	total := func(mu, sigma float64) (sum float64) {
		for _, c := range r.n.Costs {
			in := make([]float64, len(c.Formula.Inputs))
			for i, name := range c.Formula.Inputs {
				switch name {
				case kernels.InputMu:
					in[i] = mu
				case kernels.InputSigma:
					in[i] = sigma
				default:
					in[i], _ = member.Number(name)
				}
			}
			sum += kernels.Eval(c.Formula, in...)[0]
		}
		return sum
	}
	const h = 1e-6
	return (total(mu+h, sigma) - total(mu-h, sigma)) / (2 * h), (total(mu, sigma+h) - total(mu, sigma-h)) / (2 * h)
}

// lawsAgainstFloat64: costs of any form, under the rules that train and under Langevin, whoever shares a sigma.
func lawsAgainstFloat64(t *testing.T, machines []Machine) {
	rules := kernels.Movers()
	for i, law := range laws {
		for sharing := kernels.PerSynapse; sharing < kernels.NoNoise; sharing++ {
			d := Design{Sizes: []int{20, 17, 5}, Sharing: sharing, Activation: kernels.Tanh, Batch: 6, Members: 2, Laws: law}
			rule := rules[(i+int(sharing))%len(rules)]
			t.Run(fmt.Sprintf("%s/%v/%v", rule.Name(), sharing, law), func(t *testing.T) {
				n := d.Network(t).Under(t, rule)
				c := comparison{network: n, count: 3, flaws: flawsOfTraining(n), losses: 1e-5}
				c.on(t, some(machines, i+int(sharing), true))
			})
			if sharing != kernels.PerSynapse && i > 2 {
				continue
			}
			t.Run(fmt.Sprintf("langevin/%v/%v", sharing, law), func(t *testing.T) {
				n := d.Network(t).Fluctuating(t, kernels.Langevin{})
				comparison{network: n, count: 1, losses: 1e-5}.on(t, some(machines, i, true))
			})
		}
	}
	t.Run("without noise", func(t *testing.T) {
		d := Design{Sizes: []int{20, 17, 5}, Sharing: kernels.NoNoise, Activation: kernels.Tanh, Batch: 6, Members: 2,
			Laws: []string{"weights = lambda*mu^2 + c*exp(-k*mu)"}}
		comparison{network: d.Network(t), count: 3, losses: 1e-5}.on(t, machines)
	})
}

// plainLaws: the paper's laws written as formulas against the float64 reference, and against the kernels of their own:
// a step apart by no more than some digits of float32.
func plainLaws(t *testing.T, machines []Machine) {
	for i, rho := range []float64{0.5, 2. / 3, 4. / 3, 2, 0} {
		d := Design{Sizes: []int{20, 17, 5}, Sharing: kernels.Sharing(i % 4), Activation: kernels.ReLU, Batch: 6, Members: 2,
			Rho: rho}
		t.Run(d.String(), func(t *testing.T) {
			own := d.Network(t)
			n := *own
			n.Program = own.Program.Plain()
			comparison{network: &n, count: 10, flaws: flawsOfTraining(own), losses: 1e-5}.on(t, machines)
			for _, m := range machines {
				a, b := own.Open(t, m.Open), n.Open(t, m.Open)
				Run(t, a, 0, 1)
				Run(t, b, 0, 1)
				for member := range n.Members {
					x, y := StateOf(t, a, member), StateOf(t, b, member)
					for what, pair := range map[string][2][]float32{"mu": {x.Mu, y.Mu}, "phi": {x.Phi, y.Phi}} {
						for k, v := range pair[0] {
							const ulps = 4 // of 1: a step of Adam is at most some thousandths, whatever the gradient
							if e := math.Abs(float64(v) - float64(pair[1][k])); e > ulps*0x1p-23*math.Max(1, math.Abs(float64(v))) {
								t.Fatalf("%s: %s is %g with its own kernels, %g as a formula", m.Name, what, v, pair[1][k])
							}
						}
					}
				}
			}
		})
	}
}

// singularLaw: a cost that is no number somewhere ends the network with the step and the layer.
func singularLaw(t *testing.T, m Machine) {
	d := Design{Sizes: []int{20, 17, 5}, Activation: kernels.Tanh, Batch: 6, Laws: []string{"odd = c*log(sigma - 0.06)"}}
	n := d.Network(t)
	n.Members[0].C = 1 // the reference meets no number either
	vm := n.Open(t, m.Open)
	progress, err := vm.Run(t.Context(), 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := kernels.Divergence{Step: 0, Layer: 1, What: "gradient"} // the last layer comes first
	if got := progress[0].Diverged; got == nil || *got != want {
		t.Errorf("got %v, want %v", got, &want)
	}
}
