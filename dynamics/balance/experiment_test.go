package balance

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"quantal/dynamics"
	"quantal/internal/dynamicstest"
)

// tiny is for everything but the claims.
func tiny() Config {
	c := DefaultConfig()
	c.Neurons, c.Contacts, c.Seconds, c.Settle, c.Shares, c.Seeds = 200, 20, 0.8, 0.1, []float64{0.5, 1}, 2
	c.Rates, c.Even = []float64{12, 20}, []float64{15, 15} // so that there are intervals
	return c
}

// The claims of the experiment, and rates as in theory. The theory's own claim is for larger networks.
func TestClaims(t *testing.T) {
	c := DefaultConfig().Quick()
	c.Seconds, c.Seeds = 2, 1
	f, err := Run(context.Background(), c, dynamicstest.Quiet)
	if err != nil {
		t.Fatal(err)
	}
	for _, claim := range f.Summary.Claims[:4] {
		if claim.Seen != claim.Of || claim.Of != c.Seeds {
			t.Errorf("%s: in %d of %d networks", claim.Claim, claim.Seen, claim.Of)
		}
	}
	for k, p := range f.Summary.Predictions {
		a := f.Summary.Averages[k*5]
		if a.Redrawn != unchanged || math.Abs(a.RateE.Mean/p.RateE-1) > 0.15 || math.Abs(a.RateI.Mean/p.RateI-1) > 0.1 {
			t.Errorf("%s: rates %+v, in theory %+v", a.Regime, a, p)
		}
		if a.CVE.Mean < 0.6 || a.CVI.Mean < 0.6 {
			t.Errorf("%s: intervals with a CV of %g and %g", a.Regime, a.CVE.Mean, a.CVI.Mean)
		}
	}
	for _, a := range f.Summary.Averages {
		if d := math.Abs(a.CorrelationE.Mean - a.TheoryE); d > 0.25 {
			t.Errorf("%s, %s: correlation %g, in theory %g", a.Regime, a.Redrawn, a.CorrelationE.Mean, a.TheoryE)
		}
	}
}

func TestBytesDoNotDependOnThreads(t *testing.T) {
	everything := func(c Config) string {
		f, err := Run(context.Background(), c, dynamicstest.Quiet)
		if err != nil {
			t.Fatal(err)
		}
		return dynamicstest.Text(t, f.Table, f.Figures, f.Summary.Averages)
	}
	c := tiny()
	c.Threads = 1
	want := everything(c)
	if c.Threads = 3; everything(c) != want {
		t.Error("3 threads find something different from one")
	}
	if c.Seed++; everything(c) == want {
		t.Error("another seed finds the same")
	}
}

func TestSave(t *testing.T) {
	c := tiny()
	f, err := Run(context.Background(), c, dynamicstest.Rising(t))
	if err != nil {
		t.Fatal(err)
	}
	columns, rows := dynamicstest.Save(t, f, "rewiring", "activity")
	if len(rows) != 2*c.Seeds*(1+4*len(c.Shares)) {
		t.Fatalf("%d rows", len(rows))
	}
	for _, column := range []string{"regime", "redrawn", "share", "rate_e", "correlation_e", "theory_i"} {
		if !slices.Contains(columns, column) {
			t.Errorf("no column %s in %v", column, columns)
		}
	}
}

func TestRunStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := Run(ctx, tiny(), dynamics.Job{Progress: func(float64, string) { cancel() }}); !errors.Is(err,
		context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Interrupted at any time, the experiment continues from its kept parts.
func TestResume(t *testing.T) {
	dynamicstest.Resumes(t, func(ctx context.Context, job dynamics.Job) (Findings, error) { return Run(ctx, tiny(), job) })
}

func TestCheck(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"contacts 1000: want less than the 1000": func(c *Config) { c.Contacts = 1000 },
		"efficacies: want 4 numbers, got 1":      func(c *Config) { c.Efficacies = []float64{1} },
		"rates: want 2 numbers, got 3":           func(c *Config) { c.Rates = []float64{1, 2, 3} },
		"even 0: want a number above 0":          func(c *Config) { c.Even = []float64{0, 5} },
		"reset 20":                               func(c *Config) { c.Reset = 20 },
		"delay 1.6: want a multiple of the step": func(c *Config) { c.Delay = 1.6 },
		"shares 1,0.5":                           func(c *Config) { c.Shares = []float64{1, 0.5} },
		"shares 2":                               func(c *Config) { c.Shares = []float64{2} },
		"seconds 1e+09":                          func(c *Config) { c.Seconds = 1e9 },
		"rates 3,600: neurons cannot fire":       func(c *Config) { c.Rates = []float64{3, 600} },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, c := range []Config{DefaultConfig(), DefaultConfig().Quick(), tiny()} {
		if err := c.Check(); err != nil {
			t.Error(err)
		}
	}
}
