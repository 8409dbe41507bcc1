package kernels

import "testing"

// The rows have every slot except the pads, in order, and stop when the loop does.
func TestRows(t *testing.T) {
	l := Layout{Layers: []Layer{{In: 3, Out: 2}, {In: 20, Out: 3}}}
	// Rows of 16 and 32 slots.
	want := []Neuron{{0, 0, 0, 3}, {0, 1, 16, 3}, {1, 0, 32, 20}, {1, 1, 64, 20}, {1, 2, 96, 20}}
	i := 0
	for n := range l.Rows() {
		if n != want[i] || n.First != l.Slot(n.Layer, n.Row, 0) || n.First+n.In != l.Slot(n.Layer, n.Row, n.In) {
			t.Errorf("row %d: got %+v, want %+v", i, n, want[i])
		}
		if i++; i == 4 {
			break
		}
	}
	if last := want[4]; l.Slot(1, 2, 0) != last.First || last.First+32 != l.Slots() {
		t.Errorf("the last row starts at %d of %d", l.Slot(1, 2, 0), l.Slots())
	}
}
