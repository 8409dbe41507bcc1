package analysis

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"quantal/results/draw"
	"quantal/results/store"
	"quantal/results/tables"
)

// EnergyOverview is a row of energy-networks.csv: a network of a grid.
type EnergyOverview struct {
	ID        string  `json:"id"`
	Hidden    string  `json:"hidden"`
	Noise     string  `json:"noise"`
	Rho       string  `json:"rho"`  // empty where no cost reads it
	C         float64 `json:"c"`    // NaN where no cost reads it
	Price     string  `json:"cost"` // what synapses pay in training; empty for the paper's costs
	Set       string  `json:"set"`  // the numbers that it reads
	Seed      uint64  `json:"seed"`
	Mechanism string  `json:"mechanism"`
	Held      string  `json:"held"`
	Value     float64 `json:"held_value"`
	Quantum   float64 `json:"quantum"`
	Accuracy  float64 `json:"accuracy_sampled"`
	SigmaRMS  float64 `json:"sigma_rms"`
	PerImage  float64 `json:"atp_per_image"`    // of all layers
	Reliable  float64 `json:"atp_reliability"`  // its parts for calcium and the vesicle cycle, which depend on sigma
	Mean      float64 `json:"atp_transmission"` // its parts for transmitter and postsynaptic current, which go as the mean
}

// Overview has a row for each network of a grid, by what it pays, noise, c and seed, from the records of the grid.
func (e *Energies) Overview(records []store.Record) []EnergyOverview {
	var rows []EnergyOverview
	for _, n := range e.Networks {
		i := slices.IndexFunc(records, func(r store.Record) bool { return r.ID == n.ID })
		if i < 0 {
			continue
		}
		r, p := records[i], n.PerImage
		rows = append(rows, EnergyOverview{n.ID, n.Hidden, n.Noise, n.Rho, n.C, n.Price, r.Later.Text("set"), n.Seed,
			n.Mechanism, n.Held, n.Value, n.Quantum, r.AccuracySampled, r.SigmaRMS, p.Total(), p.Calcium + p.Cycle,
			p.Transmitter + p.Postsynaptic})
	}
	slices.SortStableFunc(rows, func(a, b EnergyOverview) int {
		return cmp.Or(strings.Compare(a.kind(), b.kind()), cmp.Compare(a.C, b.C), cmp.Compare(a.Seed, b.Seed))
	})
	return rows
}

// kind is all but c and seed in which networks of a grid differ here.
func (r EnergyOverview) kind() string {
	return strings.Join([]string{r.Hidden, r.Price, r.Set, r.Rho, r.Noise}, "\n")
}

// label is a kind for people, by what differs among them.
func (r EnergyOverview) label(rows []EnergyOverview) string {
	price := "ρ = " + r.Rho
	if r.Price != "" {
		price = r.Price
		if _, formula, one := strings.Cut(price, " = "); one && !strings.Contains(price, ";") {
			price = formula
		}
	}
	const most = 32 // characters
	if text := []rune(price); len(text) > most {
		price = string(text[:most-1]) + "…"
	}
	parts := []string{price}
	for _, of := range []func(EnergyOverview) string{
		func(r EnergyOverview) string { return r.Set }, func(r EnergyOverview) string { return r.Hidden },
		func(r EnergyOverview) string { return r.Noise },
	} {
		differs := slices.ContainsFunc(rows, func(o EnergyOverview) bool { return of(o) != of(r) })
		if text := of(r); differs && text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ")
}

// overviewFigure draws the ATP of an image over c and over the accuracy, in all and for reliability alone, each point
// the mean over seeds.
func overviewFigure(rows []EnergyOverview) (*draw.Figure, error) {
	c := draw.Axis{Label: "Cost multiplier c (nats)", Log: true, Room: 6}
	accuracy := draw.Axis{Label: "Test accuracy (%)"}
	var panels []draw.Panel
	for _, y := range []struct {
		label string
		of    func(EnergyOverview) float64
	}{{"ATP per image", func(r EnergyOverview) float64 { return r.PerImage }},
		{"ATP for reliability", func(r EnergyOverview) float64 { return r.Reliable }}} {
		for _, x := range []struct {
			draw.Axis
			of func(EnergyOverview) float64
		}{{c, func(r EnergyOverview) float64 { return r.C }},
			{accuracy, func(r EnergyOverview) float64 { return 100 * r.Accuracy }}} {
			p := draw.Panel{X: x.Axis, Y: draw.Axis{Label: y.label, Log: true, Room: 6}}
			kinds := 0
			for from := 0; from < len(rows); {
				look := draw.Series(kinds)
				look.Label, look.Mark = rows[from].label(rows), draw.Dot
				to := from
				for to < len(rows) && rows[to].kind() == rows[from].kind() {
					end := to + 1
					for end < len(rows) && rows[end].kind() == rows[to].kind() && same(rows[end].C, rows[to].C) {
						end++
					}
					if u, v := meanOf(rows[to:end], x.of), meanOf(rows[to:end], y.of); finite(x.Place(u)) && finite(p.Y.Place(v)) {
						look.X, look.Y = append(look.X, u), append(look.Y, v)
					}
					to = end
				}
				if len(look.X) > 0 {
					p.Layers = append(p.Layers, look)
				}
				kinds, from = kinds+1, to
			}
			if len(p.Layers) > 0 {
				panels = append(panels, p)
			}
		}
	}
	return draw.NewFigure(draw.Grid(2, draw.RowHeight, panels...))
}

func same(a, b float64) bool { return a == b || a != a && b != b }

func meanOf(rows []EnergyOverview, of func(EnergyOverview) float64) float64 {
	sum := 0.
	for _, r := range rows {
		sum += of(r)
	}
	return sum / float64(len(rows))
}

// SaveOverview writes the overview of a grid's networks, energy-networks.csv and .jsonl and a picture, into a folder,
// and names the files.
func (e *Energies) SaveOverview(dir string, records []store.Record) ([]string, error) {
	rows := e.Overview(records)
	files, err := tables.WriteRows(dir, "energy-networks", rows)
	if err != nil {
		return nil, err
	}
	figure, err := overviewFigure(rows)
	if err != nil {
		return nil, err
	}
	low, high := math.Inf(1), 0.
	for _, r := range rows {
		low, high = min(low, r.Quantum), max(high, r.Quantum)
	}
	quanta := fmt.Sprintf("One quantum is a weight of %.4g.", low)
	if high > low {
		quanta = fmt.Sprintf("One quantum is the mean |mu| of each network, %.4g to %.4g, so that networks with larger "+
			"weights do not pay more for them; --quantum gives all the same.", low, high)
	}
	saved, err := draw.Illustration{Name: "energy-networks", Title: "ATP of the networks of the grid", Figure: figure,
		Caption: fmt.Sprintf("ATP of a test image in all synapses, over the multiplier of the cost and over the accuracy "+
			"with sampled weights, and its part for reliability: calcium and the vesicle cycle, which depend on sigma; "+
			"transmitter and postsynaptic current go as the mean. Means over seeds. Networks whose cost does not read c are "+
			"over the accuracy only. %s Spikes of a unit for an image: %g times its mean |activation|. The pictures of the "+
			"networks state constants and sources.", quanta, e.Spikes), Numbers: rows}.Save(dir)
	return append(files, saved...), err
}
