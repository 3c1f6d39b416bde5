/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "force.h"
#include "shared-heap.h"
#include "state-file.h"
#include "subject.h"

/* In a process of its own, which does nothing but to keep its ring. */
_Noreturn static void client_process(struct world *w, int answer)
{
	struct subject s;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	shared_heap_forked();
	w->link = daemon_connect(&w->d); /* the other is the parent's */
	if (subject_acquire(w, &s, "{}") || subject_register(w, &s, 0) ||
	    write(answer, s.id, sizeof(s.id)) != sizeof(s.id))
		_exit(EXIT_FAILURE);
	for (;;)
		pause();
}

static pid_t start_client(struct world *w, char ret_id[16])
{
	int answer[2];
	pid_t pid;

	assert_int_equal(pipe(answer), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		client_process(w, answer[1]);
	close(answer[1]);
	assert_int_equal(read(answer[0], ret_id, 16), 16);
	close(answer[0]);
	return pid;
}

/* Answered only when the lease is over: not waited for. */
static void send_revoke(struct world *w, const char *id, bool force)
{
	world_connect(w, false);
	assert_true(sd_varlink_invokebo(w->link, "io.zcrx.Manager.Revoke",
					SD_JSON_BUILD_PAIR_STRING("leaseId", id),
					SD_JSON_BUILD_PAIR_BOOLEAN("force", force)) >= 0);
	assert_true(sd_varlink_flush(w->link) >= 0);
}

/* As the state file has it. */
static void wait_for_record(struct world *w, const char *id, bool force)
{
	time_t start = time(NULL);

	while (world_is_patient(start)) {
		_cleanup_record_ struct record record = {};
		_cleanup_free_ char *set_aside = NULL;

		assert_int_equal(state_read(w->d.state_path, &record, &set_aside), 0);
		for (size_t i = 0; i < record.n_leases; i++) {
			const struct record_lease *l = &record.leases[i];
			uint32_t number;

			assert_int_equal(lease_id_parse(id, &number), 0);
			if (l->id == number && l->state == LEASE_DRAINING && l->force == force)
				return;
		}
		usleep(1000);
	}
	fail_msg("that is never on record");
}

static void wait_until_killed(pid_t pid)
{
	time_t start = time(NULL);
	int status;

	while (world_is_patient(start)) {
		if (waitpid(pid, &status, WNOHANG) == pid) {
			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), SIGKILL);
			return;
		}
		usleep(1000);
	}
	(void)kill(pid, SIGKILL);
	fail_msg("its client is not killed");
}

static void wait_until_over(struct world *w, const char *before)
{
	_cleanup_free_ char *now = NULL;
	time_t start = time(NULL);

	/* What the kernel does when a process has ended. */
	assert_int_equal(sim_ring_closed(w->d.sim, SIM0, SUBJECT_QUEUE), 0);
	world_connect(w, false);
	while (world_is_patient(start)) {
		free(now);
		now = world_list(w);
		if (streq(now, before))
			return;
		usleep(1000);
	}
	fail_msg("the lease is never over");
}

static void run(struct world *w, bool late, bool crash)
{
	_cleanup_free_ char *before = world_list(w);
	char id[16];
	pid_t pid = start_client(w, id);

	send_revoke(w, id, !late);
	wait_for_record(w, id, !late);
	if (late) {
		send_revoke(w, id, true);
		wait_for_record(w, id, true);
	}
	if (crash) {
		world_kill(w);
		assert_true(world_start(w, 0));
	}
	wait_until_killed(pid);
	wait_until_over(w, before);
}

/* It runs a set-uid program by now, which who connected could not kill. */
void test_force_spares_what_became_root(void **state)
{
	struct world *w = *state;
	_cleanup_free_ char *before = world_list(w);
	char id[16];
	pid_t pid = start_client(w, id);

	sim_set_clients_root(w->d.sim, true);
	send_revoke(w, id, true);
	wait_for_record(w, id, true);
	sleep(2); /* DRAIN_TRIES_FORCE is one second */
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	sim_set_clients_root(w->d.sim, false);
	assert_int_equal(kill(pid, SIGKILL), 0);
	wait_until_killed(pid);
	wait_until_over(w, before);
}

void test_force(void **state)
{
	run(*state, false, true);
}

void test_force_that_comes_late(void **state)
{
	run(*state, true, false);
	run(*state, true, true);
}
