package cuda

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"quantal/kernels"
	"quantal/kernels/conformance"
)

// meddler is a Driver that spoils launches, for planted faults and failures.
type meddler struct {
	Driver
	edit   func(l *Launch)
	launch error // of the kernel named
	named  string
	alloc  func(bytes int64) error
	live   int
}

func (m *meddler) Launch(l Launch) error {
	if m.launch != nil && strings.HasPrefix(l.Kernel.Name(), m.named) {
		return m.launch
	}
	if m.edit != nil {
		m.edit(&l)
	}
	return m.Driver.Launch(l)
}

func (m *meddler) Record(launches []Launch) (Graph, error) {
	return interpretedGraph(append([]Launch(nil), launches...)), nil
}

func (m *meddler) Replay(g Graph) error {
	for _, l := range g.(interpretedGraph) {
		if err := m.Launch(l); err != nil {
			return err
		}
	}
	return nil
}

func (m *meddler) Alloc(bytes int64) (Address, error) {
	if m.alloc != nil {
		if err := m.alloc(bytes); err != nil {
			return 0, err
		}
	}
	m.live++
	return m.Driver.Alloc(bytes)
}

func (m *meddler) Free(a Address) error {
	m.live--
	return m.Driver.Free(a)
}

func TestErrorsNameOperationAndMembers(t *testing.T) {
	n := small.Network(t)
	boom := errors.New("boom")
	d := &meddler{Driver: Interpreted(testMemory)}
	vm, err := OpenOn(d, n.Program, n.Members, n.Data)
	if err != nil {
		t.Fatal(err)
	}
	n.Load(t, vm)
	d.launch, d.named = boom, "middle"
	_, err = vm.Run(context.Background(), 8, 2)
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "steps 8 to 9 of members 0 to 4: launch middle") {
		t.Errorf("a failing launch: %v", err)
	}
	d.named = "forward"
	_, err = vm.Evaluate(context.Background(), n.Data, 7, 0)
	if !errors.Is(err, boom) || !strings.Contains(err.Error(),
		"evaluate members 0 to 4: test examples from 0 on: launch forward_synapse") {
		t.Errorf("a failing launch: %v", err)
	}
	if err := vm.Close(); err != nil || d.live != 0 {
		t.Errorf("after Close %d allocations live; %v", d.live, err)
	}

	// Out of memory at every allocation of Open.
	for fail := 0; ; fail++ {
		count := 0
		d := &meddler{Driver: Interpreted(testMemory), alloc: func(int64) error {
			if count++; count > fail {
				return boom
			}
			return nil
		}}
		vm, err := OpenOn(d, n.Program, n.Members, n.Data)
		if err == nil {
			err = vm.Close()
			if err != nil {
				t.Error(err)
			}
			break
		}
		if !errors.Is(err, boom) || !strings.Contains(err.Error(), "cuda: allocate") || d.live != 0 {
			t.Fatalf("allocation %d fails, %d live: %v", fail, d.live, err)
		}
	}
}

// lost is a Driver on which nothing works after a launch of the named kernel.
type lost struct {
	Driver
	named string
	gone  bool
}

var errLost = errors.New("device lost")

func (d *lost) works(do func() error) error {
	if d.gone {
		return errLost
	}
	return do()
}

func (d *lost) Launch(l Launch) error {
	d.gone = d.gone || strings.HasPrefix(l.Kernel.Name(), d.named)
	return d.works(func() error { return d.Driver.Launch(l) })
}

func (d *lost) Replay(g Graph) error { return d.works(func() error { return d.Driver.Replay(g) }) }
func (d *lost) Free(a Address) error { return d.works(func() error { return d.Driver.Free(a) }) }
func (d *lost) Upload(to Address, src []byte) error {
	return d.works(func() error { return d.Driver.Upload(to, src) })
}
func (d *lost) Download(to []byte, a Address) error {
	return d.works(func() error { return d.Driver.Download(to, a) })
}
func (d *lost) Close() error { return d.works(d.Driver.Close) }

// A lost device is reported once, and not again for each piece of memory that then cannot be freed.
func TestLostDeviceIsOneError(t *testing.T) {
	n := small.Network(t)
	for named, work := range map[string]func(*VM) error{
		"middle":  func(vm *VM) error { _, err := vm.Run(context.Background(), 0, 2); return err },
		"forward": func(vm *VM) error { _, err := vm.Evaluate(context.Background(), n.Data, 0, 2); return err },
		"gather":  func(vm *VM) error { _, err := vm.Evaluate(context.Background(), n.Data, 0, 0); return err },
	} {
		vm, err := OpenOn(&lost{Driver: Interpreted(testMemory), named: named}, n.Program, n.Members, n.Data)
		if err != nil {
			t.Fatal(err)
		}
		n.Load(t, vm)
		err = work(vm)
		if !errors.Is(err, errLost) || strings.Count(err.Error(), errLost.Error()) != 1 ||
			!strings.Contains(err.Error(), "launch "+named) {
			t.Errorf("%s: %v", named, err)
		}
		if err := vm.Close(); !errors.Is(err, errLost) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: closed: %v", named, err)
		}
	}
}

func TestMemoryIsEnough(t *testing.T) {
	pictures, example := conformance.Pictures(t)[2], small
	pictures.Members, example.Draw = 3, kernels.PerExample
	for _, d := range []conformance.Design{small, pictures, example} {
		t.Run(d.String(), func(t *testing.T) { memoryIsEnough(t, d.Network(t)) })
	}
}

func memoryIsEnough(t *testing.T, n *conformance.Network) {
	need := Memory(n.Program, n.Members, n.Data)
	d := Interpreted(need)
	vm, err := OpenOn(d, n.Program, n.Members, n.Data)
	if err != nil {
		t.Fatal(err)
	}
	if vm.size != len(n.Members) {
		t.Errorf("memory for all, yet batches of %d", vm.size)
	}
	n.Load(t, vm)
	conformance.Run(t, vm, 0, 2)
	if _, err := vm.Evaluate(context.Background(), n.Data, 2, 3); err != nil {
		t.Error(err)
	}
	if err := vm.Close(); err != nil {
		t.Error(err)
	}
	if _, err := OpenOn(Interpreted(need/2), n.Program, n.Members[:1], n.Data); err == nil ||
		!strings.Contains(err.Error(), "member 0 alone needs") {
		t.Errorf("too little memory: %v", err)
	}
}

// Memory counts the sums, and its result is enough.
func TestMemoryOfSums(t *testing.T) {
	n := small.Network(t)
	summed := n.Under(t, kernels.Accumulate{})
	// Four numbers of 8 bytes for each slot of mu, and two for each slot of an input; each member's sums end where the
	// next one's start.
	l := n.Program.Layout
	want := int64(8 * (4*l.Slots() + 2*(l.Layers[0].Stride()+l.Layers[1].Stride())) * len(n.Members))
	need := Memory(summed.Program, n.Members, n.Data)
	plain := n.Under(t, kernels.SGD{}) // has no moments either
	if got := need - Memory(plain.Program, n.Members, n.Data); got < want || got >= want+256 {
		t.Errorf("the sums of %d members take %d bytes, want %d", len(n.Members), got, want)
	}
	vm, err := OpenOn(Interpreted(need), summed.Program, n.Members, n.Data)
	if err != nil {
		t.Fatal(err)
	}
	if vm.size != len(n.Members) {
		t.Errorf("memory for all, yet batches of %d", vm.size)
	}
	n.Load(t, vm)
	conformance.Run(t, vm, 0, 2)
	conformance.SumsOf(t, vm, 1)
	if err := vm.Close(); err != nil {
		t.Error(err)
	}
}

func TestDeviceThatDoesNotExist(t *testing.T) {
	_, err := Device(1 << 20)
	var unavailable *Unavailable
	if !errors.As(err, &unavailable) {
		t.Errorf("a GPU that does not exist: %v", err)
	}
}

// What a GPU cannot count or hold is refused when the VM is opened, before anything of its size is allocated.
func TestOpenRefusesWhatKernelsCannotCount(t *testing.T) {
	n := small.Network(t)
	examples := func(count int) *kernels.Data {
		d := *n.Data
		d.N, d.Bytes, d.Labels = count, make([]byte, count*d.Width), make([]byte, count)
		return &d
	}
	batch := func(size int) *kernels.Program {
		p := *n.Program
		p.Batch = size
		return &p
	}
	layer := func(sharing kernels.Sharing, in, out int) *kernels.Program {
		p := *n.Program
		p.Layout = kernels.Layout{Layers: []kernels.Layer{{In: in, Out: out}}, Sharing: sharing}
		p.Widths, p.Output = []int{in, out}, 1
		p.Instructions = []kernels.Instruction{
			kernels.Sample{}, kernels.Forward{Dst: 1}, kernels.Loss{Src: 1}, kernels.Update{Gradient: kernels.Gradient{Dst: 1}},
		}
		return &p
	}
	const stateTooLarge = "its state and sums have room for"
	for _, c := range []struct {
		name    string
		program *kernels.Program
		data    *kernels.Data
		want    string // of the error; empty if there is none
	}{
		{"the largest minibatch of a grid", batch(65535), examples(65536),
			"its losses take 262140 bytes of shared memory; this GPU has 166912, enough for 41728"},
		{"one more", batch(65536), examples(65536), "a minibatch of 65536 examples: a GPU takes at most 65535"},
		{"beyond shared memory", batch(41729), examples(65536),
			"its losses take 166916 bytes of shared memory; this GPU has 166912, enough for 41728"},
		{"all of shared memory", batch(41728), examples(65536), ""},
		{"3 slots pass 2^31", layer(kernels.PerSynapse, 1<<16-1, 1<<14), nil, stateTooLarge},
		{"6 slots pass 2^31", layer(kernels.PerSynapse, 1<<16-1, 5462), nil, stateTooLarge},
		{"3 slots pass 2^31 by moments of mu alone", layer(kernels.PerLayer, 1<<16-1, 10923), nil, stateTooLarge},
	} {
		vm, err := open(Interpreted(testMemory), c.program, n.Members, c.data, nil)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if err := vm.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}

	// More than a test can allocate: only the sizes are computed.
	wide := layer(kernels.PerLayer, 1<<16-1, 4)
	wide.Batch = 1 << 15
	err := newShape(wide).fits(Info{Shared: 227 << 10}, true)
	if err == nil || !strings.Contains(err.Error(), "in a layer of 65535 neurons: that makes 2147483648 numbers") {
		t.Errorf("a wide layer: %v", err)
	}
	// Two minibatches of each seed are stored one after the other; members for which there would be too many are split
	// into batches.
	d := small
	d.Sizes, d.Batch, d.Members = []int{784, 10, 4}, 256, 1
	many := d.Network(t)
	seeded := make([]kernels.Member, 12000)
	for i := range seeded {
		seeded[i].Seed = uint64(i)
	}
	if got, want := Capacity(many.Program, seeded, many.Data, 1<<60), math.MaxInt32/(256*800); got != want {
		t.Errorf("capacity %d, want %d", got, want)
	}
}

// A number that does not fit a parameter of the kernel, the parameters of another one, or a grid that no GPU accepts,
// never reaches the device.
func TestLaunchesThatDoNotFit(t *testing.T) {
	d := Interpreted(testMemory)
	found, err := loadKernels(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := d.Alloc(256)
	if err != nil {
		t.Fatal(err)
	}
	one := [3]int{1, 1, 1}
	for _, c := range []struct {
		grid, block [3]int
		shared      int
		parameters  any
		want        string
	}{
		{one, one, 0, advanceParameters{a, 1}, ""},
		{one, one, 0, copyParameters{a, a, 1}, "parameters of type cuda.copyParameters: want cuda.advanceParameters"},
		{one, one, 0, &advanceParameters{a, 1}, "parameters of type *cuda.advanceParameters: want cuda.advanceParameters"},
		{one, one, 0, nil, "parameters of type <nil>: want cuda.advanceParameters"},
		{[3]int{1, 65536, 1}, one, 0, advanceParameters{a, 0},
			"a grid of [1 65536 1] blocks: want 1 to 65535 in dimension 1"},
		{[3]int{1, 1, 65536}, one, 0, advanceParameters{a, 0},
			"a grid of [1 1 65536] blocks: want 1 to 65535 in dimension 2"},
		{[3]int{1 << 31, 1, 1}, one, 0, advanceParameters{a, 0}, "want 1 to 2147483647 in dimension 0"},
		{[3]int{0, 1, 1}, one, 0, advanceParameters{a, 0}, "a grid of [0 1 1] blocks"},
		{one, [3]int{1025, 1, 1}, 0, advanceParameters{a, 0}, "a block of [1025 1 1] threads: want 1 to 1024 in dimension 0"},
		{one, one, 1 << 32, advanceParameters{a, 0}, "4294967296 bytes of shared memory"},
		{one, one, -1, advanceParameters{a, 0}, "-1 bytes of shared memory"},
	} {
		err := d.Launch(Launch{Kernel: found["advance"], Grid: c.grid, Block: c.block, Shared: c.shared,
			Parameters: c.parameters})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: got %v, want %q", c, err, c.want)
		}
	}

	for _, c := range []struct {
		number int
		fits   bool
	}{{math.MaxInt32, true}, {math.MinInt32, true}, {math.MaxInt32 + 1, false}, {math.MinInt32 - 1, false}} {
		reached := false
		vm := interpret(t, small.Network(t))
		vm.driver = &meddler{Driver: vm.driver, edit: on(func(p *advanceParameters) { reached = true })}
		err := vm.launch([]Launch{vm.advance(c.number)})
		if want := fmt.Sprintf("the number %d: the kernels count from -2147483648 to 2147483647",
			c.number); reached != c.fits ||
			!c.fits && (err == nil || !strings.Contains(err.Error(), want)) || c.fits && err != nil {
			t.Errorf("%d reaches the device: %v; error %v", c.number, reached, err)
		}
	}
}
