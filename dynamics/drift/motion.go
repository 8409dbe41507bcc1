package drift

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"quantal/dynamics"
)

// Fisher is the Fisher information at the reference, and the displacement from there along its eigenvectors.
type Fisher struct {
	Examples int     `json:"examples"`
	Synapses int     `json:"synapses"` // biases included
	Largest  float64 `json:"largest"`  // eigenvalue
	// Effective is the number of directions that the data determine: the sum over eigenvectors of lambda / (lambda +
	// alpha) (MacKay, Neural Computation 4, 415, 1992).
	Effective float64  `json:"effective_parameters"`
	Motions   []Motion `json:"motions"` // between two looks next to each other, and from the reference to the end
}

// Motion is the displacement from the reference after some steps: of drift, of the control, which is an isotropic
// random vector, and as expected if the loss were quadratic around the reference.
type Motion struct {
	Steps int `json:"steps"`
	// Mean squared displacement of a synapse.
	Drift     float64 `json:"drift"`     // under drift
	Free      float64 `json:"free"`      // of free diffusion: 2 T eps steps
	Quadratic float64 `json:"quadratic"` // of the Ornstein-Uhlenbeck process in the quadratic loss
	Minibatch float64 `json:"minibatch"` // the same with the noise of the minibatches
	// Rise is by how much the loss of a training example would rise along the displacement, in nats, if it were quadratic
	// around the reference, and that a minimum: half of displacement times Fisher information times displacement.
	Rise          float64 `json:"rise"`
	QuadraticRise float64 `json:"quadratic_rise"` // the same in the quadratic loss, with the noise of the minibatches
	Bands         []Band  `json:"bands"`
	Above         []Above `json:"above"`
}

// Shares of the squared displacement along some of the eigenvectors.
type Shares struct {
	Isotropic float64 `json:"isotropic"` // of an isotropic random vector: the share of these eigenvectors in all
	Drift     float64 `json:"drift"`     // of drift
	Quadratic float64 `json:"quadratic"` // in the quadratic loss
	Minibatch float64 `json:"minibatch"` // in the quadratic loss with the noise of the minibatches
}

func (s Shares) less(o Shares) Shares {
	return Shares{s.Isotropic - o.Isotropic, s.Drift - o.Drift, s.Quadratic - o.Quadratic, s.Minibatch - o.Minibatch}
}

// Band has the eigenvectors with eigenvalues from Low to High, in units of the prior's precision alpha.
type Band struct {
	Low  float64 `json:"low"`            // of the eigenvalues, over alpha
	High float64 `json:"high,omitempty"` // of the eigenvalues, over alpha; 0 for the last, which has no end
	Shares
}

// Above has the eigenvectors with eigenvalues above Over times alpha.
type Above struct {
	Over float64 `json:"over"` // of the eigenvalues, over alpha
	Shares
}

// bandEdges are where bands begin: in the first the data determine less than the prior.
var bandEdges = []float64{0, 1, 10, 100}

func (b Band) name() string {
	switch {
	case b.Low == 0:
		return fmt.Sprintf("below %g", b.High)
	case b.High == 0:
		return fmt.Sprintf("above %g", b.Low)
	}
	return fmt.Sprintf("%g to %g", b.Low, b.High)
}

// measureFisher measures displacement along the eigenvectors of the Fisher information at the reference.
func (e *experiment) measureFisher(ctx context.Context) (Fisher, error) {
	reference := e.reference()
	examples := e.network.Set.Train.Slice(0, min(e.Examples, e.session.Examples()))
	start := synapses(e.layout, reference.state.Mu)
	out := Fisher{Examples: examples.N(), Synapses: len(start)}
	var f *fisher
	done := 0
	vectors := []struct{ condition, look int }{{1, e.Looks}, {0, 1}, {0, e.Looks}}
	along := func(condition, look int) (s spectrum, meanSquare float64, err error) {
		v := synapses(e.layout, e.courses[condition].looks[look].state.Mu)
		floats.Sub(v, start)
		kept, err := dynamics.Part(e.job.Parts, fmt.Sprintf("spectrum%d-%d", condition, look), func() (spectrum, error) {
			if f == nil {
				f = newFisher(e.layout, e.network.Config.Activation, reference.state.Mu, examples, e.session.Examples(),
					e.session.Pixels, e.Threads)
			}
			return lanczos(ctx, func(v []float64) []float64 {
				done++
				e.job.Tell(1-fisherWork*(1-float64(done)/float64(len(vectors)*e.Products+1)), "Fisher information")
				return f.times(v)
			}, v, e.Products)
		})
		return kept, floats.Dot(v, v) / float64(len(v)), err
	}
	var spectra []spectrum
	var squares []float64
	for _, v := range vectors {
		s, square, err := along(v.condition, v.look)
		if err != nil {
			return out, err
		}
		spectra, squares = append(spectra, s), append(squares, square)
	}
	e.job.Tell(1, "Fisher information")
	isotropic := spectra[0]
	out.Largest = slices.Max(isotropic.Values)
	_, determined := isotropic.weighted(func(h float64) float64 { return max(0, h) / (max(0, h) + e.Prior) })
	out.Effective = determined * float64(len(start))
	for i, v := range vectors[1:] {
		m := Motion{Steps: e.courses[0].looks[v.look].step, Drift: squares[i+1]}
		m.Free = 2 * e.Temperature * e.StepSize * float64(m.Steps)
		drift := spectra[i+1]
		quadratic, mean := isotropic.weighted(func(h float64) float64 { return e.quadratic(h, m.Steps, false) })
		minibatch, meanMinibatch := isotropic.weighted(func(h float64) float64 { return e.quadratic(h, m.Steps, true) })
		m.Quadratic, m.Minibatch = mean, meanMinibatch
		rise := func(s spectrum, meanSquare float64) float64 {
			return meanSquare * s.mean() * float64(len(start)) / 2 / float64(e.session.Examples())
		}
		m.Rise, m.QuadraticRise = rise(drift, m.Drift), rise(minibatch, m.Minibatch)
		below := func(x float64) Shares {
			x *= e.Prior
			return Shares{isotropic.below(x), drift.below(x), quadratic.below(x), minibatch.below(x)}
		}
		for k, low := range bandEdges {
			b := Band{Low: low, Shares: Shares{1, 1, 1, 1}}
			if k+1 < len(bandEdges) {
				b.High = bandEdges[k+1]
				b.Shares = below(b.High)
			}
			b.Shares = b.less(below(low))
			m.Bands = append(m.Bands, b)
		}
		for k := range 31 { // tenths of decades
			x := math.Pow(10, float64(k)/10)
			m.Above = append(m.Above, Above{x, Shares{1, 1, 1, 1}.less(below(x))})
		}
		out.Motions = append(out.Motions, m)
	}
	return out, nil
}

// quadratic is the squared displacement after some steps along a direction of Fisher information h, from a network of
// the stationary distribution, if the loss is quadratic. A step multiplies the distance from the minimum by a = 1 - eps
// (h + alpha) and adds noise, of variance 2 eps T and, from the minibatches, eps^2 N h / B; then the stationary
// variance is noise / (1 - a^2), which for small eps is T / (h + alpha), and the squared displacement is 2 (1 -
// a^steps) times that.
func (e *experiment) quadratic(h float64, steps int, minibatches bool) float64 {
	h = max(0, h)
	a := 1 - e.StepSize*(h+e.Prior)
	noise := 2 * e.StepSize * e.Temperature
	if minibatches {
		noise += e.StepSize * e.StepSize * float64(e.session.Examples()) * h / float64(e.Batch)
	}
	if a <= -1 {
		return math.Inf(1) // the steps are too long
	}
	return 2 * (1 - math.Pow(a, float64(steps))) * noise / (1 - a*a)
}
