package results

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Drawing is an illustration that was saved: its picture and what its caption says.
type Drawing struct {
	Name, Title string
	Caption     []string // paragraphs
	SVG         template.HTML
}

// ReadDrawings reads the illustrations in a folder, in the order of their names; files of other kinds do not matter. No folder
// means none.
func ReadDrawings(dir string) ([]Drawing, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileError(dir, err)
	}
	var list []Drawing
	for _, e := range entries {
		name, isText := strings.CutSuffix(e.Name(), ".txt")
		if !isText {
			continue
		}
		picture, err := os.ReadFile(filepath.Join(dir, name+".svg"))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a text of another kind
		}
		if err != nil {
			return nil, fileError(filepath.Join(dir, name+".svg"), err)
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fileError(filepath.Join(dir, e.Name()), err)
		}
		d := Drawing{Name: name}
		title, caption, _ := strings.Cut(strings.TrimSpace(string(text)), "\n\n")
		d.Title, d.Caption = title, strings.Split(caption, "\n")
		if d.SVG, err = partOfPage(picture); err != nil {
			return nil, corrupt(filepath.Join(dir, name+".svg"), "%v", err)
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b Drawing) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

var svgWidth = regexp.MustCompile(`<svg width="([0-9.]+)pt"`)

// partOfPage is a picture in SVG, as Figure.Save writes it, as a part of a page, which decides how large it is shown. A picture
// with anything but shapes in it is refused.
func partOfPage(svg []byte) (template.HTML, error) {
	before, rest, found := bytes.Cut(svg, []byte(" viewBox=")) // what comes before is for files
	width := svgWidth.FindSubmatch(before)
	if !found || width == nil {
		return "", errors.New("want a picture as this program writes it")
	}
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		if e, ok := token.(xml.StartElement); ok && !slices.Contains([]string{"svg", "g", "path"}, e.Name.Local) {
			return "", fmt.Errorf("want a picture as this program writes it, got one with <%s>", e.Name.Local)
		}
	}
	return template.HTML(fmt.Sprintf(`<svg style="--width:%spt" viewBox=%s`, width[1], rest)), nil
}
