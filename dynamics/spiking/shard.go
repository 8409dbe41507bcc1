package spiking

import (
	"math"

	"quantal/kernels"
)

// shard is some neighbouring neurons of a population with all contacts onto them. It is simulated without looking at
// others for as many steps as a spike needs to arrive.
type shard[T kernels.Float] struct {
	neuron     *Neuron
	population int
	first      int // neuron
	step       float64

	v        []T // relative to rest
	x        [][]T
	input    []T
	left     []uint16
	reset    T
	theta    T
	refract  uint16
	drift    []T        // of v in a step
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
	weight     T   // of all contacts
	w          []T // or of each
	firstMoved int // number of the first weight among those of the projection, for the noise
	rule       *learning[T]
	sampler    *sampler[T]
	counted    []uint32 // spikes of each neuron at the last scaling
}

// contacts is where the contacts of a group come from: those of source j begin at at[j] in Contacts.
type contacts struct {
	group int
	at    []uint32
}

func newShard[T kernels.Float](m *Model, population, first, size int) *shard[T] {
	p := &m.Populations[population]
	nr := p.Neuron
	s := &shard[T]{neuron: nr, population: population, first: first, step: m.Step, v: make([]T, size),
		input: make([]T, size), left: make([]uint16, size), drift: make([]T, size), counts: make([]uint32, size),
		theta: T(nr.Threshold - nr.Rest), reset: T(nr.Reset - nr.Rest), approach: T(-math.Expm1(-m.Step / nr.Tau)),
		// A neuron that has fired is free in the first step that begins Refractory or more later.
		refract: uint16(max(math.Ceil(nr.Refractory/m.Step-1e-9), 1))}
	for i := range s.input {
		s.setInput(i, nr.Input)
	}
	for _, r := range nr.Receptors {
		s.x = append(s.x, make([]T, size, shardSize))
		s.receptor = append(s.receptor, newReceptor[T](m.Step, nr.Tau, r, nr.Rest))
	}
	if nr.Conductances {
		for range 6 {
			s.level = append(s.level, make([]T, size))
		}
	}
	if nr.Escape != nil {
		s.bias, s.surprise, s.dead = make([]float64, size), make([]T, size), make([]uint16, size)
		s.noise = noise(m.Seed, escapeNoise, population, 0)
	}
	for k := range p.Drives {
		s.drives = append(s.drives, newDrive[T](m, population, k))
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
	var theta []T
	from, end := uint32(s.first), uint32(s.first+len(s.v))
	for j := range m.Populations[p.From].Size {
		row := p.Contacts.From(j)
		low, high := search(row, from), search(row, end)
		at := p.Contacts.Start[j] + uint32(low)
		c.at = append(c.at, at)
		for k, i := range row[low:high] {
			g.target = append(g.target, uint16(i-from))
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
		g.rule = newLearning(m, p, g, len(s.v))
	}
	if p.Sampling != nil {
		g.sampler = newSampler(m, p, g, theta)
	}
	if p.Scaling != nil {
		g.counted = make([]uint32, len(s.v))
	}
	s.groups = append(s.groups, g)
	return c
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
			s.drives[d].arrive(s.x, s.first, step)
		}
		for _, g := range s.groups {
			if g.sampler != nil {
				g.sampler.step(g, s.surprise, T(n.Reward))
			}
			if step >= g.delay {
				g.arrive(s.x[g.receptor], *n.fired(g.from, step-g.delay), step)
			}
			g.rule.fire(g, s.fired[k], step)
		}
		for _, i := range s.fired[k] {
			if s.counts[i]++; s.neuron.Escape != nil {
				s.dead[i] = s.refract
				continue
			}
			s.v[i], s.left[i] = s.reset, s.refract
		}
	}
}

// move moves potentials and synapses by a step and appends the neurons that fire.
func (s *shard[T]) move(fired []uint16) []uint16 {
	switch r := s.neuron.Receptors; {
	case s.neuron.Conductances:
		s.moveConductances()
	case len(r) == 1 && r[0].Tau == 0 && s.neuron.Escape == nil:
		return s.moveJumps(fired)
	default:
		s.moveCurrents()
	}
	if s.neuron.Escape != nil {
		return fired
	}
	return s.threshold(fired)
}

// moveJumps is moveCurrents and threshold in one pass, where jumps are the only synapses.
func (s *shard[T]) moveJumps(fired []uint16) []uint16 {
	x := s.x[0]
	v, left, input := s.v[:len(x)], s.left[:len(x)], s.input[:len(x)]
	for i, jump := range x {
		x[i] = 0
		y := v[i]
		if left[i] == 0 {
			y += jump
		} else if left[i]--; left[i] > 0 {
			continue
		}
		y += s.approach * (input[i] - y)
		if v[i] = y; y >= s.theta {
			fired = append(fired, uint16(i))
		}
	}
	return fired
}

// moveCurrents moves potentials and currents by a step, exactly (S. Rotter, M. Diesmann, Biol. Cybern. 81, 381, 1999).
func (s *shard[T]) moveCurrents() {
	drift, v, left := s.drift, s.v[:len(s.drift)], s.left[:len(s.drift)]
	clear(drift)
	for r, x := range s.x {
		k := s.receptor[r]
		x = x[:len(drift)]
		if s.neuron.Receptors[r].Tau == 0 {
			for i, jump := range x {
				if left[i] == 0 {
					v[i] += jump
				}
			}
			clear(x)
			continue
		}
		for i, y := range x {
			drift[i] += k.gain * y
			x[i] = k.decay * y
		}
	}
	for i, in := range s.input[:len(drift)] {
		if left[i] > 0 {
			if left[i]--; left[i] > 0 {
				continue
			}
		}
		v[i] += s.approach*(in-v[i]) + drift[i]
	}
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

// arrive lets the spikes of some sources act. x has a capacity of shardSize.
func (g *group[T]) arrive(x []T, spikes []uint32, step int) {
	if g.rule != nil {
		g.rule.arrive(g, x, spikes, step)
		return
	}
	if g.sampler != nil {
		g.sampler.arrive(spikes)
	}
	all := (*[shardSize]T)(x[:shardSize]) // an index below shardSize needs no check
	if g.w != nil {
		for _, j := range spikes {
			w := g.w[g.start[j]:g.start[j+1]]
			for k, i := range g.target[g.start[j]:g.start[j+1]] {
				all[i%shardSize] += w[k]
			}
		}
		return
	}
	weight := g.weight
	for _, j := range spikes {
		for _, i := range g.target[g.start[j]:g.start[j+1]] {
			all[i%shardSize] += weight
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
