package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"quantal/analysis"
	"quantal/graph"
	"quantal/synapse"
)

func costCommand() *cli.Command {
	return &cli.Command{
		Name:  "cost",
		Usage: "the cost of reliability: laws that come with the program, and your own",
		UsageText: "quantal cost --list\n" +
			"quantal cost 'c * sigma^-rho' --set c=0.1 --set rho=2/3 [--plot FILE] [--json]\n" +
			"quantal cost membrane_mean",
		Description: "Reads a formula for the price of one synapse, or takes a law by its name, and\n" +
			"writes its slopes, what it costs over sigma and mu, and where it is singular.\n" +
			"Names in a formula other than mu and sigma are numbers. Operators: + - * / ^,\n" +
			"comparisons, condition ? a : b. Functions: " + wrapped(strings.Join(graph.Functions(), ", "), 33) + ".",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "list", Usage: "the laws that come with the program"},
			&cli.StringSliceFlag{Name: "set", Usage: "a number of the law, as `NAME=VALUE`", DefaultText: "1 each"},
			&cli.StringFlag{Name: "plot", Usage: "draw value and slopes into a `FILE`: svg, png or pdf"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.Bool("list") {
				if c.Args().Present() || c.IsSet("set") || c.IsSet("plot") {
					return usage("cost: --list goes with --json only")
				}
				return listLaws(c)
			}
			a, err := analysedLaw(c)
			if err != nil {
				return &usageError{err} // only requested values can be wrong
			}
			files := []string{}
			if path := c.String("plot"); path != "" {
				if ending := strings.ToLower(filepath.Ext(path)); !slices.Contains([]string{".svg", ".png", ".pdf"}, ending) {
					return usage("--plot %q: want a name that ends in .svg, .png or .pdf", path)
				}
				figure, err := a.Figure()
				if err != nil {
					return err
				}
				if err := figure.Save(path); err != nil {
					return err
				}
				files = append(files, path)
				fmt.Fprintf(printable{c.App.ErrWriter}, "drawn: %s\n", path)
			}
			if c.Bool("json") {
				return printJSON(c, struct {
					*analysis.LawAnalysis
					Files []string `json:"files"`
				}{a, files})
			}
			return printLaw(c.App.Writer, a)
		},
	}
}

// wrapped is text in lines that fit into 80 columns, the first with less room.
func wrapped(text string, first int) string { return strings.Join(linesOf(text, first, 77), "\n") }

// linesOf is text in lines of at most so many columns, the first with less.
func linesOf(text string, first, rest int) (lines []string) {
	for _, w := range strings.Fields(text) {
		if last := len(lines) - 1; last >= 0 && len(lines[last])+1+len(w) <= first {
			lines[last] += " " + w
			continue
		}
		if len(lines) > 0 {
			first = rest
		}
		lines = append(lines, w)
	}
	return lines
}

// analysedLaw is the law that the argument names or writes, with the numbers of --set.
func analysedLaw(c *cli.Context) (*analysis.LawAnalysis, error) {
	text, err := oneArgument(c, "a formula in quotes or the name of a law (of --list)")
	if err != nil {
		return nil, err
	}
	if named, err := synapse.NamedLaw(text); err == nil {
		text = named.Text()
	}
	l, err := graph.ParseLaw(text)
	if err != nil {
		if _, unknown := synapse.NamedLaw(text); regexp.MustCompile(`^\w+$`).MatchString(text) {
			return nil, unknown
		}
		return nil, err
	}
	numbers := map[string]float64{}
	for _, set := range c.StringSlice("set") {
		name, value, ok := strings.Cut(set, "=")
		v, err := fractionOf(value)
		if !ok || err != nil {
			return nil, fmt.Errorf("--set %q: want NAME=VALUE with a number or fraction, such as rho=2/3", set)
		}
		numbers[strings.TrimSpace(name)] = v
	}
	return analysis.AnalyseLaw(l, numbers)
}

// fractionOf reads a number or a fraction of two.
func fractionOf(text string) (float64, error) {
	v := 1.
	for i, part := range strings.SplitN(text, "/", 2) {
		x, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			v = x
		} else {
			v /= x
		}
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, strconv.ErrRange
	}
	return v, nil
}

func listLaws(c *cli.Context) error {
	if c.Bool("json") {
		return printJSON(c, struct {
			Laws []synapse.Law `json:"laws"`
		}{synapse.Laws()})
	}
	for i, l := range synapse.Laws() {
		if i > 0 {
			fmt.Fprintln(c.App.Writer)
		}
		formula, source := l.Formula, l.Source
		if len(formula) > 60 {
			formula = strings.ReplaceAll(formula, " + ", "\n                    + ")
		}
		if l.Figure != "" {
			source += "; " + l.Figure
		}
		if _, err := fmt.Fprintf(c.App.Writer, "%-17s %s\n%17s %s\n%17s %s\n", l.Name,
			formula, "", l.Meaning, "", source); err != nil {
			return err
		}
	}
	_, err := fmt.Fprint(c.App.Writer,
		"\nMultipliers such as c have no value of their own: the paper derives how prices\n"+
			"scale, not their size. At mu = 0 the slope along mu is 0; by convention\n"+
			"so for calcium_mean, whose slope has no bound near 0.\n"+
			"\nWith train --synapse quantal, a synapse learns n, p and q, and costs may read\n"+
			"them, as EES Eq. 12-17 do: c*(p/(1 - p))^(1/4) for calcium, c*n*abs(q)^(2/3) for\n"+
			"membrane, c*n*abs(q)^(1/3) for actin, c*n*p for trafficking.\n")
	return err
}

// printLaw writes an analysis, for a person.
func printLaw(out io.Writer, a *analysis.LawAnalysis) error {
	name := ""
	if a.Name != "" {
		name = a.Name + " = "
	}
	fmt.Fprintf(out, "%s%s\n\n", name, a.Formula)
	if a.OfMu() {
		fmt.Fprintf(out, "slope along mu     %s\n", a.SlopeMu)
	}
	if a.OfSigma() {
		fmt.Fprintf(out, "slope along sigma  %s\n", a.SlopeSigma)
	}
	for _, n := range slices.Sorted(maps.Keys(a.Numbers)) {
		fmt.Fprintf(out, "%-18s %g", n, a.Numbers[n])
		if slices.Contains(a.Assumed, n) {
			fmt.Fprint(out, ", for it is not given (--set)")
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(mu, sigma, value, slopeMu, slopeSigma, rho string) {
		cells := []string{}
		if a.OfMu() {
			cells = append(cells, mu)
		}
		if a.OfSigma() {
			cells = append(cells, sigma)
		}
		cells = append(cells, value)
		if a.OfMu() {
			cells = append(cells, slopeMu)
		}
		if a.OfSigma() {
			cells = append(cells, slopeSigma, rho)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	digits := func(v float64) string { return fmt.Sprintf("%.4g", v+0) } // without -0
	row("mu", "sigma", "price", "slope along mu", "along sigma", "rho here")
	for _, p := range a.Table {
		rho := "-"
		if !math.IsNaN(p.Rho) {
			rho = fmt.Sprintf("%.4g", round(p.Rho))
		}
		row(digits(p.Mu), digits(p.Sigma), digits(p.Value), digits(p.SlopeMu), digits(p.SlopeSigma), rho)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if a.OfSigma() {
		fmt.Fprintln(out, "\nrho here: of the power law c*sigma^-rho whose slope along sigma goes as this one's")
	}
	for _, s := range a.Singular {
		if _, err := fmt.Fprintf(out, "beware: %v\n", s); err != nil {
			return err
		}
	}
	return nil
}
