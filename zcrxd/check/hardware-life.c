/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of two leases, one beside the other, as those of any program. What the drivers' sources cannot tell is how
 * long a NIC takes, what it does to others meanwhile, and what its firmware thinks of it: so after each step come
 * its time, what has changed, and what the kernel said. Nothing is set here that zcrxd does not set itself, and it is
 * zcrxd that puts it back.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <zcrx-client.h>

#include "hardware.h"

#define PAUSE_MSEC 2000 /* zcrxd looks once a second */
#define END_MSEC 10000

struct half {
	struct zcrx_lease *lease;
	struct zcrx_queue *queue;
};

struct life {
	FILE *out;
	const char *interface;
	const struct machine_facts *machine;
	struct zcrx_client *client;
	struct half first, second;
	int listener, log;
	struct look first_look, before;
	unsigned failed;
};

/* ---------------------------------------------------------------------------- the steps */

static double now_msec(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int acquire(struct life *l, struct half *h)
{
	int r = zcrx_lease_new(l->client, &h->lease);

	if (r >= 0)
		r = zcrx_lease_set_interface(h->lease, l->interface);
	return r >= 0 ? zcrx_lease_acquire(h->lease) : r;
}

static int register_queue(struct half *h)
{
	int r = zcrx_queue_new(h->lease, 0, &h->queue);

	return r >= 0 ? zcrx_queue_register(h->queue) : r;
}

static int release(struct half *h)
{
	int r;

	h->queue = zcrx_queue_unref(h->queue);
	r = zcrx_lease_release(h->lease);
	h->lease = zcrx_lease_unref(h->lease);
	return r;
}

static void pause_for(unsigned msec)
{
	const struct timespec t = { msec / 1000, (long)(msec % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

/* Tests are in a hurry. */
static int do_nothing(struct life *l)
{
	const char *shorter = getenv("ZCRXD_CHECK_PAUSE_MSEC");

	pause_for(shorter ? (unsigned)atoi(shorter) : PAUSE_MSEC);
	return 0;
}

static bool is_as_before(const struct nic_state *a, const struct nic_state *b)
{
	if (!a || !b || a->up != b->up || a->n_queues != b->n_queues || a->n_rules != b->n_rules ||
	    a->n_contexts != b->n_contexts || !nic_state_same_settings(a, b))
		return false;
	for (size_t i = 0; i < a->n_queues; i++)
		if (nic_queue_is_used(&a->queues[i]) != nic_queue_is_used(&b->queues[i]))
			return false;
	return true;
}

/* What zcrxd has left to do after the last release is done within some time. */
static int wait_for_the_end(struct life *l)
{
	for (unsigned waited = 0; waited < END_MSEC; waited += 100) {
		struct look now;
		int r = look_take(&now, l->interface, l->machine);
		bool same = r >= 0 && is_as_before(l->first_look.state, now.state);

		if (r >= 0)
			look_done(&now);
		if (r < 0 || same)
			return r;
		pause_for(100);
	}
	return -ETIMEDOUT;
}

static int acquire_first(struct life *l)
{
	return acquire(l, &l->first);
}

static int register_first(struct life *l)
{
	return register_queue(&l->first);
}

static int steer(struct life *l)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };

	l->listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->listener < 0 || bind(l->listener, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    listen(l->listener, 1) < 0)
		return -errno;
	return zcrx_queue_steer_socket(l->first.queue, l->listener);
}

static int acquire_second(struct life *l)
{
	return acquire(l, &l->second);
}

static int register_second(struct life *l)
{
	return register_queue(&l->second);
}

static int release_second(struct life *l)
{
	return release(&l->second);
}

static int close_ring(struct life *l)
{
	l->first.queue = zcrx_queue_unref(l->first.queue);
	return 0;
}

static int release_first(struct life *l)
{
	return release(&l->first);
}

static const struct life_step {
	const char *what;
	int (*run)(struct life *l);
} steps[] = {
	{ "Nothing happens, for comparison", do_nothing },
	{ "A queue is leased", acquire_first },
	{ "It is registered, with an area of the default size", register_first },
	{ "The flows of a listening socket are steered to it", steer },
	{ "Nothing happens", do_nothing },
	{ "Another queue is leased", acquire_second },
	{ "It is registered, while the first is in use", register_second },
	{ "Nothing happens", do_nothing },
	{ "It is released, while the first is in use", release_second },
	{ "The ring of the first is closed, and its lease kept", close_ring },
	{ "Its queue is taken back meanwhile", do_nothing },
	{ "It is registered again", register_first },
	{ "It is released", release_first },
	{ "The NIC is as before", wait_for_the_end },
};

/* ----------------------------------------------------------------------------- one by one */

static int look_again(struct life *l)
{
	struct look now;
	int r = look_take(&now, l->interface, l->machine);

	if (r < 0)
		return r;
	look_print_changes(l->out, &l->before, &now);
	look_done(&l->before);
	l->before = now;
	return 0;
}

/* The first that fails is the last: what follows would not tell anything. */
static int run_steps(struct life *l)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && r >= 0 && l->failed == 0; i++) {
		double begin = now_msec();
		int failure = steps[i].run(l);

		fprintf(l->out, "\n%zu. %s: %.3f ms\n", i + 1, steps[i].what,
			now_msec() - begin);
		if (failure < 0) {
			const char *why = zcrx_client_error(l->client);

			fprintf(l->out, "  FAILED: %s (%s)\n", strerror(-failure), *why ? why : "no more is known");
			l->failed++;
		}
		r = look_again(l);
		kernel_log_print(l->out, l->log);
	}
	return r;
}

/* Also after a step that failed. */
static void let_go(struct life *l)
{
	struct half *halves[] = { &l->second, &l->first };

	for (size_t i = 0; i < ARRAY_SIZE(halves); i++) {
		if (halves[i]->lease)
			(void)release(halves[i]);
	}
	if (l->listener >= 0)
		close(l->listener);
	zcrx_client_unref(l->client);
}

static int begin_and_run(struct life *l, const char *socket)
{
	int r = zcrx_client_new(&l->client);

	if (r < 0)
		return r;
	r = zcrx_client_connect(l->client, socket);
	if (r >= 0)
		return run_steps(l);
	fprintf(l->out, "\nFAILED: zcrxd cannot be reached: %s\n", strerror(-r));
	l->failed++;
	return 0;
}

static int look_and_live(struct life *l, const char *socket)
{
	int r = look_take(&l->first_look, l->interface, l->machine);

	if (r >= 0)
		r = look_take(&l->before, l->interface, l->machine);
	if (r < 0)
		return r;
	fprintf(l->out, "\nThe NIC\n");
	look_print(l->out, &l->first_look);
	r = begin_and_run(l, socket);
	let_go(l);
	if (r >= 0) {
		int same = wait_for_the_end(l);

		fprintf(l->out, "\nAt the end the NIC is%s as before.\n", same < 0 ? " NOT" : "");
		l->failed += same < 0;
		r = look_again(l);
	}
	return r;
}

int live(FILE *out, const char *socket, const char *interface, const struct machine_facts *machine, bool *ret_good)
{
	struct life l = { .out = out, .interface = interface, .machine = machine, .listener = -EBADF,
			  .log = kernel_log_open() };
	int r;

	if (l.log < 0)
		fprintf(out, "  The kernel's log is missing here: %s. Run it as root.\n", strerror(-l.log));
	r = look_and_live(&l, socket);
	look_done(&l.first_look);
	look_done(&l.before);
	if (l.log >= 0)
		close(l.log);
	*ret_good = l.failed == 0;
	return r;
}
