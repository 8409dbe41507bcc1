package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Seed is a seed in a configuration file. TOML has whole numbers only up to 2^63-1, so a larger seed is a string.
type Seed uint64

// Set reads a seed as a user writes it.
func (s *Seed) Set(text string) error {
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return errors.New("want a whole number from 0 to 2^64-1")
	}
	*s = Seed(seed)
	return nil
}

// MarshalTOML writes a number, or from 2^63 on a string.
func (s Seed) MarshalTOML() ([]byte, error) {
	text := strconv.FormatUint(uint64(s), 10)
	if s >= 1<<63 {
		text = strconv.Quote(text)
	}
	return []byte(text), nil
}

// UnmarshalTOML reads a number or a string of digits.
func (s *Seed) UnmarshalTOML(text []byte) error {
	digits, base := string(text), 0 // as TOML writes numbers: 0x10, 1_000
	if n := len(digits); n >= 2 && (digits[0] == '"' || digits[0] == '\'') {
		digits, base = digits[1:n-1], 10
	}
	seed, err := strconv.ParseUint(strings.TrimPrefix(digits, "+"), base, 64)
	if err != nil {
		return fmt.Errorf("seed %s: want a whole number from 0 to 2^64-1", text)
	}
	*s = Seed(seed)
	return nil
}
