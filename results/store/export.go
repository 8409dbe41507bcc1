package store

import (
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"

	"quantal/kernels"
	"quantal/mnist"
	"quantal/synapse"
)

// Export returns the means and standard deviations of all synapses in the shapes of PyTorch's Linear. Per layer N:
// layerN.weight.mu and layerN.weight.sigma of [neurons][inputs], layerN.bias.mu and layerN.bias.sigma of [neurons].
// Sigma is softplus(phi), repeated for each synapse if it is shared, and 0 without noise. Synapses that learn other
// quantities have these, too, under their names, such as layerN.weight.n.
func (c *Checkpoint) Export() []Tensor {
	var tensors []Tensor
	for _, p := range parameters(kernels.Layout{Layers: c.Layout.Layers, Sharing: kernels.NoNoise}) {
		tensors = append(tensors, p.gather(c.State))
	}
	var out []Tensor
	for i, layer := range c.Layout.Layers {
		const perLayer = 2 // the mu of weight and bias
		weight, bias := tensors[perLayer*i], tensors[perLayer*i+1]
		out = append(out,
			weight, Tensor{fmt.Sprintf("layer%d.weight.sigma", i), weight.Shape, c.sigmas(i, 0, layer.In)},
			bias, Tensor{fmt.Sprintf("layer%d.bias.sigma", i), bias.Shape, c.sigmas(i, layer.In, layer.In+1)})
	}
	for _, n := range []struct {
		mnist.Normalisation
		mean, sd string
	}{{c.Normalisation(), pixelMean, pixelSD}, {c.Answers, targetMean, targetSD}} {
		if columns := []int{len(n.Means)}; n.Means != nil {
			out = append(out, Tensor{n.mean, columns, narrow(n.Means)}, Tensor{n.sd, columns, narrow(n.SDs)})
		}
	}
	return append(out, c.quantities()...)
}

// narrow is a list of numbers as float32.
func narrow(list []float64) []float32 {
	narrowed := make([]float32, len(list))
	for i, x := range list {
		narrowed[i] = float32(x)
	}
	return narrowed
}

// quantities are what the parameters of synapses that learn others than mu and sigma stand for.
func (c *Checkpoint) quantities() []Tensor {
	kind, err := synapse.KindOf(c.Layout.Parameters)
	if err != nil {
		return nil
	}
	var out []Tensor
	for _, p := range parameters(c.Layout) {
		name := p.name[strings.LastIndex(p.name, ".")+1:]
		for _, link := range kind.Links {
			if link.Parameter != name {
				continue
			}
			t := p.gather(c.State)
			t.Name = strings.TrimSuffix(t.Name, name) + link.Quantity
			for i, x := range t.Data {
				t.Data[i] = float32(link.Of(float64(x)))
			}
			out = append(out, t)
		}
	}
	return out
}

// ExportPixels completes Export: the network's inputs are pixels, 0 to 255, as (x/255 - pixel_mean) /
// pixel_sd, or floats as (x - pixel_mean) / pixel_sd. If each column has its own, they are among the tensors of Export;
// a network that fits numbers has outputs that are (y - target_mean) / target_sd, tensors too.
func (c *Checkpoint) ExportPixels() []Scalar {
	n := c.Normalisation()
	if n.Means != nil {
		return nil
	}
	return []Scalar{{pixelMean, n.Mean}, {pixelSD, n.SD}}
}

// ExportMetadata describes Export in the metadata of a safetensors file, with ExportPixels as text.
func (c *Checkpoint) ExportMetadata() map[string]string {
	metadata := pixelText(c.Normalisation(), pixelMean, pixelSD)
	if c.Answers.Means != nil {
		maps.Copy(metadata, pixelText(c.Answers, targetMean, targetSD))
	}
	metadata["format"], metadata["step"], metadata["seed"] = "quantal-export", strconv.Itoa(c.Step),
		strconv.FormatUint(c.Seed, 10)
	return metadata
}

// Sigmas returns the standard deviation of each weight of a layer, biases not included, as [neurons][inputs] in C
// order. Without noise they are zeros.
func (c *Checkpoint) Sigmas(layer int) []float32 {
	return c.sigmas(layer, 0, c.Layout.Layers[layer].In)
}

// sigmas returns sigma of the columns from first up to last of every row of a layer.
func (c *Checkpoint) sigmas(layer, first, last int) []float32 {
	l := c.Layout.Layers[layer]
	out := make([]float32, 0, l.Out*(last-first))
	offset := c.Layout.PhiOffset(layer)
	for r := range l.Out {
		if c.Layout.Sharing == kernels.PerSynapse {
			for _, phi := range c.State.Phi[c.Layout.Slot(layer, r, first):c.Layout.Slot(layer, r, last)] {
				sigma, _ := kernels.Softplus(phi)
				out = append(out, sigma)
			}
			continue
		}
		var sigma float32
		switch c.Layout.Sharing {
		case kernels.PerNeuron:
			sigma, _ = kernels.Softplus(c.State.Phi[offset+r])
		case kernels.PerLayer, kernels.PerNetwork:
			sigma, _ = kernels.Softplus(c.State.Phi[offset])
		}
		for range last - first {
			out = append(out, sigma)
		}
	}
	return out
}

// CheckFinite reports whether every mean and every phi is a finite number; the error names the tensor and the position
// of the first that is not.
func (c *Checkpoint) CheckFinite() error {
	for _, p := range parameters(c.Layout) {
		for i, x := range p.gather(c.State).Data {
			if !finite(float64(x)) {
				return fmt.Errorf("%s holds %v (row %d, column %d)", p.name, x, i/p.cols, i%p.cols)
			}
		}
	}
	return nil
}

// magnitude is the sum of |mu| over all synapses.
func (c *Checkpoint) magnitude() float64 {
	sum := 0.0
	for _, p := range parameters(c.Layout) {
		if strings.HasSuffix(p.name, ".mu") {
			for _, mu := range p.gather(c.State).Data {
				sum += math.Abs(float64(mu))
			}
		}
	}
	return sum
}

// Weights is the number of weights, biases not included.
func (c *Checkpoint) Weights() int {
	n := 0
	for _, l := range c.Layout.Layers {
		n += l.In * l.Out
	}
	return n
}

// Synapses is the number of synapses: weights and biases.
func (c *Checkpoint) Synapses() int { return c.Layout.Synapses() }

// SigmaRMS is the root of the mean of sigma^2 over all weights, biases not included.
func (c *Checkpoint) SigmaRMS() float64 {
	sum := 0.0
	for i := range c.Layout.Layers {
		sum += c.sumOfSquares(i)
	}
	return math.Sqrt(sum / float64(c.Weights()))
}

// SigmaRMSLayers is SigmaRMS of each layer.
func (c *Checkpoint) SigmaRMSLayers() []float64 {
	rms := make([]float64, len(c.Layout.Layers))
	for i, l := range c.Layout.Layers {
		rms[i] = math.Sqrt(c.sumOfSquares(i) / float64(l.In*l.Out))
	}
	return rms
}

// SigmaQuantiles are those at SigmaLevels of the weights of each layer, biases not included, to 0.2 %.
func (c *Checkpoint) SigmaQuantiles() (layers [][]float64) {
	for i := range c.Layout.Layers {
		layers = append(layers, quantiles(c.Sigmas(i), SigmaLevels()))
	}
	return layers
}

func (c *Checkpoint) sumOfSquares(layer int) float64 {
	sum := 0.0
	for _, sigma := range c.Sigmas(layer) {
		sum += float64(sigma) * float64(sigma)
	}
	return sum
}

// ReliabilityCost is (1/rho) sum_i sigma_i^(-rho) over all weights, biases not included, whether they share a sigma or
// not: EES Eq. 4 with c = s^rho / rho (EES Eq. 51) and s = 1. For the entropic cost it is -sum_i log sigma_i.
// Without noise it is 0. Each synapse counts as often as those of its layer pay. There is one rho, or one for each
// layer.
func (c *Checkpoint) ReliabilityCost(times func(layer int) int, rhos ...synapse.Power) float64 {
	if c.Layout.Sharing == kernels.NoNoise {
		return 0
	}
	sum := 0.0
	for i := range c.Layout.Layers {
		rho, paid := rhos[min(i, len(rhos)-1)], float64(times(i))
		for _, sigma := range c.Sigmas(i) {
			sum += paid * rho.ScaledCost(float64(sigma))
		}
	}
	return sum
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
