package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// noisy is the range of a program's times, the largest over the smallest, above which the report calls the machine
// busy.
const noisy = 1.25

// spread is the median and the range of some numbers.
type spread struct{ low, median, high float64 }

func spreadOf(x []float64) spread {
	x = slices.Sorted(slices.Values(x))
	n := len(x)
	return spread{x[0], (x[(n-1)/2] + x[n/2]) / 2, x[n-1]}
}

func (s spread) ratio() string { return fmt.Sprintf("%.3g (%.3g to %.3g)", s.median, s.low, s.high) }

// ratios divides the times of two programs round by round; nil if one of them lacks some.
func (b *bench) ratios(over, under *program, c configuration) []float64 {
	return b.ratiosOf(key{over, c}, key{under, c})
}

func (b *bench) ratiosOf(over, under key) []float64 {
	x, y := b.values[over], b.values[under]
	if len(x) == 0 || len(x) != len(y) {
		return nil
	}
	r := make([]float64, len(x))
	for i := range x {
		r[i] = x[i] / y[i]
	}
	return r
}

// find returns the first program that fits the description, nil for none.
func (b *bench) find(f func(*program) bool) *program {
	if i := slices.IndexFunc(b.programs, f); i >= 0 {
		return b.programs[i]
	}
	return nil
}

func isQuantal(p *program) bool { return strings.HasPrefix(p.name, "quantal") }

// report writes the report.
func (b *bench) report() string {
	var w strings.Builder
	fmt.Fprintf(&w, `# The training step on the CPU, compared with its peers

One training step of the preset "published": 784-100-100-10, minibatches of 20 out of 60,000, one draw of the weights
per minibatch, Adam on mu and phi; and two that differ: a draw for every example, and LeNet-5. Written by
`+"`make bench-peers`"+` (`+"`go doc quantal/bench/peers`"+`).

| | |
|---|---|
| date | %s |
| processor | %s, %d in the machine |
| vector instructions | %s |
| system | %s, %s |
| revision | %s |
| load average before each round | %s |
`, b.began.UTC().Format(time.DateOnly), processorName(), processors(), vectorInstructions(), kernelRelease(),
		runtime.Version(), revision(), strings.Join(b.loads, ", "))
	seen := map[string]bool{}
	for _, p := range b.programs {
		if r := p.last; r.Peer != "" && r.Peer != "quantal" && !seen[r.Peer] {
			seen[r.Peer] = true
			backend, _, _ := strings.Cut(r.Kernels, ",")
			fmt.Fprintf(&w, "| %s | %s, %s |\n", r.Peer, r.Version, backend)
		}
	}
	fmt.Fprintf(&w, `
Rounds: %d. In each, every program ran once for about %g s, in the order of the rows. Milliseconds per step are the mean
over a run; the table has the median and the range over the rounds. The last column is the ratio to quantal's time in
the same round: its median, and its range. Single-threaded programs are pinned to one core.
`, b.rounds, b.seconds)
	if b.time == "processor" {
		fmt.Fprint(&w, `Times are those of the processor, not of a clock, because other programs ran; programs of several
threads are left out.
`)
	}
	for _, c := range b.configurations {
		b.table(&w, c, false)
	}
	b.table(&w, pairConfiguration, true)
	b.reading(&w)
	if len(b.missing) > 0 {
		fmt.Fprintf(&w, "\n## Not measured\n\n")
		for _, m := range b.missing {
			fmt.Fprintf(&w, "- %s\n", m)
		}
	}
	b.commands(&w)
	return w.String()
}

// table writes the times of one configuration, of single networks or of pairs.
func (b *bench) table(w *strings.Builder, c configuration, pair bool) {
	reference := b.find(func(p *program) bool { return isQuantal(p) && p.pair == pair })
	if reference == nil || len(b.values[key{reference, c}]) == 0 {
		return
	}
	title, per := strings.ToUpper(c.noise[:1])+c.String()[1:], "ms/step"
	if pair {
		title, per = "Two networks on two cores, "+c.String(), "ms/step of either network"
	}
	fmt.Fprintf(w, "\n## %s\n\n| | %s | lowest | highest | relative to quantal |\n|---|---:|---:|---:|---:|\n", title, per)
	for _, p := range b.programs {
		x := b.values[key{p, c}]
		if p.pair != pair || len(x) == 0 {
			continue
		}
		s, relative := spreadOf(x), "1"
		if p != reference {
			relative = "incomplete"
			if r := b.ratios(p, reference, c); r != nil {
				relative = spreadOf(r).ratio()
			}
		}
		fmt.Fprintf(w, "| %s | %.3f | %.3f | %.3f | %s |\n", p.name, s.median, s.low, s.high, relative)
	}
}

// reading says what the numbers mean, including the unfavourable ones.
func (b *bench) reading(w *strings.Builder) {
	fmt.Fprintf(w, "\n## Reading\n\n")
	c := b.find(func(p *program) bool { return p.c && !p.pair })
	for _, q := range b.programs {
		if c == nil || !isQuantal(q) || q.pair || q.threads {
			continue
		}
		var parts []string
		for _, config := range configurations {
			if r := b.ratios(q, c, config); r != nil {
				lowest := spreadOf(b.values[key{q, config}]).low / spreadOf(b.values[key{c, config}]).low
				parts = append(parts, fmt.Sprintf("%s at %v (lowest by lowest time: %.3g)", spreadOf(r).ratio(), config, lowest))
			}
		}
		if parts != nil {
			fmt.Fprintf(w, "- %s takes, times the C program's step:\n  %s.\n"+
				"  The aim is at most 1.10 with AVX-512 and 1.7 with AVX2.\n", q.name, strings.Join(parts, ";\n  "))
		}
	}
	pair := b.find(func(p *program) bool { return isQuantal(p) && p.pair })
	copies := b.find(func(p *program) bool { return p.c && p.pair })
	if pair != nil && copies != nil {
		if r := b.ratios(copies, pair, pairConfiguration); r != nil {
			fmt.Fprintf(w, "- Two members on two cores reach %s times the throughput of two copies of the C program. "+
				"The aim is at least 0.95.\n", spreadOf(r).ratio())
		}
	}
	b.aims(w)
	times, busy, worst := 0, 0, 1.
	for _, x := range b.values {
		s := spreadOf(x)
		times++
		if s.high > noisy*s.low {
			busy++
		}
		worst = max(worst, s.high/s.low)
	}
	if b.rounds > 2 {
		verdict := "quiet"
		if 4*busy > times {
			verdict = "not quiet"
		}
		fmt.Fprintf(w, "- The machine was %s: of %d times, %d differ between rounds by more than a factor %g, "+
			"the worst by %.2g.\n", verdict, times, busy, noisy, worst)
	}
	if b.find(func(p *program) bool { return p.c }) != nil {
		fmt.Fprint(w, `- Not exactly the same work: the C program has quantal's kind of noise (Philox, Box-Muller) and math as
  accurate, but does not check for divergence, and its times leave out its shuffle and its test; quantal's include the
  shuffle.
`)
	}
	if b.find(func(p *program) bool { return p.last.Peer == "pytorch" }) != nil {
		fmt.Fprint(w, `- The PyTorch version is tuned for speed; a straightforward one takes 1.3 to 1.5 times as long.
  bench/peers/torch_step.py says what was tried. It draws from its own generator. float64 is what the authors of the
  paper ran. Newer versions of PyTorch can compile a step; that was not tried. With all threads on a step this small,
  threads wait for each other by spinning, which is very slow when another program takes a core from them: in that case
  compare the lowest times.
`)
	}
	if b.find(func(p *program) bool { return p.last.Peer == "gorgonia" }) != nil {
		fmt.Fprint(w, `- Gorgonia's times include the drawing of xi by quantal's portable Go, about a tenth.
`)
	}
}

// aims says how other networks and draws compare.
func (b *bench) aims(w *strings.Builder) {
	quantal := b.find(func(p *program) bool { return isQuantal(p) && !p.threads })
	if r := b.ratiosOf(key{quantal, perExample}, key{quantal, preset}); r != nil {
		fmt.Fprintf(w, "- With a draw for every example a step takes %s times that of the preset. The aim is at most 1.3.\n",
			spreadOf(r).ratio())
	}
	for _, p := range b.programs {
		if !p.others || isQuantal(p) {
			continue
		}
		by := quantal
		if p.threads {
			by = b.find(func(p *program) bool { return isQuantal(p) && p.threads && !p.pair })
		}
		for _, c := range []configuration{perExample, lenet5} {
			if r := b.ratios(p, by, c); r != nil {
				aim := map[configuration]int{perExample: 3, lenet5: 2}[c]
				fmt.Fprintf(w, "- %s takes %s times the step of %s at %v. The aim is at least %d.\n", p.name,
					spreadOf(r).ratio(), by.name, c, aim)
			}
		}
	}
}

// commands lists the commands, for readers who want to repeat one of them.
func (b *bench) commands(w *strings.Builder) {
	fmt.Fprintf(w, "\n## Commands\n\nFor %v, with the folder of the built programs as $P (--draw example and --network "+
		"lenet5 choose the others):\n\n", preset)
	for _, p := range b.programs {
		for _, command := range [][]string{p.command, p.second} {
			if command == nil {
				continue
			}
			line := strings.ReplaceAll(strings.Join(slices.Concat(p.env, command), " "), b.folder, "$P")
			if p.c {
				fmt.Fprintf(w, "    MNIST=... R1=1 R3=0 %s 2 0.1 10 1 STEPS\n", line)
			} else {
				fmt.Fprintf(w, "    %s --noise heterogeneous --rho 2 --seconds %g\n", line, b.seconds)
			}
		}
	}
}

// processor returns a field of the first processor in /proc/cpuinfo.
func processor(field string) string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == field {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// processorName adds family and model, since virtual machines hide the name.
func processorName() string {
	name := processor("model name")
	if name == "" {
		return runtime.GOARCH
	}
	return fmt.Sprintf("%s (family %s, model %s)", name, processor("cpu family"), processor("model"))
}

func vectorInstructions() string {
	var has []string
	for _, flag := range strings.Fields(processor("flags")) {
		if slices.Contains([]string{"fma", "avx2", "avx512f", "avx512dq", "avx512bw", "avx512vl"}, flag) {
			has = append(has, flag)
		}
	}
	if has == nil {
		return "unknown"
	}
	return strings.Join(has, " ")
}

func kernelRelease() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return runtime.GOOS + " " + strings.TrimSpace(string(text))
}

// revision is the commit measured, with a mark if the tree differs from it.
func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
