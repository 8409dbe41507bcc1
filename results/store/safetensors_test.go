package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func drawTensors(t *rapid.T) ([]Tensor, map[string]string) {
	text := rapid.String().Filter(func(s string) bool { return s != metadataName && s != checksumKey })
	names := rapid.SliceOfNDistinct(text, 0, 6, rapid.ID[string]).Draw(t, "names")
	metadata := rapid.MapOfN(text, rapid.String(), 0, 4).Draw(t, "metadata")
	var tensors []Tensor
	for _, name := range names {
		shape := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "shape")
		n, err := elements(shape)
		if err != nil {
			t.Fatal(err)
		}
		bits := rapid.SliceOfN(rapid.Uint32(), n, n).Draw(t, "bits") // all numbers, including NaNs with any payload
		data := make([]float32, n)
		for i, b := range bits {
			data[i] = math.Float32frombits(b)
		}
		tensors = append(tensors, Tensor{name, shape, data})
	}
	return tensors, metadata
}

func sameTensors(a, b []Tensor) bool {
	return slices.EqualFunc(a, b, func(x, y Tensor) bool {
		return x.Name == y.Name && slices.Equal(x.Shape, y.Shape) && equalBits(x.Data, y.Data)
	})
}

func TestSafetensorsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tensors, metadata := drawTensors(t)
		data, err := encodeSafetensors(tensors, metadata)
		if err != nil {
			t.Fatal(err)
		}
		if n := binary.LittleEndian.Uint64(data); n%8 != 0 {
			t.Errorf("header of %d bytes is not padded to a multiple of 8", n)
		}
		got, gotMetadata, err := decodeSafetensors(data)
		if err != nil {
			t.Fatal(err)
		}
		if !sameTensors(got, tensors) || !maps.Equal(gotMetadata, metadata) {
			t.Errorf("read\n%v %q\nwant\n%v %q", got, gotMetadata, tensors, metadata)
		}
	})
}

func TestWriteSafetensorsRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.safetensors")
	for _, c := range []struct {
		tensors  []Tensor
		metadata map[string]string
		want     string
	}{
		{[]Tensor{{"a", []int{2}, make([]float32, 3)}}, nil, "does not hold 3 values"},
		{[]Tensor{{"a", []int{-1, -3}, make([]float32, 3)}}, nil, "does not hold 3 values"},
		{[]Tensor{{"a", []int{1 << 40, 1 << 40}, nil}}, nil, "does not hold 0 values"},
		{[]Tensor{{"a", nil, []float32{1}}, {"a", nil, []float32{1}}}, nil, "is taken"},
		{[]Tensor{{metadataName, nil, []float32{1}}}, nil, "is taken"},
		{[]Tensor{{"\xff", nil, []float32{1}}}, nil, "UTF-8"},
		{nil, map[string]string{"a": "\xff"}, "UTF-8"},
		{nil, map[string]string{checksumKey: "0"}, "reserved"},
	} {
		wantError(t, WriteSafetensors(path, c.tensors, c.metadata), path, c.want)
		if _, err := os.Stat(path); err == nil {
			t.Error("a refused file was written")
		}
	}
}

// sealed is a file with the given header after the checksum, the data, and a valid checksum.
func sealed(header string, data []byte) []byte {
	header = checksumPrefix + noDigits + `"` + header
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	file = append(append(file, header...), data...)
	copy(file[digestStart:], checksum(file))
	return file
}

func TestReadSafetensorsRefuses(t *testing.T) {
	tensor := func(fields string) string { return `},"a":{` + fields + `}}` }
	one := `"dtype":"F32","shape":[1],"data_offsets":[0,4]`
	data := make([]byte, 8)
	for _, c := range []struct {
		name, header string
		data         []byte
		want         string
	}{
		{"good", tensor(one), data[:4], ""},
		{"good, padded", tensor(one) + "   ", data[:4], ""},
		{"good, empty", "}}", nil, ""},
		{"padded with tabs", tensor(one) + " \t", data[:4], "padded"},
		{"trailing bytes", tensor(one), data[:5], "1 bytes too many"},
		{"trailing bytes without tensors", `}}`, data[:1], "1 bytes too many"},
		{"missing bytes", tensor(one), data[:3], "truncated: want 4 bytes of data, got 3"},
		{"dtype", tensor(`"dtype":"F64","shape":[1],"data_offsets":[0,8]`), data, `dtype "F64"`},
		{"no dtype", tensor(`"shape":[1],"data_offsets":[0,4]`), data[:4], "want dtype"},
		{"dtype twice", tensor(`"dtype":"F32","dtype":"F32","data_offsets":[0,4]`), data[:4], `"dtype" occurs twice`},
		{"unknown field", tensor(one + `,"x":1`), data[:4], `unknown field "x"`},
		{"name twice", `},"a":{` + one + `},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, data, `"a" occurs twice`},
		{"key twice", `,"k":"1","k":"2"}}`, nil, `"k" occurs twice`},
		{"metadata twice", `},"__metadata__":{}}`, nil, "occurs twice"},
		{"metadata number", `,"k":1}}`, nil, "want a string"},
		{"hole", `},"a":{` + one + `},"b":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}`, data, "begins at byte 8"},
		{"overlap", `},"a":{` + one + `},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, data[:4],
			"begins at byte 0"},
		{"backwards", tensor(`"dtype":"F32","shape":[1],"data_offsets":[4,0]`), data, "not a range"},
		{"three offsets", tensor(`"dtype":"F32","shape":[1],"data_offsets":[0,4,4]`), data[:4], "not a range"},
		{"wrong size", tensor(`"dtype":"F32","shape":[2],"data_offsets":[0,4]`), data[:4], "takes 8 bytes"},
		{"overflow", tensor(`"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]`), data[:4],
			"impossible shape"},
		{"product overflow", tensor(`"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]`), nil,
			"impossible shape"},
		{"negative", tensor(`"dtype":"F32","shape":[-1],"data_offsets":[0,4]`), data[:4], "-1 is not an integer"},
		{"fraction", tensor(`"dtype":"F32","shape":[1.0],"data_offsets":[0,4]`), data[:4], "1.0 is not an integer"},
		{"beyond int", tensor(`"dtype":"F32","shape":[1],"data_offsets":[0,99999999999999999999]`), data[:4],
			"not an integer"},
		{"shape text", tensor(`"dtype":"F32","shape":["1"],"data_offsets":[0,4]`), data[:4], "want an integer"},
		{"no object", `},"a":3}`, nil, "want {"},
		{"not JSON", `},}`, nil, "not JSON"},
		{"not UTF-8", `,"k":"` + "\xff" + `"}}`, nil, "not UTF-8"},
	} {
		_, _, err := decodeSafetensors(sealed(c.header, c.data))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
	huge := append(bytes.Repeat([]byte{0xff}, 8), sealed("}}", nil)[8:]...)
	if _, _, err := decodeSafetensors(huge); err == nil {
		t.Error("a header length beyond the file was accepted")
	}
	foreign := []byte("\x02\x00\x00\x00\x00\x00\x00\x00{}")
	if _, _, err := decodeSafetensors(foreign); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a file without checksum: error %v", err)
	}
}

func TestEveryFlippedByteIsDetected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.safetensors")
	check(t, small(5).Write(path))
	good, err := os.ReadFile(path)
	check(t, err)
	for i := range good {
		for _, mask := range []byte{1, 0x20, 0xff} {
			bad := bytes.Clone(good)
			bad[i] ^= mask
			if _, _, err := decodeSafetensors(bad); err == nil {
				t.Fatalf("byte %d of %d changed by %#x: not detected", i, len(good), mask)
			}
		}
	}
	// And once through a file, for the message.
	bad := bytes.Clone(good)
	bad[len(bad)-1] ^= 1
	check(t, os.WriteFile(path, bad, 0o644))
	_, err = ReadCheckpoint(path)
	wantError(t, err, path, "checksum (SHA-256) does not match: expected", checksum(good), checksum(bad))
	if !isCorrupt(err) {
		t.Errorf("%T is not a CorruptError", err)
	}
}

func TestEveryTruncationIsDetected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.safetensors")
	check(t, small(5).Write(path))
	good, err := os.ReadFile(path)
	check(t, err)
	for n := range len(good) {
		if _, _, err := decodeSafetensors(good[:n]); err == nil || !strings.Contains(err.Error(), "truncated") {
			t.Fatalf("cut to %d of %d bytes: error %v", n, len(good), err)
		}
	}
	if _, _, err := decodeSafetensors(append(bytes.Clone(good), 0)); err == nil {
		t.Error("a byte too many was not detected")
	}
}

func TestReadSafetensorsMissing(t *testing.T) {
	_, _, err := ReadSafetensors("nowhere/x.safetensors")
	wantError(t, err, "nowhere/x.safetensors", "no such file")
	if isCorrupt(err) {
		t.Error("a missing file is not a corrupt one")
	}
	_, _, err = ReadSafetensors(t.TempDir())
	wantError(t, err, "is not a regular file")
}

func FuzzReadSafetensors(f *testing.F) {
	good, err := encodeSafetensors([]Tensor{{"a", []int{1, 2}, []float32{1, 2}}, {"b", nil, []float32{3}}},
		map[string]string{"k": "v"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(sealed(`},"a":{"dtype":"F32","shape":[0,9],"data_offsets":[0,0]}}`, nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		_, _, _ = decodeSafetensors(file) // must not panic
		// With a valid checksum the parser after it is also reached.
		if len(file) < digestEnd {
			return
		}
		file = bytes.Clone(file)
		copy(file[8:], checksumPrefix)
		copy(file[digestStart:], checksum(file))
		tensors, metadata, err := decodeSafetensors(file)
		if err != nil {
			return
		}
		again, err := encodeSafetensors(tensors, metadata)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		got, gotMetadata, err := decodeSafetensors(again)
		if err != nil || !sameTensors(got, tensors) || !maps.Equal(gotMetadata, metadata) {
			t.Fatalf("read again: %v %q %v, want %v %q", got, gotMetadata, err, tensors, metadata)
		}
		// None of these may panic.
		_, _ = decodeCheckpoint(tensors, metadata, checkpointFormat, (*Checkpoint).pieces)
		_, _ = decodeCheckpoint(tensors, metadata, networkFormat, (*Checkpoint).parameters)
		_, _ = decodeTeam(tensors, metadata)
	})
}

func TestOnlyRegularFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	wantError(t, WriteSafetensors(dir, nil, nil), dir, "not a regular file")
	wantError(t, WriteSafetensors("/dev/null", nil, nil), "/dev/null: is not a regular file")
	path := filepath.Join(dir, "x.safetensors")
	check(t, os.WriteFile(path, []byte("old"), 0o640))
	check(t, WriteSafetensors(path, nil, nil))
	info, err := os.Stat(path)
	check(t, err)
	if fmt.Sprintf("%o", info.Mode()) != "640" {
		t.Errorf("permissions became %v", info.Mode())
	}
}
