/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The library's own structs and the functions that its files offer each other. client.c speaks
 * Varlink, error.c keeps the account of failures, lease.c and flow.c are what a lease is for,
 * queue.c is the queue as an object, register.c brings it to life, stream.c and receive.c
 * are the data path, refill.c is the refill ring.
 */
#pragma once

#include <stdbool.h>

#include <liburing.h>
#include <systemd/sd-varlink.h>

#include "macro.h"
#include "refill.h"
#include "zcrx-client.h"

struct zcrx_client {
	unsigned int refs;
	char *path;
	sd_varlink *link; /* NULL: to be made again */
	char *error;
	char *error_id;
};

struct zcrx_lease {
	unsigned int refs;
	struct zcrx_client *client;

	char *wanted_interface;
	char *wanted_name;
	unsigned int wanted_queues;
	uint64_t time_to_live;

	char *id; /* NULL until acquired */
	char *interface;
	bool software; /* no NIC stands behind its queues */
	unsigned int *hardware_queues;
	unsigned int *napi_ids; /* of those that are registered, else 0 */
	unsigned int n_queues;
	int handle;
	char *end_reason; /* once it was asked for */
	char **flow_ids;
	unsigned int n_flow_ids;
};

/* What Register answers: how to find everything in the mapping of the refill ring. */
struct registration {
	uint32_t zcrx_id;
	uint32_t refill_entries;
	uint64_t refill_size;
	uint64_t refill_map_offset;
	uint32_t head_offset;
	uint32_t tail_offset;
	uint32_t entries_offset;
	uint64_t stats_offset; /* 0: no statistics */
	uint64_t area_token;
	uint32_t buffer_length;
	uint32_t napi_id;
};

struct zcrx_queue {
	unsigned int refs;
	struct zcrx_lease *lease;
	unsigned int index;

	size_t area_size;
	size_t buffer_length;
	bool huge_pages;
	unsigned int completions;

	bool registered;
	bool enabled; /* the thread that receives has taken the ring */
	struct io_uring ring;
	int event_fd; /* made when the application wants to poll */
	void *area;
	void *region; /* refill ring and statistics */
	struct registration registration;
	struct refill refill;
	const struct zc_stats *stats;

	struct zcrx_stream *streams;
	unsigned int n_paused; /* streams to be armed again */
	bool starved;	       /* one of them found no buffer, and none has come since */
	bool retry_armed;      /* a timer will end that */
	bool no_flush;	       /* the kernel cannot flush the refill ring */
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

/* error.c: both give `error` (negative) back. */
int client_fail(struct zcrx_client *c, int error, const char *format, ...) _printf_(3, 4);
int client_refused(struct zcrx_client *c, const char *id, sd_json_variant *parameters);
void client_clear_error(struct zcrx_client *c);
/* Why a stream cannot go on. */
const char *stream_error(int error);

/*
 * client.c. client_begin() starts a call: it connects if need be. Then client_push_fd() attaches
 * descriptors (duplicates) and gives the number that names them in the parameters, then
 * client_call() takes `parameters` over and calls; the reply belongs to the connection and lives
 * until the next call. `what` completes "Cannot ..." if there is no reply. build() failing in
 * between is passed on as `built`.
 */
int client_begin(struct zcrx_client *c);
int client_push_fd(struct zcrx_client *c, int fd);
int client_call(struct zcrx_client *c, const char *what, const char *method, int built,
		sd_json_variant *parameters, sd_json_variant **ret_reply);
int client_take_fd(struct zcrx_client *c, int index);
int client_bad_reply(struct zcrx_client *c, const char *what);

/* lease.c: begins a call and attaches the handle; gives its number. */
int lease_push_handle(struct zcrx_lease *l);

/* end-reason.c: the error that zcrx_lease_get_end_reason() gives; *reason is set if it was NULL. */
int end_read(int handle, char **reason);

/* queue.c. Frees what register.c made; for a queue that failed to register, or is not needed. */
void queue_close(struct zcrx_queue *q);
size_t queue_page_size(void);

/* stream.c. queue_enable() makes the ring the calling thread's, once. stream_destroy() is only for
 * a stream whose request is over, or whose ring is gone. */
int queue_enable(struct zcrx_queue *q);
struct io_uring_sqe *queue_get_sqe(struct zcrx_queue *q);
int stream_arm(struct zcrx_stream *s);
void stream_cancel(struct zcrx_stream *s);
void stream_destroy(struct zcrx_stream *s);
