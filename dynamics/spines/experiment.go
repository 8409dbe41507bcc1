package spines

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"quantal/dynamics"
	"quantal/internal/memory"
	"quantal/kernels"
)

// Sources of numbers.
const (
	fromSimulation   = "simulation"
	fromClosedForm   = "closed form"
	fromFokkerPlanck = "Fokker-Planck"
)

// Summary holds the results.
type Summary struct {
	Outcomes            []Outcome `json:"outcomes"`
	Kernels             string    `json:"kernels"`
	Seed                uint64    `json:"seed"`
	SpineSteps          int       `json:"spine_steps"`
	Seconds             float64   `json:"seconds"`                // of everything except drawing
	SpineStepsPerSecond float64   `json:"spine_steps_per_second"` // while spines moved, on all threads together
}

// Outcome is the result for one condition with one kind of lower bound.
type Outcome struct {
	Condition    string     `json:"condition"`
	Bounds       string     `json:"bounds"`
	Simulation   Statistics `json:"simulation"`    // at the end
	FokkerPlanck Statistics `json:"fokker_planck"` // at the end
	ClosedForm   Statistics `json:"closed_form"`   // of the stationary density
	// Kolmogorov-Smirnov distances of the simulated sizes, and the L1 distance of the two densities, all at the end.
	KSClosedForm   float64 `json:"ks_closed_form"`
	KSFokkerPlanck float64 `json:"ks_fokker_planck"`
	L1             float64 `json:"l1_fokker_planck_closed_form"`
	// MassError is how far the Fokker-Planck mass is from its exact value: 1, or with turnover births minus losses.
	MassError float64 `json:"mass_error"`
	// TailLimit is the exponent 2 - 2 mu'/sigma'^2 that the tail would have without an upper bound, if noise grows
	// linearly.
	TailLimit *float64       `json:"tail_exponent_limit"`
	Turnover  *TurnoverCount `json:"turnover,omitempty"`
}

// TurnoverCount counts births and losses of spines.
type TurnoverCount struct {
	Sites  int `json:"sites"`
	Spines int `json:"spines"` // at the end
	Births int `json:"births"` // from empty sites on: Births - Losses = Spines
	Losses int `json:"losses"`
	// Occupied is the share of sites with a spine.
	Occupied           float64 `json:"occupied"`
	OccupiedClosedForm float64 `json:"occupied_closed_form"`
	// Lifetime is that of a new spine in the closed form, in days.
	Lifetime float64 `json:"lifetime_days"`
	// Lost is the share of the spines existing at some time that are lost after the given number of days; at a stationary
	// number of spines it is also the share of new ones among those that exist then.
	Lost             float64 `json:"lost"`
	LostFokkerPlanck float64 `json:"lost_fokker_planck"`
	LostDays         float64 `json:"lost_days"`
}

// Row is a row of the table.
type Row struct {
	Condition string `json:"condition"`
	Bounds    string `json:"bounds"`
	Source    string `json:"source"`
	Statistics
	KSClosedForm *float64 `json:"ks_closed_form"`
	Occupied     *float64 `json:"occupied"`
	Births       *int     `json:"births"`
	Losses       *int     `json:"losses"`
	LifetimeDays *float64 `json:"lifetime_days"`
	Lost         *float64 `json:"lost"`
}

// Findings are what the experiment leaves.
type Findings = dynamics.Findings[Summary, Row]

// Run makes the experiment. Cancelled, it returns the context's error.
func Run(ctx context.Context, config Config, job dynamics.Job) (Findings, error) {
	var findings Findings
	if err := config.Check(); err != nil {
		return findings, err
	}
	if err := memory.Check(fmt.Sprintf("a population of %d spines", config.Spines),
		bytesPerSpine*float64(config.Spines)); err != nil {
		return findings, err
	}
	e := &experiment{Config: config}
	e.Threads = kernels.Threads(e.Threads)
	began := time.Now()
	for _, c := range config.Conditions {
		e.spineSteps += len(c.Bounds) * config.Spines * config.steps(config.Days)
	}
	e.work = dynamics.NewWork(float64(e.spineSteps), job)
	for _, c := range config.Conditions {
		for _, bounds := range c.Bounds {
			made := false
			part, err := dynamics.Part(job.Parts, c.Name+", "+bounds, func() (done, error) {
				made = true
				return e.run(ctx, c, bounds)
			})
			if err != nil {
				return findings, err
			}
			if !made { // it was kept
				e.work.Did(float64(config.Spines*config.steps(config.Days)), c.Name+", "+bounds)
			}
			e.add(part)
		}
	}
	summary := Summary{Kernels: e.kernels, Seed: uint64(config.Seed), SpineSteps: e.spineSteps,
		Seconds: job.Seconds(began)}
	summary.SpineStepsPerSecond = float64(e.spineSteps) / e.moving.Seconds()
	for _, c := range e.courses {
		summary.Outcomes = append(summary.Outcomes, c.Outcome)
		findings.Table = append(findings.Table, c.Outcome.rows()...)
	}
	findings.Summary = summary
	var err error
	findings.Figures, err = e.figures()
	return findings, err
}

// add adds the course of one condition.
func (e *experiment) add(d done) {
	e.kernels = d.Kernels
	e.moving += d.Moving
	e.courses = append(e.courses, d.Course)
	if d.Traces != nil {
		d.Traces.of = d.Course
		e.traces = d.Traces
	}
}

// rows are the rows of the table for an outcome.
func (o Outcome) rows() []Row {
	simulated := Row{Condition: o.Condition, Bounds: o.Bounds, Source: fromSimulation, Statistics: o.Simulation,
		KSClosedForm: &o.KSClosedForm}
	density := Row{Condition: o.Condition, Bounds: o.Bounds, Source: fromFokkerPlanck, Statistics: o.FokkerPlanck}
	closed := Row{Condition: o.Condition, Bounds: o.Bounds, Source: fromClosedForm, Statistics: o.ClosedForm}
	if t := o.Turnover; t != nil {
		simulated.Occupied, simulated.Births, simulated.Losses, simulated.Lost = &t.Occupied, &t.Births, &t.Losses, &t.Lost
		density.Lost = &t.LostFokkerPlanck
		closed.Occupied, closed.LifetimeDays = &t.OccupiedClosedForm, &t.Lifetime
	}
	return []Row{simulated, density, closed}
}

// experiment is a running experiment.
type experiment struct {
	Config
	kernels string
	moving  time.Duration // spent on moving spines
	courses []*course
	traces  *traces

	spineSteps int // in all
	work       *dynamics.Work
}

// done is the kept part of one condition.
type done struct {
	Course  *course
	Traces  *traces // of the first condition
	Kernels string
	Moving  time.Duration // spent on moving spines
}

// course is the time course of the spines of one condition.
type course struct {
	Condition
	Kind       string // of the bounds
	K          Coefficients
	Stationary Distribution
	Snapshots  []snapshot // the last one is at the end
	Counts     []count    // with turnover
	Survival   []survival
	Outcome    Outcome
}

// snapshot is the distribution at some time.
type snapshot struct {
	Day       float64
	Simulated Distribution // in the wide cells of a figure
	Expected  Distribution
}

// count is how many spines there are per site, and how many births and losses there were so far.
type count struct {
	Day                                            float64
	Spines, Births, Losses                         float64 // simulated
	ExpectedSpines, ExpectedBirths, ExpectedLosses float64
}

// survival is the share of the spines existing at some time that still exist a number of days later.
type survival struct{ Days, Simulated, Expected float64 }

// Of the figures: cells of a histogram, times of snapshots as shares of all, and points along the curves of turnover.
const (
	wideCells     = 50
	curvePoints   = 48
	survivePoints = 20
)

func snapshotTimes() []float64 { return []float64{0.005, 0.02, 0.06, 0.2, 1} }

// plan says after which steps something is recorded.
type plan struct {
	snapshots, counts, survival []int
	follow                      int // survival is followed from here on
}

func (e *experiment) plan(bounds string) plan {
	steps := e.steps(e.Days)
	p := plan{follow: steps - e.steps(e.Follow)}
	for _, x := range snapshotTimes() {
		p.snapshots = append(p.snapshots, max(1, int(math.Round(x*float64(steps)))))
	}
	if bounds == Reflecting {
		return p
	}
	for i := range curvePoints {
		p.counts = append(p.counts, max(1, (i+1)*steps/curvePoints))
	}
	for i := range survivePoints + 1 {
		p.survival = append(p.survival, p.follow+i*(steps-p.follow)/survivePoints)
	}
	return p
}

// stops are all steps after which something is recorded, in order, each once.
func (p plan) stops() []int {
	all := slices.Concat(p.snapshots, p.counts, p.survival)
	slices.Sort(all)
	return slices.Compact(all)
}

// run follows one condition.
func (e *experiment) run(ctx context.Context, condition Condition, bounds string) (done, error) {
	var out done
	c := &course{Condition: condition, Kind: bounds, K: condition.Coefficients()}
	c.Outcome.Condition, c.Outcome.Bounds = condition.Name, bounds
	edges := c.K.Grid(e.Cells)
	start, lifetime := uniform(edges, e.Start[0], e.Start[1]), math.NaN()
	var turnover *Turnover
	if bounds == WithTurnover {
		turnover = condition.turnover(e.Turnover)
		c.Stationary, lifetime = c.K.StationaryTurnover(*turnover, edges)
		clear(start.Mass)
	} else {
		c.Stationary = c.K.Stationary(edges)
	}
	density := c.K.FokkerPlanck(start, turnover, e.Step)
	spines, err := c.K.NewPopulation(e.Spines, e.Step, e.Start, turnover, uint64(e.Seed), e.Threads)
	if err != nil {
		return out, err
	}
	out.Kernels = spines.Kernels()

	plan := e.plan(bounds)
	there := 0             // spines when survival begins to be followed,
	var left *FokkerPlanck // and the density of those that are left
	for _, at := range plan.stops() {
		n := at - spines.Step
		if err := e.advance(ctx, spines, n, condition.Name+", "+bounds, &out.Moving); err != nil {
			return out, err
		}
		density.Advance(n)
		if left != nil {
			left.Advance(n)
		}
		day := float64(at) * e.Step
		if slices.Contains(plan.snapshots, at) {
			now := Distribution{edges, slices.Clone(density.Mass)}
			c.Snapshots = append(c.Snapshots, snapshot{day, histogram(spines.W, c.K.Grid(wideCells)), now})
		}
		if slices.Contains(plan.counts, at) {
			sites := float64(e.Spines)
			c.Counts = append(c.Counts, count{
				day, float64(spines.Spines()) / sites, float64(spines.Births) / sites, float64(spines.Losses) / sites,
				density.Total(), density.Births, density.Losses,
			})
		}
		if turnover != nil && at == plan.follow {
			there, left = spines.Spines(), c.K.FokkerPlanck(density.Distribution, turnover.withoutBirths(), e.Step)
		}
		if slices.Contains(plan.survival, at) {
			share := float64(spines.Survivors(plan.follow)) / float64(there)
			c.Survival = append(c.Survival, survival{float64(at-plan.follow) * e.Step, share,
				left.Total() / (left.Total() + left.Losses)})
		}
	}
	if spines.Spines() == 0 {
		return out, fmt.Errorf("condition %s, %s: after %g days no site has a spine: nothing to compare", condition.Name,
			bounds, e.Days)
	}
	c.finish(spines, density, lifetime)
	out.Course = c
	if e.traces == nil {
		out.Traces = e.trace(c, spines)
	}
	return out, nil
}

// advance moves the spines and reports the progress of the experiment.
func (e *experiment) advance(ctx context.Context, spines *Population, steps int, what string,
	moving *time.Duration) error {
	began := time.Now()
	defer func() { *moving += time.Since(began) }()
	return spines.Advance(ctx, steps, func(n int) { e.work.Did(float64(n), what) })
}

// finish compares the final states.
func (c *course) finish(spines *Population, density *FokkerPlanck, lifetime float64) {
	sizes := sorted(spines.W)
	o := &c.Outcome
	o.Simulation = sampleStatistics(sizes, c.High)
	o.FokkerPlanck, o.ClosedForm = density.Statistics(), c.Stationary.Statistics()
	o.KSClosedForm, o.KSFokkerPlanck = c.Stationary.kolmogorovSmirnov(sizes), density.kolmogorovSmirnov(sizes)
	o.L1 = density.Distance(c.Stationary)
	if slope := c.Sigma.Slope; slope != 0 && c.Table == nil {
		limit := 2 - 2*c.Mu.Slope/(slope*slope)
		o.TailLimit = &limit
	}
	if c.Kind == Reflecting {
		o.MassError = math.Abs(density.Total() - 1)
		return
	}
	o.MassError = math.Abs(density.Births - density.Losses - density.Total())
	last := c.Survival[len(c.Survival)-1]
	o.Turnover = &TurnoverCount{
		Sites: len(spines.W), Spines: len(sizes), Births: spines.Births, Losses: spines.Losses,
		Occupied: float64(len(sizes)) / float64(len(spines.W)), OccupiedClosedForm: c.Stationary.Total(), Lifetime: lifetime,
		Lost: 1 - last.Simulated, LostFokkerPlanck: 1 - last.Expected, LostDays: last.Days,
	}
}

// traces are the sizes of some spines over time, and the change of many in a day.
type traces struct {
	of       *course
	Days     []float64
	Sizes    [][]float64 // of each spine at each of the days; NaN when it is lost
	Interval float64     // days over which a change is measured
	Before   []float64   // sizes of many spines
	Change   []float64   // of these
}

// Of the traces: days, number of recorded times, number of spines drawn one by one, and number of spines whose change
// is drawn.
const (
	traceDays   = 20.0
	tracePoints = 200
	traced      = 5
	changed     = 2048
)

// trace follows copies of some spines beyond the end.
func (e *experiment) trace(c *course, spines *Population) *traces {
	t := &traces{of: c}
	copies := spines.first(min(changed, len(spines.W)))
	// The spines that are drawn one by one are spread over the sizes.
	var chosen []int
	for i := range traced {
		want := c.Stationary.Quantile((float64(i) + 0.5) / traced)
		chosen = append(chosen, copies.nearest(want))
	}
	day := spines.first(len(copies.W))
	day.step(e.steps(1))
	t.Interval = float64(e.steps(1)) * e.Step
	for i, w := range copies.W {
		if w != 0 && day.W[i] != 0 {
			t.Before, t.Change = append(t.Before, float64(w)), append(t.Change, float64(day.W[i]-w))
		}
	}
	every := max(1, e.steps(traceDays)/tracePoints)
	t.Sizes = make([][]float64, len(chosen))
	for n := range tracePoints + 1 {
		t.Days = append(t.Days, float64(n*every)*e.Step)
		for i, at := range chosen {
			size := float64(copies.W[at])
			if size == 0 {
				size = math.NaN()
			}
			t.Sizes[i] = append(t.Sizes[i], size)
		}
		copies.step(every)
	}
	return t
}
