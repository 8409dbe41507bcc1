package dynamics

import (
	"quantal/results/draw"
	"quantal/results/store"
	"quantal/results/tables"
)

// Progress is called with the fraction of the work that is done and a description of the present work. It may be called
// from several threads, but only by one at a time.
type Progress func(done float64, what string)

// Findings are what an experiment leaves in its run folder in addition to configuration and environment. Row is a row
// of its table.
type Findings[Summary, Row any] struct {
	Summary Summary
	Table   []Row
	Figures []draw.Illustration
}

// Tables in the folder of an experiment; means are over several networks.
const (
	tableName = "table.csv"
	meansName = "means.csv"
)

// Save writes the findings into a run folder, the summary last, and names the pictures.
func (f Findings[Summary, Row]) Save(folder *store.Folder) ([]string, error) {
	if err := tables.WriteTable(folder.Path(tableName), f.Table); err != nil {
		return nil, err
	}
	return save(folder, f.Figures, f.Summary)
}

// save writes figures and the summary, and names the pictures.
func save(folder *store.Folder, figures []draw.Illustration, summary any) (pictures []string, err error) {
	for _, i := range figures {
		files, err := i.Save(folder.Path(""))
		if err != nil {
			return nil, err
		}
		pictures = append(pictures, files...)
	}
	return pictures, folder.WriteSummary(summary)
}

// Draw draws figures one after the other. A figure with nothing to show is nil, and left out.
func Draw(figures ...func() (*draw.Illustration, error)) ([]draw.Illustration, error) {
	var all []draw.Illustration
	for _, draw := range figures {
		i, err := draw()
		if err != nil {
			return nil, err
		}
		if i != nil {
			all = append(all, *i)
		}
	}
	return all, nil
}
