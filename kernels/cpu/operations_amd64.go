package cpu

import "quantal/kernels"

// operations are the kernels of a formula's operations, by operation. They read as many of x, y and z as it has
// arguments; n is a multiple of 16.
type operations [kernels.OpSelect + 1]func(dst, x, y, z *float32, n int)

var operationsAVX512 = operations{
	kernels.OpAdd:       formulaAddAVX512,
	kernels.OpSub:       formulaSubAVX512,
	kernels.OpMul:       formulaMulAVX512,
	kernels.OpDiv:       formulaDivAVX512,
	kernels.OpPow:       formulaPowAVX512,
	kernels.OpMin:       formulaMinAVX512,
	kernels.OpMax:       formulaMaxAVX512,
	kernels.OpLess:      formulaLessAVX512,
	kernels.OpLessEqual: formulaLessEqualAVX512,
	kernels.OpEqual:     formulaEqualAVX512,
	kernels.OpNeg:       formulaNegAVX512,
	kernels.OpAbs:       formulaAbsAVX512,
	kernels.OpSign:      formulaSignAVX512,
	kernels.OpSquare:    formulaSquareAVX512,
	kernels.OpSqrt:      formulaSqrtAVX512,
	kernels.OpExp:       formulaExpAVX512,
	kernels.OpLog:       formulaLogAVX512,
	kernels.OpLog1p:     formulaLog1pAVX512,
	kernels.OpExpm1:     formulaExpm1AVX512,
	kernels.OpTanh:      formulaTanhAVX512,
	kernels.OpSigmoid:   formulaSigmoidAVX512,
	kernels.OpSoftplus:  formulaSoftplusAVX512,
	kernels.OpSelect:    formulaSelectAVX512,
}

var operationsAVX2 = operations{
	kernels.OpAdd:       formulaAddAVX2,
	kernels.OpSub:       formulaSubAVX2,
	kernels.OpMul:       formulaMulAVX2,
	kernels.OpDiv:       formulaDivAVX2,
	kernels.OpPow:       formulaPowAVX2,
	kernels.OpMin:       formulaMinAVX2,
	kernels.OpMax:       formulaMaxAVX2,
	kernels.OpLess:      formulaLessAVX2,
	kernels.OpLessEqual: formulaLessEqualAVX2,
	kernels.OpEqual:     formulaEqualAVX2,
	kernels.OpNeg:       formulaNegAVX2,
	kernels.OpAbs:       formulaAbsAVX2,
	kernels.OpSign:      formulaSignAVX2,
	kernels.OpSquare:    formulaSquareAVX2,
	kernels.OpSqrt:      formulaSqrtAVX2,
	kernels.OpExp:       formulaExpAVX2,
	kernels.OpLog:       formulaLogAVX2,
	kernels.OpLog1p:     formulaLog1pAVX2,
	kernels.OpExpm1:     formulaExpm1AVX2,
	kernels.OpTanh:      formulaTanhAVX2,
	kernels.OpSigmoid:   formulaSigmoidAVX2,
	kernels.OpSoftplus:  formulaSoftplusAVX2,
	kernels.OpSelect:    formulaSelectAVX2,
}
