package cuda

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"quantal/kernels"
)

// Tiles of the kernels, as their sources declare them.
const (
	batchTile      = 20 // examples
	groupColumns   = 64 // columns whose noise comes from 16 blocks of Philox
	forwardRows    = 20
	forwardColumns = 128
	backwardCols   = 32
	forwardTasks   = 10   // rows times groups of columns that a block draws ahead
	gatherValues   = 4096 // that a block of the middle kernel gathers
	gradientRows   = 16
	partSteps      = 8 // tiles of positions that a part of dW of a convolution takes at least
	mostParts      = 64
	partBlocks     = 256 // that form dW of a convolution, at most, unless one part has more
)

// chunkSteps is the number of steps after which the host checks the device, graphSteps how many of them one graph
// holds.
const (
	chunkSteps = 256
	graphSteps = 16
)

// evaluationBytes bounds the workspace of an evaluation, which takes as many groups of examples at a time as fit.
const evaluationBytes = 256 << 20

// Networks whose layers after the first have at most this many slots together, and small enough minibatches, use the
// middle kernel.
const (
	middleSlots = 1 << 16
	middleBatch = 256
)

// maxInstances is the limit of the second and third dimension of a grid.
const maxInstances = 65535

// lossBytes of shared memory hold the loss of an example.
const lossBytes = 4

func ceil(a, b int) int { return (a + b - 1) / b }

// shape holds the sizes that follow from the program.
type shape struct {
	*kernels.Program
	slots         int      // of mu
	phiSlots      int      // of a field of phi, rounded up to whole lines
	moments       []string // of each parameter, by name
	stateSize     int      // mu, phi and their moments of one member, in numbers
	wOffset       []int
	wSize         int   // stored weights of one member: the convolutions, and then the layers with a Backward
	shared        int   // of these, those of convolutions
	parts         []int // of dW of each layer; 0 unless it is a convolution
	partAt        []int // where they start in the parts of a member
	partsSize     int   // of all layers, in numbers
	rows          int   // neurons of all layers
	firstRow      []int
	sumGroups     int  // column groups of the widest layer
	partSize      int  // per instance and example: partial sums of the layer that needs the most
	sums          bool // whether the program adds up gradients
	langevin      bool // whether it moves mu by the rule Langevin
	inputs        int  // slots of one row of mu of every layer
	totalSize     int  // sums of one member, in numbers of 8 bytes: four of every slot and two of every input
	dataFirst     kernels.Buffer
	fused         bool // the middle kernel does the layers after the first
	examples      bool // every example has its own noise
	drawsExamples bool // and training draws it
	// Of a law that is not of the standard form: the slopes in two parts, see kernels.Formula.Hoist.
	priced              bool
	numbers, perSynapse kernels.Formula
	// Whether synapses have parameters of their own; the two formulas then are parts of all slopes.
	own bool
}

func newShape(p *kernels.Program) shape {
	s := shape{Program: p, slots: p.Layout.Slots(), phiSlots: ceil(p.Layout.PhiSize(), 16) * 16}
	s.moments, s.own = kernels.Moments(p.Rule), len(p.Layout.Parameters) > 0
	for _, param := range s.parameters() {
		s.stateSize += param.fields * param.slots
	}
	s.wOffset = make([]int, len(p.Layout.Layers))
	for i := range s.wOffset {
		s.wOffset[i] = -1
	}
	_, drawn := p.Rule.Draws()
	s.examples = p.Draw == kernels.PerExample && p.Layout.Sharing != kernels.NoNoise
	s.drawsExamples = s.examples && drawn
	store := func(layer int) {
		s.wOffset[layer] = s.wSize
		s.wSize += p.Layout.Layers[layer].Slots()
	}
	chain := true
	for _, instruction := range p.Instructions {
		switch i := instruction.(type) {
		case kernels.Gather:
			s.dataFirst = i.Dst
		case kernels.Convolve:
			store(i.Layer)
		}
		chain = chain && isOfChain(instruction)
	}
	s.shared = s.wSize
	for _, instruction := range p.Instructions {
		if i, ok := instruction.(kernels.Backward); ok && !s.drawsExamples {
			store(i.Layer)
		}
	}
	for _, g := range p.Gradients() {
		n := 0
		if g.Window != nil {
			n = gradientParts(p.Layout.Layers[g.Layer], p.Batch*g.Window.Output().Positions())
		}
		s.parts, s.partAt = append(s.parts, n), append(s.partAt, s.partsSize)
		s.partsSize += n * p.Layout.Layers[g.Layer].Slots()
	}
	for _, l := range p.Layout.Layers {
		s.firstRow = append(s.firstRow, s.rows)
		s.rows += l.Out
		s.inputs += l.Stride()
		s.sumGroups = max(s.sumGroups, ceil(l.Columns(), groupColumns))
		if slices := ceil(l.Columns(), forwardColumns); slices > 1 {
			s.partSize = max(s.partSize, slices*l.Out)
		}
	}
	if _, s.sums = p.Rule.(kernels.Accumulate); s.sums {
		s.totalSize = 4*s.slots + 2*s.inputs
	}
	_, s.langevin = p.Rule.(kernels.Langevin)
	if law := p.Gradients()[0].Law; s.own {
		s.numbers, s.perSynapse = law.Slopes.Hoist(append(slices.Clone(p.Layout.Parameters), kernels.InputDMu,
			kernels.InputDSigma)...)
	} else if !s.sums {
		_, standard := law.Standard()
		if s.priced = !standard; s.priced {
			s.numbers, s.perSynapse = law.Slopes.Hoist(kernels.InputMu, kernels.InputSigma)
		}
	}
	s.fused = chain && !s.examples && s.wSize == s.slots-p.Layout.Layers[0].Slots() && s.wSize <= middleSlots &&
		p.Batch <= middleBatch
	return s
}

// variances are the buffers whose pre-activations have variances, if every example has its own noise.
func (s shape) variances() iter.Seq[kernels.Buffer] {
	return func(yield func(kernels.Buffer) bool) {
		for _, instruction := range s.Instructions {
			if i, ok := instruction.(kernels.Forward); ok && s.examples && !yield(i.Dst) {
				return
			}
		}
	}
}

// isOfChain reports whether an instruction is one of a chain of dense layers.
func isOfChain(instruction kernels.Instruction) bool {
	switch instruction.(type) {
	case kernels.Gather, kernels.Sample, kernels.Forward, kernels.Loss, kernels.Backward, kernels.UpdateShared:
		return true
	}
	_, ok := kernels.GradientOf(instruction)
	return ok
}

// gradientParts is the number of parts in which dW of a convolution is formed, given the positions in a minibatch. It
// depends on nothing else, so that numbers do not.
func gradientParts(l kernels.Layer, positions int) int {
	return max(1, min(mostParts, partBlocks/gradientTiles(l), positions/(batchTile*partSteps)))
}

// origin is the buffer whose memory a buffer has: itself, unless it is one of a Split.
func (s shape) origin(b kernels.Buffer) kernels.Buffer {
	for _, instruction := range s.Instructions {
		if split, ok := instruction.(kernels.Split); ok && slices.Contains(split.Dsts, b) {
			return s.origin(split.Src)
		}
	}
	return b
}

// alias gives the buffers of a Split the address of their origin.
func (s shape) alias(addresses []Address) {
	for i := range addresses {
		addresses[i] = addresses[s.origin(kernels.Buffer(i))]
	}
}

// parameter is one in a state, with its moments: so many fields of so many numbers.
type parameter struct {
	name          string
	fields, slots int
}

// parameters are in the order of State.Fields.
func (s shape) parameters() []parameter {
	fields := 1 + len(s.moments)
	if !s.own {
		return []parameter{{"mu", fields, s.slots}, {"phi", fields, s.phiSlots}}
	}
	all := []parameter{{"mu", 1, s.slots}, {"phi", 1, s.phiSlots}}
	for _, name := range s.Layout.Parameters {
		all = append(all, parameter{name, fields, s.slots})
	}
	return all
}

// phiOffset is where phi starts in a state: after mu and its moments.
func (s shape) phiOffset() int { return s.parameters()[0].fields * s.slots }

// thetaOffset is where the parameters of synapses that have their own start.
func (s shape) thetaOffset() int { return s.slots + s.phiSlots }

// parity is the distance between the halves of the input buffer, in numbers, if there are two.
func (s shape) parity(seeds int, train *kernels.Data) int {
	return seeds * s.Batch * kernels.Stride(train.Width)
}

// region is a piece of device memory, in bytes.
type region struct {
	name  string
	bytes int
	at    *Address
}

// memory holds the addresses of the regions that stay on the device while the VM is open.
type memory struct {
	state, members, halts, bad, steps, base, losses Address
	slots, identity, order                          Address
	inputs, answers                                 Address
	values, deltas, slopes                          []Address
	part, weights, sums, parts, units               Address
	noise                                           []Address // of buffers: variances, and what is made of them
	spread, ofSigma                                 Address
	rowsOf, synapses, layerOf                       Address
	sampled, gradients, operations                  Address
	totals, langevin, prices, numbers               Address
}

// regions lists what the device holds for a number of members with the given number of distinct seeds.
func (m *memory) regions(s shape, members, seeds int, train *kernels.Data) []region {
	batch := s.Batch
	m.values, m.deltas = make([]Address, len(s.Widths)), make([]Address, len(s.Widths))
	m.slopes = make([]Address, len(s.Widths)) // 0 where they are not kept
	m.noise = make([]Address, len(s.Widths))  // 0 unless every example has its own
	regions := []region{
		{"states", 4 * s.stateSize * members, &m.state},
		{"members", bytesFor[memberRecord](members), &m.members},
		{"flags", bytesFor[haltRecord](members), &m.halts},
		{"flags of layers", 4 * len(s.Layout.Layers) * members, &m.bad},
		{"identity", 4 * members, &m.identity},
		{"base", 4, &m.base},
		{"steps", bytesFor[stepRecord](chunkSteps + 1), &m.steps},
		{"layers drawn ahead", bytesFor[sampledRecord](len(s.Layout.Layers)), &m.sampled},
	}
	if train == nil {
		return regions
	}
	regions = append(regions,
		region{"inputs", len(inputBytes(train)), &m.inputs},
		region{"answers", len(answerBytes(s.Likelihood, train)), &m.answers},
		region{"orders", 4 * train.N * seeds, &m.order},
		region{"slots", 4 * members, &m.slots},
		region{"losses", 4 * chunkSteps * members, &m.losses},
		region{"stored weights", 4 * s.wSize * members, &m.weights},
		region{"parts of gradients", 4 * s.partsSize * members, &m.parts},
		region{"unit vectors", 4 * gradientRows * gradientRows, &m.units},
		region{"gradients", bytesFor[gradientRecord](len(s.Layout.Layers)), &m.gradients},
		region{"prices", bytesFor[priceRecord](len(s.Layout.Layers) * members), &m.prices},
		region{"numbers of formulas", 4 * len(s.numbers.Outputs) * len(s.Layout.Layers) * members, &m.numbers},
		region{"operations", bytesFor[operationRecord](len(s.Instructions)), &m.operations},
		region{"partial sums", 4 * s.partSize * batch * members, &m.part},
	)
	for i := range s.Widths {
		b := kernels.Buffer(i)
		bytes := 4 * members * batch * s.Slots(b)
		if b == s.dataFirst {
			bytes = 4 * seeds * batch * s.Slots(b)
			if s.fused {
				bytes *= 2 // the next minibatch is gathered at the same time
			}
		} else {
			regions = append(regions, region{fmt.Sprintf("gradient of buffer %d", b), bytes, &m.deltas[b]})
		}
		if s.origin(b) != b {
			continue
		}
		regions = append(regions, region{fmt.Sprintf("buffer %d", b), bytes, &m.values[b]})
		if s.KeepsSlope(b) {
			regions = append(regions, region{fmt.Sprintf("slopes of buffer %d", b), bytes, &m.slopes[b]})
		}
	}
	if s.drawsExamples {
		for b := range s.variances() {
			regions = append(regions, region{fmt.Sprintf("noise of buffer %d", b), 4 * members * batch * s.Slots(b),
				&m.noise[b]})
		}
		regions = append(regions, region{"gradients of sigmas", 4 * s.slots * members, &m.spread},
			region{"layers of sigmas", bytesFor[gradientRecord](len(s.Layout.Layers)), &m.ofSigma})
	}
	if s.sums {
		regions = append(regions, region{"sums", 8 * s.totalSize * members, &m.totals})
	}
	if s.langevin {
		regions = append(regions, region{"numbers of Langevin", bytesFor[langevinRecord](len(s.Layout.Layers) * members),
			&m.langevin})
	}
	if groups := len(s.Layout.Groups()); groups > 0 {
		regions = append(regions,
			region{"sigma gradients", 4 * s.rows * s.sumGroups * members, &m.sums},
			region{"rows of groups", 4 * (groups + 1), &m.rowsOf},
			region{"synapses of groups", 4 * groups, &m.synapses},
			region{"layers of groups", 4 * groups, &m.layerOf},
		)
	}
	return regions
}

// total adds regions, each rounded up to the alignment of allocations.
func total(regions []region) int64 {
	sum := int64(0)
	for _, r := range regions {
		sum += int64(ceil(max(r.bytes, 1), 256)) * 256
	}
	return sum
}

// seeds counts the distinct seeds.
func seeds(members []kernels.Member) int {
	distinct := map[uint64]bool{}
	for _, m := range members {
		distinct[m.Seed] = true
	}
	return len(distinct)
}

// Memory is the number of bytes that a device needs to hold all members at once: parameters, sums, training data,
// minibatches, and the workspace of evaluations, with a test set at most as large as the training set. Members that do
// not fit together are trained in batches, one after the other, at the cost of copying their states.
func Memory(p *kernels.Program, members []kernels.Member, train *kernels.Data) int64 {
	return need(newShape(p), members, train)
}

func need(s shape, members []kernels.Member, train *kernels.Data) int64 {
	var m memory
	regions := m.regions(s, len(members), seeds(members), train)
	least := tester{shape: s, members: len(members), outcomes: s.Widths[s.Output], draws: 1} // a group at once
	sum := total(regions) + max(evaluationBytes, total(least.regions(1)))
	if train != nil {
		sum += int64(len(inputBytes(train)) + len(answerBytes(s.Likelihood, train))) // a test set
	}
	return sum
}

// Capacity is the largest n such that any n consecutive members fit into the given memory, in bytes, and into the
// kernels' counters; 0 if not even one does.
func Capacity(p *kernels.Program, members []kernels.Member, train *kernels.Data, free int64) int {
	return capacity(newShape(p), members, train, free)
}

// capacity is the largest n such that any n consecutive members fit into the given memory.
func capacity(s shape, members []kernels.Member, train *kernels.Data, free int64) int {
	fits := func(n int) bool {
		for from := 0; from < len(members); from += n {
			together := members[from:min(from+n, len(members))]
			if need(s, together, train) > free {
				return false
			}
			// The kernels count in 32 bits.
			if train != nil && s.fused && s.parity(seeds(together), train) > math.MaxInt32 {
				return false
			}
		}
		return true
	}
	n := min(len(members), maxInstances)
	if fits(n) {
		return n
	}
	low, high := 0, n // low fits, high does not
	for high-low > 1 {
		if mid := (low + high) / 2; fits(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low
}
