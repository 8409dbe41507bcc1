// Package stripes makes small data sets for tests: each class is a bright stripe in noise, which a network learns
// quickly.
package stripes

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"quantal/kernels"
	"quantal/mnist"
)

// Set returns a data set of images of rows x columns pixels, of the given numbers of examples and classes.
func Set(train, test, rows, columns, classes int) *mnist.Set {
	examples := func(n, part int) (e mnist.Examples) {
		u := make([]float64, rows*columns)
		for i := range n {
			label := i % classes
			kernels.Uniforms(u, kernels.Noise{Seed: uint64(part), Step: uint32(i), Stream: kernels.StreamAnalysis}, 0)
			for p := range u {
				v := 90 * u[p]
				if p*classes/len(u) == label {
					v += 110
				}
				e.Images = append(e.Images, byte(v))
			}
			e.Labels = append(e.Labels, byte(label))
		}
		return e
	}
	return &mnist.Set{
		Name: "stripes", Source: "made up", Rows: rows, Columns: columns, Classes: classes,
		Train: examples(train, 0), Test: examples(test, 1), SHA256: map[string]string{"images": "made up"},
	}
}

// Write writes a set as IDX files into a folder.
func Write(dir string, s *mnist.Set) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for prefix, e := range map[string]mnist.Examples{"train": s.Train, "t10k": s.Test} {
		images, labels := []byte{0, 0, 8, 3}, []byte{0, 0, 8, 1}
		for _, v := range []int{e.N(), s.Rows, s.Columns} {
			images = binary.BigEndian.AppendUint32(images, uint32(v))
		}
		labels = binary.BigEndian.AppendUint32(labels, uint32(e.N()))
		if err := os.WriteFile(filepath.Join(dir, prefix+"-images-idx3-ubyte"), append(images, e.Images...),
			0o644); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, prefix+"-labels-idx1-ubyte"), append(labels, e.Labels...),
			0o644); err != nil {
			return err
		}
	}
	return nil
}
