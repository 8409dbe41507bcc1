package grid

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"quantal/graph"
	"quantal/internal/setting"
	"quantal/kernels"
	"quantal/results/store"
	"quantal/synapse"
	"quantal/train"
)

// Point is one network of a grid.
type Point struct {
	ID     string       `json:"id"`
	Config train.Config `json:"config"`
}

// Work is the approximate work of training a point, compared with others: epochs times synapses, at each of their
// positions, as if the data were MNIST.
func (p Point) Work() float64 {
	if n, err := graph.ParseNetwork(p.Config.Network); err == nil {
		in := graph.Input{Picture: kernels.Picture{Height: 28, Width: 28, Channels: 1}, Arrangement: kernels.ByPlane}
		shaped, err := n.Shape(in, 10)
		if err == nil {
			connections := 0
			for _, s := range shaped {
				connections += s.Synapses() * s.Output.Positions()
			}
			return float64(p.Config.Epochs) * float64(connections)
		}
	}
	synapses, inputs := 0, 784
	for _, units := range p.Config.Hidden {
		synapses += inputs * units
		inputs = units
	}
	return float64(p.Config.Epochs) * float64(synapses+10*inputs)
}

// scale is the axis of the s in c = s^rho / rho (EES Eq. 51), which puts costs of different exponents on one scale of
// sigma.
const scale = "s"

// Points is the product of the axes over a base configuration: the first axis varies slowest. Networks whose costs do
// not read c, rho, lambda or another number that differs are one, with the numbers of the base or else the axis's
// first; without noise no cost reads sigma. The first configuration that cannot be trained gives an error.
func Points(base train.Config, axes ...Axis) ([]Point, error) {
	base.Device, base.Threads, base.CheckpointEvery = "auto", 0, 1 // of the process, not of the network
	has := func(name string) bool { return slices.ContainsFunc(axes, func(a Axis) bool { return a.Name == name }) }
	if has(scale) && has("c") {
		return nil, fmt.Errorf("c and s are both axes: s determines c")
	}
	// Last, when rho is known.
	if i := slices.IndexFunc(axes, func(a Axis) bool { return a.Name == scale }); i >= 0 {
		axes = append(slices.Delete(slices.Clone(axes), i, i+1), axes[i])
	}
	configs, err := product(base, axes)
	if err != nil {
		return nil, err
	}
	var points []Point
	known, read := map[string]bool{}, map[string]bool{}
	for _, c := range configs {
		if has("cost") { // each cost has its own numbers
			c.Numbers = c.Numbers.Read(c.Costs)
		}
		for name := range c.Numbers {
			read[name] = true
		}
		merge(&c, base, axes)
		if err := c.Check(); err != nil {
			return nil, err
		}
		p := Point{Config: c}
		if p.ID, err = id(c); err != nil {
			return nil, err
		}
		if !known[p.ID] {
			known[p.ID] = true
			points = append(points, p)
		}
	}
	for name := range base.Numbers {
		if has("cost") && !read[name] {
			return nil, fmt.Errorf("set %s: no cost reads the number %s", base.Numbers, name)
		}
	}
	for _, a := range axes {
		if _, err := base.Settings().Find(a.Name); err != nil && a.Name != scale && !read[a.Name] {
			return nil, fmt.Errorf("%s: no cost reads this number", a.Name)
		}
	}
	return points, nil
}

// product is the configurations: costs come before the numbers that only they read.
func product(base train.Config, axes []Axis) ([]train.Config, error) {
	type choice struct {
		config train.Config
		values []string
	}
	choices := []choice{{config: base}}
	for i, axis := range axes {
		if slices.ContainsFunc(axes[:i], func(a Axis) bool { return a.Name == axis.Name }) {
			return nil, fmt.Errorf("%s is an axis twice", axis.Name)
		}
		if len(choices)*len(axis.Values) > 10*maxValues {
			return nil, fmt.Errorf("the axes make more than %d networks", 10*maxValues)
		}
		var next []choice
		for _, c := range choices {
			for _, v := range axis.Values {
				n := choice{c.config, append(slices.Clone(c.values), v)}
				if err := set(&n.config, axis.Name, v); err != nil {
					return nil, fmt.Errorf("%s %q: %w", axis.Name, v, err)
				}
				if axis.Name == "cost" {
					for j, a := range axes[:i] {
						if err := set(&n.config, a.Name, n.values[j]); err != nil {
							return nil, fmt.Errorf("%s %q: %w", a.Name, n.values[j], err)
						}
					}
				}
				next = append(next, n)
			}
		}
		choices = next
	}
	var configs []train.Config
	for _, c := range choices {
		configs = append(configs, c.config)
	}
	return configs, nil
}

// merge gives numbers that no cost of the network reads the values that they have in all such networks.
func merge(c *train.Config, base train.Config, axes []Axis) {
	if c.Noise == "none" && len(c.Costs) == 0 {
		first := base.Layer(0)
		c.C, c.Rho, c.Layers.C = first.C, first.Rho, nil
	}
	if !c.Reads("lambda") {
		c.Lambda, c.Layers.Lambda = base.Lambda, base.Layers.Lambda
	}
	for _, a := range axes {
		if c.IsNumber(a.Name) && !c.Reads(a.Name) {
			_ = c.Set(a.Name, a.Values[0]) // product has set it to another
		}
	}
}

// set gives one setting its value on an axis.
func set(c *train.Config, name, value string) error {
	if name != scale {
		if _, err := c.Settings().Find(name); err != nil && !c.IsNumber(name) { // this law does not read it
			return nil
		}
		return c.Set(name, value)
	}
	if err := c.Set("c", value); err != nil {
		return err
	}
	if c.Rho.Entropic() {
		return fmt.Errorf("the entropic cost has no s: give its c")
	}
	var all []float64
	for l := range c.Depth() {
		at := c.Layer(l)
		all = append(all, synapse.Multiplier(at.C, at.Rho.Value()))
	}
	if len(c.Layers.C) > 0 && len(c.Layers.C) != c.Depth() {
		return fmt.Errorf("want one number, or one for each of the %d layers", c.Depth())
	}
	if c.C, c.Layers.C = setting.Common(all), nil; math.IsNaN(c.C) {
		c.Layers.C = all
	}
	return nil
}

// SettingsOf are the settings that determine the record of a network, as tables show them, on a data set of the given
// name.
func SettingsOf(c train.Config, data string) store.Settings {
	c.Likelihood = cmp.Or(c.Likelihood, kernels.Categorical.String()) // of a reference, which need not say it
	s := store.Settings{
		Data: data, Hidden: train.FormatHidden(c.Hidden), Noise: c.Noise, Rho: c.Rho.String(),
		RhoValue: float64(c.Rho.Value()),
		C:        c.C, Lambda: c.Lambda, LearningRate: c.LearningRate, Batch: c.Batch, Epochs: c.Epochs, MuInit: c.MuInit,
		SigmaInit: c.SigmaInit, Validation: c.Validation, Seed: uint64(c.Seed),
	}
	if !c.Reads("rho") {
		s.Rho, s.RhoValue = "", 0
	}
	if !c.Reads("c") {
		s.C = 0
	}
	var later []store.LaterSetting
	layered := func(name string, to *float64, of func(train.Config) float64) {
		if !math.IsNaN(*to) {
			return
		}
		var all []float64
		for l := range c.Depth() {
			all = append(all, of(c.Layer(l)))
		}
		*to = 0
		later = append(later, store.InLayers(name, setting.FormatPerLayer(all)))
	}
	layered("rho_value", &s.RhoValue, func(c train.Config) float64 { return float64(c.Rho.Value()) })
	layered("c", &s.C, func(c train.Config) float64 { return c.C })
	layered("lambda", &s.Lambda, func(c train.Config) float64 { return c.Lambda })
	layered("lr", &s.LearningRate, func(c train.Config) float64 { return c.LearningRate })
	layered("sigma_init", &s.SigmaInit, func(c train.Config) float64 { return c.SigmaInit })
	for _, x := range c.Settings() {
		if x.Before == "" || x.Place {
			continue
		}
		value, whole := x.Cell()
		later = append(later, store.LaterSetting{Name: x.Column(), Value: value, Whole: whole, Text: x.Default(),
			Before: x.Text() == x.Before})
	}
	s.Later = store.NewLater(later...)
	return s
}

// id names a network after its settings, independent of the name of the exponent and of the place of the data. A
// setting that was added later is left out if it has the value from before it existed.
func id(c train.Config) (string, error) {
	s := SettingsOf(c, "")
	s.Rho = ""
	text, err := store.EncodeJSON(struct {
		store.Settings
		Draws int
	}{s, c.Draws})
	if err != nil {
		return "", fmt.Errorf("grid: %w", err)
	}
	sum := sha256.Sum256(text)
	name := c.Noise
	named := c.Noise != "none" || len(c.Costs) > 0
	if named && c.Reads("rho") {
		name += "-rho" + short(s.Layers("rho_value"), "%.4g", float64(c.Rho.Value()))
	}
	if named && c.Reads("c") {
		name += "-c" + short(s.Layers("c"), "%.6g", c.C)
	}
	return fmt.Sprintf("%s-seed%d-%s", name, c.Seed, hex.EncodeToString(sum[:4])), nil
}

// short is a number in a name, or those of the layers if they are not too long for one.
func short(layers, format string, number float64) string {
	switch {
	case layers == "":
		return fmt.Sprintf(format, number)
	case len(layers) > 40:
		return "mixed"
	}
	return layers
}
