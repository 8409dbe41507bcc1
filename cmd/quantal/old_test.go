package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"quantal/kernels/cpu"
)

// TestFoldersOfVersion1 continues folders that an older version left.
func TestFoldersOfVersion1(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Files: []string{"testdata/old.txtar"},
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"tensors": tensors},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv(cpu.KernelVariable, os.Getenv(cpu.KernelVariable))
			return os.CopyFS(e.WorkDir, os.DirFS(filepath.Join("testdata", "v1")))
		},
	})
}

// tensors checks the start of the SHA-256 of the tensors in a safetensors file, all that follows the header. The sums
// are those of the three kernel sets: tensors FILE PORTABLE AVX2 AVX512.
func tensors(ts *testscript.TestScript, _ bool, args []string) {
	raw, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	sum := sha256.Sum256(raw[8+binary.LittleEndian.Uint64(raw):])
	set, err := cpu.Kernels()
	ts.Check(err)
	want := args[1+slices.Index([]string{"portable", "avx2", "avx512"}, set)]
	if got := hex.EncodeToString(sum[:]); !strings.HasPrefix(got, want) {
		if runtime.GOARCH != "amd64" {
			ts.Logf("%s: %s, where amd64 has %s: Go may round a product and a sum once there", args[0], got, want)
			return
		}
		ts.Fatalf("%s: the tensors have the sum %s, want %s...", args[0], got, want)
	}
}
