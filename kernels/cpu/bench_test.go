package cpu_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"quantal/graph"
	"quantal/kernels"
	"quantal/kernels/conformance"
	"quantal/kernels/cpu"
)

// benchmark opens a VM with copies of one network, in the given kernel set, and runs f with it. The sigmas are around
// 0.1: their size does not matter to the time.
func benchmark(b *testing.B, set string, rule kernels.Rule, sizes []int, batch int, sharing kernels.Sharing,
	rho float64, members, threads, examples int, f func(vm *cpu.VM, data *kernels.Data)) {
	b.Helper()
	b.Setenv(cpu.KernelVariable, set)
	costs := graph.PaperCosts(sharing)
	p, err := graph.CompileSpec(graph.Spec{Sizes: sizes, Batch: batch, Activation: kernels.ReLU, Sharing: sharing,
		Costs: costs}, rule)
	if err != nil {
		b.Fatal(err)
	}
	run(b, p, rho, members, threads, examples, f)
}

// run opens a VM with copies of one network and runs f with it.
func run(b *testing.B, p *kernels.Program, rho float64, members, threads, examples int,
	f func(vm *cpu.VM, data *kernels.Data)) {
	b.Helper()
	data := images(p, examples)
	m := make([]kernels.Member, members)
	for i := range m {
		m[i] = kernels.Member{Seed: uint64(i), C: 0.1, Rho: rho, Lambda: 0.01, LearningRate: 1e-4}
		if _, langevin := p.Rule.(kernels.Langevin); langevin {
			m[i].LearningRate, m[i].Temperature = 1e-10, 1
		}
	}
	vm, err := cpu.Open(p, m, data, threads)
	if err != nil {
		b.Fatal(err)
	}
	start := conformance.Initial(p.Layout, 1, 0.1)
	for i := range m {
		if err := vm.Load(i, start); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	f(vm, data)
}

var made = map[int]*kernels.Data{}

// images are examples of the width and number of MNIST's, or as many as requested, made once: gathering them at random
// from 47 megabytes is part of a step.
func images(p *kernels.Program, n int) *kernels.Data {
	key := n*10000 + p.Widths[0]
	if made[key] == nil || p.Widths[p.Output] != 10 {
		made[key] = conformance.Synthetic(p, n)
	}
	return made[key]
}

// train runs b.N steps of every member, as many per call as a driver would ask for.
func train(b *testing.B, vm *cpu.VM, synapses int) {
	const call = 50
	step := 0
	for b.Loop() {
		if _, err := vm.Run(context.Background(), step, call); err != nil {
			b.Fatal(err)
		}
		step += call
	}
	perStep := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / call
	b.ReportMetric(perStep/1e3, "µs/step")
	b.ReportMetric(perStep/float64(synapses), "ns/synapse")
	b.ReportMetric(0, "ns/op")
}

var published = []int{784, 100, 100, 10}

const publishedSynapses = 785*100 + 101*100 + 101*10

// BenchmarkStep times a training step of the published preset on one thread.
func BenchmarkStep(b *testing.B) {
	for _, set := range cpu.KernelSets() {
		for _, c := range []struct {
			name    string
			sharing kernels.Sharing
			rho     float64
		}{
			{"heterogeneous/rho=2", kernels.PerSynapse, 2}, {"heterogeneous/rho=2÷3", kernels.PerSynapse, 2. / 3},
			{"homogeneous/rho=2", kernels.PerNetwork, 2}, {"none", kernels.NoNoise, 2},
		} {
			b.Run(set+"/"+c.name, func(b *testing.B) {
				benchmark(b, set, kernels.DefaultAdam(), published, 20, c.sharing, c.rho, 1, 1, 60000,
					func(vm *cpu.VM, _ *kernels.Data) {
						train(b, vm, publishedSynapses)
					})
			})
		}
	}
}

// BenchmarkLaws times a step of the published preset on one thread with costs that are formulas, in turn with the
// paper's own kernels. ×paper is the median over the turns.
func BenchmarkLaws(b *testing.B) {
	for _, set := range cpu.KernelSets() {
		for _, law := range []string{
			"paper", "paper as a formula", "c/sigma + 0.1*c*sigma^2", "c*exp(-sigma)", "c*sigma^-0.5 + 0.1*c*sigma^-2",
			"c*mu^2/sigma^2", "3*c*mu^2/(mu^2 + 3*sigma^2)", "c*sqrt(sqrt(mu^2/sigma^2 + 0.1))", "c*log(1 + mu^2/sigma^2)",
			"c*abs(mu)^(4/3)*sigma^(-2/3)",
		} {
			b.Run(set+"/"+law, func(b *testing.B) {
				b.Setenv(cpu.KernelVariable, set)
				compile := func(costs []graph.Law) *kernels.Program {
					p, err := graph.CompileSpec(graph.Spec{Sizes: published, Batch: 20, Activation: kernels.ReLU, Costs: costs},
						kernels.DefaultAdam())
					if err != nil {
						b.Fatal(err)
					}
					return p
				}
				costs := graph.PaperCosts(kernels.PerSynapse)
				paper := compile(costs)
				p := paper
				switch law {
				case "paper":
				case "paper as a formula":
					p = paper.Plain()
				default:
					l, err := graph.ParseLaw("reliability = " + law)
					if err != nil {
						b.Fatal(err)
					}
					costs[1] = l
					p = compile(costs)
				}
				run(b, paper, 2, 1, 1, 60000, func(paper *cpu.VM, _ *kernels.Data) {
					run(b, p, 2, 1, 1, 60000, func(vm *cpu.VM, _ *kernels.Data) { inTurn(b, vm, paper) })
				})
			})
		}
	}
}

// BenchmarkDraws times a step of the published preset on one thread with noise of every example, in turn with one draw
// for the minibatch. ×paper is the median over the turns.
func BenchmarkDraws(b *testing.B) {
	for _, set := range cpu.KernelSets() {
		for _, sharing := range []kernels.Sharing{kernels.PerSynapse, kernels.PerNetwork} {
			b.Run(fmt.Sprintf("%s/%v", set, sharing), func(b *testing.B) {
				b.Setenv(cpu.KernelVariable, set)
				compile := func(draw kernels.Draw) *kernels.Program {
					p, err := graph.CompileSpec(graph.Spec{Sizes: published, Batch: 20, Activation: kernels.ReLU, Sharing: sharing,
						Costs: graph.PaperCosts(sharing), Draw: draw}, kernels.DefaultAdam())
					if err != nil {
						b.Fatal(err)
					}
					return p
				}
				run(b, compile(kernels.PerMinibatch), 2, 1, 1, 60000, func(shared *cpu.VM, _ *kernels.Data) {
					run(b, compile(kernels.PerExample), 2, 1, 1, 60000, func(vm *cpu.VM, _ *kernels.Data) { inTurn(b, vm, shared) })
				})
			})
		}
	}
}

// inTurn runs steps of one VM and as many of another, time and again.
func inTurn(b *testing.B, vm, other *cpu.VM) {
	const call = 50
	var steps, ratios []float64
	timed := func(vm *cpu.VM) float64 {
		start := time.Now()
		if _, err := vm.Run(context.Background(), len(steps)*call, call); err != nil {
			b.Fatal(err)
		}
		return float64(time.Since(start).Nanoseconds()) / call / 1e3
	}
	for b.Loop() {
		of, this := timed(other), timed(vm)
		steps, ratios = append(steps, this), append(ratios, this/of)
	}
	slices.Sort(steps)
	slices.Sort(ratios)
	b.ReportMetric(steps[len(steps)/2], "µs/step")
	b.ReportMetric(ratios[len(ratios)/2], "×paper")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAccumulate times a step of the published preset with frozen parameters on one thread.
func BenchmarkAccumulate(b *testing.B) {
	for _, set := range cpu.KernelSets() {
		for _, rule := range conformance.Accumulations {
			b.Run(fmt.Sprintf("%s/%v", set, rule), func(b *testing.B) {
				benchmark(b, set, rule, published, 20, kernels.PerSynapse, 2, 1, 1, 60000, func(vm *cpu.VM, _ *kernels.Data) {
					train(b, vm, publishedSynapses)
				})
			})
		}
	}
}

// BenchmarkLangevin times a step of the published preset under the rule Langevin on one thread.
func BenchmarkLangevin(b *testing.B) {
	for _, set := range cpu.KernelSets() {
		b.Run(set, func(b *testing.B) {
			benchmark(b, set, kernels.Langevin{}, published, 20, kernels.PerSynapse, 2, 1, 1, 60000,
				func(vm *cpu.VM, _ *kernels.Data) {
					train(b, vm, publishedSynapses)
				})
		})
	}
}

// BenchmarkSizes times a step of other networks, on one thread.
func BenchmarkSizes(b *testing.B) {
	for _, set := range cpu.KernelSets() {
		for _, c := range []struct {
			sizes []int
			batch int
		}{
			{published, 20}, {[]int{784, 10}, 20}, {[]int{784, 1000, 10}, 20}, {[]int{784, 37, 11, 10}, 20},
			{[]int{3072, 500, 500, 100}, 20}, {published, 1}, {published, 128},
		} {
			synapses := 0
			for i := range c.sizes[1:] {
				synapses += (c.sizes[i] + 1) * c.sizes[i+1]
			}
			b.Run(fmt.Sprintf("%s/%v/B=%d", set, c.sizes, c.batch), func(b *testing.B) {
				benchmark(b, set, kernels.DefaultAdam(), c.sizes, c.batch, kernels.PerSynapse, 2, 1, 1, 2000,
					func(vm *cpu.VM, _ *kernels.Data) {
						train(b, vm, synapses)
					})
			})
		}
	}
}

// BenchmarkMembers times a step of several members on two threads.
func BenchmarkMembers(b *testing.B) {
	for _, members := range []int{1, 2, 8} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			benchmark(b, cpu.KernelSets()[0], kernels.DefaultAdam(), published, 20, kernels.PerSynapse, 2, members, 2, 60000,
				func(vm *cpu.VM, _ *kernels.Data) {
					train(b, vm, publishedSynapses*members)
				})
		})
	}
}

// BenchmarkEvaluate times the test of the published preset on 10,000 images, sampled and with the mean weights.
func BenchmarkEvaluate(b *testing.B) {
	for _, set := range cpu.KernelSets() {
		b.Run(set, func(b *testing.B) {
			benchmark(b, set, kernels.DefaultAdam(), published, 20, kernels.PerSynapse, 2, 1, 1, 10000,
				func(vm *cpu.VM, data *kernels.Data) {
					for b.Loop() {
						if _, err := vm.Evaluate(context.Background(), data, 0, 0); err != nil {
							b.Fatal(err)
						}
					}
				})
		})
	}
}
