package spiking

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"quantal/kernels"
	"quantal/kernels/cpu"
)

// Network is a running network. T is the arithmetic of its state: float32, or float64 as a reference.
type Network[T kernels.Float] struct {
	// OnSpikes, if not nil, is told the neurons of a population that fired in a step, ascending, unless none did: steps in
	// their order, and in a step the populations in theirs. The slice is not to be kept.
	OnSpikes func(population, step int, neurons []uint32)
	Reward   float64 // from the next step on, for Sampling
	Threads  int     // 0 for all processors; the result has the same bytes for any number

	model   *Model
	kernels kernels.SpikeKernels[T]
	step    int
	block   int // most steps between two exchanges of spikes: the shortest delay
	shards  []*shard[T]
	first   []int        // shard of each population
	history [][][]uint32 // of each population, the neurons that fired in a step, at step modulo the length
	imposed []int        // of each population, imposed spikes that are over
	rows    [][]contacts // of each projection, the contacts in Contacts that each shard has
	moves   []mover[T]
	chances [][]T // of each population of sources, those of spikes in a step
}

// shardSize is the most neurons of a shard. What a shard computes does not depend on others, so this is no part of the
// result; it keeps the state of a shard in the nearest cache.
const shardSize = 1024

// New makes a network in step 0, with all potentials at rest and nothing under way.
func New[T kernels.Float](m *Model) (*Network[T], error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	k := kernels.PortableSpikeKernels[T]()
	if fast, ok := any(&k).(*kernels.SpikeKernels[float32]); ok {
		var err error
		if *fast, err = cpu.SpikeKernels(); err != nil {
			return nil, err
		}
	}
	n := &Network[T]{model: m, kernels: k, block: math.MaxInt32, imposed: make([]int, len(m.Populations))}
	longest := 1
	for i := range m.Projections {
		n.block, longest = min(n.block, m.Projections[i].Delay), max(longest, m.Projections[i].Delay)
	}
	n.block = min(n.block, 64)
	for i := range m.Populations {
		p := &m.Populations[i]
		n.first = append(n.first, len(n.shards))
		if p.Neuron != nil {
			for first := 0; first < p.Size; first += shardSize {
				n.shards = append(n.shards, newShard(m, k, i, first, min(shardSize, p.Size-first)))
			}
		}
		n.history = append(n.history, make([][]uint32, longest+n.block))
		n.chances = append(n.chances, nil)
		if p.Rate > 0 {
			n.chances[i] = slices.Repeat([]T{T(p.Rate * m.Step / 1000)}, p.Size)
		}
	}
	n.first = append(n.first, len(n.shards))
	for i := range m.Projections {
		n.rows = append(n.rows, nil)
		for _, s := range n.of(m.Projections[i].To) {
			n.rows[i] = append(n.rows[i], s.connect(m, i))
		}
	}
	return n, n.addMovers()
}

// of are the shards of a population.
func (n *Network[T]) of(population int) []*shard[T] {
	return n.shards[n.first[population]:n.first[population+1]]
}

// Step is how many steps are over.
func (n *Network[T]) Step() int { return n.step }

// Potential is the potential of a neuron after the last step.
func (n *Network[T]) Potential(population, neuron int) T {
	s := n.of(population)[neuron/shardSize]
	return s.potential(neuron % shardSize)
}

// SetPotential sets the potential of a neuron.
func (n *Network[T]) SetPotential(population, neuron int, v float64) {
	s := n.of(population)[neuron/shardSize]
	s.v[neuron%shardSize] = T(v - s.neuron.Rest)
}

// SetInput sets the constant input of a neuron.
func (n *Network[T]) SetInput(population, neuron int, input float64) {
	s := n.of(population)[neuron/shardSize]
	s.setInput(neuron%shardSize, input)
}

// SetRate sets the rate of a source of a population that was given a Rate above 0, Hz; at most a spike in a step.
func (n *Network[T]) SetRate(population, source int, rate float64) {
	n.chances[population][source] = T(rate * n.model.Step / 1000)
}

// Bias is that of a neuron that fires by escape.
func (n *Network[T]) Bias(population, neuron int) float64 {
	return n.of(population)[neuron/shardSize].bias[neuron%shardSize]
}

// Weights are the weights of a projection in the order of its Contacts; nil if all are one.
func (n *Network[T]) Weights(projection int) []T {
	if p := &n.model.Projections[projection]; p.Weights == nil && p.Sampling == nil {
		return nil
	}
	return n.gather(projection, func(g *group[T]) []T { return g.w })
}

// gather has what the contacts of a projection have in each group, in the order of its Contacts.
func (n *Network[T]) gather(projection int, of func(*group[T]) []T) []T {
	all := make([]T, n.model.Projections[projection].Contacts.Len())
	n.eachRow(projection, of, func(here []T, at int) { copy(all[at:], here) })
	return all
}

// SetWeights sets the weights of a projection that has one for each contact.
func (n *Network[T]) SetWeights(projection int, w []T) {
	n.eachRow(projection, func(g *group[T]) []T { return g.w }, func(here []T, at int) { copy(here, w[at:]) })
}

// eachRow calls f with what the contacts of each source have in each shard, and where they begin in Contacts.
func (n *Network[T]) eachRow(projection int, of func(*group[T]) []T, f func(w []T, at int)) {
	p := &n.model.Projections[projection]
	for k, s := range n.of(p.To) {
		c := n.rows[projection][k]
		g := s.groups[c.group]
		g.settle(n.step)
		for j, at := range c.at {
			f(of(g)[g.start[j]:g.start[j+1]], int(at))
		}
	}
}

// Advance simulates some steps. Cancelled, it stops between steps, all of which are complete.
func (n *Network[T]) Advance(ctx context.Context, steps int) error {
	for end := n.step + steps; n.step < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		k := min(n.block, end-n.step)
		for i := range n.moves {
			k = min(k, n.moves[i].every-n.step%n.moves[i].every)
		}
		n.fireSources(k)
		n.parallel(func(s *shard[T]) { s.advance(n, k) })
		n.exchange(k)
		n.step += k
		for i := range n.moves {
			if m := &n.moves[i]; n.step%m.every == 0 {
				n.parallel(func(s *shard[T]) { m.move(n, s) })
			}
		}
	}
	return nil
}

// parallel calls f with each shard.
func (n *Network[T]) parallel(f func(*shard[T])) {
	threads := min(kernels.Threads(n.Threads), len(n.shards))
	if threads <= 1 {
		for _, s := range n.shards {
			f(s)
		}
		return
	}
	var next atomic.Int32
	var wait sync.WaitGroup
	for range threads {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(n.shards) {
					return
				}
				f(n.shards[i])
			}
		})
	}
	wait.Wait()
}

// fired is where the spikes of a population in a step are.
func (n *Network[T]) fired(population, step int) *[]uint32 {
	h := n.history[population]
	return &h[step%len(h)]
}

// fireSources lets the sources fire in the next steps.
func (n *Network[T]) fireSources(steps int) {
	var u [noiseRow]T
	for i := range n.model.Populations {
		p := &n.model.Populations[i]
		if p.Neuron != nil {
			continue
		}
		for step := n.step; step < n.step+steps; step++ {
			fired := n.fired(i, step)
			*fired = (*fired)[:0]
			for ; n.imposed[i] < len(p.Imposed) && p.Imposed[n.imposed[i]].Step <= step; n.imposed[i]++ {
				*fired = append(*fired, uint32(p.Imposed[n.imposed[i]].Neuron))
			}
			slices.Sort(*fired)
			chances := n.chances[i]
			if chances == nil {
				continue
			}
			for row := 0; row*noiseRow < p.Size; row++ {
				u := u[:min(noiseRow, p.Size-row*noiseRow)]
				n.kernels.Uniforms(u, noise(n.model.Seed, sourceNoise, i, step), row)
				for k, x := range u {
					if x < chances[row*noiseRow+k] {
						*fired = append(*fired, uint32(row*noiseRow+k))
					}
				}
			}
		}
	}
}

// exchange collects the spikes of the shards.
func (n *Network[T]) exchange(steps int) {
	for step := range steps {
		for i := range n.model.Populations {
			fired := n.fired(i, n.step+step)
			if n.model.Populations[i].Neuron != nil {
				*fired = (*fired)[:0]
				for _, s := range n.of(i) {
					for _, k := range s.fired[step] {
						*fired = append(*fired, uint32(s.first)+uint32(k))
					}
				}
			}
			if n.OnSpikes != nil && len(*fired) > 0 {
				n.OnSpikes(i, n.step+step, *fired)
			}
		}
	}
}

// noiseRow is how many neurons share a row of the noise.
const noiseRow = 64

// Uses of the noise, in the upper byte of draw.
const (
	driveNoise = iota + 1
	sourceNoise
	moveNoise
	escapeNoise
	sampleNoise
)

// noise is that of a use in a step; layer is the population or the projection.
func noise(seed uint64, use, layer, step int) kernels.Noise {
	return kernels.Noise{Seed: seed, Stream: kernels.StreamDynamics, Layer: uint16(layer), Step: uint32(step),
		Draw: uint32(use) << 24}
}
