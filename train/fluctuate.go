package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/mnist"
)

// Fluctuation says from where and how the synapses of one network fluctuate: see kernels.Langevin.
type Fluctuation struct {
	Start       *kernels.State // its mu is where theta begins; phi and moments have no part in it
	Seed        uint64         // of the minibatches and of the noise: networks with one seed share both
	StepSize    float64        // eps, above 0; the schedule multiplies it
	Temperature float64        // T; 1 samples the posterior, 0 is gradient descent
	Uncorrected bool           // the noise alone, without the gradient: the control
}

func (f Fluctuation) check() error {
	switch {
	case f.Start == nil:
		return errors.New("want a state to start from")
	case !(f.StepSize > 0) || math.IsInf(f.StepSize, 0):
		return fmt.Errorf("step size %g: want a number above 0", f.StepSize)
	case !(f.Temperature >= 0) || math.IsInf(f.Temperature, 0):
		return fmt.Errorf("temperature %g: want a number of 0 or more", f.Temperature)
	}
	return nil
}

// Fluctuations are networks of one graph whose synapses fluctuate side by side, by the rule Langevin on minibatches of the training
// set. Weights are their means throughout.
type Fluctuations struct {
	Program *kernels.Program
	Device  Device

	vm       kernels.VM
	training *kernels.Data
	testing  *kernels.Data
	pace     pace
	step     int
	loss     []float64
	diverged []*kernels.Divergence
}

// Fluctuate prepares networks of the given structure, minibatch, lambda and validation split; the rest of the configuration does
// not count, but for device and threads. Close frees them.
func Fluctuate(set *mnist.Set, network Config, rule kernels.Langevin, members ...Fluctuation) (*Fluctuations, error) {
	if len(members) == 0 {
		return nil, errors.New("train: fluctuate: want at least one network")
	}
	if err := rule.Check(); err != nil {
		return nil, err
	}
	training, _, err := set.Split(network.Validation)
	if err != nil {
		return nil, err
	}
	pixels, err := network.Normalisation(set)
	if err != nil {
		return nil, err
	}
	f := &Fluctuations{
		training: describe(set, training, pixels), testing: describe(set, set.Test, pixels), pace: newPace(),
		loss: make([]float64, len(members)), diverged: make([]*kernels.Divergence, len(members)),
	}
	var numbers []kernels.Member
	for i, m := range members {
		if err := m.check(); err != nil {
			return nil, fmt.Errorf("train: fluctuate: network %d: %w", i, err)
		}
		n := network.Member()
		n.Seed, n.LearningRate, n.Temperature, n.Uncorrected = m.Seed, m.StepSize, m.Temperature, m.Uncorrected
		numbers = append(numbers, n)
	}
	if f.Device, err = ChooseDevice(network.Device); err != nil {
		return nil, err
	}
	if f.Program, err = graph.CompileSpec(network.Spec(set.Rows*set.Columns, set.Classes), rule); err != nil {
		return nil, err
	}
	if f.vm, err = f.Device.Open(f.Program, numbers, f.training, network.Threads); err != nil {
		return nil, err
	}
	for i, m := range members {
		if err := f.vm.Load(i, m.Start); err != nil {
			return nil, errors.Join(fmt.Errorf("train: fluctuate: network %d: %w", i, err), f.vm.Close())
		}
	}
	return f, nil
}

// Run takes all networks through n steps. It returns ErrInterrupted when ctx is cancelled, between two steps, and the first
// network's DivergedError when all have diverged. Progress, if not nil, is told of the steps of this call done and to do.
func (f *Fluctuations) Run(ctx context.Context, n int, progress func(done, steps int)) error {
	clear(f.loss)
	for done := 0; done < n; {
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		reached, did, _, err := f.pace.run(f.vm, f.step, n-done)
		if err != nil {
			return f.Device.Failed(err)
		}
		f.step += did
		done += did
		left := false
		for m, p := range reached {
			for _, loss := range p.Losses {
				f.loss[m] += loss
			}
			f.diverged[m] = p.Diverged
			left = left || p.Diverged == nil
		}
		if !left {
			return &DivergedError{*f.diverged[0]}
		}
		if progress != nil {
			progress(done, n)
		}
	}
	for m := range f.loss {
		f.loss[m] /= float64(n * f.Program.Batch)
	}
	return nil
}

// Continue takes the networks to where they were after so many steps; of their states only mu counts. What follows is what would have
// followed without a break.
func (f *Fluctuations) Continue(step int, states []*kernels.State) error {
	if len(states) != len(f.loss) {
		return fmt.Errorf("train: fluctuate: %d states for %d networks", len(states), len(f.loss))
	}
	for i, s := range states {
		if err := f.vm.Load(i, s); err != nil {
			return f.Device.Failed(fmt.Errorf("train: fluctuate: network %d: %w", i, err))
		}
	}
	f.step = step
	return nil
}

// Networks is how many there are.
func (f *Fluctuations) Networks() int { return len(f.loss) }

// Step is the number of steps done since the start.
func (f *Fluctuations) Step() int { return f.step }

// StepsPerEpoch is the number of minibatches in a pass through the training set.
func (f *Fluctuations) StepsPerEpoch() int { return f.training.N / f.Program.Batch }

// Loss is a network's mean negative log-likelihood of the minibatches of the last Run, per example, in nats.
func (f *Fluctuations) Loss(network int) float64 { return f.loss[network] }

// Diverged says where a network left the finite numbers; nil if it has not.
func (f *Fluctuations) Diverged(network int) *kernels.Divergence { return f.diverged[network] }

// State returns a network as it stands; its phi and moments are those of the start.
func (f *Fluctuations) State(network int) (*kernels.State, error) {
	if d := f.diverged[network]; d != nil {
		return nil, &DivergedError{*d}
	}
	s, err := f.vm.State(network)
	if err != nil {
		return nil, f.Device.Failed(err)
	}
	if !s.Finite() {
		return nil, fmt.Errorf("train: fluctuate: network %d: the state after step %d is not finite", network, f.step)
	}
	return s, nil
}

// Evaluate tests all networks on the test set. AccuracyMean and LossMean are what belongs to them; the sampled figures are those
// with the standard deviations of the start.
func (f *Fluctuations) Evaluate(ctx context.Context) ([]kernels.Score, error) {
	scores, err := f.vm.Evaluate(ctx, f.testing, f.step, 0)
	return scores, f.Device.Failed(err)
}

// Close frees the networks.
func (f *Fluctuations) Close() error { return f.vm.Close() }

// Activations takes examples through a network with its weights at mu, on the processor, and returns what each layer answers: for the
// hidden layers, from the first to the last, and the outputs (logits) behind them, one row of the layer's width per example.
func Activations(set *mnist.Set, network Config, state *kernels.State, examples mnist.Examples) ([][]float32, error) {
	program, err := graph.CompileSpec(network.Spec(set.Rows*set.Columns, set.Classes), kernels.Langevin{})
	if err != nil {
		return nil, err
	}
	pixels, err := network.Normalisation(set)
	if err != nil {
		return nil, err
	}
	return cpu.Activations(program, state, describe(set, examples, pixels), network.Threads)
}

// Probabilities returns the class probabilities of examples, [examples x classes], with the weights at mu.
func Probabilities(set *mnist.Set, network Config, state *kernels.State, examples mnist.Examples) ([]float64, error) {
	layers, err := Activations(set, network, state, examples)
	if err != nil {
		return nil, err
	}
	logits := layers[len(layers)-1]
	p := make([]float64, len(logits))
	for at := 0; at < len(p); at += set.Classes {
		row := p[at : at+set.Classes]
		kernels.LogSoftmax(row, logits[at:at+set.Classes])
		for i, v := range row {
			row[i] = math.Exp(v)
		}
	}
	return p, nil
}
