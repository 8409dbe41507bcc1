package train

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"quantal/graph"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/store"
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

// Costs per position need a convolution. Terms of a checkpoint are those of the objective, by its own structure.
func TestCostPerSetting(t *testing.T) {
	c, err := Preset("quick")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Set("cost-per", "position"); err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"none", "dense 3 as a, dense 3, add a, dense"} {
		if err := c.Set("network", network); err != nil {
			t.Fatal(err)
		}
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), "cost-per position: want a network with a conv") {
			t.Errorf("%s: %v", network, err)
		}
	}
	if err := c.Set("network", "conv 2 2x2 relu, dense"); err != nil || c.Check() != nil {
		t.Fatal(err, c.Check())
	}
	in := graph.Input{Picture: kernels.Picture{Height: 3, Width: 4, Channels: 1}, Arrangement: kernels.ByPlane}
	spec := c.Spec(in, 3)
	structure, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint := &store.Checkpoint{Graph: string(structure), Layout: spec.Layout(), State: c.InitialState(spec.Layout())}
	terms, err := c.Terms(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	want, layout := map[string]float64{}, checkpoint.Layout
	for n := range layout.Rows() {
		times := []float64{6, 1}[n.Layer]
		for _, mu := range checkpoint.State.Mu[n.First:][:n.Columns()] {
			want["magnitude"] += c.Lambda * times * math.Abs(float64(mu))
			want["reliability"] += c.C * times * math.Pow(c.SigmaInit, -2)
		}
	}
	for name, w := range want {
		if got := terms.Of(name); !(math.Abs(got-w) <= 1e-5*w) {
			t.Errorf("%s: %g, want %g", name, got, w)
		}
	}
	c.CostPer = kernels.CostPerSynapse
	if terms, err := c.Terms(checkpoint); terms != nil || err != nil {
		t.Errorf("the paper's costs, once: %v, %v", terms, err)
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
