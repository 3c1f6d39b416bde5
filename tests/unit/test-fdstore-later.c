/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the service manager is told of its store, and when: a socket of ours is its own.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "fdstore-later.h"
#include "fdstore.h"

static sd_event *event;
static int manager;

static int setup(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(a);
	char name[64];

	/* An abstract name, that the kernel chooses. */
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (manager < 0 || bind(manager, (struct sockaddr *)&a, sizeof(sa_family_t)) < 0 ||
	    getsockname(manager, (struct sockaddr *)&a, &size) < 0)
		return -1;
	snprintf(name, sizeof(name), "@%.*s", (int)(size - offsetof(struct sockaddr_un, sun_path) - 1), a.sun_path + 1);
	setenv("NOTIFY_SOCKET", name, 1);
	return sd_event_new(&event) < 0 || fdstore_later_begin(event) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	fdstore_later_end();
	sd_event_unref(event);
	close(manager);
	return 0;
}

/* The next message; "": none has come. */
static const char *told(void)
{
	static char text[128];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_forgotten_in_the_next_turn(void **state)
{
	fdstore_remove_later("a", -EBADF);
	fdstore_remove_later("b", -EBADF);
	assert_string_equal(told(), "");
	assert_true(sd_event_run(event, 0) > 0);
	assert_string_equal(told(), "FDSTOREREMOVE=1\nFDNAME=a");
	assert_string_equal(told(), "FDSTOREREMOVE=1\nFDNAME=b");
	assert_int_equal(sd_event_run(event, 0), 0);
	assert_string_equal(told(), "");
}

/* Or what was stored under the same name would go. */
static void test_forgotten_before_anything_is_stored(void **state)
{
	fdstore_remove_later("a", -EBADF);
	assert_int_equal(fdstore_push("a", manager), 0);
	assert_string_equal(told(), "FDSTOREREMOVE=1\nFDNAME=a");
	assert_string_equal(told(), "FDSTORE=1\nFDNAME=a");
	(void)sd_event_run(event, 0);
	assert_string_equal(told(), "");
}

static void test_forgotten_at_the_end(void **state)
{
	fdstore_remove_later("a", -EBADF);
	fdstore_later_end();
	assert_string_equal(told(), "FDSTOREREMOVE=1\nFDNAME=a");
	/* There is no other turn. */
	fdstore_remove_later("b", -EBADF);
	assert_string_equal(told(), "FDSTOREREMOVE=1\nFDNAME=b");
	assert_int_equal(fdstore_later_begin(event), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forgotten_in_the_next_turn),
		cmocka_unit_test(test_forgotten_before_anything_is_stored),
		cmocka_unit_test(test_forgotten_at_the_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
