package main

import (
	"slices"
	"testing"

	"quantal/internal/pythontest"
	"quantal/kernels"
)

// The ONNX model of every activation passes ONNX's own checker, shape inference included, and gives what the network
// gives with its means, by an evaluator in numpy that follows the definitions of the operators.
func TestONNX(t *testing.T) {
	pythontest.Find(t, "onnx")
	smallData(t)
	var folders []string
	for _, a := range kernels.Activations() {
		quantalDo(t, "train"+trainSmall+" --draws 0 --normalise 0.3,0.2 --activation "+a.String()+" --out "+a.String(),
			"export "+a.String()+" --format onnx")
		folders = append(folders, a.String())
	}
	quantalDo(t, "train"+trainSmall+" --draws 0 --hidden none --noise none --out none",
		"export none --out none/export.onnx")
	folders = append(folders, "none")
	if err := writeFloats("digits-floats"); err != nil {
		t.Fatal(err)
	}
	quantalDo(t, "train"+trainSmall+" --draws 0 --data digits-floats --out floats",
		"export floats --out floats/export.onnx")
	folders = slices.Insert(folders, len(folders)-1, "floats")
	var python []struct {
		Difference float64
		Operators  string
		Right      int
		Mean       float64
		Shapes     [2][]any
	}
	pythontest.RunWith(t, []string{"onnx"}, `
import json, math, sys
import numpy as np
import onnx
from onnx import numpy_helper
import quantal

erf = np.vectorize(math.erf, otypes=[float])
operators = {
    "Div": lambda a, b: a / b, "Sub": lambda a, b: a - b, "Add": lambda a, b: a + b, "Mul": lambda a, b: a * b,
    "Gemm": lambda a, b, c, transB=0: a @ (b.T if transB else b) + c,
    "Relu": lambda x: np.maximum(x, 0), "LeakyRelu": lambda x, alpha=0.01: np.where(x < 0, alpha * x, x),
    "Tanh": np.tanh, "Sigmoid": lambda x: 1 / (1 + np.exp(-x)), "Softplus": lambda x: np.log(np.exp(x) + 1), "Erf": erf,
}
results = []
for folder in sys.argv[1:]:
    images, labels = quantal.load_data("digits-floats" if folder == "floats" else "digits")
    model = onnx.load(folder + "/export.onnx")
    onnx.checker.check_model(model, full_check=True)
    graph = model.graph
    values = {i.name: numpy_helper.to_array(i).astype(float) for i in graph.initializer}
    values[graph.input[0].name] = images.reshape(len(images), -1) / (255. if images.dtype == np.uint8 else 1.)
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        values[node.output[0]] = operators[node.op_type](*[values[i] for i in node.input], **attributes)
    y, run = values[graph.output[0].name], quantal.load_run(folder)
    want = run.network().forward(images)
    results.append({
        "Difference": float(np.abs(y - want).max() / np.abs(want).max()), "Right": int((y.argmax(1) == labels).sum()),
        "Mean": run.summary["accuracy_mean"] * len(labels), "Operators": " ".join(n.op_type for n in graph.node),
        "Shapes": [[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in
                   (graph.input[0], graph.output[0])]})
print(json.dumps(results))`, &python, folders...)
	for i, p := range python {
		if !(p.Difference < 2e-6) || p.Right != int(p.Mean+0.5) || len(p.Shapes[0]) != 2 || p.Shapes[0][0] != "N" ||
			p.Shapes[0][1] != 72. || p.Shapes[1][1] != 5. {
			t.Errorf("%s: %+v", folders[i], p)
		}
	}
	if got := python[len(python)-1].Operators; got != "Sub Div Gemm" {
		t.Errorf("without hidden layers: %s", got)
	}
}

// TensorBoard's file has every number of metrics.jsonl at its step. The reader here checks the checksums by the
// definition of CRC-32C and decodes with Google's library for Protocol Buffers.
func TestTensorBoard(t *testing.T) {
	pythontest.Find(t, "onnx") // which brings that library
	smallData(t)
	quantalDo(t, "train --data digits --hidden 6 --epochs 3 --validation 30 --draws 0 --cost c*exp(-sigma) "+
		"--c 0.1 --out run",
		"export run --format tensorboard", "export run --out again.tfevents")
	var python struct {
		Same, Version string
		Differences   [][]any
		Events        int
		Numbers       []string
	}
	pythontest.RunWith(t, []string{"onnx"}, `
import json, struct
import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

file = descriptor_pb2.FileDescriptorProto(name="event.proto", package="t", syntax="proto3")
kinds = descriptor_pb2.FieldDescriptorProto
for name, fields in {
    "Value": [("tag", 1, kinds.TYPE_STRING, ""), ("simple_value", 2, kinds.TYPE_FLOAT, "")],
    "Summary": [("value", 1, kinds.TYPE_MESSAGE, "Value")],
    "Event": [("wall_time", 1, kinds.TYPE_DOUBLE, ""), ("step", 2, kinds.TYPE_INT64, ""),
              ("file_version", 3, kinds.TYPE_STRING, ""), ("summary", 5, kinds.TYPE_MESSAGE, "Summary")],
}.items():
    message = file.message_type.add(name=name)
    for field, number, kind, of in fields:
        f = message.field.add(name=field, number=number, type=kind, label=3 if of == "Value" else 1)
        if of:
            f.type_name = ".t." + of
pool = descriptor_pool.DescriptorPool()
pool.Add(file)
Event = message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("t.Event"))

def masked(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF

assert masked(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF
raw, events = open("run/export.tfevents", "rb").read(), []
same = raw == open("again.tfevents", "rb").read()
while raw:
    length, check = struct.unpack("<QI", raw[:12])
    assert masked(raw[:8]) == check
    data, (check,) = raw[12 : 12 + length], struct.unpack("<I", raw[12 + length : 16 + length])
    assert masked(data) == check and len(data) == length
    event = Event()
    event.ParseFromString(data)
    events.append(event)
    raw = raw[16 + length :]

def flatten(name, x, to):
    if isinstance(x, float):
        to[name] = x
    for key, y in enumerate(x) if isinstance(x, list) else x.items() if isinstance(x, dict) else ():
        flatten(f"{name}/{key}", y, to)

differences, names = [], set()
lines = [json.loads(line) for line in open("run/metrics.jsonl")]
for line, event in zip(lines, events[1:]):
    want = {}
    for name, x in line.items():
        flatten(name, x, want)
    got = {v.tag: v.simple_value for v in event.summary.value}
    for name in set(want) | set(got):
        if np.float32(got.get(name, np.nan)) != np.float32(want.get(name, np.nan)):
            differences.append([line["epoch"], name, got.get(name), want.get(name)])
    if event.step != line["step"] or event.wall_time != line["seconds"] + line["measuring_seconds"]:
        differences.append([line["epoch"], event.step, event.wall_time])
    names |= set(got)
print(json.dumps({"Same": str(same), "Version": events[0].file_version, "Differences": differences,
                  "Events": len(events), "Numbers": sorted(names)}))`, &python)
	if python.Same != "True" || python.Version != "brain.Event:2" || python.Events != 4 || len(python.Numbers) < 16 {
		t.Errorf("read %+v", python)
	}
	for _, d := range python.Differences {
		t.Errorf("a difference: %v", d)
	}
}
