package balance

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/integrate/quad"
)

// The populations, and the first index of what is of pairs of them: [to][from].
const (
	excitatory = iota
	inhibitory
	populations
)

// siegert is the rate in Hz of a leaky integrate-and-fire neuron with a mean input mu and white noise of standard
// deviation sigma, both in mV relative to rest (A. J. F. Siegert 1951; N. Brunel, J. Comput. Neurosci. 8, 183, 2000):
//
//	1/rate = refractory + tau sqrt(pi) int_{(reset-mu)/sigma}^{(threshold-mu)/sigma} exp(x^2) (1 + erf x) dx
//
// sigma is that of Brunel: tau dV/dt = mu - V + sigma sqrt(tau) eta, so V alone would vary by sigma / sqrt 2.
func (c Config) siegert(population int, mu, sigma float64) float64 {
	low, high := (c.Reset-mu)/sigma, (c.Threshold-mu)/sigma
	if high > 20 {
		return 0 // exp(-400)
	}
	pieces := int(math.Ceil(high-low)) + 1
	sum, width := 0., (high-low)/float64(pieces)
	for k := range pieces {
		from := low + float64(k)*width
		sum += quad.Fixed(passage, from, from+width, 12, nil, 0)
	}
	return 1000 / (c.Refractory + c.Tau[population]*math.Sqrt(math.Pi)*sum)
}

// passage is exp(x^2) (1 + erf x), without overflow or cancellation at large negative x, where the asymptotic series of
// erfc holds (Abramowitz and Stegun 7.1.23).
func passage(x float64) float64 {
	if x > -6 {
		return math.Exp(x*x) * math.Erfc(-x)
	}
	y := 1 / (2 * x * x)
	return -1 / (x * math.Sqrt(math.Pi)) * (1 - y*(1-3*y*(1-5*y*(1-7*y))))
}

// transfer is siegert as a table over mu, at one sigma.
type transfer struct {
	low, step float64
	rate      []float64
}

func (c Config) newTransfer(population int, sigma float64) transfer {
	const cells = 1500
	t := transfer{low: c.Threshold - 12*sigma, rate: make([]float64, cells+1)}
	t.step = 24 * sigma / cells
	for i := range t.rate {
		t.rate[i] = c.siegert(population, t.low+float64(i)*t.step, sigma)
	}
	return t
}

func (t transfer) at(mu float64) float64 {
	x := (mu - t.low) / t.step
	i := min(max(int(x), 0), len(t.rate)-2)
	return max(t.rate[i]+(x-float64(i))*(t.rate[i+1]-t.rate[i]), 0)
}

// Theory is the mean-field theory of the network; see the package.
type Theory struct {
	Drive    [populations]float64              // constant input, mV
	Mean     [populations]float64              // rates, Hz
	Second   [populations]float64              // mean squares of the rates
	Input    [populations]float64              // mean input u, mV
	Noise    [populations]float64              // sigma, mV
	Quenched [populations]float64              // Delta, the standard deviation of the mean input over neurons, mV
	Share    [populations][populations]float64 // of Delta^2, [to][from]
	rates    [populations]transfer
}

// nodes and weights of the Gauss-Hermite rule for the mean over a standard normal.
var nodes, weights = func() (x, w []float64) {
	const n = 60
	x, w = make([]float64, n), make([]float64, n)
	quad.Hermite{}.FixedLocations(x, w, math.Inf(-1), math.Inf(1))
	for i := range x {
		w[i] /= math.Sqrt(math.Pi)
		x[i] *= math.Sqrt2
	}
	return x, w
}()

// over is the mean of f over a standard normal.
func over(f func(z float64) float64) (sum float64) {
	for i, z := range nodes {
		sum += weights[i] * f(z)
	}
	return sum
}

// newTheory finds the constant inputs at which the populations have the mean rates of the configuration.
func (c Config) newTheory() (*Theory, error) {
	t := &Theory{Mean: [populations]float64(c.Rates)}
	for a := range populations {
		variance := sq(c.External)
		for b := range populations {
			// Rates are in Hz, times in ms.
			variance += c.Tau[a] / 1000 * float64(c.Contacts) * sq(c.efficacy(a, b)) * t.Mean[b]
		}
		t.Noise[a] = math.Sqrt(variance)
		t.rates[a] = c.newTransfer(a, t.Noise[a])
		t.Second[a] = sq(t.Mean[a])
	}
	for range 500 {
		before := t.Second
		for a := range populations {
			variance := 0.
			for b := range populations {
				t.Share[a][b] = sq(c.Tau[a]/1000*c.efficacy(a, b)) * float64(c.Contacts) * (1 - c.connection(b)) *
					t.Second[b]
				variance += t.Share[a][b]
			}
			for b := range populations {
				t.Share[a][b] /= variance
			}
			t.Quenched[a] = math.Sqrt(variance)
			// The mean rate rises with the mean input: bisection.
			low, high := c.Threshold-12*(t.Noise[a]+t.Quenched[a]), c.Threshold+12*(t.Noise[a]+t.Quenched[a])
			mean := 0.
			for range 60 {
				t.Input[a] = (low + high) / 2
				if mean = over(func(z float64) float64 { return t.rate(a, z) }); mean < t.Mean[a] {
					low = t.Input[a]
				} else {
					high = t.Input[a]
				}
			}
			if math.Abs(mean/t.Mean[a]-1) > 1e-6 {
				return nil, fmt.Errorf("rates %g,%g: neurons cannot fire as much", c.Rates[excitatory], c.Rates[inhibitory])
			}
		}
		change := 0. // of the mean squares
		for a := range populations {
			second := over(func(z float64) float64 { return sq(t.rate(a, z)) })
			t.Second[a] = (t.Second[a] + second) / 2
			change = max(change, math.Abs(t.Second[a]/before[a]-1))
		}
		if change < 1e-10 {
			for a := range populations {
				t.Drive[a] = t.Input[a] - c.Tau[a]/1000*float64(c.Contacts)*(c.efficacy(a, excitatory)*
					t.Mean[excitatory]+c.efficacy(a, inhibitory)*t.Mean[inhibitory])
				rate := c.externalRate(a)
				t.Drive[a] -= c.Tau[a] / 1000 * rate * externalJump
			}
			return t, nil
		}
	}
	return nil, fmt.Errorf("rates %g,%g: mean-field theory has no solution", c.Rates[excitatory], c.Rates[inhibitory])
}

// rate is that of a neuron whose mean input is z standard deviations above the mean of its population.
func (t *Theory) rate(population int, z float64) float64 {
	return t.rates[population].at(t.Input[population] + t.Quenched[population]*z)
}

// product is the mean product of a neuron's rates before and after, if the correlation of its inputs is q.
func (t *Theory) product(population int, q float64) float64 {
	shared, own := math.Sqrt(max(q, 0)), math.Sqrt(max(1-q, 0))
	return over(func(z float64) float64 {
		return sq(over(func(x float64) float64 { return t.rate(population, shared*z+own*x) }))
	})
}

// Kept is which part of the contacts from a population onto another is kept: the correlation of old and new ones,
// [to][from].
type Kept [populations][populations]float64

// allKept is without a change.
var allKept = Kept{{1, 1}, {1, 1}}

// Overlap is the correlation of the inputs, and of the rates, before and after contacts are redrawn.
func (t *Theory) Overlap(kept Kept) (inputs, rates [populations]float64) {
	inputs = [populations]float64{1, 1}
	for range 1000 {
		before := inputs
		var product [populations]float64
		for b := range populations {
			product[b] = t.product(b, inputs[b]) / t.Second[b]
		}
		for a := range populations {
			inputs[a] = 0
			for b := range populations {
				inputs[a] += kept[a][b] * t.Share[a][b] * product[b]
			}
		}
		if math.Abs(inputs[0]-before[0])+math.Abs(inputs[1]-before[1]) < 1e-9 {
			break
		}
	}
	for a := range populations {
		rates[a] = (t.product(a, inputs[a]) - sq(t.Mean[a])) / (t.Second[a] - sq(t.Mean[a]))
	}
	return inputs, rates
}

// Frozen is the correlation of the inputs to a population if the rates of all others stayed as they were.
func (t *Theory) Frozen(population int, kept Kept) (q float64) {
	for b := range populations {
		q += kept[population][b] * t.Share[population][b]
	}
	return q
}

func sq(x float64) float64 { return x * x }
