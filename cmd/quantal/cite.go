package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"quantal/results/store"
	"quantal/train"
)

//go:embed references.bib
var references string

// The model, and what makes every network's noise.
const (
	modelKey = "malkin2024signatures"
	noiseKey = "salmon2011parallel"
)

func citeCommand() *cli.Command {
	return &cli.Command{
		Name:      "cite",
		Usage:     "print what to cite, as BibTeX: this program and its papers, or those of a run",
		UsageText: "quantal cite >> references.bib\nquantal cite RUN >> references.bib",
		Description: "Without a run: the program, the paper of the model, the review of synapses that change by\n" +
			"themselves, and the noise. With one: what its settings used, such as the data set and the rule that moves\n" +
			"parameters.",
		Action: func(c *cli.Context) error {
			keys := []string{modelKey, "shimizu2021computational", noiseKey}
			if c.Args().Present() {
				dir, err := oneArgument(c, "a run folder")
				if err != nil {
					return err
				}
				folder, err := store.View(dir)
				if err != nil {
					return err
				}
				defer folder.Close()
				config, err := host(c).ReadConfig(folder)
				if err != nil {
					return err
				}
				keys = usedBy(config)
			}
			fmt.Fprintf(c.App.Writer, "@software{quantal,\n  title = {quantal: neural networks whose synapses are unreliable "+
				"and pay for reliability},\n  version = {%s}\n}\n", store.Version)
			for _, entry := range strings.Split(strings.TrimSpace(references), "\n\n") {
				if slices.Contains(keys, entryKey(entry)) {
					fmt.Fprintf(c.App.Writer, "\n%s\n", entry)
				}
			}
			return nil
		},
	}
}

// usedBy are the keys of what a network of these settings rests on.
func usedBy(config train.Config) []string {
	keys := []string{modelKey, noiseKey}
	if config.Rule.String() == "adam" {
		keys = append(keys, "kingma2015adam")
	}
	if config.WeightDecay > 0 {
		keys = append(keys, "loshchilov2019decoupled")
	}
	if config.Noise != "none" && strings.Contains(config.Rho.String(), "entropic") {
		keys = append(keys, "blundell2015weight")
	}
	data := map[string]string{"": "lecun1998gradient", "mnist": "lecun1998gradient", "fashion-mnist": "xiao2017fashion",
		"kmnist": "clanuwat2018deep", "qmnist": "yadav2019cold", "cifar-10": "krizhevsky2009learning"}
	if strings.HasPrefix(config.Data, "emnist-") {
		return append(keys, "cohen2017emnist")
	}
	return append(keys, data[config.Data]) // none of a user's own
}

// entryKey is the key of an entry of BibTeX.
func entryKey(entry string) string {
	_, key, _ := strings.Cut(entry, "{")
	key, _, _ = strings.Cut(key, ",")
	return key
}
