// Package proto has the names that gorgonia.org/tensor's protocol buffers need to compile. quantal calls none of them.
package proto

import "errors"

// ProtoPackageIsVersion2 is what generated code asks for.
const ProtoPackageIsVersion2 = true

// Message is what generated code registers.
type Message interface {
	Reset()
	String() string
	ProtoMessage()
}

// RegisterType does nothing.
func RegisterType(Message, string) {}

// RegisterEnum does nothing.
func RegisterEnum(string, map[int32]string, map[string]int32) {}

// RegisterFile does nothing.
func RegisterFile(string, []byte) {}

// CompactTextString says what is missing.
func CompactTextString(Message) string { return errMissing.Error() }

// Marshal fails.
func Marshal(Message) ([]byte, error) { return nil, errMissing }

var errMissing = errors.New("quantal is built without protocol buffers for tensors")
