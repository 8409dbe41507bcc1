package analysis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"quantal/grid"
	"quantal/mnist"
	"quantal/results/draw"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/synapse"
	"quantal/train"
)

// Paper is what the figures of the paper are drawn from. What is nil is not at hand, and its figures are left out.
type Paper struct {
	Seed  uint64 // of everything random
	Quick bool   // as little work as still shows what the figures show

	Experiment *Experiment  // measurements, for Fig. 6
	Tradeoff   *tables.Grid // a grid over c, for Fig. 2 and 3
	Patterns   *Patterns    // of networks with the paper's c, for Fig. 5 and Appendix 5 and 6
}

// PaperFigure is one of the paper's figures.
type PaperFigure struct {
	Name  string
	Needs string                                           // what it is drawn from, where that may not be at hand
	Draw  func(context.Context) (draw.Illustration, error) // ErrNoNetworks if it is not
}

// The commands that make what figures are drawn from.
const (
	needsMeasurements = "needs the authors' files of measurements: --ko FILE and --sjostrom FILE"
	needsTradeoff     = "needs the folder of a grid over c, as `quantal grid --preset fig2 --out FOLDER` makes it, or " +
		"--quick"
	needsPatterns = "needs the folder of a grid, as `quantal grid --s 0.001 --rho " +
		"calcium,membrane,actin,trafficking --vary hidden=100x100,none --out FOLDER` makes it, or --quick"
	needsCosts = "needs networks with a tenth and ten times the c of s = 0.001 besides, as `quantal grid --rho RHO " +
		"--c C,C --out FOLDER` adds them for each rho, or --quick"
)

// bootstrap is the default one with the paper's seed.
func (p *Paper) bootstrap() Bootstrap {
	b := DefaultBootstrap()
	b.Seed = p.Seed
	return b
}

// Figures lists the figures in the order of the paper.
func (p *Paper) Figures() []PaperFigure {
	pattern := func(name string, of func(*Patterns) (draw.Illustration, error), needs string) PaperFigure {
		return PaperFigure{name, needs, func(context.Context) (draw.Illustration, error) {
			if p.Patterns == nil {
				return draw.Illustration{}, ErrNoNetworks
			}
			return of(p.Patterns)
		}}
	}
	return []PaperFigure{
		{"fig1", "", func(context.Context) (draw.Illustration, error) {
			const draws = 10000
			return illustrate(AnalyseRelease(synapse.Release{N: 10, P: 0.3, Q: 1}, draws, p.Seed))
		}},
		p.tradeoffFigure("fig2", "Accuracy and noise over the cost of reliability (EES Fig. 2)"),
		p.tradeoffFigure("fig3", "The tradeoff between accuracy and reliability (EES Fig. 3)"),
		{"fig4", "", func(context.Context) (draw.Illustration, error) { return illustrate(DefaultTwoWeights(p.Seed)) }},
		pattern("fig5", (*Patterns).Figure5, needsPatterns),
		{"fig6", needsMeasurements, func(context.Context) (draw.Illustration, error) {
			if p.Experiment == nil {
				return draw.Illustration{}, ErrNoNetworks
			}
			return p.Experiment.Illustration()
		}},
		{"fig7", "", func(context.Context) (draw.Illustration, error) { return illustrate(DefaultPosterior()) }},
		{"appendix2", "", func(ctx context.Context) (draw.Illustration, error) {
			return illustrate(TrainGLM(ctx, p.Seed, p.bootstrap(), p.Quick))
		}},
		{"appendix4", "", func(ctx context.Context) (draw.Illustration, error) {
			return illustrate(TrainRegression(ctx, p.Seed, p.Quick))
		}},
		pattern("appendix5", (*Patterns).Appendix5, needsPatterns),
		pattern("appendix6-fig1", (*Patterns).Appendix6Layers, needsPatterns),
		pattern("appendix6-fig2", (*Patterns).Appendix6Costs, needsCosts),
	}
}

// illustrate draws what an analysis has found.
func illustrate(found interface {
	Illustration() (draw.Illustration, error)
}, err error) (draw.Illustration, error) {
	if err != nil {
		return draw.Illustration{}, err
	}
	return found.Illustration()
}

// tradeoffFigure is a figure of a grid over c.
func (p *Paper) tradeoffFigure(name, title string) PaperFigure {
	return PaperFigure{name, needsTradeoff, func(context.Context) (draw.Illustration, error) {
		if p.Tradeoff == nil {
			return draw.Illustration{}, ErrNoNetworks
		}
		figures, err := p.Tradeoff.Figures(train.DescribeSettings, nil)
		if err != nil {
			return draw.Illustration{}, err
		}
		for _, f := range figures {
			if f.Name == name {
				caption, numbers, err := p.Tradeoff.Summary()
				return draw.Illustration{
					Name: name, Title: title, Figure: f.Figure, Numbers: numbers, Caption: f.Caption + "\n" + caption,
				}, err
			}
		}
		return draw.Illustration{}, ErrNoNetworks
	}}
}

// ReadNetworks takes what the networks in the folders of runs and grids have to show: the tradeoff of the first grid
// that has several c for an exponent, and the patterns of noise of all networks with the paper's c or a multiple of it.
// Progress, if not nil, is told of the steps done and to do.
func (p *Paper) ReadNetworks(ctx context.Context, folders []string, r Reading, progress func(done, steps int)) error {
	all := &Trained{}
	r.Keep = func(c train.Config) bool {
		_, ok := PaperFactor(c)
		return ok && c.Noise == perSynapse
	}
	for _, dir := range folders {
		if grid.Is(dir) && p.Tradeoff == nil {
			g, _, err := grid.ReadFinished(r.Host, dir)
			if err != nil {
				return err
			}
			if severalCosts(g.Records) {
				p.Tradeoff = g
			}
		}
		t, err := ReadTrained(ctx, dir, r)
		if err != nil {
			return err
		}
		if len(t.Networks) == 0 {
			continue
		}
		if all.Set != nil && all.Networks[0].Config.Data != t.Networks[0].Config.Data {
			return &train.SettingsError{Err: fmt.Errorf("figures: the networks in %s learned %s, those before %s: want one "+
				"data set", dir, t.Networks[0].Config.Data, all.Networks[0].Config.Data)}
		}
		all.Set, all.Networks = t.Set, append(all.Networks, t.Networks...)
	}
	if len(all.Networks) == 0 {
		return nil
	}
	epochs := 10 // as in the paper
	if p.Quick {
		epochs = 2
	}
	var err error
	p.Patterns, err = MeasurePatterns(ctx, all.Set, all.Networks, epochs, p.bootstrap(), progress)
	return err
}

// severalCosts reports whether an exponent has so many c that a figure can go over them.
func severalCosts(records []store.Record) bool {
	values := map[string]map[float64]bool{}
	for _, r := range records {
		if values[r.Rho] == nil {
			values[r.Rho] = map[float64]bool{}
		}
		if values[r.Rho][r.C] = true; len(values[r.Rho]) > 3 {
			return true
		}
	}
	return false
}

// Draw draws all figures into a folder, with their captions and numbers, the slopes of the patterns as a table, and a
// page of all, report.html, and names the files. It tells of each figure: drawn, with the picture's file, or left out.
func (p *Paper) Draw(ctx context.Context, dir string, drawn func(f draw.Illustration, picture string),
	leftOut func(PaperFigure)) ([]string, error) {
	files := []string{}
	for _, f := range p.Figures() {
		drawing, err := f.Draw(ctx)
		if errors.Is(err, ErrNoNetworks) {
			leftOut(f)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("analysis: %s: %w", f.Name, err)
		}
		saved, err := drawing.Save(dir)
		if err != nil {
			return nil, err
		}
		files = append(files, saved...)
		drawn(drawing, saved[1])
	}
	if p.Patterns != nil {
		saved, err := tables.WriteRows(dir, "slopes", p.Patterns.Rows())
		if err != nil {
			return nil, err
		}
		files = append(files, saved...)
	}
	drawings, err := draw.ReadDrawings(os.DirFS(dir), dir)
	if err != nil {
		return nil, err
	}
	page := filepath.Join(dir, "report.html")
	report := tables.Report{Title: "Figures of Malkin et al. 2024",
		Sections: []tables.Section{{Title: "Figures", Drawings: drawings}}}
	return append(files, page), report.Write(page)
}

// QuickGrid is a small grid from which figures of the paper can be drawn.
type QuickGrid struct {
	Name   string // of its folder
	Points []grid.Point
}

// QuickGrids are small grids on a data set, named data in their settings, that show what the paper's figures show: how
// accuracy and noise go over c, and the patterns of noise. As in a demo, the learning rate is larger than the published
// one, for Adam moves phi by at most that per step.
func QuickGrids(set *mnist.Set, data string, seed uint64) ([]QuickGrid, error) {
	base, err := train.Preset("published")
	if err != nil {
		return nil, err
	}
	base.Data, base.Seed, base.LearningRate, base.Draws = data, store.Seed(seed), 1e-3, 0
	base.Settle(set)
	mechanisms := grid.Axis{Name: "rho"}
	for _, m := range synapse.Mechanisms() {
		mechanisms.Values = append(mechanisms.Values, m.String())
	}
	tradeoff := base
	tradeoff.Hidden, tradeoff.Epochs, tradeoff.SigmaInit = []int{30, 30}, 2, 0.02
	points, err := grid.Points(tradeoff, mechanisms, grid.Axis{Name: "c",
		Values: []string{"0.001", "0.01", "0.1", "1", "10"}},
		grid.Axis{Name: "noise", Values: []string{perSynapse, "homogeneous"}})
	if err != nil {
		return nil, err
	}
	base.Epochs, base.SigmaInit = 3, 2e-3
	var patterns []grid.Point
	for _, m := range mechanisms.Values {
		rho, err := train.ParseExponent(m)
		if err != nil {
			return nil, err
		}
		c := synapse.Multiplier(PaperScale, rho.Value())
		var costs []string
		for _, factor := range PaperFactors() {
			costs = append(costs, fmt.Sprintf("%.6g", c*factor))
		}
		axes := []grid.Axis{{Name: "rho", Values: []string{m}}, {Name: "c", Values: costs}}
		deep, err := grid.Points(base, axes...)
		if err != nil {
			return nil, err
		}
		axes[1].Values = costs[1:2]
		flat, err := grid.Points(base, append(axes, grid.Axis{Name: "hidden", Values: []string{"none"}})...)
		if err != nil {
			return nil, err
		}
		patterns = append(append(patterns, deep...), flat...)
	}
	return []QuickGrid{{"tradeoff", points}, {"patterns", patterns}}, nil
}
