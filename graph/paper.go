package graph

import "quantal/kernels"

const (
	magnitudeCost = "magnitude = lambda*abs(mu)"
	powerCost     = "reliability = c*sigma^-rho"
	entropicCost  = "reliability = -c*log(sigma)"
)

// PaperCosts are the costs of Malkin et al. 2024, Eq. 2-4: lambda |mu|, and c sigma^-rho if there is noise.
func PaperCosts(s kernels.Sharing) []Law { return paperCosts(s, powerCost) }

// EntropicCosts are the same in the limit rho -> 0, where c (sigma^-rho - 1) / rho becomes -c log sigma: the costs of
// variational inference (Appendix 4).
func EntropicCosts(s kernels.Sharing) []Law { return paperCosts(s, entropicCost) }

func paperCosts(s kernels.Sharing, reliability string) []Law {
	costs := []Law{mustLaw(magnitudeCost)}
	if s != kernels.NoNoise {
		costs = append(costs, mustLaw(reliability))
	}
	return costs
}

func mustLaw(text string) Law {
	l, err := ParseLaw(text)
	if err != nil {
		panic(err) // a constant of this package
	}
	return l
}
