package tables

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"quantal/internal/input"
	"quantal/results/draw"
	"quantal/results/store"
)

// RunReport makes the page of a single run: the configuration and how to repeat it, its results, and figures.
func RunReport(f *store.Folder, figures []NamedFigure) (Report, error) {
	return RunReportIn(os.DirFS(f.Path("")), f.Path(""), figures)
}

// RunReportIn is RunReport of files in a folder of a name.
func RunReportIn(files fs.FS, dir string, figures []NamedFigure) (Report, error) {
	config, err := input.From(files, store.ConfigName, input.Settings)
	if err != nil {
		return Report{}, store.FileError(filepath.Join(dir, store.ConfigName), err)
	}
	var e store.Environment
	if err := readJSON(files, dir, store.EnvironmentName, &e); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Report{}, err
	}
	run := Section{Title: "What was run", Prose: []string{"The configuration, and the command that repeats it:"},
		Code: []string{strings.TrimSpace(string(config)), "quantal train --config " + filepath.Join(dir, store.ConfigName) +
			" --out FOLDER"},
		Tables: environmentTables(e)}
	r := Report{Title: "Run " + dir}
	results, err := r.addResults(files, dir)
	if err != nil {
		return Report{}, err
	}
	if len(results.Tables) > 0 {
		r.Sections = append(r.Sections, results)
	}
	if len(figures) > 0 {
		r.Sections = append(r.Sections, Section{Title: "Figures", Figures: figures})
	}
	r.Sections = append(r.Sections, run)
	return r, nil
}

const summaryName = "summary.json"

// ExperimentReport makes the page of an experiment of package dynamics from the files in its folder, which is called
// dir, and its saved illustrations: what these show, its numbers and how to repeat it.
func ExperimentReport(files fs.FS, dir string, drawings []draw.Drawing) (Report, error) {
	config, err := input.From(files, store.ConfigName, input.Settings)
	if err != nil {
		return Report{}, store.FileError(filepath.Join(dir, store.ConfigName), err)
	}
	var e store.Environment
	if err := readJSON(files, dir, store.EnvironmentName, &e); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Report{}, err
	}
	r := Report{Title: "Experiment " + dir}
	var summary struct {
		Seconds float64 `json:"seconds"`
	}
	switch err := readJSON(files, dir, summaryName, &summary); {
	case errors.Is(err, fs.ErrNotExist):
		r.Answer = []string{"The experiment has not finished: there is no summary yet."}
	case err != nil:
		return Report{}, err
	default:
		var titles []string
		for _, d := range drawings {
			titles = append(titles, d.Title)
		}
		if len(titles) > 0 {
			r.Answer = append(r.Answer, "It shows: "+strings.Join(titles, "; ")+".")
		}
		r.Answer = append(r.Answer, workOf(files, summary.Seconds, e.Device, e).sentence())
	}
	for _, name := range []string{"means", "table"} {
		t, err := csvTable(files, dir, name+".csv")
		if err != nil {
			return Report{}, err
		}
		if len(t.Rows) > 0 {
			r.Sections = append(r.Sections, Section{Title: map[string]string{"means": "Means over networks",
				"table": "Numbers"}[name], Tables: []ReportTable{t}})
		}
	}
	if len(drawings) > 0 {
		r.Sections = append(r.Sections, Section{Title: "Figures", Drawings: drawings})
	}
	r.Sections = append(r.Sections, Section{Title: "What was made",
		Prose: []string{"The configuration, which --config of the same command reads to repeat it:"},
		Code:  []string{strings.TrimSpace(string(config))}, Tables: environmentTables(e)})
	return r, nil
}

// csvTable is a table in a folder, of which a page shows the first rows; without the file it is empty.
func csvTable(files fs.FS, dir, name string) (ReportTable, error) {
	const most = 200
	data, err := input.From(files, name, input.Table)
	if errors.Is(err, fs.ErrNotExist) {
		return ReportTable{}, nil
	}
	if err != nil {
		return ReportTable{}, store.FileError(filepath.Join(dir, name), err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return ReportTable{}, store.Corrupt(filepath.Join(dir, name), "%v", err)
	}
	if len(rows) == 0 {
		return ReportTable{}, nil
	}
	t := ReportTable{Header: rows[0], Rows: rows[1:]}
	if n := len(t.Rows); n > most {
		t.Rows, t.Caption = t.Rows[:most], fmt.Sprintf("The first %d of %d rows of %s.", most, n, name)
	}
	for _, row := range t.Rows {
		for i, text := range row {
			if v, err := strconv.ParseFloat(text, 64); err == nil {
				row[i] = number("%.5g", v)
			} else if text != "" {
				t.Text = max(t.Text, i+1)
			}
		}
	}
	return t, nil
}

// workOf says when the summary of a folder was written, and where the work was done.
func workOf(files fs.FS, seconds float64, device string, e store.Environment) Work {
	w := Work{Seconds: seconds}
	if info, err := fs.Stat(files, summaryName); err == nil {
		w.To = info.ModTime()
	}
	if device == "cpu" && e.Processor != "" {
		device = e.Processor
	}
	if device != "" {
		w.Devices = []string{device}
	}
	return w
}

func readJSON(files fs.FS, dir, name string, v any) error {
	data, err := input.From(files, name, input.Table)
	if err != nil {
		return store.FileError(filepath.Join(dir, name), err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return store.Corrupt(filepath.Join(dir, name), "%v", err)
	}
	return nil
}

// addResults adds the answer of a run, and returns the section with its summary, or says that there is none yet.
func (r *Report) addResults(files fs.FS, dir string) (Section, error) {
	s := Section{Title: "Results"}
	summary := struct {
		store.Outcome
		store.Times
		Device string `json:"device"`
	}{Outcome: store.NoOutcome()}
	err := readJSON(files, dir, summaryName, &summary)
	if errors.Is(err, fs.ErrNotExist) {
		r.Answer = []string{"The run has not finished: there is no summary yet."}
		return s, nil
	}
	if err != nil {
		return s, err
	}
	var e store.Environment
	_ = readJSON(files, dir, store.EnvironmentName, &e) // RunReportIn has read it
	o := summary.Outcome
	r.Answer = []string{
		asSentence(reached(func(of func(store.Outcome) float64) Interval { return NewInterval([]float64{of(o)}) })),
		workOf(files, summary.Seconds+summary.MeasuringSeconds, summary.Device, e).sentence(),
	}
	t := ReportTable{Header: []string{"figure", "value"}, Text: 1}
	for _, figure := range shownFigures(o.ObjectiveCosts.Names(), len(o.SigmaRMSLayers)) {
		if text := number(figure.format, figure.of(o)); text != "" {
			t.Rows = append(t.Rows, []string{figure.title, text})
		}
	}
	t.Rows = append(t.Rows, []string{"steps", fmt.Sprint(o.Steps)}, []string{"draws", fmt.Sprint(o.Draws)})
	s.Prose, s.Tables = []string{fourAccuracies}, []ReportTable{t}
	return s, nil
}
