/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The upper layer: a queue is a ring of the library's own with a pool on it. queue.c is the queue as an
 * object, register.c makes its ring, stream.c and receive.c are the data path.
 */
#pragma once

#include <liburing.h>

#include "internal.h"
#include "pool.h"

struct zcrx_queue {
	unsigned int refs;
	struct zcrx_lease *lease;
	unsigned int index;
	struct zcrx_pool *pool;
	unsigned int completions;

	bool registered;
	bool enabled; /* the thread that receives has taken the ring */
	struct io_uring ring;
	int event_fd; /* made when the application wants to poll */

	struct zcrx_stream *streams;
	unsigned int n_paused; /* streams to be armed again */
	bool starved;	       /* one of them found no buffer, and none has come since; atomic */
	bool retry_armed;      /* a timer will end that */
	bool nudge;	       /* a stream may have missed that there is more */
	uint64_t received;
	char *end_reason; /* of the lease, as it was told; the lease is another thread's */
	struct zcrx_event event;
};

enum stream_state {
	STREAM_ARMED,  /* the kernel has the request; a final completion will come */
	STREAM_PAUSED, /* to be armed again */
	STREAM_ENDED,
};

struct zcrx_stream {
	struct zcrx_queue *queue;
	struct zcrx_stream *previous;
	struct zcrx_stream *next;
	int socket;
	void *userdata;
	enum stream_state state;
	bool freed;	       /* by the application; goes when the kernel lets go of it */
	int error;	       /* what to report when it is over, whatever the kernel says */
	unsigned int attempts; /* in a row that found no buffer */
	unsigned int pieces;   /* since it was nudged */
};

/* Completions of the library's own. Streams are named by their address, whose low bits are free. */
#define OURS	    (UINT64_C(1) << 63)
#define TAG_IGNORED (OURS | 0)
#define TAG_LEASE   (OURS | 1)
#define TAG_RETRY   (OURS | 2)
#define MAX_TAG	    TAG_RETRY

/* queue.c. Frees what register.c made; for a queue that failed to register, or is not needed. */
void queue_close(struct zcrx_queue *q);

/* stream.c. queue_enable() makes the ring the calling thread's, once. stream_destroy() is only for
 * a stream whose request is over, or whose ring is gone. */
int queue_enable(struct zcrx_queue *q);
struct io_uring_sqe *queue_get_sqe(struct zcrx_queue *q);
int stream_arm(struct zcrx_stream *s);
void stream_cancel(struct zcrx_stream *s);
void stream_destroy(struct zcrx_stream *s);
