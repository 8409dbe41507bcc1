package train

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"quantal/graph"
	"quantal/internal/memory"
	"quantal/kernels"
	"quantal/mnist"
)

// Session is a set of networks of one graph and data, open on a device: what training, evaluation and measurements
// share is prepared once, each Program when it is first needed. Several goroutines may use it at a time.
type Session struct {
	Set      *mnist.Set
	Networks []Config // of each network; all agree in Cohort
	Device   Device
	Pixels   mnist.Normalisation // how inputs are computed from pixels
	Answers  mnist.Normalisation // how the numbers to be fitted are computed from those of the data; zero if they are not

	training, held, testing *kernels.Data // held is nil without a validation split

	mutex    sync.Mutex
	programs map[string]*kernels.Program // by structure and rule
	compiled int
}

// Open opens networks, which must agree in Cohort, on the device that the first one names. If the networks differ in
// settings that do not affect their numbers (device, threads, draws, checkpoint-every) those of the first are used.
func Open(set *mnist.Set, networks ...Config) (*Session, error) {
	if len(networks) == 0 {
		return nil, errNoNetworks
	}
	device, err := networks[0].device()
	if err != nil {
		return nil, err
	}
	return OpenOn(device, set, networks...)
}

var errNoNetworks = errors.New("train: want at least one network")

// OpenOn is Open on a chosen device instead of the one in the configurations.
func OpenOn(device Device, set *mnist.Set, networks ...Config) (*Session, error) {
	if len(networks) == 0 {
		return nil, errNoNetworks
	}
	for _, n := range networks {
		if err := n.Check(); err != nil {
			return nil, err
		}
		if n.Cohort() != networks[0].Cohort() {
			return nil, fmt.Errorf("train: networks that are opened together must have one graph and data: %s and %s",
				networks[0].Cohort(), n.Cohort())
		}
	}
	c := networks[0]
	if what := c.NeedsCPU(); device.open != nil && what != "" {
		return nil, &DeviceError{Device: device.Name, Err: fmt.Errorf("GPUs have no kernels for %s: use --device cpu", what)}
	}
	training, held, err := set.Split(c.Validation)
	if err != nil {
		return nil, fmt.Errorf("validation %d: %w", c.Validation, err)
	}
	if c.Batch > training.N() {
		return nil, fmt.Errorf("batch %d: want at most the %d training examples of %s", c.Batch, training.N(), set.Name)
	}
	if all := float64(set.Train.N() + set.Test.N()); set.Train.Floats != nil {
		if err := memory.Check("normalised inputs", 4*all*float64(set.Width())); err != nil {
			return nil, err
		}
	}
	pixels, err := c.Normalisation(set)
	if err != nil {
		return nil, err
	}
	if c.Regression() != (set.Classes == 0) {
		return nil, fmt.Errorf("likelihood %s: the examples of %s have answers of the other kind",
			c.likelihoodText(), set.Name)
	}
	answers, err := c.answers(set)
	if err != nil {
		return nil, err
	}
	s := &Session{
		Set: set, Networks: networks, Device: device, Pixels: pixels, Answers: answers,
		programs: map[string]*kernels.Program{},
		training: describe(set, fitted(training, answers), pixels),
		testing:  describe(set, fitted(set.Test, answers), pixels),
	}
	if held.N() > 0 {
		s.held = describe(set, fitted(held, answers), pixels)
	}
	return s, nil
}

// Examples is the number of training examples, without those held out for validation.
func (s *Session) Examples() int { return s.training.N }

// StepsPerEpoch is the number of minibatches in a pass through the training examples.
func (s *Session) StepsPerEpoch() int { return s.training.N / s.Networks[0].Batch }

// spec is the structure of the networks.
func (s *Session) spec() graph.Spec {
	return s.Networks[0].Spec(Input(s.Set), s.Set.Outputs())
}

// withoutNoise is the structure of the networks without noise.
func (s *Session) withoutNoise() graph.Spec {
	spec := s.spec()
	spec.Sharing, spec.Costs, spec.Synapse = kernels.NoNoise, graph.PaperCosts(kernels.NoNoise), nil
	return spec
}

// program compiles a structure under a rule, once.
func (s *Session) program(spec graph.Spec, rule kernels.Rule) (*kernels.Program, error) {
	if _, trains := rule.(kernels.Mover); !trains && spec.Synapse != nil {
		// What measures or only draws weights needs no more than their mu and sigma, and no costs.
		spec.Synapse, spec.Costs = nil, graph.PaperCosts(spec.Sharing)
	}
	key := fmt.Sprintf("%+v under %#v", spec, rule)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if p := s.programs[key]; p != nil {
		return p, nil
	}
	s.compiled++
	p, err := graph.CompileSpec(spec, rule)
	if err == nil {
		s.programs[key] = p
	}
	return p, err
}

// trainingProgram is the Program that trains the networks, by their own rule and schedule.
func (s *Session) trainingProgram() (*kernels.Program, error) {
	rule, err := s.Networks[0].mover(s.Steps())
	if err != nil {
		return nil, err
	}
	return s.program(s.spec(), rule)
}

// atRest is the rule of Programs that make no step: it keeps no moments.
var atRest = kernels.Langevin{}

// Compilations is how many Programs the session has compiled: one for each requested structure and rule.
func (s *Session) Compilations() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.compiled
}

// Steps is the number of steps of the whole training of the networks.
func (s *Session) Steps() int { return s.StepsPerEpoch() * s.Networks[0].Epochs }

// members holds the numbers of each network.
func (s *Session) members() []kernels.Member {
	members := make([]kernels.Member, len(s.Networks))
	for m, n := range s.Networks {
		members[m] = n.Member()
	}
	return members
}

// start puts networks of a Program with these numbers and states on the device, to run on data.
func (s *Session) start(p *kernels.Program, members []kernels.Member, data *kernels.Data,
	states ...*kernels.State) (running, error) {
	if len(states) != len(members) {
		return running{}, fmt.Errorf("train: want the state of each of %d networks, got %d", len(members), len(states))
	}
	vm, err := s.Device.Open(p, members, data, s.Networks[0].Threads)
	if err != nil {
		return running{}, err
	}
	r := running{vm: vm, pace: newPace()}
	if err := r.load(p, states); err != nil {
		return running{}, errors.Join(err, vm.Close())
	}
	return r, nil
}

// running is a set of networks on a device, all at the same step.
type running struct {
	vm   kernels.VM
	pace pace
	step int
}

// load sets the states of all networks.
func (r *running) load(p *kernels.Program, states []*kernels.State) error {
	for m, s := range states {
		_, err := s.For(p.Layout, p.Rule) // before the VM, all of whose errors are its device's
		if err == nil {
			err = r.vm.Load(m, s)
		}
		if err != nil {
			return fmt.Errorf("train: network %d: %w", m, err)
		}
	}
	return nil
}

// advance takes all networks through the given number of steps and reports after each slice its progress and how many
// are done. It returns ErrInterrupted when ctx is cancelled, between two steps.
func (r *running) advance(ctx context.Context, steps int, tell func(reached []kernels.Progress, done int) error) error {
	for done := 0; done < steps; {
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		reached, did, _, err := r.pace.run(r.vm, r.step, steps-done)
		if err != nil {
			return err
		}
		r.step += did
		done += did
		if err := tell(reached, done); err != nil {
			return err
		}
	}
	return nil
}

// Close frees the networks.
func (r *running) Close() error { return r.vm.Close() }
