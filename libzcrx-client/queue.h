/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The upper layer: a queue is a ring of the library's own with a pool on it. queue.c is the queue
 * as an object, register.c registers it, stream.c and receive.c are the data path, table.c finds
 * streams, watch.c is for programs that poll. What a queue receives by is an engine: ring.c, or copy.c.
 */
#pragma once

#include <liburing.h>

#include "internal.h"
#include "pool.h"

struct stream_slot {
	struct zcrx_stream *stream; /* NULL: free */
	uint32_t serial;
	uint32_t next; /* free one; as many as there are slots: none */
};

struct stream_table {
	struct stream_slot *slots;
	uint32_t n_slots;
	uint32_t free;
};

/*
 * What a queue receives by. It has at most one request of each stream, whose completions have the
 * stream's tag; all but the last have IORING_CQE_F_MORE and a piece of payload, as those of
 * IORING_OP_RECV_ZC. What the completions mean, and what is done about them, is the same for all
 * engines.
 */
struct engine {
	/* Before the pool is registered; says what failed. close() is called in any case. */
	int (*open)(struct zcrx_queue *q, uint64_t n_buffers);
	void (*close)(struct zcrx_queue *q);
	/* From here on the calling thread has it. A completion TAG_LEASE will tell of the lease's
	 * end, and TAG_ENDING that something was said on its handle, if anything comes before. */
	int (*enable)(struct zcrx_queue *q);

	/* Makes the request, for so many bytes, or 0: for any. cancel() has it end with -ECANCELED,
	 * after what it has received; of one that has ended it does nothing. */
	int (*arm)(struct zcrx_stream *s, uint32_t length);
	int (*cancel)(struct zcrx_stream *s);
	/* A completion TAG_RETRY in q->retry_delay. */
	int (*set_timer)(struct zcrx_queue *q);

	/* Starts what was requested, if that can be done now; enter() does, too. */
	void (*start)(struct zcrx_queue *q);

	/* The next completion, or NULL; and that it was dealt with. */
	struct io_uring_cqe *(*peek)(struct zcrx_queue *q);
	void (*seen)(struct zcrx_queue *q);
	/* Starts what was requested, and waits until there is a completion or `timeout`
	 * milliseconds have passed (negative: for ever). Only when there is none to be peeked at.
	 */
	int (*enter)(struct zcrx_queue *q, int64_t timeout);
	/* Whether something was requested that is yet to be started. */
	bool (*has_requests)(struct zcrx_queue *q);
	/* What the application polls: made when it is first asked for. */
	int (*get_fd)(struct zcrx_queue *q);
};

extern const struct engine ring_engine, copy_engine;

struct zcrx_queue {
	unsigned int refs;
	const struct engine *engine;
	struct zcrx_lease *lease;
	int handle; /* a duplicate of the lease's, which is another thread's to close */
	unsigned int index;
	struct zcrx_pool *pool;
	struct zcrx_queue *first; /* whose pool it is, of a further ring; else NULL */
	uint32_t zcrx_id;	  /* of the pool on this ring */
	uint64_t call;		  /* that registers a further ring; see client_is_under_way() */
	struct copy *copy; /* of copy_engine */
	unsigned int completions;
	bool join; /* what lies side by side is one event */

	bool registered;
	bool enabled; /* the thread that receives has taken the ring */
	struct io_uring ring;
	int event_fd; /* of the ring, made when the application wants to poll */
	int epoll;    /* with it and the sockets of streams */

	struct zcrx_stream *streams;
	struct stream_table table;
	unsigned int n_waiting;	 /* streams to be armed again */
	unsigned int n_stopping; /* streams in that state */
	bool starved;		 /* a stream found no buffer, and none has come since; atomic */
	bool retry_armed;	 /* a timer will end that, or look whether buffers of a stream were
				    returned */
	struct __kernel_timespec retry_delay;
	bool wants_buffers; /* a stream waits until some are returned; atomic */
	bool nudge;	    /* a stream may have missed that there is more */
	uint64_t received;
	void *staging;	  /* where payload goes that the NIC has not placed in a dma-buf */
	char *end_reason; /* of the lease, as it was told; the lease is another thread's */
	struct zcrx_event event;
};

enum stream_state {
	STREAM_ARMED,	 /* the kernel has the request; a final completion will come */
	STREAM_WAITING,	 /* to be armed again */
	STREAM_PAUSED,	 /* not to be */
	STREAM_STOPPING, /* the application is to be told */
	STREAM_STOPPED,	 /* it was */
	STREAM_ENDED,
};

/* Of copy_engine. */
enum request_state {
	REQUEST_NONE,
	REQUEST_MADE,
	REQUEST_CANCELLED, /* its last completion is still to come */
};

struct stream_buffer {
	uint32_t index, use; /* of refill.h */
};

struct zcrx_stream {
	struct zcrx_queue *queue;
	struct zcrx_stream *previous;
	struct zcrx_stream *next;
	int socket;
	void *userdata;
	uint64_t tag; /* user_data of its requests */
	enum stream_state state;
	bool cancelled;	       /* the kernel was asked to end the request */
	bool paused;	       /* by the application */
	bool watched;	       /* the queue's epoll has its socket */
	bool freed;	       /* by the application; goes when the kernel lets go of it */
	int error;	       /* what to report when it is over, whatever the kernel says */
	unsigned int attempts; /* in a row that found no buffer */
	unsigned int pieces;   /* since it was nudged */
	uint64_t received;     /* bytes in all */
	uint64_t bound;	       /* bytes after which it stops; UINT64_MAX: none */
	uint64_t armed_until;  /* what it will have received when the request has its length;
				  UINT64_MAX: none */

	enum request_state request; /* as are these: */
	uint64_t left;		    /* bytes that it may receive; UINT64_MAX: any */
	bool edge;		    /* its socket is watched edge triggered */

	unsigned int limit;	       /* of buffers; 0: none */
	size_t piece;		       /* how long pieces are, on average */
	struct stream_buffer *buffers; /* that were out when last looked at */
	unsigned int n_buffers;
	unsigned int size_buffers;
};

/* Completions of the library's own. Those of streams have a serial number in the upper half. */
#define OURS	    (UINT64_C(1) << 63)
#define TAG_IGNORED (OURS | 0)
#define TAG_LEASE   (OURS | 1)
#define TAG_RETRY   (OURS | 2)
#define TAG_ENDING  (OURS | 3)
#define TAG_EVENT   (OURS | 4)
#define MAX_TAG	    TAG_EVENT

/* queue.c. Frees what register.c made; for a queue that failed to register, or is not needed. */
void queue_close(struct zcrx_queue *q);

/* queue.c: as zcrx_pool_flush(), on the queue's ring. */
int queue_flush(struct zcrx_queue *q);

/* table.c. table_add() gives the stream its tag; table_find() NULL for a tag of none. */
int table_add(struct stream_table *t, struct zcrx_stream *s);
static inline struct zcrx_stream *table_find(const struct stream_table *t, uint64_t tag)
{
	uint32_t index = (uint32_t)tag;
	struct zcrx_stream *s = index < t->n_slots ? t->slots[index].stream : NULL;

	return s && s->tag == tag ? s : NULL;
}
void table_remove(struct stream_table *t, struct zcrx_stream *s);
void table_done(struct stream_table *t);

/* watch.c. A stream that receives is watched, and another is not: its socket is somebody else's to
 * read, or to be closed. watch_empty() before the ring is looked at; watch_tell() if there is
 * something that the kernel does not know of. All do nothing unless the application polls. */
void watch_add(struct zcrx_stream *s);
void watch_remove(struct zcrx_stream *s);
void watch_empty(struct zcrx_queue *q);
void watch_tell(struct zcrx_queue *q);
/* The descriptor. */
int watch_get_fd(struct zcrx_queue *q);

/* stream.c. queue_enable() makes the queue the calling thread's, once. stream_destroy() is only for
 * a stream whose request is over, or whose ring is gone. */
int queue_enable(struct zcrx_queue *q);
int stream_arm(struct zcrx_stream *s);
int stream_cancel(struct zcrx_stream *s);
void stream_destroy(struct zcrx_stream *s);

/* control.c. How long a request may be now, 0 for any length; where a stream of so many more bytes
 * stops; whether it has all the buffers that it may; and that a piece has come. */
uint32_t stream_length(struct zcrx_stream *s);
uint64_t stream_bound(const struct zcrx_stream *s, uint64_t bytes);
bool limit_is_reached(struct zcrx_stream *s);
void limit_note(struct zcrx_stream *s, uint64_t offset, size_t length);
