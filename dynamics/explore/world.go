package explore

import (
	"math"

	"quantal/kernels"
)

// over is the state after the end of an episode.
const over = -1

// world is the environment of an agent. A state is a number from 0; an episode goes on until it is over.
type world interface {
	states() int
	actions() int
	start(episode int) (state int)
	act(action int) (reward float64, next int)
	// best reports whether an action belongs to the best behaviour, in a state that this behaviour reaches.
	best(state, action int) bool
	// value is the expected return of an episode if actions are a function of the state. Optimum is the largest possible
	// value.
	value(policy func(state int) int) float64
	optimum() float64
}

// deepSea is a square of size x size cells (Osband et al. 2019). An episode starts in the upper left cell and takes a
// step down in each of size steps: to the right, or to the left. A step to the right costs moveCost/size; the one in
// the lower right cell, which only size steps to the right reach, gives a reward of 1.
//
// State s is the cell of row r and column k <= r with s = r(r+1)/2 + k; no other cell can be reached.
type deepSea struct {
	size        int
	right       []int // the action that goes to the right, for each state
	row, column int   // now
}

// moveCost is the cost of size steps to the right (Osband et al. 2019).
const moveCost = 0.01

// newDeepSea makes one in which the effect of an action is drawn for each cell, or is the same in all.
func newDeepSea(size int, sameMeaning bool, noise kernels.Noise) *deepSea {
	d := &deepSea{size: size, right: make([]int, size*(size+1)/2)}
	u := make([]float64, len(d.right))
	kernels.Uniforms(u, noise, 0)
	for s := range d.right {
		if sameMeaning || u[s] < 0.5 {
			d.right[s] = 1
		}
	}
	return d
}

func (d *deepSea) states() int  { return len(d.right) }
func (d *deepSea) actions() int { return 2 }

func (d *deepSea) start(int) int {
	d.row, d.column = 0, 0
	return 0
}

func (d *deepSea) state() int { return d.row*(d.row+1)/2 + d.column }

func (d *deepSea) act(action int) (reward float64, next int) {
	if action == d.right[d.state()] {
		reward = -moveCost / float64(d.size)
		if d.column == d.size-1 {
			reward++
		}
		d.column++
	} else {
		d.column = max(d.column-1, 0)
	}
	d.row++
	if d.row == d.size {
		return reward, over
	}
	return reward, d.state()
}

// best holds for a step to the right in a cell of the diagonal.
func (d *deepSea) best(state, action int) bool {
	for r := range d.size {
		if state == r*(r+1)/2+r {
			return action == d.right[state]
		}
	}
	return false
}

func (d *deepSea) value(policy func(state int) int) float64 {
	sum, s := 0.0, d.start(0)
	for s != over {
		var reward float64
		reward, s = d.act(policy(s))
		sum += reward
	}
	return sum
}

func (d *deepSea) optimum() float64 { return 1 - moveCost }

// bandit shows one of some contexts, drawn for each episode. Each context has its own reward for each arm: a mean,
// drawn once from a standard normal distribution, plus a standard normal number each time. An episode is one choice of
// an arm. It is the ten-armed testbed of Sutton and Barto (2018, section 2.3), once for each context.
type bandit struct {
	arms    int
	means   []float64 // of [context][arm]
	draws   func(episode int) kernels.Noise
	context int     // now
	luck    float64 // of this episode
}

// newBandit makes one whose mean rewards are drawn at one place of the noise, and each episode at its own.
func newBandit(contexts, arms int, means kernels.Noise, draws func(episode int) kernels.Noise) *bandit {
	b := &bandit{arms: arms, means: make([]float64, contexts*arms), draws: draws}
	kernels.Normals(b.means, means, 0)
	return b
}

func (b *bandit) states() int  { return len(b.means) / b.arms }
func (b *bandit) actions() int { return b.arms }

func (b *bandit) start(episode int) int {
	var u, luck [1]float64
	kernels.Uniforms(u[:], b.draws(episode), 0)
	kernels.Normals(luck[:], b.draws(episode), 1)
	b.context, b.luck = int(u[0]*float64(b.states())), luck[0]
	return b.context
}

func (b *bandit) act(action int) (reward float64, next int) {
	return b.means[b.context*b.arms+action] + b.luck, over
}

func (b *bandit) best(state, action int) bool {
	mean := b.means[state*b.arms:][:b.arms]
	for _, other := range mean {
		if other > mean[action] {
			return false
		}
	}
	return true
}

func (b *bandit) value(policy func(state int) int) float64 {
	sum := 0.0
	for s := range b.states() {
		sum += b.means[s*b.arms+policy(s)]
	}
	return sum / float64(b.states())
}

func (b *bandit) optimum() float64 {
	sum := 0.0
	for s := range b.states() {
		top := math.Inf(-1)
		for _, mean := range b.means[s*b.arms:][:b.arms] {
			top = max(top, mean)
		}
		sum += top
	}
	return sum / float64(b.states())
}
