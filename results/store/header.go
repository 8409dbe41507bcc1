package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// headerEntry is the entry of one tensor in a safetensors header.
type headerEntry struct {
	name       string
	shape      []int
	begin, end int // bytes, from the end of the header
}

// parseHeader reads the JSON of a safetensors header. It reads token by token because encoding/json silently takes the
// last of two equal names. The entries it returns are contiguous from 0, and each shape fits its range.
func parseHeader(header []byte) ([]headerEntry, map[string]string, error) {
	if !utf8.Valid(header) {
		return nil, nil, errors.New("not UTF-8")
	}
	if !json.Valid(header) {
		return nil, nil, errors.New("not JSON")
	}
	var entries []headerEntry
	metadata := map[string]string{}
	p := headerParser{json.NewDecoder(bytes.NewReader(header))}
	p.UseNumber()
	end := 0
	err := p.object(func(name string) error {
		if name == metadataName {
			return p.object(func(key string) error {
				value, err := p.text()
				metadata[key] = value
				return err
			})
		}
		e, err := p.entry(name, end)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		entries, end = append(entries, e), e.end
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if rest := bytes.TrimLeft(header[p.InputOffset():], " "); len(rest) > 0 {
		return nil, nil, errors.New("padded with something other than spaces")
	}
	delete(metadata, checksumKey)
	return entries, metadata, nil
}

type headerParser struct{ *json.Decoder }

// entry reads the object of one tensor, whose data must begin where those of the tensor before it end.
func (p headerParser) entry(name string, begin int) (headerEntry, error) {
	var dtype string
	var shape, offsets []int
	fields := 0
	err := p.object(func(field string) (err error) {
		fields++
		switch field {
		case "dtype":
			dtype, err = p.text()
		case "shape":
			shape, err = p.integers()
		case "data_offsets":
			offsets, err = p.integers()
		default:
			err = fmt.Errorf("unknown field %q", field)
		}
		return err
	})
	switch {
	case err != nil:
		return headerEntry{}, err
	case fields != 3:
		return headerEntry{}, errors.New("want dtype, shape and data_offsets")
	case dtype != "F32":
		return headerEntry{}, fmt.Errorf("dtype %q is not F32", dtype)
	case len(offsets) != 2 || offsets[1] < offsets[0]:
		return headerEntry{}, fmt.Errorf("data_offsets %v are not a range", offsets)
	case offsets[0] != begin:
		return headerEntry{}, fmt.Errorf("begins at byte %d, the one before ends at %d", offsets[0], begin)
	}
	n, err := elements(shape)
	if err != nil {
		return headerEntry{}, err
	}
	if size := offsets[1] - offsets[0]; size != 4*n {
		return headerEntry{}, fmt.Errorf("shape %v takes %d bytes, data_offsets have %d", shape, 4*n, size)
	}
	return headerEntry{name: name, shape: shape, begin: offsets[0], end: offsets[1]}, nil
}

// object reads an object and calls field after each name, to read its value. No name may occur twice.
func (p headerParser) object(field func(name string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.More() {
		name, err := p.text()
		if err != nil {
			return err
		}
		if seen[name] {
			return fmt.Errorf("the name %q occurs twice", name)
		}
		seen[name] = true
		if err := field(name); err != nil {
			return err
		}
	}
	return p.delim('}')
}

func (p headerParser) integers() ([]int, error) {
	if err := p.delim('['); err != nil {
		return nil, err
	}
	list := []int{}
	for p.More() {
		token, err := p.Token()
		if err != nil {
			return nil, err
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, fmt.Errorf("want an integer, got %v", token)
		}
		n, err := strconv.Atoi(number.String())
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%s is not an integer of this range", number)
		}
		list = append(list, n)
	}
	return list, p.delim(']')
}

func (p headerParser) text() (string, error) {
	token, err := p.Token()
	if err != nil {
		return "", err
	}
	s, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("want a string, got %v", token)
	}
	return s, nil
}

func (p headerParser) delim(want json.Delim) error {
	token, err := p.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("want %v, got %v", want, token)
	}
	return nil
}
