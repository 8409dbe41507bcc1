package store

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"quantal/internal/input"
)

// Settings say which network of a grid a record belongs to: everything that determines its results, on one data set.
type Settings struct {
	Data         string  `json:"data"`      // the data set's name
	Hidden       string  `json:"hidden"`    // units of the hidden layers, as in 100x100, or none
	Noise        string  `json:"noise"`     // heterogeneous, homogeneous, neuron, layer or none
	Rho          string  `json:"rho"`       // exponent of the cost, as the user wrote it; empty if no cost reads it
	RhoValue     float64 `json:"rho_value"` // rho as a number; 0 for entropic, and without a rho
	C            float64 `json:"c"`         // multiplier of the reliability cost; 0 if no cost reads it
	Lambda       float64 `json:"lambda"`
	LearningRate float64 `json:"lr"`
	Batch        int     `json:"batch"`
	Epochs       int     `json:"epochs"`
	MuInit       float64 `json:"mu_init"`
	SigmaInit    float64 `json:"sigma_init"`
	Validation   int     `json:"validation"` // training examples held out
	Later        Later   `json:"-"`          // what came later; each has a column of its own
	Seed         uint64  `json:"seed"`
}

// Compare orders settings as tables do: by what the networks are, then rho, c, and the seed last.
func (s Settings) Compare(t Settings) int {
	noises := NoiseNames()
	return cmp.Or(
		strings.Compare(s.Data, t.Data), strings.Compare(s.Hidden, t.Hidden),
		cmp.Compare(s.Lambda, t.Lambda), cmp.Compare(s.LearningRate, t.LearningRate),
		cmp.Compare(s.Batch, t.Batch), cmp.Compare(s.Epochs, t.Epochs),
		cmp.Compare(s.MuInit, t.MuInit), cmp.Compare(s.SigmaInit, t.SigmaInit), cmp.Compare(s.Validation, t.Validation),
		s.Later.compare(t.Later),
		cmp.Compare(slices.Index(noises, s.Noise), slices.Index(noises, t.Noise)),
		cmp.Compare(s.RhoValue, t.RhoValue), cmp.Compare(s.C, t.C), cmp.Compare(s.Seed, t.Seed),
	)
}

// NoiseNames lists the values of Settings.Noise in the order of tables and figures.
func NoiseNames() []string {
	return []string{"heterogeneous", "homogeneous", "neuron", "layer", WithoutNoise}
}

// WithoutNoise is the noise of a network that has none, for which rho and c have no meaning.
const WithoutNoise = "none"

// The outcomes of a point of a grid.
const (
	Done     = "done"
	Diverged = "diverged" // a number was no longer finite; there are then no figures
)

// Record is a finished point of a grid. It contains no time and no host: the same network gives the same bytes. Every
// field without omitempty is in every record, so fields that a later version adds have omitempty.
type Record struct {
	ID string `json:"id"`
	Settings
	Status  string `json:"status"`  // done or diverged
	Kernels string `json:"kernels"` // the kernel set that ran, on which the last bits depend
	Outcome

	DivergedStep  *int   `json:"diverged_step,omitempty"` // where a number of a diverged network was no longer finite
	DivergedLayer *int   `json:"diverged_layer,omitempty"`
	DivergedWhat  string `json:"diverged_what,omitempty"` // loss, gradient or sigma
}

// recordName is the file of a record in the folder of records.
func recordName(id string) string { return id + ".json" }

// The checksum of a record's file is at its beginning and covers the file with zeros in its place.
const recordPrefix = `{"sha256":"`

// WriteRecord writes a record to its file in dir, which is replaced as a whole or not at all.
func WriteRecord(dir string, r Record) error {
	path := filepath.Join(dir, recordName(r.ID))
	body, err := EncodeJSON(r)
	if err != nil {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	line := slices.Concat([]byte(recordPrefix+noDigits+`",`), body[1:], []byte("\n"))
	copy(line[len(recordPrefix):], recordChecksum(line))
	return writeAtomicBytes(path, line)
}

func recordChecksum(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// ReadRecords reads the records in dir, in the order of their settings. Damaged names each file that is not as it was
// written; a point with such a record must be run again. A missing folder means no records.
func ReadRecords(dir string) (records []Record, damaged []error, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, FileError(dir, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != ".json" {
			continue
		}
		r, err := ReadRecord(dir, strings.TrimSuffix(e.Name(), ".json"))
		var bad *CorruptError
		switch {
		case errors.As(err, &bad):
			damaged = append(damaged, err)
		case err != nil:
			return nil, nil, err
		default:
			records = append(records, r)
		}
	}
	slices.SortFunc(records, CompareRecords)
	return records, damaged, nil
}

// CompareRecords orders records by their settings, then by their ids.
func CompareRecords(a, b Record) int {
	return cmp.Or(a.Compare(b.Settings), strings.Compare(a.ID, b.ID))
}

// ReadRecord reads the record of one point.
func ReadRecord(dir, id string) (Record, error) {
	path := filepath.Join(dir, recordName(id))
	line, err := ReadFile(path, input.Own)
	if err != nil {
		return Record{}, err
	}
	return DecodeRecord(path, id, line)
}

// DecodeRecord is ReadRecord of the content of the file at a path.
func DecodeRecord(path, id string, line []byte) (Record, error) {
	r, err := decodeRecord(line)
	if err == nil && r.ID != id {
		err = fmt.Errorf("is the record of %s", r.ID)
	}
	if err != nil {
		return Record{}, Corrupt(path, "%v", err)
	}
	return r, nil
}

func decodeRecord(line []byte) (Record, error) {
	r := Record{Outcome: NoOutcome()}
	end := len(recordPrefix) + len(noDigits)
	if len(line) < end || !bytes.HasPrefix(line, []byte(recordPrefix)) {
		return r, errors.New("is not a record, or is cut short")
	}
	digits := string(line[len(recordPrefix):end])
	blank := slices.Clone(line)
	copy(blank[len(recordPrefix):], noDigits)
	if recordChecksum(blank) != digits {
		return r, errors.New("does not have the checksum that was written in it")
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	var written map[string]json.RawMessage
	if err := json.Unmarshal(line, &written); err != nil {
		return r, err
	}
	var err error
	if r.Later, err = laterIn(written, FieldsOf(reflect.ValueOf(r))); err != nil {
		return r, err
	}
	return r, r.complete(written)
}

// complete reports whether a line has all that WriteRecord writes for a network: an edited record may have a valid
// checksum.
func (r Record) complete(written map[string]json.RawMessage) error {
	needed := []string{"id", "status", "kernels", "steps", "draws"}
	for _, f := range FieldsOf(reflect.ValueOf(r.Settings)) {
		if !strings.Contains(f.options, "omit") && r.Layers(f.Name) == "" {
			needed = append(needed, f.Name)
		}
	}
	switch r.Status {
	case Done:
		needed = append(needed, "sigma_rms", "sigma_rms_layers")
		if r.R2Sampled == nil { // it learned classes
			needed = append(needed, "accuracy_sampled")
		} else {
			needed = append(needed, "loss_sampled")
		}
	case Diverged:
		needed = append(needed, "diverged_step", "diverged_layer", "diverged_what")
	default:
		return fmt.Errorf("status is %q, want %s or %s", r.Status, Done, Diverged)
	}
	for _, f := range FieldsOf(reflect.ValueOf(r)) {
		if _, ok := written[f.Name]; !ok && !strings.Contains(f.options, "omit") {
			return fmt.Errorf("lacks %q", f.Name)
		}
	}
	for _, name := range needed {
		if name == "rho" && r.Later.Has("cost") { // which need not read it
			continue
		}
		if text := string(written[name]); text == "" || text == "null" || text == `""` {
			return fmt.Errorf("has no value for %q", name)
		}
	}
	return nil
}

// Check reports whether a network is that of the record, according to the record's numbers: seed, sizes and steps, the
// sigma of each layer and the cost of magnitude, or what it pays by the terms of other costs, which terms computes, as
// it does if synapses pay several times.
func (r Record) Check(c *Checkpoint, terms func(*Checkpoint) (Terms, error)) error {
	var hidden []string
	for _, l := range c.Layout.Layers[:len(c.Layout.Layers)-1] {
		hidden = append(hidden, strconv.Itoa(l.Out))
	}
	if len(hidden) == 0 {
		hidden = []string{"none"}
	}
	for _, pair := range []struct{ what, network, record any }{
		{"seed", c.Seed, r.Seed}, {"step", c.Step, r.Steps}, {"hidden", strings.Join(hidden, "x"), r.Hidden},
		{"number of layers", len(c.Layout.Layers), len(r.SigmaRMSLayers)},
	} {
		if pair.network != pair.record {
			return fmt.Errorf("is not the network of this record: its %s is %v, the record says %v", pair.what, pair.network,
				pair.record)
		}
	}
	const rounding = 1e-6 // relative; another processor adds up in the same order, but may round differently
	differ := func(what string, network, record float64) error {
		if math.Abs(network-record) <= rounding*math.Abs(record) {
			return nil
		}
		return fmt.Errorf("is not the network of this record: its %s is %g, the record says %g", what, network, record)
	}
	var err error
	var pays Terms
	several := r.Later.Has("cost_per")
	if len(r.ObjectiveCosts) > 0 || several {
		pays, err = terms(c)
		for _, name := range r.ObjectiveCosts.Names() {
			if network, record := pays.Of(name), r.ObjectiveCosts[name]; finite(network) || finite(record) {
				err = cmp.Or(err, differ("cost "+name, network, record))
			}
		}
	}
	if several && finite(r.ObjectiveMagnitude) {
		err = cmp.Or(err, differ("cost of magnitude", pays.Of("magnitude"), r.ObjectiveMagnitude))
	} else if r.Layers("lambda") == "" && finite(r.ObjectiveMagnitude) {
		err = differ("cost of magnitude", r.Lambda*c.magnitude(), r.ObjectiveMagnitude)
	}
	for i, sigma := range c.SigmaRMSLayers() {
		err = cmp.Or(err, differ(fmt.Sprintf("sigma_rms of layer %d", i), sigma, r.SigmaRMSLayers[i]))
	}
	return err
}
