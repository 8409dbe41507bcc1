package train

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/results/store"
)

// A learning curve of a network that trains with many others must cost them next to nothing, where a line of
// metrics.jsonl costs as much as a fifth of an epoch. So a line has the likelihood, which training computes anyway; at
// some epochs there is a measurement: accuracies on the first curveExamples of the test set, and what follows from mu
// and sigma. All measurements together cost curveShare of the training and of the figures at its end, so a short
// training has none, but for what follows from mu and sigma at its end: the caller has the accuracies there.
const (
	curveLines    = 200
	curveExamples = 500
	curveShare    = 0.01
	// The cost of a measurement in training steps, by experiment with the published network on one core with AVX-512;
	// a GPU trains so fast that the way of mu and phi to the CPU alone is as long as some 300 steps of all its networks.
	curveCost, curveCostOfExample = 14., 1. / 40
	curveCostGPU                  = 300.
	figuresCost                   = 0.02 // of a draw of the weights for a test example, at the end
)

// curveEvery is the number of epochs from one line of a learning curve to the next, and from one measurement to the
// next, 0 for none. The first epoch has both, unless there is no measurement, and the last has a line.
func (r *Run) curveEvery() (line, measurement int) {
	c, tests := r.Networks[0], r.testing.N
	work, cost := float64(r.Steps()), curveCost+curveCostOfExample*float64(min(tests, curveExamples))
	if r.Device.open != nil {
		cost = curveCostGPU
	} else {
		work += figuresCost * float64(tests) * float64(2+c.Draws)
	}
	if line = 1; c.Epochs > curveLines {
		line = (c.Epochs + curveLines - 3) / (curveLines - 2) // with the first and the last
	}
	most := int(curveShare * work / cost)
	if most == 0 {
		return line, 0
	}
	for measurement = line; before(c.Epochs, measurement) > most; {
		measurement += line
	}
	return line, measurement
}

// before is how many epochs before the last have a measurement.
func before(epochs, every int) int {
	if every == 1 {
		return epochs - 1
	}
	return 1 + (epochs-1)/every // and the first
}

// sketch is the line of a learning curve for the epoch that just ended, for each network; nothing if the epoch has
// none.
func (r *Run) sketch(ctx context.Context) ([]store.Epoch, error) {
	epoch := r.step / r.StepsPerEpoch()
	ends := epoch == 1 || r.step == r.Steps()
	line, measurement := r.curveEvery()
	if !ends && epoch%line != 0 {
		return nil, nil
	}
	epochs := make([]store.Epoch, len(r.Networks))
	for m := range epochs {
		epochs[m] = store.NoEpoch()
		e := &epochs[m]
		e.Epoch, e.Step = epoch, r.step
		e.NLL = r.nll[m] / float64(r.StepsPerEpoch()*r.Networks[0].Batch)
		e.ObjectiveNLL = e.NLL * float64(r.training.N)
	}
	// One that may stop at any epoch is measured at each, which costs little beside its held-out examples.
	last := r.step == r.Steps()
	tests := func(m int) bool {
		return !last && measurement > 0 && (epoch == 1 || epoch%measurement == 0) || r.Networks[m].Patience > 0
	}
	due := func(m int) bool { return r.diverged[m] == nil && (tests(m) || last) }
	measures, tested := false, false
	for m := range epochs {
		measures, tested = measures || due(m), tested || due(m) && tests(m)
	}
	if !measures {
		return epochs, nil
	}
	began := time.Now()
	defer func() { r.spent.MeasuringSeconds += time.Since(began).Seconds() }()
	test := first(r.testing, curveExamples)
	var scores []kernels.Score
	if tested {
		var err error
		if scores, err = r.vm.Evaluate(ctx, test, r.step, 0); err != nil {
			return nil, err
		}
	}
	var side errgroup.Group
	side.SetLimit(runtime.GOMAXPROCS(0))
	for m := range epochs {
		if !due(m) {
			continue
		}
		if r.Networks[m].Patience > 0 {
			held := r.validated.scores[m]
			epochs[m].ValidationAccuracySampled, epochs[m].ValidationLossSampled = &held.AccuracySampled, &held.LossSampled
			epochs[m].ValidationR2Sampled = explained(r.held, held.LossSampled, r.Networks[m].NoiseVariance)
		}
		state, err := r.vm.Parameters(m)
		if err != nil {
			_ = side.Wait() // the device has failed
			return nil, err
		}
		if tests(m) {
			epochs[m].SetTest(outcomeOf(scores[m], test, r.Networks[m].NoiseVariance), test.N)
		}
		side.Go(fault.Guarded(func() error { return r.survey(&epochs[m], m, state) }))
	}
	return epochs, side.Wait()
}

// survey adds what follows from mu and sigma of a network to a line.
func (r *Run) survey(e *store.Epoch, network int, state *kernels.State) error {
	c := r.Networks[network]
	seen, err := cpu.NewSurvey(r.Program, state, c.Member())
	if err != nil {
		return err
	}
	if seen.Sigmas == nil {
		e.SigmaRMS, e.SigmaRMSLayers = 0, make([]float64, len(r.Program.Layout.Layers))
	} else {
		e.SetSigmas(seen.Sigmas, r.sigmasApart())
	}
	terms := store.Terms{}
	for _, cost := range seen.Costs {
		terms[cost.Name] = cost.Value
	}
	e.SetCosts(terms, len(c.Costs) > 0)
	return nil
}

// outcomeOf is what a network reached on test examples.
func outcomeOf(score kernels.Score, tested *kernels.Data, noiseVariance float64) store.Outcome {
	return store.Outcome{
		AccuracySampled: score.AccuracySampled, LossSampled: score.LossSampled, AccuracyMean: score.AccuracyMean,
		LossMean: score.LossMean, R2Sampled: explained(tested, score.LossSampled, noiseVariance),
		R2Mean: explained(tested, score.LossMean, noiseVariance)}
}

// sigmasApart reports whether the weights of a layer have several sigmas.
func (r *Run) sigmasApart() bool {
	return r.Spec.Sharing == kernels.PerSynapse || r.Spec.Sharing == kernels.PerNeuron
}

// first is the first examples of data, at most n.
func first(data *kernels.Data, n int) *kernels.Data {
	d := between(data, 0, min(n, data.N))
	return &d
}
