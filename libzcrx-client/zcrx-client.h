/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libzcrx-client: receive TCP payload by zero copy on a queue that zcrxd leases, without privilege.
 *
 * There are two layers, which zcrx-client(7) compares: a queue is a ring of the library's own, with a loop; a
 * pool is the buffers of a queue on a ring of yours. With a queue, in short:
 *
 *	zcrx_client_new(&client);
 *	zcrx_client_connect(client, NULL);
 *	zcrx_lease_new(client, &lease);
 *	zcrx_lease_acquire(lease);
 *	zcrx_queue_new(lease, 0, &queue);
 *	zcrx_queue_register(queue);
 *	zcrx_queue_steer_socket(queue, listening_socket);
 *	zcrx_queue_receive(queue, accepted_socket, userdata, &stream);
 *	while (zcrx_queue_wait(queue, -1, &event) > 0)
 *		... use event->data, then zcrx_queue_return(queue, event->data) ...
 *
 * With a pool, on a ring that was made with zcrx_pool_get_ring_flags():
 *
 *	zcrx_pool_new(lease, 0, &pool);
 *	zcrx_pool_register(pool, ring.ring_fd);
 *	io_uring_enable_rings(&ring);
 *	zcrx_pool_steer_socket(pool, listening_socket);
 *	... IORING_OP_RECV_ZC of accepted sockets, with zcrx_pool_get_id(pool); for each completion:
 *	if (zcrx_pool_take(pool, cqe, &span) > 0)
 *		... use span.data, then zcrx_pool_return(pool, span.data) ...
 *	else
 *		... do as zcrx_pool_next(pool, cqe->res) says ...
 *
 * With several queues in a lease, one for each thread: register all of them, steer by
 * zcrx_lease_steer_socket(), and give each accepted socket to the queue that
 * zcrx_lease_find_queue() names.
 *
 * Functions that can fail return a negative errno value; zcrx_client_error() then says, for a
 * person, what was being done, to what, and what to do about it. Objects are counted: _new and _ref
 * give a reference, _unref takes it and returns NULL; NULL is accepted. Setters work only before
 * the object is acquired or registered (-EBUSY after).
 *
 * Threads: a client, its leases and its queues belong to one thread at a time, except that a queue,
 * once registered, belongs to the thread that first calls zcrx_queue_receive() or zcrx_queue_wait()
 * on it: the kernel takes no other. Buffers are returned, and a pool is used but for zcrx_pool_take(),
 * _next() and _flush(), in any thread; the last reference to any object may be dropped in any. The library
 * has no globals, does not log, fork, or touch signals, and all its descriptors are close-on-exec.
 */
#ifndef ZCRX_CLIENT_H
#define ZCRX_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct io_uring; /* of <liburing.h>; only for zcrx_queue_get_ring() */

struct zcrx_client;
struct zcrx_lease;
struct zcrx_pool;
struct zcrx_queue;
struct zcrx_stream;

/* ---------------------------------------------------------------- client */

/* A client: the connection to zcrxd, and the account of the last failure. Since: 0.1 */
int zcrx_client_new(struct zcrx_client **ret);
struct zcrx_client *zcrx_client_ref(struct zcrx_client *client);
struct zcrx_client *zcrx_client_unref(struct zcrx_client *client);

/* Connects to zcrxd at the socket `path`; NULL for the usual one. A connection that breaks later
 * (zcrxd was restarted; leases survive that) is opened again by the next call that needs it.
 * -ENOENT, -ECONNREFUSED: zcrxd does not run. Since: 0.1 */
int zcrx_client_connect(struct zcrx_client *client, const char *path);

/* How long zcrxd may take to answer a call, in microseconds; UINT64_MAX: without limit, 0: 45 seconds, unless set.
 * When it is over the call fails with -ETIMEDOUT; what it asked for may be done nevertheless. Since: 0.2 */
int zcrx_client_set_timeout(struct zcrx_client *client, uint64_t usec);

/* What went wrong last, as a sentence; "" if nothing did. Valid until the client's next call.
 * Since: 0.1 */
const char *zcrx_client_error(struct zcrx_client *client);

/* The Varlink error that zcrxd answered with, such as "io.zcrx.Manager.NoQueueAvailable"; NULL if
 * what failed last was not refused by zcrxd. Since: 0.1 */
const char *zcrx_client_error_id(struct zcrx_client *client);

/* ------------------------------------------------------ without blocking */

/*
 * For programs with an event loop. When `nonblocking` is not 0, functions that ask zcrxd (to connect; to
 * acquire, inherit, attach, open, renew and release a lease; to register, share, steer and tune) do not wait: they begin, and
 * return -EINPROGRESS. Poll zcrx_client_get_fd() and call zcrx_client_process() when it is readable; once that
 * returns 1, call the same function with the same arguments again: it returns the result, or -EINPROGRESS
 * once more if there is something else to ask. Objects may be dropped meanwhile.
 *
 * A client is at one thing at a time: -EBUSY, of another function or with other arguments, until the result was
 * fetched. zcrx_client_connect() gives up whatever is under way (zcrxd may have done it nevertheless) and
 * connects anew. Since: 0.2
 */
int zcrx_client_set_nonblocking(struct zcrx_client *client, int nonblocking);

/* For poll(): readable when zcrx_client_process() should be called, also because zcrx_client_set_timeout() is over;
 * never while nothing is under way. Stays the same as long as the client lives. An epoll of the library's:
 * leave it to the library to wait on it. Since: 0.2 */
int zcrx_client_get_fd(struct zcrx_client *client);

/* Goes on with what is under way. 1: call the function again; 0: nothing is under way, or it still is.
 * Never waits. Since: 0.2 */
int zcrx_client_process(struct zcrx_client *client);

/* ----------------------------------------------------------------- lease */

/* A lease: hardware queues in this process's hands. It ends when it is released, when the last
 * copy of its handle is closed (so when the process dies), when its time is up, or when an
 * administrator revokes it. Since: 0.1 */
int zcrx_lease_new(struct zcrx_client *client, struct zcrx_lease **ret);
struct zcrx_lease *zcrx_lease_ref(struct zcrx_lease *lease);
struct zcrx_lease *zcrx_lease_unref(struct zcrx_lease *lease);

/* What to ask for. Interface: NULL for any that has queues free. Queues: 1 unless set. Name: shown
 * to people. Time to live: in microseconds, 0 for as long as the policy allows. Since: 0.1 */
int zcrx_lease_set_interface(struct zcrx_lease *lease, const char *interface);
int zcrx_lease_set_queues(struct zcrx_lease *lease, unsigned int queues);
int zcrx_lease_set_name(struct zcrx_lease *lease, const char *name);
int zcrx_lease_set_time_to_live(struct zcrx_lease *lease, uint64_t usec);

/* Acquires the lease for the user `uid`, who is not (uid_t)-1; for orchestrators, which zcrxd's policy has to make
 * administrators (zcrxd.yaml(5)). That user's part of the policy bounds it. zcrx_lease_acquire() then makes a
 * persistent lease, by zcrxd alone, and leaves no handle here: pass zcrx_lease_get_id() to the user's program, for
 * zcrx_lease_open(), or as ZCRX_LEASE in its environment. It outlives this process. What else there is here is
 * zcrx_lease_release(), which ends it; all that takes a handle fails with -EBADFD. Since: 0.2 */
int zcrx_lease_set_owner(struct zcrx_lease *lease, uid_t uid);

/* Leases the queues. Under `zcrxctl run`, or in a job of a cluster, it takes the lease that is in the environment, as
 * zcrx_lease_inherit(), unless it is not this user's, what was set contradicts that (another interface, another number
 * of queues, a time to live) or somebody uses it already. -EBUSY: none is free; -EPERM: the policy denies it;
 * -EDQUOT: its limit is reached; -ENODEV: no such interface. Since: 0.1 */
int zcrx_lease_acquire(struct zcrx_lease *lease);

/* Takes over the lease that `zcrxctl run` left in the environment (ZCRX_LEASE,
 * ZCRX_LEASE_HANDLE_FD). With ZCRX_LEASE alone it takes part in that persistent lease of this user, as
 * zcrx_lease_open(): what acquires leases for the programs that it starts sets no more (since 0.2).
 * -ENXIO: there is none. Since: 0.1 */
int zcrx_lease_inherit(struct zcrx_lease *lease);

/* Takes part in a persistent lease of the same user, be it one that was acquired for him (zcrx_lease_set_owner()).
 * Since: 0.1 */
int zcrx_lease_open(struct zcrx_lease *lease, const char *id);

/* Takes part in a lease of which another process has sent its handle (zcrx_lease_get_fd()) and its id. The
 * handle is duplicated. Since: 0.2 */
int zcrx_lease_attach(struct zcrx_lease *lease, const char *id, int handle);

/* Of an acquired lease; NULL and 0 before. Since: 0.1 */
const char *zcrx_lease_get_id(struct zcrx_lease *lease);
const char *zcrx_lease_get_interface(struct zcrx_lease *lease);
unsigned int zcrx_lease_get_queues(struct zcrx_lease *lease);

/* Bytes that an area of one of its queues has unless set (zcrx_queue_set_area_size(), zcrx_pool_set_area_size()):
 * what zcrxd recommends, or what the policy (max-area) leaves for it, if that is less. 0 of a lease that was not
 * acquired. Since: 0.2 */
size_t zcrx_lease_get_area_size(struct zcrx_lease *lease);

/* Bytes that zcrxd recommends for the NIC's ring and MTU, of which the driver keeps up to the half in the ring; 16 MiB
 * where it says nothing. More than zcrx_lease_get_area_size() if the policy has cut that: then packets may find no
 * buffer, and a program should say so. 0 of a lease that was not acquired. Since: 0.2 */
size_t zcrx_lease_get_recommended_area_size(struct zcrx_lease *lease);

/* Index on the NIC of the lease's queue `index`, or -ERANGE. Since: 0.1 */
int zcrx_lease_get_hardware_queue(struct zcrx_lease *lease, unsigned int index);

/* Has the flows of `socket` spread over all queues of the lease, as zcrx_queue_steer_socket() steers
 * them to one. Every queue must be registered: -EBADFD. Spread by an RSS context of the NIC, so
 * that each connection stays on one queue; where the NIC has none to give, each flow (a listening
 * socket is one for each local address) goes to one of the queues. Since: 0.2 */
int zcrx_lease_steer_socket(struct zcrx_lease *lease, int socket);

/* The same by value, as zcrx_queue_steer(). Since: 0.2 */
int zcrx_lease_steer(struct zcrx_lease *lease, int family, const char *source, uint16_t source_port,
		     const char *destination, uint16_t destination_port);

/* Index of the lease's queue on which the packets of a connected socket arrive, by
 * SO_INCOMING_NAPI_ID. Receive from it on that queue, and no other: another queue of the lease may
 * not have what the NIC put there, and the stream ends with -EFAULT. -ENOENT: on none that is
 * registered here, so any will do, by copying. Since: 0.2 */
int zcrx_lease_find_queue(struct zcrx_lease *lease, int socket);

/* With some drivers (gve) queues have other NAPI ids after any queue of the NIC was bound or released, by whomever:
 * sockets that are on a queue are not found any more. This asks zcrxd, which looks each second, for those of the queues
 * that are registered here, for zcrx_lease_find_queue(), zcrx_queue_get_napi_id() and zcrx_pool_get_napi_id(). 0 also of
 * leases that are not from zcrxd, where they stay as they are. Since: 0.2 */
int zcrx_lease_refresh_napi_ids(struct zcrx_lease *lease);

/* The handle, or -EBADF. It is the lease: poll() reports a hang-up when the lease has ended, and a
 * process that gets a copy, by inheritance or SCM_RIGHTS, holds the lease too. Still owned by the
 * lease: duplicate it to keep it. Since: 0.1 */
int zcrx_lease_get_fd(struct zcrx_lease *lease);

/* Whether the lease has ended: 1, or 0. Since: 0.2 */
int zcrx_lease_has_ended(struct zcrx_lease *lease);

/* Why the lease has ended: 0 if it has not, -ENODEV: its interface is gone; -ETIME: its time was up;
 * -ECANCELED: it was released or revoked; -EPIPE: zcrxd did not say. *ret_reason (may be NULL) is
 * a sentence for people, and lives as long as the lease. Since: 0.2 */
int zcrx_lease_get_end_reason(struct zcrx_lease *lease, const char **ret_reason);

/* Whether the lease was revoked and ends soon: 1, and when at the latest, on CLOCK_REALTIME in microseconds
 * (`ret_deadline_usec` may be NULL); 0: it was not, or has ended. Revoked leases have no rules any more; what is
 * left is to stop and zcrx_lease_release(). The handle is readable from then on. Since: 0.2 */
int zcrx_lease_get_ending(struct zcrx_lease *lease, uint64_t *ret_deadline_usec);

/* Removes a flow that zcrx_queue_steer_socket() or zcrx_queue_steer() added. Flow ids are listed in
 * the order of addition; NULL past the last. -ENOENT, and it is listed no more: zcrxd had removed it by itself, as it
 * does when the flow's socket is closed. Since: 0.1 */
const char *zcrx_lease_get_flow_id(struct zcrx_lease *lease, unsigned int index);
int zcrx_lease_remove_flow(struct zcrx_lease *lease, const char *flow_id);

/* What keeps flows of the last call of zcrx_queue_steer_socket(), zcrx_queue_steer() or their likes of
 * the lease from its queues, although the call succeeded: what is sent to them is copied, or not received
 * at all. Both count from 0, NULL past the last; the texts live until the next flow is steered.
 *
 * Taken: a sentence for each flow that a rule of somebody else takes, or may take, first. It names flow,
 * rule and remedy, as in "rule 0, which is not zcrxd's, takes tcp4,dst=10.9.0.1,dst-port=9999 to queue 0
 * (ethtool -N eth0 delete 0 removes it)". Rules that come later: zcrxctl watch.
 *
 * Left out: flows of a listening socket on all addresses for which the lease, or the policy's max-flows,
 * has no room, spelled as zcrxctl does: "tcp4,dst=10.9.0.1,dst-port=9999". The first 16, of `count`. zcrxd
 * steers them as soon as there is room. Since: 0.2 */
const char *zcrx_lease_get_taken(struct zcrx_lease *lease, unsigned int index);
const char *zcrx_lease_get_left_out(struct zcrx_lease *lease, unsigned int index);
unsigned int zcrx_lease_get_left_out_count(struct zcrx_lease *lease);

/* A new time to live, from now. Since: 0.1 */
int zcrx_lease_renew(struct zcrx_lease *lease, uint64_t usec);

/* Ends the lease, and returns when its queues are free again. Drop the last reference to each of
 * its struct zcrx_queue first: where the kernel cannot reclaim a queue (grant "direct"), it is
 * free only once its ring is closed, which zcrxd waits for, but not forever. Where the kernel can,
 * connections that are still open fall back to copying. Since: 0.1 */
int zcrx_lease_release(struct zcrx_lease *lease);

/* --------------------------------------------------------------- backend */

/* Where a lease may come from: a list in order of preference, such as "zcrxd,copy"; NULL for "zcrxd", as at
 * first. zcrx_lease_acquire() takes the first that is there at all: it goes on to the next if there is no
 * zcrxd at its socket (-ENOENT, -ECONNREFUSED), no io_uring or no zero-copy receive in the
 * kernel, or no privilege to register a queue (-ENOSYS, -EOPNOTSUPP, -EPERM); never because zcrxd refuses. The error is
 * that of the last one, and zcrx_client_error() has a sentence of each. The environment variable
 * ZCRX_BACKEND, another such list, chooses among those that are allowed here, in its order; -EPERM if it
 * names none of them. Where zcrxd is one of several, zcrx_client_connect() need not be called.
 *
 * "zcrxd": a lease of zcrxd's.
 * "direct": a queue of a NIC that this process registers itself, with CAP_NET_ADMIN: of the interface and at the index
 * that were set. The NIC has to be set up by somebody else, and steering fails with -EOPNOTSUPP and the rule
 * for ethtool -N.
 * "software": no NIC; this process registers itself, with CAP_NET_ADMIN, from Linux 7.1 on, and the kernel copies.
 * "copy": none at all; a queue receives by recv(), on any kernel and without io_uring. A pool cannot be registered.
 *
 * zcrx_lease_set_backends(3) has the differences. -EINVAL: no such backend. Since: 0.2 */
int zcrx_lease_set_backends(struct zcrx_lease *lease, const char *backends);

/* The index on the NIC of the queue that "direct" takes, as ethtool counts them; no other heeds it. -EINVAL: more
 * than INT_MAX. Since: 0.2 */
int zcrx_lease_set_hardware_queue(struct zcrx_lease *lease, unsigned int queue);

/* Which one it is; NULL before zcrx_lease_acquire(). Since: 0.2 */
const char *zcrx_lease_get_backend(struct zcrx_lease *lease);

/* ----------------------------------------------------------------- queue */

/* One queue of a lease with what receiving on it needs: an io_uring, and an area of memory where
 * the NIC puts payload. Since: 0.1 */
int zcrx_queue_new(struct zcrx_lease *lease, unsigned int index, struct zcrx_queue **ret);
struct zcrx_queue *zcrx_queue_ref(struct zcrx_queue *queue);
struct zcrx_queue *zcrx_queue_unref(struct zcrx_queue *queue);

/* Area: bytes, rounded up to whole pages; zcrx_lease_get_area_size() unless set; at most 32768 buffers. Buffer length:
 * a power of two; a page unless set; larger ones need huge pages, the NIC's help, and Linux 7.0.
 * Huge pages: nonzero to take the area from them. Completions: entries of the completion queue,
 * one for each buffer unless set; at most 65536. Since: 0.1 */
int zcrx_queue_set_area_size(struct zcrx_queue *queue, size_t bytes);
int zcrx_queue_set_buffer_length(struct zcrx_queue *queue, size_t bytes);
int zcrx_queue_set_huge_pages(struct zcrx_queue *queue, int huge);
int zcrx_queue_set_completions(struct zcrx_queue *queue, unsigned int entries);

/* The NUMA node that the area should be on; -1, unless set: the NIC's. Where there is no room it is taken from
 * others. Since: 0.2 */
int zcrx_queue_set_numa_node(struct zcrx_queue *queue, int node);

/* Whether payload of one stream that has come in buffers side by side, as far as it is there when zcrx_queue_wait()
 * looks, is one event, however long; as NICs fill them when packets are larger than a buffer. Off unless set. When it
 * is on, give to zcrx_queue_return(), zcrx_pool_return() and zcrx_pool_hold() the `data` of the event (its `area_offset`
 * to the likes of zcrx_queue_return_offset()), and not a place behind it: that is all buffers of the event at once.
 * Since: 0.2 */
int zcrx_queue_set_join(struct zcrx_queue *queue, int join);

/* Makes the ring and the area, and has zcrxd bind the hardware queue to them. Unless the process has
 * CAP_IPC_LOCK, the area counts as locked memory of its user (RLIMIT_MEMLOCK): not for this call, which is
 * zcrxd's, but for what the user's programs lock next, as io_uring_register_buffers(3) and MSG_ZEROCOPY:
 * ENOMEM or ENOBUFS, if the areas of all leases and that are more than the limit (LimitMEMLOCK= in a unit,
 * ulimit -l). Since: 0.1 */
int zcrx_queue_register(struct zcrx_queue *queue);

/* How the NAPI of the queue is polled, until the lease ends; for programs that busy poll. How many
 * empty polls there are before the interrupt is armed again (at most 100), the nanoseconds between
 * them (at most 10 ms), and those without interrupts while the program polls (at most 100 ms). A
 * negative number leaves it as it is. Needs no registration. Since: 0.1 */
int zcrx_queue_tune(struct zcrx_queue *queue, int64_t defer_hard_irqs, int64_t gro_flush_timeout,
		    int64_t irq_suspend_timeout);

/* Which CPUs the interrupt of the queue may go to, until the lease ends: a list such as "0-3,8", of
 * CPUs on which the calling process may run itself (-EACCES otherwise). -EOPNOTSUPP: the interrupt is
 * not known, shared with other queues, or managed by the kernel. Needs no registration. Since: 0.2 */
int zcrx_queue_set_irq_affinity(struct zcrx_queue *queue, const char *cpus);

/* Has the flows of `socket` steered to the queue: a listening TCP socket, for the connections that
 * it will accept, or a connected one. The socket proves that the flow is the caller's; it is
 * steered until the socket is closed. -EACCES: it proves nothing; -EADDRINUSE: another lease's flow
 * overlaps. Since: 0.1 */
int zcrx_queue_steer_socket(struct zcrx_queue *queue, int socket);

/* The same by value, for root and for what the policy lists. family: AF_INET or AF_INET6; an
 * address of NULL and a port of 0 stand for any. Since: 0.1 */
int zcrx_queue_steer(struct zcrx_queue *queue, int family, const char *source, uint16_t source_port,
		     const char *destination, uint16_t destination_port);

/* Starts to receive from a connected TCP socket; events carry `userdata`. The socket is duplicated:
 * the caller may close its own. Do not read from it by other means. -EBADFD: not registered.
 * Since: 0.1 */
int zcrx_queue_receive(struct zcrx_queue *queue, int socket, void *userdata,
		       struct zcrx_stream **ret);

/* As zcrx_queue_receive(), but no more than so many bytes (at least 1): after them comes ZCRX_EVENT_STOPPED, and
 * the rest is left in the socket. Since: 0.2 */
int zcrx_queue_receive_bounded(struct zcrx_queue *queue, int socket, uint64_t bytes, void *userdata,
			       struct zcrx_stream **ret);

/* Pause: what the kernel has received already still comes, and then nothing until zcrx_stream_resume(); TCP
 * slows the peer down. Both may be called at any time, in any order, also several times. -EALREADY, as of all
 * that follow: the stream has ended or stopped. Since: 0.2 */
int zcrx_stream_pause(struct zcrx_stream *stream);
int zcrx_stream_resume(struct zcrx_stream *stream);

/* How many buffers the program may have of this stream: while it has as many, the stream pauses; 0, as at first:
 * any number. What was delivered before does not count. The kernel may exceed it by what it receives at
 * once, if packets become much shorter. What waits in the socket takes buffers too, and is bounded by its SO_RCVBUF. Since: 0.2 */
int zcrx_stream_set_limit(struct zcrx_stream *stream, unsigned int buffers);

/* Stops receiving, without loss: what the kernel has received already still comes, and then ZCRX_EVENT_STOPPED,
 * after which the library does not touch the socket; or ZCRX_EVENT_EOF or _ERROR, if that came first.
 * zcrx_stream_free() closes the library's duplicate then. Since: 0.2 */
int zcrx_stream_stop(struct zcrx_stream *stream);

/* Takes up a stream after its ZCRX_EVENT_STOPPED: for so many more bytes, or 0: without bound. What was read from
 * the socket by other means meanwhile is not counted. -EINPROGRESS: it has not stopped. Since: 0.2 */
int zcrx_stream_continue(struct zcrx_stream *stream, uint64_t bytes);

/* Stops receiving at once; no event of this stream follows. Bytes that had not been delivered may be lost:
 * see zcrx_stream_stop(). Call it once for each stream, also after its last event. Returns NULL. Since: 0.1 */
struct zcrx_stream *zcrx_stream_free(struct zcrx_stream *stream);

/* The socket of a stream, which is the library's duplicate, and the `userdata` of its events. Since: 0.2 */
int zcrx_stream_get_socket(struct zcrx_stream *stream);
void *zcrx_stream_get_userdata(struct zcrx_stream *stream);
void zcrx_stream_set_userdata(struct zcrx_stream *stream, void *userdata);

/* <linux/io_uring.h> has an enum zcrx_event_type of its own, since Linux 7.2. */
enum zcrx_event_kind {
	/* Payload: `length` bytes at `data`. Valid, and the buffer taken, until given to
	 * zcrx_queue_return(). */
	ZCRX_EVENT_DATA = 1,
	/* The peer has sent everything. The last event of the stream. */
	ZCRX_EVENT_EOF = 2,
	/* `error` and `message` say why the stream cannot continue. The last event of the stream. */
	ZCRX_EVENT_ERROR = 3,
	/* The lease has ended: `error` and `message` say why, as zcrx_lease_get_end_reason() does.
	 * Streams continue, copied by the kernel, unless the interface is gone (-ENODEV): then nothing
	 * more arrives through it. Comes once; no stream. */
	ZCRX_EVENT_LEASE_GONE = 4,
	/* A completion of the caller's own: `user_data`, `result` and `flags` of the entry. */
	ZCRX_EVENT_COMPLETION = 5,
	/* The stream has stopped, as zcrx_stream_stop() or a bound wanted it: `offset` bytes were
	 * delivered, and the next one is the first in the socket. The last event of the stream,
	 * unless zcrx_stream_continue() is called. Since: 0.2 */
	ZCRX_EVENT_STOPPED = 6,
	/* Payload that the NIC has not placed in the dma-buf: `length` bytes at `data`, in order with all others.
	 * Valid until the next zcrx_queue_wait(), and not to be returned. Since: 0.2 */
	ZCRX_EVENT_STAGED = 7,
	/* The lease was revoked, and ends at `deadline_usec`: its flows are copied by now. Whoever is done before that
	 * may call zcrx_lease_release(). Comes once, if there is any grace; no stream. Since: 0.2 */
	ZCRX_EVENT_LEASE_ENDING = 8
};

/* Made by the library only, and valid until the next zcrx_queue_wait(): may grow at its end. */
struct zcrx_event {
	enum zcrx_event_kind type;
	int error; /* negative errno */
	struct zcrx_stream *stream;
	void *userdata;
	void *data;
	size_t length;
	const char *message;
	uint64_t user_data;
	int32_t result;
	uint32_t flags;
	uint64_t offset; /* of a stream: bytes that were delivered before. Since: 0.2 */
	uint64_t area_offset; /* of ZCRX_EVENT_DATA: where that is in the area. Since: 0.2 */
	uint64_t deadline_usec; /* CLOCK_REALTIME, in microseconds. Since: 0.2 */
};

/* Waits up to `timeout` milliseconds (-1: no limit, 0: not at all) for the next event. Returns 1
 * and the event, or 0 on timeout; -EINTR when a signal came. What a full completion queue or a lack
 * of buffers interrupts is resumed here. Since: 0.1 */
int zcrx_queue_wait(struct zcrx_queue *queue, int timeout, const struct zcrx_event **ret);

/* Gives the buffer of a ZCRX_EVENT_DATA back to the NIC; `data` points anywhere into it. Once for
 * each event, in any order; since 0.2 in any thread, before the last reference to the queue is dropped.
 * -EINVAL: no such buffer is out. Since: 0.1 */
int zcrx_queue_return(struct zcrx_queue *queue, const void *data);

/* For poll(), also edge triggered: readable when zcrx_queue_wait() with a timeout of 0 should be called,
 * until it returns 0. An epoll of the library's, which tells when something arrives on the socket of a
 * stream: leave it to the library to wait on it. The ring's own descriptor will not do: the kernel leaves
 * work to be done by the next zcrx_queue_wait(), and does not tell pollers of it. zcrx-client(7) says what
 * it costs. -EBADFD before zcrx_queue_register(). Since: 0.1 */
int zcrx_queue_get_fd(struct zcrx_queue *queue);

/* The queue's ring, for requests of the caller's own, which complete as ZCRX_EVENT_COMPLETION. Any
 * user_data below 1 << 63 may be used, and ~0. zcrx_queue_wait() submits; leave the completion side alone.
 * NULL before zcrx_queue_register(). Since: 0.1 */
struct io_uring *zcrx_queue_get_ring(struct zcrx_queue *queue);

/* Bytes delivered in all, by zero copy or not. Since: 0.1 */
uint64_t zcrx_queue_get_received(struct zcrx_queue *queue);

/* What of it the kernel had to copy, by its own account: pieces and bytes, without those of a socket
 * buffer's linear part, which it copies and does not count. -EOPNOTSUPP before Linux 7.2.
 * Since: 0.1 */
int zcrx_queue_get_copied(struct zcrx_queue *queue, uint64_t *ret_count, uint64_t *ret_bytes);

/* What keeps a queue from receiving by zero copy; zcrx_pool_get_counter(3) says what to do about each. Values are
 * never renumbered. Since: 0.2 */
enum zcrx_counter {
	/* How often the NIC found no free buffer, and dropped packets; the kernel's event. -EOPNOTSUPP before Linux 7.2,
	 * and of a pool without zcrx_pool_set_events(). */
	ZCRX_COUNTER_STARVED_NIC = 1,
	/* How often the kernel had to copy and found no free buffer: receives that ended with -ENOMEM. */
	ZCRX_COUNTER_STARVED_COPY = 2,
	/* How often the completion queue was full: receives that ended with -ENOSPC. */
	ZCRX_COUNTER_COMPLETIONS_FULL = 3,
	/* How often the refill ring had no room for what was returned. */
	ZCRX_COUNTER_REFILL_FULL = 4,
	/* Bytes that were staged: see zcrx_pool_stage(). */
	ZCRX_COUNTER_STAGED = 5,
	/* Bytes that the kernel copied, as zcrx_queue_get_copied() has them. -EOPNOTSUPP before Linux 7.2. */
	ZCRX_COUNTER_COPIED = 6
};

/* One of these, of a registered queue, since then; in any thread. Since: 0.2 */
int zcrx_queue_get_counter(struct zcrx_queue *queue, enum zcrx_counter counter, uint64_t *ret);

/* SO_INCOMING_NAPI_ID of the sockets whose packets arrive on this queue; 0 if unknown. See
 * zcrx_lease_find_queue(). Since: 0.1 */
unsigned int zcrx_queue_get_napi_id(struct zcrx_queue *queue);

/* Bytes of a buffer and number of buffers, of a registered queue. Since: 0.1 */
size_t zcrx_queue_get_buffer_length(struct zcrx_queue *queue);
unsigned int zcrx_queue_get_buffers(struct zcrx_queue *queue);

/* ------------------------------------------------------------------ pool */

/* A pool: the buffers of one queue of a lease, on a ring of the caller's own. It has no loop, no socket and
 * no thread; requests and completions are the caller's. The application's references keep the ring and the
 * hardware queue, even if the ring's own descriptor is closed. Drop the last one when nothing is received
 * any more; spans that are out then stay valid until each is returned, by whom and when ever. Since: 0.2 */
int zcrx_pool_new(struct zcrx_lease *lease, unsigned int index, struct zcrx_pool **ret);
struct zcrx_pool *zcrx_pool_ref(struct zcrx_pool *pool);
struct zcrx_pool *zcrx_pool_unref(struct zcrx_pool *pool);

/* As of a queue: see zcrx_queue_set_area_size(). Since: 0.2 */
int zcrx_pool_set_area_size(struct zcrx_pool *pool, size_t bytes);
int zcrx_pool_set_buffer_length(struct zcrx_pool *pool, size_t bytes);
int zcrx_pool_set_huge_pages(struct zcrx_pool *pool, int huge);
int zcrx_pool_set_numa_node(struct zcrx_pool *pool, int node);

/* An area of the caller's own instead: `size` bytes from `offset` on of the memfd `fd`, which must be sealed
 * against shrinking, and may be of huge pages. `data` is where the caller has mapped it, shared and writable,
 * and leaves it until every span is returned; NULL for the pool to map it. All in whole pages. What was set
 * last counts, this or zcrx_pool_set_area_size(). Since: 0.2 */
int zcrx_pool_set_area(struct zcrx_pool *pool, int fd, uint64_t offset, void *data, size_t size);

/* The `flags` of struct io_uring_params that the ring needs: R_DISABLED, SINGLE_ISSUER, DEFER_TASKRUN and
 * CQE32. Any others may be added, and CQE_MIXED may stand for CQE32. Since: 0.2 */
unsigned int zcrx_pool_get_ring_flags(void);

/* Makes the area, and has zcrxd bind the hardware queue to it and to the ring with that descriptor, which
 * must not have been enabled yet; enable it afterwards, in the thread that will use it. Several pools may be
 * registered on one ring (Linux 6.16). -EINVAL: not such a ring. See zcrx_queue_register() about
 * locked memory. Since: 0.2 */
int zcrx_pool_register(struct zcrx_pool *pool, int ring_fd);

/* Of a registered pool: zcrx_ifq_idx of IORING_OP_RECV_ZC. Since: 0.2 */
uint32_t zcrx_pool_get_id(struct zcrx_pool *pool);

/* Where the spans of a registered pool lie; for what wants to know that beforehand, such as
 * io_uring_register_buffers(3), or reads from a descriptor, such as sendfile(2). The descriptor is the pool's,
 * and a span is at its `offset` in it, behind that of zcrx_pool_set_area(). Any of the pointers may be NULL.
 * Since: 0.2 */
int zcrx_pool_get_area(struct zcrx_pool *pool, void **ret_data, size_t *ret_size, int *ret_fd);

/* A piece of payload: `length` bytes at `data`, which is at `offset` of the area. Since: 0.2 */
struct zcrx_span {
	void *data;
	size_t length;
	uint64_t offset;
};

/* Looks at a completion (struct io_uring_cqe) of a receive that names this pool. 1: it has brought a span,
 * which is the caller's until returned. 0: it has not, the receive has ended; see zcrx_pool_next().
 * -EBADMSG: it names what is not in the area. Since: 0.2 */
int zcrx_pool_take(struct zcrx_pool *pool, const void *cqe, struct zcrx_span *ret);

/* Gives a span back to the NIC; `data` points anywhere into its buffer. Once for each span and each
 * zcrx_pool_hold(), in any order, in any thread, also after the last zcrx_pool_unref(). -EINVAL: it was
 * not out; of several, those that were are returned nevertheless. Since: 0.2 */
int zcrx_pool_return(struct zcrx_pool *pool, const void *data);
int zcrx_pool_return_many(struct zcrx_pool *pool, const void *const *data, size_t n);

/* One more reference to the buffer of a span that is out, to be returned as well; in any thread.
 * Since: 0.2 */
int zcrx_pool_hold(struct zcrx_pool *pool, const void *data);

/* What to do when a receive has ended. Since: 0.2 */
enum zcrx_next {
	/* Arm it again, as soon as the completion queue has been emptied. */
	ZCRX_NEXT_ARM = 1,
	/* Call zcrx_pool_flush(), then arm it again. */
	ZCRX_NEXT_FLUSH = 2,
	/* No buffer is free: arm it again when one was returned, or some milliseconds later. */
	ZCRX_NEXT_WAIT = 3,
	/* The peer has sent everything; or what was to be received at most (`len`) has come. */
	ZCRX_NEXT_END = 4,
	/* The result is a negative errno for which there is no remedy. */
	ZCRX_NEXT_ERROR = 5,
	/* Of a dma-buf: there is payload that the NIC has not placed. Call zcrx_pool_stage(), then arm it again. */
	ZCRX_NEXT_STAGE = 6
};

/* `result` is that of the completion for which zcrx_pool_take() returned 0. Since: 0.2 */
enum zcrx_next zcrx_pool_next(struct zcrx_pool *pool, int result);

/* Has the kernel take what was returned, where the NIC does not fetch it. 1: done, 0: there was nothing to
 * take; -EOPNOTSUPP before Linux 6.19. Since: 0.2 */
int zcrx_pool_flush(struct zcrx_pool *pool);

/* Wakes the receive of a socket if there is something to receive, and does nothing else. Kernels up to at
 * least 7.2 can forget the last of 128 or more wake-ups: so when the completion queue is empty, before
 * waiting, call it for each socket that has had 64 spans or more since it was last called for it. Since: 0.2 */
int zcrx_pool_nudge(int socket);

/* As zcrx_queue_steer_socket(), zcrx_queue_steer(), zcrx_queue_tune() and zcrx_queue_set_irq_affinity().
 * In the thread of the client. Since: 0.2 */
int zcrx_pool_steer_socket(struct zcrx_pool *pool, int socket);
int zcrx_pool_steer(struct zcrx_pool *pool, int family, const char *source, uint16_t source_port,
		    const char *destination, uint16_t destination_port);
int zcrx_pool_tune(struct zcrx_pool *pool, int64_t defer_hard_irqs, int64_t gro_flush_timeout,
		   int64_t irq_suspend_timeout);
int zcrx_pool_set_irq_affinity(struct zcrx_pool *pool, const char *cpus);

/* The kernel's events, for ZCRX_COUNTER_STARVED_NIC: asked for before the pool is registered, with the user_data that
 * their completions are to have. The thread that has the ring hands those to zcrx_pool_event(), which gives the
 * counter that went up, or 0: the event is of a kind that it does not know. Since: 0.2 */
int zcrx_pool_set_events(struct zcrx_pool *pool, uint64_t user_data);
int zcrx_pool_event(struct zcrx_pool *pool, const void *cqe);

/* As zcrx_queue_get_counter(). Since: 0.2 */
int zcrx_pool_get_counter(struct zcrx_pool *pool, enum zcrx_counter counter, uint64_t *ret);

/* As zcrx_queue_get_copied(), zcrx_queue_get_napi_id(), zcrx_queue_get_buffer_length() and
 * zcrx_queue_get_buffers(). Since: 0.2 */
int zcrx_pool_get_copied(struct zcrx_pool *pool, uint64_t *ret_count, uint64_t *ret_bytes);
unsigned int zcrx_pool_get_napi_id(struct zcrx_pool *pool);
size_t zcrx_pool_get_buffer_length(struct zcrx_pool *pool);
unsigned int zcrx_pool_get_buffers(struct zcrx_pool *pool);

/* The pool that a queue stands on, still owned by the queue: for zcrx_pool_hold(), and for other threads that
 * keep spans longer than the queue, with a reference to it. When the queue goes it leaves the ring, and only its
 * memory stays. Since: 0.2 */
struct zcrx_pool *zcrx_queue_get_pool(struct zcrx_queue *queue);

/* ----------------------------------------------------------------- dma-buf */

/*
 * The whole of the dma-buf `fd` as area, such as memory of a GPU, instead of memory: the NIC places payload there, and
 * the CPU never has it. Of a span or ZCRX_EVENT_DATA, `data` is NULL, and its offset in the dma-buf is
 * what it is known by and returned by. Whoever reads it sees to it that it is there (DMA_BUF_IOCTL_SYNC, or
 * what the GPU's library has). -ESPIPE: no dma-buf. Registering fails where its exporter does not map it for this NIC.
 *
 * The kernel cannot copy into it. So what the NIC could not place (it came before the flow was steered, by another
 * way, or after the lease had ended) is received by recv(2), into memory, in between: steer the listening
 * socket before the peer sends. Such pools are not shared with other processes. Since: 0.2
 */
int zcrx_pool_set_dmabuf(struct zcrx_pool *pool, int fd);
int zcrx_pool_return_offset(struct zcrx_pool *pool, uint64_t offset);
int zcrx_pool_hold_offset(struct zcrx_pool *pool, uint64_t offset);
int zcrx_queue_set_dmabuf(struct zcrx_queue *queue, int fd);
int zcrx_queue_return_offset(struct zcrx_queue *queue, uint64_t offset);

/* When zcrx_pool_next() says ZCRX_NEXT_STAGE: receives up to `length` bytes that lie in ordinary memory. How many; 0 at
 * the end of the stream; -EAGAIN: none, so arm the receive again; or what recv(2) says. A queue does that by itself:
 * ZCRX_EVENT_STAGED. How many bytes of a pool were staged in all; any thread may ask. Since: 0.2 */
ssize_t zcrx_pool_stage(struct zcrx_pool *pool, int socket, void *data, size_t length);
uint64_t zcrx_pool_get_staged(struct zcrx_pool *pool);

/* --------------------------------------------------- several rings for a queue */

/*
 * More rings for a queue of the lease, so that there can be more threads than queues, and that a program
 * hands its connections to its successor without losing a byte. All rings have one area and one refill
 * ring; each connection is received on one of them. Needs Linux 6.19 and a lease of the kind "netkit"
 * (-EOPNOTSUPP, as without zcrxd); at most 64 rings (-EDQUOT), of 16 processes. -EBADFD: not registered.
 *
 * A further ring of this process, made as for zcrx_pool_register(): *ret_id is the zcrx_ifq_idx of
 * IORING_OP_RECV_ZC on it. zcrx_pool_take(), _return(), _hold() and _next() are then called by any thread;
 * zcrx_pool_flush_on() by the one that has the ring, in place of zcrx_pool_flush(). The pool keeps the ring
 * that it was registered on, and none of the others. In the thread of the client. Since: 0.2
 */
int zcrx_pool_share(struct zcrx_pool *pool, int ring_fd, uint32_t *ret_id);
int zcrx_pool_flush_on(struct zcrx_pool *pool, int ring_fd, uint32_t id);

/* The same of a queue: a new one with a ring of its own, to be registered by zcrx_queue_register() and then
 * used in a thread of its own. Setters of the area fail with -EBUSY. The first queue stays until the last one that
 * shares it is gone; what it receives meanwhile is still to be taken from it. Since: 0.2 */
int zcrx_queue_share(struct zcrx_queue *queue, struct zcrx_queue **ret);

/* For another process: two descriptors, which are the caller's to send and to close. There they are set in a new
 * pool or queue of the same queue of the lease, which zcrx_lease_attach() has got; registering it takes part in
 * what is registered already. They are duplicated. -EBADMSG: they are not what zcrx_pool_get_share() gives. Who
 * has them can write to all that is received. Since: 0.2 */
int zcrx_pool_get_share(struct zcrx_pool *pool, int ret_fds[2]);
int zcrx_pool_set_share(struct zcrx_pool *pool, const int fds[2]);
int zcrx_queue_get_share(struct zcrx_queue *queue, int ret_fds[2]);
int zcrx_queue_set_share(struct zcrx_queue *queue, const int fds[2]);

/*
 * To be called by the last process that shares, once it knows that the others have ended: their buffers are
 * free again, whatever had come of them, and it fills the refill ring alone. A process that ends well
 * returns its spans, and takes what its completion queue has, before it drops its pool; then there is
 * nothing to reclaim. What this process has itself is left out.
 *
 * For a pool, nothing may be received on any ring of this process meanwhile, and every completion must have
 * been taken. For a queue: every stream has been paused or stopped, or is over, and zcrx_queue_wait() has
 * said 0: else -EBUSY; queues that share it in other threads likewise, which is not looked at. In the thread
 * that has the ring. -EOPNOTSUPP before Linux 6.19. Since: 0.2
 */
int zcrx_pool_reclaim(struct zcrx_pool *pool);
int zcrx_queue_reclaim(struct zcrx_queue *queue);

#ifdef __cplusplus
}
#endif

#endif
