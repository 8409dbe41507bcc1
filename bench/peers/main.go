// Command peers compares quantal's training step with the same step in PyTorch, in stock-op Gorgonia and, if its source
// is available, in hand-written C, all in one interleaved run.
//
// In: this source tree, run from its root; a Python with PyTorch (PYTHON, otherwise python3 or /usr/bin/python3), the C
// program's source (FLOOR_C, compiled with CC) and the folder with the unpacked MNIST files that it reads (MNIST).
// Missing parts are named and left out. Out: a report in Markdown, bench/results/cpu.md by default.
//
// The load of the machine by other programs varies. So each round runs every program once, for two seconds or so, one
// after the other (A B C A B C ...); programs are compared within a round, and the report gives the median and the
// range of those ratios. With -time processor they are compared by the processor time of the measurement, which shows
// less of that load; programs with several threads, whose processors wait for each other, are then left out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"quantal/results/store"
)

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 7, "how often to run every program")
	flag.Float64Var(&o.seconds, "seconds", 2, "how long each run measures, about")
	flag.StringVar(&o.out, "out", "bench/results/cpu.md", "the report")
	kernels := flag.String("kernels", "avx2",
		"kernel sets to measure in addition to the one that quantal chooses, separated by commas")
	flag.StringVar(&o.time, "time", "wall", "wall or processor: the time that is compared")
	match := flag.String("match", "", "measure only titles that match this regular expression, as 'example$'")
	cores := flag.String("cores", "0,1", "the two processors to run on; the first is that of the single-core runs")
	flag.Parse()
	o.kernels = strings.FieldsFunc(*kernels, func(r rune) bool { return r == ',' })
	o.cores = strings.Split(*cores, ",")
	titles, err := regexp.Compile(*match)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/peers: -match:", err)
		os.Exit(2)
	}
	o.configurations = slices.DeleteFunc(slices.Clone(configurations),
		func(c configuration) bool { return !titles.MatchString(c.String()) })
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench/peers:", err)
		os.Exit(1)
	}
}

type options struct {
	rounds  int
	seconds float64
	out     string
	kernels []string
	cores   []string
	time    string

	configurations []configuration
}

// configuration is what every program trains.
type configuration struct{ noise, rho, draw, network string }

func (c configuration) String() string {
	s := fmt.Sprintf("%s, rho = %s", c.noise, c.rho)
	if c.network != preset.network {
		s += ", " + c.network
	}
	if c.draw != preset.draw {
		s += ", a draw per " + c.draw
	}
	return s
}

// arguments choose the configuration in a peer; those of the preset are left out, which not all peers know.
func (c configuration) arguments() []string {
	a := []string{"--noise", c.noise, "--rho", c.rho}
	if c.draw != preset.draw {
		a = append(a, "--draw", c.draw)
	}
	if c.network != preset.network {
		a = append(a, "--network", c.network)
	}
	return a
}

var (
	preset     = configuration{"heterogeneous", "2", "minibatch", "mlp-100-100"}
	perExample = configuration{"heterogeneous", "2", "example", "mlp-100-100"}
	lenet5     = configuration{"heterogeneous", "2", "minibatch", "lenet5"}
)

var configurations = []configuration{preset, {"heterogeneous", "2/3", preset.draw, preset.network},
	{"homogeneous", "2", preset.draw, preset.network}, perExample, lenet5}

// pairConfiguration is the one that is measured with two networks on two cores.
var pairConfiguration = preset

func run(ctx context.Context, o options) error {
	if o.rounds < 1 || o.seconds <= 0 || len(o.cores) != 2 || o.time != "wall" && o.time != "processor" {
		return errors.New("want 1 or more rounds, more than 0 seconds, two cores, and -time wall or processor")
	}
	if len(o.configurations) == 0 {
		return errors.New("-match: no title matches")
	}
	b := &bench{options: o, failed: map[*program]bool{}, values: map[key][]float64{}}
	var err error
	if b.folder, err = os.MkdirTemp("", "peers"); err != nil {
		return err
	}
	defer os.RemoveAll(b.folder)
	if err := b.prepare(ctx); err != nil {
		return err
	}
	b.began = time.Now()
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d, load average %s\n", round+1, o.rounds, loadAverage())
		b.loads = append(b.loads, loadAverage())
		for _, c := range o.configurations {
			for _, p := range b.programs {
				if p.pair && c != pairConfiguration || !p.others && (c == perExample || c == lenet5) {
					continue
				}
				b.measure(ctx, key{p, c})
				if err := ctx.Err(); err != nil {
					return errors.New("interrupted: nothing was written")
				}
			}
		}
	}
	report := b.report()
	fmt.Print(report)
	if err := os.MkdirAll(filepath.Dir(o.out), 0o755); err != nil {
		return err
	}
	if err := store.WriteBytes(o.out, []byte(report)); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "written to %s\n", o.out)
	return nil
}

// key is a cell of the results: a program and what it trained.
type key struct {
	program *program
	configuration
}

// bench is a run of all programs.
type bench struct {
	options
	folder   string // for built programs
	programs []*program
	failed   map[*program]bool
	missing  []string // what was left out, and why
	values   map[key][]float64
	loads    []string
	began    time.Time
}

// skip leaves out a program, and says so now and in the report.
func (b *bench) skip(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	b.missing = append(b.missing, s)
	fmt.Fprintf(os.Stderr, "\n*** NOT MEASURED: %s\n\n", s)
}

// measure runs a program once and keeps its milliseconds per step, NaN for none. A program that fails is not run again.
func (b *bench) measure(ctx context.Context, k key) {
	if b.failed[k.program] {
		return
	}
	ms, err := k.program.run(ctx, k.configuration, b.seconds)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		b.failed[k.program] = true
		b.skip("%s (%s): %v", k.program.name, k.configuration, err)
		return
	}
	b.values[k] = append(b.values[k], ms)
	fmt.Fprintf(os.Stderr, "  %-26s %-46s %8.3f ms/step\n", k.configuration, k.program.name, ms)
}

// prepare builds the programs and leaves out those that are not available.
func (b *bench) prepare(ctx context.Context) error {
	one, two := b.pin(b.cores[0]), b.pin(strings.Join(b.cores, ","))
	quantal, gorgonia := filepath.Join(b.folder, "quantal"), filepath.Join(b.folder, "gorgonia")
	for _, binary := range []string{quantal, gorgonia} {
		// As users build it: without cgo.
		build := exec.CommandContext(ctx, goCommand(), "build", "-o", binary, "./bench/peers/"+filepath.Base(binary))
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", build, err, out)
		}
	}
	chosen, err := probe(ctx, quantal, nil)
	if err != nil {
		return err
	}
	b.add(&program{name: fmt.Sprintf("quantal (%s)", chosen.Kernels), command: slices.Concat(one, []string{quantal}),
		others: true})
	for _, set := range b.kernels {
		env := []string{"QUANTAL_KERNELS=" + set}
		switch got, err := probe(ctx, quantal, env); {
		case err != nil:
			b.skip("quantal's %s kernels: %v", set, err)
		case got.Kernels != set:
			b.skip("quantal's %s kernels: it ran %s instead", set, got.Kernels)
		case got.Kernels != chosen.Kernels:
			b.add(&program{name: fmt.Sprintf("quantal (%s)", set), command: slices.Concat(one, []string{quantal}), env: env,
				others: true})
		}
	}
	all := fmt.Sprint(processors())
	b.add(&program{name: "quantal, all " + all + " threads", command: []string{quantal, "--threads", all}, others: true,
		threads: true})
	floor := b.floor(ctx)
	if floor != "" {
		b.add(&program{name: "C by hand", command: slices.Concat(one, []string{floor}), c: true})
	}
	if python := b.python(ctx); python != nil {
		for _, p := range []struct{ name, dtype, gradient, threads string }{
			{"PyTorch float32", "float32", "autograd", "1"},
			{"PyTorch float32, derivatives by hand", "float32", "hand", "1"},
			{"PyTorch float64", "float64", "autograd", "1"},
			{"PyTorch float32, all " + all + " threads", "float32", "autograd", all},
			{"PyTorch float64, all " + all + " threads", "float64", "autograd", all},
		} {
			command := slices.Concat(python, []string{"--dtype", p.dtype, "--gradient", p.gradient, "--threads", p.threads})
			if p.threads == "1" {
				command = slices.Concat(one, command)
			}
			b.add(&program{name: p.name, command: command, threads: p.threads != "1",
				others: p.dtype == "float32" && p.gradient == "autograd"})
		}
	}
	b.add(&program{name: "Gorgonia, stock operations", command: slices.Concat(one, []string{gorgonia})})
	if processors() < 2 {
		b.skip("two networks on two cores: there is only one core")
		return nil
	}
	b.add(&program{name: "quantal, 2 members on 2 cores", pair: true, threads: true,
		command: slices.Concat(two, []string{quantal, "--members", "2", "--threads", "2"})})
	if floor != "" {
		b.add(&program{name: "C by hand, 2 copies on 2 cores", pair: true, c: true,
			command: slices.Concat(one, []string{floor}), second: slices.Concat(b.pin(b.cores[1]), []string{floor})})
	}
	return nil
}

func (b *bench) add(p *program) {
	if p.processor = b.time == "processor"; !p.processor || !p.threads && !p.c {
		b.programs = append(b.programs, p)
	}
}

// pin is the beginning of a command that runs only on the given processors.
func (b *bench) pin(cores string) []string {
	if _, err := exec.LookPath("taskset"); err != nil {
		if len(b.programs) == 0 && cores == b.cores[0] {
			b.skip("pinning to one core: there is no taskset (util-linux); Go programs may collect garbage on other cores")
		}
		return nil
	}
	return []string{"taskset", "-c", cores}
}

// python finds an interpreter with PyTorch.
func (b *bench) python(ctx context.Context) []string {
	candidates := []string{"python3", "/usr/bin/python3"}
	if p := os.Getenv("PYTHON"); p != "" {
		candidates = []string{p}
	}
	var reasons []string
	for _, p := range candidates {
		command := []string{p, "bench/peers/torch_step.py"}
		r, warnings, err := last(ctx, append(slices.Clone(command), "--steps", "1"), nil)
		if err == nil {
			if warnings != "" {
				fmt.Fprintf(os.Stderr, "\n*** %s\n\n", warnings)
				b.missing = append(b.missing, "PyTorch at its best: "+warnings)
			}
			fmt.Fprintf(os.Stderr, "%s: PyTorch %s, %s\n", p, r.Version, r.Kernels)
			return command
		}
		reasons = append(reasons, err.Error())
	}
	b.skip("PyTorch: %s", strings.Join(reasons, "; "))
	return nil
}

// floor compiles the C program and returns its path, or an empty string.
func (b *bench) floor(ctx context.Context) string {
	source, mnist := os.Getenv("FLOOR_C"), os.Getenv("MNIST")
	if source == "" {
		fmt.Fprintln(os.Stderr, "the C program is left out: FLOOR_C does not name its source")
		b.missing = append(b.missing, "the C program, which is not part of quantal (FLOOR_C names its source)")
		return ""
	}
	if _, err := os.Stat(filepath.Join(mnist, "train-images-idx3-ubyte")); mnist == "" || err != nil {
		b.skip("the C program: MNIST=%q is not a folder with the four unpacked files", mnist)
		return ""
	}
	compiler := os.Getenv("CC")
	if compiler == "" {
		compiler = "gcc"
	}
	binary := filepath.Join(b.folder, "floor")
	build := exec.CommandContext(ctx, compiler, "-O3", "-march=native", "-ffast-math", "-o", binary, source, "-lm")
	if out, err := build.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(string(out), "\n")
		b.skip("the C program: %v: %v: %s (it needs AVX-512)", build, err, first)
		return ""
	}
	return binary
}

func goCommand() string {
	if g := os.Getenv("GO"); g != "" {
		return g
	}
	return "go"
}

// processors is the number of processors of the machine, which running this program under taskset does not change.
func processors() int {
	out, err := exec.Command("getconf", "_NPROCESSORS_ONLN").Output()
	n, bad := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil || bad != nil {
		return 1
	}
	return n
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); err == nil && len(fields) > 0 {
		return fields[0]
	}
	return "unknown"
}
