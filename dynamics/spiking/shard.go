package spiking

import (
	"math"
	mathbits "math/bits"

	"quantal/kernels"
)

// shard is some neighbouring neurons of a population with all contacts onto them. It is simulated without looking at
// others for as many steps as a spike needs to arrive.
type shard[T kernels.Float] struct {
	neuron     *Neuron
	population int
	first      int // neuron
	size       int
	step       float64
	kernels    kernels.SpikeKernels[T]

	// The following have some numbers more than there are neurons, so that there are whole portions.
	v     []T // relative to rest
	x     [][]T
	input []T
	left  []T // steps for which v is still held; infinite for no neuron
	drift []T // of v in a step
	none  []T // jumps that are 0

	reset    T
	theta    T
	refract  T
	above    []uint64   // bits of the neurons that fire
	fired    [][]uint16 // in the steps of a block
	counts   []uint32   // spikes of each neuron
	drives   []drive[T]
	groups   []*group[T]
	approach T // 1 - exp(-step/tau): by rounding this, and not its difference to 1, v goes exactly to where it should
	receptor []receptor[T]
	// Of neurons that fire by escape.
	bias     []float64 // which takes many small steps
	surprise []T       // how unexpected it was in the last step that they fired, or did not
	dead     []uint16
	noise    kernels.Noise

	level [][]T // sums over conductances at the beginning, middle and end of a step
}

// receptor has what a step needs of a receptor: its decay, and what x at the beginning of a step adds to v by its end;
// of a conductance the decay over half a step, and the reversal potential relative to rest.
type receptor[T kernels.Float] struct{ decay, half, gain, reversal T }

// group is the contacts of a projection onto the neurons of a shard. Those of source j are start[j] to start[j+1].
type group[T kernels.Float] struct {
	projection int
	from       int // population
	delay      int
	receptor   int
	start      []uint32
	target     []uint16
	bits       []uint64 // or, of many contacts with one weight, a row of bits of each source
	weight     T        // of all contacts
	w          []T      // or of each
	firstMoved int      // number of the first weight among those of the projection, for the noise
	rule       *learning[T]
	sampler    *sampler[T]
	counted    []uint32 // spikes of each neuron at the last scaling
}

// contacts is where the contacts of a group come from: those of source j begin at at[j] in Contacts.
type contacts struct {
	group int
	at    []uint32
}

func newShard[T kernels.Float](m *Model, k kernels.SpikeKernels[T], population, first, size int) *shard[T] {
	p := &m.Populations[population]
	nr := p.Neuron
	whole := (size + kernels.ArrivalNumbers - 1) / kernels.ArrivalNumbers * kernels.ArrivalNumbers
	s := &shard[T]{neuron: nr, population: population, first: first, size: size, step: m.Step, kernels: k,
		v: make([]T, whole), input: make([]T, whole), left: make([]T, whole), drift: make([]T, whole),
		none: make([]T, whole), above: make([]uint64, whole/64), counts: make([]uint32, size),
		theta: T(nr.Threshold - nr.Rest), reset: T(nr.Reset - nr.Rest), approach: T(-math.Expm1(-m.Step / nr.Tau)),
		// A neuron that has fired is free in the first step that begins Refractory or more later.
		refract: T(max(math.Ceil(nr.Refractory/m.Step-1e-9), 1))}
	for i := range size {
		s.setInput(i, nr.Input)
	}
	for i := size; i < whole; i++ {
		s.left[i] = T(math.Inf(1))
	}
	for _, r := range nr.Receptors {
		s.x = append(s.x, make([]T, whole, shardSize))
		s.receptor = append(s.receptor, newReceptor[T](m.Step, nr.Tau, r, nr.Rest))
	}
	if nr.Conductances {
		for range 6 {
			s.level = append(s.level, make([]T, whole))
		}
	}
	if nr.Escape != nil {
		s.bias, s.surprise, s.dead = make([]float64, size), make([]T, size), make([]uint16, size)
		s.noise = noise(m.Seed, escapeNoise, population, 0)
	}
	for k := range p.Drives {
		s.drives = append(s.drives, newDrive(m, s.kernels, population, k))
	}
	return s
}

func newReceptor[T kernels.Float](step, tau float64, r Receptor, rest float64) receptor[T] {
	if r.Tau == 0 {
		return receptor[T]{decay: 0, gain: 1}
	}
	// The integral of exp(-(step-s)/tau) exp(-s/r.Tau) ds/tau over a step, also where the time constants are equal.
	k := step * (1/tau - 1/r.Tau)
	ratio := 1.
	if k != 0 {
		ratio = math.Expm1(k) / k
	}
	return receptor[T]{decay: T(math.Exp(-step / r.Tau)), half: T(math.Exp(-step / 2 / r.Tau)),
		gain: T(math.Exp(-step/tau) * step / tau * ratio), reversal: T(r.Reversal - rest)}
}

func (s *shard[T]) setInput(i int, input float64) {
	s.input[i] = T(input)
}

// potential is that of a neuron, with the jumps of the last step, which moveCurrents adds in the next one: they do not
// happen to a neuron that is refractory.
func (s *shard[T]) potential(i int) T {
	v := s.v[i]
	for r, k := range s.neuron.Receptors {
		if k.Tau == 0 && s.left[i] == 0 {
			v += s.x[r][i]
		}
	}
	return v + T(s.neuron.Rest)
}

// connect makes the group of a projection.
func (s *shard[T]) connect(m *Model, projection int) contacts {
	p := &m.Projections[projection]
	g := &group[T]{projection: projection, from: p.From, delay: p.Delay, receptor: p.Receptor, weight: T(p.Weight),
		start: make([]uint32, 1, m.Populations[p.From].Size+1)}
	c := contacts{group: len(s.groups)}
	s.groups = append(s.groups, g)
	if p.Weights == nil && p.Sampling == nil && g.setBits(p.Contacts, s) {
		return c
	}
	var theta []T
	for j := range m.Populations[p.From].Size {
		row, at := s.part(p.Contacts, j)
		c.at = append(c.at, at)
		for k, i := range row {
			g.target = append(g.target, uint16(i-uint32(s.first)))
			if p.Weights != nil {
				g.w = append(g.w, T(p.Weights[int(at)+k]))
			}
			if p.Sampling != nil {
				theta = append(theta, T(p.Sampling.Start[int(at)+k]))
				g.w = append(g.w, T(p.Sampling.weight(p.Sampling.Start[int(at)+k])))
			}
		}
		g.start = append(g.start, uint32(len(g.target)))
	}
	if p.Plasticity != nil {
		g.rule = newLearning(m, p, g, s.size)
	}
	if p.Sampling != nil {
		g.sampler = newSampler(m, p, g, theta)
	}
	if p.Scaling != nil {
		g.counted = make([]uint32, s.size)
	}
	return c
}

// part are the contacts of a source onto the neurons of the shard, and where they begin.
func (s *shard[T]) part(c Contacts, j int) (targets []uint32, at uint32) {
	row := c.From(j)
	low, high := search(row, uint32(s.first)), search(row, uint32(s.first+s.size))
	return row[low:high], c.Start[j] + uint32(low)
}

// fewestBits is the share of contacts from which on rows of bits are the fastest.
const fewestBits = 1. / 32

// setBits makes the rows of bits, unless there are too few contacts, or several between two neurons.
func (g *group[T]) setBits(c Contacts, s *shard[T]) bool {
	sources, words := len(c.Start)-1, len(s.v)/64
	bits, n := make([]uint64, sources*words), 0
	for j := range sources {
		row, _ := s.part(c, j)
		n += len(row)
		for k, i := range row {
			if k > 0 && row[k-1] == i {
				return false
			}
			i -= uint32(s.first)
			bits[j*words+int(i/64)] |= 1 << (i % 64)
		}
	}
	if float64(n) < fewestBits*float64(sources)*float64(s.size) {
		return false
	}
	g.bits = bits
	return true
}

// advance simulates some steps.
func (s *shard[T]) advance(n *Network[T], steps int) {
	for len(s.fired) < steps {
		s.fired = append(s.fired, nil)
	}
	for k := range steps {
		step := n.step + k
		s.fired[k] = s.move(s.fired[k][:0])
		if s.neuron.Escape != nil {
			s.fired[k] = s.escape(step, s.fired[k])
		}
		for d := range s.drives {
			s.drives[d].arrive(s.x[s.drives[d].receptor], s.first, s.size, step)
		}
		for _, g := range s.groups {
			if g.sampler != nil {
				g.sampler.step(g, s.surprise, T(n.Reward))
			}
			if step >= g.delay {
				g.arrive(s, *n.fired(g.from, step-g.delay), step)
			}
			g.rule.fire(g, s.fired[k], step)
		}
		for _, i := range s.fired[k] {
			if s.counts[i]++; s.neuron.Escape != nil {
				s.dead[i] = uint16(s.refract)
				continue
			}
			s.v[i], s.left[i] = s.reset, s.refract
		}
	}
}

// move moves potentials and synapses by a step and appends the neurons that fire.
func (s *shard[T]) move(fired []uint16) []uint16 {
	if s.neuron.Conductances {
		s.moveConductances()
		return s.threshold(fired)
	}
	s.moveCurrents()
	if s.neuron.Escape != nil {
		return fired
	}
	for k, bits := range s.above {
		for ; bits != 0; bits &= bits - 1 {
			fired = append(fired, uint16(64*k+mathbits.TrailingZeros64(bits)))
		}
	}
	return fired
}

// moveCurrents moves potentials and currents by a step, exactly (S. Rotter, M. Diesmann, Biol. Cybern. 81, 381, 1999).
func (s *shard[T]) moveCurrents() {
	jump := s.none
	for r, x := range s.x {
		switch k := s.receptor[r]; {
		case s.neuron.Receptors[r].Tau > 0:
			s.kernels.Currents(s.drift, x, k.gain, k.decay)
		case &jump[0] == &s.none[0]:
			jump = x
		default:
			s.kernels.Currents(jump, x, 1, 0)
		}
	}
	s.kernels.Leak(s.v, jump, s.left, s.input, s.drift, s.approach, s.theta, s.above)
	clear(s.drift)
}

// moveConductances moves potentials by a step of the classical Runge-Kutta method, of order 4, and conductances
// exactly.
func (s *shard[T]) moveConductances() {
	// dv/dt = a - b v in units of a step, at its beginning, middle and end.
	a0, a1, a2, b0, b1, b2 := s.level[0], s.level[1], s.level[2], s.level[3], s.level[4], s.level[5]
	h := T(s.step / s.neuron.Tau)
	for i, in := range s.input {
		a0[i], a1[i], a2[i], b0[i], b1[i], b2[i] = h*in, h*in, h*in, h, h, h
	}
	for r, x := range s.x {
		k := s.receptor[r]
		for i, g := range x {
			g0, g1, g2 := h*g, h*(k.half*g), h*(k.decay*g)
			a0[i] += g0 * k.reversal
			a1[i] += g1 * k.reversal
			a2[i] += g2 * k.reversal
			b0[i] += g0
			b1[i] += g1
			b2[i] += g2
			x[i] = k.decay * g
		}
	}
	for i, v := range s.v {
		if s.left[i] > 0 {
			if s.left[i]--; s.left[i] > 0 {
				continue
			}
		}
		k1 := a0[i] - b0[i]*v
		k2 := a1[i] - b1[i]*(v+k1/2)
		k3 := a1[i] - b1[i]*(v+k2/2)
		k4 := a2[i] - b2[i]*(v+k3)
		s.v[i] = v + (k1+2*(k2+k3)+k4)/6
	}
}

// threshold appends the neurons that reach the threshold.
func (s *shard[T]) threshold(fired []uint16) []uint16 {
	for i, v := range s.v {
		if v >= s.theta && s.left[i] == 0 {
			fired = append(fired, uint16(i))
		}
	}
	return fired
}

// arrive lets the spikes of some sources act.
func (g *group[T]) arrive(s *shard[T], spikes []uint32, step int) {
	x := s.x[g.receptor]
	if g.rule != nil {
		g.rule.arrive(g, x, spikes, step)
		return
	}
	if g.bits != nil {
		s.kernels.Arrivals(x, g.weight, g.bits, spikes)
		return
	}
	if g.sampler != nil {
		g.sampler.arrive(spikes)
	}
	all := (*[shardSize]T)(x[:shardSize]) // an index below shardSize needs no check
	for _, j := range spikes {
		target := g.target[g.start[j]:g.start[j+1]]
		if g.w == nil {
			for _, i := range target {
				all[i%shardSize] += g.weight
			}
			continue
		}
		w := g.w[g.start[j]:g.start[j+1]][:len(target)]
		for k, i := range target {
			all[i%shardSize] += w[k]
		}
	}
}

// search is how many of the ascending numbers are below a limit.
func search(a []uint32, limit uint32) int {
	low, high := 0, len(a)
	for low < high {
		if mid := (low + high) / 2; a[mid] < limit {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
