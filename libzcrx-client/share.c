/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One queue, several rings: of threads, by zcrx_pool_share(); and of processes, by two descriptors that go
 * from one to the other. All fill one refill ring, and each keeps account of the buffers that it has itself,
 * so that what one that dies has taken is known to nobody: zcrx_pool_reclaim() has the kernel take back
 * everything that the survivor does not have.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "backend.h"
#include "pool.h"
#include "share.h"

/* A packet that NICs put beside others has a buffer of at least so many bytes for itself. */
#define SMALLEST_PIECE 64

int share_check(const struct share_page *page, uint64_t page_size)
{
	uint64_t n;

	if (page->magic != SHARE_MAGIC || page->buffer_length < page_size ||
	    (page->buffer_length & (page->buffer_length - 1)) || page->area_size == 0 ||
	    page->area_size > SIZE_MAX / 2 || page->area_size % page->buffer_length ||
	    page->area_offset % page_size || page->area_offset > (uint64_t)INT64_MAX - page->area_size)
		return -EBADMSG;
	n = page->area_size / page->buffer_length;
	return page->refill_entries == 0 || page->refill_entries > ZC_MAX_ENTRIES || n > page->refill_entries
		       ? -EBADMSG
		       : 0;
}

/* ------------------------------------------------------------------ the page */

static int map_page(int fd, struct share_page **ret)
{
	void *page = mmap(NULL, pool_page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return -errno;
	*ret = page;
	return 0;
}

static int make_page(struct zcrx_pool *p)
{
	const struct registration *g = &p->registration;
	_cleanup_close_ int fd = memfd_create("zcrx-share", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0 || ftruncate(fd, (off_t)pool_page_size()) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return -errno;
	r = map_page(fd, &p->page);
	if (r < 0)
		return r;
	*p->page = (struct share_page) {
		.magic = SHARE_MAGIC,
		.buffer_length = g->buffer_length,
		.area_offset = p->given_fd >= 0 ? p->given_offset : 0,
		.area_size = p->area_size,
		.area_token = g->area_token,
		.refill_size = g->refill_size,
		.stats_offset = g->stats_offset,
		.refill_entries = g->refill_entries,
		.napi_id = g->napi_id,
	};
	p->page_fd = TAKE_FD(fd);
	return 0;
}

static int refuse(struct zcrx_lease *l)
{
	return client_fail(l->client, -EOPNOTSUPP,
			   "Cannot share the queue: the backend of its lease is %s, and only queues of zcrxd have several "
			   "rings. Take a queue for each.",
			   l->backend->name);
}

static bool cannot_shrink(int fd, uint64_t size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && seals & F_SEAL_SHRINK && fstat(fd, &st) == 0 && (uint64_t)st.st_size >= size;
}

int zcrx_pool_get_share(struct zcrx_pool *pool, int ret_fds[2])
{
	int fds[2], r = 0;

	if (!pool || !ret_fds)
		return -EINVAL;
	if (!pool->registered || pool->left_ring)
		return client_cannot(pool->lease->client, -EBADFD, "share the queue");
	if (!pool->lease->backend->share)
		return refuse(pool->lease);
	if (pool->dmabuf) /* nothing tells the other process that it is as large as we say */
		r = -EOPNOTSUPP;
	else if (!pool->page)
		r = make_page(pool);
	if (r < 0)
		return client_cannot(pool->lease->client, r, "share the queue");
	share_begin(pool);
	fds[0] = fcntl(pool->area_fd, F_DUPFD_CLOEXEC, 3);
	fds[1] = fcntl(pool->page_fd, F_DUPFD_CLOEXEC, 3);
	if (fds[0] < 0 || fds[1] < 0) {
		r = -errno;
		closep(&fds[0]);
		closep(&fds[1]);
		return client_cannot(pool->lease->client, r, "share the queue");
	}
	memcpy(ret_fds, fds, sizeof(fds));
	return 0;
}

/* What is set here of a pool is as if the program had set it. */
int zcrx_pool_set_share(struct zcrx_pool *pool, const int fds[2])
{
	_cleanup_close_ int page_fd = -EBADF;
	struct share_page page;
	int r;

	if (!pool || !fds)
		return -EINVAL;
	if (pool->registered || pool->page)
		return client_cannot(pool->lease->client, -EBUSY, "take part in a queue");
	page_fd = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
	r = page_fd < 0 ? -errno : cannot_shrink(page_fd, pool_page_size()) ? 0 : -EBADMSG;
	if (r >= 0)
		r = map_page(page_fd, &pool->page);
	if (r >= 0) {
		memcpy(&page, pool->page, sizeof(page));
		r = share_check(&page, pool_page_size());
	}
	if (r >= 0 && !cannot_shrink(fds[0], page.area_offset + page.area_size))
		r = -EBADMSG;
	if (r >= 0)
		r = zcrx_pool_set_area(pool, fds[0], page.area_offset, NULL, page.area_size);
	if (r >= 0)
		r = zcrx_pool_set_buffer_length(pool, page.buffer_length);
	if (r < 0) {
		share_done(pool);
		return client_cannot(pool->lease->client, r, "take part in a queue");
	}
	pool->registration = (struct registration) {
		.refill_entries = page.refill_entries,
		.refill_size = page.refill_size,
		.stats_offset = page.stats_offset,
		.area_token = page.area_token,
		.buffer_length = page.buffer_length,
		.napi_id = page.napi_id,
	};
	pool->attaches = true;
	pool->page_fd = TAKE_FD(page_fd);
	return 0;
}

void share_begin(struct zcrx_pool *p)
{
	refill_share(&p->refill, &p->page->lock);
}

void share_done(struct zcrx_pool *p)
{
	if (p->page)
		munmap(p->page, pool_page_size());
	p->page = NULL;
	p->attaches = false;
	closep(&p->page_fd);
	p->page_fd = -EBADF;
}

/* ------------------------------------------------------------------ more rings */

int share_register(struct zcrx_pool *p, int ring_fd)
{
	struct zcrx_lease *l = p->lease;

	if (!l->backend->share)
		return refuse(l);
	return l->backend->share(p, ring_fd, &p->registration);
}

int zcrx_pool_share(struct zcrx_pool *pool, int ring_fd, uint32_t *ret_id)
{
	struct zcrx_lease *l;
	struct registration g;
	int r;

	if (!pool || !ret_id)
		return -EINVAL;
	l = pool->lease;
	if (!pool->registered || pool->left_ring || ring_fd < 0)
		return client_cannot(l->client, ring_fd < 0 ? -EINVAL : -EBADFD, "share the queue");
	if (!l->backend->share)
		return refuse(l);
	r = l->backend->share(pool, ring_fd, &g);
	if (r >= 0)
		*ret_id = g.zcrx_id;
	return r;
}

/* --------------------------------------------------------------------- reclaim */

/* The kernel takes some at a time, and ends early when nobody had what it took. */
static int flush_all(struct zcrx_pool *p)
{
	uint32_t before, left = refill_queued(&p->refill);

	while (left > 0) {
		int r = zcrx_pool_flush(p);

		if (r < 0)
			return r;
		before = left;
		left = refill_queued(&p->refill);
		if (left >= before)
			return -EBUSY; /* somebody else fills it */
	}
	return 0;
}

int zcrx_pool_reclaim(struct zcrx_pool *pool)
{
	size_t rounds;
	int r;

	if (!pool)
		return -EINVAL;
	if (!pool->registered || pool->left_ring)
		return -EBADFD;
	if (pool->lease->backend->copies)
		return -EOPNOTSUPP;
	rounds = pool->buffer_length / SMALLEST_PIECE;
	r = flush_all(pool);
	for (size_t i = 0; i < rounds && r >= 0; i++)
		for (uint32_t at = 0; at < pool->refill.n_buffers && r >= 0;) {
			(void)refill_sweep(&pool->refill, &at);
			r = flush_all(pool);
		}
	return r;
}
