/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A ring of ordinary memory, on which the test is the kernel: it posts completions, looks at what
 * is submitted, and takes (or does not take) what is put on the refill ring. The functions that would enter
 * the kernel are defined in fake-kernel.c instead.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue.h"

#define N	16U /* buffers, refill entries, completions, submissions */
#define LENGTH	4096U
#define ZCRX_ID 5U

struct kernel {
	struct zcrx_client client;
	struct zcrx_lease lease;
	unsigned int napi_id;
	struct zcrx_pool *pool;
	struct zcrx_queue queue; /* on the pool */
	/* the ring */
	unsigned int sq_head, sq_tail, sq_flags, cq_head, cq_tail, array[N];
	struct io_uring_sqe sqes[N];
	union {
		struct io_uring_cqe cqe;
		struct zc_cqe zc;
	} cqes[N];
	/* the refill ring */
	uint32_t rq_head, rq_tail;
	struct zc_rqe rqes[N];
	char *area;
	/* what was submitted since the test looked */
	struct io_uring_sqe submitted[4 * N];
	unsigned int n_submitted;
	unsigned int flushes;
	int flush_result;
	unsigned int arms; /* of events, the last of them this one */
	uint32_t armed_event;
	int arm_result;
	int event_fd; /* that it is to signal */
	int eventfd_result;
};

extern struct kernel *k;

int kernel_setup(void **state);
int kernel_teardown(void **state);
struct zcrx_pool *kernel_new_pool(void);
/* Drops the pool; spans that are out keep its memory, but the test's hold on it is gone. */
void drop_pool(void);

void post(uint64_t user_data, int result, unsigned int flags, uint64_t off);
/* The receive that was armed last, and nothing else was: the test's hold on a stream. */
uint64_t armed(void);
uint64_t armed_for(uint32_t length);
/* Starts a stream; armed() already. */
uint64_t start(void *userdata, struct zcrx_stream **ret);

/* What zcrx_queue_wait() has: an event, or none. */
const struct zcrx_event *next(void);
void nothing(void);
/* The peer has sent everything; the stream is freed. */
void end(uint64_t tag, struct zcrx_stream *s);
