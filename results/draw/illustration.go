package draw

import (
	"fmt"
	"path/filepath"

	"quantal/results/store"
)

// Illustration is a figure of a paper with what a reader needs in addition to the picture.
type Illustration struct {
	Name    string  // of its files, such as fig7
	Title   string  // one line
	Caption string  // what the figure shows; data, seeds, configuration, slopes
	Figure  *Figure //
	Numbers any     // the numbers that are drawn and stated, for a JSON file
}

// Save writes the illustration into a folder, which is made if needed, and returns the names of the files: NAME.svg and
// NAME.png, the caption as NAME.txt and the numbers as NAME.json. Each file is replaced as a whole or not at all.
func (i Illustration) Save(dir string) ([]string, error) {
	if err := store.MakeFolder(dir); err != nil {
		return nil, err
	}
	numbers, err := store.EncodeJSON(i.Numbers)
	if err != nil {
		return nil, fmt.Errorf("draw: numbers of %s: %w", i.Name, err)
	}
	var files []string
	save := func(ending string, write func(path string) error) error {
		path := filepath.Join(dir, i.Name+ending)
		files = append(files, path)
		return write(path)
	}
	for _, ending := range []string{".svg", ".png"} {
		if err := save(ending, i.Figure.Save); err != nil {
			return nil, err
		}
	}
	for _, text := range []struct{ ending, content string }{
		{".txt", i.Title + "\n\n" + i.Caption + "\n"}, {".json", string(numbers) + "\n"},
	} {
		if err := save(text.ending, func(path string) error {
			return store.WriteBytes(path,
				[]byte(text.content))
		}); err != nil {
			return nil, err
		}
	}
	return files, nil
}
