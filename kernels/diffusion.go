package kernels

import "math"

// Diffusion moves numbers w by dw = mu(w) dt + sigma(w) dB (Ito's sense) between two bounds, in steps of constant
// length dt.
//
// A step is Milstein's (G. N. Milstein, Theory Probab. Appl. 19, 557, 1974), of strong and weak order 1:
//
//	w' = w + mu dt + sigma sqrt(dt) xi + 1/2 sigma sigma' dt (xi^2 - 1),   xi ~ Normal(0, 1)
//
// and a number beyond a bound is replaced by its mirror image, which keeps the weak order 1 (M. Bossy, E. Gobet, D.
// Talay, J. Appl. Probab. 41, 877, 2004).
type Diffusion[T Float] struct {
	Low, High T
	Cells     []DiffusionCell[T] // of equal width, from Low to High
	PerUnit   T                  // cells in a unit of w
}

// DiffusionCell is an interval of w in which drift and noise are linear. They are multiplied with the step: mu(w) dt =
// Drift + DriftSlope w, and sigma(w) sqrt(dt) = Noise + NoiseSlope w.
type DiffusionCell[T Float] struct{ Drift, DriftSlope, Noise, NoiseSlope T }

// NewDiffusion makes a diffusion between low and high with steps of length dt, from the values of mu and sigma at the
// len(mu) equally spaced edges of the cells, the first at low and the last at high; len(sigma) is the same, and at
// least 2.
func NewDiffusion[T Float](low, high float64, mu, sigma []float64, dt float64) Diffusion[T] {
	n := len(mu) - 1
	d := Diffusion[T]{Low: T(low), High: T(high), Cells: make([]DiffusionCell[T], n),
		PerUnit: T(float64(n) / (high - low))}
	width := (high - low) / float64(n)
	for i := range d.Cells {
		line := func(v []float64, scale float64) (offset, slope T) {
			s := (v[i+1] - v[i]) / width
			return T(scale * (v[i] - float64(s*(low+float64(float64(i)*width))))), T(scale * s)
		}
		c := &d.Cells[i]
		c.Drift, c.DriftSlope = line(mu, dt)
		c.Noise, c.NoiseSlope = line(sigma, math.Sqrt(dt))
	}
	return d
}

func (d *Diffusion[T]) cell(w T) *DiffusionCell[T] {
	i := int((w - d.Low) * d.PerUnit)
	return &d.Cells[min(max(i, 0), len(d.Cells)-1)]
}

// Step returns w after a step with the standard normal xi, without regard to the bounds, and the sigma sqrt(dt) of the
// step.
func (d *Diffusion[T]) Step(w, xi T) (next, noise T) {
	c := d.cell(w)
	noise = c.Noise + T(c.NoiseSlope*w)
	half := T(c.NoiseSlope / 2)
	return w + (c.Drift + T(c.DriftSlope*w)) + T(noise*(xi+(T(half*xi*xi)-half))), noise
}

// Reflect returns the mirror image of a w outside of the bounds. Steps must be shorter than the distance between the
// bounds.
func (d *Diffusion[T]) Reflect(w T) T { return d.reflectHigh(d.Low + abs(w-d.Low)) }

func (d *Diffusion[T]) reflectHigh(w T) T { return d.High - abs(d.High-w) }

// rowOfNumbers is how many numbers share a row of the noise, so that 64 neighbours can be moved independently of the
// others.
const rowOfNumbers = 64

// Advance moves w by some steps between reflecting bounds. w[i] is number first+i of all, first a multiple of 64, and
// takes its xi from column i%64 of row (first+i)/64; n.Step is the number of the first step.
func (d *Diffusion[T]) Advance(w []T, n Noise, first, steps int) {
	var xi [rowOfNumbers]T
	for range steps {
		for i := 0; i < len(w); i += rowOfNumbers {
			row := w[i:min(i+rowOfNumbers, len(w))]
			Normals(xi[:len(row)], n, (first+i)/rowOfNumbers)
			for k, v := range row {
				next, _ := d.Step(v, xi[k])
				row[k] = d.Reflect(next)
			}
		}
		n.Step++
	}
}

// Turnover describes births and losses: a number that reaches the lower bound is lost and leaves its site empty, and an
// empty site gets a new one with probability Birth in each step, uniformly between Smallest and Smallest + Spread.
type Turnover[T Float] struct{ Birth, Smallest, Spread T }

// leastTouch is the logarithm of a probability below every uniform, of which the smallest is 2^-25.
const leastTouch = -25 * math.Ln2

// AdvanceSites moves the numbers on sites by some steps; w is 0 on an empty site, and Low must not be negative. The
// upper bound reflects. The arguments are as in Advance; one more uniform u per site and step comes from draw n.Draw+1.
// Born[i] becomes 1 plus the number of the step in which a new number appears on site i. Births and losses count those
// of all sites.
//
// Between the ends w and w' of a step a path has touched the lower bound with probability exp(-2 (w-Low) (w'-Low) /
// (sigma^2 dt)), that of a Brownian bridge, and is lost if u is below it, which makes the weak order 1 instead of 1/2
// (E. Gobet, Stochastic Process. Appl. 87, 167, 2000).
func (d *Diffusion[T]) AdvanceSites(t Turnover[T], w []T, born []uint32, n Noise, first,
	steps int) (births, losses int) {
	var xi, u [rowOfNumbers]T
	chance := n
	chance.Draw++
	for range steps {
		for i := 0; i < len(w); i += rowOfNumbers {
			row := w[i:min(i+rowOfNumbers, len(w))]
			r := (first + i) / rowOfNumbers
			Normals(xi[:len(row)], n, r)
			Uniforms(u[:len(row)], chance, r)
			for k, v := range row {
				if v == 0 {
					if u[k] < t.Birth {
						row[k] = t.Smallest + T(t.Spread*(u[k]/t.Birth)) // u / Birth is again uniform
						born[i+k] = n.Step + 1
						births++
					}
					continue
				}
				next, noise := d.Step(v, xi[k])
				touch := -2 * (v - d.Low) * (next - d.Low) / (noise * noise)
				if next <= d.Low || touch > leastTouch && u[k] < exp(touch) {
					row[k] = 0
					losses++
					continue
				}
				row[k] = d.reflectHigh(next)
			}
		}
		n.Step++
		chance.Step++
	}
	return births, losses
}
