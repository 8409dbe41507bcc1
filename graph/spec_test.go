package graph

import (
	"encoding/json"
	"testing"

	"quantal/kernels"
)

// Checkpoints of the paper's costs have the bytes that they had when there were no others.
func TestSpecAsJSON(t *testing.T) {
	s := Spec{Sizes: []int{4, 3}, Batch: 2}
	other, err := ParseLaw("price = k*exp(-sigma)")
	if err != nil {
		t.Fatal(err)
	}
	const head = `{"sizes":[4,3],"batch":2,"activation":"linear","sharing":"synapse","likelihood":"categorical",`
	for want, costs := range map[string][]Law{
		`"magnitude":true,"reliability":true}`:                                     PaperCosts(kernels.PerSynapse),
		`"magnitude":true,"reliability":false}`:                                    PaperCosts(kernels.NoNoise),
		`"magnitude":false,"reliability":false}`:                                   nil,
		`"magnitude":false,"reliability":true}`:                                    EntropicCosts(kernels.PerSynapse)[1:],
		`"magnitude":false,"reliability":false,"costs":["price = k*exp(-sigma)"]}`: {other},
	} {
		s.Costs = costs
		got, err := json.Marshal(s)
		if err != nil || string(got) != head+want {
			t.Errorf("got %s, %v, want %s", got, err, head+want)
		}
	}
}
