/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counts the instructions of a loop: the processor's trap flag is set while it runs, so that a
 * handler is called after each, and what would enter the kernel's ring is dealt with here. The
 * count is of user space alone, and the same every time. x86-64 only.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <x86intrin.h>

#include "stepped.h"

#define WARM	  2U /* turns, after which a loop does the same each time */
#define TURNS	  4U
#define SYSCALL	  0x050fU
#define TRAP_FLAG 0x100U

static struct {
	struct step_rings *rings;
	const struct step_feed *feed;
	uint64_t tags[STEP_CONNECTIONS]; /* of the receives that were armed */
	unsigned int n_tags, turns;
	uint64_t posted, freed, steps, start;
	sigjmp_buf end;
} kernel;

static void post(void)
{
	struct step_rings *r = kernel.rings;

	for (unsigned int i = 0; i < kernel.feed->batch; i++, kernel.posted++)
		r->cqes[r->cq_tail++ % STEP_ENTRIES] = (struct zc_cqe) {
			.user_data = kernel.tags[kernel.posted / kernel.feed->run % kernel.n_tags],
			.result = STEP_LENGTH,
			.flags = ZC_CQE_F_MORE,
			.off = kernel.posted % STEP_ENTRIES * STEP_LENGTH,
		};
}

/* What io_uring_enter(2) returns. The first turns are those in which requests are made, by some one
 * after the other. */
static long enter(void)
{
	struct step_rings *r = kernel.rings;
	long n = (long)(r->sq_tail - r->sq_head);

	for (; r->sq_head != r->sq_tail; r->sq_head++)
		kernel.tags[kernel.n_tags++] = r->sqes[r->sq_head % STEP_ENTRIES].user_data;
	kernel.freed += r->rq_tail - r->rq_head;
	r->rq_head = r->rq_tail;
	if (kernel.n_tags < kernel.feed->connections)
		return n;
	if (kernel.turns == WARM)
		kernel.start = kernel.steps;
	if (kernel.turns++ == WARM + TURNS)
		siglongjmp(kernel.end, 1);
	post();
	return n;
}

/* Behind each instruction, before the next. */
static void stepped(int signal, siginfo_t *info, void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	uint16_t code;

	kernel.steps++;
	memcpy(&code, (const void *)registers[REG_RIP], sizeof(code));
	if (code != SYSCALL || registers[REG_RAX] != SYS_io_uring_enter)
		return;
	registers[REG_RAX] = enter();
	registers[REG_RIP] += (greg_t)sizeof(code);
}

static double run(step_loop loop)
{
	const struct step_rings *r = kernel.rings;

	if (sigsetjmp(kernel.end, 1) == 0) {
		__writeeflags(__readeflags() | TRAP_FLAG);
		loop(kernel.rings, kernel.feed->connections);
	}
	/* Everything was looked at and returned, or it is another loop that was counted. */
	if (r->received != kernel.posted * STEP_LENGTH || kernel.freed != kernel.posted)
		return -EBADMSG;
	return (double)(kernel.steps - kernel.start) / TURNS / kernel.feed->batch;
}

double step_count(step_loop loop, const struct step_feed *feed)
{
	struct sigaction action = { .sa_sigaction = stepped, .sa_flags = SA_SIGINFO }, before;
	struct step_rings *rings = aligned_alloc(4096, sizeof(*rings));
	double n;

	if (!rings)
		return -ENOMEM;
	memset(rings, 0, sizeof(*rings));
	memset(&kernel, 0, sizeof(kernel));
	kernel.rings = rings;
	kernel.feed = feed;
	if (sigaction(SIGTRAP, &action, &before) < 0) {
		free(rings);
		return -errno;
	}
	n = run(loop);
	(void)sigaction(SIGTRAP, &before, NULL);
	free(rings);
	return n;
}
