package grid

import (
	"testing"

	"quantal/train"
)

// The work of a network counts its synapses at every position, that of a chain its products.
func TestWork(t *testing.T) {
	c, err := train.Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	c.Epochs = 2
	for network, want := range map[string]float64{"none": 2 * (784*100 + 100*100 + 1000), "lenet5": 2 * 423038} {
		if err := c.Set("network", network); err != nil {
			t.Fatal(err)
		}
		if got := (Point{Config: c}).Work(); got != want {
			t.Errorf("%s: %g, want %g", network, got, want)
		}
		c.Hidden = []int{100, 100}
	}
}
