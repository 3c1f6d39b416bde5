/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * See stage.h: the daemon and its machine, from start to end.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "inline-session.h"
#include "listener.h"
#include "log.h"
#include "sim-internal.h"
#include "stage.h"

/* What the daemon may do about one thing that happened; beyond it, it turns in circles. */
#define TURNS_MAX 20000

struct stage stage;

/* ------------------------------------------------------------------------------- config */

#define SIM0 "software:\n  queues: 2\ninterfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"

static const char *const configs[STAGE_CONFIGS] = {
	SIM0,
	(SIM0 "  - driver: simulated1\n    channels: 8\n    zero-copy-queues: 4\n"),
	("grants: direct\n" SIM0),
	"interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 2\n",
	"interfaces:\n  - name: sim0\n    channels: 16\n    zero-copy-queues: 12\n",
	"",
	"interfaces:\n  - name: sim0\n    zero-copy-queues: many\n",
};

static const char policy[] = "policy:\n"
			     "  - user: \"%u\"\n"
			     "    flows: any\n"
			     "    administer: true\n"
			     "  - user: \"%u\"\n"
			     "    max-queues: 3\n"
			     "    max-area: 128K\n"
			     "    max-lease-time: 1h\n"
			     "    flows: prove\n";

void stage_write_config(unsigned number)
{
	static unsigned written = UINT32_MAX;
	FILE *f;

	assert(number < STAGE_CONFIGS);
	if (number == written)
		return;
	f = fopen(stage.config_path, "we");
	assert(f);
	assert(fputs(configs[number], f) >= 0);
	fprintf(f, policy, (unsigned)getuid(), STAGE_UID);
	assert(fclose(f) == 0);
	written = number;
}

static void write_state(const char *text, size_t size)
{
	int fd;

	if (!text) {
		(void)unlink(stage.state_path);
		return;
	}
	fd = open(stage.state_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert(fd >= 0 && write(fd, text, size) == (ssize_t)size);
	close(fd);
}

/* What an earlier input has left of a NIC's past. */
static void remove_origins(void)
{
	for (unsigned i = 0; i < STAGE_NICS; i++) {
		char path[sizeof(stage.directory) + 32];

		snprintf(path, sizeof(path), "%s/found-%u", stage.directory, STAGE_IFINDEX + i);
		(void)unlink(path);
	}
}

static void remove_directory(void)
{
	remove_origins();
	(void)unlink(stage.config_path);
	(void)unlink(stage.state_path);
	(void)unlink(stage.socket_path);
	(void)rmdir(stage.directory);
}

/* Once a process. */
static void make_directory(void)
{
	if (stage.directory[0])
		return;
	strcpy(stage.directory, "/tmp/zcrxd-stage.XXXXXX");
	assert(mkdtemp(stage.directory));
	/* Other users connect, too. */
	assert(chmod(stage.directory, 0755) == 0);
	snprintf(stage.socket_path, sizeof(stage.socket_path), "%s/socket", stage.directory);
	snprintf(stage.config_path, sizeof(stage.config_path), "%s/config", stage.directory);
	snprintf(stage.state_path, sizeof(stage.state_path), "%s/state", stage.directory);
	atexit(remove_directory);
	log_setup(getenv("ZCRXD_TEST_LOG") ? LOG_DEBUG : LOG_EMERG);
}

/* -------------------------------------------------------------------------- start, stop */

static void add_nic(unsigned i)
{
	const struct local_address addresses[] = {
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, (uint8_t)i, 1 } },
		{ .protocol = FLOW_TCP6, .bytes = { 0xfd, 9, [14] = (uint8_t)i, [15] = 1 } },
	};
	char name[IFNAMSIZ], driver[32];
	struct nic_state *s;

	snprintf(name, sizeof(name), "sim%u", i);
	snprintf(driver, sizeof(driver), "simulated%u", i);
	assert(sim_nic_state_new(STAGE_IFINDEX + i, name, driver, 4, 16, &s) == 0);
	assert(sim_add_nic(stage.sim, s, NULL, NULL) == 0);
	nic_state_free(s);
	assert(sim_set_addresses(stage.sim, STAGE_IFINDEX + i, addresses, ARRAY_SIZE(addresses)) == 0);
}

void stage_build(void)
{
	make_directory();
	remove_origins();
	stage_system_reset();
	stage_set_hold(0);
	stage.sim = sim_new();
	assert(stage.sim);
	for (unsigned i = 0; i < STAGE_NICS; i++)
		add_nic(i);
}

static void start_daemon(void)
{
	sigset_t before;

	/* The daemon blocks signals that libFuzzer lives by. */
	sigprocmask(SIG_SETMASK, NULL, &before);
	assert(manager_new(stage.sim, stage.config_path, stage.state_path, &stage.manager) == 0);
	sigprocmask(SIG_SETMASK, &before, NULL);
	assert(manager_start(stage.manager, stage.socket_path) >= 0);
	stage_run();
	assert(stage.manager->devices.ready);
}

void stage_boot(const char *state_file, size_t size)
{
	stage_write_config(0);
	write_state(state_file, size);
	start_daemon();
}

void stage_start(const char *state_file, size_t size)
{
	stage_build();
	stage_boot(state_file, size);
}

static struct nic_backend *keep(struct nic_backend *b)
{
	return NULL;
}

void stage_halt(void)
{
	struct nic_backend_ops ops = *stage.sim->ops;
	const struct nic_backend_ops *real = stage.sim->ops;

	/* The machine outlives the daemon. */
	ops.free = keep;
	stage.sim->ops = &ops;
	stage.manager = manager_free(stage.manager);
	inline_sessions_end();
	stage.sim->ops = real;
}

static bool somebody_waits(void)
{
	const struct lease *l;

	TAILQ_FOREACH(l, &stage.manager->leases.list, entry)
		if (!STAILQ_EMPTY(&l->waiters))
			return true;
	return false;
}

void stage_restart(void)
{
	stage_set_hold(0);
	(void)sim_fail_at(stage.sim, 0, 0, NULL);
	listeners_free(&stage.manager->server);
	stage_run();
	/* Who waits for the end of a lease is answered when it is quarantined. */
	if (somebody_waits())
		stage_pass(15000);
	stage_halt();
	/* A file that the daemon would refuse to start with is put right by people. */
	stage_write_config(0);
	start_daemon();
}

void stage_stop(void)
{
	stage_halt();
	stage.sim = stage.sim->ops->free(stage.sim);
	stage_system_reset();
}

/* ------------------------------------------------------------------------------- running */

/* The kernel closes the rings of a client that was killed. */
static void close_rings(void)
{
	const struct sim *sim = sim_of(stage.sim);

	for (size_t i = 0; i < sim->n_nics; i++)
		for (uint32_t q = 0; sim->nics[i].state && q < SIM_QUEUES_MAX; q++)
			if (sim->shared->nics[i].queues[q].io_uring)
				(void)sim_ring_closed(stage.sim, sim->nics[i].state->ifindex, q);
}

void stage_run(void)
{
	for (unsigned i = 0; i < TURNS_MAX; i++) {
		int r = sd_event_run(stage.manager->loop.event, 0);

		assert(r >= 0);
		stage.n_turns += r > 0;
		if (stage_client_killed())
			close_rings();
		else if (r == 0)
			return;
	}
	assert(!"the daemon does not come to rest");
}

/* In steps, as draining polls. */
void stage_pass(uint64_t milliseconds)
{
	uint64_t steps = milliseconds / 50 + 1;

	if (steps > 250)
		steps = 250;
	for (uint64_t i = 0; i < steps; i++) {
		stage_clock_pass(milliseconds * 1000 / steps);
		stage_run();
	}
}

/* Nothing is under way that only time can end. */
static bool is_settled(void)
{
	const struct device *d;
	const struct lease *l;

	TAILQ_FOREACH(l, &stage.manager->leases.list, entry)
		if (!l->persistent || l->n_busy > 0 || l->state >= LEASE_DRAINING)
			return false;
	TAILQ_FOREACH(d, &stage.manager->devices.list, entry)
		for (unsigned i = 0; i < d->inventory.carve_out.zero_copy_count; i++)
			if (d->inventory.queues[i].quarantine)
				return false;
	return true;
}

void stage_settle(void)
{
	stage_set_hold(0);
	(void)sim_fail_at(stage.sim, 0, 0, NULL);
	for (unsigned i = 0; i < STAGE_NICS; i++)
		(void)sim_set_up(stage.sim, STAGE_IFINDEX + i, true);
	close_rings();
	stage_run();
	for (unsigned i = 0; i < 60 && !is_settled(); i++)
		stage_pass(1000);
	stage_check();
	stage_check_record();
}
