package store

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"quantal/kernels"
)

func team(names ...string) *TeamCheckpoint {
	t := &TeamCheckpoint{Names: names}
	for i := range names {
		c := small(7)
		c.Seed, c.Driver = uint64(i), names[i]
		c.State.Mu[0] = float32(i)
		t.Networks = append(t.Networks, c)
	}
	return t
}

func TestTeamCheckpointRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.safetensors")
	want := team("a", "b", "rho2-c0.1")
	check(t, want.Write(path))
	got, err := ReadTeamCheckpoint(path)
	check(t, err)
	if !slices.Equal(got.Names, want.Names) || len(got.Networks) != 3 {
		t.Fatalf("names %v, want %v", got.Names, want.Names)
	}
	for i, c := range got.Networks {
		w := want.Networks[i]
		if !equalStates(c.State, w.State) || c.Seed != w.Seed || c.Step != w.Step || c.Graph != w.Graph ||
			c.Driver != w.Driver {
			t.Errorf("%s has changed", got.Names[i])
		}
	}
	raw, err := os.ReadFile(path)
	check(t, err)
	for at := 0; at < len(raw); at += 5 {
		changed := slices.Clone(raw)
		changed[at] ^= 4
		check(t, os.WriteFile(path, changed, 0o644))
		if _, err := ReadTeamCheckpoint(path); !isCorrupt(err) {
			t.Fatalf("byte %d changed: %v", at, err)
		}
	}
}

func TestTeamCheckpointRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.safetensors")
	wantError(t, (&TeamCheckpoint{}).Write(path), path, "one or more networks")
	other := team("a", "b")
	other.Networks[1].Step++
	wantError(t, other.Write(path), path, "differ in step")
	wantError(t, team("a", "a").Write(path), path, "a/layer0.weight.mu")

	check(t, team("a", "b").Write(path))
	tensors, metadata, err := ReadSafetensors(path)
	check(t, err)
	for key, value := range map[string]string{
		"format": checkpointFormat, "format_version": "2", "networks": "[]", "layers": "3-2", "step": "x",
	} {
		changed := maps.Clone(metadata)
		changed[key] = value
		check(t, WriteSafetensors(path, tensors, changed))
		if _, err := ReadTeamCheckpoint(path); !isCorrupt(err) {
			t.Errorf("%s = %q: %v, want a CorruptError", key, value, err)
		}
	}
	_, err = ReadTeamCheckpoint(filepath.Join(t.TempDir(), "none"))
	if err == nil || isCorrupt(err) {
		t.Errorf("no file: %v", err)
	}
}

// A finished network keeps what is needed to use it, and reads as a checkpoint with moments of zero.
func TestNetworkRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n.safetensors")
	for sharing := kernels.PerSynapse; sharing <= kernels.NoNoise; sharing++ {
		c := filled(layoutOf(sharing, 5, 3, 2), 9, normal(3))
		check(t, WriteNetwork(path, c))
		got, err := ReadNetwork(path)
		check(t, err)
		if !equalBits(got.State.Mu, c.State.Mu) || !equalBits(got.State.Phi, c.State.Phi) || got.Seed != c.Seed ||
			got.Step != 9 {
			t.Errorf("sharing %v: the network has changed", sharing)
		}
		for _, moments := range slices.Concat(got.State.MuMoments, got.State.PhiMoments) {
			if slices.ContainsFunc(moments, func(x float32) bool { return x != 0 }) {
				t.Errorf("sharing %v: moments that are not zero", sharing)
			}
		}
		_, err = ReadCheckpoint(path)
		wantError(t, err, path, "is not a checkpoint")
	}
}
