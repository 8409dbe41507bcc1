package mnist

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// file is the IDX file of the data.
func file(data []byte, dims ...uint32) []byte { return append(header(dims...), data...) }

func gzipped(t testing.TB, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// counting returns n bytes 0, 1, 2, ...
func counting(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func readBytes(content []byte, magic uint32) (*idx, error) {
	return readIDX(bytes.NewReader(content), source{"file", int64(len(content)), magic, math.MaxInt64})
}

func TestReadIDX(t *testing.T) {
	images, labels := file(counting(2*3*4), 2, 3, 4), file([]byte{0, 1, 2}, 3)
	packed := gzipped(t, images)
	for name, content := range map[string][]byte{
		"plain": images, "gzip": packed,
		// Files as download tools and archives leave them.
		"two members":        slices.Concat(gzipped(t, images[:19]), gzipped(t, images[19:])),
		"two members, zeros": slices.Concat(gzipped(t, images[:3]), gzipped(t, images[3:]), make([]byte, 70000)),
		"empty member in all": slices.Concat(gzipped(t, nil), gzipped(t, images[:10]),
			gzipped(t, nil), gzipped(t, images[10:]), gzipped(t, nil)),
		"one zero": append(bytes.Clone(packed), 0),
		"zeros":    append(bytes.Clone(packed), make([]byte, 512)...),
	} {
		x, err := readBytes(content, magicImages)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(x.dims) != 3 || x.dims[0] != 2 || x.dims[1] != 3 || x.dims[2] != 4 {
			t.Errorf("%s: dimensions %v", name, x.dims)
		}
		if !bytes.Equal(x.data(), counting(24)) || x.sum != sumOf(images) {
			t.Errorf("%s: data %v, sum %s", name, x.data(), x.sum)
		}
	}
	if x, err := readBytes(labels, magicLabels); err != nil || !bytes.Equal(x.data(), []byte{0, 1, 2}) {
		t.Errorf("labels: %v, %v", x, err)
	}
}

func TestReadIDXBad(t *testing.T) {
	images, labels := file(counting(24), 2, 3, 4), file([]byte{0, 1, 2}, 3)
	packed := gzipped(t, images)
	flipped := bytes.Clone(packed)
	flipped[len(flipped)-6] ^= 1 // in the CRC, which comes before the length
	const huge = math.MaxUint32
	for _, c := range []struct {
		name    string
		content []byte
		magic   uint32
		want    string
	}{
		{"empty", nil, magicImages, "file: the file is empty"},
		{"short magic", images[:3], magicImages, "want 16 bytes, got 3"},
		{"short header", images[:15], magicImages, "want 16 bytes, got 15"},
		{"header only", images[:16], magicImages, "want 40 bytes, got 16"},
		{"truncated", images[:39], magicImages, "want 40 bytes, got 39"},
		{"trailing", append(bytes.Clone(images), 0), magicImages, "want 40 bytes, got 41"},
		{"labels for images", labels, magicImages, "holds labels (magic number 0x00000801) where images"},
		{"images for labels", images, magicLabels, "holds images (magic number 0x00000803) where labels"},
		{"floats that lack bytes", append([]byte{0, 0, 0x0d, 3}, images[4:]...), magicImages, "want 112 bytes, got 40"},
		{"no type", append([]byte{0, 0, 0x0a, 3}, images[4:]...), magicImages, "0x0e (64-bit floats), got 0x0a"},
		{"text", []byte("<html>not found</html>"), magicImages, "got 0x3c68746d, which begins a web page"},
		{"no IDX", []byte("no images here at all"), magicImages, "want magic number 0x00000803, got 0x6e6f2069"},
		{"little-endian", append([]byte{3, 8, 0, 0}, images[4:]...), magicImages, "in reverse"},
		{"five dimensions", append([]byte{0, 0, 8, 5}, images[4:]...), magicImages,
			"want images of 2 to 4 dimensions, got magic number 0x00000805: 5 dimensions of unsigned bytes"},
		{"no images", file(nil, 0, 3, 4), magicImages, "dimension 1 of 3 is 0"},
		{"no columns", file(nil, 2, 3, 0), magicImages, "dimension 3 of 3 is 0"},
		{"overflow", file(nil, huge, huge, huge), magicImages, "more data than any file can hold"},
		{"overflow to a small number", file(nil, 1<<31, 1<<31, 4), magicImages, "more data than any file can hold"},
		{"huge", file(nil, 1<<20, 1<<20, 1<<20), magicImages, "1152921504606846992"},
		{"gzip: huge", gzipped(t, file(nil, 1<<10, 1<<10, 1<<10)), magicImages, "bytes of gzip can hold"},
		{"gzip: truncated content", gzipped(t, images[:30]), magicImages, "want 40 bytes, got 30"},
		{"gzip: trailing content", gzipped(t, append(bytes.Clone(images), 0)), magicImages, "want 40 bytes, got more"},
		{"gzip: only its magic", packed[:2], magicImages, "gzip data end before they begin"},
		{"gzip: truncated", packed[:len(packed)-20], magicImages, "want 40 bytes, got"},
		{"gzip: no checksum", packed[:len(packed)-8], magicImages, "lack the checksum"},
		{"gzip: wrong checksum", flipped, magicImages, "damaged: gzip: invalid checksum"},
		{"gzip: garbage after it", append(bytes.Clone(packed), "garbage..."...), magicImages,
			"the gzip data are followed by the byte 0x67"},
		{"gzip: newline after it", append(bytes.Clone(packed), '\n'), magicImages,
			"the gzip data are followed by the byte 0x0a"},
		{"gzip: zeros and more after it", append(bytes.Clone(packed), 0, 0, 1), magicImages,
			"followed by the byte 0x01, which is neither gzip nor padding"},
		{"gzip: half a header after it", append(bytes.Clone(packed), gzipMagic...), magicImages,
			"followed by the beginning of gzip data"},
		{"gzip: half in zeros", append(gzipped(t, images[:30]), 0, 0), magicImages, "want 40 bytes, got 30"},
		{"gzip: half and garbage", append(gzipped(t, images[:30]), '-'), magicImages,
			"want 40 bytes, got 30: the gzip data are followed by the byte 0x2d"},
		{"gzip: another member too many", append(bytes.Clone(packed), gzipped(t, images)...), magicImages,
			"want 40 bytes, got more"},
		{"gzip: another member without its end", append(bytes.Clone(packed), gzipped(t, nil)[:14]...), magicImages,
			"lack the checksum"},
		{"gzip: in gzip", gzipped(t, packed), magicImages, "holds gzip within gzip"},
		{"gzip: labels for images", gzipped(t, labels), magicImages, "holds labels"},
	} {
		x, err := readBytes(c.content, c.magic)
		var bad *DataError
		if !errors.As(err, &bad) {
			t.Errorf("%s: got %v and error %v, want a DataError", c.name, x, err)
			continue
		}
		if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "mnist: file: ") {
			t.Errorf("%s: got %q, want %q in it", c.name, err, c.want)
		}
	}
}

// A header that lies must not take memory: the largest here announces a gigabyte and has 1.1 MB of gzip.
func TestReadIDXAllocation(t *testing.T) {
	random := make([]byte, 1100000) // hardly compressible
	state := uint32(1)
	for i := range random {
		state = state*1664525 + 1013904223
		random[i] = byte(state >> 24)
	}
	content := gzipped(t, file(random, 1<<10, 1<<10, 1<<10))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := readBytes(content, magicImages); err == nil {
		t.Error("no error")
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > firstAllocation+1<<20 {
		t.Errorf("took %d bytes of memory for %d of data", n, len(random))
	}
}

func FuzzReadIDX(f *testing.F) {
	images, labels := file(counting(24), 2, 3, 4), file([]byte{0, 1, 2}, 3)
	for _, seed := range [][]byte{
		nil, images, labels, images[:20], gzipped(f, images), gzipped(f, labels), gzipped(f, images)[:20],
		file(nil, 1<<31, 1<<31, 4), file(nil, 1), gzipped(f, file(nil, 1<<20, 1<<10, 1<<10)), {0x1f, 0x8b}, {0, 0, 8, 3},
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, content []byte, wantImages bool) {
		magic := uint32(magicLabels)
		if wantImages {
			magic = magicImages
		}
		x, err := readBytes(content, magic)
		if err != nil {
			var bad *DataError
			if !errors.As(err, &bad) {
				t.Fatalf("error %v is not a DataError", err)
			}
			return
		}
		// An accepted file is exactly the one that its dimensions and data make.
		var dims []uint32
		n := elementTypes[byte(x.magic>>8)].size
		for _, d := range x.dims {
			dims = append(dims, uint32(d))
			n *= d
		}
		whole := binary.BigEndian.AppendUint32(nil, x.magic)
		if !bytes.Equal(append(whole, file(x.data(), dims...)[4:]...), x.content) || x.sum != sumOf(x.content) {
			t.Fatalf("dimensions %v, %d bytes", x.dims, len(x.content))
		}
		if len(x.data()) != n {
			t.Fatalf("dimensions %v, %d elements", x.dims, len(x.data()))
		}
		if content[0] != 0x1f && !bytes.Equal(content, x.content) {
			t.Fatal("a plain file changed")
		}
	})
}
