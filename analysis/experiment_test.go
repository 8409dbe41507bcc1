package analysis

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quantal/internal/measured"
	"quantal/internal/pythontest"
	"quantal/results/draw"
	"quantal/synapse"
)

// reference is a file of the authors' published data, if it is next to the repository.
func reference(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "shared", "reference", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the authors' data are not here: %v", err)
	}
	return path
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// The published slope of Fig. 6b, and the result of numpy for the same files.
func TestPublishedExperiments(t *testing.T) {
	ko, ltp, ltd := reference(t, "fig6_ko2013.csv"), reference(t, "Sjostrom2001_LTP_schug.csv"),
		reference(t, "Sjostrom2001_LTD_schug.csv")
	connections, err := ReadConnections(ko)
	if err != nil {
		t.Fatal(err)
	}
	var files []Plasticity
	for _, path := range []string{ltp, ltd} {
		f, err := ReadPlasticity(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	e, err := NewExperiment(&connections, files, Bootstrap{Seed: 1, Resamples: 500})
	if err != nil {
		t.Fatal(err)
	}
	if r := e.Rate; math.Abs(r.Value+0.714) > 5e-4 || r.Points != 136 || r.Dropped != 0 || r.Low > -0.71 ||
		r.High < -0.71 || r.High > 0 {
		t.Errorf("rate: %+v", r)
	}
	if len(files[0].Before) != 30 || len(files[1].Before) != 14 {
		t.Errorf("%d and %d connections", len(files[0].Before), len(files[1].Before))
	}
	if s := e.Plasticity.Definitions[0]; s.String() != "|dw|/w over variance/mean before, all connections" ||
		math.Abs(s.Value-0.130) > 5e-4 || s.Points != 44 {
		t.Errorf("first definition: %v %+v", s, s)
	}
	if v := e.Plasticity.Verdict; !strings.Contains(v, "None of 108 definitions gives it") ||
		!strings.Contains(v, "gives 0.13 [") ||
		!strings.Contains(v, "nearest is CV^2 after over |dw|/w, Sjostrom2001_LTD_schug: 1.48 [") {
		t.Errorf("verdict: %s", v)
	}
	var numpy map[string]float64
	pythontest.Run(t, `
import csv, json, sys
import numpy as np
def read(path):
    rows = [r for r in csv.reader(open(path, encoding="utf-8-sig"))if r]
    return [dict(zip(reversed(rows[0]), reversed(r))) for r in rows[1:]]  # the first of equal names
out = {}
sets = {name: read(path) for name, path in zip(["ltp", "ltd"], sys.argv[1:])}
names = ["Sjostrom2001_LTP_schug", "Sjostrom2001_LTD_schug", "all connections"]
for name, path in zip(names, [["ltp"], ["ltd"], ["ltp", "ltd"]]):
    rows = sum((sets[p] for p in path), [])
    col = lambda k: np.array([float(r[k]) for r in rows])
    p0, p1, q0, q1 = col("Pr (before)"), col("Pr (after)"), col("q (mV, before)"), col("q (mV, after)")
    w0, w1 = p0 * q0, p1 * q1
    v = {"variance/mean": ((1-p0)*q0, (1-p1)*q1), "CV^2": ((1-p0)/p0, (1-p1)/p1)}
    v["CV"] = tuple(np.sqrt(x) for x in v["CV^2"])
    for kind, (before, after) in v.items():
        for when, x in {"before": before, "after": after, "before and after": (before+after)/2}.items():
            for change, y in {"|dw|/w": abs(w1-w0)/w0, "|dw|": abs(w1-w0)}.items():
                out[f"{change} over {kind} {when}, {name}"] = np.polyfit(np.log(x), np.log(y), 1)[0]
                out[f"{kind} {when} over {change}, {name}"] = np.polyfit(np.log(y), np.log(x), 1)[0]
print(json.dumps(out))
`, &numpy, ltp, ltd)
	if len(numpy) != 108 || len(e.Plasticity.Definitions) != 108 {
		t.Fatalf("%d definitions, numpy made %d", len(e.Plasticity.Definitions), len(numpy))
	}
	for _, d := range e.Plasticity.Definitions {
		if want, ok := numpy[d.String()]; !ok || math.Abs(d.Value-want) > 1e-9 {
			t.Errorf("%v: %v, numpy %v", d, d.Value, want)
		}
	}
}

// A file in which the change is exactly a power of variance/mean: the slope is that power, and the verdict says so.
func TestVerdictOnExactData(t *testing.T) {
	var b strings.Builder
	b.WriteString("\ufeffRecording,Pr (before),Pr (after),\"q (mV, before)\",\"q (mV, after)\",Pr (after)\n")
	for i := range 12 {
		p, q := 0.2+0.04*float64(i), 0.1+0.02*float64(i*i%7)
		change := 0.5 * math.Pow((1-p)*q, 1.47)
		fmt.Fprintf(&b, "'cell %d',%g,%g,%g,%.17g,9\n", i, p, p, q, q*(1+change))
	}
	f, err := ReadPlasticity(write(t, "exact.csv", b.String()))
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewExperiment(nil, []Plasticity{f}, Bootstrap{Seed: 1, Resamples: 50})
	if err != nil {
		t.Fatal(err)
	}
	d := e.Plasticity.Definitions[0]
	if math.Abs(d.Value-1.47) > 1e-9 || e.Rate != nil || f.Name != "exact" {
		t.Errorf("slope %v of %s", d.Value, f.Name)
	}
	if v := e.Plasticity.Verdict; !strings.Contains(v, "of 36 definitions round to it") || strings.Contains(v, "None") {
		t.Errorf("verdict: %s", v)
	}
}

func TestBadMeasurements(t *testing.T) {
	connections := func(path string) error { _, err := ReadConnections(path); return err }
	plasticity := func(path string) error { _, err := ReadPlasticity(path); return err }
	const header = "Pr (before),Pr (after),\"q (mV, before)\",\"q (mV, after)\"\n"
	for _, c := range []struct {
		read    func(string) error
		content string
		want    string
	}{
		{connections, "", "is empty: want a line with the names"},
		{connections, "mean,var\n1,2\n", `want a column "foopsi_mean", got mean, var`},
		{connections, "\"mean\", \"var\", \"foopsi_mean\",\n1,2,3\n\n1,-2,3\n",
			`line 4, column var: want a number above 0, got "-2"`},
		{connections, "mean,var,foopsi_mean\n1,2\n", "line 2: want 3 values, one for each name, got 2"},
		{connections, "mean,var,foopsi_mean\n1,2,nan\n", `column foopsi_mean: want a number above 0, got "nan"`},
		{connections, "mean,var,foopsi_mean\n1,\"2,3\n", "quote"},
		{plasticity, header + "0.5,1.5,1,1\n", `column Pr (after): want a number between 0 and 1, got "1.5"`},
		{plasticity, header + "0.5,0.5,1,x\n", `column q (mV, after): want a number above 0, got "x"`},
	} {
		path := write(t, "data.csv", c.content)
		err := c.read(path)
		var bad *measured.Error
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want %q", c.content, err, c.want)
		}
	}
	if err := connections(filepath.Join(t.TempDir(), "none.csv")); err == nil ||
		!strings.Contains(err.Error(), "none.csv: no such file") {
		t.Error(err)
	}
	if _, err := NewExperiment(nil, nil, DefaultBootstrap()); err == nil {
		t.Error("no measurements are no experiment")
	}
}

// Each panel of Fig. 6 has its own legend, with all that it shows.
func TestExperimentLegends(t *testing.T) {
	var c Connections
	p := Plasticity{Name: "file"}
	for i := range 10 {
		x := 1 + float64(i)
		c.Mean, c.Variance, c.Rate = append(c.Mean, x), append(c.Variance, math.Sqrt(x)), append(c.Rate, 3*x*x)
		p.Before = append(p.Before, synapse.Release{N: 1, P: 0.05 * x, Q: 1})
		p.After = append(p.After, synapse.Release{N: 1, P: 0.05 * x, Q: 1 + x})
	}
	e, err := NewExperiment(&c, []Plasticity{p}, Bootstrap{Seed: 1, Resamples: 20})
	if err != nil {
		t.Fatal(err)
	}
	block := saved(t, e.Illustration).Figure.Blocks[0]
	var keys []string
	for _, panel := range block.Rows[0] {
		for _, layer := range panel.Layers {
			switch l := layer.(type) {
			case draw.Points:
				keys = append(keys, l.Label)
			case draw.Curve:
				keys = append(keys, l.Label)
			}
		}
	}
	want := []string{"file", "least squares", "published slope", "connections", "least squares", "published slope"}
	if !block.OwnKeys || !slices.Equal(keys, want) {
		t.Errorf("keys of each panel: %v, of %q", block.OwnKeys, keys)
	}
}
