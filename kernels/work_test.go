package kernels

import "testing"

// A step of the published preset moves 56 bytes of parameters and moments per synapse.
func TestWorkOfAStep(t *testing.T) {
	p := &Program{
		Layout: Layout{Layers: []Layer{{784, 100}, {100, 100}, {100, 10}}}, Batch: 20, Widths: []int{784, 100, 100, 10},
		Rule: DefaultAdam(),
	}
	var total Work
	for l := range p.Layout.Layers {
		total = total.Add(p.Work(Sample{Layer: l})).Add(p.Work(Forward{Layer: l})).Add(p.Work(Update{Gradient{Layer: l}}))
	}
	n := float64(p.Layout.Synapses())
	if total.Bytes != 56*n {
		t.Errorf("%v bytes per synapse, want 56", total.Bytes/n)
	}
	if sums := p.Work(SumGradient{Gradient{Layer: 1}}); sums.Bytes != 64*100*101 {
		t.Errorf("adding up moves %v bytes, want 64 for each of 100 x 101 synapses", sums.Bytes)
	}
	if products := p.Work(Forward{Layer: 1}); products.Operations != 2*20*100*101 {
		t.Errorf("a product counts %v operations, want 2 x 20 x 100 x 101", products.Operations)
	}
}
