package dynamics

import (
	"quantal/analysis"
	"quantal/mnist"
	"quantal/train"
)

// Start says which network an experiment starts from: that of a run folder, or else one that it trains first.
type Start struct {
	Network string `toml:"network" json:"network"` // run folder; empty for a network of the experiment's own
	// how that is trained; with a run folder, how the network there was
	Training train.Config `toml:"training" json:"training"`
}

// Quick trains a smaller network, on the built-in digits, in a few seconds.
func (s Start) Quick() Start {
	if s.Network == "" {
		s.Training.Data, s.Training.Hidden, s.Training.Epochs, s.Training.LearningRate = "glyphs", []int{30, 30}, 2, 1e-3
		s.Training.SigmaInit = 0.02 // Adam would not take a smaller one far in so few steps
	}
	return s
}

// Network is a trained network, with the data it was trained on.
type Network struct {
	Set *mnist.Set
	analysis.Network
}
