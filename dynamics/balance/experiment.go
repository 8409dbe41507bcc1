package balance

import (
	"context"
	"fmt"
	"math"
	"time"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/stat"

	"quantal/dynamics"
	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/kernels/cpu"
)

// The regimes by name.
var regimeNames = [2]string{"inhibition fires more", "even rates"}

// The types of contacts, in the order in which they are redrawn.
var types = []struct {
	name     string
	to, from int
}{
	{"E to E", excitatory, excitatory}, {"E to I", inhibitory, excitatory}, {"I to E", excitatory, inhibitory},
	{"I to I", inhibitory, inhibitory},
}

const unchanged = "none"

// Outcome is a network before and after contacts are redrawn. It is a row of the table.
type Outcome struct {
	Regime       string  `json:"regime"`
	Seed         uint64  `json:"seed"`
	Redrawn      string  `json:"redrawn"` // the type of contacts; none for the same network from other potentials
	Share        float64 `json:"share"`   // of the contacts of that type
	RateE        float64 `json:"rate_e"`
	RateI        float64 `json:"rate_i"`
	SDE          float64 `json:"sd_e"`
	SDI          float64 `json:"sd_i"`
	CVE          float64 `json:"cv_e"`
	CVI          float64 `json:"cv_i"`
	RawE         float64 `json:"raw_e"`
	RawI         float64 `json:"raw_i"`
	CorrelationE float64 `json:"correlation_e"`
	CorrelationI float64 `json:"correlation_i"`
	TheoryE      float64 `json:"theory_e"`
	TheoryI      float64 `json:"theory_i"`
}

// Average is the mean over the networks of a regime.
type Average struct {
	Regime       string            `json:"regime"`
	Redrawn      string            `json:"redrawn"`
	Share        float64           `json:"share"`
	RateE        dynamics.Estimate `json:"rate_e"`
	RateI        dynamics.Estimate `json:"rate_i"`
	CVE          dynamics.Estimate `json:"cv_e"`
	CVI          dynamics.Estimate `json:"cv_i"`
	CorrelationE dynamics.Estimate `json:"correlation_e"`
	CorrelationI dynamics.Estimate `json:"correlation_i"`
	TheoryE      float64           `json:"theory_e"`
	TheoryI      float64           `json:"theory_i"`
}

// Prediction is what mean-field theory says of a regime.
type Prediction struct {
	Regime string  `json:"regime"`
	DriveE float64 `json:"drive_e"`
	DriveI float64 `json:"drive_i"`
	RateE  float64 `json:"rate_e"`
	RateI  float64 `json:"rate_i"`
	SDE    float64 `json:"sd_e"`
	SDI    float64 `json:"sd_i"`
	// InhibitoryShare is the share of I to E contacts in the variance of the mean input over excitatory neurons: the
	// correlation of their inputs before and after all E to E contacts are redrawn, if no rate changed.
	InhibitoryShare float64 `json:"inhibitory_share"`
	OverlapE        float64 `json:"overlap_e"`
}

// Summary holds the results.
type Summary struct {
	Claims      []dynamics.Count `json:"claims"`
	Predictions []Prediction     `json:"predictions"`
	Averages    []Average        `json:"averages"`
	Contacts    int              `json:"contacts"` // mean number of a neuron's contacts from each population
	Kernels     string           `json:"kernels"`
	Seed        uint64           `json:"seed"` // the first
	Seconds     float64          `json:"seconds"`
}

// Findings are what the experiment leaves.
type Findings = dynamics.Findings[Summary, Outcome]

// experiment is a running experiment.
type experiment struct {
	Config
	theory   [2]*Theory
	changes  []change
	outcomes [2][][]Outcome // of each regime, network and change
	before   [2]Activity    // of the first network
	work     *dynamics.Work
}

// change is what is done to a network: share 0 of type -1, nothing, comes first.
type change struct {
	kind  int // in types
	share float64
	which int
}

func (c change) name() string {
	if c.kind < 0 {
		return unchanged
	}
	return types[c.kind].name
}

// kept is what theory needs to know of a change.
func (c change) kept() Kept {
	k := allKept
	if c.kind >= 0 {
		k[types[c.kind].to][types[c.kind].from] = 1 - c.share
	}
	return k
}

// Run makes the experiment. Cancelled, it returns the context's error.
func Run(ctx context.Context, config Config, job dynamics.Job) (Findings, error) {
	var findings Findings
	if err := config.Check(); err != nil {
		return findings, err
	}
	e := &experiment{Config: config, changes: []change{{kind: -1}}}
	for k := range types {
		for which, share := range config.Shares {
			e.changes = append(e.changes, change{k, share, which})
		}
	}
	began := time.Now()
	if err := e.run(ctx, job); err != nil {
		return findings, err
	}
	findings.Summary = e.summary()
	findings.Summary.Seconds = job.Seconds(began)
	for r := range regimeNames {
		for _, network := range e.outcomes[r] {
			findings.Table = append(findings.Table, network...)
		}
	}
	var err error
	findings.Figures, err = e.figures()
	return findings, err
}

// run simulates all networks.
func (e *experiment) run(ctx context.Context, job dynamics.Job) error {
	steps := (e.Settle + e.Seconds) * 1000 / e.Step
	e.work = dynamics.NewWork(float64(len(regimeNames)*e.Seeds*(len(e.changes)+1))*steps, job)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(kernels.Threads(e.Threads))
	for r, c := range e.regimes() {
		var err error
		if e.theory[r], err = c.newTheory(); err != nil {
			return err
		}
		e.outcomes[r] = make([][]Outcome, e.Seeds)
		for n := range e.Seeds {
			g.Go(fault.Guarded(func() error { return e.network(ctx, job, c, r, n) }))
		}
	}
	return g.Wait()
}

// network simulates network n of a regime, before and after each change.
func (e *experiment) network(ctx context.Context, job dynamics.Job, c Config, regime, n int) error {
	seed := uint64(e.Seed) + uint64(n)
	w := c.wire(seed)
	see := func(run int, what string, w func() wiring) (Activity, error) {
		made := false
		a, err := dynamics.Part(job.Parts, fmt.Sprintf("regime%d-network%d-run%d", regime, n, run), func() (Activity, error) {
			made = true
			return c.simulate(ctx, w(), e.theory[regime].Drive, seed, run, func(steps int) {
				e.work.Did(float64(steps), what)
			})
		})
		if !made {
			e.work.Did((c.Settle+c.Seconds)*1000/c.Step, what)
		}
		return a, err
	}
	before, err := see(0, regimeNames[regime], func() wiring { return w })
	if err != nil {
		return err
	}
	if n == 0 {
		e.before[regime] = before
	}
	var reliability [populations]float64
	for k, change := range e.changes {
		after, err := see(k+1, regimeNames[regime]+", redrawn: "+change.name(), func() wiring {
			if change.kind < 0 {
				return w
			}
			t := types[change.kind]
			return c.redraw(w, seed, t.to, t.from, change.which, change.share)
		})
		if err != nil {
			return err
		}
		var raw [populations]float64
		for a := range populations {
			raw[a] = stat.Correlation(before.Rates[a], after.Rates[a], nil)
		}
		if k == 0 {
			reliability = raw
		}
		_, theory := e.theory[regime].Overlap(change.kept())
		o := Outcome{Regime: regimeNames[regime], Seed: seed, Redrawn: change.name(), Share: change.share,
			CVE: after.CV[excitatory], CVI: after.CV[inhibitory], RawE: raw[excitatory], RawI: raw[inhibitory],
			CorrelationE: raw[excitatory] / reliability[excitatory], CorrelationI: raw[inhibitory] / reliability[inhibitory],
			TheoryE: theory[excitatory], TheoryI: theory[inhibitory]}
		o.RateE, o.SDE = stat.MeanStdDev(after.Rates[excitatory], nil)
		o.RateI, o.SDI = stat.MeanStdDev(after.Rates[inhibitory], nil)
		e.outcomes[regime][n] = append(e.outcomes[regime][n], o)
	}
	return nil
}

// summary combines the networks.
func (e *experiment) summary() Summary {
	name, _ := cpu.Kernels()
	s := Summary{Claims: e.claims(), Contacts: e.Contacts, Kernels: name,
		Seed: uint64(e.Seed)}
	for r, regime := range regimeNames {
		s.Predictions = append(s.Predictions, e.prediction(r))
		for k, c := range e.changes {
			mean := func(of func(o Outcome) float64) dynamics.Estimate {
				return dynamics.NewEstimate(e.Seeds, func(n int) float64 { return of(e.outcomes[r][n][k]) })
			}
			first := e.outcomes[r][0][k]
			s.Averages = append(s.Averages, Average{Regime: regime, Redrawn: c.name(), Share: c.share,
				RateE:        mean(func(o Outcome) float64 { return o.RateE }),
				RateI:        mean(func(o Outcome) float64 { return o.RateI }),
				CVE:          mean(func(o Outcome) float64 { return o.CVE }),
				CVI:          mean(func(o Outcome) float64 { return o.CVI }),
				CorrelationE: mean(func(o Outcome) float64 { return o.CorrelationE }),
				CorrelationI: mean(func(o Outcome) float64 { return o.CorrelationI }),
				TheoryE:      first.TheoryE, TheoryI: first.TheoryI})
		}
	}
	return s
}

// prediction is what theory says of a regime.
func (e *experiment) prediction(regime int) Prediction {
	t := e.theory[regime]
	sd := func(a int) float64 { return math.Sqrt(t.Second[a] - sq(t.Mean[a])) }
	redrawn := change{kind: 0, share: 1}.kept()
	overlap, _ := t.Overlap(redrawn)
	return Prediction{Regime: regimeNames[regime], DriveE: t.Drive[excitatory], DriveI: t.Drive[inhibitory],
		RateE: t.Mean[excitatory], RateI: t.Mean[inhibitory], SDE: sd(excitatory), SDI: sd(inhibitory),
		InhibitoryShare: t.Frozen(excitatory, redrawn), OverlapE: overlap[excitatory]}
}
