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
// metrics.jsonl costs as much as a fifth of an epoch. So a line has the likelihood, which training computes anyway, and
// at some epochs a measurement: accuracies on the first curveExamples of the test set, and what follows from mu and
// sigma. For the published network a measurement takes as long as 27 training steps on the CPU, and one is made every
// curveSpacing steps or more, so at each epoch of MNIST, which is 0.9 % of the training. A GPU trains so fast that the
// way of mu and phi to the CPU alone is as long as some 300 steps of all its networks.
const (
	curveLines      = 200
	curveExamples   = 500
	curveSpacing    = 3000
	curveSpacingGPU = 30000
	// curveLeast is how many measurements the CPU makes of a short training, if it has as many epochs: together 40 ms.
	curveLeast = 5
)

// curveEvery is the number of epochs from one line of a learning curve to the next, and from one measurement to the
// next. The first epoch and the last have both.
func (r *Run) curveEvery() (line, measurement int) {
	spacing, least := curveSpacing, curveLeast
	if r.Device.open != nil {
		spacing, least = curveSpacingGPU, 1
	}
	up := func(a, b int) int { return (a + b - 1) / b }
	epochs := r.Networks[0].Epochs
	if line = 1; epochs > curveLines {
		line = up(epochs, curveLines-2) // with the first and the last
	}
	apart := min(up(spacing, r.StepsPerEpoch()), up(epochs, least))
	return line, up(apart, line) * line
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
	due := func(m int) bool {
		return r.diverged[m] == nil && (ends || epoch%measurement == 0 || r.Networks[m].Patience > 0)
	}
	measures := false
	for m := range epochs {
		measures = measures || due(m)
	}
	if !measures {
		return epochs, nil
	}
	began := time.Now()
	defer func() { r.spent.MeasuringSeconds += time.Since(began).Seconds() }()
	test := first(r.testing, curveExamples)
	scores, err := r.vm.Evaluate(ctx, test, r.step, 0)
	if err != nil {
		return nil, err
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
		side.Go(fault.Guarded(func() error { return r.survey(&epochs[m], m, state, test, scores[m]) }))
	}
	return epochs, side.Wait()
}

// survey adds a measurement of a network to a line.
func (r *Run) survey(e *store.Epoch, network int, state *kernels.State, tested *kernels.Data,
	score kernels.Score) error {
	c := r.Networks[network]
	seen, err := cpu.NewSurvey(r.Program, state, c.Member())
	if err != nil {
		return err
	}
	e.TestExamples = tested.N
	e.R2Sampled = explained(tested, score.LossSampled, c.NoiseVariance)
	e.R2Mean = explained(tested, score.LossMean, c.NoiseVariance)
	e.AccuracySampled, e.LossSampled = score.AccuracySampled, score.LossSampled
	e.AccuracyMean, e.LossMean = score.AccuracyMean, score.LossMean
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

// sigmasApart reports whether the weights of a layer have several sigmas.
func (r *Run) sigmasApart() bool {
	return r.Spec.Sharing == kernels.PerSynapse || r.Spec.Sharing == kernels.PerNeuron
}

// first is the first examples of data, at most n.
func first(data *kernels.Data, n int) *kernels.Data {
	d := between(data, 0, min(n, data.N))
	return &d
}
