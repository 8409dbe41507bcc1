package cpu

import "quantal/kernels"

func available() []*kernelSet { return []*kernelSet{neon, portable} }

var neon = assembly{
	gather: gatherNEON,
	rho0:   sampleRho0NEON, rhoHalf: sampleRhoHalfNEON, rho1: sampleRho1NEON, rho2: sampleRho2NEON,
	anyRho: sampleAnyRhoNEON,
	variances: [...]varianceKernel{variancesRho0NEON, variancesRhoHalfNEON, variancesRho1NEON, variancesRho2NEON,
		variancesAnyRhoNEON},
	perturb:      perturbNEON,
	sampleSlopes: sampleSlopesNEON, sigmas: sigmasNEON, sampleShared: sampleSharedNEON, redraw: redrawNEON,
	forward: forwardNEON, backward: backwardNEON,
	curves: map[kernels.Activation]curve{
		kernels.LeakyReLU:          {activateLeakyReLUNEON, gradientLeakyReLUNEON},
		kernels.Sigmoid:            {activateSigmoidNEON, gradientSigmoidNEON},
		kernels.SoftplusActivation: {activateSoftplusNEON, gradientSoftplusNEON},
		kernels.GELU:               {activateGELUNEON, gradientGELUNEON},
	},
	movers: map[string]movers{
		"adam": {
			mover{updateNEON, updatePerExampleNEON, updateSharedNEON, updateMeansNEON},
			mover{updatePricedNEON, updatePerExamplePricedNEON, updateSharedPricedNEON, updateMeansPricedNEON},
		},
		"sgd": {
			mover{updateSGDNEON, updatePerExampleSGDNEON, updateSharedSGDNEON, updateMeansSGDNEON},
			mover{updateSGDPricedNEON, updatePerExampleSGDPricedNEON, updateSharedSGDPricedNEON, updateMeansSGDPricedNEON},
		},
		"momentum": {
			mover{updateMomentumNEON, updatePerExampleMomentumNEON, updateSharedMomentumNEON, updateMeansMomentumNEON},
			mover{updateMomentumPricedNEON, updatePerExampleMomentumPricedNEON, updateSharedMomentumPricedNEON,
				updateMeansMomentumPricedNEON},
		},
		"rmsprop": {
			mover{updateRMSpropNEON, updatePerExampleRMSpropNEON, updateSharedRMSpropNEON, updateMeansRMSpropNEON},
			mover{updateRMSpropPricedNEON, updatePerExampleRMSpropPricedNEON, updateSharedRMSpropPricedNEON,
				updateMeansRMSpropPricedNEON},
		},
	},
	formDW: formDWNEON,
	moves: map[string]func(values, first, second, gradient, rule *float32, n int) uint32{
		"adam": moveNEON, "sgd": moveSGDNEON, "momentum": moveMomentumNEON, "rmsprop": moveRMSpropNEON,
	},
	claim: claimNEON, sum: sumNEON, squares: squaresNEON, sumInputs: sumInputsNEON,
	operations: operationsNEON,
	uniforms:   uniformsNEON, advanceLine: advanceLineNEON, advanceTable: advanceTableNEON,
	advanceSitesLine: advanceSitesLineNEON, advanceSitesTable: advanceSitesTableNEON,
}.set("neon")

var operationsNEON = operations{
	kernels.OpAdd:       formulaAddNEON,
	kernels.OpSub:       formulaSubNEON,
	kernels.OpMul:       formulaMulNEON,
	kernels.OpDiv:       formulaDivNEON,
	kernels.OpPow:       formulaPowNEON,
	kernels.OpMin:       formulaMinNEON,
	kernels.OpMax:       formulaMaxNEON,
	kernels.OpLess:      formulaLessNEON,
	kernels.OpLessEqual: formulaLessEqualNEON,
	kernels.OpEqual:     formulaEqualNEON,
	kernels.OpNeg:       formulaNegNEON,
	kernels.OpAbs:       formulaAbsNEON,
	kernels.OpSign:      formulaSignNEON,
	kernels.OpSquare:    formulaSquareNEON,
	kernels.OpSqrt:      formulaSqrtNEON,
	kernels.OpExp:       formulaExpNEON,
	kernels.OpLog:       formulaLogNEON,
	kernels.OpLog1p:     formulaLog1pNEON,
	kernels.OpExpm1:     formulaExpm1NEON,
	kernels.OpTanh:      formulaTanhNEON,
	kernels.OpSigmoid:   formulaSigmoidNEON,
	kernels.OpSoftplus:  formulaSoftplusNEON,
	kernels.OpSelect:    formulaSelectNEON,
	mulMul:              formulaMulMulNEON,
	mulMulMul:           formulaMulMulMulNEON,
	mulAdd:              formulaMulAddNEON,
	mulSub:              formulaMulSubNEON,
	subMul:              formulaSubMulNEON,
	mulMulAdd:           formulaMulMulAddNEON,
	mulAddMul:           formulaMulAddMulNEON,
	cubeRoot:            formulaCubeRootNEON,
	inverseCubeRoot:     formulaInverseCubeRootNEON,
	inverse:             formulaInverseNEON,
	inverseAdd:          formulaInverseAddNEON,
	inverseMulAdd:       formulaInverseMulAddNEON,
	inverseMulMulAdd:    formulaInverseMulMulAddNEON,
	inverseMulAddMul:    formulaInverseMulAddMulNEON,
}
