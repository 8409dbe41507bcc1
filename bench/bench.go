package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/train"
)

// Data makes up n examples of the given width, in the given number of classes. The time of a step does not depend on
// their content.
func Data(n, width, classes int) *kernels.Data {
	d := &kernels.Data{
		N: n, Width: width, Bytes: make([]byte, n*width), Labels: make([]byte, n),
		Scale: 1. / (255 * 0.3081), Shift: -0.1307 / 0.3081, Order: mnist.Order,
	}
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(d.Bytes) // never an error
	for i := range d.Labels {
		d.Labels[i] = byte(random.Uint64() % uint64(classes))
	}
	return d
}

// examples is the number of examples of a width: together they have as many bytes as MNIST.
func examples(width int) int { return 60000 * 784 / width }

// Speed is how fast a network trains.
type Speed struct {
	Kernels        string  `json:"kernels"`
	Sizes          []int   `json:"sizes"`
	Batch          int     `json:"batch"`
	Noise          string  `json:"noise"`
	Rho            string  `json:"rho"`
	Members        int     `json:"members"`
	Threads        int     `json:"threads"`
	StepsPerSecond float64 `json:"steps_per_second"` // of all networks together, the mean
	NsPerSynapse   float64 `json:"ns_per_synapse"`   // and step of one network
	Steps          int     `json:"steps"`            // timed, of each network
	Epochs         int     `json:"epochs"`           // whole ones that these steps make up; 0 if they are parts of one
}

// Part is an instruction of a step and the bytes and operations that it needs.
type Part struct {
	Instruction  string  `json:"instruction"`
	Microseconds float64 `json:"microseconds"`
	Bytes        float64 `json:"bytes"`
	Operations   float64 `json:"operations"`
	// The fraction of the time that moving the bytes (from the second cache) or doing the operations alone would take, at
	// the machine's rates on one thread.
	MemoryShare    float64 `json:"memory_share"`
	OperationShare float64 `json:"operation_share"`
}

// Report holds the measurements of Run.
type Report struct {
	Kernels string `json:"kernels"` // of the parts
	Rates   struct {
		MemoryBytes float64 `json:"memory_bytes_per_second"`
		CacheBytes  float64 `json:"cache_bytes_per_second"`
		Operations  float64 `json:"operations_per_second"`
	} `json:"rates"`
	Doubts  []string `json:"doubts"`  // measurements that are impossible, or were disturbed
	Presets []Speed  `json:"presets"` // the published preset in each kernel set, one thread
	Widths  []Speed  `json:"widths"`  // other sizes, one thread
	Members []Speed  `json:"members"` // several networks, all threads
	Parts   []Part   `json:"parts"`   // of a step of the published preset, one thread
}

// setting is what a measurement trains.
type setting struct {
	kernels          string
	sizes            []int
	batch            int
	noise, rho       string
	members, threads int
}

// open compiles the network and starts a VM on the CPU with it.
func (s setting) open() (vm *cpu.VM, program *kernels.Program, err error) {
	program, err = s.start(func(p *kernels.Program, members []kernels.Member, data *kernels.Data) (kernels.VM, error) {
		vm, err = cpu.OpenWith(s.kernels, p, members, data, s.threads)
		return vm, err
	})
	return vm, program, err
}

// start compiles the network and starts the VM that open opens, with as many networks as there are members.
func (s setting) start(open func(*kernels.Program, []kernels.Member, *kernels.Data) (kernels.VM,
	error)) (*kernels.Program, error) {
	config, err := train.Preset("published")
	if err != nil {
		return nil, err
	}
	config.Batch, config.Noise, config.Hidden = s.batch, s.noise, s.sizes[1:len(s.sizes)-1]
	if config.Rho, err = train.ParseExponent(s.rho); err != nil {
		return nil, err
	}
	outputs := s.sizes[len(s.sizes)-1]
	program, err := graph.CompileSpec(config.Spec(graph.Row(s.sizes[0]), outputs), kernels.DefaultAdam())
	if err != nil {
		return nil, err
	}
	var members []kernels.Member
	var states []*kernels.State
	for m := range s.members {
		config.Seed = store.Seed(m + 1)
		members = append(members, config.Member())
		states = append(states, config.InitialState(program.Layout))
	}
	vm, err := open(program, members, Data(examples(s.sizes[0]), s.sizes[0], outputs))
	if err != nil {
		return nil, err
	}
	for m, state := range states {
		if err := vm.Load(m, state); err != nil {
			return nil, err
		}
	}
	return program, nil
}

// measure trains for about the given time on the CPU.
func (s setting) measure(ctx context.Context, duration time.Duration) (Speed, error) {
	vm, program, err := s.open()
	if err != nil {
		return Speed{}, err
	}
	defer vm.Close()
	return s.time(ctx, vm, program, duration)
}

// Members measures networks of the published preset that train together on a device.
func Members(ctx context.Context, d train.Device, noise, rho string, members, threads int,
	duration time.Duration) (Speed, error) {
	s := setting{d.Kernels, []int{784, 100, 100, 10}, 20, noise, rho, members, kernels.Threads(threads)}
	var vm kernels.VM
	program, err := s.start(func(p *kernels.Program, members []kernels.Member, data *kernels.Data) (_ kernels.VM,
		err error) {
		vm, err = d.Open(p, members, data, threads)
		return vm, err
	})
	if err != nil {
		return Speed{}, err
	}
	defer vm.Close()
	return s.time(ctx, vm, program, duration)
}

func (s setting) time(ctx context.Context, vm kernels.VM, program *kernels.Program,
	duration time.Duration) (Speed, error) {
	perEpoch := examples(s.sizes[0]) / s.batch
	t, err := pace(duration, perEpoch, time.Now, func(first, n int) error {
		_, err := vm.Run(ctx, first, n)
		return err
	})
	if err != nil {
		return Speed{}, err
	}
	rate := float64(s.members) / t.perStep
	return Speed{
		Kernels: s.kernels, Sizes: s.sizes, Batch: s.batch, Noise: s.noise, Rho: s.rho, Members: s.members,
		Threads:        s.threads,
		StepsPerSecond: rate, NsPerSynapse: 1e9 / rate / float64(program.Layout.Synapses()), Steps: t.steps, Epochs: t.epochs,
	}, nil
}

// Run measures everything, each figure for about the given time, and calls progress with the current measurement.
func Run(ctx context.Context, each time.Duration, progress func(string)) (*Report, error) {
	chosen, err := cpu.Kernels()
	if err != nil {
		return nil, err
	}
	r := &Report{Kernels: chosen, Doubts: []string{}}
	preset := setting{chosen, []int{784, 100, 100, 10}, 20, "heterogeneous", "2", 1, 1}
	measure := func(list *[]Speed, s setting) error {
		progress(fmt.Sprintf("%s kernels, %v, batch %d, %s noise, rho %s, %d networks, %d threads", s.kernels, s.sizes,
			s.batch, s.noise, s.rho, s.members, s.threads))
		speed, err := s.measure(ctx, each)
		*list = append(*list, speed)
		return err
	}
	for _, set := range cpu.KernelSets() {
		for _, kind := range [][2]string{{"heterogeneous", "2"}, {"heterogeneous", "2/3"}, {"homogeneous", "2"},
			{"none", "2"}} {
			s := preset
			s.kernels, s.noise, s.rho = set, kind[0], kind[1]
			if err := measure(&r.Presets, s); err != nil {
				return nil, err
			}
		}
	}
	for _, shape := range []struct {
		sizes []int
		batch int
	}{
		{[]int{784, 10}, 20}, {[]int{784, 37, 11, 10}, 20}, {[]int{784, 1000, 10}, 20}, {[]int{3072, 500, 500, 100}, 20},
		{preset.sizes, 1}, {preset.sizes, 128},
	} {
		s := preset
		s.sizes, s.batch = shape.sizes, shape.batch
		if err := measure(&r.Widths, s); err != nil {
			return nil, err
		}
	}
	all := runtime.GOMAXPROCS(0)
	for _, members := range slices.Compact([]int{1, 2, all, 4 * all}) {
		s := preset
		s.members, s.threads = members, all
		if err := measure(&r.Members, s); err != nil {
			return nil, err
		}
	}
	progress("each instruction of a step")
	return r, r.profile(ctx, preset)
}

// profile fills in the rates and the parts of a step.
func (r *Report) profile(ctx context.Context, s setting) error {
	rates, err := cpu.Measure(s.kernels)
	if err != nil {
		return err
	}
	r.Rates.MemoryBytes, r.Rates.CacheBytes, r.Rates.Operations = rates.MemoryBytes, rates.CacheBytes, rates.Operations
	vm, program, err := s.open()
	if err != nil {
		return err
	}
	defer vm.Close()
	const steps = 1000
	if _, err := vm.Profile(ctx, 0, steps); err != nil { // to warm up
		return err
	}
	timings, err := vm.Profile(ctx, steps, steps)
	if err != nil {
		return err
	}
	var sample kernels.Work
	for _, t := range timings {
		work := program.Work(t.Instruction)
		if _, ok := t.Instruction.(kernels.Sample); ok {
			sample = work // its time is in that of the Forward after it
			continue
		}
		name := t.Instruction.String()
		if f, ok := t.Instruction.(kernels.Forward); ok {
			name = fmt.Sprintf("w%d = sample; %v", f.Layer, f)
			work = work.Add(sample)
		}
		seconds := t.Time.Seconds()
		r.Parts = append(r.Parts, Part{
			Instruction: name, Microseconds: 1e6 * seconds, Bytes: work.Bytes, Operations: work.Operations,
			MemoryShare: work.Bytes / rates.CacheBytes / seconds, OperationShare: work.Operations / rates.Operations / seconds,
		})
	}
	r.doubt(rates.Disturbed)
	return nil
}

// doubt notes measurements that were disturbed or are impossible.
func (r *Report) doubt(disturbed []string) {
	for _, what := range disturbed {
		r.Doubts = append(r.Doubts, what+": measurements differ by a quarter and more, so something else uses this machine")
	}
	if r.Rates.MemoryBytes > r.Rates.CacheBytes {
		r.Doubts = append(r.Doubts, "memory: faster than the second cache, which is impossible")
	}
	for _, p := range r.Parts {
		if p.MemoryShare > 1 {
			r.Doubts = append(r.Doubts,
				p.Instruction+": faster than the second cache can supply its bytes: "+
					"they are in the nearest, or that rate is too low")
		}
		if p.OperationShare > 1 {
			r.Doubts = append(r.Doubts, p.Instruction+": more operations than one thread can do: that rate is too low")
		}
	}
}
