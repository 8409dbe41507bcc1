package cuda

import (
	"testing"

	"quantal/kernels"
)

// Every kernel against the portable one in float64, with all hazards between threads and blocks watched.
func TestKernelsAgainstFloat64(t *testing.T) {
	for i, d := range designs() {
		if testing.Short() && i%4 != 0 {
			continue
		}
		t.Run(d.String(), func(t *testing.T) {
			n := d.network(t)
			n.check(t)
			n.under(t, accumulations[i%2]).check(t)
			n.fluctuating(t, walks[i%2]).check(t)
		})
	}
}

// check compares every kernel of a step with float64.
func (n network) check(t *testing.T) {
	t.Helper()
	driver := Interpreted(testMemory)
	driver.(*interpreted).machine.GlobalRaces = true
	driver.(*interpreted).machine.Uninitialised = true
	deviations, err := Check(driver, n.program, n.members, n.data, n.start, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range deviations {
		if !d.OK() {
			t.Errorf("%v: %v", n.program.Rule, d)
		}
	}
	if live := driver.(*interpreted).used; live != 0 || len(deviations) < 10 {
		t.Errorf("%v: %d comparisons, %d bytes live afterwards", n.program.Rule, len(deviations), live)
	}
}

// Shapes that nobody chose.
func TestRandomShapesAgainstFloat64(t *testing.T) {
	count := 8
	if testing.Short() {
		count = 3
	}
	for seed := range count {
		u := numbers(make([]float64, 16), uint64(1000+seed), 0, 1)
		pick := func(i, lo, hi int) int { return lo + int(u[i]*float64(hi-lo+1)) }
		d := design{
			sizes:   []int{pick(0, 1, 280)},
			sharing: kernels.Sharing(pick(1, 0, 4)), likelihood: kernels.Likelihood(pick(2, 0, 1)),
			activation: kernels.Activation(pick(3, 1, 2)), batch: pick(4, 1, 45), members: pick(5, 1, 2),
			rho: 2 * u[6],
		}
		for i := range pick(7, 0, 3) {
			d.sizes = append(d.sizes, pick(8+i, 1, 70))
		}
		d.sizes = append(d.sizes, pick(12, 2, 70))
		t.Run(d.String(), func(t *testing.T) {
			n := d.network(t)
			n.check(t)
			n.under(t, accumulations[seed%2]).check(t)
			n.fluctuating(t, walks[seed%2]).check(t)
		})
	}
}
