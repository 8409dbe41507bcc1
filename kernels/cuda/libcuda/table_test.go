//go:build gpu && linux

package libcuda

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exports are the names that the driver library of a version of CUDA exports, by testdata/exports.txt.
func exports(t *testing.T, version string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for line := range strings.Lines(read(t, "testdata/exports.txt")) {
		of, list, _ := strings.Cut(strings.TrimSpace(line), " ")
		if of == "#" || of > version {
			continue
		}
		for _, name := range strings.Fields(list) {
			names[name] = true
		}
	}
	return names
}

// cc compiles C and assembly.
func cc(t *testing.T, arguments ...string) {
	t.Helper()
	if out, err := exec.Command("cc", append([]string{"-I."}, arguments...)...).CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A program that calls every function through the table reaches the library's function with our parameters, no matter
// which other versions the library has.
func TestFunctionsAreFoundInEveryDriver(t *testing.T) {
	folder := t.TempDir()
	functions := parse(t, read(t, "cuda.h"), read(t, "functions.h")).functions
	functions = slices.DeleteFunc(functions, func(f function) bool { return f.name == "cuInit" })
	var b strings.Builder
	b.WriteString("#include <stdio.h>\nvoid quantalStart(void); const char *quantalLacking(void);\n")
	for _, f := range functions {
		fmt.Fprintf(&b, "extern int %s(void);\n", f.name)
	}
	b.WriteString("int main(void) {\n\tquantalStart();\n\tconst char *lacking = quantalLacking();\n")
	b.WriteString("\tprintf(\"lacking %s\\n\", lacking ? lacking : \"nothing\");\n")
	for _, f := range functions {
		fmt.Fprintf(&b, "\tprintf(\"%s %%d\\n\", %s());\n", f.name, f.name)
	}
	b.WriteString("}\n")
	program := filepath.Join(folder, "program")
	cc(t, "-o", program, write(t, filepath.Join(folder, "program.c"), b.String()), "table.c", "jumps.S", "-ldl")

	everything := exports(t, "13.0")
	numbers := map[string]int{} // the return value of each function of the library
	for i, name := range slices.Sorted(maps.Keys(everything)) {
		numbers[name] = 1000 + i
	}
	without := func(version string, names ...string) map[string]bool {
		set := exports(t, version)
		for _, name := range names {
			if !set[name] {
				t.Fatalf("the driver of %s has no %s anyhow", version, name)
			}
			delete(set, name)
		}
		return set
	}
	for _, c := range []struct {
		library string
		exports map[string]bool
		lacking string
		missing int // functions
	}{
		{"11.8", exports(t, "11.8"), "nothing", 0},
		{"12.4", exports(t, "12.4"), "nothing", 0},
		{"13.0", exports(t, "13.0"), "nothing", 0},
		{"13.0 without what its header does not name", without("13.0", "cuCtxCreate_v2", "cuDeviceGetUuid",
			"cuEventElapsedTime", "cuGraphAddDependencies", "cuGraphAddKernelNode", "cuGraphGetEdges", "cuMemAdvise",
			"cuMemPrefetchAsync", "cuStreamWaitValue32", "cuStreamWriteValue32"), "nothing", 6},
		{"before 11.4", without("11.8", "cuGraphInstantiateWithFlags"), "cuGraphInstantiateWithFlags", 1},
		{"before 11.8", without("11.8", "cuStreamWaitValue32_v2", "cuStreamWriteValue32_v2"), "nothing", 0},
	} {
		var b strings.Builder
		b.WriteString("int cuInit(unsigned flags) { return flags; }\n")
		for name := range c.exports {
			fmt.Fprintf(&b, "int %s(void) { return %d; }\n", name, numbers[name])
		}
		library := filepath.Join(folder, "libfake.so")
		cc(t, "-shared", "-fPIC", "-o", library, write(t, filepath.Join(folder, "fake.c"), b.String()))
		run := exec.Command(program)
		run.Env = append(os.Environ(), "QUANTAL_LIBCUDA="+library)
		out, err := run.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", c.library, err, out)
		}
		var want strings.Builder
		fmt.Fprintf(&want, "lacking %s\n", c.lacking)
		missing := 0
		for _, f := range functions {
			number := 3 // CUDA_ERROR_NOT_INITIALIZED
			at := slices.IndexFunc(f.exports, func(name string) bool { return c.exports[name] })
			if at >= 0 {
				number = numbers[f.exports[at]]
			} else {
				missing++
			}
			fmt.Fprintf(&want, "%s %d\n", f.name, number)
		}
		if string(out) != want.String() {
			t.Errorf("%s: the program reaches\n%s\nwant\n%s", c.library, out, want.String())
		}
		if missing != c.missing {
			t.Errorf("%s: %d functions are missing, want %d", c.library, missing, c.missing)
		}
	}
}
