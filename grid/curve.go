package grid

import (
	"slices"

	"quantal/results/store"
)

const curvesName = "curves"

func (f *Folder) curvePath(id string) string { return f.Path(curvesName, id+".jsonl") }

// Curve reads the learning curve of a point as far as it has been written: when its network was last checkpointed, or
// had finished. Damaged names lines that are not as they were written, and are left out. A point that an earlier
// version trained has none.
func (f *Folder) Curve(id string) (curve []store.Epoch, damaged []error, err error) {
	return store.ReadCurve(f.curvePath(id))
}

// curves are the learning curves of points that train together.
type curves struct {
	folder  *Folder
	points  []Point
	lines   [][]store.Epoch
	written []int // lines of each
}

// curvesOf are those of points at a step. The lines from before are in the files: they are written before a checkpoint
// is.
func (f *Folder) curvesOf(points []Point, step int) (*curves, []error, error) {
	c := &curves{f, points, make([][]store.Epoch, len(points)), make([]int, len(points))}
	if step == 0 {
		return c, nil, nil
	}
	var all []error
	for m, p := range points {
		curve, damaged, err := f.Curve(p.ID)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, damaged...)
		c.lines[m] = slices.DeleteFunc(curve, func(e store.Epoch) bool { return e.Step > step })
	}
	return c, all, nil
}

// add adds a line. One for its step is there if the checkpoint is from before the measurement, the file from after it.
func (c *curves) add(network int, e store.Epoch) error {
	lines := slices.DeleteFunc(c.lines[network], func(before store.Epoch) bool { return before.Step >= e.Step })
	c.lines[network] = append(lines, e)
	return nil
}

// end completes the last line of a network that has finished with what it reached on the whole test set, and
// writes its file.
func (c *curves) end(network int, o store.Outcome) error {
	if lines := c.lines[network]; len(lines) > 0 && lines[len(lines)-1].Step == o.Steps {
		lines[len(lines)-1].SetTest(o, 0)
	}
	return c.write(network, true)
}

// write writes the file of a network, if there is a new line. One that holds a later line stays until the end: another
// process trains the same point, and is ahead.
func (c *curves) write(network int, end bool) error {
	lines, id := c.lines[network], c.points[network].ID
	if len(lines) == 0 || len(lines) == c.written[network] && !end {
		return nil
	}
	if c.folder.lock == nil && !end {
		other, _, err := c.folder.Curve(id)
		if err != nil {
			return err
		}
		if n := len(other); n > 0 && other[n-1].Step > lines[len(lines)-1].Step {
			return nil
		}
	}
	c.written[network] = len(lines)
	return store.WriteCurve(c.folder.curvePath(id), lines)
}
