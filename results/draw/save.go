package draw

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"regexp"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"

	"quantal/results/store"
)

// Save writes the figure to a file: SVG, PNG (300 dots per inch) or PDF, as the name ends. The file is replaced as a
// whole or not at all, and the same figure gives the same bytes.
func (f *Figure) Save(path string) error {
	ext := strings.ToLower(filepath.Ext(path))
	var b bytes.Buffer
	if err := f.Encode(&b, ext); err != nil {
		return fmt.Errorf("draw: %s: %w", path, err)
	}
	return store.WriteBytes(path, b.Bytes())
}

// Encode writes the figure as .svg, .png or .pdf.
func (f *Figure) Encode(w io.Writer, ext string) error {
	page, err := f.lay()
	if err != nil {
		return err
	}
	var canvas vg.CanvasWriterTo
	switch ext {
	case ".svg":
		canvas = vgsvg.New(page.width, page.height)
	case ".png":
		const dots, most = 300, 1e8 // an inch, and in all: fewer an inch where a figure is very large
		dpi := min(dots, int(math.Sqrt(most/float64(page.width*page.height))*vg.Inch.Points()))
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(page.width, page.height), vgimg.UseDPI(dpi))}
	case ".pdf":
		canvas = pdfCanvas{vgpdf.New(page.width, page.height)}
	default:
		return fmt.Errorf("figures are saved as .svg, .png or .pdf, not as %q", ext)
	}
	page.draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return err
	}
	data := b.Bytes()
	if ext == ".pdf" {
		data = withoutClock(data)
	}
	_, err = w.Write(data)
	return err
}

// pdfCanvas gives gonum's PDF writer colours as it takes them: it writes the premultiplied values of a translucent
// colour, where PDF wants plain ones, so those colours would come out dark.
type pdfCanvas struct{ *vgpdf.Canvas }

// SetColor sets the colour of lines and areas.
func (c pdfCanvas) SetColor(clr color.Color) {
	c.Canvas.SetColor(plainColor(color.NRGBAModel.Convert(clr).(color.NRGBA)))
}

// plainColor is a colour whose RGBA method does not premultiply.
type plainColor color.NRGBA

// RGBA returns the components as they are, in 16 bits.
func (c plainColor) RGBA() (r, g, b, a uint32) {
	return uint32(c.R) * 0x101, uint32(c.G) * 0x101, uint32(c.B) * 0x101, uint32(c.A) * 0x101
}

// withoutClock puts zeros in place of the times that the PDF writer notes; a PDF's offsets do not allow another length.
func withoutClock(pdf []byte) []byte {
	return regexp.MustCompile(`/(CreationDate|ModDate) \(D:[0-9]+`).ReplaceAllFunc(pdf, func(b []byte) []byte {
		for i := bytes.IndexByte(b, ':') + 1; i < len(b); i++ {
			b[i] = '0'
		}
		return b
	})
}
