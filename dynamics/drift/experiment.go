package drift

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/floats"

	"quantal/analysis"
	"quantal/dynamics"
	"quantal/kernels"
	"quantal/mnist"
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

// Summary holds the results.
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
	All         Motions   `json:"all_layers"`
	Layers      []Motions `json:"layers"`
	Kernels     string    `json:"kernels"`
	Seconds     float64   `json:"seconds"` // of everything except training and drawing
}

// Outcome is the result under one condition.
type Outcome struct {
	Condition      string    `json:"condition"`
	Accuracy       float64   `json:"accuracy"` // at the end, with the present weights
	LowestAccuracy float64   `json:"lowest_accuracy"`
	Loss           float64   `json:"loss"`
	LowestLoss     float64   `json:"lowest_loss"`
	HighestLoss    float64   `json:"highest_loss"`
	Similarity     []float64 `json:"similarity"` // of each layer with its start, at the end; the outputs last
	// the same over the units of all hidden layers; NaN if there are none
	Hidden float64 `json:"hidden_similarity"`
	Silent []int   `json:"silent"` // units of each layer with equal responses to all probes at the end
}

// Motions is how far weights moved, without biases, and their curvature.
type Motions struct {
	Synapses int     `json:"synapses"`
	Weight   float64 `json:"weight"` // root mean square at the start
	Fisher   float64 `json:"fisher"` // mean
	Drift    Motion  `json:"drift"`
	Control  Motion  `json:"control"`
	// Relative is the slope, over the Fisher information, of each synapse's squared displacement within a quarter of the
	// run over that of its twin in the control, which had the same noise: the effect of the gradient.
	Relative analysis.Slope `json:"relative_fisher_slope"`

	drift, control []bin
}

// Motion is how far synapses moved under one condition.
type Motion struct {
	Displacement float64 `json:"displacement"`        // root mean square, from start to end
	Lagged       float64 `json:"lagged_displacement"` // the same within a quarter of the run
	// Slope of each synapse's squared displacement within a quarter of the run over its Fisher information, on logarithmic
	// axes, and the share of all squared displacement that the half of the synapses with the lower Fisher information has.
	Slope    analysis.Slope `json:"fisher_slope"`
	LowShare float64        `json:"low_share"`
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
	Displacement float64 `json:"displacement"` // root mean square of the layer's weights
}

// Findings are what the experiment leaves.
type Findings = dynamics.Findings[Summary, Row]

// Run makes the experiment with a trained network. Cancelled, it returns the context's error.
func Run(ctx context.Context, config Config, network *dynamics.Network, job dynamics.Job) (Findings, error) {
	var findings Findings
	if err := config.Check(); err != nil {
		return findings, err
	}
	began := time.Now()
	e := &experiment{Config: config, network: network, job: job}
	if err := e.measure(ctx); err != nil {
		if errors.Is(err, train.ErrInterrupted) {
			err = context.Cause(ctx)
		}
		return findings, err
	}
	findings.Table = e.table()
	findings.Summary = e.summary(job.Seconds(began))
	var err error
	findings.Figures, err = e.figures()
	return findings, err
}

// experiment is a running experiment.
type experiment struct {
	Config
	network *dynamics.Network
	job     dynamics.Job
	session *train.Session
	layout  kernels.Layout
	probes  mnist.Examples // the first of the test examples
	courses []*course
	fisher  [][]float64 // of each layer: the mean over looks at the drift
	layers  []Motions
	all     Motions
	lags    [][]float64 // under drift, of each layer: the similarity of looks 1, 2, ... apart
}

// course is the time course of a network.
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
	state               *kernels.State // but not without noise
	layers              []Representation
	// of each unit of the last hidden layer: its mean responses to the probes of each class
	classMeans [][]float64
}

// fisherLooks is the number of looks at the drift over which the Fisher information is averaged, equally spaced, the
// last at the end.
const fisherLooks = 8

// fitWork is the share of the fits at the end, for the progress.
const fitWork = 0.02

// addFisher adds the Fisher information of a state to the mean over looks.
func (e *experiment) addFisher(ctx context.Context, state *kernels.State) error {
	sums, err := e.session.Gradients(ctx, []*kernels.State{state}, kernels.Accumulate{AtMu: true}, 1, nil)
	if err != nil {
		return err
	}
	for l, shape := range e.layout.Layers {
		if l == len(e.fisher) {
			e.fisher = append(e.fisher, make([]float64, shape.In*shape.Out))
		}
		floats.AddScaled(e.fisher[l], 1./float64(min(fisherLooks, e.Looks)),
			fisher(e.layout, l, e.session.Examples(), sums[0]))
	}
	return nil
}

func (e *experiment) measure(ctx context.Context) error {
	set, start, config := e.network.Set, e.network.State, e.network.Config
	config.Batch, config.Threads = e.Batch, e.Threads
	var err error
	if e.session, err = train.Open(set, config); err != nil {
		return err
	}
	e.layout = start.Layout
	e.probes = set.Test
	if e.Probes < set.Test.N() {
		e.probes = set.Test.Slice(0, e.Probes)
	}
	fluctuations, err := e.session.Fluctuate(kernels.Langevin{}, e.members()...)
	if err != nil {
		return err
	}
	defer fluctuations.Close()
	for _, condition := range Conditions() {
		e.courses = append(e.courses, &course{condition: condition})
	}
	var before []*kernels.State // at the last look
	for i := range e.Looks + 1 {
		at := i * e.Steps / e.Looks
		var now standing
		kept, err := e.job.Parts.Read(lookPart(i), &now)
		if err != nil {
			return err
		}
		if !kept {
			if now, err = e.fluctuate(ctx, fluctuations, i, before); err != nil {
				return err
			}
		}
		e.job.Tell((1-fitWork)*float64(at)/float64(e.Steps), "fluctuating")
		before = nil
		for m, c := range e.courses {
			state := *start.State // except mu
			state.Mu = now.Mu[m]
			before = append(before, &state)
			if err := e.look(c, at, now.Loss[m], &state); err != nil {
				return err
			}
			if c.condition == fluctuation && i > 0 && (i*fisherLooks/e.Looks > (i-1)*fisherLooks/e.Looks) {
				if err := e.addFisher(ctx, &state); err != nil {
					return err
				}
			}
		}
	}
	e.job.Tell(1-fitWork, "fitting slopes")
	for l := range e.layout.Layers {
		m, err := e.compare(l, l+1)
		if err != nil {
			return fmt.Errorf("layer %d: %w", l+1, err)
		}
		e.layers = append(e.layers, m)
	}
	if e.all, err = e.compare(0, len(e.layout.Layers)); err != nil {
		return err
	}
	for l := range e.layout.Layers {
		var looks []Representation
		for _, k := range e.courses[0].looks {
			looks = append(looks, k.layers[l])
		}
		e.lags = append(e.lags, overLags(looks))
	}
	e.job.Tell(1, "fitting slopes")
	return nil
}

// standing is the state of the networks at a look.
type standing struct {
	Mu   [][]float32
	Loss []float64 // of the minibatches since the look before
}

func lookPart(i int) string { return fmt.Sprintf("look%d", i) }

// fluctuate runs the networks from the look before, with these states, to look i, and keeps their state.
func (e *experiment) fluctuate(ctx context.Context, f *train.Fluctuations, i int,
	before []*kernels.State) (standing, error) {
	var now standing
	if i > 0 {
		if from := (i - 1) * e.Steps / e.Looks; f.Step() != from { // earlier states were kept
			if err := f.Continue(from, before); err != nil {
				return now, err
			}
		}
	}
	at := i * e.Steps / e.Looks
	if err := f.Run(ctx, at-f.Step(), func(done, steps int) {
		share := float64(at-steps+done) / float64(e.Steps)
		e.job.Tell((1-fitWork)*share, "fluctuating")
	}); err != nil {
		return now, err
	}
	for m, c := range e.courses {
		state, err := f.State(m)
		if err != nil {
			var diverged *train.DivergedError
			if errors.As(err, &diverged) {
				return now, fmt.Errorf("%s: %w: want a smaller --step-size than %g, or a lower --temperature than %g", c.condition,
					err, e.StepSize, e.Temperature)
			}
			return now, err
		}
		now.Mu, now.Loss = append(now.Mu, state.Mu), append(now.Loss, f.Loss(m))
	}
	return now, e.job.Parts.Write(lookPart(i), now)
}

// members are the networks of the conditions: they share start, minibatches and noise.
func (e *experiment) members() []train.Fluctuation {
	m := train.Fluctuation{Start: e.network.State.State, Seed: uint64(e.Seed), StepSize: e.StepSize,
		Temperature: e.Temperature}
	alone, cold := m, m
	alone.Uncorrected = true
	cold.Temperature = 0
	return []train.Fluctuation{m, alone, cold}
}

// look notes the state of a network.
func (e *experiment) look(c *course, step int, trainingLoss float64, state *kernels.State) error {
	set := e.network.Set
	answers, err := e.session.Activations(state, set.Test, e.Threads)
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
	if c.condition != descent {
		k.state = state
	}
	if c.condition != fluctuation && len(c.looks) > 0 {
		k.layers = nil // only the first is used for comparison
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

// lag is the number of looks over which squared displacements are measured: a quarter of all.
func (e *experiment) lag() int { return max(1, e.Looks/4) }

// compare compares the motion of the synapses of layers from to end-1 with their curvature.
func (e *experiment) compare(from, end int) (Motions, error) {
	var all Motions
	var curvature, weights []float64
	for l := from; l < end; l++ {
		curvature = append(curvature, e.fisher[l]...)
		weights = append(weights, displacements(e.layout, l, kernels.NewState(e.layout, 0), e.network.State.State)...)
	}
	all.Synapses, all.Weight, all.Fisher = len(curvature), math.Sqrt(mean(weights)), mean(curvature)
	bootstrap := analysis.Bootstrap{Seed: uint64(e.Seed), Resamples: e.Resamples}
	var gone [2][]float64
	for i, c := range e.courses[:2] {
		var states []*kernels.State
		for _, k := range c.looks {
			states = append(states, k.state)
		}
		var whole []float64
		for l := from; l < end; l++ {
			gone[i] = append(gone[i], overWindows(e.layout, l, states, e.lag())...)
			whole = append(whole, displacements(e.layout, l, states[0], states[len(states)-1])...)
		}
		slope, err := analysis.FitSlope(curvature, gone[i], bootstrap)
		if err != nil {
			return all, fmt.Errorf("drift: %s: %w", c.condition, err)
		}
		m := Motion{Displacement: math.Sqrt(mean(whole)), Lagged: math.Sqrt(mean(gone[i])), Slope: slope,
			LowShare: lowShare(gone[i], curvature)}
		if c.condition == fluctuation {
			all.Drift = m
		} else {
			all.Control = m
		}
	}
	var err error
	all.Relative, err = analysis.FitSlope(curvature, floats.DivTo(make([]float64, len(curvature)), gone[0], gone[1]),
		bootstrap)
	all.drift, all.control = binned(gone[0], curvature, drawnBins), binned(gone[1], curvature, drawnBins)
	return all, err
}

func (e *experiment) table() []Row {
	var rows []Row
	for _, c := range e.courses {
		for _, k := range c.looks {
			for l, shape := range e.layout.Layers {
				rows = append(rows, Row{
					Condition: c.condition, Step: k.step, Time: e.time(k.step), Accuracy: k.accuracy, Loss: k.loss,
					TrainingLoss: k.trainingLoss,
					Layer:        l + 1, Units: shape.Out, Silent: k.silent[l], Similarity: k.similarity[l],
					Displacement: math.Sqrt(k.squares[l]),
				})
			}
		}
	}
	return rows
}

// hidden is the mean similarity with the start of the units of all hidden layers.
func (e *experiment) hidden(k look) float64 {
	sum, units := 0.0, 0.0
	for l, shape := range e.layout.Layers[:len(e.layout.Layers)-1] {
		sum += k.similarity[l] * float64(shape.Out)
		units += float64(shape.Out)
	}
	return sum / units
}

// time is that of the diffusion: eps times steps.
func (e *experiment) time(step int) float64 { return e.StepSize * float64(step) }

func (e *experiment) summary(seconds float64) Summary {
	first := e.courses[0].looks[0]
	s := Summary{
		Data: e.network.Set.Name, Network: e.network.ID, Seed: uint64(e.Seed), Test: e.network.Set.Test.N(),
		Probes:   e.probes.N(),
		StepSize: e.StepSize, Temperature: e.Temperature, Batch: e.Batch, Steps: e.Steps,
		Epochs: float64(e.Steps) / float64(e.session.StepsPerEpoch()),
		Time:   e.time(e.Steps), Accuracy: first.accuracy, Loss: first.loss, All: e.all, Layers: e.layers,
		Kernels: e.session.Device.Kernels, Seconds: seconds,
	}
	for _, c := range e.courses {
		last := c.looks[len(c.looks)-1]
		o := Outcome{
			Condition: c.condition, Accuracy: last.accuracy, LowestAccuracy: 1, Loss: last.loss, LowestLoss: math.Inf(1),
			Similarity: last.similarity, Hidden: e.hidden(last), Silent: last.silent,
		}
		for _, k := range c.looks {
			o.LowestAccuracy = min(o.LowestAccuracy, k.accuracy)
			o.LowestLoss, o.HighestLoss = min(o.LowestLoss, k.loss), max(o.HighestLoss, k.loss)
		}
		s.Outcomes = append(s.Outcomes, o)
	}
	return s
}
