package tables

import (
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/sbinet/npyio/npz"

	"quantal/results/store"
	"quantal/synapse"
)

// What ExportGrid writes in addition to the summary.
const (
	ExportSummary = "summary"
	ExportMu      = "mu"
	ExportSigma   = "sigma"
	ExportAll     = "all" // of a synapse
)

// ExportNames lists what ExportGrid can write: also the quantities that some synapses learn, such as n, p and q.
func ExportNames() []string {
	names := []string{ExportSummary, ExportSigma, ExportMu}
	for _, k := range synapse.Kinds() {
		for _, l := range k.Links {
			names = append(names, l.Quantity)
		}
	}
	return append(names, ExportAll)
}

// ExportGrid writes records as a NumPy archive: every column of table.csv is an array with one entry per record, in the
// order of their settings. Numbers are float64, NaN where the table is empty; counts are int64, with -1 there, and seed
// is uint64; text is unicode; sigma_rms_layers is [records][layers]. With ExportMu or ExportSigma there are also the
// arrays ID/layerN.weight.mu of [neurons][inputs] and ID/layerN.bias.mu of [neurons], or the same of sigma, of a
// quantity that the network's synapses learn, or of all of these, float32, and the numbers ID/pixel_mean and
// ID/pixel_sd, of every network that has finished; network reads one by its id. A network that cannot be read is left
// out, and is in damaged. The same grid gives the same bytes.
func ExportGrid(w io.Writer, records []store.Record, what string,
	network func(id string) (*store.Checkpoint, error)) (damaged []error, err error) {
	if !slices.Contains(ExportNames(), what) {
		return nil, fmt.Errorf("export of %q: want one of %s", what, strings.Join(ExportNames(), ", "))
	}
	if len(records) == 0 {
		return nil, store.Nothing("no point has finished yet: nothing to export")
	}
	sorted := slices.SortedFunc(slices.Values(records), store.CompareRecords)
	archive := npz.NewWriter(w)
	for _, c := range summaryArrays(sorted) {
		if err := archive.Write(c.name+".npy", c.value); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for _, r := range sorted {
		if what == ExportSummary || r.Status != store.Done {
			continue
		}
		c, err := network(r.ID)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		if err := writeNetworkArrays(archive, r.ID, what, c); err != nil {
			return damaged, err
		}
	}
	return damaged, archive.Close()
}

// writeNetworkArrays writes what is asked of a network into an archive.
func writeNetworkArrays(archive *npz.Writer, id, what string, c *store.Checkpoint) error {
	for _, t := range c.Export() {
		if what != ExportAll && !strings.HasSuffix(t.Name, "."+what) && strings.Contains(t.Name, ".") {
			continue
		}
		name := id + "/" + t.Name
		if err := archive.Write(name+".npy", store.Nested(t.Shape, t.Data)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, s := range c.ExportPixels() {
		if err := archive.Write(id+"/"+s.Name+".npy", s.Value); err != nil {
			return fmt.Errorf("%s/%s: %w", id, s.Name, err)
		}
	}
	return nil
}

// summaryArrays is the columns of the table of records, each an array that npyio takes.
func summaryArrays(records []store.Record) []cell {
	rows := make([][]cell, len(records))
	for i, r := range records {
		rows[i] = recordRow(r)
	}
	var arrays []cell
	for _, c := range columnsOf(nil, rows) {
		values, kind := make([]any, len(rows)), c.kind
		for i, row := range slices.Backward(rows) { // an empty cell does not know the kind
			values[i] = c.in(row)
			if v := reflect.Indirect(reflect.ValueOf(values[i])); v.IsValid() {
				kind = v.Type()
			}
		}
		arrays = append(arrays, cell{name: c.name, value: arrayOf(kind, values)})
	}
	return arrays
}

// arrayOf makes an array of the values of a column, some of which may be nil.
func arrayOf(kind reflect.Type, values []any) any {
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch kind.Kind() {
	case reflect.Float64:
		return listOf(values, math.NaN(), reflect.Value.Float)
	case reflect.Int:
		return listOf(values, -1, reflect.Value.Int)
	case reflect.Uint64:
		return listOf(values, 0, reflect.Value.Uint)
	case reflect.Slice:
		return rectangle(values)
	}
	return listOf(values, "", reflect.Value.String)
}

// listOf converts values; it replaces a missing value, or a nil pointer, by the given one.
func listOf[T any](values []any, none T, get func(reflect.Value) T) []T {
	list := make([]T, len(values))
	for i, x := range values {
		v := reflect.Indirect(reflect.ValueOf(x))
		if list[i] = none; v.IsValid() {
			list[i] = get(v)
		}
	}
	return list
}

// rectangle makes a matrix of lists, with NaN at the end of the shorter ones.
func rectangle(lists []any) any {
	longest := 0
	for _, l := range lists {
		longest = max(longest, len(l.([]float64)))
	}
	var data []float64
	for _, l := range lists {
		row := slices.Repeat([]float64{math.NaN()}, longest)
		copy(row, l.([]float64))
		data = append(data, row...)
	}
	return store.Nested([]int{len(lists), longest}, data)
}
