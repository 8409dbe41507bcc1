package tables

import (
	"quantal/results/store"
)

// Grid is what is known of a grid at a moment. Package grid reads its folder; here tables, figures and reports are made
// of it.
type Grid struct {
	Dir         string
	Commands    []string // that asked for points, the first one first
	Points      int      // that were asked for
	Environment store.Environment
	Records     []store.Record // of finished points, in the order of their settings
	Damaged     []error        // files of points that are not what was written; those points count as missing
}

// Missing is how many points have not finished.
func (g *Grid) Missing() int { return g.Points - len(g.Records) }
