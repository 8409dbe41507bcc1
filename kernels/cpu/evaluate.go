package cpu

import (
	"context"
	"errors"
	"fmt"

	"quantal/kernels"
)

// groupsPerJob is the number of evaluation groups that one thread tests at a time. It fixes the order in which losses
// are added, so it affects the last digits of the result.
const groupsPerJob = 50

// Evaluate tests every network on data.
func (vm *VM) Evaluate(ctx context.Context, data *kernels.Data, step, draws int) ([]kernels.Score, error) {
	return vm.EvaluateWith(ctx, data, step, draws, nil)
}

// EvaluateWith is Evaluate with weights that the function draws, for all networks; nil for normal ones.
func (vm *VM) EvaluateWith(ctx context.Context, data *kernels.Data, step, draws int,
	weights kernels.RowDraw) ([]kernels.Score, error) {
	if weights != nil && vm.Program.Draw != kernels.PerMinibatch {
		return nil, fmt.Errorf("cpu: Evaluate: weights are not drawn with a draw per %v", vm.Program.Draw)
	}
	if err := vm.CheckEvaluation(ctx, data, draws); err != nil {
		return nil, err
	}
	groups := (data.N + kernels.EvaluationGroup - 1) / kernels.EvaluationGroup
	jobs := (groups + groupsPerJob - 1) / groupsPerJob
	tallies := make([]kernels.Tallies, len(vm.Members)*jobs)
	spread(len(vm.testers), len(tallies), func(thread, job int) {
		if ctx.Err() != nil {
			return
		}
		if vm.testers[thread] == nil {
			vm.testers[thread] = newWorker(vm.Program.Inference(), vm.set, kernels.EvaluationGroup, 1, 1)
		}
		m, first := job/jobs, job%jobs*groupsPerJob
		p := &pass{member: vm.Members[m], state: vm.States[m], data: data, weights: weights, noise: kernels.Noise{
			Seed: vm.Members[m].Seed, Stream: kernels.StreamEvaluation, Step: uint32(step)}}
		tallies[job] = vm.testers[thread].evaluate(ctx, p, draws, first, min(first+groupsPerJob, groups))
	})
	scores := make([]kernels.Score, len(vm.Members))
	for m := range scores {
		var sum kernels.Tallies
		for _, t := range tallies[m*jobs : (m+1)*jobs] {
			sum.Add(t)
		}
		scores[m] = sum.Score(data.N, draws, vm.Program.Likelihood)
	}
	return scores, ctx.Err()
}

// Activations runs a network with its weights at mu on all examples of data, and returns the output of each layer, in
// the order of the layers: [N x outputs of the layer], after the activation; of a convolution [N x positions x
// filters]. For threads see kernels.Threads.
func Activations(p *kernels.Program, s *kernels.State, data *kernels.Data, threads int) ([][]float32, error) {
	set, err := choose()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(capabilities.Check(p, make([]kernels.Member, 1), nil), s.Check(p.Layout),
		data.Check(p)); err != nil {
		return nil, err
	}
	threads = kernels.Threads(threads)
	layers := make([][]float32, len(p.Layout.Layers))
	buffers := make([]kernels.Buffer, len(layers))
	for _, instruction := range p.Instructions {
		if f, ok := kernels.ForwardOf(instruction); ok {
			layers[f.Layer], buffers[f.Layer] = make([]float32, data.N*p.RowsOf(f.Dst)*p.Widths[f.Dst]), f.Dst
		}
	}
	groups := (data.N + kernels.EvaluationGroup - 1) / kernels.EvaluationGroup
	jobs := (groups + groupsPerJob - 1) / groupsPerJob
	workers := make([]*worker, min(threads, jobs))
	spread(len(workers), jobs, func(thread, job int) {
		if workers[thread] == nil {
			workers[thread] = newWorker(p, set, kernels.EvaluationGroup, 1, 1)
		}
		k, pass := workers[thread], &pass{state: s, data: data}
		for g := job * groupsPerJob; g < min((job+1)*groupsPerJob, groups); g++ {
			pass.take(g)
			k.infer(pass, means)
			for l, dst := range layers {
				width, rows := p.Widths[buffers[l]], p.RowsOf(buffers[l])
				for b, e := range pass.examples {
					for r := range rows {
						copy(dst[(int(e)*rows+r)*width:][:width], k.buffers[buffers[l]][(b*rows+r)*kernels.Stride(width):])
					}
				}
			}
		}
	})
	return layers, nil
}

// evaluate tests a network on the given groups of examples. It checks ctx before each pass of a group through the
// network; if that is cancelled the tallies are meaningless.
func (k *worker) evaluate(ctx context.Context, p *pass, draws, firstGroup, endGroup int) kernels.Tallies {
	var sum kernels.Tallies
	k.variances(p.state)
	for g := firstGroup; g < endGroup && ctx.Err() == nil; g++ {
		p.take(g)
		k.infer(p, means)
		k.count(&sum.Mean, p)
	}
	if k.program.Layout.Sharing == kernels.NoNoise && draws == 0 {
		sum.Sampled = sum.Mean // a draw without noise is the mean
		return sum
	}
	mixture := newMixture(k.program, k.batch, draws)
	for g := firstGroup; g < endGroup && ctx.Err() == nil; g++ {
		p.take(g)
		p.noise.Draw = uint32(g)
		k.infer(p, evaluation)
		k.count(&sum.Sampled, p)
		for d := range draws {
			if ctx.Err() != nil {
				return sum
			}
			p.noise.Draw = uint32(g*draws + d)
			k.infer(p, evaluation)
			mixture.add(k, p, d)
		}
		if draws > 0 {
			mixture.count(&sum.Predictive, &sum.ExpectedLog, k.labels[:len(p.examples)])
		}
	}
	return sum
}

// take makes a group of test examples those of the pass.
func (p *pass) take(group int) {
	p.examples = p.examples[:0]
	for e := group * kernels.EvaluationGroup; e < min((group+1)*kernels.EvaluationGroup, p.data.N); e++ {
		p.examples = append(p.examples, int32(e))
	}
}

// infer runs the network on the examples.
func (k *worker) infer(p *pass, kind draws) {
	p.draws = kind
	for number, instruction := range k.program.Instructions {
		if kernels.Infers(instruction) {
			k.tasks[number](p)
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

func (k *worker) count(t *kernels.Tally, p *pass) {
	for b := range p.examples {
		y := k.output(b)
		if k.program.Likelihood == kernels.Gaussian {
			t.NLL += kernels.GaussianNLL(nil, y, k.target(b), float32(p.member.NoiseVariance))
			continue
		}
		t.NLL += kernels.CrossEntropy(nil, y, int(k.labels[b]))
		if argmax(y) == int(k.labels[b]) {
			t.Correct++
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

func (m *mixture) add(k *worker, p *pass, draw int) {
	for b := range p.examples {
		if m.likelihood == kernels.Gaussian {
			m.one[0] = -kernels.GaussianNLL(nil, k.output(b), k.target(b), float32(p.member.NoiseVariance))
		} else {
			kernels.LogSoftmax(m.one, k.output(b))
		}
		for o, v := range m.one {
			m.logp[(b*m.outcomes+o)*m.draws+draw] = v
		}
	}
}

func (m *mixture) count(predictive, expectedLog *kernels.Tally, labels []byte) {
	meanP, meanLog := make([]float64, m.outcomes), make([]float64, m.outcomes)
	for b, label := range labels {
		for o := range m.outcomes {
			draws := m.logp[(b*m.outcomes+o)*m.draws:][:m.draws]
			top := draws[argmax(draws)]
			sum, sumExp := 0.0, 0.0
			for _, v := range draws {
				sum += v
				sumExp += kernels.Exp(v - top)
			}
			meanLog[o] = sum / float64(m.draws)
			meanP[o] = top + kernels.Log(sumExp/float64(m.draws))
		}
		answer := int(label)
		if m.likelihood == kernels.Gaussian {
			answer = 0
		}
		predictive.NLL -= meanP[answer]
		expectedLog.NLL -= meanLog[answer]
		if argmax(meanP) == answer {
			predictive.Correct++
		}
		if argmax(meanLog) == answer {
			expectedLog.Correct++
		}
	}
}
