// Command gorgonia times the training step of the published preset made of Gorgonia's own operations: the graph of
// graph.BuildStock, gorgonia.Grad, a TapeMachine and Gorgonia's AdamSolver, in float32 on the library's default engine
// and BLAS (gonum). The noise is an input of that graph: xi are tensors, refilled before each step by kernels.Normals,
// and the time for that is reported separately.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"quantal/bench/peers/timing"
	"quantal/graph"
	"quantal/kernels"
	"quantal/train"
)

func main() {
	noise := flag.String("noise", "heterogeneous", "heterogeneous or homogeneous")
	rho := flag.String("rho", "2", "exponent of the reliability cost")
	threads := flag.Int("threads", 1, "only for the record: pinning decides what gonum and the garbage collector use")
	seconds := flag.Float64("seconds", 2, "how long to measure")
	flag.Parse()
	if err := run(*noise, *rho, *threads, time.Duration(*seconds*float64(time.Second))); err != nil {
		fmt.Fprintln(os.Stderr, "bench/peers/gorgonia:", err)
		os.Exit(1)
	}
}

// network is the model with the memory of its inputs.
type network struct {
	config  train.Config
	model   *graph.Stock
	machine gorgonia.VM
	solver  gorgonia.Solver
	params  gorgonia.Nodes
	x, y    []float32
	xi      [][]float32 // per layer [out, in] and [out, 1]
	columns []int       // of xi
	data    *kernels.Data
	order   []int32
	step    int
	drawing time.Duration // spent on xi
}

func run(noise, rho string, threads int, duration time.Duration) error {
	n := &network{data: timing.Data(), order: make([]int32, timing.Examples)}
	var err error
	if n.config, err = train.Preset("published"); err != nil {
		return err
	}
	n.config.Noise = noise
	if n.config.Rho, err = train.ParseExponent(rho); err != nil {
		return err
	}
	if err := n.build(); err != nil {
		return err
	}
	defer n.machine.Close()
	result, err := timing.Measure(duration, 1, n.train)
	if err != nil {
		return err
	}
	result.Peer, result.Version, result.Kernels, result.DType = "gorgonia", version("gorgonia.org/gorgonia"), "gonum",
		"float32"
	result.Noise, result.Rho, result.Threads = noise, float64(n.config.Rho.Value()), threads
	// Over all steps, including those of the warm-up: n.step is not result.Steps.
	result.NoiseMs = 1e3 * n.drawing.Seconds() / float64(n.step)
	result.Loss = float64(n.model.Loss.Value().Data().(float32)) / float64(n.config.Batch)
	return result.Print(os.Stdout)
}

// build makes the graph, differentiates it, and binds memory to its inputs.
func (n *network) build() error {
	spec := n.config.Spec(graph.Row(784), 10)
	var err error
	n.model, err = graph.BuildStock(spec, tensor.Float32, n.config.Member(), float64(n.config.Batch)/timing.Examples)
	if err != nil {
		return err
	}
	n.x, err = input(n.model.X)
	if err != nil {
		return err
	}
	if n.y, err = input(n.model.Y); err != nil {
		return err
	}
	sigma := float32(kernels.SoftplusInverse(n.config.SigmaInit))
	for i, layer := range n.model.Layers {
		for j, mu := range []*gorgonia.Node{layer.Mu, layer.MuBias} {
			values, err := input(mu)
			if err != nil {
				return err
			}
			kernels.Uniforms(values, kernels.Noise{Seed: 1, Stream: kernels.StreamInitialMu, Layer: uint16(2*i + j)}, 0)
			for k := range values {
				values[k] = float32(n.config.MuInit) * (2*values[k] - 1)
			}
			n.params = append(n.params, mu)
		}
		for _, phi := range []*gorgonia.Node{layer.Phi, layer.PhiBias} {
			if phi == nil || i > 0 && spec.Sharing == kernels.PerNetwork {
				continue // the one phi of all layers is already bound
			}
			values, err := input(phi)
			if err != nil {
				return err
			}
			for k := range values {
				values[k] = sigma
			}
			n.params = append(n.params, phi)
		}
		for _, xi := range []*gorgonia.Node{layer.Xi, layer.XiBias} {
			values, err := input(xi)
			if err != nil {
				return err
			}
			n.xi, n.columns = append(n.xi, values), append(n.columns, xi.Shape()[1])
		}
	}
	if _, err := gorgonia.Grad(n.model.Loss, n.params...); err != nil {
		return err
	}
	n.machine = gorgonia.NewTapeMachine(n.model.Graph, gorgonia.BindDualValues(n.params...))
	n.solver = gorgonia.NewAdamSolver(gorgonia.WithLearnRate(n.config.LearningRate))
	return nil
}

// input binds a zero tensor to a node and returns its memory.
func input(node *gorgonia.Node) ([]float32, error) {
	values := make([]float32, node.Shape().TotalSize())
	return values, gorgonia.Let(node, tensor.New(tensor.WithShape(node.Shape()...), tensor.WithBacking(values)))
}

// train runs some steps.
func (n *network) train(steps int) error {
	values := gorgonia.NodesToValueGrads(n.params)
	for range steps {
		n.fill()
		if err := n.machine.RunAll(); err != nil {
			return err
		}
		if err := n.solver.Step(values); err != nil {
			return err
		}
		n.machine.Reset()
		n.step++
	}
	return nil
}

// fill writes the next minibatch and its noise.
func (n *network) fill() {
	batch, width := n.config.Batch, n.data.Width
	perEpoch := n.data.N / batch
	if n.step%perEpoch == 0 {
		n.data.Order(n.order, 1, n.step/perEpoch)
	}
	clear(n.y)
	for b, example := range n.order[n.step%perEpoch*batch:][:batch] {
		for k, pixel := range n.data.Bytes[int(example)*width:][:width] {
			n.x[b*width+k] = n.data.Scale*float32(pixel) + n.data.Shift
		}
		n.y[b*10+int(n.data.Labels[example])] = 1
	}
	start := time.Now()
	for i, xi := range n.xi {
		noise := kernels.Noise{Seed: 1, Stream: kernels.StreamTrain, Layer: uint16(i), Step: uint32(n.step)}
		if n.columns[i] == 1 {
			kernels.Normals(xi, noise, 0) // the biases of a layer as one row: a draw of one column wastes three words of four
			continue
		}
		for r := range len(xi) / n.columns[i] {
			kernels.Normals(xi[r*n.columns[i]:][:n.columns[i]], noise, r)
		}
	}
	n.drawing += time.Since(start)
}

// version is that of a module this program was built with.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return "unknown"
}
