// Package pythontest runs Python with numpy from tests: to read our files as users will.
package pythontest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// installed are the modules that CI installs: see .ci/run.
var installed = []string{"numpy", "pandas", "torch", "onnx"}

// Run runs code, which prints JSON, with the arguments in sys.argv, and decodes what it printed into v. Without an
// interpreter with numpy the test is skipped, and fails if CI is set.
func Run(t testing.TB, code string, v any, args ...string) {
	t.Helper()
	RunWith(t, nil, code, v, args...)
}

// RunWith is Run for code that needs the given modules besides numpy, and may import our own package quantal.
func RunWith(t testing.TB, modules []string, code string, v any, args ...string) {
	t.Helper()
	c := exec.Command(Find(t, modules...), append([]string{"-c", code}, args...)...)
	c.Stderr = os.Stderr
	c.Env = Environment(t)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("python: %v", err)
	}
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatalf("python printed %q: %v", out, err)
	}
}

// Find returns an interpreter that has numpy and the given modules. Without one the test is skipped; those that CI
// installs must be present if CI is set.
func Find(t testing.TB, modules ...string) string {
	t.Helper()
	modules = append([]string{"numpy"}, modules...)
	needs := strings.Join(modules, ", ")
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		// Importing some of them takes seconds.
		const search = "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))"
		if exec.Command(name, append([]string{"-c", search}, modules...)...).Run() == nil {
			return name
		}
	}
	missing := func(m string) bool { return !slices.Contains(installed, m) }
	if os.Getenv("CI") != "" && !slices.ContainsFunc(modules, missing) {
		t.Fatalf("no python3 with %s (Debian: python3-%s), which CI must have", needs, strings.Join(modules, " python3-"))
	}
	t.Skipf("no python3 with %s: not tested", needs)
	return ""
}

// Environment is that of a Python program which may import our package. It gets one thread: others share the machine.
func Environment(t testing.TB) []string {
	t.Helper()
	return append(os.Environ(), "PYTHONPATH="+Package(t), "PYTHONDONTWRITEBYTECODE=1", "OPENBLAS_NUM_THREADS=1",
		"OMP_NUM_THREADS=1")
}

// Package is the folder of our package for Python.
func Package(t testing.TB) string {
	t.Helper()
	if folder == "" {
		t.Fatal("the folder python is not found: the test did not start below that of go.mod")
	}
	return folder
}

// folder is found at the start, in the folder of the tested package: tests leave it.
var folder = find()

func find() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "python")
		}
	}
	return ""
}
