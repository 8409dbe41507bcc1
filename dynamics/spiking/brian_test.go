package spiking

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"sort"
	"testing"

	"quantal/internal/pythontest"
	"quantal/kernels"
)

// membraneCase is a network that Brian2 has simulated: see bench/peers/brian/membrane.py.
type membraneCase struct {
	Name, Kind    string
	Step          float64
	Steps, Inputs int
	Neuron        map[string]float64
	Drive         []float64
	Imposed       [][2]int
	Contacts      [][]any
	Recurrent     [][]any
	After         []int
	V             [][]float64
	Spikes        [][2]int
}

// model is the network, with a projection for each contact.
func (c membraneCase) model() *Model {
	p := c.Neuron
	n := &Neuron{Tau: p["tau"], Rest: p["rest"], Threshold: p["theta"], Reset: p["reset"], Refractory: p["refractory"],
		Conductances: c.Kind == "conductance"}
	receptors := map[string]int{"x": 0, "y": 1, "v": 0}
	if c.Kind == "jump" {
		n.Receptors = []Receptor{{Name: "v"}}
	} else {
		n.Receptors = []Receptor{{"x", p["tau_x"], p["E_x"]}, {"y", p["tau_y"], p["E_y"]}}
	}
	m := &Model{Step: c.Step, Populations: []Population{{Name: "neurons", Size: len(c.Drive), Neuron: n},
		{Name: "inputs", Size: c.Inputs}}}
	for _, s := range c.Imposed {
		m.Populations[1].Imposed = append(m.Populations[1].Imposed, Spike{s[0], s[1]})
	}
	for from, list := range [][][]any{c.Recurrent, c.Contacts} {
		for _, k := range list {
			m.Projections = append(m.Projections, Projection{From: from, Receptor: receptors[k[2].(string)],
				Delay: int(k[4].(float64)), Weight: k[3].(float64),
				Contacts: Pairs(m.Populations[from].Size, [][2]int{{int(k[0].(float64)), int(k[1].(float64))}})})
		}
	}
	return m
}

// follow simulates the network and returns potentials and spikes.
func follow[T kernels.Float](t *testing.T, c membraneCase) (v [][]float64, spikes [][2]int) {
	t.Helper()
	n, err := New[T](c.model())
	if err != nil {
		t.Fatal(err)
	}
	for i, input := range c.Drive {
		n.SetInput(0, i, input)
	}
	n.OnSpikes = func(population, step int, neurons []uint32) {
		for _, i := range neurons {
			if population == 0 {
				spikes = append(spikes, [2]int{step, int(i)})
			}
		}
	}
	for _, after := range append(c.After, c.Steps-1) {
		if err := n.Advance(context.Background(), after+1-n.Step()); err != nil {
			t.Fatal(err)
		}
		row := make([]float64, len(c.Drive))
		for i := range row {
			row[i] = float64(n.Potential(0, i))
		}
		v = append(v, row)
	}
	return v[:len(c.After)], spikes
}

// largest is the largest difference of two tables.
func largest(a, b [][]float64) (d float64) {
	for i := range a {
		for k := range a[i] {
			d = max(d, math.Abs(a[i][k]-b[i][k]))
		}
	}
	return d
}

// Potentials are those of Brian2: in float64 to 1e-9 mV, in float32 to 1e-5 of the distance from threshold to reset.
// Spikes are the same.
func TestMembraneIsBrians(t *testing.T) {
	for _, c := range brians(t).Cases {
		if len(c.Spikes) < 10 || len(c.V) < 10 {
			t.Errorf("%s: only %d spikes", c.Name, len(c.Spikes))
		}
		v, spikes := follow[float64](t, c)
		if d := largest(v, c.V); !(d < 1e-9) || !reflect.DeepEqual(spikes, c.Spikes) {
			t.Errorf("%s: potentials differ by %g mV from Brian2's", c.Name, d)
		}
		bound := 1e-5 * (c.Neuron["theta"] - c.Neuron["reset"])
		v, spikes = follow[float32](t, c)
		if d := largest(v, c.V); !(d < bound) || !reflect.DeepEqual(spikes, c.Spikes) {
			t.Errorf("%s: in float32, potentials differ by %g mV from Brian2's, more than %g", c.Name, d, bound)
		}
	}
}

// brians is Brian2's table.
func brians(t *testing.T) (table struct {
	Cases []membraneCase
}) {
	t.Helper()
	readTable(t, "membrane", &table)
	return table
}

// readTable reads a table in testdata, which the script of that name in bench/peers/brian has printed. If
// QUANTAL_LONG_TESTS is set and Brian2 installed, the script runs again.
func readTable(t *testing.T, name string, table any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name + ".json")
	if os.Getenv("QUANTAL_LONG_TESTS") != "" {
		c := exec.Command(pythontest.Find(t, "brian2"), "-W", "ignore", "../../bench/peers/brian/"+name+".py")
		c.Stderr = os.Stderr
		raw, err = c.Output()
	}
	if err == nil {
		err = json.Unmarshal(raw, table)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stdpTable has what Brian2 found for weights: see bench/peers/brian/stdp.py.
type stdpTable struct {
	Step             float64
	Sources, Targets int
	Pre, Post        [][2]int
	Start            []float64
	After            []int
	Rules            []struct {
		Name, Form                 string
		Delay, Nearest             int
		TauX                       float64 `json:"tau_x"`
		TauY                       float64 `json:"tau_y"`
		Plus, Minus, Offset        float64
		Low, High, W0, Alpha, Beta float64
		Weights                    [][]float64
	}
}

// weightsUnder are the weights under a rule and the same spikes, after the steps of the table. Neurons fire when
// imposed, by jumps over the threshold.
func weightsUnder[T kernels.Float](t *testing.T, table stdpTable, rule int) (all [][]float64) {
	t.Helper()
	r := table.Rules[rule]
	forms := map[string]Form{"additive": Additive, "multiplicative": Multiplicative, "log": LogWeight}
	m := &Model{Step: table.Step, Populations: []Population{{Size: table.Sources}, {Size: table.Targets},
		{Size: table.Targets, Neuron: &Neuron{Tau: 1, Threshold: 500, Receptors: []Receptor{{Name: "jump"},
			{Name: "plastic", Tau: 1}}}}}}
	for _, s := range table.Pre {
		m.Populations[0].Imposed = append(m.Populations[0].Imposed, Spike{s[0], s[1]})
	}
	for _, s := range table.Post {
		m.Populations[1].Imposed = append(m.Populations[1].Imposed, Spike{s[0] - 2, s[1]})
	}
	var all2all, each [][2]int
	var start []float64
	for i := range table.Targets {
		each = append(each, [2]int{i, i})
	}
	for j := range table.Sources {
		for i := range table.Targets {
			all2all = append(all2all, [2]int{j, i})
			start = append(start, min(max(table.Start[j*table.Targets+i], r.Low), r.High))
		}
	}
	m.Projections = []Projection{{From: 1, To: 2, Delay: 1, Contacts: Pairs(table.Targets, each), Weight: 1000},
		{From: 0, To: 2, Receptor: 1, Delay: r.Delay, Contacts: Pairs(table.Sources, all2all), Weights: start,
			Plasticity: &Plasticity{TauPre: r.TauX, TauPost: r.TauY, Plus: r.Plus, Minus: r.Minus, Offset: r.Offset,
				Nearest: r.Nearest == 1, Form: forms[r.Form], Low: r.Low, High: r.High, W0: r.W0, Alpha: r.Alpha, Beta: r.Beta}}}
	n, err := New[T](m)
	if err != nil {
		t.Fatal(err)
	}
	var fired [][2]int
	n.OnSpikes = func(population, step int, neurons []uint32) {
		for _, i := range neurons {
			if population == 2 {
				fired = append(fired, [2]int{step, int(i)})
			}
		}
	}
	for _, after := range table.After {
		if err := n.Advance(context.Background(), after-n.Step()); err != nil {
			t.Fatal(err)
		}
		row := make([]float64, len(start))
		for k, w := range n.Weights(1) {
			row[k] = float64(w)
		}
		all = append(all, row)
	}
	if !reflect.DeepEqual(fired, table.Post) {
		t.Fatalf("the neurons fire when they should not: %v", fired)
	}
	return all
}

// With the same spikes, weights are those of Brian2: in float32 to 1e-5, in float64 to the digits of the table.
func TestWeightsAreBrians(t *testing.T) {
	var table stdpTable
	readTable(t, "stdp", &table)
	for k, r := range table.Rules {
		if d := largest(weightsUnder[float64](t, table, k), r.Weights); !(d < 1e-11) {
			t.Errorf("%s: weights differ by %g from Brian2's", r.Name, d)
		}
		if d := largest(weightsUnder[float32](t, table, k), r.Weights); !(d < 1e-5) {
			t.Errorf("%s: in float32, weights differ by %g from Brian2's", r.Name, d)
		}
		bound, inside := 0, 0
		for _, row := range r.Weights {
			for _, w := range row {
				if w == r.Low || w == r.High {
					bound++
				} else {
					inside++
				}
			}
		}
		if inside < 20 || bound == 0 && r.Form == "additive" {
			t.Errorf("%s: the table has %d weights at the bounds and %d between them", r.Name, bound, inside)
		}
	}
}

// A network with the contacts and the start of bench/peers/brian/network.py fires as it does in Brian2, every neuron
// and in every step, and with plasticity ends with the same sums of weights.
func TestNetworkIsBrians(t *testing.T) {
	var table struct {
		Steps int
		Cases []struct {
			Plastic          bool
			InStep, OfNeuron []int
			Weights          []float64
		}
	}
	readTable(t, "network", &table)
	const size, excitatory = 500, 400
	neuron := &Neuron{Tau: 20, Threshold: 20, Reset: 10, Refractory: 2, Input: 30, Receptors: []Receptor{{}}}
	from := []int{0, excitatory, size}
	var contacts [2]Contacts
	for p := range contacts {
		var pairs [][2]int
		for j := from[p]; j < from[p+1]; j++ {
			for i := range size {
				if mixed := (uint64(j)*73856093 ^ uint64(i)*19349663) * 2654435761; uint32(mixed)%1000003%10 == 0 {
					pairs = append(pairs, [2]int{j, i})
				}
			}
		}
		contacts[p] = Pairs(size, pairs)
	}
	for _, c := range table.Cases {
		m := &Model{Step: .1, Populations: []Population{{Size: size, Neuron: neuron}}, Projections: []Projection{
			{Delay: 15, Contacts: contacts[0], Weight: .25}, {Delay: 15, Contacts: contacts[1], Weight: -1.5}}}
		if p := &m.Projections[0]; c.Plastic {
			p.Weight, p.Weights = 0, slices.Repeat([]float64{.25}, p.Contacts.Len())
			p.Plasticity = &Plasticity{TauPre: 20, TauPost: 20, Plus: .02, Minus: .02, High: .5}
		}
		n, err := New[float64](m)
		if err != nil {
			t.Fatal(err)
		}
		for i := range size {
			n.SetPotential(0, i, float64(i*7%size)*20/size)
		}
		inStep, ofNeuron := make([]int, table.Steps), make([]int, size)
		n.OnSpikes = func(_, step int, neurons []uint32) {
			inStep[step] = len(neurons)
			for _, i := range neurons {
				ofNeuron[i]++
			}
		}
		if err := n.Advance(context.Background(), table.Steps); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(inStep, c.InStep) || !slices.Equal(ofNeuron, c.OfNeuron) {
			t.Errorf("plastic %v: the network does not fire as Brian2's", c.Plastic)
		}
		sums := make([]float64, excitatory+size)
		for k, w := range n.Weights(0) {
			sums[sort.Search(excitatory, func(j int) bool { return int(contacts[0].Start[j+1]) > k })] += w
			sums[excitatory+int(contacts[0].Target[k])] += w
		}
		for k, want := range c.Weights {
			if math.Abs(sums[k]-want) > 1e-8 {
				t.Fatalf("sum %d of weights is %g, Brian2's %g", k, sums[k], want)
			}
		}
		if c.Plastic != (len(c.Weights) == len(sums)) || slices.Max(c.OfNeuron) < 10 {
			t.Error("the table has too little")
		}
	}
}
