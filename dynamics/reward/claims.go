package reward

import "quantal/dynamics"

// Bounds of the claims, set before any network was simulated.
const (
	clearly = 0.1  // by how much reward rises, and correlations fall
	nearly  = 0.05 // how much less reward may be and still be the same
)

// claims counts in how many networks each of the claims holds of an arm and of another one without noise.
func (e *experiment) claims(arm, without int) []dynamics.Count {
	const learning, on, swapped = 0, 1, 2
	const first, last = false, true
	at := func(n, phase int, part bool, of func(Outcome) float64) float64 {
		return e.part(arm, n, phase, part, of)
	}
	falls := func(n int, of func(Outcome) float64) bool { return at(n, on, last, of) < at(n, on, first, of)-clearly }
	return dynamics.CountClaims(e.Seeds, []dynamics.Claim{
		{Text: "reward rises by 0.1 or more while the task is learnt", Holds: func(n int) bool {
			return at(n, learning, last, reward) >= e.outcomes[arm][n][0].Reward+clearly
		}},
		{Text: "and stays: as the task goes on it falls by no more than 0.05", Holds: func(n int) bool {
			return at(n, on, last, reward) >= at(n, learning, last, reward)-nearly
		}},
		{Text: "meanwhile contacts drift: the share kept and the correlation of weights fall on by more than 0.1",
			Holds: func(n int) bool { return falls(n, kept) && falls(n, weights) }},
		{Text: "and so does the pattern of responses: its correlation falls on by more than 0.1",
			Holds: func(n int) bool { return falls(n, response) }},
		{Text: "after the swap reward comes back to within 0.05", Holds: func(n int) bool {
			return at(n, swapped, last, reward) >= at(n, on, last, reward)-nearly
		}},
		{Text: "at temperature 0 less reward comes back", Holds: func(n int) bool {
			return e.part(without, n, swapped, last, reward) < at(n, swapped, last, reward)
		}},
	})
}

// held counts the claims for each temperature and speed at which there is an arm with noise and reward.
func (e *experiment) held() (all []Held) {
	without := map[float64]int{} // noise, by speed
	for k, a := range e.arms() {
		if a.temperature == 0 {
			without[a.speed] = k
		}
	}
	for k, a := range e.arms() {
		if a.temperature == 0 || k == blind {
			continue
		}
		for _, c := range e.claims(k, without[a.speed]) {
			all = append(all, Held{a.temperature, a.speed, c})
		}
	}
	return all
}
