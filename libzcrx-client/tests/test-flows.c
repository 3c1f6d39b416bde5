/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Flows that a lease is asked to steer: the calls, and what zcrxd's replies say of them. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fixture.h"

static bool is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

static void test_flows(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q = NULL;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), -EBADFD);
	fixture_acquire(x);
	assert_int_equal(zcrx_queue_new(x->lease, 2, &q), -ERANGE);
	assert_int_equal(zcrx_queue_new(x->lease, 1, &q), 0);
	assert_int_equal(zcrx_queue_steer_socket(q, -1), -EINVAL);
	assert_int_equal(zcrx_queue_steer_socket(q, 4000), -EBADF);
	assert_int_equal(x->server.calls, 1);

	assert_int_equal(zcrx_queue_steer_socket(q, s), 0);
	assert_called(x, "AddFlow",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":1,"
		      "\"socketFileDescriptor\":1}");
	assert_int_equal(x->server.n_descriptors, 2);
	assert_true(is_same_file(x->server.descriptors[1], s));
	assert_string_equal(zcrx_lease_get_flow_id(x->lease, 1), "f2");
	assert_null(zcrx_lease_get_flow_id(x->lease, 2));

	assert_int_equal(zcrx_queue_steer(q, AF_UNIX, NULL, 0, NULL, 0), -EINVAL);
	assert_int_equal(zcrx_queue_steer(q, AF_INET6, NULL, 0, "fd09::1/128", 9999), 0);
	assert_called(x, "AddFlow",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":1,\"flow\":"
		      "{\"protocol\":\"tcp6\",\"destination\":\"fd09::1/128\","
		      "\"destinationPort\":9999}}");
	assert_int_equal(zcrx_queue_steer(q, AF_INET, "10.0.0.0/8", 1, NULL, 0), 0);
	assert_called(x, "AddFlow",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":1,\"flow\":"
		      "{\"protocol\":\"tcp4\",\"source\":\"10.0.0.0/8\",\"sourcePort\":1}}");

	assert_int_equal(zcrx_lease_remove_flow(x->lease, "f1"), 0);
	assert_called(x, "RemoveFlow",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"flowId\":\"f1\"}");
	assert_string_equal(zcrx_lease_get_flow_id(x->lease, 0), "f2");
	zcrx_queue_unref(q);
	close(s);
}

/* Because its socket was closed, say. What zcrxd does not remove for another reason is still there. */
static void test_a_flow_that_is_gone_is_forgotten(void **state)
{
	struct fixture *x = *state;

	fixture_acquire(x);
	assert_int_equal(zcrx_lease_steer(x->lease, AF_INET, NULL, 0, "10.9.0.1", 9), 0);
	assert_string_equal(zcrx_lease_get_flow_id(x->lease, 0), "f1");
	x->server.error_id = "io.zcrx.Manager.NoSuchLease";
	assert_int_equal(zcrx_lease_remove_flow(x->lease, "f1"), -ENOENT);
	assert_string_equal(zcrx_lease_get_flow_id(x->lease, 0), "f1");
	x->server.error_id = "io.zcrx.Manager.NoSuchFlow";
	assert_int_equal(zcrx_lease_remove_flow(x->lease, "f1"), -ENOENT);
	assert_string_equal(zcrx_lease_get_flow_id(x->lease, 0), "f2");
}

static void test_steer_all(void **state)
{
	struct fixture *x = *state;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(zcrx_lease_steer_socket(NULL, 0), -EINVAL);
	assert_int_equal(zcrx_lease_steer_socket(x->lease, 0), -EBADFD);
	fixture_acquire(x);
	assert_int_equal(zcrx_lease_steer(x->lease, AF_UNIX, NULL, 0, NULL, 9), -EINVAL);
	assert_int_equal(zcrx_lease_steer(x->lease, AF_INET, NULL, 0, "10.9.0.1", 9), 0);
	assert_called(x, "AddFlow",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"flow\":{"
		      "\"protocol\":\"tcp4\",\"destination\":\"10.9.0.1\","
		      "\"destinationPort\":9}}");
	assert_int_equal(zcrx_lease_steer_socket(x->lease, fd), 0);
	close(fd);
	assert_called(x, "AddFlow",
		      "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,"
		      "\"socketFileDescriptor\":1}");
	assert_string_equal(zcrx_lease_get_flow_id(x->lease, 3), "f2");
}

#define FLOWS "\"flowIds\":[\"1\",\"2\"],\"flows\":[" FOUR "," SIX "]"
#define FOUR  "{\"protocol\":\"tcp4\",\"destination\":\"10.9.0.1\",\"destinationPort\":9}"
#define SIX   "{\"protocol\":\"tcp6\",\"source\":\"fd09::/64\",\"sourcePort\":1}"
#define TAKEN(text)                                                                                \
	"{\"flowId\":\"1\",\"protocol\":\"tcp4\",\"takenBy\":{\"share\":\"all\",\"queues\":[],"    \
	"\"message\":\"" text "\"}}"

/* What zcrxd says of the last of them, and of none before. */
static void test_flows_that_do_not_arrive(void **state)
{
	struct fixture *x = *state;

	assert_null(zcrx_lease_get_taken(NULL, 0));
	assert_null(zcrx_lease_get_left_out(NULL, 0));
	assert_int_equal(zcrx_lease_get_left_out_count(NULL), 0);
	fixture_acquire(x);
	x->server.flows = "{" FLOWS ",\"taken\":[" TAKEN("rule 0 takes it") "," SIX "," TAKEN(
		"and 1") "],"
			 "\"leftOut\":[" FOUR "," SIX "],\"leftOutCount\":40}";
	assert_int_equal(zcrx_lease_steer(x->lease, AF_INET, NULL, 0, NULL, 9), 0);
	assert_string_equal(zcrx_lease_get_taken(x->lease, 0), "rule 0 takes it");
	assert_string_equal(zcrx_lease_get_taken(x->lease, 1), "and 1");
	assert_null(zcrx_lease_get_taken(x->lease, 2));
	assert_string_equal(zcrx_lease_get_left_out(x->lease, 0), "tcp4,dst=10.9.0.1,dst-port=9");
	assert_string_equal(zcrx_lease_get_left_out(x->lease, 1), "tcp6,src=fd09::/64,src-port=1");
	assert_null(zcrx_lease_get_left_out(x->lease, 2));
	assert_int_equal(zcrx_lease_get_left_out_count(x->lease), 40);

	/* None, as null and as nothing; and without a count. */
	x->server.flows = "{" FLOWS ",\"taken\":null,\"leftOut\":[" FOUR "]}";
	assert_int_equal(zcrx_lease_steer(x->lease, AF_INET, NULL, 0, NULL, 9), 0);
	assert_null(zcrx_lease_get_taken(x->lease, 0));
	assert_int_equal(zcrx_lease_get_left_out_count(x->lease), 1);
	x->server.flows = NULL;
	assert_int_equal(zcrx_lease_steer(x->lease, AF_INET, NULL, 0, NULL, 9), 0);
	assert_null(zcrx_lease_get_left_out(x->lease, 0));
	assert_int_equal(zcrx_lease_get_left_out_count(x->lease), 0);
}

static void test_bad_replies(void **state)
{
	static const char *const replies[] = {
		"{}",
		"{\"flowIds\":[1],\"flows\":[]}",
		"{" FLOWS ",\"taken\":{}}",
		"{" FLOWS ",\"leftOut\":1}",
		"{" FLOWS ",\"leftOut\":[{}]}",
		"{" FLOWS ",\"leftOut\":[" FOUR ",null]}",
	};
	struct fixture *x = *state;

	fixture_acquire(x);
	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		x->server.flows = replies[i];
		assert_int_equal(zcrx_lease_steer(x->lease, AF_INET, NULL, 0, NULL, 9), -EBADMSG);
		assert_non_null(strstr(zcrx_client_error(x->client), "Cannot add a flow"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_flows),
		TEST(test_a_flow_that_is_gone_is_forgotten),
		TEST(test_steer_all),
		TEST(test_flows_that_do_not_arrive),
		TEST(test_bad_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
