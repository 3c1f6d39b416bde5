/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a daemon leaves behind that is told to end: at a stop (SIGTERM), at a restart (SIGUSR1, see
 * RestartKillSignal= in the unit), and when it is killed; and what the next one makes of it.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/wait.h>

#include "baseline.h"
#include "sim-internal.h"
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

static void await_end(void)
{
	time_t start = time(NULL);
	int status;

	while (waitpid(w.pid, &status, WNOHANG) == 0) {
		assert_true(world_is_patient(start));
		usleep(1000);
	}
	w.pid = 0;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
}

static void end_by(int signal)
{
	w.link = sd_varlink_close_unref(w.link);
	assert_int_equal(kill(w.pid, signal), 0);
	await_end();
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

static pid_t await_registrar(void)
{
	time_t start = time(NULL);
	pid_t pid;

	while ((pid = registrar_of(w.pid)) <= 0) {
		assert_true(world_is_patient(start));
		usleep(1000);
	}
	return pid;
}

static void test_no_registrar_outlives_its_daemon(void **state)
{
	time_t start = time(NULL);
	struct client c, other;
	pid_t pids[2];

	assert_null(client_open(&w.d, &c, CLIENT_RESERVED));
	pids[0] = await_registrar();
	world_kill(&w);
	start_again();
	assert_null(client_open(&w.d, &other, CLIENT_RESERVED));
	pids[1] = await_registrar();
	assert_int_not_equal(pids[0], pids[1]);
	end_by(SIGUSR1);
	while (is_registrar(pids[0], 0) || is_registrar(pids[1], 0)) {
		assert_true(world_is_patient(start));
		usleep(1000);
	}
	start_again();
	client_close(&c);
	client_close(&other);
	wait_until_clean(&w.d);
}

static void test_keep(void **state)
{
	struct client c;

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

/* The next daemon cannot: the connection was taken from the socket's queue. One that has called before,
 * and may never again, is not waited for. */
static void test_late_call(void **state)
{
	sd_varlink *late = daemon_connect(&w.d);

	world_barrier(&w);
	world_barrier(&w); /* by now it is accepted */
	assert_int_equal(kill(w.pid, SIGUSR1), 0);
	usleep(500000);
	assert_null(call(late, "ListLeases", NULL, "{}"));
	sd_varlink_close_unref(late);
	w.link = sd_varlink_close_unref(w.link);
	await_end();
	start_again();
}

static void open_steered(struct client *c)
{
	assert_null(client_open(&w.d, c, CLIENT_BOUND));
	assert_null(call_fds(c->link, "AddFlow", &c->handle, 1, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"flow\":"
			     "{\"protocol\":\"tcp4\",\"destinationPort\":7}}", c->id));
}

/* While there is no daemon anybody may take the guard of its flows away. */
static void test_guard(void **state)
{
	const struct flow flow = { .protocol = FLOW_TCP4, .destination_port = 7 };
	struct client c;

	open_steered(&c);
	end_by(SIGUSR1);
	assert_true(sim_is_guarded(w.d.sim, SIM0, &flow));
	assert_int_equal(sim_remove_guard(w.d.sim, SIM0), 0);
	start_again();
	assert_true(sim_is_guarded(w.d.sim, SIM0, &flow));
	assert_string_equal(lease_state(&w.d, c.id), "steered");
	client_close(&c);
	wait_until_clean(&w.d);
}

/* Another kernel, as it were: what an earlier daemon has steered is not left unguarded. */
static void test_guard_impossible(void **state)
{
	struct client c;

	open_steered(&c);
	world_kill(&w);
	sim_features(w.d.sim)->guard = false;
	start_again();
	wait_for_hangup(c.handle);
	wait_for_rules(&w.d, 0);
	client_close(&c);
	wait_until_clean(&w.d);
	end_by(SIGUSR1);
	sim_features(w.d.sim)->guard = true;
	start_again();
}

/* Who restored it wants it so until the next start; and a crash is none of his doing. */
static void test_restored_interfaces_stay_unmanaged(void **state)
{
	assert_null(call(w.link, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	world_kill(&w);
	start_again();
	assert_false(is_configured());
	assert_non_null(strstr(reason(), "restored to its baseline"));
	end_by(SIGUSR1);
	start_again();
	assert_true(is_configured());
}

/* Nobody is there to put it back later: it goes back before the end, and stays. */
static void test_unconfirmed(void **state)
{
	static const int signals[] = { SIGTERM, SIGUSR1, SIGKILL };

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

/* ---------------------------------------------------------------- what others change meanwhile */

static void change(const struct step *step)
{
	assert_int_equal(sim_foreign_step(w.d.sim, SIM0, step), 0);
}

static unsigned threshold(void)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(&w.d);

	return s->hds_threshold;
}

static bool has_filters(void)
{
	_cleanup_(nic_state_freep) struct nic_state *s = observe(&w.d);

	return s->ntuple == FEATURE_ON;
}

/* The daemon says that it is so, and why. */
static void await_reason(const char *part)
{
	time_t start = time(NULL);

	while (!strstr(reason(), part) && world_is_patient(start))
		usleep(1000);
	assert_non_null(strstr(reason(), part));
}

#define REPORT "on-drift: report\n"

/* With on-drift: report a start is no reason to put anything right, as long as it is the same that was
 * there before: it was configured, and is meant to be. */
static void test_report(void **state)
{
	static const struct step off = { .op = STEP_NTUPLE };
	static const struct step wide = { .op = STEP_RSS };
	static const char *const before[] = { "", REPORT };
	struct client c, other;

	for (size_t i = 0; i < ARRAY_SIZE(before); i++) {
		/* Whatever the mode was in which it was configured. */
		world_kill(&w);
		write_config_with(before[i]);
		start_again();
		assert_null(call(w.link, "Apply", NULL, "{}"));
		assert_null(client_open(&w.d, &c, CLIENT_BOUND));
		world_kill(&w);
		write_config_with(REPORT);
		change(&off);
		change(&wide);
		start_again();
		await_reason("drifted: ntuple-feature is off instead of on");
		assert_false(has_filters());
		/* But a way into a bound queue is closed. */
		assert_true(is_configured());
		assert_string_equal(lease_state(&w.d, c.id), "bound");
		/* Its end is no reason either. */
		client_close(&c);
		wait_until_clean(&w.d);
		world_barrier(&w);
		assert_false(has_filters());
		end_by(SIGUSR1);
		start_again();
		await_reason("zcrxctl apply sim0");
		assert_false(has_filters());
		/* The interface is of use all the same, as before the restart. */
		assert_null(client_open(&w.d, &other, CLIENT_RESERVED));
		client_close(&other);
		wait_until_clean(&w.d);
		assert_null(call(w.link, "Apply", NULL, "{}"));
		assert_true(has_filters());
		await_reason("");
	}
}

/* Killed while it was asked to put it right: what it has begun is finished by the next one. Where it had
 * not begun, everything is as it was. */
static void test_report_interrupted(void **state)
{
	static const struct step off = { .op = STEP_NTUPLE };
	static const struct step set = { .op = STEP_HDS_THRESHOLD, .to.number = 64 };
	unsigned n_reported = 0, n_finished = 0;
	bool killed = true;

	world_kill(&w);
	write_config_with(REPORT);
	start_again();
	for (unsigned n = 1; killed; n++) {
		const char *error;

		world_kill(&w);
		change(&off);
		change(&set);
		start_again();
		await_reason("drifted: ");
		world_arm(&w, n);
		error = call(w.link, "Apply", NULL, "{}");
		world_arm(&w, 0);
		killed = error && streq(error, DISCONNECTED);
		world_kill(&w); /* also one that dies of what it does next */
		start_again();
		world_barrier(&w);
		assert_int_equal(has_filters(), threshold() == 0);
		n_finished += has_filters();
		n_reported += !has_filters();
	}
	assert_true(n_reported > 0 && n_finished > 0);
	assert_null(call(w.link, "Apply", NULL, "{}"));
	assert_true(has_filters());
}

/* What the file says has to be another, or the NIC one that nobody has configured. */
static void test_report_applies(void **state)
{
	static const struct step set = { .op = STEP_HDS_THRESHOLD, .to.number = 64 };
	_cleanup_free_ char *path = NULL;

	/* Nothing is known of it: it is the first start. */
	world_kill(&w);
	assert_int_equal(baseline_path(w.d.directory, SIM0, &path), 0);
	assert_int_equal(unlink(path), 0);
	change(&set);
	start_again();
	assert_int_equal(threshold(), 0);
	/* Put back, and started again. */
	assert_null(call(w.link, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	end_by(SIGTERM);
	start_again();
	assert_int_equal(threshold(), 0);
	assert_true(is_configured());
	/* Another file. */
	world_kill(&w);
	change(&set);
	daemon_write_config(&w.d, REPORT "interfaces:\n  - name: sim0\n    channels: 8\n"
			    "    zero-copy-queues: 3\npolicy:\n  - administer: true\n    flows: any\n");
	start_again();
	assert_int_equal(threshold(), 0);
	world_kill(&w);
	write_config_with("");
	change(&set);
	start_again();
	assert_int_equal(threshold(), 0);
	assert_true(is_configured());
}

/* A daemon that was killed has set what only looks like the driver's choice: nothing is done again, and
 * what was found is still known. */
static void test_split_by_driver(void **state)
{
	struct nic_state *truth = sim_of(w.d.sim)->nics[0].state;

	assert_null(call(w.link, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	truth->split = SPLIT_ENABLED;
	assert_false(truth->split_was_set);
	assert_null(call(w.link, "Apply", NULL, "{}"));
	assert_true(truth->split_was_set);
	world_kill(&w);
	sim_fail_operation(w.d.sim, "set tcp-data-split", EBUSY, "it was set before");
	start_again();
	assert_string_equal(reason(), "");
	sim_fail_operation(w.d.sim, NULL, 0, NULL);
	assert_null(call(w.link, "Restore", NULL, "{\"interface\":\"sim0\"}"));
	assert_true(truth->split == SPLIT_ENABLED && !truth->split_was_set);
	truth->split = SPLIT_UNKNOWN;
	assert_null(call(w.link, "Apply", NULL, "{}"));
	assert_true(is_configured());
}

/* ------------------------------------------------------------- what is in no configuration now */

/* Killed while it waited for a word, and then the interface left the configuration or got a name that is
 * not in it. */
static void test_unconfirmed_and_gone(void **state)
{
	for (int renamed = 0; renamed < 2; renamed++) {
		time_t start = time(NULL);

		assert_null(call(w.link, "Restore", NULL, "{\"interface\":\"sim0\"}"));
		assert_null(call(w.link, "Apply", NULL, "{\"confirmWithinUSec\":3600000000}"));
		world_kill(&w);
		if (renamed)
			assert_int_equal(sim_rename(w.d.sim, SIM0, "other0"), 0);
		else
			daemon_write_config(&w.d, "policy:\n  - administer: true\n    flows: any\n");
		assert_true(is_configured());
		start_again();
		while (threshold() != 256 && world_is_patient(start))
			usleep(1000);
		assert_false(is_configured());
		world_kill(&w);
		write_config_with("");
		assert_int_equal(sim_rename(w.d.sim, SIM0, "sim0"), 0);
		start_again();
		await_reason("not confirmed in time"); /* it may have been killed before it was noted */
		assert_null(call(w.link, "Apply", NULL, "{}"));
		assert_true(is_configured());
	}
}

static int setup(void **state)
{
	world_new(&w, NULL);
	return 0;
}

static int teardown(void **state)
{
	world_free(&w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_no_registrar_outlives_its_daemon),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_late_call),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_guard_impossible),
		cmocka_unit_test(test_restored_interfaces_stay_unmanaged),
		cmocka_unit_test(test_unconfirmed),
		cmocka_unit_test(test_unconfirmed_and_gone),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_report_interrupted),
		cmocka_unit_test(test_report_applies),
		cmocka_unit_test(test_split_by_driver),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
