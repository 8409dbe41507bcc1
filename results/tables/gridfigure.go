package tables

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"
	"strings"

	"quantal/results/draw"
	"quantal/results/store"
	"quantal/synapse"
)

// NamedFigure is a figure with the name of its file, without the extension, and what it shows.
type NamedFigure struct {
	Name, Caption string
	*draw.Figure
}

// quantity is what is drawn along an axis.
type quantity struct {
	draw.Axis
	ours      func(Group) Interval
	published func(Published) float64
}

// testAccuracy is R² of networks that fit numbers.
func testAccuracy(groups []Group) quantity {
	if slices.ContainsFunc(groups, func(g Group) bool { return len(g.Done) > 0 && g.Done[0].R2Sampled != nil }) {
		return quantity{draw.Axis{Label: "Test R²", Most: 1},
			func(g Group) Interval { return g.Interval(func(o store.Outcome) float64 { return or(o.R2Sampled) }) },
			func(Published) float64 { return math.NaN() }}
	}
	return quantity{draw.Axis{Label: "Test accuracy (%)", Least: 0, Most: 100},
		func(g Group) Interval {
			return g.Interval(func(o store.Outcome) float64 { return 100 * o.AccuracySampled })
		},
		func(p Published) float64 { return p.AccuracyPercent }}
}

func noiseLevel() quantity {
	return quantity{draw.Axis{Label: "σ (rms over weights)", Log: true},
		func(g Group) Interval { return g.Interval(func(o store.Outcome) float64 { return o.SigmaRMS }) },
		func(p Published) float64 { return p.SigmaRMS }}
}

// mixedCosts is the label of an axis that has both; a longer one has no room beside a panel.
const mixedCosts = "Cost (see below)"

// reliabilityCost is that of the paper's costs; networks with others have the sum of what their synapses pay.
func reliabilityCost(columns []column) quantity {
	q := quantity{draw.Axis{Label: "Reliability cost Σσ^{−ρ}/ρ", Log: true},
		func(g Group) Interval {
			return g.Interval(func(o store.Outcome) float64 {
				if len(o.ObjectiveCosts) > 0 {
					return o.ObjectiveCosts.Sum()
				}
				return o.ReliabilityCost
			})
		},
		func(p Published) float64 { return p.ReliabilityCost }}
	others := len(slices.DeleteFunc(slices.Clone(columns), func(c column) bool { return c.cost == "" }))
	switch {
	case others > 0 && others == len(columns):
		q.Label = "Cost of all synapses (nats)"
	case others > 0:
		q.Label = mixedCosts
	}
	return q
}

// relation is a row of panels: one quantity over another.
type relation struct{ y, x quantity }

// Figures draws the results of the grid like EES Fig. 2 and 3, with a column for each rho: fig2 has the test accuracy
// and sigma over the cost multiplier c, fig3 the accuracy over sigma, the reliability cost over sigma, and the accuracy
// over that cost. Accuracies are accuracy_sampled. A line joins the means over seeds, in the order of c, and is
// interrupted at a network that diverged and where published values lie between; a band is the 95 % interval. Published
// values, if there are any, are open marks. Where a number of the costs takes more values than c, it has the place of
// c, and names have -over- and the number; where it takes as many, there are both. If more than noise, costs and seed
// varies besides, each combination of the rest has its own figures; published values are in those of their kind. title
// names what synapses pay. A panel with a single point is not drawn; where that leaves nothing, and where there are
// several figures, Chart has what they leave out. With nothing to draw, an error says why.
func (g *Grid) Figures(title func(store.Settings) string, published []Published) ([]NamedFigure, error) {
	var figures []NamedFigure
	several := false
	for _, a := range drawnAlong(Groups(g.Records)) {
		variants := variantsOf(g.Records, a)
		for i := range variants {
			variants[i].dropSingle(a, published)
		}
		variants = slices.DeleteFunc(variants, func(v variant) bool { return len(v.columns()) == 0 })
		several = several || len(variants) > 1
		for _, v := range variants {
			list, err := g.figuresOf(v, a, len(variants) > 1, title, published)
			if err != nil {
				return nil, err
			}
			figures = append(figures, list...)
		}
	}
	if len(figures) > 0 && !several {
		return figures, nil
	}
	charts, err := g.Chart(Chart{})
	switch {
	case errors.Is(err, store.ErrNothing) && len(figures) == 0:
		return nil, fmt.Errorf("tables: %s: %w", g.Dir, g.nothingToDraw())
	case err != nil && !errors.Is(err, store.ErrNothing):
		return nil, err
	}
	return append(figures, charts...), nil
}

// figuresOf are those of a variant, which may be one of several.
func (g *Grid) figuresOf(v variant, a along, several bool, title func(store.Settings) string, published []Published) (
	figures []NamedFigure, err error) {
	name, about, over := "", "", "the multiplier c of the reliability cost, as EES Fig. 2"
	if a != alongC {
		published = nil
		name, over = "-over-"+string(a), fmt.Sprintf("%s, a number of the cost, as EES Fig. 2 over c", a)
	}
	if several {
		name += "-" + inFileName(v.label)
		about = " " + v.label + "."
	}
	reference, misfit := v.reference(published)
	cost, x := reliabilityCost(v.columns()), a.quantity(v.groups)
	for _, f := range []struct {
		name, caption string
		rows          []relation
	}{
		{"fig2", "Test accuracy and noise over " + over + ".",
			[]relation{{testAccuracy(v.groups), x}, {noiseLevel(), x}}},
		{"fig3", "Test accuracy over noise, reliability cost over noise, and test accuracy over reliability cost, as " +
			"EES Fig. 3.",
			[]relation{{testAccuracy(v.groups), noiseLevel()}, {cost, noiseLevel()}, {testAccuracy(v.groups), cost}}},
	} {
		shown, remark := v, g.remark()
		if v.single > 0 {
			remark += fmt.Sprintf(" %s with a single %s %s not drawn.", count(v.single, "cost"), a, isAre(v.single))
		}
		if f.name == "fig2" { // those that have a place on the axis
			shown.groups = slices.DeleteFunc(slices.Clone(v.groups), func(g Group) bool {
				return g.Noise != store.WithoutNoise && math.IsNaN(a.of(g.Settings)) && g.Layers("c") == ""
			})
		}
		figure, err := newSheet(shown, f.rows, title, reference).figure(strings.TrimSpace(about + " " + remark + misfit))
		if err != nil {
			return nil, fmt.Errorf("tables: %s: %w", f.name+name, err)
		}
		figures = append(figures, NamedFigure{f.name + name, f.caption + about, figure})
	}
	return figures, nil
}

// inFileName is a label as part of the name of a file. Of a long one, such as that of a deep network, a sum takes the
// place of the end.
func inFileName(label string) string {
	const most, sum = 100, 8
	name := strings.NewReplacer(" ", "", ",", "-", "/", "_").Replace(label)
	if len(name) > most {
		name = fmt.Sprintf("%s-%0*x", strings.ToValidUTF8(name[:most-sum-1], ""), sum, crc32.ChecksumIEEE([]byte(label)))
	}
	return name
}

func (g *Grid) nothingToDraw() error {
	switch {
	case len(g.Records) == 0:
		return store.Nothing("no point has finished yet: nothing to draw")
	case !slices.ContainsFunc(g.Records, func(r store.Record) bool { return r.Status == store.Done }):
		return store.Nothing("every finished point has diverged: nothing to draw")
	}
	return store.Nothing("no two finished networks differ in a setting or in their seed: nothing to draw over")
}

// remark says which parts of the grid are not in the figures.
func (g *Grid) remark() string {
	missing := g.Missing()
	if missing <= 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d points have not finished.", missing, g.Points)
}

// variant is a set of networks that differ only in noise, costs, rho, c and seed.
type variant struct {
	label  string           // settings that they share and others do not: "lambda 0.01, batch 20"
	values map[along]string // of c and the numbers that vary, besides what the variant is along
	groups []Group
	single int // costs left out: see dropSingle
}

// agrees reports whether values are not others than those of the variant.
func (v variant) agrees(values map[along]string) bool {
	for name, value := range values {
		if other, there := v.values[name]; there && other != value {
			return false
		}
	}
	return true
}

// variantsOf splits records into variants along c or a number of the costs, in the order of their settings. A number
// that is the same in all networks of a cost belongs to the cost. Networks whose costs do not read what others vary, as
// many without noise, are in each variant of their kind.
func variantsOf(records []store.Record, a along) []variant {
	groups := Groups(records)
	names, in := varied(settingsOf(groups))
	var list []variant
	var kinds []store.Settings
	for _, all := range []bool{true, false} { // those that read all that varies; then the others
		for _, g := range groups {
			kind, values := kindOf(g.Settings), in(g.Settings)
			if (len(values) == len(names)) != all {
				continue
			}
			delete(values, a)
			fits := false
			for i, v := range list {
				if kinds[i] == kind && v.agrees(values) {
					list[i].groups, fits = append(v.groups, g), true
				}
			}
			if !fits {
				list, kinds = append(list, variant{values: values, groups: []Group{g}}), append(kinds, kind)
			}
		}
	}
	label := differences(kinds)
	for i, v := range list {
		parts := label(kinds[i])
		for _, name := range slices.Sorted(maps.Keys(v.values)) {
			if slices.ContainsFunc(list, func(o variant) bool { return o.values[name] != v.values[name] }) {
				parts = append(parts, string(name)+" "+v.values[name])
			}
		}
		list[i].label = strings.Join(parts, ", ")
		if a != alongC { // their settings order them by c first
			slices.SortStableFunc(v.groups, a.compare)
		}
	}
	return list
}

// dropSingle leaves out costs with a single place on the axis, unless there are published values to see beside it.
func (v *variant) dropSingle(a along, published []Published) {
	if reference, _ := v.reference(published); a == alongC && len(reference) > 0 {
		return
	}
	places := map[[2]string]map[float64]bool{}
	costOf := func(g Group) [2]string { return [2]string{g.Later.Text(costColumn), fmt.Sprint(g.RhoValue)} }
	for _, g := range v.groups {
		if places[costOf(g)] == nil && g.Noise != store.WithoutNoise {
			places[costOf(g)] = map[float64]bool{}
		}
		if at := a.of(g.Settings); len(g.Done) > 0 && g.Noise != store.WithoutNoise && finite(at) {
			places[costOf(g)][at] = true
		}
	}
	for _, at := range places {
		if len(at) < 2 {
			v.single++
		}
	}
	v.groups = slices.DeleteFunc(slices.Clone(v.groups), func(g Group) bool {
		return g.Noise != store.WithoutNoise && len(places[costOf(g)]) < 2
	})
}

// withoutNoise is the test accuracy in percent of the networks without noise, NaN if there is none.
func (v variant) withoutNoise() float64 {
	for _, g := range v.groups {
		if g.Noise == store.WithoutNoise {
			return testAccuracy(v.groups).ours(g).Mean
		}
	}
	return math.NaN()
}

// column is the groups whose synapses pay the same.
type column struct {
	rho    synapse.Power
	cost   string         // empty for the paper's, whose exponent is rho
	about  store.Settings // of the first
	groups []Group        // by noise, then c
}

// reference is the published values for networks of this kind, and a remark if there are none among those given.
func (v variant) reference(published []Published) (reference []Published, remark string) {
	for _, p := range published {
		if len(p.differences(v.groups[0].Settings)) == 0 {
			reference = append(reference, p)
		}
	}
	if len(published) > 0 && len(reference) == 0 {
		remark = " The published values are of other networks, and not shown."
	}
	return reference, remark
}

// columns lists the costs with something to draw, the paper's first.
func (v variant) columns() []column {
	var list []column
	for _, g := range v.groups {
		if g.Noise == store.WithoutNoise || g.Layers("rho_value")+g.Layers("c") != "" { // no place on the axis
			continue
		}
		rho, cost := synapse.Power(g.RhoValue), g.Later.Text(costColumn)
		i := slices.IndexFunc(list, func(c column) bool { return c.rho == rho && c.cost == cost })
		if i < 0 {
			i = len(list)
			list = append(list, column{rho: rho, cost: cost, about: g.Settings})
		}
		list[i].groups = append(list[i].groups, g)
	}
	list = slices.DeleteFunc(list, func(c column) bool {
		return !slices.ContainsFunc(c.groups, func(g Group) bool { return len(g.Done) > 0 })
	})
	slices.SortFunc(list, func(a, b column) int {
		return cmp.Or(strings.Compare(a.cost, b.cost), cmp.Compare(a.rho, b.rho))
	})
	return list
}
