package reward

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/stat"

	"quantal/dynamics"
	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/kernels/cpu"
)

// The phases by name.
var phaseNames = [3]string{"learning", "going on", "swapped"}

// Outcome is a period in the life of a network. It is a row of the table.
type Outcome struct {
	Seed        uint64  `json:"seed"`
	Temperature float64 `json:"temperature"`
	Speed       float64 `json:"speed"` // per s
	Gain        float64 `json:"gain"`
	Phase       string  `json:"phase"`
	Time        float64 `json:"time"` // at the end of the period, s
	Reward      float64 `json:"reward"`
	Contacts    int     `json:"contacts"` // at its end
	Kept        float64 `json:"kept"`     // share of those at the end of learning that are there now
	Weights     float64 `json:"weights"`
	Response    float64 `json:"response"`
	Pools       float64 `json:"pools"` // share of the spikes that are of the pool that the first task demands
}

// Held is in how many networks a claim holds at a temperature and speed.
type Held struct {
	Temperature float64 `json:"temperature"`
	Speed       float64 `json:"speed"` // per s
	dynamics.Count
}

// Average is the mean over the networks, in part of a phase.
type Average struct {
	Temperature float64           `json:"temperature"`
	Gain        float64           `json:"gain"`
	Phase       string            `json:"phase"`
	Part        string            `json:"part"` // first or last fifth
	Reward      dynamics.Estimate `json:"reward"`
	Contacts    dynamics.Estimate `json:"contacts"`
	Kept        dynamics.Estimate `json:"kept"`
	Weights     dynamics.Estimate `json:"weights"`
	Response    dynamics.Estimate `json:"response"`
}

// Summary holds the results.
type Summary struct {
	Claims   []dynamics.Count `json:"claims"`
	Averages []Average        `json:"averages"`
	Range    []Held           `json:"range"` // of the claims
	Sites    int              `json:"sites"` // contacts that a network can have
	Kernels  string           `json:"kernels"`
	Seed     uint64           `json:"seed"` // the first
	Seconds  float64          `json:"seconds"`
}

// Findings are what the experiment leaves.
type Findings = dynamics.Findings[Summary, Outcome]

// arm is the conditions under which a network lives.
type arm struct{ temperature, speed, gain float64 }

// The arms that always are, in this order.
const (
	warm, cold, blind = 0, 1, 2 // as configured, without noise, without reward
	always            = 3
)

// arms lists the arms: those, and those that show in which range the claims hold.
func (c Config) arms() []arm {
	arms := []arm{{c.Temperature, c.Speed, c.Gain}, {0, c.Speed, c.Gain}, {c.Temperature, c.Speed, 0}}
	for _, t := range c.Temperatures {
		if t != c.Temperature {
			arms = append(arms, arm{t, c.Speed, c.Gain})
		}
	}
	for _, s := range c.Speeds {
		if s != c.Speed {
			arms = append(arms, arm{c.Temperature, s, c.Gain}, arm{0, s, c.Gain})
		}
	}
	return arms
}

// experiment is a running experiment.
type experiment struct {
	Config
	lives    [][]Life      // of each arm and network
	outcomes [][][]Outcome // of each arm, network and period
}

// newExperiment is an experiment of which nothing has run yet.
func newExperiment(c Config) *experiment {
	e := &experiment{Config: c, lives: make([][]Life, len(c.arms())), outcomes: make([][][]Outcome, len(c.arms()))}
	for a := range e.lives {
		e.lives[a], e.outcomes[a] = make([]Life, c.Seeds), make([][]Outcome, c.Seeds)
	}
	return e
}

// Run makes the experiment. Cancelled, it returns the context's error.
func Run(ctx context.Context, config Config, job dynamics.Job) (Findings, error) {
	var findings Findings
	if err := config.Check(); err != nil {
		return findings, err
	}
	e := newExperiment(config)
	began := time.Now()
	if err := e.run(ctx, job); err != nil {
		return findings, err
	}
	findings.Summary = e.summary()
	findings.Summary.Seconds = job.Seconds(began)
	for _, networks := range e.outcomes {
		for _, network := range networks {
			findings.Table = append(findings.Table, network...)
		}
	}
	var err error
	findings.Figures, err = e.figures()
	return findings, err
}

// run simulates all networks.
func (e *experiment) run(ctx context.Context, job dynamics.Job) error {
	steps := 3 * e.Seconds * 1000
	work := dynamics.NewWork(float64(len(e.arms())*e.Seeds)*steps, job)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(kernels.Threads(e.Threads))
	for k, a := range e.arms() {
		what := fmt.Sprintf("temperature %g, speed %g, gain %g", a.temperature, a.speed, a.gain)
		for n := range e.Seeds {
			g.Go(fault.Guarded(func() error {
				made := false
				life, err := dynamics.Part(job.Parts, fmt.Sprintf("arm%d-network%d", k, n), func() (Life, error) {
					made = true
					waiting := 0 // so that progress is not reported in each step
					return e.live(ctx, uint64(e.Seed)+uint64(n), a, func(steps int) {
						if waiting += steps; waiting >= int(e.Period*1000) {
							work.Did(float64(waiting), what)
							waiting = 0
						}
					})
				})
				if err != nil {
					return err
				}
				if !made {
					work.Did(steps, what)
				}
				e.lives[k][n], e.outcomes[k][n] = life, e.measure(a, n, life)
				return nil
			}))
		}
	}
	return g.Wait()
}

// measure compares the periods of a life with the last one of learning.
func (e *experiment) measure(a arm, n int, life Life) (all []Outcome) {
	then := e.periods() - 1
	weights := func(k int) []float64 {
		w := make([]float64, len(life.Theta[k]))
		for i, theta := range life.Theta[k] {
			w[i] = e.weight(theta)
		}
		return w
	}
	before, response := weights(then), e.response(life.Rates[then])
	for k := range life.Reward {
		o := Outcome{Seed: uint64(e.Seed) + uint64(n), Temperature: a.temperature, Speed: a.speed, Gain: a.gain,
			Phase: phaseNames[k/e.periods()], Time: float64(k+1) * e.Period, Reward: life.Reward[k]}
		now := weights(k)
		was, kept := 0., 0.
		for i, w := range now {
			if w > 0 {
				o.Contacts++
			}
			if before[i] > 0 {
				if was++; w > 0 {
					kept++
				}
			}
		}
		o.Kept = kept / was
		o.Weights = stat.Correlation(before, now, nil)
		o.Response = stat.Correlation(response, e.response(life.Rates[k]), nil)
		var right, spikes float64
		for i, rate := range life.Rates[k] {
			pattern, pool := i/(2*e.Pool), i%(2*e.Pool)/e.Pool
			if spikes += rate; pattern == pool {
				right += rate
			}
		}
		o.Pools = right / spikes
		all = append(all, o)
	}
	return all
}

// response is the rate of each neuron under each pattern, less the mean of its pool under that pattern.
func (e *experiment) response(rates []float64) []float64 {
	r := make([]float64, len(rates))
	for k := 0; k < len(rates); k += e.Pool {
		mean := stat.Mean(rates[k:k+e.Pool], nil)
		for i := k; i < k+e.Pool; i++ {
			r[i] = rates[i] - mean
		}
	}
	return r
}

// part is the mean of a measure over the first or the last fifth of a phase.
func (e *experiment) part(arm, n, phase int, last bool, of func(Outcome) float64) float64 {
	length := max(e.periods()/5, 1)
	from := phase * e.periods()
	if last {
		from += e.periods() - length
	}
	sum := 0.
	for _, o := range e.outcomes[arm][n][from : from+length] {
		sum += of(o)
	}
	return sum / float64(length)
}

// The measures.
func reward(o Outcome) float64   { return o.Reward }
func contacts(o Outcome) float64 { return float64(o.Contacts) }
func kept(o Outcome) float64     { return o.Kept }
func weights(o Outcome) float64  { return o.Weights }
func response(o Outcome) float64 { return o.Response }

// summary combines the networks.
func (e *experiment) summary() Summary {
	name, _ := cpu.Kernels()
	s := Summary{Claims: e.claims(warm, cold), Range: e.held(), Sites: e.contacts(), Kernels: name, Seed: uint64(e.Seed)}
	for k, a := range e.arms()[:always] {
		for phase, phaseName := range phaseNames {
			for last, part := range []string{"first fifth", "last fifth"} {
				mean := func(of func(Outcome) float64) dynamics.Estimate {
					return dynamics.NewEstimate(e.Seeds, func(n int) float64 { return e.part(k, n, phase, last == 1, of) })
				}
				s.Averages = append(s.Averages, Average{Temperature: a.temperature, Gain: a.gain, Phase: phaseName, Part: part,
					Reward: mean(reward), Contacts: mean(contacts), Kept: mean(kept), Weights: mean(weights),
					Response: mean(response)})
			}
		}
	}
	return s
}
