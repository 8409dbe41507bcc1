// Gen writes comments.txt: how the code explains the structs that become files.
package main

import (
	"fmt"
	"os"

	"quantal/internal/comments"
	"quantal/results/columns"
)

func main() {
	structs, err := comments.Read(os.DirFS("../.."), "quantal", columns.Structs()...)
	if err == nil {
		err = os.WriteFile("comments.txt", columns.Format(structs), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
