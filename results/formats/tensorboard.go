package formats

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"reflect"

	"quantal/results/store"
)

// tensorboard is the learning curve as TensorBoard's event file.
func tensorboard() Format {
	return Format{
		Name: "tensorboard", File: "export.tfevents", What: "the learning curve of a network", Curve: true,
		About: "the learning curve, all numbers of metrics.jsonl, for tensorboard --logdir: a curve for each folder with " +
			"such a file",
		Encode: encodeTensorBoard,
	}
}

// encodeTensorBoard writes a record for each epoch. Its wall_time is the time that the run had taken, which TensorBoard
// shows as relative time. Event (tensorflow/core/util/event.proto) has wall_time 1, step 2, file_version 3, summary 5;
// Summary has value 1, with tag 1 and simple_value 2.
func encodeTensorBoard(w io.Writer, t Trained) error {
	if err := writeRecord(w, message{}.double(1, 0).text(3, "brain.Event:2")); err != nil {
		return err
	}
	for _, e := range t.Epochs {
		var summary message
		for _, s := range scalars(e) {
			summary = summary.bytes(1, message{}.text(1, s.Name).float(2, float32(s.Value)))
		}
		took := e.Seconds + e.MeasuringSeconds
		if math.IsNaN(took) { // a curve of a grid has no times
			took = 0
		}
		event := message{}.double(1, took).number(2, e.Step).bytes(5, summary)
		if err := writeRecord(w, event); err != nil {
			return err
		}
	}
	return nil
}

// scalars are the numbers of an epoch that were measured, under their names in metrics.jsonl; of a list or several
// terms each as NAME/0 or NAME/TERM, of lists in a list as NAME/0/0.
func scalars(e store.Epoch) []store.Scalar {
	var list []store.Scalar
	add := func(name string, x float64) {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			list = append(list, store.Scalar{Name: name, Value: x})
		}
	}
	for _, f := range store.FieldsOf(reflect.ValueOf(e)) {
		switch v := f.Value.Interface().(type) {
		case float64:
			add(f.Name, v)
		case *float64:
			if v != nil {
				add(f.Name, *v)
			}
		case []float64:
			for i, x := range v {
				add(fmt.Sprintf("%s/%d", f.Name, i), x)
			}
		case [][]float64:
			for i, list := range v {
				for j, x := range list {
					add(fmt.Sprintf("%s/%d/%d", f.Name, i, j), x)
				}
			}
		case store.Terms:
			for _, term := range v.Names() {
				add(f.Name+"/"+term, v[term])
			}
		}
	}
	return list
}

// writeRecord writes a record of a TFRecord file: length, its checksum, the data, their checksum
// (tensorflow/core/lib/io/record_writer.h).
func writeRecord(w io.Writer, data []byte) error {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	record := binary.LittleEndian.AppendUint32(length, maskedCRC(length))
	record = append(record, data...)
	_, err := w.Write(binary.LittleEndian.AppendUint32(record, maskedCRC(data)))
	return err
}

// maskedCRC is a CRC-32C, rotated and shifted so that files with checksums can contain their own.
func maskedCRC(data []byte) uint32 {
	crc := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return (crc>>15 | crc<<17) + 0xa282ead8
}
