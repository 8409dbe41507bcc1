package balance

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/stat"

	"quantal/dynamics"
	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/kernels/cpu"
)

// The arms: what is done to networks.
const (
	rewiring   = "rewiring"
	volatility = "volatility"
	memory     = "memory"
	ranges     = "range"
)

var armNames = []string{rewiring, volatility, memory, ranges}

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

// Case is what is done to a network, apart from its seed.
type Case struct {
	Arm     string  `json:"arm"`
	Regime  string  `json:"regime"`
	Redrawn string  `json:"redrawn"` // the type of contacts; none for the same network from other potentials
	Share   float64 `json:"share"`   // of the contacts of that type
	Lag     float64 `json:"lag"`     // how often a contact was redrawn on average, in the arm on volatility
	Memory  string  `json:"memory"`  // the contacts that have the patterns
	Ratio   float64 `json:"ratio"`   // of the rates of I to those of E
	Neurons int     `json:"neurons"`
	Factor  float64 `json:"factor"` // of all efficacies
}

// Outcome is a network before and after contacts are redrawn. It is a row of the table. Correlations are NaN in the arm
// on memory, and recall is NaN in the others.
type Outcome struct {
	Case
	Seed         uint64  `json:"seed"`
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
	Recall       float64 `json:"recall"`
	Lingering    float64 `json:"lingering"`
}

// Average is the mean over the networks of a case.
type Average struct {
	Case
	RateE        dynamics.Estimate `json:"rate_e"`
	RateI        dynamics.Estimate `json:"rate_i"`
	CVE          dynamics.Estimate `json:"cv_e"`
	CVI          dynamics.Estimate `json:"cv_i"`
	CorrelationE dynamics.Estimate `json:"correlation_e"`
	CorrelationI dynamics.Estimate `json:"correlation_i"`
	TheoryE      float64           `json:"theory_e"`
	TheoryI      float64           `json:"theory_i"`
	Recall       dynamics.Estimate `json:"recall"`
	Lingering    dynamics.Estimate `json:"lingering"`
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
	outcomes [2][][]Outcome         // of rewiring: of each regime, network and change
	others   map[string][][]Outcome // of the other arms: of each network
	before   [2]Activity            // of the first network
	job      dynamics.Job
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
	e := &experiment{Config: config, changes: []change{{kind: -1}}, others: map[string][][]Outcome{}, job: job}
	for k := range types {
		for which, share := range config.Shares {
			e.changes = append(e.changes, change{k, share, which})
		}
	}
	began := time.Now()
	if err := e.run(ctx); err != nil {
		return findings, err
	}
	for _, networks := range append(e.outcomes[:], e.others[volatility], e.others[memory], e.others[ranges]) {
		for _, network := range networks {
			findings.Table = append(findings.Table, network...)
		}
	}
	findings.Summary = e.summary(findings.Table)
	findings.Summary.Seconds = job.Seconds(began)
	var err error
	findings.Figures, err = e.figures()
	return findings, err
}

// run simulates all networks.
func (e *experiment) run(ctx context.Context) error {
	once, total := e.steps(e.Settle)+e.steps(e.Seconds), 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(kernels.Threads(e.Threads))
	var start []func()
	each := func(steps int, network func(n int) error) {
		total += e.Seeds * steps
		start = append(start, func() {
			for n := range e.Seeds {
				g.Go(fault.Guarded(func() error { return network(n) }))
			}
		})
	}
	for r, c := range e.regimes() {
		var err error
		if e.theory[r], err = c.newTheory(); err != nil {
			return err
		}
		if e.does(rewiring) {
			e.outcomes[r] = make([][]Outcome, e.Seeds)
			each((len(e.changes)+1)*once, func(n int) (err error) {
				at := Case{Arm: rewiring, Regime: regimeNames[r]}
				e.outcomes[r][n], err = e.compare(ctx, c, e.theory[r], fmt.Sprintf("regime%d", r), at, e.changes, n)
				return err
			})
		}
	}
	for _, arm := range []struct {
		name    string
		steps   int
		network func(context.Context, int) ([]Outcome, error)
	}{{volatility, (2 + len(turned)*e.Windows) * once, e.volatile},
		{memory, len(memories) * len(e.changes) * (e.steps(e.Settle) + 3*e.Patterns*e.steps(e.Cueing)), e.remember},
		{ranges, len(e.points()) * (1 + len(rangeChanges)) * once, e.span}} {
		if e.does(arm.name) {
			all := make([][]Outcome, e.Seeds)
			e.others[arm.name] = all
			each(arm.steps, func(n int) (err error) {
				all[n], err = arm.network(ctx, n)
				return err
			})
		}
	}
	e.work = dynamics.NewWork(float64(total), e.job)
	for _, f := range start {
		f()
	}
	return g.Wait()
}

// seen is what is seen in a simulation of some steps, now or by an earlier process.
func seen[T any](e *experiment, name, what string, steps int, simulate func(did func(steps int)) (T, error)) (T,
	error) {
	made := false
	did := func(steps int) { e.work.Did(float64(steps), what) }
	v, err := dynamics.Part(e.job.Parts, name, func() (T, error) {
		made = true
		return simulate(did)
	})
	if !made {
		did(steps)
	}
	return v, err
}

// activity is what a network does from a start.
func (e *experiment) activity(ctx context.Context, c Config, t *Theory, part, what string, n, start int,
	w wiring) (Activity, error) {
	return seen(e, fmt.Sprintf("%s-network%d-run%d", part, n, start), what, c.steps(c.Settle)+c.steps(c.Seconds),
		func(did func(steps int)) (Activity, error) { return c.simulate(ctx, w, t.Drive, e.seed(n), start, did) })
}

func (e *experiment) seed(n int) uint64 { return uint64(e.Seed) + uint64(n) }

// compare simulates network n before and after each change, of which the first is none.
func (e *experiment) compare(ctx context.Context, c Config, t *Theory, part string, at Case, changes []change, n int) (
	outcomes []Outcome, err error) {
	at.Ratio, at.Neurons = c.Rates[inhibitory]/c.Rates[excitatory], c.Neurons
	if at.Factor == 0 {
		at.Factor = 1
	}
	w := c.wire(e.seed(n))
	before, err := e.activity(ctx, c, t, part, cmp.Or(at.Regime, at.Arm), n, 0, w)
	if err != nil {
		return nil, err
	}
	if n == 0 && at.Arm == rewiring {
		e.before[slices.Index(regimeNames[:], at.Regime)] = before
	}
	var reliability [populations]float64
	for k, change := range changes {
		changed := w
		if change.kind >= 0 {
			t := types[change.kind]
			changed = c.redraw(w, e.seed(n), t.to, t.from, change.which, change.share)
		}
		after, err := e.activity(ctx, c, t, part, cmp.Or(at.Regime, at.Arm)+", redrawn: "+change.name(), n, k+1, changed)
		if err != nil {
			return nil, err
		}
		raw := correlate(before, after)
		if k == 0 {
			reliability = raw
		}
		at.Redrawn, at.Share = change.name(), change.share
		outcomes = append(outcomes, t.outcome(at, e.seed(n), after, raw, reliability, change.kept()))
	}
	return outcomes, nil
}

// correlate is the correlation of the rates in two simulations.
func correlate(before, after Activity) (raw [populations]float64) {
	for a := range populations {
		raw[a] = stat.Correlation(before.Rates[a], after.Rates[a], nil)
	}
	return raw
}

// outcome is the row of a network in which contacts are redrawn.
func (t *Theory) outcome(at Case, seed uint64, after Activity, raw, reliability [populations]float64,
	kept Kept) Outcome {
	_, theory := t.Overlap(kept)
	o := Outcome{Case: at, Seed: seed, CVE: after.CV[excitatory], CVI: after.CV[inhibitory], RawE: raw[excitatory],
		RawI: raw[inhibitory], CorrelationE: raw[excitatory] / reliability[excitatory],
		CorrelationI: raw[inhibitory] / reliability[inhibitory], TheoryE: theory[excitatory], TheoryI: theory[inhibitory],
		Recall: math.NaN(), Lingering: math.NaN()}
	o.RateE, o.SDE = stat.MeanStdDev(after.Rates[excitatory], nil)
	o.RateI, o.SDI = stat.MeanStdDev(after.Rates[inhibitory], nil)
	return o
}

// summary combines the networks.
func (e *experiment) summary(table []Outcome) Summary {
	name, _ := cpu.Kernels()
	s := Summary{Claims: e.claims(), Contacts: e.Contacts, Kernels: name,
		Seed: uint64(e.Seed)}
	for r := range regimeNames {
		s.Predictions = append(s.Predictions, e.prediction(r))
	}
	var cases []Case
	of := map[Case][]Outcome{}
	for _, o := range table {
		if of[o.Case] == nil {
			cases = append(cases, o.Case)
		}
		of[o.Case] = append(of[o.Case], o)
	}
	for _, c := range cases {
		mean := func(value func(o Outcome) float64) dynamics.Estimate { return meanOf(of[c], value) }
		s.Averages = append(s.Averages, Average{Case: c,
			RateE:        mean(func(o Outcome) float64 { return o.RateE }),
			RateI:        mean(func(o Outcome) float64 { return o.RateI }),
			CVE:          mean(func(o Outcome) float64 { return o.CVE }),
			CVI:          mean(func(o Outcome) float64 { return o.CVI }),
			CorrelationE: mean(func(o Outcome) float64 { return o.CorrelationE }),
			CorrelationI: mean(func(o Outcome) float64 { return o.CorrelationI }),
			TheoryE:      of[c][0].TheoryE, TheoryI: of[c][0].TheoryI,
			Recall:    mean(func(o Outcome) float64 { return o.Recall }),
			Lingering: mean(func(o Outcome) float64 { return o.Lingering })})
	}
	return s
}

// meanOf is the mean of a figure over networks.
func meanOf(networks []Outcome, value func(o Outcome) float64) dynamics.Estimate {
	return dynamics.NewEstimate(len(networks), func(n int) float64 { return value(networks[n]) })
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
