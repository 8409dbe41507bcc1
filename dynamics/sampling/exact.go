package sampling

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// Modes are the eigenvalues of a Hessian H and its eigenvectors, as columns: the independent directions of a Gaussian
// law.
type Modes struct {
	Values     []float64 // ascending
	Directions *mat.Dense
}

// NewModes decomposes a Hessian.
func NewModes(hessian mat.Symmetric) (Modes, error) {
	var eigen mat.EigenSym
	if !eigen.Factorize(hessian, true) {
		return Modes{}, errors.New("sampling: the eigenvalues of the Hessian do not converge")
	}
	m := Modes{Values: eigen.Values(nil), Directions: new(mat.Dense)}
	eigen.VectorsTo(m.Directions)
	if m.Values[0] <= 0 {
		return m, fmt.Errorf("sampling: the Hessian has an eigenvalue of %g: want all above 0", m.Values[0])
	}
	return m, nil
}

// Stiffest is the largest eigenvalue. Steps of 2 over it or longer are unstable.
func (m Modes) Stiffest() float64 { return m.Values[len(m.Values)-1] }

// Softest is the smallest.
func (m Modes) Softest() float64 { return m.Values[0] }

// function is the symmetric matrix with these eigenvectors whose eigenvalues are f of those.
func (m Modes) function(f func(h float64) float64) *mat.SymDense {
	d := len(m.Values)
	out := mat.NewSymDense(d, nil)
	for k, h := range m.Values {
		out.SymRankOne(out, f(h), m.Directions.ColView(k))
	}
	return out
}

// Covariance is that of the Gaussian law exp(-U/T) with Hessian H: T H^-1.
func (m Modes) Covariance(temperature float64) *mat.SymDense {
	return m.function(func(h float64) float64 { return temperature / h })
}

// StepCovariance is the stationary covariance of Langevin steps of a finite length, T (H - eps H^2 / 2)^-1.
func (m Modes) StepCovariance(step, temperature float64) *mat.SymDense {
	return m.function(func(h float64) float64 { return temperature / (h * (1 - step*h/2)) })
}

// MinibatchCovariance is the stationary covariance of Langevin steps with the gradient of minibatches, exactly: the
// solution C of
//
//	C = E[(I - eps H_B) C (I - eps H_B)] + eps^2 Var(H_B m - g_B) + 2 eps T I
//
// where H_B and g_B are the minibatch's estimates of the Hessian and of X'y / NoiseVariance, and m is the posterior
// mean. It returns an error if the steps are too long for a solution.
func (l *Linear) MinibatchCovariance(step, temperature float64, batch int) (*mat.SymDense, error) {
	m, _, err := l.Posterior()
	if err != nil {
		return nil, err
	}
	n, d := l.X.Dims()
	// Of N examples with replacement: N^2/B times the covariance over the examples of x (x'delta + x'm - y) /
	// NoiseVariance, with delta of covariance C and mean 0; terms that do not depend on the example cancel.
	perExample := float64(n) / float64(batch) / (l.NoiseVariance * l.NoiseVariance)
	residual := make([]float64, n)
	mean := mat.NewVecDense(d, nil) // the gradient of the likelihood at m, over N
	for i := range n {
		residual[i] = dot(l.X.RawRowView(i), m) - l.Y[i]
		mean.AddScaledVec(mean, residual[i], l.X.RowView(i))
	}
	gram := mat.NewDense(d, d, nil)
	gram.Mul(l.X.T(), l.X)
	identity := mat.NewDiagDense(d, nil)
	for i := range d {
		identity.SetDiag(i, 1)
	}
	contract := mat.NewDense(d, d, nil)
	contract.Scale(-step, l.full)
	contract.Add(contract, identity)

	c := mat.NewDense(d, d, nil)
	next, work, weighted := mat.NewDense(d, d, nil), mat.NewDense(d, d, nil), mat.NewDense(n, d, nil)
	const enough, most = 1e-13, 10_000_000
	for range most {
		for i := range n {
			x := l.X.RowView(i)
			weight := mat.Inner(x, c, x) + residual[i]*residual[i]
			for k := range d {
				weighted.Set(i, k, weight*x.AtVec(k))
			}
		}
		next.Mul(l.X.T(), weighted) // N times the second moment
		work.Product(gram, c, gram)
		work.Scale(1/float64(n), work)
		next.Sub(next, work)
		work.Outer(1/float64(n), mean, mean)
		next.Sub(next, work)
		next.Scale(step*step*perExample, next)
		work.Product(contract, c, contract)
		next.Add(next, work)
		work.Scale(2*step*temperature, identity)
		next.Add(next, work)
		work.Sub(next, c)
		change, size := mat.Norm(work, 2), mat.Norm(next, 2)
		c.Copy(next)
		if math.IsNaN(size) || size > 1e100 {
			return nil, ErrDiverged
		}
		if change <= enough*size {
			out := mat.NewSymDense(d, nil)
			for i := range d {
				for j := i; j < d; j++ {
					out.SetSym(i, j, (c.At(i, j)+c.At(j, i))/2)
				}
			}
			return out, nil
		}
	}
	return nil, fmt.Errorf("sampling: the covariance with minibatches of %d does not converge", batch)
}

// Laplace returns the mode of the posterior and the Hessian of U there, by Newton's method. The law is nearly
// Normal(mode, T H^-1) if there are many examples for each parameter; for few it is only an approximation.
func (l *Logistic) Laplace() (mode []float64, hessian *mat.SymDense, err error) {
	n, d := l.X.Dims()
	theta, gradient, step := mat.NewVecDense(d, nil), mat.NewVecDense(d, nil), mat.NewVecDense(d, nil)
	hessian = mat.NewSymDense(d, nil)
	for range 100 {
		hessian.Zero()
		gradient.ScaleVec(1/l.PriorVariance, theta)
		for i := range n {
			x := l.X.RowView(i)
			p := sigmoid(mat.Dot(x, theta))
			gradient.AddScaledVec(gradient, p-l.Y[i], x)
			hessian.SymRankOne(hessian, p*(1-p), x)
		}
		for i := range d {
			hessian.SetSym(i, i, hessian.At(i, i)+1/l.PriorVariance)
		}
		if mat.Norm(gradient, 2) < 1e-10*float64(n) {
			return theta.RawVector().Data, hessian, nil
		}
		var factors mat.Cholesky
		if !factors.Factorize(hessian) {
			break
		}
		if err := factors.SolveVecTo(step, gradient); err != nil {
			break
		}
		theta.SubVec(theta, step)
	}
	return nil, nil,
		errors.New("sampling: logistic regression: Newton's method does not reach the mode: want a smaller prior variance")
}

// Density is a law in two dimensions on a grid of points, equally spaced along each axis.
type Density struct {
	X, Y   []float64
	Values [][]float64 // of each Y, over X
}

// Quadrature evaluates exp(-U/T) of two parameters on a grid of points x points over the mean of a Laplace
// approximation, plus and minus widths of its standard deviations, and divides by the integral.
func (l *Logistic) Quadrature(mode []float64, covariance mat.Symmetric, temperature, widths float64,
	points int) Density {
	axis := func(k int) []float64 {
		out := make([]float64, points)
		half := widths * math.Sqrt(covariance.At(k, k))
		for i := range out {
			out[i] = mode[k] + half*(2*float64(i)/float64(points-1)-1)
		}
		return out
	}
	potential := func(a, b float64) float64 {
		u := (a*a + b*b) / (2 * l.PriorVariance)
		for i, y := range l.Y {
			z := l.X.At(i, 0)*a + l.X.At(i, 1)*b
			u += logOnePlusExp(z) - y*z
		}
		return u
	}
	f := Density{X: axis(0), Y: axis(1)}
	least, sum := potential(mode[0], mode[1]), 0.0
	for _, y := range f.Y {
		row := make([]float64, points)
		for i, x := range f.X {
			row[i] = math.Exp((least - potential(x, y)) / temperature)
			sum += row[i]
		}
		f.Values = append(f.Values, row)
	}
	cell := (f.X[1] - f.X[0]) * (f.Y[1] - f.Y[0])
	for _, row := range f.Values {
		for i := range row {
			row[i] /= sum * cell
		}
	}
	return f
}

// Moments are mean and covariance of the density.
func (f Density) Moments() (mean []float64, covariance *mat.SymDense) {
	cell := (f.X[1] - f.X[0]) * (f.Y[1] - f.Y[0])
	mean, covariance = make([]float64, 2), mat.NewSymDense(2, nil)
	each := func(add func(p, x, y float64)) {
		for j, row := range f.Values {
			for i, v := range row {
				add(v*cell, f.X[i], f.Y[j])
			}
		}
	}
	each(func(p, x, y float64) { mean[0] += p * x; mean[1] += p * y })
	var xx, xy, yy float64
	each(func(p, x, y float64) {
		x, y = x-mean[0], y-mean[1]
		xx, xy, yy = xx+p*x*x, xy+p*x*y, yy+p*y*y
	})
	covariance.SetSym(0, 0, xx)
	covariance.SetSym(0, 1, xy)
	covariance.SetSym(1, 1, yy)
	return mean, covariance
}

// RelativeError is ||a - b|| / ||b|| in the Frobenius norm.
func RelativeError(a, b mat.Matrix) float64 {
	var difference mat.Dense
	difference.Sub(a, b)
	return mat.Norm(&difference, 2) / mat.Norm(b, 2)
}

// MeanError is the largest difference of two means in standard deviations of the law.
func MeanError(a, b []float64, covariance mat.Symmetric) float64 {
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(a[i]-b[i])/math.Sqrt(covariance.At(i, i)))
	}
	return most
}

// along is the variance of a law along a direction, d'Cd.
func along(c mat.Symmetric, directions *mat.Dense, k int) float64 {
	d := directions.ColView(k)
	return mat.Inner(d, c, d)
}

// marginal is the density of the first parameter at X.
func (f Density) marginal() []float64 {
	out := make([]float64, len(f.X))
	for _, row := range f.Values {
		for i, v := range row {
			out[i] += v * (f.Y[1] - f.Y[0])
		}
	}
	return out
}

// contour is the line of equal density that contains a share of the law, for one with a single peak and convex lines:
// points on rays from the peak.
func (f Density) contour(share float64) (x, y []float64) {
	var values []float64
	sum, total := 0.0, 0.0
	peakI, peakJ := 0, 0
	for j, row := range f.Values {
		for i, v := range row {
			values = append(values, v)
			total += v
			if v > f.Values[peakJ][peakI] {
				peakI, peakJ = i, j
			}
		}
	}
	slices.SortFunc(values, func(a, b float64) int { return cmp.Compare(b, a) })
	level := 0.0
	for _, v := range values {
		if sum += v; sum >= share*total {
			level = v
			break
		}
	}
	value := func(x, y float64) float64 { // linear between the points
		u, v := (x-f.X[0])/(f.X[1]-f.X[0]), (y-f.Y[0])/(f.Y[1]-f.Y[0])
		i, j := int(u), int(v)
		if u < 0 || v < 0 || i+1 >= len(f.X) || j+1 >= len(f.Y) {
			return 0
		}
		u, v = u-float64(i), v-float64(j)
		return (1-v)*((1-u)*f.Values[j][i]+u*f.Values[j][i+1]) + v*((1-u)*f.Values[j+1][i]+u*f.Values[j+1][i+1])
	}
	for k := range 201 {
		s, c := math.Sincos(2 * math.Pi * float64(k) / 200)
		dx, dy := c*(f.X[len(f.X)-1]-f.X[0]), s*(f.Y[len(f.Y)-1]-f.Y[0])
		low, high := 0.0, 1.0
		for range 40 {
			middle := (low + high) / 2
			if value(f.X[peakI]+middle*dx, f.Y[peakJ]+middle*dy) > level {
				low = middle
			} else {
				high = middle
			}
		}
		x, y = append(x, f.X[peakI]+low*dx), append(y, f.Y[peakJ]+low*dy)
	}
	return x, y
}
