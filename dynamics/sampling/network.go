package sampling

import (
	"context"
	"fmt"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"quantal/dynamics"
	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/train"
)

// Posterior says how the posterior of a trained network is sampled: by the rule Langevin, with steps
//
//	eps_t = Step/N (1 + t/(Delay epochs))^-Decay
//
// The prior is that of the objective, exp(-lambda sum |mu|), and weights are their means: sigma is not used.
type Posterior struct {
	Temperatures []float64
	Step         float64 // N eps: the learning rate of descent on the mean loss of an example
	Decay        float64 // 0 for steps of one length
	Delay        float64 // epochs
	Batch        int     // examples of a minibatch
	Chains       int
	Burn         int // epochs before the first sample
	Samples      int // of each chain, one per epoch
}

// rule is the update rule with the schedule of the steps.
func (p Posterior) rule(stepsPerEpoch int) kernels.Langevin {
	if p.Decay == 0 {
		return kernels.Langevin{}
	}
	return kernels.Langevin{Delay: p.Delay * float64(stepsPerEpoch), Decay: p.Decay}
}

// schedule writes the lengths of the steps.
func (p Posterior) schedule() string {
	if p.Decay == 0 {
		return fmt.Sprintf("N eps = %g", p.Step)
	}
	return fmt.Sprintf("N eps = %g (1 + epoch/%g)^-%g", p.Step, p.Delay, p.Decay)
}

// Predictor is a predictor of classes, with its performance on the test set.
type Predictor struct {
	Name        string   `json:"name"`
	Temperature *float64 `json:"temperature"` // of chains
	Averaged    int      `json:"averaged"`    // predictions in the average
	Calibration
	// Differences from two point estimates on the same test examples: the trained network at w = mu, and descent from
	// there, the end of one chain at T = 0; none if there is no such chain.
	OverTrained Gain  `json:"over_trained"`
	OverDescent *Gain `json:"over_descent"`

	probabilities []float64
}

// Gain is how much better one predictor is than another: the mean over test examples, with half of its 95 % interval.
type Gain struct {
	Accuracy         float64 `json:"accuracy"`
	AccuracyInterval float64 `json:"accuracy_interval"`
	NLL              float64 `json:"nll"` // by how much it is lower
	NLLInterval      float64 `json:"nll_interval"`
}

// NetworkOutcome is the result for a trained network.
type NetworkOutcome struct {
	Network  string `json:"network"`
	Data     string `json:"data"`
	Examples int    `json:"examples"` // of training
	Tested   int    `json:"tested"`
	Synapses int    `json:"synapses"`
	// Predictors are the trained network at w = mu; if it has noise, the average over as many draws of it as there are
	// samples of a temperature; and for each temperature the end of the first chain alone and the average over all
	// samples.
	Predictors []Predictor `json:"predictors"`
	Chains     []ChainLaw  `json:"chains"`
}

// ChainLaw describes the chains of one temperature.
type ChainLaw struct {
	Temperature float64 `json:"temperature"`
	// TrainingLoss is the mean negative log-likelihood of a training example in each epoch, over the chains.
	TrainingLoss []float64 `json:"training_loss"`
	// Single is the mean over single samples of accuracy, NLL and ECE on the test set.
	Single Calibration `json:"single"`
	// Course has the figures of averages over more and more samples: those of all chains at the first time, then also at
	// the second, ...
	Course []Calibrated `json:"course"`
	// MinibatchNoise is the variance that minibatches add to a step over that of the noise of the rule, the mean over
	// synapses, at the end of the first chain; none if T = 0.
	MinibatchNoise *float64 `json:"minibatch_noise"`
	// Moved is the root mean square over synapses of how far the first chain is from the trained network at the end.
	Moved float64 `json:"moved"`
	// Spread is the root mean square over synapses of the standard deviation over samples, of all chains together.
	Spread float64 `json:"spread"`
}

// Calibrated has the figures of the average over the given number of samples.
type Calibrated struct {
	Samples  int     `json:"samples"`
	Accuracy float64 `json:"accuracy"`
	NLL      float64 `json:"nll"`
	ECE      float64 `json:"ece"`
}

// networkWork is the approximate time of the part about networks; see job.cost.
func (e *experiment) networkWork(n *dynamics.Network) float64 {
	p := e.Posterior
	members, synapses := float64(len(p.Temperatures)*p.Chains), float64(n.State.Layout.Synapses())
	perExample := 0.12 * synapses // three products with the weights
	epochs := float64(p.Burn+p.Samples) * float64(n.Set.Train.N()) * (perExample + 5*synapses/float64(p.Batch))
	return members * (epochs + float64(p.Samples)*float64(n.Set.Test.N())*perExample/2)
}

// average adds up predictions with weights.
type average struct {
	sum    []float64
	weight float64
	n      int
}

func (a *average) add(probabilities []float64, weight float64) {
	if a.sum == nil {
		a.sum = make([]float64, len(probabilities))
	}
	for i, p := range probabilities {
		a.sum[i] += weight * p
	}
	a.weight += weight
	a.n++
}

func (a *average) probabilities() []float64 {
	p := make([]float64, len(a.sum))
	for i, s := range a.sum {
		p[i] = s / a.weight
	}
	return p
}

// law is the running chains of one temperature.
type law struct {
	ChainLaw
	average average
	kept    int
	// Sums over samples of theta and of its square, for Spread.
	sum, square []float64
}

// sampleNetwork samples from the posterior of a trained network and evaluates the predictions.
func (e *experiment) sampleNetwork(ctx context.Context, n *dynamics.Network) (out *NetworkOutcome, err error) {
	p := e.Posterior
	config := n.Config
	config.Batch, config.Device, config.Threads = p.Batch, e.Training.Device, e.Threads
	session, err := train.Open(n.Set, slices.Repeat([]train.Config{config}, len(p.Temperatures))...)
	if err != nil {
		return nil, err
	}
	perEpoch := session.StepsPerEpoch()
	rule := p.rule(perEpoch)
	layer := e.newLayer()
	var members []train.Fluctuation
	for i, t := range p.Temperatures {
		for c := range p.Chains {
			members = append(members, train.Fluctuation{
				Start: n.State.State, Seed: chainSeed(uint64(e.Seed), layer, i*p.Chains+c),
				StepSize: p.Step / float64(session.Examples()), Temperature: t,
			})
		}
	}
	chains, err := session.Fluctuate(rule, members...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closing := chains.Close(); err == nil {
			err = closing
		}
	}()
	judge, err := e.judge(ctx, n, session)
	if err != nil {
		return nil, err
	}
	laws := make([]*law, len(p.Temperatures))
	for i, t := range p.Temperatures {
		slots := len(n.State.State.Mu)
		laws[i] = &law{ChainLaw: ChainLaw{Temperature: t}, sum: make([]float64, slots), square: make([]float64, slots)}
	}
	work := e.networkWork(n) / float64(p.Burn+p.Samples)
	done, err := e.restore(chains, perEpoch, n.State.State, laws)
	if err != nil {
		return nil, err
	}
	if done > 0 {
		e.work.Did(work*float64(done), fmt.Sprintf("network, epoch %d", done))
	}
	keep := keeper{parts: e.job.Parts}
	for epoch := done; epoch < p.Burn+p.Samples; epoch++ {
		told := 0
		err := chains.Run(ctx, perEpoch, func(done, steps int) {
			e.work.Did(work*float64(done-told)/float64(steps), fmt.Sprintf("network, epoch %d", epoch+1))
			told = done
		})
		if err != nil {
			return nil, err
		}
		for i, l := range laws {
			loss := 0.0
			for c := range p.Chains {
				if d := chains.Diverged(i*p.Chains + c); d != nil {
					return nil, &train.DivergedError{Divergence: *d}
				}
				loss += chains.Loss(i*p.Chains+c) / float64(p.Chains)
			}
			l.TrainingLoss = append(l.TrainingLoss, loss)
		}
		if epoch >= p.Burn {
			if err := e.take(ctx, chains, laws, judge, rule.Schedule(chains.Step())); err != nil {
				return nil, err
			}
		}
		if err := keep.keep(epoch+1, chains, laws); err != nil {
			return nil, err
		}
	}
	return e.finishNetwork(ctx, n, chains, laws, judge)
}

// pointName is the predictor of the trained network without noise.
const pointName = "trained network, w = μ"

// judge is the test set and the trained network's predictions for it.
type judge struct {
	*train.Session
	point Predictor // the trained network at w = mu
	noise average   // over draws of its synaptic noise
}

func (j *judge) predict(state *kernels.State) ([]float64, error) {
	return j.Probabilities(state, j.Set.Test, 1) // threads take whole predictions
}

// judge makes the predictions with which the samples are compared: the trained network at w = mu, and the average over
// draws of its own synaptic noise, equally many as samples.
func (e *experiment) judge(ctx context.Context, n *dynamics.Network, session *train.Session) (*judge, error) {
	j := &judge{Session: session}
	probabilities, err := j.predict(n.State.State)
	if err != nil {
		return nil, err
	}
	if j.point, err = j.predictor(pointName, nil, 1, probabilities); err != nil {
		return nil, err
	}
	if n.State.Layout.Sharing == kernels.NoNoise {
		return j, nil
	}
	layer := e.newLayer()
	draws := make([][]float64, e.Posterior.Chains*e.Posterior.Samples)
	side := e.side()
	for k := range draws {
		side.Go(fault.Guarded(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			draws[k], err = j.predict(drawWeights(n.State.Layout, n.State.State, uint64(e.Seed), layer, k))
			return err
		}))
	}
	if err := side.Wait(); err != nil {
		return nil, err
	}
	for _, p := range draws {
		j.noise.add(p, 1)
	}
	return j, nil
}

func (e *experiment) side() *errgroup.Group {
	side := &errgroup.Group{}
	side.SetLimit(e.Threads)
	return side
}

// drawWeights is a network with w = mu + sigma xi instead of mu.
func drawWeights(l kernels.Layout, s *kernels.State, seed uint64, layer uint16, draw int) *kernels.State {
	out := kernels.NewState(l, 0)
	noise := at(seed, layer, drawWeightsFrom+uint32(draw))
	for n := range l.Rows() {
		noise.Step = uint32(n.Layer)
		phi, xi := s.Phi[l.PhiOffset(n.Layer):], make([]float32, n.Columns())
		kernels.Normals(xi, noise, n.Row)
		for k, x := range xi {
			sigma, _ := kernels.Softplus(phi[l.Layers[n.Layer].PhiIndex(l.Sharing, n.Row, k)])
			out.Mu[n.First+k] = s.Mu[n.First+k] + sigma*x
		}
	}
	return out
}

// take takes a sample of every chain.
func (e *experiment) take(ctx context.Context, chains *train.Fluctuations, laws []*law, j *judge,
	weight float64) error {
	perLaw := e.Posterior.Chains
	states := make([]*kernels.State, len(laws)*perLaw)
	predictions := make([][]float64, len(states))
	side := e.side()
	for m := range states {
		var err error
		if states[m], err = chains.State(m); err != nil {
			return err
		}
		side.Go(fault.Guarded(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			predictions[m], err = j.predict(states[m])
			return err
		}))
	}
	if err := side.Wait(); err != nil {
		return err
	}
	for m, p := range predictions {
		l := laws[m/perLaw]
		single, err := Calibrate(p, j.Set.Test.Labels)
		if err != nil {
			return err
		}
		l.kept++
		k := float64(l.kept)
		l.Single.Accuracy += (single.Accuracy - l.Single.Accuracy) / k
		l.Single.NLL += (single.NLL - l.Single.NLL) / k
		l.Single.ECE += (single.ECE - l.Single.ECE) / k
		l.average.add(p, weight)
		c, err := Calibrate(l.average.probabilities(), j.Set.Test.Labels)
		if err != nil {
			return err
		}
		l.Course = append(l.Course, Calibrated{l.kept, c.Accuracy, c.NLL, c.ECE})
		for i, w := range states[m].Mu {
			l.sum[i] += float64(w)
			l.square[i] += float64(w) * float64(w)
		}
	}
	return nil
}

// predictor evaluates predictions; comparisons are added later.
func (j *judge) predictor(name string, temperature *float64, averaged int, probabilities []float64) (Predictor, error) {
	c, err := Calibrate(probabilities, j.Set.Test.Labels)
	return Predictor{Name: name, Temperature: temperature, Averaged: averaged, Calibration: c,
		probabilities: probabilities}, err
}

// gain compares two predictors.
func (j *judge) gain(p, over Predictor) Gain {
	classes := j.Set.Classes
	right := func(row []float64, label byte) float64 {
		if slices.Index(row, slices.Max(row)) == int(label) {
			return 1
		}
		return 0
	}
	var accuracy, nll []float64
	for i, label := range j.Set.Test.Labels {
		a, b := p.probabilities[i*classes:(i+1)*classes], over.probabilities[i*classes:(i+1)*classes]
		accuracy = append(accuracy, right(a, label)-right(b, label))
		nll = append(nll, math.Log(a[label])-math.Log(b[label]))
	}
	var g Gain
	g.Accuracy, g.AccuracyInterval = meanWithInterval(accuracy)
	g.NLL, g.NLLInterval = meanWithInterval(nll)
	return g
}

// meanWithInterval is a mean with half of its 95 % interval, for many values.
func meanWithInterval(values []float64) (mean, half float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	sum := 0.0
	for _, v := range values {
		sum += (v - mean) * (v - mean)
	}
	return mean, 1.96 * math.Sqrt(sum/(n*(n-1)))
}

// finishNetwork combines the results of the chains.
func (e *experiment) finishNetwork(
	ctx context.Context, n *dynamics.Network, chains *train.Fluctuations, laws []*law, j *judge,
) (*NetworkOutcome, error) {
	examples := float64(j.Examples())
	out := &NetworkOutcome{
		Network: n.ID, Data: n.Set.Name, Examples: j.Examples(), Tested: n.Set.Test.N(), Synapses: n.State.Layout.Synapses(),
		Predictors: []Predictor{j.point},
	}
	if j.noise.n > 0 {
		p, err := j.predictor("trained network, average over its synaptic noise", nil, j.noise.n, j.noise.probabilities())
		if err != nil {
			return nil, err
		}
		out.Predictors = append(out.Predictors, p)
	}
	var descent *Predictor
	var ends []*kernels.State
	for i, l := range laws {
		end, err := chains.State(i * e.Posterior.Chains)
		if err != nil {
			return nil, err
		}
		alone, err := j.predict(end)
		if err != nil {
			return nil, err
		}
		for _, of := range []struct {
			name          string
			averaged      int
			probabilities []float64
		}{{"end of one chain", 1, alone}, {"average over samples", l.kept, l.average.probabilities()}} {
			p, err := j.predictor(fmt.Sprintf("T = %g, %s", l.Temperature, of.name), &l.Temperature, of.averaged,
				of.probabilities)
			if err != nil {
				return nil, err
			}
			if l.Temperature == 0 && of.averaged == 1 {
				descent = &p
			}
			out.Predictors = append(out.Predictors, p)
		}
		moved, spread, synapses := 0.0, 0.0, float64(out.Synapses)
		for k, w := range end.Mu { // pads are 0 throughout
			moved += square(float64(w-n.State.State.Mu[k])) / synapses
			mean := l.sum[k] / float64(l.kept)
			spread += max(0, l.square[k]/float64(l.kept)-mean*mean) / synapses
		}
		l.Moved, l.Spread = math.Sqrt(moved), math.Sqrt(spread)
		ends = append(ends, end)
	}
	sums, err := j.Gradients(ctx, ends, kernels.Accumulate{AtMu: true}, 1, nil)
	if err != nil {
		return nil, err
	}
	for i := range out.Predictors {
		p := &out.Predictors[i]
		p.OverTrained = j.gain(*p, j.point)
		if descent != nil {
			g := j.gain(*p, *descent)
			p.OverDescent = &g
		}
	}
	eps := e.Posterior.Step / examples * e.Posterior.rule(j.StepsPerEpoch()).Schedule(chains.Step())
	for i, l := range laws {
		if l.Temperature > 0 {
			ratio := minibatchNoise(sums[i],
				out.Synapses) * square(eps*examples/float64(e.Posterior.Batch)) / (2 * eps * l.Temperature)
			l.MinibatchNoise = &ratio
		}
		out.Chains = append(out.Chains, l.ChainLaw)
	}
	return out, nil
}

// minibatchNoise is the variance over minibatches of the gradient of their summed negative log-likelihood, the mean
// over synapses.
func minibatchNoise(s *kernels.Sums, synapses int) float64 {
	n, sum := float64(s.Minibatches), 0.0
	for i, g := range s.Gradient {
		sum += s.Square[i]/n - square(g/n)
	}
	return sum / float64(synapses)
}

func square(x float64) float64 { return x * x }

// rows are the rows of the table.
func (o *NetworkOutcome) rows(p Posterior) []Row {
	var rows []Row
	for _, r := range o.Predictors {
		row := Row{
			Part: partNetwork, Problem: o.Data + ", " + o.Network, Method: r.Name, Parameters: o.Synapses, Examples: o.Examples,
			Samples: r.Averaged, Accuracy: &r.Accuracy, NLL: &r.NLL, ECE: &r.ECE,
		}
		if r.Temperature != nil {
			step := p.Step / float64(o.Examples)
			row.Temperature, row.Step, row.Chains, row.Batch = r.Temperature, &step, &p.Chains, &p.Batch
		}
		rows = append(rows, row)
	}
	return rows
}
