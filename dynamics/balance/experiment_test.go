package balance

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"quantal/dynamics"
	"quantal/internal/dynamicstest"
	"quantal/results/store"
)

// tiny is for everything but the claims.
func tiny() Config {
	c := DefaultConfig()
	c.Neurons, c.Contacts, c.Seconds, c.Settle, c.Shares, c.Seeds = 200, 20, 0.8, 0.1, []float64{0.5, 1}, 2
	c.Rates, c.Even = []float64{12, 20}, []float64{15, 15} // so that there are intervals
	c.Windows, c.Patterns, c.Cueing, c.Ratios, c.Scales, c.Factors = 2, 1, 0.1, []float64{2}, []float64{1}, []float64{0.5}
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

// The claims of the other arms, in one small network.
func TestClaimsOfOtherArms(t *testing.T) {
	c := DefaultConfig()
	c.Arms, c.Neurons, c.Contacts, c.Seconds, c.Shares, c.Seeds = armNames[1:], 1000, 50, 1.5, []float64{1}, 1
	c.Windows, c.Turnover, c.Patterns, c.Ratios, c.Scales, c.Factors = 1, 1, 2, []float64{4}, []float64{1}, []float64{0.5}
	c.Cueing, c.Settle = 0.25, 0.2
	f, err := Run(context.Background(), c, dynamicstest.Quiet)
	if err != nil {
		t.Fatal(err)
	}
	for _, claim := range f.Summary.Claims {
		if strings.Contains(claim.Claim, "within") {
			continue // of larger networks
		}
		if claim.Seen != claim.Of || claim.Of != c.Seeds {
			t.Errorf("%s: in %d of %d networks", claim.Claim, claim.Seen, claim.Of)
		}
	}
	for _, a := range f.Summary.Averages {
		if d := math.Abs(a.CorrelationE.Mean - a.TheoryE); a.Arm == volatility && !(d < 0.2) {
			t.Errorf("%s turns over: correlation %g, in theory %g", a.Redrawn, a.CorrelationE.Mean, a.TheoryE)
		}
	}
}

// Patterns change efficacies as they should, and redrawn contacts have none.
func TestEmbedding(t *testing.T) {
	c := DefaultConfig()
	c.Neurons, c.Contacts, c.Patterns = 1000, 50, 1
	in := c.patterns(1)
	for _, kind := range memories[2].kinds {
		to, from := types[kind].to, types[kind].from
		plain := c.wire(1)
		w := c.embed(plain, in, kind)
		if w[to][from].Len() != plain[to][from].Len() || plain[to][from].weights != nil {
			t.Fatalf("contacts %s: %d, before %d", types[kind].name, w[to][from].Len(), plain[to][from].Len())
		}
		plainWeight, sign := c.efficacy(to, from), 1.
		if from == inhibitory {
			sign = -1
		}
		seen := map[int]int{}
		for j := range c.size(from) {
			for k := w[to][from].Start[j]; k < w[to][from].Start[j+1]; k++ {
				inside := 0
				for _, u := range []float64{in[from][0][j], in[to][0][w[to][from].Target[k]]} {
					if u < 0.2 {
						inside++
					}
				}
				seen[inside]++
				// (0.8^2, -0.8 0.2, 0.2^2)/(0.2 0.8) = 4, -1, 0.25 times the strength, 0.2.
				want := plainWeight * (1 + sign*[]float64{0.05, -0.2, 0.8}[inside])
				if got := w[to][from].weights[k]; math.Abs(got-want) > 1e-12 {
					t.Fatalf("%d of both neurons in the pattern: efficacy %g, want %g", inside, got, want)
				}
			}
		}
		if seen[2] == 0 {
			t.Fatal("no contact within the pattern")
		}
		for share, want := range map[float64]float64{1: 0, 0.5: 0.5} {
			made, changed := c.redraw(w, 1, to, from, 0, share)[to][from], 0
			for _, x := range made.weights {
				if x != plainWeight {
					changed++
				}
			}
			if got := float64(changed) / float64(made.Len()); len(made.weights) != made.Len() || math.Abs(got-want) > 0.02 {
				t.Errorf("share %g of %s redrawn: %.3f of the contacts have a pattern, want %g", share, types[kind].name, got, want)
			}
		}
	}
}

func TestBytesDoNotDependOnThreads(t *testing.T) {
	dynamicstest.IgnoresThreads(t, func(threads int, seeds store.Seed) (Findings, error) {
		c := tiny()
		c.Arms, c.Shares, c.Seconds, c.Windows = armNames, []float64{1}, 0.4, 1
		c.Threads, c.Seed = threads, c.Seed+seeds
		return Run(context.Background(), c, dynamicstest.Quiet)
	})
}

func TestSave(t *testing.T) {
	c := tiny()
	c.Arms, c.Seconds = armNames, 0.4
	f, err := Run(context.Background(), c, dynamicstest.Rising(t))
	if err != nil {
		t.Fatal(err)
	}
	columns, rows := dynamicstest.Save(t, f, "rewiring", "activity", "volatility", "memory", "range")
	if len(rows) != c.Seeds*(2*9+5*c.Windows+3*9+2*3) {
		t.Fatalf("%d rows", len(rows))
	}
	for _, column := range []string{"regime", "redrawn", "share", "rate_e", "correlation_e", "theory_i", "lag", "recall"} {
		if !slices.Contains(columns, column) {
			t.Errorf("no column %s in %v", column, columns)
		}
	}
}

func TestRunStops(t *testing.T) {
	dynamicstest.Stops(t, func(ctx context.Context, job dynamics.Job) (Findings, error) { return Run(ctx, tiny(), job) })
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
		"arms: want some of rewiring, volat":     func(c *Config) { c.Arms = []string{"rewire"} },
		"arms: want some of rewiring":            func(c *Config) { c.Arms = nil },
		"active 1: want a number above 0":        func(c *Config) { c.Active = 1 },
		"ratios: at 200":                         func(c *Config) { c.Arms, c.Ratios = armNames, []float64{1, 200} },
		"scales: at 0.001":                       func(c *Config) { c.Arms, c.Scales = armNames, []float64{0.001} },
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
