package spiking

import (
	"math"

	"quantal/kernels"
	"quantal/kernels/cpu"
)

// learning is the plasticity of the contacts of a group, with its traces.
type learning[T kernels.Float] struct {
	*Plasticity
	plus, minus, offset T
	low, high           T
	in                  Incoming
	pre, post           traces[T]
}

// traces decay exponentially, and are computed where they are read: at is the step of the last spike.
type traces[T kernels.Float] struct {
	value []T
	at    []uint32
	decay []T // after so many steps; 0 after more
	keep  T   // 1, or 0 if a spike sets the trace to 1
}

func newTraces[T kernels.Float](n int, step, tau float64, nearest bool) traces[T] {
	t := traces[T]{value: make([]T, n), at: make([]uint32, n), keep: 1}
	if nearest {
		t.keep = 0
	}
	for k := 0; ; k++ {
		d := math.Exp(-float64(k) * step / tau)
		if d < negligible {
			return t
		}
		t.decay = append(t.decay, T(d))
	}
}

// negligible is what a decay is taken for 0 below: less than half of the last bit of a float64 beside 1.
const negligible = 0x1p-54

func (t *traces[T]) read(i, step int) T {
	if gap := uint32(step) - t.at[i]; int(gap) < len(t.decay) {
		return t.value[i] * t.decay[gap]
	}
	return 0
}

func (t *traces[T]) spike(i, step int) {
	t.value[i] = t.keep*t.read(i, step) + 1
	t.at[i] = uint32(step)
}

func newLearning[T kernels.Float](m *Model, p *Projection, g *group[T], size int) *learning[T] {
	r := p.Plasticity
	targets := Contacts{Start: g.start, Target: make([]uint32, len(g.target))}
	for k, i := range g.target {
		targets.Target[k] = uint32(i)
	}
	return &learning[T]{Plasticity: r, plus: T(r.Plus), minus: T(r.Minus), offset: T(r.Offset), low: T(r.Low),
		high: T(r.High), in: targets.Incoming(size),
		pre:  newTraces[T](len(g.start)-1, m.Step, r.TauPre, r.Nearest),
		post: newTraces[T](size, m.Step, r.TauPost, r.Nearest)}
}

// arrive lets the spikes of some sources act on neurons and weights.
func (l *learning[T]) arrive(g *group[T], x []T, spikes []uint32, step int) {
	for _, j := range spikes {
		w := g.w[g.start[j]:g.start[j+1]]
		for k, i := range g.target[g.start[j]:g.start[j+1]] {
			x[i] += w[k]
			if w[k] == 0 && l.absent() {
				continue
			}
			change := l.minus * l.post.read(int(i), step)
			if l.Form != Additive {
				change *= T(l.down(float64(w[k])))
			}
			w[k] = min(max(w[k]-change+l.offset, l.low), l.high)
		}
		l.pre.spike(int(j), step)
	}
}

// fire lets the spikes of neurons of the shard act on the weights.
func (l *learning[T]) fire(g *group[T], spikes []uint16, step int) {
	if l == nil {
		return
	}
	for _, i := range spikes {
		from, to := l.in.Start[i], l.in.Start[i+1]
		at := l.in.At[from:to]
		for k, j := range l.in.Source[from:to] {
			w := &g.w[at[k]]
			if *w == 0 && l.absent() {
				continue
			}
			change := l.plus * l.pre.read(int(j), step)
			if l.Form != Additive {
				change *= T(l.up(float64(*w)))
			}
			*w = min(max(*w+change, l.low), l.high)
		}
		l.post.spike(int(i), step)
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
			advance(g.w, noise(m.Seed, moveNoise, projection, (n.step/d.Every-1)*d.Substeps), g.firstMoved)
		})
	}, nil
}

// scale is the homeostatic scaling of a projection.
func scale[T kernels.Float](projection int, c *Scaling) func(*Network[T], *shard[T]) {
	return func(n *Network[T], s *shard[T]) {
		s.each(projection, func(g *group[T]) {
			factor := make([]T, len(s.v))
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
