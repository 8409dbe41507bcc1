package mnist

// Pictures returns the first n training examples as ink, 0 to 255, on Rows x Columns paper, upright, and their labels.
// Grey values are ink, as MNIST's; colours are light, of which the mean is taken; the range of floats becomes 0 to 255.
// The DataError says that these are no images, or have no classes.
func (s *Set) Pictures(n int) (images, labels []byte, err error) {
	if s.Table || s.Train.Labels == nil {
		return nil, nil, badf(s.Source, "want images with classes to draw, got %s and answers of another kind or none",
			s.Inputs())
	}
	e := s.Train.Slice(0, min(n, s.Train.N()))
	low, high := float32(0), float32(255)
	if e.Floats != nil {
		low, high = e.Floats[0], e.Floats[0]
		for _, v := range e.Floats {
			low, high = min(low, v), max(high, v)
		}
	}
	at := func(i int) float32 {
		if e.Floats != nil {
			return 255 * (e.Floats[i] - low) / max(high-low, 1e-30)
		}
		return float32(e.Images[i])
	}
	channels, size := max(s.Channels, 1), s.Rows*s.Columns
	images = make([]byte, e.N()*size)
	for i := range e.N() {
		for p := range size {
			sum := float32(0)
			for c := range channels {
				k := p*channels + c
				if s.Planes {
					k = c*size + p
				}
				sum += at(i*s.Width() + k)
			}
			to := p
			if s.Transposed {
				to = p%s.Columns*s.Rows + p/s.Columns
			}
			if sum /= float32(channels); channels > 1 {
				sum = 255 - sum
			}
			images[i*size+to] = byte(sum + 0.5)
		}
	}
	return images, e.Labels, nil
}
