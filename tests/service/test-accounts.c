/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Users and groups that the policy names, and that come, go and change while the daemon runs; with an nss
 * that is the test's: what it answers, and for how long it does not.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "accounts.h"
#include "harness.h"

#define DENIED "org.varlink.service.PermissionDenied"

static struct daemon d;

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int r;
	uint32_t id;
	bool hangs;
	unsigned n_asked, n_hanging;
} nss = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

int __wrap_account_find(enum account_kind kind, const char *name, uint32_t *ret);

int __wrap_account_find(enum account_kind kind, const char *name, uint32_t *ret)
{
	int r;

	pthread_mutex_lock(&nss.lock);
	nss.n_asked++;
	nss.n_hanging++;
	pthread_cond_broadcast(&nss.changed);
	while (nss.hangs)
		pthread_cond_wait(&nss.changed, &nss.lock);
	nss.n_hanging--;
	*ret = nss.id;
	r = nss.r;
	pthread_mutex_unlock(&nss.lock);
	return r;
}

static void answer(int r, uint32_t id)
{
	pthread_mutex_lock(&nss.lock);
	nss.r = r;
	nss.id = id;
	pthread_mutex_unlock(&nss.lock);
}

static void hang(bool hangs)
{
	pthread_mutex_lock(&nss.lock);
	nss.hangs = hangs;
	pthread_cond_broadcast(&nss.changed);
	pthread_mutex_unlock(&nss.lock);
}

static unsigned asked(void)
{
	unsigned n;

	pthread_mutex_lock(&nss.lock);
	n = nss.n_asked;
	pthread_mutex_unlock(&nss.lock);
	return n;
}

#define NIC "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"

static void start(int r, uint32_t id, const char *policy)
{
	char text[512];

	answer(r, id);
	hang(false);
	snprintf(text, sizeof(text), NIC "policy:\n%s", policy);
	daemon_start(&d, text);
}

static int stop(void **state)
{
	hang(false);
	daemon_stop(&d);
	return 0;
}

/* What came of asking for something that takes an administrator: NULL, or the error's id. */
static const char *reload(void)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = daemon_connect(&d);
	const char *error = call(link, "Reload", NULL, "{}");
	static char copy[128];

	snprintf(copy, sizeof(copy), "%s", error ?: "");
	return error ? copy : NULL;
}

static void await(const char *expected)
{
	for (int i = 0; i < 1000; i++) {
		const char *error = reload();

		if (expected ? error && streq(error, expected) : !error)
			return;
		usleep(10000);
	}
	fail_msg("it never came to %s", expected ?: "success");
}

#define SVC    "  - user: svc\n    administer: true\n"

/* In the file before there is an account: a call after it was made is all that it takes. */
static void test_an_account_created_later_is_matched(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	sd_json_variant *reply;

	start(-ENOENT, 0, SVC);
	link = daemon_connect(&d);
	assert_string_equal(call(link, "Reload", &reply, "{}"), DENIED);
	assert_non_null(strstr(text_of(reply, "message"),
			       "The rule at line 6 (user svc) is for an account that does not exist now; "
			       "when it does, the rule holds without a reload."));
	answer(0, getuid());
	await(NULL);
}

/* The first call after the start is not decided by what nobody has asked yet. */
static void test_first_call(void **state)
{
	start(0, getuid(), SVC);
	assert_null(reload());
	assert_null(reload()); /* the policy is new, its names are not */
}

/* Its number is somebody else's, or there is no such account any more. */
static void test_a_reused_uid_is_not_matched(void **state)
{
	start(0, getuid(), SVC);
	assert_null(reload());
	answer(0, getuid() + 1);
	await(DENIED);
	answer(0, getuid());
	await(NULL);
	answer(-ENOENT, 0);
	await(DENIED);
}

/* A server that does not answer takes nothing from anybody. */
static void test_an_nss_failure_keeps_the_last_number(void **state)
{
	unsigned n;

	start(0, getuid(), SVC);
	assert_null(reload());
	answer(-EIO, 0);
	n = asked();
	while (asked() < n + 2)
		assert_null(reload());
	assert_null(reload());
}

/* However often somebody calls, and whoever cannot be matched, nss is asked now and then. */
static void test_nss_is_asked_now_and_then_only(void **state)
{
	_cleanup_(sd_varlink_close_unrefp) sd_varlink *link = NULL;
	struct timespec t, since;
	unsigned n;

	start(-ENOENT, 0, SVC);
	link = daemon_connect(&d);
	assert_string_equal(call(link, "Reload", NULL, "{}"), DENIED);
	n = asked();
	clock_gettime(CLOCK_MONOTONIC, &since);
	for (int i = 0; i < 500; i++)
		assert_string_equal(call(link, "Reload", NULL, "{}"), DENIED);
	clock_gettime(CLOCK_MONOTONIC, &t);
	assert_true(asked() <= n + 1 + (unsigned)((uint64_t)(t.tv_sec - since.tv_sec + 1) * 1000000 /
						  ACCOUNTS_FRESH_USEC));
	/* Nor is it asked of those whose rights do not depend on it: Describe is a call, too. */
}

/* nss does not answer: whoever depends on it is decided by what is known, the others do not notice. */
static void test_a_hanging_nss_stalls_nobody(void **state)
{
	char policy[256];

	snprintf(policy, sizeof(policy), SVC "  - user: \"%u\"\n    administer: true\n", (unsigned)getuid());
	start(-ENOENT, 0, policy);
	assert_null(reload());
	hang(true);
	for (unsigned n = asked(); asked() == n;)
		assert_null(reload());
	/* It has waited once; now nobody does. And the daemon ends, with the thread still there. */
	for (int i = 0; i < 100; i++)
		assert_null(reload());
}

static void test_calls_without_names_do_not_wait(void **state)
{
	char policy[256];
	unsigned n;

	snprintf(policy, sizeof(policy), "  - user: \"%u\"\n    administer: true\n" SVC, (unsigned)getuid());
	start(-ENOENT, 0, policy);
	n = asked();
	hang(true);
	for (int i = 0; i < 20; i++)
		assert_null(reload());
	assert_true(asked() <= n + 2); /* reading the file asks, at the start and again; the one who is asked is still at it */
}

static int stop_hanging(void **state)
{
	daemon_stop(&d);
	/* The test's own thread must not go while it is in our lock. */
	hang(false);
	pthread_mutex_lock(&nss.lock);
	while (nss.n_hanging > 0) {
		pthread_mutex_unlock(&nss.lock);
		usleep(1000);
		pthread_mutex_lock(&nss.lock);
	}
	pthread_mutex_unlock(&nss.lock);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_an_account_created_later_is_matched, stop),
		cmocka_unit_test_teardown(test_first_call, stop),
		cmocka_unit_test_teardown(test_a_reused_uid_is_not_matched, stop),
		cmocka_unit_test_teardown(test_an_nss_failure_keeps_the_last_number, stop),
		cmocka_unit_test_teardown(test_nss_is_asked_now_and_then_only, stop),
		cmocka_unit_test_teardown(test_a_hanging_nss_stalls_nobody, stop_hanging),
		cmocka_unit_test_teardown(test_calls_without_names_do_not_wait, stop_hanging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
