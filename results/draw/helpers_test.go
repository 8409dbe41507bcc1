package draw

import (
	"quantal/internal/resultstest"
	"quantal/results/store"
)

var (
	check     = resultstest.Check
	wantError = resultstest.WantError
	isCorrupt = resultstest.IsA[*store.CorruptError]
)
