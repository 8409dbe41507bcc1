package tables

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"quantal/internal/input"
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
	reached, err := reachedSection(files, dir)
	if err != nil {
		return Report{}, err
	}
	r := Report{Title: "Run " + dir, Sections: []Section{run, reached}}
	if len(figures) > 0 {
		r.Sections = append(r.Sections, Section{Title: "Figures", Figures: figures})
	}
	return r, nil
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

// reachedSection is the summary of a run, or says that there is none yet.
func reachedSection(files fs.FS, dir string) (Section, error) {
	s := Section{Title: "Results"}
	o := store.NoOutcome()
	err := readJSON(files, dir, "summary.json", &o)
	if errors.Is(err, fs.ErrNotExist) {
		s.Prose = []string{"The run has not finished: there is no summary yet."}
		return s, nil
	}
	if err != nil {
		return s, err
	}
	t := ReportTable{Header: []string{"figure", "value"}, Text: 1}
	for _, figure := range shownFigures(o.ObjectiveCosts.Names()) {
		if text := number(figure.format, figure.of(o)); text != "" {
			t.Rows = append(t.Rows, []string{figure.title, text})
		}
	}
	t.Rows = append(t.Rows, []string{"steps", fmt.Sprint(o.Steps)}, []string{"draws", fmt.Sprint(o.Draws)})
	s.Tables = []ReportTable{t}
	return s, nil
}
