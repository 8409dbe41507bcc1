package train

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestDeviceNames(t *testing.T) {
	for name, want := range map[string][]int{"auto": nil, "cpu": nil, "cuda": nil, "cuda:0": {0}, "cuda:12": {12},
		"cuda:2,0": {2, 0}} {
		_, gpus, err := parseDevice(name)
		if err != nil || !slices.Equal(gpus, want) {
			t.Errorf("%s: GPUs %v, %v, want %v", name, gpus, err, want)
		}
		if one := checkDevice(name) == nil; one != (len(want) < 2) {
			t.Errorf("%s is taken for one device: %v", name, one)
		}
	}
	for _, name := range []string{"", "gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:0,", "cuda:,0", "cuda:1,2,1", "cpu:0",
		"auto:0", "cuda:0:1", "CUDA", "cuda:0 1"} {
		if err := CheckDevices(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := ChooseDevice("cuda:0,1"); err == nil || !strings.Contains(err.Error(), "one run takes one GPU") {
		t.Errorf("two GPUs for a run: %v", err)
	}
}

func TestTogether(t *testing.T) {
	a, b, c := errors.New("a"), &DeviceError{"cuda:1", errors.New("b")}, errors.New("c")
	all := Together([]error{a, b, c})
	var device *DeviceError
	if all.Error() != "a; device cuda:1: b; c" || !errors.Is(all, a) || !errors.Is(all, c) || !errors.As(all, &device) {
		t.Errorf("got %v", all)
	}
}
