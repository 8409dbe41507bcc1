package explore

import (
	"slices"

	"quantal/kernels"
)

// network gives the values of all actions in a state: one layer of synapses from a unit for each state, of which one is
// active, and from one unit that is common to all states, to a unit for each action. Its synapses are those of package
// kernels, w = mu + sigma xi with sigma = softplus(phi), in 64-bit floats; the common unit is their bias. Without noise
// w = mu.
type network struct {
	kernels.Layout
	common float64 // activity of the common unit
	member kernels.Member
	adam   kernels.Adam
	frozen bool // sigma is fixed
	steps  int  // learning steps done

	mu, phi        kernels.Param[float64]
	w, slope, cost []float64 // of the last draw, from Slopes.SampleRow

	x, y, dy, dw []float64 // rows of Stride(states), Stride(actions), Stride(actions); one row of weights
	active       []int     // the unit that is active in each row of x
}

// newNetwork makes a network whose means are 0 and whose sigmas are all the given one; at 0 it has no noise.
func newNetwork(states, actions int, adam kernels.Adam, member kernels.Member, sigma float64) *network {
	n := &network{member: member, adam: adam}
	n.Layers = []kernels.Layer{{In: states, Out: actions}}
	if sigma == 0 {
		n.Sharing = kernels.NoNoise
	}
	for _, f := range []*[]float64{&n.mu.Values, &n.mu.Moments[0], &n.mu.Moments[1], &n.w, &n.slope, &n.cost} {
		*f = make([]float64, n.Slots())
	}
	for _, f := range []*[]float64{&n.phi.Values, &n.phi.Moments[0], &n.phi.Moments[1]} {
		*f = make([]float64, n.PhiSize())
	}
	n.setSigma(sigma)
	n.dw = make([]float64, n.layer().Columns())
	return n
}

// setSigma makes the sigmas of all synapses the given one.
func (n *network) setSigma(sigma float64) {
	for i := range n.phi.Values {
		n.phi.Values[i] = kernels.SoftplusInverse(sigma)
	}
}

func (n *network) layer() kernels.Layer { return n.Layers[0] }

// at is the first slot of a row of weights.
func (n *network) at(row int) int { return row * n.layer().Stride() }

// sigma is that of the synapse from a state to an action.
func (n *network) sigma(state, action int) float64 {
	if n.Sharing == kernels.NoNoise {
		return 0
	}
	sigma, _ := kernels.Softplus(n.phi.Values[n.at(action)+state])
	return sigma
}

// draw draws all weights, which are valid until the next draw.
func (n *network) draw(noise kernels.Noise) {
	if n.Sharing == kernels.NoNoise {
		n.rest()
		return
	}
	u := n.update()
	for r := range n.layer().Out {
		from, to := n.at(r), n.at(r)+n.layer().Columns()
		xi := n.slope[from:to]
		kernels.Normals(xi, noise, r)
		u.SampleRow(n.w[from:to], xi, n.cost[from:to], n.mu.Values[from:to], n.phi.Values[from:to], xi)
	}
}

// rest sets all weights to their means.
func (n *network) rest() { copy(n.w, n.mu.Values) }

// update holds the numbers of the next learning step. The objective has no costs: see the package documentation.
func (n *network) update() kernels.TrainingStep[float64] {
	return kernels.TrainingStep[float64]{Move: kernels.NewMove[float64](n.adam, n.member, n.steps)}
}

// product is the layer with the weights of the last draw, for the given number of states.
func (n *network) product(rows int) kernels.Product[float64] {
	return kernels.Product[float64]{Layer: n.layer(), Batch: rows, W: n.w}
}

// values returns the values of all actions in some states; those of neighbouring states are Stride(actions) slots
// apart. They are valid until the next call.
func (n *network) values(states ...int) []float64 {
	stride := n.layer().Stride()
	for b := len(n.active); b < len(states); b++ {
		n.x = append(n.x, make([]float64, stride)...)
		n.x[b*stride+n.layer().In] = n.common
		n.y = append(n.y, make([]float64, kernels.Stride(n.layer().Out))...)
		n.active = append(n.active, 0)
	}
	for b, s := range states {
		n.x[b*stride+n.active[b]] = 0
		n.x[b*stride+s] = 1
		n.active[b] = s
	}
	n.product(len(states)).Forward(n.y, n.x)
	return n.y
}

// transition is one step of an agent.
type transition struct {
	state, action int
	reward        float64
	next          int // over at the end of an episode
}

// targets are the correct values of the actions taken, by the weights of the last draw: the reward and the
// largest value of the next state (Watkins and Dayan 1992), without discount.
func (n *network) targets(batch []transition) []float64 {
	var next []int
	for _, t := range batch {
		next = append(next, max(t.next, 0))
	}
	y, stride := n.values(next...), kernels.Stride(n.layer().Out)
	var targets []float64
	for b, t := range batch {
		target := t.reward
		if t.next != over {
			target += slices.Max(y[b*stride:][:n.layer().Out])
		}
		targets = append(targets, target)
	}
	return targets
}

// gradient forms the gradient of the loss with respect to the values, for weights of the last draw, and returns the
// loss: the Gaussian negative log-likelihood of the targets, summed over the transitions.
func (n *network) gradient(batch []transition, targets []float64) float64 {
	var states []int
	for _, t := range batch {
		states = append(states, t.state)
	}
	y, stride := n.values(states...), kernels.Stride(n.layer().Out)
	n.dy = append(n.dy[:0], make([]float64, len(batch)*stride)...)
	loss := 0.0
	for b, t := range batch {
		i := b*stride + t.action
		loss += kernels.GaussianNLL(n.dy[i:i+1], y[i:i+1], targets[b:b+1], n.member.NoiseVariance)
	}
	return loss
}

// learn takes one step of gradient descent with weights drawn for it, and reports whether everything stayed finite.
func (n *network) learn(batch []transition, noise kernels.Noise) bool {
	n.draw(noise)
	n.gradient(batch, n.targets(batch))
	u, p, finite := n.update(), n.product(len(batch)), true
	for r := range n.layer().Out {
		p.WeightGradient(n.dw, n.dy, n.x, r)
		at, columns := n.at(r), len(n.dw)
		row := kernels.Row[float64]{Mu: n.mu.Slice(at, columns)}
		if n.Sharing == kernels.NoNoise || n.frozen {
			finite = u.UpdateMeans(row, n.dw) && finite
			continue
		}
		row.Phi = n.phi.Slice(at, columns)
		finite = u.UpdateRow(row, n.dw, n.slope[at:], n.cost[at:]) && finite
	}
	n.steps++
	return finite
}
