package cpu

func allProbes() []probes {
	return []probes{{"neon", 4, probeExpNEON, probeExpToInfinityNEON, probeLogNEON, probeLog1pNEON, probeSoftplusNEON,
		probeSinCosPiNEON, probePhiloxNEON}}
}
