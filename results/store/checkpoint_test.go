package store

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"quantal/kernels"
	"quantal/mnist"
)

func TestCheckpointRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.safetensors")
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 20), 2, 5).Draw(t, "sizes")
		sharing := kernels.Sharing(rapid.IntRange(int(kernels.PerSynapse), int(kernels.NoNoise)).Draw(t, "sharing"))
		bits := rapid.Uint32()
		want := filled(layoutOf(sharing, sizes...), rapid.IntRange(0, math.MaxInt).Draw(t, "step"),
			func() float32 { return math.Float32frombits(bits.Draw(t, "bits")) })
		want.Seed = rapid.Uint64().Draw(t, "seed")
		want.Graph, want.Driver = rapid.String().Draw(t, "graph"), rapid.String().Draw(t, "driver")
		if err := want.Write(path); err != nil {
			t.Fatal(err)
		}
		first, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		if !equalStates(got.State, want.State) {
			t.Error("the state has changed")
		}
		got.State, want.State = nil, got.State // NaNs differ from themselves
		if d := cmp.Diff(&Checkpoint{Step: want.Step, Seed: want.Seed, Graph: want.Graph, Driver: want.Driver, Rule: "adam",
			Layout: want.Layout}, got); d != "" {
			t.Error(d)
		}
		if err := want.Write(path); err != nil {
			t.Fatal(err)
		}
		second, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Error("the same checkpoint gave other bytes")
		}
	})
}

// A normalisation that is not MNIST's is in the header; files from before there was a choice have none.
func TestCheckpointPixels(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.safetensors")
	c := small(1)
	for _, n := range []mnist.Normalisation{{}, mnist.Published(), {Mean: 1. / 3, SD: 0.1}, {Mean: 0, SD: 1},
		{Means: []float64{1. / 3, -2e9, 0}, SDs: []float64{0.1, 1e-9, 1}}} {
		c.Pixels = n
		check(t, c.Write(path))
		_, metadata, err := ReadSafetensors(path)
		check(t, err)
		got, err := ReadCheckpoint(path)
		check(t, err)
		team := filepath.Join(t.TempDir(), "team.safetensors")
		check(t, (&TeamCheckpoint{[]string{"a"}, []*Checkpoint{c}}).Write(team))
		networks, err := ReadTeamCheckpoint(team)
		check(t, err)
		mean, stated := metadata["pixel_mean"]
		want := c.Normalisation()
		if !got.Normalisation().Equal(want) || !networks.Networks[0].Normalisation().Equal(want) ||
			stated == want.Equal(mnist.Published()) {
			t.Errorf("%+v: read %+v and %+v, header %q", n, got.Pixels, networks.Networks[0].Pixels, mean)
		}
	}
	if c.Pixels = (mnist.Normalisation{}); !c.Normalisation().Equal(mnist.Published()) {
		t.Errorf("without one: %+v", c.Normalisation())
	}
	for _, bad := range []mnist.Normalisation{{Mean: 0.5, SD: 0}, {Mean: 0.5, SD: -1}, {Mean: math.NaN(), SD: 1},
		{Means: []float64{0, 0, 0}, SDs: []float64{1, 0, 1}}, {Means: []float64{0, 0}, SDs: []float64{1, 1}}} {
		c.Pixels = bad
		check(t, c.Write(path))
		if _, err := ReadCheckpoint(path); !isCorrupt(err) {
			t.Errorf("%+v: error %v, want a CorruptError", bad, err)
		}
	}
}

func TestCheckpointTensors(t *testing.T) {
	for sharing, want := range map[kernels.Sharing]string{
		kernels.PerSynapse: "layer0.weight.phi [2 3], layer0.bias.phi [2], layer0.weight.phi.m [2 3], layer0.bias.phi.m " +
			"[2], " +
			"layer0.weight.phi.v [2 3], layer0.bias.phi.v [2]",
		kernels.PerNeuron:  "layer0.phi [2], layer0.phi.m [2], layer0.phi.v [2]",
		kernels.PerLayer:   "layer0.phi [1], layer0.phi.m [1], layer0.phi.v [1]",
		kernels.PerNetwork: "phi [1], phi.m [1], phi.v [1]",
		kernels.NoNoise:    "",
	} {
		var list []string
		for _, p := range pieces(layoutOf(sharing, 3, 2), []string{"m", "v"}) {
			tensor := p.gather(kernels.NewState(layoutOf(sharing, 3, 2), 2))
			list = append(list, fmt.Sprint(tensor.Name, " ", tensor.Shape))
		}
		mu := "layer0.weight.mu [2 3], layer0.bias.mu [2], layer0.weight.mu.m [2 3], layer0.bias.mu.m [2], " +
			"layer0.weight.mu.v [2 3], layer0.bias.mu.v [2]"
		if want != "" {
			mu += ", " + want
		}
		if got := strings.Join(list, ", "); got != mu {
			t.Errorf("%v:\n got %s\nwant %s", sharing, got, mu)
		}
	}
}

// The pads of a state are not part of a checkpoint, whatever their content.
func TestCheckpointLeavesPadsOut(t *testing.T) {
	dir := t.TempDir()
	c := small(1)
	check(t, c.Write(filepath.Join(dir, "a")))
	c.State.Mu[c.Layout.Layers[0].Columns()] = 7
	c.State.Phi[c.Layout.Layers[0].Columns()] = 7
	check(t, c.Write(filepath.Join(dir, "b")))
	a, err := os.ReadFile(filepath.Join(dir, "a"))
	check(t, err)
	b, err := os.ReadFile(filepath.Join(dir, "b"))
	check(t, err)
	if !bytes.Equal(a, b) {
		t.Error("a pad entered the file")
	}
}

func TestReadCheckpointValidates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.safetensors")
	check(t, small(5).Write(path))
	tensors, metadata, err := ReadSafetensors(path)
	check(t, err)
	for _, c := range []struct{ key, value, want string }{
		{"format", "other", `its format is "other"`},
		{"format", "", "is not a checkpoint"},
		{"format_version", "2", `format version "2", this program reads version "1"`},
		{"step", "-1", "step"}, {"step", "+5", "step"}, {"step", "05", "step"}, {"step", "1e3", "step"},
		{"seed", "-1", "seed"}, {"seed", "18446744073709551616", "seed"},
		{"sharing", "synapses", "sharing"},
		{"layers", "3", "layers"}, {"layers", "3-2-0", "layers"}, {"layers", "3--2", "layers"}, {"layers", "", "layers"},
		{"layers", "03-2-1", "layers"}, {"layers", "3-2", "make 12"}, {"layers", "3-2-2", "layer1.weight.mu [2 2]"},
		{"layers", "2147483647-2147483647-2147483647", "layer0.weight.mu [2147483647 2147483647]"},
		{"layers", "3-4294967297-1", "layers"},
		{"sharing", "none", "tensors"},
	} {
		changed := maps.Clone(metadata)
		changed[c.key] = c.value
		check(t, WriteSafetensors(path, tensors, changed))
		_, err := ReadCheckpoint(path)
		wantError(t, err, path, c.want)
		if !isCorrupt(err) {
			t.Errorf("%s=%q: %T is not a CorruptError", c.key, c.value, err)
		}
	}
	for key := range metadata {
		changed := maps.Clone(metadata)
		delete(changed, key)
		check(t, WriteSafetensors(path, tensors, changed))
		if _, err := ReadCheckpoint(path); err == nil {
			t.Errorf("read without %s", key)
		}
	}
	swapped := slices.Clone(tensors)
	swapped[0], swapped[2] = swapped[2], swapped[0]
	check(t, WriteSafetensors(path, swapped, metadata))
	_, err = ReadCheckpoint(path)
	wantError(t, err, "tensor 0 is layer0.weight.mu.m [2 3], want layer0.weight.mu [2 3]")
}

// Layers are written as chains, one after the other where inputs are not the neurons of the layer before.
func TestLayersInCheckpoints(t *testing.T) {
	for text, layers := range map[string][]kernels.Layer{
		"784-100-10":        {{In: 784, Out: 100}, {In: 100, Out: 10}},
		"25-6,150-16,400-9": {{In: 25, Out: 6}, {In: 150, Out: 16}, {In: 400, Out: 9}},
		"9-5-4,7-2":         {{In: 9, Out: 5}, {In: 5, Out: 4}, {In: 7, Out: 2}},
	} {
		if got := formatLayers(layers); got != text {
			t.Errorf("%v: got %q, want %q", layers, got, text)
		}
		if got, err := parseLayers(text); err != nil || !slices.Equal(got, layers) {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "5-4,", "5-4,4-3", "5-4,3", "05-4", "5--4"} {
		if got, err := parseLayers(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

func TestWriteCheckpointRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.safetensors")
	for want, c := range map[string]*Checkpoint{
		"at least one layer":           {State: &kernels.State{}},
		"needs a state":                {Layout: layoutOf(kernels.NoNoise, 1, 1)},
		"step from 0 on":               {Layout: layoutOf(kernels.NoNoise, 1, 1), State: &kernels.State{}, Step: -1},
		"want 16 values of mu":         {Layout: layoutOf(kernels.NoNoise, 1, 1), State: &kernels.State{}},
		"is empty":                     {Layout: layoutOf(kernels.NoNoise, 1, 0), State: &kernels.State{}},
		`sharing "Sharing(9)"`:         {Layout: layoutOf(9, 1, 1), State: &kernels.State{}},
		"metadata graph: \"\\xff\" is": func() *Checkpoint { c := small(1); c.Graph = "\xff"; return c }(),
	} {
		wantError(t, c.Write(path), path, want)
	}
}

func TestExport(t *testing.T) {
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		c := filled(layoutOf(sharing, 3, 2, 1), 0, normal(3))
		tensors := c.Export()
		var shapes []string
		for _, tensor := range tensors {
			shapes = append(shapes, fmt.Sprint(tensor.Name, " ", tensor.Shape))
		}
		if d := cmp.Diff([]string{
			"layer0.weight.mu [2 3]", "layer0.weight.sigma [2 3]", "layer0.bias.mu [2]", "layer0.bias.sigma [2]",
			"layer1.weight.mu [1 2]", "layer1.weight.sigma [1 2]", "layer1.bias.mu [1]", "layer1.bias.sigma [1]",
		}, shapes); d != "" {
			t.Error(d)
		}
		// By the definition of the layout, synapse by synapse.
		for i, l := range c.Layout.Layers {
			for r := range l.Out {
				for k := range l.Columns() {
					at := c.Layout.Offset(i) + r*l.Stride() + k
					group := map[kernels.Sharing]int{kernels.PerSynapse: at, kernels.PerNeuron: 2*i + r,
						kernels.PerLayer: i}[sharing]
					sigma := 0.0
					if sharing != kernels.NoNoise {
						sigma = math.Log1p(math.Exp(float64(c.State.Phi[group])))
					}
					mu, got := tensors[4*i+2].Data[r:], tensors[4*i+3].Data[r:] // the bias
					if k < l.In {
						mu, got = tensors[4*i].Data[r*l.In+k:], tensors[4*i+1].Data[r*l.In+k:]
					}
					if mu[0] != c.State.Mu[at] || math.Abs(float64(got[0])-sigma) > 1e-6*sigma {
						t.Errorf("%v layer %d row %d column %d: mu %v sigma %v, want %v %v",
							sharing, i, r, k, mu[0], got[0], c.State.Mu[at], sigma)
					}
				}
			}
		}
	}
}

func TestSigmaMeasures(t *testing.T) {
	// Two layers, sigma 0.5 and 0.25 by neuron; biases must not count.
	c := filled(layoutOf(kernels.PerNeuron, 3, 1, 1), 0, normal(1))
	c.State.Phi[0] = float32(kernels.SoftplusInverse(0.5))
	c.State.Phi[1] = float32(kernels.SoftplusInverse(0.25))
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6*math.Abs(want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	near("sigma_rms", c.SigmaRMS(), math.Sqrt((3*0.25+0.0625)/4))
	near("sigma_rms of layer 0", c.SigmaRMSLayers()[0], 0.5)
	near("sigma_rms of layer 1", c.SigmaRMSLayers()[1], 0.25)
	once := func(int) int { return 1 }
	near("cost, rho 2", c.ReliabilityCost(once, 2), (3*4+16)/2.)
	near("cost, rho 2, layer 0 paid 3 times", c.ReliabilityCost(func(l int) int { return 3 - 2*l }, 2), (3*3*4+16)/2.)
	near("cost, rho 1/2", c.ReliabilityCost(once, 0.5), 2*(3*math.Sqrt2+2))
	near("cost, entropic", c.ReliabilityCost(once, 0), 3*math.Log(2)+math.Log(4))
	if c.Weights() != 4 || c.Synapses() != 6 {
		t.Errorf("%d weights, %d synapses", c.Weights(), c.Synapses())
	}
	quiet := filled(layoutOf(kernels.NoNoise, 3, 2), 0, normal(1))
	if quiet.SigmaRMS() != 0 || quiet.ReliabilityCost(once, 2) != 0 || !slices.Equal(quiet.Sigmas(0), make([]float32, 6)) {
		t.Error("without noise sigma and its cost are not 0")
	}
}
