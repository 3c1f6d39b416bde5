/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sockets that prove flows: a lease has one proof for each, none that came to nothing, and so many as
 * the next daemon reads.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "harness.h"
#include "leases.h"
#include "proof.h"
#include "state-file.h"
#include "types.h"

#define OURS(name) "io.zcrx.Manager." name
#define CALLS 20

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

/* The daemon's are this process's. */
static size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The process for the next registration has some here, from when the daemon has heard of it. */
static size_t count_fds_at_rest(struct client *c)
{
	usleep(100000); /* the last one ends */
	for (int i = 0; i < 2000 && (registrar_of(getpid()) <= 0 || !first_registrar_rests(getpid())); i++)
		usleep(5000);
	assert_null(call(c->link, "Describe", NULL, "{}"));
	return count_fds();
}

/* A process that was asked something may be on its way out when one begins to count, and when one ends. */
static void expect_no_more_fds(size_t before)
{
	for (int i = 0; i < 2000 && count_fds() > before; i++)
		usleep(5000);
	assert_true(count_fds() <= before);
}

static size_t proofs_on_record(struct daemon *d, const char *id)
{
	_cleanup_record_ struct record record = {};
	_cleanup_free_ char *set_aside = NULL;
	uint32_t number;

	assert_int_equal(lease_id_parse(id, &number), 0);
	assert_int_equal(state_read(d->state_path, &record, &set_aside), 0);
	assert_null(set_aside);
	for (size_t i = 0; i < record.n_leases; i++)
		if (record.leases[i].id == number) {
			assert_null(record.leases[i].damaged);
			return record.leases[i].n_proofs;
		}
	return 0;
}

/* On all addresses. */
static int wildcard_new(int family, uint16_t *ret_port)
{
	struct sockaddr_in6 a = { .sin6_family = (sa_family_t)family };
	socklen_t n = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(a);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	if (family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*ret_port = ntohs(a.sin6_port); /* at the same place in both */
	return fd;
}

static void listen_on_all(struct client *c)
{
	close(c->listener);
	c->listener = wildcard_new(AF_INET, &c->port);
}

static const char *add_by_value(struct client *c, unsigned port)
{
	return call_fds(c->link, "AddFlow", &c->handle, 1, NULL,
			"{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"flow\":"
			"{\"protocol\":\"tcp4\",\"destinationPort\":%u}}", c->id, port);
}

static void expect_refusals(struct client *c, const char *error)
{
	size_t proofs = proofs_on_record(c->daemon, c->id), fds = count_fds_at_rest(c);

	for (unsigned i = 0; i < CALLS; i++)
		assert_string_equal(client_add_flow(c), error);
	expect_no_more_fds(fds);
	assert_int_equal(proofs_on_record(c->daemon, c->id), proofs);
}

static void test_conflict_leaves_no_proof(void **state)
{
	struct daemon *d = *state;
	struct client a, b;

	assert_null(client_open(d, &a, CLIENT_BOUND));
	assert_null(client_open(d, &b, CLIENT_BOUND));
	listen_on_all(&b);
	assert_null(add_by_value(&a, b.port));
	expect_refusals(&b, OURS("FlowConflict"));
	client_close(&a);
	wait_for_rules(d, 0);
	assert_null(client_add_flow(&b));
	assert_int_equal(proofs_on_record(d, b.id), 1);
	client_close(&b);
	wait_until_clean(d);
}

static void test_failed_insertion_leaves_no_proof(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	listen_on_all(&c);
	sim_fail_operation(d->sim, "insert ntuple rule", ENOSPC, "No space left on device");
	expect_refusals(&c, OURS("KernelRejected"));
	sim_fail_operation(d->sim, NULL, 0, NULL);
	assert_null(client_add_flow(&c));
	assert_int_equal(proofs_on_record(d, c.id), 1);
	client_close(&c);
	wait_until_clean(d);
}

/* The socket that is steered already is not lost by a call that is refused. */
static void test_refusal_keeps_the_proof_that_was(void **state)
{
	struct daemon *d = *state;
	struct client c;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	listen_on_all(&c);
	assert_null(client_add_flow(&c));
	sim_fail_operation(d->sim, "insert ntuple rule", ENOSPC, "No space left on device");
	expect_refusals(&c, OURS("KernelRejected"));
	sim_fail_operation(d->sim, NULL, 0, NULL);
	wait_for_rules(d, 2);
	assert_int_equal(proofs_on_record(d, c.id), 1);
	assert_int_equal(shutdown(c.listener, SHUT_RDWR), 0);
	wait_for_rules(d, 0);
	client_close(&c);
	wait_until_clean(d);
}

/* Sent again and again, a socket is one proof; the NIC has its rules already. */
static void test_one_socket_is_one_proof(void **state)
{
	struct daemon *d = *state;
	struct client c;
	size_t fds;

	assert_null(client_open(d, &c, CLIENT_BOUND));
	listen_on_all(&c);
	assert_null(client_add_flow(&c));
	fds = count_fds_at_rest(&c);
	for (unsigned i = 0; i < 20; i++)
		(void)client_add_flow(&c);
	expect_no_more_fds(fds);
	assert_int_equal(proofs_on_record(d, c.id), 1);
	client_close(&c);
	wait_until_clean(d);
}

static void wait_for_proofs(struct daemon *d, const char *id, size_t n)
{
	for (int i = 0; i < 2000; i++) {
		if (proofs_on_record(d, id) == n)
			return;
		usleep(5000);
	}
	fail_msg("there are never %zu proofs", n);
}

/* Flow by flow: with the last one nobody follows the addresses for it any more. */
static void test_removed_flows_leave_no_proof(void **state)
{
	struct daemon *d = *state;
	sd_json_variant *reply, *ids;
	struct client c;
	char id[2][24];
	int fds[2];

	assert_null(client_open(d, &c, CLIENT_BOUND));
	listen_on_all(&c);
	fds[0] = c.handle;
	fds[1] = c.listener;
	assert_null(call_fds(c.link, "AddFlow", fds, 2, &reply,
			     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,"
			     "\"socketFileDescriptor\":1}", c.id));
	ids = sd_json_variant_by_key(reply, "flowIds");
	assert_int_equal(sd_json_variant_elements(ids), 2);
	for (size_t i = 0; i < 2; i++)
		snprintf(id[i], sizeof(id[i]), "%s",
			 sd_json_variant_string(sd_json_variant_by_index(ids, i)));
	for (size_t i = 0; i < 2; i++)
		assert_null(call_fds(c.link, "RemoveFlow", &c.handle, 1, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,"
				     "\"flowId\":\"%s\"}", c.id, id[i]));
	wait_for_proofs(d, c.id, 0);
	client_close(&c);
	wait_until_clean(d);
}

/* A socket without an address waits for one, and counts. */
static void test_sockets_of_a_lease_are_bounded(void **state)
{
	const struct socket_facts facts = { .cookie = 1 };
	struct daemon *d = *state;
	struct loop loop = {};
	struct leases leases = { .backend = d->sim, .loop = &loop };
	struct lease l = { .leases = &leases, .n_proofs = LEASE_PROOFS_MAX - 1 };
	_cleanup_fault_ struct fault fault = {};
	struct proof *p;
	uint16_t port;
	int fd = wildcard_new(AF_INET, &port);

	assert_true(sd_event_new(&loop.event) >= 0);
	assert_int_equal(proof_new(&l, fd, &facts, 0, 1000, &p, &fault), 0);
	assert_int_equal(proof_new(&l, fd, &facts, 0, 1000, &p, &fault), ZCRX_QUOTA_EXCEEDED);
	assert_string_equal(fault.subject, "sockets");
	proof_free(LIST_FIRST(&l.proofs));
	assert_int_equal(l.n_proofs, LEASE_PROOFS_MAX - 1);
	sd_event_unref(loop.event);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conflict_leaves_no_proof),
		cmocka_unit_test(test_failed_insertion_leaves_no_proof),
		cmocka_unit_test(test_refusal_keeps_the_proof_that_was),
		cmocka_unit_test(test_one_socket_is_one_proof),
		cmocka_unit_test(test_removed_flows_leave_no_proof),
		cmocka_unit_test(test_sockets_of_a_lease_are_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
