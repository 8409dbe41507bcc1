// Package timing measures a training step in the same way in every peer that is written in Go, and defines the line in
// which all peers report.
//
// In: a function that trains for some steps. Out: one JSON object on a line of standard output.
package timing

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// Result is the output of a peer. A step is a step of one network: two networks trained together for a second, 1000
// steps each, are 2000 steps of half a millisecond.
type Result struct {
	Peer    string  `json:"peer"`
	Version string  `json:"version"`           // of the library
	Kernels string  `json:"kernels,omitempty"` // the code that it uses: a kernel set, a BLAS
	DType   string  `json:"dtype"`
	Noise   string  `json:"noise"`
	Rho     float64 `json:"rho"`
	Threads int     `json:"threads"`
	Members int     `json:"members"`
	Steps   int     `json:"steps"` // timed, of each network
	// MsPerStep is the mean, the only figure that all peers have (the C program prints no other) and the one compared.
	MsPerStep float64 `json:"ms_per_step"`
	// MsMedian is the median over chunks of some 100 ms, which other programs affect less.
	MsMedian float64 `json:"ms_median"`
	// ProcessorMs is MsPerStep in processor time, that of all threads: it shows little of what other programs do. 0 where
	// it is unknown.
	ProcessorMs float64 `json:"processor_ms,omitempty"`
	// NoiseMs is the part of MsPerStep in which the peer draws its random numbers, if that was timed.
	NoiseMs float64 `json:"noise_ms,omitempty"`
	Loss    float64 `json:"loss"` // of the last minibatch or chunk, per example: that it is finite shows that it trained
}

// The same as in torch_step.py. A chunk is as long as quantal's driver lets its VM work between two checks of the
// context.
const (
	warmUp = 300 * time.Millisecond
	chunk  = 100 * time.Millisecond
)

// Measure calls train(n) for chunks of n steps until the time is up, after a warm-up that also determines n.
func Measure(duration time.Duration, members int, train func(n int) error) (r Result, err error) {
	n := 1
	for began, spent := time.Now(), time.Duration(0); spent < warmUp; spent = time.Since(began) {
		start := time.Now()
		if err := train(n); err != nil {
			return r, err
		}
		n = max(1, min(int(float64(n)*float64(chunk)/float64(max(time.Since(start), 1))), 4*n))
	}
	var chunks []float64
	var total time.Duration
	began := processorTime()
	for total < duration {
		start := time.Now()
		if err := train(n); err != nil {
			return r, err
		}
		took := time.Since(start)
		total += took
		chunks = append(chunks, 1e3*took.Seconds()/float64(n*members))
	}
	used := processorTime() - began
	slices.Sort(chunks)
	r.Members, r.Steps = members, n*len(chunks)
	r.MsPerStep = 1e3 * total.Seconds() / float64(r.Steps*members)
	r.ProcessorMs = 1e3 * used.Seconds() / float64(r.Steps*members)
	r.MsMedian = (chunks[len(chunks)/2] + chunks[(len(chunks)-1)/2]) / 2
	return r, nil
}

// Print writes the result as a line of JSON.
func (r Result) Print(w io.Writer) error {
	line, err := json.Marshal(r)
	if err != nil { // a loss that is NaN
		return fmt.Errorf("%s: %w", r.Peer, err)
	}
	_, err = fmt.Fprintf(w, "%s\n", line)
	return err
}
