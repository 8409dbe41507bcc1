package ptx_test

import (
	"encoding/binary"
	"fmt"
	"log"
	"math"
	"strings"

	"quantal/kernels/ptx"
)

// A kernel that doubles an array, as nvcc would write it.
const double = `
.version 7.8
.target sm_80
.address_size 64
.visible .entry twice(.param .u64 x, .param .u32 n)
{
	.reg .pred %p<2>;
	.reg .b32 %r<6>;
	.reg .f32 %f<3>;
	.reg .b64 %rd<5>;
	ld.param.u64 %rd1, [x];
	ld.param.u32 %r1, [n];
	mov.u32 %r2, %ctaid.x;
	mov.u32 %r3, %ntid.x;
	mov.u32 %r4, %tid.x;
	mad.lo.s32 %r5, %r2, %r3, %r4;
	setp.ge.s32 %p1, %r5, %r1;
	@%p1 bra DONE;
	cvta.to.global.u64 %rd2, %rd1;
	mul.wide.s32 %rd3, %r5, 4;
	add.s64 %rd4, %rd2, %rd3;
	ld.global.f32 %f1, [%rd4];
	add.f32 %f2, %f1, %f1;
	st.global.f32 [%rd4], %f2;
DONE:
	ret;
}`

func Example() {
	module, err := ptx.Parse(double)
	if err != nil {
		log.Fatal(err)
	}
	kernel, err := module.Kernel("twice")
	if err != nil {
		log.Fatal(err)
	}
	machine := ptx.NewMachine()
	x, err := machine.Alloc(12)
	if err != nil {
		log.Fatal(err)
	}
	var data []byte
	for _, v := range []float32{1, 2.5, -3} {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	if err := machine.Write(x, data); err != nil {
		log.Fatal(err)
	}
	launch := ptx.Launch{Grid: [3]int{1, 1, 1}, Block: [3]int{32, 1, 1}, Args: []any{x, uint32(3)}}
	if err := machine.Launch(kernel, launch); err != nil {
		log.Fatal(err)
	}
	if err := machine.Read(x, data); err != nil {
		log.Fatal(err)
	}
	for i := range 3 {
		fmt.Println(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
	}

	// One element too many: the fault says where.
	launch.Args[1] = uint32(4)
	fmt.Println(strings.ReplaceAll(machine.Launch(kernel, launch).Error(), ": ", ":\n"))
	// Output:
	// 2
	// 5
	// -6
	// ptx:
	// kernel twice, line 22, block (0,0,0), thread (3,0,0):
	// ld.global.f32 %f1, [%rd4]:
	// out of bounds:
	// read of 4 bytes at address 0x7f000000000c, just past the end of allocation 0x7f0000000000 (12 bytes)
}
