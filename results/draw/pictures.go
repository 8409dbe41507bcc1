package draw

import (
	"fmt"
	"strconv"
)

// Pictures draws grey images of a size, dark on light, in groups: those of label 0 first, in their order, the label at
// the left, then those of label 1, and so on.
func Pictures(images, labels []byte, rows, columns int) (*Figure, error) {
	const (
		inLine = 20
		ground = 0x1d // between images: a light grey
		size   = 8.4  // millimetres of an image with the gap beside it
		beside = 9.   // millimetres beside the images: margins and labels
	)
	if n := len(labels); n == 0 || rows < 1 || columns < 1 || len(images) != n*rows*columns {
		return nil, fmt.Errorf("draw: pictures: %d bytes for %d images of %d x %d", len(images), n, rows, columns)
	}
	var lines [][]int // indices of images
	var names []Name  // of the first line of each label
	for label := range 256 {
		var line []int
		first := len(lines)
		for i, l := range labels {
			if int(l) != label {
				continue
			}
			if line = append(line, i); len(line) == inLine {
				lines, line = append(lines, line), nil
			}
		}
		if line != nil {
			lines = append(lines, line)
		}
		if len(lines) > first {
			names = append(names, Name{float64(first), strconv.Itoa(label)})
		}
	}
	wide := 0
	for _, line := range lines {
		wide = max(wide, len(line))
	}
	gap := max(1, rows/14, columns/14)
	stepY, stepX := rows+gap, columns+gap
	h := Heat{High: 0xff, Color: Ink, Linear: true}
	for range len(lines)*stepY + gap {
		row := make([]float64, wide*stepX+gap)
		for i := range row {
			row[i] = ground
		}
		h.Rows = append(h.Rows, row)
	}
	for j, line := range lines {
		for i, image := range line {
			for k, v := range images[image*rows*columns : (image+1)*rows*columns] {
				h.Rows[gap+j*stepY+k/columns][gap+i*stepX+k%columns] = float64(v)
			}
		}
	}
	height, width, pixel := float64(len(h.Rows)), float64(len(h.Rows[0])), size/float64(max(stepX, stepY))
	for i := range names {
		names[i].At = height - float64(gap) - names[i].At*float64(stepY) - float64(rows)/2
	}
	f, err := NewFigure(Block{Height: height * pixel, Rows: [][]Panel{{{
		X: Axis{Max: width, Bare: true}, Y: Axis{Max: height, Bare: true, Names: names}, Layers: []Layer{h},
	}}}})
	if err == nil {
		f.Width = width*pixel + beside
	}
	return f, err
}
