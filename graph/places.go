package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"quantal/kernels"
)

// place is a buffer as the compiler sees it: where a node of the way forward leaves its values.
type place struct {
	buffer     kernels.Buffer
	node       *gorgonia.Node // whose values it has, after the activation
	linear     *gorgonia.Node // before it
	rows       int            // for each example
	activation kernels.Activation
	made       int            // the number of the instruction that makes it
	srcs       []*place       // what it is made of, unless by a layer
	from       gorgonia.Nodes // the nodes of these
	aliases    []*place       // for each reader one, if there are several
	given      int            // aliases that have a reader
	of         *place         // whose alias it is
}

// unfolded is what a window sees of a place.
type unfolded struct {
	src    *place
	window kernels.Window
}

// reads are the operands of which an operation of the way forward reads the values; nil for other operations.
func reads(n *gorgonia.Node) gorgonia.Nodes {
	switch n.Op().(type) {
	case *NoisyLinear, *Activate, *Unfold, *Pool, *Flatten, *CrossEntropy, *GaussianNLL:
		return operands(n)[:1]
	case *Join:
		return operands(n)
	}
	return nil
}

func (c *compiler) newBuffer(rows, width int) kernels.Buffer {
	p := c.program
	if rows != 1 && p.Rows == nil {
		for range p.Widths {
			p.Rows = append(p.Rows, 1)
		}
	}
	p.Widths = append(p.Widths, width)
	if p.Rows != nil {
		p.Rows = append(p.Rows, rows)
	}
	return kernels.Buffer(len(p.Widths) - 1)
}

// newPlace is that of a node, which the next instruction makes.
func (c *compiler) newPlace(n *gorgonia.Node, rows, width int, srcs ...*place) *place {
	p := &place{buffer: c.newBuffer(rows, width), node: n, linear: n, rows: rows, made: len(c.program.Instructions),
		srcs: srcs}
	if len(srcs) > 0 {
		p.from = reads(n)
	}
	c.places[n] = p
	return p
}

// read is the place from which an operation reads x. If several do, each has its own name for it, so that each has its
// own gradient.
func (c *compiler) read(op gorgonia.Op, x *gorgonia.Node) (*place, error) {
	p := c.places[x]
	switch {
	case p == nil && x.IsVar() && x.Dims() == 2:
		if c.input != nil {
			return nil, fmt.Errorf("%v: a second input, %v, in addition to %v: want one", op, x, c.input)
		}
		c.input, c.program.Batch = x, x.Shape()[0]
		p = c.newPlace(x, 1, x.Shape()[1])
		c.emit(kernels.Gather{Dst: p.buffer})
		return p, nil
	case p == nil:
		return nil, fmt.Errorf("%v: its input %v is not the output of a layer, a pool or a Join", op, x)
	case c.readers[x] == 1 || x == c.input:
		return p, nil
	}
	if p.aliases == nil {
		split := kernels.Split{Src: p.buffer}
		for range c.readers[x] {
			a := &place{buffer: c.newBuffer(p.rows, c.program.Widths[p.buffer]), node: p.node, linear: p.node, rows: p.rows,
				of: p}
			p.aliases, split.Dsts = append(p.aliases, a), append(split.Dsts, a.buffer)
		}
		c.emit(split)
	}
	p.given++
	return p.aliases[p.given-1], nil
}

// readAll reads what an operation is made of.
func (c *compiler) readAll(op gorgonia.Op, in gorgonia.Nodes) (all []*place, buffers []kernels.Buffer, err error) {
	for _, x := range in {
		p, err := c.read(op, x)
		if err != nil {
			return nil, nil, err
		}
		all, buffers = append(all, p), append(buffers, p.buffer)
	}
	return all, buffers, nil
}

// unfold notes what a window sees; the layer that reads it is a convolution.
func (c *compiler) unfold(n *gorgonia.Node, op *Unfold, in gorgonia.Nodes) error {
	src, err := c.read(op, in[0])
	if err != nil {
		return err
	}
	if src.rows != op.SourceRows() || op.Batch != c.program.Batch {
		return fmt.Errorf("%v: its input %v has %d positions of %d examples, its window sees %d of %d", op, in[0], src.rows,
			c.program.Batch, op.SourceRows(), op.Batch)
	}
	c.unfolded[n] = &unfolded{src, op.Window}
	return nil
}

func (c *compiler) pool(n *gorgonia.Node, op *Pool, in gorgonia.Nodes) error {
	srcs, from, err := c.readAll(op, in)
	if err != nil {
		return err
	}
	if srcs[0].rows != op.Positions() || op.Batch != c.program.Batch {
		return fmt.Errorf("%v: its input %v has %d positions, its window sees %d", op, in[0], srcs[0].rows, op.Positions())
	}
	p := c.newPlace(n, op.Output().Positions(), op.Channels, srcs...)
	c.emit(kernels.Pool{Src: from[0], Dst: p.buffer, Pooling: op.Pooling, Window: op.Window})
	return nil
}

func (c *compiler) flatten(n *gorgonia.Node, op *Flatten, in gorgonia.Nodes) error {
	srcs, from, err := c.readAll(op, in)
	if err != nil {
		return err
	}
	if srcs[0].rows != op.Positions() || op.Batch != c.program.Batch {
		return fmt.Errorf("%v: its input %v has %d positions, it flattens %d", op, in[0], srcs[0].rows, op.Positions())
	}
	p := c.newPlace(n, 1, op.Units(), srcs...)
	c.emit(kernels.Flatten{Src: from[0], Dst: p.buffer, Picture: op.Picture})
	return nil
}

func (c *compiler) join(n *gorgonia.Node, op gorgonia.Op, in gorgonia.Nodes) error {
	srcs, from, err := c.readAll(op, in)
	if err != nil {
		return err
	}
	for _, src := range srcs {
		if src.rows != srcs[0].rows || c.program.Widths[src.buffer] != c.program.Widths[srcs[0].buffer] {
			return fmt.Errorf("%v: its inputs differ in their numbers of positions", op)
		}
	}
	p := c.newPlace(n, srcs[0].rows, c.program.Widths[srcs[0].buffer], srcs...)
	c.emit(kernels.Join{Srcs: from, Dst: p.buffer})
	return nil
}

// activate fuses an activation with the instruction that computes its input, if nothing else reads that.
func (c *compiler) activate(n *gorgonia.Node, op *Activate, in gorgonia.Nodes) error {
	p := c.places[in[0]]
	if p == nil || in[0] == c.input {
		return fmt.Errorf("%v: its input %v is not the output of a layer, a pool or a Join", op, in[0])
	}
	if made := c.activated(p.made, op.Activation); made != nil && c.readers[in[0]] == 1 && p.activation == kernels.Linear {
		c.program.Instructions[p.made] = made
		delete(c.places, in[0])
	} else {
		if err := c.join(n, op, in); err != nil {
			return err
		}
		p = c.places[n]
		c.program.Instructions[p.made] = c.activated(p.made, op.Activation)
	}
	p.activation, p.node = op.Activation, n
	c.places[n] = p
	return nil
}

// activated is an instruction with an activation; nil if it can have none.
func (c *compiler) activated(number int, a kernels.Activation) kernels.Instruction {
	switch i := c.program.Instructions[number].(type) {
	case kernels.Forward:
		i.Activation = a
		return i
	case kernels.Convolve:
		i.Activation = a
		return i
	case kernels.Join:
		i.Activation = a
		return i
	}
	return nil
}

// gradientAt is the place of which n is the gradient before the activation.
func (c *compiler) gradientAt(op gorgonia.Op, n *gorgonia.Node) (*place, error) {
	d, ok := c.deltas[n]
	if !ok || d.parts != nil || d.passed != (d.of.activation != kernels.Linear) {
		return nil, fmt.Errorf("%v: its input %v is not the gradient of what a layer, a pool or a Join has computed", op, n)
	}
	return d.of, nil
}

// arrives notes that n is the gradient of what is read at a place, and returns the activation through which the
// instruction that computes it takes it.
func (c *compiler) arrives(n *gorgonia.Node, at *place) kernels.Activation {
	if at.of != nil {
		c.deltas[n] = delta{of: at.of, parts: []kernels.Buffer{at.buffer}}
		return kernels.Linear
	}
	c.deltas[n] = delta{of: at}
	return at.activation
}

// activateGradient notes that n is the gradient of a place before its activation. The instruction that computes the
// gradient after it applies it. A Join that is there for its activation alone has its own way back.
func (c *compiler) activateGradient(n *gorgonia.Node, op *ActivateGradient, in gorgonia.Nodes) error {
	d, ok := c.deltas[in[0]]
	if !ok || d.passed || d.parts != nil {
		return fmt.Errorf("%v: its input %v is not the gradient of an activation", op, in[0])
	}
	p, slopeOf := d.of, d.of.node
	if op.Activation.KeepsSlope() {
		slopeOf = operands(p.node)[0]
	}
	if _, ok := p.node.Op().(*Activate); !ok || p.activation != op.Activation || slopeOf != in[1] {
		return fmt.Errorf("%v does not belong to the activation that %v is the gradient of", op, in[0])
	}
	if p.linear != p.node {
		c.deltas[n] = delta{of: p, passed: true}
		return nil
	}
	c.emit(kernels.JoinBackward{Src: p.srcs[0].buffer, Dst: p.buffer, Activation: c.arrives(n, p.srcs[0])})
	return nil
}

// fold takes the gradient of what a layer's window sees to what it looks at.
func (c *compiler) fold(n *gorgonia.Node, op *Fold, in gorgonia.Nodes) error {
	l := c.folded[in[0]]
	if l == nil || op.Window != *l.window {
		return fmt.Errorf("%v: its input %v is not the gradient of what its window sees", op, in[0])
	}
	c.emit(kernels.ConvolveBackward{Backward: c.backward(n, l), Window: *l.window})
	return nil
}

func (c *compiler) poolGradient(n *gorgonia.Node, op *PoolGradient, in gorgonia.Nodes) error {
	p, err := c.gradientAt(op, in[0])
	if err != nil {
		return err
	}
	of, ok := p.node.Op().(*Pool)
	if !ok || of.Window != op.Window || of.Pooling != op.Pooling || in[1] != p.node || in[2] != p.from[0] {
		return fmt.Errorf("%v is not the gradient of a pool that %v is the gradient of", op, in[0])
	}
	src := p.srcs[0]
	c.emit(kernels.PoolBackward{Src: src.buffer, Dst: p.buffer, Pooling: op.Pooling, Window: op.Window,
		Activation: c.arrives(n, src)})
	return nil
}

func (c *compiler) flattenGradient(n *gorgonia.Node, op *FlattenGradient, in gorgonia.Nodes) error {
	p, err := c.gradientAt(op, in[0])
	if err != nil {
		return err
	}
	if of, ok := p.node.Op().(*Flatten); !ok || of.Flat != op.Flat {
		return fmt.Errorf("%v is not the gradient of a picture that %v is the gradient of", op, in[0])
	}
	src := p.srcs[0]
	c.emit(kernels.FlattenBackward{Src: src.buffer, Dst: p.buffer, Picture: op.Picture, Activation: c.arrives(n, src)})
	return nil
}

func (c *compiler) joinGradient(n *gorgonia.Node, op *JoinGradient, in gorgonia.Nodes) error {
	p, err := c.gradientAt(op, in[0])
	if err != nil {
		return err
	}
	if _, ok := p.linear.Op().(*Join); !ok || op.Input >= len(p.srcs) {
		return fmt.Errorf("%v is not the gradient of a Join that %v is the gradient of", op, in[0])
	}
	src := p.srcs[op.Input]
	c.emit(kernels.JoinBackward{Src: src.buffer, Dst: p.buffer, Activation: c.arrives(n, src)})
	return nil
}

// addGradients adds the gradients of what several operations read at one place.
func (c *compiler) addGradients(n *gorgonia.Node, in gorgonia.Nodes) error {
	sum := delta{}
	for _, x := range in {
		d := c.deltas[x]
		if d.parts == nil || sum.of != nil && d.of != sum.of ||
			slices.ContainsFunc(d.parts, func(b kernels.Buffer) bool { return slices.Contains(sum.parts, b) }) {
			return fmt.Errorf("%v adds %v and %v, which are not gradients of two readers of one place", n, in[0], in[1])
		}
		sum.of, sum.parts = d.of, append(slices.Clone(sum.parts), d.parts...)
	}
	if len(sum.parts) == len(sum.of.aliases) {
		slices.Sort(sum.parts)
		c.emit(kernels.Merge{Src: sum.of.buffer, Dsts: sum.parts, Activation: sum.of.activation})
		sum.parts = nil
	}
	c.deltas[n] = sum
	return nil
}
