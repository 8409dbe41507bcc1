package cpu_test

import (
	"math"
	"slices"
	"testing"

	"quantal/kernels"
	"quantal/kernels/conformance"
	"quantal/kernels/cpu"
	"quantal/results/store"
)

// A survey has the costs of Program.Costs and the sigmas of the files, whatever synapses share and pay.
func TestSurvey(t *testing.T) {
	designs := append(conformance.Designs(),
		conformance.Design{Sizes: []int{20, 7, 3}, Batch: 3, Activation: kernels.ReLU,
			Laws: []string{"reliability = c*exp(-k*sigma)", "both = lambda*abs(mu)/(1+sigma)", "length = 2*mu^2"}},
		conformance.Design{Sizes: []int{20, 7, 3}, Batch: 3, Activation: kernels.ReLU, Quantal: true,
			Laws: []string{"vesicles = c*n*p", "size = lambda*abs(q)"}})
	picture := conformance.Pictures(t)[0]
	picture.CostPer = kernels.CostPerPosition
	designs = append(designs, picture)
	for _, set := range cpu.KernelSets() {
		t.Setenv(cpu.KernelVariable, set)
		for _, d := range designs {
			n := d.Network(t)
			for i, m := range n.Members {
				got, err := cpu.NewSurvey(n.Program, n.Start[i], m)
				if err != nil {
					t.Fatal(err)
				}
				want := n.Program.Costs(n.Start[i], m)
				if len(got.Costs) != len(want) {
					t.Fatalf("%s, %v: %v, want %v", set, d, got.Costs, want)
				}
				for j, w := range want {
					if g := got.Costs[j]; g.Name != w.Name || !(math.Abs(g.Value-w.Value) <= 2e-6*math.Abs(w.Value)) {
						t.Errorf("%s, %v: %v, want %v", set, d, g, w)
					}
				}
				c := store.Checkpoint{Layout: n.Program.Layout, State: n.Start[i]}
				if (got.Sigmas == nil) != (d.Sharing == kernels.NoNoise) {
					t.Errorf("%s, %v: %d layers of sigmas", set, d, len(got.Sigmas))
				}
				for l, sigmas := range got.Sigmas {
					if !slices.EqualFunc(sigmas, c.Sigmas(l), func(a, b float32) bool {
						return math.Abs(float64(a-b)) <= 1e-6*float64(b)
					}) {
						t.Errorf("%s, %v: the sigmas of layer %d are not those of the files", set, d, l)
					}
				}
			}
		}
	}
}
