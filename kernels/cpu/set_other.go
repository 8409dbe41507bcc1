//go:build !amd64 && !arm64

package cpu

func available() []*kernelSet { return []*kernelSet{portable} }
