//go:build gpu && linux

package libcuda

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// declarations are the content of cuda.h and functions.h.
type declarations struct {
	typedefs  [][2]string // type, name
	enums     []string    // names
	constants [][2]string // name, value
	structs   []structure
	functions []function
}

type structure struct {
	name, body string
	fields     []string
}

type function struct {
	name, parameters string
	exports          []string
}

var (
	identifier   = regexp.MustCompile(`\b(?:cu|CU)\w+`)
	comment      = regexp.MustCompile(`//[^\n]*`)
	enumBlock    = regexp.MustCompile(`(?:typedef )?enum \{([^}]*)\}\s*(\w*);`)
	constantPart = regexp.MustCompile(`(\w+) = (\w+)`)
	structBlock  = regexp.MustCompile(`typedef struct \{([^}]*)\}\s*(\w+);`)
	fieldPart    = regexp.MustCompile(`(\w+)(?:\[\d+\])?[,;]`)
	typedefLine  = regexp.MustCompile(`(?m)^typedef (.*[ *])(\w+);$`)
	functionPart = regexp.MustCompile(`(?:FUNCTION|NEEDED)\((\w+),\s*(\([^)]*\)),([^)]*)\)`)
	pointerLine  = regexp.MustCompile(`(?m)^typedef void \(\*(\w+)\)(\(.*\));$`)
)

// parse reads our header, and fails on anything that it does not understand.
func parse(t *testing.T, header, functions string) declarations {
	t.Helper()
	var d declarations
	take := func(text *string, pattern *regexp.Regexp, use func(part []string)) {
		for _, part := range pattern.FindAllStringSubmatch(*text, -1) {
			use(part)
		}
		*text = pattern.ReplaceAllString(*text, "")
	}
	take(&header, comment, func([]string) {})
	take(&header, enumBlock, func(part []string) {
		if part[2] != "" {
			d.enums = append(d.enums, part[2])
		}
		for _, c := range constantPart.FindAllStringSubmatch(part[1], -1) {
			d.constants = append(d.constants, [2]string{c[1], c[2]})
		}
		if rest := strings.Trim(constantPart.ReplaceAllString(part[1], ""), ", \n\t"); rest != "" {
			t.Errorf("in %s: %q", part[2], rest)
		}
	})
	take(&header, structBlock, func(part []string) {
		s := structure{name: part[2], body: part[1]}
		for _, f := range fieldPart.FindAllStringSubmatch(part[1], -1) {
			s.fields = append(s.fields, f[1])
		}
		d.structs = append(d.structs, s)
	})
	take(&header, typedefLine, func(part []string) {
		d.typedefs = append(d.typedefs, [2]string{strings.TrimSpace(part[1]), part[2]})
	})
	take(&header, pointerLine, func(part []string) {
		d.typedefs = append(d.typedefs, [2]string{"void (*)" + part[2], part[1]})
	})
	header = strings.Replace(header, "CUresult cuInit(unsigned);", "", 1)
	for line := range strings.Lines(header) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			t.Errorf("cuda.h: not understood: %q", line)
		}
	}
	take(&functions, comment, func([]string) {})
	take(&functions, functionPart, func(part []string) {
		f := function{name: part[1], parameters: part[2]}
		for name := range strings.SplitSeq(part[3], ",") {
			f.exports = append(f.exports, strings.Trim(name, " \t\n\""))
		}
		d.functions = append(d.functions, f)
	})
	if rest := strings.TrimSpace(functions); rest != "" {
		t.Errorf("functions.h: not understood: %q", rest)
	}
	d.functions = append(d.functions, function{"cuInit", "(unsigned)", []string{"cuInit"}})
	return d
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// onlyIn says which headers have a declaration that others lack or have differently.
var onlyIn = map[string]string{
	"CU_CTX_FLAGS_MASK":     "CUDA_VERSION < 12000", // later versions have more flags
	"cuEventElapsedTime_v2": "CUDA_VERSION >= 12080",
}

// comparison is a C file that compiles if another header, included first, declares the same: values, signs and sizes of
// constants and types, the place and type of each member, and the type of each symbol of the library.
func (d declarations) comparison(header string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	assert := func(format string, args ...any) { line("_Static_assert(%s, \"\");", fmt.Sprintf(format, args...)) }
	where := func(name string, compare func()) {
		if condition, ok := onlyIn[name]; ok {
			line("#if %s", condition)
			defer line("#endif")
		}
		compare()
	}
	// With this macro the header declares every version of a function under its own name.
	line("#define __CUDA_API_VERSION_INTERNAL\n#include %q\n#include <stddef.h>", header)
	// CUDA 12 gave the name to a longer struct.
	line("#define CUDA_KERNEL_NODE_PARAMS CUDA_KERNEL_NODE_PARAMS_v1")
	for _, t := range d.typedefs {
		assert("__builtin_types_compatible_p(%s, %s)", t[1], t[0])
	}
	for _, e := range d.enums {
		assert("sizeof(%s) == 4 && (%s)-1 > 0", e, e)
	}
	for _, c := range d.constants {
		where(c[0], func() { assert("%s == %s", c[0], c[1]) })
	}
	for _, s := range d.structs {
		line("typedef struct {%s} ours_%s;", s.body, s.name)
		assert("sizeof(%s) == sizeof(ours_%s)", s.name, s.name)
		for _, f := range s.fields {
			assert("offsetof(%s, %s) == offsetof(ours_%s, %s)", s.name, f, s.name, f)
			assert("__builtin_types_compatible_p(__typeof__(((%s *)0)->%[2]s), __typeof__(((ours_%[1]s *)0)->%[2]s))", s.name, f)
		}
	}
	for _, f := range d.functions {
		for _, export := range f.exports {
			where(export, func() { assert("__builtin_types_compatible_p(__typeof__(%s), CUresult%s)", export, f.parameters) })
		}
	}
	return b.String()
}

// compile returns the compiler's message as an error, or nil.
func compile(t *testing.T, source string) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "compare.c")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("cc", "-std=gnu11", "-fsyntax-only", "-Wno-deprecated-declarations", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// nvidiaHeader is the path of NVIDIA's own header: that of QUANTAL_TEST_CUDA_H, or where it is usually installed.
func nvidiaHeader(t *testing.T) string {
	t.Helper()
	paths := []string{"/usr/include/cuda.h", "/usr/local/cuda/include/cuda.h"}
	if path, ok := os.LookupEnv("QUANTAL_TEST_CUDA_H"); ok {
		paths = []string{path}
	}
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	if os.Getenv("QUANTAL_TEST_CUDA_H") != "" {
		t.Fatalf("QUANTAL_TEST_CUDA_H: no file %s", paths[0])
	}
	t.Skip("NVIDIA's cuda.h is not installed here (Debian: nvidia-cuda-dev)")
	return ""
}

func TestHeaderSaysWhatNVIDIAsSays(t *testing.T) {
	theirs := nvidiaHeader(t)
	header, functions := read(t, "cuda.h"), read(t, "functions.h")
	if err := compile(t, parse(t, header, functions).comparison(theirs)); err != nil {
		t.Fatal(err)
	}
	// The comparison finds a difference in each kind of declaration.
	for _, c := range [][2]string{
		{"CUDA_ERROR_LAUNCH_FAILED = 719", "CUDA_ERROR_LAUNCH_FAILED = 718"},
		{"CU_TRSF_READ_AS_INTEGER = 1", "CU_TRSF_READ_AS_INTEGER = 2"},
		{"typedef unsigned long long CUdeviceptr", "typedef unsigned CUdeviceptr"},
		{"typedef struct CUstream_st *CUstream", "typedef struct CUevent_st *CUstream"},
		{"(*CUhostFn)(void *)", "(*CUhostFn)(int)"},
		{"char bytes[16]", "char bytes[8]"},
		{"gridDimX, gridDimY, gridDimZ", "gridDimY, gridDimX, gridDimZ"},
		{"const void *srcHost", "void *srcHost"},
		{"	unsigned value, elementSize;", "	int value, elementSize;"},
		{`cuMemcpy, (CUdeviceptr, CUdeviceptr, size_t)`, `cuMemcpy, (CUdeviceptr, CUdeviceptr, unsigned)`},
		{`cuCtxSetCurrent, (CUcontext)`, `cuCtxSetCurrent, (CUcontext *)`},
		{`"cuCtxCreate_v2"`, `"cuCtxCreate_v3"`},
		{`"cuMemFree_v2"`, `"cuMemFree_v9"`},
	} {
		h, f := strings.Replace(header, c[0], c[1], 1), strings.Replace(functions, c[0], c[1], 1)
		if h == header && f == functions {
			t.Errorf("our headers do not say %q", c[0])
			continue
		}
		if compile(t, parse(t, h, f).comparison(theirs)) == nil {
			t.Errorf("%q in place of %q is not noticed", c[1], c[0])
		}
	}
}

// The header declares no unused function or constant, so that it stays as small as possible.
func TestHeaderHasNothingToSpare(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gorgonia.org/cu").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	used := map[string]bool{}
	for _, file := range append(files, "libcuda.go", "table.c") {
		if slices.Contains([]string{".go", ".c"}, filepath.Ext(file)) && !strings.HasSuffix(file, "_test.go") {
			for _, name := range identifier.FindAllString(comment.ReplaceAllString(read(t, file), ""), -1) {
				used[name] = true
			}
		}
	}
	d := parse(t, read(t, "cuda.h"), read(t, "functions.h"))
	for _, f := range d.functions {
		if !used[f.name] {
			t.Errorf("functions.h: nobody calls %s", f.name)
		}
	}
	for _, c := range d.constants {
		if !used[c[0]] {
			t.Errorf("cuda.h: nobody uses %s", c[0])
		}
	}
}
