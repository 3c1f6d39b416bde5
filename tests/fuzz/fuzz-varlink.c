/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clients that say anything to the whole service. An input is a play: each line is one thing that
 * happens, its first letter says what.
 *
 *	>TEXT    TEXT and a NUL are sent, a message of Varlink; <TEXT without the NUL
 *	fKINDS   the next message comes with descriptors of these kinds (clients.c)
 *	cN       on goes connection N, of a user of its own; q closes it
 *	hN       handle N is closed
 *	kK sK    the socket of kind K is destroyed; is shut down
 *	xK       the kernel gives what is for it to another user's socket
 *	tN       N milliseconds pass
 *	wN       workers, reports and rings stand still: bits 1, 2, 4; 0 lets all go on
 *	eN       the Nth operation on the machine from here on fails
 *	uN bN    NIC N goes down or up; somebody takes or leaves queue N of sim0
 *	pN aN    NIC N is unplugged or plugged in; has the addresses N
 *	o        messages of the kernel are lost
 *	yN       configuration N is in the file
 *	r        the daemon is restarted
 *
 * In between the daemon does all that it can. What must hold at any time is in stage-check.c; at
 * the end a new client is answered, nothing is left of the others, and every descriptor is closed.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "clients.h"
#include "fuzz.h"
#include "sim-internal.h"
#include "stage.h"

#define LINES_MAX 100

static unsigned n_plugs; /* the simulation has so many slots */

static void unplug_or_plug(unsigned i)
{
	const unsigned ifindex = STAGE_IFINDEX + i;
	char name[IFNAMSIZ], driver[32];
	struct nic_state *s;

	if (sim_unplug(stage.sim, ifindex) == 0 || n_plugs++ >= SIM_NICS_MAX - 1 - STAGE_NICS)
		return;
	snprintf(name, sizeof(name), "sim%u", i);
	snprintf(driver, sizeof(driver), "simulated%u", i);
	assert(sim_nic_state_new(ifindex, name, driver, 8, 16, &s) == 0);
	assert(sim_add_nic(stage.sim, s, NULL, NULL) == 0);
	nic_state_free(s);
}

static void set_addresses(unsigned number)
{
	const struct local_address all[] = {
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 0, 1 } },
		{ .protocol = FLOW_TCP6, .bytes = { 0xfd, 9, [15] = 1 } },
		{ .protocol = FLOW_TCP4, .bytes = { 10, 9, 7, 7 } },
	};
	struct local_address some[ARRAY_SIZE(all)];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (number & 1U << i)
			some[n++] = all[i];
	(void)sim_set_addresses(stage.sim, STAGE_IFINDEX, some, n);
}

static const struct nic_state *nic(unsigned i)
{
	size_t slot;

	return sim_find(sim_of(stage.sim), STAGE_IFINDEX + i, &slot) == 0
		       ? sim_state(sim_of(stage.sim), slot)
		       : NULL;
}

static void take_or_leave(unsigned queue)
{
	struct sim *sim = sim_of(stage.sim);
	size_t slot;

	if (queue < SIM_QUEUES_MAX && sim_find(sim, STAGE_IFINDEX, &slot) == 0)
		(void)sim_set_bound(stage.sim, STAGE_IFINDEX, queue,
				    !sim->shared->nics[slot].queues[queue].io_uring);
}

/* What happens to the machine. */
static void act_outside(char what, unsigned n)
{
	switch (what) {
	case 'e':
		(void)sim_fail_at(stage.sim, n % 32, n & 32 ? EBUSY : EIO, "the play says so");
		break;
	case 'u':
		if (nic(n % STAGE_NICS))
			(void)sim_set_up(stage.sim, STAGE_IFINDEX + n % STAGE_NICS,
					 !nic(n % STAGE_NICS)->up);
		break;
	case 'd':
		(void)sim_set_detached(stage.sim, STAGE_IFINDEX + n % STAGE_NICS, n / STAGE_NICS % 2);
		break;
	case 'b':
		take_or_leave(n);
		break;
	case 'p':
		unplug_or_plug(n % STAGE_NICS);
		break;
	case 'a':
		set_addresses(n);
		break;
	case 'o':
		(void)sim_overrun(stage.sim);
		break;
	}
}

static void act(char what, const char *rest, size_t n_rest, unsigned n)
{
	switch (what) {
	case '<':
	case '>':
		client_send(rest, n_rest);
		break;
	case 'f':
		client_attach(rest, n_rest);
		break;
	case 'c':
		client_select(n);
		break;
	case 'q':
		client_close();
		break;
	case 'h':
		client_close_handle(n);
		break;
	case 'k':
		client_destroy_socket(n_rest > 0 ? rest[0] : 'l');
		break;
	case 's':
		client_shut_socket(n_rest > 0 ? rest[0] : 'l');
		break;
	case 'x':
		client_stray_socket(n_rest > 0 ? rest[0] : 'l');
		break;
	case 't':
		stage_pass(n);
		break;
	case 'w':
		stage_set_hold(n);
		break;
	case 'y':
		stage_write_config(n % STAGE_CONFIGS);
		break;
	case 'r':
		stage_restart();
		clients_disconnect();
		break;
	default:
		act_outside(what, n);
	}
}

/* A line that is sent keeps its end in a buffer of its own: the NUL. */
static void play_line(const char *line, size_t n)
{
	char text[16384];
	unsigned number = 0;

	if (n == 0 || n >= sizeof(text))
		return;
	memcpy(text, line, n);
	text[n] = '\0';
	for (size_t i = 1; i < n && i < 10 && text[i] >= '0' && text[i] <= '9'; i++)
		number = number * 10 + (unsigned)(text[i] - '0');
	act(text[0], text + 1, text[0] == '>' ? n : n - 1, number);
	do
		stage_run();
	while (clients_read());
	stage_check();
	stage_check_record();
}

static unsigned count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Leases that need nobody are an administrator's to end. */
static void revoke_all(void)
{
	const struct lease *l, *next;
	char text[128];

	client_select(0);
	for (l = TAILQ_FIRST(&stage.manager->leases.list); l; l = next) {
		next = TAILQ_NEXT(l, entry);
		assert(l->persistent);
		client_send(text, 1 + (size_t)snprintf(text, sizeof(text),
						       "{\"method\":\"io.zcrx.Manager.Revoke\","
						       "\"parameters\":{\"leaseId\":\"%08x\"}}", l->id));
	}
	stage_settle();
}

static void play(const char *text, size_t size)
{
	for (unsigned i = 0; i < LINES_MAX && size > 0; i++) {
		const char *end = memchr(text, '\n', size);
		size_t n = end ? (size_t)(end - text) : size;

		play_line(text, n);
		n += end != NULL;
		text += n;
		size -= n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned before;

	clients_prepare();
	before = count_descriptors();
	n_plugs = 0;
	stage_start(NULL, 0);
	play((const char *)data, size);
	stage_check_record();

	stage_set_hold(0);
	(void)sim_fail_at(stage.sim, 0, 0, NULL);
	for (unsigned i = 0; i < STAGE_NICS; i++)
		(void)sim_set_detached(stage.sim, STAGE_IFINDEX + i, false);
	stage_pass(2000);
	stage_check_proofs();
	clients_leave();
	stage_settle();
	assert(client_is_answered());
	revoke_all();
	clients_leave();
	stage_run();
	stage_check_degraded();
	stage_check_clean();
	stage_stop();
	assert(count_descriptors() == before);
	return 0;
}
