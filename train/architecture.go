package train

import (
	"fmt"
	"slices"

	"quantal/graph"
	"quantal/kernels"
	"quantal/mnist"
)

// readNetwork sets the network, by its text or name. A chain of dense layers is what Hidden and Activation say;
// otherwise Hidden has the neurons and filters of the layers before the last, and Activation is the default.
func (c *Config) readNetwork(text string) error {
	if text == chain {
		c.Network = ""
		return nil
	}
	n, err := graph.ParseNetwork(text)
	if err != nil {
		return err
	}
	hidden, activation, isChain := n.Chain()
	if isChain {
		c.Network, c.Hidden = "", hidden
		if len(hidden) > 0 {
			c.Activation = activation
		}
		return nil
	}
	c.Network, c.Hidden, c.Activation = n.String(), n.Hidden(), kernels.ReLU
	return nil
}

// chain is the text of a Network that is a chain of dense layers.
const chain = "none"

func (c *Config) checkNetwork() error {
	if c.Network == "" {
		return nil
	}
	n, err := graph.ParseNetwork(c.Network)
	switch {
	case err != nil:
		return err
	case !slices.Equal(n.Hidden(), c.Hidden):
		return fmt.Errorf("network %q: its layers have %s neurons or filters, hidden is %s: want one of the two", c.Network,
			FormatHidden(n.Hidden()), FormatHidden(c.Hidden))
	case c.Activation != kernels.ReLU:
		return fmt.Errorf("network %q: each layer has an activation of its own: want activation relu, which is the default, "+
			"got %v", c.Network, c.Activation)
	}
	return nil
}

// ChainOnly is an error that names what knows no networks but chains of dense layers, if the network is another.
func (c Config) ChainOnly(what string) error {
	if c.Network == "" {
		return nil
	}
	return fmt.Errorf("%s: want a network that is a chain of dense layers, got %s", what, c.Network)
}

// NeedsCPU says what the network has that GPUs have no kernels for; empty if nothing.
func (c Config) NeedsCPU() string {
	if c.Draw == kernels.PerExample && c.convolves() {
		return fmt.Sprintf("a draw per %v in the convolutions of %s", c.Draw, c.Network)
	}
	return ""
}

func (c Config) convolves() bool {
	n, err := graph.ParseNetwork(c.Network)
	return err == nil && slices.ContainsFunc(n, func(l graph.Node) bool { return l.Kind == graph.Conv })
}

// Input is what networks read of a data set.
func Input(set *mnist.Set) graph.Input {
	channels := max(1, set.Channels)
	if set.Table {
		return graph.Row(set.Width())
	}
	in := graph.Input{Picture: kernels.Picture{Height: set.Rows, Width: set.Columns, Channels: channels},
		Arrangement: kernels.ByPixel}
	if set.Planes || channels == 1 {
		in.Arrangement = kernels.ByPlane
	}
	return in
}
