package kernels

import "runtime"

// threadsPerProcessor is how many threads a processor may have: more than one, for a user who wants that, but not many,
// because each costs memory and gains nothing.
const threadsPerProcessor = 4

// Threads returns how many threads work if a user asks for n: one per processor for 0, and at most a few per processor.
func Threads(asked int) int {
	processors := runtime.GOMAXPROCS(0)
	if asked == 0 {
		return processors
	}
	return min(asked, threadsPerProcessor*processors)
}
