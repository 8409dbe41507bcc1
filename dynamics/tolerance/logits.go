package tolerance

import "quantal/kernels"

// logits are the outputs of the network with the given weights for the probes, one row after the other.
func (e *experiment) logits(w []float32) ([]float32, error) {
	set := e.network.Set
	in := set.Rows * set.Columns
	x := make([]float32, e.Probes*kernels.Stride(in))
	for b := range e.Probes {
		row := x[b*kernels.Stride(in):]
		for k, v := range set.Test.Images[b*in : (b+1)*in] {
			row[k] = (float32(v)/255 - 0.1307) / 0.3081
		}
		row[in] = 1
	}
	for i, layer := range e.layout.Layers {
		stride := kernels.Stride(layer.Out)
		y := make([]float32, e.Probes*stride)
		kernels.Product[float32]{Layer: layer, Batch: e.Probes, W: w[e.layout.Offset(i):]}.Forward(y, x)
		for b := range e.Probes {
			row := y[b*stride:][:layer.Out+1]
			if i < len(e.layout.Layers)-1 {
				for k := range layer.Out {
					row[k] = max(row[k], 0)
				}
			}
			row[layer.Out] = 1
		}
		x = y
	}
	outputs := make([]float32, 0, e.Probes*set.Classes)
	for b := range e.Probes {
		outputs = append(outputs, x[b*kernels.Stride(set.Classes):][:set.Classes]...)
	}
	return outputs, nil
}
