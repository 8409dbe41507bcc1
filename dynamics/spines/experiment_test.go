package spines

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"quantal/dynamics"
	"quantal/internal/dynamicstest"
	"quantal/internal/measured"
)

// small is a quick experiment, with a condition of each kind.
func small() Config {
	c := DefaultConfig()
	c.Spines, c.Days, c.Step, c.Follow, c.Cells = 5000, 30, 0.05, 10, 500
	own := Own("own", []Measurement{{0.02, 0.004, 0.02}, {0.1, 0, 0.04}, {0.5, -0.02, 0.1}, {1, -0.06, 0.2}})
	c.Conditions = append(c.Conditions, own)
	return c
}

// run makes an experiment, and returns its findings and their text without the time that it took.
func run(t *testing.T, c Config) (findings Findings, text string) {
	t.Helper()
	findings, err := Run(context.Background(), c, dynamicstest.Quiet)
	return findings, dynamicstest.Found(t, findings, err)
}

// The whole experiment: its table has a row for each source, sources agree, births and losses balance, and everything
// is the same for any number of threads.
func TestRun(t *testing.T) {
	c := small()
	c.Threads = 1
	findings, text := run(t, c)
	c.Threads = 3
	if _, again := run(t, c); again != text {
		t.Error("3 threads find something else than one")
	}
	if got := len(findings.Summary.Outcomes); got != 6+3+2 {
		t.Fatalf("%d outcomes", got)
	}
	for _, o := range findings.Summary.Outcomes {
		name := o.Condition + ", " + o.Bounds
		// 5000 spines, or some of as many sites: a distance of 0.025 has a probability below 1 in 300, and the seed is fixed.
		if o.KSFokkerPlanck > 0.03 || o.MassError > 1e-10 {
			t.Errorf("%s: Kolmogorov-Smirnov distance %.4f from the Fokker-Planck equation, mass off by %.2g", name,
				o.KSFokkerPlanck, o.MassError)
		}
		if math.Abs(o.Simulation.Mean/o.FokkerPlanck.Mean-1) > 0.06 {
			t.Errorf("%s: mean %.4f simulated, %.4f by the Fokker-Planck equation", name, o.Simulation.Mean, o.FokkerPlanck.Mean)
		}
		if (o.Turnover != nil) != (o.Bounds == WithTurnover) {
			t.Fatalf("%s: turnover %+v", name, o.Turnover)
		}
		if n := o.Turnover; n != nil && (n.Births-n.Losses != n.Spines || math.Abs(n.Lost-n.LostFokkerPlanck) > 0.04 ||
			n.LostDays != 10) {
			t.Errorf("%s: %+v", name, n)
		}
	}
}

// The files that an experiment leaves.
func TestSave(t *testing.T) {
	if testing.Short() {
		t.Skip("draws many figures")
	}
	findings, _ := run(t, small())
	_, rows := dynamicstest.Save(t, findings, "fig1b", "fig2c", "fig3", "noise", "relaxation", "turnover")
	if len(rows) != 3*11 || rows[0][0] != "control" || rows[0][2] != fromSimulation || rows[1][2] != fromFokkerPlanck ||
		rows[2][2] != fromClosedForm {
		t.Fatalf("table: %d rows, the first %v", len(rows), rows[:2])
	}
	if mean, err := strconv.ParseFloat(rows[0][3], 64); err != nil ||
		mean != findings.Summary.Outcomes[0].Simulation.Mean {
		t.Errorf("table: mean %v, want %v", rows[0][3], findings.Summary.Outcomes[0].Simulation.Mean)
	}
}

func TestProgress(t *testing.T) {
	c := small()
	c.Conditions, c.Threads = c.Conditions[:2], 2
	if _, err := Run(context.Background(), c, dynamicstest.Rising(t)); err != nil {
		t.Fatal(err)
	}
}

func TestRunStops(t *testing.T) {
	dynamicstest.Stops(t, func(ctx context.Context, job dynamics.Job) (Findings, error) { return Run(ctx, small(), job) })
}

func TestCheck(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"spines 99":                               func(c *Config) { c.Spines = 99 },
		"days 0":                                  func(c *Config) { c.Days = 0 },
		"step 31: want a number of days above 0":  func(c *Config) { c.Step = 31 },
		"step 2: a spine of 1 µm³ may move":       func(c *Config) { c.Step = 2 },
		"want at most 2147483647 steps":           func(c *Config) { c.Step = 1e-12 },
		"follow 30":                               func(c *Config) { c.Follow = 30 },
		"cells 9":                                 func(c *Config) { c.Cells = 9 },
		"threads -1":                              func(c *Config) { c.Threads = -1 },
		"condition: want one":                     func(c *Config) { c.Conditions = nil },
		"condition control: want it once":         func(c *Config) { c.Conditions[1].Name = "control" },
		"start 0.01,0.3: want two sizes":          func(c *Config) { c.Start = [2]float64{0.01, 0.3} },
		"start 0.3,0.2: want two sizes":           func(c *Config) { c.Start = [2]float64{0.3, 0.2} },
		"turnover rate 0":                         func(c *Config) { c.Turnover.Rate = 0 },
		"new spines from 0.02 to 0.035":           func(c *Config) { c.Turnover.Smallest = 0.02 },
		"bounds from 1 to 1":                      func(c *Config) { c.Conditions[0].Low = 1 },
		"sigma is -0.0056 at 0.02":                func(c *Config) { c.Conditions[0].Sigma.Offset = -0.01 },
		"bounds of condition control: \"open\"":   func(c *Config) { c.Conditions[0].Bounds = []string{"open"} },
		"bounds of condition control: want":       func(c *Config) { c.Conditions[0].Bounds = nil },
		"condition own: table, row 2":             func(c *Config) { c.Conditions[6].Table[1].Size = 0.01 },
		"births of condition fmr1: -1":            func(c *Config) { c.Conditions[2].Births = -1 },
		"condition assembly: strong: want gain 0": func(c *Config) { c.Conditions[5].Strong.Width = 0 },
		"condition control: mu and sigma":         func(c *Config) { c.Conditions[0].Mu.Slope = math.NaN() },
	} {
		c := small()
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := small().Check(); err != nil {
		t.Error(err)
	}
}

func TestReadTable(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "measured.csv")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	got, err := ReadTable(write("spine, sigma, w, mu\n1, 0.2, 0.5, -0.01\n2, 0.1, 0.1, 0.02\n3, 0.4, 1, -0.03\n"))
	if err != nil {
		t.Fatal(err)
	}
	c := Own("measured", got)
	for w, want := range map[float64][2]float64{0.1: {0.02, 0.1}, 0.3: {0.005, 0.15}, 0.75: {-0.02, 0.3}, 1: {-0.03, 0.4},
		0.05: {0.02, 0.1}, 2: {-0.03, 0.4}} {
		if mu, sigma := c.at(w); math.Abs(mu-want[0])+math.Abs(sigma-want[1]) > 1e-15 {
			t.Errorf("at %g: %g, %g, want %v", w, mu, sigma, want)
		}
	}
	if c.Low != 0.1 || c.High != 1 || c.Check() != nil {
		t.Errorf("from %g to %g: %v", c.Low, c.High, c.Check())
	}
	for text, want := range map[string]string{
		"w,mu,sigma\n":                      "no line below the names of the columns",
		"w,mu\n1,2\n":                       `want a column "sigma"`,
		"w,mu,sigma\n1,2,3\n":               "want two sizes or more",
		"w,mu,sigma\n1,2,3\n2,x,4\n":        `line 3, column mu: want a number, got "x"`,
		"w,mu,sigma\n1,2,3\n2,3,0\n":        "line 3, column sigma: want a number above 0",
		"w,mu,sigma\n1,2,3\n2,2,3\n1,4,5\n": "got 1 twice",
		"w,mu,sigma\n1,2,3\n2,,1\n":         "line 3, column mu",
		"w,mu,sigma\n1,2,3\n1_000,2,1\n":    `line 3, column w: want a number, got "1_000"`,
		"w,mu,sigma\n1,2,3\n0x1p4,2,1\n":    `line 3, column w: want a number, got "0x1p4"`,
		"w,mu,sigma\n1,2,3\n2,Inf,1\n":      `line 3, column mu: want a number, got "Inf"`,
		"w,mu,sigma\n1,2,3\n9e18,2,1\n":     "line 3, column w: want a size of 0 to 100 µm³, got 9e+18",
		"w,mu,sigma\n-1,2,3\n1,2,1\n":       "line 2, column w: want a size of 0 to 100 µm³, got -1",
	} {
		path := write(text)
		_, err := ReadTable(path)
		var bad *measured.Error
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	var bad *measured.Error
	if _, err := ReadTable(filepath.Join(t.TempDir(), "none.csv")); !errors.As(err, &bad) ||
		!errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// Interrupted at any time, the experiment continues from its kept parts.
func TestResume(t *testing.T) {
	dynamicstest.Resumes(t, func(ctx context.Context, job dynamics.Job) (Findings,
		error) {
		return Run(ctx, small(), job)
	})
}

// With both kinds of bounds spines are smaller under fmr1 than in the control, as ISD says, and with turnover there are
// as many in spite of their shorter lives. The rate of births does not decide their sizes, where they appear does.
func TestFmr1(t *testing.T) {
	c := DefaultConfig()
	type state struct {
		Statistics
		occupied, lifetime float64
	}
	with := func(name string, turnover Turnover) state {
		k, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		edges, births := k.Coefficients().Grid(500), k.turnover(turnover)
		d, lifetime := k.Coefficients().StationaryTurnover(*births, edges)
		after := k.Coefficients().FokkerPlanck(Distribution{edges, make([]float64, 500)}, births, 0.5)
		after.Advance(int(c.Days / 0.5))
		if got, want := after.Statistics().Mean, d.Statistics().Mean; math.Abs(got/want-1) > 0.003 {
			t.Errorf("%s: mean %.4f after %g days, %.4f in the end", name, got, c.Days, want)
		}
		return state{d.Statistics(), d.Total(), lifetime}
	}
	control, fmr1 := with("control", c.Turnover), with("fmr1", c.Turnover)
	if !(fmr1.Mean < 0.995*control.Mean && fmr1.Median < 0.92*control.Median) ||
		!(fmr1.lifetime < 0.6*control.lifetime) || math.Abs(fmr1.occupied/control.occupied-1) > 0.05 {
		t.Errorf("with turnover: fmr1 %+v, control %+v", fmr1, control)
	}
	k := Conditions()
	reflected := func(k Condition) Statistics {
		return k.Coefficients().Stationary(k.Coefficients().Grid(500)).Statistics()
	}
	if a, b := reflected(k[2]), reflected(k[0]); !(a.Mean < 0.98*b.Mean && a.Median < 0.9*b.Median) {
		t.Errorf("with reflecting bounds: fmr1 %+v, control %+v", a, b)
	}
	more := c.Turnover
	more.Rate *= 3
	if other := with("fmr1", more); math.Abs(other.Mean/fmr1.Mean-1) > 1e-9 || other.occupied < 1.3*fmr1.occupied {
		t.Errorf("three times the births: %+v, before %+v", other, fmr1)
	}
	larger := Turnover{Rate: 0.05, Smallest: 0.03, Largest: 0.06}
	if a, b := with("fmr1", larger), with("control", larger); !(a.Mean > b.Mean) {
		t.Errorf("larger new spines: fmr1 %+v, control %+v", a, b)
	}
}
