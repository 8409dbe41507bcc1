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
	"quantal/results/tables"
)

// The phases by name.
var phaseNames = [3]string{"learning", "going on", "swapped"}

// Outcome is a period in the life of a network. It is a row of the table.
type Outcome struct {
	Seed        uint64  `json:"seed"`
	Temperature float64 `json:"temperature"`
	Phase       string  `json:"phase"`
	Time        float64 `json:"time"` // at the end of the period, s
	Reward      float64 `json:"reward"`
	Contacts    int     `json:"contacts"` // at its end
	Kept        float64 `json:"kept"`     // share of those at the end of learning that are there now
	Weights     float64 `json:"weights"`
	Response    float64 `json:"response"`
	Pools       float64 `json:"pools"` // share of the spikes that are of the pool that the first task demands
}

// Count is in how many networks a claim holds.
type Count struct {
	Claim string `json:"claim"`
	Seen  int    `json:"seen"`
	Of    int    `json:"of"`
}

// Mean is a figure over the networks, with half of its 95 % interval.
type Mean struct {
	Mean      float64 `json:"mean"`
	HalfWidth float64 `json:"half_width"` // NaN for one network
}

// Average is the mean over the networks, in part of a phase.
type Average struct {
	Temperature float64 `json:"temperature"`
	Phase       string  `json:"phase"`
	Part        string  `json:"part"` // first or last fifth
	Reward      Mean    `json:"reward"`
	Contacts    Mean    `json:"contacts"`
	Kept        Mean    `json:"kept"`
	Weights     Mean    `json:"weights"`
	Response    Mean    `json:"response"`
}

// Summary holds the results.
type Summary struct {
	Claims   []Count   `json:"claims"`
	Averages []Average `json:"averages"`
	Sites    int       `json:"sites"` // contacts that a network can have
	Kernels  string    `json:"kernels"`
	Seed     uint64    `json:"seed"` // the first
	Seconds  float64   `json:"seconds"`
}

// Findings are what the experiment leaves.
type Findings = dynamics.Findings[Summary, Outcome]

// experiment is a running experiment.
type experiment struct {
	Config
	temperatures [2]float64
	lives        [2][]Life      // of each temperature and network
	outcomes     [2][][]Outcome // of each temperature, network and period
}

// Run makes the experiment. Cancelled, it returns the context's error.
func Run(ctx context.Context, config Config, job dynamics.Job) (Findings, error) {
	var findings Findings
	if err := config.Check(); err != nil {
		return findings, err
	}
	e := &experiment{Config: config, temperatures: [2]float64{config.Temperature, 0}}
	began := time.Now()
	if err := e.run(ctx, job); err != nil {
		return findings, err
	}
	findings.Summary = e.summary()
	findings.Summary.Seconds = job.Seconds(began)
	for t := range e.temperatures {
		for _, network := range e.outcomes[t] {
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
	work := dynamics.NewWork(float64(2*e.Seeds)*steps, job)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(kernels.Threads(e.Threads))
	for t, temperature := range e.temperatures {
		e.lives[t], e.outcomes[t] = make([]Life, e.Seeds), make([][]Outcome, e.Seeds)
		for n := range e.Seeds {
			what := fmt.Sprintf("temperature %g", temperature)
			g.Go(fault.Guarded(func() error {
				made := false
				life, err := dynamics.Part(job.Parts, fmt.Sprintf("temperature%d-network%d", t, n), func() (Life, error) {
					made = true
					waiting := 0 // so that progress is not reported in each step
					return e.live(ctx, uint64(e.Seed)+uint64(n), temperature, func(steps int) {
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
				e.lives[t][n], e.outcomes[t][n] = life, e.measure(t, n, life)
				return nil
			}))
		}
	}
	return g.Wait()
}

// measure compares the periods of a life with the last one of learning.
func (e *experiment) measure(t, n int, life Life) (all []Outcome) {
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
		o := Outcome{Seed: uint64(e.Seed) + uint64(n), Temperature: e.temperatures[t], Phase: phaseNames[k/e.periods()],
			Time: float64(k+1) * e.Period, Reward: life.Reward[k]}
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
func (e *experiment) part(t, n, phase int, last bool, of func(Outcome) float64) float64 {
	length := max(e.periods()/5, 1)
	from := phase * e.periods()
	if last {
		from += e.periods() - length
	}
	sum := 0.
	for _, o := range e.outcomes[t][n][from : from+length] {
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
	s := Summary{Claims: e.claims(), Sites: e.contacts(), Kernels: name, Seed: uint64(e.Seed)}
	for t, temperature := range e.temperatures {
		for phase, phaseName := range phaseNames {
			for k, part := range []string{"first fifth", "last fifth"} {
				mean := func(of func(Outcome) float64) Mean {
					values := make([]float64, e.Seeds)
					for n := range values {
						values[n] = e.part(t, n, phase, k == 1, of)
					}
					i := tables.NewInterval(values)
					return Mean{i.Mean, i.HalfWidth}
				}
				s.Averages = append(s.Averages, Average{Temperature: temperature, Phase: phaseName, Part: part,
					Reward: mean(reward), Contacts: mean(contacts), Kept: mean(kept), Weights: mean(weights),
					Response: mean(response)})
			}
		}
	}
	return s
}
