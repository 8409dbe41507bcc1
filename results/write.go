package results

// WriteFile replaces the file at path by data as a whole, durably, or leaves it as it was.
func WriteFile(path string, data []byte) error { return writeAtomicBytes(path, data) }

// MakeFolder makes a folder and those above it where needed, durably.
func MakeFolder(dir string) error { return makeFolder(dir) }
