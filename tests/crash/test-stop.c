/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a daemon leaves behind that is told to end: at a stop (SIGTERM), at a restart (SIGUSR1, see
 * RestartKillSignal= in the unit), and when it is killed; and what the next one makes of it.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>

#include "origin.h"
#include "world.h"

static struct world w;

static void write_config_with(const char *first)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "%sinterfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
		 "policy:\n  - user: \"%u\"\n    flows: any\n    administer: true\n",
		 first, (unsigned)getuid());
	daemon_write_config(&w.d, text);
}

static void end_by(int signal)
{
	time_t start = time(NULL);
	int status;

	w.link = sd_varlink_close_unref(w.link);
	assert_int_equal(kill(w.pid, signal), 0);
	while (waitpid(w.pid, &status, WNOHANG) == 0) {
		assert_true(world_is_patient(start));
		usleep(1000);
	}
	w.pid = 0;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
}

static void start_again(void)
{
	assert_true(world_start(&w, 0));
}

static bool is_configured(void)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(&w.d);

	if (s->channels.combined == 8 && s->split == SPLIT_ENABLED && nic_state_rss_queues(s) == 4)
		return true;
	assert_int_equal(s->channels.combined, 4);
	assert_int_equal(s->split, SPLIT_UNKNOWN);
	assert_int_equal(s->hds_threshold, 256);
	assert_int_equal(s->ntuple, FEATURE_OFF);
	assert_int_equal(s->n_rules, 0);
	return false;
}

static bool is_hung_up(int handle)
{
	struct pollfd p = { .fd = handle };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

static const char *reason(void)
{
	sd_json_variant *reply;

	assert_null(call(w.link, "Describe", &reply, "{}"));
	return text_of(sd_json_variant_by_index(sd_json_variant_by_key(reply, "interfaces"), 0),
		       "reason");
}

static void test_stop(void **state)
{
	struct client c;

	(void)state;
	write_config_with("on-stop: restore\n");
	start_again();
	assert_true(is_configured());
	assert_null(client_open(&w.d, &c, CLIENT_BOUND));
	/* Neither a restart nor a kill takes anything away. */
	end_by(SIGUSR1);
	assert_true(is_configured());
	start_again();
	world_kill(&w);
	assert_true(is_configured());
	start_again();
	assert_string_equal(lease_state(&w.d, c.id), "bound");
	assert_false(is_hung_up(c.handle));

	end_by(SIGTERM);
	assert_false(is_configured());
	assert_true(is_hung_up(c.handle));
	client_close(&c);
	start_again();
	assert_true(is_configured());
}

static void test_keep(void **state)
{
	struct client c;

	(void)state;
	end_by(SIGUSR1);
	write_config_with("");
	start_again();
	assert_null(client_open(&w.d, &c, CLIENT_BOUND));
	end_by(SIGTERM);
	assert_true(is_configured());
	assert_false(is_hung_up(c.handle));
	start_again();
	assert_string_equal(lease_state(&w.d, c.id), "bound");
	client_close(&c);
	wait_until_clean(&w.d);
}

/* Who restored it wants it so until the next start; and a crash is none of his doing. */
static void test_held(void **state)
{
	(void)state;
	assert_null(call(w.link, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	world_kill(&w);
	start_again();
	assert_false(is_configured());
	assert_non_null(strstr(reason(), "as it was found"));
	end_by(SIGUSR1);
	start_again();
	assert_true(is_configured());
}

/* Nobody is there to put it back later: it goes back before the end, and stays. */
static void test_unconfirmed(void **state)
{
	static const int signals[] = { SIGTERM, SIGUSR1, SIGKILL };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		assert_null(call(w.link, "Restore", NULL, "{\"interface\":\"sim0\"}"));
		assert_null(call(w.link, "Apply", NULL, "{\"confirmWithinUSec\":3600000000}"));
		assert_true(is_configured());
		if (signals[i] == SIGKILL)
			world_kill(&w);
		else {
			end_by(signals[i]);
			assert_false(is_configured());
		}
		start_again();
		world_barrier(&w);
		assert_false(is_configured());
		assert_non_null(strstr(reason(), "not confirmed in time"));
		assert_null(call(w.link, "Apply", NULL, "{}"));
		assert_true(is_configured());
	}
}

static int setup(void **state)
{
	(void)state;
	world_new(&w, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(&w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_unconfirmed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
