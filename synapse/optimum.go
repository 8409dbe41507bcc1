package synapse

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"quantal/kernels"
)

// The range of sigma in which Price.Optima searches.
const (
	LeastSigma = 1e-6
	MostSigma  = 10
)

// scanned is the number of intervals of ln sigma that Price.Optima looks into.
const scanned = 400

// Price is what a synapse pays, the sum of some laws with their numbers, as a function of its mu and sigma.
type Price struct {
	terms  []kernels.Formula // of mu and sigma: the value, and its slopes along them
	ofMu   bool              // some slope along sigma depends on mu
	slopes []float64         // along sigma at the ends of the intervals, unless ofMu
}

// NewPrice is the sum of laws, each as its value and its slopes along mu and sigma (graph.Law.Slopes); number finds the
// numbers that they read.
func NewPrice(number func(name string) (float64, bool), laws ...kernels.Formula) (*Price, error) {
	p := &Price{}
	for _, f := range laws {
		numbers := map[string]float64{}
		for _, name := range f.Inputs {
			if name == kernels.InputMu || name == kernels.InputSigma {
				continue
			}
			v, ok := number(name)
			if !ok {
				return nil, fmt.Errorf("synapse: price: no number for %s", name)
			}
			numbers[name] = v
		}
		bound := f.Bind(numbers)
		if !slices.Equal(bound.Inputs, []string{kernels.InputMu, kernels.InputSigma}) || len(bound.Outputs) != 3 {
			return nil, fmt.Errorf("synapse: price: want value and slopes of mu and sigma, got %d outputs of %q",
				len(bound.Outputs), bound.Inputs)
		}
		p.terms = append(p.terms, bound)
		bound.Outputs = bound.Outputs[2:]
		p.ofMu = p.ofMu || reads(bound, kernels.InputMu)
	}
	if !p.ofMu {
		for i := range scanned + 1 {
			_, slope := p.At(0, scannedSigma(i))
			p.slopes = append(p.slopes, slope)
		}
	}
	return p, nil
}

// reads reports whether the only output depends on an input.
func reads(f kernels.Formula, input string) bool {
	var depends func(i int) bool
	known := map[int]bool{}
	depends = func(i int) bool {
		if d, ok := known[i]; ok {
			return d
		}
		l := f.Lines[i]
		d := l.Op == kernels.OpInput && f.Inputs[l.Args[0]] == input
		for j := range l.Op.Arity() {
			d = d || depends(l.Args[j])
		}
		known[i] = d
		return d
	}
	return depends(f.Outputs[0])
}

// At is the price and its slope along sigma.
func (p *Price) At(mu, sigma float64) (price, slope float64) {
	for _, f := range p.terms {
		v := kernels.Eval(f, mu, sigma)
		price += v[0]
		slope += v[2]
	}
	return price, slope
}

// OfMu reports whether the optimal sigma depends on the mean.
func (p *Price) OfMu() bool { return p.ofMu }

// Optimum is a sigma at which the sum of the costs of noise and reliability, h sigma^2 / 2 + price, does not change
// with sigma: -price'(sigma)/sigma = h (Malkin et al. 2024, Eq. 64, for any price).
type Optimum struct {
	Sigma   float64
	Minimum bool    // else it is a maximum or a point of inflection
	Cost    float64 // the sum
	Slope   float64 // d ln sigma^2 / d ln h as it moves with h; 0 where a kink of the price holds it
}

// Optima are all optima from LeastSigma to MostSigma for a synapse of the given mean and importance, in ascending
// order: none if the price falls or rises all the way. Two that are closer than a factor of some 1.04 are found if the
// balance of the costs has only one turn between their neighbours.
func (p *Price) Optima(mu, h float64) []Optimum {
	slope := func(u float64) float64 {
		_, s := p.At(mu, math.Exp(u))
		return s
	}
	// balance has the sign of the derivative of the sum, and is between -1 and 1.
	balance := func(u, slope float64) float64 {
		rise := h * math.Exp(u)
		if rise == 0 && slope == 0 {
			return 0
		}
		return (rise + slope) / (rise + math.Abs(slope))
	}
	at := func(u float64) float64 { return balance(u, slope(u)) }
	us, r := make([]float64, scanned+1), make([]float64, scanned+1)
	for i := range us {
		us[i] = math.Log(scannedSigma(i))
		if p.ofMu {
			r[i] = at(us[i])
		} else {
			r[i] = balance(us[i], p.slopes[i])
		}
	}
	var all []Optimum
	add := func(u float64, minimum, kink bool) {
		o := Optimum{Sigma: math.Exp(u), Minimum: minimum}
		price, _ := p.At(mu, o.Sigma)
		o.Cost = h*o.Sigma*o.Sigma/2 + price
		if !kink {
			o.Slope = localSlope(slope, u)
		}
		all = append(all, o)
	}
	between := func(a, b, ra float64) {
		steep := max(math.Abs(slope(a)), math.Abs(slope(b)))
		low, high := a, b
		for {
			m := low + (high-low)/2
			if m <= low || m >= high {
				break
			}
			if rm := at(m); rm*ra > 0 {
				low = m
			} else if rm == 0 {
				low, high = m, m
			} else {
				high = m
			}
		}
		kink := math.Abs(at(low)) > 1e-6
		if kink && !(max(math.Abs(slope(low)), math.Abs(slope(high))) < 1e6*steep) {
			return // a pole
		}
		add(low, ra < 0, kink)
	}
	for i := 1; i <= scanned; i++ {
		if r[i-1]*r[i] < 0 {
			between(us[i-1], us[i], r[i-1])
		}
		if i == scanned {
			break
		}
		if r[i] == 0 && math.Abs(r[i-1]*r[i+1]) > 0 {
			add(us[i], r[i-1] < 0 && r[i+1] > 0, false)
		}
		if !(r[i-1]*r[i] > 0 && r[i]*r[i+1] > 0 && math.Abs(r[i]) < min(math.Abs(r[i-1]), math.Abs(r[i+1]))) {
			continue
		}
		// The balance comes close to 0 here, and may cross it twice, or touch it.
		turn := closest(func(u float64) float64 { return at(u) * math.Copysign(1, r[i]) }, us[i-1], us[i+1])
		switch rt := at(turn); {
		case rt*r[i] < 0:
			between(us[i-1], turn, r[i-1])
			between(turn, us[i+1], rt)
		case math.Abs(rt) < 1e-14:
			add(turn, false, false)
		}
	}
	slices.SortFunc(all, func(a, b Optimum) int { return cmp.Compare(a.Sigma, b.Sigma) })
	return all
}

// Optimum is the minimum with the lowest cost; ok is false if there is none.
func (p *Price) Optimum(mu, h float64) (best Optimum, ok bool) {
	for _, o := range p.Optima(mu, h) {
		if o.Minimum && (!ok || o.Cost < best.Cost) {
			best, ok = o, true
		}
	}
	return best, ok
}

func scannedSigma(i int) float64 {
	return LeastSigma * math.Pow(MostSigma/LeastSigma, float64(i)/scanned)
}

// closest is where a function with one minimum between two points is smallest, or negative: golden section.
func closest(f func(float64) float64, a, b float64) float64 {
	const golden = 0.6180339887498949
	c, d := b-golden*(b-a), a+golden*(b-a)
	fc, fd := f(c), f(d)
	for range 80 {
		if fc < 0 {
			return c
		}
		if fc < fd {
			b, d, fd = d, c, fc
			c = b - golden*(b-a)
			fc = f(c)
		} else {
			a, c, fc = c, d, fd
			d = a + golden*(b-a)
			fd = f(d)
		}
	}
	return c
}

// localSlope is d ln sigma^2 / d ln h along h = -slope(sigma)/sigma, by central differences of fourth order.
func localSlope(slope func(u float64) float64, u float64) float64 {
	const step = 1e-3 // in ln sigma
	g := func(k float64) float64 { return math.Log(math.Abs(slope(u + k*step))) }
	rise := (8*(g(1)-g(-1)) - (g(2) - g(-2))) / (12 * step)
	return 2 / (rise - 1)
}
