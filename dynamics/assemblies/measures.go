package assemblies

import "math"

// Tally counts the synapses of a network by their weight, within assemblies (Inside) and all of them, in cells of equal
// width in ln w (Inside, All) and in w (Linear) between the bounds.
type Tally struct {
	Low, High           float64
	Inside, All, Linear []int
	InsideSum, AllSum   float64 // of the weights
	AtBounds            int     // synapses within a hundredth of the range from a bound
}

// Cells of a Tally: fine ones in ln w, which figures and claims combine, and those in w.
const (
	logCells    = 720
	linearCells = 50
)

// Tally counts the synapses; neurons [0, size), [size, 2 size), ... are the assemblies.
func (n *Network) Tally(size int, low, high float64) Tally {
	t := Tally{Low: low, High: high, Inside: make([]int, logCells), All: make([]int, logCells),
		Linear: make([]int, linearCells)}
	perLog, edge := logCells/math.Log(high/low), (high-low)/100
	for j := range n.Neurons {
		before, after := n.From(j)
		count := func(i int, weight float32) {
			w := float64(weight)
			cell := min(max(int(math.Log(w/low)*perLog), 0), logCells-1)
			t.All[cell]++
			t.AllSum += w
			t.Linear[min(max(int((w-low)/(high-low)*linearCells), 0), linearCells-1)]++
			if i/size == j/size {
				t.Inside[cell]++
				t.InsideSum += w
			}
			if w-low < edge || high-w < edge {
				t.AtBounds++
			}
		}
		for i, w := range before {
			count(i, w)
		}
		for i, w := range after {
			count(j+1+i, w)
		}
	}
	return t
}

// synapses is the number counted.
func (t Tally) synapses() int { return total(t.All) }

func total(counts []int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// outside are the counts of the synapses between assemblies.
func (t Tally) outside() []int {
	out := make([]int, logCells)
	for i := range out {
		out[i] = t.All[i] - t.Inside[i]
	}
	return out
}

// add adds the counts of another network.
func (t *Tally) add(other Tally) {
	if t.All == nil {
		*t = Tally{Low: other.Low, High: other.High, Inside: make([]int, logCells), All: make([]int, logCells),
			Linear: make([]int, linearCells)}
	}
	for i := range t.All {
		t.Inside[i] += other.Inside[i]
		t.All[i] += other.All[i]
	}
	for i := range t.Linear {
		t.Linear[i] += other.Linear[i]
	}
	t.InsideSum += other.InsideSum
	t.AllSum += other.AllSum
	t.AtBounds += other.AtBounds
}

// edge is the weight at the lower edge of a cell of n in ln w.
func (t Tally) edge(i, n int) float64 { return t.Low * math.Pow(t.High/t.Low, float64(i)/float64(n)) }

// join adds up neighbouring counts, so that n are left, a divisor of their number.
func join(counts []int, n int) []int {
	out := make([]int, n)
	for i, c := range counts {
		out[i*n/len(counts)] += c
	}
	return out
}

// Separation is the probability that a weight of one sample is larger than one of another, equal ones counting half,
// from the counts of each in cells of rising weights: 1/2 for samples of one distribution (the area under the ROC
// curve).
func Separation(larger, smaller []int) float64 {
	below, wins, a, b := 0.0, 0.0, 0.0, 0.0
	for i := range larger {
		wins += float64(larger[i]) * (below + float64(smaller[i])/2)
		below += float64(smaller[i])
		a, b = a+float64(larger[i]), b+float64(smaller[i])
	}
	return wins / (a * b)
}

// Crossings counts synapses on both sides of a weight, and those that are on the other side a time later.
type Crossings struct {
	Strong, Weak           int // above it, and not
	Weakened, Strengthened int // of these, not above it later, and above it
}

// Add counts the same synapses at two times.
func (c *Crossings) Add(before, after []float32, point float64) {
	for i, w := range before {
		was, is := float64(w) > point, float64(after[i]) > point
		switch {
		case was && is:
			c.Strong++
		case was:
			c.Strong++
			c.Weakened++
		case is:
			c.Weak++
			c.Strengthened++
		default:
			c.Weak++
		}
	}
}

// Separation is that of the synapses within assemblies from those between them.
func (t Tally) Separation() float64 { return Separation(t.Inside, t.outside()) }

// Middle is the share of the synapses in the middle third of ln w between the bounds, where most of them are under the
// intrinsic dynamics.
func (t Tally) Middle() float64 { return float64(join(t.All, 3)[1]) / float64(t.synapses()) }

// Rise says how far f(w) is from falling throughout: the largest number of standard errors by which a cell in w has
// more synapses than one below it, without the lowest cell.
func (t Tally) Rise() float64 {
	worst := 0.0
	for i, lower := range t.Linear[1:] {
		for _, higher := range t.Linear[i+1:] {
			if higher > lower {
				worst = max(worst, float64(higher-lower)/math.Sqrt(float64(higher+lower)))
			}
		}
	}
	return worst
}

// Peak is a peak of w f(w) beyond its main one.
type Peak struct {
	Size   float64 `json:"peak_w"`      // of the weights in it, µm³
	Height float64 `json:"peak_height"` // in units of the lowest w f(w) between the two; 1 if there is no such peak
	Sigmas float64 `json:"peak_sigmas"` // by how many standard errors it is higher than that
}

// peakCells are those in ln w in which peaks are searched.
const peakCells = 18

// SecondPeak is the highest peak of w f(w) above the main one, in units of the valley between them.
func (t Tally) SecondPeak() Peak {
	counts := join(t.All, peakCells)
	main := 0
	for i, n := range counts {
		if n > counts[main] {
			main = i
		}
	}
	best, valley := Peak{Height: 1}, counts[main]
	for i := main + 1; i < peakCells; i++ {
		valley = min(valley, counts[i])
		rise := float64(counts[i] - valley)
		if sigmas := rise / math.Sqrt(float64(max(1, counts[i]+valley))); sigmas > best.Sigmas {
			best = Peak{Size: math.Sqrt(t.edge(i, peakCells) * t.edge(i+1, peakCells)),
				Height: float64(counts[i]) / float64(max(1, valley)), Sigmas: sigmas}
		}
	}
	return best
}
