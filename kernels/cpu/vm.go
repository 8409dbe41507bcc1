package cpu

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"quantal/internal/fault"
	"quantal/internal/memory"
	"quantal/kernels"
)

// VM trains, measures and tests M networks of one Program.
type VM struct {
	kernels.Networks
	slopes   [][]kernels.Slopes[float32] // of the costs: by member and layer
	pricings [][]*pricing                // of costs that are formulas; nil for others
	learning [][]*learning               // of synapses with parameters of their own
	orders   map[uint64]*order           // per distinct seed
	set      *kernelSet
	workers  []*worker // for training: as many as networks can train at the same time
	testers  []*worker // for evaluation: one per thread, made when first needed
}

// capabilities are those of all kernel sets.
var capabilities = kernels.Capabilities{
	Machine: "cpu",
	Instructions: []kernels.Instruction{
		kernels.Gather{}, kernels.Sample{}, kernels.Forward{}, kernels.Loss{}, kernels.Backward{}, kernels.Update{},
		kernels.UpdateShared{}, kernels.UpdateSynapses{},
		kernels.SumGradient{}, kernels.Fluctuate{},
		kernels.Convolve{}, kernels.ConvolveBackward{}, kernels.Pool{}, kernels.PoolBackward{}, kernels.Flatten{},
		kernels.FlattenBackward{}, kernels.Join{}, kernels.JoinBackward{}, kernels.Split{}, kernels.Merge{},
	},
	Rules: []kernels.Rule{kernels.Adam{}, kernels.SGD{}, kernels.Momentum{}, kernels.RMSprop{},
		kernels.Accumulate{}, kernels.Langevin{}},
	Activations: kernels.Activations(),
	Likelihoods: []kernels.Likelihood{kernels.Categorical, kernels.Gaussian},
	Sharings: []kernels.Sharing{kernels.PerSynapse, kernels.PerNeuron, kernels.PerLayer, kernels.PerNetwork,
		kernels.NoNoise},
	Draws:      kernels.Draws(),
	Convolved:  kernels.Draws(),
	CostPers:   kernels.CostPers(),
	Operations: kernels.Ops(),
}

// smallestEpsilon keeps the denominators of Adam's steps so large that the product of two of them is a normal float32.
const smallestEpsilon = 1e-15

// order is the order of the training examples in one epoch.
type order struct {
	epoch int
	index []int32
}

var _ kernels.VM = (*VM)(nil)

// Open returns a VM for the program with one state per member, all zero until Load. For threads see kernels.Threads.
// train may be nil for a VM that only evaluates. The kernels are those that Kernels names.
func Open(p *kernels.Program, members []kernels.Member, train *kernels.Data, threads int) (*VM, error) {
	set, err := choose()
	if err != nil {
		return nil, err
	}
	return open(set, p, members, train, threads)
}

// OpenWith is Open with the kernel set of the given name, one of KernelSets.
func OpenWith(set string, p *kernels.Program, members []kernels.Member, train *kernels.Data, threads int) (*VM, error) {
	for _, s := range available() {
		if s.name == set {
			return open(s, p, members, train, threads)
		}
	}
	return nil, fmt.Errorf("cpu: kernel set %q: want one that this processor runs: %s", set,
		strings.Join(KernelSets(), ", "))
}

func open(set *kernelSet, p *kernels.Program, members []kernels.Member, train *kernels.Data, threads int) (*VM, error) {
	if threads < 0 {
		return nil, fmt.Errorf("cpu: want 0 or more threads, got %d", threads)
	}
	threads = kernels.Threads(threads)
	networks, err := capabilities.Open(p, members, train, func() error {
		if a, ok := p.Rule.(kernels.Adam); ok && a.Epsilon < smallestEpsilon {
			return fmt.Errorf("cpu: Adam's epsilon is %g: want at least %g", a.Epsilon, smallestEpsilon)
		}
		for _, i := range p.Instructions {
			if sum, ok := i.(kernels.SumGradient); ok && sum.Window != nil {
				return fmt.Errorf("cpu: no kernel for the sums of gradients of a convolution: %v", sum)
			}
		}
		what := "the network " + sizesText(p.Layout)
		if len(members) > 1 {
			what = fmt.Sprintf("%d networks %s", len(members), sizesText(p.Layout))
		}
		return memory.Check(what, Memory(p, len(members), threads))
	})
	if err != nil {
		return nil, err
	}
	vm := &VM{
		Networks: networks, set: set, orders: map[uint64]*order{}, workers: make([]*worker, min(threads, len(members))),
		testers: make([]*worker, threads),
	}
	_, trains := p.Rule.(kernels.Mover)
	for _, m := range members {
		slopes := kernels.NewLayerSlopes[float32](p, m, vm.Fraction())
		pricings := make([]*pricing, len(slopes))
		for l, s := range slopes {
			if p.Layout.Parameters == nil {
				pricings[l] = newPricing(set, s.Formula, p.Layout.Sharing, trains)
			}
		}
		vm.slopes, vm.pricings = append(vm.slopes, slopes), append(vm.pricings, pricings)
		if p.Layout.Parameters != nil {
			vm.learning = append(vm.learning, newLearning(set, p, slopes))
		}
	}
	for i := range vm.workers {
		shares, running := threads/len(vm.workers), min(threads, runtime.GOMAXPROCS(0))/len(vm.workers)
		vm.workers[i] = newWorker(p, set, p.Batch, shares, max(1, running))
	}
	return vm, nil
}

// Memory is about the number of bytes that a VM needs: the states and sums of its members, and for each thread a set of
// weights and slopes, and the activations of a minibatch. The sizes may be larger than any machine's memory.
func Memory(p *kernels.Program, members, threads int) float64 {
	threads = kernels.Threads(threads)
	slots, phi := float64(p.Layout.Slots()), float64(p.Layout.PhiSize())
	member := 4 * float64(1+len(kernels.Moments(p.Rule))) * (slots + phi)
	if n := len(p.Layout.Parameters); n > 0 {
		member = 4 * (float64(n*(1+len(kernels.Moments(p.Rule))))*slots + slots + phi)
	}
	if _, sums := p.Rule.(kernels.Accumulate); sums {
		member += 8 * 4 * slots
	}
	worker := func(p *kernels.Program, batch int) float64 {
		fields := 2. // the weights and the slopes of sigma
		if p.Layout.Sharing == kernels.PerSynapse {
			fields = 4 // the costs, and sigma if it is frozen
		}
		bytes := 4 * fields * slots
		_, places := p.Places()
		for _, n := range places {
			bytes += 4 * float64(batch) * float64(n)
		}
		kept := 0. // slopes, all of them or, if nothing reads them, the largest
		for i := range p.Widths {
			n := 4 * float64(batch) * float64(p.Slots(kernels.Buffer(i)))
			if fields = 0; p.GoesBack() {
				fields++
			}
			if p.KeepsSlope(kernels.Buffer(i)) {
				if kept = max(kept, n); p.GoesBack() {
					fields++
				}
			}
			bytes += fields * n
		}
		if !p.GoesBack() {
			bytes += kept
		}
		if p.Draw == kernels.PerExample {
			bytes += examplesMemory(p, batch)
		}
		return bytes
	}
	workers := min(threads, members)
	training := worker(p, p.Batch) + windowMemory(p, p.Batch, max(1, min(threads, runtime.GOMAXPROCS(0))/workers))
	if p.PricesMeans() && p.Layout.Sharing == kernels.PerSynapse {
		training += 4 * slots
	}
	training *= float64(workers)
	inference := p.Inference()
	testing := worker(inference, kernels.EvaluationGroup) + windowMemory(inference, kernels.EvaluationGroup, 1)
	return float64(members)*member + training + testing*float64(threads)
}

// sizesText is the sizes of a network's layers, as in 784-100-100-10.
func sizesText(l kernels.Layout) string {
	text := fmt.Sprint(l.Layers[0].In)
	for _, layer := range l.Layers {
		text += fmt.Sprintf("-%d", layer.Out)
	}
	return text
}

// Kernels returns the name of the kernel set the VM runs, for the record of a run.
func (vm *VM) Kernels() string { return vm.set.name }

// Close frees the states.
func (vm *VM) Close() error {
	vm.Networks, vm.workers, vm.testers, vm.orders = kernels.Networks{}, nil, nil, nil
	return nil
}

// Run takes every network through n steps from firstStep on.
func (vm *VM) Run(ctx context.Context, firstStep, n int) ([]kernels.Progress, error) {
	return vm.Steps(ctx, firstStep, n, func(progress []kernels.Progress) error {
		for first, end := range vm.Stretches(firstStep, n, n) {
			vm.order(first / vm.StepsPerEpoch())
			spread(len(vm.workers), len(vm.Members), func(thread, m int) {
				if w := vm.workers[thread]; vm.Stopped[m] == nil {
					w.together(func() { vm.Stopped[m] = w.train(vm, m, first, end, &progress[m].Losses) })
				}
			})
		}
		return nil
	})
}

// order makes sure that vm.orders holds the given epoch for every seed.
func (vm *VM) order(epoch int) {
	var stale []uint64
	for _, m := range vm.Members {
		o := vm.orders[m.Seed]
		if o == nil {
			o = &order{epoch: -1, index: make([]int32, vm.Train.N)}
			vm.orders[m.Seed] = o
		}
		if o.epoch != epoch {
			o.epoch = epoch
			stale = append(stale, m.Seed)
		}
	}
	spread(len(vm.workers), len(stale), func(_, i int) {
		vm.Train.Order(vm.orders[stale[i]].index, stale[i], epoch)
	})
}

// spread calls f for the jobs 0 to n-1 on several threads. Which thread takes which job does not matter: a worker holds
// nothing that outlives a job. A panic in a job is raised again here.
func spread(threads, n int, f func(thread, job int)) {
	var next atomic.Int64
	work := func(thread int) error {
		for {
			job := int(next.Add(1)) - 1
			if job >= n {
				return nil
			}
			f(thread, job)
		}
	}
	var g errgroup.Group
	for thread := 1; thread < min(threads, n); thread++ {
		g.Go(fault.Guarded(func() error { return work(thread) }))
	}
	own := fault.Guard(func() error { return work(0) })
	if err := cmp.Or(own, g.Wait()); err != nil {
		panic(err)
	}
}
