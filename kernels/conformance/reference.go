package conformance

import (
	"math"

	"quantal/kernels"
)

// Reference runs one network in float64, written straight from the equations: it shares the noise, and nothing else,
// with the machines. Its state is [layer][out][in+1], phi one per group.
type Reference struct {
	n          *Network
	member     kernels.Member
	steps      int
	nll        float64 // summed over the steps
	mu         [][][]float64
	muMoments  [][][]moments
	phi        []float64 // in the order of the groups; per synapse: layers, rows, columns
	phiMoments []moments
	sums       *kernels.Sums
	flaw       string // a planted fault
}

type moments struct{ m, v float64 }

func (a moments) named(name string) float64 { return map[string]float64{"m": a.m, "v": a.v}[name] }

// After returns all members after some steps from their start. A flaw is the name of a fault.
func (n *Network) After(first, count int, flaw string) []*Reference {
	var all []*Reference
	for m := range n.Members {
		r := n.reference(m, flaw)
		for step := first; step < first+count; step++ {
			switch rule := n.Program.Rule.(type) {
			case kernels.Mover:
				r.train(step)
			case kernels.Accumulate:
				r.accumulate(rule.AtMu, step)
			case kernels.Langevin:
				r.fluctuate(rule, step)
			}
			r.steps++
		}
		all = append(all, r)
	}
	return all
}

// reference is a member at its start.
func (n *Network) reference(member int, flaw string) *Reference {
	r := &Reference{n: n, member: n.Members[member], flaw: flaw, sums: kernels.NewSums(n.Program.Layout)}
	layout, s := n.Program.Layout, n.Start[member]
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
	for _, rows := range r.mu {
		layer := make([][]moments, len(rows))
		for i, row := range rows {
			layer[i] = make([]moments, len(row))
		}
		r.muMoments = append(r.muMoments, layer)
	}
	r.phiMoments = make([]moments, len(r.phi))
	return r
}

// group numbers the phi of a synapse.
func (r *Reference) group(layer, row, k int) int {
	sizes := r.n.Sizes
	before := 0
	switch r.n.Sharing {
	case kernels.PerSynapse:
		for l := range layer {
			before += sizes[l+1] * (sizes[l] + 1)
		}
		return before + row*(sizes[layer]+1) + k
	case kernels.PerNeuron:
		for l := range layer {
			before += sizes[l+1]
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
	for l := range len(r.n.Sizes) - 1 {
		rows := make([][]float64, r.n.Sizes[l+1])
		for i := range rows {
			rows[i] = make([]float64, r.n.Sizes[l]+1)
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
		return float64(d.Bytes[at])*float64(d.Scale) + float64(d.Shift)
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
			if r.flaw != "xi = 0" {
				kernels.Normals(xi[l][row], noise, row)
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
			w[l][row][k] += r.sigma(l, row, k) * xi[l][row][k]
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

func dot(row, x []float64) (sum float64) {
	for k, v := range row {
		sum += v * x[k]
	}
	return sum
}

// infer returns the activations of all layers for one example, the constant 1 after those that feed a layer.
func (r *Reference) infer(e int32, w [][][]float64) [][]float64 {
	layers := len(w)
	a := make([][]float64, layers+1)
	for k := range r.n.Sizes[0] {
		a[0] = append(a[0], r.input(e, k))
	}
	for l := range layers {
		a[l] = append(a[l], 1)
		for _, row := range w[l] {
			y := dot(row, a[l])
			if l < layers-1 {
				y = curves[r.n.Activation].value(y)
			}
			a[l+1] = append(a[l+1], y)
		}
	}
	return a
}

// logProbabilities are those of the classes for one example, or of its one target, with the evaluation's given draw of
// the weights, or the means for draw -1.
func (r *Reference) logProbabilities(e int32, step, draw int) []float64 {
	w := r.mu
	if draw >= 0 {
		w, _ = r.draw(kernels.Noise{Stream: kernels.StreamEvaluation, Step: uint32(step), Draw: uint32(draw)})
	}
	a := r.infer(e, w)
	y := a[len(a)-1]
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

// backpropagate adds the gradient of one example to dw, and its negative log-likelihood to that of all steps.
func (r *Reference) backpropagate(e int32, w, dw [][][]float64) {
	layers := len(w)
	a := r.infer(e, w)
	y := a[layers]
	d := make([]float64, len(y))
	if r.n.Likelihood == kernels.Gaussian {
		v := r.member.NoiseVariance
		for i := range y {
			difference := y[i] - float64(r.n.Data.Targets[int(e)*len(y)+i])
			r.nll += difference*difference/(2*v) + math.Log(2*math.Pi*v)/2
			d[i] = difference / v
		}
	} else {
		sum := 0.0
		for _, v := range y {
			sum += math.Exp(v)
		}
		label := int(r.n.Data.Labels[e])
		r.nll += math.Log(sum) - y[label]
		for i, v := range y {
			d[i] = math.Exp(v) / sum
		}
		d[label]--
	}
	for l := layers - 1; l >= 0; l-- {
		below := make([]float64, r.n.Sizes[l])
		for row, g := range d {
			for k := range w[l][row] {
				dw[l][row][k] += g * a[l][k]
				if k < len(below) {
					below[k] += g * w[l][row][k]
				}
			}
		}
		if l > 0 {
			for k, row := range w[l-1] {
				below[k] *= curves[r.n.Activation].slope(dot(row, a[l-1]))
			}
		}
		d = below
	}
}

// fraction is B/N.
func (r *Reference) fraction() float64 { return float64(r.n.Batch) / float64(r.n.Data.N) }

// train makes a step of Adam.
func (r *Reference) train(step int) {
	w, xi := r.draw(kernels.Noise{Stream: kernels.StreamTrain, Step: uint32(step)})
	dw := r.zeros()
	for _, e := range r.examples(step) {
		r.backpropagate(e, w, dw)
	}
	m, fraction, times := r.member, r.fraction(), 1.0
	switch r.flaw {
	case "B/N missing":
		fraction = 1
	case "a cost counted twice":
		times = 2
	}
	gPhi := make([]float64, len(r.phi))
	lr := m.LearningRate * r.scheduled(step)
	follow := func(a *moments, g float64) float64 {
		switch r.n.Program.Rule.Name() {
		case "sgd":
			return lr * g
		case "momentum":
			a.v = 0.9*a.v + g
			return lr * a.v
		case "rmsprop":
			a.v = 0.99*a.v + 0.01*g*g
			return lr * g / (math.Sqrt(a.v) + 1e-8)
		}
		a.m, a.v = 0.9*a.m+0.1*g, 0.999*a.v+0.001*g*g
		t := float64(step + 1)
		return lr * (a.m / (1 - math.Pow(0.9, t))) / (math.Sqrt(a.v/(1-math.Pow(0.999, t))) + 1e-8)
	}
	r.each(dw, func(l, row, k int, g float64) {
		mu := &r.mu[l][row][k]
		decay := lr * m.WeightDecay * *mu
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
		switch {
		case !r.n.standard:
			magnitude, slope = r.slopes(*mu, sigma)
		case m.Rho == 0:
			slope = -m.C / sigma
		}
		*mu -= follow(&r.muMoments[l][row][k], g+fraction*magnitude) + decay
		if r.n.Sharing == kernels.NoNoise {
			return
		}
		gPhi[i] += (g*xi[l][row][k] + fraction*times*slope) / (1 + math.Exp(-r.phi[i]))
	})
	for i, g := range gPhi {
		r.phi[i] -= follow(&r.phiMoments[i], g)
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
	if !atMu {
		stream := kernels.StreamAnalysis
		if r.flaw == "the noise of training" {
			stream = kernels.StreamTrain
		}
		w, _ = r.draw(kernels.Noise{Stream: stream, Step: uint32(step)})
	}
	g := r.zeros()
	for _, e := range r.examples(step) {
		one := r.zeros()
		r.backpropagate(e, w, one)
		r.each(one, func(l, row, k int, v float64) {
			g[l][row][k] += v
			r.sums.ExampleSquare[layout.Slot(l, row, k)] += v * v
		})
		a := r.infer(e, w)
		for l, in := range r.sums.Inputs {
			for k, x := range a[l] {
				in.Magnitude[k] += math.Abs(x)
				in.Square[k] += x * x
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
			v += r.member.Lambda * r.fraction() * math.Copysign(1, r.mu[l][row][k])
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
		r.backpropagate(e, r.mu, dw)
	}
	m := r.member
	eps := m.LearningRate
	if rule.Decay != 0 && r.flaw != "steps of constant size" {
		eps *= math.Pow(1+float64(step)/rule.Delay, -rule.Decay)
	}
	scale, prior, amplitude := 1/r.fraction(), m.Lambda, math.Sqrt(2*eps*m.Temperature)
	noise := kernels.Noise{Seed: m.Seed, Stream: kernels.StreamDynamics, Step: uint32(step)}
	switch r.flaw {
	case "N/B missing":
		scale = 1
	case "B/N of the prior missing":
		prior /= r.fraction()
	case "the sign of the prior":
		prior = -prior
	case "a factor of 2":
		amplitude = math.Sqrt(eps * m.Temperature)
	case "the noise of training":
		noise.Stream = kernels.StreamTrain
	}
	xi := r.normals(noise)
	r.each(dw, func(l, row, k int, g float64) {
		mu := &r.mu[l][row][k]
		gradient := scale*g + prior*math.Copysign(1, *mu)
		if !r.n.standard {
			slope, _ := r.slopes(*mu, r.sigma(l, row, k))
			gradient = scale*g + slope
		}
		if m.Uncorrected {
			gradient = 0
		}
		*mu += -eps*gradient + amplitude*xi[l][row][k]
	})
}

// mean is mu in the slots of the layout.
func (r *Reference) mean() []float64 {
	layout := r.n.Program.Layout
	mu := make([]float64, layout.Slots())
	r.each(r.mu, func(l, row, k int, v float64) { mu[layout.Slot(l, row, k)] = v })
	return mu
}
