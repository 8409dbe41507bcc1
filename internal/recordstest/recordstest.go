// Package recordstest makes records of networks, as tests of tables and of figures want them.
package recordstest

import (
	"fmt"
	"math"

	"quantal/internal/resultstest"
	"quantal/results/store"
	"quantal/synapse"
)

// Record is a network that has finished, with accuracy 0.5 and sigma 1/3.
func Record(rho float64, c float64, seed uint64) store.Record {
	r := store.Record{
		ID: fmt.Sprintf("rho%g-c%g-seed%d", rho, c, seed), Status: store.Done, Kernels: "portable",
		Outcome: store.NoOutcome(),
		Settings: store.Settings{Data: "glyphs", Hidden: "100x100", Noise: "heterogeneous", Rho: fmt.Sprint(rho),
			RhoValue: rho, C: c, Seed: seed},
	}
	r.AccuracySampled, r.SigmaRMS, r.SigmaRMSLayers, r.Steps = 0.5, 1./3, []float64{0.25, 1e-9}, 100
	return r
}

// GridRecords makes networks over c and seed whose accuracy falls and whose sigma rises, for each rho and noise. edit
// may change one.
func GridRecords(rhos []float64, noises []string, cs []float64, seeds int, edit func(*store.Record)) []store.Record {
	var records []store.Record
	next := resultstest.Normal(1)
	for _, rho := range rhos {
		for n, noise := range noises {
			for _, c := range cs {
				for seed := range seeds {
					r := Record(rho, c, uint64(seed+1))
					r.ID, r.Noise = noise+"-"+r.ID, noise
					r.SigmaRMS = 0.3 * math.Pow(c, 0.4/(rho+0.5)) * (1 + 0.3*float64(n)) * math.Exp(0.03*float64(next()))
					r.AccuracySampled = 0.1 + 0.88/(1+r.SigmaRMS*r.SigmaRMS*4)
					r.ReliabilityCost = 1000 * synapse.Power(rho).ScaledCost(r.SigmaRMS)
					if noise == store.WithoutNoise {
						r.AccuracySampled, r.SigmaRMS, r.ReliabilityCost = 0.98, 0, 0
					}
					if edit != nil {
						edit(&r)
					}
					records = append(records, r)
				}
			}
		}
	}
	return records
}

// Powers are n numbers from 10^low to 10^high, at equal distances in their logarithms.
func Powers(low, high float64, n int) []float64 {
	var list []float64
	for i := range n {
		list = append(list, math.Pow(10, low+(high-low)*float64(i)/float64(max(1, n-1))))
	}
	return list
}

// BothNoises are those of the paper's figures.
var BothNoises = []string{"heterogeneous", "homogeneous"}

// GridCases are grids of all kinds.
func GridCases() map[string]Grid {
	four, all := []float64{1. / 2, 2. / 3, 4. / 3, 2}, append(BothNoises, "neuron", "layer", "none")
	lose := func(r *store.Record) {
		if r.C > 100 {
			r.Status, r.Outcome = store.Diverged, store.NoOutcome()
		}
	}
	return map[string]Grid{
		"paper":      {Records: GridRecords(four, BothNoises, Powers(-4, 3.25, 30), 1, nil)},
		"seeds":      {Points: 1000, Records: GridRecords(four, BothNoises, Powers(-4, 3.25, 12), 3, lose)},
		"everything": {Records: GridRecords([]float64{0, 0.5, 2}, all, Powers(-4, 3, 8), 2, nil)},
		"six columns": {Records: GridRecords([]float64{0.1, 0.3, 0.5, 1, 2, 12.345678}, BothNoises, Powers(-4, 1, 5), 1,
			nil)},
		"one point":        {Records: GridRecords([]float64{2}, BothNoises[:1], []float64{0.1}, 1, nil)},
		"one, three seeds": {Records: GridRecords([]float64{2}, BothNoises[:1], []float64{0.1}, 3, nil)},
		"homogeneous":      {Records: GridRecords([]float64{0.5, 2}, BothNoises[1:], Powers(-1, 0, 5), 2, nil)},
		"close together":   {Records: GridRecords([]float64{2}, BothNoises, []float64{0.1, 0.1001}, 1, nil)},
	}
}

// RhoTitle names an exponent.
func RhoTitle(s store.Settings) string { return fmt.Sprintf("mechanism, ρ = %.3g", s.RhoValue) }

// Grid is the records of a grid of which this many points were asked for.
type Grid struct {
	Points  int
	Records []store.Record
}
