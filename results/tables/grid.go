package tables

import (
	"fmt"
	"slices"
	"strings"

	"quantal/results/store"
)

// Grid is the known state of a grid. Package grid reads its folder; here tables, figures and reports are made from it.
type Grid struct {
	Dir         string
	Commands    []string // that requested points, the first one first
	Points      int      // that were requested
	Environment store.Environment
	Work        Work           // of all that has finished
	Records     []store.Record // of finished points, in the order of their settings
	Damaged     []error        // files of points that are not as they were written; those points count as missing
}

// Missing is how many points have not finished.
func (g *Grid) Missing() int { return g.Points - len(g.Records) }

// Choose finds the records of ids; nil means all.
func Choose(records []store.Record, ids []string) ([]store.Record, error) {
	if ids == nil {
		return records, nil
	}
	var list []store.Record
	for _, id := range ids {
		id = strings.TrimSpace(id)
		at := slices.IndexFunc(records, func(r store.Record) bool { return r.ID == id })
		if at < 0 {
			return nil, fmt.Errorf("points %q: no finished point of the grid has this id: table.csv has them", id)
		}
		list = append(list, records[at])
	}
	return list, nil
}
