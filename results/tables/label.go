package tables

import (
	"fmt"
	"slices"
	"strings"

	"quantal/results/store"
)

// Labels are the networks of a list for people: the settings in which they differ, "homogeneous, c 0.1, batch 20, seed
// 2". One that differs from no other has an empty label.
func Labels(all []store.Settings) (labels []string) {
	plain := func(s store.Settings) store.Settings { // rho and c are there
		s.Later = s.Later.Without("c_layers").Without("rho_value_layers")
		return s
	}
	var others []store.Settings
	for _, s := range all {
		others = append(others, plain(s))
	}
	rest := Distinctions(others)
	columns := []struct {
		prefix string
		of     func(store.Settings) string
	}{
		{"", func(s store.Settings) string { return s.Noise }},
		{"rho ", func(s store.Settings) string { return s.Rho }},
		{"c ", func(s store.Settings) string { return s.CText("%.6g") }},
		{"", func(s store.Settings) string { return strings.Join(rest(plain(s)), ", ") }},
		{"seed ", func(s store.Settings) string { return fmt.Sprint(s.Seed) }},
	}
	for _, s := range all {
		var parts []string
		for _, c := range columns {
			text := c.of(s)
			differs := slices.ContainsFunc(all, func(o store.Settings) bool { return c.of(o) != text })
			if differs && text != "" && (c.prefix != "c " || text != "0") {
				parts = append(parts, c.prefix+text)
			}
		}
		labels = append(labels, strings.Join(parts, ", "))
	}
	return labels
}
