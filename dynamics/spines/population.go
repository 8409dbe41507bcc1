package spines

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/kernels/cpu"
)

// Layers of the noise of stream dynamics from which this package draws; draw 0 has the normals of the steps, draw 1 the
// uniforms of births and losses.
const (
	layerSteps = 0
	layerStart = 1
)

// Population is many spines under one law, each with its own noise. Without turnover W are their sizes in µm³. With
// it, W are the sizes on as many sites, 0 where there is no spine, and Born says in which step a spine appeared,
// counted from 1; 0 for those that existed at the start.
type Population struct {
	W              []float32
	Born           []uint32
	Step           int // steps done
	Births, Losses int

	seed     uint64
	threads  int
	diffuser *cpu.Diffuser
	turnover *kernels.Turnover[float32]
}

// NewPopulation makes n spines, or n empty sites if there is turnover, that move in steps of dt days. Reflected spines
// start uniformly between two sizes. It returns an error if a step could carry a spine across the whole range, so that
// dt must be smaller.
func (c Coefficients) NewPopulation(n int, dt float64, start [2]float64, turnover *Turnover, seed uint64,
	threads int) (*Population, error) {
	if err := c.checkStep(dt); err != nil {
		return nil, err
	}
	diffuser, err := cpu.NewDiffuser(kernels.NewDiffusion[float32](c.Low, c.High, c.Mu, c.Sigma, dt))
	if err != nil {
		return nil, err
	}
	p := &Population{W: make([]float32, n), seed: seed, threads: threads, diffuser: diffuser}
	if turnover != nil {
		p.Born = make([]uint32, n)
		p.turnover = &kernels.Turnover[float32]{
			Birth:    float32(-math.Expm1(-turnover.Rate * dt)),
			Smallest: float32(turnover.Smallest), Spread: float32(turnover.Largest - turnover.Smallest),
		}
		return p, nil
	}
	kernels.Uniforms(p.W, kernels.Noise{Seed: seed, Stream: kernels.StreamDynamics, Layer: layerStart}, 0)
	for i, u := range p.W {
		p.W[i] = float32(start[0]) + u*float32(start[1]-start[0])
	}
	return p, nil
}

// checkStep returns an error if a step of dt days may carry a spine through half of the range.
func (c Coefficients) checkStep(dt float64) error {
	for i, sigma := range c.Sigma {
		if step := math.Abs(c.Mu[i])*dt + kernels.MaxNormal*sigma*math.Sqrt(dt); step > (c.High-c.Low)/2 {
			return fmt.Errorf("step %g: a spine of %.3g µm³ may move by %.3g in one step, more than half of the range from "+
				"%g to %g: want shorter steps",
				dt, c.edge(i), step, c.Low, c.High)
		}
	}
	return nil
}

// Kernels is the name of the kernel set that moves the spines, on which the last bits depend.
func (p *Population) Kernels() string { return p.diffuser.Kernels() }

// The threads take the spines in blocks that fit the nearest cache, and move each block some steps at a time, so that
// they can stop.
const (
	blockSize  = 4096
	blockSteps = 256
)

// Advance moves all spines by some steps, and calls done, from several threads, with the number of spine steps made. If
// cancelled, it leaves the parts of the population at different steps, unusable.
func (p *Population) Advance(ctx context.Context, steps int, done func(spineSteps int)) error {
	var births, losses atomic.Int64
	var g errgroup.Group
	g.SetLimit(max(1, p.threads))
	for first := 0; first < len(p.W); first += blockSize {
		g.Go(fault.Guarded(func() error {
			w := p.W[first:min(first+blockSize, len(p.W))]
			for from := 0; from < steps; from += blockSteps {
				if err := ctx.Err(); err != nil {
					return err
				}
				n := min(blockSteps, steps-from)
				noise := p.noise(p.Step + from)
				if p.turnover == nil {
					p.diffuser.Advance(w, noise, first, n)
				} else {
					b, l := p.diffuser.AdvanceSites(*p.turnover, w, p.Born[first:], noise, first, n)
					births.Add(int64(b))
					losses.Add(int64(l))
				}
				done(n * len(w))
			}
			return nil
		}))
	}
	if err := g.Wait(); err != nil {
		return err
	}
	p.Step += steps
	p.Births += int(births.Load())
	p.Losses += int(losses.Load())
	return nil
}

func (p *Population) noise(step int) kernels.Noise {
	return kernels.Noise{Seed: p.seed, Stream: kernels.StreamDynamics, Layer: layerSteps, Step: uint32(step)}
}

// Spines is how many sites have one.
func (p *Population) Spines() int {
	n := 0
	for _, w := range p.W {
		if w != 0 {
			n++
		}
	}
	return n
}

// Survivors is the number of spines that had appeared by a step, 0 for the start, and still exist.
func (p *Population) Survivors(step int) int {
	n := 0
	for i, w := range p.W {
		if w != 0 && int(p.Born[i]) <= step {
			n++
		}
	}
	return n
}

// first returns a copy of the first n spines, which continues as they do.
func (p *Population) first(n int) *Population {
	c := *p
	c.W = slices.Clone(p.W[:n])
	if p.Born != nil {
		c.Born = slices.Clone(p.Born[:n])
	}
	return &c
}

// step moves a few spines, on this thread.
func (p *Population) step(steps int) {
	noise := p.noise(p.Step)
	if p.turnover == nil {
		p.diffuser.Advance(p.W, noise, 0, steps)
	} else {
		p.diffuser.AdvanceSites(*p.turnover, p.W, p.Born, noise, 0, steps)
	}
	p.Step += steps
}

// nearest is the number of the spine whose size is closest to one.
func (p *Population) nearest(size float64) int {
	best := 0
	for i, w := range p.W {
		if w != 0 && math.Abs(float64(w)-size) < math.Abs(float64(p.W[best])-size) {
			best = i
		}
	}
	return best
}
