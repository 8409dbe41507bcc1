package tables

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"quantal/results/store"
)

// Group is a set of networks that differ only in the seed, each seed once.
type Group struct {
	store.Settings                // of all; Seed is 0, and Rho, RhoValue and C are zero where no cost reads them
	Done           []store.Record // by seed
	Diverged       []store.Record
}

// Groups collects records that differ only in the seed, in the order of their settings. Networks whose rho is written
// in two ways (2, trafficking) belong together, as do those without noise that differ in rho or c; of records with the
// same seed the first counts.
func Groups(records []store.Record) []Group {
	sorted := slices.SortedFunc(slices.Values(records), store.CompareRecords)
	var groups []Group
	at := map[store.Settings]int{}
	seen := map[store.Settings]bool{}
	for _, r := range sorted {
		key := seedless(r.Settings)
		key.Rho = ""
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key] = i
			groups = append(groups, Group{Settings: seedless(r.Settings)})
		}
		g, network := &groups[i], key
		network.Seed = r.Seed
		if seen[network] {
			continue
		}
		seen[network] = true
		if r.Status == store.Done {
			g.Done = append(g.Done, r)
		} else {
			g.Diverged = append(g.Diverged, r)
		}
	}
	for _, g := range groups {
		slices.SortStableFunc(g.Done, bySeed)
		slices.SortStableFunc(g.Diverged, bySeed)
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return a.Compare(b.Settings) })
	return groups
}

func bySeed(a, b store.Record) int { return cmp.Compare(a.Seed, b.Seed) }

// seedless is the settings without those that may differ in a group.
func seedless(s store.Settings) store.Settings {
	s.Seed = 0
	if s.Noise == store.WithoutNoise && s.Later.Text(costColumn) == "" {
		s.Rho, s.RhoValue, s.C = "", 0, 0
	}
	return s
}

// Interval is a figure over repetitions: the seeds of a group, or draws.
type Interval struct {
	N         int
	Mean      float64
	SD        float64 // of one of them, with N - 1 in the denominator; NaN for one
	HalfWidth float64 // of the 95 % interval of the mean: t(N-1) SD / sqrt(N); NaN for one
}

// confidence is the probability of the intervals.
const confidence = 0.95

// Interval is a figure over the seeds that finished. It is NaN if there is none, or if the figure was not measured for
// one of them.
func (g Group) Interval(figure func(store.Outcome) float64) Interval {
	var values []float64
	for _, r := range g.Done {
		values = append(values, figure(r.Outcome))
	}
	return NewInterval(values)
}

// NewInterval is the interval of the mean of independent values.
func NewInterval(values []float64) Interval {
	n := len(values)
	i := Interval{N: n, Mean: math.NaN(), SD: math.NaN(), HalfWidth: math.NaN()}
	if n == 0 {
		return i
	}
	if i.Mean = stat.Mean(values, nil); n == 1 {
		return i
	}
	i.SD = stat.StdDev(values, nil)
	i.HalfWidth = studentT(n).Quantile((1+confidence)/2) * i.SD / math.Sqrt(float64(n))
	return i
}

// studentT is the distribution of the mean of n normal values, minus the true one, in units of its estimated error.
func studentT(n int) distuv.StudentsT { return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(n - 1)} }

// measure is a figure of an outcome by its name in files.
type measure struct {
	name string
	of   func(store.Outcome) float64
}

// costColumn is the column that has costs other than the paper's.
const costColumn = "cost"

// terms are the names of the costs of a group's networks, unless they are the paper's.
func (g Group) terms() []string { return termsOf(g.Done) }

func termsOf(records []store.Record) []string {
	all := store.Terms{}
	for _, r := range records {
		maps.Copy(all, r.ObjectiveCosts)
	}
	return all.Names()
}

// or is a figure that not all networks have, NaN if there is none.
func or(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// measures lists the figures whose means are taken; terms are the names of costs other than the paper's.
func measures(terms []string) []measure {
	list := []measure{
		{"accuracy_sampled", func(o store.Outcome) float64 { return o.AccuracySampled }},
		{"accuracy_mean", func(o store.Outcome) float64 { return o.AccuracyMean }},
		{"accuracy_predictive", func(o store.Outcome) float64 { return o.AccuracyPredictive }},
		{"accuracy_expected_log", func(o store.Outcome) float64 { return o.AccuracyExpectedLog }},
		{"loss_sampled", func(o store.Outcome) float64 { return o.LossSampled }},
		{"loss_mean", func(o store.Outcome) float64 { return o.LossMean }},
		{"loss_predictive", func(o store.Outcome) float64 { return o.LossPredictive }},
		{"loss_expected_log", func(o store.Outcome) float64 { return o.LossExpectedLog }},
		{"validation_accuracy_sampled", func(o store.Outcome) float64 { return or(o.ValidationAccuracySampled) }},
		{"validation_loss_sampled", func(o store.Outcome) float64 { return or(o.ValidationLossSampled) }},
		{"r2_sampled", func(o store.Outcome) float64 { return or(o.R2Sampled) }},
		{"r2_mean", func(o store.Outcome) float64 { return or(o.R2Mean) }},
		{"validation_r2_sampled", func(o store.Outcome) float64 { return or(o.ValidationR2Sampled) }},
		{"sigma_rms", func(o store.Outcome) float64 { return o.SigmaRMS }},
		{"reliability_cost", func(o store.Outcome) float64 { return o.ReliabilityCost }},
		{"objective", func(o store.Outcome) float64 { return o.Objective }},
		{"objective_nll", func(o store.Outcome) float64 { return o.ObjectiveNLL }},
		{"objective_magnitude", func(o store.Outcome) float64 { return o.ObjectiveMagnitude }},
		{"objective_reliability", func(o store.Outcome) float64 { return o.ObjectiveReliability }},
	}
	for _, name := range terms {
		list = append(list, measure{termColumn + name, func(o store.Outcome) float64 { return o.ObjectiveCosts.Of(name) }})
	}
	return list
}
