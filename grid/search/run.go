package search

import (
	"fmt"
	"slices"

	"quantal/grid"
	"quantal/results/tables"
)

// tableName is the table of a search in the folder of the grid.
const tableName = "search.csv"

// Run searches in the folder of a grid: it plans the points of each round, as requested by a command, and has train
// train them, until there is nothing more to find out. It writes the request first, and search.csv at the end.
func (r Request) Run(folder *grid.Folder, command string, train func(round int, points []grid.Point) error) (Outcome,
	error) {
	if err := r.Write(folder); err != nil {
		return Outcome{}, err
	}
	var before []grid.Point
	for round := 1; ; round++ {
		records, _, err := folder.Records()
		if err != nil {
			return Outcome{}, err
		}
		outcome, next, err := r.Decide(records)
		if err != nil {
			return Outcome{}, err
		}
		if len(next) == 0 {
			return outcome, outcome.write(folder)
		}
		if slices.ContainsFunc(before, func(p grid.Point) bool { return p.ID == next[0].ID }) {
			return Outcome{}, fmt.Errorf("grid: %s: the network %s has been trained, but has no record", folder.Dir, next[0].ID)
		}
		if _, err := folder.Extend(command, next); err != nil {
			return Outcome{}, err
		}
		if err := train(round, next); err != nil {
			return Outcome{}, err
		}
		before = next
	}
}

// row is a row of search.csv, behind the settings.
type row struct {
	Target    string    `json:"target"`       // the column of table.csv that should have a value
	Wanted    float64   `json:"target_value"` // which value
	Over      string    `json:"over"`         // the setting that is searched over
	Tolerance float64   `json:"tolerance"`    // in decades of the setting, its units, or units of the target
	On        string    `json:"tolerance_on"` // the setting or the target
	Found     float64   `json:"found"`        // value of the setting; empty if a seed has none
	Low       float64   `json:"found_low"`    // lower end of the 95 % interval over seeds
	High      float64   `json:"found_high"`   // upper end of it
	Seeds     int       `json:"seeds"`        // that were searched
	Each      []float64 `json:"found_seeds"`  // value of the setting for each seed
	Networks  int       `json:"networks"`     // that were trained for it
	Remark    string    `json:"remark"`       // why nothing was found, or which networks diverged
}

// write writes search.csv: a row for each mechanism.
func (o Outcome) write(folder *grid.Folder) error {
	var rows [][]any
	for _, f := range o.Found {
		line := row{o.Target, o.Value, o.Over, o.Tolerance.Within, o.Tolerance.On, f.Value, f.Low, f.High, f.Seeds, nil, 0,
			f.Remark}
		for _, c := range f.Crossings {
			line.Each = append(line.Each, c.Value)
			line.Networks += c.Networks
		}
		rows = append(rows, []any{f.Settings, line})
	}
	return tables.WriteJoined(folder.Path(tableName), rows, "seed", o.column())
}

// TablePath is the path of search.csv.
func TablePath(folder *grid.Folder) string { return folder.Path(tableName) }
