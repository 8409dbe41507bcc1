package kernels

import "runtime"

// threadsPerProcessor is how many threads a processor may have: more than one, for a user who wants that, but not many,
// for each costs memory and brings nothing.
const threadsPerProcessor = 4

// Threads returns how many threads work where a user asks for so many: one for each processor for 0, and at most a few
// for each.
func Threads(asked int) int {
	processors := runtime.GOMAXPROCS(0)
	if asked == 0 {
		return processors
	}
	return min(asked, threadsPerProcessor*processors)
}
