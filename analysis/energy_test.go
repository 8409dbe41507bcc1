package analysis

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"quantal/kernels"
	"quantal/mnist"
	"quantal/results/draw"
	"quantal/results/store"
	"quantal/synapse"
	"quantal/train"
)

// twoSynapses is a network of two pixels and an output with the weights 0.2 and -0.1 and the sigmas 0.1 and 0.2, beside
// an output whose weights are 0. The first pixel of its two test images is 255 and 255, the second 0 and 51.
func twoSynapses(t *testing.T) (*mnist.Set, train.Network) {
	t.Helper()
	n := smallNetwork(t, nil, 1, noisySigma)
	n.Config.Data, n.Config.Normalise, n.Config.Rho = "two", "0.2,0.4", rho(t, "trafficking")
	l := kernels.Layout{Layers: []kernels.Layer{{In: 2, Out: 2}}}
	s := n.Config.InitialState(l)
	for r := range 2 {
		for k, mu := range []float64{0.2, -0.1, 7} { // a bias costs nothing
			at := l.Slot(0, r, k)
			s.Mu[at], s.Phi[at] = float32(mu), float32(kernels.SoftplusInverse([]float64{0.1, 0.2, 1}[k]))
			if r == 1 {
				s.Mu[at] = 0 // silent
			}
		}
	}
	n.State = &store.Checkpoint{Layout: l, State: s}
	e := mnist.Examples{Images: []byte{255, 0, 255, 51}, Labels: []byte{0, 1}}
	return &mnist.Set{Name: "two", Rows: 1, Columns: 2, Classes: 2, Train: e, Test: e}, n
}

func rho(t *testing.T, text string) train.Exponent {
	t.Helper()
	e, err := train.ParseExponent(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func close6(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Abs(b) }

// The ATP of two synapses, by hand. With p held at 0.25: n = 3 mu^2/sigma^2 = 12 and 0.75, so that 3 and 0.1875
// vesicles are released with |q| = 0.0667 and 0.533. Inputs are (x - 0.2)/0.4: 2 and 2; -0.5 and 0, so 2 and 0.25
// spikes.
func TestEnergyOfTwoSynapses(t *testing.T) {
	set, n := twoSynapses(t)
	e, err := MeasureEnergy(context.Background(), set, []train.Network{n}, EnergyPlan{Spikes: 3, Quantum: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	got := e.Networks[0]
	l := got.Layers[0]
	if got.Held != "p" || got.Value != 0.25 || got.Mechanism != "trafficking" || got.Quantum != 0.05 {
		t.Errorf("%s held at %g, %s, quantum %g", got.Held, got.Value, got.Mechanism, got.Quantum)
	}
	if !close6(l.N.P05, 0.75) || !close6(l.N.P95, 12) || l.P.Median != 0.25 || !close6(l.Q.P05, 0.2/3) ||
		!close6(l.Q.P95, 0.1/0.1875) {
		t.Errorf("n %+v, p %+v, q %+v", l.N, l.P, l.Q)
	}
	if l.Inhibitory != 1 || l.BelowOne != 1 || l.NearCertain != 0 || l.Silent != 2 {
		t.Errorf("inhibitory %d, below one %d, near certain %d, silent %d", l.Inhibitory, l.BelowOne, l.NearCertain,
			l.Silent)
	}
	// Spikes for an image: 3 times 2 and 0.25. Postsynaptic: 140000 |mu|/quantum a spike.
	want := synapse.Energy{
		Calcium: 6*12000*3 + 0.75*12000*0.1875, Cycle: 6*820*3 + 0.75*820*0.1875,
		Transmitter: 6*11000*4 + 0.75*11000*2, Postsynaptic: 6*140000*4 + 0.75*140000*2,
	}
	for name, pair := range map[string][2]float64{
		"calcium": {l.PerImage.Calcium, want.Calcium}, "cycle": {l.PerImage.Cycle, want.Cycle},
		"transmitter":  {l.PerImage.Transmitter, want.Transmitter},
		"postsynaptic": {l.PerImage.Postsynaptic, want.Postsynaptic},
		"network":      {got.PerImage.Total(), want.Total()},
		"inhibitory":   {l.InhibitoryPostsynaptic, 0.75 * 140000 * 2}, "rate": {l.Rate, 3 * 2.25 / 2},
		"spike": {l.PerSpike.Postsynaptic, 140000 * 6 / 4.}, "cost": {l.Cost, 3.1875 / 4},
	} {
		if !close6(pair[0], pair[1]) {
			t.Errorf("%s: %g, want %g", name, pair[0], pair[1])
		}
	}
	// By itself a quantum is the mean |mu|. With n held at 4: p = 1/(1 + 4 sigma^2/mu^2) = 1/2 and 1/17.
	held := synapse.N
	e, err = MeasureEnergy(context.Background(), set, []train.Network{n}, EnergyPlan{Spikes: 1, Held: &held})
	if err != nil {
		t.Fatal(err)
	}
	l = e.Networks[0].Layers[0]
	if !close6(e.Networks[0].Quantum, 0.3/4) || !close6(l.P.P95, 0.5) || !close6(l.P.P05, 1./17) || l.N.Median != 4 {
		t.Errorf("quantum %g, p %+v, n %+v", e.Networks[0].Quantum, l.P, l.N)
	}
	// Units: with all weights and the quantum times ten, the ATP stays.
	bare := l.PerImage
	for i := range n.State.State.Mu {
		n.State.State.Mu[i] *= 10
		sigma, _ := kernels.Softplus(float64(n.State.State.Phi[i]))
		n.State.State.Phi[i] = float32(kernels.SoftplusInverse(10 * sigma))
	}
	e, err = MeasureEnergy(context.Background(), set, []train.Network{n}, EnergyPlan{Spikes: 1, Held: &held})
	if err != nil {
		t.Fatal(err)
	}
	again := e.Networks[0].Layers[0].PerImage
	if !close6(again.Total(), bare.Total()) || !close6(again.Calcium, bare.Calcium) {
		t.Errorf("in other units of a weight %+v, before %+v", again, bare)
	}
}

// The rate of a unit is the mean of its |activation|: computed here in float64 from the definition.
func TestEnergyUsesRatesOfHiddenUnits(t *testing.T) {
	set := smallSet(2100) // more than one part
	n := smallNetwork(t, []int{4}, 10, noisySigma)
	n.Config.Rho = rho(t, "calcium")
	e, err := MeasureEnergy(context.Background(), set, []train.Network{n}, EnergyPlan{Spikes: 1})
	if err != nil {
		t.Fatal(err)
	}
	v := naive{set, n}
	w := v.weights(0, true)
	var want [2]float64
	for b := range set.Test.N() {
		inputs, _ := v.example(b, w)
		for i, layer := range inputs {
			for _, x := range layer[:len(layer)-1] {
				want[i] += math.Abs(x) / float64(set.Test.N()*(len(layer)-1))
			}
		}
	}
	for i, l := range e.Networks[0].Layers {
		if math.Abs(l.Rate-want[i]) > 1e-5*want[i] {
			t.Errorf("layer %d: rate %g, want %g", i+1, l.Rate, want[i])
		}
	}
}

// The mechanism is that of the law which the price is proportional to, whatever it is called and multiplied by.
func TestMechanismOfAPrice(t *testing.T) {
	_, n := twoSynapses(t)
	for _, c := range []struct {
		cost, set string
		want      string // the mechanism, what is held and its value, 0 for the typical one
	}{
		{"k*sigma^-2", "k=0.01", "trafficking p 0"},
		{"price = 3*sigma^(-1/2); m = lambda*abs(mu)", "", "calcium n 0"},
		{"c*sigma^-rho", "", "trafficking p 0"}, // rho of the network
		{"0.2*(abs(mu)/sigma)^(1/2) + mu^2", "", "calcium n 0"},
		{"c*abs(mu)^(4/3)*sigma^(-2/3)", "", "membrane p 0"},
		{"c*(abs(mu)^5/sigma^4)^(1/3)", "", "actin p 0"},
		{"c*mu^2/sigma^2", "", "trafficking p 0"},
		{"c*n*mu^2/(mu^2 + n*sigma^2)", "n=7", "trafficking n 7"},
		{"c*mu^2/(mu^2/2.5 + sigma^2)", "", "trafficking n 2.5"},
		{"c*mu^2/sigma^2; d = c*sigma^-2", "", ""},
		{"c*exp(-sigma)", "", ""},
		{"-c*sigma^-2", "", ""},
		{"lambda*abs(mu)", "", ""},
		{"c*sigma^-3", "", ""},
		{"c*abs(mu)/sigma", "", ""},
	} {
		config := n.Config
		for name, text := range map[string]string{"cost": c.cost, "set": c.set} {
			if err := config.Set(name, text); err != nil {
				t.Fatal(err)
			}
		}
		m, held, value, err := pricedMechanism("x", config)
		got := fmt.Sprintf("%v %v %g", m, held, value)
		if err != nil {
			got = ""
		}
		if got != c.want {
			t.Errorf("%s: %q (%v), want %q", c.cost, got, err, c.want)
		}
	}
}

// Synapses that learn n, p and q have the energy of what they learned.
func TestEnergyOfQuantalSynapses(t *testing.T) {
	set, n := twoSynapses(t)
	if err := n.Config.Set("cost", "c*n*p"); err != nil {
		t.Fatal(err)
	}
	n.Config.Synapse = "quantal"
	l := kernels.Layout{Layers: n.State.Layout.Layers, Parameters: []string{"n_raw", "p_raw", "q"}}
	s := kernels.NewState(l, 0)
	for k, r := range []synapse.Release{{N: 6, P: 0.25, Q: 0.1}, {N: 2, P: 0.5, Q: -0.2}} {
		at := l.Slot(0, 0, k)
		s.Theta[0].Values[at] = float32(kernels.SoftplusInverse(r.N))
		s.Theta[1].Values[at] = float32(math.Log(r.P / (1 - r.P)))
		s.Theta[2].Values[at] = float32(r.Q)
		s.Mu[at], s.Phi[at] = float32(r.Mean()), float32(kernels.SoftplusInverse(math.Sqrt(r.Variance())))
	}
	n.State = &store.Checkpoint{Layout: l, State: s}
	e, err := MeasureEnergy(context.Background(), set, []train.Network{n}, EnergyPlan{Spikes: 3, Quantum: 0.05})
	if err != nil {
		t.Fatal(err)
	}
	// Spikes for an image: 6 and 0.75; vesicles of 2 and 4 quanta, 1.5 and 1 for a spike.
	got := e.Networks[0]
	if x := got.Layers[0]; !close6(x.N.P95, 6) || !close6(x.P.P95, 0.5) || !close6(x.Q.P05, 0.1) || x.Silent != 2 ||
		x.Inhibitory != 1 || !close6(x.PerImage.Cycle, 820*(6*1.5+0.75*1)) ||
		!close6(x.PerImage.Transmitter, 11000*(6*1.5*2+0.75*1*4)) || !close6(x.PerImage.Calcium,
		12000*0.25*(6*6+0.75*2*math.Pow(3, 0.25))) || got.Held != "nothing" || !math.IsNaN(x.Cost) {
		t.Errorf("%+v of %+v", x, got)
	}
	held := synapse.N
	_, err = MeasureEnergy(context.Background(), set, []train.Network{n}, EnergyPlan{Spikes: 1, Held: &held, Value: 3})
	if err == nil || !strings.Contains(err.Error(), "nothing is held") {
		t.Errorf("with n held: %v", err)
	}
}

// The overview of a grid has means over seeds, over c and over the accuracy.
func TestEnergyOverview(t *testing.T) {
	var e Energies
	var records []store.Record
	for i, c := range []float64{1, 1, 0.1} {
		id := fmt.Sprint("n", i)
		e.Networks = append(e.Networks, NetworkEnergy{ID: id, Noise: "heterogeneous", Rho: "2", C: c, Seed: uint64(9 - i),
			Quantum: 0.1, PerImage: synapse.Energy{Calcium: 1, Cycle: 2, Transmitter: 3, Postsynaptic: 4 * float64(i+1)}})
		r := store.Record{ID: id, Outcome: store.NoOutcome()}
		r.AccuracySampled, r.SigmaRMS = 0.5+0.1*float64(i), 0.2
		records = append(records, r)
	}
	other := e.Networks[0]
	other.ID, other.C, other.Price, other.Rho = "law", math.NaN(), "cost = exp(-sigma)", ""
	e.Networks = append(e.Networks, other, NetworkEnergy{ID: "of no record"})
	records = append(records, store.Record{ID: "law", Outcome: records[0].Outcome})
	rows := e.Overview(records)
	var order []string
	for _, r := range rows {
		order = append(order, r.ID)
	}
	if strings.Join(order, " ") != "n2 n1 n0 law" || rows[0].PerImage != 18 || rows[0].Reliable != 3 ||
		rows[0].Mean != 15 {
		t.Fatalf("%v: %+v", order, rows)
	}
	figure, err := overviewFigure(rows)
	if err != nil {
		t.Fatal(err)
	}
	all := figure.Blocks[0].Rows
	overC, overAccuracy := all[0][0], all[0][1]
	if len(all) != 2 || len(overC.Layers) != 1 || len(overAccuracy.Layers) != 2 {
		t.Fatalf("panels %+v", all)
	}
	curve, law := overC.Layers[0].(draw.Curve), overAccuracy.Layers[1].(draw.Curve)
	if curve.Label != "ρ = 2" || !slices.Equal(curve.X, []float64{0.1, 1}) || !slices.Equal(curve.Y, []float64{18, 12}) ||
		law.Label != "exp(-sigma)" || !slices.Equal(law.X, []float64{50}) || !slices.Equal(law.Y, []float64{10}) {
		t.Errorf("curves %+v, %+v", curve, law)
	}
	if x := overAccuracy.Layers[0].(draw.Curve).X; len(x) != 2 || !close6(x[1], 55) {
		t.Errorf("accuracies %v", x)
	}
}

// What has no answer is refused, and says why.
func TestEnergyRefuses(t *testing.T) {
	set, n := twoSynapses(t)
	for want, change := range map[string]func(n *train.Network){
		"the network small pays entropic, ρ → 0, which is the price of none of calcium, membrane, actin and " +
			"trafficking alone": func(n *train.Network) { n.Config.Rho = rho(t, "entropic") },
		"no noise":          func(n *train.Network) { n.Config.Noise = "none" },
		"a sigma is 0":      func(n *train.Network) { n.State.State.Phi[0] = -1000 },
		"releases anything": func(n *train.Network) { clear(n.State.State.Mu) },
	} {
		_, n := twoSynapses(t)
		change(&n)
		_, err := MeasureEnergy(context.Background(), set, []train.Network{n}, EnergyPlan{Spikes: 1})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	n.Config.Rho = rho(t, "entropic")
	m := synapse.Actin
	plan := EnergyPlan{Spikes: 1, Mechanism: &m}
	if _, err := MeasureEnergy(context.Background(), set, []train.Network{n}, plan); err != nil {
		t.Error(err)
	}
}
