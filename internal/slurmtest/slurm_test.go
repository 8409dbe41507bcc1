//go:build linux

package slurmtest

import "testing"

// TestStart says whether this machine can run a Slurm at all.
func TestStart(t *testing.T) { Start(t) }
