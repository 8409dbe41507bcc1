package kernels_test

import (
	"slices"
	"testing"

	"quantal/graph"
	"quantal/kernels"
)

// The values of an inference lie where nothing is left to read: two places are enough for a chain, and as many more as
// branches wait. Training keeps what gradients read.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		network     string
		in          kernels.Picture
		place       []int
		slots, kept int // of all places for each example, of an inference and of training
	}{
		{"dense 40 relu, dense 20 relu, dense", kernels.Picture{Height: 1, Width: 1, Channels: 30}, []int{0, 1, 0, 1},
			32 + 48, 32 + 48 + 32 + 16},
		// Input, conv, pool, conv, pool, flat, dense, dense, dense: the largest two that follow each other, and no more.
		{"lenet5", kernels.Picture{Height: 28, Width: 28, Channels: 1}, []int{0, 1, 0, 1, 0, 1, 0, 1, 0},
			28*28*16 + 14*14*16, 800 + 28*28*16 + 14*14*16 + 10*10*32 + 5*5*32 + 416 + 128 + 96 + 16},
		// b1 waits as b2 and b3, of a Split, until the sum reads it.
		{"conv 3 3x3 pad 1 relu as a, conv 3 3x3 pad 1, add a relu, dense", kernels.Picture{Height: 4, Width: 4, Channels: 1},
			[]int{0, 1, 1, 1, 0, 2, 0, 1}, 3 * 16 * 16, 32 + 3*16*16 + 64 + 16},
	} {
		n, err := graph.ParseNetwork(c.network)
		if err != nil {
			t.Fatal(err)
		}
		in := graph.Input{Picture: c.in, Arrangement: kernels.ByPlane}
		if c.in.Positions() == 1 {
			in = graph.Row(c.in.Channels)
		}
		p, err := graph.CompileSpec(graph.Spec{Sizes: []int{in.Units(), 10}, Batch: 2, Network: n, Input: in,
			Costs: graph.PaperCosts(0)}, kernels.DefaultAdam())
		if err != nil {
			t.Fatal(err)
		}
		place, slots := p.Inference().Places()
		if !slices.Equal(place, c.place) || sum(slots) != c.slots {
			t.Errorf("%s: places %v of %v slots, want %v of %d in all", c.network, place, slots, c.place, c.slots)
		}
		place, kept := p.Places()
		own := 0
		for b := range place {
			if !slices.Contains(place[:b], place[b]) {
				own++
			} else if c.place[b] != 1 || place[b] != 1 { // only a Split's
				t.Errorf("%s: training has places %v", c.network, place)
			}
		}
		if own != len(kept) || sum(kept) != c.kept {
			t.Errorf("%s: training has places %v of %v slots, want %d in all", c.network, place, kept, c.kept)
		}
		t.Logf("%s: %d slots for an example, %d in training", c.network, sum(slots), sum(kept))
	}
}

func sum(all []int) (total int) {
	for _, n := range all {
		total += n
	}
	return total
}
