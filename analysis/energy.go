package analysis

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"

	"quantal/internal/memory"
	"quantal/mnist"
	"quantal/results/draw"
	"quantal/results/tables"
	"quantal/synapse"
	"quantal/train"
)

// EnergyPlan says what the energy of networks is computed from. Its zero value, with a number of spikes, leaves
// everything to the networks.
type EnergyPlan struct {
	Mechanism *synapse.Mechanism // nil for the one that has the network's rho
	Held      *synapse.Parameter // n or p; nil for what the mechanism holds
	Value     float64            // of the held parameter; 0 for the typical one
	Quantum   float64            // weight of one vesicle of the usual size; 0 for the mean |mu| of the network
	Spikes    float64            // of a unit with activation 1, for an image
	Threads   int                // 0 for all processors
}

// Energies are the releases and the ATP that networks need.
type Energies struct {
	Constants []synapse.Constant `json:"constants"`
	Spikes    float64            `json:"spikes_per_activation"`
	Examples  int                `json:"test_images"`
	Networks  []NetworkEnergy    `json:"networks"`

	figures []*draw.Figure // of each network
}

// NetworkEnergy is the energy of a network.
type NetworkEnergy struct {
	ID        string         `json:"id"`
	Hidden    string         `json:"hidden"`
	Noise     string         `json:"noise"`
	Rho       string         `json:"rho"`  // empty where no cost reads it
	C         float64        `json:"c"`    // NaN where no cost reads it, or layers differ
	Price     string         `json:"cost"` // what synapses pay in training; empty for the paper's costs
	Seed      uint64         `json:"seed"`
	Mechanism string         `json:"mechanism"`  // empty if synapses learn n, p and q, and none is given
	Held      string         `json:"held"`       // n, p, or nothing if synapses learn n, p and q
	Value     float64        `json:"held_value"` // NaN then
	Source    string         `json:"held_source"`
	Quantum   float64        `json:"quantum"` // in units of a weight
	Layers    []LayerEnergy  `json:"layers"`
	PerImage  synapse.Energy `json:"atp_per_image"` // of all layers

	c string // as people read it
}

// Quantiles describe a distribution.
type Quantiles struct {
	P05    float64 `json:"p05"`
	P25    float64 `json:"p25"`
	Median float64 `json:"median"`
	P75    float64 `json:"p75"`
	P95    float64 `json:"p95"`
}

// LayerEnergy is the energy of a layer's synapses, without biases.
type LayerEnergy struct {
	Layer       int       `json:"layer"` // from 1
	Inputs      int       `json:"inputs"`
	Outputs     int       `json:"outputs"`
	N           Quantiles `json:"n"` // of the synapses whose mean is not 0
	P           Quantiles `json:"p"`
	Q           Quantiles `json:"q"`              // |q|, in units of a weight
	Inhibitory  int       `json:"inhibitory"`     // synapses with a negative mean, whose q is negative
	BelowOne    int       `json:"n_below_1"`      // those with less than one vesicle
	NearCertain int       `json:"p_near_1"`       // those with p above synapse.NearCertain
	Silent      int       `json:"silent"`         // those of mean 0, which have no release
	Rate        float64   `json:"rate"`           // spikes of a presynaptic unit for an image, on average
	Cost        float64   `json:"mechanism_cost"` // of a synapse by the mechanism, on average; in arbitrary units

	PerSpike synapse.Energy `json:"atp_per_spike"` // of a synapse for a presynaptic spike, on average
	PerImage synapse.Energy `json:"atp_per_image"` // of the layer
	// The part of PerImage.Postsynaptic at inhibitory synapses, which have the price of excitatory ones.
	InhibitoryPostsynaptic float64 `json:"inhibitory_postsynaptic_atp_per_image"`
}

// MeasureEnergy computes the energy of networks with noise on the test images of a set. A network without noise, whose
// releases would have to be certain, is an error.
func MeasureEnergy(ctx context.Context, set *mnist.Set, networks []train.Network, plan EnergyPlan) (*Energies, error) {
	e := &Energies{Constants: synapse.EnergyConstants(), Spikes: plan.Spikes, Examples: set.Test.N()}
	for _, n := range networks {
		if err := n.State.CheckFinite(); err != nil {
			return nil, fmt.Errorf("%s: %w", n.ID, err)
		}
		of, err := plan.network(n)
		if err != nil {
			return nil, err
		}
		c := n.Config
		c.Device = "cpu" // a pass forward needs no more
		session, err := train.Open(set, c)
		if err != nil {
			return nil, err
		}
		rates, err := session.Rates(ctx, n.State.State, set.Test, plan.Threads)
		if err != nil {
			return nil, err
		}
		figure, err := of.measure(n, plan, rates)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.ID, err)
		}
		e.Networks, e.figures = append(e.Networks, *of), append(e.figures, figure)
	}
	return e, nil
}

// network settles what the plan leaves to the network.
func (plan EnergyPlan) network(n train.Network) (*NetworkEnergy, error) {
	c := n.Config
	e := &NetworkEnergy{ID: n.ID, Hidden: train.FormatHidden(c.Hidden), Noise: c.Noise, Rho: c.Rho.String(), C: c.C,
		Seed: uint64(c.Seed), Quantum: plan.Quantum, c: c.CText()}
	if len(c.Costs) > 0 {
		e.Price = c.Costs.String()
	}
	if !c.Reads("rho") {
		e.Rho = ""
	}
	if !c.Reads("c") {
		e.C = math.NaN()
	}
	if c.Noise == "none" {
		return nil, fmt.Errorf("%s: the network has no noise: with sigma 0 each synapse would need certain release, "+
			"p = 1, or vesicles without end", n.ID)
	}
	if err := e.hold(n, plan); err != nil {
		return nil, err
	}
	if e.Quantum == 0 {
		e.Quantum = meanMagnitude(n)
	}
	if !(e.Quantum > 0) {
		return nil, fmt.Errorf("%s: every mu is 0: no synapse of the network releases anything", n.ID)
	}
	return e, nil
}

// hold settles the mechanism and what it holds. Synapses that learn n, p and q hold nothing.
func (e *NetworkEnergy) hold(n train.Network, plan EnergyPlan) error {
	if learned(n, 0) != nil {
		if plan.Held != nil {
			return &train.SettingsError{Err: fmt.Errorf("hold: the synapses of %s learn n, p and q: nothing is held", n.ID)}
		}
		e.Held, e.Source, e.Value = nothing, "learned", math.NaN()
		if plan.Mechanism != nil {
			e.Mechanism = plan.Mechanism.String()
		}
		return nil
	}
	var mechanism synapse.Mechanism
	var held synapse.Parameter
	var err error
	e.Source = "given"
	if plan.Mechanism != nil {
		mechanism, held = *plan.Mechanism, plan.Mechanism.Held()
	} else if mechanism, held, e.Value, err = pricedMechanism(n.ID, n.Config); err != nil {
		return err
	} else if e.Value > 0 {
		e.Source = "of the price"
	}
	if plan.Held != nil {
		held, e.Value, e.Source = *plan.Held, plan.Value, "given"
	}
	if e.Value == 0 {
		e.Value = held.Typical()
		for _, known := range synapse.EnergyConstants() {
			if known.Name == held.String() {
				e.Source = known.Source
			}
		}
	}
	e.Mechanism, e.Held = mechanism.String(), held.String()
	return nil
}

// nothing is held where synapses learn n, p and q.
const nothing = "nothing"

// meanMagnitude is the mean |mu| of the weights.
func meanMagnitude(n train.Network) float64 {
	sum := 0.
	for row := range n.State.Layout.Rows() {
		for _, mu := range n.State.State.Mu[row.First:][:row.In] {
			sum += math.Abs(float64(mu))
		}
	}
	return sum / float64(n.State.Weights())
}

// measure fills in the layers, and draws their distributions.
func (e *NetworkEnergy) measure(n train.Network, plan EnergyPlan, rates [][]float64) (*draw.Figure, error) {
	most := 0.
	for _, l := range n.State.Layout.Layers {
		most += float64(l.In) * float64(l.Out)
	}
	if err := memory.Check("the releases of the network's synapses", 100*most); err != nil {
		return nil, err
	}
	var all [3][][]float64 // n, p and |q| of each layer
	for i, layer := range n.State.Layout.Layers {
		values, l, err := e.layer(n, i, rates[i], plan.Spikes)
		if err != nil {
			return nil, err
		}
		l.Layer, l.Inputs, l.Outputs = i+1, layer.In, layer.Out
		for j, q := range []*Quantiles{&l.N, &l.P, &l.Q} {
			slices.Sort(values[j])
			*q = quantilesOf(values[j])
			all[j] = append(all[j], values[j])
		}
		e.PerImage.Add(1, l.PerImage)
		e.Layers = append(e.Layers, l)
	}
	return e.figure(all)
}

// release is that of a synapse of a layer, given its slot and its mean, which is not 0, and standard deviation.
func (e *NetworkEnergy) release(n train.Network, layer, slot int, mu, sigma float64) (synapse.Release, error) {
	if sigma == 0 {
		return synapse.Release{}, fmt.Errorf("layer %d: a sigma is 0: its synapse would need certain release, p = 1, or "+
			"vesicles without end", layer+1)
	}
	if r := learned(n, slot); r != nil {
		return *r, nil
	}
	held := synapse.P
	if e.Held == synapse.N.String() {
		held = synapse.N
	}
	return synapse.FromMoments(math.Abs(mu), sigma, held, e.Value)
}

// layer computes the releases of a layer's synapses, without those of mean 0, and what they cost.
func (e *NetworkEnergy) layer(n train.Network, i int, rates []float64, spikes float64) (values [3][]float64,
	l LayerEnergy, err error) {
	cost := func(synapse.Release) float64 { return math.NaN() }
	if mechanism, err := synapse.NamedMechanism(e.Mechanism); err == nil {
		cost = mechanism.Cost
	}
	layer, sigmas := n.State.Layout.Layers[i], n.State.Sigmas(i)
	for r := range layer.Out {
		at := n.State.Layout.Slot(i, r, 0)
		for k := range layer.In {
			mu, sigma := float64(n.State.State.Mu[at+k]), float64(sigmas[r*layer.In+k])
			if mu == 0 {
				l.Silent++
				continue
			}
			release, err := e.release(n, i, at+k, mu, sigma)
			if err != nil {
				return values, l, err
			}
			for j, v := range []float64{release.N, release.P, release.Q} {
				values[j] = append(values[j], v)
			}
			if release.N < 1 {
				l.BelowOne++
			}
			if release.P > synapse.NearCertain {
				l.NearCertain++
			}
			energy := release.Energy(e.Quantum)
			l.Cost += cost(release)
			l.PerSpike.Add(1, energy)
			l.PerImage.Add(spikes*rates[k], energy)
			if mu < 0 {
				l.Inhibitory++
				l.InhibitoryPostsynaptic += spikes * rates[k] * energy.Postsynaptic
			}
		}
	}
	each := 1 / float64(layer.In*layer.Out)
	sum := l.PerSpike
	l.PerSpike = synapse.Energy{}
	l.PerSpike.Add(each, sum)
	l.Cost *= each
	l.Rate = spikes * stat.Mean(rates, nil)
	return values, l, nil
}

// quantilesOf are those of ascending values; NaN without any.
func quantilesOf(sorted []float64) Quantiles {
	at := func(p float64) float64 {
		if len(sorted) == 0 {
			return math.NaN()
		}
		return stat.Quantile(p, stat.Empirical, sorted, nil)
	}
	return Quantiles{at(0.05), at(0.25), at(0.5), at(0.75), at(0.95)}
}

// figure draws the distributions in each layer of what is not held, and the ATP by what it is spent on.
func (e *NetworkEnergy) figure(values [3][][]float64) (*draw.Figure, error) {
	var names []string
	var spike, image []synapse.Energy
	for _, l := range e.Layers {
		names, spike, image = append(names, layerName(l.Layer)), append(spike, l.PerSpike), append(image, l.PerImage)
	}
	var panels []draw.Panel
	for j, label := range []string{"Vesicles n", "Odds of release p/(1-p)", "Quantal size |q| (weight)"} {
		if synapse.Parameter(j).String() == e.Held {
			continue
		}
		if synapse.Parameter(j) == synapse.P { // near 1 a probability tells little
			for _, layer := range values[j] {
				for i, p := range layer {
					layer[i] = p / (1 - p)
				}
			}
		}
		p, err := tables.LogDistribution(label, names, values[j])
		if err != nil {
			return nil, err
		}
		panels = append(panels, p)
	}
	return draw.NewFigure(draw.Grid(2, draw.RowHeight, append(panels, energyBars("ATP per spike and synapse", spike),
		energyBars("ATP per image", image))...))
}

func layerName(layer int) string { return fmt.Sprintf("layer %d", layer) }

// energyBars are the parts of the energies of layers, the layers beside each other.
func energyBars(label string, layers []synapse.Energy) draw.Panel {
	names := []string{"postsynaptic", "transmitter", "calcium", "vesicle\ncycle"}
	p := draw.Panel{X: draw.Axis{Max: float64(len(names))}, Y: draw.Axis{Label: label, Log: true}}
	low, high := math.Inf(1), 0.
	var values [][]float64
	for _, e := range layers {
		values = append(values, []float64{e.Postsynaptic, e.Transmitter, e.Calcium, e.Cycle})
		for _, v := range values[len(values)-1] {
			if v > 0 && finite(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	p.Y.Min, p.Y.Max = math.Pow(10, math.Floor(math.Log10(low))-0.3), 2*high
	width := 0.8 / float64(len(layers))
	for i, row := range values {
		for j, v := range row {
			if !(v > 0 && finite(v)) {
				continue
			}
			left, bottom, look := float64(j)+0.1+width*float64(i), p.Y.Min, draw.Series(i)
			look.Label = layerName(i + 1)
			look.X, look.Y = []float64{left, left, left + width, left + width}, []float64{bottom, v, v, bottom}
			p.Layers = append(p.Layers, draw.Box(look.Label, left, left+width, bottom, v, look.Color, false), look)
		}
	}
	for j, name := range names {
		p.X.Names = append(p.X.Names, draw.Name{At: float64(j) + 0.5, Text: name})
	}
	return p
}

// EnergyRow is a row of energy.csv: a layer of a network.
type EnergyRow struct {
	ID        string  `json:"id"`
	Hidden    string  `json:"hidden"`
	Noise     string  `json:"noise"`
	Rho       string  `json:"rho"`  // empty where no cost reads it
	C         float64 `json:"c"`    // NaN where no cost reads it
	Price     string  `json:"cost"` // what synapses pay in training; empty for the paper's costs
	Seed      uint64  `json:"seed"`
	Mechanism string  `json:"mechanism"`
	Held      string  `json:"held"`
	Value     float64 `json:"held_value"`
	Quantum   float64 `json:"quantum"`

	Layer       int     `json:"layer"`
	Inputs      int     `json:"inputs"`
	Outputs     int     `json:"outputs"`
	N05         float64 `json:"n_05"`
	N50         float64 `json:"n_50"`
	N95         float64 `json:"n_95"`
	P05         float64 `json:"p_05"`
	P50         float64 `json:"p_50"`
	P95         float64 `json:"p_95"`
	Q05         float64 `json:"q_05"`
	Q50         float64 `json:"q_50"`
	Q95         float64 `json:"q_95"`
	Inhibitory  int     `json:"inhibitory"`
	BelowOne    int     `json:"n_below_1"`
	NearCertain int     `json:"p_near_1"`
	Silent      int     `json:"silent"`
	Rate        float64 `json:"rate"`
	Cost        float64 `json:"mechanism_cost"`
	PerSpike    float64 `json:"atp_per_spike"`
	PerImage    float64 `json:"atp_per_image"`

	synapse.Energy                 // the parts of PerImage
	InhibitoryPostsynaptic float64 `json:"inhibitory_postsynaptic"`
}

// Rows are the rows of energy.csv.
func (e *Energies) Rows() []EnergyRow {
	var rows []EnergyRow
	for _, n := range e.Networks {
		for _, l := range n.Layers {
			rows = append(rows, EnergyRow{n.ID, n.Hidden, n.Noise, n.Rho, n.C, n.Price, n.Seed, n.Mechanism, n.Held, n.Value,
				n.Quantum, l.Layer, l.Inputs, l.Outputs, l.N.P05, l.N.Median, l.N.P95, l.P.P05, l.P.Median, l.P.P95, l.Q.P05,
				l.Q.Median, l.Q.P95, l.Inhibitory, l.BelowOne, l.NearCertain, l.Silent, l.Rate, l.Cost, l.PerSpike.Total(),
				l.PerImage.Total(), l.PerImage, l.InhibitoryPostsynaptic})
		}
	}
	return rows
}

// Save writes the rows as energy.csv and energy.jsonl and a picture of each network into a folder, and names the files.
func (e *Energies) Save(dir string) ([]string, error) {
	files, err := tables.WriteRows(dir, "energy", e.Rows())
	if err != nil {
		return nil, err
	}
	for i, n := range e.Networks {
		name := "energy"
		if len(e.Networks) > 1 {
			name += "-" + n.ID
		}
		saved, err := draw.Illustration{Name: name, Title: "Quantal release and ATP of " + n.ID, Figure: e.figures[i],
			Caption: e.caption(n), Numbers: n}.Save(dir)
		if err != nil {
			return nil, err
		}
		files = append(files, saved...)
	}
	return files, nil
}

func (e *Energies) caption(n NetworkEnergy) string {
	var constants []string
	for _, c := range e.Constants {
		assumed := ""
		if c.Assumed {
			assumed = "; assumed"
		}
		constants = append(constants, fmt.Sprintf("%s %g %s: %s (%s%s)", c.Name, c.Value, c.Unit, c.Meaning, c.Source,
			assumed))
	}
	price := fmt.Sprintf("rho %s, c %s", n.Rho, n.c)
	if n.Price != "" {
		price = "price " + n.Price
	}
	release, cost, drawn := fmt.Sprintf(
		"the release that the mean and the standard deviation of each synapse need if %s is "+
			"held at %g (%s)", n.Held, n.Value, n.Source), "mechanism "+n.Mechanism, []string{"A, B", "C", "D"}
	if n.Held == nothing {
		release, cost, drawn = "the release that each synapse has learned", "", []string{"A, B, C", "D", "E"}
	}
	return fmt.Sprintf(
		"%s: %s; biases and synapses of mean 0 are left out. %s: ATP of a presynaptic spike at a synapse, on "+
			"average over the layer, by what it is spent on. %s: ATP of a test image in all synapses of the layer. Network %s: "+
			"hidden %s, %s, seed %d; %s.\n"+
			"A unit sends %g spikes for an image and unit of |activation|, the mean over %d test images with the weights at "+
			"their means; an input below 0 counts by its size. One quantum is a weight of %.4g.\nConstants: %s.",
		drawn[0], release, drawn[1], drawn[2], n.ID, n.Hidden, price, n.Seed, cmp.Or(cost, "n, p and q learned"), e.Spikes,
		e.Examples, n.Quantum, strings.Join(constants, "; "))
}
