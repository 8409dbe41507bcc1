package drift

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"gonum.org/v1/gonum/stat"

	"quantal/dynamics"
	"quantal/graph"
	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/draw"
	"quantal/train"
)

// The conditions.
const (
	settling    = "burn-in"  // gradient and noise, before the reference
	fluctuation = "drift"    // gradient and noise
	control     = "control"  // the same noise without the gradient
	descent     = "gradient" // the gradient of the same minibatches without the noise
)

// Conditions lists the conditions that start from the reference, in the order of the table.
func Conditions() []string { return []string{fluctuation, control, descent} }

// Summary holds the results.
type Summary struct {
	Data        string  `json:"data"`
	Network     string  `json:"network"`
	Sizes       []int   `json:"sizes"` // inputs, hidden layers, outputs
	Seed        uint64  `json:"seed"`
	Test        int     `json:"test_examples"`
	Probes      int     `json:"probes"`
	Prior       float64 `json:"prior"` // precision alpha of the normal prior of every synapse
	StepSize    float64 `json:"step_size"`
	Temperature float64 `json:"temperature"`
	Batch       int     `json:"batch"`
	BurnIn      int     `json:"burn_in"` // steps before the reference
	Steps       int     `json:"steps"`
	Relaxation  float64 `json:"relaxation_steps"` // of directions that the data leave free: 1 / (eps alpha)
	Accuracy    float64 `json:"accuracy"`         // of the trained network
	Loss        float64 `json:"loss"`             // its mean negative log-likelihood of a test example, in nats

	Outcomes []Outcome `json:"outcomes"`
	// Lags is, under drift and for each layer, the mean similarity of all pairs of looks 1, 2, ... looks apart.
	Lags [][]float64 `json:"lag_similarity"`
	// Aging is how much more alike hidden units are, a quarter of the time apart, in the second half of the looks than in
	// the first.
	Aging  float64 `json:"aging"`
	Fisher Fisher  `json:"fisher"`

	Kernels string  `json:"kernels"`
	Seconds float64 `json:"seconds"` // of everything except training and drawing
}

// Outcome is the result under one condition.
type Outcome struct {
	Condition      string    `json:"condition"`
	Accuracy       Course    `json:"accuracy"` // of the test examples, with the present weights
	LowestAccuracy float64   `json:"lowest_accuracy"`
	Loss           Course    `json:"loss"`          // of the test examples
	TrainingLoss   Course    `json:"training_loss"` // of the minibatches between looks
	Similarity     []float64 `json:"similarity"`    // of each layer with the reference, at the end; the outputs last
	// Hidden is the same over the units of all hidden layers; NaN if there are none.
	Hidden       float64 `json:"hidden_similarity"`
	Silent       []int   `json:"silent"`       // units of each layer with equal responses to all probes at the end
	Displacement float64 `json:"displacement"` // root mean square over all weights, at the end
}

// Course is how a number goes over the looks after the reference.
type Course struct {
	Mean   float64 `json:"mean"`   // of the looks
	End    float64 `json:"end"`    // at the last
	SD     float64 `json:"sd"`     // of the looks
	Change float64 `json:"change"` // of the straight line of least squares, from the first look to the last
}

func newCourse(values []float64) Course {
	return Course{stat.Mean(values, nil), values[len(values)-1], stat.StdDev(values, nil), change(values)}
}

// Row is a row of the table: a layer under a condition at one look.
type Row struct {
	Condition    string  `json:"condition"`
	Step         int     `json:"step"` // from the reference
	Time         float64 `json:"time"` // eps times step
	Accuracy     float64 `json:"accuracy"`
	Loss         float64 `json:"loss"`          // of the test examples
	TrainingLoss float64 `json:"training_loss"` // of the minibatches since the look before; NaN at the start
	Layer        int     `json:"layer"`         // from 1; the last are the outputs
	Units        int     `json:"units"`
	Silent       int     `json:"silent"`
	Similarity   float64 `json:"similarity"`   // with the reference
	Displacement float64 `json:"displacement"` // from it, root mean square of the layer's weights
}

// Findings are what the experiment leaves.
type Findings = dynamics.Findings[Summary, Row]

// Run makes the experiment with a trained network. Cancelled, it returns the context's error.
func Run(ctx context.Context, config Config, network *dynamics.Network, job dynamics.Job) (Findings, error) {
	var findings Findings
	if err := config.Check(); err != nil {
		return findings, err
	}
	if network.Set.Classes == 0 {
		return findings, &train.SettingsError{Err: fmt.Errorf("drift: the answers of %s are numbers: want classes",
			network.Set.Name)}
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
	figures, err := Figures(config, []Findings{findings})
	if err != nil {
		return findings, err
	}
	tuning, err := dynamics.Draw(func() (*draw.Illustration, error) {
		return e.tuningFigure(gathering{config, []Findings{findings}}.protocol())
	})
	findings.Figures = append(figures, tuning...)
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
	before  course         // until the reference
	courses []course       // from it, in the order of Conditions
	fisher  Fisher
}

// course is the looks at a network, the first at its start.
type course struct {
	condition string
	looks     []look
}

// look is a network at some time.
type look struct {
	step           int // from the reference
	accuracy, loss float64
	trainingLoss   float64
	silent         []int // of each layer
	state          *kernels.State
	layers         []Representation
	// of each unit of the last hidden layer: its mean responses to the probes of each class
	classMeans [][]float64
}

// fisherWork is the share of the spectra at the end, for the progress.
const fisherWork = 0.2

func (e *experiment) measure(ctx context.Context) error {
	set, start := e.network.Set, e.network.State
	config := e.network.Config
	config.Batch, config.Threads = e.Batch, e.Threads
	config.Lambda, config.Layers.Lambda, config.Numbers = e.Prior, nil, nil
	law, err := graph.ParseTerm("prior = lambda*mu^2/2")
	if err != nil {
		return err
	}
	config.Costs = train.Costs{law}
	if e.session, err = train.Open(set, config); err != nil {
		return err
	}
	e.layout = start.Layout
	e.probes = set.Test.Slice(0, min(e.Probes, set.Test.N()))
	from := train.Fluctuation{Start: start.State, Seed: uint64(e.Seed), StepSize: e.StepSize, Temperature: e.Temperature}
	before, err := e.run(ctx, 0, e.burnInLooks(), e.BurnIn, []string{settling}, from)
	if err != nil {
		return err
	}
	e.before = before[0]
	from.Start = e.before.looks[len(e.before.looks)-1].state
	alone, cold := from, from
	alone.Uncorrected, cold.Temperature = true, 0
	if e.courses, err = e.run(ctx, e.BurnIn, e.Looks, e.Steps, Conditions(), from, alone, cold); err != nil {
		return err
	}
	e.fisher, err = e.measureFisher(ctx)
	return err
}

// standing is the state of the networks at a look.
type standing struct {
	Mu   [][]float32
	Loss []float64 // of the minibatches since the look before
}

// run takes networks, which are at a step since the trained network, through further steps, and looks at them. They
// share minibatches and noise.
func (e *experiment) run(ctx context.Context, step, looks, steps int, conditions []string,
	members ...train.Fluctuation) ([]course, error) {
	f, err := e.session.Fluctuate(kernels.Langevin{}, members...)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	courses := make([]course, len(members))
	states := make([]*kernels.State, len(members))
	for m := range members {
		courses[m].condition, states[m] = conditions[m], members[m].Start
	}
	total := float64(e.BurnIn + len(Conditions())*e.Steps)
	done := float64(min(step, e.BurnIn)) // of total
	tell := func(steps int) {
		e.job.Tell((1-fisherWork)*(done+float64(steps*len(members)))/total, "fluctuating")
	}
	for i := range looks + 1 {
		at := step + i*steps/looks
		now, err := dynamics.Part(e.job.Parts, fmt.Sprintf("%s%d", conditions[0], at), func() (standing, error) {
			return e.fluctuate(ctx, f, step+max(0, i-1)*steps/looks, at, states, conditions, func(reached int) {
				tell(reached - step)
			})
		})
		if err != nil {
			return nil, err
		}
		tell(at - step)
		for m, member := range members {
			state := *member.Start // except mu
			state.Mu = now.Mu[m]
			states[m] = &state
			k, err := e.look(at-e.BurnIn, &state)
			if err != nil {
				return nil, err
			}
			if k.trainingLoss = now.Loss[m]; i == 0 {
				k.trainingLoss = math.NaN()
			}
			courses[m].looks = append(courses[m].looks, k)
		}
	}
	return courses, nil
}

// fluctuate runs the networks from a step, where they have the given states, to another.
func (e *experiment) fluctuate(ctx context.Context, f *train.Fluctuations, from, to int, states []*kernels.State,
	conditions []string, reached func(step int)) (now standing, err error) {
	if f.Step() != from { // earlier states were kept, or this is the reference
		if err := f.Continue(from, states); err != nil {
			return now, err
		}
	}
	if err := f.Run(ctx, to-from, func(done, _ int) { reached(from + done) }); err != nil {
		return now, e.explained(err, conditions[0])
	}
	for m, condition := range conditions {
		state, err := f.State(m)
		if err != nil {
			return now, e.explained(err, condition)
		}
		now.Mu, now.Loss = append(now.Mu, state.Mu), append(now.Loss, f.Loss(m))
	}
	return now, nil
}

// explained says what to do about a network that diverged.
func (e *experiment) explained(err error, condition string) error {
	var diverged *train.DivergedError
	if errors.As(err, &diverged) {
		return fmt.Errorf("%s: %w: want a smaller --step-size than %g, or a lower --temperature than %g", condition, err,
			e.StepSize, e.Temperature)
	}
	return err
}

// look looks at a network.
func (e *experiment) look(step int, state *kernels.State) (look, error) {
	set := e.network.Set
	k := look{step: step, state: state}
	answers, err := e.session.Activations(state, set.Test, e.Threads)
	if err != nil {
		return k, err
	}
	k.accuracy, k.loss = accuracy(answers[len(answers)-1], set.Test.Labels)
	for l, shape := range e.layout.Layers {
		r := NewRepresentation(answers[l][:e.probes.N()*shape.Out], shape.Out)
		k.layers, k.silent = append(k.layers, r), append(k.silent, r.Silent())
	}
	if hidden := len(e.layout.Layers) - 2; hidden >= 0 {
		k.classMeans = meansOf(answers[hidden], e.layout.Layers[hidden].Out, e.probes.Labels, set.Classes)
	}
	return k, nil
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

// reference is the network at the end of burn-in.
func (e *experiment) reference() look { return e.courses[0].looks[0] }

func (e *experiment) table() []Row {
	var rows []Row
	reference := e.reference()
	for _, c := range append([]course{e.before}, e.courses...) {
		for _, k := range c.looks {
			for l, shape := range e.layout.Layers {
				rows = append(rows, Row{
					Condition: c.condition, Step: k.step, Time: e.StepSize * float64(k.step), Accuracy: k.accuracy, Loss: k.loss,
					TrainingLoss: k.trainingLoss, Layer: l + 1, Units: shape.Out, Silent: k.silent[l],
					Similarity:   reference.layers[l].Similarity(k.layers[l]),
					Displacement: math.Sqrt(squares(e.layout, l, reference.state, k.state)),
				})
			}
		}
	}
	return rows
}

// hidden is the mean similarity of the units of all hidden layers at two looks; NaN if there are none.
func (e *experiment) hidden(a, b look) float64 {
	sum, units := 0.0, 0.0
	for l, shape := range e.layout.Layers[:len(e.layout.Layers)-1] {
		sum += a.layers[l].Similarity(b.layers[l]) * float64(shape.Out)
		units += float64(shape.Out)
	}
	return sum / units
}

func (e *experiment) summary(seconds float64) Summary {
	trained, reference := e.before.looks[0], e.reference()
	s := Summary{
		Data: e.network.Set.Name, Network: e.network.ID, Seed: uint64(e.Seed), Test: e.network.Set.Test.N(),
		Probes: e.probes.N(), Prior: e.Prior, StepSize: e.StepSize, Temperature: e.Temperature, Batch: e.Batch,
		BurnIn: e.BurnIn, Steps: e.Steps, Relaxation: e.relaxation(), Accuracy: trained.accuracy, Loss: trained.loss,
		Fisher: e.fisher, Kernels: e.session.Device.Kernels, Seconds: seconds,
	}
	s.Sizes = append(s.Sizes, e.layout.Layers[0].In)
	for _, shape := range e.layout.Layers {
		s.Sizes = append(s.Sizes, shape.Out)
	}
	for _, c := range e.courses {
		last := c.looks[len(c.looks)-1]
		o := Outcome{Condition: c.condition, LowestAccuracy: 1, Hidden: e.hidden(reference, last), Silent: last.silent}
		var accuracies, losses, training []float64
		for _, k := range c.looks[1:] {
			o.LowestAccuracy = min(o.LowestAccuracy, k.accuracy)
			accuracies, losses, training = append(accuracies, k.accuracy), append(losses, k.loss),
				append(training, k.trainingLoss)
		}
		o.Accuracy, o.Loss, o.TrainingLoss = newCourse(accuracies), newCourse(losses), newCourse(training)
		sum, weights := 0.0, 0.0
		for l, shape := range e.layout.Layers {
			o.Similarity = append(o.Similarity, reference.layers[l].Similarity(last.layers[l]))
			sum += float64(shape.In*shape.Out) * squares(e.layout, l, reference.state, last.state)
			weights += float64(shape.In * shape.Out)
		}
		o.Displacement = math.Sqrt(sum / weights)
		s.Outcomes = append(s.Outcomes, o)
	}
	looks := e.courses[0].looks
	for l := range e.layout.Layers {
		var lags []float64
		for lag := 1; lag <= e.Looks; lag++ {
			lags = append(lags, pairs(0, e.Looks, lag, func(i, j int) float64 {
				return looks[i].layers[l].Similarity(looks[j].layers[l])
			}))
		}
		s.Lags = append(s.Lags, lags)
	}
	hidden := func(i, j int) float64 { return e.hidden(looks[i], looks[j]) }
	half := e.Looks / 2
	s.Aging = pairs(e.Looks-half, e.Looks, e.Looks/4, hidden) - pairs(0, half, e.Looks/4, hidden)
	return s
}
