package sampling

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/mat"

	"quantal/analysis"
)

// moments are the statistics of the vectors of a block.
type moments struct {
	n             int
	mean, scatter []float64 // scatter: the sum of (x - mean)(x - mean)', rows one after the other
	// along each direction: the sum over chains and times of (x_t - mean)(x_(t+k) - mean), k = 0 .. Take-1
	autoscatter [][]float64
}

// vectorsOf returns the vectors of all chains at one time.
func vectorsOf(series []float64, d, take, time int) [][]float64 {
	out := make([][]float64, Block)
	for c := range out {
		out[c] = make([]float64, d)
		for i := range d {
			out[c][i] = series[(i*take+time)*Block+c]
		}
	}
	return out
}

// measure subtracts the mean from the series, which are not used afterwards, and adds up products.
func measure(series []float64, d int, p Plan) *moments {
	columns := p.Take * Block
	m := &moments{n: columns, mean: make([]float64, d), scatter: make([]float64, d*d)}
	for i := range d {
		row := series[i*columns : (i+1)*columns]
		for _, v := range row {
			m.mean[i] += v
		}
		m.mean[i] /= float64(columns)
		for k := range row {
			row[k] -= m.mean[i]
		}
	}
	all := blas64.General{Rows: d, Cols: columns, Stride: columns, Data: series}
	blas64.Gemm(blas.NoTrans, blas.Trans, 1, all, all, 0, blas64.General{Rows: d, Cols: d, Stride: d, Data: m.scatter})
	for k := range d {
		along := blas64.Vector{N: columns, Inc: 1, Data: make([]float64, columns)}
		direction := mat.Col(nil, k, p.Directions)
		blas64.Gemv(blas.Trans, 1, all, blas64.Vector{N: d, Inc: 1, Data: direction}, 0, along)
		m.autoscatter = append(m.autoscatter, autoscatter(along.Data, p.Take))
	}
	return m
}

// autoscatter returns sum over chains and t of x_t x_(t+k) for k = 0 .. take-1, by the power spectrum of the series
// followed by as many zeros; x has the values of all chains one time after the other.
func autoscatter(x []float64, take int) []float64 {
	n := 1
	for n < 2*take {
		n *= 2
	}
	fft := fourier.NewFFT(n)
	padded, coefficients := make([]float64, n), make([]complex128, n/2+1)
	power := make([]complex128, n/2+1)
	for c := range Block {
		for t := range take {
			padded[t] = x[t*Block+c]
		}
		fft.Coefficients(coefficients, padded)
		for i, v := range coefficients {
			power[i] += complex(real(v)*real(v)+imag(v)*imag(v), 0)
		}
	}
	out := fft.Sequence(nil, power)[:take]
	for k := range out {
		out[k] /= float64(n) // gonum's transforms multiply by n
	}
	return out
}

// combine combines blocks, in their order (Chan, Golub and LeVeque, Am. Stat. 37, 242, 1983).
func combine(blocks []*moments, p Plan) *Sample {
	d := len(p.Start)
	total := &moments{mean: make([]float64, d), scatter: make([]float64, d*d), autoscatter: make([][]float64, d)}
	for k := range total.autoscatter {
		total.autoscatter[k] = make([]float64, p.Take)
	}
	for _, b := range blocks {
		n := total.n + b.n
		weight := float64(total.n) * float64(b.n) / float64(n)
		for i := range d {
			for j := range d {
				total.scatter[i*d+j] += b.scatter[i*d+j] + weight*(b.mean[i]-total.mean[i])*(b.mean[j]-total.mean[j])
			}
		}
		for i := range d {
			total.mean[i] += (b.mean[i] - total.mean[i]) * float64(b.n) / float64(n)
		}
		for k, a := range b.autoscatter {
			for lag, v := range a {
				total.autoscatter[k][lag] += v
			}
		}
		total.n = n
	}
	s := &Sample{Vectors: total.n, Mean: total.mean, Covariance: mat.NewSymDense(d, nil)}
	for i := range d {
		for j := i; j < d; j++ {
			s.Covariance.SetSym(i, j, total.scatter[i*d+j]/float64(total.n-1))
		}
	}
	for _, a := range total.autoscatter {
		rho := make([]float64, len(a))
		for lag, v := range a {
			pairs := float64(p.Chains * (p.Take - lag))
			rho[lag] = v / pairs / (a[0] / float64(total.n))
		}
		s.Times = append(s.Times, analysis.IntegratedTime(rho))
		s.Autocorrelation = append(s.Autocorrelation, rho)
	}
	return s
}
