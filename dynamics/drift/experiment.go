package drift

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"quantal/analysis"
	"quantal/dynamics"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/results"
	"quantal/train"
)

// The conditions.
const (
	fluctuation = "drift"    // gradient and noise
	control     = "control"  // the same noise without the gradient
	descent     = "gradient" // the gradient of the same minibatches without the noise
)

// Conditions lists the conditions, in the order of the table.
func Conditions() []string { return []string{fluctuation, control, descent} }

// Summary is what came out.
type Summary struct {
	Data        string    `json:"data"`
	Network     string    `json:"network"`
	Seed        uint64    `json:"seed"`
	Test        int       `json:"test_examples"`
	Probes      int       `json:"probes"`
	StepSize    float64   `json:"step_size"`
	Temperature float64   `json:"temperature"`
	Batch       int       `json:"batch"`
	Steps       int       `json:"steps"`
	Epochs      float64   `json:"epochs"`
	Time        float64   `json:"time"` // eps times steps
	Accuracy    float64   `json:"accuracy"`
	Loss        float64   `json:"loss"` // of the test examples at the start, in nats
	Outcomes    []Outcome `json:"outcomes"`
	Layers      []Layer   `json:"layers"`
	Kernels     string    `json:"kernels"`
	Seconds     float64   `json:"seconds"` // of everything but training and drawing
}

// Outcome is what came out under one condition.
type Outcome struct {
	Condition      string    `json:"condition"`
	Accuracy       float64   `json:"accuracy"` // at the end, weights as they are
	LowestAccuracy float64   `json:"lowest_accuracy"`
	Loss           float64   `json:"loss"`
	LowestLoss     float64   `json:"lowest_loss"`
	HighestLoss    float64   `json:"highest_loss"`
	Similarity     []float64 `json:"similarity"` // of each layer with its start, at the end; the outputs last
	Silent         []int     `json:"silent"`     // units of each layer that answer all probes alike at the end
}

// Layer is how far the weights of one layer went under drift and control, against their curvature at the start.
type Layer struct {
	Layer   int `json:"layer"` // from 1, which reads the data
	Inputs  int `json:"inputs"`
	Outputs int `json:"outputs"`
	// Slope of the squared displacement at the end over the Fisher information, on logarithmic axes.
	Slope        analysis.Slope `json:"slope"`
	ControlSlope analysis.Slope `json:"control_slope"`
	// LowShare is the share of the squared displacement that the half of the synapses with the lower Fisher information has.
	LowShare        float64 `json:"low_share"`
	ControlLowShare float64 `json:"control_low_share"`
	// Displacement is the root mean square of it, in units of weight; Weight that of the weights at the start.
	Displacement        float64 `json:"displacement"`
	ControlDisplacement float64 `json:"control_displacement"`
	Weight              float64 `json:"weight"`
}

// Row is a row of the table: a layer under a condition at one look.
type Row struct {
	Condition    string  `json:"condition"`
	Step         int     `json:"step"`
	Time         float64 `json:"time"` // eps times step
	Accuracy     float64 `json:"accuracy"`
	Loss         float64 `json:"loss"`          // of the test examples
	TrainingLoss float64 `json:"training_loss"` // of the minibatches since the look before; NaN at the start
	Layer        int     `json:"layer"`         // from 1; the last are the outputs
	Units        int     `json:"units"`
	Silent       int     `json:"silent"`
	Similarity   float64 `json:"similarity"`   // with the start
	Displacement float64 `json:"displacement"` // root mean square of the weights that the layer reads with
}

// Findings are what the experiment leaves.
type Findings = dynamics.Findings[Summary, Row]

// Run makes the experiment with a trained network. Cancelled, it returns the context's error.
func Run(ctx context.Context, config Config, network *dynamics.Network, progress dynamics.Progress) (Findings, error) {
	var findings Findings
	if err := config.Check(); err != nil {
		return findings, err
	}
	began := time.Now()
	e := &experiment{Config: config, network: network, progress: progress, bins: map[string][][]bin{}}
	if err := e.measure(ctx); err != nil {
		if errors.Is(err, train.ErrInterrupted) {
			err = context.Cause(ctx)
		}
		return findings, err
	}
	findings.Table = e.table()
	findings.Summary = e.summary(time.Since(began).Seconds())
	var err error
	findings.Figures, err = e.figures()
	return findings, err
}

// experiment is one under way.
type experiment struct {
	Config
	network  *dynamics.Network
	progress dynamics.Progress
	device   train.Device
	layout   kernels.Layout
	perEpoch int            // steps
	probes   mnist.Examples // the first of the test examples
	courses  []*course
	fisher   [][]float64 // of each layer
	layers   []Layer
	bins     map[string][][]bin // of each condition and layer, at the end
	lags     [][]float64        // under drift, of each layer: the similarity of looks 1, 2, ... apart
}

// course is how a network went.
type course struct {
	condition string
	looks     []look
}

// look is a network at some time.
type look struct {
	step                int
	accuracy, loss      float64
	trainingLoss        float64
	similarity, squares []float64 // of each layer: with the start, and the mean squared displacement
	silent              []int
	layers              []Representation
	classMeans          [][]float64 // of each unit of the last hidden layer: its mean responses to the probes of each class
}

// settings is the configuration of the network as Fluctuate wants it.
func (e *experiment) settings() train.Config {
	c := e.network.Config
	c.Batch, c.Threads = e.Batch, e.Threads
	return c
}

// Of the work, as shares of the progress: the Fisher information, and the fits at the end.
const fisherWork, fitWork = 0.03, 0.02

func (e *experiment) measure(ctx context.Context) error {
	set, start := e.network.Set, e.network.State
	training, _, err := set.Split(e.network.Config.Validation)
	if err != nil {
		return err
	}
	e.layout = start.Layout
	e.probes = set.Test
	if e.Probes < set.Test.N() {
		e.probes = mnist.Examples{Images: set.Test.Images[:e.Probes*set.Rows*set.Columns], Labels: set.Test.Labels[:e.Probes]}
	}
	sums, err := train.Gradients(ctx, set, []train.Config{e.network.Config}, []*results.Checkpoint{start}, kernels.Accumulate{AtMu: true}, 1,
		func(done, steps int) { e.progress(fisherWork*float64(done)/float64(steps), "Fisher information") })
	if err != nil {
		return err
	}
	for l := range e.layout.Layers {
		e.fisher = append(e.fisher, fisher(e.layout, l, training.N(), sums[0]))
	}
	fluctuations, err := train.Fluctuate(set, e.settings(), kernels.Langevin{}, e.members()...)
	if err != nil {
		return err
	}
	defer fluctuations.Close()
	e.device, e.perEpoch = fluctuations.Device, fluctuations.StepsPerEpoch()
	for _, condition := range Conditions() {
		e.courses = append(e.courses, &course{condition: condition})
	}
	for i := range e.Looks + 1 {
		at := i * e.Steps / e.Looks
		if err := fluctuations.Run(ctx, at-fluctuations.Step(), func(done, steps int) {
			share := float64(at-steps+done) / float64(e.Steps)
			e.progress(fisherWork+(1-fisherWork-fitWork)*share, "fluctuating")
		}); err != nil {
			return err
		}
		for m, c := range e.courses {
			state, err := fluctuations.State(m)
			if err != nil {
				var diverged *train.DivergedError
				if errors.As(err, &diverged) {
					return fmt.Errorf("%s: %w: want a smaller --step-size than %g, or a lower --temperature than %g", c.condition, err, e.StepSize, e.Temperature)
				}
				return err
			}
			if err := e.look(c, at, fluctuations.Loss(m), state); err != nil {
				return err
			}
			if i == e.Looks {
				if err := e.end(c.condition, state); err != nil {
					return err
				}
			}
		}
	}
	for l := range e.layout.Layers {
		var looks []Representation
		for _, k := range e.courses[0].looks {
			looks = append(looks, k.layers[l])
		}
		e.lags = append(e.lags, overLags(looks))
	}
	e.progress(1, "fluctuating")
	return nil
}

// members are the networks of the conditions: they share start, minibatches and noise.
func (e *experiment) members() []train.Fluctuation {
	m := train.Fluctuation{Start: e.network.State.State, Seed: e.Seed, StepSize: e.StepSize, Temperature: e.Temperature}
	alone, cold := m, m
	alone.Uncorrected = true
	cold.Temperature = 0
	return []train.Fluctuation{m, alone, cold}
}

// look notes how a network stands.
func (e *experiment) look(c *course, step int, trainingLoss float64, state *kernels.State) error {
	set := e.network.Set
	answers, err := train.Activations(set, e.settings(), state, set.Test)
	if err != nil {
		return err
	}
	k := look{step: step, trainingLoss: trainingLoss}
	if step == 0 {
		k.trainingLoss = math.NaN()
	}
	k.accuracy, k.loss = accuracy(answers[len(answers)-1], set.Test.Labels)
	for l, shape := range e.layout.Layers {
		r := NewRepresentation(answers[l][:e.probes.N()*shape.Out], shape.Out)
		k.layers, k.silent = append(k.layers, r), append(k.silent, r.Silent())
		begin := r
		if len(c.looks) > 0 {
			begin = c.looks[0].layers[l]
		}
		k.similarity = append(k.similarity, begin.Similarity(r))
		k.squares = append(k.squares, mean(displacements(e.layout, l, e.network.State.State, state)))
	}
	if hidden := len(e.layout.Layers) - 2; hidden >= 0 {
		k.classMeans = meansOf(answers[hidden], e.layout.Layers[hidden].Out, e.probes.Labels, set.Classes)
	}
	if c.condition != fluctuation && len(c.looks) > 0 {
		k.layers = nil // only the first is compared with
	}
	c.looks = append(c.looks, k)
	return nil
}

// meansOf are the mean responses of each unit to the probes of each class.
func meansOf(responses []float32, units int, labels []byte, classes int) [][]float64 {
	counts := make([]float64, classes)
	for _, label := range labels {
		counts[label]++
	}
	list := make([][]float64, units)
	for u := range list {
		list[u] = make([]float64, classes)
		for p, label := range labels {
			list[u][label] += float64(responses[p*units+u]) / counts[label]
		}
	}
	return list
}

// end compares how far synapses went with their curvature.
func (e *experiment) end(condition string, state *kernels.State) error {
	for l, shape := range e.layout.Layers {
		squares := displacements(e.layout, l, e.network.State.State, state)
		if condition == fluctuation {
			weights := displacements(e.layout, l, kernels.NewState(e.layout), e.network.State.State)
			e.layers = append(e.layers, Layer{Layer: l + 1, Inputs: shape.In, Outputs: shape.Out, Weight: math.Sqrt(mean(weights))})
		}
		layer := &e.layers[l]
		slope, err := analysis.FitSlope(e.fisher[l], squares, analysis.Bootstrap{Seed: e.Seed, Resamples: e.Resamples})
		if err != nil {
			return fmt.Errorf("drift: layer %d: %w", l+1, err)
		}
		e.bins[condition] = append(e.bins[condition], binned(squares, e.fisher[l], drawnBins))
		switch condition {
		case fluctuation:
			layer.Slope, layer.LowShare, layer.Displacement = slope, lowShare(squares, e.fisher[l]), math.Sqrt(mean(squares))
		case control:
			layer.ControlSlope, layer.ControlLowShare, layer.ControlDisplacement = slope, lowShare(squares, e.fisher[l]), math.Sqrt(mean(squares))
		}
	}
	return nil
}

func (e *experiment) table() []Row {
	var rows []Row
	for _, c := range e.courses {
		for _, k := range c.looks {
			for l, shape := range e.layout.Layers {
				rows = append(rows, Row{
					Condition: c.condition, Step: k.step, Time: e.time(k.step), Accuracy: k.accuracy, Loss: k.loss, TrainingLoss: k.trainingLoss,
					Layer: l + 1, Units: shape.Out, Silent: k.silent[l], Similarity: k.similarity[l], Displacement: math.Sqrt(k.squares[l]),
				})
			}
		}
	}
	return rows
}

// time is that of the diffusion: eps times steps.
func (e *experiment) time(step int) float64 { return e.StepSize * float64(step) }

func (e *experiment) summary(seconds float64) Summary {
	first := e.courses[0].looks[0]
	s := Summary{
		Data: e.network.Set.Name, Network: e.network.ID, Seed: e.Seed, Test: e.network.Set.Test.N(), Probes: e.probes.N(),
		StepSize: e.StepSize, Temperature: e.Temperature, Batch: e.Batch, Steps: e.Steps, Epochs: float64(e.Steps) / float64(e.perEpoch),
		Time: e.time(e.Steps), Accuracy: first.accuracy, Loss: first.loss, Layers: e.layers, Kernels: e.device.Kernels, Seconds: seconds,
	}
	for _, c := range e.courses {
		last := c.looks[len(c.looks)-1]
		o := Outcome{
			Condition: c.condition, Accuracy: last.accuracy, LowestAccuracy: 1, Loss: last.loss, LowestLoss: math.Inf(1),
			Similarity: last.similarity, Silent: last.silent,
		}
		for _, k := range c.looks {
			o.LowestAccuracy = min(o.LowestAccuracy, k.accuracy)
			o.LowestLoss, o.HighestLoss = min(o.LowestLoss, k.loss), max(o.HighestLoss, k.loss)
		}
		s.Outcomes = append(s.Outcomes, o)
	}
	return s
}
