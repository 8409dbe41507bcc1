package kernels

import (
	"math"
	"testing"
)

// made builds a law of one cost.
func made(of func(b *FormulaBuilder, mu, sigma, c, rho int) int) Law {
	b := NewFormula(InputMu, InputSigma, "c", "rho")
	return Law{Costs: []Cost{{"cost", b.Formula(of(b, b.Input(0), b.Input(1), b.Input(2), b.Input(3)))}}}
}

// The paper's form is recognised however it is written, and nothing else is.
func TestStandardForm(t *testing.T) {
	m := Member{C: 0.7, Rho: 1.5, Lambda: 0.2}
	for name, c := range map[string]struct {
		of   func(b *FormulaBuilder, mu, sigma, c, rho int) int
		want Slopes[float64] // nothing where it is not of the form
	}{
		"c sigma^-rho": {func(b *FormulaBuilder, mu, sigma, c, rho int) int {
			return b.Do(OpMul, c, b.Do(OpPow, sigma, b.Do(OpNeg, rho)))
		}, Slopes[float64]{Reliability: 0.7 * 1.5, Rho: 1.5}},
		"sigma^-2 3c": {func(b *FormulaBuilder, mu, sigma, c, rho int) int {
			return b.Do(OpMul, b.Do(OpPow, sigma, b.Number(-2)), b.Do(OpMul, b.Number(3), c))
		}, Slopes[float64]{Reliability: 2.1 * 2, Rho: 2}},
		"-c log sigma": {func(b *FormulaBuilder, mu, sigma, c, rho int) int {
			return b.Do(OpNeg, b.Do(OpMul, c, b.Do(OpLog, sigma)))
		}, Slopes[float64]{Reliability: 0.7}},
		"rho |mu|": {func(b *FormulaBuilder, mu, sigma, c, rho int) int {
			return b.Do(OpMul, b.Do(OpAbs, mu), rho)
		}, Slopes[float64]{Magnitude: 1.5}},
		"c exp(-sigma)": {func(b *FormulaBuilder, mu, sigma, c, rho int) int {
			return b.Do(OpMul, c, b.Do(OpExp, b.Do(OpNeg, sigma)))
		}, Slopes[float64]{}},
		"mu sigma^-rho": {func(b *FormulaBuilder, mu, sigma, c, rho int) int {
			return b.Do(OpMul, mu, b.Do(OpPow, sigma, b.Do(OpNeg, rho)))
		}, Slopes[float64]{}},
		"c |sigma|": {func(b *FormulaBuilder, mu, sigma, c, rho int) int {
			return b.Do(OpMul, c, b.Do(OpAbs, sigma))
		}, Slopes[float64]{}},
	} {
		l := made(c.of)
		s, ok := l.Standard()
		if ok != (c.want != Slopes[float64]{}) {
			t.Errorf("%s: standard is %v", name, ok)
		}
		got := s.Slopes(m, 1)
		for _, d := range []float64{got.Magnitude - c.want.Magnitude, got.Reliability - c.want.Reliability,
			got.Rho - c.want.Rho} {
			if ok && math.Abs(d) > 1e-15 {
				t.Errorf("%s: got %+v, want %+v", name, got, c.want)
			}
		}
		twice := Law{Costs: append(l.Costs, l.Costs...)}
		if s, ok := twice.Standard(); ok && s.MagnitudeTerms+s.ReliabilityTerms != 2 {
			t.Errorf("%s, twice: %+v", name, s)
		}
	}
	power := made(func(b *FormulaBuilder, mu, sigma, c, rho int) int { return b.Do(OpMul, c, b.Do(OpPow, sigma, rho)) })
	log := made(func(b *FormulaBuilder, mu, sigma, c, rho int) int { return b.Do(OpMul, c, b.Do(OpLog, sigma)) })
	if _, ok := (Law{Costs: append(power.Costs, log.Costs...)}).Standard(); ok {
		t.Error("two laws of reliability at once are not of the form")
	}
}
