package analysis

import (
	"context"
	"fmt"
	"math"
	"runtime"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// potential is minus the logarithm of a density, up to a constant; it also writes its gradient.
type potential func(w, gradient []float64) float64

// ChainPlan says how Hamiltonian chains go (S. Duane et al., Phys. Lett. B 195, 216, 1987; R. Neal, Handbook of Markov
// Chain Monte Carlo, 2011, chapter 5): each iteration draws a momentum for every weight, follows the equations of
// motion by leapfrog steps and accepts where it ends by the change of energy, so that the chain has the density itself
// as its stationary law, for any length of step.
type ChainPlan struct {
	Chains   int `json:"chains"`
	Warmup   int `json:"warmup"` // iterations that adapt the length of a step, and are left out
	Draws    int `json:"draws"`  // iterations after that, of each chain
	Leapfrog int `json:"leapfrog"`
}

// ChainQuality is what speaks for chains having reached their law.
type ChainQuality struct {
	ChainPlan
	Accepted  float64 `json:"accepted"`  // share of the iterations
	Step      float64 `json:"step"`      // length of a leapfrog step, mean over chains
	RHat      float64 `json:"r_hat"`     // the largest of the quantities
	Effective float64 `json:"effective"` // the fewest independent draws that are worth as much as those of a quantity
}

// String is the quality as text. Above an R-hat of 1.05 it says that the chains are too short.
func (q ChainQuality) String() string {
	text := fmt.Sprintf("%d chains of %d draws after %d iterations of warmup, %d leapfrog steps of %.3g each, %.0f %% "+
		"accepted; R-hat at most %.3f, at least %.0f effective draws", q.Chains, q.Draws, q.Warmup, q.Leapfrog, q.Step,
		100*q.Accepted, q.RHat, q.Effective)
	if !(q.RHat <= 1.05) {
		text += "; the chains are too short, for they still differ"
	}
	return text
}

// judge fills in R-hat and the effective number of draws, the worst over quantities: chains x draws of each.
func (q *ChainQuality) judge(quantities ...[][]float64) {
	q.RHat, q.Effective = 0, math.Inf(1)
	for _, chains := range quantities {
		q.RHat = max(q.RHat, RHat(chains))
		q.Effective = min(q.Effective, EffectiveDraws(chains))
	}
}

// run runs a chain from each start, in parallel, and returns its draws: chains x draws x weights.
func (p ChainPlan) run(ctx context.Context, u potential, starts [][]float64, seed uint64) ([][][]float64, ChainQuality,
	error) {
	draws := make([][][]float64, p.Chains)
	accepted, steps := make([]float64, p.Chains), make([]float64, p.Chains)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for c := range p.Chains {
		group.Go(func() error {
			var err error
			draws[c], accepted[c], steps[c], err = p.chain(ctx, u, starts[c], seed, c)
			return err
		})
	}
	err := group.Wait()
	return draws, ChainQuality{ChainPlan: p, Accepted: stat.Mean(accepted, nil), Step: stat.Mean(steps, nil)}, err
}

// chain runs one. In the warmup the step follows the acceptance towards 0.8 by dual averaging (M. Hoffman and A.
// Gelman, J. Mach. Learn. Res. 15, 1593, 2014, section 3.2, with their constants); afterwards it is held, but for a
// factor between 0.8 and 1.2 in each iteration, against orbits that close.
func (p ChainPlan) chain(ctx context.Context, u potential, start []float64, seed uint64, chain int) (draws [][]float64,
	accepted, step float64, err error) {
	const wanted, gamma, t0, kappa, first = 0.8, 0.05, 10, 0.75, 1e-3
	from := noise(seed, forChains)
	from.Layer = uint16(chain)
	n := len(start)
	w, g := append([]float64{}, start...), make([]float64, n)
	at, slope := make([]float64, n), make([]float64, n)
	energy := u(w, g)
	step = first
	distance, average := 0., 0.
	for i := range p.Warmup + p.Draws {
		if err := ctx.Err(); err != nil {
			return nil, 0, 0, err
		}
		from.Step = uint32(i)
		momentum, random := normals(n, from, 0), uniforms(2, from, 100)
		eps := step * (0.8 + 0.4*random[0])
		copy(at, w)
		copy(slope, g)
		before := energy + floats.Dot(momentum, momentum)/2
		after := energy
		floats.AddScaled(momentum, -eps/2, slope)
		for k := range p.Leapfrog {
			floats.AddScaled(at, eps, momentum)
			after = u(at, slope)
			if k == p.Leapfrog-1 {
				floats.AddScaled(momentum, -eps/2, slope)
			} else {
				floats.AddScaled(momentum, -eps, slope)
			}
		}
		chance := math.Exp(min(0, before-after-floats.Dot(momentum, momentum)/2))
		if math.IsNaN(chance) {
			chance = 0
		}
		if random[1] < chance {
			energy = after
			w, at, g, slope = at, w, slope, g
			if i >= p.Warmup {
				accepted += 1 / float64(p.Draws)
			}
		}
		if i < p.Warmup {
			t := float64(i + 1)
			distance += (wanted - chance - distance) / (t + t0)
			log := math.Log(10*first) - math.Sqrt(t)/gamma*distance
			weight := math.Pow(t, -kappa)
			average += weight * (log - average)
			if step = math.Exp(log); i == p.Warmup-1 {
				step = math.Exp(average)
			}
			continue
		}
		draws = append(draws, append([]float64{}, w...))
	}
	return draws, accepted, step, nil
}

// halves are the first and the second half of each chain, of one length.
func halves(chains [][]float64) (list [][]float64) {
	for _, c := range chains {
		n := len(c) / 2
		list = append(list, c[:n], c[len(c)-n:])
	}
	return list
}

// spread is the variance within chains, and the one over all that the chains between them suggest (A. Gelman et al.,
// Bayesian Data Analysis, 3rd edition, 2013, Eq. 11.2 and 11.3).
func spread(chains [][]float64) (within, over float64) {
	var means []float64
	n := float64(len(chains[0]))
	for _, c := range chains {
		mean, variance := stat.MeanVariance(c, nil)
		means, within = append(means, mean), within+variance/float64(len(chains))
	}
	return within, (n-1)/n*within + stat.Variance(means, nil)
}

// RHat is the potential scale reduction of a quantity in halves of chains (Gelman et al. 2013, Eq. 11.4): near 1 where
// all have the same law, and larger where they still differ.
func RHat(chains [][]float64) float64 {
	within, over := spread(halves(chains))
	return math.Sqrt(over / within)
}

// EffectiveDraws is how many independent draws would give the mean of a quantity as well as these (Gelman et al. 2013,
// Eq. 11.7 and 11.8): halves of chains that differ lower it, too.
func EffectiveDraws(chains [][]float64) float64 {
	chains = halves(chains)
	within, over := spread(chains)
	n := len(chains[0])
	rho := make([]float64, n)
	for _, c := range chains {
		mean := stat.Mean(c, nil)
		for lag := range rho {
			sum := 0.
			for t := range n - lag {
				sum += (c[t] - mean) * (c[t+lag] - mean)
			}
			rho[lag] += sum / float64(n) / float64(len(chains))
		}
	}
	for lag := range rho {
		rho[lag] = 1 - (within-rho[lag])/over
	}
	rho[0] = 1
	return float64(n*len(chains)) / IntegratedTime(rho)
}

// IntegratedTime is 1 + 2 sum rho_k over lags k = 1, 2, ..., for the autocorrelation rho of a reversible chain, whose
// mean over n values has a variance that many times that over n independent ones. The sum ends by the initial monotone
// sequence of C. J. Geyer (Stat. Sci. 7, 473, 1992, section 3.3): the sums of neighbours rho_2k + rho_2k+1 are positive
// and fall, and are treated as noise from the point where they do not.
func IntegratedTime(rho []float64) float64 {
	sum, last := 0.0, 2.0
	for k := 0; k+1 < len(rho); k += 2 {
		pair := rho[k] + rho[k+1]
		if pair <= 0 {
			break
		}
		last = min(last, pair)
		sum += last
	}
	return 2*sum - rho[0]
}
