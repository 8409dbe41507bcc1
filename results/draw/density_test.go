package draw

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"
)

func TestBins(t *testing.T) {
	b := bin(plotter.XYs{{X: 0, Y: 0}, {X: 0.1, Y: 0.2}, {X: 4, Y: 8}, {X: 3.9, Y: 0}, {X: 2, Y: 4}}, 4)
	want := []int{2, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}
	for i := range want {
		if b.counts[i] != want[i] {
			t.Fatalf("counts %v, want %v", b.counts, want)
		}
	}
	if b.most != 2 || b.shade(0) != -1 || b.shade(1) != 0 || b.shade(2) != shades-1 {
		t.Errorf("most %d; shades %d, %d, %d", b.most, b.shade(0), b.shade(1), b.shade(2))
	}
	if b := bin(plotter.XYs{{X: 1, Y: 2}, {X: 1, Y: 2}}, 3); b.counts[4] != 2 { // all in one place, which is in the middle
		t.Errorf("counts %v", b.counts)
	}
	list := shadesOf(Green.rgba())
	for i := range list[1:] {
		light := func(i int) int { return int(list[i].R) + int(list[i].G) + int(list[i].B) }
		if light(i+1) >= light(i) {
			t.Errorf("shade %d is not darker than the one before: %v", i+1, list)
		}
	}
}

func TestDensity(t *testing.T) {
	d := Density{Label: "many", X: []float64{1, 1, 10, 100, 0, math.NaN()}, Y: []float64{1, 1, 1, 100, 1, 1}, Color: Green,
		Bins: 10}
	axes := Axis{Log: true}
	p := newStyle().axes("x", "y")
	entry, err := d.draw(p, axes, axes)
	check(t, err)
	if entry.label != "many" || len(entry.shades) != shades {
		t.Errorf("key %+v", entry)
	}
	if p.X.Min != 0 || p.X.Max != 2 || p.Y.Max != 2 {
		t.Errorf("axes to %g and %g, want the logarithms of the points", p.X.Max, p.Y.Max)
	}
	fills := func(p *plot.Plot) (n int) {
		var canvas recorder.Canvas
		p.Draw(draw.NewCanvas(&canvas, 300, 300))
		for _, action := range canvas.Actions {
			if strings.HasPrefix(action.Call(), "Fill(") {
				n++
			}
		}
		return n
	}
	empty := newStyle().axes("x", "y") // the letters are also areas
	empty.X.Min, empty.X.Max, empty.Y.Min, empty.Y.Max = p.X.Min, p.X.Max, p.Y.Min, p.Y.Max
	if n := fills(p) - fills(empty); n != 3 { // three bins that are not neighbours
		t.Errorf("%d areas, want 3", n)
	}
	_, err = NewFigure(Block{Rows: [][]Panel{{{Layers: []Layer{Density{X: d.X, Y: d.Y}}}}}, Height: 50})
	wantError(t, err, "density: want 1 or more bins, got 0")
}

// Panels under one key have one scale of shades, whose ends the bar states: one point, and the fullest bin of all.
func TestDensitiesHaveOneScale(t *testing.T) {
	many := func(n int) Panel {
		d := Density{Label: "many", X: []float64{1}, Y: []float64{1}, Bins: 2}
		for range n {
			d.X, d.Y = append(d.X, 0), append(d.Y, 0)
		}
		return Panel{Layers: []Layer{d}}
	}
	b := Block{Height: 50, Rows: [][]Panel{{many(10)}, {many(1000)}}}
	p, err := (&Figure{Blocks: []Block{b}}).lay()
	check(t, err)
	if got := labels(p.blocks[0].key); got != "many: bar11000" {
		t.Errorf("key %s", got)
	}
	most, err := b.fullest()
	check(t, err)
	d := b.Rows[0][0].Layers[0].(Density)
	d.most = most["many"]
	bins, err := d.bin(Axis{}, Axis{})
	check(t, err)
	if got := bins.shade(10); got != 2 { // a third of the way from 1 to 1000, of six shades
		t.Errorf("10 points of at most 1000 have shade %d", got)
	}
}

// A picture of another origin does not get into a page: parts of it might run there or load something.
func TestHostileDrawings(t *testing.T) {
	dir := t.TempDir()
	_, err := Illustration{Name: "a", Title: "A", Caption: "c", Figure: everything(t)}.Save(dir)
	check(t, err)
	svg := filepath.Join(dir, "a.svg")
	raw, err := os.ReadFile(svg)
	check(t, err)
	picture := string(raw)
	inside := func(text string) string { return strings.Replace(picture, "</g>\n</svg>", text+"</g>\n</svg>", 1) }
	attribute := func(element, text string) string {
		return strings.Replace(picture, "<"+element+" ", "<"+element+" "+text+" ", 1)
	}
	before := func(text string) string { return strings.Replace(picture, "<svg ", text+"<svg ", 1) }
	for what, c := range map[string]struct{ content, want string }{
		"script":           {inside("<script>alert(1)</script>"), "<script>"},
		"script, prefixed": {inside(`<h:script xmlns:h="http://www.w3.org/1999/xhtml">alert(1)</h:script>`), "<script>"},
		"path of HTML":     {inside(`<path xmlns="http://www.w3.org/1999/xhtml"/>`), "<path>"},
		"foreign object": {inside(`<foreignObject><body xmlns="http://www.w3.org/1999/xhtml" ` +
			`onload="x()"/></foreignObject>`), "<foreignObject>"},
		"link":              {inside(`<a href="javascript:alert(1)"><path d="M0,0"/></a>`), "<a>"},
		"use":               {inside(`<use href="#x"/>`), "<use>"},
		"image":             {inside(`<image href="http://example.org/x.png"/>`), "<image>"},
		"animation":         {inside(`<set attributeName="onload" to="x()"/>`), "<set>"},
		"style sheet":       {inside("<style>@import 'http://example.org/x.css';</style>"), "<style>"},
		"second picture":    {inside(`<svg width="1pt" viewBox="0 0 1 1"/>`), "<svg> at this place"},
		"two pictures":      {picture + picture[strings.Index(picture, "<svg"):], "<svg> at this place"},
		"onload":            {attribute("svg", `onload="alert(1)"`), "the attribute onload of <svg>"},
		"ONLOAD of a group": {attribute("g", `ONLOAD="alert(1)"`), "the attribute ONLOAD of <g>"},
		"onclick":           {attribute("path", `onclick="alert(1)"`), "the attribute onclick of <path>"},
		"xlink":             {attribute("path", `xlink:href="javascript:alert(1)"`), "the attribute href of <path>"},
		"filter":            {attribute("path", `filter="url(http://example.org/#x)"`), "the attribute filter of <path>"},
		"class":             {attribute("g", `class="bad"`), "the attribute class of <g>"},
		"url in a style": {strings.Replace(picture, `style="fill:#FFFFFF"`, `style="fill:url(http://example.org/#x)"`, 1),
			"style="},
		"style escaped": {strings.Replace(picture, `style="fill:#FFFFFF"`, `style="fill:&#117;rl(//example.org)"`, 1),
			"style="},
		"style of the page": {strings.Replace(picture, `style="fill:#FFFFFF"`, `style="position:fixed"`, 1), "style="},
		"way out of a style": {strings.Replace(picture, `style="fill:#FFFFFF"`, `style="fill:none&quot;&gt;&lt;script&gt;"`,
			1), "style="},
		"way out of a width": {strings.Replace(picture, `<svg width="`, `<svg width="1pt;background:url(//example.org)`, 1),
			"width="},
		"transform":       {strings.Replace(picture, `transform="scale(`, `transform="url(`, 1), "transform="},
		"text":            {inside("text &lt;script&gt;"), "text"},
		"section of text": {inside("<![CDATA[<script>alert(1)</script>]]>"), "text"},
		"instruction": {before(`<?xml-stylesheet href="http://example.org/x.css"?>`),
			`the instruction "xml-stylesheet"`},
		"instruction of PHP": {inside("<?php x() ?>"), `the instruction "php"`},
		"document type":      {before(`<!DOCTYPE svg SYSTEM "file:///etc/passwd">`), "a declaration"},
		"entities":           {before(`<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>`), "a declaration"},
		"unknown entity":     {inside("&b;"), "invalid character entity"},
		"other encoding": {strings.Replace(picture, `<?xml version="1.0"?>`, `<?xml version="1.0" encoding="UTF-7"?>`, 1),
			"encoding"},
		"half a picture": {picture[:len(picture)/2], "EOF"},
		"no size":        {`<svg xmlns="http://www.w3.org/2000/svg"></svg>`, "no width or viewBox"},
		"no namespace":   {`<svg width="1pt" viewBox="0 0 1 1"></svg>`, "<svg>"},
		"a page":         {`<html xmlns="http://www.w3.org/2000/svg"></html>`, "<html> at this place"},
		"nothing":        {"", "nothing"},
	} {
		if c.content == picture {
			t.Fatalf("%s: the picture is as it was", what)
		}
		check(t, os.WriteFile(svg, []byte(c.content), 0o644))
		_, err = ReadDrawings(os.DirFS(dir), dir)
		wantError(t, err, "a.svg: ", c.want)
		if !isCorrupt(err) {
			t.Errorf("%s: %T, want a CorruptError", what, err)
		}
	}
	// Comments are dropped; the target of a link is not a picture.
	check(t, os.WriteFile(svg, []byte(inside("<!-- --><!-- <script> -->")), 0o644))
	drawings, err := ReadDrawings(os.DirFS(dir), dir)
	check(t, err)
	if strings.Contains(string(drawings[0].SVG), "!--") {
		t.Error("a comment is in the page")
	}
	check(t, os.Rename(svg, filepath.Join(dir, "b.svg")))
	check(t, os.Symlink("b.svg", svg))
	_, err = ReadDrawings(os.DirFS(dir), dir)
	wantError(t, err, "a.svg: is not a regular file")
}

// The result has all the shapes of the picture, unchanged.
func TestDrawingsKeepTheirShapes(t *testing.T) {
	var b bytes.Buffer
	check(t, everything(t).Encode(&b, ".svg"))
	part, err := partOfPage(b.Bytes())
	check(t, err)
	list := func(text string) []string {
		var list []string
		for d := xml.NewDecoder(strings.NewReader(text)); ; {
			token, err := d.Token()
			if err == io.EOF {
				return list
			}
			check(t, err)
			switch token := token.(type) {
			case xml.StartElement:
				line := token.Name.Local
				for _, name := range []string{"viewBox", "transform", "d", "style"} {
					for _, a := range token.Attr {
						if a.Name.Local == name && (token.Name.Local != "svg" || name != "style") {
							line += " " + name + "=" + a.Value
						}
					}
				}
				list = append(list, line)
			case xml.EndElement:
				list = append(list, "end")
			}
		}
	}
	want, got := list(b.String()), list(string(part))
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 50 {
		t.Errorf("%d shapes: %s", len(want), diff)
	}
	if !strings.HasPrefix(string(part), `<svg style="--width:`) {
		t.Errorf("the part of a page begins with %.40q", part)
	}
}
