package assemblies

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"quantal/dynamics"
	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/kernels/cpu"
)

// Learning is the condition in which, right after the imprint, pairs of assemblies are stimulated together.
const learning = "learning, fluctuation times %g"

func learningName(s float64) string { return fmt.Sprintf(learning, s) }

// SpikingOutcome is a network of spiking neurons at a time. It is a row of the table.
type SpikingOutcome struct {
	Condition string  `json:"condition"`
	Seed      uint64  `json:"seed"`
	Strength  float64 `json:"strength"` // of the fluctuation
	Measurement
	Association float64 `json:"association"` // separation of synapses between partners from those between other assemblies
	Paired      float64 `json:"paired"`      // mean weight between partners, µm³
	Unpaired    float64 `json:"unpaired"`    // and between others
	Cue         float64 `json:"cue"`         // how much more a stimulated assembly activates its partner than others
	RateE       float64 `json:"rate_e"`      // of excitatory neurons since the last measurement, Hz
	RateI       float64 `json:"rate_i"`      // of inhibitory ones
	AtBounds    float64 `json:"at_bounds"`   // share of the synapses within a hundredth of the range from a bound
	Middle      float64 `json:"middle"`      // share in the middle third of ln w
	Rise        float64 `json:"rise"`        // of f(w), see Tally
	Peak                // the second one of w f(w)
	// Since the last measurement: the share of the synapses above the separation point, and the shares of all that are
	// below it after having been above, and the reverse, per day.
	Strong       float64 `json:"strong"`
	Weakened     float64 `json:"weakened_per_day"`
	Strengthened float64 `json:"strengthened_per_day"`
}

// SpikingAverage is the mean of the networks under a condition at its end, and of interconversion over its second half.
type SpikingAverage struct {
	Condition    string            `json:"condition"`
	Strength     float64           `json:"strength"`
	Recall       dynamics.Estimate `json:"recall"`
	Separation   dynamics.Estimate `json:"separation"`
	Inside       dynamics.Estimate `json:"inside"`
	Outside      dynamics.Estimate `json:"outside"`
	AtBounds     dynamics.Estimate `json:"at_bounds"`
	Association  dynamics.Estimate `json:"association"`
	Cue          dynamics.Estimate `json:"cue"`
	RateE        dynamics.Estimate `json:"rate_e"`
	Weakened     dynamics.Estimate `json:"weakened_of_strong_per_day"`
	Strengthened dynamics.Estimate `json:"strengthened_of_weak_per_day"`
	SecondPeak   Peak              `json:"second_peak"` // in all networks taken together, as is
	Rise         float64           `json:"rise"`
}

// SpikingSummary holds the results with spiking neurons.
type SpikingSummary struct {
	Claims   []dynamics.Count `json:"claims"`
	Averages []SpikingAverage `json:"averages"`
	Kernels  string           `json:"kernels"`
	Seed     uint64           `json:"seed"` // the first
	Seconds  float64          `json:"seconds"`
}

// SpikingFindings are what the experiment leaves.
type SpikingFindings = dynamics.Findings[SpikingSummary, SpikingOutcome]

// spikingArm is the treatment of a network after the imprint, or, of one that never was, instead.
type spikingArm struct {
	condition
	days       float64
	stimulated int
}

// arms are the conditions, and then, for each strength, learning.
func (c SpikingConfig) arms() []spikingArm {
	both := func(s float64) Regime { return Regime{Plasticity: true, Intrinsic: true, Strength: s} }
	list := []spikingArm{
		{condition{Together, both(1), true}, c.Alone, nothing},
		{condition{PlasticityAlone, Regime{Plasticity: true}, true}, c.Alone, nothing},
		{condition{FluctuationAlone, Regime{Intrinsic: true, Strength: 1}, true}, c.Alone, nothing},
		{condition{Unimprinted, both(1), false}, c.Alone, nothing},
	}
	for _, s := range c.Strengths[1:] {
		list = append(list, spikingArm{condition{strengthName(s), both(s), true}, c.Alone, nothing})
	}
	for _, s := range c.Strengths {
		list = append(list, spikingArm{condition{learningName(s), both(s), true}, c.Learn, pairs})
	}
	return list
}

// spikingCourse is the kept part of a network under a condition.
type spikingCourse struct {
	Outcomes []SpikingOutcome // after the imprint, and at each measurement
	Tallies  []Tally          // at the same times
	Blocks   [][]float64      // mean weights between groups of neurons at the end; of the first network
	Imprint  [][]float64      // and after the imprint
	Raster   [][2]uint16      // at the end; of the first network
}

// spikingExperiment is a running experiment.
type spikingExperiment struct {
	SpikingConfig
	courses [][]spikingCourse // of each network under each condition
	work    *dynamics.Work
}

// RunSpiking makes the experiment with spiking neurons. Cancelled, it returns the context's error.
func RunSpiking(ctx context.Context, config SpikingConfig, job dynamics.Job) (SpikingFindings, error) {
	var findings SpikingFindings
	if err := config.Check(); err != nil {
		return findings, err
	}
	e := &spikingExperiment{SpikingConfig: config}
	began := time.Now()
	if err := e.run(ctx, job); err != nil {
		return findings, err
	}
	findings.Summary = e.summary()
	findings.Summary.Seconds = job.Seconds(began)
	for _, network := range e.courses {
		for _, course := range network {
			findings.Table = append(findings.Table, course.Outcomes...)
		}
	}
	var err error
	findings.Figures, err = e.figures()
	return findings, err
}

// run simulates all networks.
func (e *spikingExperiment) run(ctx context.Context, job dynamics.Job) error {
	arms, all := e.arms(), 0.
	for _, a := range arms {
		all += a.days
	}
	e.work = dynamics.NewWork(float64(e.Seeds)*all, job)
	e.courses = make([][]spikingCourse, e.Seeds)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(kernels.Threads(e.Threads))
	for n := range e.Seeds {
		e.courses[n] = make([]spikingCourse, len(arms))
		start := map[bool]func() (*SpikingLife, error){} // the conditions after the imprint share it
		for _, imprinted := range []bool{true, false} {
			start[imprinted] = sync.OnceValues(func() (*SpikingLife, error) { return e.imprint(ctx, n, imprinted) })
		}
		for k, a := range arms {
			g.Go(fault.Guarded(func() error {
				made := false
				var err error
				e.courses[n][k], err = dynamics.Part(job.Parts, fmt.Sprintf("network%d-condition%d", n, k),
					func() (spikingCourse, error) {
						made = true
						return e.follow(ctx, start, n, a)
					})
				if !made && err == nil {
					e.work.Did(a.days, a.name)
				}
				return err
			}))
		}
	}
	return g.Wait()
}

// imprint is network n after its first days, stimulated or not.
func (e *spikingExperiment) imprint(ctx context.Context, n int, imprinted bool) (*SpikingLife, error) {
	l := e.NewLife(uint64(e.Seed) + uint64(n))
	stimulated := nothing
	if imprinted {
		stimulated = oneAssembly
	}
	if _, err := l.Advance(ctx, Regime{}, stimulated, max(e.windows(settling), 1)); err != nil {
		return nil, err
	}
	_, err := l.Advance(ctx, Regime{Plasticity: true, Intrinsic: true, Strength: 1}, stimulated, e.windows(e.Imprint))
	return l, err
}

// follow simulates network n under a condition, and measures it from time to time.
func (e *spikingExperiment) follow(ctx context.Context, start map[bool]func() (*SpikingLife, error), n int,
	a spikingArm) (k spikingCourse, err error) {
	imprinted, err := start[true]()
	if err != nil {
		return k, err
	}
	begin, err := start[a.imprinted]()
	if err != nil {
		return k, err
	}
	point := imprinted.Tally(e.size(), e.Low, e.High).separationPoint()
	l := begin.Clone()
	if n == 0 {
		k.Imprint = l.blocks(e.rates().groups())
	}
	var seen Spikes
	var before []float32
	for day := 0.; ; {
		o, tally, err := e.outcome(ctx, l, a, day, seen)
		if err != nil {
			return k, err
		}
		if before != nil {
			var crossed Crossings
			crossed.Add(before, l.W, point)
			days, all := day-k.Outcomes[len(k.Outcomes)-1].Day, float64(len(l.W))
			o.Strong, o.Weakened, o.Strengthened = float64(crossed.Strong)/all, float64(crossed.Weakened)/all/days,
				float64(crossed.Strengthened)/all/days
		}
		k.Outcomes, k.Tallies = append(k.Outcomes, o), append(k.Tallies, tally)
		if day >= a.days {
			break
		}
		before = slices.Clone(l.W)
		days := min(e.Every, a.days-day)
		if seen, err = l.Advance(ctx, a.regime, a.stimulated, e.windows(days)); err != nil {
			return k, err
		}
		day += days
		e.work.Did(days, a.name)
	}
	if n == 0 {
		k.Blocks, k.Raster = l.blocks(e.rates().groups()), seen.Raster
	}
	return k, nil
}

// outcome measures a network.
func (e *spikingExperiment) outcome(ctx context.Context, l *SpikingLife, a spikingArm, day float64,
	seen Spikes) (SpikingOutcome, Tally, error) {
	t := l.Tally(e.size(), e.Low, e.High)
	inside := float64(total(t.Inside))
	o := SpikingOutcome{Condition: a.name, Seed: l.seed, Strength: a.regime.Strength, RateE: seen.E, RateI: seen.I,
		Measurement: Measurement{Day: day, Separation: t.Separation(), Inside: t.InsideSum / inside,
			Outside: (t.AllSum - t.InsideSum) / (float64(t.synapses()) - inside)},
		AtBounds: float64(t.AtBounds) / float64(t.synapses()), Middle: t.Middle(), Rise: t.Rise(), Peak: t.SecondPeak()}
	var err error
	o.Recall, o.Cue, err = l.Recall(ctx)
	paired, others, meanPaired, meanOthers := l.between()
	o.Association, o.Paired, o.Unpaired = Separation(paired, others), meanPaired, meanOthers
	return o, t, err
}

// separationPoint is the weight above which a synapse is more likely one within an assembly, each kind taken by itself:
// the lower edge of the first cell from which on it is so.
func (t Tally) separationPoint() float64 {
	inside, outside := join(t.Inside, drawnCells), join(t.outside(), drawnCells)
	a, b := float64(total(inside)), float64(total(outside))
	i := drawnCells
	for i > 0 && float64(inside[i-1])/a >= float64(outside[i-1])/b {
		i--
	}
	return t.edge(i, drawnCells)
}

// at is the outcome of a network at the end of a condition.
func (e *spikingExperiment) at(n int, name string) SpikingOutcome {
	course := e.courses[n][e.arm(name)].Outcomes
	return course[len(course)-1]
}

// arm is the position of a condition among all.
func (e *spikingExperiment) arm(name string) int {
	return slices.IndexFunc(e.arms(), func(a spikingArm) bool { return a.name == name })
}

// crossings are the shares of the strong synapses that weaken in a day, and of the weak ones that strengthen, in the
// second half of the days under a condition.
func (e *spikingExperiment) crossings(n int, name string) (weakened, strengthened float64) {
	course := e.courses[n][e.arm(name)].Outcomes
	strong, number := 0., 0.
	for _, o := range course[min(1+len(course)/2, len(course)-1):] {
		strong, number = strong+o.Strong, number+1
		weakened += o.Weakened
		strengthened += o.Strengthened
	}
	return weakened / strong, strengthened / (number - strong)
}

// What a claim of the experiment with spiking neurons requires, beside the bounds of Claims; set before ten networks
// were simulated.
const (
	keeps    = 0.5  // recall of assemblies that stay, at least
	parted   = 0.9  // separation of their synapses, at least
	mixed    = 0.05 // distance of the separation from 1/2 if assemblies have faded, at most
	diverged = 0.5  // share of synapses at the bounds if the distribution has diverged, at least
	rarer    = 0.5  // of the strong synapses that weaken by fluctuation alone, at most
	impaired = 0.05 // by how much less association is, at least
)

// claims counts in how many networks each of the claims holds.
func (e *spikingExperiment) claims() []dynamics.Count {
	second := func(o SpikingOutcome) bool {
		return o.Peak.Height >= peakHeight && o.Peak.Sigmas >= peakSigmas && o.Peak.Size > largeWeight
	}
	stays := func(o SpikingOutcome) bool { return o.Recall >= keeps && o.Separation >= parted }
	return dynamics.CountClaims(e.Seeds, []dynamics.Claim{
		{Text: "STDP and intrinsic dynamics: assemblies stay, recall 0.5 or more and separation 0.9 or more",
			Holds: func(n int) bool { return stays(e.at(n, Together)) }},
		{Text: "and f(w) falls throughout", Holds: func(n int) bool { return e.at(n, Together).Rise < fallsWithin }},
		{Text: "and w f(w) has a second peak at large weights, which it does not have without assemblies",
			Holds: func(n int) bool { return second(e.at(n, Together)) && !second(e.at(n, Unimprinted)) }},
		{Text: "and strong synapses weaken less than half as often as by fluctuation alone", Holds: func(n int) bool {
			both, _ := e.crossings(n, Together)
			alone, _ := e.crossings(n, FluctuationAlone)
			return both < rarer*alone
		}},
		{Text: "STDP alone: weights diverge, half or more at the bounds", Holds: func(n int) bool {
			return e.at(n, PlasticityAlone).AtBounds >= diverged
		}},
		{Text: "STDP alone: assemblies fade, separation below 0.9 or recall below 0.5",
			Holds: func(n int) bool { return !stays(e.at(n, PlasticityAlone)) }},
		{Text: "intrinsic dynamics alone: assemblies fade, separation 0.5 ± 0.05 and recall 0.1 or less",
			Holds: func(n int) bool {
				o := e.at(n, FluctuationAlone)
				return math.Abs(o.Separation-0.5) <= mixed && o.Recall <= forgotten
			}},
		{Text: "stronger fluctuation impairs learning: association falls from strength to strength, by 0.05 or more in all",
			Holds: func(n int) bool {
				last := e.at(n, learningName(1)).Association
				first := last
				for _, s := range e.Strengths[1:] {
					now := e.at(n, learningName(s)).Association
					if now > last {
						return false
					}
					last = now
				}
				return last <= first-impaired
			}},
	})
}

// summary combines the networks.
func (e *spikingExperiment) summary() SpikingSummary {
	name, _ := cpu.Kernels()
	s := SpikingSummary{Claims: e.claims(), Kernels: name, Seed: uint64(e.Seed)}
	for k, a := range e.arms() {
		mean := func(of func(o SpikingOutcome) float64) dynamics.Estimate {
			return dynamics.NewEstimate(e.Seeds, func(n int) float64 { return of(e.at(n, a.name)) })
		}
		t := e.pooled(k, -1)
		average := SpikingAverage{Condition: a.name, Strength: a.regime.Strength,
			Recall:      mean(func(o SpikingOutcome) float64 { return o.Recall }),
			Separation:  mean(func(o SpikingOutcome) float64 { return o.Separation }),
			Inside:      mean(func(o SpikingOutcome) float64 { return o.Inside }),
			Outside:     mean(func(o SpikingOutcome) float64 { return o.Outside }),
			AtBounds:    mean(func(o SpikingOutcome) float64 { return o.AtBounds }),
			Association: mean(func(o SpikingOutcome) float64 { return o.Association }),
			Cue:         mean(func(o SpikingOutcome) float64 { return o.Cue }),
			RateE:       mean(func(o SpikingOutcome) float64 { return o.RateE }),
			Weakened: dynamics.NewEstimate(e.Seeds, func(n int) float64 {
				weakened, _ := e.crossings(n, a.name)
				return weakened
			}),
			Strengthened: dynamics.NewEstimate(e.Seeds, func(n int) float64 {
				_, strengthened := e.crossings(n, a.name)
				return strengthened
			}),
			SecondPeak: t.SecondPeak(), Rise: t.Rise()}
		s.Averages = append(s.Averages, average)
	}
	return s
}

// pooled counts the synapses of all networks under a condition at a measurement, the last one if that is negative.
func (e *spikingExperiment) pooled(arm, measurement int) (t Tally) {
	for _, network := range e.courses {
		tallies := network[arm].Tallies
		t.add(tallies[(measurement+len(tallies))%len(tallies)])
	}
	return t
}
