package train

import (
	"context"

	"quantal/results"
)

// Summary is what a run reached. Accuracies are fractions, losses are in nats per example; see the package documentation.
type Summary struct {
	AccuracySampled     float64 `json:"accuracy_sampled"`
	AccuracyMean        float64 `json:"accuracy_mean"`
	AccuracyPredictive  float64 `json:"accuracy_predictive"`
	AccuracyExpectedLog float64 `json:"accuracy_expected_log"`
	LossSampled         float64 `json:"loss_sampled"`
	LossMean            float64 `json:"loss_mean"`
	LossPredictive      float64 `json:"loss_predictive"`
	LossExpectedLog     float64 `json:"loss_expected_log"`
	Draws               int     `json:"draws"`

	ValidationAccuracySampled *float64 `json:"validation_accuracy_sampled,omitempty"`
	ValidationLossSampled     *float64 `json:"validation_loss_sampled,omitempty"`

	SigmaRMS        float64   `json:"sigma_rms"`
	SigmaRMSLayers  []float64 `json:"sigma_rms_layers"`
	ReliabilityCost float64   `json:"reliability_cost"`

	Objective            float64 `json:"objective"`
	ObjectiveNLL         float64 `json:"objective_nll"`
	ObjectiveMagnitude   float64 `json:"objective_magnitude"`
	ObjectiveReliability float64 `json:"objective_reliability"`

	Steps          int     `json:"steps"`
	Epochs         float64 `json:"epochs"`
	Seconds        float64 `json:"seconds"` // of training
	StepsPerSecond float64 `json:"steps_per_second"`

	Noise     string   `json:"noise"`
	Rho       Exponent `json:"rho"`
	C         float64  `json:"c"`
	Seed      uint64   `json:"seed"`
	Device    string   `json:"device"`
	Kernels   string   `json:"kernels"`
	Data      string   `json:"data"`
	Training  int      `json:"training_examples"`
	TestSet   int      `json:"test_examples"`
	Synapses  int      `json:"synapses"`
	RunFolder string   `json:"run,omitempty"`
}

// Summarise measures the network as it stands, with the given number of draws for the K-draw figures.
func (r *Run) Summarise(ctx context.Context, draws int) (Summary, error) {
	s := Summary{
		Draws: draws, Steps: r.step, Epochs: float64(r.step) / float64(r.StepsPerEpoch()), Seconds: r.Elapsed().Seconds(),
		Noise: r.Config.Noise, Rho: r.Config.Rho, C: r.Config.C, Seed: r.Config.Seed,
		Device: r.Device.Name, Kernels: r.Device.Kernels, Data: r.set.Name,
		Training: r.training.N, TestSet: r.testing.N, Synapses: r.Program.Layout.Synapses(),
	}
	if s.Seconds > 0 {
		s.StepsPerSecond = float64(s.Steps) / s.Seconds
	}
	scores, err := r.vm.Evaluate(ctx, r.testing, r.step, draws)
	if err != nil {
		return s, r.Device.failed(err)
	}
	test := scores[0]
	s.AccuracySampled, s.LossSampled = test.AccuracySampled, test.LossSampled
	s.AccuracyMean, s.LossMean = test.AccuracyMean, test.LossMean
	s.AccuracyPredictive, s.LossPredictive = test.AccuracyPredictive, test.LossPredictive
	s.AccuracyExpectedLog, s.LossExpectedLog = test.AccuracyExpectedLog, test.LossExpectedLog
	if r.held != nil {
		if scores, err = r.vm.Evaluate(ctx, r.held, r.step, 0); err != nil {
			return s, r.Device.failed(err)
		}
		s.ValidationAccuracySampled, s.ValidationLossSampled = &scores[0].AccuracySampled, &scores[0].LossSampled
	}
	if scores, err = r.vm.Evaluate(ctx, r.training, r.step, 0); err != nil {
		return s, r.Device.failed(err)
	}
	c, err := r.Checkpoint()
	if err != nil {
		return s, err
	}
	s.measureState(r, c)
	s.ObjectiveNLL = scores[0].LossSampled * float64(r.training.N)
	s.Objective = s.ObjectiveNLL + s.ObjectiveMagnitude + s.ObjectiveReliability
	return s, nil
}

// measureState fills in what the parameters alone decide.
func (s *Summary) measureState(r *Run, c *results.Checkpoint) {
	s.SigmaRMS, s.SigmaRMSLayers = c.SigmaRMS(), c.SigmaRMSLayers()
	s.ReliabilityCost = c.ReliabilityCost(r.Config.Rho.Value())
	costs := r.Program.Costs(c.State, r.Config.Member())
	s.ObjectiveMagnitude, s.ObjectiveReliability = costs.Magnitude, costs.Reliability
}
