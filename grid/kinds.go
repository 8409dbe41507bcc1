package grid

import (
	"fmt"

	"quantal/internal/setting"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

// Kinds reads what published networks are: what their file does not say is of the preset published on MNIST.
func Kinds() tables.Kinds {
	var columns []string
	for _, s := range new(train.Config).Settings() {
		costs := s.Name == "cost" || s.Name == "set"
		if (s.Name == "data" || !s.Place) && (!s.Varied || costs) && s.Name != "draws" {
			columns = append(columns, s.Column())
		}
	}
	return tables.Kinds{Columns: columns, Read: readKind}
}

func readKind(texts map[string]string) (store.Settings, error) {
	data := "mnist"
	c, err := train.Preset("published")
	if err != nil {
		return store.Settings{}, err
	}
	var said setting.List
	empty := map[string]bool{} // of rho and c, which other costs than the paper's need not read
	for _, s := range c.Settings() {
		text, there := texts[s.Column()]
		switch {
		case there && s.Name == "data":
			data = text
		case there && text == "" && texts["cost"] != "" && (s.Name == "rho" || s.Name == "c"):
			empty[s.Name] = true
		case there:
			if err := s.Set(text); err != nil {
				return store.Settings{}, fmt.Errorf("column %s: %q: %w", s.Column(), text, err)
			}
			said = append(said, s)
		}
	}
	for _, s := range said { // when all are known: costs read numbers
		if err := (setting.List{s}).Check(); err != nil {
			return store.Settings{}, fmt.Errorf("column %s: %w", s.Column(), err)
		}
	}
	for _, name := range []string{"rho", "c"} {
		if empty[name] && c.Reads(name) {
			return store.Settings{}, fmt.Errorf("column %s: want a value: the cost reads it", name)
		}
	}
	return SettingsOf(c, data), nil
}
