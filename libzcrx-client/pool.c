/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The pool as an object: what to ask for, who holds it, what is known of it. The application's references
 * keep it on its ring; the spans that are out keep the memory that they lie in, so that a ring can
 * be closed while other threads still read what came through it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "pool.h"

#define MAX_BUFFER_LENGTH ((size_t)2 << 20)

size_t pool_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

unsigned int zcrx_pool_get_ring_flags(void)
{
	return ZC_SETUP;
}

int zcrx_pool_new(struct zcrx_lease *lease, unsigned int index, struct zcrx_pool **ret)
{
	struct zcrx_pool *p;
	int r;

	if (!lease || !ret)
		return -EINVAL;
	r = lease_check_index(lease, index);
	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->refs = 1;
	p->users = 1;
	p->lease = zcrx_lease_ref(lease);
	p->index = index;
	p->ring_fd = -EBADF;
	p->area_fd = -EBADF;
	p->given_fd = -EBADF;
	p->page_fd = -EBADF;
	p->node = -1;
	p->area_size = zcrx_lease_get_area_size(lease);
	p->buffer_length = pool_page_size();
	*ret = p;
	return 0;
}

struct zcrx_pool *zcrx_pool_ref(struct zcrx_pool *pool)
{
	if (pool)
		count_up(&pool->refs);
	return pool;
}

static void drop_fd(int *fd)
{
	closep(fd);
	*fd = -EBADF;
}

/* What keeps the ring, and with it the hardware queue: mappings of it are references, too. */
void pool_leave_ring(struct zcrx_pool *p)
{
	if (p->registered && !p->left_ring) {
		p->left_ring = true;
		refill_close(&p->refill);
		__atomic_store_n(&p->lease->napi_ids[p->index], 0, __ATOMIC_RELAXED);
	}
	if (p->region)
		munmap(p->region, p->registration.refill_size);
	p->region = NULL;
	p->stats = NULL;
	drop_fd(&p->ring_fd);
	drop_fd(&p->area_fd);
}

static void free_area(struct zcrx_pool *p)
{
	if (p->area && p->area != p->given_data)
		munmap(p->area, p->area_size);
	p->area = NULL;
	refill_done(&p->refill);
}

void pool_reset(struct zcrx_pool *p)
{
	pool_leave_ring(p);
	free_area(p);
}

void pool_free(struct zcrx_pool *p)
{
	free_area(p);
	share_done(p);
	free(p);
}

struct zcrx_pool *zcrx_pool_unref(struct zcrx_pool *pool)
{
	if (!pool || !count_down(&pool->refs))
		return NULL;
	pool_leave_ring(pool);
	drop_fd(&pool->given_fd);
	zcrx_lease_unref(pool->lease);
	pool->lease = NULL;
	if (__atomic_sub_fetch(&pool->users, 1, __ATOMIC_ACQ_REL) == 0)
		pool_free(pool);
	return NULL;
}

uint64_t pool_spans_out(const struct zcrx_pool *p)
{
	return __atomic_load_n(&p->users, __ATOMIC_RELAXED) - 1;
}

void pool_forget_spans(struct zcrx_pool *p)
{
	if (p->registered)
		__atomic_sub_fetch(&p->users, refill_forget(&p->refill), __ATOMIC_RELAXED);
}

bool pool_is_registering(const struct zcrx_pool *p)
{
	return !p->registered && client_is_under_way(p->lease->client, p->call);
}

static int check_setter(struct zcrx_pool *p, bool valid, const char *what)
{
	if (!p)
		return -EINVAL;
	if (valid && !p->registered && !pool_is_registering(p))
		return 0;
	return client_cannot(p->lease->client, valid ? -EBUSY : -EINVAL, what);
}

int zcrx_pool_set_area_size(struct zcrx_pool *pool, size_t bytes)
{
	int r = check_setter(pool, bytes > 0 && bytes <= SIZE_MAX / 2, "set the size of the area");

	if (r < 0)
		return r;
	drop_fd(&pool->given_fd);
	pool->given_data = NULL;
	pool->dmabuf = false;
	pool->area_size = bytes;
	return 0;
}

int zcrx_pool_set_numa_node(struct zcrx_pool *pool, int node)
{
	int r = check_setter(pool, node >= -1 && node < 1024, "set the NUMA node");

	if (r < 0)
		return r;
	pool->node = node;
	return 0;
}

int zcrx_pool_set_area(struct zcrx_pool *pool, int fd, uint64_t offset, void *data, size_t size)
{
	uint64_t beyond_page = pool_page_size() - 1;
	bool valid = size > 0 && size <= SIZE_MAX / 2 && offset <= (uint64_t)INT64_MAX - size &&
		     !((offset | size | (uintptr_t)data) & beyond_page);
	int copy, r = check_setter(pool, valid, "set the area");

	if (r < 0)
		return r;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return client_cannot(pool->lease->client, -errno, "set the area");
	drop_fd(&pool->given_fd);
	pool->given_fd = copy;
	pool->given_offset = offset;
	pool->given_data = data;
	pool->dmabuf = false;
	pool->area_size = size;
	return 0;
}

/* The kernel takes no part of one. */
int zcrx_pool_set_dmabuf(struct zcrx_pool *pool, int fd)
{
	off_t size = pool ? lseek(fd, 0, SEEK_END) : -1;
	int r;

	if (pool && size < 0)
		return client_cannot(pool->lease->client, -errno, "find the size of the dma-buf");
	r = zcrx_pool_set_area(pool, fd, 0, NULL, (size_t)size);
	if (r >= 0)
		pool->dmabuf = true;
	return r;
}

uint64_t zcrx_pool_get_staged(struct zcrx_pool *pool)
{
	return pool ? __atomic_load_n(&pool->staged, __ATOMIC_RELAXED) : 0;
}

int zcrx_pool_set_buffer_length(struct zcrx_pool *pool, size_t bytes)
{
	bool valid = bytes >= pool_page_size() && bytes <= MAX_BUFFER_LENGTH && !(bytes & (bytes - 1));
	int r = check_setter(pool, valid, "set the length of buffers");

	if (r < 0)
		return r;
	pool->buffer_length = bytes;
	return 0;
}

int zcrx_pool_set_huge_pages(struct zcrx_pool *pool, int huge)
{
	int r = check_setter(pool, true, "ask for huge pages");

	if (r < 0)
		return r;
	pool->huge_pages = huge != 0;
	return 0;
}

uint32_t zcrx_pool_get_id(struct zcrx_pool *pool)
{
	return pool && pool->registered ? pool->registration.zcrx_id : 0;
}

int zcrx_pool_get_area(struct zcrx_pool *pool, void **ret_data, size_t *ret_size, int *ret_fd)
{
	if (!pool)
		return -EINVAL;
	if (!pool->registered)
		return -EBADFD;
	if (ret_data)
		*ret_data = pool->area;
	if (ret_size)
		*ret_size = pool->area_size;
	if (ret_fd)
		*ret_fd = pool->area_fd;
	return 0;
}

size_t zcrx_pool_get_buffer_length(struct zcrx_pool *pool)
{
	return pool && pool->registered ? pool->buffer_length : 0;
}

unsigned int zcrx_pool_get_buffers(struct zcrx_pool *pool)
{
	return pool && pool->registered ? pool->refill.n_buffers : 0;
}

unsigned int zcrx_pool_get_napi_id(struct zcrx_pool *pool)
{
	unsigned int now;

	if (!pool || !pool->registered)
		return 0;
	now = __atomic_load_n(&pool->lease->napi_ids[pool->index], __ATOMIC_RELAXED);
	return now > 0 ? now : pool->registration.napi_id;
}

int zcrx_pool_get_copied(struct zcrx_pool *pool, uint64_t *ret_count, uint64_t *ret_bytes)
{
	if (!pool)
		return -EINVAL;
	if (!pool->registered)
		return -EBADFD;
	if (!pool->stats)
		return -EOPNOTSUPP;
	if (ret_count)
		*ret_count = __atomic_load_n(&pool->stats->copy_count, __ATOMIC_RELAXED);
	if (ret_bytes)
		*ret_bytes = __atomic_load_n(&pool->stats->copy_bytes, __ATOMIC_RELAXED);
	return 0;
}
