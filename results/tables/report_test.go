package tables

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quantal/internal/recordstest"
	"quantal/results/draw"
	"quantal/results/store"
)

// page is the content of an HTML page according to a parser.
type page struct {
	elements map[string]int
	text     string
	ids      map[string]bool
}

// parsed writes a report, reads it as a browser would, and fails if it needs other files or its tags are not balanced.
func parsed(t *testing.T, r Report) page {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	check(t, r.Write(path))
	data, err := os.ReadFile(path)
	check(t, err)
	check(t, r.Write(path))
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(data, again) {
		t.Error("the same report gave other bytes")
	}
	if !bytes.HasPrefix(data, []byte("<!DOCTYPE html>\n<html lang=")) || bytes.Contains(data, []byte("<?xml")) ||
		bytes.Contains(data, []byte("ZgotmplZ")) {
		t.Errorf("not a page: %.200s", data)
	}
	p := page{elements: map[string]int{}, ids: map[string]bool{}}
	d := xml.NewDecoder(bytes.NewReader(data))
	d.AutoClose, d.Entity = []string{"meta"}, xml.HTMLEntity
	d.Strict = false
	var open []string
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		check(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			p.elements[token.Name.Local]++
			open = append(open, token.Name.Local)
			for _, a := range token.Attr {
				switch {
				case a.Name.Local == "id":
					p.ids[a.Value] = true
				case a.Name.Local == "src", a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#"),
					strings.Contains(a.Value, "url("):
					t.Errorf("<%s> needs another file: %s=%s", token.Name.Local, a.Name.Local, a.Value)
				case a.Name.Local == "href" && a.Value == "":
					t.Error("a link to nowhere")
				}
			}
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != token.Name.Local {
				t.Fatalf("</%s> closes %v", token.Name.Local, open)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) == 0 || open[len(open)-1] != "style" {
				p.text += string(token)
			} else if bytes.Contains(token, []byte("url(")) || bytes.Contains(token, []byte("@import")) {
				t.Error("the style needs another file")
			}
		}
	}
	for _, name := range []string{"script", "link", "img", "iframe"} {
		if p.elements[name] > 0 {
			t.Errorf("the page has a <%s>", name)
		}
	}
	return p
}

func (p page) wants(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(p.text, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
}

func TestGridReport(t *testing.T) {
	records := recordstest.GridRecords([]float64{0.5, 2}, append(recordstest.BothNoises, "none"), []float64{0.1, 1}, 3,
		func(r *store.Record) {
			if r.C == 1 && r.Seed == 2 && r.Noise == "homogeneous" {
				r.Status, r.Outcome = store.Diverged, store.NoOutcome()
				step, layer := 1234, 2
				r.DivergedStep, r.DivergedLayer, r.DivergedWhat = &step, &layer, "gradient"
			}
		})
	g := &Grid{Dir: "grids/<a>", Points: 50, Commands: []string{"quantal grid --c '0.1,1' --data <b>",
		"quantal grid --seeds 1-3"},
		Environment: store.Environment{Version: "0.1.0", Kernels: "avx512", Data: "mnist",
			DataSHA256: map[string]string{"images": "abc123"}},
		Records: records, Damaged: []error{errors.New("store: points/x.json: is cut short")}}
	reference := []Published{heterogeneous(2, 0.1, 90, 0.12), heterogeneous(2, 77, 90, 0.12)}
	figures, err := g.Figures(recordstest.RhoTitle, reference)
	check(t, err)
	comparison, err := Compare(records, reference, nil)
	check(t, err)
	p := parsed(t, g.Report(figures, comparison))
	p.wants(t, "Grid grids/<a>", "50 networks asked for, 34 finished, 2 diverged, 14 missing.", "--c '0.1,1' --data <b>",
		"--seeds 1-3", "abc123", "avx512",
		"heterogeneous, homogeneous, none", "as EES Fig. 2", "as EES Fig. 3", "beyond",
		"1 published point has no counterpart", "gradient", "1234", "is cut short",
		"8 points of the grid are not among the published")
	if strings.Contains(p.text, "store: ") {
		t.Error("the page has the name of a package")
	}
	if p.elements["svg"] != 2 || p.elements["figure"] != 2 || p.elements["h2"] != 7 {
		t.Errorf("elements %v", p.elements)
	}
	// Means: two rho, two noises, two c, and one without noise. Points and the diverged: a row each.
	if rows := p.elements["tr"]; rows < 9+36+2 {
		t.Errorf("%d rows", rows)
	}
	groups := Groups(records)
	i := groups[0].Interval(func(o store.Outcome) float64 { return 100 * o.AccuracySampled })
	p.wants(t, number("%.2f", i.Mean)+" ± "+number("%.2g", i.HalfWidth))
	for id := range map[string]bool{"s0": true, "s6": true} {
		if !p.ids[id] {
			t.Errorf("no section %s", id)
		}
	}
}

func TestReportsOfLittle(t *testing.T) {
	empty := parsed(t, (&Grid{Dir: "grid", Points: 3, Commands: []string{"quantal grid"}}).Report(nil, nil))
	empty.wants(t, "3 networks asked for, 0 finished, 3 missing.", "No point has finished yet: nothing to draw.",
		"quantal grid")
	lost := parsed(t, (&Grid{Dir: "grid", Points: 1, Records: []store.Record{diverged(2, 0.1, 1)}}).Report(nil, nil))
	lost.wants(t, "1 network asked for, 0 finished, 1 diverged.", "Every finished point has diverged", "loss")
	quiet := recordstest.Record(2, 0.1, 1)
	quiet.Noise = "none"
	parsed(t, (&Grid{Dir: "grid", Points: 1, Records: []store.Record{quiet}}).Report(nil, nil)).wants(t,
		"No two finished networks differ in a setting or in their seed: nothing to draw over.", "50.00")
}

// The headline of networks that fit numbers is their R², the highest, or that of the only kind.
func TestReportsOfRegression(t *testing.T) {
	r2 := func(c, sampled float64) store.Record {
		r := recordstest.Record(2, c, 1)
		r.AccuracySampled, r.AccuracyMean, r.R2Sampled, r.R2Mean = math.NaN(), math.NaN(), &sampled, &sampled
		return r
	}
	both := []store.Record{r2(0.1, 0.75), r2(1, 0.25)}
	parsed(t, (&Grid{Dir: "grid", Points: 2, Records: both}).Report(nil, nil)).wants(t,
		"Highest test R² with noise and sampled weights: 0.750 (1 seed), at")
	parsed(t, (&Grid{Dir: "grid", Points: 1, Records: both[1:]}).Report(nil, nil)).wants(t,
		"Test R² 0.250 with sampled weights, test R² 0.250 with the weights at their means")
}

func TestRunReport(t *testing.T) {
	f, err := store.Create(filepath.Join(t.TempDir(), "run"))
	check(t, err)
	defer f.Close()
	check(t, f.WriteConfig(map[string]any{"rho": "2", "hidden": []int{100, 100}}))
	check(t, f.WriteEnvironment(store.Environment{Version: "0.1.0", Processor: "a <processor>"}))
	curve, err := LearningCurve(curvePoints(3))
	check(t, err)
	figures := []NamedFigure{{"learning-curve", "The learning curve.", curve}}
	r, err := RunReport(f, figures)
	check(t, err)
	parsed(t, r).wants(t, "rho = '2'", "has not finished", "a <processor>",
		"quantal train --config "+f.Path("config.toml"))
	o := store.NoOutcome()
	o.AccuracySampled, o.SigmaRMS, o.SigmaRMSLayers, o.Steps = 0.9123, 0.25, []float64{0.3, 0.125}, 6000
	check(t, f.WriteSummary(o))
	r, err = RunReport(f, figures)
	check(t, err)
	p := parsed(t, r)
	p.wants(t, "Test accuracy 91.23 % with sampled weights, σ 0.25 (root mean square).", "Made on ", "6000",
		"The learning curve.", "sigma rms, layer 2", "0.125", "A network has four accuracies")
	if p.elements["svg"] != 1 || strings.Contains(p.text, "loss mean") {
		t.Errorf("elements %v", p.elements)
	}
}

func TestDrawings(t *testing.T) {
	dir := t.TempDir()
	if none, err := draw.ReadDrawings(os.DirFS(filepath.Join(dir, "none")), "none"); none != nil || err != nil {
		t.Errorf("no folder: %v, %v", none, err)
	}
	figure, err := LearningCurve(curvePoints(5))
	check(t, err)
	i := draw.Illustration{Name: "b", Title: "A <title>", Caption: "first & line\nsecond", Figure: figure,
		Numbers: []int{1}}
	_, err = i.Save(dir)
	check(t, err)
	i.Name = "a"
	_, err = i.Save(dir)
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("no picture"), 0o644))
	drawings, err := draw.ReadDrawings(os.DirFS(dir), dir)
	check(t, err)
	if len(drawings) != 2 || drawings[0].Name != "a" || drawings[1].Title != "A <title>" || len(drawings[0].Caption) != 2 {
		t.Fatalf("%+v", drawings)
	}
	p := parsed(t, Report{Title: "t", Sections: []Section{{Title: "Analyses", Drawings: drawings}}})
	if p.elements["svg"] != 2 || p.elements["figcaption"] != 2 || !strings.Contains(p.text, "first & line") {
		t.Errorf("%v %s", p.elements, p.text)
	}
}

// A page of an experiment has what its folder has.
func TestExperimentReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spines")
	check(t, os.Mkdir(dir, 0o755))
	write := func(name, text string) {
		t.Helper()
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("config.toml", "days = 3\n")
	write("environment.json", `{"processor":"a processor","device":"cpu"}`)
	if !store.IsExperiment(dir) {
		t.Error("is no experiment")
	}
	r, err := ExperimentReport(os.DirFS(dir), dir, nil)
	check(t, err)
	parsed(t, r).wants(t, "The experiment has not finished", "days = 3")
	write("summary.json", `{"seconds":7200.4}`)
	write("table.csv", "condition,mean,births\ncontrol,0.12345678,\nsilenced,,1e6\n")
	write("means.csv", "name,mean\nall,3\n")
	r, err = ExperimentReport(os.DirFS(dir), dir, []draw.Drawing{{Name: "a", Title: "Spines shrink",
		Caption: []string{"Why."},
		SVG:     "<svg></svg>"}, {Name: "b", Title: "They also grow", SVG: "<svg></svg>"}})
	check(t, err)
	p := parsed(t, r)
	p.wants(t, "It shows: Spines shrink; They also grow.", "in 2h0m0s of computing, on a processor.", "0.12346", "1e+06",
		"Means over networks", "Why.")
	if p.elements["tr"] != 2+3+3 || p.elements["svg"] != 2 {
		t.Errorf("elements %v", p.elements)
	}
	check(t, os.Mkdir(filepath.Join(dir, "checkpoints"), 0o755))
	if store.IsExperiment(dir) {
		t.Error("a run is an experiment")
	}
}

func TestWorkInWords(t *testing.T) {
	at := func(text string) time.Time {
		t.Helper()
		when, err := time.Parse(time.RFC3339, text)
		check(t, err)
		return when
	}
	morning, noon, next := at("2026-11-28T06:05:00Z"), at("2026-11-28T12:00:00Z"), at("2026-12-01T12:00:00Z")
	for want, w := range map[string]Work{
		"": {},
		"Made on 28 November 2026, from 06:05 to 12:00 UTC, in 1m5s of computing, on cpu of a.": {From: morning, To: noon,
			Seconds: 65.2, Devices: []string{"cpu of a"}},
		"Made from 28 November 2026 to 1 December 2026, on a, b.": {From: morning, To: next, Devices: []string{"a", "b"}},
		"Made on 28 November 2026, until 12:00 UTC.":              {To: noon},
		"Made in 0.25 s of computing.":                            {Seconds: 0.25},
	} {
		if got := w.sentence(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
