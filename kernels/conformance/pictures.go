package conformance

import (
	"math"
	"testing"

	"quantal/graph"
	"quantal/kernels"
)

// picture holds the values of a layer of a graph.Network for one example, position by position.
type picture struct {
	kernels.Picture
	before, values, gradient []float64 // before and after the activation, and that of the loss
	spreads                  []float64 // of the values before it, if every example has its own noise
}

// at is where channel c of line y and column x is; -1 outside.
func (p picture) at(y, x, c int) int {
	if y < 0 || y >= p.Height || x < 0 || x >= p.Width {
		return -1
	}
	return (y*p.Width+x)*p.Channels + c
}

// seen calls f for every value that a layer's window sees from each output position: its row and column in the window,
// and its place in the input.
func seen(s graph.Shaped, in picture, f func(output, i, j, c, at int)) {
	for o := range s.Output.Positions() {
		for i := range s.Rows {
			for j := range s.Cols {
				for c := range in.Channels {
					at := in.at(o/s.Output.Width*s.Stride-s.Pad+i, o%s.Output.Width*s.Stride-s.Pad+j, c)
					f(o, i, j, c, at)
				}
			}
		}
	}
}

// rows calls f with what each neuron or filter of a layer reads at each position: the place of every input, -1 for
// zeros, in the order of the columns of its synapses.
func rows(s graph.Shaped, in picture, f func(output int, from []int)) {
	if s.Kind == graph.Dense {
		var from []int
		for c := range in.Channels {
			for p := range in.Positions() {
				from = append(from, p*in.Channels+c)
			}
		}
		f(0, from)
		return
	}
	from := make([][]int, s.Output.Positions())
	seen(s, in, func(o, _, _, _, at int) { from[o] = append(from[o], at) })
	for o := range from {
		f(o, from[o])
	}
}

// pictures are the values of all layers of the network for an example, after those of the input. Own is as in infer.
func (r *Reference) pictures(e int32, w [][][]float64, own [][]float64) []picture {
	input := picture{Picture: r.n.Input.Picture, values: make([]float64, r.n.Input.Units())}
	for k := range input.values {
		at := k
		if r.n.Input.Arrangement == kernels.ByPlane {
			at = k%input.Positions()*input.Channels + k/input.Positions()
		}
		input.values[at] = r.input(e, k)
	}
	all := []picture{input}
	layer := 0
	for _, s := range r.shaped {
		in := all[s.In[0]+1]
		p := picture{Picture: s.Output, before: make([]float64, s.Output.Units())}
		switch {
		case s.Layer.Out > 0:
			rows(s, in, func(o int, from []int) {
				x := make([]float64, len(from)+1)
				for k, at := range from {
					if at >= 0 {
						x[k] = in.values[at]
					}
				}
				x[len(from)] = 1
				for out, row := range w[layer] {
					i, y := o*s.Layer.Out+out, r.dot(row, x)
					if own != nil {
						spread := r.spread(layer, out, x)
						p.spreads = append(p.spreads, spread)
						y = r.round(y+spread*own[layer][i], math.Abs(y)+math.Abs(spread*own[layer][i]))
					}
					p.before[i] = y
				}
			})
			layer++
		case s.Kind == graph.Add:
			for _, from := range s.In {
				for i, v := range all[from+1].values {
					p.before[i] = r.round(p.before[i]+v, p.before[i]+v)
				}
			}
		case s.Average:
			seen(s, in, func(o, _, _, c, at int) { p.before[o*in.Channels+c] += in.values[at] / float64(s.Rows*s.Cols) })
		default:
			for i := range p.before {
				p.before[i] = math.Inf(-1)
			}
			seen(s, in, func(o, _, _, c, at int) {
				p.before[o*in.Channels+c] = math.Max(p.before[o*in.Channels+c], in.values[at])
			})
		}
		for _, y := range p.before {
			v := curves[s.Activation].value(y)
			if s.Activation != kernels.Linear {
				v = r.round(v, v)
			}
			p.values = append(p.values, v)
		}
		all = append(all, p)
	}
	return all
}

// takeBack adds the gradient of an example to dw, given that of the outputs; and, with noise of its own, that of each
// synapse's sigma to dsigma, if it is not nil.
func (r *Reference) takeBack(all []picture, w [][][]float64, own [][]float64, dw, dsigma [][][]float64, d []float64) {
	for i := range all {
		all[i].gradient = make([]float64, len(all[i].values))
	}
	copy(all[len(all)-1].gradient, d)
	layer := len(w) - 1
	for n := len(r.shaped) - 1; n >= 0; n-- {
		s, p := r.shaped[n], all[n+1]
		in := all[s.In[0]+1]
		g := make([]float64, len(p.gradient))
		for i, v := range p.gradient {
			slope := curves[s.Activation].slope(p.before[i])
			if slope != 0 && s.Activation != kernels.Linear {
				slope = r.round(slope, 1)
			}
			g[i] = r.round(v*slope, v*slope)
		}
		switch {
		case s.Layer.Out > 0:
			rows(s, in, func(o int, from []int) {
				for out := range s.Layer.Out {
					i := o*s.Layer.Out + out
					v := g[i]
					for k := range len(from) + 1 {
						x, at := 1., -1
						if k < len(from) {
							if at = from[k]; at < 0 {
								continue
							}
							x = in.values[at]
						}
						if own != nil {
							sigma, ofVariance := r.sigma(layer, out, k), v*own[layer][i]/(2*p.spreads[i])
							if dsigma != nil {
								part := 2 * sigma * x * x * ofVariance
								dsigma[layer][out][k] += r.round(part, part)
							}
							if at >= 0 {
								part := 2 * sigma * sigma * x * ofVariance
								in.gradient[at] += r.round(part, part)
							}
						}
						dw[layer][out][k] += r.round(v*x, v*x)
						if at >= 0 {
							in.gradient[at] += r.round(v*w[layer][out][k], v*w[layer][out][k])
						}
					}
				}
			})
			layer--
		case s.Kind == graph.Add:
			for _, from := range s.In {
				for i, v := range g {
					all[from+1].gradient[i] += v
				}
			}
		case s.Average:
			seen(s, in, func(o, _, _, c, at int) { in.gradient[at] += g[o*in.Channels+c] / float64(s.Rows*s.Cols) })
		default:
			given := make([]bool, len(g))
			seen(s, in, func(o, _, _, c, at int) {
				if i := o*in.Channels + c; !given[i] && in.values[at] == p.before[i] {
					given[i] = true
					in.gradient[at] += g[i]
				}
			})
		}
	}
}

// Pictures are designs of networks of every kind of layer, with all sharings, windows that do and do not divide the
// picture, several tiles for each example and several examples for each tile.
func Pictures(t testing.TB) []Design {
	var all []Design
	for i, c := range []struct {
		network string
		input   kernels.Picture
	}{
		{"conv 5 3x3 relu, pool 2, dense", kernels.Picture{Height: 8, Width: 9, Channels: 1}},
		{"conv 17 3x2 stride 2 pad 1 tanh, conv 3 2x2 gelu, pool 2 average, dense 6 relu, dense",
			kernels.Picture{Height: 9, Width: 8, Channels: 3}},
		{"conv 9 3x3 pad 1 relu as a, conv 9 3x3 pad 1, add a tanh as b, pool 2, conv 4 1x1 relu, dense",
			kernels.Picture{Height: 6, Width: 6, Channels: 2}},
		{"dense 20 gelu as a, dense 20, add a sigmoid as b, dense 20 relu, add b a, dense", kernels.Picture{Height: 1,
			Width: 1, Channels: 30}},
		{"conv 40 1x1 relu as a, conv 3 5x5, pool 2 stride 1 as b, conv 3 6x6 from a, add b softplus, dense",
			kernels.Picture{Height: 9, Width: 9, Channels: 1}},
	} {
		n, err := graph.ParseNetwork(c.network)
		if err != nil {
			t.Fatal(err)
		}
		in := graph.Input{Picture: c.input, Arrangement: kernels.ByPlane - kernels.Arrangement(i%2)}
		if c.input.Positions() == 1 {
			in.Arrangement = kernels.ByPosition
		}
		all = append(all, Design{Sizes: []int{c.input.Units(), 3}, Net: n, Input: in, Sharing: kernels.Sharing(i % 5),
			Likelihood: kernels.Likelihood(i % 2), Batch: []int{7, 1, 9, 6, 8}[i], Rho: []float64{2, 0.5}[i%2],
			Members: 1 + i%2, Examples: []int{0, 23, 0, 0, 0}[i]}) // of 23 the last three are a group of their own
	}
	return all
}

// picturesAgainstFloat64: networks that are no chains, or have positions.
func picturesAgainstFloat64(t *testing.T, machines []Machine) {
	flaws := []string{"xi = 0", "a cost counted twice"} // the last network has neither
	for i, d := range Pictures(t) {
		t.Run(d.String(), func(t *testing.T) {
			n := d.Network(t)
			comparison{network: n, first: 0, count: 1, losses: 1e-5, flaws: flaws[:2*min(1, 4-i)]}.on(t, machines)
			if i < 4 { // the last takes long
				comparison{network: n, first: 3, count: 4, losses: 1e-5}.on(t, some(machines, i, true))
			}
			if i == 1 {
				got := map[string][]kernels.Score{}
				for _, m := range machines {
					got[m.Name] = ScoresOf(t, n.Open(t, m.Open), n.Data, 9, 2)
				}
				checkScores(t, n.After(0, 0, ""), 9, 2, got)
			}
			if i == 0 || i == 3 {
				return
			}
			d.Members, d.Likelihood = 3, kernels.Categorical
			for _, m := range some(machines, i, i < 3) {
				t.Run(m.Name+"/company", func(t *testing.T) { d.Network(t).company(t, m, true) })
			}
		})
	}
}

// costsPerPosition: synapses of convolutions that pay at each position, for every sharing, for costs that are formulas,
// synapses with parameters of their own, and the rule Langevin.
func costsPerPosition(t *testing.T, machines []Machine) {
	net, err := graph.ParseNetwork("conv 3 2x2 relu, conv 2 2x2 pad 1 tanh, dense")
	if err != nil {
		t.Fatal(err)
	}
	base := Design{Sizes: []int{20, 3}, Net: net, Batch: 5, Rho: 2, Members: 2, CostPer: kernels.CostPerPosition,
		Input: graph.Input{Picture: kernels.Picture{Height: 4, Width: 5, Channels: 1}, Arrangement: kernels.ByPlane}}
	formulas := []string{"reliability = c*exp(-k*sigma)", "magnitude = lambda*abs(mu)/(1+sigma)"}
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		for _, costs := range [][]string{nil, formulas} {
			d := base
			if d.Sharing, d.Laws = sharing, costs; costs != nil && sharing == kernels.NoNoise {
				d.Laws = []string{"length = lambda*mu^2"}
			}
			n := d.Network(t)
			comparison{network: n, count: 3, losses: 1e-5, flaws: []string{"costs per synapse"}}.on(t, some(machines, 0, true))
		}
	}
	quantal := base
	quantal.Quantal, quantal.Laws = true, []string{"magnitude = lambda*abs(mu)", "trafficking = c*n*p"}
	comparison{network: quantal.Network(t), count: 3, losses: 1e-5, flaws: []string{"costs per synapse"}}.on(t,
		some(machines, 0, true))
	comparison{network: base.Network(t).Fluctuating(t, kernels.Langevin{}), count: 3, losses: 1e-5,
		flaws: []string{"costs per synapse"}}.on(t, some(machines, 0, true))
}
