package tables

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Summary says for a caption from which networks the figures of a grid are, and has the rows of means.csv as their
// numbers.
func (g *Grid) Summary() (caption string, numbers map[string][]json.RawMessage, err error) {
	means, err := MeansJSON(g.Records)
	if err != nil {
		return "", nil, err
	}
	table := pointTable{g.Records}
	var settings []string
	for _, name := range []string{"data", "hidden", "noise", "rho", "c", "seed", "epochs", "lr", "batch", "lambda",
		"sigma_init"} {
		settings = append(settings, fmt.Sprintf("%s %s", strings.ReplaceAll(name, "_", " "),
			strings.Join(table.values(name), ", ")))
	}
	caption = fmt.Sprintf("%s: %s.", count(len(g.Records), "network"), strings.Join(settings, "; "))
	if missing := g.Missing(); missing > 0 {
		caption += fmt.Sprintf(" %s missing.", count(missing, "network"))
	}
	return caption, map[string][]json.RawMessage{"means": means}, nil
}
