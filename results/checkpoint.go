package results

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"quantal/kernels"
)

const (
	checkpointFormat  = "quantal-checkpoint"
	checkpointVersion = "1"
)

// Checkpoint is all that is needed to continue a run.
type Checkpoint struct {
	Step   int    // training steps done
	Seed   uint64 // the network's seed, the key of its noise
	Graph  string // the structure of the network as text; opaque here
	Driver string // what the driver needs besides; opaque here
	Layout kernels.Layout
	State  *kernels.State
}

// Write writes the checkpoint to a file, which is replaced as a whole or not at all. The bytes depend on the checkpoint
// only. The pad slots of the state are not written; reading gives zeros there.
func (c *Checkpoint) Write(path string) error {
	if err := checkLayout(c.Layout); err != nil {
		return fmt.Errorf("results: %s: %w", path, err)
	}
	if c.State == nil || c.Step < 0 {
		return fmt.Errorf("results: %s: a checkpoint needs a state and a step from 0 on", path)
	}
	if err := c.State.Check(c.Layout); err != nil {
		return fmt.Errorf("results: %s: %w", path, err)
	}
	var tensors []Tensor
	for _, p := range pieces(c.Layout) {
		tensors = append(tensors, p.gather(c.State))
	}
	return WriteSafetensors(path, tensors, map[string]string{
		"format":         checkpointFormat,
		"format_version": checkpointVersion,
		"step":           strconv.Itoa(c.Step),
		"seed":           strconv.FormatUint(c.Seed, 10),
		"sharing":        c.Layout.Sharing.String(),
		"layers":         formatLayers(c.Layout.Layers),
		"graph":          c.Graph,
		"driver":         c.Driver,
	})
}

// ReadCheckpoint reads a checkpoint and verifies all of it. A file that is damaged, is no checkpoint, or is of a version
// this program does not know gives a CorruptError.
func ReadCheckpoint(path string) (*Checkpoint, error) {
	tensors, metadata, err := ReadSafetensors(path)
	if err != nil {
		return nil, err
	}
	c, err := decodeCheckpoint(tensors, metadata)
	if err != nil {
		return nil, corrupt(path, "%v", err)
	}
	return c, nil
}

func decodeCheckpoint(tensors []Tensor, metadata map[string]string) (*Checkpoint, error) {
	if f := metadata["format"]; f != checkpointFormat {
		return nil, fmt.Errorf("is not a checkpoint: its format is %q, want %q", f, checkpointFormat)
	}
	if v := metadata["format_version"]; v != checkpointVersion {
		return nil, fmt.Errorf("is a checkpoint of format version %q, this program reads version %q", v, checkpointVersion)
	}
	for _, key := range []string{"step", "seed", "sharing", "layers", "graph", "driver"} {
		if _, ok := metadata[key]; !ok {
			return nil, fmt.Errorf("the metadata lacks %q", key)
		}
	}
	step, err := strconv.Atoi(metadata["step"])
	if err != nil || step < 0 || strconv.Itoa(step) != metadata["step"] {
		return nil, fmt.Errorf("step %q is not a count", metadata["step"])
	}
	seed, err := strconv.ParseUint(metadata["seed"], 10, 64)
	if err != nil || strconv.FormatUint(seed, 10) != metadata["seed"] {
		return nil, fmt.Errorf("seed %q is not a 64-bit number", metadata["seed"])
	}
	sharing, err := parseSharing(metadata["sharing"])
	if err != nil {
		return nil, err
	}
	layers, err := parseLayers(metadata["layers"])
	if err != nil {
		return nil, err
	}
	layout := kernels.Layout{Layers: layers, Sharing: sharing}
	want := pieces(layout)
	if len(tensors) != len(want) {
		return nil, fmt.Errorf("has %d tensors, layers %s with sharing %s make %d",
			len(tensors), metadata["layers"], sharing, len(want))
	}
	// All shapes are compared before the state is made: so sizes that the file does not hold reserve no memory.
	for i, p := range want {
		if t := tensors[i]; t.Name != p.name || !slices.Equal(t.Shape, p.shape) {
			return nil, fmt.Errorf("tensor %d is %s %v, want %s %v", i, t.Name, t.Shape, p.name, p.shape)
		}
	}
	state := kernels.NewState(layout)
	for i, p := range want {
		p.scatter(state, tensors[i].Data)
	}
	return &Checkpoint{
		Step: step, Seed: seed, Graph: metadata["graph"], Driver: metadata["driver"], Layout: layout, State: state,
	}, nil
}

// checkLayout reports whether the layout is a chain of layers that can be written as text.
func checkLayout(l kernels.Layout) error {
	if len(l.Layers) == 0 {
		return errors.New("a checkpoint needs at least one layer")
	}
	for i, layer := range l.Layers {
		if layer.In < 1 || layer.Out < 1 {
			return fmt.Errorf("layer %d of %d inputs and %d neurons is empty", i, layer.In, layer.Out)
		}
		if i > 0 && layer.In != l.Layers[i-1].Out {
			return fmt.Errorf("layer %d has %d inputs, the one before %d neurons", i, layer.In, l.Layers[i-1].Out)
		}
	}
	_, err := parseSharing(l.Sharing.String())
	return err
}

// formatLayers writes layer sizes as in 784-100-100-10.
func formatLayers(layers []kernels.Layer) string {
	var b strings.Builder
	fmt.Fprint(&b, layers[0].In)
	for _, l := range layers {
		fmt.Fprintf(&b, "-%d", l.Out)
	}
	return b.String()
}

func parseLayers(text string) ([]kernels.Layer, error) {
	var sizes []int
	for field := range strings.SplitSeq(text, "-") {
		n, err := strconv.ParseInt(field, 10, 32)
		if err != nil || n < 1 || strconv.FormatInt(n, 10) != field {
			return nil, fmt.Errorf("layers %q are not sizes such as 784-100-10", text)
		}
		sizes = append(sizes, int(n))
	}
	if len(sizes) < 2 {
		return nil, fmt.Errorf("layers %q are not sizes such as 784-100-10", text)
	}
	var layers []kernels.Layer
	for i, out := range sizes[1:] {
		layers = append(layers, kernels.Layer{In: sizes[i], Out: out})
	}
	return layers, nil
}

func parseSharing(name string) (kernels.Sharing, error) {
	for s := kernels.PerSynapse; s <= kernels.NoNoise; s++ {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("sharing %q is not known", name)
}
