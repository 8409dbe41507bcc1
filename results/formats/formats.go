// Package formats writes trained networks, and how they learnt, for other programs: a file for each format, and a line
// in All.
//
// What enters: a checkpoint, the activation of its hidden layers, its learning curve. What leaves: the bytes of a file,
// the same for the same network: there is no time in it.
package formats

import (
	"io"

	"quantal/kernels"
	"quantal/results/store"
)

// Trained is a trained network.
type Trained struct {
	*store.Checkpoint
	Activation kernels.Activation // of the hidden layers
	Network    string             // its layers; empty for a chain of dense layers
	Epochs     []store.Epoch      // the learning curve
}

// Format is a kind of file.
type Format struct {
	Name   string
	File   string // the usual name; other names have the same extension
	About  string // for people: what is in it, and who reads it
	What   string // what is in it of all synapses, as in "mu of 89610 synapses"
	Chain  bool   // it is for chains of dense layers alone
	Curve  bool   // it has the learning curve, which not every network has
	Encode func(io.Writer, Trained) error
}

// All lists the formats. Of those with one extension the first is meant where nothing else is said.
func All() []Format { return []Format{npz(), safetensors(), torch(), onnx(), tensorboard()} }

func npz() Format {
	return Format{
		Name: "npz", File: "export.npz", What: "mu and sigma",
		About: "for numpy.load: layerN.weight.mu, layerN.weight.sigma of [out][in] and layerN.bias.mu, " +
			"layerN.bias.sigma of [out], float32, in the shapes of PyTorch's Linear; of quantal synapses also n, p and q; " +
			"pixel_mean and pixel_sd",
		Encode: func(w io.Writer, t Trained) error { return store.EncodeNPZ(w, t.Export(), t.ExportPixels()...) },
	}
}

func safetensors() Format {
	return Format{
		Name: "safetensors", File: "export.safetensors", What: "mu and sigma",
		About: "the same arrays; pixel_mean, pixel_sd, and the activation or the network's layers are in the metadata; a " +
			"filter's columns are those of its window, row by row, each with all channels",
		Encode: func(w io.Writer, t Trained) error {
			metadata := t.ExportMetadata()
			metadata["activation"] = t.Activation.String()
			if t.Network != "" {
				metadata["network"] = t.Network
				delete(metadata, "activation")
			}
			return store.EncodeSafetensors(w, t.Export(), metadata)
		},
	}
}
