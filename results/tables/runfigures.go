package tables

import (
	"quantal/kernels"
	"quantal/results/draw"
	"quantal/results/store"
)

// Trained is what there is to draw of a network.
type Trained struct {
	Epochs     []store.Epoch // none if it has no learning curve
	Checkpoint *store.Checkpoint
	SigmaInit  float64
}

// runFigure is one of the figures of a network; of gives nil for one that has nothing to show in it.
type runFigure struct {
	name, caption string
	of            func(Trained) (*draw.Figure, error)
}

// runFigures are the figures of a network, in the order of a report.
func runFigures() []runFigure {
	return []runFigure{
		{"learning-curve", "What the network reached over the epochs.", func(n Trained) (*draw.Figure, error) {
			if len(n.Epochs) == 0 {
				return nil, nil
			}
			return LearningCurve(n.Epochs)
		}},
		{"sigma-over-time", "Sigma over the weights of each layer, over the epochs.",
			func(n Trained) (*draw.Figure, error) { return SigmaOverTime(n.Epochs) }},
		{"sigma", "Distribution of sigma over the weights of each layer.", func(n Trained) (*draw.Figure, error) {
			if n.Checkpoint.Layout.Sharing == kernels.NoNoise {
				return nil, nil
			}
			return SigmaDistribution(n.Checkpoint, n.SigmaInit)
		}},
	}
}

// Figures draws a network, each figure that it has something to show in.
func (n Trained) Figures() ([]NamedFigure, error) {
	var list []NamedFigure
	for _, f := range runFigures() {
		figure, err := f.of(n)
		if err != nil {
			return nil, err
		}
		if figure != nil {
			list = append(list, NamedFigure{f.name, f.caption, figure})
		}
	}
	return list, nil
}
