package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"quantal/bench/peers/timing"
)

// program is one implementation of the training step.
type program struct {
	name    string
	command []string // before the configuration
	second  []string // a copy to run at the same time as the first, if any
	env     []string
	c       bool // the C program, with its own arguments and output
	pair    bool // two networks on two cores
	threads bool // several
	others  bool // it trains other networks than the preset's, and with other draws

	processor bool // the time that counts is that of processors
	last      timing.Result
}

// patience is how long a run may take beyond its measurement: it also starts up and warms up.
const patience = time.Minute

// run trains a configuration and returns the milliseconds per step of one network. Networks that train at the same time
// count together: two, each taking a step per millisecond, take half a millisecond per step.
func (p *program) run(ctx context.Context, c configuration, seconds float64) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience+time.Duration(3*seconds*float64(time.Second)))
	defer cancel()
	one := p.runPeer
	if p.c {
		one = p.runC
	}
	if p.second == nil {
		return one(ctx, p.command, c, seconds)
	}
	var wg sync.WaitGroup
	var ms [2]float64
	var errs [2]error
	for i, command := range [][]string{p.command, p.second} {
		wg.Go(func() { ms[i], errs[i] = one(ctx, command, c, seconds) })
	}
	wg.Wait()
	return 1 / (1/ms[0] + 1/ms[1]), errors.Join(errs[:]...)
}

func (p *program) runPeer(ctx context.Context, command []string, c configuration, seconds float64) (float64, error) {
	r, _, err := last(ctx, append(command[:len(command):len(command)],
		append(c.arguments(), "--seconds", fmt.Sprint(seconds))...), p.env)
	if err != nil {
		return 0, err
	}
	p.last = r
	ms := r.MsPerStep
	if p.processor {
		ms = r.ProcessorMs
	}
	if !(ms > 0) {
		return 0, fmt.Errorf("it reports %v ms per step", ms)
	}
	return ms, nil
}

// brackets are the parts of a step in the C program's report. Their sum leaves out what the total before them includes:
// the test at the end, and the shuffle of each epoch.
var brackets = regexp.MustCompile(`\[samp ([\d.]+) fwd ([\d.]+) bwdx ([\d.]+) upd ([\d.]+)\]`)

// runC runs the C program for a number of steps, because it takes no duration: as many as it does in the given time on
// a processor where a step takes 0.5 ms, and at least 500. Beyond 30,000 steps it would also evaluate.
func (p *program) runC(ctx context.Context, command []string, c configuration, seconds float64) (float64, error) {
	rho, err := number(c.rho)
	if err != nil {
		return 0, err
	}
	steps := max(500, min(30000, int(seconds/0.5e-3)))
	const cost, epochs, seed = "0.1", "10", "1"
	command = append(command[:len(command):len(command)], fmt.Sprint(rho), cost, epochs, seed, fmt.Sprint(steps))
	// A ReLU on both hidden layers and none on the logits.
	env := []string{"R1=1", "R3=0"}
	if c.noise == "homogeneous" {
		env = append(env, "HOM=1")
	}
	out, _, err := output(ctx, command, env)
	if err != nil {
		return 0, err
	}
	match := brackets.FindSubmatch(out)
	if match == nil {
		return 0, fmt.Errorf("no times in its output: %q", out)
	}
	total := 0.
	for _, part := range match[1:] {
		ms, err := strconv.ParseFloat(string(part), 64)
		if err != nil {
			return 0, err
		}
		total += ms
	}
	if !(total > 0) {
		return 0, fmt.Errorf("it reports no time: %q", out)
	}
	return total, nil
}

// number reads a number or a fraction.
func number(s string) (float64, error) {
	numerator, denominator, fraction := strings.Cut(s, "/")
	a, err := strconv.ParseFloat(numerator, 64)
	if err != nil || !fraction {
		return a, err
	}
	b, err := strconv.ParseFloat(denominator, 64)
	return a / b, err
}

// probe asks quantal which kernels it runs, under some environment.
func probe(ctx context.Context, binary string, env []string) (timing.Result, error) {
	r, _, err := last(ctx, []string{binary, "--seconds", "0.01"}, env)
	return r, err
}

// last runs a peer and reads the last line of its output; warnings is its standard error.
func last(ctx context.Context, command, env []string) (r timing.Result, warnings string, err error) {
	out, warnings, err := output(ctx, command, env)
	if err != nil {
		return r, warnings, err
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if err := json.Unmarshal(lines[len(lines)-1], &r); err != nil {
		return r, warnings, fmt.Errorf("%s: its output is not a line of JSON: %w", strings.Join(command, " "), err)
	}
	return r, warnings, nil
}

func output(ctx context.Context, command, env []string) (out []byte, warnings string, err error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err = cmd.Output()
	warnings = strings.TrimSpace(stderr.String())
	if ctx.Err() == context.DeadlineExceeded {
		return out, warnings, errors.New("it took too long")
	}
	if err != nil {
		if warnings != "" {
			err = fmt.Errorf("%w: %s", err, warnings)
		}
		return out, warnings, err
	}
	return out, warnings, nil
}
