package tables

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"quantal/internal/input"
	"quantal/results/store"
)

// RunReport makes the page of a single run: the configuration and how to repeat it, its results, and figures.
func RunReport(f *store.Folder, figures []NamedFigure) (Report, error) {
	config, err := store.ReadFile(f.Path(store.ConfigName), input.Settings)
	if err != nil {
		return Report{}, err
	}
	e, err := f.ReadEnvironment()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Report{}, err
	}
	run := Section{Title: "What was run", Prose: []string{"The configuration, and the command that repeats it:"},
		Code: []string{strings.TrimSpace(string(config)), "quantal train --config " + f.Path(store.ConfigName) +
			" --out FOLDER"},
		Tables: environmentTables(e)}
	reached, err := reachedSection(f)
	if err != nil {
		return Report{}, err
	}
	r := Report{Title: "Run " + f.Path(""), Sections: []Section{run, reached}}
	if len(figures) > 0 {
		r.Sections = append(r.Sections, Section{Title: "Figures", Figures: figures})
	}
	return r, nil
}

// reachedSection is the summary of a run, or says that there is none yet.
func reachedSection(f *store.Folder) (Section, error) {
	s := Section{Title: "Results"}
	o := store.NoOutcome()
	err := f.ReadSummary(&o)
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
