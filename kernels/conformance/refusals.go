package conformance

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/kernels"
)

// refusals: what a machine cannot run, it refuses.
func refusals(t *testing.T, m Machine) {
	n := small.Network(t)
	summed, walking := n.Under(t, kernels.Accumulate{}), n.Fluctuating(t, kernels.Langevin{})
	few, wide, labels := *n.Data, *n.Data, *n.Data
	few.N, few.Bytes, few.Labels = 3, few.Bytes[:90], few.Labels[:3]
	wide.Width = 29
	labels.Labels = append([]byte{9}, labels.Labels[1:]...)
	for name, data := range map[string]*kernels.Data{"batch beyond data": &few, "wrong width": &wide, "label out of range": &labels} {
		if _, err := m.Open(n.Program, n.Members, data); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := m.Open(n.Program, nil, n.Data); err == nil {
		t.Error("no members: no error")
	}
	for _, c := range []struct {
		name    string
		network *Network
		change  func(p *kernels.Program)
		want    string
	}{
		{"no rule", summed, func(p *kernels.Program) { p.Rule = nil }, "rule"},
		{"a schedule without a delay", walking, func(p *kernels.Program) { p.Rule = kernels.Langevin{Decay: 0.5} }, "delay 0"},
	} {
		p := *c.network.Program
		p.Instructions = slices.Clone(p.Instructions)
		c.change(&p)
		if _, err := m.Open(&p, n.Members, n.Data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}

	vm := n.Open(t, m.Open)
	if err := vm.Load(0, kernels.NewState(kernels.Layout{})); err == nil {
		t.Error("a state of another shape: no error")
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := vm.Run(canceled, 0, 1); err == nil {
		t.Error("a canceled context: no error")
	}
	for _, steps := range [][2]int{{-1, 1}, {0, -1}, {1 << 32, 1}} {
		if _, err := vm.Run(context.Background(), steps[0], steps[1]); err == nil {
			t.Errorf("%d steps from %d on: no error", steps[1], steps[0])
		}
	}
	if diff := cmp.Diff(n.Start[0], StateOf(t, vm, 0)); diff != "" {
		t.Error("a Run that was refused changed the state")
	}
	if _, err := vm.Sums(0); err == nil || !strings.Contains(err.Error(), "Adam") {
		t.Errorf("sums of a network in training: %v", err)
	}
	if _, err := walking.Open(t, m.Open).Sums(0); err == nil || !strings.Contains(err.Error(), "Langevin") {
		t.Errorf("sums of a network that fluctuates: %v", err)
	}

	blind := *summed
	blind.Data = nil
	vm = blind.Open(t, m.Open)
	if _, err := vm.Run(context.Background(), 0, 1); err == nil {
		t.Error("training without data: no error")
	}
	ScoresOf(t, vm, n.Data, 0, 0)
	if s := SumsOf(t, vm, 0); !Same(s, kernels.NewSums(n.Program.Layout)) {
		t.Error("sums without training data are not empty")
	}
}
