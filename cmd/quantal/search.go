package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/grid"
	"quantal/grid/search"
	"quantal/mnist"
	"quantal/results/store"
	"quantal/results/tables"
	"quantal/train"
)

func searchCommand() *cli.Command {
	return &cli.Command{
		Name:  "search",
		Usage: "find the c, or another setting, at which networks reach an accuracy, or another figure",
		UsageText: "quantal search --target accuracy_sampled=0.9 --over c=1e-4:100 --rho calcium,2 --seeds 1-3 " +
			"--out grids/b\n" +
			"quantal search --out grids/b      (continues what is there)",
		Description: "Networks train at both ends of the range and between them, neighbours at most a factor of\n" +
			"ten apart; where the target is crossed, the range is halved until it is as narrow as the\n" +
			"tolerance says, for each seed of each mechanism, all of them side by side. Found is the mean\n" +
			"over seeds with its 95 % interval (Student's t over the seeds' own crossings). Where the target\n" +
			"is not reached, is crossed more than once, or networks diverge, a sentence says so, and there is\n" +
			"no value. The networks are points of an ordinary grid: stop it, kill it, and the same command\n" +
			"goes on. With --launch slurm it submits a round of networks and returns: the same command\n" +
			"submits the next when they have finished. search.csv has a row for each mechanism.",
		Flags: slices.Concat(gridFlags(), []cli.Flag{
			&cli.StringFlag{Name: "target", Usage: "a column of table.csv and the value it should have, `NAME=VALUE`"},
			&cli.StringFlag{Name: "over", Usage: "the setting to search over and its range, `NAME=LOW:HIGH`; halved on a " +
				"logarithmic scale if LOW is above 0"},
			&cli.StringFlag{Name: "tolerance", DefaultText: fmt.Sprintf("%g decades of the setting", search.DefaultTolerance),
				Usage: "how near to come, `NAME=VALUE`: decades of the setting, or units of the target"},
			&cli.BoolFlag{Name: "dry-run", Usage: "say what would be trained first, how much at most and how long that would " +
				"take, and stop"},
			jsonFlag(),
		}, launchFlags()),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("search: want flags only, got %q", c.Args().First())
			}
			if err := checkLaunch(c); err != nil {
				return err
			}
			o, err := gridOptions(c)
			if err != nil {
				return err
			}
			if !c.IsSet("target") && !c.IsSet("over") && c.IsSet("out") {
				return continueSearch(c, o)
			}
			asked, err := readGrid(c)
			if err != nil {
				return err
			}
			over, _, _ := strings.Cut(c.String("over"), "=")
			asked.axes = slices.DeleteFunc(asked.axes, func(a grid.Axis) bool { // the preset's
				return a.Name == "c" && (over == "c" || over == "s") && !c.IsSet("c")
			})
			o.device, o.Threads = asked.base.Device, asked.base.Threads // the configuration file may also name them
			if err := train.CheckDevices(o.device); err != nil {
				return usage("--%w", err)
			}
			return startSearch(c, asked, o)
		},
	}
}

// startSearch searches for what the flags ask for.
func startSearch(c *cli.Context, asked *gridRequest, o workOptions) error {
	request := func() (search.Request, error) {
		r, err := search.New(asked.base, asked.axes, c.String("target"), c.String("over"), c.String("tolerance"))
		if err != nil {
			err = usage("search: --%w", err)
		}
		return r, err
	}
	if _, err := request(); err != nil { // before the data are there
		return err
	}
	set, dir, err := openGrid(c, &asked.base, "-search")
	if err != nil {
		return err
	}
	r, err := request()
	if err != nil {
		return err
	}
	return runSearch(c, r, dir, set, o)
}

// continueSearch goes on with the search of a folder.
func continueSearch(c *cli.Context, o workOptions) error {
	for _, f := range append(gridFlags(), &cli.StringFlag{Name: "tolerance"}) {
		name := f.Names()[0]
		if c.IsSet(name) && !slices.Contains([]string{"out", "device", "threads", "checkpoint-interval", "http"}, name) {
			return usage("search: --%s needs --target and --over: without them the search of the folder goes on as it was "+
				"asked for", name)
		}
	}
	r, err := search.Read(c.String("out"))
	if err != nil {
		return err
	}
	set, err := host(c).OpenData(c.Context, r.Base)
	if err != nil {
		return err
	}
	return runSearch(c, r, c.String("out"), set, o)
}

// errSubmitted ends a search here, because a cluster trains the networks of its round.
var errSubmitted = errors.New("submitted")

// drySearch says what a search would train.
func drySearch(c *cli.Context, r search.Request, dir string, set *mnist.Set, o workOptions) error {
	var records []store.Record
	if grid.Is(dir) {
		folder, err := grid.View(dir)
		if err != nil {
			return err
		}
		if err := folder.CheckData(set); err != nil {
			return err
		}
		if records, _, err = folder.Records(); err != nil {
			return err
		}
	}
	ahead, err := r.Ahead(records)
	if err != nil {
		return err
	}
	if len(ahead.Next) > 0 {
		if err := o.choose(c, ahead.Next); err != nil {
			return err
		}
		logger(c).Info("measuring how fast this machine trains")
	}
	first, err := grid.Estimates(c.Context, set, ahead.Next, o.Options, time.Second)
	if err != nil {
		return err
	}
	later, err := grid.Estimates(c.Context, set, ahead.Later, o.Options, time.Second)
	if err != nil {
		return err
	}
	most := grid.Total(first).Seconds + float64(ahead.Rounds)*grid.Total(later).Seconds
	if c.Bool("json") {
		fields := estimateFields(first)
		fields["values"] = append([]float64{}, ahead.Values...)
		fields["rounds_most"], fields["points_most"], fields["seconds_most"] = ahead.Rounds, ahead.Most, most
		fields["grid_networks"] = ahead.Grid
		return printJSON(c, fields)
	}
	if len(ahead.Next) == 0 {
		_, err := fmt.Fprintln(c.App.Writer, "nothing is left to train: without --dry-run the same command says what was "+
			"found")
		return err
	}
	values := strings.Trim(fmt.Sprint(ahead.Values), "[]")
	fmt.Fprintf(c.App.Writer, "first, side by side, %s %s:\n", r.Over, strings.ReplaceAll(values, " ", ", "))
	if err := printEstimates(c, first); err != nil {
		return err
	}
	beside := ""
	if ahead.Grid > 0 {
		beside = fmt.Sprintf("; a grid of equal precision has %d", ahead.Grid)
	}
	_, err = fmt.Fprintf(c.App.Writer, "then at most %s of %s: %d networks and %v in all, at most%s\n",
		count(ahead.Rounds, "round"), count(len(ahead.Later), "network"), ahead.Most, seconds(most), beside)
	return err
}

// runSearch searches in the folder of a grid, and reports what was found.
func runSearch(c *cli.Context, r search.Request, dir string, set *mnist.Set, o workOptions) error {
	if c.Bool("dry-run") {
		return drySearch(c, r, dir, set, o)
	}
	screen, err := openDisplay(c)
	if err != nil {
		return err
	}
	defer screen.close()
	folder, err := grid.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	screen.show(dir)
	if err := enterGrid(c, folder, set, &o); err != nil {
		return err
	}
	outcome, err := r.Run(folder, commandLine(), func(round int, points []grid.Point) error {
		if !c.IsSet("launch") {
			logger(c).Info("search", "folder", dir, "round", round, "networks", len(points))
			return runGrid(c, folder, set, points, o.Options)
		}
		if err := launchGrid(c, folder, points, o); err != nil {
			return err
		}
		logger(c).Info("the same command again, when these networks have finished, goes on with the search", "folder", dir)
		return errSubmitted
	})
	if errors.Is(err, errSubmitted) {
		return nil
	}
	if errors.Is(err, train.ErrInterrupted) {
		return fmt.Errorf("%w; to continue: quantal search --out %s", train.ErrInterrupted, dir)
	}
	if err != nil {
		return err
	}
	records, _, err := folder.Records()
	if err != nil {
		return err
	}
	if err := tables.WriteTables(dir, records); err != nil {
		return err
	}
	warnUnsettled(c, tables.UnsettledPoints(records))
	if c.Bool("json") {
		return printJSON(c, outcome)
	}
	return printFound(c.App.Writer, outcome, search.TablePath(folder))
}

// printFound writes what a search has found, for a person.
func printFound(out io.Writer, o search.Outcome, table string) error {
	var all []store.Settings
	for _, f := range o.Found {
		all = append(all, f.Settings)
	}
	labels := tables.Labels(all)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	unit := o.Tolerance.On
	if unit == o.Over && o.Low > 0 {
		unit = "log10 " + unit
	}
	fmt.Fprintf(w, "%s %g, to %g of %s\t%s\t95 %% interval\tseeds\t\n", o.Target, o.Value, o.Tolerance.Within, unit,
		o.Over)
	for i, f := range o.Found {
		found, interval := "-", ""
		if !math.IsNaN(f.Value) {
			found = fmt.Sprintf("%.4g", f.Value)
		}
		if !math.IsNaN(f.Low) {
			interval = fmt.Sprintf("%.4g to %.4g", f.Low, f.High)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", labels[i], found, interval, f.Seeds, f.Remark)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	beside := ""
	if o.GridNetworks > o.Networks {
		beside = fmt.Sprintf("; a grid of equal precision has %d", o.GridNetworks)
	}
	_, err := fmt.Fprintf(out, "%s%s: %s\n", count(o.Networks, "network"), beside, table)
	return err
}
