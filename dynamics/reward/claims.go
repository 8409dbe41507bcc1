package reward

// Bounds of the claims, set before any network was simulated.
const (
	clearly = 0.1  // by how much reward rises, and correlations fall
	nearly  = 0.05 // how much less reward may be and still be the same
)

// claims counts in how many networks each of the claims holds.
func (e *experiment) claims() []Count {
	const learning, on, swapped = 0, 1, 2
	const first, last = false, true
	const warm, cold = 0, 1 // temperatures
	at := func(t, n, phase int, part bool, of func(Outcome) float64) float64 {
		return e.part(t, n, phase, part, of)
	}
	falls := func(n int, of func(Outcome) float64) bool {
		return at(warm, n, on, last, of) < at(warm, n, on, first, of)-clearly
	}
	list := []struct {
		claim string
		holds func(n int) bool
	}{
		{"reward rises by 0.1 or more while the task is learnt", func(n int) bool {
			return at(warm, n, learning, last, reward) >= e.outcomes[warm][n][0].Reward+clearly
		}},
		{"and stays: as the task goes on it falls by no more than 0.05", func(n int) bool {
			return at(warm, n, on, last, reward) >= at(warm, n, learning, last, reward)-nearly
		}},
		{"meanwhile contacts drift: the share kept and the correlation of weights fall on by more than 0.1",
			func(n int) bool { return falls(n, kept) && falls(n, weights) }},
		{"and so does the pattern of responses: its correlation falls on by more than 0.1",
			func(n int) bool { return falls(n, response) }},
		{"after the swap reward comes back to within 0.05", func(n int) bool {
			return at(warm, n, swapped, last, reward) >= at(warm, n, on, last, reward)-nearly
		}},
		{"at temperature 0 less reward comes back", func(n int) bool {
			return at(cold, n, swapped, last, reward) < at(warm, n, swapped, last, reward)
		}},
	}
	var counts []Count
	for _, c := range list {
		count := Count{Claim: c.claim, Of: e.Seeds}
		for n := range e.Seeds {
			if c.holds(n) {
				count.Seen++
			}
		}
		counts = append(counts, count)
	}
	return counts
}
