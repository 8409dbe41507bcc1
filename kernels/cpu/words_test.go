package cpu

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The vector instructions of the NEON kernels are words, since Go's assembler lacks most of them. Each has a comment in
// the language of GNU's assembler, which makes the same word of it.
func TestWordsAgainstGNUAssembler(t *testing.T) {
	const as, objcopy = "aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy"
	for _, tool := range []string{as, objcopy} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed: it is of Debian's binutils-aarch64-linux-gnu", tool)
		}
	}
	text, err := os.ReadFile("neon_arm64.s")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "WORD"); n != strings.Count(string(text), "\tWORD $0x") {
		t.Fatal("some words are not in the form that this test reads")
	}
	var lines []string
	for _, m := range regexp.MustCompile(`\tWORD \$(0x[0-9a-f]{8}) // (.*)\n`).FindAllStringSubmatch(string(text), -1) {
		lines = append(lines, m[2]+" // "+m[1]) // as reads // as the start of a comment
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	if len(lines) < 1000 {
		t.Fatalf("%d different words: want more", len(lines))
	}
	folder := t.TempDir()
	source, object, code := filepath.Join(folder, "words.s"), filepath.Join(folder, "words.o"),
		filepath.Join(folder, "words.bin")
	if err := os.WriteFile(source, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{as, "-o", object, source}, {objcopy, "-O", "binary", "-j", ".text", object, code}} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command[0], err, out)
		}
	}
	words, err := os.ReadFile(code)
	if err != nil {
		t.Fatal(err)
	}
	if len(words) != 4*len(lines) {
		t.Fatalf("%d bytes of %d instructions", len(words), len(lines))
	}
	for i, line := range lines {
		if want := fmt.Sprintf("0x%08x", binary.LittleEndian.Uint32(words[4*i:])); !strings.HasSuffix(line, want) {
			t.Errorf("%s: GNU's assembler makes it %s", line, want)
		}
	}
}
