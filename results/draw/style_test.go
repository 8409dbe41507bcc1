package draw

import (
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		ticker    plot.Ticker
		low, high float64
		want      string
	}{
		{niceTicks{}, 86.8, 98.5, "88 90 92 94 96 98"},
		{niceTicks{}, -0.02, 0.49, "0.0 0.1 0.2 0.3 0.4"},
		{niceTicks{}, -1.1, 0.3, "−1.0 −0.5 0.0"},
		{niceTicks{whole: true}, 0.9, 4.1, "1 2 3 4"},
		{niceTicks{whole: true}, 0.5, 1.5, "1"},
		{niceTicks{whole: true}, 0, 51, "0 10 20 30 40 50"},
		{niceTicks{}, 1e12, 4e12, "1e+12 1.5e+12 2e+12 2.5e+12 3e+12 3.5e+12 4e+12"},
		{decadeTicks{}, -4.1, -0.9, "10^{−4} 10^{−3} 10^{−2} 10^{−1}"},
		{decadeTicks{}, -4.4, -3.6, "5×10^{−5} 10^{−4} 2×10^{−4}"},
		{decadeTicks{}, -0.1, 2.9, "1 10 100"},
		{decadeTicks{5}, -4.4, 3.7, "10^{−4} 10^{−2} 10^{0} 10^{2}"},
		{decadeTicks{5}, -0.7, 0.3, "0.2 0.5 1"},
		{decadeTicks{5}, -1.2, 0.1, "0.1 0.3 1"},
		{decadeTicks{5}, 3.9, 8.1, "10^{4} 10^{5} 10^{6} 10^{7} 10^{8}"},
		{unlabelled{decadeTicks{}}, -0.1, 2.9, "     "},
		{decadeTicks{}, -1.4, 0.4, "0.05 0.1 0.2 0.5 1 2"},
		{decadeTicks{}, -3, 3, "0.001 0.01 0.1 1 10 100 1000"},
		{decadeTicks{}, -4.1, 2, "10^{−4} 10^{−3} 10^{−2} 10^{−1} 10^{0} 10^{1} 10^{2}"},
		{decadeTicks{}, -20, 0, "10^{−18} 10^{−15} 10^{−12} 10^{−9} 10^{−6} 10^{−3} 10^{0}"},
	} {
		var labels []string
		for _, tick := range c.ticker.Ticks(c.low, c.high) {
			if tick.Value < c.low-1e-9 || tick.Value > c.high+1e-9 {
				t.Errorf("tick %v is outside of %v..%v", tick.Value, c.low, c.high)
			}
			if !tick.IsMinor() {
				labels = append(labels, tick.Label)
			}
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%T%+v %v..%v: %s, want %s", c.ticker, c.ticker, c.low, c.high, got, c.want)
		}
	}
}
