package analysis

import (
	"context"
	"fmt"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/mnist"
	"quantal/synapse"
)

// network is a compiled network for regression with its examples, all of which are in every step.
type network struct {
	program  *kernels.Program // for powers of sigma
	entropic *kernels.Program // for their limit
	data     *kernels.Data
}

// newNetwork compiles a network with one output, a sigma per synapse and a Gaussian likelihood.
func newNetwork(hidden []int, activation kernels.Activation, magnitude bool, x [][]float64,
	targets []float64) (*network, error) {
	inputs := len(x[0])
	spec := graph.Spec{
		Sizes: append(append([]int{inputs}, hidden...), 1), Batch: len(x), Activation: activation,
		Sharing: kernels.PerSynapse, Likelihood: kernels.Gaussian,
	}
	compile := func(costs []graph.Law) (*kernels.Program, error) {
		if spec.Costs = costs; !magnitude {
			spec.Costs = costs[1:]
		}
		return graph.CompileSpec(spec, kernels.DefaultAdam())
	}
	program, err := compile(graph.PaperCosts(spec.Sharing))
	if err != nil {
		return nil, err
	}
	entropic, err := compile(graph.EntropicCosts(spec.Sharing))
	if err != nil {
		return nil, err
	}
	d := &kernels.Data{N: len(x), Width: inputs, Order: mnist.Order}
	for a, row := range x {
		for _, v := range row {
			d.Floats = append(d.Floats, float32(v))
		}
		d.Targets = append(d.Targets, float32(targets[a]))
	}
	return &network{program, entropic, d}, nil
}

// start is a state with means uniform within plus or minus spread, and one sigma everywhere.
func (n *network) start(seed uint64, spread, sigma float64) *kernels.State {
	l := n.program.Layout
	s := kernels.NewState(l, 0)
	from := noise(seed, forWeights)
	for n := range l.Rows() {
		from.Layer = uint16(n.Layer)
		for k, u := range uniforms(n.Columns(), from, n.Row) {
			s.Mu[n.First+k] = float32(spread * (2*u - 1))
			s.Phi[n.First+k] = float32(kernels.SoftplusInverse(sigma))
		}
	}
	return s
}

// Stage is a part of training with one learning rate.
type Stage struct {
	Steps int     `json:"steps"`
	Rate  float64 `json:"rate"`
}

// train trains a network for each member from one start through the stages, and returns their states. The stages set
// the members' learning rates. With all examples at every step, an epoch is a step.
func (n *network) train(ctx context.Context, members []kernels.Member, start *kernels.State,
	stages []Stage) ([]*kernels.State, error) {
	states := make([]*kernels.State, len(members))
	for _, p := range []*kernels.Program{n.program, n.entropic} {
		var of []int
		var group []kernels.Member
		for i, m := range members {
			if synapse.Power(m.Rho).Entropic() == (p == n.entropic) {
				of, group = append(of, i), append(group, m)
			}
		}
		if len(of) == 0 {
			continue
		}
		trained, err := n.trainWith(ctx, p, group, start, stages)
		if err != nil {
			return nil, err
		}
		for i, s := range trained {
			states[of[i]] = s
		}
	}
	return states, nil
}

// trainWith trains members of one program.
func (n *network) trainWith(ctx context.Context, p *kernels.Program, members []kernels.Member, start *kernels.State,
	stages []Stage) ([]*kernels.State, error) {
	const slice = 500 // steps between checks of the context
	states := make([]*kernels.State, len(members))
	for i := range states {
		states[i] = start
	}
	step := 0
	for _, stage := range stages {
		at := make([]kernels.Member, len(members))
		for i, m := range members {
			m.LearningRate = stage.Rate
			at[i] = m
		}
		vm, err := cpu.Open(p, at, n.data, 0)
		if err != nil {
			return nil, err
		}
		for i, s := range states {
			if err := vm.Load(i, s); err != nil {
				return nil, err
			}
		}
		for end := step + stage.Steps; step < end; {
			do := min(slice, end-step)
			progress, err := vm.Run(ctx, step, do)
			if err != nil {
				return nil, err
			}
			for i, p := range progress {
				if p.Diverged != nil {
					return nil, fmt.Errorf("analysis: network with rho %g and c %g: %v", members[i].Rho, members[i].C, p.Diverged)
				}
			}
			step += do
		}
		for i := range states {
			if states[i], err = vm.State(i); err != nil {
				return nil, err
			}
		}
		if err := vm.Close(); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// weights are all synapses of a state, without the pads, layer by layer and neuron by neuron, each neuron's bias last.
func (n *network) weights(s *kernels.State) Weights {
	var w Weights
	for r := range n.program.Layout.Rows() {
		for at := r.First; at < r.First+r.Columns(); at++ {
			sigma, _ := kernels.Softplus(float64(s.Phi[at]))
			w.Mu, w.Sigma = append(w.Mu, float64(s.Mu[at])), append(w.Sigma, sigma)
		}
	}
	return w
}

// predict computes the output for every x under draws of all weights, each shared by all x: draws x len(x). It follows
// the Program's own instructions with the portable kernels, in float64.
func (n *network) predict(s *kernels.State, x []float64, draws int, seed uint64) [][]float64 {
	out := make([][]float64, draws)
	l := n.program.Layout
	for d := range out {
		buffers := map[kernels.Buffer][]float64{}
		buffer := func(b kernels.Buffer) []float64 {
			if buffers[b] == nil {
				width := n.program.Widths[b]
				buffers[b] = make([]float64, len(x)*kernels.Stride(width))
				for e := range x {
					buffers[b][e*kernels.Stride(width)+width] = 1 // the input of the biases
				}
			}
			return buffers[b]
		}
		for _, instruction := range n.program.Instructions {
			switch i := instruction.(type) {
			case kernels.Gather:
				for e, v := range x {
					buffer(i.Dst)[e*kernels.Stride(1)] = v
				}
			case kernels.Forward:
				layer := l.Layers[i.Layer]
				from := noise(seed, forPredictions)
				from.Layer, from.Draw = uint16(i.Layer), from.Draw|uint32(d)
				p := kernels.Product[float64]{Layer: layer, Batch: len(x), W: make([]float64, layer.Slots())}
				for r := range layer.Out {
					xi := normals(layer.Columns(), from, r)
					for k := range xi {
						at := r*layer.Stride() + k
						sigma, _ := kernels.Softplus(float64(s.Phi[l.PhiOffset(i.Layer)+at]))
						p.W[at] = float64(s.Mu[l.Offset(i.Layer)+at]) + sigma*xi[k]
					}
				}
				y, stride := buffer(i.Dst), kernels.Stride(layer.Out)
				p.Forward(y, buffer(i.Src))
				for e := range x {
					kernels.Apply(i.Activation, y[e*stride:][:layer.Out], nil)
				}
			}
		}
		y, stride := buffer(n.program.Output), kernels.Stride(n.program.Widths[n.program.Output])
		for e := range x {
			out[d] = append(out[d], y[e*stride])
		}
	}
	return out
}
