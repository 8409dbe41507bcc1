package grid

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"quantal/train"
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

// notMixed are settings in which networks of a grid are meant to differ, and settings that do not belong to the
// network.
var notMixed = []string{"noise", "rho", "c", "seed", "data", "device", "threads", "checkpoint-every"}

// Mixture lists the settings, other than those that every grid varies, for which the added points have a value that
// none of the earlier points has.
func Mixture(before, added []Point) ([]Mix, error) {
	mixes, places := map[string]*Mix{}, map[[2]string]int{} // by setting; by setting and value
	var news []string
	for i, p := range slices.Concat(before, added) {
		texts, err := settingTexts(p.Config)
		if err != nil {
			return nil, err
		}
		for name, text := range texts {
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
	return mixture, nil
}

// settingTexts are the values of the settings that may be mixed, in the form of a flag, layers as in 100x100.
func settingTexts(c train.Config) (map[string]string, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("grid: %w", err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("grid: %w", err)
	}
	maps.DeleteFunc(fields, func(name string, _ json.RawMessage) bool { return slices.Contains(notMixed, name) })
	texts := map[string]string{}
	for name, value := range fields {
		texts[name] = cmp.Or(strings.ReplaceAll(strings.Trim(string(value), `[]"`), ",", "x"), "none")
	}
	// Older networks do not have these.
	texts["normalise"] = cmp.Or(strings.ReplaceAll(c.NormaliseRule(), ",", "x"), "mnist")
	texts["classes"] = "those of the labels"
	if c.Classes > 0 {
		texts["classes"] = fmt.Sprint(c.Classes)
	}
	return texts, nil
}
