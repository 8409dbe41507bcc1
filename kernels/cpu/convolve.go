package cpu

import "quantal/kernels"

// tileValues is about the number of values that a window's outputs are unfolded to at a time, so that they are still in
// the second cache when the weights multiply them.
const tileValues = 24 << 10

// tileRows is the number of output positions unfolded at a time.
func tileRows(stride int) int { return min(500, max(20, tileValues/stride/20*20)) }

// mostParts is the number of parts, at most, in which dW of a convolution is formed before these are added.
const mostParts = 8

// unfolding is what the tasks of a convolution share.
type unfolding struct {
	kernels.Layer
	kernels.Window
	positions, tile int // output positions of an example, and those unfolded at a time
	x               []float32
	slots           int // of x, for each example
}

func (k *worker) unfolding(layer int, src kernels.Buffer, w kernels.Window) *unfolding {
	l := k.program.Layout.Layers[layer]
	return &unfolding{Layer: l, Window: w, positions: w.Output().Positions(), tile: tileRows(l.Stride()),
		x: k.buffers[src], slots: k.program.Slots(src)}
}

// rows unfolds n output positions of the minibatch from the given one on into the tile.
func (u *unfolding) rows(s *scratch, first, n int) {
	stride := u.Stride()
	for done := 0; done < n; {
		b, at := (first+done)/u.positions, (first+done)%u.positions
		count := min(n-done, u.positions-at)
		border(u.Window, s.packed, u.x[b*u.slots:][:u.slots])
		unfold(bordered(u.Window), s.tile[done*stride:], s.packed, at, count)
		done += count
	}
}

// convolve runs a Sample, if there is noise, and then the Convolve that uses its weights.
func (k *worker) convolve(i kernels.Convolve) task {
	u := k.unfolding(i.Layer, i.Src, i.Window)
	off, stride, yStride := k.program.Layout.Offset(i.Layer), u.Stride(), kernels.Stride(u.Out)
	y := k.buffers[i.Dst]
	d, begin := k.drawing(i.Layer)
	activate := k.activation(i.Forward)
	draw := func(p *pass, s share) {
		first, n := s.of(u.Out, shareRows)
		for end := first + n; first < end; first += blockRows {
			rows := min(blockRows, end-first)
			k.draw(d, p.draws, &k.team.scratch[s.thread], k.w[off+first*stride:][:rows*stride], first, rows)
		}
	}
	multiply := func(p *pass, s share) {
		rows := len(p.examples) * u.positions
		begin, tiles := s.of((rows+u.tile-1)/u.tile, 1)
		w := k.w[off:][:u.Slots()]
		if p.draws == means {
			w = d.mu
		}
		scratch := &k.team.scratch[s.thread]
		for first := begin * u.tile; first < min(rows, (begin+tiles)*u.tile); first += u.tile {
			n := min(u.tile, rows-first)
			u.rows(scratch, first, n)
			scratch.product = product{Layer: u.Layer, batch: n, activation: i.Activation}
			k.set.forward(&scratch.product, y[first*yStride:], scratch.tile, w, 0, u.Out)
		}
	}
	return func(p *pass) *kernels.Divergence {
		begin(p)
		if p.draws != means {
			k.fork(u.Slots(), p, draw)
		}
		k.fork(len(p.examples)*u.positions*stride, p, multiply)
		if !fused(i.Activation) {
			k.fork(len(p.examples)*k.program.Slots(i.Dst), p, activate)
		}
		return nil
	}
}

// convolveOfExamples is convolve with noise of every example and position: the weights' variances first, and then tile
// by tile the means of the pre-activations, their variances, and the noise.
func (k *worker) convolveOfExamples(i kernels.Convolve) task {
	u := k.unfolding(i.Layer, i.Src, i.Window)
	off, stride, yStride := k.program.Layout.Offset(i.Layer), u.Stride(), kernels.Stride(u.Out)
	y, v := k.buffers[i.Dst], k.own.variances[i.Layer]
	d, begin := k.drawing(i.Layer)
	noise := k.perturbing(i.Forward)
	atMu, activate := k.convolve(i), k.activation(i.Forward)
	variances := func(_ *pass, s share) {
		first, n := s.of(u.Out, shareRows)
		for end := first + n; first < end; first += blockRows {
			rows := min(blockRows, end-first)
			d.variances(k.set, &k.team.scratch[s.thread].pricing, k.w[off+first*stride:][:rows*stride], first, rows)
		}
	}
	multiply := func(p *pass, s share) {
		rows := len(p.examples) * u.positions
		begin, tiles := s.of((rows+u.tile-1)/u.tile, 1)
		scratch := &k.team.scratch[s.thread]
		for first := begin * u.tile; first < min(rows, (begin+tiles)*u.tile); first += u.tile {
			n := min(u.tile, rows-first)
			u.rows(scratch, first, n)
			scratch.product = product{Layer: u.Layer, batch: n}
			k.set.forward(&scratch.product, y[first*yStride:], scratch.tile, d.mu, 0, u.Out)
			k.set.squares(scratch.second[:n*stride], scratch.tile[:n*stride])
			if noise.perSynapse {
				k.set.forward(&scratch.product, v[first*yStride:], scratch.second, k.w[off:][:u.Slots()], 0, u.Out)
			} else {
				noise.norms(&scratch.product, scratch.second, first, n)
			}
			noise.rows(first, n)
		}
	}
	return func(p *pass) *kernels.Divergence {
		if p.draws == means {
			return atMu(p)
		}
		begin(p)
		noise.begin(d)
		if noise.perSynapse && p.draws == training {
			k.fork(u.Slots(), p, variances)
		}
		k.fork(len(p.examples)*u.positions*stride, p, multiply)
		if !fused(i.Activation) {
			k.fork(len(p.examples)*k.program.Slots(i.Dst), p, activate)
		}
		return nil
	}
}

// convolveBackward takes the gradient back through the weights of the Convolve, example by example: windows overlap.
func (k *worker) convolveBackward(i kernels.ConvolveBackward) task {
	u := k.unfolding(i.Layer, i.Src, i.Window)
	off, yStride := k.program.Layout.Offset(i.Layer), kernels.Stride(u.Out)
	dx, dy := k.deltas[i.Src], k.deltas[i.Dst]
	own := k.ownNoise()
	part := func(p *pass, s share) {
		w, noise := k.w, own && p.draws != means
		if p.draws == means || noise {
			w = p.state.Mu
		}
		scratch := &k.team.scratch[s.thread]
		begin, n := s.of(k.batch, 1)
		for b := begin; b < begin+n; b++ {
			to := scratch.folded[:u.Units()]
			clear(to)
			for first := 0; first < u.positions; first += u.tile {
				rows := min(u.tile, u.positions-first)
				scratch.product = product{Layer: u.Layer, batch: rows}
				dx := scratch.tile
				if noise {
					dx = scratch.third
				}
				at := b*u.positions + first
				k.set.backward(&scratch.product, dx, k.zeros, dy[at*yStride:], w[off:][:u.Slots()], 0, rows)
				if noise {
					u.rows(scratch, at, rows)
					k.addOfNoise(u, scratch, k.zeros, i.Layer, at, rows)
				}
				kernels.Fold(u.Packed(), to, dx, first, rows)
			}
			kernels.Unpack(u.Picture, dx[b*u.slots:], to)
			k.through(i.Activation, i.Src, b, 1)
		}
	}
	return func(p *pass) *kernels.Divergence {
		if own && p.draws != means {
			k.ofVariances(i.Layer, i.Dst)
		}
		k.fork(k.batch*u.positions*u.Stride(), p, part)
		return nil
	}
}

// addOfNoise adds to the third tile, the gradient of the unfolded one, what comes of the noise of its rows.
func (k *worker) addOfNoise(u *unfolding, s *scratch, zeros []float32, layer, first, rows int) {
	e, stride, yStride, off := k.own, u.Stride(), kernels.Stride(u.Out), k.program.Layout.Offset(layer)
	if k.program.Layout.Sharing == kernels.PerSynapse {
		k.set.backward(&s.product, s.second, zeros, e.dv[first*yStride:], k.w[off:][:u.Slots()], 0, rows)
		k.set.operations[mulMulAdd](&s.third[0], &twos[0], &s.tile[0], &s.second[0], &s.third[0], 0, 1, 1, 1, rows*stride)
		return
	}
	for r := range rows {
		k.addOfSigma(s.third[r*stride:][:stride], s.tile[r*stride:], e.dv[(first+r)*yStride:][:u.Out], e.sigmas[layer],
			e.norms[layer][(first+r)*rowStride])
	}
}

// through takes gradients of n examples of a buffer from after its activation to before it.
func (k *worker) through(a kernels.Activation, b kernels.Buffer, first, n int) {
	if a != kernels.Linear && n > 0 {
		slots := k.program.Slots(b)
		k.set.gradient(a, k.deltas[b][first*slots:][:n*slots], k.slopeOf(a, b)[first*slots:][:n*slots])
	}
}

// windowed forms dW of a convolution before the instruction that moves its parameters: tile by tile in some parts of
// the minibatch, whose number does not depend on that of threads, and then adds these. To the kernels it is the dW of a
// layer that reads its rows, one after the other: see of.
type windowed struct {
	*unfolding
	parts  [][]float32 // the first has the sum in the end
	ofPhi  [][]float32 // the same of the squares, if every example has its own noise; nil otherwise
	dy, dv []float32
	eye    []float32 // Out zeros, and then the unit vectors of blockRows examples
	add    operation
	form   func(p *pass, s share)
	reduce func(p *pass, s share)
	size   int
}

// window makes u the updating of a convolution, if it is one.
func (k *worker) window(g kernels.Gradient, u *updating) *windowed {
	if g.Window == nil {
		return nil
	}
	v := &windowed{unfolding: k.unfolding(g.Layer, g.Src, *g.Window), dy: u.dy, add: k.set.operations[kernels.OpAdd]}
	if u.dv != nil && k.program.Layout.Sharing == kernels.PerSynapse {
		v.dv = u.dv
	}
	stride, yStride, slots := u.Stride(), kernels.Stride(u.Out), u.Slots()
	rows := k.batch * v.positions
	tiles := (rows + v.tile - 1) / v.tile
	v.size = rows * stride
	for range partsOf(rows, v.tile) {
		v.parts = append(v.parts, aligned(slots))
		if v.dv != nil {
			v.ofPhi = append(v.ofPhi, aligned(slots))
		}
	}
	v.eye = aligned(u.Out + blockRows*yStride)
	for b := range blockRows {
		v.eye[u.Out+b*yStride+b] = 1
	}
	v.form = func(_ *pass, s share) {
		scratch := &k.team.scratch[s.thread]
		begin, n := s.of(len(v.parts), 1)
		for part := begin; part < begin+n; part++ {
			from, to := tiles*part/len(v.parts), tiles*(part+1)/len(v.parts)
			for t := from; t < to; t++ {
				first := t * v.tile
				count := min(v.tile, rows-first)
				v.rows(scratch, first, count)
				scratch.updating = updating{Layer: u.Layer, batch: count, x: scratch.tile, dy: v.dy[first*yStride:]}
				v.formPart(k.set, scratch, v.parts[part], t == from)
				if v.dv != nil {
					k.set.squares(scratch.second[:count*stride], scratch.tile[:count*stride])
					scratch.updating.x, scratch.updating.dy = scratch.second, v.dv[first*yStride:]
					v.formPart(k.set, scratch, v.ofPhi[part], t == from)
				}
			}
		}
	}
	v.reduce = func(_ *pass, s share) {
		first, n := s.of(u.Out, shareRows)
		for i := 1; i < len(v.parts); i++ {
			v.adds(v.parts[0], v.parts[i], first*stride, n*stride)
			if v.dv != nil {
				v.adds(v.ofPhi[0], v.ofPhi[i], first*stride, n*stride)
			}
		}
	}
	return v
}

// formPart forms dW of a tile, or adds it to what there is of a part.
func (v *windowed) formPart(set *kernelSet, s *scratch, part []float32, first bool) {
	if first {
		set.formDW(&s.updating, part, 0, v.Out)
		return
	}
	set.formDW(&s.updating, s.tileDW, 0, v.Out)
	v.adds(part, s.tileDW, 0, v.Slots())
}

func (v *windowed) adds(dst, src []float32, first, n int) {
	if n > 0 {
		dst, src = dst[first:first+n], src[first:first+n]
		v.add(&dst[0], &dst[0], &src[0], nil, nil, 1, 1, 0, 0, n)
	}
}

// begin forms dW.
func (v *windowed) begin(k *worker, p *pass) {
	if v != nil {
		k.fork(v.size, p, v.form)
		k.fork(v.Slots(), p, v.reduce)
	}
}

// of is the updating of a block of rows. That of a convolution has dW as its input, and unit vectors as its gradients.
func (v *windowed) of(u *updating, s *scratch, first, rows int) *updating {
	if v == nil {
		return u
	}
	s.updating = *u
	s.updating.batch, s.updating.x, s.updating.dy = rows, v.parts[0][first*u.Stride():], v.eye[u.Out-first:]
	if v.dv != nil {
		s.updating.xSquares, s.updating.dv = v.ofPhi[0][first*u.Stride():], s.updating.dy
	}
	return &s.updating
}

// windowSizes is how many values the convolutions of a program need room for in each thread: what a window sees at the
// positions of a tile, a packed picture, and dW of a tile.
func windowSizes(p *kernels.Program) (tile, packed, dW int) {
	for _, i := range p.Instructions {
		if i, ok := i.(kernels.Convolve); ok {
			stride := p.Layout.Layers[i.Layer].Stride()
			tile, packed = max(tile, tileRows(stride)*stride), max(packed, borderedSize(i.Window))
		}
	}
	for _, g := range p.Gradients() {
		if g.Window != nil {
			dW = max(dW, p.Layout.Layers[g.Layer].Slots())
		}
	}
	return tile, packed, dW
}

// windowMemory is what the convolutions of a worker take beside buffers, in bytes.
func windowMemory(p *kernels.Program, batch, threads int) float64 {
	tile, packed, dW := windowSizes(p)
	own, tiles := p.Draw == kernels.PerExample, tile
	if own {
		tiles *= 3
	}
	values := float64(float64(threads) * float64(tiles+2*packed+dW))
	if p.GoesBack() {
		values += float64(tile) // zeros
	}
	for _, g := range p.Gradients() {
		if g.Window != nil {
			layer := p.Layout.Layers[g.Layer]
			parts := partsOf(batch*g.Window.Output().Positions(), tileRows(layer.Stride()))
			if own {
				parts *= 2
			}
			values += float64(float64(parts)*float64(layer.Slots())) + float64(blockRows*kernels.Stride(layer.Out))
		}
	}
	return 4 * values
}

// partsOf is the number of parts in which dW of a convolution of so many rows is formed.
func partsOf(rows, tile int) int { return min((rows+tile-1)/tile, mostParts) }
