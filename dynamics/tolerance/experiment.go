package tolerance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/floats"

	"quantal/analysis"
	"quantal/dynamics"
	"quantal/internal/fault"
	"quantal/kernels"
	"quantal/results/tables"
	"quantal/synapse"
	"quantal/train"
)

// Summary holds the results.
type Summary struct {
	Network  string  `json:"network"`
	Data     string  `json:"data"`
	Test     int     `json:"test_examples"`
	Synapses int     `json:"synapses"` // between neurons, so without biases
	Accuracy float64 `json:"accuracy"` // unperturbed: weights at mu
	Loss     float64 `json:"loss"`     // nats per test example
	Kernels  string  `json:"kernels"`
	Seed     uint64  `json:"seed"`
	Seconds  float64 `json:"seconds"` // of everything except drawing

	Tolerances    []Tolerance       `json:"tolerances"`
	Contacts      []ContactVariance `json:"contacts"`
	ContactSlopes []ContactSlope    `json:"contact_slopes"`
	SharedWeights []Shared          `json:"shared_weights"`
	Profiles      *Profiles         `json:"profiles"` // nil unless the network has a sigma per synapse
}

// Tolerance says how much of a perturbation a subset tolerates.
type Tolerance struct {
	Perturbation string `json:"perturbation"`
	Subset       string `json:"subset"`
	Synapses     int    `json:"synapses"`
	// Tolerated is the amount at which the mean accuracy has fallen by Drop, linear between the amounts of the table; NaN
	// if it has not.
	Tolerated float64 `json:"tolerated"`
	Accuracy  float64 `json:"accuracy"` // at the largest amount
}

// Drop is the loss of accuracy at which an amount counts as no longer tolerated.
const Drop = 0.05

// Shared says how a wiring does if all connections have one weight: on the held-out half of the test examples, the mean
// over all weights, and the weight that is the best one on the other half. Intervals are NaN if nothing is random.
type Shared struct {
	Wiring       string  `json:"wiring"`
	Kept         float64 `json:"kept"`
	Mean         float64 `json:"mean_accuracy"` // over the weights
	MeanCI95     float64 `json:"mean_accuracy_ci95"`
	Strength     float64 `json:"strength"` // the best
	Accuracy     float64 `json:"accuracy"` // with it
	AccuracyCI95 float64 `json:"accuracy_ci95"`
}

// Profiles compares profiles of sigma of one reliability cost.
type Profiles struct {
	Rho synapse.Power `json:"rho"` // 0 for entropic
	// sum sigma^-rho of the network's own sigma, biases included; -sum ln sigma for rho = 0
	Cost             float64          `json:"cost"`
	HomogeneousSigma float64          `json:"homogeneous_sigma"` // one for all, of the same cost
	HomogeneousCost  float64          `json:"homogeneous_cost"`
	Outcomes         []ProfileOutcome `json:"outcomes"`
}

// ProfileOutcome is the result of a profile.
type ProfileOutcome struct {
	Profile string `json:"profile"`
	// at the cost of the network's own sigma; NaN unless the factor 1 is among those tested
	Accuracy     float64 `json:"accuracy"`
	AccuracyCI95 float64 `json:"accuracy_ci95"`
	// Tolerated is the factor at which the accuracy has fallen by Drop below that without noise; NaN if it has not.
	Tolerated float64 `json:"tolerated"`
}

// Row is a row of the table: networks perturbed in the same way, over a number of draws.
type Row struct {
	Perturbation string  `json:"perturbation"`
	Subset       string  `json:"subset"`   // or number of contacts, wiring, profile
	Synapses     int     `json:"synapses"` // that are perturbed, or from which those that are hit are drawn
	Amount       float64 `json:"amount"`   // amplitude, share that is hit, shared weight, or factor
	Draws        int     `json:"draws"`
	Accuracy     float64 `json:"accuracy"` // mean over draws
	AccuracyCI95 float64 `json:"accuracy_ci95"`
	Loss         float64 `json:"loss"` // nats per test example
	LossCI95     float64 `json:"loss_ci95"`
	Displacement float64 `json:"displacement"` // |w - mu| / |mu|, of the synapses between neurons, mean over draws
	// Accuracy on the two halves of the test examples, with shared weights only
	Validation *float64 `json:"validation_accuracy"`
	HeldOut    *float64 `json:"held_out_accuracy"`
}

// Findings are what the experiment leaves.
type Findings = dynamics.Findings[Summary, Row]

// Run makes the experiment on a trained network. Cancelled, it returns the context's error or train.ErrInterrupted.
func Run(ctx context.Context, config Config, network *dynamics.Network, job dynamics.Job) (Findings, error) {
	var findings Findings
	if err := config.Check(); err != nil {
		return findings, err
	}
	e, err := newExperiment(config, network, job)
	if err != nil {
		return findings, err
	}
	began := time.Now()
	if err := e.rank(ctx); err != nil {
		return findings, err
	}
	e.plan()
	if err := e.test(ctx); err != nil {
		return findings, err
	}
	if err := e.validate(ctx); err != nil {
		return findings, err
	}
	if err := e.measureContacts(ctx); err != nil {
		return findings, err
	}
	findings.Summary = e.summary()
	findings.Summary.Seconds = job.Seconds(began)
	for _, t := range e.trials {
		findings.Table = append(findings.Table, t.Row)
	}
	findings.Figures, err = e.figures()
	return findings, err
}

// experiment is a running experiment.
type experiment struct {
	Config
	network *dynamics.Network
	layout  kernels.Layout
	mu      []float32
	session *train.Session
	job     dynamics.Job
	several string // instead of the network, what captions say of several ones

	subsets  []subset
	sigma    []float64 // of every slot; nil unless there is one for each synapse
	trials   []*trial
	contacts []ContactVariance
}

// trial is a future row of the table.
type trial struct {
	Row
	weights func(draw int) []float32
	scores  []kernels.Score // of each draw
	moved   []float64       // displacement of each draw
	heldOut []float64       // accuracy of each draw on the held-out half, with shared weights
}

// subset is the synapses to which a perturbation is applied. Random ones differ in each draw.
type subset struct {
	name   string
	counts []int // in each layer
	of     func(draw int) Subset
}

func (s subset) size() (n int) {
	for _, c := range s.counts {
		n += c
	}
	return n
}

func newExperiment(config Config, network *dynamics.Network, job dynamics.Job) (*experiment, error) {
	config.Threads = kernels.Threads(config.Threads)
	if network.Set.Test.N() < 2 {
		return nil, errors.New("tolerance: one test example: want two or more, to hold out some")
	}
	config.Probes = min(config.Probes, network.Set.Test.N())
	// Profiles of equal cost, and the scale of the noise, are those of one power of sigma.
	if rho := float64(network.Config.Rho.Value()); len(network.Config.Costs) > 0 || rho != rho {
		return nil, fmt.Errorf("tolerance: the network pays %s, with rho %s: want the paper's costs, with one "+
			"rho for all layers", network.Config.Costs, network.Config.Rho)
	}
	e := &experiment{Config: config, network: network, layout: network.State.Layout, mu: network.State.State.Mu, job: job}
	if e.layout.Sharing == kernels.PerSynapse {
		e.sigma = sigmas(network.State.State)
	}
	var err error
	e.session, err = train.Open(network.Set, network.Config)
	return e, err
}

// rank makes the subsets.
func (e *experiment) rank(ctx context.Context) error {
	sums, err := e.session.Gradients(ctx, []*kernels.State{e.network.State.State},
		kernels.Accumulate{AtMu: true}, 1, func(done, steps int) {
			e.job.Tell(rankingShare*float64(done)/float64(steps),
				"gradients")
		})
	if err != nil {
		return err
	}
	l := e.layout
	fixed := func(name string, s Subset) {
		e.subsets = append(e.subsets, subset{name, s.Counts(l), func(int) Subset { return s }})
	}
	all := All(l)
	random := func(name string, counts []int) {
		number := len(e.subsets)
		e.subsets = append(e.subsets, subset{name, counts, func(draw int) Subset {
			return all.Pick(l, counts, source(uint64(e.Seed), forSubsets, draw, number))
		}})
	}
	fixed("all", all)
	ranked := func(name string, values []float64) {
		fixed(name+"-most", Highest(l, values, e.Share))
		fixed(name+"-least", Lowest(l, values, e.Share))
	}
	ranked("fisher", sums[0].ExampleSquare)
	ranked("magnitude", magnitudes(e.mu))
	if e.sigma != nil {
		ratio := magnitudes(e.mu)
		for slot := range ratio {
			ratio[slot] /= e.sigma[slot]
		}
		ranked("snr", ratio)
	}
	random("random", e.subsets[1].counts)
	for _, sign := range []struct {
		name  string
		holds func(float32) bool
	}{{"positive", func(v float32) bool { return v > 0 }}, {"negative", func(v float32) bool { return v < 0 }}} {
		s := Where(l, e.mu, sign.holds)
		fixed(sign.name, s)
		random("random-as-"+sign.name, s.Counts(l))
	}
	return nil
}

// Approximate shares of the time for the parts.
const (
	rankingShare    = 0.02
	testingShare    = 0.84
	validationShare = 0.04
)

// plan lists the trials.
func (e *experiment) plan() {
	e.add(1, Row{Perturbation: "none", Subset: "all", Synapses: All(e.layout).Size()}, func(int) []float32 { return e.mu })
	for _, p := range e.Perturbations {
		amounts := e.Hit
		if p == relative || p == additive {
			amounts = e.Amplitudes
		}
		for _, s := range e.subsets {
			for _, amount := range amounts {
				e.add(e.Draws, Row{Perturbation: p, Subset: s.name, Synapses: s.size(), Amount: amount}, e.perturbed(p, s, amount))
			}
		}
	}
	e.planContacts()
	e.planSharedWeights()
	e.planProfiles()
}

func (e *experiment) add(draws int, row Row, weights func(draw int) []float32) {
	row.Draws = draws
	e.trials = append(e.trials, &trial{Row: row, weights: weights, scores: make([]kernels.Score, draws),
		moved: make([]float64, draws)})
}

// perturbed makes a perturbation of a subset.
func (e *experiment) perturbed(perturbation string, s subset, amount float64) func(draw int) []float32 {
	l := e.layout
	scale := Relative(e.mu)
	if perturbation == additive {
		scale = Additive(l, e.mu)
	}
	hit := func(draw int) Subset {
		return s.of(draw).PickShare(l, amount, source(uint64(e.Seed), forHit, draw))
	}
	switch perturbation {
	case relative, additive:
		return func(draw int) []float32 {
			return Fluctuate(e.mu, scale, s.of(draw), amount, normals(l, source(uint64(e.Seed), forFluctuation, draw)))
		}
	case rewiredNeuron:
		return func(draw int) []float32 {
			return RewireNeurons(l, e.mu, hit(draw), source(uint64(e.Seed), forRewiring, draw))
		}
	case rewiredLayer:
		return func(draw int) []float32 {
			return RewireLayers(l, e.mu, hit(draw), source(uint64(e.Seed), forRewiring, draw))
		}
	}
	return func(draw int) []float32 { return Delete(e.mu, hit(draw)) }
}

func contactsName(n int) string {
	if n == 1 {
		return "1 contact"
	}
	return fmt.Sprintf("%d contacts", n)
}

// meanNoise is that of n contacts of every connection.
func (e *experiment) meanNoise(n, draw int) []float64 {
	return MeanNoise(n, func(k int) []float32 {
		return normals(e.layout,
			source(uint64(e.Seed), forContacts, draw, n, k))
	})
}

func (e *experiment) planContacts() {
	size := All(e.layout).Size()
	for _, n := range e.Contacts {
		for _, amplitude := range e.Amplitudes {
			e.add(e.Draws, Row{Perturbation: contacts, Subset: contactsName(n), Synapses: size, Amount: amplitude},
				func(draw int) []float32 { return Contacts(e.layout, e.mu, amplitude, e.meanNoise(n, draw)) })
		}
	}
}

// Wirings with one weight for all connections.
const (
	ownWiring      = "own"
	shuffledWiring = "shuffled"
)

func wiringName(wiring string, kept float64) string { return fmt.Sprintf("%s, %g kept", wiring, kept) }

func (e *experiment) planSharedWeights() {
	l := e.layout
	all := All(l)
	for _, kept := range e.Kept {
		signs := Signs(l, e.mu, kept)
		size := 0
		for _, n := range Highest(l, magnitudes(e.mu), kept).Counts(l) {
			size += n
		}
		for _, strength := range e.SharedWeights {
			e.add(1, Row{Perturbation: sharedWeight, Subset: wiringName(ownWiring, kept), Synapses: size, Amount: strength},
				func(int) []float32 { return SharedWeight(l, e.mu, signs, strength) })
		}
		for _, strength := range e.SharedWeights {
			e.add(e.Draws, Row{Perturbation: sharedWeight, Subset: wiringName(shuffledWiring, kept), Synapses: size,
				Amount: strength},
				func(draw int) []float32 {
					return SharedWeight(l, e.mu, RewireNeurons(l, signs, all, source(uint64(e.Seed), forShuffledSigns, draw)),
						strength)
				})
		}
	}
}

// Profiles of sigma.
const (
	heterogeneous = "heterogeneous"
	homogeneous   = "homogeneous"
	shuffled      = "shuffled"
)

// reliabilityCost is sum sigma^-rho over all synapses, biases included.
func (e *experiment) reliabilityCost(sigma func(slot int) float64) float64 {
	sum := 0.0
	for slot, in := range synapses(e.layout) {
		if in {
			sum += e.network.Config.Rho.Value().Cost(sigma(slot))
		}
	}
	return sum
}

// homogeneousSigma is the one sigma of the network's reliability cost: sigma^-rho = mean sigma_i^-rho over all
// synapses.
func (e *experiment) homogeneousSigma() float64 {
	var all []float64
	for slot, in := range synapses(e.layout) {
		if in {
			all = append(all, e.sigma[slot])
		}
	}
	return analysis.TightestScale(all, e.network.Config.Rho.Value())
}

func (e *experiment) planProfiles() {
	if e.sigma == nil {
		return
	}
	l, everywhere := e.layout, synapses(e.layout)
	own, same := make([]float32, l.Slots()), make([]float32, l.Slots())
	one := float32(e.homogeneousSigma())
	for slot, in := range everywhere {
		if in {
			own[slot], same[slot] = float32(e.sigma[slot]), one
		}
	}
	all := All(l)
	for _, p := range []struct {
		name  string
		scale func(draw int) []float32
	}{
		{heterogeneous, func(int) []float32 { return own }},
		{homogeneous, func(int) []float32 { return same }},
		{shuffled, func(draw int) []float32 {
			return RewireLayers(l, own, all, source(uint64(e.Seed), forShuffledSigma, draw))
		}},
	} {
		for _, factor := range e.Factors {
			e.add(e.Draws, Row{Perturbation: profile, Subset: p.name, Synapses: everywhere.Size(), Amount: factor},
				func(draw int) []float32 {
					return Fluctuate(e.mu, p.scale(draw), everywhere, factor, normals(l, source(uint64(e.Seed), forProfile, draw)))
				})
		}
	}
}

// testedPart is the kept part of tested networks.
type testedPart struct {
	Scores []kernels.Score
	Moved  []float64 // displacements
}

// atOnce is how many networks are tested in one call.
const atOnce = 32

// test evaluates all networks of all trials on the test set.
func (e *experiment) test(ctx context.Context) error {
	err := e.score(ctx, e.session, e.trials, "networks", rankingShare, testingShare,
		func(t *trial, draw int, s kernels.Score, moved float64) { t.scores[draw], t.moved[draw] = s, moved })
	for _, t := range e.trials {
		t.finish()
	}
	return err
}

// validate evaluates the networks with shared weights on every other test example, the validation half, and takes from
// that their accuracy on the rest, the held-out half.
func (e *experiment) validate(ctx context.Context) error {
	set := *e.network.Set
	all := set.Test.N()
	var every []int
	for i := 0; i < all; i += 2 {
		every = append(every, i)
	}
	set.Test = set.Test.Pick(every)
	session, err := train.Open(&set, e.network.Config)
	if err != nil {
		return err
	}
	var shared []*trial
	for _, t := range e.trials {
		if t.Perturbation == sharedWeight {
			t.Validation, t.HeldOut, t.heldOut = new(float64), new(float64), make([]float64, t.Draws)
			shared = append(shared, t)
		}
	}
	n, half := float64(all), float64(set.Test.N())
	return e.score(ctx, session, shared, "validation", rankingShare+testingShare, validationShare,
		func(t *trial, draw int, s kernels.Score, _ float64) {
			t.heldOut[draw] = (n*t.scores[draw].AccuracyMean - half*s.AccuracyMean) / (n - half)
			*t.Validation += s.AccuracyMean / float64(t.Draws)
			*t.HeldOut += t.heldOut[draw] / float64(t.Draws)
		})
}

// score evaluates the networks of trials on the test set of a session, and keeps each score and displacement. It
// takes a share of the time after a share that is done.
func (e *experiment) score(ctx context.Context, session *train.Session, trials []*trial, part string, before,
	share float64, keep func(t *trial, draw int, s kernels.Score, moved float64)) (err error) {
	type job struct {
		*trial
		draw int
	}
	var jobs []job
	for _, t := range trials {
		for d := range t.Draws {
			jobs = append(jobs, job{t, d})
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	tester, err := session.Tester(min(atOnce, len(jobs)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tester.Close()) }()
	norm := e.distance(make([]float32, len(e.mu)))
	done := 0
	for some := range slices.Chunk(jobs, atOnce) {
		if err := ctx.Err(); err != nil {
			return err
		}
		e.job.Tell(before+share*float64(done)/float64(len(jobs)), some[0].Perturbation)
		part, err := dynamics.Part(e.job.Parts, fmt.Sprintf("%s%d", part, done), func() (testedPart, error) {
			out := testedPart{Moved: make([]float64, len(some))}
			weights := make([][]float32, len(some))
			var making errgroup.Group
			making.SetLimit(e.Threads)
			for i, j := range some {
				making.Go(fault.Guarded(func() error {
					weights[i] = j.weights(j.draw)
					out.Moved[i] = e.distance(weights[i]) / norm
					return nil
				}))
			}
			err := making.Wait()
			if err == nil {
				out.Scores, err = tester.Scores(ctx, weights)
			}
			return out, err
		})
		if err != nil {
			return err
		}
		for i, j := range some {
			keep(j.trial, j.draw, part.Scores[i], part.Moved[i])
		}
		done += len(some)
	}
	return nil
}

// distance is |w - mu| over the synapses between neurons.
func (e *experiment) distance(w []float32) float64 {
	sum := 0.0
	for r := range e.layout.Rows() {
		for slot := r.First; slot < r.First+r.In; slot++ {
			d := float64(w[slot]) - float64(e.mu[slot])
			sum += d * d
		}
	}
	return math.Sqrt(sum)
}

// finish takes the means over draws.
func (t *trial) finish() {
	over := func(figure func(s kernels.Score) float64) tables.Interval {
		var values []float64
		for _, s := range t.scores {
			values = append(values, figure(s))
		}
		return tables.NewInterval(values)
	}
	accuracy := over(func(s kernels.Score) float64 { return s.AccuracyMean })
	loss := over(func(s kernels.Score) float64 { return s.LossMean })
	t.Accuracy, t.AccuracyCI95, t.Loss, t.LossCI95 = accuracy.Mean, accuracy.HalfWidth, loss.Mean, loss.HalfWidth
	t.Displacement = tables.NewInterval(t.moved).Mean
}

// rows are the finished trials of a perturbation and subset, in the order of their amounts.
func (e *experiment) rowsOf(perturbation, subset string) []Row {
	var list []Row
	for _, t := range e.trials {
		if t.Perturbation == perturbation && t.Subset == subset {
			list = append(list, t.Row)
		}
	}
	return list
}

// tolerated is the amount at which the accuracy has fallen by Drop from its value without a perturbation.
func tolerated(unperturbed float64, list []Row) float64 {
	level := unperturbed - Drop
	before := Row{Accuracy: unperturbed}
	for _, r := range list {
		if r.Accuracy <= level {
			return before.Amount + (r.Amount-before.Amount)*(before.Accuracy-level)/(before.Accuracy-r.Accuracy)
		}
		before = r
	}
	return math.NaN()
}

func (e *experiment) summary() Summary {
	none := e.trials[0]
	s := Summary{
		Network: e.network.ID, Data: e.network.Set.Name, Test: e.network.Set.Test.N(), Synapses: none.Synapses,
		Accuracy: none.Accuracy, Loss: none.Loss, Kernels: e.session.Device.Kernels, Seed: uint64(e.Seed),
		Contacts: e.contacts, ContactSlopes: contactSlopes(e.contacts),
	}
	for _, p := range e.Perturbations {
		for _, set := range e.subsets {
			list := e.rowsOf(p, set.name)
			s.Tolerances = append(s.Tolerances, Tolerance{p, set.name, set.size(), tolerated(none.Accuracy, list),
				list[len(list)-1].Accuracy})
		}
	}
	for _, kept := range e.Kept {
		for _, wiring := range []string{ownWiring, shuffledWiring} {
			s.SharedWeights = append(s.SharedWeights, e.shared(wiring, kept))
		}
	}
	if e.sigma != nil {
		s.Profiles = e.profiles(none.Accuracy)
	}
	return s
}

// shared are the results of a wiring with one weight for all its connections.
func (e *experiment) shared(wiring string, kept float64) Shared {
	var list []*trial
	for _, t := range e.trials {
		if t.Perturbation == sharedWeight && t.Subset == wiringName(wiring, kept) {
			list = append(list, t)
		}
	}
	means := make([]float64, list[0].Draws) // over the weights, of each draw
	for _, t := range list {
		floats.AddScaled(means, 1/float64(len(list)), t.heldOut)
	}
	best := slices.MaxFunc(list, func(a, b *trial) int { return cmp.Compare(*a.Validation, *b.Validation) })
	mean, accuracy := tables.NewInterval(means), tables.NewInterval(best.heldOut)
	return Shared{wiring, kept, mean.Mean, mean.HalfWidth, best.Amount, accuracy.Mean, accuracy.HalfWidth}
}

// profiles are the results of the comparison of profiles.
func (e *experiment) profiles(unperturbed float64) *Profiles {
	one := e.homogeneousSigma()
	p := &Profiles{
		Rho:  e.network.Config.Rho.Value(),
		Cost: e.reliabilityCost(func(slot int) float64 { return e.sigma[slot] }), HomogeneousSigma: one,
		HomogeneousCost: e.reliabilityCost(func(int) float64 { return one }),
	}
	for _, name := range []string{heterogeneous, homogeneous, shuffled} {
		list := e.rowsOf(profile, name)
		o := ProfileOutcome{Profile: name, Accuracy: math.NaN(), AccuracyCI95: math.NaN(),
			Tolerated: tolerated(unperturbed, list)}
		if i := slices.IndexFunc(list, func(r Row) bool { return r.Amount == 1 }); i >= 0 {
			o.Accuracy, o.AccuracyCI95 = list[i].Accuracy, list[i].AccuracyCI95
		}
		p.Outcomes = append(p.Outcomes, o)
	}
	return p
}
