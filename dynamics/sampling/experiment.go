package sampling

import (
	"context"
	"errors"
	"time"

	"quantal/dynamics"
	"quantal/kernels"
	"quantal/train"
)

// References for comparisons.
const (
	fromChains     = "chains"
	fromClosedForm = "posterior in closed form"
	fromStepLaw    = "stationary law of the steps in closed form"
	fromQuadrature = "quadrature"
	fromMetropolis = "Metropolis"
	fromLaplace    = "Laplace approximation"
)

// Summary holds the results.
type Summary struct {
	Rows       []Row           `json:"rows"` // those of the table
	Network    *NetworkOutcome `json:"network,omitempty"`
	Seed       uint64          `json:"seed"`
	ChainSteps int             `json:"chain_steps"` // on regressions
	Seconds    float64         `json:"seconds"`     // of everything except drawing
}

// Row is a row of the table: the result of chains on a problem, with one comparison. Errors of means are the largest
// over the parameters, in standard deviations of the reference law; those of covariances are relative, in the Frobenius
// norm.
type Row struct {
	Part        string   `json:"part"`
	Problem     string   `json:"problem"`
	Method      string   `json:"method"`
	Reference   string   `json:"reference"`
	Parameters  int      `json:"parameters"`
	Examples    int      `json:"examples"`
	Temperature *float64 `json:"temperature"`
	Step        *float64 `json:"step"`       // eps; the first one if it has a schedule
	StepShare   *float64 `json:"step_share"` // eps times the largest eigenvalue of the Hessian
	Batch       *int     `json:"batch"`      // examples of a minibatch; none for all
	Chains      *int     `json:"chains"`
	Samples     int      `json:"samples"` // vectors taken from all chains, or averaged predictions
	Effective   *float64 `json:"effective_samples"`
	Accepted    *float64 `json:"accepted"`

	MeanError       *float64 `json:"mean_error"`
	CovarianceError *float64 `json:"covariance_error"`
	VarianceRatio   *float64 `json:"variance_ratio"` // of the traces of the covariances

	// Of predictions on the test set of a trained network, by the average of the given number of samples.
	Accuracy *float64 `json:"accuracy"`
	NLL      *float64 `json:"nll"`
	ECE      *float64 `json:"ece"`
}

// Findings are what the experiment leaves.
type Findings = dynamics.Findings[Summary, Row]

// experiment is a running experiment.
type experiment struct {
	Config
	layer      uint16 // of the noise, the next that is free
	chainSteps int

	work *dynamics.Work // approximately in nanoseconds of one core
	job  dynamics.Job
}

// newLayer is a layer of the noise from which nothing else draws.
func (e *experiment) newLayer() uint16 {
	e.layer++
	return e.layer
}

// Run makes the experiment. Cancelled, it returns the context's error.
func Run(ctx context.Context, config Config, network *dynamics.Network, with dynamics.Job) (Findings, error) {
	var findings Findings
	if err := config.Check(); err != nil {
		return findings, err
	}
	e := &experiment{Config: config, job: with}
	e.Threads = kernels.Threads(e.Threads)
	began := time.Now()
	total := 0.
	var r regressions
	var jobs []job
	if e.has(partRegression) {
		var err error
		if jobs, err = e.planRegressions(&r); err != nil {
			return findings, err
		}
		for _, j := range jobs {
			total += j.work(j.cost())
		}
	}
	var inGraph job
	if e.has(partGraph) {
		p, err := e.graphProblem(e.Graph)
		if err != nil {
			return findings, err
		}
		inGraph = e.newJob(p, e.Step, Langevin{Temperature: e.Temperature})
		total += inGraph.work(graphCost(p))
	}
	if e.has(partNetwork) {
		if network == nil {
			return findings, errors.New("sampling: want a trained network")
		}
		total += e.networkWork(network)
	}
	e.work = dynamics.NewWork(total, with)

	for i, j := range jobs {
		o, err := e.do(ctx, j, i)
		if err != nil {
			return findings, err
		}
		j.keep(o)
	}
	if e.has(partRegression) {
		if err := r.compare(); err != nil {
			return findings, err
		}
		figures, err := e.regressionFigures(&r)
		if err != nil {
			return findings, err
		}
		findings.Table, findings.Figures = r.rows, figures
	}
	if e.has(partGraph) {
		o, err := e.graphChains(ctx, inGraph)
		if err != nil {
			return findings, err
		}
		findings.Table = append(findings.Table, o.withTheory(o.modes.Covariance(o.Temperature),
			o.modes.StepCovariance(o.Langevin.Step, o.Temperature))...)
		figure, err := e.graphFigure(o)
		if err != nil {
			return findings, err
		}
		findings.Figures = append(findings.Figures, *figure)
	}
	var outcome *NetworkOutcome
	if e.has(partNetwork) {
		var err error
		if outcome, err = e.sampleNetwork(ctx, network); err != nil {
			if errors.Is(err, train.ErrInterrupted) {
				err = ctx.Err()
			}
			return findings, err
		}
		findings.Table = append(findings.Table, outcome.rows(e.Posterior)...)
		figure, err := e.networkFigure(outcome)
		if err != nil {
			return findings, err
		}
		findings.Figures = append(findings.Figures, *figure)
	}
	findings.Summary = Summary{Rows: findings.Table, Network: outcome, Seed: uint64(config.Seed), ChainSteps: e.chainSteps,
		Seconds: with.Seconds(began)}
	return findings, nil
}
