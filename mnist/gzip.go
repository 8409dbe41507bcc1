package mnist

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// gzipMagic is how a gzip file and each of its members begins (RFC 1952).
var gzipMagic = []byte{0x1f, 0x8b}

// members reads the unpacked content of a gzip file: its members one after the other, then the end of the file, or
// zeros up to the end, which fill the blocks of tapes and archives. Anything else after a member is a tailError.
type members struct {
	packed *bufio.Reader
	member *gzip.Reader
}

func newMembers(packed *bufio.Reader) (*members, error) {
	member, err := gzip.NewReader(packed)
	if err != nil {
		return nil, err
	}
	member.Multistream(false)
	return &members{packed, member}, nil
}

func (m *members) Read(p []byte) (int, error) {
	for {
		n, err := m.member.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
		if err := m.next(); err != nil {
			return 0, err
		}
	}
}

// next goes on to the next member. At the end of the file the error is io.EOF.
func (m *members) next() error {
	start, err := m.packed.Peek(len(gzipMagic))
	if len(start) == 0 {
		return err
	}
	if !bytes.Equal(start, gzipMagic) {
		return m.padding()
	}
	err = m.member.Reset(m.packed)
	var disk *fs.PathError
	if err != nil && !errors.As(err, &disk) {
		return &tailError{"the beginning of gzip data"}
	}
	m.member.Multistream(false)
	return err
}

// padding reads the rest of the file, which must be zeros.
func (m *members) padding() error {
	for {
		b, err := m.packed.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return &tailError{fmt.Sprintf("the byte 0x%02x, which is neither gzip nor padding", b)}
		}
	}
}

// tailError says what follows the last whole member of a gzip file.
type tailError struct{ what string }

func (e *tailError) Error() string { return "the gzip data are followed by " + e.what }
