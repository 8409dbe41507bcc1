package cpu

func allProbes() []probes {
	var all []probes
	for _, s := range available() {
		switch s {
		case avx512:
			all = append(all, probes{"avx512", 16, probeExpAVX512, probeExpToInfinityAVX512, probeLogAVX512, probeLog1pAVX512,
				probeSoftplusAVX512, probeSinCosPiAVX512, probePhiloxAVX512})
		case avx2:
			all = append(all, probes{"avx2", 8, probeExpAVX2, probeExpToInfinityAVX2, probeLogAVX2, probeLog1pAVX2,
				probeSoftplusAVX2, probeSinCosPiAVX2, probePhiloxAVX2})
		}
	}
	return all
}
