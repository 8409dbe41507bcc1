package results

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fraction reads 1/2 and 2 as the driver does, which this package does not know.
func fraction(s string) (float64, error) {
	numerator, denominator, _ := strings.Cut(s+"/1", "/")
	n, err := strconv.ParseFloat(numerator, 64)
	d, _ := strconv.ParseFloat(strings.TrimSuffix(denominator, "/1"), 64)
	if err != nil || !(n/d > 0) {
		return 0, fmt.Errorf("rho %q: want a number or fraction", s)
	}
	return n / d, nil
}

func rhoTitle(rho float64) string { return fmt.Sprintf("mechanism, ρ = %.3g", rho) }

// published is the arrays behind EES Fig. 2 and 3, where they are there.
func published(t *testing.T) []Published {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "reference", "fig2and3_published.csv")
	if _, err := os.Stat(path); err != nil {
		t.Skip("the published arrays are not here")
	}
	list, err := ReadPublished(path, fraction)
	check(t, err)
	return list
}

// asRecords takes published values for what networks of ours reached.
func asRecords(list []Published) []Record {
	var records []Record
	for _, p := range list {
		r := Record{ID: fmt.Sprintf("%s-rho%g-c%g", p.Noise, p.RhoValue, p.C), Status: Done, Kernels: "portable", Outcome: NoOutcome()}
		r.Settings = Settings{Data: "mnist", Hidden: "100x100", Noise: p.Noise, Rho: p.Rho, RhoValue: p.RhoValue, C: p.C, Seed: 1}
		r.AccuracySampled, r.LossSampled, r.SigmaRMS, r.ReliabilityCost = p.AccuracyPercent/100, p.LossNats, p.SigmaRMS, p.ReliabilityCost
		records = append(records, r)
	}
	return records
}
