package mnist

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/bits"
	"slices"

	"quantal/internal/memory"
)

// The IDX format (LeCun, Cortes, Burges: the MNIST database): a big-endian magic number 0x0000TTDD of the element type
// TT (0x08: unsigned byte) and the number of dimensions DD, then one big-endian 32-bit size per dimension, then the
// elements, big-endian and the last dimension fastest. These are the magic numbers that MNIST's files have; images of
// other sets have 2 to 4 dimensions, answers 1 or 2, and either any of the types.
const (
	magicImages = 0x00000803
	magicLabels = 0x00000801
)

// maxInflation is the most bytes that one byte of deflate can stand for (zlib's technical notes: 1032:1). A header that
// announces more is wrong, and nothing is unpacked for it.
const maxInflation = 1032

// firstAllocation bounds the memory allocated because a header announces data; beyond it memory grows with the data.
const firstAllocation = 64 << 20

// idx is the content of an IDX file.
type idx struct {
	magic   uint32
	dims    []int  // sizes of the dimensions
	content []byte // the whole unpacked file, header included
	sum     string // its SHA-256 in hexadecimal
}

// data returns the elements.
func (x *idx) data() []byte { return x.content[headerLength(len(x.dims)):] }

func headerLength(dimensions int) int { return 4 + 4*dimensions }

// header returns the header of a file of unsigned bytes with the given dimensions.
func header(dims ...uint32) []byte {
	h := binary.BigEndian.AppendUint32(nil, 0x0800|uint32(len(dims)))
	for _, d := range dims {
		h = binary.BigEndian.AppendUint32(h, d)
	}
	return h
}

// source is a file to read: its name, its size in bytes as stored, and what it should hold.
type source struct {
	name  string
	size  int64
	magic uint32 // magicImages or magicLabels: what MNIST's file has in its place
	// most is the largest number of bytes that its unpacked content may have.
	most int64
}

// readIDX reads and checks a whole file, plain or gzip: its first bytes tell which it is. A file that is not exactly
// what its header says is a DataError; an error of the disk is returned as it is.
func readIDX(r io.Reader, s source) (*idx, error) {
	packed := bufio.NewReaderSize(r, 1<<16)
	start, err := packed.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, s.readError(err, 0, 0)
	}
	if len(start) == 0 {
		return nil, badf(s.name, "the file is empty")
	}
	if !bytes.Equal(start, gzipMagic) {
		return s.readPlain(packed)
	}
	unpacked, err := newMembers(packed)
	if err != nil {
		return nil, s.readError(err, 0, 0)
	}
	head, dims, want, err := s.readHeader(unpacked)
	if err != nil {
		return nil, err
	}
	if want/maxInflation > s.size {
		return nil, badf(s.name, "the header announces %d bytes, more than the %d bytes of gzip can hold", want, s.size)
	}
	return s.readRest(unpacked, head, dims, want)
}

func (s source) readPlain(r io.Reader) (*idx, error) {
	head, dims, want, err := s.readHeader(r)
	if err != nil {
		return nil, err
	}
	if want != s.size {
		return nil, badf(s.name, "want %d bytes, got %d", want, s.size)
	}
	return s.readRest(r, head, dims, want)
}

// readHeader returns the header, the dimensions in it, and the length of the unpacked file that follows from them.
func (s source) readHeader(r io.Reader) (head []byte, dims []int, want int64, err error) {
	head = make([]byte, 4)
	if n, err := io.ReadFull(r, head); err != nil {
		return nil, nil, 0, s.readError(err, int64(headerLength(int(s.magic&0xff))), int64(n))
	}
	magic := binary.BigEndian.Uint32(head)
	if err := s.checkMagic(magic); err != nil {
		return nil, nil, 0, err
	}
	dimensions := int(magic & 0xff)
	head = append(head, make([]byte, 4*dimensions)...)
	if n, err := io.ReadFull(r, head[4:]); err != nil {
		return nil, nil, 0, s.readError(err, int64(len(head)), int64(4+n))
	}
	total := uint64(elementTypes[byte(magic>>8)].size)
	for i := range dimensions {
		d := binary.BigEndian.Uint32(head[4+4*i:])
		if d == 0 {
			return nil, nil, 0, badf(s.name, "the header announces no data: dimension %d of %d is 0", i+1, dimensions)
		}
		high, low := bits.Mul64(total, uint64(d))
		if high != 0 || low > math.MaxInt64-64 || d > math.MaxInt32 {
			return nil, nil, 0, badf(s.name, "the header announces more data than any file can hold")
		}
		total = low
		dims = append(dims, int(d))
	}
	want = int64(total) + int64(len(head))
	if most := min(s.most, math.MaxInt); want > most {
		return nil, nil, 0, badf(s.name, "want at most %d bytes, the header announces %d", most, want)
	}
	return head, dims, want, nil
}

// checkMagic says what a file is instead of what it should be.
func (s source) checkMagic(magic uint32) error {
	least, most, what := 2, 4, "images"
	if s.magic == magicLabels {
		least, most, what = 1, 2, "labels"
	}
	dimensions, kind := int(magic&0xff), elementTypes[byte(magic>>8)]
	switch {
	case magic>>16 == 0 && kind.size > 0 && least <= dimensions && dimensions <= most:
		return nil
	case magic>>16 == 0 && kind.size > 0 && s.magic == magicImages && dimensions == 1:
		return badf(s.name,
			"holds labels (magic number 0x%08x) where images (0x%08x) belong: was it swapped with a file of labels?",
			magic, s.magic)
	case magic>>16 == 0 && kind.size > 0 && s.magic == magicLabels && (dimensions == 3 || dimensions == 4):
		return badf(s.name,
			"holds images (magic number 0x%08x) where labels (0x%08x) belong: was it swapped with a file of images?",
			magic, s.magic)
	case magic>>16 == 0 && kind.size > 0:
		return badf(s.name, "want %s of %d to %d dimensions, got magic number 0x%08x: %d dimensions of %s", what, least, most,
			magic, dimensions, kind.name)
	case magic>>16 == 0 && magic != 0:
		return badf(s.name, "want elements of a type that IDX has, 0x08 (unsigned bytes) to 0x0e (64-bit floats), got 0x%02x",
			magic>>8)
	case bits.ReverseBytes32(magic) == s.magic:
		return badf(s.name,
			"want magic number 0x%08x, got its bytes in reverse: the program that wrote the file must write big-endian numbers",
			s.magic)
	case magic>>16 == uint32(gzipMagic[0])<<8|uint32(gzipMagic[1]):
		return badf(s.name, "holds gzip within gzip: it was packed twice, unpack it once")
	case magic>>24 == '<':
		return badf(s.name, "want magic number 0x%08x, got 0x%08x, which begins a web page: a download was answered with one",
			s.magic, magic)
	}
	return badf(s.name, "want magic number 0x%08x, got 0x%08x: this is not the IDX file it should be", s.magic, magic)
}

// elementTypes are the types of IDX by their numbers. A type that IDX does not have has size 0.
var elementTypes = [256]struct {
	name string
	size int
	read func(b []byte) float64
}{
	0x08: {"unsigned bytes", 1, func(b []byte) float64 { return float64(b[0]) }},
	0x09: {"signed bytes", 1, func(b []byte) float64 { return float64(int8(b[0])) }},
	0x0b: {"16-bit integers", 2, func(b []byte) float64 { return float64(int16(binary.BigEndian.Uint16(b))) }},
	0x0c: {"32-bit integers", 4, func(b []byte) float64 { return float64(int32(binary.BigEndian.Uint32(b))) }},
	0x0d: {"32-bit floats", 4, func(b []byte) float64 {
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b)))
	}},
	0x0e: {"64-bit floats", 8, func(b []byte) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b)) }},
}

// array is the content as numbers, for examples.
func (x *idx) array(name string) (array, error) {
	const bytes, firstFloat = 0x08, 0x0d
	number := byte(x.magic >> 8)
	if number == bytes {
		return array{name: name, dims: x.dims, bytes: x.data(), whole: true}, nil
	}
	kind, data := elementTypes[number], x.data()
	return newArray(name, x.dims, number < firstFloat, func(i int) float64 { return kind.read(data[i*kind.size:]) })
}

// readRest reads the elements after the header, and checks that nothing follows them. It hashes what it has just
// unpacked, while that is in the processor's cache.
func (s source) readRest(r io.Reader, head []byte, dims []int, want int64) (*idx, error) {
	if err := memory.Check(s.name, float64(want)); err != nil {
		return nil, err
	}
	content := append(make([]byte, 0, min(want, firstAllocation)), head...)
	hash := sha256.New()
	hash.Write(head)
	for int64(len(content)) < want {
		if len(content) == cap(content) {
			content = slices.Grow(content, int(min(want-int64(len(content)), int64(len(content)))))
		}
		n, err := r.Read(content[len(content):int(min(want, int64(cap(content))))])
		hash.Write(content[len(content) : len(content)+n])
		content = content[:len(content)+n]
		if err != nil && int64(len(content)) < want {
			return nil, s.readError(err, want, int64(len(content)))
		}
	}
	// The checksum of a gzip file is compared at its end.
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 {
		return nil, badf(s.name, "want %d bytes, got more", want)
	} else if err != io.EOF {
		return nil, s.readError(err, want, want)
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	return &idx{magic: binary.BigEndian.Uint32(head), dims: dims, content: content, sum: sum}, nil
}

// readError tells a bad file from a bad disk. got of want bytes had been unpacked.
func (s source) readError(err error, want, got int64) error {
	var disk *fs.PathError
	var tail *tailError
	switch {
	case errors.As(err, &disk):
		return fmt.Errorf("mnist: %s: %w", s.name, err)
	case errors.As(err, &tail) && got < want:
		return badf(s.name, "want %d bytes, got %d: %v", want, got, tail)
	case errors.As(err, &tail):
		return badf(s.name, "%v: the data before it are whole, so pack them again, or unpack the file", tail)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if want == 0 {
			return badf(s.name, "the gzip data end before they begin")
		}
		if got == want {
			return badf(s.name, "the gzip data lack the checksum at their end")
		}
		return badf(s.name, "want %d bytes, got %d", want, got)
	}
	return &DataError{File: s.name, Reason: "the gzip data are damaged: " + err.Error(), Err: err}
}
