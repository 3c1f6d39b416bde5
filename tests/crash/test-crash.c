/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The daemon is killed at every point of everything it does, and the next one takes over: what was
 * answered holds, what was not either happened or did not, the record says which, nobody else
 * notices, and nothing is left over. A point is before and after each operation on the NIC, each
 * write of the record, each message to the store of descriptors and each shutdown of a handle.
 *
 * ZCRXD_CRASH_EVERY=1 takes each point. Without it a run takes every ninth, because all of them take
 * minutes: an odd distance, since odd points come before an operation, and even ones after it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <time.h>

#include "crash-point.h"
#include "force.h"
#include "scenarios.h"

#define POINTS_MAX   500
#define TESTS_MAX    80
#define POINTS_LEAST 350
/* Of the points, one in so many has a second crash, at one of the next start's first points. */
#define PAIRS_EVERY 4
#define EVERY_DEFAULT 9
#define PAIRS_POINTS 16

static struct world world;
static unsigned total, pairs, every = EVERY_DEFAULT, first = 1;

static void give_up(const struct scenario *c, unsigned n, const char *what, const char *before,
		    const char *after, const char *now)
{
	fail_msg("%s, killed at point %u: %s\n-- before:\n%s-- after:\n%s-- now:\n%s", c->name, n, what,
		 before ?: "(of no account)\n", after ?: "(not known)\n", now);
}

/* As it is when nothing is on its way any more. */
static char *settled(struct world *w)
{
	time_t start = time(NULL);

	while (world_is_patient(start)) {
		_cleanup_free_ char *first = NULL;
		char *again;

		if (world_is_quiet(w)) {
			world_barrier(w);
			first = world_describe(w);
			world_barrier(w);
			again = world_describe(w);
			if (streq(first, again) && world_is_quiet(w))
				return again;
			free(again);
		}
		usleep(2000);
	}
	fail_msg("the daemon does not come to rest");
	return NULL;
}

/* It comes to one of them and stays there. */
static void expect(struct world *w, const struct scenario *c, unsigned n, const char *before,
		   const char *after)
{
	_cleanup_free_ char *now = NULL;
	time_t start = time(NULL);

	while (world_is_patient(start)) {
		free(now);
		now = settled(w);
		if ((after && streq(now, after)) || (before && streq(now, before)))
			return;
		usleep(2000);
	}
	give_up(c, n, "that is neither", before, after, now);
}

/* True if the daemon was killed; false if it came through to the end of the act. */
static bool wait_for_end(struct world *w, const struct scenario *c, unsigned n, const char *after)
{
	_cleanup_free_ char *now = NULL;
	time_t start = time(NULL);

	while (world_is_patient(start)) {
		if (world_is_dead(w))
			return true;
		free(now);
		now = world_describe(w);
		if (now && streq(now, after) && world_is_quiet(w)) {
			/* One round more of its loop: it has passed what follows the last write. */
			free(now);
			now = world_list(w);
			if (now)
				return false;
		}
		if (!now && !world_is_dead(w))
			world_connect(w, true);
		usleep(1000);
	}
	give_up(c, n, "neither killed nor done", NULL, after, now);
	return false;
}

/* True if it was too late, and the daemon died at the last moment. */
static bool disarm(struct world *w, unsigned n)
{
	crash_arm(0);
	free(world_list(w));
	if (crash_passed() < n)
		return false;
	while (!world_is_dead(w))
		usleep(500);
	return true;
}

/* What the record promised at the daemon's death is what the next one lists. */
static void check_record(struct world *w, const struct scenario *c, unsigned n, const char *promised)
{
	_cleanup_free_ char *list = world_list(w);

	if (!streq(list, promised))
		give_up(c, n, "that is not what the record said", promised, promised, list);
}

/* The next daemon, which is killed at point m (0: none) of what it starts with; and then one more. */
static void start_again(struct world *w, unsigned m)
{
	if (m > 0 && world_start(w, m) && !disarm(w, m)) {
		world_connect(w, false);
		return;
	}
	crash_arm(0);
	pairs += m > 0;
	assert_true(world_start(w, 0));
}

static bool kill_at(struct world *w, const struct scenario *c, unsigned n, unsigned m, const char *base,
		    const char *before, const char *after)
{
	struct subject s = { .handle = -EBADF };
	_cleanup_free_ char *promised = NULL;
	const char *answer;
	bool killed;

	c->prepare(w, &s);
	answer = c->act(w, &s, n);
	if (answer && !streq(answer, UNANSWERED) && !streq(answer, DISCONNECTED))
		fail_msg("%s: %s", c->name, answer);
	killed = wait_for_end(w, c, n, after) || disarm(w, n);
	crash_arm(0);
	if (!killed)
		world_connect(w, false);
	else {
		promised = world_record(w);
		start_again(w, m);
		expect(w, c, n, answer && !c->certain ? before : NULL, after);
		if (!c->certain)
			check_record(w, c, n, promised);
	}
	if (c->undo)
		c->undo(w);
	subject_end(w, &s);
	expect(w, c, n, base, NULL);
	return killed;
}

static void run(struct world *w, const struct scenario *c)
{
	_cleanup_free_ char *base = settled(w), *before = NULL, *after = NULL;
	struct subject s = { .handle = -EBADF };
	time_t start = time(NULL);
	unsigned n, points = 0;

	/* Once without a crash, to know what it should be. */
	c->prepare(w, &s);
	if (c->lapses) {
		world_kill(w);
		assert_true(world_start(w, 0));
		before = settled(w);
		c->undo(w);
		expect(w, c, 0, base, NULL);
		c->prepare(w, &s);
	}
	if (w->pid > 0 && !before)
		before = settled(w);
	(void)c->act(w, &s, 0);
	while (world_is_patient(start)) {
		after = settled(w);
		if (c->unchanged || !before || !streq(before, after))
			break;
		free(TAKE_PTR(after));
	}
	if (!after)
		fail_msg("%s does nothing", c->name);
	if (c->unchanged)
		assert_string_equal(before, after);
	if (c->undo)
		c->undo(w);
	subject_end(w, &s);
	expect(w, c, 0, base, NULL);

	for (n = first; kill_at(w, c, n, 0, base, before, after); n += every) {
		assert_true(n < POINTS_MAX);
		points++;
	}
	for (unsigned k = 1 + total % PAIRS_EVERY; k < n; k += PAIRS_EVERY * every)
		(void)kill_at(w, c, k, 1 + (total + k) % PAIRS_POINTS, base, before, after);
	total += points;
	print_message("%3u points: %s\n", points, c->name);
	assert_true(points > 0);
}

static void test_scenario(void **state)
{
	/* After a failure it may be in any state. */
	crash_arm(0);
	if (world_is_dead(&world))
		assert_true(world_start(&world, 0));
	run(&world, *state);
}

/* What Tune finds is not nothing. */
static void set_polling(void)
{
	const struct napi_settings found = { 1, 1000, 0 };
	struct nic *nic;

	assert_int_equal(world.d.sim->ops->open(world.d.sim, SIM0, &nic, NULL), 0);
	for (uint32_t q = 0; q < SUBJECT_QUEUES_MOST; q++)
		assert_int_equal(nic->ops->napi_set(nic, SUBJECT_QUEUE + q, &found, NAPI_EVERYTHING,
						    NULL), 0);
	nic->ops->close(nic);
}

static void test_bystander(void **state)
{
	set_polling();
	assert_null(client_open(&world.d, &world.bystander, CLIENT_BOUND));
}

/* It has lived through all of it, and nothing is left after it. */
static void test_end(void **state)
{
	client_close(&world.bystander);
	(void)sim_ring_closed(world.d.sim, SIM0, 4);
	wait_until_clean(&world.d);
	print_message("%u crash points, and %u pairs of them\n", total, pairs);
	/* Some hundred: a hook that is gone takes many with it. */
	assert_true(getenv("ZCRXD_CRASH_ONLY") || total * every >= POINTS_LEAST);
}

static int setup(void **state)
{
	world_new(&world, NULL);
	write_config(&world, 4);
	return world_start(&world, 0) ? 0 : -1;
}

static int teardown(void **state)
{
	world_free(&world);
	return 0;
}

static void add(struct CMUnitTest *tests, size_t *n, const char *name, CMUnitTestFunction f,
		const struct scenario *c)
{
	const char *only = getenv("ZCRXD_CRASH_ONLY");

	if (c && c->netkit_only && getenv("ZCRXD_GRANTS_DIRECT"))
		return;
	if (!c || !only || streq(only, name))
		tests[(*n)++] = (struct CMUnitTest){ .name = name, .test_func = f,
						     .initial_state = (void *)c };
}

int main(void)
{
	struct CMUnitTest tests[TESTS_MAX] = {};
	const char *each = getenv("ZCRXD_CRASH_EVERY");
	size_t n = 0;

	if (each)
		every = (unsigned)atoi(each);
	if (every > 1 && getenv("ZCRXD_GRANTS_DIRECT"))
		first = 2;
	for (size_t i = 0; i < n_nic_scenarios; i++)
		add(tests, &n, nic_scenarios[i].name, test_scenario, &nic_scenarios[i]);
	add(tests, &n, "a lease by the side", test_bystander, NULL);
	for (size_t i = 0; i < n_lease_scenarios; i++)
		add(tests, &n, lease_scenarios[i].name, test_scenario, &lease_scenarios[i]);
	if (getenv("ZCRXD_GRANTS_DIRECT")) {
		tests[n++] = (struct CMUnitTest){ .name = "force", .test_func = test_force,
						  .initial_state = &world };
		tests[n++] = (struct CMUnitTest){ .name = "force, its client became root",
						  .test_func = test_force_spares_what_became_root,
						  .initial_state = &world };
		tests[n++] = (struct CMUnitTest){ .name = "force that comes late",
						  .test_func = test_force_that_comes_late,
						  .initial_state = &world };
	}
	add(tests, &n, "nothing is left", test_end, NULL);
	return _cmocka_run_group_tests("crash", tests, n, setup, teardown);
}
