package reward

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
	c.Inputs, c.Pool, c.Sites, c.Trial, c.Period, c.Seconds, c.Seeds = 10, 2, 1, 500, 1, 5, 2
	c.Rate, c.Target = 20, 20 // so that there are responses in each period
	c.Temperatures, c.Speeds = []float64{0.03, c.Temperature}, []float64{0.04}
	return c
}

// A network learns, keeps what it has learnt while its contacts are replaced, and relearns. The full experiment makes
// claims; this is a shorter life of one network.
func TestLearns(t *testing.T) {
	c := DefaultConfig()
	c.Seconds = 500
	life, err := c.live(context.Background(), 1, c.arms()[warm], func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	e := newExperiment(c)
	e.outcomes[warm][0] = e.measure(c.arms()[warm], 0, life)
	learnt, later, swapped := e.part(0, 0, 0, true, reward), e.part(0, 0, 1, true, reward), e.outcomes[0][0][20].Reward
	again, kept := e.part(0, 0, 2, true, reward), e.part(0, 0, 1, true, kept)
	if learnt < 0.57 || later < 0.57 || swapped > 0.45 || again < 0.55 || kept > 0.8 {
		t.Errorf("reward %.3f, later %.3f with a share of %.2f of the contacts, %.3f after the swap, and again %.3f", learnt,
			later, kept, swapped, again)
	}
}

// Without noise and gradient, contacts go to the mean of the prior, at the speed.
func TestContactsGoToThePrior(t *testing.T) {
	c := tiny()
	c.Gain, c.PriorMean, c.Speed = 0, -0.3, 0.5
	life, err := c.live(context.Background(), 4, c.arms()[cold], func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	start := c.model(4, c.arms()[cold]).Projections[0].Sampling.Start
	for k, thetas := range life.Theta {
		keep := math.Pow(1-0.5*0.1/4, float64(k+1)*c.Period/0.1) // in moves of 0.1 s
		for i, theta := range thetas {
			if want := -0.3 + (start[i]+0.3)*keep; math.Abs(float64(theta)-want) > 1e-5 {
				t.Fatalf("period %d, contact %d: parameter %g, want %g", k, i, theta, want)
			}
		}
	}
}

// Strong contacts from the inputs of a pattern alone onto the pool that it demands bring reward, until the demands are
// swapped; measures count them. Windows without spikes have the reward 0.5.
func TestRewardOfFixedContacts(t *testing.T) {
	c := tiny()
	c.Inputs, c.Speed, c.Gain, c.Period, c.Seconds = 20, 1e-12, 0, 2, 10
	m := c.model(2, c.arms()[cold])
	has := c.patterns(2)
	start := m.Projections[0].Sampling.Start // by input, then neuron
	strong := 0
	for k := range start {
		j, pool := k/(2*c.Pool), k%(2*c.Pool)/c.Pool
		if start[k] = -1; has[pool][j] && !has[1-pool][j] {
			start[k] = 4.5
			strong++
		}
	}
	life, err := c.simulate(context.Background(), m, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for k, o := range newExperiment(c).measure(c.arms()[cold], 0, life) {
		if after := k >= 10; o.Contacts != strong || o.Kept != 1 || math.Abs(o.Weights-1) > 1e-6 || o.Pools < 0.8 ||
			!after && o.Reward < 0.7 || after && o.Reward > 0.3 {
			t.Errorf("period %d: %+v, want %d contacts", k, o, strong)
		}
	}
}

func TestPatternsHaveHalfOfTheInputs(t *testing.T) {
	c := DefaultConfig()
	both := 0
	for seed := range uint64(50) {
		has := c.patterns(seed)
		var n [2]int
		for i := range c.Inputs {
			for p := range has {
				if has[p][i] {
					n[p]++
				}
			}
			if has[0][i] && has[1][i] {
				both++
			}
		}
		if n != [2]int{20, 20} {
			t.Fatalf("seed %d: patterns of %v inputs", seed, n)
		}
	}
	// Of 20 inputs, 10 are in the other pattern on average, with a variance of 20 x 1/4 x 20/39.
	if mean := float64(both) / 50; math.Abs(mean-10) > 4*math.Sqrt(20./4*20/39/50) {
		t.Errorf("patterns share %g inputs", mean)
	}
}

func TestBytesDoNotDependOnThreads(t *testing.T) {
	dynamicstest.IgnoresThreads(t, func(threads int, seeds store.Seed) (Findings, error) {
		c := tiny()
		c.Threads, c.Seed = threads, c.Seed+seeds
		return Run(context.Background(), c, dynamicstest.Quiet)
	})
}

func TestSave(t *testing.T) {
	c := tiny()
	f, err := Run(context.Background(), c, dynamicstest.Rising(t))
	if err != nil {
		t.Fatal(err)
	}
	columns, rows := dynamicstest.Save(t, f, "reward", "network", "range")
	if len(rows) != 6*c.Seeds*3*c.periods() {
		t.Fatalf("%d rows", len(rows))
	}
	for _, column := range []string{"seed", "temperature", "phase", "time", "reward", "kept", "response"} {
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
		"window 150 ms: want a multiple of the 100 ms":  func(c *Config) { c.Window = 150 },
		"trial 250 ms: want a multiple of the 100 ms":   func(c *Config) { c.Trial = 250 },
		"period 1.5 s: want a multiple of the 1 s of a": func(c *Config) { c.Period = 1.5 },
		"seconds 120 s: want a multiple of the 50 s":    func(c *Config) { c.Seconds = 120 },
		"seconds 100: want 5 or more periods":           func(c *Config) { c.Seconds = 100 },
		"seconds 1e+09: want at most":                   func(c *Config) { c.Seconds = 1e9 },
		"low_theta 0: want less than 0":                 func(c *Config) { c.LowTheta = 0 },
		"temperature 0: want a number above 0":          func(c *Config) { c.Temperature = 0 },
		"pool 1: want":                                  func(c *Config) { c.Pool = 1 },
		"high 2000: want":                               func(c *Config) { c.High = 2000 },
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
