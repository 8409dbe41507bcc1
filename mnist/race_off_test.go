//go:build !race

package mnist

// raceDetector says that the race detector is on, which makes arithmetic ten times slower.
const raceDetector = false
