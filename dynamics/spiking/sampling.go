package spiking

import (
	"errors"
	"fmt"
	"math"

	"quantal/kernels"
)

// Escape makes a neuron fire at random: in a step of h ms, unless it is refractory, with probability
//
//	p = 1 - exp(-rate h/1000),   rate = Rate exp(V - Threshold + b)
//
// where V is without a unit. V is not reset and moves on in the refractory time, so with a single receptor of Tau 2 ms
// and a neuron's Tau of 20 ms it is the sum of kernels 2/18 (exp(-t/20) - exp(-t/2)), one for each spike times its
// weight. The bias b begins at 0 and brings the rate to Target: in each step
//
//	b <- b + Adapt (Target h/1000 - n)
//
// where n is 1 if the neuron has fired and 0 otherwise.
type Escape struct {
	Rate   float64 // at the threshold, Hz
	Target float64 // Hz
	Adapt  float64 // by how much a spike lowers the bias; 0 for none
}

func (e *Escape) check() error {
	if e != nil && !(finite(e.Rate, e.Target, e.Adapt) && e.Rate > 0 && e.Target >= 0 && e.Adapt >= 0) {
		return fmt.Errorf("escape %+v: want a rate above 0, a target and an adaptation of 0 or more", *e)
	}
	return nil
}

// escape lets neurons of a shard fire at random, and notes how unexpected that was: n - p, 0 if refractory.
func (s *shard[T]) escape(step int, fired []uint16) []uint16 {
	e := s.neuron.Escape
	s.noise.Step = uint32(step)
	var buffer [noiseRow]T
	h := s.step / 1000
	rise := e.Adapt * e.Target * h
	for first := 0; first < s.size; first += noiseRow {
		u := buffer[:min(noiseRow, s.size-first)]
		s.kernels.Uniforms(u, s.noise, (s.first+first)/noiseRow)
		for k, x := range u {
			i := first + k
			s.surprise[i] = 0
			b := s.bias[i]
			s.bias[i] = b + rise
			if s.dead[i] > 0 {
				if s.dead[i]--; s.dead[i] > 0 {
					continue
				}
			}
			p := T(-math.Expm1(-e.Rate * math.Exp(float64(s.v[i]-s.theta)+b) * h))
			s.surprise[i] = -p
			if x < p {
				s.surprise[i] = 1 - p
				s.bias[i] -= e.Adapt
				fired = append(fired, uint16(i))
			}
		}
	}
	return fired
}

// Sampling makes the contacts of a projection sample the connectivity by reward (D. Kappel, R. Legenstein, S.
// Habenschuss, M. Hsieh, W. Maass, eNeuro 5, ENEURO.0301-17.2018). A contact has a parameter theta, and the weight
//
//	w = W0 exp(theta - Theta0) where theta > 0, else 0: the contact is retracted.
//
// Let y be the kernel of the neuron's receptor, summed over the spikes that have arrived from the source: what a weight
// of 1 adds to V. In each step of h ms, before spikes arrive, with n - p of [Escape] and the present Reward,
//
//	e <- exp(-h/TauEligibility) e + w y (n - p)
//	g <- g + (1 - exp(-h/TauGradient)) ((Reward/r + Offset) e - g)
//	r <- r + (1 - exp(-h/TauReward)) (Reward - r)
//
// all from the values before the step but e in g. As w y (n - p) is the derivative by theta of the log probability of
// what the neuron did (to order p), g estimates that of the log of the expected reward; any Offset leaves its mean as
// it is, because that of e is 0. Every so many steps, of dt seconds together,
//
//	theta <- theta + Speed dt ((PriorMean - theta)/PriorSD^2 + Gain g) + sqrt(2 Speed Temperature dt) xi
//
// with Gain g between -Most and Most and theta between Low and High. A contact that is retracted has e = g = 0.
type Sampling struct {
	Start                                  []float64 // theta of each contact
	TauEligibility, TauGradient, TauReward float64   // ms
	Offset                                 float64
	Expected                               float64 // r at the start
	Gain, Most                             float64
	Speed                                  float64 // per s
	Temperature                            float64
	PriorMean, PriorSD                     float64
	W0, Theta0                             float64
	Low, High                              float64
	Every                                  int
}

func (r *Sampling) check(contacts int, to *Neuron) error {
	if r == nil {
		return nil
	}
	switch {
	case to.Escape == nil || to.Conductances || len(to.Receptors) == 0 || to.Receptors[0].Tau == 0:
		return errors.New("sampling: want neurons with currents that fire by escape")
	case len(r.Start) != contacts || !finite(r.Start...):
		return fmt.Errorf("sampling: %d parameters for %d contacts", len(r.Start), contacts)
	case !(r.TauEligibility > 0 && r.TauGradient > 0 && r.TauReward > 0 && r.Expected > 0):
		return errors.New("sampling: want time constants and an expected reward above 0")
	case !finite(r.Offset, r.Gain, r.PriorMean, r.Theta0, r.W0, r.Low, r.High) || !(r.PriorSD > 0 && r.W0 > 0):
		return errors.New("sampling: want numbers, with prior_sd and w0 above 0")
	case !(r.Speed >= 0 && r.Temperature >= 0 && r.Most >= 0) || r.Low >= r.High || r.Every < 1:
		return errors.New("sampling: want a speed, a temperature and a limit of 0 or more, rising bounds, and steps")
	}
	return nil
}

// weight is that of a contact with a parameter.
func (r *Sampling) weight(theta float64) float64 {
	if theta <= 0 {
		return 0
	}
	return r.W0 * math.Exp(theta-r.Theta0)
}

// sampler is the sampling of the contacts of a group.
type sampler[T kernels.Float] struct {
	*Sampling
	theta, e, g         []T
	x, y                []T // of each source: current and potential that a weight of 1 would have made
	decayY              T
	receptor            receptor[T]
	keepE, riseG, riseR T
	expected            T // reward
}

func newSampler[T kernels.Float](m *Model, p *Projection, g *group[T], theta []T) *sampler[T] {
	r, to := p.Sampling, m.Populations[p.To].Neuron
	n := m.Populations[p.From].Size
	keep := func(tau float64) T { return T(math.Exp(-m.Step / tau)) }
	rise := func(tau float64) T { return T(-math.Expm1(-m.Step / tau)) }
	return &sampler[T]{Sampling: r, theta: theta, e: make([]T, len(theta)), g: make([]T, len(theta)), x: make([]T, n),
		y: make([]T, n), decayY: keep(to.Tau), receptor: newReceptor[T](m.Step, to.Tau, to.Receptors[p.Receptor], 0),
		keepE: keep(r.TauEligibility), riseG: rise(r.TauGradient), riseR: rise(r.TauReward),
		expected: T(r.Expected)}
}

// smallest is what a trace is taken for 0 below, so that it does not become a slow denormal number.
const smallest = 1e-30

// step moves the traces by a step.
func (r *sampler[T]) step(g *group[T], surprise []T, reward T) {
	factor := reward/r.expected + T(r.Offset)
	r.expected += r.riseR * (reward - r.expected)
	for j, x := range r.x {
		y := r.decayY*r.y[j] + r.receptor.gain*x
		if x *= r.receptor.decay; x < smallest {
			x = 0
		}
		if y < smallest {
			y = 0
		}
		r.x[j], r.y[j] = x, y
		from, to := g.start[j], g.start[j+1]
		target, w, e, gradient := g.target[from:to], g.w[from:to], r.e[from:to], r.g[from:to]
		w, e, gradient = w[:len(target)], e[:len(target)], gradient[:len(target)]
		for k, i := range target { // also retracted ones: all stays 0, and a choice takes longer
			z := r.keepE*e[k] + w[k]*y*surprise[i]
			e[k] = z
			// With a factor near 1 of the gradient in place of this, float32 would round the time constant.
			gradient[k] += r.riseG * (factor*z - gradient[k])
		}
	}
}

// arrive notes spikes of sources.
func (r *sampler[T]) arrive(spikes []uint32) {
	for _, j := range spikes {
		r.x[j]++
	}
}

// sample moves the parameters of a projection.
func sample[T kernels.Float](m *Model, projection int) func(*Network[T], *shard[T]) {
	r := m.Projections[projection].Sampling
	dt := float64(r.Every) * m.Step / 1000
	speed, noisy := T(r.Speed*dt), T(math.Sqrt(2*r.Speed*r.Temperature*dt))
	precision, most := T(1/(r.PriorSD*r.PriorSD)), T(r.Most)
	return func(n *Network[T], s *shard[T]) {
		s.each(projection, func(g *group[T]) {
			at := noise(m.Seed, sampleNoise, projection, n.step/r.Every-1)
			var xi [noiseRow]T
			for k := range g.w {
				if k%noiseRow == 0 && noisy > 0 {
					kernels.Normals(xi[:], at, (g.firstMoved+k)/noiseRow)
				}
				d := g.sampler
				theta := d.theta[k]
				theta += speed*((T(r.PriorMean)-theta)*precision+min(max(T(r.Gain)*d.g[k], -most), most)) + noisy*xi[k%noiseRow]
				theta = min(max(theta, T(r.Low)), T(r.High))
				d.theta[k], g.w[k] = theta, T(r.weight(float64(theta)))
				if g.w[k] == 0 {
					d.e[k], d.g[k] = 0, 0
				}
			}
		})
	}
}

// Parameters are the thetas of a projection with Sampling, in the order of its Contacts.
func (n *Network[T]) Parameters(projection int) []T {
	return n.gather(projection, func(g *group[T]) []T { return g.sampler.theta })
}

// Gradients are the g of a projection with Sampling.
func (n *Network[T]) Gradients(projection int) []T {
	return n.gather(projection, func(g *group[T]) []T { return g.sampler.g })
}
