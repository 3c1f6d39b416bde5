/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process that waits for the next registration: what it has, when there is one, and what becomes of a
 * registration that finds it dead.
 */
#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "harness.h"
#include "loop.h"

#define PATIENCE 10.0
#define KEPT_USEC (10 * 1000000ULL) /* without a lease */

static struct daemon d;

int __real_loop_arm(struct loop *l, sd_event_source **timer, uint64_t usec, sd_event_time_handler_t handler,
		    void *userdata);
int __wrap_loop_arm(struct loop *l, sd_event_source **timer, uint64_t usec, sd_event_time_handler_t handler,
		    void *userdata);

/* Nobody waits so long here. */
int __wrap_loop_arm(struct loop *l, sd_event_source **timer, uint64_t usec, sd_event_time_handler_t handler,
		    void *userdata)
{
	return __real_loop_arm(l, timer, usec == KEPT_USEC ? usec / 50 : usec, handler, userdata);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int setup(void **state)
{
	daemon_start(&d, NULL);
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(&d);
	return 0;
}

/* Another one than `last` that waits, and nobody else; and the daemon knows of it. */
static pid_t await_registrar(pid_t last)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
	pid_t pid = 0;

	for (double until = now() + PATIENCE; now() < until; usleep(2000)) {
		pid = registrar_of(getpid());
		if (pid <= 0 || pid == last || !first_registrar_rests(getpid()))
			continue;
		assert_null(call(link, "Describe", NULL, "{}"));
		return pid;
	}
	fail_msg("no process waits (%d)", (int)pid);
	return 0;
}

static void await_none(void)
{
	for (double until = now() + PATIENCE; first_registrar_of(getpid()) != 0 && now() < until;)
		usleep(2000);
	assert_int_equal(registrar_of(getpid()), 0);
	assert_int_equal(first_registrar_of(getpid()), 0);
}

static void test_one_waits_as_long_as_there_are_leases(void **state)
{
	struct client c;

	assert_int_equal(registrar_of(getpid()), 0);
	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	(void)await_registrar(0);
	client_close(&c);
	wait_until_clean(&d);
	await_none();
}

/* Beside the standard streams; `ret` is the last of them. */
static unsigned count_fds(pid_t pid, char ret[64])
{
	char path[64];
	unsigned n = 0;
	DIR *fds;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	assert_non_null(fds);
	for (const struct dirent *e; (e = readdir(fds));) {
		ssize_t size;

		if (!isdigit((unsigned char)e->d_name[0]) || atoi(e->d_name) <= STDERR_FILENO)
			continue;
		size = readlinkat(dirfd(fds), e->d_name, ret, 63);
		ret[size < 0 ? 0 : size] = '\0';
		n++;
	}
	closedir(fds);
	return n;
}

static void test_it_holds_its_socket_and_nothing_else(void **state)
{
	char last[64] = "";
	struct client c;
	pid_t pid;

	assert_null(client_open_queues(&d, &c, 2, CLIENT_RESERVED));
	pid = await_registrar(0);
	assert_null(client_register_queue(&c, 0)); /* what that had open is not in the next one */
	pid = await_registrar(pid);
	for (double until = now() + PATIENCE; count_fds(pid, last) != 1 && now() < until;)
		usleep(2000); /* it is just beginning */
	assert_int_equal(count_fds(pid, last), 1);
	assert_int_equal(strncmp(last, "socket:", strlen("socket:")), 0);
	client_close(&c);
	wait_until_clean(&d);
}

static void test_it_is_used_once(void **state)
{
	struct client c;
	pid_t first;

	assert_null(client_open_queues(&d, &c, 2, CLIENT_RESERVED));
	first = await_registrar(0);
	assert_null(client_register_queue(&c, 0));
	(void)await_registrar(first);
	for (double until = now() + PATIENCE; is_registrar(first, getpid()) && now() < until;)
		usleep(2000);
	assert_false(is_registrar(first, getpid()));
	client_close(&c);
	wait_until_clean(&d);
}

static void test_registrations_without_a_pause_work(void **state)
{
	struct client c;

	assert_null(client_open_queues(&d, &c, 3, CLIENT_RESERVED));
	for (unsigned i = 0; i < 3; i++)
		assert_null(client_register_queue(&c, i));
	client_close(&c);
	wait_until_clean(&d);
}

static void register_after_kill(bool at_once)
{
	struct client c;
	pid_t first;

	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	first = await_registrar(0);
	if (at_once)
		daemon_hold(); /* so that the loop does not see it before it hears of the registration */
	assert_int_equal(kill(first, SIGKILL), 0);
	for (double until = now() + PATIENCE; is_registrar(first, getpid()) && now() < until;)
		usleep(1000);
	if (at_once)
		daemon_go_on();
	else
		usleep(50000);
	assert_null(client_register(&c));
	(void)await_registrar(first);
	client_close(&c);
	wait_until_clean(&d);
}

static void test_a_registration_that_finds_it_dead_works(void **state)
{
	register_after_kill(false);
	register_after_kill(true);
}

static void test_one_comes_after_that_which_makes_them_has_died(void **state)
{
	struct client c;
	pid_t ready, first;

	assert_null(client_open_queues(&d, &c, 2, CLIENT_RESERVED));
	ready = await_registrar(0);
	first = first_registrar_of(getpid());
	assert_true(first > 0);
	assert_int_equal(kill(first, SIGKILL), 0);
	assert_null(client_register_queue(&c, 0));
	ready = await_registrar(ready);
	assert_true(first_registrar_of(getpid()) > 0);
	assert_int_not_equal(first_registrar_of(getpid()), first);
	assert_null(client_register_queue(&c, 1));
	client_close(&c);
	wait_until_clean(&d);
}

/* What the simulated NIC was told since it was forked is what counts. */
static void test_what_it_is_told_is_of_now(void **state)
{
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	(void)await_registrar(0);
	sim_fail_operation(d.sim, "register the interface queue", EIO, "no");
	assert_string_equal(client_register(&c), "io.zcrx.Manager.KernelRejected");
	sim_fail_operation(d.sim, NULL, 0, NULL);
	assert_null(client_register(&c));
	client_close(&c);
	wait_until_clean(&d);
}

static void test_it_ends_with_the_daemon(void **state)
{
	struct client c;

	daemon_start(&d, NULL);
	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	(void)await_registrar(0);
	client_close(&c);
	daemon_stop(&d);
	assert_int_equal(registrar_of(getpid()), 0);
	assert_int_equal(first_registrar_of(getpid()), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_one_waits_as_long_as_there_are_leases),
		TEST(test_it_holds_its_socket_and_nothing_else),
		TEST(test_it_is_used_once),
		TEST(test_registrations_without_a_pause_work),
		TEST(test_a_registration_that_finds_it_dead_works),
		TEST(test_one_comes_after_that_which_makes_them_has_died),
		TEST(test_what_it_is_told_is_of_now),
		cmocka_unit_test(test_it_ends_with_the_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
