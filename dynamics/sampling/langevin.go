package sampling

import (
	"context"
	"errors"
	"fmt"
	"math"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/mat"

	"quantal/internal/fault"
	"quantal/internal/memory"
	"quantal/kernels"
)

// Langevin says how chains move:
//
//	theta <- theta - eps grad U + sqrt(2 eps T) xi,   xi ~ Normal(0, I)
//
// the Euler-Maruyama step of dtheta = b grad log p*(theta) dt + sqrt(2 b T) dW with eps = b dt.
type Langevin struct {
	Step        float64 // eps
	Temperature float64 // T; 0 is gradient descent, without noise
	// examples of a minibatch, drawn with replacement by each chain in each step; 0 for the gradient of all
	Batch int
	// Metropolis accepts or rejects each step, so that the chains sample exp(-U/T) for any length of step (MALA: Roberts
	// and Tweedie, Bernoulli 2, 341, 1996).
	Metropolis bool
}

// Check reports the first value that cannot be used.
func (l Langevin) Check() error {
	switch {
	case !(l.Step > 0) || math.IsInf(l.Step, 0):
		return fmt.Errorf("sampling: step %g: want a number above 0", l.Step)
	case !(l.Temperature >= 0) || math.IsInf(l.Temperature, 0):
		return fmt.Errorf("sampling: temperature %g: want 0 or more", l.Temperature)
	case l.Batch < 0:
		return fmt.Errorf("sampling: batch %d: want 0 (all examples) or more", l.Batch)
	case l.Metropolis && (l.Temperature == 0 || l.Batch != 0):
		return errors.New("sampling: Metropolis: want a temperature above 0 and the gradient of all examples")
	}
	return nil
}

// Plan says how many chains there are, where they start, and which vectors are taken from them.
type Plan struct {
	Chains int // a multiple of Block
	Burn   int // steps before the first vector is taken
	Every  int // steps from one vector to the next
	Take   int // vectors of each chain
	// Start is where the chains begin, each with normal noise of deviation Spread added to each parameter.
	Start  []float64
	Spread float64
	// Directions are orthonormal columns, along each of which autocorrelation is measured; all of them together are a
	// basis.
	Directions *mat.Dense
	Keep       int // how often the vectors of all chains are returned, at equal distances and at the end
	Seed       uint64
	Layer      uint16 // of the noise: two runs with the same seed and layer share it
	Threads    int    // 0 for all processors
}

// mostValues is the largest number of values of a block, a gigabyte for each thread.
const mostValues = 1 << 27

func (p Plan) check(t Target) error {
	d := t.Dimension()
	rows, columns := p.Directions.Dims()
	switch {
	case p.Chains < Block || p.Chains%Block != 0:
		return fmt.Errorf("sampling: chains %d: want a multiple of %d", p.Chains, Block)
	case p.Burn < 0 || p.Every < 1 || p.Take < 2 || p.Keep < 0 || p.Keep > p.Take:
		return fmt.Errorf("sampling: burn %d, every %d, take %d, keep %d: want 0, 1, 2 and 0 or more, and to keep no "+
			"more than is taken",
			p.Burn, p.Every, p.Take, p.Keep)
	case p.Burn+p.Every*p.Take > math.MaxUint32:
		return errors.New("sampling: want at most 2^32 steps")
	case d*p.Take > mostValues/Block:
		return fmt.Errorf("sampling: %d vectors of %d parameters from each of %d chains: want more chains, with fewer "+
			"vectors each", p.Take, d, p.Chains)
	case len(p.Start) != d || rows != d || columns != d:
		return fmt.Errorf("sampling: start and directions: want %d parameters", d)
	}
	return nil
}

// Sample is the result of chains: statistics over all vectors taken.
type Sample struct {
	Vectors    int
	Mean       []float64
	Covariance *mat.SymDense
	// Along each direction: how many vectors are equivalent to one independent one (the integrated autocorrelation time,
	// in vectors), and the autocorrelation at lags 0, 1, ... vectors.
	Times           []float64
	Autocorrelation [][]float64
	Kept            [][]float64 // vectors
	Accepted        float64     // share of the steps, with Metropolis
}

// Effective is the effective number of samples in the direction where it is smallest.
func (s *Sample) Effective() float64 {
	least := math.Inf(1)
	for _, t := range s.Times {
		least = min(least, float64(s.Vectors)/t)
	}
	return least
}

// ErrDiverged says that numbers of chains are no longer finite: the step is too long.
var ErrDiverged = errors.New("sampling: chains have diverged: want shorter steps")

// Sample runs the chains. Done, if not nil, is called from several threads with the number of chain steps made. Neither
// the number of threads nor their order changes any bit of the result.
func (l Langevin) Sample(ctx context.Context, t Target, p Plan, done func(chainSteps int)) (*Sample, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	if err := p.check(t); err != nil {
		return nil, err
	}
	// Of each block the products of all parameters and of those of one at different times, and the vectors that are kept.
	d := float64(t.Dimension())
	block := 8 * d * (d + float64(p.Take) + Block*float64(p.Keep))
	if err := memory.Check(fmt.Sprintf("a sample of %d chains", p.Chains), block*float64(p.Chains/Block)); err != nil {
		return nil, err
	}
	blocks := make([]*moments, p.Chains/Block)
	kept := make([][][]float64, len(blocks))
	accepted := make([]int, len(blocks))
	var side errgroup.Group
	side.SetLimit(kernels.Threads(p.Threads))
	for i := range blocks {
		side.Go(fault.Guarded(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			b := l.newBlock(t, p, i)
			series, err := b.run(ctx, p, done)
			if err != nil {
				return err
			}
			for k := range p.Keep {
				kept[i] = append(kept[i], vectorsOf(series, b.d, p.Take, (k+1)*p.Take/p.Keep-1)...)
			}
			blocks[i], accepted[i] = measure(series, b.d, p), b.accepted
			return nil
		}))
	}
	if err := side.Wait(); err != nil {
		return nil, err
	}
	s := combine(blocks, p)
	for i := range blocks {
		s.Kept = append(s.Kept, kept[i]...)
		s.Accepted += float64(accepted[i])
	}
	s.Accepted /= float64(p.Chains) * float64(p.Burn+p.Every*p.Take)
	return s, nil
}

// block is Block chains.
type block struct {
	Langevin
	target    Target
	d, number int
	seed      uint64
	layer     uint16

	theta, gradient, xi []float64
	examples            []int
	accepted            int

	// With Metropolis: U at theta, and the same at the proposed step.
	u, uNext               []float64
	proposed, gradientNext []float64
}

func (l Langevin) newBlock(t Target, p Plan, number int) *block {
	d := t.Dimension()
	n := d * Block
	b := &block{
		Langevin: l, target: t, d: d, number: number, seed: p.Seed, layer: p.Layer,
		theta: make([]float64, n), gradient: make([]float64, n), xi: make([]float64, n), examples: make([]int, l.Batch*Block),
	}
	b.draw(drawStart, 0)
	for i := range b.theta {
		b.theta[i] = p.Start[i/Block] + p.Spread*b.xi[i]
	}
	if l.Metropolis {
		b.u, b.uNext = make([]float64, Block), make([]float64, Block)
		b.proposed, b.gradientNext = make([]float64, n), make([]float64, n)
		t.Potential(b.u, b.theta)
		t.Gradient(b.gradient, b.theta)
	}
	return b
}

// draw fills xi.
func (b *block) draw(draw uint32, step int) {
	noise := at(b.seed, b.layer, draw)
	noise.Step = uint32(step)
	for i := range b.d {
		kernels.Normals(b.xi[i*Block:(i+1)*Block], noise, b.number*b.d+i)
	}
}

// run moves the chains and returns the vectors taken: those of parameter i at i*Take*Block, each time the values of all
// chains.
func (b *block) run(ctx context.Context, p Plan, done func(int)) ([]float64, error) {
	const look = 256 // steps between two checks of the context
	series := make([]float64, b.d*p.Take*Block)
	steps := p.Burn + p.Every*p.Take
	for step := range steps {
		if step%look == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if done != nil && step > 0 {
				done(look * Block)
			}
		}
		b.step(step)
		if k := step + 1 - p.Burn; k > 0 && k%p.Every == 0 {
			for i := range b.d {
				copy(series[(i*p.Take+k/p.Every-1)*Block:][:Block], b.theta[i*Block:])
			}
		}
	}
	if done != nil {
		done(((steps-1)%look + 1) * Block)
	}
	for _, v := range b.theta {
		if math.IsNaN(v - v) {
			return nil, ErrDiverged
		}
	}
	return series, nil
}

// step moves the chains once.
func (b *block) step(step int) {
	if b.Metropolis {
		b.metropolis(step)
		return
	}
	if b.Batch == 0 {
		b.target.Gradient(b.gradient, b.theta)
	} else {
		b.drawExamples(step)
		b.target.MinibatchGradient(b.gradient, b.theta, b.examples)
	}
	b.move(b.theta, step)
}

// move writes the result of a step. The products are rounded separately on every machine: without noise this is
// gradient descent to the bit.
func (b *block) move(to []float64, step int) {
	if b.Temperature == 0 {
		for i, g := range b.gradient {
			to[i] = b.theta[i] - float64(b.Step*g)
		}
		return
	}
	b.draw(drawSteps, step)
	amplitude := math.Sqrt(2 * b.Step * b.Temperature)
	for i, g := range b.gradient {
		to[i] = b.theta[i] - float64(b.Step*g) + float64(amplitude*b.xi[i])
	}
}

// drawExamples draws the minibatches, with replacement: example floor(x N / 2^32) for a word x.
func (b *block) drawExamples(step int) {
	noise := at(b.seed, b.layer, drawBatches)
	noise.Step = uint32(step)
	n := uint64(b.target.Examples())
	first := uint32(b.number * ((len(b.examples) + 3) / 4))
	for i := 0; i < len(b.examples); i += 4 {
		words := noise.Words(first + uint32(i/4))
		for k := range min(4, len(b.examples)-i) {
			b.examples[i+k] = int(uint64(words[k]) * n >> 32)
		}
	}
}

// metropolis proposes a step and accepts it with probability min(1, p(theta') q(theta | theta') / (p(theta) q(theta' |
// theta))), where ln q(theta' | theta) = -||theta' - theta + eps grad U||^2 / (4 eps T).
func (b *block) metropolis(step int) {
	b.move(b.proposed, step)
	b.target.Potential(b.uNext, b.proposed)
	b.target.Gradient(b.gradientNext, b.proposed)
	var forth, back [Block]float64
	for i := range b.theta {
		f := b.proposed[i] - b.theta[i] + b.Step*b.gradient[i]
		r := b.theta[i] - b.proposed[i] + b.Step*b.gradientNext[i]
		forth[i%Block] += f * f
		back[i%Block] += r * r
	}
	var u [Block]float64
	noise := at(b.seed, b.layer, drawAccept)
	noise.Step = uint32(step)
	kernels.Uniforms(u[:], noise, b.number)
	for c := range u {
		log := (b.u[c]-b.uNext[c])/b.Temperature + (forth[c]-back[c])/(4*b.Step*b.Temperature)
		if !(math.Log(u[c]) < log) {
			continue
		}
		b.accepted++
		b.u[c] = b.uNext[c]
		for i := c; i < len(b.theta); i += Block {
			b.theta[i], b.gradient[i] = b.proposed[i], b.gradientNext[i]
		}
	}
}
