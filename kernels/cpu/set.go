package cpu

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"quantal/kernels"
)

//go:generate go run -C gen .

// kernelSet is one implementation of the parts of a step that take time. The functions work on any rows of a layer;
// their results do not depend on how the rows are divided among calls.
type kernelSet struct {
	name string

	// gather computes x = scale bytes + shift.
	gather func(x []float32, bytes []byte, scale, shift float32)
	// sample, sampleShared and redraw draw the weights of rows into w, which starts with the first of them.
	sample       func(d *drawing, w []float32, first, rows int) // one sigma per synapse, for training
	redraw       func(d *drawing, w []float32, first, rows int) // sigmas that are known already
	sampleShared func(d *drawing, w []float32, first, rows int, sigma float32)
	// variances is VarianceRow of rows, for noise of every example; perturb is Perturb, with a floor of y.
	variances func(d *drawing, v []float32, first, rows int)
	perturb   func(y, slope, v, xi []float32, floor float32)
	// sampleSlopes is sample for costs that are formulas: it leaves what these read of sigma in the rows of the scratch.
	sampleSlopes func(d *drawing, s *pricingScratch, w []float32, first, rows int)
	// forward computes rows of y = a(x w) for all examples, with w as above. Activations that are not fused are left to
	// the caller.
	forward func(p *product, y, x, w []float32, first, rows int)
	// backward computes dx = dy w for examples first to first+n, times the derivative of a fused
	// activation.
	backward func(p *product, dx, x, dy, w []float32, first, n int)
	// activate and gradient are Apply and ApplyGradient of package kernels, on whole rows.
	activate func(a kernels.Activation, y, slope []float32)
	gradient func(a kernels.Activation, dy, y []float32)
	// update forms dW of rows and moves their parameters by the rule of the given name; it reports whether gradients,
	// parameters and moments are then finite.
	update map[string]func(u *updating, s *scratch, first, rows int) bool
	// formDW forms dW of rows, which start at dw, pads included. move takes parameters down their gradients by the rule of
	// the given name, and reports as update does.
	formDW func(u *updating, dw []float32, first, rows int)
	move   map[string]func(u *updating, p kernels.Param[float32], gradient []float32) bool
	// claim adds gradients dy of outputs of a pool that exceed the threshold to dx, where the outputs y are the values x,
	// and sets them to 0. Outputs have rows of n, a multiple of 16; x and dx are at one position of their windows, step
	// further on for each next output.
	claim func(dx, x, y, dy []float32, n, outputs, step int, threshold float32)
	// squares computes dst = x^2 of whole rows.
	squares func(dst, x []float32)
	// sumInputs squares columns first to first+n of the input, in units of 16, and adds up the minibatch.
	sumInputs func(u *summing, first, n int)
	// sum forms dW of rows and the sum of the examples' squared gradients, and adds them up; it reports whether all were
	// finite.
	sum func(u *summing, s *scratch, first, rows int) bool

	// operations are those of formulas; sigmas is softplus with its inverse and its derivative. The lengths are multiples
	// of 16.
	operations operations
	sigmas     func(sigma, inverse, derivative, phi []float32)

	// advance and advanceSites are the methods of that name of a Diffusion.
	advance      func(d *kernels.Diffusion[float32], w []float32, n kernels.Noise, first, steps int)
	advanceSites func(d *kernels.Diffusion[float32], t kernels.Turnover[float32], w []float32, born []uint32,
		n kernels.Noise, first, steps int) (births, losses int)

	spikes kernels.SpikeKernels[float32]
}

// drawing holds what the functions that draw weights need to know about a layer. The slices cover the whole layer.
// Threads share it.
type drawing struct {
	kernels.Layer
	noise   kernels.Noise
	keys    [20]uint32 // noise.Keys()
	mu      []float32
	phi     []float32 // one per synapse; unused when sigma is shared
	costs   kernels.Slopes[float32]
	slope   []float32       // dw/dphi, to be filled; xi when sigma is shared
	cost    []float32       // the derivative of the costs with respect to phi, to be filled
	price   []float32       // and with respect to mu, but for the standard form; nil if there is no more
	sigma   []float32       // of every synapse, for redraw
	pricing *pricing        // of costs that are a formula; nil for others
	weights kernels.RowDraw // for evaluation, in place of normal ones; nil for these
	// ownNoise says that every example has its own noise: slope is that of the variances.
	ownNoise bool
}

// slots are the first slot of some rows in their layer, and the one after them.
func (d *drawing) slots(first, rows int) (from, to int) {
	return first * d.Stride(), (first + rows) * d.Stride()
}

// product is a layer in a product with a minibatch.
type product struct {
	kernels.Layer
	batch      int
	activation kernels.Activation // after y in forward, after x in backward
}

// floor is the lower bound of the activation's output.
func (p *product) floor() float32 {
	if p.activation == kernels.ReLU {
		return 0
	}
	return float32(math.Inf(-1))
}

// updating holds what the update of a layer needs. The slices cover the whole layer. Threads share it.
type updating struct {
	kernels.Layer
	batch   int
	sharing kernels.Sharing
	rule    kernels.TrainingStep[float32]
	x, dy   []float32
	row     kernels.Row[float32]
	slope   []float32 // as in drawing; overwritten
	cost    []float32
	price   []float32
	sums    []float64   // for each row sum_k dW xi, to be filled when sigma is shared
	pricing *pricing    // of costs that are a formula, unless the draw has priced them; nil for others
	phi     []float32   // of the layer, for these
	numbers [11]float32 // of the rule, as the assembly reads them
	// xSquares and dv are in place of x and dy for phi, if every example has its own noise; otherwise nil.
	xSquares, dv []float32
}

// summing holds what adding up the gradients of a layer needs. The slices cover the whole layer, those of the sums
// more. Threads share it.
type summing struct {
	kernels.Layer
	batch               int
	x, dy               []float32
	xSquares, dySquares []float32 // of the columns that sumInputs has squared, and of all of dy
	sums                kernels.SumRow
	inputs              kernels.InputSums
}

// scratch is where a thread writes while it forms dW.
type scratch struct {
	dw      []float32 // one row
	squares []float32 // one row
	lanes   []float32 // 16 numbers for each row of a block
	pricing pricingScratch
	block   blockScratch
	bad     bool // some gradient was not finite

	tile     []float32 // what a window sees at some positions
	second   []float32 // its squares, or the gradient with respect to these, if every example has its own noise
	third    []float32 // the gradient with respect to the tile, then
	packed   []float32 // the picture, with the zeros around it
	folded   []float32 // the gradient with respect to the picture
	tileDW   []float32 // dW from these
	product  product   // the product at hand, of a convolution
	updating updating  // the rows at hand, of a convolution
	ofPhi    updating  // the rows at hand, for dW of phi, if every example has its own noise
}

// setRule sets the rule.
func (u *updating) setRule(r kernels.TrainingStep[float32]) {
	u.rule = r
	size := float32(math.Abs(float64(r.Magnitude)))
	u.numbers = [...]float32{r.Beta1, r.Gain1, r.Beta2, r.Gain2, r.Rate, r.Root, r.Epsilon, size, -size, r.Decay,
		float32(math.Copysign(1e38, float64(r.Magnitude)))}
}

// portable is plain Go: the reference for the others, and the set on other processors.
var portable = &kernelSet{
	name: "portable",
	gather: func(x []float32, bytes []byte, scale, shift float32) {
		for i, v := range bytes {
			x[i] = float32(float32(v)*scale) + shift // not fused, on any processor: every set sees the same inputs
		}
	},
	sample: func(d *drawing, w []float32, first, rows int) {
		d.each(w, first, rows, func(w []float32, r, at, n int) {
			xi := d.slope[at:][:n]
			kernels.Normals(xi, d.noise, r)
			d.costs.SampleRow(w, xi, d.cost[at:], d.mu[at:], d.phi[at:], xi)
		})
	},
	variances: func(d *drawing, v []float32, first, rows int) {
		d.each(v, first, rows, func(v []float32, _, at, n int) {
			d.costs.VarianceRow(v, d.slope[at:], d.cost[at:], d.phi[at:][:n])
		})
	},
	perturb: func(y, slope, v, xi []float32, floor float32) {
		kernels.Perturb(y, slope, v, xi)
		for i := range y {
			y[i] = max(y[i], floor)
		}
	},
	sampleSlopes: func(d *drawing, s *pricingScratch, w []float32, first, rows int) {
		from, to := d.slots(first, rows)
		sigmas, derivatives := s.rows[sigmaRow][:to-from], s.rows[derivativeRow][:to-from]
		portableSigmas(sigmas, s.rows[inverseRow], derivatives, d.phi[from:to])
		d.each(w, first, rows, func(w []float32, r, at, n int) {
			xi := d.slope[at:][:n]
			kernels.Normals(xi, d.noise, r)
			for k := range xi {
				w[k] = d.mu[at+k] + float32(sigmas[at-from+k]*xi[k])
				xi[k] *= derivatives[at-from+k]
			}
		})
	},
	sampleShared: func(d *drawing, w []float32, first, rows int, sigma float32) {
		d.each(w, first, rows, func(w []float32, r, at, n int) {
			xi := d.slope[at:][:n]
			kernels.Normals(xi, d.noise, r)
			kernels.WeightsShared(w, d.mu[at:], sigma, xi)
		})
	},
	redraw: func(d *drawing, w []float32, first, rows int) {
		d.each(w, first, rows, func(w []float32, r, at, n int) {
			kernels.Normals(w, d.noise, r)
			kernels.Weights(w, d.mu[at:], d.sigma[at:], w)
		})
	},
	forward: func(p *product, y, x, w []float32, first, rows int) {
		kernels.Product[float32]{Layer: p.Layer, Batch: p.batch, W: w}.ForwardRows(y, x, first, rows)
		if !fused(p.activation) {
			return
		}
		for b := range p.batch {
			kernels.Apply(p.activation, y[b*kernels.Stride(p.Out)+first:][:rows], nil)
		}
	},
	backward: func(p *product, dx, x, dy, w []float32, first, n int) {
		stride, dyStride := p.Stride(), kernels.Stride(p.Out)
		dx, x, dy = dx[first*stride:], x[first*stride:], dy[first*dyStride:]
		kernels.Product[float32]{Layer: p.Layer, Batch: n, W: w}.BackwardInput(dx, dy)
		if !fused(p.activation) {
			return
		}
		for b := range n {
			kernels.ApplyGradient(p.activation, dx[b*stride:][:p.In], x[b*stride:][:p.In])
		}
	},
	activate: kernels.Apply[float32],
	gradient: kernels.ApplyGradient[float32],
	update:   portableUpdates,
	formDW: func(u *updating, dw []float32, first, rows int) {
		p := kernels.Product[float32]{Layer: u.Layer, Batch: u.batch}
		for r := range rows {
			p.WeightGradient(dw[r*u.Stride():][:u.Columns()], u.dy, u.x, first+r)
		}
	},
	move: portableMoves(),
	claim: func(dx, x, y, dy []float32, n, outputs, step int, threshold float32) {
		for r := range outputs {
			to, values := dx[r*step:][:n], x[r*step:][:n]
			for c, largest := range y[r*n:][:n] {
				if values[c] == largest && largest > threshold {
					to[c] += dy[r*n+c]
					dy[r*n+c] = 0
				}
			}
		}
	},
	squares: kernels.Squares[float32],
	sumInputs: func(u *summing, first, n int) {
		stride := u.Stride()
		for b := range u.batch {
			at := b*stride + first
			kernels.Squares(u.xSquares[at:][:n], u.x[at:][:n])
		}
		sums := kernels.InputSums{Magnitude: u.inputs.Magnitude[first:][:n], Square: u.inputs.Square[first:][:n]}
		kernels.AddInputs(sums, u.x[first:], u.xSquares[first:], u.batch, stride)
	},
	sum: func(u *summing, s *scratch, first, rows int) bool {
		p := kernels.Product[float32]{Layer: u.Layer, Batch: u.batch}
		finite := true
		n := u.Columns()
		dw, squares := s.dw[:n], s.squares[:n]
		for r := first; r < first+rows; r++ {
			p.WeightGradient(dw, u.dy, u.x, r)
			p.WeightGradient(squares, u.dySquares, u.xSquares, r)
			finite = kernels.AddGradient(u.sums.From(r*u.Stride()), dw, squares) && finite
		}
		return finite
	},
	operations:   portableOperations(),
	sigmas:       portableSigmas,
	advance:      (*kernels.Diffusion[float32]).Advance,
	advanceSites: (*kernels.Diffusion[float32]).AdvanceSites,
	spikes:       kernels.PortableSpikeKernels[float32](),
}

func portableSigmas(sigma, inverse, derivative, phi []float32) {
	kernels.Sigmas(sigma, derivative, phi)
	for k := range phi {
		inverse[k] = 1 / sigma[k]
	}
}

// portableUpdates has all rules that train.
var portableUpdates = func() map[string]func(u *updating, s *scratch, first, rows int) bool {
	updates := map[string]func(u *updating, s *scratch, first, rows int) bool{}
	for _, name := range kernels.MoverNames() {
		updates[name] = portableUpdate
	}
	return updates
}()

// portableMoves has all rules that train.
func portableMoves() map[string]func(u *updating, p kernels.Param[float32], gradient []float32) bool {
	moves := map[string]func(u *updating, p kernels.Param[float32], gradient []float32) bool{}
	for _, name := range kernels.MoverNames() {
		moves[name] = func(u *updating, p kernels.Param[float32], gradient []float32) bool { return u.rule.Row(p, gradient) }
	}
	return moves
}

// prices are the slopes of the costs over the means of rows, but for the standard form; nil if there is no more.
func (u *updating) prices(s *scratch, first, rows int) []float32 {
	switch {
	case u.price != nil:
		return u.price[first*u.Stride() : (first+rows)*u.Stride()]
	case u.pricing != nil && u.pricing.ofMu:
		return s.pricing.price
	}
	return nil
}

func portableUpdate(u *updating, s *scratch, first, rows int) bool {
	p := kernels.Product[float32]{Layer: u.Layer, Batch: u.batch}
	finite := true
	dw, prices := s.dw[:u.Columns()], u.prices(s, first, rows)
	for r := first; r < first+rows; r++ {
		p.WeightGradient(dw, u.dy, u.x, r)
		at, n := r*u.Stride(), u.Columns()
		row := kernels.Row[float32]{Mu: u.row.Mu.Slice(at, n)}
		if prices != nil {
			row.Price = prices[(r-first)*u.Stride():][:n]
		}
		if u.sharing == kernels.PerSynapse {
			row.Phi = u.row.Phi.Slice(at, n)
			if u.dv != nil {
				ofVariance := s.squares[:n]
				p.WeightGradient(ofVariance, u.dv, u.xSquares, r)
				finite = u.rule.UpdateRowOfExamples(row, dw, ofVariance, u.slope[at:], u.cost[at:]) && finite
				continue
			}
			finite = u.rule.UpdateRow(row, dw, u.slope[at:], u.cost[at:]) && finite
			continue
		}
		if u.sharing != kernels.NoNoise && u.dv == nil {
			u.sums[r] += kernels.SigmaGradient(dw, u.slope[at:])
		}
		finite = u.rule.UpdateMeans(row, dw) && finite
	}
	return finite
}

// each calls f for every row with its weights, its number, its first slot in the layer and its number of columns.
func (d *drawing) each(w []float32, first, rows int, f func(w []float32, r, at, n int)) {
	n, stride := d.Columns(), d.Stride()
	for r := first; r < first+rows; r++ {
		f(w[(r-first)*stride:][:n], r, r*stride, n)
	}
}

// KernelVariable is the environment variable that forces a kernel set.
const KernelVariable = "QUANTAL_KERNELS"

// KernelSets returns the names of the kernel sets that this processor can run, the fastest first.
func KernelSets() []string {
	var names []string
	for _, s := range available() {
		names = append(names, s.name)
	}
	return names
}

// Kernels returns the name of the kernel set that Open will choose: the fastest, or the one that the environment
// variable QUANTAL_KERNELS names. It is an error if the processor cannot run that.
func Kernels() (string, error) {
	s, err := choose()
	if err != nil {
		return "", err
	}
	return s.name, nil
}

func choose() (*kernelSet, error) {
	sets := available()
	want := os.Getenv(KernelVariable)
	if want == "" {
		return sets[0], nil
	}
	i := slices.IndexFunc(sets, func(s *kernelSet) bool { return s.name == want })
	if i < 0 {
		return nil, fmt.Errorf("cpu: %s=%s: want one that this processor runs: %s", KernelVariable, want,
			strings.Join(KernelSets(), ", "))
	}
	return sets[i], nil
}
