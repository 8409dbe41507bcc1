package store

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
)

// Terms are the costs of a network by their names, in nats, sums over its synapses with biases. One that is not finite
// is null in a file and NaN here.
type Terms map[string]float64

// Names lists the terms in alphabetical order.
func (t Terms) Names() []string { return slices.Sorted(maps.Keys(t)) }

// Of is a term by its name, NaN if there is none.
func (t Terms) Of(name string) float64 {
	if v, ok := t[name]; ok {
		return v
	}
	return math.NaN()
}

// Sum adds them up in that order; it is 0 without any.
func (t Terms) Sum() float64 {
	sum := 0.0
	for _, name := range t.Names() {
		sum += t[name]
	}
	return sum
}

// UnmarshalJSON reads null as NaN.
func (t *Terms) UnmarshalJSON(text []byte) error {
	var read map[string]*float64
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*t = nil
	for name, value := range read {
		if *t == nil {
			*t = Terms{}
		}
		if (*t)[name] = math.NaN(); value != nil {
			(*t)[name] = *value
		}
	}
	return nil
}

// Objective is the sum of the negative log-likelihood and the costs: the paper's two, or those of other names.
func Objective(nll, magnitude, reliability float64, others Terms) float64 {
	if len(others) > 0 {
		return nll + others.Sum()
	}
	return nll + magnitude + reliability
}

// Outcome holds the figures of a trained network. Accuracies are fractions of the test set, losses are in nats per
// example, objectives are sums over the training set. A number that was not measured is NaN here and null in a file.
type Outcome struct {
	AccuracySampled     float64 `json:"accuracy_sampled"` // share of right answers, a draw of the weights per 20 images
	AccuracyMean        float64 `json:"accuracy_mean"`    // the same with the weights at mu
	AccuracyPredictive  float64 `json:"accuracy_predictive"`
	AccuracyExpectedLog float64 `json:"accuracy_expected_log"`
	LossSampled         float64 `json:"loss_sampled"`
	LossMean            float64 `json:"loss_mean"`
	LossPredictive      float64 `json:"loss_predictive"`
	LossExpectedLog     float64 `json:"loss_expected_log"`
	Draws               int     `json:"draws"` // K of the predictive and expected-log figures; they are NaN without

	// accuracy on the held-out examples, sampled; absent without a validation split
	ValidationAccuracySampled *float64 `json:"validation_accuracy_sampled,omitempty"`
	ValidationLossSampled     *float64 `json:"validation_loss_sampled,omitempty"`

	// R^2, the share of the variance of the test answers that is explained, with one draw of the weights per 20 examples;
	// absent for classes
	R2Sampled           *float64 `json:"r2_sampled,omitempty"`
	R2Mean              *float64 `json:"r2_mean,omitempty"`               // R^2 of the test set, with the weights at mu
	ValidationR2Sampled *float64 `json:"validation_r2_sampled,omitempty"` // r2_sampled of the held-out examples

	SigmaRMS       float64   `json:"sigma_rms"`        // root mean square of sigma over weights, biases not included
	SigmaRMSLayers []float64 `json:"sigma_rms_layers"` // sigma_rms of each layer
	// (1/rho) sum sigma^-rho over weights, biases not included, each as often as it pays; NaN under costs without one
	// power of sigma
	ReliabilityCost float64 `json:"reliability_cost"`

	Objective            float64 `json:"objective"` // nats, the sum of the negative log-likelihood and the costs
	ObjectiveNLL         float64 `json:"objective_nll"`
	ObjectiveMagnitude   float64 `json:"objective_magnitude"` // nats, the cost of |mu|; NaN under other costs
	ObjectiveReliability float64 `json:"objective_reliability"`
	ObjectiveCosts       Terms   `json:"objective_costs,omitempty"` // nats, the terms of other costs, by name

	Steps int `json:"steps"` // training steps done
	// StoppedEpoch is the epoch after which a network's patience with its validation loss was over; 0 if it trained all.
	StoppedEpoch int `json:"stopped_epoch,omitempty"`

	// how sigma was taken to its optimum after training, fixed-point or training; empty if it was not.
	Converged string `json:"converged,omitempty"`
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
