package cuda

import (
	"embed"
	"fmt"
)

//go:embed ptx/*.ptx
var compiled embed.FS

// entries are the kernels of each compiled source.
var entries = map[string][]string{
	"copy":       {"copy"},
	"gather":     {"gather_bytes", "gather_floats", "advance"},
	"forward":    {"forward_means", "forward_shared", "forward_synapse"},
	"activate":   {"activate"},
	"loss":       {"loss"},
	"middle":     {"middle"},
	"backward":   {"backward"},
	"update":     {"update_means", "update_shared", "update_synapse"},
	"sigma":      {"update_sigma"},
	"accumulate": {"accumulate"},
	"langevin":   {"langevin"},
	"score":      {"score", "mixture_add", "mixture_score"},
}

// PTX returns the compiled text of a source, "forward" for src/forward.cu.
func PTX(source string) (string, error) {
	text, err := compiled.ReadFile("ptx/" + source + ".ptx")
	return string(text), err
}

// loadKernels loads all kernels; text replaces the PTX of the sources it names, for tests.
func loadKernels(d Driver, text map[string]string) (map[string]Kernel, error) {
	found := map[string]Kernel{}
	for source, names := range entries {
		body, ok := text[source]
		if !ok {
			var err error
			if body, err = PTX(source); err != nil {
				return nil, err
			}
		}
		m, err := d.Load(body)
		if err != nil {
			return nil, fmt.Errorf("cuda: load %s.ptx: %w", source, err)
		}
		for _, name := range names {
			if found[name], err = m.Kernel(name); err != nil {
				return nil, fmt.Errorf("cuda: %s.ptx: %w", source, err)
			}
		}
	}
	return found, nil
}
