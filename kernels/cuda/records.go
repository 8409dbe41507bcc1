package cuda

import (
	"math"
	"unsafe"

	"quantal/kernels"
)

// The kinds of operationRecord.
const (
	activateOperation = iota
	forwardOperation
	lossOperation
	backwardOperation
)

// The records that kernels read and write, as their sources declare them.
type (
	memberRecord struct {
		Key         [2]uint32
		Rho         float32
		Magnitude   float32 // lambda B/N
		Reliability float32 // k B/N
		Rate        float32
		Variance    float32
		Constant    float32 // outputs log(2 pi variance)/2
	}
	stepRecord struct {
		Step, First                uint32
		Rate, Root                 float32 // 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t); of Langevin eps_t / eps and its root
		Beta1, Gain1, Beta2, Gain2 float32
		Epsilon                    float32
		_                          [3]float32
	}
	// walkRecord holds the numbers of a network under the rule Langevin.
	walkRecord struct {
		Rate      float32 // eps N/B; 0 without the gradient
		Amplitude float32 // sqrt(2 eps T)
	}
	haltRecord   struct{ Loss, Gradient int32 }
	figureRecord struct{ NLL, Correct float32 }

	// sampledRecord is a layer whose weights are drawn ahead, in tasks of 64 columns of a row.
	sampledRecord struct {
		In, Out, MuOffset, PhiOffset, PhiStride, WOffset, Layer, FirstTask int32
	}
	// gradientRecord is a layer whose dW is to be formed.
	gradientRecord struct {
		X, XSlot, DY                     Address
		In, Out, MuOffset, PhiOffset     int32
		Layer, FirstRow, FirstTile       int32
		MagnitudeTerms, ReliabilityTerms float32
		Parity                           int32 // numbers between the two halves of X, or 0
	}
	// operationRecord is one operation of the middle kernel.
	operationRecord struct {
		Kind, In, Out, Activation, WOffset, Slices int32
		X, Y, DY, DX                               Address
	}
)

func newMemberRecord(m kernels.Member, fraction float64, outputs int) memberRecord {
	return memberRecord{
		Key: [2]uint32{uint32(m.Seed), uint32(m.Seed >> 32)}, Rho: float32(m.Rho),
		Magnitude:   float32(m.Lambda * fraction),
		Reliability: float32(kernels.ReliabilitySlope(m.C, m.Rho) * fraction),
		Rate:        float32(m.LearningRate),
		Variance:    float32(m.NoiseVariance),
		Constant:    float32(float64(outputs) * math.Log(2*math.Pi*float64(float32(m.NoiseVariance))) / 2),
	}
}

// newWalkRecord holds what the schedule does not change: the numbers of steps of one size.
func newWalkRecord(m kernels.Member, fraction float64) walkRecord {
	s := kernels.NewLangevinStep[float32](kernels.Langevin{}, m, fraction, 0)
	return walkRecord{Rate: s.Rate, Amplitude: s.Noise}
}

func newStepRecord(rule kernels.Rule, step, first int) stepRecord {
	if l, ok := rule.(kernels.Langevin); ok {
		size := l.Schedule(step)
		return stepRecord{Step: uint32(step), First: uint32(first), Rate: float32(size), Root: float32(math.Sqrt(size))}
	}
	a, _ := rule.(kernels.Adam)
	t := float64(step + 1)
	return stepRecord{
		Step: uint32(step), First: uint32(first),
		Rate: float32(1 / (1 - math.Pow(a.Beta1, t))), Root: float32(1 / math.Sqrt(1-math.Pow(a.Beta2, t))),
		Beta1: float32(a.Beta1), Gain1: float32(1 - a.Beta1), Beta2: float32(a.Beta2), Gain2: float32(1 - a.Beta2),
		Epsilon: float32(a.Epsilon),
	}
}

// bytesOf views numbers or records as the bytes a little-endian device sees.
func bytesOf[T any](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}
