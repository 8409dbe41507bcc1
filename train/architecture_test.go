package train

import (
	"slices"
	"strings"
	"testing"

	"quantal/graph"
	"quantal/kernels"
	"quantal/mnist"
)

// A chain of dense layers by its name is the network of hidden and activation; another network sets hidden, and both
// survive files.
func TestNetworkSetting(t *testing.T) {
	c, err := Preset("published")
	if err != nil {
		t.Fatal(err)
	}
	want := c
	want.Hidden = []int{20, 7}
	if err := c.Set("network", "mlp-20-7"); err != nil || c.Network != "" || len(c.Differences(want)) > 0 {
		t.Errorf("mlp-20-7: %v, %v", err, c.Differences(want).Names())
	}
	if err := c.Set("network", "dense 5 tanh, dense"); err != nil || c.Activation != kernels.Tanh {
		t.Errorf("activation %v, %v", c.Activation, err)
	}
	c.Activation = kernels.ReLU
	err = c.Set("network", "lenet5")
	if err != nil || !slices.Equal(c.Hidden, []int{6, 16, 120, 84}) || c.Check() != nil {
		t.Errorf("lenet5: hidden %v, %v, %v", c.Hidden, err, c.Check())
	}
	text, err := c.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var again Config
	if err := again.UnmarshalJSON(text); err != nil || len(again.Differences(c)) > 0 {
		t.Errorf("from a file: %v, %v", err, again.Differences(c).Names())
	}
	if err := c.ChainOnly("it"); err == nil || !strings.Contains(err.Error(), "it: want a network that is a chain") {
		t.Errorf("got %v", err)
	}
	c.Hidden = []int{6, 16, 120, 85}
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "hidden is 6x16x120x85") {
		t.Errorf("other layers: %v", err)
	}
	if err := c.Set("network", "none"); err != nil || c.Check() != nil || c.Spec(graph.Row(3), 2).Network != nil {
		t.Errorf("none: %v, %v", err, c.Check())
	}
}

// What networks read of a data set has its pixels where the data have them.
func TestInputOfNetworks(t *testing.T) {
	picture := kernels.Picture{Height: 4, Width: 5, Channels: 3}
	for _, c := range []struct {
		set  mnist.Set
		want graph.Input
	}{
		{mnist.Set{Rows: 4, Columns: 5, Channels: 3}, graph.Input{Picture: picture, Arrangement: kernels.ByPixel}},
		{mnist.Set{Rows: 4, Columns: 5, Channels: 3, Planes: true},
			graph.Input{Picture: picture, Arrangement: kernels.ByPlane}},
		{mnist.Set{Rows: 4, Columns: 5}, graph.Input{Picture: kernels.Picture{Height: 4, Width: 5, Channels: 1},
			Arrangement: kernels.ByPlane}},
		{mnist.Set{Rows: 1, Columns: 7, Table: true}, graph.Row(7)},
	} {
		if got := Input(&c.set); got != c.want {
			t.Errorf("%+v: got %+v, want %+v", c.set, got, c.want)
		}
	}
}
