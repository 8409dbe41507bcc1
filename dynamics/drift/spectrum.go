package drift

import (
	"context"
	"errors"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"quantal/train"
)

// spectrum is how the squared length of a vector is distributed over the eigenvalues of a symmetric matrix: shares of
// it, which add up to 1, at values in ascending order.
type spectrum struct{ Values, Shares []float64 }

// lanczos is the spectrum of a vector by Lanczos' method, from the given number of products with the matrix: the Gauss
// quadrature of the vector's spectral measure, which has the right moments up to twice the number of products less one
// (Golub and Meurant, Matrices, Moments and Quadrature, 1994). A vector of independent normals has nearly the spectrum
// of the matrix itself (Ubaru, Chen and Saad, SIAM J. Matrix Anal. Appl. 38, 1075, 2017).
func lanczos(ctx context.Context, times func([]float64) []float64, vector []float64, products int) (spectrum, error) {
	v := slices.Clone(vector)
	var base [][]float64
	var diagonal, beside []float64
	for length := floats.Norm(v, 2); len(base) < products; length = floats.Norm(v, 2) {
		if len(base) > 0 {
			if length <= 1e-12*diagonal[0] { // the base spans all that the vector has
				break
			}
			beside = append(beside, length)
		}
		if !(length > 0) {
			return spectrum{}, errors.New("drift: a vector of length 0 has no spectrum")
		}
		if ctx.Err() != nil {
			return spectrum{}, train.ErrInterrupted
		}
		floats.Scale(1/length, v)
		base = append(base, v)
		v = times(v)
		diagonal = append(diagonal, floats.Dot(v, base[len(base)-1]))
		for range 2 { // in full, and again for what rounding leaves: otherwise eigenvalues come several times
			for _, b := range base {
				floats.AddScaled(v, -floats.Dot(v, b), b)
			}
		}
	}
	tridiagonal := mat.NewSymDense(len(diagonal), nil)
	for i, d := range diagonal {
		if tridiagonal.SetSym(i, i, d); i > 0 {
			tridiagonal.SetSym(i-1, i, beside[i-1])
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(tridiagonal, true) {
		return spectrum{}, errors.New("drift: the eigenvalues of the Fisher information do not converge")
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	s := spectrum{Values: eigen.Values(nil), Shares: make([]float64, len(diagonal))}
	for j := range s.Shares {
		s.Shares[j] = vectors.At(0, j) * vectors.At(0, j)
	}
	return s, nil
}

// weighted is the spectrum with each share times a function of its value, and their sum, by which they are divided.
func (s spectrum) weighted(f func(value float64) float64) (spectrum, float64) {
	w := spectrum{Values: s.Values}
	for j, v := range s.Values {
		w.Shares = append(w.Shares, s.Shares[j]*f(v))
	}
	sum := floats.Sum(w.Shares)
	floats.Scale(1/sum, w.Shares)
	return w, sum
}

// mean is the mean eigenvalue: v'Av / v'v for a vector v.
func (s spectrum) mean() float64 { return floats.Dot(s.Values, s.Shares) }

// below is the share below a value, which a quadrature knows within the share of the nearest of its values: half of the
// share of each value lies below it, and between values it is interpolated. No eigenvalue is below 0.
func (s spectrum) below(value float64) float64 {
	if value <= 0 {
		return 0
	}
	x, y, sum := 0., 0., 0.
	for j, v := range s.Values {
		next := sum + s.Shares[j]/2
		if v > value {
			return y + (next-y)*(value-x)/(v-x)
		}
		x, y, sum = max(0, v), next, sum+s.Shares[j]
	}
	return 1
}
