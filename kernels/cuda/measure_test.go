package cuda

import (
	"slices"
	"testing"
)

func TestCopy(t *testing.T) {
	d := Interpreted(1 << 20)
	defer d.Close()
	all, err := loadKernels(d, nil)
	if err != nil {
		t.Fatal(err)
	}
	const n = 1000 // of 16 bytes: more than the threads below
	want := make([]byte, 16*n)
	for i := range want {
		want[i] = byte(i * 7)
	}
	from, err := d.Alloc(16 * n)
	if err != nil {
		t.Fatal(err)
	}
	to, err := d.Alloc(16 * n)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Upload(from, want); err != nil {
		t.Fatal(err)
	}
	if err := d.Launch(Launch{Kernel: all["copy"], Grid: [3]int{2, 1, 1}, Block: [3]int{256, 1, 1},
		Parameters: copyParameters{to, from, n}}); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 16*n)
	if err := d.Download(got, to); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Error("the copy differs")
	}
}

func TestMeasure(t *testing.T) {
	d := Interpreted(1 << 20)
	defer d.Close()
	if took, err := LoadAll(d); err != nil || took <= 0 {
		t.Errorf("LoadAll: %v, %v", took, err)
	}
	r, err := Measure(d, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	if r.Launch <= 0 || r.Replay <= 0 || r.Bytes <= 0 {
		t.Errorf("got %+v, want positive rates", r)
	}
	if used := d.Info().MemoryTotal - d.Info().MemoryFree; used != 0 {
		t.Errorf("%d bytes are left allocated", used)
	}
}
