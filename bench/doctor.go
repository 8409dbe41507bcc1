package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/kernels/cuda"
)

// Diagnosis is the state of one GPU.
type Diagnosis struct {
	Device         string  `json:"device"`
	Compute        string  `json:"compute_capability"`
	CUDA           string  `json:"cuda"` // of the driver
	MemoryFree     int64   `json:"memory_free"`
	MemoryTotal    int64   `json:"memory_total"`
	LoadSeconds    float64 `json:"load_seconds"`  // compiling the PTX for the device
	LaunchMicros   float64 `json:"launch_micros"` // a kernel that does nothing
	ReplayMicros   float64 `json:"replay_micros"` // the same in a CUDA graph
	BytesPerSecond float64 `json:"bytes_per_second"`
	NetworkBytes   int64   `json:"network_bytes"` // memory for one more network of the published preset
	Checks         []Check `json:"checks"`
	Healthy        bool    `json:"healthy"`
}

// Check compares a small network on the GPU with the portable kernels on the CPU.
type Check struct {
	Network string `json:"network"`
	// The worst deviation of a single kernel from float64, and of three steps and an evaluation from the CPU, in units of
	// the tolerance for rounding.
	KernelDeviation float64 `json:"kernel_deviation"`
	Deviation       float64 `json:"deviation"`
	Repeats         bool    `json:"repeats"` // a second run gave the same bytes
	Problem         string  `json:"problem,omitempty"`
}

// Doctor examines a device, which open opens again each time, and compares every kernel with its portable Go twin.
// copied is the number of bytes with which the memory is measured.
func Doctor(ctx context.Context, open func() (cuda.Driver, error), copied int64) (d *Diagnosis, err error) {
	driver, err := open()
	if err != nil {
		return nil, err
	}
	info := driver.Info()
	d = &Diagnosis{
		Device: info.Name, Compute: fmt.Sprintf("%d.%d", info.Major, info.Minor),
		CUDA:       fmt.Sprintf("%d.%d", info.Driver/1000, info.Driver%1000/10),
		MemoryFree: info.MemoryFree, MemoryTotal: info.MemoryTotal, Healthy: true,
	}
	load, err := cuda.LoadAll(driver)
	if err == nil {
		d.LoadSeconds = load.Seconds()
		var rates cuda.Rates
		rates, err = cuda.Measure(driver, min(copied, info.MemoryFree/4))
		d.LaunchMicros, d.ReplayMicros, d.BytesPerSecond = 1e6*rates.Launch.Seconds(), 1e6*rates.Replay.Seconds(), rates.Bytes
	}
	if closed := driver.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	if d.NetworkBytes, err = networkBytes(); err != nil {
		return nil, err
	}
	for _, n := range checkups() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c := n.check(ctx, open)
		d.Healthy = d.Healthy && c.Problem == ""
		d.Checks = append(d.Checks, c)
	}
	return d, nil
}

// networkBytes is the device memory for one more network of the published preset.
func networkBytes() (int64, error) {
	program, err := graph.CompileSpec(graph.Spec{
		Sizes: []int{784, 100, 100, 10}, Batch: 20, Activation: kernels.ReLU, Costs: graph.PaperCosts(kernels.PerSynapse),
	}, kernels.DefaultAdam())
	if err != nil {
		return 0, err
	}
	members := make([]kernels.Member, 2)
	return cuda.Memory(program, members, nil) - cuda.Memory(program, members[:1], nil), nil
}

// checkup is a small network that uses some of the kernels.
type checkup struct {
	spec graph.Spec
	rho  float64
	rule kernels.Rule
}

// checkups cover every kernel: each sharing, likelihood and activation, every special case of the power law,
// layers that fit one block and layers that do not; in training, with frozen parameters, and under the rule Langevin;
// networks with positions and branches, and noise for every example.
func checkups() []checkup {
	var all []checkup
	rhos := []float64{0.5, 2. / 3, 4. / 3, 2, 0}
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		for i, sizes := range [][]int{{11, 3}, {37, 19, 5}, {300, 70, 9, 4}} {
			activation := kernels.ReLU
			if i == 1 && sharing%2 == 0 { // the sums of wide layers are too large for a meaningful comparison
				activation = kernels.Tanh
			}
			all = append(all, checkup{graph.Spec{
				Sizes: sizes, Batch: []int{1, 7, 20}[i], Sharing: sharing, Activation: activation,
				Likelihood: kernels.Likelihood((i + int(sharing)) % 2), Costs: graph.PaperCosts(sharing),
			}, rhos[(i+2*int(sharing))%len(rhos)], kernels.DefaultAdam()})
		}
	}
	for i, trained := range all[:6] {
		trained.rule = kernels.Accumulate{AtMu: i%2 == 1}
		all = append(all, trained)
	}
	for i, trained := range all[3:6] {
		trained.rule = kernels.Langevin{Delay: 2, Decay: 0.5 * float64(i%2)}
		all = append(all, trained)
	}
	for i, text := range []string{
		"conv 9 3x3 pad 1 tanh as a, conv 9 3x3 pad 1, add a tanh, pool 2, conv 4 1x1 tanh, dense",
		"conv 17 3x2 stride 2 pad 1 tanh, conv 3 2x2 gelu, pool 2 average, dense 6 tanh, dense",
	} {
		network, err := graph.ParseNetwork(text)
		if err != nil {
			panic(err) // the texts are constants
		}
		in := graph.Input{Picture: kernels.Picture{Height: 6, Width: 5, Channels: 2}, Arrangement: kernels.ByPlane}
		sharing := []kernels.Sharing{kernels.PerSynapse, kernels.PerLayer}[i]
		all = append(all, checkup{graph.Spec{
			Sizes: []int{in.Units(), 3}, Network: network, Input: in, Batch: 20, Sharing: sharing,
			Costs: graph.PaperCosts(sharing),
		}, 2, kernels.DefaultAdam()})
	}
	for _, each := range []checkup{all[1], all[4]} {
		each.spec.Draw = kernels.PerExample
		all = append(all, each)
	}
	return all
}

func (n checkup) String() string {
	what := fmt.Sprintf("%v, sigma per %v, %v", n.spec.Sizes, n.spec.Sharing, n.spec.Activation)
	if n.spec.Network != nil {
		what = fmt.Sprintf("%v, sigma per %v", n.spec.Network, n.spec.Sharing)
	}
	if n.spec.Draw != kernels.PerMinibatch {
		what += ", a draw per " + n.spec.Draw.String()
	}
	return fmt.Sprintf("%s, %v, batch %d, rho %.3g, %v", what, n.spec.Likelihood, n.spec.Batch, n.rho, n.rule)
}

// The tolerance for rounding after three steps, relative to the largest entry of a field. It is tight for the moments;
// it is wide for fields of a few entries, where noise and cost may nearly cancel, and for the parameters, because Adam
// divides rounding by rounding where a gradient nearly vanishes. That of a loss is tight, because single entries matter
// little.
const (
	momentTolerance    = 3e-5
	fewTolerance       = 3e-3
	parameterTolerance = 1e-2
	lossTolerance      = 1e-5
	sumTolerance       = 1e-5 // three minibatches, in which single examples may dominate
)

// check runs three steps of the network on both machines, twice on the GPU, and compares.
func (n checkup) check(ctx context.Context, open func() (cuda.Driver, error)) Check {
	c := Check{Network: n.String()}
	program, err := graph.CompileSpec(n.spec, n.rule)
	if err != nil {
		c.Problem = err.Error()
		return c
	}
	reference, err := n.run(ctx, program, func(members []kernels.Member, data *kernels.Data) (kernels.VM, error) {
		return cpu.OpenWith("portable", program, members, data, 1)
	})
	if err != nil {
		c.Problem = "CPU: " + err.Error()
		return c
	}
	onDevice := func(members []kernels.Member, data *kernels.Data) (kernels.VM, error) {
		driver, err := open()
		if err != nil {
			return nil, err
		}
		return cuda.OpenOn(driver, program, members, data)
	}
	first, err := n.run(ctx, program, onDevice)
	if err != nil {
		c.Problem = err.Error()
		return c
	}
	second, err := n.run(ctx, program, onDevice)
	if err != nil {
		c.Problem = err.Error()
		return c
	}
	if c.KernelDeviation, c.Problem = n.checkKernels(program, open); c.Problem != "" {
		return c
	}
	c.Repeats = first.equal(second)
	c.Deviation = first.deviation(reference)
	switch {
	case !c.Repeats:
		c.Problem = "two runs gave different bytes"
	case !(c.Deviation <= 1):
		c.Problem = fmt.Sprintf("deviates from the CPU by %.2g times the tolerance", c.Deviation)
	}
	return c
}

// checkKernels compares every kernel of a step with float64.
func (n checkup) checkKernels(p *kernels.Program, open func() (cuda.Driver, error)) (worst float64, problem string) {
	driver, err := open()
	if err != nil {
		return 0, err.Error()
	}
	members, data, states := n.input(p)
	deviations, err := cuda.Check(driver, p, members, data, states, 0)
	if err = errors.Join(err, driver.Close()); err != nil {
		return 0, err.Error()
	}
	// The tolerances are for noise and cost of equal size. Here their sizes are arbitrary, and in a sigma that all share
	// they may cancel down to a tenth.
	const slack = 10
	for _, d := range deviations {
		if e := d.Error / d.Tolerance / slack; !(e <= worst) {
			worst = e
		}
		if !(worst <= 1) && problem == "" {
			problem = d.String()
		}
	}
	return worst, problem
}

// outcome is the result on which two machines must agree.
type outcome struct {
	states []*kernels.State
	sums   []*kernels.Sums // nil if the network trains
	scores []kernels.Score
	nll    []float64
}

// input makes up two networks that differ in seed and c, and examples for them.
func (n checkup) input(p *kernels.Program) (members []kernels.Member, data *kernels.Data, states []*kernels.State) {
	members = []kernels.Member{
		{Seed: 1 << 40, C: 1e-4, Rho: n.rho, Lambda: 0.3, LearningRate: 1e-3, NoiseVariance: 0.2, Temperature: 0.1},
		{Seed: 7, C: 1e-3, Rho: n.rho, Lambda: 0.1, LearningRate: 2e-3, NoiseVariance: 0.1, Temperature: 0.2},
	}
	data = Data(5*p.Batch+3, p.Widths[0], p.Widths[p.Output])
	if p.Likelihood == kernels.Gaussian {
		data.Targets = make([]float32, data.N*p.Widths[p.Output])
		for i := range data.Targets {
			data.Targets[i] = float32(i%7) / 7
		}
	}
	for _, m := range members {
		states = append(states, noisyState(p.Layout, m.Seed))
	}
	return members, data, states
}

// run takes the networks through three steps and evaluates them.
func (n checkup) run(ctx context.Context, p *kernels.Program,
	open func([]kernels.Member, *kernels.Data) (kernels.VM, error)) (o outcome, err error) {
	members, data, states := n.input(p)
	vm, err := open(members, data)
	if err != nil {
		return o, err
	}
	defer func() {
		if closed := vm.Close(); err == nil {
			err = closed
		}
	}()
	for m, state := range states {
		if err := vm.Load(m, state); err != nil {
			return o, err
		}
	}
	progress, err := vm.Run(ctx, 0, 3)
	if err != nil {
		return o, err
	}
	if o.scores, err = vm.Evaluate(ctx, data, 3, 2); err != nil {
		return o, err
	}
	for m := range members {
		if progress[m].Diverged != nil {
			return o, fmt.Errorf("%v", progress[m].Diverged)
		}
		o.nll = append(o.nll, progress[m].NLL())
		state, err := vm.State(m)
		if err != nil {
			return o, err
		}
		o.states = append(o.states, state)
		if _, sums := p.Rule.(kernels.Accumulate); sums {
			s, err := vm.Sums(m)
			if err != nil {
				return o, err
			}
			o.sums = append(o.sums, s)
		}
	}
	return o, nil
}

// noisyState has means and sigmas of a size at which the noise matters and activations stay of order one.
func noisyState(l kernels.Layout, seed uint64) *kernels.State {
	s := kernels.NewState(l, 0)
	widest := 0
	for _, layer := range l.Layers {
		widest = max(widest, layer.Columns())
	}
	u := make([]float64, max(widest, len(s.Phi)))
	scale := math.Min(1, 2/math.Sqrt(float64(widest)))
	draw := func(field []float32, row, columns int, f func(u float64) float64) {
		kernels.Uniforms(u[:columns], kernels.Noise{Seed: seed, Stream: kernels.StreamAnalysis, Draw: uint32(len(field))},
			row)
		for k := range columns {
			field[k] = float32(f(u[k]))
		}
	}
	// Away from the kink of |mu|: rounding in three steps could move a mean to its other side.
	mu := func(u float64) float64 { return math.Copysign(0.02, u-0.5) + scale*(u-0.5) }
	phi := func(u float64) float64 { return kernels.SoftplusInverse(0.05 * scale * math.Pow(10, u)) }
	for n := range l.Rows() {
		draw(s.Mu[n.First:], n.Row, n.Columns(), mu)
		if l.Sharing == kernels.PerSynapse {
			draw(s.Phi[n.First:], n.Row, n.Columns(), phi)
		}
	}
	if l.Sharing != kernels.PerSynapse && len(s.Phi) > 0 {
		draw(s.Phi, 0, len(s.Phi), phi)
	}
	return s
}

// sumFields are the sums of a network.
func sumFields(s *kernels.Sums) [][]float64 {
	all := [][]float64{s.Gradient, s.Magnitude, s.Square, s.ExampleSquare}
	for _, in := range s.Inputs {
		all = append(all, in.Magnitude, in.Square)
	}
	return all
}

func (o outcome) equal(p outcome) bool {
	for m := range o.sums {
		for i, f := range sumFields(o.sums[m]) {
			if !slices.Equal(f, sumFields(p.sums[m])[i]) {
				return false
			}
		}
	}
	for m := range o.states {
		for i, f := range o.states[m].Fields() {
			if !slices.Equal(f, p.states[m].Fields()[i]) {
				return false
			}
		}
		if o.nll[m] != p.nll[m] || o.scores[m].LossSampled != p.scores[m].LossSampled {
			return false
		}
	}
	return true
}

// deviation is the worst deviation from a reference in units of the tolerances.
func (o outcome) deviation(want outcome) float64 {
	worst := 0.0
	note := func(e float64) {
		if !(e <= worst) {
			worst = e
		}
	}
	for m := range o.sums {
		for i, f := range sumFields(want.sums[m]) {
			scale := 0.0
			for _, v := range f {
				scale = max(scale, math.Abs(v))
			}
			for k, v := range sumFields(o.sums[m])[i] {
				note(math.Abs(v-f[k]) / scale / sumTolerance)
			}
		}
	}
	for m := range o.states {
		for i, f := range want.states[m].Fields() {
			scale := 0.0
			for _, v := range f {
				scale = max(scale, math.Abs(float64(v)))
			}
			if scale == 0 {
				continue
			}
			tolerance := momentTolerance
			switch {
			case i == 0 || i == 3: // mu, phi
				tolerance = parameterTolerance
			case len(f) < 10:
				tolerance = fewTolerance
			}
			for k, v := range o.states[m].Fields()[i] {
				note(math.Abs(float64(v)-float64(f[k])) / scale / tolerance)
			}
		}
		a, b := o.scores[m], want.scores[m]
		for _, pair := range [][2]float64{
			{o.nll[m], want.nll[m]}, {a.LossSampled, b.LossSampled}, {a.LossMean, b.LossMean},
			{a.LossPredictive, b.LossPredictive}, {a.LossExpectedLog, b.LossExpectedLog},
		} {
			note(math.Abs(pair[0]-pair[1]) / math.Max(math.Abs(pair[1]), 0.1) / lossTolerance)
		}
	}
	return worst
}
