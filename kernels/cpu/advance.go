//go:build amd64 || arm64

package cpu

import "quantal/kernels"

// groupOfNumbers is how many numbers take their noise from the same blocks. The kernels move whole groups; the portable
// ones move the last numbers, if they are fewer.
const groupOfNumbers = 64

func (a *assembly) advanceNumbers(d *kernels.Diffusion[float32], w []float32, n kernels.Noise, first, steps int) {
	whole := len(w) &^ (groupOfNumbers - 1)
	portable.advance(d, w[whole:], n, first+whole, steps)
	if whole == 0 {
		return
	}
	block, law, cells := firstOfGroup(first), lawNumbers(d, kernels.Turnover[float32]{}), &d.Cells[0].Drift
	for range steps {
		keys := n.Keys()
		if len(d.Cells) == 1 {
			a.advanceLine(&w[0], &keys, block, whole, &law[0])
		} else {
			a.advanceTable(&w[0], &keys, block, whole, &law[0], cells)
		}
		n.Step++
	}
}

func (a *assembly) advanceNumbersOnSites(d *kernels.Diffusion[float32], t kernels.Turnover[float32], w []float32,
	born []uint32, n kernels.Noise, first, steps int) (births, losses int) {
	whole := len(w) &^ (groupOfNumbers - 1)
	births, losses = portable.advanceSites(d, t, w[whole:], born[whole:], n, first+whole, steps)
	if whole == 0 {
		return births, losses
	}
	born = born[:whole]
	chance := n
	chance.Draw++
	block, law, cells := firstOfGroup(first), lawNumbers(d, t), &d.Cells[0].Drift
	u := make([]float32, whole)
	for range steps {
		keys := chance.Keys()
		a.uniforms(&u[0], &keys, block, whole)
		keys = n.Keys()
		var b, l int
		if len(d.Cells) == 1 {
			b, l = a.advanceSitesLine(&w[0], &born[0], &u[0], &keys, block, whole, n.Step+1, &law[0])
		} else {
			b, l = a.advanceSitesTable(&w[0], &born[0], &u[0], &keys, block, whole, n.Step+1, &law[0], cells)
		}
		births += b
		losses += l
		n.Step++
		chance.Step++
	}
	return births, losses
}

// firstOfGroup is the first block of the group that a number belongs to.
func firstOfGroup(number int) uint32 {
	return kernels.FirstBlock(number/groupOfNumbers, groupOfNumbers)
}

// lawNumbers are a diffusion's numbers as the assembly reads them; the last three belong to the turnover.
func lawNumbers(d *kernels.Diffusion[float32], t kernels.Turnover[float32]) [11]float32 {
	spread := float32(0) // for each unit of a uniform below Birth
	if t.Birth > 0 {
		spread = t.Spread / t.Birth
	}
	c := d.Cells[0]
	return [...]float32{d.Low, d.High, c.Drift, c.DriftSlope, c.Noise, c.NoiseSlope, d.PerUnit, float32(len(d.Cells) - 1),
		t.Birth, t.Smallest, spread}
}
