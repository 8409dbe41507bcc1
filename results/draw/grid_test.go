package draw_test

import (
	"errors"
	"fmt"
	"testing"

	"quantal/internal/recordstest"
	"quantal/results/draw"
	"quantal/results/store"
	"quantal/results/tables"
)

// Panels stand in straight rows and columns with data areas of one size, nothing overlaps its neighbour or leaves the
// figure, and numbers at the axes stay apart, in the figures of grids of all kinds.
func TestPanelsStayApart(t *testing.T) {
	for name, g := range recordstest.GridCases() {
		figures, err := (&tables.Grid{Points: g.Points, Records: g.Records}).Figures(recordstest.RhoTitle, nil)
		if errors.Is(err, store.ErrNothing) && name == "one point" {
			continue
		}
		if err != nil {
			t.Fatal(name, ": ", err)
		}
		for _, f := range figures {
			draw.Straight(t, fmt.Sprint(name, " ", f.Name), f.Figure)
		}
	}
}
