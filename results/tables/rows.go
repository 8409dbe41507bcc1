package tables

import (
	"path/filepath"

	"quantal/results/store"
)

// WriteRows writes structs as a table: NAME.csv and NAME.jsonl in a folder, which is made if needed, a row for each,
// and the fields under their names in JSON as columns. As in the tables of a grid an empty cell, null in JSON, has no
// value, and numbers read back the same. It returns the names of the files; each is replaced as a whole or not at all.
func WriteRows[T any](dir, name string, items []T) ([]string, error) {
	if err := store.MakeFolder(dir); err != nil {
		return nil, err
	}
	t, err := tableOf(items, func(item T) []cell { return cellsIn(item) })
	if err != nil {
		return nil, err
	}
	var files []string
	for _, file := range []struct {
		ending string
		data   []byte
	}{{".csv", t.csv()}, {".jsonl", t.jsonl()}} {
		path := filepath.Join(dir, name+file.ending)
		if err := store.WriteBytes(path, file.data); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}
