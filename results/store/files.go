package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"quantal/internal/input"
	"quantal/internal/setting"
	"quantal/internal/textfile"
)

// WriteConfig writes config.toml: everything resolved that is needed to repeat the run.
func (f *Folder) WriteConfig(v any) error {
	if err := f.writable(); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).EnableMarshalerInterface().Encode(v); err != nil {
		return fmt.Errorf("store: %s: %w", f.Path(ConfigName), err)
	}
	return writeAtomicBytes(f.Path(ConfigName), text.Bytes())
}

// ReadConfig reads config.toml into settings, which have the defaults, and lists those that the file lacks. Errors are
// those of ReadConfigFile; a file without any of them gives a CorruptError, too.
func (f *Folder) ReadConfig(settings setting.List) (missing setting.List, err error) {
	data, err := ReadFile(f.Path(ConfigName), input.Settings)
	if err != nil {
		return nil, err
	}
	return DecodeRunConfig(f.Path(ConfigName), data, settings)
}

// DecodeRunConfig is ReadConfig of the content of the file at a path.
func DecodeRunConfig(path string, data []byte, settings setting.List) (missing setting.List, err error) {
	missing, err = DecodeSettings(path, data, settings)
	if err == nil && len(missing) == len(settings) {
		err = Corrupt(path, "is empty: want the settings of the run")
	}
	return missing, err
}

// ReadSettings is ReadConfigFile into settings. It lists those that the file lacks, which keep their values.
func ReadSettings(path string, settings setting.List) (missing setting.List, err error) {
	data, err := ReadFile(path, input.Settings)
	if err != nil {
		return nil, err
	}
	return DecodeSettings(path, data, settings)
}

// DecodeSettings is ReadSettings of the content of the file at a path.
func DecodeSettings(path string, data []byte, settings setting.List) (missing setting.List, err error) {
	form := settings.NewForm()
	if err := DecodeConfig(path, data, form.Into); err != nil {
		return nil, err
	}
	if missing, err = form.Take(); err != nil {
		return nil, Corrupt(path, "%v", err)
	}
	return missing, nil
}

// IsRunConfig reports whether a file is the config.toml of a run folder.
func IsRunConfig(path string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(path), EnvironmentName))
	return err == nil && filepath.Base(path) == ConfigName
}

// ReadConfigFile reads a TOML file into v, including files written by programs for Windows. A key without a field in v,
// a value of another type and broken syntax give a CorruptError with the line.
func ReadConfigFile(path string, v any) error {
	data, err := ReadFile(path, input.Settings)
	if err != nil {
		return err
	}
	return DecodeConfig(path, data, v)
}

// DecodeConfig is ReadConfigFile of the content of the file at a path.
func DecodeConfig(path string, data []byte, v any) error {
	if err := decodeConfig(data, v); err != nil {
		return Corrupt(path, "%v", err)
	}
	return nil
}

func decodeConfig(data []byte, v any) error {
	data, err := textfile.Decode(data)
	if err != nil {
		return err
	}
	decode := func() error {
		return toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().EnableUnmarshalerInterface().Decode(v)
	}
	err = decode()
	_, untyped := v.(*map[string]any)
	for n := 0; untyped && n < 1000 && quoteTooLarge(&data, err); n++ { // no more, against files that nobody means
		err = decode()
	}
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		var keys []string
		for _, e := range unknown.Errors {
			keys = append(keys, unknownKey(e, v))
		}
		return fmt.Errorf("unknown key %s", strings.Join(keys, ", "))
	case errors.As(err, &wrong):
		return misfit(wrong, v)
	case err != nil:
		return errors.New(strings.TrimPrefix(err.Error(), "toml: "))
	}
	return nil
}

// WriteEnvironment writes environment.json.
func (f *Folder) WriteEnvironment(e Environment) error { return f.writeJSON(EnvironmentName, e) }

// ReadEnvironment reads environment.json.
func (f *Folder) ReadEnvironment() (Environment, error) {
	var e Environment
	err := f.readJSON(EnvironmentName, &e)
	return e, err
}

// WriteSummary writes summary.json, with null for numbers that JSON does not have (NaN and infinities).
func (f *Folder) WriteSummary(v any) error { return f.writeJSON(summaryName, v) }

// ReadSummary reads summary.json into v.
func (f *Folder) ReadSummary(v any) error { return f.readJSON(summaryName, v) }

func (f *Folder) writeJSON(name string, v any) error {
	if err := f.writable(); err != nil {
		return err
	}
	return WriteJSONFile(f.Path(name), v)
}

// WriteJSONFile writes v, indented, to a file, which is replaced as a whole or not at all.
func WriteJSONFile(path string, v any) error {
	line, err := EncodeJSON(v)
	if err != nil {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, line, "", "  "); err != nil {
		return fmt.Errorf("store: %s: %w", path, err)
	}
	b.WriteByte('\n')
	return writeAtomicBytes(path, b.Bytes())
}

func (f *Folder) readJSON(name string, v any) error { return ReadJSONFile(f.Path(name), v) }

// ReadJSONFile reads a JSON file into v. Text that does not fit v gives a CorruptError.
func ReadJSONFile(path string, v any) error {
	data, err := ReadFile(path, input.Own)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return Corrupt(path, "%v", err)
	}
	return nil
}
