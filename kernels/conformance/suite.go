package conformance

import (
	"fmt"
	"testing"

	"quantal/kernels"
)

// Open opens a VM.
type Open func(p *kernels.Program, members []kernels.Member, train *kernels.Data) (kernels.VM, error)

// Machine is a way of running Programs.
type Machine struct {
	Name string
	Open Open
	// Ways are other ways to run the same kernels: with more threads, say, or with members in batches. Every byte must be
	// the same.
	Ways map[string]Open
	Slow bool // as an interpreter is: some of the tests are enough
	Laws int  // random laws that it takes; 0 means 10,000
	// SharedPictures: in a convolution it has no noise of every example.
	SharedPictures bool
}

// Test runs all tests on the machines.
func Test(t *testing.T, machines ...Machine) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, machines []Machine)
	}{
		{"StepsAgainstFloat64", stepsAgainstFloat64},
		{"MoversAgainstFloat64", moversAgainstFloat64},
		{"SchedulesAgainstFloat64", schedulesAgainstFloat64},
		{"ActivationsAgainstFloat64", activationsAgainstFloat64},
		{"LawsAgainstFloat64", lawsAgainstFloat64},
		{"PlainLaws", plainLaws},
		{"LayersAgainstFloat64", layersAgainstFloat64},
		{"LayersByThemselves", eachMachine(layersByThemselves)},
		{"RandomLaws", randomLaws},
		{"QuantalSynapses", quantalSynapses},
		{"NoiseOfExamples", noiseOfExamples},
		{"SingularLaw", eachMachine(singularLaw)},
		{"PicturesAgainstFloat64", picturesAgainstFloat64},
		{"CostsPerPosition", costsPerPosition},
		{"NoiseOfPositions", noiseOfPositions},
		{"PublishedPreset", publishedPreset},
		{"SumsAgainstFloat64", sumsAgainstFloat64},
		{"LangevinAgainstFloat64", langevinAgainstFloat64},
		{"AgainstStockOperations", againstStockOperations},
		{"EvaluateAgainstTheDefinitions", evaluateAgainstTheDefinitions},
		{"BytesDoNotDependOnCompany", bytesDoNotDependOnCompany},
		{"Divergence", eachMachine(divergence)},
		{"GradientsBeyondFloat32", eachMachine(gradientsBeyondFloat32)},
		{"SumsOfSingleExamples", eachMachine(sumsOfSingleExamples)},
		{"SumsOfACertainNetwork", eachMachine(sumsOfACertainNetwork)},
		{"SumsOfManyMinibatches", eachMachine(sumsOfManyMinibatches)},
		{"SumsBeginWithTheState", eachMachine(sumsBeginWithTheState)},
		{"NoiseVanishes", eachMachine(noiseVanishes)},
		{"LangevinSamplesThePosterior", eachMachine(samplesThePosterior)},
		{"Refusals", eachMachine(refusals)},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, machines) })
	}
}

func eachMachine(test func(t *testing.T, m Machine)) func(t *testing.T, machines []Machine) {
	return func(t *testing.T, machines []Machine) {
		for _, m := range machines {
			t.Run(m.Name, func(t *testing.T) { test(t, m) })
		}
	}
}

// noticed is the factor by which a planted fault must exceed the tolerance.
const noticed = 50

// comparison is a run of a network that is compared with the reference.
type comparison struct {
	network      *Network
	first, count int
	losses       float64  // tolerance of the losses
	flaws        []string // planted in the reference of one member after the other
	after        func(t *testing.T, vm kernels.VM)
}

// on runs the network on machines. References are made once for all of them.
func (c comparison) on(t *testing.T, machines []Machine) {
	var want []*Reference
	wrong := map[string][]*Reference{}
	for _, m := range machines {
		if want == nil {
			want = c.network.After(c.first, c.count, "")
			for _, flaw := range c.flaws {
				wrong[flaw] = c.network.Only(0).After(c.first, c.count, flaw)
				wrong[flaw][0].allowed = want[0].tolerance() // not that of a wrong network
			}
		}
		t.Run(fmt.Sprintf("%s/%d steps", m.Name, c.count), func(t *testing.T) {
			vm := c.network.Open(t, m.Open)
			checkLosses(t, Run(t, vm, c.first, c.count), want, c.losses)
			if worst, where := c.network.Excess(t, vm, want); !(worst <= 1) {
				t.Error(where)
			}
			for flaw, want := range wrong {
				if e, _ := c.network.Excess(t, vm, want); e < noticed {
					t.Errorf("the planted fault %q goes unnoticed: %.2g of the tolerance", flaw, e)
				}
			}
			if c.after != nil {
				c.after(t, vm)
			}
		})
	}
}

// some are the machines for run number i, which is or is not one of the shorter runs: slow machines get every fifth in
// short tests.
func some(machines []Machine, i int, shorter bool) []Machine {
	var list []Machine
	for _, m := range machines {
		if !m.Slow || shorter && (!testing.Short() || i%5 == 0) {
			list = append(list, m)
		}
	}
	return list
}
