/* The context switch: saves what the ABI makes the callee keep, exchanges stacks, returns on the other one.
 * Floating-point modes are not saved: nothing here changes them. */
#include "rt/impl.h"

#if defined(__x86_64__)
__asm__(".text\n"
	".p2align 4\n"
	".globl rt_switch\n"
	".hidden rt_switch\n"
	".type rt_switch, @function\n"
	"rt_switch:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	movq %rdx, %rdi\n" /* the argument, for a fiber that begins */
	"	ret\n"
	".size rt_switch, .-rt_switch\n");

void *rt_switch_frame(char *top, void (*entry)(struct fiber *f))
{
	/* Six registers, the entry, and a null return address that ends backtraces and keeps the stack aligned as at a call. */
	void **sp = (void **)((uintptr_t)top & ~(uintptr_t)15) - 8;
	memset(sp, 0, 8 * sizeof *sp);
	sp[6] = (void *)entry;
	return sp;
}

#elif defined(__aarch64__)
__asm__(".text\n"
	".p2align 4\n"
	".globl rt_switch\n"
	".hidden rt_switch\n"
	".type rt_switch, %function\n"
	"rt_switch:\n"
	"	sub sp, sp, #160\n"
	"	stp x19, x20, [sp]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n"
	"	str x9, [x0]\n"
	"	mov sp, x1\n"
	"	ldp x19, x20, [sp]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n"
	"	mov x0, x2\n" /* the argument, for a fiber that begins */
	"	ret\n"
	".size rt_switch, .-rt_switch\n");

void *rt_switch_frame(char *top, void (*entry)(struct fiber *f))
{
	void **sp = (void **)((uintptr_t)top & ~(uintptr_t)15) - 20;
	memset(sp, 0, 20 * sizeof *sp);
	sp[11] = (void *)entry; /* x30; x29 = 0 ends backtraces */
	return sp;
}

#else
#error "rt_switch: x86-64 and aarch64 only"
#endif
