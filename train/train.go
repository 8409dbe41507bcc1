package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"quantal/graph"
	"quantal/internal/fault"
	"quantal/internal/memory"
	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/kernels/cuda"
	"quantal/mnist"
	"quantal/results/store"
)

// Run is one network in training, or several of one graph together.
type Run struct {
	*Session
	Spec    graph.Spec
	Program *kernels.Program

	nll        []float64             // of each network over the steps of the running epoch
	diverged   []*kernels.Divergence // of each network, nil while it is finite
	converged  []string              // of each network, how its sigma was taken to the optimum after training
	unmeasured bool                  // the epoch that ends at step has not been measured and passed to Events
	best       []best                // of each network, for Config.Patience
	validated  validated
	spent      store.Times // by this process
	earlier    store.Times // before it resumed the run
	running
}

// New prepares networks, which must agree in Cohort, from their beginning: the graph is built, differentiated and
// compiled, and the parameters are drawn. See Open for settings in which the networks may differ.
func New(set *mnist.Set, networks ...Config) (*Run, error) {
	return begin(Open(set, networks...))
}

// NewOn is New on a chosen device instead of the one in the configurations.
func NewOn(device Device, set *mnist.Set, networks ...Config) (*Run, error) {
	return begin(OpenOn(device, set, networks...))
}

// begin prepares the networks of an open session.
func begin(s *Session, err error) (*Run, error) {
	if err != nil {
		return nil, err
	}
	c := s.Networks[0]
	r := &Run{Session: s, Spec: s.spec(), nll: make([]float64, len(s.Networks)),
		diverged: make([]*kernels.Divergence, len(s.Networks)), converged: make([]string, len(s.Networks)),
		best: make([]best, len(s.Networks))}
	if r.Program, err = s.trainingProgram(); err != nil {
		return nil, err
	}
	tests := s.testing.N
	if s.held != nil {
		tests = max(tests, s.held.N)
	}
	if most := kernels.MaxDraws(tests); c.Draws > most {
		return nil, fmt.Errorf("draws %d: want at most %d with %d test examples, because draws are counted in 32 bits",
			c.Draws, most, s.testing.N)
	}
	if err := r.checkMemory(); err != nil {
		return nil, err
	}
	if perEpoch := r.StepsPerEpoch(); c.Epochs > math.MaxUint32/perEpoch {
		return nil, fmt.Errorf("epochs %d: want at most %d, because the step counter has 32 bits", c.Epochs,
			math.MaxUint32/perEpoch)
	}
	states := make([]*kernels.State, len(s.Networks))
	var side errgroup.Group
	side.SetLimit(runtime.GOMAXPROCS(0))
	for m, n := range s.Networks {
		side.Go(fault.Guarded(func() error {
			states[m] = n.InitialState(r.Program.Layout)
			r.Program.Derive(states[m])
			return nil
		}))
	}
	if err := side.Wait(); err != nil {
		return nil, err
	}
	if r.running, err = s.start(r.Program, s.members(), s.training, states...); err != nil {
		return nil, err
	}
	return r, nil
}

// checkMemory checks that the machine has room for the networks, for another copy of each to start from and to
// checkpoint, and for the predictions of all draws.
func (r *Run) checkMemory() error {
	c, networks := r.Networks[0], len(r.Networks)
	threads := kernels.Threads(c.Threads)
	if r.Device.open != nil {
		threads = 0
	}
	const copies = 2 // the states, and the bytes of a checkpoint
	state := float64(r.stateBytes())
	draws := 8 * kernels.EvaluationGroup * float64(r.Set.Outputs()) * float64(c.Draws) * float64(threads)
	need := copies*float64(networks)*state + draws
	what := fmt.Sprintf("%d networks of hidden %s and draws %d", networks, FormatHidden(c.Hidden), c.Draws)
	if networks == 1 {
		what = fmt.Sprintf("a network of hidden %s and draws %d", FormatHidden(c.Hidden), c.Draws)
	}
	if r.Device.open == nil {
		need += cpu.Memory(r.Program, networks, threads)
	}
	return memory.Check(what, need)
}

// Memory is the memory that the run's networks need, in bytes: everything on a GPU, parameters and their moments on the
// CPU.
func (r *Run) Memory() int64 {
	if r.Device.open == nil {
		return int64(len(r.Networks)) * r.stateBytes()
	}
	return cuda.Memory(r.Program, r.members(), r.training)
}

// stateBytes is the size of a network's parameters and their moments.
func (r *Run) stateBytes() int64 {
	l, fields := r.Program.Layout, 1+len(kernels.Moments(r.Program.Rule)) // the parameter and its moments
	if n := len(l.Parameters); n > 0 {
		return 4 * int64((n*fields+2)*l.Slots())
	}
	return int64(fields) * 4 * int64(l.Slots()+l.PhiSize())
}

// Step is the number of steps done.
func (r *Run) Step() int { return r.step }

// unfinished is what a checkpoint within an epoch, or before its measurement, must record in addition to the state.
type unfinished struct {
	EpochNLL   float64 `json:"epoch_nll"`
	Unmeasured bool    `json:"unmeasured,omitempty"`
	Converged  string  `json:"converged,omitempty"` // see store.Outcome
	best
}

// ConvergedBy is the text that a checkpoint has for its driver, with how its sigma was taken to the optimum after
// training; see store.Outcome.
func ConvergedBy(driver, how string) (string, error) {
	var u unfinished
	if err := json.Unmarshal([]byte(driver), &u); err != nil {
		return "", fmt.Errorf("train: checkpoint: %w", err)
	}
	u.Converged = how
	text, err := json.Marshal(u)
	return string(text), err
}

// Converged says how the sigma of the network was taken to its optimum after training; empty if it was not.
func (n *Network) Converged() string {
	var u unfinished
	if n.State != nil {
		_ = json.Unmarshal([]byte(n.State.Driver), &u) // what cannot be read says nothing
	}
	return u.Converged
}

// Diverged says where a number of a network was no longer finite; nil if all are finite.
func (r *Run) Diverged(network int) *kernels.Divergence { return r.diverged[network] }

// Checkpoint returns the present state of a network. A state that is not finite cannot be continued: a network that
// diverges stops before that, so it means that the device failed.
func (r *Run) Checkpoint(network int) (*store.Checkpoint, error) {
	state, err := r.vm.State(network)
	if err != nil {
		return nil, err
	}
	if !state.Finite() {
		return nil, r.Device.failed(fmt.Errorf("train: checkpoint: the state after step %d is not finite", r.step))
	}
	structure, err := json.Marshal(r.Spec)
	if err != nil {
		return nil, fmt.Errorf("train: checkpoint: %w", err)
	}
	driver, err := json.Marshal(unfinished{r.nll[network], r.unmeasured, r.converged[network], r.best[network]})
	if err != nil {
		return nil, fmt.Errorf("train: checkpoint: %w", err)
	}
	c := &store.Checkpoint{
		Step: r.step, Seed: uint64(r.Networks[network].Seed), Graph: string(structure), Driver: string(driver),
		Rule: r.Program.Rule.Name(), Layout: r.Program.Layout, State: state,
	}
	if !r.Pixels.Equal(mnist.Published()) {
		c.Pixels = r.Pixels
	}
	c.Answers = r.Answers
	return c, nil
}

// Measured is the number of epochs that have been measured and passed to Events.
func (r *Run) Measured() int {
	epochs := r.step / r.StepsPerEpoch()
	if r.unmeasured {
		epochs--
	}
	return epochs
}

// Resume continues from checkpoints of this run, one for each network and all of the same step; earlier is the time
// that the run has taken up to there.
func (r *Run) Resume(earlier store.Times, checkpoints ...*store.Checkpoint) error {
	if len(checkpoints) != len(r.Networks) {
		return fmt.Errorf("train: resume: want %d checkpoints, got %d", len(r.Networks), len(checkpoints))
	}
	structure, err := json.Marshal(r.Spec)
	if err != nil {
		return fmt.Errorf("train: resume: %w", err)
	}
	states := make([]*kernels.State, len(checkpoints))
	for m, c := range checkpoints {
		switch {
		case c.Graph != string(structure):
			return fmt.Errorf("train: resume: the checkpoint is of the network %s, the configuration asks for %s", c.Graph,
				structure)
		case !c.Normalisation().Equal(r.Pixels):
			return fmt.Errorf("train: resume: the checkpoint's network takes pixels %v, the configuration asks for %v",
				c.Normalisation(), r.Pixels)
		case !c.Answers.Equal(r.Answers):
			return fmt.Errorf("train: resume: the checkpoint's network fits numbers %v, the configuration asks for %v",
				c.Answers, r.Answers)
		case c.Seed != uint64(r.Networks[m].Seed):
			return fmt.Errorf("train: resume: the checkpoint has seed %d, the configuration %d", c.Seed, r.Networks[m].Seed)
		case c.Rule != r.Program.Rule.Name():
			return fmt.Errorf("train: resume: the checkpoint is of the rule %s, the configuration asks for %s", c.Rule,
				r.Program.Rule.Name())
		case c.Step > r.Steps():
			return fmt.Errorf("train: resume: the checkpoint is at step %d, the run ends at %d", c.Step, r.Steps())
		case c.Step != checkpoints[0].Step:
			return fmt.Errorf("train: resume: the checkpoints are of steps %d and %d", checkpoints[0].Step, c.Step)
		}
		var u unfinished
		if err := json.Unmarshal([]byte(c.Driver), &u); err != nil {
			return fmt.Errorf("train: resume: %w", err)
		}
		states[m], r.nll[m], r.unmeasured, r.converged[m] = c.State, u.EpochNLL, u.Unmeasured, u.Converged
		r.best[m] = u.best
	}
	r.step, r.earlier, r.validated = checkpoints[0].Step, earlier, validated{}
	return r.load(r.Program, states)
}

// Events are the functions of an observer. A nil function is not called; an error from one stops the run.
type Events struct {
	Progress func(Progress)
	// Epoch gets the measurements at the end of an epoch. Without it nothing is measured.
	Epoch func(network int, e store.Epoch) error
	// Curve gets, unless there is an Epoch, lines of a learning curve that cost little: without times, with the likelihood
	// of some or all epochs, and at some of these with accuracies of the first test examples, sigma and the objective.
	Curve func(network int, e store.Epoch) error
	// Checkpoint gets the networks that have not diverged, by their number: after every Config.CheckpointEvery epochs and
	// the last, or, with an Interval, whenever that much time has passed since the start or the one before.
	Checkpoint func(map[int]*store.Checkpoint) error
	Interval   time.Duration
	// Diverged gets a network that has diverged. It no longer changes; the others continue.
	Diverged func(network int, d kernels.Divergence) error
}

// Progress is the progress of a run, a few times per second.
type Progress struct {
	Step, Steps    int
	Epoch, Epochs  int     // the running epoch, counted from 1
	NLL            float64 // mean per example, of the epoch so far and of all finite networks
	StepsPerSecond float64 // of each network
}

// ErrInterrupted is returned by Train when its context was cancelled. The last checkpoint holds every step done.
var ErrInterrupted = errors.New("interrupted")

// DivergedError says that a number of the network was no longer finite. The last checkpoint is from before.
type DivergedError struct{ kernels.Divergence }

func (e *DivergedError) Error() string { return "diverged: " + e.Divergence.String() }

// Train takes the run to its end: the last step or, before that, the end of an epoch after which the patience of a
// network is over (Stopped). Others of its networks may then have steps left, which they do without it. When ctx is
// cancelled it finishes the steps under way, or leaves the measurement of an epoch for later, passes on a checkpoint
// and returns ErrInterrupted. When all networks have diverged, the error is the first one's DivergedError.
func (r *Run) Train(ctx context.Context, events Events) error {
	saved := time.Now()
	perEpoch := r.StepsPerEpoch()
	if r.unmeasured {
		if err := r.finishEpoch(ctx, events); err != nil {
			return err
		}
	}
	for r.step < r.Steps() && !r.anyStopped() {
		if ctx.Err() != nil {
			if err := r.hand(events); err != nil {
				return err
			}
			return ErrInterrupted
		}
		if events.Interval > 0 && time.Since(saved) >= events.Interval {
			if err := r.hand(events); err != nil {
				return err
			}
			saved = time.Now()
		}
		end := (r.step/perEpoch + 1) * perEpoch
		progress, did, took, err := r.pace.run(r.vm, r.step, end-r.step)
		if err != nil {
			return err
		}
		r.spent.Seconds += took.Seconds()
		if err := r.account(progress, events); err != nil {
			return err
		}
		r.step += did
		clear(r.converged)
		if events.Progress != nil {
			events.Progress(r.progress(float64(did) / took.Seconds()))
		}
		if r.step == end {
			if err := r.finishEpoch(ctx, events); err != nil {
				return err
			}
		}
	}
	return nil
}

// account adds the progress of a slice.
func (r *Run) account(progress []kernels.Progress, events Events) error {
	left := false
	for m, p := range progress {
		for _, loss := range p.Losses {
			r.nll[m] += loss
		}
		if p.Diverged != nil && r.diverged[m] == nil {
			r.diverged[m] = p.Diverged
			if events.Diverged != nil {
				if err := events.Diverged(m, *p.Diverged); err != nil {
					return err
				}
			}
		}
		left = left || r.diverged[m] == nil
	}
	if !left {
		return &DivergedError{*r.diverged[0]}
	}
	return nil
}

func (r *Run) progress(stepsPerSecond float64) Progress {
	perEpoch := r.StepsPerEpoch()
	within := (r.step-1)%perEpoch + 1
	sum, finite := 0., 0.
	for m, nll := range r.nll {
		if r.diverged[m] == nil {
			sum += nll
			finite++
		}
	}
	return Progress{
		Step: r.step, Steps: r.Steps(), Epoch: (r.step-1)/perEpoch + 1, Epochs: r.Networks[0].Epochs,
		NLL: sum / finite / float64(within*r.Networks[0].Batch), StepsPerSecond: stepsPerSecond,
	}
}

// finishEpoch measures the networks, passes on the epoch and, when it is due, a checkpoint.
func (r *Run) finishEpoch(ctx context.Context, events Events) error {
	epoch := r.step / r.StepsPerEpoch()
	measure, tell := r.measure, events.Epoch
	if tell == nil {
		measure, tell = r.sketch, events.Curve
	}
	if r.unmeasured = tell != nil || r.watches(); r.unmeasured {
		var epochs []store.Epoch
		err := r.watch(ctx)
		if err == nil && tell != nil {
			epochs, err = measure(ctx)
		}
		if err != nil {
			if ctx.Err() == nil {
				return err
			}
			if err := r.hand(events); err != nil {
				return err
			}
			return ErrInterrupted
		}
		r.unmeasured = false
		for m, e := range epochs {
			if r.diverged[m] != nil {
				continue
			}
			if err := tell(m, e); err != nil {
				return err
			}
		}
	}
	clear(r.nll)
	last := r.step == r.Steps() || r.anyStopped()
	if events.Interval == 0 && (last || epoch%r.Networks[0].CheckpointEvery == 0) {
		return r.hand(events)
	}
	return nil
}

func (r *Run) hand(events Events) error {
	if events.Checkpoint == nil {
		return nil
	}
	return r.HandOut(events.Checkpoint)
}

// HandOut passes the checkpoints of the networks that have not diverged, by their number, to a function.
func (r *Run) HandOut(to func(map[int]*store.Checkpoint) error) error {
	checkpoints := map[int]*store.Checkpoint{}
	for m := range r.Networks {
		if r.diverged[m] != nil {
			continue
		}
		c, err := r.Checkpoint(m)
		if err != nil {
			return err
		}
		checkpoints[m] = c
	}
	return to(checkpoints)
}

// measure is the line of the epoch that just ended, for each network; empty for those that diverged.
func (r *Run) measure(ctx context.Context) ([]store.Epoch, error) {
	examples := r.StepsPerEpoch() * r.Networks[0].Batch
	began := time.Now()
	scores, err := r.vm.Evaluate(ctx, r.testing, r.step, 0)
	if err != nil {
		return nil, err
	}
	held, err := r.validate(ctx)
	if err != nil {
		return nil, err
	}
	outcomes, err := r.outcomes(scores)
	if err != nil {
		return nil, err
	}
	r.spent.MeasuringSeconds += time.Since(began).Seconds()
	epochs := make([]store.Epoch, len(r.Networks))
	for m, o := range outcomes {
		if r.diverged[m] != nil {
			continue
		}
		e := store.Epoch{
			Epoch: r.step / r.StepsPerEpoch(), Step: r.step, Times: r.Times(),
			NLL:             r.nll[m] / float64(examples),
			AccuracySampled: o.AccuracySampled, LossSampled: o.LossSampled, AccuracyMean: o.AccuracyMean, LossMean: o.LossMean,
			SigmaRMS: o.SigmaRMS, SigmaRMSLayers: o.SigmaRMSLayers, ReliabilityCost: o.ReliabilityCost,
			ObjectiveMagnitude: o.ObjectiveMagnitude, ObjectiveReliability: o.ObjectiveReliability,
			ObjectiveCosts: o.ObjectiveCosts,
		}
		if r.sigmasApart() {
			state, err := r.vm.Parameters(m)
			if err != nil {
				return nil, err
			}
			e.SigmaQuantiles = (&store.Checkpoint{Layout: r.Program.Layout, State: state}).SigmaQuantiles()
		}
		e.StepsPerSecond = float64(r.step) / e.Seconds
		if held != nil {
			e.ValidationAccuracySampled, e.ValidationLossSampled = &held[m].AccuracySampled, &held[m].LossSampled
			e.ValidationR2Sampled = explained(r.held, held[m].LossSampled, r.Networks[m].NoiseVariance)
		}
		e.R2Sampled, e.R2Mean = o.R2Sampled, o.R2Mean
		e.ObjectiveNLL = e.NLL * float64(r.training.N)
		e.Objective = store.Objective(e.ObjectiveNLL, e.ObjectiveMagnitude, e.ObjectiveReliability, e.ObjectiveCosts)
		epochs[m] = e
	}
	return epochs, nil
}

// Busy is the time that this process has spent on training and evaluation.
func (r *Run) Busy() time.Duration {
	return time.Duration((r.spent.Seconds + r.spent.MeasuringSeconds) * float64(time.Second))
}

// Times is the time that the run has taken, in this process and before.
func (r *Run) Times() store.Times { return r.earlier.Plus(r.spent) }
