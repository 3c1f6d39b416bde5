/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The area of a pool: memory that can be trusted not to shrink, from the right place, and filled. */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h> /* before <sys/mman.h>, which knows no MFD_HUGE_2MB */
#include <sys/mman.h>

#include "backend.h"
#include "pool.h"

#define HUGE_PAGE_SIZE ((size_t)2 << 20)

/* Area and buffers in whole pages of the kind that holds them. Larger buffers must be contiguous to
 * the NIC, which only huge pages promise. */
int pool_settle_sizes(struct zcrx_pool *p, uint64_t *ret_buffers)
{
	struct zcrx_client *c = p->lease->client;
	uint64_t unit, n;

	if (p->given_fd >= 0 && p->area_size % p->buffer_length != 0)
		return client_fail(c, -EINVAL, "An area of %zu bytes is no multiple of buffers of %zu bytes.",
				   p->area_size, p->buffer_length);
	if (p->given_fd < 0 && p->buffer_length > pool_page_size() && !p->lease->backend->copies)
		p->huge_pages = true;
	unit = p->huge_pages && p->given_fd < 0 ? HUGE_PAGE_SIZE : pool_page_size();
	if (unit < p->buffer_length && p->given_fd < 0)
		unit = p->buffer_length;
	p->area_size = (p->area_size + unit - 1) & ~(unit - 1);
	n = p->area_size / p->buffer_length;
	if (refill_entries_for(n) == 0)
		return client_fail(c, -EINVAL,
				   "An area of %zu bytes makes %llu buffers of %zu bytes, and the "
				   "kernel's refill ring holds %u. Take a smaller area or larger "
				   "buffers.",
				   p->area_size, (unsigned long long)n, p->buffer_length,
				   ZC_MAX_ENTRIES);
	*ret_buffers = n;
	return 0;
}

/* Sealed, so that zcrxd dares to map it. */
static int create_area(const struct zcrx_pool *p)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	_cleanup_close_ int fd = -EBADF;

	if (p->huge_pages)
		flags |= MFD_HUGETLB | MFD_HUGE_2MB;
	fd = memfd_create("zcrx-area", flags);
	if (fd < 0 || ftruncate(fd, (off_t)p->area_size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* On the node that was asked for, or the NIC's; elsewhere, if there is no room. */
static void choose_node(struct zcrx_pool *p)
{
	int node = p->node >= 0 ? p->node : numa_node_of(p->lease->interface);

	if (node >= 0)
		(void)numa_prefer(p->area, p->area_size, node);
}

/* Filled here, so that its pages are charged to this process and the NIC is not held up while they are
 * found. */
static int fill_area(struct zcrx_pool *p)
{
	if (fallocate(p->area_fd, 0, 0, (off_t)p->area_size) < 0)
		return -errno;
	(void)madvise(p->area, p->area_size, MADV_POPULATE_WRITE);
	return 0;
}

static int map_area(struct zcrx_pool *p, off_t offset)
{
	void *area;

	if (p->area_fd < 0)
		return p->area_fd;
	area = mmap(NULL, p->area_size, PROT_READ | PROT_WRITE, MAP_SHARED, p->area_fd, offset);
	if (area == MAP_FAILED)
		return -errno;
	p->area = area;
	return 0;
}

static int make_area(struct zcrx_pool *p)
{
	int r;

	p->area_fd = create_area(p);
	r = map_area(p, 0);
	if (r >= 0) {
		choose_node(p);
		r = fill_area(p);
	}
	if (r >= 0)
		return 0;
	return client_fail(p->lease->client, r, "Cannot make an area of %zu bytes%s: %s. %s", p->area_size,
			   p->huge_pages ? " of huge pages" : "", strerror(-r),
			   p->huge_pages ? "Reserve huge pages: sysctl vm.nr_hugepages."
					 : "See the memory limit of the process's cgroup.");
}

/* The application's own. What it is, zcrxd finds out: a memfd that cannot shrink. */
static int adopt_area(struct zcrx_pool *p)
{
	int r = 0;

	p->area_fd = fcntl(p->given_fd, F_DUPFD_CLOEXEC, 3);
	if (p->area_fd < 0)
		r = -errno;
	else if (p->given_data)
		p->area = p->given_data;
	else if (!p->dmabuf)
		r = map_area(p, (off_t)p->given_offset);
	if (r < 0)
		return client_fail(p->lease->client, r, "Cannot map the area of %zu bytes: %s.", p->area_size,
				   strerror(-r));
	if (p->area)
		(void)madvise(p->area, p->area_size, MADV_POPULATE_WRITE);
	return 0;
}

int pool_make_area(struct zcrx_pool *p)
{
	return p->given_fd >= 0 ? adopt_area(p) : make_area(p);
}

/* One for each page: a large buffer has many packets, and the kernel wants each of them back. */
uint32_t pool_refill_entries(const struct zcrx_pool *p)
{
	uint32_t n = refill_entries_for(p->area_size / pool_page_size());

	return n > 0 ? n : ZC_MAX_ENTRIES;
}
