package cuda

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"quantal/kernels"
	"quantal/kernels/conformance"
)

// resources are those that ptxas reports for a kernel.
type resources struct{ registers, shared int }

var report = regexp.MustCompile(`entry function '(\w+)'[^\n]*\n[^\n]*\n\s*(\d+) bytes stack frame, (\d+) bytes ` +
	`spill stores[^\n]*\n` +
	`[^\n]*Used (\d+) registers(?:[^\n]*?, (\d+) bytes smem)?`)

// assemble runs ptxas on a source and fails the test if a kernel spills, unless a formula is in it.
func assemble(t *testing.T, ptxas, source, architecture string) map[string]resources {
	t.Helper()
	file := filepath.Join("ptx", source+".ptx")
	template := slices.Contains(templates, source)
	if template { // with formulas in it
		text, err := PTX(source)
		if err != nil {
			t.Fatal(err)
		}
		if source == "priced" {
			text = priced(text, allOperations())
		} else {
			quantal := conformance.Design{Sizes: []int{20, 7, 3}, Batch: 3, Quantal: true, Laws: []string{"c*n*abs(q)^(2/3)"}}
			text = newShape(quantal.Network(t).Program).fill(text)
		}
		file = filepath.Join(t.TempDir(), source+".ptx")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(ptxas, "-v", "-arch="+architecture, "-o", os.DevNull, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", source, err, out)
	}
	found := map[string]resources{}
	for _, f := range report.FindAllStringSubmatch(string(out), -1) {
		if (f[2] != "0" || f[3] != "0") && !template { // where 23 operations in a row may spill some bytes
			t.Errorf("%s, %s: spills: %s", f[1], architecture, f[0])
		}
		var r resources
		r.registers, _ = strconv.Atoi(f[4])
		r.shared, _ = strconv.Atoi(f[5]) // none is 0
		found[f[1]] = r
	}
	for name, e := range entries {
		if _, ok := found[name]; !ok && e.source == source {
			t.Errorf("%s: nothing in the report of ptxas\n%s", name, out)
		}
	}
	return found
}

// blocks is how many blocks of a kernel a multiprocessor runs at once. Numbers of compute capability 8.0 and 9.0 are
// from the table of technical specifications in the CUDA C++ Programming Guide: 64 warps, 32 blocks, 64 K registers,
// allocated to warps in units of 256 from quarters, and shared memory, 1 KB of it reserved for each block.
func blocks(threads int, r resources, dynamic, sharedKB int) int {
	const batch = 20
	warps := ceil(threads, 32)
	resident := 4 * (16384 / (ceil(32*r.registers, 256) * 256)) // warps, by their registers
	shared := ceil(r.shared+dynamic*batch, 128)*128 + 1024
	return min(32, 64/warps, resident/warps, sharedKB*1024/shared)
}

// documented is a row of doc.go's table as it must be: what differs for sm_80 is in brackets.
func documented(name string, threads, dynamic int, sm80, sm90 resources) string {
	either := func(a, b string) string {
		if a == b {
			return a
		}
		return a + " (" + b + ")"
	}
	shared := strings.TrimPrefix(fmt.Sprintf("%d,%03d", sm90.shared/1000, sm90.shared%1000), "0,")
	if sm90.shared < 1000 {
		shared = strconv.Itoa(sm90.shared)
	}
	if dynamic > 0 {
		shared = strings.TrimPrefix(fmt.Sprintf("%s + %d B", shared, dynamic), "0 + ")
	}
	b90, b80 := blocks(threads, sm90, dynamic, 228), blocks(threads, sm80, dynamic, 164)
	occupancy := func(blocks int) string {
		return fmt.Sprintf("%.0f %%", math.Floor(100*float64(blocks*ceil(threads, 32))/64+0.5))
	}
	return strings.Join([]string{
		name, strconv.Itoa(threads), either(strconv.Itoa(sm90.registers), strconv.Itoa(sm80.registers)), shared,
		either(strconv.Itoa(b90), strconv.Itoa(b80)), either(occupancy(b90), occupancy(b80)),
	}, "|")
}

// No kernel spills, and if ptxas is that of CUDA 11.8, every number in doc.go's table is its output or follows from it.
func TestResourcesAreAsDocumented(t *testing.T) {
	ptxas, err := exec.LookPath("ptxas")
	if err != nil {
		t.Skip("no ptxas here")
	}
	version, err := exec.Command(ptxas, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "//\tkernel                   threads  registers")
	if !ok {
		t.Fatal("doc.go has no table of registers")
	}
	rows := map[string]string{}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "//\t") {
			if len(rows) > 0 {
				break
			}
			continue
		}
		columns := regexp.MustCompile(` {2,}`).Split(strings.TrimSpace(strings.TrimPrefix(line, "//\t")), -1)
		rows[columns[0]] = strings.Join(columns, "|")
	}
	launched := launchSizes(t)
	count := 0
	sm80, sm90 := map[string]map[string]resources{}, map[string]map[string]resources{}
	for name, e := range entries {
		if sm80[e.source] == nil {
			sm80[e.source], sm90[e.source] = assemble(t, ptxas, e.source, "sm_80"), assemble(t, ptxas, e.source, "sm_90")
		}
		if slices.Contains(templates, e.source) { // what these take depends on the formula
			continue
		}
		if name == "advance" || !strings.Contains(string(version), "release 11.8") {
			continue
		}
		count++
		size, ok := launched[name]
		if !ok {
			t.Errorf("%s is never launched below", name)
			continue
		}
		if want := documented(name, size.threads, size.perExample, sm80[e.source][name],
			sm90[e.source][name]); rows[name] != want {
			t.Errorf("doc.go says %q, want %q", rows[name], want)
		}
	}
	if count > 0 && len(rows) != count {
		t.Errorf("%d rows in doc.go, %d kernels", len(rows), count)
	}
}

// allOperations is a formula with every operation.
func allOperations() kernels.Formula {
	b := kernels.NewFormula(kernels.InputMu, kernels.InputSigma, "h0")
	last := b.Input(2)
	for _, o := range kernels.Ops() {
		last = b.Do(o, []int{last, b.Input(1), b.Input(0)}[:o.Arity()]...)
	}
	return b.Formula(last, b.Do(kernels.OpMul, last, b.Input(0)))
}

// launchSize decides, together with a kernel's resources, how many of its blocks run at once.
type launchSize struct {
	threads    int
	perExample int // bytes of dynamic shared memory for each example of a minibatch
}

// recorder is a driver that notes what is launched.
type recorder struct {
	Driver
	batch int
	seen  map[string]launchSize
}

func (r recorder) note(launches []Launch) error {
	for _, l := range launches {
		size := launchSize{l.Block[0] * l.Block[1] * l.Block[2], l.Shared / r.batch}
		if before, ok := r.seen[l.Kernel.Name()]; ok && before != size {
			return fmt.Errorf("%s is launched as %+v and as %+v", l.Kernel.Name(), before, size)
		}
		r.seen[l.Kernel.Name()] = size
	}
	return nil
}

func (r recorder) Launch(l Launch) error { return errors.Join(r.note([]Launch{l}), r.Driver.Launch(l)) }

func (r recorder) Record(l []Launch) (Graph, error) {
	if err := r.note(l); err != nil {
		return nil, err
	}
	return r.Driver.Record(l)
}

// launchSizes launches every kernel.
func launchSizes(t *testing.T) map[string]launchSize {
	seen := map[string]launchSize{}
	wide := conformance.Design{Sizes: []int{140, 5, 3}, Activation: kernels.ReLU, Batch: 4, Members: 1, Rho: 2}
	shared, none := wide, wide
	shared.Sharing, shared.Likelihood, none.Sharing = kernels.PerLayer, kernels.Gaussian, kernels.NoNoise
	n := wide.Network(t)
	networks := []*conformance.Network{n.Under(t, kernels.Accumulate{}), n.Fluctuating(t, conformance.Schedules[0])}
	for _, n := range []*conformance.Network{n, shared.Network(t), none.Network(t)} {
		for _, rule := range kernels.Movers() {
			networks = append(networks, n.Under(t, rule))
		}
	}
	wide.Draw, shared.Draw = kernels.PerExample, kernels.PerExample
	for _, n := range append(networks, conformance.Pictures(t)[2].Network(t), wide.Network(t), shared.Network(t)) {
		for _, fused := range []bool{true, false} {
			d := recorder{Interpreted(testMemory), n.Batch, seen}
			vm, err := open(d, n.Program, n.Members, n.Data, nil)
			if err != nil {
				t.Fatal(err)
			}
			n.Load(t, vm)
			if err := vm.setFused(fused && vm.shape.fused); err != nil {
				t.Fatal(err)
			}
			conformance.Run(t, vm, 0, 1)
			if _, err := vm.Evaluate(context.Background(), n.Data, 1, 2); err != nil {
				t.Fatal(err)
			}
			if err := vm.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	d := recorder{Interpreted(testMemory), 1, seen}
	if _, err := Measure(d, 1<<12); err != nil {
		t.Fatal(err)
	}
	return seen
}
