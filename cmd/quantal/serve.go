package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"quantal/internal/fault"
	"quantal/results/store"
	"quantal/serve"
)

const serveAddress = "127.0.0.1:35367"

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "show runs and grids in a browser while they train, and afterwards",
		UsageText: "quantal serve FOLDER... [--http " + serveAddress + "]",
		Description: "A FOLDER is a run, a grid, an experiment of `quantal dynamics`, or holds such. The page\n" +
			"shows what is running, done and failed, accuracies as networks finish, learning curves and\n" +
			"settings side by side, distributions of sigma, figures and reports. It only reads files, so\n" +
			"it may run beside the training or on another machine that sees the folder. Only this\n" +
			"machine can open it (from another: ssh -L 35367:127.0.0.1:35367 MACHINE); with another\n" +
			"address, such as --http :35367, other machines can, with the token in the printed URL.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "http", Value: serveAddress, Usage: "`ADDRESS` to listen at; port 0 is any free one"},
			tokenFlag(), jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			folders := c.Args().Slice()
			if len(folders) == 0 {
				return usage("serve: want the folder of a run or a grid, or one with such in it")
			}
			for _, dir := range folders {
				info, err := os.Stat(dir)
				if err != nil {
					return &store.MissingError{Err: store.FileError(dir, err)}
				}
				if !info.IsDir() {
					return usage("serve: %s: is a file, want a folder", dir)
				}
			}
			s := serve.New(folders)
			if c.Bool("http-token") {
				s.AskToken()
			}
			l, url, err := s.Listen(c.String("http"))
			if err != nil {
				return &usageError{err}
			}
			if c.Bool("json") {
				err = printJSON(c, map[string]any{"url": url})
			} else {
				_, err = fmt.Fprintln(c.App.Writer, url)
				logger(c).Info("Ctrl-C ends this")
			}
			if err != nil {
				return errors.Join(err, l.Close())
			}
			return s.Serve(c.Context, l)
		},
	}
}

// httpFlag lets a command that trains serve its folder.
func httpFlag() cli.Flag {
	return &cli.StringFlag{Name: "http",
		Usage: "meanwhile show the folder in a browser, at this `ADDRESS`, such as " + serveAddress + "; see `quantal serve`"}
}

// tokenFlag keeps other users of the machine out.
func tokenFlag() cli.Flag {
	return &cli.BoolFlag{Name: "http-token",
		Usage: "only who has the printed URL can look, also on this machine: for one that others log in to"}
}

// display serves the folder of a command that trains, if --http asks for that. A nil one does nothing.
type display struct {
	server *serve.Server
	stop   func()
}

// openDisplay takes the address, before anything else is done.
func openDisplay(c *cli.Context) (*display, error) {
	if !c.IsSet("http") {
		if c.Bool("http-token") {
			return nil, usage("--http-token goes with --http")
		}
		return nil, nil
	}
	s := serve.New(nil)
	if c.Bool("http-token") {
		s.AskToken()
	}
	l, url, err := s.Listen(c.String("http"))
	if err != nil {
		return nil, &usageError{err}
	}
	ctx, cancel := context.WithCancel(c.Context)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := fault.Guard(func() error { return s.Serve(ctx, l) })
		if ctx.Err() == nil {
			logger(c).Warn("nothing is served any more; the training goes on", "reason", err)
		}
	}()
	logger(c).Info("open " + url)
	return &display{s, func() {
		s.Last()
		cancel()
		<-ended
	}}, nil
}

// show adds the folder, which need not exist yet.
func (d *display) show(dir string) {
	if d != nil {
		d.server.Show(dir)
	}
}

func (d *display) close() {
	if d != nil {
		d.stop()
	}
}
