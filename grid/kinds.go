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
		if (s.Name == "data" || !s.Place) && !s.Varied && s.Name != "draws" {
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
	for _, s := range c.Settings() {
		text, said := texts[s.Column()]
		switch {
		case said && s.Name == "data":
			data = text
		case said:
			if err := s.Set(text); err != nil {
				return store.Settings{}, fmt.Errorf("column %s: %q: %w", s.Column(), text, err)
			}
			if err := (setting.List{s}).Check(); err != nil {
				return store.Settings{}, fmt.Errorf("column %s: %w", s.Column(), err)
			}
		}
	}
	return SettingsOf(c, data), nil
}
