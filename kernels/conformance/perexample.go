package conformance

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"quantal/kernels"
)

// own is the noise of an example's pre-activations by layer and unit, of a convolution unit by unit for each position,
// given the noise of weights in its place and the example's place; nil if no example has its own.
func (r *Reference) own(noise kernels.Noise, position int) (xi [][]float64) {
	if r.n.Program.Draw != kernels.PerExample {
		return nil
	}
	noise.Seed = r.member.Seed
	noise = noise.OfExamples()
	switch r.flaw {
	case "a wrong counter":
		noise.Step++
	case "the noise of another example":
		position++
	case "the noise of weights":
		noise.Stream -= kernels.StreamOfExamples
	}
	for l, layer := range r.layers {
		noise.Layer = uint16(l)
		var all []float64
		positions := r.positions(l)
		for p := position * positions; p < (position+1)*positions; p++ {
			row := make([]float64, layer.Out+1)
			if kernels.Normals(row, noise, p); r.flaw == "xi = 0" {
				clear(row)
			}
			if r.rounding != nil { // a uniform next to 1 loses more than others
				narrow := make([]float32, len(row))
				kernels.Normals(narrow, noise, p)
				for k, v := range narrow {
					row[k] = r.round(float64(v), float64(v))
				}
			}
			all = append(all, row[:layer.Out]...)
		}
		xi = append(xi, all)
	}
	return xi
}

// positions are those of a layer's output.
func (r *Reference) positions(layer int) int {
	for _, s := range r.shaped {
		if s.Layer.Out == 0 {
			continue
		}
		if layer == 0 {
			return s.Output.Positions()
		}
		layer--
	}
	return 1
}

// spread is the standard deviation of a unit's pre-activation, given the values that its layer reads.
func (r *Reference) spread(l, unit int, x []float64) float64 {
	v := 0.0
	for k, x := range x {
		v += math.Pow(x*r.sigma(l, unit, k), 2)
	}
	return math.Sqrt(r.round(v, v))
}

// gradients are those of a step's likelihood over each synapse's mean and its sigma.
func (r *Reference) gradients(noise kernels.Noise) (dw, dsigma [][][]float64) {
	dw, dsigma = r.zeros(), r.zeros()
	examples := r.examples(int(noise.Step))
	if r.own(noise, 0) != nil {
		for b, e := range examples {
			r.backpropagate(e, r.mu, r.own(noise, b), dw, dsigma)
		}
		return dw, dsigma
	}
	w, xi := r.draw(noise)
	for _, e := range examples {
		r.backpropagate(e, w, nil, dw, nil)
	}
	r.each(dw, func(l, row, k int, g float64) { dsigma[l][row][k] = g * xi[l][row][k] })
	return dw, dsigma
}

func flawsOfExamples() []string {
	return []string{"B/N missing", "sign(mu) missing", "xi = 0", "a wrong counter", "a cost counted twice",
		"dsigma/dphi missing", "the noise of another example", "the noise of weights"}
}

// noiseOfExamples: everything that other tests ask of one draw for a minibatch, with a draw for every example: every
// sharing, rule, activation, likelihood and cost.
func noiseOfExamples(t *testing.T, machines []Machine) {
	exponents := []float64{2, 0.5, 2. / 3, 0, 1}
	for sharing := kernels.PerSynapse; sharing <= kernels.PerNetwork; sharing++ {
		for i, rule := range kernels.Movers() {
			n := i + int(sharing)
			d := Design{Sizes: [][]int{{20, 17, 5}, {33, 17, 9, 5}, {13, 4}, {70, 18, 3}, {130, 7, 5}}[n%5], Sharing: sharing,
				Batch: []int{6, 23, 1, 20}[(n+i)%4], Activation: kernels.Activation(1 + n%(len(kernels.Activations())-1)),
				Likelihood: kernels.Likelihood((n + i) % 2), Rho: exponents[(n+i)%5], Members: 1 + i%2, Draw: kernels.PerExample}
			if i == 1 { // plain descent soon diverges from targets
				d.Likelihood = kernels.Categorical
			}
			if d.Likelihood == kernels.Gaussian && sharing != kernels.PerNetwork {
				d.Laws = laws[n%len(laws)]
			}
			t.Run(rule.Name()+"/"+d.String(), func(t *testing.T) {
				n := d.Network(t).Under(t, rule).layered()
				n.Members[0].WeightDecay = 5
				c := comparison{network: n, count: 4, flaws: flawsOfExamples(), losses: 1e-5,
					after: func(t *testing.T, vm kernels.VM) {
						s := StateOf(t, vm, 0)
						n.checkPads(t, append(s.MuMoments, s.Mu)...)
						if sharing == kernels.PerSynapse {
							n.checkPads(t, s.PhiMoments...)
						}
					}}
				c.on(t, some(machines, i, true))
				got := map[string][]kernels.Score{}
				for _, m := range some(machines, i, true) {
					got[m.Name] = ScoresOf(t, n.Open(t, m.Open), n.Data, 9, 3)
				}
				checkScores(t, n.After(0, 0, ""), 9, 3, got)
			})
		}
		d := Design{Sizes: []int{17, 8, 6, 4}, Sharing: sharing, Activation: kernels.ReLU, Batch: 7, Rho: 2, Examples: 85,
			Draw: kernels.PerExample}
		for _, rule := range Accumulations {
			t.Run(rule.String()+"/"+d.String(), func(t *testing.T) {
				n := d.Network(t).Under(t, rule)
				c := comparison{network: n, first: 3, count: 12, losses: 1e-5}
				if !rule.AtMu {
					c.flaws = []string{"xi = 0", "a wrong counter", "the noise of training", "the noise of another example"}
				}
				c.on(t, some(machines, 0, true))
			})
		}
		// The second divides no tile of a GPU; layers of the third are big enough for several threads to work on one network.
		for i, d := range []Design{small, {Sizes: []int{130, 22, 4}, Activation: kernels.ReLU, Batch: 21, Rho: 2, Members: 3,
			Examples: 43}, {Sizes: []int{300, 62, 70, 4}, Activation: kernels.ReLU, Batch: 17, Rho: 2, Members: 3}} {
			d.Sharing, d.Draw, d.Quantal = sharing, kernels.PerExample, sharing == kernels.PerSynapse && i > 0
			n := d.Network(t)
			for _, m := range some(machines, 0, i == 1 || i == 0 && sharing%3 == 0) {
				t.Run(fmt.Sprint("company/", m.Name, "/", d), func(t *testing.T) { n.company(t, m, i > 0) })
			}
		}
	}
	for i, rule := range kernels.Movers() {
		d := Design{Sizes: []int{20, 17, 5}, Activation: kernels.Tanh, Batch: 6, Members: 2, Quantal: true,
			Likelihood: kernels.Likelihood(i % 2), Draw: kernels.PerExample,
			Laws: []string{"magnitude = lambda*abs(mu)", "trafficking = c*n*p"}}
		t.Run(rule.Name()+"/quantal/"+d.String(), func(t *testing.T) {
			n := d.Network(t).Under(t, rule)
			c := comparison{network: n, count: 4, losses: 1e-5, flaws: []string{"xi = 0", "a wrong counter",
				"the noise of p missing", "B/N missing", "a cost counted twice"}, after: func(t *testing.T, vm kernels.VM) {
				s := StateOf(t, vm, 0)
				n.checkPads(t, slices.Concat(s.Fields()[:1], s.Fields()[2:])...)
			}}
			c.on(t, some(machines, i, true))
		})
	}
}
