package store

import "testing"

// Errors in a configuration are reported in the words of its file, not in those of Go.
func TestDecodeConfigErrors(t *testing.T) {
	type inner struct {
		Rate float64 `toml:"rate"`
	}
	type outer struct {
		Epochs int        `toml:"epochs"`
		Seed   uint64     `toml:"seed"`
		Price  float64    `toml:"price"`
		Hidden []int      `toml:"hidden"`
		Start  [2]float64 `toml:"start"`
		Name   string     `toml:"name"`
		Quick  bool       `toml:"quick"`
		Inner  inner      `toml:"inner"`
		Many   []inner    `toml:"many"`
	}
	for text, want := range map[string]string{
		`epochs = "x"`:         "line 1, column 10: epochs: want a whole number",
		`epochs = 1.5`:         "line 1, column 10: epochs: want a whole number",
		`seed = -1`:            "line 1, column 8: seed: want a whole number of 0 or more",
		`price = "cheap"`:      "line 1, column 9: price: want a number",
		`hidden = 3`:           "line 1, column 10: hidden: want a list [...], each of them a whole number",
		`start = 3`:            "line 1, column 9: start: want a list [...] of 2, each a number",
		`name = 1`:             "line 1, column 8: name: want text in quotes",
		`quick = "yes"`:        "line 1, column 9: quick: want true or false",
		`inner = 1`:            "line 1, column 9: inner: want a table, [...]",
		"[inner]\nrate = 'x'":  "line 2, column 8: inner.rate: want a number",
		"[[many]]\nrate = 'x'": "line 2, column 8: many.rate: want a number",
		"[inner]\nrat = 1":     `unknown key "inner.rat" in line 2; did you mean rate?`,
		"epoch = 1":            `unknown key "epoch" in line 1; did you mean epochs?`,
		"xyzzy = 1":            `unknown key "xyzzy" in line 1`,
		"epochs = ":            "line 1, column 9: expected value, not end of input",
	} {
		var v outer
		if err := decodeConfig([]byte(text), &v); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
