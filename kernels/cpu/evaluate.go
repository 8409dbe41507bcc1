package cpu

import (
	"context"
	"math"

	"quantal/kernels"
)

// Evaluate tests every network on data.
func (vm *VM) Evaluate(ctx context.Context, data *kernels.Data, step, draws int) ([]kernels.Score, error) {
	if err := data.Check(vm.program); err != nil {
		return nil, err
	}
	scores := make([]kernels.Score, len(vm.members))
	vm.eachMember(func(w *worker, m int) {
		if ctx.Err() == nil {
			w := w.resized(kernels.EvaluationGroup)
			w.together(func() { scores[m] = w.evaluate(ctx, vm.members[m], vm.states[m], data, step, draws) })
		}
	})
	return scores, ctx.Err()
}

// resized returns the workspace for another batch size, itself if it fits.
func (k *worker) resized(batch int) *worker {
	if k.batch == batch {
		return k
	}
	return newWorker(k.program, k.set, batch, len(k.team.scratch))
}

// tally sums what a score averages.
type tally struct {
	correct int
	nll     float64
}

func (t tally) over(n int, l kernels.Likelihood) (accuracy, loss float64) {
	if l == kernels.Gaussian {
		return math.NaN(), t.nll / float64(n)
	}
	return float64(t.correct) / float64(n), t.nll / float64(n)
}

func (k *worker) evaluate(ctx context.Context, member kernels.Member, s *kernels.State, data *kernels.Data, step, draws int) kernels.Score {
	var sampled, mean, predictive, expectedLog tally
	noise := kernels.Noise{Seed: member.Seed, Stream: kernels.StreamEvaluation, Step: uint32(step)}
	if k.program.Layout.Sharing == kernels.PerSynapse {
		k.sigma = make([]float32, len(s.Phi))
		kernels.Sigmas(k.sigma, make([]float32, len(s.Phi)), s.Phi)
	}
	group := make([]int32, 0, k.batch)
	for first := 0; first < data.N; first += k.batch {
		group = fill(group, first, data.N)
		k.infer(data, group, s, means, noise)
		k.count(&mean, len(group), member)
	}
	for first := 0; first < data.N && ctx.Err() == nil; first += k.batch {
		group = fill(group, first, data.N)
		noise.Draw = uint32(first / k.batch)
		k.infer(data, group, s, evaluation, noise)
		k.count(&sampled, len(group), member)
	}
	var score kernels.Score
	likelihood := k.program.Likelihood
	score.AccuracySampled, score.LossSampled = sampled.over(data.N, likelihood)
	score.AccuracyMean, score.LossMean = mean.over(data.N, likelihood)
	nan := math.NaN()
	score.AccuracyPredictive, score.LossPredictive = nan, nan
	score.AccuracyExpectedLog, score.LossExpectedLog = nan, nan
	if draws == 0 {
		return score
	}
	mixture := newMixture(k.program, k.batch, draws)
	for first := 0; first < data.N && ctx.Err() == nil; first += k.batch {
		group = fill(group, first, data.N)
		for d := range draws {
			noise.Draw = uint32(first/k.batch*draws + d)
			k.infer(data, group, s, evaluation, noise)
			mixture.add(k, len(group), member, d)
		}
		mixture.count(&predictive, &expectedLog, k.labels[:len(group)])
	}
	score.AccuracyPredictive, score.LossPredictive = predictive.over(data.N, likelihood)
	score.AccuracyExpectedLog, score.LossExpectedLog = expectedLog.over(data.N, likelihood)
	return score
}

// fill sets group to the examples from first on, as many as its capacity and the data hold.
func fill(group []int32, first, n int) []int32 {
	group = group[:0]
	for e := first; e < min(first+cap(group), n); e++ {
		group = append(group, int32(e))
	}
	return group
}

// infer takes the examples through the network.
func (k *worker) infer(data *kernels.Data, examples []int32, s *kernels.State, kind draws, noise kernels.Noise) {
	for _, instruction := range k.program.Instructions {
		switch i := instruction.(type) {
		case kernels.Gather:
			k.gather(i.Dst, data, examples)
		case kernels.Forward:
			k.begin(i.Layer, s, noise, kernels.Rule[float32]{})
			k.forward(i, kind, len(examples))
		}
	}
}

func (k *worker) output(b int) []float32 {
	width := k.program.Widths[k.program.Output]
	return k.buffers[k.program.Output][b*kernels.Stride(width):][:width]
}

func (k *worker) target(b int) []float32 {
	width := k.program.Widths[k.program.Output]
	return k.targets[b*width:][:width]
}

func (k *worker) count(t *tally, n int, m kernels.Member) {
	for b := range n {
		y := k.output(b)
		if k.program.Likelihood == kernels.Gaussian {
			t.nll += kernels.GaussianNLL(nil, y, k.target(b), float32(m.NoiseVariance))
			continue
		}
		t.nll += kernels.CrossEntropy(nil, y, int(k.labels[b]))
		if argmax(y) == int(k.labels[b]) {
			t.correct++
		}
	}
}

// argmax returns the index of the largest value, the first of equals.
func argmax[T kernels.Float](y []T) int {
	best := 0
	for i, v := range y {
		if v > y[best] {
			best = i
		}
	}
	return best
}

// mixture gathers K draws for a group of examples: for each outcome the log of the mean probability and the mean
// log-probability. The outcomes are the classes, or the one observed target of a Gaussian likelihood.
type mixture struct {
	likelihood kernels.Likelihood
	outcomes   int
	draws      int
	logp       []float64 // group x outcomes x draws
	one        []float64
}

func newMixture(p *kernels.Program, group, draws int) *mixture {
	m := &mixture{likelihood: p.Likelihood, outcomes: p.Widths[p.Output], draws: draws}
	if p.Likelihood == kernels.Gaussian {
		m.outcomes = 1
	}
	m.logp = make([]float64, group*m.outcomes*draws)
	m.one = make([]float64, m.outcomes)
	return m
}

func (m *mixture) add(k *worker, n int, member kernels.Member, draw int) {
	for b := range n {
		if m.likelihood == kernels.Gaussian {
			m.one[0] = -kernels.GaussianNLL(nil, k.output(b), k.target(b), float32(member.NoiseVariance))
		} else {
			kernels.LogSoftmax(m.one, k.output(b))
		}
		for o, v := range m.one {
			m.logp[(b*m.outcomes+o)*m.draws+draw] = v
		}
	}
}

func (m *mixture) count(predictive, expectedLog *tally, labels []byte) {
	meanP, meanLog := make([]float64, m.outcomes), make([]float64, m.outcomes)
	for b, label := range labels {
		for o := range m.outcomes {
			draws := m.logp[(b*m.outcomes+o)*m.draws:][:m.draws]
			top := draws[argmax(draws)]
			sum, sumExp := 0.0, 0.0
			for _, v := range draws {
				sum += v
				sumExp += math.Exp(v - top)
			}
			meanLog[o] = sum / float64(m.draws)
			meanP[o] = top + math.Log(sumExp/float64(m.draws))
		}
		answer := int(label)
		if m.likelihood == kernels.Gaussian {
			answer = 0
		}
		predictive.nll -= meanP[answer]
		expectedLog.nll -= meanLog[answer]
		if argmax(meanP) == answer {
			predictive.correct++
		}
		if argmax(meanLog) == answer {
			expectedLog.correct++
		}
	}
}
