package cuda

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"

	"quantal/kernels"
)

// KernelSet names the kernels this VM runs, for the record of a run.
const KernelSet = "cuda"

// VM trains, measures and tests M networks of one Program on a device. They take each step together; if not all members
// fit into the device's memory, they run in batches, one after the other.
type VM struct {
	kernels.Networks // States and Totals are stale for the members on the device
	driver           Driver
	kernels          map[string]Kernel
	shape            shape

	size     int            // members per batch
	most     int            // distinct seeds of a batch
	resident batch          // the members on the device
	slots    map[uint64]int // of their seeds
	seeds    []uint64       // by slot
	epoch    int            // whose order of examples is on the device, or -1
	orders   orders
	memory   memory
	owned    []Address
	counts   counts
	graphs   map[batch]Graph
}

// capabilities are those of the kernels in this package.
var capabilities = kernels.Capabilities{
	Machine: "cuda",
	Instructions: []kernels.Instruction{
		kernels.Gather{}, kernels.Sample{}, kernels.Forward{}, kernels.Loss{}, kernels.Backward{}, kernels.Update{},
		kernels.UpdateShared{}, kernels.UpdateSynapses{}, kernels.SumGradient{}, kernels.Fluctuate{},
		kernels.Convolve{}, kernels.ConvolveBackward{}, kernels.Pool{}, kernels.PoolBackward{}, kernels.Flatten{},
		kernels.FlattenBackward{}, kernels.Join{}, kernels.JoinBackward{}, kernels.Split{}, kernels.Merge{},
	},
	Rules: []kernels.Rule{kernels.Adam{}, kernels.SGD{}, kernels.Momentum{}, kernels.RMSprop{},
		kernels.Accumulate{}, kernels.Langevin{}},
	Activations: slices.Sorted(maps.Keys(activations)),
	Likelihoods: []kernels.Likelihood{kernels.Categorical, kernels.Gaussian},
	Sharings: []kernels.Sharing{kernels.PerSynapse, kernels.PerNeuron, kernels.PerLayer, kernels.PerNetwork,
		kernels.NoNoise},
	Draws:      kernels.Draws(),
	Convolved:  []kernels.Draw{kernels.PerMinibatch},
	CostPers:   kernels.CostPers(),
	Operations: kernels.Ops(),
}

// batch is a run of neighbouring members.
type batch struct{ from, to int }

func (b batch) len() int { return b.to - b.from }

func (b batch) String() string {
	if b.len() == 1 {
		return fmt.Sprintf("member %d", b.from)
	}
	return fmt.Sprintf("members %d to %d", b.from, b.to-1)
}

var _ kernels.VM = (*VM)(nil)

// OpenOn returns a VM on the given device. Close also closes the device, as does OpenOn if it fails. All states are
// zero until Load. Train may be nil for a VM that only evaluates.
func OpenOn(d Driver, p *kernels.Program, members []kernels.Member, train *kernels.Data) (*VM, error) {
	vm, err := open(d, p, members, train, nil)
	if err != nil {
		return nil, cmp.Or(err, d.Close())
	}
	return vm, nil
}

func open(d Driver, p *kernels.Program, members []kernels.Member, train *kernels.Data,
	ptx map[string]string) (*VM, error) {
	vm := &VM{driver: d, epoch: -1, orders: orders{data: train}, graphs: map[batch]Graph{}}
	var err error
	vm.Networks, err = capabilities.Open(p, members, train, func() error {
		vm.shape = newShape(p)
		return vm.shape.fits(d.Info(), train != nil)
	})
	if err != nil {
		return nil, err
	}
	if source := vm.shape.template(); source != "" {
		text, err := PTX(source)
		if err != nil {
			return nil, err
		}
		ptx = maps.Clone(ptx)
		if ptx == nil {
			ptx = map[string]string{}
		}
		ptx[source] = vm.shape.fill(text)
	}
	if vm.kernels, err = loadKernels(d, ptx); err != nil {
		return nil, err
	}
	free := d.Info().MemoryFree
	if vm.size = capacity(vm.shape, members, train, free); vm.size == 0 {
		return nil, fmt.Errorf("cuda: member 0 alone needs %d bytes of device memory, %d are free",
			need(vm.shape, members[:1], train), free)
	}
	if err := vm.allocate(); err != nil {
		return nil, cmp.Or(err, vm.release())
	}
	return vm, nil
}

// fits refuses sizes that kernels cannot count in 32 bits, and minibatches that a grid or the shared memory of the
// kernel loss cannot hold.
func (s shape) fits(gpu Info, training bool) error {
	for _, g := range s.Gradients() {
		if g.Window != nil && s.sums {
			return fmt.Errorf("cuda: no kernel for the sums of gradients of a convolution: layer %d", g.Layer)
		}
		standard, ok := g.Standard()
		first, _ := s.Gradients()[0].Standard()
		formulas := s.template() != ""
		if ok == formulas && !s.sums || formulas && !g.Slopes.Equal(s.Gradients()[0].Slopes) {
			return fmt.Errorf("cuda: layers 0 and %d have costs of other forms (%v, %v): a GPU takes one form for all", g.Layer,
				first, standard)
		}
	}
	if size := max(s.stateSize, s.totalSize); size > math.MaxInt32 {
		return fmt.Errorf("cuda: a network of %d synapses: its state and sums have room for %d numbers, the kernels "+
			"count at most %d",
			s.Layout.Synapses(), size, math.MaxInt32)
	}
	if !training {
		return nil
	}
	if s.Batch > maxInstances {
		return fmt.Errorf("cuda: a minibatch of %d examples: a GPU takes at most %d", s.Batch, maxInstances)
	}
	if need := lossBytes * s.Batch; need > gpu.Shared {
		return fmt.Errorf("cuda: a minibatch of %d examples: its losses take %d bytes of shared memory; this GPU has "+
			"%d, enough for %d",
			s.Batch, need, gpu.Shared, gpu.Shared/lossBytes)
	}
	for b, width := range s.Widths {
		if size := s.Batch * s.Slots(kernels.Buffer(b)); size > math.MaxInt32 {
			return fmt.Errorf("cuda: a minibatch of %d examples in a layer of %d neurons: that makes %d numbers, the "+
				"kernels count at most %d",
				s.Batch, width*s.RowsOf(kernels.Buffer(b)), size, math.MaxInt32)
		}
	}
	if s.partsSize > math.MaxInt32 {
		return fmt.Errorf("cuda: the gradients of a minibatch of %d examples in convolutions have %d numbers, the kernels "+
			"count at most %d", s.Batch, s.partsSize, math.MaxInt32)
	}
	return nil
}

// allocate reserves device memory for a batch and uploads what all members share.
func (vm *VM) allocate() error {
	for from := 0; from < len(vm.Members); from += vm.size {
		vm.most = max(vm.most, seeds(vm.Members[from:min(from+vm.size, len(vm.Members))]))
	}
	for _, r := range vm.memory.regions(vm.shape, vm.size, vm.most, vm.Train) {
		a, err := vm.driver.Alloc(int64(max(r.bytes, 1)))
		if err != nil {
			return fmt.Errorf("cuda: allocate %d bytes for %s of %d members: %w", r.bytes, r.name, vm.size, err)
		}
		*r.at = a
		vm.owned = append(vm.owned, a)
		if err := vm.driver.Zero(a, int64(max(r.bytes, 1))); err != nil {
			return fmt.Errorf("cuda: clear %s: %w", r.name, err)
		}
	}
	vm.shape.alias(vm.memory.values)
	vm.shape.alias(vm.memory.slopes)
	identity := make([]int32, vm.size)
	for i := range identity {
		identity[i] = int32(i)
	}
	if err := cmp.Or(vm.upload(vm.memory.identity, bytesOf(identity), "identity"),
		vm.upload(vm.memory.sampled, bytesOf(vm.sampledRecords()), "layers drawn ahead")); err != nil {
		return err
	}
	if vm.Train == nil {
		return nil
	}
	if err := vm.upload(vm.memory.inputs, inputBytes(vm.Train), "training inputs"); err != nil {
		return err
	}
	if err := vm.upload(vm.memory.answers, answerBytes(vm.shape.Likelihood, vm.Train), "training answers"); err != nil {
		return err
	}
	units := make([]float32, gradientRows*gradientRows)
	for i := range gradientRows {
		units[i*gradientRows+i] = 1
	}
	if vm.shape.drawsExamples {
		if err := vm.upload(vm.memory.ofSigma, bytesOf(vm.sigmaRecords()), "layers of sigmas"); err != nil {
			return err
		}
	}
	return cmp.Or(
		vm.uploadGroups(),
		vm.upload(vm.memory.gradients, bytesOf(vm.gradientRecords()), "gradients"),
		vm.upload(vm.memory.units, bytesOf(units), "unit vectors"),
		vm.upload(vm.memory.operations, bytesOf(vm.operationRecords()), "operations"),
		vm.counts.err,
	)
}

func inputBytes(d *kernels.Data) []byte {
	if d.Bytes != nil {
		return d.Bytes
	}
	return bytesOf(d.Floats)
}

func answerBytes(l kernels.Likelihood, d *kernels.Data) []byte {
	if l == kernels.Categorical {
		return d.Labels
	}
	return bytesOf(d.Targets)
}

// uploadGroups tells the device which rows share a sigma.
func (vm *VM) uploadGroups() error {
	layout, groups := vm.shape.Layout, vm.shape.Groups()
	if len(groups) == 0 {
		return nil
	}
	rows, synapses, layers := []int32{0}, []float32{}, []int32{}
	for _, g := range groups {
		end := rows[len(rows)-1]
		switch layout.Sharing {
		case kernels.PerNeuron:
			end++
		case kernels.PerLayer:
			end += int32(layout.Layers[g.Layer].Out)
		case kernels.PerNetwork:
			end = int32(vm.shape.rows)
		}
		rows, synapses, layers = append(rows, end), append(synapses, float32(g.Synapses)), append(layers, int32(g.Layer))
	}
	if err := vm.upload(vm.memory.rowsOf, bytesOf(rows), "rows of groups"); err != nil {
		return err
	}
	if err := vm.upload(vm.memory.synapses, bytesOf(synapses), "synapses of groups"); err != nil {
		return err
	}
	return vm.upload(vm.memory.layerOf, bytesOf(layers), "layers of groups")
}

func (vm *VM) upload(dst Address, src []byte, what string) error {
	if len(src) == 0 {
		return nil
	}
	if err := vm.driver.Upload(dst, src); err != nil {
		return fmt.Errorf("cuda: upload %s: %w", what, err)
	}
	return nil
}

// batches lists the members in the order in which they use the device, the ones already there first.
func (vm *VM) batches() []batch {
	var all []batch
	for from := 0; from < len(vm.Members); from += vm.size {
		b := batch{from, min(from+vm.size, len(vm.Members))}
		if b == vm.resident {
			all = append([]batch{b}, all...)
		} else {
			all = append(all, b)
		}
	}
	return all
}

// makeResident puts a batch on the device, and the states and sums of the one before back on the host.
func (vm *VM) makeResident(b batch) error {
	if vm.resident == b {
		return nil
	}
	for m := vm.resident.from; m < vm.resident.to; m++ {
		s, err := vm.download(m)
		if err != nil {
			return err
		}
		vm.States[m] = s
		if vm.hasSums() {
			if vm.Totals[m], err = vm.downloadSums(m); err != nil {
				return err
			}
		}
	}
	vm.resident, vm.epoch = b, -1
	vm.slots, vm.seeds = map[uint64]int{}, nil
	records, slots := make([]memberRecord, b.len()), make([]int32, b.len())
	var langevin []langevinRecord
	var prices []priceRecord
	var numbers []float32
	for i, m := range vm.Members[b.from:b.to] {
		if _, ok := vm.slots[m.Seed]; !ok {
			vm.slots[m.Seed] = len(vm.slots)
			vm.seeds = append(vm.seeds, m.Seed)
		}
		slots[i] = int32(vm.slots[m.Seed])
		records[i] = newMemberRecord(vm.shape.Program, m)
		if vm.Train != nil {
			prices, numbers = vm.shape.price(prices, numbers, m, vm.Fraction())
		}
		langevin = vm.shape.fluctuation(langevin, m, vm.Fraction())
		if err := vm.uploadMember(b.from + i); err != nil {
			return err
		}
	}
	if vm.Train != nil {
		if err := vm.upload(vm.memory.slots, bytesOf(slots), "slots"); err != nil {
			return err
		}
	}
	if vm.Train != nil {
		if err := cmp.Or(vm.upload(vm.memory.prices, bytesOf(prices), "prices"),
			vm.upload(vm.memory.numbers, bytesOf(numbers), "numbers of formulas")); err != nil {
			return err
		}
	}
	if vm.shape.langevin && vm.Train != nil {
		if err := vm.upload(vm.memory.langevin, bytesOf(langevin), "numbers of Langevin"); err != nil {
			return err
		}
	}
	return vm.upload(vm.memory.members, bytesOf(records), "members")
}

func (vm *VM) stateAddress(member int) Address {
	return vm.memory.state + Address(4*vm.shape.stateSize*(member-vm.resident.from))
}

// stateField is a field of a state: its name, and its position on the device in numbers.
type stateField struct {
	name string
	at   int
}

// fields are in the order of State.Fields.
func (s shape) fields() []stateField {
	var fields []stateField
	at := 0
	for _, param := range s.parameters() {
		for i := range param.fields {
			name := param.name
			if i > 0 {
				name += "." + s.moments[i-1]
			}
			fields = append(fields, stateField{name, at})
			at += param.slots
		}
	}
	return fields
}

func (vm *VM) uploadState(member int) error {
	image := make([]float32, vm.shape.stateSize)
	fields := vm.States[member].Fields()
	for i, f := range vm.shape.fields() {
		copy(image[f.at:], fields[i])
	}
	return vm.upload(vm.stateAddress(member), bytesOf(image), fmt.Sprintf("state of member %d", member))
}

// hasSums reports whether the members on the device have sums there.
func (vm *VM) hasSums() bool { return vm.Totals != nil && vm.Train != nil }

func (vm *VM) totalsAddress(member int) Address {
	return vm.memory.totals + Address(8*vm.shape.totalSize*(member-vm.resident.from))
}

// uploadMember puts a network's state and sums on the device.
func (vm *VM) uploadMember(member int) error {
	if err := vm.uploadState(member); err != nil || !vm.hasSums() {
		return err
	}
	image := make([]float64, 0, vm.shape.totalSize)
	for _, f := range vm.Totals[member].Fields() {
		image = append(image, f...)
	}
	return vm.upload(vm.totalsAddress(member), bytesOf(image), fmt.Sprintf("sums of member %d", member))
}

func (vm *VM) downloadSums(member int) (*kernels.Sums, error) {
	image := make([]float64, vm.shape.totalSize)
	if err := vm.driver.Download(bytesOf(image), vm.totalsAddress(member)); err != nil {
		return nil, fmt.Errorf("cuda: download sums of member %d: %w", member, err)
	}
	s := kernels.NewSums(vm.shape.Layout)
	s.Minibatches, s.Examples = vm.Totals[member].Minibatches, vm.Totals[member].Examples
	for _, f := range s.Fields() {
		image = image[copy(f, image):]
	}
	return s, nil
}

func (vm *VM) download(member int) (*kernels.State, error) {
	image := make([]float32, vm.shape.stateSize)
	if err := vm.driver.Download(bytesOf(image), vm.stateAddress(member)); err != nil {
		return nil, fmt.Errorf("cuda: download state of member %d: %w", member, err)
	}
	s := kernels.NewState(vm.shape.Layout, len(vm.shape.moments))
	fields := s.Fields()
	for i, f := range vm.shape.fields() {
		copy(fields[i], image[f.at:])
	}
	return s, nil
}

func (vm *VM) onDevice(member int) bool {
	return member >= vm.resident.from && member < vm.resident.to
}

// State returns a copy of a network's state. An error comes from the device.
func (vm *VM) State(member int) (*kernels.State, error) {
	if vm.onDevice(member) {
		return vm.download(member)
	}
	return vm.Networks.State(member)
}

// Parameters returns a network's state without moments. An error comes from the device.
func (vm *VM) Parameters(member int) (*kernels.State, error) {
	if !vm.onDevice(member) {
		return vm.Networks.Parameters(member)
	}
	s := kernels.NewState(vm.shape.Layout, 0)
	parameters := s.Fields()
	for _, f := range vm.shape.fields() {
		if strings.Contains(f.name, ".") { // a moment
			continue
		}
		if err := vm.driver.Download(bytesOf(parameters[0]), vm.stateAddress(member)+Address(4*f.at)); err != nil {
			return nil, fmt.Errorf("cuda: download %s of member %d: %w", f.name, member, err)
		}
		parameters = parameters[1:]
	}
	return s, nil
}

// Load sets a network's state.
func (vm *VM) Load(member int, s *kernels.State) error {
	if err := vm.Networks.Load(member, s); err != nil || !vm.onDevice(member) {
		return err
	}
	return vm.uploadMember(member)
}

// Sums returns a copy of a network's sums since its state was loaded.
func (vm *VM) Sums(member int) (*kernels.Sums, error) {
	s, err := vm.Networks.Sums(member)
	if err != nil || !vm.onDevice(member) || !vm.hasSums() {
		return s, err
	}
	return vm.downloadSums(member)
}

// Close frees the device.
func (vm *VM) Close() error { return cmp.Or(vm.release(), vm.driver.Close()) }

func (vm *VM) release() error {
	vm.orders.end()
	var all []error
	for _, g := range vm.graphs {
		all = append(all, g.Release())
	}
	for _, a := range vm.owned {
		all = append(all, vm.driver.Free(a))
	}
	vm.graphs, vm.owned, vm.resident = map[batch]Graph{}, nil, batch{}
	return cmp.Or(all...)
}

// Run takes every network through n steps from firstStep on.
func (vm *VM) Run(ctx context.Context, firstStep, n int) ([]kernels.Progress, error) {
	return vm.Steps(ctx, firstStep, n, func(progress []kernels.Progress) error {
		for _, b := range vm.batches() {
			if err := vm.makeResident(b); err != nil {
				return err
			}
			for first, end := range vm.Stretches(firstStep, n, chunkSteps) {
				if err := vm.chunk(first, end, progress); err != nil {
					return fmt.Errorf("cuda: steps %d to %d of %v: %w", first, end-1, b, err)
				}
			}
		}
		return nil
	})
}

// order puts the order of the examples in an epoch on the device, one per distinct seed.
func (vm *VM) order(epoch int) error {
	if vm.epoch == epoch {
		return nil
	}
	processors := runtime.GOMAXPROCS(0)
	index := vm.orders.take(vm.seeds, epoch, processors)
	if err := vm.upload(vm.memory.order, bytesOf(index), fmt.Sprintf("order of epoch %d", epoch)); err != nil {
		return err
	}
	vm.epoch = epoch
	// Batches of members go through the same epoch one after the other: which order comes next is not known here.
	if vm.resident.len() == len(vm.Members) {
		vm.orders.begin(vm.seeds, epoch+1, processors/2) // the others are left to other work on this machine
	}
	return nil
}

// chunk runs the steps [first, end) of one epoch for the members on the device, and then checks the result.
func (vm *VM) chunk(first, end int, progress []kernels.Progress) error {
	if err := vm.prepare(first, end); err != nil {
		return err
	}
	if err := vm.launchSteps(end - first); err != nil {
		return err
	}
	return vm.collect(first, end, progress)
}

// prepare uploads the inputs of the steps [first, end) of one epoch.
func (vm *VM) prepare(first, end int) error {
	perEpoch := vm.StepsPerEpoch()
	if err := vm.order(first / perEpoch); err != nil {
		return err
	}
	steps := make([]stepRecord, end-first+1) // and one that is gathered but not used, at the start of the epoch
	for i := range steps {
		step := first + i
		steps[i] = newStepRecord(vm.shape.Rule, step, step%perEpoch*vm.shape.Batch)
	}
	halts := make([]haltRecord, vm.resident.len())
	for i := range halts {
		if vm.Stopped[vm.resident.from+i] != nil {
			halts[i].loss = 1
		}
	}
	bad := make([]int32, len(halts)*len(vm.shape.Layout.Layers))
	return cmp.Or(
		vm.upload(vm.memory.steps, bytesOf(steps), "steps"),
		vm.upload(vm.memory.base, make([]byte, 4), "step index"),
		vm.upload(vm.memory.halts, bytesOf(halts), "flags"),
		vm.upload(vm.memory.bad, bytesOf(bad), "flags of layers"),
	)
}

// collect adds the losses of the steps [first, end) to progress and notes which networks diverged.
func (vm *VM) collect(first, end int, progress []kernels.Progress) error {
	n, count := end-first, vm.resident.len()
	halts, bad := make([]haltRecord, count), make([]int32, count*len(vm.shape.Layout.Layers))
	losses := make([]float32, n*count)
	if err := vm.driver.Download(bytesOf(losses), vm.memory.losses); err != nil {
		return err
	}
	if err := vm.driver.Download(bytesOf(halts), vm.memory.halts); err != nil {
		return err
	}
	if err := vm.driver.Download(bytesOf(bad), vm.memory.bad); err != nil {
		return err
	}
	for i := range count {
		m := vm.resident.from + i
		if vm.Stopped[m] != nil {
			continue
		}
		valid := n // steps whose loss counts
		switch h := halts[i]; {
		case h.loss != 0:
			valid = int(h.loss) - 1
			d, err := vm.explain(first+valid, i)
			if err != nil {
				return err
			}
			vm.Stopped[m] = d
		case h.gradient != 0:
			valid = int(h.gradient)
			layer := vm.firstBad(bad[i*len(vm.shape.Layout.Layers):], h.gradient)
			vm.Stopped[m] = &kernels.Divergence{Step: first + valid - 1, Layer: layer, What: "gradient"}
		}
		for step := range valid {
			progress[m].Losses = append(progress[m].Losses, float64(losses[step*count+i]))
		}
		vm.Summed(m, valid)
	}
	return nil
}

// launchSteps launches n steps: as many as possible as replays of a recorded graph, the others one by one.
func (vm *VM) launchSteps(n int) error {
	if vm.shape.fused { // the minibatches of later steps are already gathered
		if err := vm.launch([]Launch{vm.gatherTraining(vm.training(0))}); err != nil {
			return err
		}
	}
	if n >= graphSteps {
		g, ok := vm.graphs[vm.resident]
		if !ok {
			var launches []Launch
			for t := range graphSteps {
				launches = append(launches, vm.step(t)...)
			}
			launches = append(launches, vm.advance(graphSteps))
			if vm.counts.err != nil {
				return vm.counts.err
			}
			var err error
			if g, err = vm.driver.Record(launches); err != nil {
				return fmt.Errorf("record %d steps: %w", graphSteps, err)
			}
			vm.graphs[vm.resident] = g
		}
		for ; n >= graphSteps; n -= graphSteps {
			if err := vm.driver.Replay(g); err != nil {
				return fmt.Errorf("replay %d steps: %w", graphSteps, err)
			}
		}
	}
	for t := range n {
		if err := vm.launch(vm.step(t)); err != nil {
			return err
		}
	}
	return nil
}

func (vm *VM) launch(launches []Launch) error {
	if vm.counts.err != nil {
		return vm.counts.err
	}
	for _, l := range launches {
		if err := vm.driver.Launch(l); err != nil {
			return fmt.Errorf("launch %s: %w", l.Kernel.Name(), err)
		}
	}
	return nil
}

// firstBad is the layer whose dW came first, among those with a gradient that is not finite.
func (vm *VM) firstBad(bad []int32, mark int32) int {
	for _, instruction := range vm.shape.Instructions {
		if g, ok := kernels.GradientOf(instruction); ok && bad[g.Layer] == mark {
			return g.Layer
		}
	}
	return 0
}

// explain finds where a loss that is not finite came from. A network that halted keeps its state and its activations.
func (vm *VM) explain(step, i int) (*kernels.Divergence, error) {
	s, err := vm.download(vm.resident.from + i)
	if err != nil {
		return nil, err
	}
	return vm.shape.Explain(step, s, func(b kernels.Buffer) ([]float32, error) {
		y := make([]float32, vm.shape.Batch*vm.shape.Slots(b))
		return y, vm.driver.Download(bytesOf(y), vm.memory.values[b]+Address(4*len(y)*i))
	})
}
