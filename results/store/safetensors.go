package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"quantal/internal/input"
)

// Tensor is a named array of float32 in C order: the last index of Shape runs fastest. A Shape without entries is a
// single number.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

const (
	metadataName = "__metadata__" // the safetensors format reserves this name for a map of strings
	checksumKey  = "sha256"

	// The checksum is first in every header, so that it is found without trusting anything else.
	checksumPrefix = `{"` + metadataName + `":{"` + checksumKey + `":"`
	digestStart    = 8 + len(checksumPrefix)
	digestEnd      = digestStart + 2*sha256.Size
)

var noDigits = strings.Repeat("0", 2*sha256.Size)

// WriteSafetensors writes tensors, in the order given, and metadata to a safetensors file. The metadata gets one more
// key, "sha256", the checksum of the file. The file is replaced as a whole or not at all. Errors: a name given twice, a
// shape that does not fit the data, text that is not UTF-8, and errors of the file system.
func WriteSafetensors(path string, tensors []Tensor, metadata map[string]string) error {
	return WriteFile(path, func(w io.Writer) error { return EncodeSafetensors(w, tensors, metadata) })
}

// EncodeSafetensors writes the content of WriteSafetensors.
func EncodeSafetensors(w io.Writer, tensors []Tensor, metadata map[string]string) error {
	data, err := encodeSafetensors(tensors, metadata)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// writeCheckpoint is WriteSafetensors for a folder that is swept when it is opened.
func writeCheckpoint(path string, tensors []Tensor, metadata map[string]string) error {
	data, err := encodeSafetensors(tensors, metadata)
	if err != nil {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	return writeAtomicBytes(path, data)
}

// ReadSafetensors reads a file of WriteSafetensors: its tensors in the order of the file, and its metadata without the
// checksum, which is verified. A file that is cut short, changed in any byte, without a checksum, or not in the format
// gives a CorruptError.
func ReadSafetensors(path string) ([]Tensor, map[string]string, error) {
	data, err := input.ReadLarge(path, 3) // it is decoded, and copied into a state
	if err != nil {
		return nil, nil, FileError(path, err)
	}
	tensors, metadata, err := decodeSafetensors(data)
	if err != nil {
		return nil, nil, Corrupt(path, "%v", err)
	}
	return tensors, metadata, nil
}

func encodeSafetensors(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	header, size, err := encodeHeader(tensors, metadata)
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, 8+len(header)+size)
	data = binary.LittleEndian.AppendUint64(data, uint64(len(header)))
	data = append(data, header...)
	for _, t := range tensors {
		for _, x := range t.Data {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
		}
	}
	copy(data[digestStart:digestEnd], checksum(data))
	return data, nil
}

// checksum is the SHA-256, in hexadecimal, of a file with zeros instead of its own 64 digits.
func checksum(file []byte) string {
	h := sha256.New()
	h.Write(file[:digestStart])
	h.Write([]byte(noDigits))
	h.Write(file[digestEnd:])
	return hex.EncodeToString(h.Sum(nil))
}

// encodeHeader returns the JSON header, padded with spaces to a multiple of 8 bytes, and the size of the data after it.
func encodeHeader(tensors []Tensor, metadata map[string]string) ([]byte, int, error) {
	var b bytes.Buffer
	b.WriteString(checksumPrefix + noDigits + `"`)
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		if key == checksumKey {
			return nil, 0, fmt.Errorf("the metadata key %q is reserved", checksumKey)
		}
		k, err := quote(key)
		if err != nil {
			return nil, 0, err
		}
		v, err := quote(metadata[key])
		if err != nil {
			return nil, 0, fmt.Errorf("metadata %s: %w", key, err)
		}
		fmt.Fprintf(&b, ",%s:%s", k, v)
	}
	b.WriteByte('}')
	names := map[string]bool{metadataName: true}
	offset := 0
	for _, t := range tensors {
		name, err := quote(t.Name)
		if err != nil {
			return nil, 0, err
		}
		if names[t.Name] {
			return nil, 0, fmt.Errorf("the tensor name %q is taken", t.Name)
		}
		names[t.Name] = true
		if n, err := elements(t.Shape); err != nil || n != len(t.Data) {
			return nil, 0, fmt.Errorf("tensor %s: shape %v does not hold %d values", t.Name, t.Shape, len(t.Data))
		}
		shape, err := json.Marshal(append([]int{}, t.Shape...)) // a scalar's shape is [], not null
		if err != nil {
			return nil, 0, err
		}
		end := offset + 4*len(t.Data)
		fmt.Fprintf(&b, `,%s:{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}`, name, shape, offset, end)
		offset = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	return b.Bytes(), offset, nil
}

func quote(s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%q is not UTF-8", s)
	}
	return json.Marshal(s)
}

// elements is the product of a shape, or an error if it is negative somewhere or beyond the range of int.
func elements(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > math.MaxInt/4/d {
			return 0, fmt.Errorf("impossible shape %v", shape)
		}
		n *= d
	}
	return n, nil
}

func decodeSafetensors(file []byte) ([]Tensor, map[string]string, error) {
	if len(file) < 8 {
		return nil, nil, fmt.Errorf("truncated: a header length takes 8 bytes, got %d", len(file))
	}
	length := binary.LittleEndian.Uint64(file)
	if length > uint64(len(file)-8) {
		return nil, nil, fmt.Errorf("truncated or damaged: want a header of %d bytes, got %d", length, len(file)-8)
	}
	header, data := file[8:8+length], file[8+length:]
	if !bytes.HasPrefix(header, []byte(checksumPrefix)) || len(header) < digestEnd-8 {
		return nil, nil, fmt.Errorf("does not begin with a checksum as quantal's files do")
	}
	entries, metadata, err := parseHeader(header)
	// A file that lost its end also fails the checksum, but how much is missing says more.
	if want := dataSize(entries); err == nil && want > len(data) {
		return nil, nil, fmt.Errorf("truncated: want %d bytes of data, got %d", want, len(data))
	}
	if want, got := string(file[digestStart:digestEnd]), checksum(file); want != got {
		return nil, nil, fmt.Errorf("checksum (SHA-256) does not match: expected %q, got %q", want, got)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	if want := dataSize(entries); want < len(data) {
		return nil, nil, fmt.Errorf("%d bytes too many at the end", len(data)-want)
	}
	tensors := make([]Tensor, len(entries))
	for i, e := range entries {
		tensors[i] = Tensor{Name: e.name, Shape: e.shape, Data: make([]float32, (e.end-e.begin)/4)}
		for j := range tensors[i].Data {
			tensors[i].Data[j] = math.Float32frombits(binary.LittleEndian.Uint32(data[e.begin+4*j:]))
		}
	}
	return tensors, metadata, nil
}

// readMetadata reads no more than the header of a file, and does not verify it.
func readMetadata(file *os.File) (map[string]string, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	var length uint64
	if err := binary.Read(file, binary.LittleEndian, &length); err != nil {
		return nil, fmt.Errorf("truncated: %w", err)
	}
	if length > uint64(info.Size()-8) {
		return nil, fmt.Errorf("truncated or damaged: want a header of %d bytes, got %d", length, info.Size()-8)
	}
	header := make([]byte, length)
	if _, err := io.ReadFull(file, header); err != nil {
		return nil, fmt.Errorf("truncated: %w", err)
	}
	_, metadata, err := parseHeader(header)
	return metadata, err
}

// dataSize is where the last tensor ends: entries are contiguous.
func dataSize(entries []headerEntry) int {
	if len(entries) == 0 {
		return 0
	}
	return entries[len(entries)-1].end
}
