package sampling

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// Of the regressions: how long chains run before any vector is taken from them, in relaxation times of the slowest
// direction, and how many vectors are taken per relaxation time of the fastest.
const (
	burnTimes    = 14
	vectorsPer   = 2
	keptVectors  = 4096 // approximate number kept for figures, of the problems with two parameters
	gridPoints   = 321
	gridWidths   = 8   // standard deviations of the Laplace approximation, to each side
	timesMargin  = 1.2 // for laws that are not quite Gaussian
	metropolisBy = 10  // how much longer the steps are with Metropolis, which makes them exact
)

// problem is a regression with what is known about its posterior.
type problem struct {
	Problem
	name     string
	target   Target
	linear   *Linear   // one of the two
	logistic *Logistic //
	mode     []float64 // the posterior mean of linear regression
	modes    Modes     // of the Hessian there
}

// linearProblem draws data and solves the regression.
func (e *experiment) linearProblem(p Problem) (*problem, error) {
	data := linearData(p.Examples, p.Dimension, p.Correlation, p.NoiseVariance, p.PriorVariance, uint64(e.Seed),
		e.newLayer())
	l := NewLinear(data, p.NoiseVariance, p.PriorVariance)
	mode, hessian, err := l.Posterior()
	if err != nil {
		return nil, err
	}
	modes, err := NewModes(hessian)
	return &problem{p, fmt.Sprintf("linear, %d parameters", p.Dimension), l, l, nil, mode, modes}, err
}

// logisticProblem draws data and finds the mode of the posterior.
func (e *experiment) logisticProblem(p Problem) (*problem, error) {
	l := &Logistic{logisticData(p.Examples, p.Dimension, p.Correlation, p.PriorVariance, uint64(e.Seed), e.newLayer()),
		p.PriorVariance}
	mode, hessian, err := l.Laplace()
	if err != nil {
		return nil, err
	}
	modes, err := NewModes(hessian)
	return &problem{p, fmt.Sprintf("logistic, %d parameters", p.Dimension), l, nil, l, mode, modes}, err
}

// plan says how long chains must run for the required effective samples, according to the relaxation of a Gaussian law.
func (e *experiment) plan(p *problem, l Langevin) Plan {
	fastest, slowest := 1.0, 0.0
	for _, h := range p.modes.Values {
		r := math.Abs(1 - l.Step*h)
		fastest, slowest = min(fastest, r), max(slowest, r)
	}
	every := max(1, int(math.Round(-1/(vectorsPer*math.Log(fastest)))))
	r := math.Pow(slowest, float64(every))
	perSample := (1 + r) / (1 - r) // vectors
	take := max(2, int(math.Ceil(timesMargin*float64(p.Effective)*perSample/float64(e.Chains))))
	plan := Plan{
		Chains: e.Chains, Burn: int(math.Ceil(-burnTimes / math.Log(slowest))), Every: every, Take: take,
		Start: make([]float64, p.Dimension), Spread: math.Sqrt(p.PriorVariance), Directions: p.modes.Directions,
		Seed: uint64(e.Seed), Layer: e.newLayer(), Threads: e.Threads,
	}
	if p.Dimension == 2 {
		plan.Keep = max(1, min(take, keptVectors/e.Chains))
	}
	return plan
}

// job is a planned run of chains.
type job struct {
	*problem
	Langevin
	plan  Plan
	share float64 // the step over 1 / Stiffest
	keep  func(*outcome)
}

// outcome is the result of a job's chains, and a row of the table without a comparison.
type outcome struct {
	job
	sample *Sample
	row    Row
}

// work is the approximate time of a job.
func (j job) work(cost float64) float64 {
	return cost * float64(j.plan.Chains*(j.plan.Burn+j.plan.Every*j.plan.Take))
}

// cost is the approximate time of a step of a chain, in arbitrary units.
func (j job) cost() float64 {
	d, n := float64(j.Dimension), float64(j.Problem.Examples)
	switch {
	case j.Batch > 0:
		return 30*d + 4*float64(j.Batch)*d
	case j.linear != nil:
		return 30*d + d*d
	case j.Metropolis:
		return 30*d + n*(40+4*d)
	}
	return 30*d + n*(15+2*d)
}

// outcome has the result of the chains.
func (j job) outcome(s *Sample, part, method string) *outcome {
	effective := s.Effective()
	o := &outcome{job: j, sample: s}
	o.row = Row{
		Part: part, Problem: j.name, Method: method, Parameters: j.Dimension, Examples: j.Problem.Examples,
		Temperature: &o.Temperature,
		Step:        &o.Langevin.Step, StepShare: &o.share, Chains: &o.plan.Chains, Samples: s.Vectors, Effective: &effective,
	}
	return o
}

// do runs the chains of a job, which has a number.
func (e *experiment) do(ctx context.Context, j job, number int) (*outcome, error) {
	cost := j.cost()
	name := j.name
	if j.Metropolis {
		name += ", Metropolis"
	}
	s, err := e.sample(fmt.Sprintf("job%d", number), name, j.work(cost), func() (*Sample, error) {
		return j.Langevin.Sample(ctx, j.target, j.plan, func(steps int) { e.work.Did(cost*float64(steps), name) })
	})
	if err != nil {
		return nil, fmt.Errorf("%w (%s, step %.3g over the largest eigenvalue)", err, j.name, j.share)
	}
	e.chainSteps += j.plan.Chains * (j.plan.Burn + j.plan.Every*j.plan.Take)
	o := j.outcome(s, partRegression, "Langevin")
	switch {
	case j.Metropolis:
		o.row.Method, o.row.Accepted = "Metropolis", &s.Accepted
	case j.Batch > 0:
		o.row.Method, o.row.Batch = "Langevin, minibatches", &j.Batch
	}
	return o, nil
}

// against compares an outcome with mean and covariance that were obtained in another way.
func (o *outcome) against(reference string, mean []float64, covariance mat.Symmetric) Row {
	row := o.row
	row.Reference = reference
	meanError, covarianceError := MeanError(o.sample.Mean, mean, covariance),
		RelativeError(o.sample.Covariance, covariance)
	trace := mat.Trace(o.sample.Covariance) / mat.Trace(covariance)
	row.MeanError, row.CovarianceError, row.VarianceRatio = &meanError, &covarianceError, &trace
	return row
}

// withTheory compares an outcome of linear regression with the posterior and with the stationary law of the steps.
func (o *outcome) withTheory(posterior, steps mat.Symmetric) []Row {
	return []Row{o.against(fromClosedForm, o.mode, posterior), o.against(fromStepLaw, o.mode, steps)}
}

// regressions are the findings of the part about regressions.
type regressions struct {
	linear, logistic      []*outcome
	metropolis            []*outcome // one for each of logistic
	steps, temps, batches []*outcome // scans on the first linear problem
	densities             []*Density // of the logistic problems of two parameters; nil for others
	rows                  []Row
}

// planRegressions makes the problems and plans the chains on them; their results go into r.
func (e *experiment) planRegressions(r *regressions) (jobs []job, err error) {
	add := func(p *problem, share float64, l Langevin, to *[]*outcome) {
		j := e.newJob(p, share, l)
		j.keep = func(o *outcome) { *to = append(*to, o) }
		jobs = append(jobs, j)
	}
	var scanned *problem
	for _, p := range e.Linear {
		l, err := e.linearProblem(p)
		if err != nil {
			return nil, err
		}
		add(l, e.Step, Langevin{Temperature: e.Temperature}, &r.linear)
		if scanned == nil {
			scanned = l
		}
	}
	if scanned != nil {
		for _, share := range e.Steps {
			add(scanned, share, Langevin{Temperature: e.Temperature}, &r.steps)
		}
		for _, t := range e.Temperatures {
			add(scanned, e.Step, Langevin{Temperature: t}, &r.temps)
		}
		for _, b := range e.Batches {
			add(scanned, e.Step, Langevin{Temperature: e.Temperature, Batch: b}, &r.batches)
		}
	}
	for _, p := range e.Logistic {
		l, err := e.logisticProblem(p)
		if err != nil {
			return nil, err
		}
		add(l, e.Step, Langevin{Temperature: e.Temperature}, &r.logistic)
		add(l, min(1, metropolisBy*e.Step), Langevin{Temperature: e.Temperature, Metropolis: true}, &r.metropolis)
	}
	return jobs, nil
}

// newJob plans chains on a problem, with steps of a share of 1 / Stiffest.
func (e *experiment) newJob(p *problem, share float64, l Langevin) job {
	l.Step = share / p.modes.Stiffest()
	return job{problem: p, Langevin: l, plan: e.plan(p, l), share: share}
}

// compare compares every outcome with its reference.
func (r *regressions) compare() error {
	for _, group := range [][]*outcome{r.linear, r.steps, r.temps, r.batches} {
		for _, o := range group {
			steps := o.modes.StepCovariance(o.Langevin.Step, o.Temperature)
			if o.Batch > 0 {
				var err error
				if steps, err = o.linear.MinibatchCovariance(o.Langevin.Step, o.Temperature, o.Batch); err != nil {
					return err
				}
			}
			r.rows = append(r.rows, o.withTheory(o.modes.Covariance(o.Temperature), steps)...)
		}
	}
	for i, o := range r.logistic {
		laplace := o.modes.Covariance(o.Temperature)
		m := r.metropolis[i]
		var density *Density
		if o.Dimension == 2 {
			d := o.logistic.Quadrature(o.mode, laplace, o.Temperature, gridWidths, gridPoints)
			density = &d
			mean, covariance := d.Moments()
			r.rows = append(r.rows, o.against(fromQuadrature, mean, covariance), m.against(fromQuadrature, mean, covariance))
		}
		r.densities = append(r.densities, density)
		r.rows = append(r.rows, o.against(fromMetropolis, m.sample.Mean, m.sample.Covariance),
			o.against(fromLaplace, o.mode, laplace))
	}
	return nil
}
