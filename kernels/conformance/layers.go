package conformance

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/kernels"
)

// layered is the network with numbers that differ by layer, but for those that move a sigma that all layers share.
func (n *Network) layered() *Network {
	c := *n
	c.Members = slices.Clone(n.Members)
	for i := range c.Members {
		m := &c.Members[i]
		for l := range n.Program.Layout.Layers {
			f := float64(1 + (l+i)%3)
			layer := kernels.LayerNumbers{C: m.C, Rho: m.Rho, Lambda: m.Lambda * f, LearningRate: m.LearningRate,
				Numbers: map[string]float64{"k": m.Numbers["k"], "n": m.Numbers["n"]}}
			if n.Sharing != kernels.PerNetwork {
				layer.C, layer.Rho, layer.LearningRate = m.C/f, m.Rho*(1+f/8), m.LearningRate*(4-f)
				layer.Numbers["k"] *= f
			}
			m.Layers = append(m.Layers, layer)
		}
	}
	return &c
}

// layersAgainstFloat64: numbers that differ by layer, in costs of the standard form and in others, under the rules that
// train and under Langevin, whoever shares a sigma.
func layersAgainstFloat64(t *testing.T, machines []Machine) {
	rules := kernels.Movers()
	for i, law := range [][]string{nil, laws[2]} {
		for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
			if law != nil && sharing == kernels.NoNoise {
				continue // it reads sigma
			}
			d := Design{Sizes: []int{20, 17, 9, 5}, Sharing: sharing, Activation: kernels.Tanh, Batch: 6, Members: 2,
				Rho: 2. / 3, Laws: law}
			rule := rules[(i+int(sharing))%len(rules)]
			t.Run(fmt.Sprintf("%s/%v/%v", rule.Name(), sharing, law), func(t *testing.T) {
				n := d.Network(t).Under(t, rule).layered()
				n.Members[0].WeightDecay = 5
				flaws := append(flawsOfTraining(n), "numbers of another layer")
				comparison{network: n, count: 3, flaws: flaws, losses: 1e-5}.on(t, some(machines, i+int(sharing), true))
			})
			t.Run(fmt.Sprintf("langevin/%v/%v", sharing, law), func(t *testing.T) {
				n := d.Network(t).Fluctuating(t, kernels.Langevin{}).layered()
				c := comparison{network: n, count: 1, flaws: []string{"numbers of another layer"}, losses: 1e-5}
				c.on(t, some(machines, i, true))
			})
		}
	}
}

// layersByThemselves: until the first step a layer knows nothing of the numbers of others, so after it a layer has the
// bytes that it has in a network with its numbers in all layers; and numbers that are written for each layer, but are
// the same, give the bytes of one number at any step.
func layersByThemselves(t *testing.T, m Machine) {
	for sharing := kernels.PerSynapse; sharing <= kernels.PerLayer; sharing++ {
		d := Design{Sizes: []int{20, 17, 9, 5}, Sharing: sharing, Activation: kernels.ReLU, Batch: 6, Rho: 2}
		n := d.Network(t).layered()
		layout := n.Program.Layout
		after := func(n *Network, steps int) *kernels.State {
			vm := n.Open(t, m.Open)
			Run(t, vm, 0, steps)
			return StateOf(t, vm, 0)
		}
		mixed := after(n, 1)
		for l, layer := range layout.Layers {
			uniform := n.Only(0)
			uniform.Members[0] = n.Members[0].Layer(l)
			want := after(uniform, 1)
			parts := func(s *kernels.State) [][]float32 {
				var all [][]float32
				fields := s.Fields()
				for i, f := range fields {
					from, n := layout.Offset(l), layer.Slots()
					if i >= len(fields)/2 {
						from, n = layout.PhiOffset(l), layout.PhiLen(l)
					}
					all = append(all, f[from:][:n])
				}
				return all
			}
			if !cmp.Equal(parts(mixed), parts(want)) {
				t.Errorf("%v: after a step layer %d is not that of a network with its numbers everywhere", sharing, l)
			}
			if same := after(n.same(l), 4); !cmp.Equal(same, after(uniform, 4)) {
				t.Errorf("%v: the numbers of layer %d, written for each layer, are not one number", sharing, l)
			}
		}
		still := n.Only(0)
		still.Members[0].Layers = slices.Clone(still.Members[0].Layers)
		still.Members[0].Layers[1].LearningRate = 0
		s, from := after(still, 4), layout.Offset(1)
		if part := layout.Layers[1].Slots(); !cmp.Equal(s.Mu[from:][:part], n.Start[0].Mu[from:][:part]) ||
			cmp.Equal(s.Mu[:from], n.Start[0].Mu[:from]) {
			t.Errorf("%v: with a learning rate of 0 in layer 1 this layer moves, or no other does", sharing)
		}
	}
}

// same is the network with the numbers of one layer, written for each.
func (n *Network) same(layer int) *Network {
	c := n.Only(0)
	c.Members[0].Layers = slices.Repeat(c.Members[0].Layers[layer:][:1], len(c.Members[0].Layers))
	return c
}
