package cuda

import (
	"cmp"
	"context"
	"fmt"

	"quantal/kernels"
)

// Evaluate tests every network on data. A group of 20 examples of one member is an instance: a block of the grid.
func (vm *VM) Evaluate(ctx context.Context, data *kernels.Data, step, draws int) ([]kernels.Score, error) {
	if err := vm.CheckEvaluation(ctx, data, draws); err != nil {
		return nil, err
	}
	scores := make([]kernels.Score, len(vm.Members))
	for _, b := range vm.batches() {
		if err := vm.makeResident(b); err != nil {
			return nil, err
		}
		tallies, err := vm.evaluate(ctx, data, step, draws)
		if err != nil {
			return nil, fmt.Errorf("cuda: evaluate %v: %w", b, err)
		}
		for i, t := range tallies {
			scores[b.from+i] = t.Score(data.N, draws, vm.shape.Likelihood)
		}
	}
	return scores, ctx.Err()
}

// tester holds the device memory of an evaluation.
type tester struct {
	pass
	vm              *VM
	shape           shape
	data            *kernels.Data
	members, atOnce int // groups at once
	outcomes, draws int
	inputs, answers Address
	mixture, result Address
	owned           []Address
}

// regions lists the workspace of a number of groups at once.
func (t *tester) regions(groups int) []region {
	s := t.shape
	instances := t.members * groups
	t.values, t.noise = make([]Address, len(s.Widths)), make([]Address, len(s.Widths))
	regions := []region{
		{"slots", 4 * instances, &t.xslot},
		{"identity", 4 * instances, &t.identity},
		{"partial sums", 4 * s.partSize * batchTile * instances, &t.part},
		{"figures", bytesFor[figuresRecord](2 * instances), &t.result},
		{"step", bytesFor[stepRecord](1), &t.steps},
		{"step index", 4, &t.base},
		{"weights of convolutions", 4 * s.shared * instances, &t.drawn},
	}
	if t.draws > 0 {
		regions = append(regions, region{"mixture", 4 * 3 * t.outcomes * batchTile * instances, &t.mixture})
	}
	for b := range s.variances() {
		regions = append(regions, region{fmt.Sprintf("noise of buffer %d", b), 4 * batchTile * instances * s.Slots(b),
			&t.noise[b]})
	}
	for i := range s.Widths {
		b, rows := kernels.Buffer(i), batchTile*instances
		if b == s.dataFirst {
			rows = batchTile * groups
		}
		if s.origin(b) == b {
			regions = append(regions, region{fmt.Sprintf("buffer %d", b), 4 * rows * s.Slots(b), &t.values[b]})
		}
	}
	return regions
}

func (vm *VM) newTester(data *kernels.Data, draws int) (*tester, error) {
	t := &tester{vm: vm, shape: vm.shape, data: data, members: vm.resident.len(),
		outcomes: vm.shape.Widths[vm.shape.Output], draws: draws}
	t.drawnSize = vm.shape.shared
	if vm.shape.Likelihood == kernels.Gaussian {
		t.outcomes = 1
	}
	t.atOnce = min(ceil(data.N, kernels.EvaluationGroup), maxInstances/t.members)
	for t.atOnce > 1 && total(t.regions(t.atOnce)) > evaluationBytes {
		t.atOnce = ceil(t.atOnce, 2)
	}
	inputs, answers := inputBytes(data), answerBytes(vm.shape.Likelihood, data)
	regions := append(t.regions(t.atOnce), region{"test inputs", len(inputs), &t.inputs},
		region{"test answers", len(answers), &t.answers})
	for _, r := range regions {
		a, err := vm.driver.Alloc(int64(max(r.bytes, 1)))
		if err != nil {
			return t, fmt.Errorf("allocate %d bytes for %s: %w", r.bytes, r.name, err)
		}
		*r.at = a
		t.owned = append(t.owned, a)
	}
	vm.shape.alias(t.values)
	slots, identity := make([]int32, t.members*t.atOnce), make([]int32, t.members*t.atOnce)
	for i := range slots {
		slots[i], identity[i] = int32(i%t.atOnce), int32(i)
	}
	return t, cmp.Or(
		vm.upload(t.inputs, inputs, "test inputs"), vm.upload(t.answers, answers, "test answers"),
		vm.upload(t.xslot, bytesOf(slots), "slots"), vm.upload(t.identity, bytesOf(identity), "identity"),
		vm.upload(t.base, make([]byte, 4), "step index"),
	)
}

func (t *tester) release() error {
	var all []error
	for _, a := range t.owned {
		all = append(all, t.vm.driver.Free(a))
	}
	return cmp.Or(all...)
}

// evaluate tests the members on the device.
func (vm *VM) evaluate(ctx context.Context, data *kernels.Data, step, draws int) (sums []kernels.Tallies, err error) {
	t, err := vm.newTester(data, draws)
	defer func() { err = cmp.Or(err, t.release()) }()
	if err != nil {
		return nil, err
	}
	t.instances, t.groups, t.batch, t.stream = t.members*t.atOnce, t.atOnce, batchTile, kernels.StreamEvaluation
	sums = make([]kernels.Tallies, t.members)
	groups := ceil(data.N, kernels.EvaluationGroup)
	for g := 0; g < groups; g += t.atOnce {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := t.test(ctx, sums, step, g); err != nil {
			return nil, fmt.Errorf("test examples from %d on: %w", g*kernels.EvaluationGroup, err)
		}
	}
	return sums, nil
}

// test runs the networks on the groups from firstGroup on and adds to the sums, group by group.
func (t *tester) test(ctx context.Context, sums []kernels.Tallies, step, firstGroup int) error {
	vm, first := t.vm, firstGroup*batchTile
	record := []stepRecord{{step: uint32(step), first: uint32(first)}}
	if err := vm.upload(t.steps, bytesOf(record), "step"); err != nil {
		return err
	}
	answers, n := vm.answers(t.answers), vm.counts.of
	const threads = 32
	grid := [3]int{1, 1, t.instances}
	output, width := t.values[vm.shape.Output], vm.shape.Widths[vm.shape.Output]
	score := vm.call("score", grid, threads, scoreParameters{
		answers: answers, members: vm.memory.members, y: output, result: t.result, first: n(first), n: n(t.data.N),
		out: n(width), groups: n(t.groups),
	})
	infer := func(kind string, draw0, drawStride int, then Launch) error {
		p := t.pass
		p.kind, p.draw0, p.drawStride = kind, uint32(draw0), uint32(drawStride) // Evaluate has checked their number
		launches := vm.drawShared(p)
		for _, instruction := range vm.shape.Instructions {
			if _, gathers := instruction.(kernels.Gather); !gathers && kernels.Infers(instruction) {
				launches = append(launches, vm.operation(p, instruction)...)
			}
		}
		return vm.launch(append(launches, then))
	}
	if err := vm.launch([]Launch{vm.gather(t.pass, t.groups, t.data, t.inputs, 0)}); err != nil {
		return err
	}
	if err := infer(vm.kind(), firstGroup, 1, score); err != nil {
		return err
	}
	if err := t.add(sums, 0, func(s *kernels.Tallies) *kernels.Tally { return &s.Sampled }); err != nil {
		return err
	}
	if err := infer("means", 0, 0, score); err != nil {
		return err
	}
	if err := t.add(sums, 0, func(s *kernels.Tallies) *kernels.Tally { return &s.Mean }); err != nil || t.draws == 0 {
		return err
	}
	for d := range t.draws {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := infer(vm.kind(), firstGroup*t.draws+d, t.draws, vm.call("mixture_add", grid, threads, mixtureAddParameters{
			answers: answers, members: vm.memory.members, y: output, mixture: t.mixture, first: n(first), n: n(t.data.N),
			out: n(width), outcomes: n(t.outcomes), groups: n(t.groups), draw: n(d),
		}))
		if err != nil {
			return err
		}
	}
	if err := vm.launch([]Launch{vm.call("mixture_score", grid, threads, mixtureScoreParameters{
		answers: answers, mixture: t.mixture, result: t.result, first: n(first), n: n(t.data.N), outcomes: n(t.outcomes),
		groups: n(t.groups), draws: n(t.draws),
	})}); err != nil {
		return err
	}
	return cmp.Or(
		t.add(sums, 0, func(s *kernels.Tallies) *kernels.Tally { return &s.Predictive }),
		t.add(sums, t.instances, func(s *kernels.Tallies) *kernels.Tally { return &s.ExpectedLog }),
	)
}

// add adds the figures of all groups, from the given place of the result on, to one of the tallies.
func (t *tester) add(sums []kernels.Tallies, from int, of func(*kernels.Tallies) *kernels.Tally) error {
	figures := make([]figuresRecord, t.instances)
	if err := t.vm.driver.Download(bytesOf(figures), t.result+Address(bytesFor[figuresRecord](from))); err != nil {
		return err
	}
	for i, f := range figures {
		sum := of(&sums[i/t.groups])
		sum.NLL += float64(f.nll)
		sum.Correct += float64(f.correct)
	}
	return nil
}
