//go:build gpu && linux

package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Scripts for programs with GPU support, on a library that replaces the driver and writes driver.log.
func TestGPUScripts(t *testing.T) {
	fake := filepath.Join(t.TempDir(), "libfakecuda.so")
	source := "../../kernels/cuda/testdata/fakecuda.c"
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", fake, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/gpu",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "dataset": dataset4Script},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("QUANTAL_LIBCUDA", fake)
			e.Setenv("FAKE_LOG", filepath.Join(e.WorkDir, "driver.log"))
			return nil
		},
	})
}
