package cuda

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantal/kernels"
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
		l.Args = append([]any(nil), l.Args...)
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

var small = design{sizes: []int{30, 17, 4}, activation: kernels.ReLU, batch: 5, rho: 2, members: 5}

// A network's numbers must not depend on the networks beside it, on the batches that memory forces, on how its steps are cut
// into calls, or on graphs.
func TestBytesDoNotDependOnCompany(t *testing.T) {
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		if testing.Short() && sharing%2 == 1 {
			continue
		}
		d := small
		d.sharing = sharing
		n := d.network(t)
		const at, steps = 3, graphSteps + 6
		alone := n
		alone.members, alone.start = n.members[at:at+1], n.start[at:at+1]
		want := alone.open(t, nil)
		wantProgress := run(t, want, 0, steps)
		wantScore, err := want.Evaluate(context.Background(), n.data, steps, 2)
		if err != nil {
			t.Fatal(err)
		}
		company := n.open(t, nil)
		need := Memory(n.program, n.members[:2], n.data)
		batches, err := open(Interpreted(need+256), n.program, n.members, n.data, nil)
		if err != nil {
			t.Fatal(err)
		}
		if batches.size != 2 {
			t.Errorf("memory for two members: batches of %d", batches.size)
		}
		n.load(t, batches)
		for name, vm := range map[string]*VM{"in company": company, "in batches": batches} {
			nll := 0.0
			for _, cut := range [][2]int{{0, 1}, {1, 3}, {4, steps - 4}} {
				nll += run(t, vm, cut[0], cut[1])[at].NLL
			}
			if diff := cmp.Diff(stateOf(t, want, 0), stateOf(t, vm, at)); diff != "" {
				t.Errorf("%v, %s: the state differs", sharing, name)
			}
			if d := nll - wantProgress[0].NLL; d > 1e-9*nll || d < -1e-9*nll {
				t.Errorf("%v, %s: negative log-likelihood %v, alone %v", sharing, name, nll, wantProgress[0].NLL)
			}
			scores, err := vm.Evaluate(context.Background(), n.data, steps, 2)
			if err != nil {
				t.Fatal(err)
			}
			if scores[at] != wantScore[0] {
				t.Errorf("%v, %s: score %+v, alone %+v", sharing, name, scores[at], wantScore[0])
			}
			if sharing != kernels.NoNoise && cmp.Equal(stateOf(t, vm, 1), stateOf(t, vm, at)) {
				t.Errorf("%v, %s: another member has the same state", sharing, name)
			}
		}
		if err := batches.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The middle kernel does what the single operations do, to the last bit where no layer behind the first is cut into slices.
func TestMiddleIsTheSingleOperations(t *testing.T) {
	for i, d := range designs() {
		if i%3 != 0 {
			continue
		}
		n := d.network(t)
		operations, middle := n.open(t, nil), n.open(t, nil)
		single(t, operations)
		a, b := run(t, operations, 0, 3), run(t, middle, 0, 3)
		if !cmp.Equal(a, b) {
			t.Errorf("%v: progress %v by single operations, %v through the middle kernel", d, a, b)
		}
		for m := range n.members {
			if !cmp.Equal(stateOf(t, operations, m), stateOf(t, middle, m)) {
				t.Errorf("%v: member %d: the state differs", d, m)
			}
		}
	}
}

func TestErrorsNameOperationAndMembers(t *testing.T) {
	n := small.network(t)
	boom := errors.New("boom")
	d := &meddler{Driver: Interpreted(testMemory)}
	vm, err := OpenOn(d, n.program, n.members, n.data)
	if err != nil {
		t.Fatal(err)
	}
	n.load(t, vm)
	d.launch, d.named = boom, "middle"
	_, err = vm.Run(context.Background(), 8, 2)
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "steps 8 to 9 of members 0 to 4: launch middle") {
		t.Errorf("a failing launch: %v", err)
	}
	d.named = "forward"
	_, err = vm.Evaluate(context.Background(), n.data, 7, 0)
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "evaluate members 0 to 4: test examples from 0 on: launch forward_synapse") {
		t.Errorf("a failing launch: %v", err)
	}
	if err := vm.Close(); err != nil || d.live != 0 {
		t.Errorf("after Close %d allocations live; %v", d.live, err)
	}

	// Out of memory at every place of Open.
	for fail := 0; ; fail++ {
		count := 0
		d := &meddler{Driver: Interpreted(testMemory), alloc: func(int64) error {
			if count++; count > fail {
				return boom
			}
			return nil
		}}
		vm, err := OpenOn(d, n.program, n.members, n.data)
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

func TestMemoryIsEnough(t *testing.T) {
	n := small.network(t)
	need := Memory(n.program, n.members, n.data)
	d := Interpreted(need)
	vm, err := OpenOn(d, n.program, n.members, n.data)
	if err != nil {
		t.Fatal(err)
	}
	if vm.size != len(n.members) {
		t.Errorf("memory for all, yet batches of %d", vm.size)
	}
	n.load(t, vm)
	run(t, vm, 0, 2)
	if _, err := vm.Evaluate(context.Background(), n.data, 2, 3); err != nil {
		t.Error(err)
	}
	if err := vm.Close(); err != nil {
		t.Error(err)
	}
	if _, err := OpenOn(Interpreted(need/2), n.program, n.members[:1], n.data); err == nil || !strings.Contains(err.Error(), "member 0 alone needs") {
		t.Errorf("too little memory: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	n := small.network(t)
	few := *n.data
	few.N, few.Bytes, few.Labels = 3, few.Bytes[:90], few.Labels[:3]
	wide := *n.data
	wide.Width = 29
	unsampled := *n.program
	unsampled.Instructions = unsampled.Instructions[2:]
	for name, open := range map[string]func() (*VM, error){
		"no members":          func() (*VM, error) { return OpenOn(Interpreted(testMemory), n.program, nil, n.data) },
		"batch beyond data":   func() (*VM, error) { return OpenOn(Interpreted(testMemory), n.program, n.members, &few) },
		"wrong width":         func() (*VM, error) { return OpenOn(Interpreted(testMemory), n.program, n.members, &wide) },
		"weights never drawn": func() (*VM, error) { return OpenOn(Interpreted(testMemory), &unsampled, n.members, n.data) },
	} {
		if _, err := open(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	_, err := Device(1 << 20)
	var unavailable *Unavailable
	if !errors.As(err, &unavailable) {
		t.Errorf("a GPU that does not exist: %v", err)
	}
	vm := n.open(t, nil)
	if err := vm.Load(0, kernels.NewState(kernels.Layout{})); err == nil {
		t.Error("a state of another shape: no error")
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := vm.Run(canceled, 0, 1); err == nil {
		t.Error("a canceled context: no error")
	}
	if diff := cmp.Diff(n.start[0], stateOf(t, vm, 0)); diff != "" {
		t.Error("a canceled Run changed the state")
	}
	blind, err := OpenOn(Interpreted(testMemory), n.program, n.members, nil)
	if err != nil {
		t.Fatal(err)
	}
	n.load(t, blind)
	if _, err := blind.Run(context.Background(), 0, 1); err == nil {
		t.Error("training without data: no error")
	}
	if _, err := blind.Evaluate(context.Background(), n.data, 0, 0); err != nil {
		t.Errorf("testing without training data: %v", err)
	}
}
