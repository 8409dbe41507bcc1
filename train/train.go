package train

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cuda"
	"quantal/mnist"
	"quantal/results"
)

// The normalisation of pixels, (x/255 - mean) / deviation: MNIST's own statistics, as in the authors' script.
const (
	pixelMean      = 0.1307
	pixelDeviation = 0.3081
)

// Run is a network in training.
type Run struct {
	Config  Config
	Spec    graph.Spec
	Program *kernels.Program
	Device  Device

	set                     *mnist.Set
	training, held, testing *kernels.Data // held is nil without a validation split
	vm                      kernels.VM
	step                    int
	nll                     float64       // of the steps of the running epoch
	earlier                 time.Duration // spent before this process resumed the run
	started                 time.Time
}

// New prepares a run from its beginning: the graph is built, differentiated and compiled, and the parameters are drawn.
func New(c Config, set *mnist.Set) (*Run, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	training, held, err := set.Split(c.Validation)
	if err != nil {
		return nil, fmt.Errorf("validation %d: %w", c.Validation, err)
	}
	if c.Batch > training.N() {
		return nil, fmt.Errorf("batch %d: want at most the %d training examples of %s", c.Batch, training.N(), set.Name)
	}
	r := &Run{Config: c, set: set, Spec: c.Spec(set.Rows*set.Columns, set.Classes)}
	if r.Device, err = ChooseDevice(c.Device); err != nil {
		return nil, err
	}
	if r.Program, err = graph.CompileSpec(r.Spec, kernels.DefaultAdam()); err != nil {
		return nil, err
	}
	if perEpoch := training.N() / c.Batch; c.Epochs > math.MaxUint32/perEpoch {
		return nil, fmt.Errorf("epochs %d: want at most %d, for the step counter has 32 bits", c.Epochs, math.MaxUint32/perEpoch)
	}
	r.training, r.testing = r.data(training), r.data(set.Test)
	if held.N() > 0 {
		r.held = r.data(held)
	}
	if r.vm, err = r.Device.Open(r.Program, []kernels.Member{c.Member()}, r.training, c.Threads); err != nil {
		return nil, err
	}
	return r, r.vm.Load(0, c.InitialState(r.Program.Layout))
}

// data describes examples to the VM.
func (r *Run) data(e mnist.Examples) *kernels.Data {
	return &kernels.Data{
		N: e.N(), Width: r.set.Rows * r.set.Columns, Bytes: e.Images, Labels: e.Labels,
		Scale: 1. / (255 * pixelDeviation), Shift: -pixelMean / pixelDeviation, Order: mnist.Order,
	}
}

// Close frees the VM.
func (r *Run) Close() error { return r.vm.Close() }

// Memory is the memory of a GPU that the run needs, in bytes; 0 on the CPU.
func (r *Run) Memory() int64 {
	if r.Device.MemoryFree == 0 {
		return 0
	}
	return cuda.Memory(r.Program, []kernels.Member{r.Config.Member()}, r.training)
}

// StepsPerEpoch is the number of minibatches of an epoch.
func (r *Run) StepsPerEpoch() int { return r.training.N / r.Config.Batch }

// Steps is the number of steps of the whole run.
func (r *Run) Steps() int { return r.StepsPerEpoch() * r.Config.Epochs }

// Step is the number of steps done.
func (r *Run) Step() int { return r.step }

// unfinished is what a checkpoint within an epoch has to remember besides the state.
type unfinished struct {
	EpochNLL float64 `json:"epoch_nll"`
}

// Checkpoint returns the run as it stands. A state that is not finite is no place to continue from: a network that diverges has
// stopped before, so it means that the device failed.
func (r *Run) Checkpoint() (*results.Checkpoint, error) {
	state, err := r.vm.State(0)
	if err != nil {
		return nil, r.Device.failed(err)
	}
	if !state.Finite() {
		return nil, r.Device.failed(fmt.Errorf("train: checkpoint: the state after step %d is not finite", r.step))
	}
	structure, err := json.Marshal(r.Spec)
	if err != nil {
		return nil, fmt.Errorf("train: checkpoint: %w", err)
	}
	driver, err := json.Marshal(unfinished{r.nll})
	if err != nil {
		return nil, fmt.Errorf("train: checkpoint: %w", err)
	}
	return &results.Checkpoint{
		Step: r.step, Seed: r.Config.Seed, Graph: string(structure), Driver: string(driver),
		Layout: r.Program.Layout, State: state,
	}, nil
}

// Resume continues from a checkpoint of this run; earlier is the time already spent.
func (r *Run) Resume(c *results.Checkpoint, earlier time.Duration) error {
	structure, err := json.Marshal(r.Spec)
	if err != nil {
		return fmt.Errorf("train: resume: %w", err)
	}
	if c.Graph != string(structure) {
		return fmt.Errorf("train: resume: the checkpoint is of the network %s, the configuration asks for %s", c.Graph, structure)
	}
	if c.Seed != r.Config.Seed {
		return fmt.Errorf("train: resume: the checkpoint has seed %d, the configuration %d", c.Seed, r.Config.Seed)
	}
	if c.Step > r.Steps() {
		return fmt.Errorf("train: resume: the checkpoint is at step %d, the run ends at %d", c.Step, r.Steps())
	}
	var u unfinished
	if err := json.Unmarshal([]byte(c.Driver), &u); err != nil {
		return fmt.Errorf("train: resume: %w", err)
	}
	if err := r.vm.Load(0, c.State); err != nil {
		return err
	}
	r.step, r.nll, r.earlier = c.Step, u.EpochNLL, earlier
	return nil
}

// Events is who watches a run. A nil function is not called; an error from one stops the run.
type Events struct {
	Progress   func(Progress)
	Epoch      func(results.Epoch) error
	Checkpoint func(*results.Checkpoint) error
}

// Progress is where a run stands, a few times per second.
type Progress struct {
	Step, Steps    int
	Epoch, Epochs  int     // the running epoch, counted from 1
	NLL            float64 // mean per example, of the epoch so far
	StepsPerSecond float64
}

// ErrInterrupted is returned by Train when its context was cancelled. The last checkpoint holds every step done.
var ErrInterrupted = errors.New("interrupted")

// DivergedError says that the network left the finite numbers. The last checkpoint is from before.
type DivergedError struct{ kernels.Divergence }

func (e *DivergedError) Error() string { return "diverged: " + e.Divergence.String() }

// slice is how long the VM works between two looks at the context.
const slice = 100 * time.Millisecond

// Train takes the run to its end. When ctx is cancelled it finishes the steps under way, hands out a checkpoint and returns
// ErrInterrupted.
func (r *Run) Train(ctx context.Context, events Events) error {
	r.started = time.Now()
	perEpoch := r.StepsPerEpoch()
	n := 1 // steps per slice
	for r.step < r.Steps() {
		if ctx.Err() != nil {
			if err := r.hand(events); err != nil {
				return err
			}
			return ErrInterrupted
		}
		end := (r.step/perEpoch + 1) * perEpoch
		began, do := time.Now(), min(n, end-r.step)
		// Not ctx: all steps of a slice are done, or none.
		progress, err := r.vm.Run(context.WithoutCancel(ctx), r.step, do)
		if err != nil {
			return r.Device.failed(err)
		}
		if d := progress[0].Diverged; d != nil {
			return &DivergedError{*d}
		}
		took := time.Since(began)
		r.step += do
		r.nll += progress[0].NLL
		n = max(1, min(int(float64(do)*float64(slice)/float64(max(took, 1))), 4*do))
		if events.Progress != nil {
			events.Progress(r.progress(float64(do) / took.Seconds()))
		}
		if r.step == end {
			if err := r.finishEpoch(ctx, events); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Run) progress(stepsPerSecond float64) Progress {
	perEpoch := r.StepsPerEpoch()
	within := (r.step-1)%perEpoch + 1
	return Progress{
		Step: r.step, Steps: r.Steps(), Epoch: (r.step-1)/perEpoch + 1, Epochs: r.Config.Epochs,
		NLL: r.nll / float64(within*r.Config.Batch), StepsPerSecond: stepsPerSecond,
	}
}

// finishEpoch measures the network, hands out the epoch and, when it is due, a checkpoint.
func (r *Run) finishEpoch(ctx context.Context, events Events) error {
	epoch := r.step / r.StepsPerEpoch()
	last := r.step == r.Steps()
	if events.Epoch != nil {
		e, err := r.measure(ctx)
		if err != nil {
			if ctx.Err() == nil {
				return err
			}
			// Interrupted while measuring: a checkpoint before the last step of the epoch is not to be had, so measure to the
			// end, which takes seconds at most.
			if e, err = r.measure(context.WithoutCancel(ctx)); err != nil {
				return err
			}
		}
		if err := events.Epoch(e); err != nil {
			return err
		}
	}
	r.nll = 0
	if last || epoch%r.Config.CheckpointEvery == 0 {
		return r.hand(events)
	}
	return nil
}

func (r *Run) hand(events Events) error {
	if events.Checkpoint == nil {
		return nil
	}
	c, err := r.Checkpoint()
	if err != nil {
		return err
	}
	return events.Checkpoint(c)
}

// measure is the line of the epoch that just ended.
func (r *Run) measure(ctx context.Context) (results.Epoch, error) {
	examples := r.StepsPerEpoch() * r.Config.Batch
	e := results.Epoch{
		Epoch: r.step / r.StepsPerEpoch(), Step: r.step, Seconds: r.Elapsed().Seconds(),
		NLL: r.nll / float64(examples),
	}
	e.StepsPerSecond = float64(r.step) / e.Seconds
	scores, err := r.vm.Evaluate(ctx, r.testing, r.step, 0)
	if err != nil {
		return e, r.Device.failed(err)
	}
	e.AccuracySampled, e.LossSampled = scores[0].AccuracySampled, scores[0].LossSampled
	e.AccuracyMean, e.LossMean = scores[0].AccuracyMean, scores[0].LossMean
	if r.held != nil {
		if scores, err = r.vm.Evaluate(ctx, r.held, r.step, 0); err != nil {
			return e, r.Device.failed(err)
		}
		e.ValidationAccuracySampled, e.ValidationLossSampled = &scores[0].AccuracySampled, &scores[0].LossSampled
	}
	c, err := r.Checkpoint()
	if err != nil {
		return e, err
	}
	e.SigmaRMS, e.SigmaRMSLayers = c.SigmaRMS(), c.SigmaRMSLayers()
	e.ReliabilityCost = c.ReliabilityCost(r.Config.Rho.Value())
	costs := r.Program.Costs(c.State, r.Config.Member())
	e.ObjectiveNLL = e.NLL * float64(r.training.N)
	e.ObjectiveMagnitude, e.ObjectiveReliability = costs.Magnitude, costs.Reliability
	e.Objective = e.ObjectiveNLL + e.ObjectiveMagnitude + e.ObjectiveReliability
	return e, nil
}

// Elapsed is the time spent training, in this process and before.
func (r *Run) Elapsed() time.Duration {
	if r.started.IsZero() {
		return r.earlier
	}
	return r.earlier + time.Since(r.started)
}
