package cpu

import (
	"golang.org/x/sys/cpu"

	"quantal/kernels"
)

func available() []*kernelSet {
	var sets []*kernelSet
	if cpu.X86.HasAVX512BW && cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		sets = append(sets, avx512)
	}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		sets = append(sets, avx2)
	}
	return append(sets, portable)
}

var avx512 = assembly{
	gather: gatherAVX512,
	rho0:   sampleRho0AVX512, rhoHalf: sampleRhoHalfAVX512, rho1: sampleRho1AVX512, rho2: sampleRho2AVX512,
	anyRho: sampleAnyRhoAVX512,
	variances: [...]varianceKernel{variancesRho0AVX512, variancesRhoHalfAVX512, variancesRho1AVX512, variancesRho2AVX512,
		variancesAnyRhoAVX512},
	perturb:      perturbAVX512,
	sampleSlopes: sampleSlopesAVX512, sigmas: sigmasAVX512, sampleShared: sampleSharedAVX512, redraw: redrawAVX512,
	forward: forwardAVX512, backward: backwardAVX512,
	curves: map[kernels.Activation]curve{
		kernels.LeakyReLU:          {activateLeakyReLUAVX512, gradientLeakyReLUAVX512},
		kernels.Sigmoid:            {activateSigmoidAVX512, gradientSigmoidAVX512},
		kernels.SoftplusActivation: {activateSoftplusAVX512, gradientSoftplusAVX512},
		kernels.GELU:               {activateGELUAVX512, gradientGELUAVX512},
	},
	movers: map[string]movers{
		"adam": {
			mover{updateAVX512, updatePerExampleAVX512, updateSharedAVX512, updateMeansAVX512},
			mover{updatePricedAVX512, updatePerExamplePricedAVX512, updateSharedPricedAVX512, updateMeansPricedAVX512},
		},
		"sgd": {
			mover{updateSGDAVX512, updatePerExampleSGDAVX512, updateSharedSGDAVX512, updateMeansSGDAVX512},
			mover{updateSGDPricedAVX512, updatePerExampleSGDPricedAVX512, updateSharedSGDPricedAVX512,
				updateMeansSGDPricedAVX512},
		},
		"momentum": {
			mover{updateMomentumAVX512, updatePerExampleMomentumAVX512, updateSharedMomentumAVX512, updateMeansMomentumAVX512},
			mover{updateMomentumPricedAVX512, updatePerExampleMomentumPricedAVX512, updateSharedMomentumPricedAVX512,
				updateMeansMomentumPricedAVX512},
		},
		"rmsprop": {
			mover{updateRMSpropAVX512, updatePerExampleRMSpropAVX512, updateSharedRMSpropAVX512, updateMeansRMSpropAVX512},
			mover{updateRMSpropPricedAVX512, updatePerExampleRMSpropPricedAVX512, updateSharedRMSpropPricedAVX512,
				updateMeansRMSpropPricedAVX512},
		},
	},
	formDW: formDWAVX512,
	moves: map[string]func(values, first, second, gradient, rule *float32, n int) uint32{
		"adam": moveAVX512, "sgd": moveSGDAVX512, "momentum": moveMomentumAVX512, "rmsprop": moveRMSpropAVX512,
	},
	claim: claimAVX512, sum: sumAVX512, squares: squaresAVX512, sumInputs: sumInputsAVX512,
	operations: operationsAVX512,
	uniforms:   uniformsAVX512, advanceLine: advanceLineAVX512, advanceTable: advanceTableAVX512,
	advanceSitesLine: advanceSitesLineAVX512, advanceSitesTable: advanceSitesTableAVX512,
	arrivals: arrivalsAVX512, currents: currentsAVX512, leak: leakAVX512, steps: stepsAVX512,
}.set("avx512")

var avx2 = assembly{
	gather: gatherAVX2,
	rho0:   sampleRho0AVX2, rhoHalf: sampleRhoHalfAVX2, rho1: sampleRho1AVX2, rho2: sampleRho2AVX2,
	anyRho: sampleAnyRhoAVX2,
	variances: [...]varianceKernel{variancesRho0AVX2, variancesRhoHalfAVX2, variancesRho1AVX2, variancesRho2AVX2,
		variancesAnyRhoAVX2},
	perturb:      perturbAVX2,
	sampleSlopes: sampleSlopesAVX2, sigmas: sigmasAVX2, sampleShared: sampleSharedAVX2, redraw: redrawAVX2,
	forward: forwardAVX2, backward: backwardAVX2,
	curves: map[kernels.Activation]curve{
		kernels.LeakyReLU:          {activateLeakyReLUAVX2, gradientLeakyReLUAVX2},
		kernels.Sigmoid:            {activateSigmoidAVX2, gradientSigmoidAVX2},
		kernels.SoftplusActivation: {activateSoftplusAVX2, gradientSoftplusAVX2},
		kernels.GELU:               {activateGELUAVX2, gradientGELUAVX2},
	},
	movers: map[string]movers{
		"adam": {
			mover{updateAVX2, updatePerExampleAVX2, updateSharedAVX2, updateMeansAVX2},
			mover{updatePricedAVX2, updatePerExamplePricedAVX2, updateSharedPricedAVX2, updateMeansPricedAVX2},
		},
		"sgd": {
			mover{updateSGDAVX2, updatePerExampleSGDAVX2, updateSharedSGDAVX2, updateMeansSGDAVX2},
			mover{updateSGDPricedAVX2, updatePerExampleSGDPricedAVX2, updateSharedSGDPricedAVX2, updateMeansSGDPricedAVX2},
		},
		"momentum": {
			mover{updateMomentumAVX2, updatePerExampleMomentumAVX2, updateSharedMomentumAVX2, updateMeansMomentumAVX2},
			mover{updateMomentumPricedAVX2, updatePerExampleMomentumPricedAVX2, updateSharedMomentumPricedAVX2,
				updateMeansMomentumPricedAVX2},
		},
		"rmsprop": {
			mover{updateRMSpropAVX2, updatePerExampleRMSpropAVX2, updateSharedRMSpropAVX2, updateMeansRMSpropAVX2},
			mover{updateRMSpropPricedAVX2, updatePerExampleRMSpropPricedAVX2, updateSharedRMSpropPricedAVX2,
				updateMeansRMSpropPricedAVX2},
		},
	},
	formDW: formDWAVX2,
	moves: map[string]func(values, first, second, gradient, rule *float32, n int) uint32{
		"adam": moveAVX2, "sgd": moveSGDAVX2, "momentum": moveMomentumAVX2, "rmsprop": moveRMSpropAVX2,
	},
	claim: claimAVX2, sum: sumAVX2, squares: squaresAVX2, sumInputs: sumInputsAVX2,
	operations: operationsAVX2,
	uniforms:   uniformsAVX2, advanceLine: advanceLineAVX2, advanceTable: advanceTableAVX2,
	advanceSitesLine: advanceSitesLineAVX2, advanceSitesTable: advanceSitesTableAVX2,
	arrivals: arrivalsAVX2, currents: currentsAVX2, leak: leakAVX2, steps: stepsAVX2,
}.set("avx2")
