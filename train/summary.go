package train

import (
	"context"
	"errors"
	"math"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/results/store"
	"quantal/synapse"
)

// Summary holds the results of a run and its times; see the package documentation.
type Summary struct {
	store.Outcome

	Epochs float64 `json:"epochs"`
	store.Times
	StepsPerSecond float64 `json:"steps_per_second"` // training steps, while training

	Noise     string    `json:"noise"`
	Rho       Exponent  `json:"rho"` // exponent of the reliability cost; empty if no cost reads it
	C         float64   `json:"c"`   // multiplier of the reliability cost; null if layers differ, or no cost reads it
	CLayers   []float64 `json:"c_layers,omitempty"`
	Cost      string    `json:"cost,omitempty"` // what synapses pay, unless it is the paper's costs
	Seed      uint64    `json:"seed"`
	Device    string    `json:"device"`
	Kernels   string    `json:"kernels"`
	Data      string    `json:"data"`
	Training  int       `json:"training_examples"`
	TestSet   int       `json:"test_examples"`
	Synapses  int       `json:"synapses"`
	RunFolder string    `json:"run,omitempty"`
	Settings  Config    `json:"settings"` // all of them, under the names of their flags
}

// TestPer makes tests draw weights per minibatch or example, whatever training does.
func (r *Run) TestPer(draw kernels.Draw) error {
	states := make([]*kernels.State, len(r.Networks))
	for m := range r.Networks {
		var err error
		if states[m], err = r.vm.State(m); err != nil {
			return err
		}
		r.Networks[m].Draw = draw
	}
	p, err := r.program(r.spec(), r.Program.Rule)
	if err != nil {
		return err
	}
	tests, err := r.start(p, r.members(), r.training, states...)
	if err != nil {
		return err
	}
	tests.step, tests.pace = r.step, r.pace
	err = r.vm.Close()
	r.Program, r.running = p, tests
	return err
}

// ScoreWith tests the run's first network with weights that the function draws in place of normal ones, which only the
// CPU does.
func (r *Run) ScoreWith(ctx context.Context, draws int, weights kernels.RowDraw) (kernels.Score, error) {
	vm, ok := r.vm.(*cpu.VM)
	if !ok {
		return kernels.Score{}, &DeviceError{Device: r.Device.Name, Err: errors.New("weights that are not normal are " +
			"drawn on the CPU alone: want --device cpu")}
	}
	scores, err := vm.EvaluateWith(ctx, r.testing, r.step, draws, weights)
	if err != nil {
		return kernels.Score{}, err
	}
	return scores[0], nil
}

// Summarise measures the run's first network, as Outcomes does, and adds the times.
func (r *Run) Summarise(ctx context.Context, draws int) (Summary, error) {
	outcomes, err := r.Outcomes(ctx, draws)
	if err != nil {
		return Summary{}, err
	}
	c := r.Networks[0]
	s := Summary{
		Outcome: outcomes[0], Epochs: float64(r.step) / float64(r.StepsPerEpoch()), Times: r.Times(),
		Noise: c.Noise, Rho: c.Rho, C: c.C, CLayers: c.Layers.C, Seed: uint64(c.Seed),
		Device: r.Device.Name, Kernels: r.Device.Kernels, Data: r.Set.Name,
		Training: r.training.N, TestSet: r.testing.N, Synapses: r.Program.Layout.Synapses(), Settings: c,
	}
	if len(c.Costs) > 0 {
		s.Cost = c.Costs.String()
	}
	if !c.Reads("rho") {
		s.Rho = Exponent{}
	}
	if !c.Reads("c") {
		s.C, s.CLayers = math.NaN(), nil
	}
	if s.Seconds > 0 {
		s.StepsPerSecond = float64(s.Steps) / s.Seconds
	}
	return s, nil
}

// Outcomes measures all networks in their present state, with the given number of draws for the K-draw figures. A
// network that diverged has store.NoOutcome.
func (r *Run) Outcomes(ctx context.Context, draws int) ([]store.Outcome, error) {
	began := time.Now()
	testing, err := r.vm.Evaluate(ctx, r.testing, r.step, draws)
	if err != nil {
		return nil, err
	}
	held, err := r.validate(ctx)
	if err != nil {
		return nil, err
	}
	training, err := r.vm.Evaluate(ctx, r.training, r.step, 0)
	if err != nil {
		return nil, err
	}
	outcomes, err := r.outcomes(testing)
	if err != nil {
		return nil, err
	}
	r.spent.MeasuringSeconds += time.Since(began).Seconds()
	for m := range outcomes {
		if r.diverged[m] != nil {
			continue
		}
		o := &outcomes[m]
		o.Draws, o.Converged = draws, r.converged[m]
		if r.step < r.Steps() && r.Stopped(m) {
			o.StoppedEpoch = r.Measured()
		}
		if held != nil {
			o.ValidationAccuracySampled, o.ValidationLossSampled = &held[m].AccuracySampled, &held[m].LossSampled
			o.ValidationR2Sampled = explained(r.held, held[m].LossSampled, r.Networks[m].NoiseVariance)
		}
		o.ObjectiveNLL = training[m].LossSampled * float64(r.training.N)
		o.Objective = store.Objective(o.ObjectiveNLL, o.ObjectiveMagnitude, o.ObjectiveReliability, o.ObjectiveCosts)
	}
	return outcomes, nil
}

// outcomes is the part of each network's outcome that follows from its test scores and parameters.
func (r *Run) outcomes(test []kernels.Score) ([]store.Outcome, error) {
	outcomes := make([]store.Outcome, len(r.Networks))
	var side errgroup.Group
	side.SetLimit(runtime.GOMAXPROCS(0))
	for m := range outcomes {
		outcomes[m] = store.NoOutcome()
		if r.diverged[m] != nil {
			continue
		}
		c, err := r.Checkpoint(m)
		if err != nil {
			return nil, errors.Join(err, side.Wait())
		}
		side.Go(fault.Guarded(func() error {
			outcomes[m] = r.outcome(r.Networks[m], c, test[m])
			return nil
		}))
	}
	return outcomes, side.Wait()
}

func (r *Run) outcome(n Config, c *store.Checkpoint, test kernels.Score) store.Outcome {
	costs := costsOf(r.Program, c.State, n)
	o := store.Outcome{
		Steps:           c.Step,
		AccuracySampled: test.AccuracySampled, LossSampled: test.LossSampled,
		AccuracyMean: test.AccuracyMean, LossMean: test.LossMean,
		AccuracyPredictive: test.AccuracyPredictive, LossPredictive: test.LossPredictive,
		AccuracyExpectedLog: test.AccuracyExpectedLog, LossExpectedLog: test.LossExpectedLog,
		SigmaRMS: c.SigmaRMS(), SigmaRMSLayers: c.SigmaRMSLayers(), ReliabilityCost: math.NaN(),
		ObjectiveMagnitude: costs["magnitude"], ObjectiveReliability: costs["reliability"],
	}
	o.R2Sampled = explained(r.testing, test.LossSampled, n.NoiseVariance)
	o.R2Mean = explained(r.testing, test.LossMean, n.NoiseVariance)
	if len(n.Costs) > 0 {
		o.ObjectiveMagnitude, o.ObjectiveReliability, o.ObjectiveCosts = math.NaN(), math.NaN(), costs
	}
	if rhos := n.powers(r.Program); len(rhos) > 0 {
		o.ReliabilityCost = c.ReliabilityCost(r.Program.Times, rhos...)
	}
	return o
}

// powers are the exponents of the cost of reliability in the layers; none if that is no power of sigma.
func (c Config) powers(p *kernels.Program) []synapse.Power {
	rhos := c.rhos()
	if len(c.Costs) == 0 {
		return rhos
	}
	s, ok := p.Gradients()[0].Standard()
	if !ok || s.ReliabilityTerms == 0 {
		return nil
	}
	for l := range rhos {
		rhos[l] = synapse.Power(s.Slopes(c.Layer(l).Member(), 1).Rho)
	}
	return rhos
}
