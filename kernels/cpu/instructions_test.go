package cpu

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// listing is a kernel's assembly: labels, which end with a colon, and instructions.
type listing []string

func listings(t *testing.T, file string) map[string]listing {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	kernels, name := map[string]listing{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if rest, ok := strings.CutPrefix(line, "TEXT ·"); ok {
			name, _, _ = strings.Cut(rest, "(")
		} else if at := strings.TrimSpace(line); at != "" && !strings.HasPrefix(at, "//") && name != "" &&
			(strings.HasSuffix(at, ":") || strings.HasPrefix(line, "\t")) {
			kernels[name] = append(kernels[name], at)
		}
	}
	return kernels
}

var (
	jump = regexp.MustCompile(`^(J\w+|B(?:NE|EQ|GT|GE|LE|LT))\s+(\w+)$`)
	// pairs are jumps to the code for two vectors, taken except at the end of a row.
	pairs = regexp.MustCompile(`^pair\d+$`)
	// unvectored is what does not use the units for vectors: on arm64 loads, stores, and Go's own instructions.
	unvectored = regexp.MustCompile(`^(?:(?:ld|st)\w+\(|[A-Z])`)
)

// count follows the instructions from a label until they jump back to it: a round of a loop. Of other jumps it takes
// those to pairs. Vectors are those for the vector units of arm64.
func (l listing) count(t *testing.T, start string) (all, vectors float64) {
	labels := map[string]int{}
	for i, line := range l {
		labels[line] = i
	}
	at, ok := labels[start+":"]
	for i := at + 1; ok && i < len(l); i++ {
		if strings.HasSuffix(l[i], ":") {
			continue
		}
		all++
		if !unvectored.MatchString(l[i]) {
			vectors++
		}
		if m := jump.FindStringSubmatch(l[i]); m != nil {
			switch {
			case m[2] == start:
				return all, vectors
			case m[1] == "JMP" || pairs.MatchString(m[2]):
				i = labels[m[2]+":"]
			}
		}
	}
	t.Fatalf("no loop %s", start)
	return 0, 0
}

// The kernels of neon take at most 2.6 times the instructions of avx2, whose vectors are twice as wide. The count is
// per synapse of a step of the published preset: 89,610 synapses, all but the first layer's propagate gradients, and
// minibatches of 20. bench/results/arm64.md has the numbers.
func TestInstructionsOfNEON(t *testing.T) {
	avx2, neon := listings(t, "avx2_amd64.s"), listings(t, "neon_arm64.s")
	const examples, synapses, back = 20, 89_610, 89_610 - 785*100
	of := func(set map[string]listing, kernel, loop string, per float64) [2]float64 {
		all, vectors := set[kernel].count(t, loop)
		return [2]float64{all / per, vectors / per}
	}
	sum := func(x, y [2]float64, factor float64) [2]float64 {
		return [2]float64{x[0] + factor*y[0], x[1] + factor*y[1]}
	}
	var step [2][2]float64
	for _, part := range []struct {
		name       string
		avx2, neon [2]float64
		share      float64 // of the synapses
	}{
		{"draw, 1/sigma^3", of(avx2, "sampleRho2AVX2", "group", 64), of(neon, "sampleRho2NEON", "part", 16), 1},
		{"forward, 20 examples", of(avx2, "forwardAVX2", "columns5x2", 80./examples),
			of(neon, "forwardNEON", "columns5x2", 80./examples), 1},
		{"backward, 20 examples", of(avx2, "backwardAVX2", "rows5x2", 80./examples),
			of(neon, "backwardNEON", "rows5x4", 80./examples), float64(back) / synapses},
		{"dW, 20 examples", of(avx2, "updateAVX2", "examples4x2", 64./examples),
			of(neon, "updateNEON", "examples4x4", 64./examples), 1},
		{"Adam", sum(of(avx2, "updateAVX2", "r4columns2", 64), of(avx2, "updateAVX2", "examples4x2", 64), -1),
			sum(sum(of(neon, "updateNEON", "r4columns4", 64), of(neon, "updateNEON", "examples4x4", 64), -1),
				of(neon, "updateNEON", "row4", 64), 3), 1},
	} {
		t.Logf("%-22s avx2 %5.2f, neon %5.2f, of them %5.2f of vectors, %.2f times", part.name, part.avx2[0], part.neon[0],
			part.neon[1], part.neon[0]/part.avx2[0])
		if ratio := part.neon[0] / part.avx2[0]; !(ratio <= 2.6) {
			t.Errorf("%s: %.2f times the instructions", part.name, ratio)
		}
		step[0], step[1] = sum(step[0], part.avx2, part.share), sum(step[1], part.neon, part.share)
	}
	t.Logf("a step                 avx2 %5.2f, neon %5.2f, of them %5.2f of vectors, %.2f times", step[0][0], step[1][0],
		step[1][1], step[1][0]/step[0][0])
	if ratio := step[1][0] / step[0][0]; !(ratio <= 2.2) {
		t.Errorf("a step takes %.2f times the instructions", ratio)
	}
}
