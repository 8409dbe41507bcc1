package train

import (
	"fmt"

	"quantal/internal/setting"
	"quantal/kernels"
	"quantal/synapse"
)

// Layers are the numbers of settings in which the layers of a network differ, the first layer first. They are empty
// where one number is for all. The setting itself is then that number, and otherwise NaN unless all layers have the
// same.
type Layers struct{ C, Lambda, LearningRate, SigmaInit []float64 }

// Depth is the number of layers with weights.
func (c Config) Depth() int { return len(c.Hidden) + 1 }

// Layer is the configuration as a layer sees it: with one number for each setting.
func (c Config) Layer(l int) Config {
	at := func(one *float64, all []float64) {
		if l < len(all) {
			*one = all[l]
		}
	}
	at(&c.C, c.Layers.C)
	at(&c.Lambda, c.Layers.Lambda)
	at(&c.LearningRate, c.Layers.LearningRate)
	at(&c.SigmaInit, c.Layers.SigmaInit)
	c.Rho, c.Numbers, c.Layers = c.Rho.Layer(l), c.Numbers.only(l), Layers{}
	return c
}

// rhos are the exponents of the layers.
func (c Config) rhos() (all []synapse.Power) {
	for l := range c.Depth() {
		all = append(all, c.Rho.Layer(l).Value())
	}
	return all
}

// CText is c, or that of each layer, as people read it.
func (c Config) CText() string {
	if len(c.Layers.C) > 0 {
		return setting.FormatPerLayer(c.Layers.C)
	}
	return fmt.Sprintf("%g", c.C)
}

// perLayer is a setting that layers may differ in.
func perLayer(one *float64, all *[]float64) *setting.PerLayer {
	return &setting.PerLayer{One: one, All: all}
}

// checkLayers reports whether a setting has one number, or one for each layer, and one if it moves or starts a sigma
// that all layers share.
func (c *Config) checkLayers(name, text string, numbers int, differ bool) error {
	if numbers > 1 && numbers != c.Depth() {
		return fmt.Errorf("%s %s: want one number, or one for each of the %d layers", name, text, c.Depth())
	}
	if differ && numbers > 1 && c.sharing() == kernels.PerNetwork && c.moves(name) {
		return fmt.Errorf("%s %s: with noise %s all layers share one sigma: want one number", name, text, c.Noise)
	}
	return nil
}

// moves reports whether a number enters the start of sigma, or how it moves.
func (c *Config) moves(name string) bool {
	switch {
	case name == "lr", name == "sigma-init":
		return true
	case len(c.Costs) == 0:
		return name == "c" || name == "rho"
	}
	for _, l := range c.Costs {
		if l.Formula.Reads(kernels.InputSigma) && l.Formula.Reads(name) {
			return true
		}
	}
	return false
}

// layersCheck is the Check of a setting of numbers.
func (c *Config) layersCheck(name string, p *setting.PerLayer) func() error {
	return func() error { return c.checkLayers(name, p.String(), len(*p.All), *p.One != *p.One) }
}
