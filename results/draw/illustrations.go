package draw

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"quantal/internal/input"
	"quantal/results/store"
)

// Drawing is a saved illustration: its picture and its caption.
type Drawing struct {
	Name, Title string
	Caption     []string // paragraphs
	SVG         template.HTML
}

// ReadDrawings reads the illustrations in a folder of files, which is called dir, in the order of their names; files of
// other kinds do not matter. A missing folder means none.
func ReadDrawings(files fs.FS, dir string) ([]Drawing, error) {
	entries, err := fs.ReadDir(files, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, store.FileError(dir, err)
	}
	kinds := map[string]fs.FileMode{}
	for _, e := range entries {
		kinds[e.Name()] = e.Type()
	}
	// Not what a link points to, which may be a secret.
	read := func(name string) ([]byte, error) {
		if kind := kinds[name]; !kind.IsRegular() {
			return nil, store.Corrupt(filepath.Join(dir, name), "is not a regular file")
		}
		const most = 64 << 20
		data, err := input.From(files, name, most)
		if err != nil {
			return nil, store.FileError(filepath.Join(dir, name), err)
		}
		return data, nil
	}
	var list []Drawing
	for _, e := range entries {
		name, isText := strings.CutSuffix(e.Name(), ".txt")
		if _, drawn := kinds[name+".svg"]; !isText || !drawn {
			continue
		}
		picture, err := read(name + ".svg")
		if err != nil {
			return nil, err
		}
		text, err := read(e.Name())
		if err != nil {
			return nil, err
		}
		d := Drawing{Name: name}
		title, caption, _ := strings.Cut(strings.TrimSpace(string(text)), "\n\n")
		d.Title, d.Caption = title, strings.Split(caption, "\n")
		if d.SVG, err = partOfPage(picture); err != nil {
			return nil, store.Corrupt(filepath.Join(dir, name+".svg"), "%v", err)
		}
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b Drawing) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// partOfPage is a picture in SVG, as Figure.Save writes it, as a part of a page, which decides how large it is shown.
// It is rewritten from its shapes; a picture with anything else, such as scripts, links, text or styles of other kinds,
// is refused.
func partOfPage(svg []byte) (template.HTML, error) {
	var b strings.Builder
	depth, width := 0, ""
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if (depth == 0) != (token.Name.Local == "svg") || depth == 0 && width != "" {
				return "", foreign("<%s> at this place", token.Name.Local)
			}
			attributes, err := shapeAttributes(token)
			if err != nil {
				return "", err
			}
			if depth == 0 {
				width = attributes["width"]
				if width == "" || attributes["viewBox"] == "" {
					return "", foreign("no width or viewBox")
				}
				attributes = map[string]string{"style": "--width:" + width, "viewBox": attributes["viewBox"]}
			}
			b.WriteString("<" + token.Name.Local)
			for _, name := range slices.Sorted(maps.Keys(attributes)) {
				fmt.Fprintf(&b, ` %s="%s"`, name, html.EscapeString(attributes[name]))
			}
			b.WriteString(">")
			depth++
		case xml.EndElement:
			depth--
			b.WriteString("</" + token.Name.Local + ">\n")
		case xml.CharData:
			if len(bytes.TrimSpace(token)) > 0 {
				return "", foreign("text")
			}
		case xml.ProcInst:
			if token.Target != "xml" {
				return "", foreign("the instruction %q", token.Target)
			}
		case xml.Directive:
			return "", foreign("a declaration")
		}
	}
	if width == "" {
		return "", foreign("nothing")
	}
	return template.HTML(b.String()), nil
}

func foreign(format string, args ...any) error {
	return fmt.Errorf("want a picture as this program writes it, got one with "+format, args...)
}

const svgSpace = "http://www.w3.org/2000/svg"

// shapes are those that gonum's SVG canvas writes: elements, their attributes, and patterns of their values. An
// attribute without a pattern is left out.
var shapes = map[string]map[string]*regexp.Regexp{
	"svg": {
		"width": regexp.MustCompile(`^[0-9.]+pt$`), "viewBox": regexp.MustCompile(`^[-0-9.eE ]+$`), "height": nil,
		"version": nil, "xmlns": nil,
	},
	"g": {"transform": regexp.MustCompile(`^((scale|translate|rotate)\([-+0-9.eE, ]*\) ?)*$`)},
	"path": {
		"d": regexp.MustCompile(`^[MLQCAZ0-9.,eE +-]*$`),
		"style": regexp.MustCompile(`^((fill|stroke|fill-opacity|stroke-opacity|` +
			`stroke-width|stroke-dasharray|stroke-dashoffset)` +
			`:(none|#[0-9A-F]{6}|[-+0-9.,eE]*)(;|$))*$`),
	},
}

// shapeAttributes are the attributes of an element of a picture.
func shapeAttributes(e xml.StartElement) (map[string]string, error) {
	known, ok := shapes[e.Name.Local]
	if !ok || e.Name.Space != svgSpace {
		return nil, foreign("<%s>", e.Name.Local)
	}
	attributes := map[string]string{}
	for _, a := range e.Attr {
		if a.Name.Space == "xmlns" {
			continue // a prefix that no element uses
		}
		pattern, ok := known[a.Name.Local]
		switch {
		case !ok || a.Name.Space != "":
			return nil, foreign("the attribute %s of <%s>", a.Name.Local, e.Name.Local)
		case pattern == nil:
		case !pattern.MatchString(a.Value):
			return nil, foreign("%s=%.40q", a.Name.Local, a.Value)
		default:
			attributes[a.Name.Local] = a.Value
		}
	}
	return attributes, nil
}

// HTML is the figure as a part of a page, in SVG.
func (f *Figure) HTML() (template.HTML, error) {
	var b bytes.Buffer
	if err := f.Encode(&b, ".svg"); err != nil {
		return "", err
	}
	return partOfPage(b.Bytes())
}
