package cuda

import "testing"

// Every kernel against the portable one in float64, with all hazards between threads and blocks watched.
func TestKernelsAgainstFloat64(t *testing.T) {
	for i, d := range designs() {
		if testing.Short() && i%4 != 0 {
			continue
		}
		t.Run(d.String(), func(t *testing.T) {
			n := d.network(t)
			driver := Interpreted(testMemory)
			driver.(*interpreted).machine.GlobalRaces = true
			driver.(*interpreted).machine.Uninitialised = true
			deviations, err := Check(driver, n.program, n.members, n.data, n.start, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range deviations {
				if !d.OK() {
					t.Error(d)
				}
			}
			if live := driver.(*interpreted).used; live != 0 || len(deviations) < 10 {
				t.Errorf("%d comparisons, %d bytes live afterwards", len(deviations), live)
			}
		})
	}
}
