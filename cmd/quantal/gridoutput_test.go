package main

import (
	"strings"
	"testing"
	"time"

	"quantal/grid"
)

// The output says what each device trains, and which devices failed.
func TestStatusOfSeveralDevices(t *testing.T) {
	batches := []grid.Batch{{Device: "cuda:0", Running: []string{"a", "b"}, Step: 30, Steps: 60},
		{Device: "cuda:1", Running: []string{"c"}, Step: 6, Steps: 60}}
	s := gridStatus{Status: grid.Status{
		Dir: "g", Points: 9, Done: 5, Running: 3, Waiting: 1,
		Processes: []grid.Process{{Progress: grid.Progress{Host: "node", PID: 7, Updated: time.Now(), Batches: batches}}},
		Devices: []grid.DeviceWork{
			{Host: "node", Device: "cuda:0", Networks: 4, Seconds: 90},
			{Host: "node", Device: "cuda:2", Networks: 1, Failed: "device cuda:2: no more"},
		},
	}}
	var out strings.Builder
	if err := printStatus(&out, s, distinctions(nil)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"7 on node: step 30/60 of 2 networks on cuda:0\n", "7 on node: step 6/60 of 1 network on cuda:1\n",
		"cuda:0 on node: 4 networks in 1m30s\n", "cuda:2 on node: 1 network; failed: device cuda:2: no more\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	p := grid.Progress{Points: 9, Finished: 5, Batches: batches}
	if got, want := strings.Join(gridParts(p), "  "),
		"5/9 points  3 running on 2 devices, 10 to 50 % of their steps"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.Batches = batches[:1]
	if got, want := strings.Join(gridParts(p), "  "), "5/9 points  2 running, step 30/60"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.Batches = batches
	if got, want := p.Share(), (5+1+0.1)/9; got-want > 1e-12 ||
		want-got > 1e-12 {
		t.Errorf("fraction %v, want %v", got, want)
	}
}
