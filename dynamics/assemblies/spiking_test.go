package assemblies

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"quantal/dynamics"
	"quantal/dynamics/spines"
	"quantal/internal/dynamicstest"
	"quantal/results/store"
)

// tinySpiking is for everything except what networks do.
func tinySpiking() SpikingConfig {
	c := DefaultSpikingConfig()
	c.Neurons, c.Assemblies, c.Inhibitory, c.Seeds = 20, 5, 5, 2
	c.Imprint, c.Alone, c.Learn, c.Every, c.Strengths = 0.5, 1, 0.5, 0.5, []float64{1, 2}
	c.Plasticity, c.Stimulus = 0.05, 30 // so that there are strong synapses
	return c
}

// A short imprint parts the synapses within assemblies from the others, at the target rate; without a stimulus nothing
// does, and association needs partners.
func TestSpikingImprint(t *testing.T) {
	c := DefaultSpikingConfig()
	l := c.NewLife(1)
	for days, stimulated := range map[float64]int{2: nothing, 4: oneAssembly} {
		l := l.Clone()
		both := Regime{Plasticity: true, Intrinsic: true, Strength: 1}
		seen, err := l.Advance(context.Background(), both, stimulated, c.windows(days))
		if err != nil {
			t.Fatal(err)
		}
		separation := l.Tally(c.size(), c.Low, c.High).Separation()
		if stimulated == nothing && math.Abs(separation-0.5) > 0.05 || stimulated != nothing && separation < 0.75 {
			t.Errorf("after %g days, stimulated %d: separation %g", days, stimulated, separation)
		}
		if math.Abs(seen.E-c.Target) > 2 || seen.I < 3 || seen.I > 30 || len(seen.Raster) == 0 {
			t.Errorf("rates %g and %g Hz", seen.E, seen.I)
		}
	}
}

// Without fluctuation and plasticity weights follow the drift in closed form, in days.
func TestSpikingDays(t *testing.T) {
	c := tinySpiking()
	c.Mu, c.Sigma = spines.Line{Offset: 0.02, Slope: -0.1}, spines.Line{}
	l := c.NewLife(3)
	for i := range l.W {
		l.W[i] = 0.8
	}
	for _, r := range []Regime{{}, {Intrinsic: true, Strength: 1}} {
		if _, err := l.Advance(context.Background(), r, nothing, c.windows(5)); err != nil {
			t.Fatal(err)
		}
		want := 0.8
		if r.Intrinsic {
			want = 0.2 + 0.6*math.Exp(-0.1*5)
		}
		if math.Abs(float64(l.W[0])-want) > 1e-3 || l.W[0] != l.W[len(l.W)-1] {
			t.Errorf("%+v: weights %g to %g after 5 days, want %g", r, l.W[0], l.W[len(l.W)-1], want)
		}
	}
}

// Assemblies whose synapses are strong complete themselves, and partners activate each other; others do neither.
func TestSpikingRecall(t *testing.T) {
	c := DefaultSpikingConfig()
	for _, weights := range []struct{ inside, partners, others float64 }{{0.06, 0.06, 0.06}, {0.6, 0.02, 0.02},
		{0.4, 0.4, 0.02}} {
		l := c.NewLife(5)
		for j := range c.Neurons {
			before, after := l.From(j)
			set := func(i int, w *float32) {
				switch from, to := j/c.size(), i/c.size(); {
				case from == to:
					*w = float32(weights.inside)
				case to == c.partner(from):
					*w = float32(weights.partners)
				default:
					*w = float32(weights.others)
				}
			}
			for i := range before {
				set(i, &before[i])
			}
			for i := range after {
				set(j+1+i, &after[i])
			}
		}
		for i := range l.Excitability {
			l.Excitability[i] = -10
		}
		recall, cue, err := l.Recall(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if weights.partners < 0.1 && (recall > 0.2) != (weights.inside > 0.1) || (cue > 0.2) != (weights.partners > 0.1) {
			t.Errorf("%+v: recall %g, of partners %g", weights, recall, cue)
		}
		paired, others, meanPaired, meanOthers := l.between()
		// Two pairs of five assemblies have 4 of their 20 ordered pairs.
		of := c.size() * c.size()
		if total(paired) != 4*of || total(others) != 16*of || math.Abs(meanPaired-weights.partners) > 1e-6 ||
			math.Abs(meanOthers-weights.others) > 1e-6 {
			t.Errorf("%+v: %d and %d synapses with means %g and %g", weights, total(paired), total(others), meanPaired,
				meanOthers)
		}
	}
}

func TestSpikingSeparationPoint(t *testing.T) {
	tally := Tally{Low: 0.01, High: 1, Inside: make([]int, logCells), All: make([]int, logCells)}
	for i := range logCells {
		tally.All[i] = 10
		if i >= logCells/2 {
			tally.Inside[i] = 9
		}
	}
	if p := tally.separationPoint(); math.Abs(p-0.1) > 1e-9 {
		t.Errorf("got %g", p)
	}
}

func TestSpikingBytesDoNotDependOnThreads(t *testing.T) {
	dynamicstest.IgnoresThreads(t, func(threads int, seeds store.Seed) (SpikingFindings, error) {
		c := tinySpiking()
		c.Threads, c.Seed = threads, c.Seed+seeds
		return RunSpiking(context.Background(), c, dynamicstest.Quiet)
	})
}

func TestSpikingSave(t *testing.T) {
	c := tinySpiking()
	f, err := RunSpiking(context.Background(), c, dynamicstest.Rising(t))
	if err != nil {
		t.Fatal(err)
	}
	columns, rows := dynamicstest.Save(t, f, "distributions", "raster", "matrix", "memory")
	if want := c.Seeds * (5*3 + 2*2); len(rows) != want {
		t.Fatalf("%d rows, want %d", len(rows), want)
	}
	for _, column := range []string{"condition", "seed", "day", "recall", "association", "peak_w", "weakened_per_day"} {
		if !slices.Contains(columns, column) {
			t.Errorf("no column %s in %v", column, columns)
		}
	}
	if len(f.Summary.Claims) != 8 || len(f.Summary.Averages) != 7 {
		t.Errorf("%d claims, %d averages", len(f.Summary.Claims), len(f.Summary.Averages))
	}
}

// Interrupted at any time, the experiment continues from its kept parts.
func TestSpikingResume(t *testing.T) {
	dynamicstest.Resumes(t, func(ctx context.Context, job dynamics.Job) (SpikingFindings, error) {
		return RunSpiking(ctx, tinySpiking(), job)
	})
}

func TestSpikingStops(t *testing.T) {
	dynamicstest.Stops(t, func(ctx context.Context, job dynamics.Job) (SpikingFindings, error) {
		return RunSpiking(ctx, tinySpiking(), job)
	})
}

func TestSpikingCheck(t *testing.T) {
	for want, change := range map[string]func(c *SpikingConfig){
		"neurons 99: want a multiple of the 5 assemblies":      func(c *SpikingConfig) { c.Neurons = 99 },
		"strengths 0.5,1: want rising numbers, each 1 or more": func(c *SpikingConfig) { c.Strengths = []float64{0.5, 1} },
		"strengths 2: want 1 as the first":                     func(c *SpikingConfig) { c.Strengths = []float64{2} },
		"imprint 0.001: want a number of days":                 func(c *SpikingConfig) { c.Imprint = 0.001 },
		"alone 5: want a number of days, at least":             func(c *SpikingConfig) { c.Alone = 5 },
		"day 1: at strength 3":                                 func(c *SpikingConfig) { c.Day = 1 },
		"day 80000: want at most":                              func(c *SpikingConfig) { c.Day = 80_000 },
		"efficacy 0: want":                                     func(c *SpikingConfig) { c.Efficacy = 0 },
	} {
		c := DefaultSpikingConfig()
		change(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, c := range []SpikingConfig{DefaultSpikingConfig(), DefaultSpikingConfig().Quick(), tinySpiking()} {
		if err := c.Check(); err != nil {
			t.Error(err)
		}
	}
}
