/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the whole library shares: clients and leases, and the functions that their files offer. client.c
 * and call.c speak Varlink, error.c keeps the account of failures, lease.c, flow.c and not-steered.c are what a
 * lease is for. Upon them stand two layers: pool.h is the buffers of a queue on a ring of anybody's,
 * queue.h is a ring of the library's own with a pool, and the streams on it.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "macro.h"
#include "varlink.h"
#include "zcrx-client.h"
#include "zcrx-names.h"

/* References. Whoever drops the last one has the object to itself, in whatever thread. */
static inline void count_up(unsigned int *refs)
{
	__atomic_add_fetch(refs, 1, __ATOMIC_RELAXED);
}

static inline bool count_down(unsigned int *refs)
{
	return __atomic_sub_fetch(refs, 1, __ATOMIC_ACQ_REL) == 0;
}

#define CALL_FDS_MAX 8U

/* What tells one call from another, but for the method and its parameters. */
struct call_key {
	const void *object;
	int fds[CALL_FDS_MAX]; /* the application's */
	unsigned int n_fds;
};

/* What a client is at. Only if it does not block is there something between two functions of the
 * application's: call.c. */
struct client_call {
	enum { CALL_NONE, CALL_CONNECT, CALL_METHOD } kind;
	uint64_t number; /* of this one */
	uint64_t deadline;
	bool over;
	int result; /* then */
	char *text; /* method and parameters */
	struct call_key key;
};

struct zcrx_client {
	unsigned int refs;
	char *path;
	uint64_t timeout; /* of connecting and of calls, in microseconds; 0: the default */
	bool nonblocking;
	struct varlink *link; /* NULL: to be made again */
	struct client_call call;
	struct call_key next; /* of the call that is being prepared */
	int epoll; /* what the application polls, with the connection and */
	int timer;
	int watched; /* what of the connection is in it */
	char *error;
	char *error_id;
	pthread_t thread; /* that used it last, and has the account of errors; atomic */
};

#define N_BACKENDS 4
#define DEFAULT_AREA_SIZE ((size_t)16 << 20) /* where nobody recommends another one */

/* In the order in which they are tried. */
struct backend_list {
	const struct backend *backends[N_BACKENDS];
	unsigned int n;
};

struct zcrx_lease {
	unsigned int refs;
	struct zcrx_client *client;
	const struct backend *backend; /* of backend.h; zcrxd's until the lease is acquired */
	struct backend_list allowed;   /* by the program; none: zcrxd's alone */

	char *wanted_interface;
	char *wanted_name;
	unsigned int wanted_queues; /* 0: not said */
	uint64_t time_to_live;
	unsigned int wanted_hardware_queue; /* for backend_direct, if */
	bool has_wanted_hardware_queue;
	uid_t owner; /* whom it is acquired for, if */
	bool has_owner;
	bool is_others; /* it was, and is not released: there is no handle of it here */

	char *id; /* NULL until acquired */
	char *interface;
	bool software; /* no NIC stands behind its queues */
	size_t recommended_area; /* by zcrxd; 0 if it did not say */
	size_t permitted_area;	 /* likewise, by the policy */
	unsigned int *hardware_queues;
	unsigned int *napi_ids; /* of those that are registered, else 0; atomic */
	unsigned int n_queues;
	int handle;
	uint64_t step;	  /* number of a call that is the last one of acquiring or opening it */
	int opened;	  /* the handle, until that is over */
	int other_end; /* of the handle, if the lease is nobody else's */
	char *end_reason; /* once it was asked for */
	char **flow_ids;
	unsigned int n_flow_ids;
	/* Of the last AddFlow's reply. */
	char **taken;
	unsigned int n_taken;
	char **left_out;
	unsigned int n_left_out;
	unsigned int left_out_count; /* zcrxd lists some of them */
};

/* error.c: all give `error` (negative) back. */
int client_fail(struct zcrx_client *c, int error, const char *format, ...) _printf_(3, 4);
/* The same of what fails here: "Cannot `what`: ...". Says nothing if another thread has the account, as
 * it may be with a queue. */
int client_cannot(struct zcrx_client *c, int error, const char *what);
int client_refused(struct zcrx_client *c, const char *id, json_object *parameters);
void client_clear_error(struct zcrx_client *c);
/* Why a stream cannot go on. */
const char *stream_error(int error);

/*
 * client.c, call.c. client_enter(): the calling thread has the account of errors from here on.
 * client_begin() starts a call for `object`: it connects if need be. Then client_push_fd()
 * attaches descriptors (duplicates) and gives the number that names them in the parameters, then
 * client_call() takes `parameters` over (NULL: there was no memory) and calls; the reply belongs to the
 * connection and lives until the next call. `what` completes "Cannot ..." if there is no reply.
 *
 * All are -EINPROGRESS while a client that does not block waits. The application then does the same again, and
 * so everything from client_begin() on is done again, with the same object, descriptors and parameters; it
 * is -EBUSY if they are not.
 */
void client_enter(struct zcrx_client *c);
int client_begin(struct zcrx_client *c, const void *object);
int client_push_fd(struct zcrx_client *c, int fd);
int client_call(struct zcrx_client *c, const char *what, const char *method, json_object *parameters,
		json_object **ret_reply);
/* The number of what is under way, or 0; and whether it is still that one. */
uint64_t client_under_way(const struct zcrx_client *c);
bool client_is_under_way(const struct zcrx_client *c, uint64_t number);
/* The descriptor that came with a reply, which is the caller's; a bad reply if there is none. */
int client_take_handle(struct zcrx_client *c, const char *what, json_object *reply);
int client_bad_reply(struct zcrx_client *c, const char *what);
void client_disconnect(struct zcrx_client *c);

/* call.c. call_connect() begins or goes on connecting, and is done with that unless it is -EINPROGRESS;
 * call_drop() forgets what is under way. */
int call_connect(struct zcrx_client *c);
void call_drop(struct zcrx_client *c);

/* call-watch.c: has the application's descriptor tell of what is under way, or of nothing. */
void call_watch(struct zcrx_client *c);
void call_unwatch(struct zcrx_client *c);

/* lease.c: -EBADFD if the lease has no handle (any more). */
int lease_check_held(struct zcrx_lease *l);
/* Begins a call and attaches the handle; gives its number. */
int lease_push_handle(struct zcrx_lease *l);
/* Parameters that begin with the lease's id and that number. */
#define NO_HANDLE -1 /* the lease by its id alone, as its owner or an administrator names it */
json_object *lease_parameters(const struct zcrx_lease *l, int handle);
int lease_check_index(struct zcrx_lease *l, unsigned int index);
/* Fills the lease in from the `Lease` object that zcrxd sent, or -EBADMSG, -ENOMEM; and empties it again. */
int lease_describe(struct zcrx_lease *l, json_object *v);
/* Of its queues that are registered here; NULL: nothing was told. -EBADMSG: they are no numbers. */
int lease_take_napi_ids(struct zcrx_lease *l, json_object *ids);
void lease_forget(struct zcrx_lease *l);

/* lease-existing.c: as zcrx_lease_inherit(), if what is in the environment fits: 1, or 0 if it does not, is no
 * more, was closed on the way to here, or is the lease of another part of this process. */
int lease_try_inherit(struct zcrx_lease *l);

/* not-steered.c: what AddFlow's reply says of flows that do not reach the lease; -EBADMSG, -ENOMEM. */
int not_steered_read(struct zcrx_lease *l, json_object *reply);
void not_steered_forget(struct zcrx_lease *l);

/* end-reason.c: the error that zcrx_lease_get_end_reason() gives; *reason is set if it was NULL. */
int end_read(int handle, char **reason);
/* 1 and when it ends (realtime, microseconds), if it has not ended and will; else 0. */
int ending_read(int handle, uint64_t *ret_deadline);
/* Reads it before the handle is closed. */
void end_keep(struct zcrx_lease *l);

