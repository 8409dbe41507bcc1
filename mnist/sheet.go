package mnist

import (
	"fmt"
	"image"
	"image/color"
)

// Colours of a sheet: dark ink on a white tile, tiles on a grey ground, labels in blue.
var (
	sheetGround = color.RGBA{0xe6, 0xe6, 0xea, 0xff}
	sheetInk    = color.RGBA{0x1c, 0x1c, 0x24, 0xff}
	sheetLabel  = color.RGBA{0x2a, 0x5d, 0xa8, 0xff}
)

const (
	sheetTile = 56 // minimum size of an image in pixels: small ones are enlarged by a whole factor
	sheetGap  = 4
	sheetWide = 20 // images in a row of the sheet
)

// Sheet draws the first n examples (or all, if there are fewer) in one picture, dark on light, in groups: the examples
// of label 0 first, in their order, the label written on the left, then those of label 1, and so on. rows and columns
// are the size of an image. The picture is empty when there are no examples or the size does not fit them.
func Sheet(e Examples, rows, columns, n int) image.Image {
	n = min(n, e.N())
	if n <= 0 || rows <= 0 || columns <= 0 || len(e.Images) < n*rows*columns {
		return image.NewRGBA(image.Rectangle{})
	}
	groups := make([][]int, 256) // by label: indices of the examples
	largest, lines, wide := 0, 0, 0
	for i, label := range e.Labels[:n] {
		groups[label] = append(groups[label], i)
	}
	for label, g := range groups {
		if len(g) == 0 {
			continue
		}
		largest = label
		lines += (len(g) + sheetWide - 1) / sheetWide
		wide = max(wide, min(len(g), sheetWide))
	}
	scale := max(1, sheetTile/max(rows, columns))
	stepX, stepY := columns*scale+sheetGap, rows*scale+sheetGap
	dot := max(1, stepY/14) // of the label's digits
	margin := numberWidth(largest)*dot + 4*sheetGap
	sheet := image.NewRGBA(image.Rect(0, 0, margin+wide*stepX+sheetGap, lines*stepY+sheetGap))
	fill(sheet, sheet.Rect, sheetGround)
	y := sheetGap
	for label, g := range groups {
		if len(g) == 0 {
			continue
		}
		drawNumber(sheet, 2*sheetGap, y+(rows*scale-letterRows*dot)/2, dot, label)
		for k, i := range g {
			if k > 0 && k%sheetWide == 0 {
				y += stepY
			}
			at := image.Pt(margin+k%sheetWide*stepX, y)
			drawExample(sheet, at, e.Images[i*rows*columns:(i+1)*rows*columns], columns, scale)
		}
		y += stepY
	}
	return sheet
}

// drawExample draws one image with its top left corner at the given place, each pixel scale x scale.
func drawExample(sheet *image.RGBA, at image.Point, pixels []byte, columns, scale int) {
	for i, v := range pixels {
		mix := func(ink uint8) uint8 { return uint8((int(ink)*int(v) + 255*(255-int(v))) / 255) }
		x, y := at.X+i%columns*scale, at.Y+i/columns*scale
		fill(sheet, image.Rect(x, y, x+scale, y+scale), color.RGBA{mix(sheetInk.R), mix(sheetInk.G), mix(sheetInk.B), 0xff})
	}
}

func fill(sheet *image.RGBA, r image.Rectangle, c color.RGBA) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			sheet.SetRGBA(x, y, c)
		}
	}
}

const letterRows, letterColumns = 5, 3

// numerals are 3 x 5 dots each, row by row, for the labels.
var numerals = [10]string{
	"####.##.##.####", ".#.##..#..#.###", "###..#####..###", "###..####..####", "#.##.####..#..#",
	"####..###..####", "####..####.####", "###..#..#..#..#", "####.#####.####", "####.####..####",
}

// numberWidth is the width of the number in dots.
func numberWidth(number int) int {
	return len(fmt.Sprint(number))*(letterColumns+1) - 1
}

func drawNumber(sheet *image.RGBA, x, y, dot, number int) {
	for _, numeral := range fmt.Sprint(number) {
		for i, mark := range numerals[numeral-'0'] {
			if mark == '#' {
				left, top := x+i%letterColumns*dot, y+i/letterColumns*dot
				fill(sheet, image.Rect(left, top, left+dot, top+dot), sheetLabel)
			}
		}
		x += (letterColumns + 1) * dot
	}
}
