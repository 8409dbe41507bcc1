package conformance

import (
	"slices"
	"strings"
	"testing"

	"quantal/graph"
	"quantal/kernels"
)

// noiseOfPositions: convolutions with noise of every example and position; all sharings and rules, and quantal
// synapses; several tiles for the minibatch, and several examples for a tile. What a machine lacks it refuses by name.
func noiseOfPositions(t *testing.T, machines []Machine) {
	for i, c := range []struct {
		network string
		input   kernels.Picture
	}{
		{"conv 5 3x3 relu, dense", kernels.Picture{Height: 8, Width: 9, Channels: 1}},
		{"conv 17 3x2 stride 2 pad 1 tanh, conv 3 2x2 gelu, pool 2 average, dense 6 relu, dense",
			kernels.Picture{Height: 7, Width: 6, Channels: 3}},
		{"conv 4 3x3 pad 1 relu as a, conv 4 3x3 pad 1, add a tanh, pool 2, dense", kernels.Picture{Height: 5, Width: 4,
			Channels: 2}},
		{"conv 20 1x1 relu as a, conv 3 4x4, pool 2 stride 1 as b, conv 3 5x5 from a, add b softplus, dense",
			kernels.Picture{Height: 6, Width: 6, Channels: 1}},
		{"conv 4 2x2 tanh, conv 3 2x2, dense", kernels.Picture{Height: 5, Width: 4, Channels: 1}},
	} {
		text, err := graph.ParseNetwork(c.network)
		if err != nil {
			t.Fatal(err)
		}
		d := Design{Sizes: []int{c.input.Units(), 3}, Net: text, Draw: kernels.PerExample, Sharing: kernels.Sharing(i % 4),
			Input:      graph.Input{Picture: c.input, Arrangement: kernels.ByPlane - kernels.Arrangement(i%2)},
			Likelihood: kernels.Likelihood(i % 2), Batch: []int{13, 1, 5, 3, 4}[i], Rho: []float64{2, 0.5}[i%2],
			Members: 1 + i%2}
		if d.Quantal = i == 4; d.Quantal {
			d.Laws = []string{"magnitude = lambda*abs(mu)", "trafficking = c*n*p"}
		}
		rule := kernels.Movers()[i%len(kernels.Movers())]
		t.Run(rule.Name()+"/"+d.String(), func(t *testing.T) {
			n := d.Network(t).Under(t, rule)
			convolves := slices.ContainsFunc(n.Program.Instructions, func(i kernels.Instruction) bool {
				_, ok := i.(kernels.Convolve)
				return ok
			})
			machines := slices.DeleteFunc(slices.Clone(machines), func(m Machine) bool {
				if m.SharedPictures && convolves {
					if _, err := m.Open(n.Program, n.Members, n.Data); err == nil ||
						!strings.Contains(err.Error(), "no kernel for the convolution with a draw per example") {
						t.Errorf("%s: got %v, want that it refuses the network", m.Name, err)
					}
				}
				return m.SharedPictures && convolves
			})
			flaw := []string{"xi = 0", "the noise of weights", "the noise of another example", "a wrong counter", "xi = 0"}[i]
			comparison{network: n, first: 3, count: 2, losses: 1e-5, flaws: []string{flaw}}.on(t, machines)
			if i == 1 || i == 2 {
				got := map[string][]kernels.Score{}
				for _, m := range machines {
					got[m.Name] = ScoresOf(t, n.Open(t, m.Open), n.Data, 9, 2)
				}
				checkScores(t, n.After(0, 0, ""), 9, 2, got)
			}
			d.Members, d.Likelihood, d.Quantal, d.Laws = 3, kernels.Categorical, false, nil
			for _, m := range some(machines, i, i < 3) {
				t.Run(m.Name+"/company", func(t *testing.T) { d.Network(t).company(t, m, i == 1) })
			}
		})
	}
}
