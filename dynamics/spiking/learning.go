package spiking

import (
	"math"

	"quantal/kernels"
	"quantal/kernels/cpu"
)

// learning is the plasticity of the contacts of a group, with its traces. What a postsynaptic spike does to a weight is
// left undone until the weight is next read, which is when a spike arrives through it: all of them are then neighbours
// in memory, which the weights onto the neuron that fires are not. The order for each weight is that of the steps.
type learning[T kernels.Float] struct {
	*Plasticity
	plus, minus, offset T
	low, high           T
	pre, post           []trace[T]
	preDecay, postDecay decay[T]
	keep                T        // of a trace at a spike: 1, or 0 if a spike sets it to 1
	settled             []uint32 // of each source: the step from which on postsynaptic spikes are undone
	undone              []uint32 // of each neuron: the steps of these spikes
	count               []uint32 // of each neuron: spikes since all weights were settled
}

// undoneSpikes is how many spikes of a neuron are undone at most.
const undoneSpikes = 16

// trace is a trace at its last spike.
type trace[T kernels.Float] struct {
	value T
	at    uint32 // step
}

// decay is that of a trace after so many steps; 0 after more.
type decay[T kernels.Float] []T

func newDecay[T kernels.Float](step, tau float64) (d decay[T]) {
	for k := 0; ; k++ {
		x := math.Exp(-float64(k) * step / tau)
		if x < negligible {
			return d
		}
		d = append(d, T(x))
	}
}

// negligible is what a decay is taken for 0 below: less than half of the last bit of a float64 beside 1.
const negligible = 0x1p-54

func (d decay[T]) read(t trace[T], step uint32) T {
	if gap := step - t.at; int(gap) < len(d) {
		return t.value * d[gap]
	}
	return 0
}

func newLearning[T kernels.Float](m *Model, p *Projection, g *group[T], size int) *learning[T] {
	r := p.Plasticity
	l := &learning[T]{Plasticity: r, plus: T(r.Plus), minus: T(r.Minus), offset: T(r.Offset), low: T(r.Low),
		high: T(r.High), pre: make([]trace[T], len(g.start)-1), post: make([]trace[T], size),
		preDecay: newDecay[T](m.Step, r.TauPre), postDecay: newDecay[T](m.Step, r.TauPost), keep: 1,
		settled: make([]uint32, len(g.start)-1), undone: make([]uint32, undoneSpikes*size), count: make([]uint32, size)}
	if r.Nearest {
		l.keep = 0
	}
	return l
}

// arrive lets the spikes of some sources act on neurons and weights.
func (l *learning[T]) arrive(g *group[T], x []T, spikes []uint32, step int) {
	now := uint32(step)
	for _, j := range spikes {
		l.settle(g, j, now)
		w := g.w[g.start[j]:g.start[j+1]]
		target := g.target[g.start[j]:g.start[j+1]][:len(w)]
		for k, i := range target {
			x[i] += w[k]
			if w[k] == 0 && l.absent() {
				continue
			}
			change := l.minus * l.postDecay.read(l.post[i], now)
			if l.Form != Additive {
				change *= T(l.down(float64(w[k])))
			}
			w[k] = l.bounded(w[k] - change + l.offset)
		}
		l.pre[j] = trace[T]{l.keep*l.preDecay.read(l.pre[j], now) + 1, now}
	}
}

func (l *learning[T]) bounded(w T) T { return min(max(w, l.low), l.high) }

// settle does to the weights of a source what postsynaptic spikes before a step have left undone.
func (l *learning[T]) settle(g *group[T], j, step uint32) {
	since := l.settled[j]
	l.settled[j] = step
	from, pre := g.start[j], l.pre[j]
	for k, i := range g.target[from:g.start[j+1]] {
		n := l.count[i]
		if n == 0 || l.post[i].at < since {
			continue
		}
		w := &g.w[from+uint32(k)]
		if *w == 0 && l.absent() {
			continue
		}
		undone := (*[undoneSpikes]uint32)(l.undone[i*undoneSpikes:])
		first := n - 1
		for first > 0 && undone[first-1] >= since {
			first--
		}
		for ; first < n; first++ {
			change := l.plus * l.preDecay.read(pre, undone[first])
			if l.Form != Additive {
				change *= T(l.up(float64(*w)))
			}
			*w = l.bounded(*w + change)
		}
	}
}

// settle makes the weights those at the beginning of a step.
func (g *group[T]) settle(step int) {
	if g.rule == nil {
		return
	}
	for j := range g.rule.settled {
		g.rule.settle(g, uint32(j), uint32(step))
	}
	clear(g.rule.count)
}

// fire lets the spikes of neurons of the shard act on the weights.
func (l *learning[T]) fire(g *group[T], spikes []uint16, step int) {
	if l == nil {
		return
	}
	for _, i := range spikes {
		if l.count[i] == undoneSpikes {
			g.settle(step)
			break
		}
	}
	for _, i := range spikes {
		l.undone[int(i)*undoneSpikes+int(l.count[i])] = uint32(step)
		l.count[i]++
		l.post[i] = trace[T]{l.keep*l.postDecay.read(l.post[i], uint32(step)) + 1, uint32(step)}
	}
}

// absent says whether a weight of 0 is a place without a contact, which plasticity does not change.
func (l *learning[T]) absent() bool { return l.low > 0 }

// mover changes the weights of a projection between steps.
type mover[T kernels.Float] struct {
	every int
	move  func(n *Network[T], s *shard[T])
}

// addMovers makes the intrinsic dynamics and the scaling of the projections.
func (n *Network[T]) addMovers() error {
	for i := range n.model.Projections {
		p := &n.model.Projections[i]
		moved := 0
		for k, s := range n.of(p.To) {
			g := s.groups[n.rows[i][k].group]
			g.firstMoved = moved
			moved += (len(g.w) + noiseRow - 1) / noiseRow * noiseRow
		}
		if p.Intrinsic != nil {
			move, err := newMove[T](n.model, i)
			if err != nil {
				return err
			}
			n.moves = append(n.moves, mover[T]{p.Intrinsic.Every, move})
		}
		if p.Sampling != nil {
			n.moves = append(n.moves, mover[T]{p.Sampling.Every, sample[T](n.model, i)})
		}
		if p.Scaling != nil {
			n.moves = append(n.moves, mover[T]{p.Scaling.Every, scale[T](i, p.Scaling)})
		}
	}
	return nil
}

// each calls f with the group of a projection that a shard has, if it has one.
func (s *shard[T]) each(projection int, f func(g *group[T])) {
	for _, g := range s.groups {
		if g.projection == projection {
			f(g)
		}
	}
}

// newMove is the intrinsic dynamics of a projection. Number k of its weights, counted through the shards, each of which
// begins with a multiple of 64, takes the noise of number k of kernels.Diffusion, whose step is the number of the
// substep.
func newMove[T kernels.Float](m *Model, projection int) (func(*Network[T], *shard[T]), error) {
	d := m.Projections[projection].Intrinsic
	dt := d.Time / float64(d.Substeps)
	law := kernels.NewDiffusion[T](d.Low, d.High, d.Mu, d.Sigma, dt)
	advance := func(w []T, n kernels.Noise, first int) { law.Advance(w, n, first, d.Substeps) }
	if d.Turnover != nil {
		t := kernels.Turnover[T]{Birth: T(d.Turnover.Birth), Smallest: T(d.Turnover.Smallest), Spread: T(d.Turnover.Spread)}
		advance = func(w []T, n kernels.Noise, first int) {
			law.AdvanceSites(t, w, make([]uint32, len(w)), n, first, d.Substeps)
		}
	}
	if f, ok := any(&law).(*kernels.Diffusion[float32]); ok {
		fast, err := cpu.NewDiffuser(*f)
		if err != nil {
			return nil, err
		}
		advance = func(w []T, n kernels.Noise, first int) { fast.Advance(any(w).([]float32), n, first, d.Substeps) }
		if d.Turnover != nil {
			t := kernels.Turnover[float32]{Birth: float32(d.Turnover.Birth), Smallest: float32(d.Turnover.Smallest),
				Spread: float32(d.Turnover.Spread)}
			advance = func(w []T, n kernels.Noise, first int) {
				fast.AdvanceSites(t, any(w).([]float32), make([]uint32, len(w)), n, first, d.Substeps)
			}
		}
	}
	return func(n *Network[T], s *shard[T]) {
		s.each(projection, func(g *group[T]) {
			g.settle(n.step)
			advance(g.w, noise(m.Seed, moveNoise, projection, (n.step/d.Every-1)*d.Substeps), g.firstMoved)
		})
	}, nil
}

// scale is the homeostatic scaling of a projection.
func scale[T kernels.Float](projection int, c *Scaling) func(*Network[T], *shard[T]) {
	return func(n *Network[T], s *shard[T]) {
		s.each(projection, func(g *group[T]) {
			g.settle(n.step)
			factor := make([]T, s.size)
			for i := range factor {
				rate := float64(s.counts[i]-g.counted[i]) / (float64(c.Every) * s.step / 1000)
				factor[i] = T(max(1+c.Speed*(c.Target-rate)/c.Target, 0))
			}
			copy(g.counted, s.counts)
			for k, i := range g.target {
				if g.w[k] != 0 {
					g.w[k] = min(max(g.w[k]*factor[i], T(c.Low)), T(c.High))
				}
			}
		})
	}
}
