package sampling

import (
	"context"
	"errors"
	"fmt"
	"math"

	"quantal/dynamics"
	"quantal/graph"
	"quantal/kernels"
	"quantal/results/draw"
	"quantal/train"
)

// graphProblem is a linear regression in the form of a network without hidden layers: the last parameter is the bias,
// and the prior is flat, because lambda is 0.
func (e *experiment) graphProblem(p Problem) (*problem, error) {
	data := linearData(p.Examples, p.Dimension, p.Correlation, p.NoiseVariance, p.PriorVariance, uint64(e.Seed),
		e.newLayer())
	last := p.Dimension - 1
	for i, y := range data.Y {
		data.Y[i] = float64(float32(y + (1-data.X.At(i, last))*data.Truth[last])) // with an input of 1 instead of the last
		data.X.Set(i, last, 1)
		for k := range last {
			data.X.Set(i, k, float64(float32(data.X.At(i, k)))) // in the form for the network
		}
	}
	l := NewLinear(data, p.NoiseVariance, math.Inf(1))
	mode, hessian, err := l.Posterior()
	if err != nil {
		return nil, err
	}
	modes, err := NewModes(hessian)
	return &problem{p, fmt.Sprintf("linear in the graph, %d parameters", p.Dimension), l, l, nil, mode, modes}, err
}

// compileLinear is the network that does linear regression, with all examples in a minibatch.
func compileLinear(l *Linear, rule kernels.Rule) (*kernels.Program, *kernels.Data, error) {
	n, d := l.X.Dims()
	program, err := graph.CompileSpec(graph.Spec{
		Sizes: []int{d - 1, 1}, Batch: n, Sharing: kernels.NoNoise, Likelihood: kernels.Gaussian,
	}, rule)
	if err != nil {
		return nil, nil, err
	}
	data := &kernels.Data{N: n, Width: d - 1, Order: inOrder}
	for i, y := range l.Y {
		for k := range d - 1 {
			data.Floats = append(data.Floats, float32(l.X.At(i, k)))
		}
		data.Targets = append(data.Targets, float32(y))
	}
	return program, data, nil
}

// inOrder is the order of examples if all of them are one minibatch.
func inOrder(to []int32, _ uint64, _ int) {
	for i := range to {
		to[i] = int32(i)
	}
}

// graphChains runs the compiled graph under the rule Langevin: each chain is a member of the Program, with its own
// seed.
func (e *experiment) graphChains(ctx context.Context, j job) (*outcome, error) {
	device, err := train.ChooseDevice(e.Training.Device)
	if err != nil {
		return nil, err
	}
	sample, err := e.sample("graph", j.name, j.work(graphCost(j.problem)),
		func() (*Sample, error) { return e.runGraph(ctx, j, device) })
	if err != nil {
		return nil, err
	}
	return j.outcome(sample, partGraph, "rule Langevin, "+device.Kernels), nil
}

// runGraph runs the chains of the compiled graph.
func (e *experiment) runGraph(ctx context.Context, j job, device train.Device) (_ *Sample, err error) {
	p, l, plan := j.problem, j.Langevin, j.plan
	if err := plan.check(p.target); err != nil {
		return nil, err
	}
	program, data, err := compileLinear(p.linear, kernels.Langevin{})
	if err != nil {
		return nil, err
	}
	var members []kernels.Member
	for c := range plan.Chains {
		members = append(members, kernels.Member{
			Seed: chainSeed(uint64(e.Seed), plan.Layer, c), LearningRate: l.Step, NoiseVariance: p.NoiseVariance,
			Temperature: l.Temperature,
		})
	}
	vm, err := device.Open(program, members, data, e.Threads)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, vm.Close()) }()
	for c := range plan.Chains {
		state := kernels.NewState(program.Layout, 0)
		kernels.Normals(state.Mu[:p.Dimension], at(uint64(e.Seed), plan.Layer, drawStart), c)
		if err := vm.Load(c, state); err != nil {
			return nil, err
		}
	}
	series := make([][]float64, plan.Chains/Block)
	for b := range series {
		series[b] = make([]float64, p.Dimension*plan.Take*Block)
	}
	step := 0
	advance := func(n int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		progress, err := vm.Run(ctx, step, n)
		if err != nil {
			return err
		}
		for _, p := range progress {
			if p.Diverged != nil {
				return fmt.Errorf("%w: %v", ErrDiverged, p.Diverged)
			}
		}
		step += n
		e.work.Did(graphCost(p)*float64(n*plan.Chains), p.name)
		return nil
	}
	for left := plan.Burn; left > 0; left -= min(left, 100) {
		if err := advance(min(left, 100)); err != nil {
			return nil, err
		}
	}
	for t := range plan.Take {
		if err := advance(plan.Every); err != nil {
			return nil, err
		}
		for c := range plan.Chains {
			state, err := vm.State(c)
			if err != nil {
				return nil, err
			}
			for i := range p.Dimension {
				series[c/Block][(i*plan.Take+t)*Block+c%Block] = float64(state.Mu[i])
			}
		}
	}
	var blocks []*moments
	for _, s := range series {
		blocks = append(blocks, measure(s, p.Dimension, plan))
	}
	return combine(blocks, plan), nil
}

// chainSeed is the seed of a member of a Program: words of the noise of a seed and a layer, so that no chain shares its
// noise with one of another experiment with a nearby seed.
func chainSeed(seed uint64, layer uint16, chain int) uint64 {
	words := at(seed, layer, drawSeeds).Words(uint32(chain))
	return uint64(words[0])<<32 | uint64(words[1])
}

// graphCost is about how long a step of a chain takes in the compiled graph; see job.cost.
func graphCost(p *problem) float64 { return 1000 + 2*float64(p.Dimension*p.Problem.Examples) }

// graphFigure compares the chains of the compiled graph with the closed form.
func (e *experiment) graphFigure(o *outcome) (*draw.Illustration, error) {
	exact := o.modes.Covariance(o.Temperature)
	s := &dynamics.Sheet{}
	covariancePanel(s, o.title(), draw.Axis{Label: "Covariance, posterior in closed form"}, exact, o.sample.Covariance)
	s.Panel(o.title(), draw.Axis{Label: "Parameter"}, draw.Axis{Label: "Mean, from the posterior’s (s.d.)"})
	var number, off, low, high []float64
	for i, m := range o.sample.Mean {
		deviation := math.Sqrt(exact.At(i, i))
		number, off = append(number, float64(i+1)), append(off, (m-o.mode[i])/deviation)
		interval := 2 / math.Sqrt(o.sample.Effective())
		low, high = append(low, -interval), append(high, interval)
	}
	s.Area("standard error", draw.Band("two standard errors", number, low, high, draw.Grey))
	s.Points(fromChains, draw.Points{Label: "means", X: number, Y: off, Color: draw.Green})
	return s.Illustration(2, 66, draw.Illustration{
		Name: "graph", Title: "The compiled graph samples the posterior of linear regression",
		Caption: fmt.Sprintf("A network of one output without hidden layers and with lambda = 0, under the update rule "+
			"Langevin in "+
			"float32, each chain a member of one Program, all examples in "+
			"a minibatch. Its posterior is Normal(m, v (X'X)^-1), m from least squares. A: entries of the covariance. B: "+
			"means, in standard "+
			"deviations from the closed form, with the "+
			"interval of two standard errors. %s; error of the covariance %.2f %%, of which %.2f %% come from the length "+
			"of the steps. Seed %d.",
			o.describe(), 100*RelativeError(o.sample.Covariance, exact),
			100*RelativeError(o.modes.StepCovariance(o.Langevin.Step, o.Temperature), exact), e.Seed),
	})
}
