package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/mnist"
	"quantal/results/draw"
	"quantal/train"
)

func dataCommand() *cli.Command {
	return &cli.Command{
		Name:  "data",
		Usage: "list, fetch, verify and draw data sets",
		UsageText: "quantal data                              list the data sets\n" +
			"quantal data --fetch [--data NAME]        download MNIST, or a named set, into the cache and verify it\n" +
			"quantal data --fetch --data NAME --mirror URL   download a set of your own with MNIST's file names\n" +
			"quantal data --verify [--data FOLDER]     read a data set and check it\n" +
			"quantal data --sheet FILE.png [--data X]  draw examples",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "mnist, glyphs, a `FOLDER`, x.npz or x.csv",
				DefaultText: "MNIST from the cache"},
			&cli.IntFlag{Name: "classes", Usage: "number of classes, if the labels do not show it",
				DefaultText: "the largest label plus one"},
			&cli.StringFlag{Name: "likelihood", Usage: "what the answers are: categorical (classes) or gaussian (numbers)",
				DefaultText: "as the data say"},
			&cli.StringFlag{Name: "answers", Usage: "`COLUMNS` of a table that are the answers, separated by commas",
				DefaultText: "the one called y, label, class or target"},
			&cli.BoolFlag{Name: "fetch", Usage: "download MNIST, or the set that --data names, into the cache"},
			&cli.BoolFlag{Name: "verify", Usage: "read the data set and check it"},
			&cli.StringFlag{Name: "sheet",
				Usage: "draw examples into a `FILE`.png, .svg or .pdf, or - for PNG on standard output"},
			&cli.IntFlag{Name: "examples", Value: 100, Usage: "how many to draw"},
			&cli.StringSliceFlag{Name: "mirror",
				Usage:       "`URL` of a folder with the four files, or a folder on this machine; may be repeated, tried in order",
				DefaultText: "the usual ones"},
			&cli.DurationFlag{Name: "connect-timeout", Value: 5 * time.Second, Usage: "how long a mirror may take to answer"},
			jsonFlag(),
		},
		Action: dataAction,
	}
}

// dataset describes a set for the output.
type dataset struct {
	Name    string `json:"name"`
	Source  string `json:"source"`
	Train   int    `json:"train"`
	Test    int    `json:"test"`
	Rows    int    `json:"rows"`
	Columns int    `json:"columns"`
	// Inputs says what they are: images, or the columns of a table.
	Inputs   string `json:"inputs"`
	Channels int    `json:"channels"` // values per pixel
	Targets  int    `json:"targets"`  // numbers of an answer; 0 for classes
	// ClassNames are those of classes that are text in the data.
	ClassNames []string `json:"class_names,omitempty"`
	Classes    int      `json:"classes"`
	// Labels that no training example has, and that no test example has.
	AbsentTraining []int `json:"absent_training"`
	AbsentTest     []int `json:"absent_test"`
	// Mean and standard deviation of the training pixels, of 0 to 1, or of floats as they are.
	PixelMean float64           `json:"pixel_mean"`
	PixelSD   float64           `json:"pixel_sd"`
	Known     bool              `json:"known"`
	Pinned    bool              `json:"pinned"` // no checksums are published; it is as at the first download
	SHA256    map[string]string `json:"sha256"`
	text      string            // the inputs, for a person
	scale     string            // what the pixels are multiples of
}

func describe(s *mnist.Set) dataset {
	training, test := s.Absent()
	pixels := s.Train.Normalisation()
	inputs, scale := "images", " of 0 to 1"
	if s.Train.Floats != nil {
		scale = ""
	}
	if s.Table {
		inputs = "table"
	}
	return dataset{
		Name: s.Name, Source: s.Source, Train: s.Train.N(), Test: s.Test.N(), Rows: s.Rows, Columns: s.Columns,
		Inputs: inputs, Channels: max(s.Channels, 1), Classes: s.Classes, Targets: s.Train.Numbers, ClassNames: s.ClassNames,
		AbsentTraining: append([]int{}, training...),
		AbsentTest:     append([]int{}, test...), PixelMean: pixels.Mean, PixelSD: pixels.SD, Known: s.Known,
		Pinned: s.Pinned, SHA256: s.SHA256,
		text: s.Inputs(), scale: scale,
	}
}

func dataAction(c *cli.Context) error {
	if c.Args().Present() {
		return usage("data: want flags only, got %q", c.Args().First())
	}
	if l := c.String("likelihood"); l != "" && !slices.Contains(train.Likelihoods(), l) {
		return usage("--likelihood %q: want one of %s", l, strings.Join(train.Likelihoods(), ", "))
	}
	if c.Int("examples") < 1 {
		return usage("--examples %d: want 1 or more", c.Int("examples"))
	}
	sheetPath, ending, out := c.String("sheet"), "", c.App.Writer
	if sheetPath != "" {
		var err error
		if ending, err = outputEnding(c, "sheet", ".png", ".svg", ".pdf"); err != nil {
			return err
		}
	}
	if sheetPath == standardOutput {
		out = printable{c.App.ErrWriter} // for the description
	}
	options := mnist.Options{
		Classes: c.Int("classes"), Likelihood: c.String("likelihood"), Target: c.String("answers"),
		Mirrors: c.StringSlice("mirror"), ConnectTimeout: c.Duration("connect-timeout"),
		Progress: downloadProgress(c),
	}
	if c.Bool("fetch") {
		name := c.String("data")
		if name != "" && name != "mnist" && !mnist.Downloaded(name) && !c.IsSet("mirror") {
			return usage("--fetch --data %q: want the name of a data set that can be downloaded, or --mirror with a set of "+
				"your own, not a folder or file", name)
		}
		dir, err := mnist.FetchSet(c.Context, name, options)
		if err != nil {
			return err
		}
		if name == "" || name == "mnist" {
			name = "MNIST"
		}
		logger(c).Info(name+" is in the cache", "folder", dir)
	}
	if !c.Bool("verify") && sheetPath == "" && !c.Bool("fetch") && !c.IsSet("data") {
		return listData(c, options)
	}
	name := c.String("data")
	set, err := mnist.Open(c.Context, name, options)
	if err != nil {
		return err
	}
	if sheetPath != "" {
		images, labels, err := set.Pictures(c.Int("examples"))
		if err != nil {
			return err
		}
		rows, columns := set.Rows, set.Columns
		if set.Transposed {
			rows, columns = columns, rows
		}
		sheet, err := draw.Pictures(images, labels, rows, columns)
		if err != nil {
			return err
		}
		if err := writeOutput(c, sheetPath, func(w io.Writer) error { return sheet.Encode(w, ending) }); err != nil {
			return err
		}
		logger(c).Info("drawn", "file", sheetPath)
	}
	if c.Bool("json") {
		return printJSON(c, describe(set))
	}
	return printDataset(out, describe(set))
}

func printDataset(out io.Writer, d dataset) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s\n", d.Name, d.Source)
	fmt.Fprintf(w, "examples\t%d training, %d test\n", d.Train, d.Test)
	kind := "images"
	if d.Inputs == "table" {
		kind = "inputs"
	}
	answers := fmt.Sprintf("%d classes", d.Classes)
	switch {
	case d.Classes == 0:
		answers = fmt.Sprintf("%d numbers to fit", d.Targets)
	case d.ClassNames != nil:
		answers += ": " + strings.Join(d.ClassNames, ", ")
	}
	fmt.Fprintf(w, "%s\t%s, %s\n", kind, d.text, answers)
	if d.Inputs == "images" {
		fmt.Fprintf(w, "pixels\tmean %.4g, SD %.4g%s (training)\n", d.PixelMean, d.PixelSD, d.scale)
	}
	switch {
	case d.Classes == 0:
	case len(d.AbsentTraining)+len(d.AbsentTest) == 0:
		fmt.Fprintf(w, "labels\teach in training and test\n")
	default:
		fmt.Fprintf(w, "labels\tnever in training: %s; never in test: %s\n", mnist.FormatLabels(d.AbsentTraining),
			mnist.FormatLabels(d.AbsentTest))
	}
	switch {
	case d.Known:
		fmt.Fprintf(w, "checksums\tas expected\n")
	case d.Pinned:
		fmt.Fprintf(w, "checksums\tnone published: unverified, but as at the first download (SHA256SUMS in the cache)\n")
	default:
		fmt.Fprintf(w, "checksums\tnone known for this data set: used unchecked\n")
	}
	return w.Flush()
}

// listData lists the data sets, without downloading any.
func listData(c *cli.Context, options mnist.Options) error {
	dir, err := mnist.CacheDir()
	if err != nil {
		return err
	}
	cached, problem := mnist.Open(c.Context, "", options)
	sets := []dataset{describe(mnist.Glyphs())}
	if problem == nil {
		sets = append([]dataset{describe(cached)}, sets...)
	}
	if c.Bool("json") {
		return printJSON(c, map[string]any{"cache": dir, "sets": sets})
	}
	if problem != nil {
		fmt.Fprintf(c.App.Writer, "mnist   not in the cache (%s); `quantal data --fetch` downloads it\n\n", dir)
	}
	for i, d := range sets {
		if i > 0 {
			fmt.Fprintln(c.App.Writer)
		}
		if err := printDataset(c.App.Writer, d); err != nil {
			return err
		}
	}
	return nil
}
