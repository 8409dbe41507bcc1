package analysis

import (
	"context"
	"fmt"
	"math"

	"quantal/internal/memory"
	"quantal/kernels"
	"quantal/synapse"
	"quantal/train"
)

// ReleaseTest is a test of a network whose weights are drawn as q times a binomial number of released vesicles, in
// place of normal numbers of the same mean and standard deviation. The n, p and q of a synapse, bias or not, are those
// of MeasureEnergy, with n rounded to a whole number, at least 1, and p and q as mean and standard deviation then need.
type ReleaseTest struct {
	Mechanism   string  `json:"mechanism"` // empty if synapses learn n, p and q, and none is given
	Held        string  `json:"held"`      // n, p, or nothing if synapses learn n, p and q
	Value       float64 `json:"held_value"`
	Source      string  `json:"held_source"`
	Synapses    int     `json:"synapses"`
	BelowOne    int     `json:"n_below_1"` // those with less than one vesicle, which have one
	NearCertain int     `json:"p_near_1"`  // those with p above synapse.NearCertain
	Silent      int     `json:"silent"`    // those of mean 0, which have no release and draw normal numbers

	AccuracySampled     float64 `json:"accuracy_sampled"`
	AccuracyPredictive  float64 `json:"accuracy_predictive"`
	AccuracyExpectedLog float64 `json:"accuracy_expected_log"`
	LossSampled         float64 `json:"loss_sampled"`
	LossPredictive      float64 `json:"loss_predictive"`
	LossExpectedLog     float64 `json:"loss_expected_log"`
}

// vesicles are those of a synapse: q times the number of them is its weight. A synapse of mean 0 has none: q is then
// sigma.
type vesicles struct {
	binomial synapse.Binomial
	q        float64
	silent   bool
}

// TestRelease tests a network, open as run, with binomial weights: at every place the number of vesicles has the
// quantile of the normal number that a test draws there otherwise, so that both tests differ in the shape of the
// distributions alone. Only processors do this.
func TestRelease(ctx context.Context, run *train.Run, n train.Network, plan EnergyPlan,
	draws int) (*ReleaseTest, error) {
	if n.Config.Draw != kernels.PerMinibatch {
		return nil, &train.SettingsError{Err: fmt.Errorf("draw %v: want minibatch: vesicles are drawn for the weights that "+
			"examples share", n.Config.Draw)}
	}
	e, err := plan.network(n)
	if err != nil {
		return nil, err
	}
	r := &ReleaseTest{Mechanism: e.Mechanism, Held: e.Held, Value: e.Value, Source: e.Source,
		Synapses: n.State.Layout.Synapses()}
	weights, err := r.weights(e, n)
	if err != nil {
		return nil, err
	}
	score, err := run.ScoreWith(ctx, draws, weights)
	r.AccuracySampled, r.LossSampled = score.AccuracySampled, score.LossSampled
	r.AccuracyPredictive, r.LossPredictive = score.AccuracyPredictive, score.LossPredictive
	r.AccuracyExpectedLog, r.LossExpectedLog = score.AccuracyExpectedLog, score.LossExpectedLog
	return r, err
}

// weights counts all synapses, and returns what draws their weights.
func (r *ReleaseTest) weights(e *NetworkEnergy, n train.Network) (kernels.RowDraw, error) {
	const bytes = 64
	if err := memory.Check("the releases of the network's synapses", bytes*float64(r.Synapses)); err != nil {
		return nil, err
	}
	all := make([][]vesicles, len(n.State.Layout.Layers)) // of each layer row by row
	for row := range n.State.Layout.Rows() {
		for k := range row.Columns() {
			v, err := r.vesicles(e, n, row, k)
			if err != nil {
				return nil, err
			}
			all[row.Layer] = append(all[row.Layer], v)
		}
	}
	return func(w []float32, noise kernels.Noise, layer kernels.Layer, row int) {
		columns := layer.Columns()
		kernels.Normals(w[:columns], noise, row)
		for k, v := range all[noise.Layer][row*columns:][:columns] {
			number := float64(w[k])
			if !v.silent { // more vesicles make a negative weight less
				number = v.binomial.Of(math.Copysign(number, number*v.q))
			}
			w[k] = float32(v.q * number)
		}
	}, nil
}

// vesicles counts a synapse, and returns its release.
func (r *ReleaseTest) vesicles(e *NetworkEnergy, n train.Network, row kernels.Neuron, k int) (vesicles, error) {
	layout, state := n.State.Layout, n.State.State
	layer := layout.Layers[row.Layer]
	phi := state.Phi[layout.PhiOffset(row.Layer)+layer.PhiIndex(layout.Sharing, row.Row, k)]
	sigma, _ := kernels.Softplus(float64(phi))
	mu := float64(state.Mu[row.First+k])
	if mu == 0 {
		r.Silent++
		return vesicles{q: sigma, silent: true}, nil
	}
	release, err := e.release(n, row.Layer, row.First+k, mu, sigma)
	if err != nil {
		return vesicles{}, err
	}
	if release.N < 1 {
		r.BelowOne++
	}
	if release.P > synapse.NearCertain {
		r.NearCertain++
	}
	whole, err := release.Whole()
	if err != nil {
		return vesicles{}, fmt.Errorf("layer %d: %w", row.Layer+1, err)
	}
	return vesicles{binomial: synapse.NewBinomial(whole), q: math.Copysign(whole.Q, mu)}, nil
}
