// For each function of functions.h: a symbol for the linker that jumps through a pointer, and an entry {name, pointer} of a
// table, which table.c fills from the driver library. Unfilled pointers lead to quantalMissing.
#if defined(__x86_64__)
#define JUMP(name) jmp *pointer_##name(%rip)
#elif defined(__aarch64__)
#define JUMP(name) adrp x16, pointer_##name; ldr x16, [x16, :lo12:pointer_##name]; br x16
#endif

#define FUNCTION(name) \
	.text; .balign 16; .globl name; .hidden name; .type name, %function; name: JUMP(name); .size name, . - name; \
	.section .rodata; string_##name: .asciz #name; \
	.data; .quad string_##name; pointer_##name: .quad quantalMissing;

	.data
	.balign 16
	.globl quantalTable
	.hidden quantalTable
quantalTable:
#include "functions.h"
	.data
	.quad 0

	.section .note.GNU-stack,"",%progbits
