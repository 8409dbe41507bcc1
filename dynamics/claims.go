package dynamics

import (
	"fmt"
	"io"
	"text/tabwriter"

	"quantal/results/tables"
)

// Estimate is the mean of a figure over several networks, with half of its 95 % interval.
type Estimate struct {
	Mean      float64 `json:"mean"`
	HalfWidth float64 `json:"half_width"` // NaN for one network
}

// NewEstimate is that of a figure of each network.
func NewEstimate(networks int, of func(network int) float64) Estimate {
	values := make([]float64, networks)
	for n := range values {
		values[n] = of(n)
	}
	i := tables.NewInterval(values)
	return Estimate{i.Mean, i.HalfWidth}
}

// Claim is a statement that holds in a network or not.
type Claim struct {
	Text  string
	Holds func(network int) bool
}

// Count is in how many networks a claim holds.
type Count struct {
	Claim string `json:"claim"`
	Seen  int    `json:"seen"`
	Of    int    `json:"of"`
}

// CountClaims counts in how many networks each of the claims holds.
func CountClaims(networks int, claims []Claim) []Count {
	var counts []Count
	for _, c := range claims {
		count := Count{Claim: c.Text, Of: networks}
		for n := range networks {
			if c.Holds(n) {
				count.Seen++
			}
		}
		counts = append(counts, count)
	}
	return counts
}

// PrintClaims writes a line for each claim.
func PrintClaims(w io.Writer, claims []Count) {
	for _, c := range claims {
		fmt.Fprintf(w, "%s:\tin %d of %d networks\n", c.Claim, c.Seen, c.Of)
	}
}

// EndTables writes what w holds to out, and then how long the experiment took, in seconds, and with which kernels.
func EndTables(out io.Writer, w *tabwriter.Writer, seconds float64, kernels string) error {
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%.1f s, %s kernels\n", seconds, kernels)
	return err
}
