package store

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"quantal/kernels"
	"quantal/mnist"
	"quantal/synapse"
)

const (
	checkpointFormat  = "quantal-checkpoint"
	networkFormat     = "quantal-network"
	teamFormat        = "quantal-team-checkpoint"
	checkpointVersion = "1"

	firstRule = "adam" // is meant if a file names none: at first there was no other
)

// Checkpoint is everything needed to continue a run.
type Checkpoint struct {
	Step   int    // training steps done
	Seed   uint64 // the network's seed, the key of its noise
	Graph  string // the structure of the network as text; opaque here
	Driver string // what else the driver needs; opaque here
	Rule   string // the name of the rule that trains the network
	Layout kernels.Layout
	State  *kernels.State
	// Pixels says how the network's inputs are computed from pixels. nil means mnist.Published, which is not in the file:
	// files from before there was a choice do not have it either.
	Pixels mnist.Normalisation
	// Answers says how the outputs of a network that fits numbers are computed from these; zero if as they are.
	Answers mnist.Normalisation
}

// Normalisation says how the network's inputs are computed from pixels.
func (c *Checkpoint) Normalisation() mnist.Normalisation {
	if c.Pixels.Equal(mnist.Normalisation{}) {
		return mnist.Published()
	}
	return c.Pixels
}

// Write writes the checkpoint to a file, which is replaced as a whole or not at all. The bytes depend only on the
// checkpoint. The pad slots of the state are not written; reading gives zeros there.
func (c *Checkpoint) Write(path string) error {
	if err := c.complete(); err != nil {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	return c.write(path, checkpointFormat, c.pieces())
}

// ReadCheckpoint reads a checkpoint and verifies all of it. A file that is damaged, is not a checkpoint, or has a
// version unknown to this program gives a CorruptError.
func ReadCheckpoint(path string) (*Checkpoint, error) {
	return readCheckpoint(path, checkpointFormat, (*Checkpoint).pieces)
}

// WriteNetwork writes a network whose training has ended: a checkpoint without moments.
func WriteNetwork(path string, c *Checkpoint) error {
	bare := *c
	if c.State != nil {
		bare.State = c.State.Bare()
	}
	if err := bare.check(); err != nil {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	return bare.write(path, networkFormat, bare.parameters())
}

// ReadNetwork reads a file of WriteNetwork. Its state has no moments. Errors are those of ReadCheckpoint.
func ReadNetwork(path string) (*Checkpoint, error) {
	return readCheckpoint(path, networkFormat, (*Checkpoint).parameters)
}

// pieces are the tensors of a checkpoint of the rule.
func (c *Checkpoint) pieces() []piece { return pieces(c.Layout, momentsOf(c.Rule)) }

func (c *Checkpoint) parameters() []piece { return parameters(c.Layout) }

// momentsOf names the moments of a rule.
func momentsOf(rule string) []string {
	r, err := kernels.ParseMover(rule)
	if err != nil {
		return nil
	}
	return r.Moments()
}

func (c *Checkpoint) write(path, format string, list []piece) error {
	metadata := c.metadata(format)
	metadata["seed"], metadata["driver"] = strconv.FormatUint(c.Seed, 10), c.Driver
	return writeCheckpoint(path, c.tensors("", list), metadata)
}

// check reports whether the checkpoint can be written.
func (c *Checkpoint) check() error {
	if err := checkLayout(c.Layout); err != nil {
		return err
	}
	if c.State == nil || c.Step < 0 {
		return errors.New("a checkpoint needs a state and a step from 0 on")
	}
	if err := c.State.Check(c.Layout); err != nil {
		return err
	}
	_, err := kernels.ParseMover(c.Rule)
	return err
}

// complete is check, and also checks that the state has the moments of the rule.
func (c *Checkpoint) complete() error {
	if err := c.check(); err != nil {
		return err
	}
	if got, want := c.State.Moments(), len(momentsOf(c.Rule)); got != want {
		return fmt.Errorf("the state has %d moments of each parameter, those of %s have %d", got, c.Rule, want)
	}
	return nil
}

// metadata is the part of the metadata that checkpoints of several networks share.
func (c *Checkpoint) metadata(format string) map[string]string {
	metadata := map[string]string{
		"format":         format,
		"format_version": checkpointVersion,
		"step":           strconv.Itoa(c.Step),
		"sharing":        c.Layout.Sharing.String(),
		"layers":         formatLayers(c.Layout.Layers),
		"graph":          c.Graph,
	}
	if n := c.Normalisation(); !n.Equal(mnist.Published()) {
		maps.Copy(metadata, pixelText(n, pixelMean, pixelSD))
	}
	if c.Answers.Means != nil {
		maps.Copy(metadata, pixelText(c.Answers, targetMean, targetSD))
	}
	if c.Rule != firstRule {
		metadata["rule"] = c.Rule
	}
	if kind, err := synapse.KindOf(c.Layout.Parameters); err == nil && len(kind.Links) > 0 {
		metadata["synapse"] = kind.Name
	}
	return metadata
}

// The keys of a normalisation in metadata, and its names in archives.
const (
	pixelMean = "pixel_mean"
	pixelSD   = "pixel_sd"

	targetMean = "target_mean"
	targetSD   = "target_sd"
)

// pixelText is a normalisation as metadata: two numbers, or two lists with a number for each column, separated by
// commas.
func pixelText(n mnist.Normalisation, meanName, sdName string) map[string]string {
	format := func(list []float64) string {
		var texts []string
		for _, x := range list {
			texts = append(texts, strconv.FormatFloat(x, 'g', -1, 64))
		}
		return strings.Join(texts, ",")
	}
	if n.Means != nil {
		return map[string]string{meanName: format(n.Means), sdName: format(n.SDs)}
	}
	return map[string]string{meanName: format([]float64{n.Mean}), sdName: format([]float64{n.SD})}
}

// parsePixels reads the output of pixelText; it may be missing.
func parsePixels(metadata map[string]string, meanName, sdName string) (mnist.Normalisation, error) {
	mean, first := metadata[meanName]
	sd, second := metadata[sdName]
	if !first && !second {
		return mnist.Normalisation{}, nil
	}
	means, sds := strings.Split(mean, ","), strings.Split(sd, ",")
	n := mnist.Normalisation{Means: make([]float64, len(means)), SDs: make([]float64, len(sds))}
	bad := len(means) != len(sds)
	for k := range min(len(means), len(sds)) {
		var err1, err2 error
		n.Means[k], err1 = strconv.ParseFloat(means[k], 64)
		n.SDs[k], err2 = strconv.ParseFloat(sds[k], 64)
		bad = bad || err1 != nil || err2 != nil || math.IsNaN(n.Means[k]) || math.IsInf(n.Means[k], 0) ||
			!(n.SDs[k] > 0) || math.IsInf(n.SDs[k], 0)
	}
	if bad {
		return n, fmt.Errorf("%s %q and %s %q are not a mean and a standard deviation", meanName, mean, sdName, sd)
	}
	if len(means) == 1 {
		return mnist.Normalisation{Mean: n.Means[0], SD: n.SDs[0]}, nil
	}
	return n, nil
}

func (c *Checkpoint) tensors(prefix string, list []piece) []Tensor {
	var tensors []Tensor
	for _, p := range list {
		t := p.gather(c.State)
		t.Name = prefix + t.Name
		tensors = append(tensors, t)
	}
	return tensors
}

func readCheckpoint(path, format string, list func(*Checkpoint) []piece) (*Checkpoint, error) {
	tensors, metadata, err := ReadSafetensors(path)
	if err != nil {
		return nil, err
	}
	c, err := decodeCheckpoint(tensors, metadata, format, list)
	if err != nil {
		return nil, Corrupt(path, "%v", err)
	}
	return c, nil
}

// DecodeNetwork is ReadNetwork, or else ReadCheckpoint, of the content of the file at a path.
func DecodeNetwork(path string, data []byte) (*Checkpoint, error) {
	tensors, metadata, err := decodeSafetensors(data)
	if err != nil {
		return nil, Corrupt(path, "%v", err)
	}
	format, list := networkFormat, (*Checkpoint).parameters
	if metadata["format"] != networkFormat {
		format, list = checkpointFormat, (*Checkpoint).pieces
	}
	c, err := decodeCheckpoint(tensors, metadata, format, list)
	if err != nil {
		return nil, Corrupt(path, "%v", err)
	}
	return c, nil
}

func decodeCheckpoint(tensors []Tensor, metadata map[string]string, format string,
	list func(*Checkpoint) []piece) (*Checkpoint, error) {
	c, err := decodeMetadata(metadata, format)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"seed", "driver"} {
		if _, ok := metadata[key]; !ok {
			return nil, fmt.Errorf("the metadata lacks %q", key)
		}
	}
	if c.Seed, err = parseSeed(metadata["seed"]); err != nil {
		return nil, err
	}
	c.Driver = metadata["driver"]
	want := list(c)
	if len(tensors) != len(want) {
		return nil, fmt.Errorf("has %d tensors, layers %s with sharing %s make %d",
			len(tensors), metadata["layers"], metadata["sharing"], len(want))
	}
	if err := checkTensors(tensors, "", want); err != nil {
		return nil, err
	}
	moments := 0
	if format == checkpointFormat {
		moments = len(momentsOf(c.Rule))
	}
	c.restore(tensors, want, moments)
	return c, nil
}

// decodeMetadata reads the output of metadata.
func decodeMetadata(metadata map[string]string, format string) (*Checkpoint, error) {
	if f := metadata["format"]; f != format {
		return nil, fmt.Errorf("is not a %s: its format is %q, want %q", strings.TrimPrefix(format, "quantal-"), f, format)
	}
	if v := metadata["format_version"]; v != checkpointVersion {
		return nil, fmt.Errorf("is of format version %q, this program reads version %q", v, checkpointVersion)
	}
	for _, key := range []string{"step", "sharing", "layers", "graph"} {
		if _, ok := metadata[key]; !ok {
			return nil, fmt.Errorf("the metadata lacks %q", key)
		}
	}
	step, err := strconv.Atoi(metadata["step"])
	if err != nil || step < 0 || strconv.Itoa(step) != metadata["step"] {
		return nil, fmt.Errorf("step %q is not a count", metadata["step"])
	}
	sharing, err := parseSharing(metadata["sharing"])
	if err != nil {
		return nil, err
	}
	layers, err := parseLayers(metadata["layers"])
	if err != nil {
		return nil, err
	}
	pixels, err := parsePixels(metadata, pixelMean, pixelSD)
	if err != nil {
		return nil, err
	}
	answers, err := parsePixels(metadata, targetMean, targetSD)
	if err != nil {
		return nil, err
	}
	if _, fitted := metadata[targetMean]; fitted && answers.Means == nil {
		answers = mnist.Normalisation{Means: []float64{answers.Mean}, SDs: []float64{answers.SD}}
	}
	if n := len(answers.Means); n > 0 && n != layers[len(layers)-1].Out {
		return nil, fmt.Errorf("%s has %d numbers for %d outputs", targetMean, n, layers[len(layers)-1].Out)
	}
	if n := len(pixels.Means); n > 0 && n != layers[0].In {
		return nil, fmt.Errorf("%s has %d numbers for %d inputs", pixelMean, n, layers[0].In)
	}
	c := &Checkpoint{Step: step, Graph: metadata["graph"], Rule: firstRule,
		Layout: kernels.Layout{Layers: layers, Sharing: sharing}, Pixels: pixels, Answers: answers}
	if name, ok := metadata["synapse"]; ok {
		kind, err := synapse.NamedKind(name)
		if err != nil || sharing != kernels.PerSynapse {
			return nil, fmt.Errorf("synapse %q with sharing %s is not known", name, sharing)
		}
		c.Layout.Parameters = kind.Parameters()
	}
	if rule, ok := metadata["rule"]; ok {
		c.Rule = rule
		if _, err := kernels.ParseMover(rule); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// checkTensors reports whether tensors, of which the number is right, are those of a layout. All shapes are compared
// before a state is made, so that sizes that the file does not hold reserve no memory.
func checkTensors(tensors []Tensor, prefix string, want []piece) error {
	for i, p := range want {
		if t := tensors[i]; t.Name != prefix+p.name || !slices.Equal(t.Shape, p.shape) {
			return fmt.Errorf("tensor %d is %s %v, want %s%s %v", i, t.Name, t.Shape, prefix, p.name, p.shape)
		}
	}
	return nil
}

// restore fills the state from checked tensors.
func (c *Checkpoint) restore(tensors []Tensor, want []piece, moments int) {
	c.State = kernels.NewState(c.Layout, moments)
	for i, p := range want {
		p.scatter(c.State, tensors[i].Data)
	}
}

func parseSeed(text string) (uint64, error) {
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil || strconv.FormatUint(seed, 10) != text {
		return 0, fmt.Errorf("seed %q is not a 64-bit number", text)
	}
	return seed, nil
}

// checkLayout reports whether the layout can be written.
func checkLayout(l kernels.Layout) error {
	if len(l.Layers) == 0 {
		return errors.New("a checkpoint needs at least one layer")
	}
	for i, layer := range l.Layers {
		if layer.In < 1 || layer.Out < 1 {
			return fmt.Errorf("layer %d of %d inputs and %d neurons is empty", i, layer.In, layer.Out)
		}
	}
	if _, err := synapse.KindOf(l.Parameters); err != nil {
		return err
	}
	_, err := parseSharing(l.Sharing.String())
	return err
}

// formatLayers writes layer sizes as in 784-100-100-10. Where the inputs of a layer are not as many as the neurons of
// the one before, as those of a convolution, another chain begins: 25-6,150-16.
func formatLayers(layers []kernels.Layer) string {
	var b strings.Builder
	for i, l := range layers {
		switch {
		case i == 0:
			fmt.Fprint(&b, l.In)
		case l.In != layers[i-1].Out:
			fmt.Fprintf(&b, ",%d", l.In)
		}
		fmt.Fprintf(&b, "-%d", l.Out)
	}
	return b.String()
}

func parseLayers(text string) (layers []kernels.Layer, err error) {
	for part := range strings.SplitSeq(text, ",") {
		chain, err := parseChain(part)
		if err != nil {
			return nil, err
		}
		layers = append(layers, chain...)
	}
	if formatLayers(layers) != text {
		return nil, fmt.Errorf("layers %q are not sizes such as 784-100-10", text)
	}
	return layers, nil
}

func parseChain(text string) ([]kernels.Layer, error) {
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
