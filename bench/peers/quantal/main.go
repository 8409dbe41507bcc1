// Command quantal times quantal's own training step: the published preset on the CPU VM, without evaluation and files.
// QUANTAL_KERNELS in the environment chooses the kernel set.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"quantal/bench/peers/timing"
	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/cpu"
	"quantal/results/store"
	"quantal/train"
)

func main() {
	noise := flag.String("noise", "heterogeneous", "which synapses share a sigma, as in quantal train")
	rho := flag.String("rho", "2", "exponent of the reliability cost")
	draw := flag.String("draw", "minibatch", "which examples share one, as in quantal train")
	network := flag.String("network", "mlp-100-100", "layers, as in quantal train")
	threads := flag.Int("threads", 1, "threads")
	members := flag.Int("members", 1, "networks trained at the same time, each with its own seed")
	seconds := flag.Float64("seconds", 2, "how long to measure")
	flag.Parse()
	duration := time.Duration(*seconds * float64(time.Second))
	if err := run(*noise, *rho, *draw, *network, *threads, *members, duration); err != nil {
		fmt.Fprintln(os.Stderr, "bench/peers/quantal:", err)
		os.Exit(1)
	}
}

func run(noise, rho, draw, network string, threads, members int, duration time.Duration) error {
	config, err := train.Preset("published")
	if err != nil {
		return err
	}
	config.Noise = noise
	if config.Rho, err = train.ParseExponent(rho); err != nil {
		return err
	}
	if err := config.Set("draw", draw); err != nil {
		return err
	}
	input := graph.Row(784)
	if network != "mlp-100-100" { // which the preset is
		if err := config.Set("network", network); err != nil {
			return err
		}
		input = graph.Input{Picture: kernels.Picture{Height: 28, Width: 28, Channels: 1}, Arrangement: kernels.ByPlane}
	}
	if err := config.Check(); err != nil {
		return err
	}
	program, err := graph.CompileSpec(config.Spec(input, 10), kernels.DefaultAdam())
	if err != nil {
		return err
	}
	var networks []kernels.Member
	var states []*kernels.State
	for m := range members {
		// Different seeds, so that they cannot share work: copies of another program could not either.
		config.Seed = store.Seed(m + 1)
		networks = append(networks, config.Member())
		states = append(states, config.InitialState(program.Layout))
	}
	vm, err := cpu.Open(program, networks, timing.Data(), threads)
	if err != nil {
		return err
	}
	defer vm.Close()
	for m, state := range states {
		if err := vm.Load(m, state); err != nil {
			return err
		}
	}
	step, loss := 0, 0.
	result, err := timing.Measure(duration, members, func(n int) error {
		progress, err := vm.Run(context.Background(), step, n)
		if err != nil {
			return err
		}
		for m, p := range progress {
			if p.Diverged != nil {
				return fmt.Errorf("network %d: %v", m, p.Diverged)
			}
		}
		step += n
		loss = progress[0].NLL() / float64(n*config.Batch)
		return nil
	})
	if err != nil {
		return err
	}
	result.Peer, result.Version, result.Kernels, result.DType = "quantal", "this tree", vm.Kernels(), "float32"
	result.Noise, result.Rho, result.Threads, result.Loss = noise, float64(config.Rho.Value()), threads, loss
	return result.Print(os.Stdout)
}
