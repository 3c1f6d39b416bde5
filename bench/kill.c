/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From SIGKILL of a client to its queue in other hands: how long until zcrxd leases the queue of a
 * killed client again, and how long the kernel by itself takes to take the queue of a killed
 * program that had registered it without zcrxd.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "macro.h"

#define POLL_USEC 1000 /* between two looks */
#define PATIENCE  60   /* seconds */

struct kind {
	const char *name, *leased_name; /* of the series; NULL: nobody can lease it again */
	int (*hold)(const struct target *t, struct client *c);
	/* 0 as soon as the queue is free, -EBUSY if it takes longer. */
	int (*probe)(const struct target *t, uint64_t usec);
};

struct result {
	struct series freed, leased;
};

static int hold_by_daemon(const struct target *t, struct client *c)
{
	return daemon_hold(t, c, 1, false);
}

static int hold_by(int (*hold)(const struct target *t, struct client *c), const struct target *t,
		   struct client *c)
{
	int r;

	r = client_init(c, t->address);
	return r < 0 ? failed(r, "make a ring, an area and a socket") : hold(t, c);
}

static int hold_by_kernel(const struct target *t, struct client *c)
{
	return hold_by(bare_hold, t, c);
}

static int hold_by_netkit(const struct target *t, struct client *c)
{
	return hold_by(bare_hold_leased, t, c);
}

/* Not before the ring is closed: at the same time the two may meet in the kernel, which warns then.
 */
static int delete_netkit(const struct target *t, uint64_t usec)
{
	int r;

	r = bare_probe(t, usec);
	return r < 0 ? r : bare_delete_device();
}

/* A process that has the queue, and does nothing else until it is killed. */
static int start_holder(const struct kind *k, const struct target *t, pid_t *ret)
{
	_cleanup_close_ int theirs = -EBADF, ours = -EBADF;
	struct client c;
	int ends[2];
	char byte;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return failed(-errno, "make a pipe");
	ours = ends[0];
	theirs = ends[1];
	pid = fork();
	if (pid < 0)
		return failed(-errno, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (k->hold(t, &c) == 0 && write(theirs, "", 1) == 1)
			pause();
		_exit(EXIT_FAILURE);
	}
	closep(&theirs);
	theirs = -EBADF;
	*ret = pid;
	if (read(ours, &byte, 1) == 1)
		return 0;
	waitpid(pid, NULL, 0);
	return -EIO; /* it has said why */
}

/* Its queue is the only one: whoever leases now has it. */
static int lease_again(const struct target *t, uint64_t begin, struct series *s)
{
	struct client c = { .handle = -EBADF };
	int r;

	r = contender_daemon.step(t, &c, STEP_ACQUIRE);
	if (r == 0) {
		s->values[s->n++] = now_nsec() - begin;
		r = contender_daemon.step(t, &c, STEP_RELEASE);
	}
	closep(&c.handle);
	free(c.lease_id);
	return r;
}

static int wait_until_free(const struct kind *k, const struct target *t, uint64_t begin)
{
	int r;

	do
		r = k->probe(t, POLL_USEC);
	while (r == -EBUSY && now_nsec() - begin < PATIENCE * 1000000000ULL);
	return r;
}

static int kill_one(const struct kind *k, const struct target *t, struct result *result)
{
	uint64_t begin, now;
	pid_t pid = -1;
	int r;

	r = start_holder(k, t, &pid);
	if (r == 0)
		r = daemon_forget_freed();
	if (r < 0)
		return r;
	begin = now_nsec();
	kill(pid, SIGKILL);
	r = wait_until_free(k, t, begin);
	now = now_nsec();
	waitpid(pid, NULL, 0);
	if (r < 0)
		return failed(r, "get the queue of a killed client");
	result->freed.values[result->freed.n++] = now - begin;
	return k->leased_name ? lease_again(t, begin, &result->leased) : 0;
}

static int result_init(struct result *result, unsigned rounds)
{
	result->freed.values = calloc(rounds, sizeof(uint64_t));
	result->leased.values = calloc(rounds, sizeof(uint64_t));
	return result->freed.values && result->leased.values ? 0 : -ENOMEM;
}

static int result_to_json(struct result *result, const struct kind *k, sd_json_variant **v)
{
	int r;

	r = series_to_json(&result->freed, k->name, v);
	if (r >= 0 && k->leased_name)
		r = series_to_json(&result->leased, k->leased_name, v);
	return r;
}

int kill_measure(const struct target *t, unsigned rounds, sd_json_variant **ret)
{
	static const struct kind kinds[] = {
		{ .name = "zcrxd",
		  .leased_name = "zcrxdLeased",
		  .hold = hold_by_daemon,
		  .probe = daemon_wait_freed },
		{ .name = "kernel", .hold = hold_by_kernel, .probe = bare_probe },
		{ .name = "netkit", .hold = hold_by_netkit, .probe = delete_netkit },
	};
	struct result results[ARRAY_SIZE(kinds)] = {};
	int r;

	r = contender_daemon.open(t);
	if (r == 0)
		r = daemon_watch(t);
	if (r == 0)
		r = contender_bare.open(t);
	for (size_t i = 0; i < ARRAY_SIZE(kinds) && r == 0; i++)
		r = result_init(&results[i], rounds);
	for (unsigned round = 0; round < rounds && r == 0; round++)
		for (size_t i = 0; i < ARRAY_SIZE(kinds) && r == 0; i++)
			r = kill_one(&kinds[i], t, &results[i]);
	if (r == 0)
		r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_UNSIGNED("rounds", rounds));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (r >= 0)
			r = result_to_json(&results[i], &kinds[i], ret);
		free(results[i].freed.values);
		free(results[i].leased.values);
	}
	contender_bare.close();
	daemon_watch_end();
	contender_daemon.close();
	return r;
}
