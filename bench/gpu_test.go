package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"quantal/internal/pythontest"
)

// The parts of the GPU benchmark that run without a GPU: the report, the peers' reference with its planted faults, and,
// if PyTorch is installed, its peers against the reference. bench/gpu.sh does the rest on a GPU, JAX included.
func TestGPUPeers(t *testing.T) {
	python := pythontest.Find(t)
	for _, command := range [][]string{{"gpu/report.py", "--self-test"}, {"gpu/model.py"}} {
		runPython(t, python, command...)
	}
	for _, peer := range []struct {
		module  string
		command []string
	}{
		{"torch", []string{"gpu/torch_one.py"}},
		{"torch", []string{"gpu/torch_stacked.py", "--way", "hand,autograd,compile"}},
		{"jax", []string{"gpu/jax_vmap.py", "--prng", "rbg,threefry2x32"}},
	} {
		t.Run(filepath.Base(peer.command[0]), func(t *testing.T) {
			python := pythontest.Find(t, peer.module)
			runPython(t, python, append(peer.command, "--check", "--device", "cpu")...)
		})
	}
}

func runPython(t *testing.T, python string, command ...string) {
	t.Helper()
	c := exec.Command(python, command...)
	c.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", command, err, out)
	}
}

// The script refuses wrong calls, and a stage that has nothing to work with is skipped.
func TestGPUScript(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip(err)
	}
	python := pythontest.Find(t)
	if out, err := exec.Command("bash", "-n", "gpu.sh").CombinedOutput(); err != nil {
		t.Fatalf("bash -n: %v\n%s", err, out)
	}
	for _, arguments := range [][]string{{"--only", "nothing"}, {"--minutes"}, {"--minutes", "x"}, {"--what"}} {
		err := exec.Command("bash", append([]string{"gpu.sh"}, arguments...)...).Run()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 2 {
			t.Errorf("gpu.sh %v: %v, want exit status 2", arguments, err)
		}
	}
	dir := t.TempDir()
	c := exec.Command("bash", "gpu.sh", "--only", "repeat,parity,grid,racecheck,full", "--out", filepath.Join(dir, "out"))
	c.Env = append(os.Environ(), "DEVICE=cpu", "PYTHON="+python, "PYTHONDONTWRITEBYTECODE=1",
		"QUANTAL="+filepath.Join(dir, "none"), "CUDA_TEST="+filepath.Join(dir, "none"))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("gpu.sh: %v\n%s", err, out)
	}
	report, err := os.ReadFile(filepath.Join(dir, "out", "gpu.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(report), "| skipped |"); n != 5 {
		t.Errorf("%d stages skipped, want 5:\n%s", n, report)
	}
}
