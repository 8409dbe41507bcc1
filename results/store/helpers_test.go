package store

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"testing"

	"quantal/internal/resultstest"
	"quantal/kernels"
)

var (
	check     = resultstest.Check
	wantError = resultstest.WantError
	isCorrupt = resultstest.IsA[*CorruptError]
	layoutOf  = resultstest.LayoutOf
	normal    = resultstest.Normal
)

// helperVariable names the role of a copy of the test program when a test needs a second process.
const helperVariable = "QUANTAL_RESULTS_HELPER"

func TestMain(m *testing.M) {
	if part := os.Getenv(helperVariable); part != "" {
		os.Exit(helper(part, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// helper runs a role and returns an exit status.
func helper(part string, args []string) int {
	switch part {
	case "hold": // locks the run folder and waits to be killed
		f, err := Open(args[0])
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer f.Close()
		fmt.Println("held")
		_, _ = io.ReadAll(os.Stdin)
		return 0
	case "save": // writes into the run folder until it is killed
		f, err := Open(args[0])
		for step := 1; err == nil; step++ {
			if err = f.AppendMetrics(Epoch{Epoch: step, Step: step}); err == nil {
				err = f.SaveCheckpoint(small(step))
			}
			if step == kept {
				fmt.Println("saving")
			}
		}
		fmt.Println(err)
		return 1
	case "full": // works in the run folder while files cannot grow
		return fullDisk(args[0])
	}
	return 2
}

// helperCommand is a second process with the given role.
func helperCommand(t *testing.T, part string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), helperVariable+"="+part)
	return c
}

// filled is a checkpoint whose numbers all differ, with zeros in the pads.
func filled(l kernels.Layout, step int, next func() float32) *Checkpoint {
	c := &Checkpoint{Step: step, Seed: math.MaxUint64 - 7, Graph: `{"hidden":"ReLU \"σ\" <&>"}`, Driver: "{\"a\":1}\n",
		Layout: l, State: kernels.NewState(l, 2), Rule: "adam"}
	for _, p := range pieces(l, []string{"m", "v"}) {
		field := p.field(c.State)
		for r := range p.rows {
			for k := range p.cols {
				field[p.offset+r*p.stride+k] = next()
			}
		}
	}
	return c
}

func small(step int) *Checkpoint {
	return filled(layoutOf(kernels.PerSynapse, 3, 2, 1), step, normal(uint64(step)))
}

func equalBits(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return false
		}
	}
	return true
}

func equalStates(a, b *kernels.State) bool {
	return slices.EqualFunc(a.Fields(), b.Fields(), equalBits)
}

// names lists a folder, including hidden files, without the lock.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var list []string
	for _, e := range entries {
		if e.Name() != lockName {
			list = append(list, e.Name())
		}
	}
	return list
}
