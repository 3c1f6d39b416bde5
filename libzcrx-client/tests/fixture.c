/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See fixture.h. */
#include <fcntl.h>
#include <sys/stat.h>

#include "fixture.h"

int fixture_setup(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	fake_start(&x->server);
	assert_int_equal(zcrx_client_new(&x->client), 0);
	assert_int_equal(zcrx_client_connect(x->client, x->server.path), 0);
	assert_int_equal(zcrx_lease_new(x->client, &x->lease), 0);
	*state = x;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *x = *state;

	zcrx_lease_unref(x->lease);
	zcrx_client_unref(x->client);
	fake_stop(&x->server);
	free(x);
	return 0;
}

void fixture_acquire(struct fixture *x)
{
	assert_int_equal(zcrx_lease_acquire(x->lease), 0);
}

void assert_called(struct fixture *x, const char *method, const char *parameters)
{
	_cleanup_json_ json_object *want = NULL, *got = NULL;

	assert_string_equal(x->server.method, method);
	assert_int_equal(message_parse(parameters, strlen(parameters), &want), 0);
	assert_int_equal(message_parse(x->server.parameters, strlen(x->server.parameters), &got), 0);
	if (!json_object_equal(want, got))
		fail_msg("%s: want %s, got %s", method, parameters, x->server.parameters);
}

void check_area(int fd, off_t size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	assert_true(seals & F_SEAL_SHRINK);
	assert_false(seals & F_SEAL_WRITE);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, size);
	assert_int_equal(st.st_blocks * 512, size); /* populated */
}
