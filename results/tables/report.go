package tables

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"

	"quantal/results/draw"
	"quantal/results/store"
)

// Report is a page about a run or a grid: a sequence of sections.
type Report struct {
	Title    string
	Sections []Section
}

// Section is a part of a report: paragraphs, preformatted text (commands, files), figures, drawings, then tables.
type Section struct {
	Title    string
	Prose    []string
	Code     []string
	Figures  []NamedFigure
	Drawings []draw.Drawing
	Tables   []ReportTable
}

// ReportTable is a table of text. The first columns are names, aligned left; the others are numbers, aligned right.
// Verdicts that need attention (beyond, diverged) are highlighted.
type ReportTable struct {
	Caption string
	Header  []string
	Text    int  // how many columns are names
	Wide    bool // names may take several lines
	Rows    [][]string
}

//go:embed report.html
var reportPage string

// Write writes the report as one HTML file that needs nothing else: no network, no other file. Figures are embedded.
// The file is replaced as a whole or not at all, and the same report gives the same bytes.
func (r Report) Write(path string) error { return store.WriteFile(path, r.Encode) }

// Encode writes the content of Write.
func (r Report) Encode(w io.Writer) error {
	page, err := template.New("report").Funcs(template.FuncMap{
		"svg": func(f NamedFigure) (template.HTML, error) { return f.HTML() },
		"bad": func(text string) bool { return text == Beyond || text == store.Diverged },
	}).Parse(reportPage)
	if err != nil {
		return err
	}
	return page.Execute(w, r)
}

// Known writes a number, or a dash for NaN.
func Known(x float64, digits int) string {
	if math.IsNaN(x) {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, x)
}
