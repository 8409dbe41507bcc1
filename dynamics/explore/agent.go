package explore

import (
	"fmt"
	"math"
	"slices"

	"quantal/kernels"
	"quantal/train"
)

// The sources of an agent's exploration. Each has one number, its strength.
const (
	Synapses = "synapses" // a learned sigma per synapse; its start
	Frozen   = "frozen"   // a fixed sigma that is the same for all synapses
	Linear   = "linear"   // one sigma for all synapses that falls linearly to 0; its start
	Falling  = "falling"  // the same, falling exponentially to a hundredth
	Softmax  = "softmax"  // the choice of actions; the temperature
	Epsilon  = "epsilon"  // actions at random with a probability that falls linearly to 0; its start
	Greedy   = "greedy"   // nothing
)

// Explorers lists the strategies.
func Explorers() []string {
	return []string{Synapses, Frozen, Linear, Falling, Softmax, Epsilon, Greedy}
}

// onSynapses says whether a strategy has its noise on synapses.
func onSynapses(explorer string) bool {
	return slices.Contains([]string{Synapses, Frozen, Linear, Falling}, explorer)
}

// annealed is the factor of sigma at a fraction of the training.
func annealed(explorer string, done float64) float64 {
	switch explorer {
	case Linear:
		return 1 - done
	case Falling:
		return math.Pow(0.01, done)
	}
	return 1
}

// Uses of the noise, as layers of stream dynamics.
const (
	layerActing  = iota // xi of an episode
	layerLearn          // xi of a learning step
	layerMeaning        // the effect of actions in deep sea
	layerArms           // mean rewards of the bandit
	layerEpisode        // its context and luck
	layerChoice         // chance in the choice of actions
	layerReplay         // which transitions are remembered
)

// place is where one agent's noise is used; step and draw count from 0.
func place(seed uint64, layer uint16, step, draw int) kernels.Noise {
	return kernels.Noise{Seed: seed, Stream: kernels.StreamDynamics, Layer: layer, Step: uint32(step), Draw: uint32(draw)}
}

// agent learns the values of actions, and acts by them.
type agent struct {
	Learner
	explorer string
	strength float64 // see the explorers
	redrawn  bool    // xi is drawn for each step of an episode, not held; a control
	seed     uint64
	net      *network
	memory   []transition
}

func newAgent(l Learner, w world, explorer string, strength float64, seed uint64) *agent {
	a := &agent{Learner: l, explorer: explorer, strength: strength, seed: seed}
	sigma := 0.0
	if onSynapses(explorer) {
		sigma = strength
	}
	member := kernels.Member{Seed: seed, LearningRate: l.Rate, NoiseVariance: 1}
	a.net = newNetwork(w.states(), w.actions(), kernels.Adam{Beta1: l.Momentum, Beta2: kernels.DefaultAdam().Beta2,
		Epsilon: l.AdamEpsilon}, member, sigma)
	a.net.frozen = onSynapses(explorer) && explorer != Synapses
	return a
}

// choose selects an action by its values, given two uniforms and the fraction of the training that is done.
func (a *agent) choose(values []float64, u [2]float64, done float64) int {
	switch {
	case a.explorer == Softmax:
		p := make([]float64, len(values))
		scaled := make([]float64, len(values))
		for i, v := range values {
			scaled[i] = v / a.strength
		}
		kernels.LogSoftmax(p, scaled)
		for i := range p[:len(p)-1] {
			if u[0] -= math.Exp(p[i]); u[0] < 0 {
				return i
			}
		}
		return len(p) - 1
	case a.explorer == Epsilon && u[0] < a.strength*(1-done):
		return int(u[1] * float64(len(values)))
	}
	return greedy(values)
}

// greedy is the action of the largest value, the first of equal ones.
func greedy(values []float64) int {
	best := 0
	for i, v := range values {
		if v > values[best] {
			best = i
		}
	}
	return best
}

// episode acts for one episode out of the given number, and remembers it.
func (a *agent) episode(w world, episode, of int) (total, largest float64) {
	largest = math.Inf(-1)
	if a.explorer == Linear || a.explorer == Falling {
		a.net.setSigma(a.strength * annealed(a.explorer, float64(episode)/float64(of)))
	}
	if !a.redrawn {
		a.net.draw(place(a.seed, layerActing, episode, 0))
	}
	for s, step := w.start(episode), 0; s != over; step++ {
		if a.redrawn {
			a.net.draw(place(a.seed, layerActing, episode, step))
		}
		var u [2]float64
		kernels.Uniforms(u[:], place(a.seed, layerChoice, episode, step), 0)
		action := a.choose(a.net.values(s)[:w.actions()], u, float64(episode)/float64(of))
		reward, next := w.act(action)
		a.memory = append(a.memory, transition{s, action, reward, next})
		total, largest = total+reward, max(largest, reward)
		s = next
	}
	return total, largest
}

// learn makes learning steps after an episode: each uses all steps of the episode, and Learner.Replay remembered ones.
func (a *agent) learn(steps int) error {
	replay := make([]float64, a.Replay)
	for range (steps + a.Every - 1) / a.Every {
		batch := append([]transition{}, a.memory[len(a.memory)-steps:]...)
		kernels.Uniforms(replay, place(a.seed, layerReplay, a.net.steps, 0), 0)
		for _, u := range replay {
			batch = append(batch, a.memory[int(u*float64(len(a.memory)))])
		}
		if !a.net.learn(batch, place(a.seed, layerLearn, a.net.steps, 0)) {
			what := kernels.Divergence{Step: a.net.steps, What: "gradient"}
			return fmt.Errorf("explore: %s with %g: %w: want a smaller rate", a.explorer, a.strength,
				&train.DivergedError{Divergence: what})
		}
	}
	return nil
}

// policy acts by the means.
func (a *agent) policy() func(state int) int {
	a.net.rest()
	actions := a.net.layer().Out
	return func(s int) int { return greedy(a.net.values(s)[:actions]) }
}

// course is the time course of an agent.
type course struct {
	Returns []float64 // of each episode
	Found   int       // the first episode, from 1, with a reward of more than a half in one step; 0 for none
	Optimum float64   // the largest possible expected return
	Learned float64   // expected return at the end, by the means
	// after each block of episodes: mean sigma of the synapses of the best behaviour, and of the others
	Sigmas [][2]float64
}

// blocks is the number of blocks of a course in figures.
const blocks = 40

// live lets an agent act and learn for the given number of episodes; tell is called after each block.
func (a *agent) live(w world, episodes int, tell func() error) (course, error) {
	var c course
	c.Sigmas = append(c.Sigmas, a.sigmas(w))
	for e := range episodes {
		before := len(a.memory)
		total, largest := a.episode(w, e, episodes)
		c.Returns = append(c.Returns, total)
		if c.Found == 0 && largest > 0.5 {
			c.Found = e + 1
		}
		if err := a.learn(len(a.memory) - before); err != nil {
			return c, err
		}
		if (e+1)*blocks/episodes > e*blocks/episodes {
			c.Sigmas = append(c.Sigmas, a.sigmas(w))
			if err := tell(); err != nil {
				return c, err
			}
		}
	}
	c.Learned, c.Optimum = w.value(a.policy()), w.optimum()
	return c, nil
}

// sigmas are the means over the synapses of the best behaviour, and over the others; biases belong to neither.
func (a *agent) sigmas(w world) [2]float64 {
	var sum, n [2]float64
	for s := range w.states() {
		for action := range w.actions() {
			i := 1
			if w.best(s, action) {
				i = 0
			}
			sum[i] += a.net.sigma(s, action)
			n[i]++
		}
	}
	return [2]float64{sum[0] / n[0], sum[1] / n[1]}
}
