package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/grid"
	"quantal/mnist"
	"quantal/results/draw"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/synapse"
	"quantal/train"
)

// paperFigure is one of the paper's figures and how it is made. One that needs what is not at hand has no draw, and
// says so.
type paperFigure struct {
	name    string
	draw    func() (draw.Illustration, error)
	missing string
}

// The commands whose networks Fig. 2, 3, 5 and Appendix 5 and 6 show.
const (
	needsTradeoff = "needs the folder of a grid over c, as `quantal grid --preset fig2 --out FOLDER` makes it, or --quick"
	needsPatterns = "needs the folder of a grid, as `quantal grid --s 0.001 --rho calcium,membrane,actin,trafficking --vary hidden=100x100,none " +
		"--out FOLDER` makes it, or --quick"
	needsCosts = "needs networks with a tenth and ten times the c of s = 0.001 besides, as `quantal grid --rho RHO " +
		"--c C,C --out FOLDER` adds them " +
		"for each rho, or --quick"
)

// paperFigures lists the figures in the order of the paper. Without measurements the experiment is nil.
func paperFigures(c *cli.Context, experiment *analysis.Experiment, n *paperNetworks) []paperFigure {
	fig6 := paperFigure{name: "fig6", missing: "needs the authors' files of measurements: --ko FILE and --sjostrom FILE"}
	if experiment != nil {
		fig6.draw = experiment.Illustration
	}
	seed, quick := c.Uint64("seed"), c.Bool("quick")
	pattern := func(name string, of func(*analysis.Patterns) (draw.Illustration, error), missing string) paperFigure {
		f := paperFigure{name: name, missing: missing}
		if n.patterns != nil {
			f.draw = func() (draw.Illustration, error) { return of(n.patterns) }
		}
		return f
	}
	list := []paperFigure{
		{name: "fig1", draw: func() (draw.Illustration, error) {
			const draws = 10000
			return illustrate(analysis.AnalyseRelease(synapse.Release{N: 10, P: 0.3, Q: 1}, draws, seed))
		}},
		n.tradeoffFigure("fig2", "Accuracy and noise over the cost of reliability (EES Fig. 2)"),
		n.tradeoffFigure("fig3", "The tradeoff between accuracy and reliability (EES Fig. 3)"),
		{name: "fig4", draw: func() (draw.Illustration, error) { return illustrate(analysis.DefaultTwoWeights(seed)) }},
		pattern("fig5", (*analysis.Patterns).Figure5, needsPatterns),
		fig6,
		{name: "fig7", draw: func() (draw.Illustration, error) { return illustrate(analysis.DefaultPosterior()) }},
		{name: "appendix2", draw: func() (draw.Illustration, error) {
			return illustrate(analysis.TrainGLM(c.Context, seed, bootstrap(c), quick))
		}},
		{name: "appendix4", draw: func() (draw.Illustration, error) {
			return illustrate(analysis.TrainRegression(c.Context, seed, quick))
		}},
		pattern("appendix5", (*analysis.Patterns).Appendix5, needsPatterns),
		pattern("appendix6-fig1", (*analysis.Patterns).Appendix6Layers, needsPatterns),
		pattern("appendix6-fig2", (*analysis.Patterns).Appendix6Costs, needsCosts),
	}
	return list
}

// paperNetworks is what trained networks have to show.
type paperNetworks struct {
	tradeoff *tables.Grid                  // with several c for an exponent; nil if there is none
	figures  map[string]tables.NamedFigure // of the tradeoff
	patterns *analysis.Patterns            // nil if no network has the paper's c
}

// tradeoffFigure is a figure of a grid over c.
func (n *paperNetworks) tradeoffFigure(name, title string) paperFigure {
	f := paperFigure{name: name, missing: needsTradeoff}
	if drawn, ok := n.figures[name]; ok {
		f.draw = func() (draw.Illustration, error) {
			caption, numbers, err := n.tradeoff.Summary()
			return draw.Illustration{
				Name: name, Title: title, Figure: drawn.Figure, Numbers: numbers, Caption: drawn.Caption + "\n" + caption,
			}, err
		}
	}
	return f
}

// readPaperNetworks reads the folders of runs and grids; quick makes small grids in a folder of their own first.
func readPaperNetworks(c *cli.Context, folders []string) (*paperNetworks, error) {
	n := &paperNetworks{figures: map[string]tables.NamedFigure{}}
	if c.Bool("quick") && len(folders) == 0 {
		var err error
		if folders, err = trainQuick(c, filepath.Join(c.String("paper"), "networks")); err != nil {
			return nil, err
		}
	}
	all := &trained{}
	for _, dir := range folders {
		if grid.Is(dir) && n.tradeoff == nil {
			if err := n.readTradeoff(c, dir); err != nil {
				return nil, err
			}
		}
		t, err := readTrained(c, dir, func(config train.Config) bool {
			_, ok := analysis.PaperFactor(config)
			return ok
		})
		if err != nil {
			return nil, err
		}
		if len(t.networks) == 0 {
			continue
		}
		if all.set != nil && all.networks[0].Config.Data != t.networks[0].Config.Data {
			return nil, usage("figures: the networks in %s learned %s, those before %s: want one data set", dir,
				t.networks[0].Config.Data, all.networks[0].Config.Data)
		}
		all.set, all.networks = t.set, append(all.networks, t.networks...)
	}
	if len(all.networks) == 0 {
		return n, nil
	}
	epochs := 10 // as in the paper
	if c.Bool("quick") {
		epochs = 2
	}
	var err error
	n.patterns, err = all.measure(c, epochs)
	return n, err
}

// readTradeoff takes the figures of a grid, if it has several values of c.
func (n *paperNetworks) readTradeoff(c *cli.Context, dir string) error {
	g, _, err := finishedGrid(c, dir)
	if err != nil {
		return err
	}
	values := map[string]map[float64]bool{}
	several := false
	for _, r := range g.Records {
		if values[r.Rho] == nil {
			values[r.Rho] = map[float64]bool{}
		}
		values[r.Rho][r.C] = true
		several = several || len(values[r.Rho]) > 3
	}
	if !several {
		return nil
	}
	figures, err := g.Figures(train.DescribeExponent, nil)
	if err != nil {
		return err
	}
	n.tradeoff = g
	for _, f := range figures {
		n.figures[f.Name] = f
	}
	return nil
}

// quickGrids are small grids that show what the paper's figures show: how accuracy and noise go over c, and the
// patterns of noise. As in a demo, the learning rate is larger than the published one, for Adam moves phi by at most
// that per step.
func quickGrids(base train.Config) (map[string][]grid.Point, error) {
	mechanisms := grid.Axis{Name: "rho"}
	for _, m := range synapse.Mechanisms() {
		mechanisms.Values = append(mechanisms.Values, m.String())
	}
	base.LearningRate, base.Draws = 1e-3, 0
	tradeoff := base
	tradeoff.Hidden, tradeoff.Epochs, tradeoff.SigmaInit = []int{30, 30}, 2, 0.02
	points, err := grid.Points(tradeoff, mechanisms, grid.Axis{Name: "c",
		Values: []string{"0.001", "0.01", "0.1", "1", "10"}},
		grid.Axis{Name: "noise", Values: []string{"heterogeneous", "homogeneous"}})
	if err != nil {
		return nil, err
	}
	grids := map[string][]grid.Point{"tradeoff": points}
	base.Epochs, base.SigmaInit = 3, 2e-3
	for _, m := range mechanisms.Values {
		rho, err := train.ParseExponent(m)
		if err != nil {
			return nil, err
		}
		c := synapse.Multiplier(analysis.PaperScale, rho.Value())
		var costs []string
		for _, factor := range analysis.PaperFactors() {
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
		grids["patterns"] = append(append(grids["patterns"], deep...), flat...)
	}
	return grids, nil
}

// trainQuick trains the small grids in folders within dir, or what of them is missing there, and names the folders.
func trainQuick(c *cli.Context, dir string) ([]string, error) {
	set, err := demoData(c)
	if err != nil {
		return nil, err
	}
	base, err := train.Preset("published")
	if err != nil {
		return nil, err
	}
	if base.Data, err = dataName(c.String("data")); err != nil {
		return nil, err
	}
	if !c.IsSet("data") {
		base.Data = set.Name
	}
	base.Seed = store.Seed(c.Uint64("seed"))
	base.SettleNormalise(set)
	grids, err := quickGrids(base)
	if err != nil {
		return nil, err
	}
	var folders []string
	for _, name := range []string{"tradeoff", "patterns"} {
		at := filepath.Join(dir, name)
		if err := trainPoints(c, at, set, grids[name]); err != nil {
			return nil, fmt.Errorf("quantal: %s: %w", at, err)
		}
		folders = append(folders, at)
	}
	return folders, nil
}

// splitPaperArguments tells folders of networks from files of measurements.
func splitPaperArguments(args []string) (folders, files []string) {
	for _, a := range args {
		if info, err := os.Stat(a); err == nil && info.IsDir() {
			folders = append(folders, a)
		} else {
			files = append(files, a)
		}
	}
	return folders, files
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

// bootstrap is that of the commands, with the seed of the flag.
func bootstrap(c *cli.Context) analysis.Bootstrap {
	b := analysis.DefaultBootstrap()
	b.Seed = c.Uint64("seed")
	return b
}

// drawPaper draws the paper's figures into the folder of --paper.
func drawPaper(c *cli.Context) error {
	if c.IsSet("out") {
		return usage("figures: --out does not go with --paper, which names the folder")
	}
	folders, measurements := splitPaperArguments(c.Args().Slice())
	experiment, err := readExperiment(c, measurements)
	if err != nil {
		return err
	}
	networks, err := readPaperNetworks(c, folders)
	if err != nil {
		return err
	}
	files, leftOut := []string{}, map[string]string{}
	for _, f := range paperFigures(c, experiment, networks) {
		drawing, err := draw.Illustration{}, error(analysis.ErrNoNetworks)
		if f.draw != nil {
			drawing, err = f.draw()
		}
		if errors.Is(err, analysis.ErrNoNetworks) {
			leftOut[f.name] = f.missing
			fmt.Fprintf(printable{c.App.ErrWriter}, "%s: left out: %s\n", f.name, f.missing)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		saved, err := drawing.Save(c.String("paper"))
		if err != nil {
			return err
		}
		files = append(files, saved...)
		if !c.Bool("json") {
			fmt.Fprintf(c.App.Writer, "%s\t%s\n", saved[1], drawing.Title)
		}
	}
	if networks.patterns != nil {
		saved, err := tables.WriteRows(c.String("paper"), "slopes", networks.patterns.Rows())
		if err != nil {
			return err
		}
		files = append(files, saved...)
	}
	drawings, err := draw.ReadDrawings(c.String("paper"))
	if err != nil {
		return err
	}
	page := filepath.Join(c.String("paper"), "report.html")
	report := tables.Report{Title: "Figures of Malkin et al. 2024",
		Sections: []tables.Section{{Title: "Figures", Drawings: drawings}}}
	if err := report.Write(page); err != nil {
		return err
	}
	files = append(files, page)
	if c.Bool("json") {
		return printJSON(c, map[string]any{"files": files, "left_out": leftOut})
	}
	return nil
}

// checkpointInterval is the time between checkpoints of networks that a command trains by the way.
const checkpointInterval = 5 * time.Minute

// trainPoints trains what is missing of some points in the folder of a grid.
func trainPoints(c *cli.Context, dir string, set *mnist.Set, points []grid.Point) error {
	folder, err := grid.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	o := workOptions{grid.Options{Interval: checkpointInterval}, "auto"}
	if err := enterGrid(c, folder, set, &o); err != nil {
		return err
	}
	if _, err := folder.Extend(commandLine(), points); err != nil {
		return err
	}
	watch := newGridWatcher(c)
	defer watch.close()
	return folder.Run(c.Context, set, points, o.Options, watch.events(c))
}
