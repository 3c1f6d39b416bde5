/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several rings for a queue: the page that processes have between them, and the calls. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "fixture.h"
#include "queue.h"
#include "share.h"

#define PAGE	    4096U
#define COMPLETIONS 4096 /* the refill ring is in this ring's memory */
#define SHARE                                                                                      \
	"{\"zcrxId\":9,\"refillMapOffset\":0,\"headOffset\":8192,\"tailOffset\":8196,"             \
	"\"entriesOffset\":8256}"

static const struct share_page good = {
	.magic = SHARE_MAGIC,
	.buffer_length = PAGE,
	.area_size = 64 * PAGE,
	.refill_entries = 64,
	.refill_size = 16384,
};

static void test_page_that_makes_no_pool_is_refused(void **state)
{
	struct share_page p = good;

	assert_int_equal(share_check(&p, PAGE), 0);
#define BAD(field, value)                                                                          \
	p = good;                                                                                  \
	p.field = value;                                                                           \
	assert_int_equal(share_check(&p, PAGE), -EBADMSG)
	BAD(magic, 0);
	BAD(buffer_length, 0);
	BAD(buffer_length, PAGE / 2);
	BAD(buffer_length, 3 * PAGE);
	BAD(area_size, 0);
	BAD(area_size, PAGE + 1);
	BAD(area_size, UINT64_MAX & ~(uint64_t)(PAGE - 1));
	BAD(area_size, 65 * PAGE);
	BAD(area_offset, 1);
	BAD(area_offset, INT64_MAX & ~(uint64_t)(PAGE - 1));
	BAD(refill_entries, 0);
	BAD(refill_entries, 63);
	BAD(refill_entries, ZC_MAX_ENTRIES * 2);
#undef BAD
}

static int sealed(const void *content, size_t size, unsigned int seals)
{
	int fd = memfd_create("page", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (content)
		assert_int_equal(pwrite(fd, content, sizeof(good), 0), sizeof(good));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void check_refused(struct zcrx_pool *p, int area, int page, int error)
{
	const int fds[2] = { area, page };

	assert_int_equal(zcrx_pool_set_share(p, fds), error);
	assert_null(p->page);
	assert_false(p->attaches);
}

static void test_descriptors_that_could_shrink_or_are_none_are_refused(void **state)
{
	struct fixture *x = *state;
	int area = sealed(NULL, 64 * PAGE, F_SEAL_SHRINK), page = sealed(&good, PAGE, F_SEAL_SHRINK);
	int soft = sealed(&good, PAGE, 0), small = sealed(NULL, 63 * PAGE, F_SEAL_SHRINK);
	int short_page = sealed(&good, PAGE / 2, F_SEAL_SHRINK), empty = sealed(NULL, PAGE, F_SEAL_SHRINK);
	const int fds[2] = { area, page };
	struct zcrx_pool *p;

	fixture_acquire(x);
	assert_int_equal(zcrx_pool_new(x->lease, 0, &p), 0);
	check_refused(p, area, -1, -EBADF);
	check_refused(p, area, 0, -EBADMSG);
	check_refused(p, area, soft, -EBADMSG);
	check_refused(p, area, short_page, -EBADMSG);
	check_refused(p, area, empty, -EBADMSG);
	check_refused(p, small, page, -EBADMSG);
	check_refused(p, -1, page, -EBADMSG);
	assert_int_equal(zcrx_pool_set_share(p, fds), 0);
	assert_int_equal(zcrx_pool_set_share(p, fds), -EBUSY);
	zcrx_pool_unref(p);
	close(area);
	close(page);
	close(soft);
	close(small);
	close(short_page);
	close(empty);
}

/* What one has registered, another one takes part in: with the same memory, by a call of its own. */
static void test_second_process_attaches_to_what_the_first_registered(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q, *other;
	int fds[2], late[2];
	void *a, *b;
	char want[128];

	fixture_acquire(x);
	assert_int_equal(zcrx_queue_new(x->lease, 1, &q), 0);
	assert_int_equal(zcrx_queue_set_area_size(q, 64 * PAGE), 0);
	assert_int_equal(zcrx_queue_set_completions(q, COMPLETIONS), 0);
	assert_int_equal(zcrx_queue_get_share(q, fds), -EBADFD);
	x->server.registration = REGISTRATION("64", "8192", "16368", "4096");
	assert_int_equal(zcrx_queue_register(q), 0);
	assert_int_equal(zcrx_queue_get_share(q, fds), 0);
	assert_int_equal(zcrx_queue_get_share(q, late), 0);
	assert_int_equal(zcrx_queue_new(x->lease, 1, &other), 0);
	assert_int_equal(zcrx_queue_set_share(other, fds), 0);
	assert_int_equal(zcrx_queue_set_completions(other, COMPLETIONS), 0);
	x->server.sharing = SHARE;
	assert_int_equal(zcrx_queue_register(other), 0);
	snprintf(want, sizeof(want),
		 "{\"leaseId\":\"0000002a\",\"handleFileDescriptor\":0,\"queue\":1,\"ring\":%d}",
		 other->ring.ring_fd);
	assert_called(x, "Share", want);
	assert_int_equal(zcrx_pool_get_id(other->pool), 9);
	assert_int_equal(zcrx_queue_get_buffers(other), 64);
	assert_int_equal(zcrx_queue_get_napi_id(other), 8204);
	assert_int_equal(zcrx_pool_get_area(q->pool, &a, NULL, NULL), 0);
	assert_int_equal(zcrx_pool_get_area(other->pool, &b, NULL, NULL), 0);
	assert_ptr_not_equal(a, b);
	strcpy((char *)a + PAGE, "payload");
	assert_string_equal((char *)b + PAGE, "payload");
	assert_int_equal(zcrx_queue_set_share(other, late), -EBUSY);
	zcrx_queue_unref(other);
	zcrx_queue_unref(q);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(late[i]);
	}
}

static void test_first_queue_stays_until_its_last_sharer_is_gone(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q, *second, *third;
	struct zcrx_pool *pool;

	fixture_acquire(x);
	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	assert_int_equal(zcrx_queue_set_area_size(q, 64 * PAGE), 0);
	assert_int_equal(zcrx_queue_set_completions(q, COMPLETIONS), 0);
	assert_int_equal(zcrx_queue_share(q, &second), -EBADFD);
	x->server.registration = REGISTRATION("64", "8192", "16368", "4096");
	assert_int_equal(zcrx_queue_register(q), 0);
	assert_int_equal(zcrx_queue_share(q, &second), 0);
	assert_int_equal(zcrx_queue_set_area_size(second, PAGE), -EBUSY);
	x->server.sharing = SHARE;
	assert_int_equal(zcrx_queue_register(second), 0);
	assert_int_equal(second->zcrx_id, 9);
	assert_int_equal(q->zcrx_id, 3);
	assert_int_equal(zcrx_queue_share(second, &third), 0);
	assert_int_equal(zcrx_queue_register(third), 0);
	pool = zcrx_queue_get_pool(q);
	assert_ptr_equal(zcrx_queue_get_pool(third), pool);
	zcrx_queue_unref(q);
	zcrx_queue_unref(second);
	assert_false(pool->left_ring);
	assert_int_equal(zcrx_queue_get_buffers(third), 64);
	zcrx_queue_unref(third);
}

static void test_refused_share_leaves_a_queue_that_can_be_tried_again(void **state)
{
	struct fixture *x = *state;
	struct zcrx_queue *q, *second;

	fixture_acquire(x);
	assert_int_equal(zcrx_queue_new(x->lease, 0, &q), 0);
	assert_int_equal(zcrx_queue_set_area_size(q, 64 * PAGE), 0);
	assert_int_equal(zcrx_queue_set_completions(q, COMPLETIONS), 0);
	x->server.registration = REGISTRATION("64", "8192", "16368", "4096");
	assert_int_equal(zcrx_queue_register(q), 0);
	assert_int_equal(zcrx_queue_share(q, &second), 0);
	x->server.error_id = "io.zcrx.Manager.NotSupported";
	assert_int_equal(zcrx_queue_register(second), -EOPNOTSUPP);
	x->server.error_id = NULL;
	x->server.sharing = "{\"zcrxId\":9}";
	assert_int_equal(zcrx_queue_register(second), -EBADMSG);
	x->server.sharing = SHARE;
	assert_int_equal(zcrx_queue_register(second), 0);
	zcrx_queue_unref(second);
	zcrx_queue_unref(q);
}

static void test_lease_of_another_process_is_attached_by_id_and_handle(void **state)
{
	struct fixture *x = *state;
	struct zcrx_lease *l;
	int pair[2];

	fixture_acquire(x);
	assert_int_equal(zcrx_lease_new(x->client, &l), 0);
	assert_int_equal(zcrx_lease_attach(l, "0000002a", 0), -EBADF);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(zcrx_lease_attach(l, "0000002a", pair[0]), 0);
	assert_string_equal(zcrx_lease_get_id(l), "0000002a");
	assert_int_not_equal(zcrx_lease_get_fd(l), pair[0]);
	assert_int_equal(zcrx_lease_attach(l, "0000002a", pair[0]), -EBUSY);
	zcrx_lease_unref(l);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_page_that_makes_no_pool_is_refused),
		TEST(test_descriptors_that_could_shrink_or_are_none_are_refused),
		TEST(test_second_process_attaches_to_what_the_first_registered),
		TEST(test_first_queue_stays_until_its_last_sharer_is_gone),
		TEST(test_refused_share_leaves_a_queue_that_can_be_tried_again),
		TEST(test_lease_of_another_process_is_attached_by_id_and_handle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
