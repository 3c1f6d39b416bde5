/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Registrations that wait for their rings' locks, where not even SIGKILL ends them: each is a process of
 * the daemon's that is left behind.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"
#include "registrar.h"

#define OURS(name) "io.zcrx.Manager." name

static struct daemon d;
static atomic_bool immortal; /* no process is ended by a signal */
static atomic_uint killed;

int __real_kill(pid_t pid, int number);
int __wrap_kill(pid_t pid, int number);

int __wrap_kill(pid_t pid, int number)
{
	if (!atomic_load(&immortal) || number != SIGKILL)
		return __real_kill(pid, number);
	atomic_fetch_add(&killed, 1);
	return 0;
}

static int setup(void **state)
{
	daemon_start(&d, NULL);
	sim_set_clients_root(d.sim, true); /* we are the client, and would be killed for its ring */
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(&d);
	return 0;
}

struct attempt {
	pthread_t thread;
	struct client client; /* another's, with a connection of its own */
	unsigned queue;
	char error[64];
};

static void *attempt_main(void *userdata)
{
	struct attempt *a = userdata;

	snprintf(a->error, sizeof(a->error), "%s", client_register_queue(&a->client, a->queue) ?: "none");
	return NULL;
}

static void test_hung_registrations_of_a_user_are_bounded(void **state)
{
	struct attempt attempts[REGISTRARS_HUNG_MAX];
	struct client c;

	assert_null(client_open_queues(&d, &c, REGISTRARS_HUNG_MAX, CLIENT_RESERVED));
	atomic_store(&immortal, true);
	sim_hold_rings(d.sim, true);
	for (unsigned i = 0; i < REGISTRARS_HUNG_MAX; i++) {
		attempts[i] = (struct attempt){ .client = c, .queue = i };
		attempts[i].client.link = daemon_connect(&d);
		assert_int_equal(pthread_create(&attempts[i].thread, NULL, attempt_main, &attempts[i]), 0);
	}
	for (unsigned i = 0; i < REGISTRARS_HUNG_MAX; i++) {
		assert_int_equal(pthread_join(attempts[i].thread, NULL), 0);
		assert_string_equal(attempts[i].error, OURS("InvalidRing"));
		sd_varlink_close_unref(attempts[i].client.link);
	}
	assert_int_equal(atomic_load(&killed), REGISTRARS_HUNG_MAX);
	/* They were answered, and are there still. */
	for (unsigned i = 0; i < REGISTRARS_HUNG_MAX; i++)
		assert_string_equal(client_register_queue(&c, i), OURS("QuotaExceeded"));
	atomic_store(&immortal, false);
	sim_hold_rings(d.sim, false);
	for (unsigned i = 0; i < 1000 && c.n_rings == 0; i++) {
		(void)client_register_queue(&c, 3);
		usleep(5000);
	}
	assert_int_equal(c.n_rings, 1);
	client_close(&c);
	wait_until_clean(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hung_registrations_of_a_user_are_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
