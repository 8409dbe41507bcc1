package conformance

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"quantal/graph"
	"quantal/kernels"
)

// Numbers fills dst with reproducible uniforms in (lo, hi), and returns it.
func Numbers[T kernels.Float](dst []T, seed uint64, lo, hi float64) []T {
	u := make([]float64, len(dst))
	kernels.Uniforms(u, kernels.Noise{Seed: seed, Stream: kernels.StreamAnalysis}, 0)
	for i := range dst {
		dst[i] = T(lo + (hi-lo)*u[i])
	}
	return dst
}

// Order is some order of the examples for each seed and epoch: any order will do here.
func Order(dst []int32, seed uint64, epoch int) {
	n := uint64(len(dst))
	stride := 2*(seed%5+uint64(epoch)) + 1
	for stride%2 == 0 || gcd(stride, n) != 1 {
		stride++
	}
	for i := range dst {
		dst[i] = int32((uint64(i)*stride + seed) % n)
	}
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Synthetic makes n examples that fit the program: bytes with labels, or floats with targets.
func Synthetic(p *kernels.Program, n int) *kernels.Data {
	width, outputs := p.Widths[0], p.Widths[p.Output]
	d := &kernels.Data{N: n, Width: width, Order: Order}
	x := Numbers(make([]float32, n*width), 11, 0, 1)
	if p.Likelihood == kernels.Gaussian {
		d.Floats, d.Targets = x, Numbers(make([]float32, n*outputs), 12, -1, 1)
		return d
	}
	d.Bytes, d.Labels = make([]byte, len(x)), make([]byte, n)
	d.Scale, d.Shift = 1/(255*0.3081), -0.1307/0.3081
	for i, v := range x {
		d.Bytes[i] = byte(255 * v * v * v)
	}
	for i := range d.Labels {
		d.Labels[i] = byte(int(d.Bytes[i*width]) * outputs / 256)
	}
	return d
}

// Initial is a state with sigma between about a third of the given value and three times as much.
func Initial(l kernels.Layout, seed uint64, sigma float64) *kernels.State {
	s := kernels.NewState(l, 0)
	for n := range l.Rows() {
		Numbers(s.Mu[n.First:][:n.Columns()], seed+uint64(100*n.Layer+n.Row), -0.3, 0.3)
	}
	for i, v := range Numbers(make([]float64, len(s.Phi)), seed+7, math.Log(sigma/3), math.Log(sigma*3)) {
		s.Phi[i] = float32(kernels.SoftplusInverse(math.Exp(v)))
	}
	for i, theta := range s.Theta {
		for n := range l.Rows() { // away from 0, where a size has a kink
			row := Numbers(theta.Values[n.First:][:n.Columns()], seed+uint64(100*n.Layer+n.Row+37*(i+1)), -1, 1)
			for k, v := range row {
				row[k] = v + float32(math.Copysign(0.1, float64(v)))
			}
		}
	}
	return s
}

// Design describes a network.
type Design struct {
	Sizes      []int
	Sharing    kernels.Sharing
	Likelihood kernels.Likelihood
	Activation kernels.Activation
	Batch      int
	Rho        float64
	Members    int      // 0 means 1
	Examples   int      // 0 means four minibatches and one more
	Laws       []string // costs; none means the paper's, with Rho as exponent, or 0 for their limit
	Quantal    bool     // synapses that learn n, p and q
	Net        graph.Network
	Input      graph.Input // of Net
	Draw       kernels.Draw
	CostPer    kernels.CostPer
}

func (d Design) String() string {
	if d.Net != nil {
		return fmt.Sprintf("%v/%v/%v/B=%d/rho=%.3g/M=%d/costs per %v", d.Net, d.Sharing, d.Likelihood, d.Batch, d.Rho,
			max(1, d.Members), d.CostPer)
	}
	s := fmt.Sprintf("%v/%v/%v/%v/B=%d/rho=%.3g/M=%d", d.Sizes, d.Sharing, d.Likelihood, d.Activation, d.Batch, d.Rho,
		max(1, d.Members))
	if d.Draw != kernels.PerMinibatch {
		s += "/draw per " + d.Draw.String()
	}
	return s
}

// Designs covers every cost, every sharing, both likelihoods, 0 to 3 hidden layers and odd sizes, with batches below,
// at and above 20, layers above 256 columns and above 64 rows.
func Designs() []Design {
	sizes := [][]int{{13, 4}, {20, 7, 3}, {33, 17, 9, 5}, {9, 6, 7, 5, 3}, {300, 21, 3}, {70, 70, 2}}
	exponents := []float64{0.5, 2. / 3, 4. / 3, 2, 0, 1}
	batches := []int{1, 3, 20, 23}
	var all []Design
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		for i := range sizes {
			n := i + int(sharing)
			all = append(all, Design{
				Sizes: sizes[i], Sharing: sharing, Likelihood: kernels.Likelihood(n % 2), Activation: kernels.Activation(1 + i/2%2),
				Batch: batches[n%len(batches)], Rho: exponents[(n+i)%len(exponents)], Members: 1 + n%3,
			})
		}
	}
	for i, rho := range exponents { // every cost, with the noise that has the most code paths
		all = append(all, Design{Sizes: []int{18, 11, 4}, Activation: kernels.ReLU, Batch: batches[i%4], Rho: rho,
			Members: 2})
	}
	return all
}

// crossed are all sharings with both likelihoods and two sizes of minibatches, in networks of 0 to 3 hidden layers.
func crossed() []Design {
	exponents := []float64{0.5, 2. / 3, 4. / 3, 2, 0}
	var all []Design
	for i, sizes := range [][]int{{13, 4}, {20, 7, 3}, {33, 17, 9, 5}, {9, 6, 7, 5, 3}} {
		for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
			for j, likelihood := range []kernels.Likelihood{kernels.Categorical, kernels.Gaussian} {
				for _, batch := range []int{1, 6} {
					all = append(all, Design{
						Sizes: sizes, Sharing: sharing, Likelihood: likelihood, Activation: kernels.ReLU, Batch: batch,
						Rho: exponents[(i+int(sharing)+2*j+batch)%len(exponents)], Examples: 10*batch + 3,
					})
				}
			}
		}
	}
	return all
}

// Network is a Program with everything that a run of it needs.
type Network struct {
	graph.Spec
	standard bool // whether the costs are the paper's
	Program  *kernels.Program
	Members  []kernels.Member
	Data     *kernels.Data
	Start    []*kernels.State // of each member
}

func (d Design) costs(t testing.TB) []graph.Law {
	if d.Laws != nil {
		return parsed(t, d.Laws)
	}
	if d.Rho == 0 {
		return graph.EntropicCosts(d.Sharing)
	}
	return graph.PaperCosts(d.Sharing)
}

// Network makes networks that differ in seed, c, lambda, learning rate and state, under Adam. The noise is visible:
// sigma is between 0.05 and 0.5, and c such that the largest gradients of noise and cost are of one size.
func (d Design) Network(t testing.TB) *Network {
	t.Helper()
	n := &Network{standard: d.Laws == nil, Spec: graph.Spec{
		Sizes: d.Sizes, Batch: d.Batch, Activation: d.Activation, Sharing: d.Sharing, Likelihood: d.Likelihood,
		Costs: d.costs(t), Network: d.Net, Input: d.Input, Draw: d.Draw,
		CostPer: d.CostPer,
	}}
	if d.Quantal {
		n.Synapse = quantal(t)
	}
	n = n.Under(t, kernels.DefaultAdam())
	if d.Examples == 0 {
		d.Examples = 4*d.Batch + 1
	}
	n.Data = Synthetic(n.Program, d.Examples)
	for i := range max(1, d.Members) {
		n.Members = append(n.Members, kernels.Member{
			Seed: 42<<33 + uint64(i/2), C: 1, Rho: d.Rho, Lambda: 0.3 + 0.1*float64(i), LearningRate: 1e-3 * float64(1+i),
			NoiseVariance: 0.2, Numbers: map[string]float64{"k": 0.25 + 0.1*float64(i), "n": 3},
		})
		n.Start = append(n.Start, Initial(n.Program.Layout, 3+uint64(i), 0.15))
		n.Program.Derive(n.Start[i])
	}
	if d.Sharing == kernels.NoNoise || d.Quantal {
		return n
	}
	noise, cost := n.phiGradients()
	for i := range n.Members {
		n.Members[i].C = 0.4 * noise / cost * (1 + 0.5*float64(i))
	}
	return n
}

// phiGradients are the largest entries of the first step's gradients of phi: of the likelihood, and of the cost for c =
// 1. The first moments are a tenth of the gradients then.
func (n *Network) phiGradients() (noise, cost float64) {
	gradients := func(c float64) []moments {
		one := n.Only(0)
		one.Members[0].C = c
		return one.After(0, 1, "")[0].phiMoments
	}
	without, with := gradients(0), gradients(1)
	for i := range with {
		noise = max(noise, math.Abs(without[i].m))
		cost = max(cost, math.Abs(with[i].m-without[i].m))
	}
	return noise, cost
}

// Under returns the same network with a program for another rule.
func (n *Network) Under(t testing.TB, rule kernels.Rule) *Network {
	t.Helper()
	c := *n
	var err error
	if c.Program, err = graph.CompileSpec(n.Spec, rule); err != nil {
		t.Fatal(err)
	}
	return &c
}

// Fluctuating returns the network under the rule Langevin, the second member without the gradient. The largest step
// along the gradient is at first 0.05, those by noise are half as large.
func (n *Network) Fluctuating(t testing.TB, rule kernels.Langevin) *Network {
	t.Helper()
	n = n.Under(t, rule)
	n.Members = slices.Clone(n.Members)
	for m := range n.Members {
		member := &n.Members[m]
		member.LearningRate, member.Temperature, member.Lambda = 1, 0, 0.1*float64(n.Data.N)
		first := n.Only(m).After(0, 1, "")[0]
		largest := 0.0
		for i, v := range first.mean() {
			largest = max(largest, math.Abs(v-float64(n.Start[m].Mu[i])))
		}
		member.LearningRate = 0.05 / largest
		member.Temperature = 0.02 * 0.02 / (2 * member.LearningRate)
		member.Uncorrected = m == 1
	}
	return n
}

// Only returns the network with some of its members.
func (n *Network) Only(members ...int) *Network {
	c := *n
	c.Members, c.Start = nil, nil
	for _, m := range members {
		c.Members, c.Start = append(c.Members, n.Members[m]), append(c.Start, n.Start[m])
	}
	return &c
}

// Load loads the members' states.
func (n *Network) Load(t testing.TB, vm kernels.VM) {
	t.Helper()
	for i, s := range n.Start {
		if err := vm.Load(i, s); err != nil {
			t.Fatal(err)
		}
	}
}

// Open opens the network on a machine and loads its states. It is closed at the end of the test.
func (n *Network) Open(t testing.TB, open Open) kernels.VM {
	t.Helper()
	vm, err := open(n.Program, n.Members, n.Data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vm.Close(); err != nil {
			t.Error(err)
		}
	})
	n.Load(t, vm)
	return vm
}

// Run takes all members through steps and fails if one diverges.
func Run(t testing.TB, vm kernels.VM, first, count int) []kernels.Progress {
	t.Helper()
	progress, err := vm.Run(context.Background(), first, count)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range progress {
		if p.Diverged != nil {
			t.Fatalf("member %d: %v", i, p.Diverged)
		}
	}
	return progress
}

// StateOf returns a network's state.
func StateOf(t testing.TB, vm kernels.VM, member int) *kernels.State {
	t.Helper()
	s, err := vm.State(member)
	if err != nil {
		t.Fatal(err)
	}
	parameters, err := vm.Parameters(member)
	if err != nil {
		t.Fatal(err)
	}
	if s.Finite() && !reflect.DeepEqual(parameters, s.Bare()) {
		t.Errorf("the parameters of member %d are not those of its state", member)
	}
	return s
}

// SumsOf returns a network's sums.
func SumsOf(t testing.TB, vm kernels.VM, member int) *kernels.Sums {
	t.Helper()
	s, err := vm.Sums(member)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ScoresOf tests all members.
func ScoresOf(t testing.TB, vm kernels.VM, data *kernels.Data, step, draws int) []kernels.Score {
	t.Helper()
	scores, err := vm.Evaluate(context.Background(), data, step, draws)
	if err != nil {
		t.Fatal(err)
	}
	return scores
}
