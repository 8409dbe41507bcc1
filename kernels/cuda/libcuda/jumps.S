// For each function of functions.h: a symbol for the linker that jumps through a pointer, and an entry {names, pointer,
// needed} of a table, which table.c fills from the driver library. The names end with an empty one. Unfilled pointers
// lead to quantalMissing.
#if defined(__x86_64__)
#define JUMP(name) jmp *pointer_##name(%rip)
#elif defined(__aarch64__)
#define JUMP(name) adrp x16, pointer_##name; ldr x16, [x16, :lo12:pointer_##name]; br x16
#endif

#define ENTRY(name, needed, ...) \
	.text; .balign 16; .globl name; .hidden name; .type name, %function; name: JUMP(name); .size name, . - name; \
	.section .rodata; names_##name: .asciz __VA_ARGS__; .byte 0; \
	.data; .quad names_##name; pointer_##name: .quad quantalMissing; .quad needed;
#define FUNCTION(name, parameters, ...) ENTRY(name, 0, __VA_ARGS__)
#define NEEDED(name, parameters, ...) ENTRY(name, 1, __VA_ARGS__)

	.data
	.balign 16
	.globl quantalTable
	.hidden quantalTable
quantalTable:
#include "functions.h"
	.data
	.quad 0

	.section .note.GNU-stack,"",%progbits
