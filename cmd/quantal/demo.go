package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"quantal/mnist"
	"quantal/results/store"
	"quantal/train"
)

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "train a small run in under a minute and draw its figures",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "mnist, glyphs or a `FOLDER`",
				DefaultText: "MNIST if available, else glyphs"},
			&cli.StringFlag{Name: "out", Value: "demo", Usage: "run `FOLDER`; one of an earlier demo is replaced"},
			jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usage("demo: want flags only, got %q", c.Args().First())
			}
			config, err := train.Preset("quick")
			if err != nil {
				return err
			}
			set, err := demoData(c)
			if err != nil {
				return err
			}
			if config.Data, err = mnist.FullName(c.String("data")); err != nil {
				return err
			}
			if c.String("data") == "" {
				config.Data = set.Name
			}
			dir := c.String("out")
			if err := clearDemo(dir); err != nil {
				return err
			}
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
			if err := store.WriteBytes(filepath.Join(dir, demoMark),
				[]byte("made by quantal demo, which may replace this folder\n")); err != nil {
				return err
			}
			summary, err := startRun(c, config, set, dir)
			if err != nil {
				return err
			}
			if err := printOutcome(c, summary); err != nil {
				return err
			}
			files, err := drawRun(c, dir, dir)
			if err != nil {
				return err
			}
			importance, err := demoImportance(c, dir)
			if err != nil {
				return err
			}
			fmt.Fprintf(printable{c.App.ErrWriter}, "drawn: %s\n", strings.Join(append(files, importance...), ", "))
			return nil
		},
	}
}

// demoImportance draws the point of the paper, sigma over the importance of the synapse, from one more pass through the
// data.
func demoImportance(c *cli.Context, dir string) ([]string, error) {
	t, err := readTrained(c, dir)
	if err != nil {
		return nil, err
	}
	patterns, err := measure(c, t, 1)
	if err != nil {
		return nil, err
	}
	picture, err := patterns.Importance()
	if err != nil {
		return nil, err
	}
	return picture.Save(dir)
}

// demoMark is the file that marks a folder of a demo, which the next demo may replace.
const demoMark = "demo.txt"

func clearDemo(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) || (err == nil && len(entries) == 0) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, demoMark)); err != nil {
		return usage("--out %s: the folder is not empty and not that of an earlier demo: want another", dir)
	}
	return os.RemoveAll(dir)
}

// demoData takes MNIST if it is in the cache or can be downloaded, else the built-in digits, and says which.
func demoData(c *cli.Context) (*mnist.Set, error) {
	log := logger(c)
	if name := c.String("data"); name != "" {
		return host(c).OpenData(c.Context, train.Config{Data: name})
	}
	// Two mirrors and five seconds to find out.
	options := mnist.Options{ConnectTimeout: 2500 * time.Millisecond, Progress: downloadProgress(c)}
	set, err := mnist.Open(c.Context, "mnist", options)
	if err == nil {
		log.Info("data: MNIST", "from", set.Source)
		return set, nil
	}
	if c.Context.Err() != nil {
		return nil, err
	}
	log.Info("data: the built-in digits, because MNIST is neither in the cache nor can be downloaded", "reason", err)
	return mnist.Glyphs(), nil
}
