package assemblies

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"quantal/dynamics"
	"quantal/dynamics/spines"
	"quantal/internal/fault"
	"quantal/kernels"
)

// The conditions by name; those with fluctuation of another strength than 1 have the names of strengthName.
const (
	Together         = "together"             // plasticity and intrinsic dynamics, as while the assemblies were imprinted
	PlasticityAlone  = "plasticity alone"     // no intrinsic dynamics: neither drift nor fluctuation
	FluctuationAlone = "fluctuation alone"    // intrinsic dynamics without plasticity
	Unimprinted      = "never imprinted"      // plasticity and intrinsic dynamics in a network that was not stimulated
	withStrength     = "fluctuation times %g" // plasticity and intrinsic dynamics, with a fluctuation of another strength
)

func strengthName(s float64) string {
	if s == 1 {
		return Together
	}
	return fmt.Sprintf(withStrength, s)
}

// condition is the treatment of a network after the imprint.
type condition struct {
	name      string
	regime    Regime
	imprinted bool
}

func (c Config) conditions() []condition {
	both := Regime{Plasticity: true, Intrinsic: true, Strength: 1}
	list := []condition{
		{Together, both, true}, {PlasticityAlone, Regime{Plasticity: true}, true},
		{FluctuationAlone, Regime{Intrinsic: true, Strength: 1}, true}, {Unimprinted, both, false},
	}
	for _, s := range c.Strengths {
		if s != 1 {
			list = append(list, condition{strengthName(s), Regime{Plasticity: true, Intrinsic: true, Strength: s}, true})
		}
	}
	return list
}

// Outcome is the result of a network under a condition. It is a row of the table.
type Outcome struct {
	Condition string  `json:"condition"`
	Seed      uint64  `json:"seed"`
	Strength  float64 `json:"strength"` // of the fluctuation
	Measurement
	Retention float64 `json:"retention_days"` // until recall is below 0.5, or all days
	Lost      bool    `json:"lost"`           // it fell below
	AtBounds  float64 `json:"at_bounds"`      // share of the synapses within a hundredth of the range from a bound
	Middle    float64 `json:"middle"`         // share in the middle third of ln w
	Rise      float64 `json:"rise"`           // of f(w), see Tally
	Peak              // the second one of w f(w)
	// Over the second half of the days alone: the share of the synapses above the separation point, and the shares of all
	// that are below it after having been above, and the reverse, from a measurement to the next, per day.
	Strong       float64 `json:"strong"`
	Weakened     float64 `json:"weakened_per_day"`
	Strengthened float64 `json:"strengthened_per_day"`
	// Kolmogorov-Smirnov distances: of all weights from the stationary density of the intrinsic dynamics, and of those
	// within assemblies from that with the drift that plasticity adds if each pattern is one assembly. Only where they are
	// expected.
	KSStationary *float64 `json:"ks_stationary"`
	KSInside     *float64 `json:"ks_inside"`
}

// Average is the mean result of the networks under a condition.
type Average struct {
	Condition  string            `json:"condition"`
	Strength   float64           `json:"strength"`
	Recall     dynamics.Estimate `json:"recall"`
	Separation dynamics.Estimate `json:"separation"`
	Inside     dynamics.Estimate `json:"inside"`
	Outside    dynamics.Estimate `json:"outside"`
	Middle     dynamics.Estimate `json:"middle"`
	AtBounds   dynamics.Estimate `json:"at_bounds"`
	Retention  dynamics.Estimate `json:"retention_days"` // all days if memory was not lost
	Lost       int               `json:"lost"`           // networks whose memory was lost
	Networks   int               `json:"networks"`
	Strong     dynamics.Estimate `json:"strong"`
	// Per day, of the strong synapses and of the weak ones; NaN if a network has none
	Weakened     dynamics.Estimate `json:"weakened_of_strong_per_day"`
	Strengthened dynamics.Estimate `json:"strengthened_of_weak_per_day"`
	SecondPeak   Peak              `json:"second_peak"` // in all networks taken together, as is
	Rise         float64           `json:"rise"`
}

// Summary holds the results.
type Summary struct {
	Claims   []dynamics.Count `json:"claims"`
	Averages []Average        `json:"averages"`
	Kernels  string           `json:"kernels"`
	Seed     uint64           `json:"seed"`     // the first
	Synapses int              `json:"synapses"` // in a network
	Seconds  float64          `json:"seconds"`
	// SeparationPoint is the weight between strong and weak synapses, µm³.
	SeparationPoint float64 `json:"separation_point"`
}

// Findings are what the experiment leaves.
type Findings = dynamics.Findings[Summary, Outcome]

// Run makes the experiment. Cancelled, it returns the context's error.
func Run(ctx context.Context, config Config, job dynamics.Job) (Findings, error) {
	var findings Findings
	if err := config.Check(); err != nil {
		return findings, err
	}
	e := &experiment{Config: config}
	began := time.Now()
	if err := e.run(ctx, job); err != nil {
		return findings, err
	}
	findings.Summary = e.summary()
	findings.Summary.Seconds = job.Seconds(began)
	for _, network := range e.outcomes {
		findings.Table = append(findings.Table, network...)
	}
	var err error
	findings.Figures, err = e.figures()
	return findings, err
}

// experiment is a running experiment.
type experiment struct {
	Config
	kernels  string
	outcomes [][]Outcome // of each network under each condition
	courses  [][]course
	imprint  [][]float64 // mean weights between groups of neurons of the first network after the imprint
	work     *dynamics.Work
}

// course is the time course of a network under a condition.
type course struct {
	Measured []Measurement
	Tally    Tally       // at the end
	Crossed  Crossings   // of the separation point, in the second half
	Blocks   [][]float64 // mean weights between groups of neurons at the end; of the first network
}

// lived is the kept part of a network under a condition.
type lived struct {
	Course  course
	Outcome Outcome
	Imprint [][]float64 // of the first network under the first condition
	Kernels string
}

// run simulates all networks.
func (e *experiment) run(ctx context.Context, job dynamics.Job) error {
	conditions, imprint, alone := e.conditions(), e.steps(e.Imprint), e.steps(e.Alone)
	e.work = dynamics.NewWork(float64(e.Seeds*(2*imprint+len(conditions)*alone)), job)
	e.outcomes, e.courses = make([][]Outcome, e.Seeds), make([][]course, e.Seeds)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(kernels.Threads(e.Threads))
	for n := range e.Seeds {
		e.outcomes[n], e.courses[n] = make([]Outcome, len(conditions)), make([]course, len(conditions))
		// The conditions after the imprint share it.
		start := map[bool]func() (*Life, error){}
		for _, imprinted := range []bool{true, false} {
			start[imprinted] = sync.OnceValues(func() (*Life, error) {
				l := e.NewLife(uint64(e.Seed) + uint64(n))
				return l, e.advance(ctx, l, Regime{Plasticity: true, Intrinsic: true, Strength: 1}, imprinted, imprint, "imprint")
			})
		}
		for k, c := range conditions {
			g.Go(fault.Guarded(func() error {
				done := false
				part, err := dynamics.Part(job.Parts, fmt.Sprintf("network%d-condition%d", n, k), func() (lived, error) {
					done = true
					return e.live(ctx, start[c.imprinted], n, k)
				})
				if err != nil {
					return err
				}
				if !done { // it was kept
					e.work.Did(float64(alone), c.name)
				}
				e.courses[n][k], e.outcomes[n][k] = part.Course, part.Outcome
				if n == 0 && k == 0 {
					e.imprint, e.kernels = part.Imprint, part.Kernels
				}
				return nil
			}))
		}
	}
	return g.Wait()
}

// live simulates network n under condition k.
func (e *experiment) live(ctx context.Context, start func() (*Life, error), n, k int) (lived, error) {
	c := e.conditions()[k]
	begin, err := start()
	if err != nil {
		return lived{}, err
	}
	l := begin.Clone()
	course, err := e.follow(ctx, l, c, e.steps(e.Alone))
	if err != nil {
		return lived{}, err
	}
	if n == 0 {
		course.Blocks = l.blocks(e.groups())
	}
	out := lived{Course: course, Outcome: e.outcome(l, c, course), Kernels: l.kernels}
	if n == 0 && k == 0 {
		out.Imprint = begin.blocks(e.groups())
	}
	return out, nil
}

// follow simulates a network under a condition, and measures it from time to time.
func (e *experiment) follow(ctx context.Context, l *Life, c condition, steps int) (course, error) {
	var k course
	every, point := e.steps(e.Every), e.separationPoint()
	var before []float32
	for left := steps; ; {
		m, tally := l.measure()
		if before != nil {
			k.Crossed.Add(before, l.W, point)
		}
		if before = nil; 2*left <= steps && left >= every { // the last interval may be shorter, and does not count
			before = slices.Clone(l.W)
		}
		k.Measured, k.Tally = append(k.Measured, m), tally
		if left == 0 {
			return k, nil
		}
		n := min(every, left)
		if err := e.advance(ctx, l, c.regime, false, n, c.name); err != nil {
			return k, err
		}
		left -= n
	}
}

// advance simulates a network further and reports the progress of the experiment.
func (e *experiment) advance(ctx context.Context, l *Life, r Regime, stimulated bool, steps int, what string) error {
	if err := l.Advance(ctx, r, stimulated, steps); err != nil {
		return err
	}
	e.work.Did(float64(steps), what)
	return nil
}

// outcome is the result of a network.
func (e *experiment) outcome(l *Life, c condition, k course) Outcome {
	o := Outcome{
		Condition: c.name, Seed: l.seed, Strength: c.regime.Strength, Measurement: k.Measured[len(k.Measured)-1],
		AtBounds: float64(k.Tally.AtBounds) / float64(k.Tally.synapses()), Middle: k.Tally.Middle(), Rise: k.Tally.Rise(),
		Peak: k.Tally.SecondPeak(),
	}
	if all := float64(k.Crossed.Strong + k.Crossed.Weak); all > 0 {
		days := float64(e.steps(e.Every)) * e.Step
		o.Strong, o.Weakened, o.Strengthened = float64(k.Crossed.Strong)/all, float64(k.Crossed.Weakened)/all/days,
			float64(k.Crossed.Strengthened)/all/days
	}
	o.Retention, o.Lost = retention(k.Measured)
	distance := func(drift float64, weights []float32) *float64 {
		d := e.stationary(c.regime.Strength, drift).KolmogorovSmirnov(weights)
		return &d
	}
	if c.name == FluctuationAlone {
		o.KSStationary = distance(0, l.W)
	}
	if c.regime.Plasticity && c.regime.Intrinsic && c.regime.Strength > 0 && c.imprinted && !o.Lost {
		o.KSInside = distance(e.pull(), l.inside(e.size()))
	}
	return o
}

// pull is the drift that plasticity gives to synapses within assemblies if each pattern is one assembly at its highest
// rate, and all occur equally often: the mean of (r_i - a) (r_j - a) is then a (1-a), and that of synapses between
// assemblies -a^2.
func (c Config) pull() float64 { return c.Plasticity * c.share() * (1 - c.share()) }

func (c Config) push() float64 { return -c.Plasticity * c.share() * c.share() }

// separationPoint is the weight at which synapses within and between assemblies have the same density in closed form,
// each taken by itself: stronger ones are more likely within. As the densities differ by exp(int 2 (pull-push)/sigma^2
// dw), there is one.
func (c Config) separationPoint() float64 {
	inside, outside := c.stationary(1, c.pull()), c.stationary(1, c.push())
	f, g := inside.Density(), outside.Density()
	i := 0
	for i < len(f)-1 && f[i] < g[i] {
		i++
	}
	return inside.Edges[i]
}

// stationary is the density in closed form of the intrinsic dynamics, with more drift.
func (c Config) stationary(strength, drift float64) spines.Distribution {
	law := c.law(strength)
	law.Mu.Offset += drift
	k := law.Coefficients()
	return k.Stationary(k.Grid(stationaryCells))
}

// summary combines the networks.
func (e *experiment) summary() Summary {
	s := Summary{Kernels: e.kernels, Seed: uint64(e.Seed), Synapses: e.Neurons * (e.Neurons - 1),
		SeparationPoint: e.separationPoint()}
	of := func(n int) Claims { return claims(e.Config, e.outcomes[n]) }
	s.Claims = dynamics.CountClaims(e.Seeds, []dynamics.Claim{
		{Text: "plasticity and fluctuation: strong within assemblies, f(w) falls, w f(w) has a second peak",
			Holds: func(n int) bool { return of(n).Together }},
		{Text: "plasticity without fluctuation: the distribution runs away",
			Holds: func(n int) bool { return of(n).RunsAway }},
		{Text: "fluctuation without plasticity: memory fades, the stationary density returns",
			Holds: func(n int) bool { return of(n).Fades }},
		{Text: "strong fluctuation shortens memory", Holds: func(n int) bool { return of(n).Impairs }},
	})
	for k, c := range e.conditions() {
		mean := func(of func(o Outcome) float64) dynamics.Estimate {
			return dynamics.NewEstimate(e.Seeds, func(n int) float64 { return of(e.outcomes[n][k]) })
		}
		a := Average{
			Condition: c.name, Strength: c.regime.Strength, Networks: e.Seeds,
			Recall:     mean(func(o Outcome) float64 { return o.Recall }),
			Separation: mean(func(o Outcome) float64 { return o.Separation }),
			Inside:     mean(func(o Outcome) float64 { return o.Inside }),
			Outside:    mean(func(o Outcome) float64 { return o.Outside }),
			Middle:     mean(func(o Outcome) float64 { return o.Middle }),
			AtBounds:   mean(func(o Outcome) float64 { return o.AtBounds }),
			Retention:  mean(func(o Outcome) float64 { return o.Retention }),
			Strong:     mean(func(o Outcome) float64 { return o.Strong }),
			Weakened:   mean(func(o Outcome) float64 { return o.Weakened / o.Strong }), Strengthened: mean(
				func(o Outcome) float64 { return o.Strengthened / (1 - o.Strong) }),
		}
		for _, network := range e.outcomes {
			if network[k].Lost {
				a.Lost++
			}
		}
		pooled := e.pooled(k)
		a.SecondPeak, a.Rise = pooled.SecondPeak(), pooled.Rise()
		s.Averages = append(s.Averages, a)
	}
	return s
}

// pooled counts the synapses of all networks under a condition.
func (e *experiment) pooled(condition int) Tally {
	var t Tally
	for _, network := range e.courses {
		t.add(network[condition].Tally)
	}
	return t
}

// groups is the number of groups of neurons in a drawn weight matrix: as many in each assembly as give a picture of
// moderate size.
func (c Config) groups() int {
	per := 1
	for n := 2; n <= c.size()/5 && n*c.Assemblies <= 30; n++ {
		if c.size()%n == 0 {
			per = n
		}
	}
	return per * c.Assemblies
}
