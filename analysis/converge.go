package analysis

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"quantal/kernels"
	"quantal/mnist"
	"quantal/synapse"
	"quantal/train"
)

// Method is a way to take the sigma of a trained network to its optimum.
type Method string

const (
	// FixedPoint moves ln sigma of every synapse most of the way to the optimum for its present importance, again and
	// again: the curvature of the noisy network, train.Session.Curvature. For networks without hidden layers.
	FixedPoint Method = "fixed-point"
	// Training moves phi by the network's rule, at learning rates that fall when the gap to the optimum stops shrinking.
	Training Method = "training"
)

// Methods lists them.
func Methods() []Method { return []Method{FixedPoint, Training} }

// ConvergeOptions say how sigma is taken to its optimum and how the result is tested. The zero value of a number stands
// for that of DefaultConvergence.
type ConvergeOptions struct {
	Method    Method // empty for FixedPoint where there are no hidden layers, and otherwise Training
	Draws     int    // of the noise for each example, for the curvature
	Rounds    int    // at most
	Epochs    int    // of a round of Training
	Rate      float64
	Batch     int // of Training with the means held: more than in training, for less noise in a step
	Both      int // epochs for which means and sigma are then trained together, at each of three rates; 0 for none
	Gradients int // epochs over which the gradient of phi is averaged; 0 for no test
	Bootstrap Bootstrap
}

// DefaultConvergence is what the command uses.
func DefaultConvergence() ConvergeOptions {
	return ConvergeOptions{Draws: 4, Rounds: 100, Epochs: 10, Rate: 0.03, Batch: 1000, Gradients: 100,
		Bootstrap: DefaultBootstrap()}
}

const (
	damping       = 2. / 3 // the part of the way to the optimum in ln sigma
	fixedTo       = 1e-4   // the largest change of ln sigma in a round after which a fixed point has been reached
	stillShrinks  = 0.99   // a round of training that leaves more of the gap lowers the learning rate
	rateFall      = 2.0    // by this factor
	leastRate     = 1. / 100
	gradientBatch = 100 // with more examples a minibatch's mean gradient adds noise, with fewer, copies take the time
	deciles       = 10
)

// Convergence is how a network came to its optimal sigma, and how near it is.
type Convergence struct {
	ID         string  `json:"id"`
	Hidden     string  `json:"hidden"`
	Rho        string  `json:"rho"` // empty if no cost reads it
	C          float64 `json:"c"`   // NaN if no cost reads it
	Cost       string  `json:"cost,omitempty"`
	Seed       uint64  `json:"seed"`
	Method     Method  `json:"method"`
	Importance string  `json:"importance"`  // what H is: curvature, or fisher
	Steps      int     `json:"minibatches"` // over which the gradient of phi was sampled
	Rounds     int     `json:"rounds"`
	Settled    bool    `json:"settled"` // sigma no longer moves, or the gap no longer shrinks
	// Gaps are the root mean squares over synapses of ln sigma^2 less that of the optimum: before each round of
	// FixedPoint, after each of Training.
	Gaps   []float64        `json:"gaps"`
	Held   int              `json:"held,omitempty"` // synapses without importance, whose sigma stays
	Layers []ConvergedLayer `json:"layers"`
}

// ConvergedLayer is sigma^2 over H, from draws that had no part in the convergence, in a layer without its biases.
type ConvergedLayer struct {
	Layer int `json:"layer"` // from 1
	Slope
	Analytic float64 `json:"analytic"`
	Ratio    float64 `json:"variance_ratio"` // median of sigma^2 over its optimum
	// Sampled is the slope that sigma^2 would have if every decile moved by as much as its sampled gradient asks for: a
	// measurement in which H only sorts the synapses. SampledError is its standard error; both are NaN without a test.
	Sampled      float64  `json:"sampled_slope"`
	SampledError float64  `json:"sampled_slope_error"`
	Deciles      []Decile `json:"deciles"` // of H, from the least important synapses
}

// Decile is a tenth of a layer's synapses.
type Decile struct {
	Low      float64 `json:"low"` // the range of H
	High     float64 `json:"high"`
	Synapses int     `json:"synapses"`
	Ratio    float64 `json:"variance_ratio"` // median of sigma^2 over its optimum
	// Gradient is the mean gradient of phi over the mean of its part that comes from the reliability cost, with the sign
	// of performance: 0 at the optimum. ln sigma^2 is too large by about 2 Gradient/(rho+2).
	Gradient float64 `json:"gradient"`
	Error    float64 `json:"gradient_error"` // standard error of Gradient over minibatches; both NaN without a test
}

// Converging is a network on its way, which can be kept and taken up again after any round.
type Converging struct {
	Convergence
	State *kernels.State `json:"-"`
	Rate  float64        // of Training
	Step  int            // of Training, so that no noise is used twice
	Phase int            // 0 with the means held; 1 means and sigma; 2 with the means held again; 3 at the optimum
	Best  float64        // the smallest gap of this phase, 0 before the first
}

// converger takes one network to its optimal sigma.
type converger struct {
	ConvergeOptions
	network train.Network
	prices  []*synapse.Price // of the layers, where the costs are not the paper's
	layout  kernels.Layout
	own     *train.Session // with the network's minibatches
	large   *train.Session // with those of Training
	small   *train.Session // with those of the test
	tell    func(what string, done, of int)
}

func newConverger(set *mnist.Set, n train.Network, o ConvergeOptions, tell func(string, int, int)) (*converger, error) {
	if o.Method == "" {
		if o.Method = FixedPoint; len(n.Config.Hidden) > 0 {
			o.Method = Training
		}
	}
	v := &converger{ConvergeOptions: o, network: n, layout: n.State.Layout, tell: tell}
	switch {
	case n.State.Layout.Parameters != nil:
		return nil, &train.SettingsError{Err: fmt.Errorf("%s: synapse %s: sigma follows from what these synapses learn, and "+
			"has no optimum of its own: want networks of gaussian synapses", n.ID, n.Config.Synapse)}
	case v.layout.Sharing != kernels.PerSynapse:
		return nil, &train.SettingsError{Err: fmt.Errorf("%s: noise %s: want a sigma for each synapse (noise heterogeneous)",
			n.ID, n.Config.Noise)}
	case !slices.Contains(Methods(), o.Method):
		return nil, &train.SettingsError{Err: fmt.Errorf("method %q: want %s or %s", o.Method, FixedPoint, Training)}
	case o.Method == FixedPoint && len(n.Config.Hidden) > 0:
		return nil, &train.SettingsError{Err: fmt.Errorf("%s: method %s: want a network without hidden layers, of which the "+
			"curvature is known exactly, got hidden %s", n.ID, FixedPoint, train.FormatHidden(n.Config.Hidden))}
	}
	var err error
	open := func(batch int) *train.Session {
		c := n.Config
		c.Batch = batch
		session, failed := train.Open(set, c)
		err = cmp.Or(err, failed)
		return session
	}
	if v.own = open(n.Config.Batch); err == nil {
		most := v.own.Examples()
		v.large, v.small = open(min(o.Batch, most)), open(min(gradientBatch, most))
	}
	for l := range v.layout.Layers {
		if len(n.Config.Costs) == 0 || err != nil {
			break
		}
		var p *synapse.Price
		p, err = n.Config.Layer(l).Price()
		v.prices = append(v.prices, p)
	}
	return v, err
}

// start is a network before its first round.
func (v *converger) start() *Converging {
	c := v.network.Config
	trained := v.network.State.State
	w := &Converging{Rate: v.Rate, Step: v.own.Steps()}
	w.State = &kernels.State{Mu: trained.Mu, Phi: slices.Clone(trained.Phi)}
	w.Convergence = Convergence{ID: v.network.ID, Hidden: train.FormatHidden(c.Hidden), Rho: c.Rho.String(), C: c.C,
		Seed: uint64(c.Seed), Method: v.Method, Importance: "fisher"}
	if len(c.Hidden) == 0 {
		w.Importance = "curvature"
	}
	if len(c.Costs) > 0 {
		w.Cost = c.Costs.String()
	}
	if !c.Reads("rho") {
		w.Rho = ""
	}
	if !c.Reads("c") {
		w.C = math.NaN()
	}
	return w
}

// importance is H of every synapse, in the layout of mu. Sets of draws are independent of each other.
func (v *converger) importance(ctx context.Context, s *kernels.State, draws, set int) ([]float64, error) {
	if len(v.network.Config.Hidden) == 0 {
		return v.own.Curvature(ctx, s, draws, set)
	}
	sums, err := v.own.Gradients(ctx, []*kernels.State{s}, kernels.Accumulate{}, draws, nil)
	if err != nil {
		return nil, err
	}
	h := sums[0].ExampleSquare
	for i := range h {
		h[i] *= float64(v.own.Examples()) / float64(sums[0].Examples)
	}
	return h, nil
}

// optimum is the best sigma of a synapse, infinite where h is 0 and noise costs nothing, and d ln sigma^2 / d ln h.
// It is an error if there is not exactly one optimum.
func (v *converger) optimum(layer int, mu, h float64) (sigma, slope float64, err error) {
	if v.prices == nil {
		c := v.network.Config.Layer(layer)
		rho := c.Rho.Value()
		return synapse.OptimalSigma(c.C, rho, h), synapse.OptimalSlopes(rho).Hessian, nil
	}
	if h == 0 {
		return math.Inf(1), math.NaN(), nil
	}
	all := v.prices[layer].Optima(mu, h)
	if len(all) == 1 && all[0].Minimum {
		return all[0].Sigma, all[0].Slope, nil
	}
	return 0, 0, &train.SettingsError{Err: fmt.Errorf("%s: costs %v: want one optimum of sigma from %g to %g, and a "+
		"synapse of layer %d with mu %.3g and importance %.3g has %d places where the balance of the costs is level",
		v.network.ID,
		v.network.Config.Costs, synapse.LeastSigma, float64(synapse.MostSigma), layer+1, mu, h, len(all))}
}

// synapses calls a function with the layer and the slot of every synapse, and whether it is a bias.
func (v *converger) synapses(do func(layer, at int, bias bool) error) error {
	for row := range v.layout.Rows() {
		for k := range row.Columns() {
			if err := do(row.Layer, row.First+k, k == row.Columns()-1); err != nil {
				return err
			}
		}
	}
	return nil
}

func sigmaOf(phi float32) float64 {
	sigma, _ := kernels.Softplus(float64(phi))
	return sigma
}

// gap is the root mean square distance of ln sigma^2 from its optimum. With a part of the way, from 0 to 1, it also
// moves every sigma, and returns the largest move of ln sigma.
func (v *converger) gap(w *Converging, h []float64, part float64) (gap, moved float64, err error) {
	n := 0
	w.Held = 0
	err = v.synapses(func(layer, at int, _ bool) error {
		best, _, err := v.optimum(layer, float64(w.State.Mu[at]), h[at])
		if err != nil {
			return err
		}
		if math.IsInf(best, 1) {
			w.Held++
			return nil
		}
		sigma := sigmaOf(w.State.Phi[at])
		way := math.Log(best / sigma)
		gap += 4 * way * way
		n++
		if part > 0 {
			moved = max(moved, math.Abs(part*way))
			w.State.Phi[at] = float32(kernels.SoftplusInverse(sigma * math.Exp(part*way)))
		}
		return nil
	})
	return math.Sqrt(gap / float64(max(n, 1))), moved, err
}

// The sets of draws.
const (
	drawsOfRounds = iota
	drawsOfTest
)

// run goes on until sigma is at its optimum, and calls keep after each round.
func (v *converger) run(ctx context.Context, w *Converging, keep func() error) error {
	for w.Phase < 3 {
		var done bool
		var err error
		switch {
		case w.Phase == 1 && v.Both > 0:
			err = v.trainBoth(ctx, w)
			done = true
		case w.Phase == 1:
			w.Phase = 3
			continue
		case v.Method == FixedPoint:
			done, err = v.approach(ctx, w)
		default:
			done, err = v.trainRound(ctx, w)
		}
		if err != nil {
			return err
		}
		if w.Phase != 1 {
			w.Settled = done
			done = done || w.Rounds >= v.Rounds
		}
		if done {
			w.Phase++
			w.Rate, w.Best = v.Rate, 0
		}
		if err := keep(); err != nil {
			return err
		}
	}
	return v.test(ctx, w)
}

// approach moves every sigma towards its optimum by the fixed point. All rounds have the same draws, so that the end
// is a fixed point to the last digits.
func (v *converger) approach(ctx context.Context, w *Converging) (done bool, err error) {
	h, err := v.importance(ctx, w.State, v.Draws, drawsOfRounds)
	if err != nil {
		return false, err
	}
	gap, moved, err := v.gap(w, h, damping)
	w.Gaps = append(w.Gaps, gap)
	w.Rounds++
	v.tell(fmt.Sprintf("gap %.2g", gap), w.Rounds, v.Rounds)
	return moved < fixedTo, err
}

// trainRound trains phi with the means held.
func (v *converger) trainRound(ctx context.Context, w *Converging) (done bool, err error) {
	states, err := v.large.OptimiseNoise(ctx, []*kernels.State{w.State}, w.Step,
		[]train.Stage{{Epochs: v.Epochs, LearningRate: w.Rate}}, func(done, steps int) {
			v.tell("training phi", w.Rounds*steps+done, v.Rounds*steps)
		})
	if err != nil {
		return false, err
	}
	w.State = states[0].Bare()
	w.Step += v.Epochs * v.large.StepsPerEpoch()
	h, err := v.importance(ctx, w.State, 1, drawsOfRounds)
	if err != nil {
		return false, err
	}
	gap, _, err := v.gap(w, h, 0)
	w.Gaps = append(w.Gaps, gap)
	w.Rounds++
	if w.Best > 0 && gap > stillShrinks*w.Best {
		w.Rate /= rateFall
	}
	if w.Best == 0 || gap < w.Best {
		w.Best = gap
	}
	return w.Rate < v.Rate*leastRate, err
}

// trainBoth trains means and sigma by the network's own rule, learning rate and minibatch, at a rate that falls.
func (v *converger) trainBoth(ctx context.Context, w *Converging) error {
	var stages []train.Stage
	rate := v.network.Config.Layer(0).LearningRate
	for range 3 {
		stages = append(stages, train.Stage{Epochs: v.Both, LearningRate: rate, Means: true})
		rate /= 3
	}
	states, err := v.own.OptimiseNoise(ctx, []*kernels.State{w.State}, w.Step, stages, func(done, steps int) {
		v.tell("training means and sigma", done, steps)
	})
	if err != nil {
		return err
	}
	w.State = states[0].Bare()
	w.Step += 3 * v.Both * v.own.StepsPerEpoch()
	w.Rounds = 0
	return nil
}

// test measures how near to its optimum sigma is.
func (v *converger) test(ctx context.Context, w *Converging) error {
	h, err := v.importance(ctx, w.State, v.Draws, drawsOfTest)
	if err != nil {
		return err
	}
	gradients, err := v.newGradientTest(w, h)
	if err != nil {
		return err
	}
	if err := gradients.run(ctx, v, w); err != nil {
		return err
	}
	w.Layers = nil
	for l := range v.layout.Layers {
		var of []tested
		for _, t := range gradients.synapses {
			if t.layer == l {
				of = append(of, t)
			}
		}
		if len(of) == 0 {
			continue
		}
		layer := ConvergedLayer{Layer: l + 1, Ratio: medianOf(of, tested.ratio), Analytic: medianOf(of, tested.analytic)}
		units := v.layout.Layers[l]
		x, y := make([]float64, units.Out*units.In), make([]float64, units.Out*units.In) // 0 for those that are left out
		for _, t := range of {
			at := t.at - v.layout.Offset(l)
			at = at/units.Stride()*units.In + at%units.Stride()
			x[at], y[at] = t.h, t.sigma*t.sigma
		}
		if layer.Slope, err = FitLayerSlope(x, y, units.In, v.Bootstrap); err != nil {
			return fmt.Errorf("%s: layer %d: %w", w.ID, l+1, err)
		}
		for d := range deciles {
			in := slices.DeleteFunc(slices.Clone(of), func(t tested) bool { return t.decile != l*deciles+d })
			if len(in) == 0 {
				continue
			}
			mean, se := math.NaN(), math.NaN()
			if all := gradients.of[l*deciles+d]; len(all) > 1 {
				mean, se = meanError(all)
			}
			layer.Deciles = append(layer.Deciles, Decile{Low: in[0].h, High: in[len(in)-1].h, Synapses: len(in),
				Ratio: medianOf(in, tested.ratio), Gradient: mean, Error: se})
		}
		layer.Sampled, layer.SampledError = math.NaN(), math.NaN()
		if all := gradients.asked(l, of); len(all) > 1 {
			more, se := meanError(all)
			layer.Sampled, layer.SampledError = layer.Value+more, se
		}
		w.Layers = append(w.Layers, layer)
	}
	return nil
}

// meanError is the mean of values and its standard error.
func meanError(values []float64) (mean, se float64) {
	mean, sd := stat.MeanStdDev(values, nil)
	return mean, sd / math.Sqrt(float64(len(values)))
}

func medianOf(of []tested, what func(tested) float64) float64 {
	var values []float64
	for _, t := range of {
		values = append(values, what(t))
	}
	return median(values)
}

// tested is a synapse with an importance and an optimum, no bias.
type tested struct {
	layer, at, decile int
	h, sigma, optimal float64
	slope             float64
}

func (t tested) ratio() float64    { return t.sigma * t.sigma / (t.optimal * t.optimal) }
func (t tested) analytic() float64 { return t.slope }

// gradientTest samples the gradient of phi, by decile of H.
type gradientTest struct {
	synapses    []tested    // layer by layer, in the order of h
	reliability []float64   // of each decile of each layer: minus the sum over synapses of the costs' slope along phi
	of          [][]float64 // of each: the mean gradient of each minibatch
}

func (v *converger) newGradientTest(w *Converging, h []float64) (*gradientTest, error) {
	g := &gradientTest{}
	err := v.synapses(func(layer, at int, bias bool) error {
		best, slope, err := v.optimum(layer, float64(w.State.Mu[at]), h[at])
		if err == nil && !bias && !math.IsInf(best, 1) {
			g.synapses = append(g.synapses, tested{layer, at, 0, h[at], sigmaOf(w.State.Phi[at]), best, slope})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(g.synapses, func(a, b tested) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.h, b.h))
	})
	count := make([]int, len(v.layout.Layers))
	for _, t := range g.synapses {
		count[t.layer]++
	}
	g.reliability = make([]float64, len(count)*deciles)
	g.of = make([][]float64, len(g.reliability))
	rank := make([]int, len(count))
	for i := range g.synapses {
		t := &g.synapses[i]
		t.decile = t.layer*deciles + rank[t.layer]*deciles/count[t.layer]
		rank[t.layer]++
		_, along := kernels.Softplus(float64(w.State.Phi[t.at]))
		g.reliability[t.decile] -= along * v.slope(t.layer, float64(w.State.Mu[t.at]), t.sigma)
	}
	return g, nil
}

// slope is that of the costs of a synapse along sigma.
func (v *converger) slope(layer int, mu, sigma float64) float64 {
	if v.prices == nil {
		c := v.network.Config.Layer(layer)
		return c.C * c.Rho.Value().Slope(sigma)
	}
	_, slope := v.prices[layer].At(mu, sigma)
	return slope
}

func (g *gradientTest) run(ctx context.Context, v *converger, w *Converging) error {
	session := v.small
	steps, done := v.Gradients*session.StepsPerEpoch(), 0
	fraction := float64(session.Networks[0].Batch) / float64(session.Examples())
	sums := make([]float64, len(g.of))
	w.Steps = steps
	return session.PhiGradients(ctx, w.State, w.Step, steps, func(gradient []float64) {
		clear(sums)
		for _, t := range g.synapses {
			sums[t.decile] += gradient[t.at]
		}
		for d, sum := range sums {
			if g.reliability[d] != 0 { // a layer of fewer synapses than deciles
				sum /= fraction * g.reliability[d]
			}
			g.of[d] = append(g.of[d], sum)
		}
		if done++; done%session.StepsPerEpoch() == 0 {
			v.tell("testing the gradient", done, steps)
		}
	})
}

// asked is, for each minibatch, by how much the slope of ln sigma^2 over ln H in a layer would change if each decile
// followed its gradient to its optimum: ln sigma^2 changes by Gradient d ln sigma^2 / d ln H. Least squares over the
// means of the deciles.
func (g *gradientTest) asked(layer int, of []tested) []float64 {
	var x, slope, n [deciles]float64
	for _, t := range of {
		d := t.decile - layer*deciles
		x[d] += math.Log(t.h)
		slope[d] += t.slope
		n[d]++
	}
	for d := range n {
		x[d], slope[d] = x[d]/max(n[d], 1), slope[d]/max(n[d], 1)
	}
	var all []float64
	for t := range g.of[layer*deciles] {
		var y [deciles]float64
		for d := range y {
			y[d] = slope[d] * g.of[layer*deciles+d][t]
		}
		_, more := stat.LinearRegression(x[:], y[:], n[:], false)
		all = append(all, more)
	}
	return all
}

// zero reports whether the mean gradient is zero within three standard errors.
func (d Decile) zero() bool { return !(math.Abs(d.Gradient) > 3*d.Error) }

// Level reports whether the sampled gradient of phi is zero, within three standard errors, in every decile of every
// layer; false if it was not sampled.
func (c Convergence) Level() bool {
	for _, l := range c.Layers {
		for _, d := range l.Deciles {
			if math.IsNaN(d.Gradient) || !d.zero() {
				return false
			}
		}
	}
	return len(c.Layers) > 0
}

// Converge takes the network to its optimal sigma, from where it is or from where it was kept, and tests it. Keep is
// called after every round, tell with what is done and how much of it.
func Converge(ctx context.Context, set *mnist.Set, n train.Network, o ConvergeOptions, from *Converging,
	keep func(*Converging) error, tell func(what string, done, of int)) (*Converging, error) {
	v, err := newConverger(set, n, o, tell)
	if err != nil {
		return nil, err
	}
	w := from
	if w == nil {
		w = v.start()
	}
	return w, v.run(ctx, w, func() error { return keep(w) })
}
