package cuda

import (
	"fmt"
	"math"
	"unsafe"

	"quantal/kernels"
)

// The kinds of operationRecord.
const (
	activateOperation = iota
	forwardOperation
	lossOperation
	backwardOperation
)

// What the kernels take, as src/records.cuh declares and describes it: there memberRecord is Member, forwardParameters
// ForwardParameters. Fields have the same names in the same order.
type (
	memberRecord struct {
		key0, key1         uint32
		variance, constant float32
	}
	priceRecord struct{ magnitude, reliability, rho, rate, decay float32 }
	stepRecord  struct {
		step, first                                               uint32
		rate, root, beta1, gain1, beta2, gain2, epsilon, schedule float32
	}
	langevinRecord struct{ rate, amplitude float32 }
	haltRecord     struct{ loss, gradient int32 }
	figuresRecord  struct{ nll, correct float32 }
	sampledRecord  struct {
		in, out, muOffset, phiOffset, phiStride, wOffset, layer, firstTask int32
	}
	gradientRecord struct {
		x, xslot, dy                                             Address
		in, out, muOffset, phiOffset, layer, firstRow, firstTile int32
		parity, xSize, dySize                                    int32
	}
	operationRecord struct {
		kind, in, out, activation, wOffset, slices int32
		x, y, slope, dy, dx                        Address
	}

	clock struct {
		steps, base, halts Address
		t                  int32
	}
	layers struct {
		gradients, bad Address
		count, batch   int32
	}
	answers   struct{ labels, targets Address }
	minibatch struct {
		x, bytes, floats, order Address
		n, width, batch, parity int32
		scale, shift            float32
	}

	window struct {
		height, width, channels, rows, columns, step, pad, position, channel, slots, outHeight, outWidth int32
	}

	copyParameters struct {
		to, from Address
		n        int32
	}
	advanceParameters struct {
		base  Address
		steps int32
	}
	gatherParameters struct {
		clock     clock
		minibatch minibatch
	}
	forwardParameters struct {
		clock                                                   clock
		members, state, x, xslot, y, slope                      Address
		part, w, sampledW, sampled                              Address
		sampledCount, stateSize, muOffset, phiOffset, phiStride int32
		in, out, batch, groups, wSize, activation, parity       int32
		streamLayer, draw0, drawStride                          uint32
	}
	activateParameters struct {
		clock                                  clock
		y, slope, part                         Address
		out, batch, groups, slices, activation int32
	}
	lossParameters struct {
		clock                                      clock
		answers                                    answers
		members, order, slots, y, slope, d, losses Address
		n, out, batch, activation, closed          int32
	}
	middleParameters struct {
		clock                                                 clock
		answers                                               answers
		next                                                  minibatch
		operations, members, slots, part, w, losses           Address
		operationCount, memberCount, slotCount, wSize, closed int32
	}
	backwardParameters struct {
		clock                             clock
		dy, w, x, dx                      Address
		in, out, batch, wSize, activation int32
	}
	convolveParameters struct {
		clock                                     clock
		x, xslot, y, slope, w                     Address
		window                                    window
		in, out, batch, groups, wSize, activation int32
	}
	convolveBackParameters struct {
		clock                         clock
		dy, w, x, dx                  Address
		window                        window
		out, batch, wSize, activation int32
	}
	convolveGradientParameters struct {
		clock                         clock
		x, xslot, dy, dw              Address
		window                        window
		in, out, batch, parts, dwSize int32
	}
	convolveReduceParameters struct {
		clock                clock
		dw                   Address
		slots, parts, dwSize int32
	}
	poolParameters struct {
		clock                  clock
		x, xslot, y            Address
		window                 window
		batch, groups, average int32
	}
	poolBackParameters struct {
		clock                      clock
		dy, y, x, of, dx           Address
		window                     window
		batch, average, activation int32
	}
	flattenParameters struct {
		clock                              clock
		x, xslot, y                        Address
		positions, channels, batch, groups int32
	}
	flattenBackParameters struct {
		clock                                  clock
		dy, of, dx                             Address
		positions, channels, batch, activation int32
	}
	joinParameters struct {
		clock                                      clock
		left, right, leftSlot, rightSlot, y, slope Address
		rows, width, groups, activation            int32
	}
	joinBackParameters struct {
		clock                   clock
		left, right, of, dx     Address
		rows, width, activation int32
	}
	exampleForwardParameters struct {
		clock                                                             clock
		state, x, xslot, y, v                                             Address
		stateSize, muOffset, phiOffset, phiStride, in, out, batch, groups int32
	}
	exampleNoiseParameters struct {
		clock                          clock
		members, y, slope, v           Address
		out, batch, groups, activation int32
		streamLayer, draw0, drawStride uint32
	}
	exampleSlopesParameters struct {
		clock      clock
		dy, v      Address
		out, batch int32
	}
	exampleBackParameters struct {
		clock                                                                 clock
		state, dy, v, x, of, dx                                               Address
		stateSize, muOffset, phiOffset, phiStride, in, out, batch, activation int32
	}
	exampleGradientParameters struct {
		clock                       clock
		layers                      layers
		state, spread               Address
		stateSize, phiStride, slots int32
	}
	updateParameters struct {
		clock                                         clock
		layers                                        layers
		members, prices, numbers, spread, state, sums Address
		stateSize, muSlots, phiSlots, rows, sumGroups int32
		phiStride, numberCount                        int32
		stream                                        uint32
	}
	learnParameters struct {
		clock                                   clock
		layers                                  layers
		members, prices, numbers, spread, state Address
		stateSize, thetaOffset, slots           int32
		parameters, numberCount                 int32
		stream                                  uint32
	}
	updateSigmaParameters struct {
		clock                                           clock
		layers                                          layers
		members, prices                                 Address
		rowsOf, synapses, layerOf, sums, state          Address
		stateSize, phiOffset, phiSlots, rows, sumGroups int32
	}
	accumulateParameters struct {
		clock                      clock
		layers                     layers
		totals                     Address
		totalSize, muSlots, inputs int32
	}
	langevinParameters struct {
		clock                                    clock
		layers                                   layers
		members, langevin, prices, numbers       Address
		state                                    Address
		stateSize, phiStride, numberCount, noise int32
		stream                                   uint32
	}
	scoreParameters struct {
		answers               answers
		members, y, result    Address
		first, n, out, groups int32
	}
	mixtureAddParameters struct {
		answers                               answers
		members, y, mixture                   Address
		first, n, out, outcomes, groups, draw int32
	}
	mixtureScoreParameters struct {
		answers                           answers
		mixture, result                   Address
		first, n, outcomes, groups, draws int32
	}
)

// bytesFor is the memory for n records.
func bytesFor[T any](n int) int {
	var record T
	return n * int(unsafe.Sizeof(record))
}

// counts converts numbers of the host to the 32 bits of the kernels. err names the first that does not fit.
type counts struct{ err error }

func (c *counts) of(n int) int32 {
	if int(int32(n)) != n && c.err == nil {
		c.err = fmt.Errorf("the number %d: the kernels count from %d to %d", n, math.MinInt32, math.MaxInt32)
	}
	return int32(n)
}

// price appends the prices of a member in all layers, with its learning rates, and the numbers of a formula.
func (s shape) price(prices []priceRecord, numbers []float32, m kernels.Member, fraction float64) ([]priceRecord,
	[]float32) {
	for _, g := range s.Gradients() {
		m, fraction := m.Layer(g.Layer), fraction*float64(s.Times(g.Layer))
		price := priceRecord{rate: float32(m.LearningRate), decay: float32(m.LearningRate * m.WeightDecay)}
		if s.template() == "" {
			u := kernels.NewSlopes[float32](g.Law, m, fraction)
			price.magnitude, price.reliability, price.rho = u.Magnitude, u.Reliability, u.Rho
		}
		if prices = append(prices, price); s.template() == "" {
			continue
		}
		f := m.Bind(s.numbers).Bind(map[string]float64{kernels.InputFraction: fraction})
		for _, v := range kernels.Eval[float64](f) {
			numbers = append(numbers, float32(v))
		}
	}
	return prices, numbers
}

func newMemberRecord(p *kernels.Program, m kernels.Member) memberRecord {
	outputs := p.Widths[p.Output]
	return memberRecord{
		key0: uint32(m.Seed), key1: uint32(m.Seed >> 32), variance: float32(m.NoiseVariance),
		constant: float32(float64(outputs) * math.Log(2*math.Pi*float64(float32(m.NoiseVariance))) / 2),
	}
}

// fluctuation appends what the schedule does not change for a member in all layers: the numbers of steps of one size.
func (s shape) fluctuation(records []langevinRecord, m kernels.Member, fraction float64) []langevinRecord {
	for l := range s.Layout.Layers {
		u := kernels.NewLangevinStep(kernels.Langevin{}, m.Layer(l), kernels.Slopes[float32]{}, fraction, 0)
		records = append(records, langevinRecord{rate: u.Rate, amplitude: u.Noise})
	}
	return records
}

func newStepRecord(rule kernels.Rule, step, first int) stepRecord {
	r := stepRecord{step: uint32(step), first: uint32(first)}
	switch rule := rule.(type) {
	case kernels.Langevin:
		size := rule.Schedule(step)
		r.rate, r.root = float32(size), float32(math.Sqrt(size))
	case kernels.Mover:
		c, schedule := rule.Constants(step), rule.RateAt(step)
		r.rate, r.root, r.epsilon = float32(schedule/c.Correction), float32(c.Root), float32(c.Epsilon)
		r.schedule = float32(schedule)
		r.beta1, r.gain1, r.beta2, r.gain2 = float32(c.Beta1), float32(c.Gain1), float32(c.Beta2), float32(c.Gain2)
	}
	return r
}

// bytesOf views numbers or records as the bytes a little-endian device sees.
func bytesOf[T any](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}
