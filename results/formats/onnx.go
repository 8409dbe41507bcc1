package formats

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"quantal/kernels"
	"quantal/results/store"
)

// onnx is the network with its weights at mu, from the numbers of a data set to logits.
func onnx() Format {
	return Format{
		Name: "onnx", Chain: true, File: "export.onnx", What: "mu",
		About: "the network with its weights at mu, from pixels of 0 to 1 (bytes over 255) or other data, [N][in] of " +
			"float32, to logits; it does the normalisation",
		Encode: encodeONNX,
	}
}

// The numbers of onnx.proto (github.com/onnx/onnx) that occur below are those of ModelProto: ir_version 1,
// producer_name 2, producer_version 3, graph 7, opset_import 8, metadata_props 14; of GraphProto: node 1, name 2,
// initializer 5, input 11, output 12. Version 13 of the operators has all that are used here; version 7 of the file
// came with it.
const (
	onnxFileVersion      = 7
	onnxOperatorsVersion = 13
	onnxFloat            = 1 // TensorProto.FLOAT, and AttributeProto.FLOAT
	onnxInt              = 2 // AttributeProto.INT
)

func encodeONNX(w io.Writer, t Trained) error {
	g := &onnxGraph{at: "pixels"}
	for _, number := range t.ExportPixels() {
		g.constant(number.Name, number.Value)
	}
	for _, tensor := range t.Export() { // or one for each column
		if strings.HasPrefix(tensor.Name, "pixel_") {
			g.tensor(tensor)
		}
	}
	g.node("Sub", nil, g.at, "pixel_mean")
	g.node("Div", nil, g.at, "pixel_sd")
	tensors := means(t, func(layer int, kind string) string { return fmt.Sprintf("layer%d.%s", layer, kind) })
	last := len(t.Layout.Layers) - 1
	for l := range t.Layout.Layers {
		weight, bias := tensors[2*l], tensors[2*l+1]
		g.tensor(weight)
		g.tensor(bias)
		transposed := message{}.text(1, "transB").number(3, 1).number(20, onnxInt)
		g.node("Gemm", transposed, g.at, weight.Name, bias.Name)
		if l < last {
			if err := g.activation(t.Activation); err != nil {
				return err
			}
		}
	}
	graph := g.message.text(2, "network").bytes(11, onnxValue("pixels", t.Layout.Layers[0].In)).
		bytes(12, onnxValue(g.at, t.Layout.Layers[last].Out))
	model := message{}.number(1, onnxFileVersion).text(2, "quantal").text(3, store.Version).bytes(7, graph).
		bytes(8, message{}.text(1, "").number(2, onnxOperatorsVersion))
	metadata := t.ExportMetadata()
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		model = model.bytes(14, message{}.text(1, key).text(2, metadata[key]))
	}
	_, err := w.Write(model)
	return err
}

// onnxGraph is a GraphProto in the making.
type onnxGraph struct {
	message
	at    string // the last output
	nodes int
}

// node appends an operation: NodeProto has input 1, output 2, op_type 4, attribute 5.
func (g *onnxGraph) node(operator string, attribute message, inputs ...string) {
	var n message
	for _, input := range inputs {
		n = n.text(1, input)
	}
	g.nodes++
	g.at = fmt.Sprintf("%s_%d", operator, g.nodes)
	n = n.text(2, g.at).text(4, operator)
	if attribute != nil {
		n = n.bytes(5, attribute)
	}
	g.message = g.bytes(1, n)
}

// tensor appends a constant: TensorProto has dims 1, data_type 2, name 8, raw_data 9.
func (g *onnxGraph) tensor(t store.Tensor) {
	var m message
	for _, d := range t.Shape {
		m = m.number(1, d)
	}
	raw := make([]byte, 0, 4*len(t.Data))
	for _, x := range t.Data {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	g.message = g.bytes(5, m.number(2, onnxFloat).text(8, t.Name).bytes(9, raw))
}

// constant appends a number, or a vector of several.
func (g *onnxGraph) constant(name string, numbers ...float64) {
	t := store.Tensor{Name: name}
	for _, x := range numbers {
		t.Data = append(t.Data, float32(x))
	}
	if len(numbers) > 1 {
		t.Shape = []int{len(numbers)}
	}
	g.tensor(t)
}

func (g *onnxGraph) activation(a kernels.Activation) error {
	switch a {
	case kernels.Linear:
	case kernels.ReLU:
		g.node("Relu", nil, g.at)
	case kernels.Tanh:
		g.node("Tanh", nil, g.at)
	case kernels.LeakyReLU:
		g.node("LeakyRelu", message{}.text(1, "alpha").float(2, kernels.LeakySlope).number(20, onnxFloat), g.at)
	case kernels.Sigmoid:
		g.node("Sigmoid", nil, g.at)
	case kernels.SoftplusActivation:
		g.node("Softplus", nil, g.at)
	case kernels.GELU: // y (1 + erf(y / sqrt 2)) / 2; an operator of its own came with version 20
		y := g.at
		name := y + "_" // constants of one activation
		g.constant(name+"root", math.Sqrt2)
		g.constant(name+"one", 1)
		g.constant(name+"half", 0.5)
		g.node("Div", nil, y, name+"root")
		g.node("Erf", nil, g.at)
		g.node("Add", nil, g.at, name+"one")
		g.node("Mul", nil, g.at, y)
		g.node("Mul", nil, g.at, name+"half")
	default:
		return fmt.Errorf("onnx: the activation %v is not known", a)
	}
	return nil
}

// onnxValue is an input or output, [N][units] of float32: ValueInfoProto has name 1, type 2; TypeProto tensor_type 1,
// which has elem_type 1, shape 2; TensorShapeProto dim 1, which has dim_value 1 or dim_param 2.
func onnxValue(name string, units int) message {
	shape := message{}.bytes(1, message{}.text(2, "N")).bytes(1, message{}.number(1, units))
	return message{}.text(1, name).bytes(2, message{}.bytes(1, message{}.number(1, onnxFloat).bytes(2, shape)))
}
