package tables

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"

	"quantal/results/draw"
	"quantal/results/store"
)

// Report is a page about a run or a grid: the answer in a few sentences, and then a sequence of sections.
type Report struct {
	Title    string
	Answer   []string // paragraphs
	Sections []Section
}

// Work says when, for how long and where something was made.
type Work struct {
	From, To time.Time // zero if unknown
	Seconds  float64   // of computing, added up over devices; 0 if unknown
	Devices  []string
}

// sentence says it; empty if nothing is known.
func (w Work) sentence() string {
	const day, hour = "2 January 2006", "15:04"
	text, from, to := "Made", w.From.UTC(), w.To.UTC()
	switch {
	case w.From.IsZero() && !w.To.IsZero():
		text += " on " + to.Format(day+", until "+hour+" UTC")
	case !w.To.IsZero() && from.Format(day) == to.Format(day):
		text += " on " + to.Format(day) + ", from " + from.Format(hour) + " to " + to.Format(hour+" UTC")
	case !w.To.IsZero():
		text += " from " + from.Format(day) + " to " + to.Format(day)
	}
	if w.Seconds > 0 {
		took := time.Duration(w.Seconds * float64(time.Second)).Round(time.Second)
		if text += fmt.Sprintf(", in %v of computing", took); took == 0 {
			text = strings.TrimSuffix(text, "0s of computing") + fmt.Sprintf("%.2g s of computing", w.Seconds)
		}
	}
	if len(w.Devices) > 0 {
		text += ", on " + strings.Join(w.Devices, ", ")
	}
	if text == "Made" {
		return ""
	}
	return strings.Replace(text, "Made,", "Made", 1) + "."
}

// fourAccuracies explains the figures of a network.
const fourAccuracies = "A network has four accuracies on the test set. Sampled: with one draw of the weights per 20 " +
	"images, which is what its noisy synapses reach. Mean: with the weights at μ, as if there were no noise. " +
	"Predictive: by the mean probability over several draws, as if many such networks voted. Expected log: by the mean " +
	"log-probability over the draws, as in the paper. The losses are the negative log-likelihoods of the same, in nats " +
	"per image. sigma_rms and the reliability cost are over weights without biases."

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
