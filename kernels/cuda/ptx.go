package cuda

import (
	"embed"
	"fmt"
	"slices"
)

//go:embed ptx/*.ptx
var compiled embed.FS

// entry is a kernel: the source that contains it, and the type of its parameters.
type entry struct {
	source     string
	parameters any
}

// entries are all kernels, by their names.
var entries = map[string]entry{
	"copy":              {"copy", copyParameters{}},
	"gather_bytes":      {"gather", gatherParameters{}},
	"gather_floats":     {"gather", gatherParameters{}},
	"advance":           {"gather", advanceParameters{}},
	"forward_means":     {"forward", forwardParameters{}},
	"forward_shared":    {"forward", forwardParameters{}},
	"forward_synapse":   {"forward", forwardParameters{}},
	"activate":          {"activate", activateParameters{}},
	"loss":              {"loss", lossParameters{}},
	"middle":            {"middle", middleParameters{}},
	"backward":          {"backward", backwardParameters{}},
	"convolve":          {"convolve", convolveParameters{}},
	"convolve_back":     {"convolve", convolveBackParameters{}},
	"convolve_gradient": {"convolve", convolveGradientParameters{}},
	"convolve_reduce":   {"convolve", convolveReduceParameters{}},
	"pool":              {"picture", poolParameters{}},
	"pool_back":         {"picture", poolBackParameters{}},
	"flatten":           {"picture", flattenParameters{}},
	"flatten_back":      {"picture", flattenBackParameters{}},
	"join":              {"picture", joinParameters{}},
	"join_back":         {"picture", joinBackParameters{}},

	"example_forward_shared":   {"example", exampleForwardParameters{}},
	"example_forward_synapse":  {"example", exampleForwardParameters{}},
	"example_noise":            {"example", exampleNoiseParameters{}},
	"example_slopes":           {"example", exampleSlopesParameters{}},
	"example_back_shared":      {"example", exampleBackParameters{}},
	"example_back_synapse":     {"example", exampleBackParameters{}},
	"example_gradient_shared":  {"example", exampleGradientParameters{}},
	"example_gradient_synapse": {"example", exampleGradientParameters{}},

	"update_means":   {"update", updateParameters{}},
	"update_shared":  {"update", updateParameters{}},
	"update_synapse": {"update", updateParameters{}},
	"update_sigma":   {"sigma", updateSigmaParameters{}},

	"update_sgd_means":        {"update", updateParameters{}},
	"update_sgd_shared":       {"update", updateParameters{}},
	"update_sgd_synapse":      {"update", updateParameters{}},
	"update_sgd_sigma":        {"sigma", updateSigmaParameters{}},
	"update_momentum_means":   {"update", updateParameters{}},
	"update_momentum_shared":  {"update", updateParameters{}},
	"update_momentum_synapse": {"update", updateParameters{}},
	"update_momentum_sigma":   {"sigma", updateSigmaParameters{}},
	"update_rmsprop_means":    {"update", updateParameters{}},
	"update_rmsprop_shared":   {"update", updateParameters{}},
	"update_rmsprop_synapse":  {"update", updateParameters{}},
	"update_rmsprop_sigma":    {"sigma", updateSigmaParameters{}},

	"update_priced_means":            {"priced", updateParameters{}},
	"update_priced_shared":           {"priced", updateParameters{}},
	"update_priced_synapse":          {"priced", updateParameters{}},
	"update_sgd_priced_means":        {"priced", updateParameters{}},
	"update_sgd_priced_shared":       {"priced", updateParameters{}},
	"update_sgd_priced_synapse":      {"priced", updateParameters{}},
	"update_momentum_priced_means":   {"priced", updateParameters{}},
	"update_momentum_priced_shared":  {"priced", updateParameters{}},
	"update_momentum_priced_synapse": {"priced", updateParameters{}},
	"update_rmsprop_priced_means":    {"priced", updateParameters{}},
	"update_rmsprop_priced_shared":   {"priced", updateParameters{}},
	"update_rmsprop_priced_synapse":  {"priced", updateParameters{}},
	"langevin_priced":                {"priced", langevinParameters{}},

	"learn":          {"learn", learnParameters{}},
	"learn_sgd":      {"learn", learnParameters{}},
	"learn_momentum": {"learn", learnParameters{}},
	"learn_rmsprop":  {"learn", learnParameters{}},

	"accumulate":    {"accumulate", accumulateParameters{}},
	"langevin":      {"langevin", langevinParameters{}},
	"score":         {"score", scoreParameters{}},
	"mixture_add":   {"score", mixtureAddParameters{}},
	"mixture_score": {"score", mixtureScoreParameters{}},
}

// templates are the sources into which formulas are written.
var templates = []string{"priced", "learn"}

// PTX returns the compiled text of a source, "forward" for src/forward.cu.
func PTX(source string) (string, error) {
	text, err := compiled.ReadFile("ptx/" + source + ".ptx")
	return string(text), err
}

// loadKernels loads all kernels but, unless their text is given, those of formulas; text replaces the PTX of the
// sources it names.
func loadKernels(d Driver, text map[string]string) (map[string]Kernel, error) {
	found, modules := map[string]Kernel{}, map[string]Module{}
	for name, e := range entries {
		if _, ok := text[e.source]; !ok && slices.Contains(templates, e.source) {
			continue // no formula to put into it
		}
		m, loaded := modules[e.source]
		if !loaded {
			body, ok := text[e.source]
			var err error
			if !ok {
				if body, err = PTX(e.source); err != nil {
					return nil, err
				}
			}
			if m, err = d.Load(body); err != nil {
				return nil, fmt.Errorf("cuda: load %s.ptx: %w", e.source, err)
			}
			modules[e.source] = m
		}
		var err error
		if found[name], err = m.Kernel(name); err != nil {
			return nil, fmt.Errorf("cuda: %s.ptx: %w", e.source, err)
		}
	}
	return found, nil
}
