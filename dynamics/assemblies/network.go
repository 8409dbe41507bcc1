package assemblies

import (
	"gonum.org/v1/gonum/blas/blas32"
)

// Network is neurons with rates between 0 and 1, each of which excites all others through its own synapse.
type Network struct {
	Neurons int
	// W are the weights, Neurons-1 for each presynaptic neuron in turn: of neuron j onto 0, ..., j-1, j+1, ..., Neurons-1.
	W []float32
}

// From are the weights of a presynaptic neuron: onto the neurons before it, and onto those after it.
func (n *Network) From(j int) (before, after []float32) {
	row := n.W[j*(n.Neurons-1) : (j+1)*(n.Neurons-1)]
	return row[:j], row[j:]
}

// addTo adds factor times x, which has a value for each neuron, to the weights of a presynaptic neuron.
func (n *Network) addTo(j int, factor float32, x []float32) {
	before, after := n.From(j)
	add(before, factor, x[:j])
	add(after, factor, x[j+1:])
}

// add adds factor times x to y.
func add(y []float32, factor float32, x []float32) {
	if len(x) > 0 {
		blas32.Axpy(factor, blas32.Vector{N: len(x), Inc: 1, Data: x}, blas32.Vector{N: len(y), Inc: 1, Data: y})
	}
}

// Circuit says how the neurons act on each other, in units of the input that drives a neuron from its threshold to its
// highest rate.
type Circuit struct {
	Excitation float64 // of a neuron, by a rate of 1 through a weight of 1
	Inhibition float64 // of all neurons, by a rate of 1
}

// Of the rates: length of a step and the longest duration in time constants, the change in a step below which they are
// settled, and the rate below which a falling one is set to 0, so that a suppressed neuron costs no more time. It can
// rise again.
const (
	settleStep = 0.2
	settleTime = 10.0
	settled    = 1e-4
	cutOff     = 0.01
)

// Settle writes to rates the steady state that the neurons reach from silence under a constant input to each:
//
//	dr_i/dt = -r_i + phi(Excitation sum_j w_ij r_j - Inhibition sum_j r_j + input_i),   phi(h) = min(max(h, 0), 1)
//
// with time in units of a neuron's time constant.
func (n *Network) Settle(c Circuit, input, rates []float32) {
	h := make([]float32, n.Neurons)
	clear(rates)
	for range int(settleTime / settleStep) {
		sum := float32(0)
		for _, r := range rates {
			sum += r
		}
		for i, b := range input {
			h[i] = b - float32(c.Inhibition)*sum
		}
		for j, r := range rates {
			if r > 0 {
				before, after := n.From(j)
				add(h[:j], float32(c.Excitation)*r, before)
				add(h[j+1:], float32(c.Excitation)*r, after)
			}
		}
		atRest := true
		for i, x := range h {
			if x < 0 {
				x = 0
			} else if x > 1 {
				x = 1
			}
			step := settleStep * (x - rates[i])
			rates[i] += step
			if step < 0 && rates[i] < cutOff {
				rates[i] = 0
			}
			if step > settled || step < -settled {
				atRest = false
			}
		}
		if atRest {
			return
		}
	}
}

// Learn changes the weights by Hebb's rule in its covariance form (T. J. Sejnowski 1977), for the rates in some
// patterns:
//
//	dw_ij = rate sum_patterns (r_i - threshold) (r_j - threshold)
//
// and keeps them between low and high.
func (n *Network) Learn(rate, threshold float64, patterns [][]float32, low, high float64) {
	// The sum is written as sum_p r_jp (r_ip - threshold) - threshold sum_p (r_ip - threshold), because most r_jp are 0.
	centred, total := make([][]float32, len(patterns)), make([]float32, n.Neurons)
	for p, rates := range patterns {
		centred[p] = make([]float32, n.Neurons)
		for i, r := range rates {
			centred[p][i] = r - float32(threshold)
			total[i] += centred[p][i]
		}
	}
	for j := range n.Neurons {
		n.addTo(j, float32(-rate*threshold), total)
		for p, rates := range patterns {
			if rates[j] > 0 {
				n.addTo(j, float32(rate)*rates[j], centred[p])
			}
		}
	}
	least, most := float32(low), float32(high)
	for i, w := range n.W {
		n.W[i] = min(max(w, least), most)
	}
}
