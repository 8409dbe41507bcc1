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
	Target    string    `json:"target"`
	Wanted    float64   `json:"target_value"`
	Over      string    `json:"over"`
	Tolerance float64   `json:"tolerance"`
	On        string    `json:"tolerance_on"`
	Found     float64   `json:"found"`
	Low       float64   `json:"found_low"`
	High      float64   `json:"found_high"`
	Seeds     int       `json:"seeds"`
	Each      []float64 `json:"found_seeds"`
	Networks  int       `json:"networks"`
	Remark    string    `json:"remark"`
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
