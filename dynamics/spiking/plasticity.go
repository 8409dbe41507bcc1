package spiking

import (
	"errors"
	"fmt"
	"math"

	"quantal/kernels"
)

// Plasticity changes a weight w by the times of spikes on both sides, through a trace x of the presynaptic spikes that
// have arrived and y of the postsynaptic ones, which decay with TauPre and TauPost. When a spike arrives, after it has
// acted with the old weight,
//
//	w <- w - Minus f-(w) y + Offset,   x <- x + 1
//
// and when the postsynaptic neuron fires,
//
//	w <- w + Plus f+(w) x,   y <- y + 1
//
// and w stays between Low and High. In one step arrivals come first, so a spike that arrives in the step of a
// postsynaptic one precedes it, with x not yet decayed. With Nearest, traces are set to 1 in place of increased: each
// spike forms a pair with the latest of the other side only.
type Plasticity struct {
	TauPre, TauPost float64 // ms
	Plus, Minus     float64
	Offset          float64
	Nearest         bool
	Form            Form
	Low, High       float64
	// Of LogWeight: the weight W0 at which Plus and Minus balance, how slowly depression saturates above it, Alpha, and
	// how slowly potentiation falls, Beta.
	W0, Alpha, Beta float64
}

// Form is how changes depend on the weight.
type Form int

// The forms.
const (
	// Additive: f+ = f- = 1.
	Additive Form = iota
	// Multiplicative: f+ = High - w, f- = w - Low (J. Rubin, D. D. Lee, H. Sompolinsky, Phys. Rev. Lett. 86, 364, 2001).
	Multiplicative
	// LogWeight: f+ = exp(-w / (Beta W0)); f- = w/W0 up to W0, 1 + ln(1 + Alpha (w/W0 - 1)) / Alpha above (M. Gilson,
	// T. Fukai, PLoS ONE 6, e25339, 2011).
	LogWeight
)

// InhibitoryPlasticity keeps the rate of the postsynaptic neurons near a target in Hz (T. P. Vogels, H. Sprekeler, F.
// Zenke, C. Clopath, W. Gerstner, Science 334, 1569, 2011): each spike changes w by rate times the trace of the other
// side, and each arrival by -rate 2 target tau as well.
func InhibitoryPlasticity(rate, target, tau, low, high float64) *Plasticity {
	return &Plasticity{TauPre: tau, TauPost: tau, Plus: rate, Minus: -rate, Offset: -rate * 2 * target * tau / 1000,
		Low: low, High: high}
}

func (p *Plasticity) check() error {
	if p == nil {
		return nil
	}
	switch {
	case !finite(p.TauPre, p.TauPost, p.Plus, p.Minus, p.Offset) || p.TauPre <= 0 || p.TauPost <= 0:
		return errors.New("plasticity: want numbers, with time constants above 0")
	case !finite(p.Low, p.High) || p.Low >= p.High:
		return fmt.Errorf("plasticity: bounds %g and %g: want rising numbers", p.Low, p.High)
	case p.Form < Additive || p.Form > LogWeight:
		return fmt.Errorf("plasticity: form %d is none", p.Form)
	case p.Form == LogWeight && !(p.W0 > 0 && p.Alpha > 0 && p.Beta > 0):
		return fmt.Errorf("plasticity: w0 %g, alpha %g, beta %g: want numbers above 0", p.W0, p.Alpha, p.Beta)
	}
	return nil
}

// down is f-, up is f+.
func (p *Plasticity) down(w float64) float64 {
	switch {
	case p.Form == Multiplicative:
		return w - p.Low
	case p.Form == LogWeight && w <= p.W0:
		return w / p.W0
	case p.Form == LogWeight:
		return 1 + math.Log1p(p.Alpha*(w/p.W0-1))/p.Alpha
	}
	return 1
}

func (p *Plasticity) up(w float64) float64 {
	switch p.Form {
	case Multiplicative:
		return p.High - w
	case LogWeight:
		return math.Exp(-w / (p.Beta * p.W0))
	}
	return 1
}

// Intrinsic moves all weights of a projection by dw = mu(w) dt + sigma(w) dB between reflecting bounds, independently
// of activity, in blocks of time: see kernels.Diffusion.
type Intrinsic struct {
	Low, High float64
	Mu, Sigma []float64 // at equally spaced weights, the first Low and the last High, per unit of time
	Every     int       // steps of the network between moves
	Time      float64   // that passes for the weights in a move, in the unit of Mu
	Substeps  int       // of a move
	// Turnover makes Low absorbing: a weight that reaches it becomes 0, which is a place without a contact. A new one
	// appears there in each substep as Turnover says. Low is 0 or more. nil for a reflecting Low.
	Turnover *kernels.Turnover[float64]
}

func (i *Intrinsic) check() error {
	if i == nil {
		return nil
	}
	switch {
	case !finite(i.Low, i.High) || i.Low >= i.High:
		return fmt.Errorf("intrinsic dynamics: bounds %g and %g: want rising numbers", i.Low, i.High)
	case len(i.Mu) < 2 || len(i.Mu) != len(i.Sigma) || !finite(i.Mu...) || !finite(i.Sigma...):
		return errors.New("intrinsic dynamics: want mu and sigma at two or more weights")
	case i.Every < 1 || i.Substeps < 1 || !(i.Time > 0):
		return errors.New("intrinsic dynamics: want one or more steps between moves, substeps, and a time")
	case i.Turnover != nil && i.Low < 0:
		return errors.New("intrinsic dynamics: turnover needs a low of 0 or more")
	}
	dt := i.Time / float64(i.Substeps)
	for k, mu := range i.Mu {
		if math.Abs(mu)*dt+kernels.MaxNormal*math.Abs(i.Sigma[k])*math.Sqrt(dt) > (i.High-i.Low)/2 {
			return fmt.Errorf("intrinsic dynamics: a weight may move by more than half of the range in one of %d substeps: "+
				"want more", i.Substeps)
		}
	}
	return nil
}

// Scaling multiplies, every so many steps, all weights onto a neuron by 1 + Speed (Target - rate)/Target, with its rate
// since the last time (G. G. Turrigiano et al., Nature 391, 892, 1998), but by no less than 0, and keeps them between
// Low and High.
type Scaling struct {
	Every     int
	Target    float64 // Hz
	Speed     float64
	Low, High float64
}

func (s *Scaling) check() error {
	if s != nil && (s.Every < 1 || !(s.Target > 0) || !(s.Speed >= 0) || !(s.Low < s.High)) {
		return fmt.Errorf("scaling %+v: want steps and a target above 0, a speed of 0 or more, and rising bounds", *s)
	}
	return nil
}
