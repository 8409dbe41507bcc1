package conformance

import (
	"iter"
	"math"
	"math/rand/v2"

	"quantal/graph"
	"quantal/kernels"
)

// Reference runs one network in float64, written straight from the equations: it shares the noise, and nothing else,
// with the machines. Its state is [layer][out][in+1], phi one per group.
type Reference struct {
	n          *Network
	index      int // of the member
	member     kernels.Member
	first      int
	steps      int
	nll        float64 // summed over the steps
	mu         [][][]float64
	muMoments  [][][]moments
	phi        []float64 // in the order of the groups; per synapse: layers, rows, columns
	phiMoments []moments
	theta      [3][][][]float64 // of quantal synapses; mu and phi follow
	ofTheta    [3][][][]moments
	sums       *kernels.Sums
	flaw       string             // a planted fault
	rounding   *rand.Rand         // of random rounding; nil for none
	allowed    map[string]float64 // the tolerance, once it is measured
	layers     []kernels.Layer
	shaped     []graph.Shaped // of a graph.Network
}

type moments struct{ m, v float64 }

func (a moments) named(name string) float64 { return map[string]float64{"m": a.m, "v": a.v}[name] }

// After returns all members after some steps from their start. A flaw is the name of a fault.
func (n *Network) After(first, count int, flaw string) []*Reference {
	var all []*Reference
	for m := range n.Members {
		r := n.reference(m, flaw)
		r.run(first, count)
		all = append(all, r)
	}
	return all
}

// run makes steps.
func (r *Reference) run(first, count int) {
	r.first = first
	for step := first; step < first+count; step++ {
		switch rule := r.n.Program.Rule.(type) {
		case kernels.Mover:
			r.train(step)
		case kernels.Accumulate:
			r.accumulate(rule.AtMu, step)
		case kernels.Langevin:
			r.fluctuate(rule, step)
		}
		r.steps++
	}
}

// rounded are the reference without a flaw after the same steps, in runs with random rounding.
func (r *Reference) rounded() iter.Seq[*Reference] {
	return func(yield func(*Reference) bool) {
		for i := range roundedRuns {
			c := r.n.reference(r.index, "")
			c.rounding = rand.New(rand.NewPCG(uint64(i), 0))
			c.run(r.first, r.steps)
			if !yield(c) {
				return
			}
		}
	}
}

// round is a number as a sum in float32 may leave it, if the sizes of its terms add up to the given one.
func (r *Reference) round(v, size float64) float64 {
	if r.rounding == nil {
		return v
	}
	return v + 0x1p-24*math.Abs(size)*r.rounding.NormFloat64()
}

// stored is a number as float32 holds it, the same each time: equal steps are rounded in the same direction.
func (r *Reference) stored(v float64) float64 {
	if r.rounding == nil {
		return v
	}
	return float64(float32(v))
}

// reference is a member at its start.
func (n *Network) reference(member int, flaw string) *Reference {
	r := &Reference{n: n, index: member, member: n.Members[member], flaw: flaw, sums: kernels.NewSums(n.Program.Layout)}
	layout, s := n.Program.Layout, n.Start[member]
	r.layers = n.Layout().Layers
	if n.Network != nil {
		r.shaped, _ = n.Network.Shape(n.Input, n.Sizes[1]) // it has been compiled
	}
	r.mu = r.zeros()
	r.each(r.mu, func(l, row, k int, _ float64) {
		r.mu[l][row][k] = float64(s.Mu[layout.Slot(l, row, k)])
		if n.Sharing == kernels.NoNoise {
			return
		}
		if g := r.group(l, row, k); g == len(r.phi) {
			r.phi = append(r.phi, float64(s.Phi[layout.PhiOffset(l)+layout.Layers[l].PhiIndex(n.Sharing, row, k)]))
		}
	})
	r.muMoments = r.zeroMoments()
	r.phiMoments = make([]moments, len(r.phi))
	for i := range s.Theta {
		r.theta[i], r.ofTheta[i] = r.zeros(), r.zeroMoments()
		r.each(r.mu, func(l, row, k int, _ float64) {
			r.theta[i][l][row][k] = float64(s.Theta[i].Values[layout.Slot(l, row, k)])
		})
	}
	return r
}

func (r *Reference) zeroMoments() (z [][][]moments) {
	for _, rows := range r.mu {
		layer := make([][]moments, len(rows))
		for i, row := range rows {
			layer[i] = make([]moments, len(row))
		}
		z = append(z, layer)
	}
	return z
}

// at is the member with the numbers of a layer.
func (r *Reference) at(layer int) kernels.Member {
	m := r.member
	if r.flaw == "numbers of another layer" {
		layer = (layer + 1) % len(r.mu)
	}
	if m.Layers != nil {
		n := m.Layers[layer]
		m.C, m.Rho, m.Lambda, m.LearningRate, m.Numbers = n.C, n.Rho, n.Lambda, n.LearningRate, n.Numbers
	}
	return m
}

// group numbers the phi of a synapse.
func (r *Reference) group(layer, row, k int) int {
	before := 0
	switch r.n.Sharing {
	case kernels.PerSynapse:
		for l := range layer {
			before += r.layers[l].Out * (r.layers[l].In + 1)
		}
		return before + row*(r.layers[layer].In+1) + k
	case kernels.PerNeuron:
		for l := range layer {
			before += r.layers[l].Out
		}
		return before + row
	case kernels.PerLayer:
		return layer
	}
	return 0
}

// each calls f for every weight.
func (r *Reference) each(w [][][]float64, f func(l, row, k int, v float64)) {
	for l := range w {
		for row := range w[l] {
			for k, v := range w[l][row] {
				f(l, row, k, v)
			}
		}
	}
}

// zeros has one zero for each weight.
func (r *Reference) zeros() (z [][][]float64) {
	for _, layer := range r.layers {
		rows := make([][]float64, layer.Out)
		for i := range rows {
			rows[i] = make([]float64, layer.In+1)
		}
		z = append(z, rows)
	}
	return z
}

func softplus(x float64) float64 { return math.Log1p(math.Exp(x)) }

// sigma is the standard deviation of a synapse.
func (r *Reference) sigma(l, row, k int) float64 { return softplus(r.phi[r.group(l, row, k)]) }

func (r *Reference) input(e int32, k int) float64 {
	d := r.n.Data
	at := int(e)*d.Width + k
	if d.Bytes != nil {
		x := float64(d.Bytes[at]) * float64(d.Scale)
		return r.round(x+float64(d.Shift), math.Abs(x)+math.Abs(float64(d.Shift)))
	}
	return float64(d.Floats[at])
}

// examples are those of a step's minibatch.
func (r *Reference) examples(step int) []int32 {
	perEpoch := r.n.Data.N / r.n.Batch
	order := make([]int32, r.n.Data.N)
	r.n.Data.Order(order, r.member.Seed, step/perEpoch)
	return order[step%perEpoch*r.n.Batch:][:r.n.Batch]
}

// normals are the xi of all weights.
func (r *Reference) normals(noise kernels.Noise) [][][]float64 {
	if r.flaw == "a wrong counter" {
		noise.Step++
	}
	xi := r.zeros()
	for l := range xi {
		noise.Layer = uint16(l)
		for row := range xi[l] {
			if r.flaw == "xi = 0" {
				continue
			}
			kernels.Normals(xi[l][row], noise, row)
			if r.rounding != nil { // a uniform next to 1 loses more than others
				narrow := make([]float32, len(xi[l][row]))
				kernels.Normals(narrow, noise, row)
				for k, v := range narrow {
					xi[l][row][k] = r.round(float64(v), float64(v))
				}
			}
		}
	}
	return xi
}

// draw returns weights, and xi, which is 0 without noise.
func (r *Reference) draw(noise kernels.Noise) (w, xi [][][]float64) {
	noise.Seed = r.member.Seed
	w, xi = r.zeros(), r.zeros()
	if r.n.Sharing != kernels.NoNoise {
		xi = r.normals(noise)
	}
	r.each(w, func(l, row, k int, _ float64) {
		w[l][row][k] = r.mu[l][row][k]
		if xi[l][row][k] != 0 {
			v := r.sigma(l, row, k) * xi[l][row][k]
			w[l][row][k] = r.round(w[l][row][k]+v, math.Abs(w[l][row][k])+math.Abs(v))
		}
	})
	return w, xi
}

// curves are the activations and their derivatives.
var curves = map[kernels.Activation]struct{ value, slope func(y float64) float64 }{
	kernels.Linear: {func(y float64) float64 { return y }, func(float64) float64 { return 1 }},
	kernels.ReLU:   {func(y float64) float64 { return math.Max(y, 0) }, func(y float64) float64 { return step(y, 0) }},
	kernels.Tanh:   {math.Tanh, func(y float64) float64 { return 1 / (math.Cosh(y) * math.Cosh(y)) }},
	kernels.LeakyReLU: {
		func(y float64) float64 { return math.Max(y, 0.01*y) }, func(y float64) float64 { return step(y, 0.01) },
	},
	kernels.Sigmoid:            {logistic, func(y float64) float64 { return logistic(y) * logistic(-y) }},
	kernels.SoftplusActivation: {softplus, logistic},
	kernels.GELU: {
		func(y float64) float64 { return y / 2 * (1 + math.Erf(y/math.Sqrt2)) },
		func(y float64) float64 {
			return (1+math.Erf(y/math.Sqrt2))/2 + y*math.Exp(-y*y/2)/math.Sqrt(2*math.Pi)
		},
	},
}

func logistic(y float64) float64 { return 1 / (1 + math.Exp(-y)) }

// step is 1 above 0 and otherwise the given number.
func step(y, below float64) float64 {
	if y > 0 {
		return 1
	}
	return below
}

func (r *Reference) dot(row, x []float64) float64 {
	sum, size := 0.0, 0.0
	for k, v := range row {
		sum += v * x[k]
		size += math.Abs(v * x[k])
	}
	return r.round(sum, size)
}

// infer returns the activations of all layers for one example, the constant 1 after those that feed a layer. Own is the
// noise of its pre-activations by layer and unit, nil if it has none of its own.
func (r *Reference) infer(e int32, w [][][]float64, own [][]float64) (a, spreads [][]float64) {
	layers := len(w)
	a, spreads = make([][]float64, layers+1), make([][]float64, layers)
	for k := range r.n.Sizes[0] {
		a[0] = append(a[0], r.input(e, k))
	}
	for l := range layers {
		a[l] = append(a[l], 1)
		for unit, row := range w[l] {
			y := r.dot(row, a[l])
			if own != nil {
				s := r.spread(l, unit, a[l])
				spreads[l] = append(spreads[l], s)
				y = r.round(y+s*own[l][unit], math.Abs(y)+math.Abs(s*own[l][unit]))
			}
			if l < layers-1 {
				y = curves[r.n.Activation].value(y)
				y = r.round(y, y)
			}
			a[l+1] = append(a[l+1], y)
		}
	}
	return a, spreads
}

// outputs are those of the network for one example.
func (r *Reference) outputs(e int32, w [][][]float64, own [][]float64) []float64 {
	if r.shaped != nil {
		all := r.pictures(e, w, own)
		return all[len(all)-1].values
	}
	a, _ := r.infer(e, w, own)
	return a[len(a)-1]
}

// logProbabilities are those of the classes for one example, or of its one target, with the evaluation's given draw of
// the weights, or the means for draw -1.
func (r *Reference) logProbabilities(e int32, step, draw int) []float64 {
	w, own := r.mu, [][]float64(nil)
	if draw >= 0 {
		noise := kernels.Noise{Stream: kernels.StreamEvaluation, Step: uint32(step), Draw: uint32(draw)}
		if own = r.own(noise, int(e)%kernels.EvaluationGroup); own == nil {
			w, _ = r.draw(noise)
		}
	}
	y := r.outputs(e, w, own)
	if r.n.Likelihood == kernels.Gaussian {
		v, logp := r.member.NoiseVariance, 0.0
		for i := range y {
			d := y[i] - float64(r.n.Data.Targets[int(e)*len(y)+i])
			logp -= d*d/(2*v) + math.Log(2*math.Pi*v)/2
		}
		return []float64{logp}
	}
	sum := 0.0
	for _, v := range y {
		sum += math.Exp(v)
	}
	logp := make([]float64, len(y))
	for i, v := range y {
		logp[i] = v - math.Log(sum)
	}
	return logp
}

// backpropagate adds the gradient of one example to dw, and its negative log-likelihood to that of all steps. If the
// example has its own noise it adds the gradient of each synapse's sigma to dsigma.
func (r *Reference) backpropagate(e int32, w [][][]float64, own [][]float64, dw, dsigma [][][]float64) {
	layers := len(w)
	var a, spreads [][]float64
	var y []float64
	var pictures []picture
	if r.shaped != nil {
		pictures = r.pictures(e, w, own)
		y = pictures[len(pictures)-1].values
	} else {
		a, spreads = r.infer(e, w, own)
		y = a[layers]
	}
	d := make([]float64, len(y))
	if r.n.Likelihood == kernels.Gaussian {
		v := r.member.NoiseVariance
		for i := range y {
			difference := y[i] - float64(r.n.Data.Targets[int(e)*len(y)+i])
			r.nll += difference*difference/(2*v) + math.Log(2*math.Pi*v)/2
			d[i] = r.round(difference, difference) / v
		}
	} else {
		sum := 0.0
		for _, v := range y {
			sum += math.Exp(v)
		}
		label := int(r.n.Data.Labels[e])
		r.nll += math.Log(sum) - y[label]
		for i, v := range y {
			if i != label {
				d[i] = r.round(math.Exp(v)/sum, math.Exp(v)/sum)
				d[label] -= d[i] // so it is its probability less 1, without a difference of the two
			}
		}
	}
	if r.shaped != nil {
		r.takeBack(pictures, w, own, dw, dsigma, d)
		return
	}
	for l := layers - 1; l >= 0; l-- {
		below, sizes := make([]float64, r.n.Sizes[l]), make([]float64, r.n.Sizes[l])
		for row, g := range d {
			ofVariance := 0.
			if own != nil {
				ofVariance = g * own[l][row] / (2 * spreads[l][row])
			}
			for k := range w[l][row] {
				if sigma := 0.; own != nil {
					sigma = r.sigma(l, row, k)
					v := 2 * sigma * a[l][k] * a[l][k] * ofVariance
					if dsigma != nil {
						dsigma[l][row][k] += r.round(v, v)
					}
					if v = 2 * sigma * sigma * a[l][k] * ofVariance; k < len(below) {
						below[k] += v
						sizes[k] += math.Abs(v)
					}
				}
				dw[l][row][k] += r.round(g*a[l][k], g*a[l][k])
				if k < len(below) {
					below[k] += g * w[l][row][k]
					sizes[k] += math.Abs(g * w[l][row][k])
				}
			}
		}
		if l > 0 {
			for k, row := range w[l-1] {
				y := r.dot(row, a[l-1])
				if own != nil {
					y += spreads[l-1][k] * own[l-1][k]
				}
				slope := curves[r.n.Activation].slope(y)
				if slope != 0 {
					slope = r.round(slope, 1)
				}
				below[k] = slope * r.round(below[k], sizes[k])
			}
		}
		d = below
	}
}

// fraction is B/N.
func (r *Reference) fraction() float64 { return float64(r.n.Batch) / float64(r.n.Data.N) }

// paid is how often a synapse of a layer pays.
func (r *Reference) paid(layer int) float64 {
	if r.n.CostPer == kernels.CostPerSynapse || r.flaw == "costs per synapse" {
		return 1
	}
	for _, s := range r.shaped {
		if s.Layer.Out > 0 {
			if layer == 0 {
				return float64(s.Output.Positions())
			}
			layer--
		}
	}
	return 1
}

// train makes a step of Adam.
func (r *Reference) train(step int) {
	dw, dsigma := r.gradients(kernels.Noise{Stream: kernels.StreamTrain, Step: uint32(step)})
	fraction, times := r.fraction(), 1.0
	switch r.flaw {
	case "B/N missing":
		fraction = 1
	case "a cost counted twice":
		times = 2
	}
	gPhi, sizes := make([]float64, len(r.phi)), make([]float64, len(r.phi))
	rates := make([]float64, len(r.phi))
	follow := func(a *moments, lr, g float64) float64 {
		switch r.n.Program.Rule.Name() {
		case "sgd":
			return lr * g
		case "momentum":
			a.v = r.round(r.stored(0.9)*a.v+g, a.v)
			return lr * a.v
		case "rmsprop":
			a.v = r.round(r.stored(0.99)*a.v+r.stored(0.01)*g*g, a.v)
			return lr * g / (math.Sqrt(a.v) + 1e-8)
		}
		a.m = r.round(r.stored(0.9)*a.m+r.stored(0.1)*g, a.m)
		a.v = r.round(r.stored(0.999)*a.v+r.stored(0.001)*g*g, a.v)
		t := float64(step + 1)
		return lr * (a.m / (1 - math.Pow(0.9, t))) / (math.Sqrt(a.v/(1-math.Pow(0.999, t))) + 1e-8)
	}
	if r.n.Synapse != nil {
		r.trainQuantal(step, dw, dsigma, fraction, times, follow)
		return
	}
	r.each(dw, func(l, row, k int, g float64) {
		m, mu, fraction := r.at(l), &r.mu[l][row][k], fraction*r.paid(l)
		lr := m.LearningRate * r.scheduled(step)
		decay := (1 - r.stored(1-lr*m.WeightDecay)) * *mu
		switch r.flaw {
		case "no weight decay":
			decay = 0
		case "the decay at a constant rate":
			decay = m.LearningRate * m.WeightDecay * *mu
		}
		i, sigma := r.group(l, row, k), 0.0
		if r.n.Sharing != kernels.NoNoise {
			sigma = softplus(r.phi[i])
		}
		magnitude, slope := m.Lambda*math.Copysign(1, *mu), -m.C*m.Rho*math.Pow(sigma, -m.Rho-1)
		condition := 1 + (m.Rho+1)*math.Abs(math.Log(sigma)) // of a power: it is the exponential of this, which is rounded
		switch {
		case !r.n.standard:
			magnitude, slope = r.slopes(l, r.round(*mu, *mu), r.round(sigma, sigma))
			condition = 4
		case m.Rho == 0:
			slope = -m.C / sigma
		}
		switch {
		case r.flaw != "sign(mu) missing":
		case r.n.standard:
			magnitude = m.Lambda
		default: // a law may have one sign everywhere
			magnitude = -magnitude
		}
		*mu = r.stored(*mu - follow(&r.muMoments[l][row][k], lr, g+fraction*magnitude) - decay)
		if r.n.Sharing == kernels.NoNoise {
			return
		}
		rates[i] = lr
		perPhi := 1 / (1 + math.Exp(-r.phi[i])) // dsigma/dphi
		if r.flaw == "dsigma/dphi missing" {
			perPhi = 1
		}
		gPhi[i] += (dsigma[l][row][k] + fraction*times*slope) * perPhi
		sizes[i] += (math.Abs(dsigma[l][row][k]) + math.Abs(fraction*slope)*condition) * perPhi
	})
	for i, g := range gPhi {
		r.phi[i] = r.stored(r.phi[i] - follow(&r.phiMoments[i], rates[i], r.round(g, sizes[i])))
	}
}

// scheduled is the part of the learning rate that a step has.
func (r *Reference) scheduled(step int) float64 {
	var s kernels.Schedule
	switch rule := r.n.Program.Rule.(type) {
	case kernels.Adam:
		s = rule.Schedule
	case kernels.SGD:
		s = rule.Schedule
	case kernels.Momentum:
		s = rule.Schedule
	case kernels.RMSprop:
		s = rule.Schedule
	}
	done := float64(step) / float64(s.Steps)
	switch {
	case s.Shape == kernels.Constant, r.flaw == "a constant rate":
		return 1
	case s.Shape == kernels.Cosine:
		return math.Pow(math.Cos(math.Pi*done/2), 2)
	case done >= 0.75:
		return 0.01
	case done >= 0.5:
		return 0.1
	}
	return 1
}

// accumulate makes a step of the rule Accumulate, example by example.
func (r *Reference) accumulate(atMu bool, step int) {
	w, layout := r.mu, r.n.Program.Layout
	var noise kernels.Noise
	if !atMu {
		stream := kernels.StreamAnalysis
		if r.flaw == "the noise of training" {
			stream = kernels.StreamTrain
		}
		noise = kernels.Noise{Stream: stream, Step: uint32(step)}
		if r.own(noise, 0) == nil {
			w, _ = r.draw(noise)
		}
	}
	g := r.zeros()
	for b, e := range r.examples(step) {
		one := r.zeros()
		var own [][]float64
		if !atMu {
			own = r.own(noise, b)
		}
		r.backpropagate(e, w, own, one, nil)
		r.each(one, func(l, row, k int, v float64) {
			g[l][row][k] += v
			r.sums.ExampleSquare[layout.Slot(l, row, k)] += r.round(v*v, v*v)
		})
		a, _ := r.infer(e, w, own)
		for l, in := range r.sums.Inputs {
			for k, x := range a[l] {
				in.Magnitude[k] += r.round(math.Abs(x), x)
				in.Square[k] += r.round(x*x, x*x)
			}
		}
		r.sums.Examples++
	}
	r.sums.Minibatches++
	r.each(g, func(l, row, k int, v float64) {
		at := layout.Slot(l, row, k)
		switch r.flaw {
		case "the mean of the minibatch":
			v /= float64(r.n.Batch)
		case "the magnitude cost":
			v += r.at(l).Lambda * r.fraction() * math.Copysign(1, r.mu[l][row][k])
		case "squares of the sum":
			r.sums.ExampleSquare[at] += v * v
		}
		r.addGradient(at, v)
	})
}

func (r *Reference) addGradient(slot int, g float64) {
	r.sums.Gradient[slot] += g
	r.sums.Magnitude[slot] += math.Abs(g)
	r.sums.Square[slot] += g * g
}

// fluctuate makes a step of the rule Langevin.
func (r *Reference) fluctuate(rule kernels.Langevin, step int) {
	dw := r.zeros()
	for _, e := range r.examples(step) {
		r.backpropagate(e, r.mu, nil, dw, nil)
	}
	noise := kernels.Noise{Seed: r.member.Seed, Stream: kernels.StreamDynamics, Step: uint32(step)}
	if r.flaw == "the noise of training" {
		noise.Stream = kernels.StreamTrain
	}
	xi := r.normals(noise)
	r.each(dw, func(l, row, k int, g float64) {
		m, mu := r.at(l), &r.mu[l][row][k]
		eps := m.LearningRate
		if rule.Decay != 0 && r.flaw != "steps of constant size" {
			eps *= math.Pow(1+float64(step)/rule.Delay, -rule.Decay)
		}
		scale, prior, amplitude := 1/r.fraction(), m.Lambda*r.paid(l), math.Sqrt(2*eps*m.Temperature)
		switch r.flaw {
		case "N/B missing":
			scale = 1
		case "B/N of the prior missing":
			prior /= r.fraction()
		case "the sign of the prior":
			prior = -prior
		case "a factor of 2":
			amplitude = math.Sqrt(eps * m.Temperature)
		}
		gradient := scale*g + prior*math.Copysign(1, *mu)
		if !r.n.standard {
			slope, _ := r.slopes(l, r.round(*mu, *mu), r.sigma(l, row, k))
			gradient = scale*g + r.paid(l)*r.round(slope, 4*slope)
		}
		if m.Uncorrected {
			gradient = 0
		}
		*mu = r.stored(*mu - eps*gradient + amplitude*xi[l][row][k])
	})
}

// mean is mu in the slots of the layout.
func (r *Reference) mean() []float64 {
	layout := r.n.Program.Layout
	mu := make([]float64, layout.Slots())
	r.each(r.mu, func(l, row, k int, v float64) { mu[layout.Slot(l, row, k)] = v })
	return mu
}

// state is what the reference has reached, in the slots of the layout.
func (r *Reference) state() *kernels.State {
	layout, rule := r.n.Program.Layout, r.n.Program.Rule
	s := kernels.NewState(layout, len(kernels.Moments(rule)))
	r.each(r.mu, func(l, row, k int, mu float64) {
		at := layout.Slot(l, row, k)
		s.Mu[at] = float32(mu)
		for p := range s.Theta {
			s.Theta[p].Values[at] = float32(r.theta[p][l][row][k])
			for i, name := range kernels.Moments(rule) {
				s.Theta[p].Moments[i][at] = float32(r.ofTheta[p][l][row][k].named(name))
			}
		}
		if s.Theta != nil {
			s.Phi[at] = float32(r.phi[r.group(l, row, k)])
			return
		}
		for i, name := range kernels.Moments(rule) {
			s.MuMoments[i][at] = float32(r.muMoments[l][row][k].named(name))
		}
		if r.n.Sharing == kernels.NoNoise {
			return
		}
		g, at := r.group(l, row, k), layout.PhiOffset(l)+layout.Layers[l].PhiIndex(r.n.Sharing, row, k)
		s.Phi[at] = float32(r.phi[g])
		for i, name := range kernels.Moments(rule) {
			s.PhiMoments[i][at] = float32(r.phiMoments[g].named(name))
		}
	})
	return s
}
