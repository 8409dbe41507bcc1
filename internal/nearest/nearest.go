// Package nearest finds the name that a mistyped word may stand for.
package nearest

import (
	"strings"

	"github.com/xrash/smetrics"
)

// Name is the one of names that is closest to word: the fewest letters added, dropped, changed or swapped with their
// neighbour. It is empty if that needs more than two edits, or if no letter of the word would be left.
func Name(word string, names []string) string {
	word = strings.ToLower(word)
	best, least := "", 0
	for _, name := range names {
		if d := distance(word, strings.ToLower(name)); best == "" || d < least {
			best, least = name, d
		}
	}
	if least > 2 || least >= len(word) || 2*least > len(best) && len(best) > 3 {
		return ""
	}
	return best
}

// Hint is what to add to a message about a word that is not one of names: "; did you mean calcium?", or nothing.
func Hint(word string, names []string) string {
	if name := Name(word, names); name != "" && name != word {
		return "; did you mean " + name + "?"
	}
	return ""
}

// OneOf is what to say about a word that is not one of names: "want one of calcium, membrane; did you mean calcium?".
func OneOf(word string, names []string) string {
	return "want one of " + strings.Join(names, ", ") + Hint(word, names)
}

// distance counts edits. Swapping two neighbours counts as one: it is the most frequent typing error.
func distance(a, b string) int {
	d := smetrics.WagnerFischer(a, b, 1, 1, 1)
	for i := range len(a) - 1 {
		swapped := a[:i] + a[i+1:i+2] + a[i:i+1] + a[i+2:]
		d = min(d, 1+smetrics.WagnerFischer(swapped, b, 1, 1, 1))
	}
	return d
}
