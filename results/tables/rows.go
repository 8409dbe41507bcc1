package tables

// WriteRows writes structs as a table: NAME.csv and NAME.jsonl in a folder, which is made if needed, a row for each,
// and the fields under their names in JSON as columns. As in the tables of a grid an empty cell, null in JSON, has no
// value, and numbers read back the same. It returns the names of the files; each is replaced as a whole or not at all.
func WriteRows[T any](dir, name string, items []T) ([]string, error) {
	t, err := tableOf(items, func(item T) []cell { return cellsIn(item) })
	if err != nil {
		return nil, err
	}
	return t.write(dir, name)
}
