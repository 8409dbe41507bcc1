//go:build !gpu || !linux

package cuda

// Built says that this program has no GPU support.
const Built = false

// Device opens the GPU of the given number.
func Device(int) (Driver, error) {
	return nil, &Unavailable{"this program was built without GPU support; make build-gpu builds one with it"}
}

// Devices returns the number of GPUs.
func Devices() (int, error) {
	_, err := Device(0)
	return 0, err
}
