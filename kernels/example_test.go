package kernels_test

import (
	"fmt"

	"quantal/kernels"
)

// The noise of a synapse is a function of where it is used.
func ExampleNormals() {
	xi := make([]float64, 3)
	kernels.Normals(xi, kernels.Noise{Seed: 1, Stream: kernels.StreamTrain, Layer: 0, Step: 7}, 2)
	fmt.Printf("%.3f\n", xi)
	kernels.Normals(xi[:1], kernels.Noise{Seed: 1, Stream: kernels.StreamTrain, Layer: 0, Step: 7}, 2)
	fmt.Printf("%.3f\n", xi[:1])
	// Output:
	// [-0.495 -1.506 1.275]
	// [-0.495]
}

// Rows of a layer lie Stride numbers apart; the bias is the last column.
func ExampleLayout_Rows() {
	l := kernels.Layout{Layers: []kernels.Layer{{In: 20, Out: 2}, {In: 2, Out: 1}}}
	for r := range l.Rows() {
		fmt.Println("layer", r.Layer, "row", r.Row, "starts at", r.First, "with", r.Columns(), "synapses")
	}
	// Output:
	// layer 0 row 0 starts at 0 with 21 synapses
	// layer 0 row 1 starts at 32 with 21 synapses
	// layer 1 row 0 starts at 64 with 3 synapses
}

// A formula shares and folds; bound to numbers it is ready for a machine.
func ExampleFormula_Bind() {
	b := kernels.NewFormula("sigma", "c", "rho")
	f := b.Formula(b.Do(kernels.OpMul, b.Input(1), b.Do(kernels.OpPow, b.Input(0), b.Do(kernels.OpNeg, b.Input(2)))))
	bound := f.Bind(map[string]float64{"c": 0.1, "rho": 2})
	fmt.Println(f, "|", bound, "|", kernels.Eval(bound, 0.5))
	// Output:
	// c*sigma^-rho | 0.1*(1/sigma)^2 | [0.4]
}
