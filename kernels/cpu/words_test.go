package cpu

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The vector instructions of the NEON kernels are words, since Go's assembler lacks most of them. The macros that make
// them say what GNU's assembler calls each, which makes the same word of it.
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
	macros := map[string]wordMacro{}
	for _, m := range regexp.MustCompile(`// (.*)\n#define (\w+)\((.*)\) WORD \$\(0x([0-9a-f]{8})(.*)\)\n`).
		FindAllStringSubmatch(string(text), -1) {
		word, err := strconv.ParseUint(m[4], 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		macros[m[2]] = wordMacro{m[1], strings.Split(m[3], ","), int(word), m[5]}
	}
	if n := strings.Count(string(text), "WORD"); n != len(macros) {
		t.Fatalf("%d words, of which %d are macros that this test reads", n, len(macros))
	}
	words := map[string]uint32{} // by what GNU's assembler calls them
	for _, m := range regexp.MustCompile(`(?m)^\t([a-z]\w*)\((.*)\)$`).FindAllStringSubmatch(string(text), -1) {
		macro, ok := macros[m[1]]
		if !ok {
			t.Fatalf("%s is not a macro", m[0])
		}
		gnu, word := macro.expand(t, strings.Split(m[2], ", "))
		words[gnu] = word
	}
	if len(words) < 1000 {
		t.Fatalf("%d different words: want more", len(words))
	}
	var lines []string
	for gnu := range words {
		lines = append(lines, gnu)
	}
	slices.Sort(lines)
	folder := t.TempDir()
	source, object, code := filepath.Join(folder, "words.s"), filepath.Join(folder, "words.o"),
		filepath.Join(folder, "words.bin")
	if err := os.WriteFile(source, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{as, "-o", object, source}, {objcopy, "-O", "binary", "-j", ".text", object, code},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command[0], err, out)
		}
	}
	want, err := os.ReadFile(code)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != 4*len(lines) {
		t.Fatalf("%d bytes of %d instructions", len(want), len(lines))
	}
	for i, gnu := range lines {
		if want := binary.LittleEndian.Uint32(want[4*i:]); words[gnu] != want {
			t.Errorf("%s is 0x%08x, want 0x%08x, as GNU's assembler makes it", gnu, words[gnu], want)
		}
	}
}

// wordMacro is a macro that makes a word: the number given, plus terms such as +n<<5.
type wordMacro struct {
	gnu    string
	fields []string
	word   int
	terms  string
}

var wordTerm = regexp.MustCompile(`([+-])(\w)(&511)?(?:<<(\d+))?`)

// expand returns what GNU's assembler calls the word, and the word.
func (m wordMacro) expand(t *testing.T, values []string) (gnu string, word uint32) {
	t.Helper()
	if len(values) != len(m.fields) || wordTerm.ReplaceAllString(m.terms, "") != "" {
		t.Fatalf("cannot expand %s with %v", m.terms, values)
	}
	gnu, sum := m.gnu, m.word
	number := map[string]int{}
	for i, v := range values {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		number[m.fields[i]] = n
		gnu = strings.ReplaceAll(gnu, "<"+m.fields[i]+">", v)
	}
	for _, term := range wordTerm.FindAllStringSubmatch(m.terms, -1) {
		n := number[term[2]]
		if term[3] != "" {
			n &= 511
		}
		if term[4] != "" {
			shift, err := strconv.Atoi(term[4])
			if err != nil {
				t.Fatal(err)
			}
			n <<= shift
		}
		if term[1] == "-" {
			n = -n
		}
		sum += n
	}
	if sum < 0 || sum > 1<<32-1 {
		t.Fatalf("%s: not a word: 0x%x", gnu, sum)
	}
	return gnu, uint32(sum)
}
