/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What cannot be stored for the next daemon is not given to anybody: each kind of entry of the service
 * manager's store, on the way there.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "fdstore.h"
#include "harness.h"

#define OURS(name) "io.zcrx.Manager." name
#define NIC "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"

static struct daemon d;
static _Atomic(const char *) failing; /* the kind of entry; NULL: none */

int __real_fdstore_push(const char *name, int fd);
int __wrap_fdstore_push(const char *name, int fd);

int __wrap_fdstore_push(const char *name, int fd)
{
	const char *kind = atomic_load(&failing);

	if (kind && strncmp(name, kind, strlen(kind)) == 0)
		return -ECONNREFUSED;
	return __real_fdstore_push(name, fd);
}

static void start(bool added_areas, const char *config)
{
	atomic_store(&failing, NULL);
	daemon_prepare(&d, config);
	sim_features(d.sim)->control = true;
	sim_features(d.sim)->added_areas = added_areas;
	daemon_run(&d);
}

static int setup(void **state)
{
	start(false, NULL);
	return 0;
}

static int setup_added_areas(void **state)
{
	start(true, NULL);
	return 0;
}

static int setup_software(void **state)
{
	start(false, NIC "software:\n  queues: 2\n");
	return 0;
}

static int teardown(void **state)
{
	daemon_stop(&d);
	return 0;
}

static void test_handle(void **state)
{
	struct client c;

	atomic_store(&failing, "handle-");
	assert_non_null(client_open(&d, &c, CLIENT_RESERVED));
	client_close(&c);
	wait_until_clean(&d);
}

/* Nothing was registered: the client may try again. */
static void test_client(void **state)
{
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	atomic_store(&failing, "client-");
	assert_non_null(client_register(&c));
	assert_string_equal(lease_state(&d, c.id), "reserved");
	atomic_store(&failing, NULL);
	assert_null(client_register(&c));
	client_close(&c);
	wait_until_clean(&d);
}

/* It is registered already then: the lease ends, while there is an export to end it by. */
static void test_export(void **state)
{
	struct client c;

	atomic_store(&failing, "ifq-");
	assert_null(client_open(&d, &c, CLIENT_RESERVED));
	assert_string_equal(client_register(&c), OURS("WrongState"));
	wait_for_hangup(c.handle);
	client_close(&c);
	wait_until_clean(&d);
}

static void test_proof(void **state)
{
	struct client c;

	assert_null(client_open(&d, &c, CLIENT_BOUND));
	atomic_store(&failing, "proof-");
	assert_non_null(client_add_flow(&c));
	wait_for_rules(&d, 0);
	assert_string_equal(lease_state(&d, c.id), "bound");
	atomic_store(&failing, NULL);
	assert_null(client_add_flow(&c));
	wait_for_rules(&d, 1);
	client_close(&c);
	wait_until_clean(&d);
}

static const char *register_software(struct client *c)
{
	int fds[2] = { c->handle, area_new(65536) };
	const char *error = call_fds(c->link, "Register", fds, 2, NULL,
				     "{\"leaseId\":\"%s\",\"handleFileDescriptor\":0,\"ring\":0,"
				     "\"areaFileDescriptor\":1,\"areaSize\":65536,\"refillEntries\":16}",
				     c->id);

	close(fds[1]);
	return error;
}

/* By which the next daemon knows of rings that nothing else shows. */
static void test_rings(void **state)
{
	struct client c = { .daemon = &d, .handle = -EBADF, .listener = -EBADF };
	sd_json_variant *reply;

	c.link = daemon_connect(&d);
	assert_null(call(c.link, "Acquire", &reply, "{\"interface\":\"software\"}"));
	snprintf(c.id, sizeof(c.id), "%s",
		 text_of(sd_json_variant_by_key(reply, "lease"), "leaseId"));
	c.handle = sd_varlink_take_fd(c.link, 0);
	atomic_store(&failing, FDSTORE_RINGS);
	assert_non_null(register_software(&c));
	assert_string_equal(lease_state(&d, c.id), "reserved");
	client_close(&c);
	wait_until_clean(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_handle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client, setup, teardown),
		cmocka_unit_test_setup_teardown(test_export, setup, teardown),
		cmocka_unit_test_setup_teardown(test_export, setup_added_areas, teardown),
		cmocka_unit_test_setup_teardown(test_proof, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rings, setup_software, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
