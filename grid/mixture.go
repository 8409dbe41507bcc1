package grid

import (
	"slices"
	"strings"
)

// Mix is a setting in which networks of one folder differ.
type Mix struct {
	Setting string
	Values  []MixValue // in the order of their first networks
}

// MixValue is a value of the setting and how many networks have it.
type MixValue struct {
	Text     string
	Networks int
}

// Mixture lists the settings, other than those that every grid varies, for which the added points have a value that
// none of the earlier points has.
func Mixture(before, added []Point) []Mix {
	mixes, places := map[string]*Mix{}, map[[2]string]int{} // by setting; by setting and value
	var news []string
	for i, p := range slices.Concat(before, added) {
		for _, s := range p.Config.Settings() {
			if s.Place || s.Varied {
				continue
			}
			name, text := s.Name, strings.ReplaceAll(s.Default(), ",", "x")
			if mixes[name] == nil {
				mixes[name] = &Mix{Setting: name}
			}
			m := mixes[name]
			place, known := places[[2]string{name, text}]
			if !known {
				place = len(m.Values)
				places[[2]string{name, text}] = place
				m.Values = append(m.Values, MixValue{Text: text})
				if i >= len(before) && len(before) > 0 && !slices.Contains(news, name) {
					news = append(news, name)
				}
			}
			m.Values[place].Networks++
		}
	}
	slices.Sort(news)
	var mixture []Mix
	for _, name := range news {
		mixture = append(mixture, *mixes[name])
	}
	return mixture
}
