package cpu_test

import (
	"math"

	"quantal/graph"
	"quantal/kernels"
)

// naive trains one network in float64, written straight from the equations: it shares the noise, and nothing else, with the
// VM. Its state is [layer][out][in+1], phi one per group.
type naive struct {
	spec   graph.Spec
	member kernels.Member
	data   *kernels.Data
	mu     [][][]float64
	phi    []float64 // in the order of the groups; per synapse: layers, rows, columns
	adamMu map[[3]int]*moments
	adam   []moments
	flaw   string // a planted fault
}

type moments struct{ m, v float64 }

// group numbers the phi of a synapse.
func (n *naive) group(layer, r, k int) int {
	sizes := n.spec.Sizes
	before := 0
	switch n.spec.Sharing {
	case kernels.PerSynapse:
		for l := range layer {
			before += sizes[l+1] * (sizes[l] + 1)
		}
		return before + r*(sizes[layer]+1) + k
	case kernels.PerNeuron:
		for l := range layer {
			before += sizes[l+1]
		}
		return before + r
	case kernels.PerLayer:
		return layer
	}
	return 0
}

func newNaive(spec graph.Spec, m kernels.Member, data *kernels.Data, s *kernels.State, flaw string) *naive {
	n := &naive{spec: spec, member: m, data: data, adamMu: map[[3]int]*moments{}, flaw: flaw}
	layout := spec.Layout()
	for i, l := range layout.Layers {
		rows := make([][]float64, l.Out)
		for r := range rows {
			for k := range l.In + 1 {
				rows[r] = append(rows[r], float64(s.Mu[layout.Offset(i)+r*l.Stride()+k]))
				n.adamMu[[3]int{i, r, k}] = &moments{}
				if spec.Sharing == kernels.NoNoise {
					continue
				}
				if g := n.group(i, r, k); g == len(n.phi) {
					n.phi = append(n.phi, float64(s.Phi[layout.PhiOffset(i)+l.PhiIndex(spec.Sharing, r, k)]))
				}
			}
		}
		n.mu = append(n.mu, rows)
	}
	n.adam = make([]moments, len(n.phi))
	return n
}

func softplus(x float64) float64 { return math.Log1p(math.Exp(x)) }

func (n *naive) input(e int32, k int) float64 {
	at := int(e)*n.data.Width + k
	if n.data.Bytes != nil {
		return float64(n.data.Bytes[at])*float64(n.data.Scale) + float64(n.data.Shift)
	}
	return float64(n.data.Floats[at])
}

// examples are those of a step's minibatch.
func (n *naive) examples(step int) []int32 {
	perEpoch := n.data.N / n.spec.Batch
	order := make([]int32, n.data.N)
	n.data.Order(order, n.member.Seed, step/perEpoch)
	return order[step%perEpoch*n.spec.Batch:][:n.spec.Batch]
}

// draw returns the weights of a step, and xi, which is 0 without noise.
func (n *naive) draw(stream kernels.Stream, step int) (w, xi [][][]float64) {
	sizes := n.spec.Sizes
	layers := len(sizes) - 1
	w, xi = make([][][]float64, layers), make([][][]float64, layers)
	for l := range layers {
		for r := range sizes[l+1] {
			noise := kernels.Noise{Seed: n.member.Seed, Stream: stream, Layer: uint16(l), Step: uint32(step)}
			if n.flaw == "a wrong counter" {
				noise.Step++
			}
			x := make([]float64, sizes[l]+1)
			kernels.Normals(x, noise, r)
			row := make([]float64, len(x))
			for k := range row {
				row[k] = n.mu[l][r][k]
				if n.spec.Sharing == kernels.NoNoise || n.flaw == "xi = 0" {
					x[k] = 0
				} else {
					row[k] += softplus(n.phi[n.group(l, r, k)]) * x[k]
				}
			}
			w[l], xi[l] = append(w[l], row), append(xi[l], x)
		}
	}
	return w, xi
}

// zeros are as many as there are weights.
func (n *naive) zeros() (z [][][]float64) {
	for l := range len(n.spec.Sizes) - 1 {
		rows := make([][]float64, n.spec.Sizes[l+1])
		for r := range rows {
			rows[r] = make([]float64, n.spec.Sizes[l]+1)
		}
		z = append(z, rows)
	}
	return z
}

// step trains on one minibatch and returns its negative log-likelihood.
func (n *naive) step(step int) float64 {
	w, xi := n.draw(kernels.StreamTrain, step)
	dw := n.zeros()
	nll := 0.0
	for _, e := range n.examples(step) {
		nll += n.backpropagate(e, w, dw)
	}
	n.update(step, dw, xi)
	return nll
}

// infer returns the activations of all layers for one example, the constant 1 behind those that feed a layer.
func (n *naive) infer(e int32, w [][][]float64) [][]float64 {
	layers := len(w)
	a := make([][]float64, layers+1)
	for k := range n.spec.Sizes[0] {
		a[0] = append(a[0], n.input(e, k))
	}
	for l := range layers {
		a[l] = append(a[l], 1)
		for _, row := range w[l] {
			y := 0.0
			for k, v := range row {
				y += v * a[l][k]
			}
			if l < layers-1 && n.spec.Activation == kernels.ReLU {
				y = math.Max(y, 0)
			}
			a[l+1] = append(a[l+1], y)
		}
	}
	return a
}

// logProbabilities are those of the classes for one example, or of its one target, with the evaluation's given draw of the
// weights, or the means for draw -1.
func (n *naive) logProbabilities(e int32, step, draw int) []float64 {
	var w [][][]float64
	for l := range len(n.spec.Sizes) - 1 {
		var rows [][]float64
		for r := range n.spec.Sizes[l+1] {
			row := append([]float64{}, n.mu[l][r]...)
			xi := make([]float64, len(row))
			noise := kernels.Noise{Seed: n.member.Seed, Stream: kernels.StreamEvaluation, Layer: uint16(l), Step: uint32(step), Draw: uint32(draw)}
			kernels.Normals(xi, noise, r)
			for k := range row {
				if draw >= 0 {
					row[k] += softplus(n.phi[n.group(l, r, k)]) * xi[k]
				}
			}
			rows = append(rows, row)
		}
		w = append(w, rows)
	}
	a := n.infer(e, w)
	y := a[len(a)-1]
	if n.spec.Likelihood == kernels.Gaussian {
		v, logp := n.member.NoiseVariance, 0.0
		for i := range y {
			r := y[i] - float64(n.data.Targets[int(e)*len(y)+i])
			logp -= r*r/(2*v) + math.Log(2*math.Pi*v)/2
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

// backpropagate adds the gradient of one example to dw.
func (n *naive) backpropagate(e int32, w, dw [][][]float64) float64 {
	layers := len(w)
	a := n.infer(e, w)
	y := a[layers]
	d := make([]float64, len(y))
	nll := 0.0
	if n.spec.Likelihood == kernels.Gaussian {
		v := n.member.NoiseVariance
		for i := range y {
			r := y[i] - float64(n.data.Targets[int(e)*len(y)+i])
			nll += r*r/(2*v) + math.Log(2*math.Pi*v)/2
			d[i] = r / v
		}
	} else {
		sum := 0.0
		for _, v := range y {
			sum += math.Exp(v)
		}
		label := int(n.data.Labels[e])
		nll = math.Log(sum) - y[label]
		for i, v := range y {
			d[i] = math.Exp(v) / sum
		}
		d[label]--
	}
	for l := layers - 1; l >= 0; l-- {
		below := make([]float64, n.spec.Sizes[l])
		for r, g := range d {
			for k := range w[l][r] {
				dw[l][r][k] += g * a[l][k]
				if k < len(below) {
					below[k] += g * w[l][r][k]
				}
			}
		}
		for k := range below {
			if l > 0 && n.spec.Activation == kernels.ReLU && a[l][k] <= 0 {
				below[k] = 0
			}
		}
		d = below
	}
	return nll
}

func (n *naive) update(step int, dw, xi [][][]float64) {
	m := n.member
	fraction := float64(n.spec.Batch) / float64(n.data.N)
	if n.flaw == "B/N missing" {
		fraction = 1
	}
	c := m.C
	if n.flaw == "a cost counted twice" {
		c *= 2
	}
	gPhi := make([]float64, len(n.phi))
	adam := func(a *moments, g float64) float64 {
		a.m, a.v = 0.9*a.m+0.1*g, 0.999*a.v+0.001*g*g
		t := float64(step + 1)
		return m.LearningRate * (a.m / (1 - math.Pow(0.9, t))) / (math.Sqrt(a.v/(1-math.Pow(0.999, t))) + 1e-8)
	}
	for l := range dw {
		for r := range dw[l] {
			for k, g := range dw[l][r] {
				mu := &n.mu[l][r][k]
				*mu -= adam(n.adamMu[[3]int{l, r, k}], g+m.Lambda*fraction*math.Copysign(1, *mu))
				if n.spec.Sharing == kernels.NoNoise {
					continue
				}
				i := n.group(l, r, k)
				sigma := softplus(n.phi[i])
				slope := -c * m.Rho * math.Pow(sigma, -m.Rho-1)
				if m.Rho == 0 {
					slope = -c / sigma
				}
				gPhi[i] += (g*xi[l][r][k] + fraction*slope) / (1 + math.Exp(-n.phi[i]))
			}
		}
	}
	for i, g := range gPhi {
		n.phi[i] -= adam(&n.adam[i], g)
	}
}
