package mnist

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/memory"
)

// npzFormat reads archives of numpy.savez, compressed or not: the arrays x and y (or x_train and y_train), examples
// first, and x_test and y_test, or neither of them. The format of the arrays is that of numpy.lib.format. npyio,
// which writes them elsewhere, believes whatever a header says, so that a damaged one ends the program.
func npzFormat() format {
	return format{"npz", "an archive x.npz of NumPy", func(path string) bool {
		return strings.EqualFold(filepath.Ext(path), ".npz")
	}, readNPZ}
}

func readNPZ(path string, _ Options) (*Set, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	archive, err := zip.NewReader(f, info.Size())
	if err != nil {
		return nil, npyError(path, err)
	}
	found := map[string]*zip.File{}
	for _, entry := range archive.File {
		name := strings.TrimSuffix(entry.Name, ".npy")
		if found[name] != nil {
			return nil, badf(path, "has two arrays called %s", name)
		}
		found[name] = entry
	}
	var arrays [fileCount]*array
	for i, names := range [fileCount][]string{{"x", "x_train"}, {"y", "y_train"}, {"x_test"}, {"y_test"}} {
		at := slices.IndexFunc(names, func(name string) bool { return found[name] != nil })
		if at < 0 {
			continue
		}
		if arrays[i], err = readNPY(found[names[at]], path+": "+names[at]); err != nil {
			return nil, err
		}
	}
	if arrays[trainImages] == nil || arrays[trainLabels] == nil ||
		(arrays[testImages] == nil) != (arrays[testLabels] == nil) {
		return nil, badf(path, "want the arrays x and y, and x_test and y_test or neither, got %s",
			strings.Join(slices.Sorted(maps.Keys(found)), ", "))
	}
	s, err := fourOrTwo(path, arrays)
	if err != nil {
		return nil, err
	}
	s.SHA256["npz"], err = sumOfFile(f)
	return s, err
}

// openRegular opens a file that is not a device or a pipe.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, &DataError{File: path, Reason: "no such file", Err: err}
	case err != nil:
		return nil, nil, fmt.Errorf("mnist: %w", err)
	case !info.Mode().IsRegular():
		return nil, nil, badf(path, "want a file, got a folder or a device")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("mnist: %w", err)
	}
	return f, info, nil
}

// sumOfFile is the SHA-256 of a whole file.
func sumOfFile(f *os.File) (string, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, io.NewSectionReader(f, 0, math.MaxInt64)); err != nil {
		return "", fmt.Errorf("mnist: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// npyError tells a bad archive from a bad disk.
func npyError(name string, err error) error {
	var disk *fs.PathError
	if errors.As(err, &disk) {
		return fmt.Errorf("mnist: %s: %w", name, err)
	}
	reason := strings.TrimPrefix(err.Error(), "zip: ")
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		reason = "it ends too early"
	}
	return &DataError{File: name, Reason: "not a whole archive of NumPy: " + reason, Err: err}
}

// readNPY reads an array of an archive.
func readNPY(entry *zip.File, name string) (*array, error) {
	body, err := entry.Open()
	if err != nil {
		return nil, npyError(name, err)
	}
	defer body.Close()
	r := bufio.NewReaderSize(body, 1<<16)
	h, err := readNPYHeader(r, name)
	if err != nil {
		return nil, err
	}
	want := h.count * int64(h.size)
	if packed := int64(entry.CompressedSize64); packed < 0 || want/maxInflation > packed {
		return nil, badf(name, "the header announces %d bytes of data, more than the %d bytes in the archive can hold", want,
			packed)
	}
	if err := memory.Check(name, float64(want)); err != nil {
		return nil, err
	}
	data := make([]byte, 0, min(want, firstAllocation))
	for int64(len(data)) < want {
		if len(data) == cap(data) {
			data = slices.Grow(data, int(min(want-int64(len(data)), int64(len(data)))))
		}
		n, err := r.Read(data[len(data):int(min(want, int64(cap(data))))])
		data = data[:len(data)+n]
		if err != nil && int64(len(data)) < want {
			if errors.Is(err, io.EOF) {
				return nil, badf(name, "want %d bytes of data, got %d", want, len(data))
			}
			return nil, npyError(name, err)
		}
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 { // the checksum is compared at the end
		return nil, badf(name, "want %d bytes of data, got more", want)
	} else if err != io.EOF {
		return nil, npyError(name, err)
	}
	if h.fortran {
		data = h.inCOrder(data)
	}
	if h.code == "u1" {
		return &array{name: name, dims: h.dims, bytes: data, whole: true}, nil
	}
	a, err := newArray(name, h.dims, h.whole, func(i int) float64 { return h.read(h.order, data[i*h.size:]) })
	return &a, err
}

// npyHeader says what an array has.
type npyHeader struct {
	npyType
	code    string // "u1"
	order   binary.ByteOrder
	fortran bool // the first dimension is the fastest
	dims    []int
	count   int64 // of numbers
}

// npyType is a type of numbers.
type npyType struct {
	size  int
	whole bool
	read  func(o binary.ByteOrder, b []byte) float64
}

// npyTypes are the types that are read, by the end of NumPy's name of it.
var npyTypes = map[string]npyType{
	"b1": {1, true, func(_ binary.ByteOrder, b []byte) float64 { return float64(b[0]) }},
	"u1": {1, true, func(_ binary.ByteOrder, b []byte) float64 { return float64(b[0]) }},
	"i1": {1, true, func(_ binary.ByteOrder, b []byte) float64 { return float64(int8(b[0])) }},
	"u2": {2, true, func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint16(b)) }},
	"i2": {2, true, func(o binary.ByteOrder, b []byte) float64 { return float64(int16(o.Uint16(b))) }},
	"u4": {4, true, func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint32(b)) }},
	"i4": {4, true, func(o binary.ByteOrder, b []byte) float64 { return float64(int32(o.Uint32(b))) }},
	"u8": {8, true, func(o binary.ByteOrder, b []byte) float64 { return float64(o.Uint64(b)) }},
	"i8": {8, true, func(o binary.ByteOrder, b []byte) float64 { return float64(int64(o.Uint64(b))) }},
	"f4": {4, false, func(o binary.ByteOrder, b []byte) float64 { return float64(math.Float32frombits(o.Uint32(b))) }},
	"f8": {8, false, func(o binary.ByteOrder, b []byte) float64 { return math.Float64frombits(o.Uint64(b)) }},
}

// The keys of a header, a dictionary of Python in any order.
var (
	npyDescr   = regexp.MustCompile(`'descr': *('[^']*'|\[)`)
	npyFortran = regexp.MustCompile(`'fortran_order': *(True|False)`)
	npyShape   = regexp.MustCompile(`'shape': *\(([0-9, ]*)\)`)
)

func readNPYHeader(r io.Reader, name string) (h npyHeader, err error) {
	const magic, most = "\x93NUMPY", 1 << 16 // headers of numbers have about a hundred bytes
	start := make([]byte, len(magic)+4)
	if _, err := io.ReadFull(r, start); err != nil {
		return h, npyError(name, err)
	}
	if !strings.HasPrefix(string(start), magic) {
		return h, badf(name, "want an array of NumPy, which begins with \\x93NUMPY, got %q", start[:len(magic)])
	}
	version, length := start[len(magic)], int64(binary.LittleEndian.Uint16(start[len(magic)+2:]))
	switch version {
	case 1:
	case 2, 3:
		high := make([]byte, 2)
		if _, err := io.ReadFull(r, high); err != nil {
			return h, npyError(name, err)
		}
		length |= int64(binary.LittleEndian.Uint16(high)) << 16
	default:
		return h, badf(name, "want version 1, 2 or 3 of NumPy's format, got %d", version)
	}
	if length > most {
		return h, badf(name, "want a header of at most %d bytes, got one of %d", most, length)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, npyError(name, err)
	}
	descr, fortran, shape := npyDescr.FindSubmatch(text), npyFortran.FindSubmatch(text), npyShape.FindSubmatch(text)
	if descr == nil || fortran == nil || shape == nil {
		return h, badf(name, "want a header with descr, fortran_order and shape, got %.80q", text)
	}
	h.fortran = string(fortran[1]) == "True"
	if h.order, err = h.typed(strings.Trim(string(descr[1]), "'"), name); err != nil {
		return h, err
	}
	return h, h.shaped(string(shape[1]), name)
}

// typed takes the type of the numbers, such as <f4, and returns their byte order.
func (h *npyHeader) typed(descr, name string) (binary.ByteOrder, error) {
	if strings.HasSuffix(descr, "O") {
		return nil, badf(name, "holds objects of Python, pickled, which are never read: want numbers, as x.astype(float)")
	}
	h.code = strings.TrimLeft(descr, "<>|=")
	kind, known := npyTypes[h.code]
	if !known {
		if descr == "[" {
			descr = "a record of several"
		}
		return nil, badf(name, "want numbers of type bool, int8 to int64, uint8 to uint64, float32 or float64, got %s", descr)
	}
	h.npyType = kind
	if strings.HasPrefix(descr, ">") {
		return binary.BigEndian, nil
	}
	return binary.LittleEndian, nil
}

// shaped takes the dimensions.
func (h *npyHeader) shaped(shape, name string) error {
	h.count = 1
	for text := range strings.SplitSeq(shape, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		d, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return badf(name, "want dimensions below 2^31, got (%s)", shape)
		}
		h.dims = append(h.dims, int(d))
		if d > 0 && h.count > math.MaxInt64/16/d {
			return badf(name, "the header announces more data than any file can hold: (%s)", shape)
		}
		h.count *= d
	}
	if len(h.dims) == 0 || h.count == 0 {
		return badf(name, "want one example or more, got the shape (%s)", shape)
	}
	return nil
}

// inCOrder returns data whose first dimension is the fastest with the last one fastest.
func (h npyHeader) inCOrder(data []byte) []byte {
	out := make([]byte, 0, len(data))
	at := make([]int, len(h.dims)) // of the next number
	for range h.count {
		from, stride := 0, 1
		for k, d := range h.dims {
			from += at[k] * stride
			stride *= d
		}
		out = append(out, data[from*h.size:(from+1)*h.size]...)
		for k := len(at) - 1; k >= 0; k-- {
			if at[k]++; at[k] < h.dims[k] {
				break
			}
			at[k] = 0
		}
	}
	return out
}
