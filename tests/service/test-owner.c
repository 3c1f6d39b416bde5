/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases that an administrator acquires for another user (Acquire.ownerUid): who may, for whom, how many, and whose
 * they are. Who connects, from where, and what nss knows, the test says.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "harness.h"
#include "look.h"
#include "owner.h"
#include "peer-where.h"
#include "peer.h"
#include "record-lease.h"

#define DENIED	"org.varlink.service.PermissionDenied"
#define INVALID "org.varlink.service.InvalidParameter"
#define OURS(name) "io.zcrx.Manager." name

enum { ROOT = 0, ALICE = 1001, BOB = 1002, SVC = 1003, STRANGER = 4000000, ZCRX = 500 };

static const char config[] = "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
			     "policy:\n"
			     "  - user: \"0\"\n    administer: true\n    flows: any\n"
			     "  - user: \"1003\"\n    administer: true\n    max-queues: 1\n"
			     "  - user: \"1001\"\n    max-queues: 2\n    max-lease-time: 1h\n    max-area: 128K\n"
			     "  - user: \"4000000\"\n    where: container\n    flows: any\n"
			     "  - group: \"500\"\n    max-queues: 1\n";

static struct {
	uid_t uid;
	bool container;
} caller;

int __real_peer_read_fd(int fd, struct peer *ret);
int __wrap_peer_read_fd(int fd, struct peer *ret);
int __wrap_peer_read_fd(int fd, struct peer *ret)
{
	int r = __real_peer_read_fd(fd, ret);

	ret->uid = caller.uid;
	ret->n_groups = 0;
	ret->gid = caller.uid;
	return r;
}

int __wrap_peer_read_where(int fd, int pidfd, struct peer *p);
int __wrap_peer_read_where(int fd, int pidfd, struct peer *p)
{
	p->where = caller.container ? WHERE_CONTAINER : WHERE_HOST;
	p->foreign[NAMESPACE_PROCESS] = caller.container;
	return 0;
}

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool hangs;
	unsigned n_hanging, n_asked;
} nss = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* bob is in group zcrx, alice is not; and those are all users that there are. */
void __wrap_account_find_groups(struct membership *m);
void __wrap_account_find_groups(struct membership *m)
{
	pthread_mutex_lock(&nss.lock);
	nss.n_asked++;
	nss.n_hanging++;
	pthread_cond_broadcast(&nss.changed);
	while (nss.hangs)
		pthread_cond_wait(&nss.changed, &nss.lock);
	nss.n_hanging--;
	pthread_cond_broadcast(&nss.changed);
	pthread_mutex_unlock(&nss.lock);
	m->gid = m->uid;
	m->r = m->uid == ALICE || m->uid == BOB ? 0 : -ENOENT;
	if (m->uid != BOB)
		return;
	m->groups = malloc(sizeof(gid_t));
	m->groups[0] = ZCRX;
	m->n_groups = 1;
}

static void hang(bool hangs)
{
	pthread_mutex_lock(&nss.lock);
	nss.hangs = hangs;
	pthread_cond_broadcast(&nss.changed);
	while (!hangs && nss.n_hanging > 0)
		pthread_cond_wait(&nss.changed, &nss.lock);
	pthread_mutex_unlock(&nss.lock);
}

static void wait_for_hanging(unsigned n)
{
	pthread_mutex_lock(&nss.lock);
	while (nss.n_hanging < n)
		pthread_cond_wait(&nss.changed, &nss.lock);
	pthread_mutex_unlock(&nss.lock);
}

static struct daemon d;

static int setup(void **state)
{
	caller.uid = ROOT;
	caller.container = false;
	nss.n_asked = 0;
	hang(false);
	daemon_start(&d, config);
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(&d);
	hang(false);
	return 0;
}

static sd_varlink *connect_as(uid_t uid)
{
	sd_json_variant *reply;
	sd_varlink *link;

	caller.uid = uid;
	link = daemon_connect(&d);
	/* So that it was accepted as whom it is. */
	assert_null(call(link, "Describe", &reply, "{}"));
	assert_int_equal(number_of(sd_json_variant_by_key(reply, "caller"), "uid"), uid);
	return link;
}

static const char *acquire_for(sd_varlink *link, sd_json_variant **ret, uid_t uid)
{
	return call(link, "Acquire", ret, "{\"persistent\":true,\"ownerUid\":%u}", (unsigned)uid);
}

#define assert_says(reply, text) assert_non_null(strstr(text_of(reply, "message"), text))

static void test_only_administrators_may(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *alice = connect_as(ALICE), *inside = NULL;
	sd_json_variant *reply;

	/* Nor for herself, and whatever else is wrong with it. */
	assert_string_equal(acquire_for(alice, &reply, BOB), DENIED);
	assert_says(reply, "Only administrators may acquire a lease for another user (ownerUid)");
	assert_string_equal(acquire_for(alice, NULL, ALICE), DENIED);
	assert_string_equal(acquire_for(alice, NULL, (uid_t)-1), DENIED);
	caller.container = true;
	inside = connect_as(ROOT);
	assert_string_equal(acquire_for(inside, &reply, ALICE), DENIED);
	assert_says(reply, "is for processes of the host (where: host), and this process is in another process "
			   "namespace than zcrxd's");
	assert_int_equal(nss.n_asked, 0);
	wait_until_clean(&d);
}

static void test_it_is_the_owners(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *root = connect_as(ROOT), *alice = connect_as(ALICE),
						      *bob = connect_as(BOB);
	sd_json_variant *reply, *lease;
	struct client c = { .daemon = &d, .link = alice };

	assert_null(acquire_for(root, &reply, ALICE));
	assert_null(sd_json_variant_by_key(reply, "handleFileDescriptor"));
	lease = sd_json_variant_by_key(reply, "lease");
	assert_int_equal(number_of(lease, "ownerUid"), ALICE);
	assert_int_equal(number_of(lease, "acquirerUid"), ROOT);
	assert_int_equal(number_of(lease, "ownerPid"), getpid());
	snprintf(c.id, sizeof(c.id), "%s", text_of(lease, "leaseId"));
	/* Neither another's nor the orchestrator's. */
	assert_string_equal(call(bob, "Open", NULL, "{\"leaseId\":\"%s\"}", c.id), DENIED);
	assert_string_equal(call(bob, "Release", NULL, "{\"leaseId\":\"%s\"}", c.id), DENIED);
	assert_string_equal(call(root, "Open", NULL, "{\"leaseId\":\"%s\"}", c.id), DENIED);
	sd_varlink_close_unref(TAKE_PTR(root)); /* it does not hang on its connection */
	assert_null(call(alice, "Open", &reply, "{\"leaseId\":\"%s\"}", c.id));
	c.handle = sd_varlink_take_fd(alice, 0);
	c.listener = listener_new(&c.port);
	assert_null(client_register(&c));
	assert_null(client_add_flow(&c));
	assert_string_equal(lease_state(&d, c.id), "steered");
	assert_null(call(alice, "Renew", NULL, "{\"leaseId\":\"%s\",\"timeToLiveUSec\":60000000}", c.id));
	sim_ring_closed(d.sim, SIM0, c.rings[0]);
	assert_null(call(alice, "Release", NULL, "{\"leaseId\":\"%s\"}", c.id));
	close(c.handle);
	close(c.listener);
	wait_until_clean(&d);
}

/* What is the owner's part of the policy bounds it: queues, time, memory; whoever asks. */
static void test_the_owners_policy_bounds_it(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *root = connect_as(ROOT), *alice = connect_as(ALICE);
	sd_json_variant *reply, *lease;

	assert_null(acquire_for(root, &reply, ALICE));
	lease = sd_json_variant_by_key(reply, "lease");
	assert_true(number_of(lease, "expiryUSec") - number_of(lease, "creationUSec") <= 3601000000);
	assert_int_equal(number_of(lease, "permittedAreaBytes"), 128 << 10);
	assert_null(call(alice, "Acquire", NULL, "{\"persistent\":true}"));
	assert_string_equal(acquire_for(root, &reply, ALICE), OURS("QuotaExceeded"));
	assert_says(reply, "It is uid 1001 for whom this was asked (ownerUid).");
	assert_string_equal(call(alice, "Acquire", NULL, "{}"), OURS("QuotaExceeded"));
	/* What is alice's is not the orchestrator's. */
	assert_null(call(root, "Acquire", NULL, "{\"queues\":2,\"persistent\":true}"));
}

static void test_groups_are_those_that_nss_tells(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *root = connect_as(ROOT);
	sd_json_variant *reply;

	assert_null(acquire_for(root, NULL, BOB));
	assert_string_equal(acquire_for(root, &reply, BOB), OURS("QuotaExceeded"));
	assert_int_equal(nss.n_asked, 2);
	/* Nobody whom nss knows, and nobody whom the policy names. */
	assert_string_equal(acquire_for(root, &reply, 1004), DENIED);
	assert_says(reply, "No rule of the policy lets uid 1004 lease queues");
	/* Nobody whom nss knows, but the policy does; and only in a container. */
	assert_null(acquire_for(root, &reply, STRANGER));
	assert_int_equal(number_of(sd_json_variant_by_key(reply, "lease"), "ownerUid"), STRANGER);
}

static void test_numbers_that_are_nobodys(void **state)
{
	static const char *const bad[] = { "-1", "4294967295", "4294967296", "18446744073709551615", "\"alice\"", "1.5",
					   "true", "[1001]" };
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *root = connect_as(ROOT);
	sd_json_variant *reply;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *error = call(root, "Acquire", &reply, "{\"persistent\":true,\"ownerUid\":%s}", bad[i]);

		if (!error || !streq(error, INVALID))
			fail_msg("ownerUid %s: %s", bad[i], error ?: "a lease");
		assert_string_equal(text_of(reply, "parameter"), "ownerUid");
	}
	assert_string_equal(call(root, "Acquire", &reply, "{\"ownerUid\":1001}"), INVALID);
	assert_string_equal(text_of(reply, "parameter"), "persistent");
	wait_until_clean(&d);
	/* As if it were not there. */
	assert_null(call(root, "Acquire", &reply, "{\"persistent\":true,\"ownerUid\":null}"));
	assert_null(sd_json_variant_by_key(sd_json_variant_by_key(reply, "lease"), "acquirerUid"));
}

/* An administrator ends what one of them has acquired for another, and nothing else without Revoke. */
static void test_an_orchestrator_releases(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *root = connect_as(ROOT), *svc = connect_as(SVC),
						      *alice = connect_as(ALICE);
	char own[16], given[16];
	sd_json_variant *reply;

	assert_null(call(alice, "Acquire", &reply, "{\"persistent\":true}"));
	snprintf(own, sizeof(own), "%s", text_of(sd_json_variant_by_key(reply, "lease"), "leaseId"));
	assert_string_equal(call(root, "Release", NULL, "{\"leaseId\":\"%s\"}", own), DENIED);
	assert_null(acquire_for(root, &reply, ALICE));
	snprintf(given, sizeof(given), "%s", text_of(sd_json_variant_by_key(reply, "lease"), "leaseId"));
	assert_string_equal(call(svc, "Renew", NULL, "{\"leaseId\":\"%s\",\"timeToLiveUSec\":1}", given), DENIED);
	assert_null(call(svc, "Release", NULL, "{\"leaseId\":\"%s\"}", given));
	assert_string_equal(lease_state(&d, given), "gone");
	assert_null(call(alice, "Release", NULL, "{\"leaseId\":\"%s\"}", own));
	wait_until_clean(&d);
}

#define FLOW "{\"persistent\":true,\"ownerUid\":%u,\"flows\":[{\"protocol\":\"tcp4\",\"destinationPort\":%u}]}"

/* By value, both have to be allowed: neither lends the other his name. Steered by a program that registers by itself is
 * what root asks for itself alone. */
static void test_flows_by_value(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *root = connect_as(ROOT), *svc = connect_as(SVC);
	sd_json_variant *reply;

	assert_string_equal(call(root, "Acquire", NULL, FLOW, ALICE, 80), OURS("FlowNotProved"));
	assert_string_equal(call(svc, "Acquire", &reply, FLOW, STRANGER, 80), OURS("FlowNotProved"));
	assert_says(reply, "The policy's rule at line 9 (user 1003) does not let this user name");
	assert_string_equal(call(svc, "Acquire", NULL, FLOW, ROOT, 80), OURS("FlowNotProved"));
	wait_until_clean(&d);
	assert_null(call(root, "Acquire", &reply, FLOW, STRANGER, 80));
	reply = sd_json_variant_by_key(reply, "lease");
	assert_string_equal(text_of(reply, "state"), "reserved");
	assert_false(sd_json_variant_boolean(sd_json_variant_by_key(reply, "selfRegistered")));
}

/* The loop goes on, so many wait and no more, and some do not wait for their answer. */
static void test_a_hanging_nss_stalls_nobody(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *root = connect_as(ROOT);
	sd_varlink *waiting[OWNERS_MAX];
	sd_json_variant *reply;

	hang(true);
	for (size_t i = 0; i < OWNERS_MAX; i++) {
		_cleanup_(sd_json_variant_unrefp) sd_json_variant *p = NULL;

		waiting[i] = connect_as(ROOT);
		assert_true(sd_json_parse("{\"persistent\":true,\"ownerUid\":1004}", 0, &p, NULL, NULL) >= 0);
		assert_true(sd_varlink_invoke(waiting[i], "io.zcrx.Manager.Acquire", p) >= 0);
		assert_true(sd_varlink_flush(waiting[i]) >= 0);
		wait_for_hanging((unsigned)i + 1);
	}
	assert_string_equal(acquire_for(root, &reply, ALICE), "io.systemd.System");
	assert_int_equal(number_of(reply, "errno"), EBUSY);
	assert_null(call(root, "Acquire", NULL, "{}"));
	for (size_t i = 0; i < OWNERS_MAX; i++)
		sd_varlink_close_unref(waiting[i]);
	sd_varlink_close_unref(TAKE_PTR(root));
	wait_until_clean(&d);
	hang(false);
	wait_until_clean(&d);
	caller.uid = ROOT;
}

/* The daemon ends while somebody waits. */
static void test_a_hanging_nss_keeps_no_daemon(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *root = connect_as(ROOT);
	_cleanup_(sd_json_variant_unrefp) sd_json_variant *p = NULL;

	hang(true);
	assert_true(sd_json_parse("{\"persistent\":true,\"ownerUid\":1001}", 0, &p, NULL, NULL) >= 0);
	assert_true(sd_varlink_invoke(root, "io.zcrx.Manager.Acquire", p) >= 0);
	assert_true(sd_varlink_flush(root) >= 0);
	wait_for_hanging(1);
}

/* The record says who acquired it; an older zcrxd's does not, and then the owner did. */
static void test_the_record(void **state)
{
	struct record_lease l = { .id = 7, .ifindex = SIM0, .owner_uid = ALICE, .acquirer_uid = ROOT, .n_queues = 1,
				  .queues = { 4 } };
	_cleanup_free_ char *text = NULL;
	struct record_lease read;
	char *key, *end;

	assert_int_equal(record_format_lease(&l, &text), 0);
	assert_int_equal(record_parse_lease(text, &read), 0);
	assert_null(read.damaged);
	assert_int_equal(read.owner_uid, ALICE);
	assert_int_equal(read.acquirer_uid, ROOT);
	record_lease_done(&read);
	key = strstr(text, "\"acquirer\"");
	assert_non_null(key);
	end = strchr(key, ',');
	memmove(key, end + 1, strlen(end)); /* the byte at the end included */
	assert_int_equal(record_parse_lease(text, &read), 0);
	assert_null(read.damaged);
	assert_int_equal(read.acquirer_uid, ALICE);
	record_lease_done(&read);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_only_administrators_may),
		TEST(test_it_is_the_owners),
		TEST(test_the_owners_policy_bounds_it),
		TEST(test_groups_are_those_that_nss_tells),
		TEST(test_numbers_that_are_nobodys),
		TEST(test_an_orchestrator_releases),
		TEST(test_flows_by_value),
		TEST(test_a_hanging_nss_stalls_nobody),
		TEST(test_a_hanging_nss_keeps_no_daemon),
		cmocka_unit_test(test_the_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
