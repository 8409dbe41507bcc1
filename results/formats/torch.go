package formats

import (
	"fmt"
	"io"
	"strings"

	"quantal/results/store"
)

// torch is the state_dict of torch.nn.Sequential(Linear, activation, Linear, ...) with the means.
func torch() Format {
	return Format{
		Name: "torch", Chain: true, File: "state_dict.safetensors", What: "mu",
		About: "mu alone, under the names of the state_dict of torch.nn.Sequential(Linear, activation, Linear, ...), for " +
			"safetensors.torch.load_file; metadata as above",
		Encode: func(w io.Writer, t Trained) error {
			metadata := t.ExportMetadata()
			metadata["format"], metadata["activation"] = "pt", t.Activation.String() // the name that others look for
			return store.EncodeSafetensors(w, means(t, func(layer int, kind string) string {
				return fmt.Sprintf("%d.%s", 2*layer, kind) // between linear modules there is one of the activation
			}), metadata)
		},
	}
}

// means are the means of weights and biases under other names; kind is weight or bias.
func means(t Trained, name func(layer int, kind string) string) []store.Tensor {
	var tensors []store.Tensor
	for _, tensor := range t.Export() {
		var layer int
		kind, found := strings.CutSuffix(tensor.Name, ".mu")
		if _, err := fmt.Sscanf(kind, "layer%d.%s", &layer, &kind); !found || err != nil {
			continue
		}
		tensor.Name = name(layer, kind)
		tensors = append(tensors, tensor)
	}
	return tensors
}
