//go:build !gpu || !linux

package cuda

// Device opens the GPU of the given number.
func Device(int) (Driver, error) {
	return nil, &Unavailable{"this program was built without GPU support; make build-gpu builds one with it"}
}

// Devices returns the number of GPUs.
func Devices() (int, error) {
	_, err := Device(0)
	return 0, err
}
