package store

import (
	"fmt"

	"quantal/kernels"
)

// piece is one tensor of a checkpoint and its position in a State: entry k of row r is at offset + r stride + k of a
// field.
type piece struct {
	name                       string
	shape                      []int
	field                      func(*kernels.State) []float32
	offset, rows, cols, stride int
}

// parameters lists the tensors of a network whose training has ended: its means and phis, and what these follow from.
func parameters(l kernels.Layout) []piece { return pieces(l, nil) }

// pieces lists the tensors of a checkpoint in the order of the file, with the moments of the given names.
func pieces(l kernels.Layout, moments []string) []piece {
	type field struct {
		suffix string
		of     func(*kernels.State) []float32
	}
	mu := []field{{"mu", func(s *kernels.State) []float32 { return s.Mu }}}
	phi := []field{{"phi", func(s *kernels.State) []float32 { return s.Phi }}}
	var theta []field
	for i, name := range l.Parameters {
		theta = append(theta, field{name, func(s *kernels.State) []float32 { return s.Theta[i].Values }})
		for j, moment := range moments {
			theta = append(theta, field{name + "." + moment, func(s *kernels.State) []float32 { return s.Theta[i].Moments[j] }})
		}
	}
	if l.Parameters != nil {
		moments = nil // those of mu and phi
	}
	for i, name := range moments {
		mu = append(mu, field{"mu." + name, func(s *kernels.State) []float32 { return s.MuMoments[i] }})
		phi = append(phi, field{"phi." + name, func(s *kernels.State) []float32 { return s.PhiMoments[i] }})
	}
	perSynapse := mu
	if l.Sharing == kernels.PerSynapse {
		perSynapse = append(append(perSynapse, phi...), theta...)
	}
	var list []piece
	groups := func(prefix string, offset, n int) {
		for _, f := range phi {
			list = append(list, piece{name: prefix + f.suffix, shape: []int{n}, field: f.of,
				offset: offset, rows: n, cols: 1, stride: 1})
		}
	}
	for i, layer := range l.Layers {
		offset, stride := l.Offset(i), layer.Stride()
		for _, f := range perSynapse {
			list = append(list,
				piece{name: fmt.Sprintf("layer%d.weight.%s", i, f.suffix), shape: []int{layer.Out, layer.In}, field: f.of,
					offset: offset, rows: layer.Out, cols: layer.In, stride: stride},
				piece{name: fmt.Sprintf("layer%d.bias.%s", i, f.suffix), shape: []int{layer.Out}, field: f.of,
					offset: offset + layer.In, rows: layer.Out, cols: 1, stride: stride})
		}
		if l.Sharing == kernels.PerNeuron || l.Sharing == kernels.PerLayer {
			groups(fmt.Sprintf("layer%d.", i), l.PhiOffset(i), l.PhiLen(i))
		}
	}
	if l.Sharing == kernels.PerNetwork {
		groups("", 0, 1)
	}
	return list
}

// gather copies the tensor out of a state, without the pads.
func (p piece) gather(s *kernels.State) Tensor {
	from := p.field(s)
	data := make([]float32, 0, p.rows*p.cols)
	for r := range p.rows {
		at := p.offset + r*p.stride
		data = append(data, from[at:at+p.cols]...)
	}
	return Tensor{Name: p.name, Shape: p.shape, Data: data}
}

// scatter is the inverse of gather.
func (p piece) scatter(s *kernels.State, data []float32) {
	to := p.field(s)
	for r := range p.rows {
		copy(to[p.offset+r*p.stride:], data[r*p.cols:(r+1)*p.cols])
	}
}
