package store_test

import (
	"fmt"
	"os"
	"path/filepath"

	"quantal/results/store"
)

// Files that must survive a crash are written aside and renamed.
func ExampleWriteBytes() {
	dir, err := os.MkdirTemp("", "store")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "summary.json")
	fmt.Println(store.WriteBytes(path, []byte("{}\n")))
	text, err := os.ReadFile(path)
	fmt.Printf("%q %v\n", text, err)
	// Output:
	// <nil>
	// "{}\n" <nil>
}
