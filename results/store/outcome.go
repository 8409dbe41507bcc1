package store

import "math"

// Outcome holds the figures of a trained network. Accuracies are fractions of the test set, losses are in nats per
// example, objectives are sums over the training set. A number that was not measured is NaN here and null in a file.
type Outcome struct {
	AccuracySampled     float64 `json:"accuracy_sampled"` // with one draw of the weights per 20 test examples
	AccuracyMean        float64 `json:"accuracy_mean"`    // with the weights at mu
	AccuracyPredictive  float64 `json:"accuracy_predictive"`
	AccuracyExpectedLog float64 `json:"accuracy_expected_log"`
	LossSampled         float64 `json:"loss_sampled"`
	LossMean            float64 `json:"loss_mean"`
	LossPredictive      float64 `json:"loss_predictive"`
	LossExpectedLog     float64 `json:"loss_expected_log"`
	Draws               int     `json:"draws"` // K of the predictive and expected-log figures; they are NaN without

	// On the held-out examples; absent without a validation split.
	ValidationAccuracySampled *float64 `json:"validation_accuracy_sampled,omitempty"`
	ValidationLossSampled     *float64 `json:"validation_loss_sampled,omitempty"`

	SigmaRMS        float64   `json:"sigma_rms"`        // over weights, biases not included
	SigmaRMSLayers  []float64 `json:"sigma_rms_layers"` // of each layer
	ReliabilityCost float64   `json:"reliability_cost"` // (1/rho) sum sigma^-rho over weights, biases not included

	Objective            float64 `json:"objective"` // the sum of the next three
	ObjectiveNLL         float64 `json:"objective_nll"`
	ObjectiveMagnitude   float64 `json:"objective_magnitude"`
	ObjectiveReliability float64 `json:"objective_reliability"`

	Steps int `json:"steps"` // of training
}

// NoOutcome is the outcome of a network without figures: each is NaN.
func NoOutcome() Outcome {
	nan := math.NaN()
	return Outcome{
		AccuracySampled: nan, AccuracyMean: nan, AccuracyPredictive: nan, AccuracyExpectedLog: nan,
		LossSampled: nan, LossMean: nan, LossPredictive: nan, LossExpectedLog: nan,
		SigmaRMS: nan, ReliabilityCost: nan,
		Objective: nan, ObjectiveNLL: nan, ObjectiveMagnitude: nan, ObjectiveReliability: nan,
	}
}
