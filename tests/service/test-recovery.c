/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of docs/RECOVERY.md, a test a row; and the state file: what is written is read back, and
 * what was damaged is set aside and never obeyed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <sys/stat.h>

#include "harness.h"
#include "recovery.h"
#include "state-file.h"

#define DEVICE 77

/* ------------------------------------------------------------------------- the table */

struct scene {
	struct record_flow flow;
	struct record_lease lease;
	struct nic_queue queues[8];
	struct nic_rule rule;
	struct nic_state nic;
	struct recovery_facts facts;
};

/* A steered lease of queue 5 by netkit, all as it should be. */
static void scene_init(struct scene *s)
{
	*s = (struct scene){
		.flow = { .id = 1, .state = FLOW_INSTALLED, .location = 3,
			  .flow = { .protocol = FLOW_TCP4, .destination_port = 80 } },
		.lease = { .id = 0xabc, .ifindex = SIM0, .state = LEASE_STEERED, .granted = true,
			   .grant = GRANT_NETKIT, .queues = { 5 }, .n_queues = 1, .n_flows = 1 },
		.rule = { .location = 3, .action = RULE_TO_QUEUE, .target = 5, .understood = true,
			  .flow = { .protocol = FLOW_TCP4, .destination_port = 80 } },
		.nic = { .ifindex = SIM0, .up = true, .n_queues = 8, .n_rules = 1 },
		.facts = { .has_handle = true, .device_ifindex = DEVICE, .now_usec = 1000 },
	};
	s->queues[5] = (struct nic_queue){ .io_uring = true, .leased = true,
					   .lease_ifindex = DEVICE };
	s->lease.flows = &s->flow;
	s->nic.queues = s->queues;
	s->nic.rules = &s->rule;
	s->facts.nic = &s->nic;
}

static void expect(const struct scene *s, enum recovery_verdict verdict, const char *reason)
{
	struct recovery r = recovery_decide(&s->lease, &s->facts);

	assert_int_equal(r.verdict, verdict);
	if (reason)
		assert_string_equal(r.reason, reason);
	else
		assert_null(r.reason);
}

static void test_adopt(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	expect(&s, RECOVERY_ADOPT, NULL);
	assert_int_equal(recovery_decide(&s.lease, &s.facts).state, LEASE_STEERED);
	s.flow.state = FLOW_PENDING;
	assert_int_equal(recovery_decide(&s.lease, &s.facts).state, LEASE_BOUND);
	s.queues[5].io_uring = false;
	assert_int_equal(recovery_decide(&s.lease, &s.facts).state, LEASE_RESERVED);
	/* A NIC that is down says nothing of its queues: the record counts. */
	s.nic.up = false;
	s.nic.n_queues = 0;
	s.lease.state = LEASE_BOUND;
	expect(&s, RECOVERY_ADOPT, NULL);
	assert_int_equal(recovery_decide(&s.lease, &s.facts).state, LEASE_BOUND);
	/* A direct grant has no device. */
	s.lease.grant = GRANT_DIRECT;
	s.facts.device_ifindex = 0;
	expect(&s, RECOVERY_ADOPT, NULL);
	/* A persistent lease needs no handle. */
	s.lease.persistent = true;
	s.facts.has_handle = false;
	expect(&s, RECOVERY_ADOPT, NULL);
}

static void test_over(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.facts.nic = NULL;
	expect(&s, RECOVERY_FORGET, "the interface is gone");
	scene_init(&s);
	s.lease.state = LEASE_DRAINING;
	expect(&s, RECOVERY_TAKE_BACK, "it was being taken back");
	s.lease.state = LEASE_QUARANTINED;
	expect(&s, RECOVERY_TAKE_BACK, "it was being taken back");
	scene_init(&s);
	s.lease.granted = false;
	expect(&s, RECOVERY_TAKE_BACK, "zcrxd ended while the lease was being made");
	scene_init(&s);
	s.facts.has_handle = false;
	expect(&s, RECOVERY_TAKE_BACK, "its handle was closed while zcrxd was away");
	scene_init(&s);
	s.lease.expiry_usec = 1000;
	expect(&s, RECOVERY_TAKE_BACK, "its time to live ended while zcrxd was away");
	s.lease.expiry_usec = 1001;
	expect(&s, RECOVERY_ADOPT, NULL);
	scene_init(&s);
	s.facts.device_ifindex = 0;
	expect(&s, RECOVERY_TAKE_BACK, "its netkit device was deleted while zcrxd was away");
	scene_init(&s);
	s.queues[5].lease_ifindex = DEVICE + 1;
	expect(&s, RECOVERY_TAKE_BACK, "its queues are not leased to its netkit device");
	s.queues[5].leased = false;
	expect(&s, RECOVERY_TAKE_BACK, "its queues are not leased to its netkit device");
}

static void test_flows(void **state)
{
	static const struct {
		enum flow_state state;
		bool there, proved;
		enum recovery_flow expected;
	} rows[] = {
		{ FLOW_PENDING, false, true, RECOVERY_FLOW_PENDING },
		{ FLOW_PENDING, false, false, RECOVERY_FLOW_DROP },
		{ FLOW_PENDING, true, true, RECOVERY_FLOW_PENDING },
		{ FLOW_PENDING, true, false, RECOVERY_FLOW_DROP },
		{ FLOW_INSTALLED, true, true, RECOVERY_FLOW_KEEP },
		{ FLOW_INSTALLED, false, true, RECOVERY_FLOW_REINSERT },
		{ FLOW_INSTALLED, true, false, RECOVERY_FLOW_REMOVE },
		{ FLOW_INSTALLED, false, false, RECOVERY_FLOW_DROP },
		{ FLOW_INSTALLING, true, true, RECOVERY_FLOW_REMOVE },
		{ FLOW_INSTALLING, true, false, RECOVERY_FLOW_REMOVE },
		{ FLOW_INSTALLING, false, true, RECOVERY_FLOW_DROP },
		{ FLOW_INSTALLING, false, false, RECOVERY_FLOW_DROP },
		{ FLOW_REMOVING, true, true, RECOVERY_FLOW_REMOVE },
		{ FLOW_REMOVING, true, false, RECOVERY_FLOW_REMOVE },
		{ FLOW_REMOVING, false, true, RECOVERY_FLOW_DROP },
		{ FLOW_REMOVING, false, false, RECOVERY_FLOW_DROP },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t location = 99;
		struct scene s;

		scene_init(&s);
		s.flow.state = rows[i].state;
		s.nic.n_rules = rows[i].there;
		assert_int_equal(recovery_decide_flow(&s.lease, &s.flow, rows[i].proved, &s.nic,
						      &location),
				 rows[i].expected);
		if (rows[i].there)
			assert_int_equal(location, 3);
	}
}

/* Only a rule of exactly this flow to exactly this queue is the lease's. */
static void test_foreign_rules_are_not_ours(void **state)
{
	uint32_t location;
	struct scene s;

	(void)state;
	scene_init(&s);
	s.rule.target = 4;
	assert_int_equal(recovery_decide_flow(&s.lease, &s.flow, true, &s.nic, &location),
			 RECOVERY_FLOW_REINSERT);
	scene_init(&s);
	s.rule.flow.destination_port = 81;
	assert_int_equal(recovery_decide_flow(&s.lease, &s.flow, false, &s.nic, &location),
			 RECOVERY_FLOW_DROP);
	scene_init(&s);
	s.rule.understood = false;
	assert_int_equal(recovery_decide_flow(&s.lease, &s.flow, false, &s.nic, &location),
			 RECOVERY_FLOW_DROP);
	scene_init(&s);
	s.rule.location = 12; /* the driver moved it */
	assert_int_equal(recovery_decide_flow(&s.lease, &s.flow, true, &s.nic, &location),
			 RECOVERY_FLOW_KEEP);
	assert_int_equal(location, 12);
}

/* ----------------------------------------------------------------------------- the file */

static char *read_text(const char *path, size_t *ret_size)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *text = calloc(1, 1 << 20);

	assert_non_null(f);
	*ret_size = fread(text, 1, (1 << 20) - 1, f);
	return text;
}

static void test_written_is_read(void **state)
{
	struct daemon *d = *state;
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *set_aside = NULL;
	const struct record_lease *l;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	assert_int_equal(state_read(d->state_path, &record, &set_aside), 0);
	assert_null(set_aside);
	assert_int_equal(record.n_leases, 1);
	l = &record.leases[0];
	assert_int_equal(l->id, strtoul(c.id, NULL, 16));
	assert_int_equal(l->ifindex, SIM0);
	assert_int_equal(l->state, LEASE_STEERED);
	assert_true(l->granted);
	assert_int_equal(l->owner_pid, getpid());
	assert_int_equal(l->queues[0], 4);
	assert_int_equal(l->areas[0], 65536);
	assert_int_equal(l->n_flows, 1);
	assert_int_equal(l->flows[0].state, FLOW_INSTALLED);
	assert_int_equal(l->flows[0].flow.destination_port, c.port);
	assert_int_equal(l->n_proofs, 1);
	assert_int_equal(l->proofs[0].facts.cookie, l->flows[0].proof);
	assert_int_equal(l->proofs[0].facts.local_port, c.port);
	client_close(&c);
	wait_until_clean(d);
}

static size_t leases_on_record(struct daemon *d)
{
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *set_aside = NULL;

	assert_int_equal(state_read(d->state_path, &record, &set_aside), 0);
	assert_null(set_aside);
	return record.n_leases;
}

/* One lease changes, and what is on record of the others stays. */
static void test_others_stay_on_record(void **state)
{
	struct daemon *d = *state;
	struct client clients[3];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++) {
		assert_null(client_open(d, &clients[i], CLIENT_STEERED));
		assert_int_equal(leases_on_record(d), i + 1);
	}
	client_close(&clients[1]);
	wait_for_rules(d, 2);
	client_close(&clients[0]);
	client_close(&clients[2]);
	wait_until_clean(d);
	assert_int_equal(leases_on_record(d), 0);
}

/* A time to live that was prolonged stays so if the daemon dies at once. */
static void test_renewed_is_on_record(void **state)
{
	struct daemon *d = *state;
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *set_aside = NULL;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_RESERVED));
	assert_null(call_fds(c.link, "Renew", &c.handle, 1, NULL,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,"
			     "\"timeToLiveUSec\":60000000}", c.id));
	assert_int_equal(state_read(d->state_path, &record, &set_aside), 0);
	assert_int_equal(record.n_leases, 1);
	assert_true(record.leases[0].expiry_usec > 0);
	client_close(&c);
	wait_until_clean(d);
}

static void expect_set_aside(const char *directory, const char *text, size_t size, const char *why)
{
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *path = NULL, *set_aside = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	assert_true(asprintf(&path, "%s/damaged", directory) > 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, text, size), (ssize_t)size);
	assert_int_equal(state_read(path, &record, &set_aside), 0);
	assert_int_equal(record.n_leases, 0);
	assert_non_null(set_aside);
	if (why)
		assert_non_null(strstr(set_aside, why));
	assert_int_equal(stat(path, &st), -1);
}

static void remove_set_aside(const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *e;

	while ((e = readdir(dir)))
		if (strstr(e->d_name, ".broken"))
			unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
}

static void test_damage(void **state)
{
	struct daemon *d = *state;
	_cleanup_free_ char *text = NULL, *other = NULL;
	struct client c;
	size_t size;

	assert_null(client_open(d, &c, CLIENT_STEERED));
	text = read_text(d->state_path, &size);
	client_close(&c);
	wait_until_clean(d);

	/* Cut off anywhere, one bit wrong anywhere (in steps: it is some thousand bytes). */
	for (size_t n = 0; n < size; n += n < 120 ? 1 : 37)
		expect_set_aside(d->directory, text, n, NULL);
	for (size_t i = 0; i < size; i += i < 120 ? 1 : 37) {
		text[i] ^= 4;
		expect_set_aside(d->directory, text, size, NULL);
		text[i] ^= 4;
	}
	expect_set_aside(d->directory, "", 0, "it is empty");
	expect_set_aside(d->directory, "zcrxd-state 99 x 1 0\n{}", 24, "another version");
	assert_int_equal(state_format("{\"lastFlowId\":0,\"leases\":[]}",
				      "00000000000000000000000000000001", &other), 0);
	expect_set_aside(d->directory, other, strlen(other), "another boot");
	remove_set_aside(d->directory);
}

/* Whole, but not what a daemon of this version writes. */
static void test_nonsense(void **state)
{
	static const char *const records[] = {
		"{}", "[]", "null", "{\"lastFlowId\":0}", "{\"lastFlowId\":-1,\"leases\":[]}",
		"{\"lastFlowId\":0,\"leases\":[{}]}", "{\"lastFlowId\":0,\"leases\":{\"a\":1}}",
		"{\"lastFlowId\":0,\"leases\":[1]}", "{\"lastFlowId\":0,\"leases\":[",
	};
	struct daemon *d = *state;
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "%s/nonsense", d->directory) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(records); i++) {
		_cleanup_record_ struct record record = {};
		_cleanup_free_ char *set_aside = NULL;

		assert_int_equal(state_write(path, records[i]), 0);
		assert_int_equal(state_read(path, &record, &set_aside), 0);
		assert_non_null(set_aside);
		assert_non_null(strstr(set_aside, "damaged"));
	}
	remove_set_aside(d->directory);
}

/* What cannot be written down is not done. */
static void test_no_room(void **state)
{
	struct daemon *d = *state;
	_cleanup_free_ char *path = NULL;
	struct client c;

	assert_true(asprintf(&path, "%s.new", d->state_path) > 0);
	assert_int_equal(mkdir(path, 0700), 0); /* the temporary file cannot be made */
	assert_string_equal(client_open(d, &c, CLIENT_RESERVED), "io.zcrx.Manager.KernelRejected");
	client_close(&c);
	assert_int_equal(rmdir(path), 0);
	wait_until_clean(d);
	assert_null(client_open(d, &c, CLIENT_STEERED));
	client_close(&c);
	wait_until_clean(d);
}

static int setup(void **state)
{
	static struct daemon d;

	daemon_start(&d, NULL);
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_over),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_foreign_rules_are_not_ours),
		cmocka_unit_test(test_written_is_read),
		cmocka_unit_test(test_others_stay_on_record),
		cmocka_unit_test(test_renewed_is_on_record),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
